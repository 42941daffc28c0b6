//! `fsvae-sim speed`: how fast this machine draws, beside what its processor can add at all.

use crate::cli::Speed;
use crate::npy::{Remembering, add, header};
use crate::{Error, model};
use fsvae_cli::{Action, CliError, WholeFile, rate};
use lif_graph::{LifGraph, NeuronModel, Population};
use lif_sim::{Batch, Drawing, Engine, Inputs, Record, Workers};
use serde_json::{Value, json};
use std::convert::Infallible;
use std::io::{self, Seek, Write};
use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, Instant};
use zip::ZipWriter;

/// Images that are drawn by one call.
const BATCHES: [u64; 3] = [1, 16, 64];

/// Bytes that are added in the bound's loop: half of the smallest first-level cache.
const BOUND_BYTES: usize = 16 << 10;

/// A way to draw, and how it went.
struct Row {
    threads: usize,
    batch: u64,
    images_per_second: f64,
    /// In the middle of all calls.
    ms_per_call: f64,
}

/// Measures and reports.
pub(crate) fn run(options: &Speed) -> Result<ExitCode, Error> {
    let graph = model::read(options.model.as_deref())?;
    if let Some(path) = &options.weights {
        write_weights(&graph, path)?;
    }
    if let Some(source) = graph.populations.iter().find(|p| matches!(p.model, NeuronModel::Source | NeuronModel::Image { .. })) {
        return Err(Error::NeedsInput { network: graph.name.clone(), population: source.name.clone() });
    }
    let engine = Engine::new(&graph)?;
    let time = Duration::from_secs_f64(options.seconds.max(0.01));
    let mut state = engine.state();
    let record = Record { skip_unread: true, ..Record::default() };
    let operations: u64 = (0..16).map(|image| engine.draw(&mut state, 1, image, &Inputs::default(), record)).map(|d| operations(&d)).sum();
    let operations = operations as f64 / 16.0;
    let (mut rows, mut bounds) = (Vec::new(), Vec::new());
    for threads in 1..=usize::from(options.threads) {
        let workers = engine.workers(threads)?;
        rows.extend(BATCHES.map(|batch| measure(&workers, threads, batch, record, time)));
        bounds.push((threads, additions_per_second(&engine, threads, time)));
    }
    let json = json!({
        "kernel": engine.kernel().name(),
        "synaptic_operations_per_image": operations,
        "rows": rows.iter().map(|row| row.json(operations, bounds[row.threads - 1].1)).collect::<Vec<_>>(),
        "bounds": bounds.iter().map(|&(threads, additions)| json!({
            "threads": threads, "additions_per_second": additions, "images_per_second": additions / operations,
        })).collect::<Vec<_>>(),
    });
    if options.json {
        fsvae_cli::print_json(&json)?;
    } else {
        let mut text = format!("kernel {}, {:.1} million synaptic operations an image\n", engine.kernel().name(), operations / 1e6);
        for row in &rows {
            let bound = bounds[row.threads - 1].1 / operations;
            let Row { threads, batch, images_per_second, ms_per_call } = row;
            text += &format!(
                "{threads} thread{}, batch {batch:2}: {:>5} images/s, {ms_per_call:.2} ms a call, {:.0} % of the bound of {} images/s\n",
                if *threads == 1 { " " } else { "s" },
                rate(*images_per_second),
                100.0 * images_per_second / bound,
                rate(bound),
            );
        }
        text += "bound: each synaptic operation an addition of a widened byte to a register, and nothing else\n";
        fsvae_cli::print(&text)?;
    }
    Ok(ExitCode::SUCCESS)
}

fn operations(drawing: &Drawing) -> u64 {
    drawing.synaptic_operations.iter().sum()
}

impl Row {
    fn json(&self, operations: f64, bound: f64) -> Value {
        json!({
            "threads": self.threads,
            "batch": self.batch,
            "images_per_second": self.images_per_second,
            "ms_per_call": self.ms_per_call,
            "synaptic_operations_per_second": self.images_per_second * operations,
            "part_of_bound": self.images_per_second * operations / bound,
        })
    }
}

fn measure(workers: &Workers, threads: usize, batch: u64, record: Record, time: Duration) -> Row {
    let inputs = Inputs::default();
    let mut image = 0;
    let mut call = || {
        let started = Instant::now();
        let images = Batch { seed: 1, images: image..image + batch, record };
        let mut pixels = 0usize;
        let Ok(()) = workers.draw(
            &images,
            |_| &inputs,
            |drawing| drawing.pixels,
            |image| -> Result<(), Infallible> {
                pixels += std::hint::black_box(image).len();
                Ok(())
            },
        );
        image += batch;
        started.elapsed().as_secs_f64()
    };
    call(); // memory and caches
    let started = Instant::now();
    let mut calls = Vec::new();
    while started.elapsed() < time {
        calls.push(call());
    }
    calls.sort_by(f64::total_cmp);
    let total: f64 = calls.iter().sum();
    Row { threads, batch, images_per_second: calls.len() as f64 * batch as f64 / total, ms_per_call: 1e3 * calls[calls.len() / 2] }
}

/// Of all threads together.
fn additions_per_second(engine: &Engine, threads: usize, time: Duration) -> f64 {
    const ROUNDS: usize = 1000;
    let bytes: Vec<i8> = (0..BOUND_BYTES).map(|index| (index * 37 % 255) as i8).collect();
    let one = || {
        let (started, mut rounds) = (Instant::now(), 0);
        while started.elapsed() < time / 2 {
            std::hint::black_box(engine.kernel().widen_and_add(&bytes, ROUNDS));
            rounds += ROUNDS;
        }
        (rounds * BOUND_BYTES) as f64 / started.elapsed().as_secs_f64()
    };
    std::thread::scope(|scope| {
        let running: Vec<_> = (0..threads).map(|_| scope.spawn(one)).collect();
        running.into_iter().map(|thread| thread.join().expect("it only counts")).sum()
    })
}

/// The network's numbers as an npz file, for programs to compare with: `weights/PROJECTION` i1, `bias/POPULATION`, `threshold/POPULATION`,
/// `levels/POPULATION` and `membrane/POPULATION` (multiplier and shift of the decay, input shift) i4, flat and in the graph's order.
fn write_weights(graph: &LifGraph, path: &Path) -> Result<(), Error> {
    let mut file = WholeFile::create(path)?;
    weights(graph, &mut file).map_err(|error| CliError::from_io(Action::Write, path, error))?;
    Ok(file.commit()?)
}

fn weights(graph: &LifGraph, out: &mut (impl Write + Seek)) -> io::Result<()> {
    let mut out = Remembering::new(out);
    let mut archive = ZipWriter::new(&mut out);
    let mut write = || -> io::Result<()> {
        for projection in &graph.projections {
            let bytes: Vec<u8> = projection.weights.iter().map(|&weight| weight as u8).collect();
            add(
                &mut archive,
                &format!("weights/{}", projection.name),
                &header("|i1", &[bytes.len() as u64]),
                &bytes[..],
                bytes.len() as u64,
            )?;
        }
        for Population { name, model, .. } in &graph.populations {
            let (membrane, other) = match model {
                NeuronModel::Lif { membrane, threshold } => (membrane, ("threshold", threshold)),
                NeuronModel::Readout { membrane, pixels } => (membrane, ("levels", &pixels.levels)),
                _ => continue,
            };
            let decay = membrane.decay;
            let figures = vec![decay.multiplier as i32, decay.shift.into(), membrane.input_shift.into()];
            for (kind, values) in [("bias", &membrane.bias), ("membrane", &figures), other] {
                let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
                add(&mut archive, &format!("{kind}/{name}"), &header("<i4", &[values.len() as u64]), &bytes[..], bytes.len() as u64)?;
            }
        }
        Ok(())
    };
    let written = write().and_then(|()| archive.finish().map_err(io::Error::other).map(drop));
    out.outcome(written)
}
