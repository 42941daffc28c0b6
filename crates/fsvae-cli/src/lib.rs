//! What all the commands share, so that they all behave alike: whole files or none, one clear error, exit codes, a progress bar.
//!
//! ```text
//!   main() -> run(|| { ... })                    exit code   stderr
//!                |                                   0        (nothing)                 it worked
//!                +-- Ok(code) -------------------->  1        (nothing)                 it ran, and the answer is "no"
//!                +-- Err(report) ----------------->  2        error[E031]: cause        it could not run
//!                                                               help: remedy
//! ```
//!
//! Files are written whole: [`WholeFile`] writes beside its target, flushes to the disk and renames; whoever looks at the target sees
//! the old file or the new one, never half a file, and an error leaves nothing behind. The libraries are pure (bytes in, bytes out);
//! all reading and writing by the commands goes through [`read_file`] and [`write_file`], which turn what the operating system
//! says into coded errors with a remedy ([`CliError`], codes `E001` to `E008`).
//!
//! Results go to stdout through [`print()`], which takes a reader's closing of the pipe (`| head`) for what it is: not an error.
//! Everything else goes to stderr, and [`Progress`] only when that is a terminal.

mod error;
mod files;
mod output;
mod progress;

pub use error::{Action, CliError};
pub use files::{DEFAULT_READ_LIMIT, WholeFile, create_folder, read_file, read_file_limited, write_file};
pub use miette::Report;
pub use output::{describe, print, print_json, run};
pub use progress::{Progress, rate};
