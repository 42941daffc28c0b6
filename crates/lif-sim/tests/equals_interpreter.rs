//! The engine against the reference interpreter of lif-graph: every spike, every final membrane, every pixel, every synaptic
//! operation.

use lif_graph::Kernel as Taps;
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

/// A source and a hidden layer in blocks of channels, and a picture of few channels that is wider than a vector.
fn wide_graph() -> impl Strategy<Value = LifGraph> {
    let shapes = (1u32..=3, 1u32..=2, 30u32..=40, 1u32..=2, 1u32..=4);
    let kernel = (1u32..=5, 0u32..=3).prop_map(|(size, padding)| Taps { size, stride: 1, padding: padding % size, output_padding: 0 });
    let weights = || prop::collection::vec(any::<i8>(), 97);
    let rounding = prop::sample::select(&[Rounding::TowardZero, Rounding::Floor, Rounding::Ceiling][..]);
    let decay = (1u8..=3, 1u32..=3, rounding).prop_map(|(shift, multiplier, rounding)| Decay { multiplier, shift: shift.max(2), rounding });
    let half = Just(Decay { multiplier: 1, shift: 1, rounding: Rounding::TowardZero });
    (shapes, kernel, weights(), weights(), prop_oneof![decay, half]).prop_filter_map("a kernel larger than its picture", build_wide)
}

type Wide = ((u32, u32, u32, u32, u32), Taps, Vec<i8>, Vec<i8>, Decay);

fn build_wide(((blocks, height, width, hidden_blocks, channels), level, up_weights, level_weights, decay): Wide) -> Option<LifGraph> {
    let up = Taps { size: 3, stride: 2, padding: 1, output_padding: 1 };
    let source = Shape { channels: 32 * blocks, height, width };
    let hidden = Shape { channels: 32 * hidden_blocks, height: 2 * height, width: 2 * width };
    let [picture_height, picture_width] = [hidden.height, hidden.width].map(|size| level.convolved(size));
    let picture = Shape { channels, height: picture_height? as u32, width: picture_width? as u32 };
    let population = |name: &str, shape, bias: i32| {
        let membrane = Membrane { decay, input_shift: 2, bias: vec![bias], bits: 32 };
        Population { name: name.into(), shape, model: NeuronModel::Lif { membrane, threshold: vec![900] } }
    };
    let projection = |source: u32, from: Shape, to: Shape, connectivity, kernel: Taps, weights: Vec<i8>| Projection {
        name: format!("{source}"),
        source: PopulationId(source),
        target: PopulationId(source + 1),
        delay: 0,
        connectivity,
        weights: weights.into_iter().cycle().take((from.channels * to.channels * kernel.size * kernel.size) as usize).collect(),
    };
    Some(LifGraph {
        name: "wide".into(),
        steps: 5,
        populations: vec![
            Population { name: "source".into(), shape: source, model: NeuronModel::Source },
            population("hidden", hidden, -37),
            population("picture", picture, 12),
        ],
        projections: vec![
            projection(0, source, hidden, Connectivity::ConvTranspose2d(up), up, up_weights),
            projection(1, hidden, picture, Connectivity::Conv2d(level), level, level_weights),
        ],
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn wide_pictures_and_blocks_equal_the_interpreter(graph in wide_graph(), some in prop::collection::vec(any::<bool>(), 211)) {
        prop_assert_eq!(graph.check(), Ok(()));
        let fires = |step: usize, neuron: usize| some[(neuron * 3 + step * 7) % some.len()];
        let neurons = graph.populations[0].shape.neurons();
        let train: SpikeTrain = (0..graph.steps as usize).map(|step| (0..neurons).map(|neuron| fires(step, neuron)).collect()).collect();
        let outside = (vec![(PopulationId(0), train)], vec![]);
        let expected = reference(&graph, &outside, 1, 1);
        for kernel in Kernel::available() {
            let engine = Engine::with_kernel(&graph, kernel).expect("a well-formed graph");
            let drawing = engine.draw(&mut engine.state(), 1, 1, &inputs(&engine, &outside), ALL);
            prop_assert_eq!(&drawing, &expected, "{}", kernel.name());
        }
    }
}
