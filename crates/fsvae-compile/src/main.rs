//! `fsvae-compile MODEL --target loihi`: checkpoint in, LIF graph and netlist out.

mod args;
mod explain;
mod mapping;
mod nir_command;
mod output;
mod schedule;
mod stage;
mod summary;
mod targets;
mod verification;

use args::{Args, Emit};
use clap::Parser;
use fsvae_checkpoint::original::Setting;
use fsvae_cli::Report;
use fsvae_compile::input::{self, Model};
use fsvae_compile::pipeline::Stage;
use fsvae_compile::{CompileError, IntegerLayer, Step, compile};
use lif_chip::Chip;
use lif_graph::LifGraph;
use std::process::ExitCode;

fn main() -> ExitCode {
    let args = Args::parse();
    fsvae_cli::run(|| run(&args))
}

fn run(args: &Args) -> Result<ExitCode, Report> {
    if args.list_targets {
        return targets::list(args.json);
    }
    if let Some(code) = &args.explain {
        return explain::print(code, args.json);
    }
    // wrong words first: they cost nothing to find
    let mut chip = lif_chip::find(&args.target)?;
    if let Some(bits) = args.weight_bits {
        chip = chip.with_weight_bits(bits)?;
    }
    let last = args.stop_after.as_deref().map(Step::named).transpose()?;
    let model = args.model.as_deref().expect("clap demands a model where no targets are listed");
    let name = args::model_name(model);

    let (checkpoint, settings) = match input::read(&fsvae_cli::read_file(model)?, &args.choices())? {
        Model::Fsvae(checkpoint, settings) => (checkpoint, settings),
        Model::Network(graph, time, settings) => return nir_command::run(args, last, &graph, &time, &settings, &chip, &name),
    };
    if let Some(last) = last {
        let stage = fsvae_compile::pipeline::compile_until(last, &checkpoint, &chip, &name)?;
        if let (Step::Schedule, Stage::Lowered(compiled)) = (last, &stage) {
            return schedule::show(&compiled.graph, &chip, args.schedule, args.json);
        }
        return stage::show(&stage, &settings, args.json);
    }
    let compiled = compile(&checkpoint, &chip, &name)?;
    if args.verify {
        return verification::run(&compiled, &settings, &chip, args);
    }
    let layers: Vec<_> = compiled.integer.layers.iter().collect();
    finish(args, &chip, &compiled.graph, &layers, &settings)
}

/// Emits, writes and reports.
fn finish(args: &Args, chip: &Chip, graph: &LifGraph, layers: &[&IntegerLayer], settings: &[Setting]) -> Result<ExitCode, Report> {
    let name = &graph.name;
    let mut files: Vec<(String, Vec<u8>)> = vec![(format!("{name}.lif"), graph.to_bytes())];
    files.extend(fsvae_compile::emit(graph, chip, args.schedule)?.into_iter().map(|file| (file.name.to_owned(), file.bytes)));
    if let Some(Emit::Nir) = args.emit {
        let nir = lif_nir::export(graph).and_then(|nir| nir.to_bytes()).map_err(CompileError::from)?;
        files.push((format!("{name}.nir"), nir));
    }
    let costs = args.schedule.map(|mode| Ok::<_, CompileError>((mode, fsvae_compile::schedules::compare(graph, chip)?))).transpose()?;
    let mapping = args.map.then(|| fsvae_compile::map(graph, chip)).transpose()?;
    files.extend(mapping.iter().map(mapping::file).map(|file| (file.name.to_owned(), file.bytes)));
    let folder = args.out.clone().unwrap_or_else(|| format!("{name}-{}", args.target).into());
    let written = output::write(&folder, files)?;
    let schedules = costs.as_ref().map(|(mode, costs)| (*mode, costs));
    summary::print(graph, layers, settings, chip, &written, schedules, args.json)?;
    if let Some(mapping) = mapping.filter(|_| !args.json) {
        fsvae_cli::print(&format!("\n{}", mapping::text(&mapping)))?;
    }
    Ok(ExitCode::SUCCESS)
}
