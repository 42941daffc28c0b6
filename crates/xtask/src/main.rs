//! What a developer types: `cargo xtask setup | test | bless | bench`.

mod bench;
mod bench_timed;
mod run;
mod setup;

use clap::{Parser, Subcommand};
use run::{cargo, step};
use std::process::ExitCode;

/// Tasks of the workspace.
#[derive(Parser)]
#[command(name = "cargo xtask", arg_required_else_help = true)]
struct Arguments {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Install what the tests need: data sets, Chromium, TensorBoard, Lava, SANA-FE, sPyNNaker, NEST
    Setup,
    /// Set up, then check formatting, lints, documentation, and run every test
    Test,
    /// Rewrite the snapshots of the tests with what they print now, to be read before they are committed
    Bless,
    /// Measure against the rivals, which are installed for it
    #[command(subcommand)]
    Bench(Bench),
}

#[derive(Subcommand)]
enum Bench {
    /// The compiler on one thread: the shipped model and one of the large size, from file to mapped network
    Compile {
        /// Print one JSON object
        #[arg(long)]
        json: bool,
    },
    /// Drawing images: this simulator, ONNX Runtime and PyTorch with the same network, and what the processor can add at best
    Sim {
        /// How long each contestant is measured at each setting
        #[arg(long, default_value_t = 3.0)]
        seconds: f64,
        /// Print one JSON object
        #[arg(long)]
        json: bool,
    },
    /// The timed engine: the whole network, and the mapped prior beside SANA-FE
    Timed {
        /// Print one JSON object
        #[arg(long)]
        json: bool,
    },
    /// A training step: this trainer, a careful PyTorch program, and the original program's formulation
    Train {
        /// Images of a step
        #[arg(long, default_value_t = 50)]
        batch: u32,
        /// Print one JSON object
        #[arg(long)]
        json: bool,
    },
}

fn main() -> ExitCode {
    let outcome = match Arguments::parse().task {
        Task::Setup => setup::all(),
        Task::Test => test(),
        Task::Bless => bless(),
        Task::Bench(Bench::Compile { json }) => bench::compile(json),
        Task::Bench(Bench::Sim { seconds, json }) => bench::sim::functional(seconds, json),
        Task::Bench(Bench::Timed { json }) => bench_timed::timed(json),
        Task::Bench(Bench::Train { batch, json }) => bench::train(batch, json),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("error: {message}");
            ExitCode::FAILURE
        }
    }
}

/// Everything in release mode and with the same selection of packages, so that burn is compiled once.
fn test() -> Result<(), String> {
    setup::all()?;
    step("formatting", &mut cargo(&["fmt", "--all", "--check"]))?;
    step("lints", &mut cargo(&["clippy", "--locked", "--release", "--workspace", "--all-targets", "--", "-D", "warnings"]))?;
    step(
        "documentation",
        cargo(&["doc", "--release", "--workspace", "--no-deps", "--document-private-items"]).env("RUSTDOCFLAGS", "-D warnings"),
    )?;
    step("tests", cargo(&["test", "--release", "--workspace"]).env("INSTA_UPDATE", "no"))
}

fn bless() -> Result<(), String> {
    step("tests", cargo(&["test", "--release", "--workspace"]).env("INSTA_UPDATE", "always").env("INSTA_FORCE_PASS", "1"))
}
