//! The command `fsvae-train`; see the library.

use clap::Parser;
use std::process::ExitCode;

// The tensors of a step come and go by the thousand.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let arguments = fsvae_train::Arguments::parse();
    fsvae_cli::run(|| fsvae_train::run(&arguments).map(|()| ExitCode::SUCCESS))
}
