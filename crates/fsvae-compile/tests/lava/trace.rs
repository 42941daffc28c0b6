//! What every process of a netlist sends and holds at every tick: as the reference interpreter has it, to be compared with Lava's.

use lif_graph::*;
use lif_netlist::loihi::{Netlist, Process};

/// One process that fires.
#[derive(Clone, Debug, PartialEq)]
pub struct ProcessTrace {
    pub name: String,
    /// `[tick - 1][neuron]`.
    pub spikes: Vec<Vec<bool>>,
    /// `[tick - 1][neuron]` after the tick; nothing for sources.
    pub membranes: Option<Vec<Vec<i32>>>,
}

/// All processes that fire, in the netlist's order.
pub type Trace = Vec<ProcessTrace>;

/// Spikes by name of a source.
pub type Given = Vec<(String, SpikeTrain)>;

/// Names and widths of the processes that fire, in the netlist's order.
pub fn firing(netlist: &Netlist) -> Vec<(&str, usize, bool)> {
    let firing = netlist.processes.iter().filter_map(|process| match process {
        Process::PhasedLIF { name, shape, .. } | Process::Lif { name, shape, .. } => Some((&name[..], shape[0], true)),
        Process::RingBuffer { name, shape, .. } => Some((&name[..], shape[0], false)),
        _ => None,
    });
    firing.collect()
}

/// The interpreter's run of one image, laid out in the ticks of the netlist's schedule.
pub fn expected(graph: &LifGraph, netlist: &Netlist, seed: u64, image: u64, given: &Given) -> Trace {
    let (ticks, beat) = (netlist.schedule.ticks_per_image as usize, netlist.schedule.ticks_per_step as usize);
    let mut traces: Trace = firing(netlist)
        .into_iter()
        .map(|(name, neurons, holds)| ProcessTrace {
            name: name.into(),
            spikes: vec![vec![false; neurons]; ticks],
            membranes: holds.then(|| vec![vec![0; neurons]; ticks]),
        })
        .collect();
    let trace_of = |name: &str| netlist_index(netlist, name);
    let mut interpreter = Interpreter::new(graph, seed, image);
    for (name, train) in given {
        interpreter = interpreter.with_source(graph.find(name).expect("a source"), train.clone());
    }
    // the first populations run on while the last ones do their last step
    for step in 0..ticks.div_ceil(beat) {
        interpreter.step();
        for (index, population) in graph.populations.iter().enumerate() {
            let id = PopulationId::from_index(index);
            let tick = netlist.populations[index].first_tick as usize - 1 + step * beat;
            let trace = &mut traces[trace_of(&population.name)];
            if tick < ticks {
                trace.spikes[tick] = interpreter.spikes(id).to_vec();
            }
            match &population.model {
                NeuronModel::Lif { .. } | NeuronModel::Readout { .. } => {
                    let membranes = trace.membranes.as_mut().expect("it has some");
                    for held in &mut membranes[tick.min(ticks)..(tick + beat).min(ticks)] {
                        *held = interpreter.membranes(id).to_vec();
                    }
                }
                NeuronModel::Select { ways } => {
                    let (_, pick) = graph.projections_into(id).next().expect("its pick");
                    let offered = interpreter.spikes(pick.source).to_vec();
                    let picked = |neuron: usize| {
                        let channel = neuron as u32 / ways;
                        philox::pick(seed, image, step as u32, channel, *ways) == neuron as u32 % ways
                    };
                    let picks: Vec<bool> = (0..offered.len()).map(picked).collect();
                    // two synapses of weight 2 are 4 << 6; one alone stays in the membrane until the next tick
                    let alone = offered.iter().zip(&picks).map(|(offered, picked)| if offered != picked { 128 } else { 0 }).collect();
                    if tick - 2 < ticks {
                        traces[trace_of(&format!("{}.picks", population.name))].spikes[tick - 2] = picks.clone();
                    }
                    if tick - 1 < ticks {
                        let gate = &mut traces[trace_of(&format!("{}.gate", population.name))];
                        gate.spikes[tick - 1] = offered.iter().zip(&picks).map(|(offered, picked)| *offered && *picked).collect();
                        gate.membranes.as_mut().expect("it has some")[tick - 1] = alone;
                    }
                }
                NeuronModel::Source | NeuronModel::Draw { .. } => {}
            }
        }
    }
    traces
}

fn netlist_index(netlist: &Netlist, name: &str) -> usize {
    firing(netlist).iter().position(|(other, ..)| *other == name).expect("a process that fires")
}

/// Where the two differ first: by tick, then by process, spikes before membranes.
pub fn first_difference(expected: &Trace, lava: &Trace) -> Option<String> {
    let ticks = expected.iter().map(|trace| trace.spikes.len()).max().unwrap_or(0);
    (0..ticks).find_map(|tick| expected.iter().zip(lava).find_map(|(ours, theirs)| differ_at(tick, ours, theirs)))
}

fn differ_at(tick: usize, ours: &ProcessTrace, theirs: &ProcessTrace) -> Option<String> {
    assert_eq!(ours.name, theirs.name);
    let place = |neuron: usize| format!("tick {}: neuron {neuron} of {}", tick + 1, ours.name);
    let neurons = ours.spikes[tick].len();
    assert_eq!([theirs.spikes[tick].len(), ours.spikes.len()], [neurons, theirs.spikes.len()]);
    if let Some(neuron) = (0..neurons).find(|&neuron| ours.spikes[tick][neuron] != theirs.spikes[tick][neuron]) {
        let who = if theirs.spikes[tick][neuron] { "fires in Lava alone" } else { "does not fire in Lava" };
        return Some(format!("{} {who}", place(neuron)));
    }
    let (ours, theirs) = (&ours.membranes.as_ref()?[tick], &theirs.membranes.as_ref().expect("Lava's were recorded")[tick]);
    let neuron = (0..neurons).find(|&neuron| ours[neuron] != theirs[neuron])?;
    Some(format!("{} holds {}, and in Lava {}", place(neuron), ours[neuron], theirs[neuron]))
}
