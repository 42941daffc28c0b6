//! fsvae-compile
fn main() {}
