//! The meaning of a graph, by hand.

use crate::random::{image_pixels, source_spikes, well_formed_graph};
use crate::*;
use proptest::prelude::*;

fn graph(text: &str) -> LifGraph {
    LifGraph::from_text(text).expect("a graph")
}

fn train(steps: &[&[u8]]) -> SpikeTrain {
    steps.iter().map(|step| step.iter().map(|&spike| spike == 1).collect()).collect()
}

#[test]
fn a_neuron_leaks_integrates_fires_and_forgets() {
    let graph = graph(
        "graph g steps 5
         population in source 2x1x1
         population out lif 1x1x1 decay 1/2^1 toward-zero shift 1 bits 16 bias [-1] threshold [6]
         projection p from in to out dense delay 0 weights [3, -4]",
    );
    let spikes = train(&[&[1, 0], &[1, 0], &[1, 0], &[0, 1], &[0, 1]]);
    let mut interpreter = Interpreter::new(&graph, 0, 0).with_source(PopulationId(0), spikes);
    let out = PopulationId(1);
    let mut seen = vec![];
    for _ in 0..5 {
        interpreter.step();
        seen.push((interpreter.inputs(out)[0], interpreter.membranes(out)[0], interpreter.spikes(out)[0]));
    }
    // 0 + 2*3 - 1; 5/2 + 6 - 1 = 7 > 6, reset; from 0 again; 5/2 - 8 - 1; -7/2 toward zero - 9
    assert_eq!(seen, [(3, 5, false), (3, 0, true), (3, 5, false), (-4, -7, false), (-4, -12, false)]);
}

#[test]
fn the_threshold_must_be_passed_not_reached() {
    let text = "graph g steps 1 population p lif 3x1x1 decay 0/2^0 floor shift 0 bits 8 bias [4, 5, 6] threshold [5]";
    assert_eq!(Interpreter::new(&graph(text), 0, 0).run().spikes, [[[false, false, true]]]);
}

#[test]
fn parameters_are_of_all_neurons_of_a_channel_or_of_a_neuron() {
    let fired = |bias: &str, threshold: &str| {
        let text = format!("graph g steps 1 population p lif 2x1x2 decay 0/2^0 floor shift 0 bits 8 bias [{bias}] threshold [{threshold}]");
        let run = Interpreter::new(&graph(&text), 0, 0).run();
        run.spikes[0][0].iter().map(|&spike| u8::from(spike)).collect::<Vec<_>>()
    };
    assert_eq!(fired("5", "4"), [1, 1, 1, 1]);
    assert_eq!(fired("5", "4, 5"), [1, 1, 0, 0]);
    assert_eq!(fired("4, 5", "4"), [0, 0, 1, 1]);
    assert_eq!(fired("5", "4, 5, 5, 4"), [1, 0, 0, 1]);
    assert_eq!(fired("4, 5, 4, 5", "4"), [0, 1, 0, 1]);
    assert_eq!(fired("4, 5, 6, 7", "3, 5"), [1, 1, 1, 1]);
    assert_eq!(fired("4, 5, 6, 7", "7, 6, 5, 4"), [0, 0, 1, 1]);
}

#[test]
fn roundings_of_a_negative_membrane() {
    let decay = |rounding| Decay { multiplier: 3, shift: 2, rounding };
    for (v, toward_zero, floor, ceiling) in [(7, 5, 5, 6), (-7, -5, -6, -5), (8, 6, 6, 6), (-8, -6, -6, -6), (-1, 0, -1, 0), (1, 0, 0, 1)] {
        assert_eq!(decay(Rounding::TowardZero).apply(v), toward_zero);
        assert_eq!(decay(Rounding::Floor).apply(v), floor);
        assert_eq!(decay(Rounding::Ceiling).apply(v), ceiling);
    }
    let close_to_one = Decay { multiplier: (1 << 24) - 1, shift: 24, rounding: Rounding::Floor };
    assert_eq!(close_to_one.apply(i32::MIN), -0x7fff_ff80);
}

/// (3 * (2 * 255 - 255) - 2 * (2 * 127 - 255) + 2) / 4 = (765 + 2 + 2) / 4 = 192, at every step; without an image nothing.
#[test]
fn an_image_is_a_current_of_every_step() {
    let graph = graph(
        "graph g steps 3
         population photo image 2x1x1 shift 2
         population out lif 1x1x1 decay 1/2^1 floor shift 1 bits 16 bias [0] threshold [1000]
         projection p from photo to out dense delay 0 weights [3, -2]",
    );
    let out = |interpreter: Interpreter<'_>| interpreter.run().membranes[1][0];
    assert_eq!(out(Interpreter::new(&graph, 0, 0).with_image(PopulationId(0), &[255, 127])), 384 + 192 + 96);
    assert_eq!(out(Interpreter::new(&graph, 0, 0).with_image(PopulationId(0), &[0, 128])), -384 - 192 - 96); // (-765 - 2 + 2) / 4, down
    assert_eq!(out(Interpreter::new(&graph, 0, 0)), 0);
}

#[test]
fn currents_are_rounded_with_halves_up() {
    assert_eq!([-7, -6, -5, -3, -2, -1, 0, 1, 2, 3, 6].map(|sum| current(sum, 2)), [-2, -1, -1, -1, 0, 0, 0, 0, 1, 1, 2]);
    assert_eq!(current(-3, 0), -3);
    assert_eq!([0, 127, 128, 255].map(pixel_value), [-255, -1, 1, 255]);
}

#[test]
fn a_delay_is_one_step_and_none_comes_before_the_first() {
    let graph = graph(
        "graph g steps 3
         population late lif 1x1x1 decay 0/2^0 floor shift 0 bits 8 bias [0] threshold [0]
         population now lif 1x1x1 decay 0/2^0 floor shift 0 bits 8 bias [0] threshold [0]
         population in source 1x1x1
         projection a from in to now dense delay 0 weights [1]
         projection b from in to late dense delay 1 weights [1]",
    );
    let run = Interpreter::new(&graph, 0, 0).with_source(PopulationId(2), train(&[&[1]])).run();
    assert_eq!(run.spikes, [[[false], [true], [true]], [[true], [false], [false]], [[false], [false], [false]]]);
}

/// A spike in the middle draws the kernel's nine weights; one in a corner, what padding leaves of them.
#[test]
fn kernels_lie_as_in_pytorch() {
    let case = |connectivity: &str, source: &str, target: &str, fired: usize| {
        let text = format!(
            "graph g steps 1 population in source {source}
             population out lif {target} decay 0/2^0 floor shift 0 bits 16 bias [0] threshold [1000]
             projection p from in to out {connectivity} delay 0 weights [1, 2, 3, 4, 5, 6, 7, 8, 9]"
        );
        let graph = graph(&text);
        let spikes: Vec<bool> = (0..graph.populations[0].shape.neurons()).map(|neuron| neuron == fired).collect();
        Interpreter::new(&graph, 0, 0).with_source(PopulationId(0), vec![spikes]).run().membranes[1].clone()
    };
    let same = "size 3 stride 1 padding 1 output-padding 0";
    assert_eq!(case(&format!("conv {same}"), "1x3x3", "1x3x3", 4), [9, 8, 7, 6, 5, 4, 3, 2, 1]);
    assert_eq!(case(&format!("conv {same}"), "1x3x3", "1x3x3", 0), [5, 4, 0, 2, 1, 0, 0, 0, 0]);
    assert_eq!(case(&format!("conv-transpose {same}"), "1x3x3", "1x3x3", 4), [1, 2, 3, 4, 5, 6, 7, 8, 9]);
    let up = "conv-transpose size 3 stride 2 padding 1 output-padding 1";
    assert_eq!(case(up, "1x2x2", "1x4x4", 0), [5, 6, 0, 0, 8, 9, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    assert_eq!(case(up, "1x2x2", "1x4x4", 3), [0, 0, 0, 0, 0, 1, 2, 3, 0, 4, 5, 6, 0, 7, 8, 9]);
    let down = "conv size 3 stride 2 padding 1 output-padding 0";
    assert_eq!(case(down, "1x4x4", "1x2x2", 5), [9, 7, 3, 1]);
}

#[test]
fn the_order_of_weights() {
    let graph = graph(
        "graph g steps 1 population in source 2x1x1
         population dense lif 3x1x1 decay 0/2^0 floor shift 0 bits 16 bias [0] threshold [99]
         population conv lif 3x1x1 decay 0/2^0 floor shift 0 bits 16 bias [0] threshold [99]
         population transposed lif 3x1x1 decay 0/2^0 floor shift 0 bits 16 bias [0] threshold [99]
         projection a from in to dense dense delay 0 weights [1, 2, 3, 4, 5, 6]
         projection b from in to conv conv size 1 stride 1 padding 0 output-padding 0 delay 0 weights [1, 2, 3, 4, 5, 6]
         projection c from in to transposed conv-transpose size 1 stride 1 padding 0 output-padding 0 delay 0 weights [1, 2, 3, 4, 5, 6]",
    );
    let run = Interpreter::new(&graph, 0, 0).with_source(PopulationId(0), train(&[&[0, 1]])).run();
    assert_eq!(run.membranes[1..], [[2, 4, 6], [2, 4, 6], [4, 5, 6]]);
}

#[test]
fn a_select_stage_copies_one_of_each_group() {
    let graph = graph(
        "graph g steps 50 population in source 12x1x1 population pick select 4x1x1 ways 3
         projection p from in to pick pick delay 0",
    );
    let one_way: Vec<bool> = (0..12).map(|neuron| neuron % 3 == 1).collect();
    let run = Interpreter::new(&graph, 7, 1 << 40).with_source(PopulationId(0), vec![one_way; 50]).run();
    let mut copied = 0;
    for (step, spikes) in (0..).zip(&run.spikes) {
        for (channel, &fired) in (0..).zip(&spikes[1]) {
            assert_eq!(fired, philox::pick(7, 1 << 40, step, channel, 3) == 1);
            copied += u32::from(fired);
        }
    }
    assert!((40..95).contains(&copied), "about a third of 200: {copied}");
}

#[test]
fn forced_spikes_are_heard_and_computed_ones_reported() {
    let graph = graph(
        "graph g steps 2
         population a lif 1x1x1 decay 0/2^0 floor shift 0 bits 8 bias [1] threshold [0]
         population b lif 1x1x1 decay 0/2^0 floor shift 0 bits 8 bias [0] threshold [0]
         projection p from a to b dense delay 0 weights [1]",
    );
    let run = Interpreter::new(&graph, 0, 0).with_forced(PopulationId(0), train(&[&[0], &[1]])).run();
    assert_eq!(run.spikes, [[[true], [false]], [[true], [true]]]);
}

#[test]
fn a_read_out_counts_the_levels_that_it_reached() {
    let levels: Vec<String> = (0..255).map(|level| (level / 5).to_string()).collect();
    let text = format!(
        "graph g steps 2 population p readout 3x1x1 decay 1/2^1 floor shift 0 bits 8 bias [-1, 1, 60] levels [{}]",
        levels.join(", ")
    );
    let run = Interpreter::new(&graph(&text), 0, 0).run();
    assert_eq!(run.membranes, [[-2, 1, 90]]);
    assert_eq!(run.pixels, [Some(vec![0, 10, 255])]);
}

proptest! {
    /// The bounds hold for any spikes; the interpreter itself panics if a membrane leaves its width.
    #[test]
    fn sums_and_membranes_stay_within_the_worst_cases(
        (graph, trains, images) in well_formed_graph().prop_flat_map(|graph| {
            let outside = (source_spikes(&graph), image_pixels(&graph));
            (Just(graph), outside).prop_map(|(graph, (trains, images))| (graph, trains, images))
        }),
        seed: u64,
        image: u64,
    ) {
        let worst_cases = graph.worst_cases();
        let mut interpreter = Interpreter::new(&graph, seed, image);
        for (source, train) in trains {
            interpreter = interpreter.with_source(source, train);
        }
        for (image, pixels) in images {
            interpreter = interpreter.with_image(image, &pixels);
        }
        for _ in 0..graph.steps {
            interpreter.step();
            for (id, worst) in (0..).map(PopulationId).zip(&worst_cases) {
                let within = |value: i32, span: Span| (span.low..=span.high).contains(&i64::from(value));
                prop_assert!(interpreter.inputs(id).iter().all(|&input| within(input, worst.input)));
                prop_assert!(interpreter.membranes(id).iter().all(|&v| within(v, worst.membrane)));
            }
        }
    }
}
