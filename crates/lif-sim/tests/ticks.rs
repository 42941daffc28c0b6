//! The tick-level simulator against the reference interpreter: equal where a schedule demands it, and exactly what stock neurons do where
//! they leak at every tick.

use lif_chip::{Chip, Ticks};
use lif_graph::random::{source_spikes, well_formed_graph};
use lif_graph::*;
use lif_map::schedule::schedule;
use lif_map::{Mode, Schedule};
use lif_sim::{Drawing, Engine, Event, GivenSpikes, TickEngine};
use proptest::prelude::*;

type Trains = Vec<(PopulationId, SpikeTrain)>;

fn graph_and_spikes() -> impl Strategy<Value = (LifGraph, Trains)> {
    well_formed_graph().prop_flat_map(|graph| {
        let trains = source_spikes(&graph);
        (Just(graph), trains)
    })
}

fn given(trains: &Trains) -> Vec<GivenSpikes> {
    let fired = |step: &Vec<bool>| (0..).zip(step).filter_map(|(neuron, &fired)| fired.then_some(neuron)).collect();
    let given = |(population, train): &(PopulationId, SpikeTrain)| GivenSpikes {
        population: *population,
        neurons: train.iter().map(fired).collect(),
    };
    trains.iter().map(given).collect()
}

/// A chip that can do everything, with so many ticks for a synapse and a select stage.
fn chip(synapse: u32, select: u32, holds: bool) -> Chip {
    let ticks = Ticks { synapse, synapse_wait_max: u32::MAX, select, holds, resets: true };
    Chip { ticks: Some(ticks), ..lif_chip::find("generic").expect("in the catalogue") }
}

fn draw(graph: &LifGraph, schedule: &Schedule, trains: &Trains, seed: u64, first: u64, count: u64) -> Vec<Drawing> {
    TickEngine::new(graph, schedule).expect("well formed").draw(seed, first..first + count, &given(trains), |_| ()).expect("sources")
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    /// Spikes, membranes, pixels and synaptic operations of several images, one after the other, are those of the functional engine,
    /// which are the interpreter's.
    #[test]
    fn no_schedule_changes_what_is_drawn(
        (graph, trains) in graph_and_spikes(),
        mode in prop::sample::select(&[Mode::Stepped, Mode::Phased, Mode::Buffered][..]),
        (synapse, select) in (1u32..3, 1u32..3),
        (seed, first) in (any::<u64>(), 0u64..1 << 32),
        count in 1u64..4,
    ) {
        let schedule = schedule(&graph, &chip(synapse, select, true), mode).expect("a chip that can do everything");
        let engine = Engine::new(&graph).expect("well formed");
        let inputs = engine.inputs(&given(&trains)).expect("sources");
        let record = lif_sim::Record { events: true, membranes: true, ..Default::default() };
        let drawings = draw(&graph, &schedule, &trains, seed, first, count);
        prop_assert_eq!(drawings.len() as u64, count);
        for (image, drawing) in (first..).zip(drawings) {
            prop_assert_eq!(drawing, engine.draw(&mut engine.state(), seed, image, &inputs, record));
        }
    }

    /// Where neurons leak at every tick, a step is as many rounded sub-decays as it has ticks, then the input.
    #[test]
    fn substeps_are_truncating_subdecays((graph, trains) in graph_and_spikes(), select in 1u32..3, seed: u64, image in 0u64..1 << 32) {
        let mut graph = graph;
        for population in &mut graph.populations {
            if let NeuronModel::Lif { membrane, .. } | NeuronModel::Readout { membrane, .. } = &mut population.model {
                membrane.decay = Decay { multiplier: membrane.decay.multiplier & 3 | 1, shift: 3, rounding: Rounding::TowardZero };
                membrane.bits = 32;
            }
        }
        prop_assume!(graph.check().is_ok());
        let Ok(schedule) = schedule(&graph, &chip(1, select, false), Mode::Substep) else { return Ok(()) };
        let [drawing] = &draw(&graph, &schedule, &trains, seed, image, 1)[..] else { panic!("one image") };
        let (events, membranes) = by_hand(&graph, &schedule, &trains, seed, image);
        prop_assert_eq!(&drawing.events, &events);
        prop_assert_eq!(&drawing.membranes, &membranes);
    }
}

/// The steps of a graph whose membranes are decayed `ticks_per_step` times each, from the interpreter's words alone.
fn by_hand(graph: &LifGraph, schedule: &Schedule, trains: &Trains, seed: u64, image: u64) -> (Vec<Event>, Vec<Vec<i32>>) {
    let ticks = schedule.domains[0].ticks_per_step;
    let silent: Vec<Vec<bool>> = graph.populations.iter().map(|population| vec![false; population.shape.neurons()]).collect();
    let (mut now, mut before, mut events) = (silent.clone(), silent, vec![]);
    let mut membranes: Vec<Vec<i32>> = graph.populations.iter().map(|_| vec![]).collect();
    for step in 0..graph.steps {
        std::mem::swap(&mut now, &mut before);
        for id in graph.update_order() {
            let population = graph.population(id);
            let neurons = population.shape.neurons();
            let mut fired = vec![false; neurons];
            match &population.model {
                NeuronModel::Lif { membrane, .. } | NeuronModel::Readout { membrane, .. } => {
                    // one step of a network of this population alone gives the sums
                    let sums = sums(graph, id, &now, &before);
                    let decay = schedule.populations[id.index()].decay.expect("it leaks");
                    membranes[id.index()].resize(neurons, 0);
                    for (neuron, v) in membranes[id.index()].iter_mut().enumerate() {
                        let decayed = (0..ticks).fold(*v, |v, _| decay.apply(v));
                        *v = decayed + (sums[neuron] << membrane.input_shift) + population.shape.value_of(&membrane.bias, neuron);
                        if let NeuronModel::Lif { threshold, .. } = &population.model
                            && *v > population.shape.value_of(threshold, neuron)
                        {
                            (*v, fired[neuron]) = (0, true);
                        }
                    }
                }
                NeuronModel::Select { ways } => {
                    let (_, pick) = graph.projections_into(id).next().expect("its pick");
                    for (channel, fires) in (0..).zip(&mut fired) {
                        let way = philox::pick(seed, image, step, channel, *ways);
                        *fires = now[pick.source.index()][(channel * ways + way) as usize];
                    }
                }
                _ => {
                    let train = trains.iter().find(|(source, _)| *source == id).and_then(|(_, train)| train.get(step as usize));
                    fired = train.cloned().unwrap_or(fired);
                }
            }
            now[id.index()] = fired;
        }
        for (population, spikes) in (0..).map(PopulationId).zip(&now) {
            let fired = (0..).zip(spikes).filter(|(_, fired)| **fired);
            events.extend(fired.map(|(neuron, _)| Event { step, population, neuron }));
        }
    }
    (events, membranes)
}

/// The summed weights that reach a population, by running the interpreter one step on a network of its sources and a read-out.
fn sums(graph: &LifGraph, id: PopulationId, now: &[Vec<bool>], before: &[Vec<bool>]) -> Vec<i32> {
    let projections: Vec<&Projection> = graph.projections_into(id).map(|(_, projection)| projection).collect();
    let source = |(index, projection): (usize, &&Projection)| Population {
        name: format!("source {index}"),
        shape: graph.population(projection.source).shape,
        model: NeuronModel::Source,
    };
    let mut populations: Vec<Population> = projections.iter().enumerate().map(source).collect();
    let last = PopulationId::from_index(populations.len());
    let decay = Decay { multiplier: 0, shift: 0, rounding: Rounding::Floor };
    let membrane = Membrane { decay, input_shift: 0, bias: vec![0], bits: 32 };
    let pixels = PixelTable { levels: (0..255).collect() };
    populations.push(Population {
        name: "sums".into(),
        shape: graph.population(id).shape,
        model: NeuronModel::Readout { membrane, pixels },
    });
    let wire = |(index, projection): (usize, &&Projection)| Projection {
        source: PopulationId::from_index(index),
        target: last,
        delay: 0,
        ..(*projection).clone()
    };
    let wires = projections.iter().enumerate().map(wire).collect();
    let network = LifGraph { name: "sums".into(), steps: 1, populations, projections: wires };
    let mut interpreter = Interpreter::new(&network, 0, 0);
    for (index, projection) in projections.iter().enumerate() {
        let heard = if projection.delay == 0 { now } else { before };
        interpreter = interpreter.with_source(PopulationId::from_index(index), vec![heard[projection.source.index()].clone()]);
    }
    interpreter.run().membranes.remove(last.index())
}
