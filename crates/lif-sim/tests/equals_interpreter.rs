//! The engine against the reference interpreter of lif-graph: every spike, every final membrane, every pixel, every synaptic
//! operation.

use lif_graph::random::{image_pixels, source_spikes, well_formed_graph};
use lif_graph::*;
use lif_sim::{Batch, Drawing, Engine, Event, GivenSpikes, Inputs, Kernel, Record, SimError};
use proptest::prelude::*;

/// What comes from outside: spikes of sources, pixels of images.
type Outside = (Vec<(PopulationId, SpikeTrain)>, Vec<(PopulationId, Vec<u8>)>);

fn graph_and_outside() -> impl Strategy<Value = (LifGraph, Outside)> {
    well_formed_graph().prop_flat_map(|graph| {
        let outside = (source_spikes(&graph), image_pixels(&graph));
        (Just(graph), outside)
    })
}

fn inputs(engine: &Engine, (trains, images): &Outside) -> Inputs {
    let fired = |step: &Vec<bool>| (0..).zip(step).filter_map(|(neuron, &fired)| fired.then_some(neuron)).collect();
    let given = |(population, train): &(PopulationId, SpikeTrain)| GivenSpikes {
        population: *population,
        neurons: train.iter().map(fired).collect(),
    };
    let spikes = engine.inputs(&trains.iter().map(given).collect::<Vec<_>>()).expect("spikes of this graph");
    images.iter().fold(spikes, |inputs, (image, pixels)| engine.with_image(inputs, *image, pixels).expect("an image of this graph"))
}

/// What the engine should say, from the interpreter's run.
fn reference(graph: &LifGraph, (trains, images): &Outside, seed: u64, image: u64) -> Drawing {
    let mut interpreter = Interpreter::new(graph, seed, image);
    for (source, train) in trains {
        interpreter = interpreter.with_source(*source, train.clone());
    }
    for (image, pixels) in images {
        interpreter = interpreter.with_image(*image, pixels);
    }
    let run = interpreter.run();
    let mut drawing = Drawing {
        image,
        pixels: run.pixels.iter().flatten().next().cloned().unwrap_or_default(),
        spikes: vec![0; graph.populations.len()],
        synaptic_operations: vec![0; graph.projections.len()],
        membranes: run.membranes,
        events: vec![],
    };
    for (step, populations) in (0..).zip(&run.spikes) {
        for (population, spikes) in (0..).map(PopulationId).zip(populations) {
            let fired = (0..).zip(spikes).filter(|(_, fired)| **fired);
            let events: Vec<Event> = fired.map(|(neuron, _)| Event { step, population, neuron }).collect();
            drawing.spikes[population.index()] += events.len() as u64;
            drawing.events.extend(events);
        }
    }
    for (operations, projection) in drawing.synaptic_operations.iter_mut().zip(&graph.projections) {
        let heard = &run.spikes[..run.spikes.len() - usize::from(projection.delay)];
        *operations = heard.iter().map(|populations| synapses(graph, projection, &populations[projection.source.index()])).sum();
    }
    drawing
}

/// Synapses of the neurons that fired, found by trying all targets and taps.
fn synapses(graph: &LifGraph, projection: &Projection, fired: &[bool]) -> u64 {
    let (from, to) = (graph.population(projection.source).shape, graph.population(projection.target).shape);
    let fan_out = |place: usize| match projection.connectivity {
        Connectivity::Pick => 0,
        Connectivity::Dense => to.neurons() as u64,
        Connectivity::Conv2d(kernel) | Connectivity::ConvTranspose2d(kernel) => {
            let transposed = matches!(projection.connectivity, Connectivity::ConvTranspose2d(_));
            let along = |source: u32, targets: u32| {
                let meets = |target: u32, tap: u32| {
                    let (coarse, fine) = if transposed { (source, target) } else { (target, source) };
                    coarse * kernel.stride + tap == fine + kernel.padding
                };
                (0..targets).flat_map(|target| (0..kernel.size).map(move |tap| (target, tap))).filter(|&(t, k)| meets(t, k)).count() as u64
            };
            let (y, x) = (place as u32 / from.width, place as u32 % from.width);
            along(y, to.height) * along(x, to.width) * u64::from(to.channels)
        }
    };
    let fired = fired.iter().enumerate().filter(|(_, fired)| **fired);
    fired.map(|(neuron, _)| fan_out(neuron % from.pixels())).sum()
}

const ALL: Record = Record { events: true, membranes: true, skip_unread: false };
const SKIP_UNREAD: Record = Record { events: false, membranes: false, skip_unread: true };

/// What is left of a drawing when unread populations are skipped: everything but their own counts.
fn without_unread(engine: &Engine, drawing: &Drawing) -> Drawing {
    let mut left = Drawing { membranes: vec![], events: vec![], ..drawing.clone() };
    engine.unread().iter().for_each(|population| left.spikes[population.index()] = 0);
    left
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1024))]

    #[test]
    fn the_engine_equals_the_interpreter((graph, outside) in graph_and_outside(), seed: u64, image: u64) {
        let expected = reference(&graph, &outside, seed, image);
        for kernel in Kernel::available() {
            let engine = Engine::with_kernel(&graph, kernel).expect("a well-formed graph");
            let inputs = inputs(&engine, &outside);
            let mut state = engine.state();
            prop_assert_eq!(&engine.draw(&mut state, seed, image, &inputs, ALL), &expected);
            // what an image leaves behind in its working memory must not reach the next
            engine.draw(&mut state, !seed, image, &inputs, Record::default());
            prop_assert_eq!(&engine.draw(&mut state, seed, image, &inputs, ALL), &expected);
            engine.draw(&mut state, !seed, image, &inputs, SKIP_UNREAD);
            prop_assert_eq!(&engine.draw(&mut state, seed, image, &inputs, SKIP_UNREAD), &without_unread(&engine, &expected));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_batch_is_the_same_at_any_number_of_threads((graph, outside) in graph_and_outside(), seed: u64, first in 0..u64::MAX - 40) {
        let engine = Engine::new(&graph).expect("a well-formed graph");
        let inputs = inputs(&engine, &outside);
        let images = first..first + 21;
        let mut state = engine.state();
        let one_by_one: Vec<Drawing> = images.clone().map(|image| engine.draw(&mut state, seed, image, &inputs, ALL)).collect();
        for threads in 1..4 {
            let batch = Batch { seed, images: images.clone(), record: ALL };
            let mut drawings = vec![];
            let taken: Result<(), SimError> = engine.workers(threads).expect("threads").draw(&batch, |_| &inputs, |drawing| drawing, |drawing| {
                drawings.push(drawing);
                Ok(())
            });
            prop_assert!(taken.is_ok());
            prop_assert_eq!(&drawings, &one_by_one);
        }
    }
}
