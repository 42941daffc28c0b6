//! `fsvae-compile MODEL.mpk --target loihi`: checkpoint in, LIF graph and netlist out.

mod args;
mod explain;
mod mapping;
mod output;
mod stage;
mod summary;
mod targets;
mod verification;

use args::Args;
use clap::Parser;
use fsvae_checkpoint::Checkpoint;
use fsvae_cli::Report;
use fsvae_compile::{Step, compile};
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

    let checkpoint = Checkpoint::from_bytes(&fsvae_cli::read_file(model)?)?;
    if let Some(last) = last {
        return stage::show(&fsvae_compile::pipeline::compile_until(last, &checkpoint, &chip, &name)?, args.json);
    }
    let compiled = compile(&checkpoint, &chip, &name)?;
    if args.verify {
        return verification::run(&compiled, &chip, args);
    }
    let mapping = args.map.then(|| fsvae_compile::map(&compiled.graph, &chip)).transpose()?;
    let mut netlist = fsvae_compile::emit(&compiled.graph, &chip)?;
    netlist.extend(mapping.as_ref().map(mapping::file));
    let folder = args.out.clone().unwrap_or_else(|| format!("{name}-{}", args.target).into());
    let files = output::write(&folder, &format!("{name}.lif"), &compiled.graph, netlist)?;
    summary::print(&compiled, &chip, &files, args.json)?;
    if let Some(mapping) = mapping.filter(|_| !args.json) {
        fsvae_cli::print(&format!("\n{}", mapping::text(&mapping)))?;
    }
    Ok(ExitCode::SUCCESS)
}
