//! fsvae-sim
fn main() {}
