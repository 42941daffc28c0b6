//! fsvae-train
fn main() {}
