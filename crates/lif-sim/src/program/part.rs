//! A picture in parts, each drawn without the others: by what it needs of all populations, some rows of which others compute as well.
//!
//! ```text
//!   prior     all    all       the part above and the part below of a decoder that doubles the picture layer by layer;
//!   4x4      ###.    .###      a row beside what a part owns is what the kernels of the next layer reach
//!   8x8      #####... ...#####
//!   picture  owned   owned
//! ```

use super::Stage;
use super::layout::Geometry;
use lif_graph::{LifGraph, NeuronModel, PopulationId};
use std::ops::Range;

/// One of the parts that a picture is drawn in.
#[derive(Clone, Debug)]
pub(crate) struct Part {
    /// By population: the rows that this part alone counts and shows.
    pub owned: Vec<Range<usize>>,
    /// By population: the rows that it computes.
    pub needed: Vec<Range<usize>>,
}

/// Two threads for a picture pay where it has so many updates of membranes: fewer take as long as waking a thread.
const WORTH_A_THREAD: usize = 1 << 16;

impl Part {
    /// Two, if each updates at most three quarters of the membranes of the whole.
    pub(super) fn halves(graph: &LifGraph, stages: &[Stage], whole: &Self) -> Option<[Self; 2]> {
        let updates = |part: &Self| -> usize {
            let neurons = part.needed.iter().zip(&graph.populations).map(|(rows, population)| match population.model {
                NeuronModel::Lif { .. } | NeuronModel::Readout { .. } => {
                    rows.len() * (population.shape.width * population.shape.channels) as usize
                }
                NeuronModel::Select { .. } | NeuronModel::Source | NeuronModel::Image { .. } => 0,
            });
            neurons.sum::<usize>() * graph.steps as usize
        };
        let halves = [0, 1].map(|number| Self::new(graph, stages, number, 2));
        let whole = updates(whole);
        (whole >= WORTH_A_THREAD && halves.iter().all(|half| updates(half) <= whole / 4 * 3)).then_some(halves)
    }

    /// Part `number` of `count`; `stages` are the graph's.
    pub(crate) fn new(graph: &LifGraph, stages: &[Stage], number: usize, count: usize) -> Self {
        let height = |id: PopulationId| graph.population(id).shape.height as usize;
        let ids = || (0..graph.populations.len()).map(PopulationId::from_index);
        let owned: Vec<Range<usize>> = ids().map(|id| height(id) * number / count..height(id) * (number + 1) / count).collect();
        let mut needed = owned.clone();
        for stage in stages.iter().rev() {
            if stage.looped && stage.populations.iter().any(|&index| !needed[index].is_empty()) {
                // what comes back may reach all
                stage.populations.iter().for_each(|&index| needed[index] = 0..height(PopulationId::from_index(index)));
            }
            for &index in stage.populations.iter().rev() {
                for (_, projection) in graph.projections_into(PopulationId::from_index(index)) {
                    let source = projection.source.index();
                    let rows = match Geometry::new(graph, projection) {
                        Some(geometry) => needed[index].clone().flat_map(|y| geometry.y.into(y as u32)).fold(0..0, |rows, (_, y)| {
                            let y = y as usize;
                            joined(&rows, &(y..y + 1))
                        }),
                        None if needed[index].is_empty() => 0..0,
                        None => 0..height(projection.source),
                    };
                    needed[source] = joined(&needed[source], &rows);
                }
            }
        }
        Self { owned, needed }
    }
}

/// All rows from the first to the last of both.
fn joined(one: &Range<usize>, other: &Range<usize>) -> Range<usize> {
    match (one.is_empty(), other.is_empty()) {
        (_, true) => one.clone(),
        (true, _) => other.clone(),
        _ => one.start.min(other.start)..one.end.max(other.end),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::program::stages;
    use crate::{Engine, GivenSpikes, Inputs, Kernel, Record};
    use lif_graph::random::{image_pixels, source_spikes, well_formed_graph, with_room};
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(512))]

        #[test]
        fn parts_make_the_whole(
            (graph, trains, images) in (well_formed_graph(), prop_oneof![4 => Just(None), 1 => (60u32..140).prop_map(Some)]).prop_flat_map(|(graph, steps)| {
                // some of several chunks
                let graph = match steps.map(|steps| with_room(LifGraph { steps, ..graph.clone() })) {
                    Some(longer) if longer.check().is_ok() => longer,
                    _ => graph,
                };
                let outside = (source_spikes(&graph), image_pixels(&graph));
                (Just(graph), outside.0, outside.1)
            }),
            count in 1usize..5,
            seed: u64,
            skip_unread: bool,
        ) {
            let record = Record { skip_unread, ..Record::default() };
            for kernel in Kernel::available() {
                let engine = Engine::with_kernel(&graph, kernel).expect("a well-formed graph");
                let fired = |step: &Vec<bool>| (0..).zip(step).filter_map(|(neuron, &fired)| fired.then_some(neuron)).collect();
                let given = trains.iter().map(|(population, train)| GivenSpikes {
                    population: *population,
                    neurons: train.iter().map(fired).collect(),
                });
                let inputs = engine.inputs(&given.collect::<Vec<_>>()).expect("spikes of this graph");
                let inputs = images.iter().fold(inputs, |inputs, (image, pixels)| engine.with_image(inputs, *image, pixels).expect("an image"));
                let mut state = engine.state();
                let whole = engine.draw(&mut state, seed, 3, &inputs, record);
                let mut draw = |number| {
                    // a part must not take what another image left behind in rows that it does not compute
                    engine.draw(&mut state, !seed, 4, &Inputs::default(), record);
                    engine.draw_part(&Part::new(&graph, &stages(&graph), number, count), &mut state, seed, 3, &inputs, record)
                };
                let drawings = (0..count).map(&mut draw);
                prop_assert_eq!(drawings.reduce(|drawing, other| drawing.join(other)).expect("a part"), whole);
            }
        }

        #[test]
        fn every_row_has_one_owner_who_computes_it(graph in well_formed_graph(), count in 1usize..5) {
            let parts: Vec<Part> = (0..count).map(|number| Part::new(&graph, &stages(&graph), number, count)).collect();
            for (index, population) in graph.populations.iter().enumerate() {
                let rows: Vec<usize> = parts.iter().flat_map(|part| part.owned[index].clone()).collect();
                prop_assert_eq!(rows, (0..population.shape.height as usize).collect::<Vec<_>>());
                for Part { owned, needed } in &parts {
                    prop_assert!(owned[index].is_empty() || needed[index].start <= owned[index].start && owned[index].end <= needed[index].end);
                }
            }
        }
    }
}
