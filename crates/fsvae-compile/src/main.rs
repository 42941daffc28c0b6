//! `fsvae-compile MODEL --target loihi`: checkpoint in, LIF graph and netlist out.

mod args;
mod dot;
mod explain;
mod mapping;
mod nir_command;
mod output;
mod report;
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
use fsvae_compile::{CompileError, Compiled, IntegerLayer, Options, Purpose, Step, compile_with};
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
    let reconstructing = format!("{name}.reconstruct");
    let options = |purpose| {
        let name = if purpose == Purpose::Generate { &name } else { &reconstructing };
        Options { purpose, scales: args.scales(), name }
    };
    let alone = args.network.unwrap_or(Purpose::Generate);
    args.refuse_what_is_not_used(last)?;
    if let Some(last) = last {
        let stage = fsvae_compile::pipeline::compile_until(last, &checkpoint, &chip, options(alone), &[])?;
        if let (Step::Schedule, Stage::Lowered(compiled)) = (last, &stage) {
            return schedule::show(&compiled.graph, &chip, args.schedule, args.json);
        }
        return stage::show(&stage, &settings, args.json);
    }
    let first = compile_with(&checkpoint, &chip, options(alone), &[])?;
    if args.verify {
        return verification::run(&checkpoint, &first, &settings, &chip, args);
    }
    let second = match args.network {
        None => Some(compile_with(&checkpoint, &chip, options(Purpose::Reconstruct), &first.pictures)?),
        Some(_) => None,
    };
    let products: Vec<Product<'_>> = std::iter::once(&first).chain(&second).map(Product::of).collect();
    finish(args, &chip, &name, &products, &settings)
}

/// A graph with what its report needs.
struct Product<'c> {
    graph: &'c LifGraph,
    layers: Vec<&'c IntegerLayer>,
    pictures: &'c [Vec<u8>],
}

impl<'c> Product<'c> {
    fn of(compiled: &'c Compiled) -> Self {
        Self { graph: &compiled.graph, layers: compiled.integer.layers.iter().collect(), pictures: &compiled.pictures }
    }
}

/// Emits, writes and reports. The first of the products is the one that is mapped, drawn and reported in full.
fn finish(args: &Args, chip: &Chip, name: &str, products: &[Product<'_>], settings: &[Setting]) -> Result<ExitCode, Report> {
    let Some(Product { graph, layers, pictures }) = products.first() else { return Ok(ExitCode::SUCCESS) };
    let mut files: Vec<(String, Vec<u8>)> =
        products.iter().map(|product| (format!("{}.lif", product.graph.name), product.graph.to_bytes())).collect();
    for product in products {
        files.extend(fsvae_compile::emit(product.graph, chip, args.schedule)?.into_iter().map(|file| (file.name.to_owned(), file.bytes)));
    }
    if args.emit.contains(&Emit::Nir) {
        let nir = lif_nir::export(graph).and_then(|nir| nir.to_bytes()).map_err(CompileError::from)?;
        files.push((format!("{}.nir", graph.name), nir));
    }
    for product in products {
        if args.emit.contains(&Emit::Dot) {
            files.push((format!("{}.dot", product.graph.name), dot::drawing(product.graph).into_bytes()));
        }
        if args.emit.contains(&Emit::Text) {
            files.push((format!("{}.txt", product.graph.name), product.graph.to_text().into_bytes()));
        }
    }
    // a report shows the chip, if it has cores that stand somewhere
    let has_grid = chip.mesh.is_some() || chip.hexagonal.is_some();
    let mapping =
        (args.map || args.html && has_grid).then(|| fsvae_compile::map_with(graph, chip, pictures, args.spread.into())).transpose()?;
    files.extend(mapping.iter().filter(|_| args.map).map(mapping::file).map(|file| (file.name.to_owned(), file.bytes)));
    if args.html {
        let schedule = lif_map::schedule::schedule(graph, chip, args.schedule.unwrap_or(lif_map::Mode::of(chip)));
        files.push(("report.html".into(), report::page(graph, layers, chip, mapping.as_ref(), &schedule).into_bytes()));
    }
    let folder = args.out.clone().unwrap_or_else(|| format!("{name}-{}", args.target).into());
    let same =
        |file: &str| std::fs::canonicalize(folder.join(file)).ok().zip(args.model.as_ref()?.canonicalize().ok()).map(|(a, b)| a == b);
    if let Some((file, _)) = files.iter().find(|(file, _)| same(file) == Some(true)) {
        return Err(CompileError::WouldOverwrite { path: folder.join(file) }.into());
    }
    let scheduled = args.schedule.filter(|_| chip.ticks.is_some());
    let costs = scheduled.map(|mode| Ok::<_, CompileError>((mode, fsvae_compile::schedules::compare(graph, chip)?))).transpose()?;
    let written = output::write(&folder, files)?;
    let schedules = costs.as_ref().map(|(mode, costs)| (*mode, costs));
    summary::print(products, settings, chip, &written, schedules, args.json)?;
    if let Some(mapping) = mapping.filter(|_| args.map && !args.json) {
        fsvae_cli::print(&format!("\n{}", mapping::text(&mapping)))?;
    }
    Ok(ExitCode::SUCCESS)
}
