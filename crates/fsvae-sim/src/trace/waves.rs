//! Waveforms of an image: spikes and membranes by neuron, and how busy each core is.
//!
//! ```text
//!   chip
//!     tile_1_0
//!       core_2
//!         sending, receiving        1 bit: neurons and axon out, axon in and synapses; to the picosecond
//!         decoder_0                 the population
//!           spike_17                1 bit, for the whole tick in which the neuron fired
//!           v_17                    signed, the membrane after the tick's update
//! ```

use super::probe::Probes;
use super::record::Timeline;
use crate::Error;
use lif_graph::{LifGraph, NeuronModel, PopulationId};
use lif_time::replay::Replay;
use lif_time::workload::Recording;
use lif_time::{Clock, Spike};

pub(super) struct Signal {
    /// From the outermost.
    pub scopes: Vec<String>,
    pub name: String,
    /// 1, or the width of a signed vector.
    pub bits: u8,
}

/// Signals and what becomes of them.
pub(super) struct Waves {
    /// Those of one scope beside each other.
    pub signals: Vec<Signal>,
    /// What each signal is at first.
    pub initial: Vec<i64>,
    /// Time, number of the signal, value; sorted, and not of time 0.
    pub changes: Vec<(u64, u32, i64)>,
    /// When the image ends.
    pub end: u64,
}

/// What each tick's step gave. Ticks must be steps.
pub(super) fn waves(clock: &Clock<'_>, probes: &Probes, spikes: &[Spike], timeline: &Timeline) -> Result<Waves, Error> {
    let graph = clock.graph;
    let recording = Recording::new(graph, spikes)?;
    let mut waves = Waves { signals: vec![], initial: vec![], changes: vec![], end: timeline.ticks.last().map_or(0, |tick| tick.end) };
    let numbers = signals(clock, probes, timeline, &mut waves);
    let mut replay = Replay::new(graph, &recording, |id| probes.touches(id));
    let mut last: Vec<i64> = vec![0; waves.signals.len()];
    for (step, tick) in (0..graph.steps).zip(&timeline.ticks) {
        replay.step()?;
        let mut change = |signal: u32, value: i64| {
            if std::mem::replace(&mut last[signal as usize], value) != value {
                waves.changes.push((tick.begin, signal, value));
            }
        };
        for (index, neurons) in numbers.neurons.iter().enumerate() {
            let id = PopulationId::from_index(index);
            let mut fired = recording.of(step, id).iter().map(|spike| spike.neuron).peekable();
            for &(neuron, spike, membrane) in neurons {
                while fired.next_if(|&fired| fired < neuron).is_some() {}
                change(spike, i64::from(fired.peek() == Some(&neuron)));
                if let Some(membrane) = membrane {
                    change(membrane, replay.membranes(id)[neuron as usize].into());
                }
            }
        }
    }
    let busy = |spans: Vec<(u64, u64)>, signal: u32, changes: &mut Vec<(u64, u32, i64)>| {
        for (begin, end) in joined(spans) {
            changes.extend([(begin, signal, 1), (end, signal, 0)]);
        }
    };
    for &(core, sending, receiving) in &numbers.cores {
        let sent = timeline.sent.iter().filter(|sent| sent.core == core).map(|sent| (sent.begin, sent.left)).collect();
        busy(sent, sending, &mut waves.changes);
        let served = timeline.served.iter().filter(|served| served.core == core).map(|served| (served.begin, served.end)).collect();
        busy(served, receiving, &mut waves.changes);
    }
    waves.changes.sort_unstable();
    waves.initial = vec![0; waves.signals.len()];
    let at_first = waves.changes.partition_point(|&(time, _, _)| time == 0);
    waves.changes.drain(..at_first).for_each(|(_, signal, value)| waves.initial[signal as usize] = value);
    Ok(waves)
}

/// Numbers of signals.
struct Numbers {
    /// By population: neuron, its spike, its membrane.
    neurons: Vec<Vec<(u32, u32, Option<u32>)>>,
    /// Core, sending, receiving.
    cores: Vec<(u32, u32, u32)>,
}

fn signals(clock: &Clock<'_>, probes: &Probes, timeline: &Timeline, waves: &mut Waves) -> Numbers {
    let graph = clock.graph;
    let mut numbers = Numbers { neurons: vec![vec![]; graph.populations.len()], cores: vec![] };
    let mut add = |scopes: &[String], name: String, bits: u8| {
        waves.signals.push(Signal { scopes: scopes.to_vec(), name, bits });
        waves.signals.len() as u32 - 1
    };
    let mut order: Vec<u32> = (0..clock.layout.cores.len() as u32).filter(|&core| timeline.keeps(core)).collect();
    order.sort_by_key(|&core| {
        let core = &clock.layout.cores[core as usize];
        (core.x, core.y, core.number)
    });
    for index in order {
        let core = &clock.layout.cores[index as usize];
        let mut scopes = vec![identifier(&clock.chip), format!("tile_{}_{}", core.x, core.y), format!("core_{}", core.number)];
        let (sending, receiving) = (add(&scopes, "sending".into(), 1), add(&scopes, "receiving".into(), 1));
        numbers.cores.push((index, sending, receiving));
        scopes.push(identifier(&graph.population(core.population).name));
        let places = &clock.layout.places[core.population.index()];
        for neuron in probes.of(core.population).into_iter().filter(|&neuron| places[neuron as usize].core == index) {
            let spike = add(&scopes, format!("spike_{neuron}"), 1);
            let membrane = bits(graph, core.population).map(|bits| add(&scopes, format!("v_{neuron}"), bits));
            numbers.neurons[core.population.index()].push((neuron, spike, membrane));
        }
    }
    numbers.neurons.iter_mut().for_each(|neurons| neurons.sort_unstable());
    numbers
}

fn bits(graph: &LifGraph, population: PopulationId) -> Option<u8> {
    match &graph.population(population).model {
        NeuronModel::Lif { membrane, .. } | NeuronModel::Readout { membrane, .. } => Some(membrane.bits),
        NeuronModel::Select { .. } | NeuronModel::Source | NeuronModel::Image { .. } => None,
    }
}

/// Viewers take letters, digits and underscores; a full stop would be another scope.
fn identifier(name: &str) -> String {
    name.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect()
}

/// Spans that touch become one.
fn joined(spans: Vec<(u64, u64)>) -> Vec<(u64, u64)> {
    let mut joined: Vec<(u64, u64)> = Vec::new();
    for (begin, end) in spans.into_iter().filter(|(begin, end)| begin < end) {
        match joined.last_mut().filter(|last| last.1 == begin) {
            Some(last) => last.1 = end,
            None => joined.push((begin, end)),
        }
    }
    joined
}
