//! The engine against the reference interpreter of lif-graph: every spike, every final membrane, every pixel, every synaptic
//! operation.

use lif_graph::Kernel as Taps;
use lif_graph::random::{image_pixels, source_spikes, well_formed_graph, with_room};
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
    fn a_batch_is_the_same_at_any_number_of_threads(
        (graph, outside) in graph_and_outside(),
        seed: u64,
        first in 0..u64::MAX - 40,
        record in prop::sample::select(&[ALL, SKIP_UNREAD][..]),
    ) {
        let engine = Engine::new(&graph).expect("a well-formed graph");
        let inputs = inputs(&engine, &outside);
        let images = first..first + 21;
        let mut state = engine.state();
        let one_by_one: Vec<Drawing> = images.clone().map(|image| engine.draw(&mut state, seed, image, &inputs, record)).collect();
        for threads in 1..4 {
            let batch = Batch { seed, images: images.clone(), record };
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

/// What the engine says of the reference's run, on each kernel.
fn check(graph: &LifGraph, outside: &Outside, seed: u64) -> Result<(), TestCaseError> {
    let expected = reference(graph, outside, seed, 1);
    for kernel in Kernel::available() {
        let engine = Engine::with_kernel(graph, kernel).expect("a well-formed graph");
        let inputs = inputs(&engine, outside);
        let mut state = engine.state();
        prop_assert_eq!(&engine.draw(&mut state, seed, 1, &inputs, ALL), &expected, "{}", kernel.name());
        prop_assert_eq!(
            &engine.draw(&mut state, seed, 1, &inputs, SKIP_UNREAD),
            &without_unread(&engine, &expected),
            "{} without what is unread",
            kernel.name()
        );
    }
    Ok(())
}

/// Spikes of population 0.
fn spikes_of_first(graph: &LifGraph, fires: impl Fn(usize, usize) -> bool) -> Outside {
    let neurons = graph.populations[0].shape.neurons();
    let train: SpikeTrain = (0..graph.steps as usize).map(|step| (0..neurons).map(|neuron| fires(step, neuron)).collect()).collect();
    (vec![(PopulationId(0), train)], vec![])
}

fn chain(steps: u32, populations: Vec<Population>, connected: Vec<(Connectivity, u8, Vec<i8>)>) -> LifGraph {
    let projection = |(source, (connectivity, delay, weights)): (u32, (Connectivity, u8, Vec<i8>))| Projection {
        name: format!("{source}"),
        source: PopulationId(source),
        target: PopulationId(source + 1),
        delay,
        connectivity,
        weights,
    };
    let projections = (0..).zip(connected).map(projection).collect();
    with_room(LifGraph { name: "chain".into(), steps, populations, projections })
}

fn source(shape: Shape) -> Population {
    Population { name: "source".into(), shape, model: NeuronModel::Source }
}

fn lif(name: &str, shape: Shape, decay: Decay, input_shift: u8, bias: Vec<i32>, threshold: Vec<i32>) -> Population {
    let membrane = Membrane { decay, input_shift, bias, bits: 32 };
    Population { name: name.into(), shape, model: NeuronModel::Lif { membrane, threshold } }
}

/// A source and a hidden layer in blocks of channels, and a picture of few channels that is wider than a vector.
fn wide_graph() -> impl Strategy<Value = LifGraph> {
    let shapes = ((1u32..=3, 1u32..=3), 1u32..=2, 30u32..=40, 1u32..=2, 1u32..=4);
    let kernel = (1u32..=5, 0u32..=6).prop_map(|(size, padding)| Taps { size, stride: 1, padding, output_padding: 0 });
    let weights = || prop::collection::vec(any::<i8>(), 97);
    let half = Just(Decay { multiplier: 1, shift: 1, rounding: Rounding::TowardZero });
    (shapes, (kernel, any::<bool>(), 0u8..=1), weights(), weights(), prop_oneof![decay(), half])
        .prop_filter_map("a kernel larger than its picture", build_wide)
}

fn decay() -> impl Strategy<Value = Decay> {
    let rounding = prop::sample::select(&[Rounding::TowardZero, Rounding::Floor, Rounding::Ceiling][..]);
    (2u8..=3, 1u32..=3, rounding).prop_map(|(shift, multiplier, rounding)| Decay { multiplier, shift, rounding })
}

type Wide = (((u32, u32), u32, u32, u32, u32), (Taps, bool, u8), Vec<i8>, Vec<i8>, Decay);

fn build_wide(
    (((size, blocks), height, width, hidden_blocks, channels), (level, transposed, delay), up_weights, level_weights, decay): Wide,
) -> Option<LifGraph> {
    let up = Taps { size, stride: 2, padding: u32::from(size == 3), output_padding: u32::from(size != 2) };
    let first = Shape { channels: 32 * blocks, height, width };
    let hidden = Shape { channels: 32 * hidden_blocks, height: 2 * height, width: 2 * width };
    let size = |size| if transposed { level.transposed(size) } else { level.convolved(size) }.filter(|&size| size > 0);
    let picture = Shape { channels, height: size(hidden.height)? as u32, width: size(hidden.width)? as u32 };
    let level_connectivity = if transposed { Connectivity::ConvTranspose2d(level) } else { Connectivity::Conv2d(level) };
    let cycled = |from: Shape, to: Shape, kernel: Taps, weights: Vec<i8>| {
        weights.into_iter().cycle().take((from.channels * to.channels * kernel.size * kernel.size) as usize).collect()
    };
    let populations =
        vec![source(first), lif("hidden", hidden, decay, 2, vec![-37], vec![900]), lif("picture", picture, decay, 2, vec![12], vec![900])];
    Some(chain(
        5,
        populations,
        vec![
            (Connectivity::ConvTranspose2d(up), 0, cycled(first, hidden, up, up_weights)),
            (level_connectivity, delay, cycled(hidden, picture, level, level_weights)),
        ],
    ))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn wide_pictures_and_blocks_equal_the_interpreter(graph in wide_graph(), some in prop::collection::vec(any::<bool>(), 211)) {
        prop_assert_eq!(graph.check(), Ok(()));
        let outside = spikes_of_first(&graph, |step, neuron| some[(neuron * 3 + step * 7) % some.len()]);
        check(&graph, &outside, 1)?;
    }
}

/// Neurons that nobody reads but a select stage, and that remember for long.
fn picked_graph() -> impl Strategy<Value = LifGraph> {
    let decays = (1u8..=8, 1u32..=3).prop_map(|(shift, less)| Decay {
        multiplier: (1u32 << shift).saturating_sub(less),
        shift,
        rounding: if less == 2 { Rounding::Floor } else { Rounding::TowardZero },
    });
    let neurons = (5u32..=100, 1u32..=9, 1u32..=6);
    let parameters = (prop::collection::vec(-300i32..300, 1..5), prop::collection::vec(0i32..3000, 1..5), 0u8..=3);
    (1u32..=64, neurons, decays, parameters, prop::collection::vec(any::<i8>(), 131)).prop_map(
        |(steps, (sources, channels, ways), decay, (bias, threshold, shift), weights)| {
            let (first, asked, chosen) = (Shape::flat(sources), Shape::flat(channels * ways), Shape::flat(channels));
            let each = |values: Vec<i32>| values.into_iter().cycle().take(asked.neurons()).collect();
            let select = Population { name: "select".into(), shape: chosen, model: NeuronModel::Select { ways } };
            let dense = weights.into_iter().cycle().take(first.neurons() * asked.neurons()).collect();
            let populations = vec![source(first), lif("asked", asked, decay, shift, each(bias), each(threshold)), select];
            chain(steps, populations, vec![(Connectivity::Dense, 0, dense), (Connectivity::Pick, 0, vec![])])
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn picks_equal_the_interpreter_however_far_they_look_back(graph in picked_graph(), some in prop::collection::vec(any::<bool>(), 127), seed: u64) {
        prop_assert_eq!(graph.check(), Ok(()));
        let outside = spikes_of_first(&graph, |step, neuron| some[(neuron * 3 + step * 11) % some.len()]);
        check(&graph, &outside, seed)?;
    }

    #[test]
    fn images_of_several_chunks_equal_the_interpreter((graph, places) in (well_formed_graph(), any::<u32>()), some in prop::collection::vec(any::<bool>(), 127)) {
        let graph = with_room(LifGraph { steps: 60 + places % 80, ..graph });
        prop_assume!(graph.check().is_ok());
        let trains = graph.populations.iter().enumerate().filter(|(_, population)| population.model == NeuronModel::Source);
        let trains = trains.map(|(index, population)| {
            let fires = |step: usize, neuron: usize| some[(neuron * 3 + step * 7) % some.len()];
            let step = |step| (0..population.shape.neurons()).map(|neuron| fires(step, neuron)).collect();
            (PopulationId::from_index(index), (0..graph.steps as usize).map(step).collect())
        });
        check(&graph, &(trains.collect(), vec![]), 1)?;
    }
}

/// The ends of what is possible need not be membranes that occur: they may leave the 32 bits that hold all of these.
#[test]
fn picks_whose_bounds_leave_32_bits() {
    let remembering = Decay { multiplier: (1 << 24) - 1, shift: 24, rounding: Rounding::TowardZero };
    for (sources, bias, threshold, first) in [(200, -429_000_000, 0, 3), (100, 0, 2_000_000_000, 0)] {
        let (asked, chosen) = (Shape::flat(2), Shape::flat(1));
        let select = Population { name: "select".into(), shape: chosen, model: NeuronModel::Select { ways: 2 } };
        let populations = vec![source(Shape::flat(sources)), lif("asked", asked, remembering, 15, vec![bias], vec![threshold]), select];
        let dense = vec![127; sources as usize * asked.neurons()];
        let graph = chain(5, populations, vec![(Connectivity::Dense, 0, dense), (Connectivity::Pick, 0, vec![])]);
        assert_eq!(graph.check(), Ok(()));
        let outside = spikes_of_first(&graph, |step, _| step >= first);
        check(&graph, &outside, 1).expect("what the interpreter says");
    }
}

#[test]
fn kernels_add_the_same() {
    let bytes: Vec<i8> = (0..1024).map(|n: i32| (n * 37 % 251) as i8).collect();
    let sums: Vec<i16> = Kernel::available().into_iter().map(|kernel| kernel.widen_and_add(&bytes, 3)).collect();
    let expected = bytes.iter().fold(0, |sum: i16, &byte| sum.wrapping_add(3 * i16::from(byte)));
    assert!(sums.iter().all(|&sum| sum == expected), "{sums:?}, {expected}");
}
