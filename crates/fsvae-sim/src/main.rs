//! The program `fsvae-sim`: see the library of the same name.

use std::process::ExitCode;

fn main() -> ExitCode {
    fsvae_sim::main()
}
