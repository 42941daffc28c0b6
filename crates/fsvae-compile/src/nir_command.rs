//! A NIR file on the command line.

use crate::args::Args;
use crate::{Product, finish, stage};
use fsvae_checkpoint::original::Setting;
use fsvae_cli::Report;
use fsvae_compile::feedforward::import::Time;
use fsvae_compile::pipeline::{NetworkStage, compile_network_until};
use fsvae_compile::{CompileError, Step};
use lif_chip::Chip;
use lif_nir::NirGraph;
use std::process::ExitCode;

/// Compiles as far as the arguments say.
pub fn run(
    args: &Args,
    last: Option<Step>,
    graph: &NirGraph,
    time: &Time,
    settings: &[Setting],
    chip: &Chip,
    name: &str,
) -> Result<ExitCode, Report> {
    if args.verify {
        let remedy = "it compares what a network draws by itself; this one needs spikes from outside";
        return Err(CompileError::Option { option: "--verify", file: "a NIR file", remedy }.into());
    }
    if args.network.is_some() {
        let remedy = "leave it out: the file holds one network";
        return Err(CompileError::Option { option: "--network", file: "a NIR file", remedy }.into());
    }
    args.refuse_what_is_not_used(last)?;
    let stage = compile_network_until(last.unwrap_or(Step::Lower), graph, time, chip, args.scales(), name)?;
    match &stage {
        NetworkStage::Lowered(network, graph) if last.is_none() => {
            let layers: Vec<_> = network.layers.iter().map(|placed| &placed.layer).collect();
            finish(args, chip, name, &[Product { graph, layers, pictures: &[] }], settings)
        }
        NetworkStage::Lowered(_, graph) if last == Some(Step::Schedule) => crate::schedule::show(graph, chip, args.schedule, args.json),
        stage => stage::show_network(stage, settings, args.json),
    }
}
