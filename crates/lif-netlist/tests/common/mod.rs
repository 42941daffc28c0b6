//! Reads a netlist back and runs it tick by tick, as Lava does.
//!
//! Slow and obvious, from the rules of lava-nc 0.10.0 (`proc/lif/models.py`, `proc/dense/models.py`) and from nothing of this crate but
//! the files that it wrote.

use lif_graph::{PopulationId, SpikeTrain, philox};
use lif_netlist::NetlistFile;
use lif_netlist::loihi::{ARRAYS_FILE, Injection, NETLIST_FILE, Netlist, Process};
use ndarray::{ArrayD, IxDyn, OwnedRepr};
use ndarray_npy::{NpzReader, ReadableElement};
use std::collections::BTreeMap;
use std::io::Cursor;

/// A netlist with its arrays.
pub struct Files {
    pub netlist: Netlist,
    arrays: Vec<u8>,
}

impl Files {
    pub fn read(files: &[NetlistFile]) -> Self {
        let bytes = |name| files.iter().find(|file| file.name == name).map(|file| file.bytes.clone()).expect("the file was written");
        Self { netlist: serde_json::from_slice(&bytes(NETLIST_FILE)).expect("the netlist reads"), arrays: bytes(ARRAYS_FILE) }
    }

    pub fn array<T: ReadableElement>(&self, name: &str) -> ArrayD<T> {
        let mut reader = NpzReader::new(Cursor::new(&self.arrays[..])).expect("an npz file");
        reader.by_name::<OwnedRepr<T>, IxDyn>(name).unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    fn integers<T: ReadableElement + Copy + Into<i64>>(&self, name: &str) -> Vec<i64> {
        self.array::<T>(name).iter().map(|&value| value.into()).collect()
    }

    /// Name, type, shape and values of every array, in the file's order.
    pub fn arrays_as_text(&self) -> String {
        let names = NpzReader::new(Cursor::new(&self.arrays[..])).expect("an npz file").names().expect("names");
        let describe = |name: &String| {
            let (kind, shape, values) = match name.rsplit('/').next().expect("a last part") {
                "bias_mant" | "data" | "weights" => ("i16", self.array::<i16>(name).shape().to_vec(), self.integers::<i16>(name)),
                "kernels" => ("i8", self.array::<i8>(name).shape().to_vec(), self.integers::<i8>(name)),
                "bias_exp" => ("u8", self.array::<u8>(name).shape().to_vec(), self.integers::<u8>(name)),
                _ => ("i32", self.array::<i32>(name).shape().to_vec(), self.integers::<i32>(name)),
            };
            let listed: Vec<String> = values.iter().take(24).map(i64::to_string).collect();
            let rest = if values.len() > 24 { format!(" ... sum {}", values.iter().sum::<i64>()) } else { String::new() };
            format!("{name} {kind} {shape:?}: {}{rest}\n", listed.join(" "))
        };
        names.iter().map(describe).collect()
    }
}

/// What a run of one image shows.
pub struct TwinRun {
    /// By population process: `[tick - 1][neuron]`.
    pub spikes: BTreeMap<String, Vec<Vec<bool>>>,
    /// Membranes after the last tick.
    pub membranes: BTreeMap<String, Vec<i64>>,
}

/// Runs one image.
pub fn run(files: &Files, seed: u64, image: u64, given: &[(String, SpikeTrain)]) -> TwinRun {
    let netlist = &files.netlist;
    let ticks = netlist.schedule.ticks_per_image as usize;
    let synapses: Vec<Synapses> = netlist.processes.iter().filter_map(|process| Synapses::new(files, process)).collect();
    let mut in_flight: Vec<Vec<Vec<i64>>> = synapses.iter().map(|s| vec![vec![0; s.targets]; ticks + s.delay + 2]).collect();
    let mut neurons: Vec<Neurons> = netlist.processes.iter().filter_map(|process| Neurons::new(files, process)).collect();
    let sources: Vec<_> = netlist.processes.iter().filter(|process| matches!(process, Process::RingBuffer { .. })).collect();
    let wired = |from: String, to: String| netlist.connections.iter().any(|wire| wire.from == from && wire.to == to);

    let mut spikes: BTreeMap<String, Vec<Vec<bool>>> = BTreeMap::new();
    let mut membranes = BTreeMap::new();
    for tick in 1..=ticks {
        for population in &mut neurons {
            let mut sum = vec![0; population.v.len()];
            for (synapses, in_flight) in synapses.iter().zip(&in_flight) {
                if wired(format!("{}.a_out", synapses.name), format!("{}.a_in", population.name)) {
                    sum.iter_mut().zip(&in_flight[tick]).for_each(|(sum, &message)| *sum += message);
                }
            }
            let fired = population.tick(tick as u64, netlist.schedule.ticks_per_step, &sum);
            spikes.entry(population.name.clone()).or_default().push(fired);
            membranes.insert(population.name.clone(), population.v.clone());
        }
        for source in &sources {
            let (name, fired) = injected(source, tick as u64, netlist, seed, image, given);
            spikes.entry(name).or_default().push(fired);
        }
        for (synapses, in_flight) in synapses.iter().zip(&mut in_flight) {
            for (name, trains) in &spikes {
                if wired(format!("{name}.s_out"), format!("{}.s_in", synapses.name)) {
                    synapses.send(trains.last().expect("this tick's"), &mut in_flight[tick + 1 + synapses.delay]);
                }
            }
        }
    }
    TwinRun { spikes, membranes }
}

/// A ring buffer's row at a tick.
fn injected(source: &Process, tick: u64, netlist: &Netlist, seed: u64, image: u64, given: &[(String, SpikeTrain)]) -> (String, Vec<bool>) {
    let Process::RingBuffer { name, shape, first_tick, spikes } = source else { panic!("a source") };
    let mut row = vec![false; shape[0]];
    let period = netlist.schedule.ticks_per_step;
    if tick >= *first_tick && (tick - first_tick).is_multiple_of(period) {
        let step = ((tick - first_tick) / period) as usize;
        match spikes {
            Injection::Picks { channels, ways } => {
                (0..*channels).for_each(|c| row[(c * ways + philox::pick(seed, image, step as u32, c, *ways)) as usize] = true);
            }
            Injection::Draw { channel } => row[philox::pick(seed, image, 0, *channel, shape[0] as u32) as usize] = true,
            Injection::Given { population } => {
                let train = given.iter().find(|(name, _)| name == population).map(|(_, train)| train);
                if let Some(spikes) = train.and_then(|train| train.get(step)) {
                    row = spikes.clone();
                }
            }
        }
    }
    (name.clone(), row)
}

/// A `Dense` or `Sparse`.
struct Synapses {
    name: String,
    targets: usize,
    delay: usize,
    /// Target, source, weight.
    entries: Vec<(usize, usize, i64)>,
}

impl Synapses {
    fn new(files: &Files, process: &Process) -> Option<Self> {
        let (name, shape, delay, entries) = match process {
            Process::Dense { name, shape, weights, delay } => {
                let weights = files.array::<i16>(weights);
                assert_eq!(weights.shape(), shape);
                let pairs = (0..shape[0]).flat_map(|target| (0..shape[1]).map(move |source| (target, source)));
                (name, shape, delay, pairs.map(|(target, source)| (target, source, i64::from(weights[[target, source]]))).collect())
            }
            Process::Sparse { name, shape, data, indices, indptr, delay } => {
                let (data, indices, starts) = (files.integers::<i16>(data), files.integers::<i32>(indices), files.integers::<i32>(indptr));
                assert_eq!(starts.len(), shape[0] + 1);
                let row = |target: usize| starts[target] as usize..starts[target + 1] as usize;
                assert!((0..shape[0]).all(|target| indices[row(target)].is_sorted_by(|a, b| a < b)), "columns ascend");
                let entries = (0..shape[0]).flat_map(|target| row(target).map(move |at| (target, at)));
                (name, shape, delay, entries.map(|(target, at)| (target, indices[at] as usize, data[at])).collect::<Vec<_>>())
            }
            _ => return None,
        };
        assert!(entries.iter().all(|&(_, source, weight)| source < shape[1] && weight % 2 == 0 && (-256..=255).contains(&weight)));
        Some(Self { name: name.clone(), targets: shape[0], delay: *delay as usize, entries })
    }

    fn send(&self, spikes: &[bool], messages: &mut [i64]) {
        self.entries.iter().filter(|(_, source, _)| spikes[*source]).for_each(|(target, _, weight)| messages[*target] += weight);
    }
}

/// A `LIF` or `PhasedLIF`.
struct Neurons {
    name: String,
    du: i64,
    dv: i64,
    vth: i64,
    bias: Vec<i64>,
    first_tick: Option<u64>,
    u: Vec<i64>,
    v: Vec<i64>,
}

impl Neurons {
    fn new(files: &Files, process: &Process) -> Option<Self> {
        let (name, neurons, du, dv, vth, bias, first_tick) = match process {
            Process::PhasedLIF { name, shape, du, dv, vth, bias_mant, bias_exp, first_tick, .. } => {
                let (mantissas, exponents) = (files.integers::<i16>(bias_mant), files.integers::<u8>(bias_exp));
                assert!(mantissas.iter().all(|mantissa| (-4096..4096).contains(mantissa)) && exponents.iter().all(|&e| e <= 7));
                let bias = mantissas.iter().zip(&exponents).map(|(mantissa, exponent)| mantissa << exponent).collect();
                (name, shape[0], du, dv, vth, bias, Some(*first_tick))
            }
            Process::Lif { name, shape, du, dv, vth } => (name, shape[0], du, dv, vth, vec![0; shape[0]], None),
            _ => return None,
        };
        assert!((0..=131_071).contains(vth) && *dv <= 4095, "{name}: {vth} {dv}");
        let rest = vec![0; neurons];
        let (du, dv, vth) = (i64::from(*du), i64::from(*dv), i64::from(*vth));
        Some(Self { name: name.clone(), du, dv, vth, bias, first_tick, u: rest.clone(), v: rest })
    }

    fn tick(&mut self, tick: u64, period: u64, a_in: &[i64]) -> Vec<bool> {
        if self.first_tick.is_some_and(|first| tick < first || !(tick - first).is_multiple_of(period)) {
            assert!(a_in.iter().all(|&a| a == 0), "{} hears spikes at tick {tick}, at which it does not listen", self.name);
            return vec![false; self.v.len()];
        }
        let toward_zero = |product: i64| product.signum() * (product.abs() >> 12);
        let mut fired = Vec::new();
        for (neuron, &a) in a_in.iter().enumerate() {
            assert!(a.abs() <= 32_767, "{}: an input of {a}", self.name);
            self.u[neuron] = toward_zero(self.u[neuron] * (4095 - self.du)) + (a << 6);
            let v = toward_zero(self.v[neuron] * (4096 - self.dv)) + self.u[neuron] + self.bias[neuron];
            assert!(v.abs() < 1 << 23, "{}: a membrane of {v}", self.name);
            let fires = v > self.vth << 6;
            self.v[neuron] = if fires { 0 } else { v };
            fired.push(fires);
        }
        fired
    }
}

/// Spikes by name of the source population.
pub fn by_name(graph: &lif_graph::LifGraph, spikes: &[(PopulationId, SpikeTrain)]) -> Vec<(String, SpikeTrain)> {
    spikes.iter().map(|(id, train)| (graph.population(*id).name.clone(), train.clone())).collect()
}
