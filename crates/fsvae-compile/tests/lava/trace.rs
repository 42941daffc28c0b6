//! What every process of a netlist sends and holds at every tick: as the tick-level simulator has it, to be compared with Lava's.

use lif_graph::*;
use lif_map::Schedule;
use lif_netlist::loihi::{Injection, Kind, Netlist};
use lif_sim::{GivenSpikes, TickEngine};

/// One process that fires, in one run of its domain.
#[derive(Clone, Debug, PartialEq)]
pub struct ProcessTrace {
    pub name: String,
    /// Number of the run: of the image, or 0 where images follow each other.
    pub run: usize,
    /// `[tick - 1][neuron]`.
    pub spikes: Vec<Vec<bool>>,
    /// `[tick - 1][neuron]` after the tick; nothing for sources.
    pub membranes: Option<Vec<Vec<i32>>>,
}

/// All processes that fire, domain by domain, run by run, in the netlist's order.
pub type Trace = Vec<ProcessTrace>;

/// Spikes by name of a source.
pub type Given = Vec<(String, SpikeTrain)>;

/// All of them at rest.
pub fn at_rest(netlist: &Netlist, images: usize) -> Trace {
    let mut traces = vec![];
    for (index, domain) in netlist.schedule.domains.iter().enumerate() {
        let more = if domain.streams { (images - 1) * netlist.schedule.steps as usize } else { 0 };
        let ticks = domain.ticks_per_image as usize + more;
        for run in 0..if domain.streams { 1 } else { images } {
            for process in netlist.processes.iter().filter(|process| process.domain == index) {
                let (neurons, holds) = match &process.kind {
                    Kind::PhasedLIF { neurons, .. } | Kind::LifReset { neurons, .. } | Kind::Lif { neurons } => (neurons.shape[0], true),
                    Kind::RingBuffer { shape, .. } => (shape[0], false),
                    _ => continue,
                };
                let membranes = holds.then(|| vec![vec![0; neurons]; ticks]);
                traces.push(ProcessTrace { name: process.name.clone(), run, spikes: vec![vec![false; neurons]; ticks], membranes });
            }
        }
    }
    traces
}

/// The simulator's images 0, 1, ... of a seed.
pub fn expected(graph: &LifGraph, schedule: &Schedule, netlist: &Netlist, seed: u64, images: usize, given: &Given) -> Trace {
    let mut traces = at_rest(netlist, images);
    let neurons = |train: &SpikeTrain| -> Vec<Vec<u32>> {
        train.iter().map(|step| (0..).zip(step).filter_map(|(neuron, &fires)| fires.then_some(neuron)).collect()).collect()
    };
    let given: Vec<GivenSpikes> = given
        .iter()
        .map(|(name, train)| GivenSpikes { population: graph.find(name).expect("a source"), neurons: neurons(train) })
        .collect();
    let engine = TickEngine::new(graph, schedule).expect("a well-formed graph");
    let drawings = engine
        .draw(seed, 0..images as u64, &given, |view| {
            for (index, population) in graph.populations.iter().enumerate() {
                if schedule.populations[index].domain == view.domain {
                    let trace = find(&mut traces, &population.name, view.image as usize);
                    view.spikes[index].iter().for_each(|&neuron| trace.spikes[view.tick as usize - 1][neuron as usize] = true);
                    if let Some(membranes) = trace.membranes.as_mut().filter(|_| !view.membranes[index].is_empty()) {
                        membranes[view.tick as usize - 1].clone_from(&view.membranes[index]);
                    }
                }
            }
        })
        .expect("the case's sources");
    // the processes that are not the graph's: what the host sends, then the gates, which hear it
    for process in &netlist.processes {
        let Kind::RingBuffer { first_tick, spikes, .. } = &process.kind else { continue };
        let domain = &netlist.schedule.domains[process.domain];
        for trace in traces.iter_mut().filter(|trace| trace.name == process.name) {
            let (first, beat, steps) = (*first_tick as usize - 1, domain.ticks_per_step as usize, graph.steps as usize);
            for (number, tick) in (first..trace.spikes.len()).step_by(beat).enumerate() {
                let (image, step) = if domain.streams { (number / steps, number % steps) } else { (trace.run, number) };
                let row = &mut trace.spikes[tick];
                match spikes {
                    Injection::Given { .. } => {}
                    Injection::Clock => row[0] = true,
                    Injection::Picks { channels, ways } => (0..*channels).for_each(|channel| {
                        row[(channel * ways + philox::pick(seed, image as u64, step as u32, channel, *ways)) as usize] = true;
                    }),
                    Injection::Buffered { population } => {
                        let id = graph.find(population).expect("a population");
                        let events = drawings.get(image).map_or(&[][..], |drawing| &drawing.events);
                        let sent = events.iter().filter(|event| (event.population, event.step) == (id, step as u32));
                        sent.for_each(|event| row[event.neuron as usize] = true);
                    }
                }
            }
        }
    }
    for (index, population) in graph.populations.iter().enumerate() {
        if let NeuronModel::Select { .. } = population.model {
            gates(graph, schedule, netlist, PopulationId::from_index(index), &mut traces);
        }
    }
    traces
}

/// An AND gate fires when pick and spike come together: two synapses of weight 2 are 4 << 6; one alone stays in the membrane until the
/// next tick.
fn gates(graph: &LifGraph, schedule: &Schedule, netlist: &Netlist, select: PopulationId, traces: &mut Trace) {
    let (projection, pick) = graph.projections_into(select).next().expect("its pick");
    let (name, wait) = (&graph.population(select).name, schedule.waits[projection.index()] as usize);
    let source = &graph.population(pick.source).name;
    let wired = netlist.connections.iter().find(|wire| wire.to == format!("{}.s_in", pick.name)).expect("a wire");
    let source = if wired.from == format!("{source}.s_out") { source.clone() } else { format!("{source}.buffer") };
    for run in 0..traces.iter().filter(|trace| trace.name == *name).count() {
        let offered = find(traces, &source, run).spikes.clone();
        let picks = find(traces, &format!("{name}.picks"), run).spikes.clone();
        let gate = find(traces, &format!("{name}.gate"), run);
        let membranes = gate.membranes.as_mut().expect("it has some");
        for tick in 1..picks.len() {
            for neuron in 0..picks[tick].len() {
                let heard = [tick.checked_sub(1 + wait).is_some_and(|sent| offered[sent][neuron]), picks[tick - 1][neuron]];
                gate.spikes[tick][neuron] = heard == [true, true];
                membranes[tick][neuron] = if heard[0] != heard[1] { 128 } else { 0 };
            }
        }
    }
}

/// The trace of a process in a run; in a domain of streams there is but one.
pub fn find<'t>(traces: &'t mut Trace, name: &str, run: usize) -> &'t mut ProcessTrace {
    traces.iter_mut().find(|trace| trace.name == name && trace.run == run).expect("a process that fires")
}

/// Where the two differ first: by domain and run, by tick, then by process, spikes before membranes.
pub fn first_difference(netlist: &Netlist, expected: &Trace, lava: &Trace) -> Option<String> {
    assert_eq!(expected.len(), lava.len());
    let domain_of = |trace: &ProcessTrace| netlist.processes.iter().find(|process| process.name == trace.name).expect("a process").domain;
    let mut pairs: Vec<_> = expected.iter().zip(lava).collect();
    while let Some((first, _)) = pairs.first() {
        let (domain, run) = (domain_of(first), first.run);
        let (now, later): (Vec<_>, Vec<_>) = pairs.into_iter().partition(|(ours, _)| (domain_of(ours), ours.run) == (domain, run));
        let ticks = now[0].0.spikes.len();
        if let Some(found) = (0..ticks).find_map(|tick| now.iter().find_map(|(ours, theirs)| differ_at(tick, ours, theirs))) {
            return Some(found);
        }
        pairs = later;
    }
    None
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
