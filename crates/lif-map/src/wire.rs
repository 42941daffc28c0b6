//! A projection as a mapper sees it: who reaches whom, without weights.
//!
//! Synapses count whether their weight is 0 or not, so that a mapping depends on the network's structure alone and holds for whatever a
//! training gives.
//!
//! In each direction of a convolution a source place reaches neighbouring target places, a range:
//!
//! ```text
//!   transposed:  target = source * stride + tap - padding            all taps, so a range as wide as the kernel
//!   convolution: source = target * stride + tap - padding            targets whose window holds the source
//! ```

use crate::region::{Region, length, overlap, part, parts_met};
use crate::{Division, rates::Rates};
use lif_graph::{Connectivity, Kernel, LifGraph, NeuronModel, PopulationId, Projection, Shape};

/// The reach of one projection.
pub struct Wire {
    /// Where spikes come from.
    pub source: PopulationId,
    /// Where they go.
    pub target: PopulationId,
    from: Shape,
    to: Shape,
    kind: Kind,
}

enum Kind {
    Dense,
    /// For each row and each column of the source the targets' range.
    Convolution {
        rows: Vec<[u32; 2]>,
        columns: Vec<[u32; 2]>,
    },
    Pick {
        ways: u32,
    },
}

/// Source neurons that a region listens to, sorted by how many synapses each has there: pairs of synapses and neurons.
pub struct FanIn {
    /// Every pair has at least one synapse and one neuron.
    pub axons: Vec<(u64, u64)>,
    /// Whether the targets of each are neighbours without gaps in the slice's numbering.
    pub gapless: bool,
}

impl Wire {
    /// The reach of a projection of a graph that passes [`LifGraph::check`].
    pub fn new(graph: &LifGraph, projection: &Projection) -> Self {
        let [from, to] = [projection.source, projection.target].map(|id| graph.population(id).shape);
        let convolution = |kernel, transposed| {
            let ranges = |inputs, outputs| (0..inputs).map(|place| reach(kernel, transposed, place, outputs)).collect();
            Kind::Convolution { rows: ranges(from.height, to.height), columns: ranges(from.width, to.width) }
        };
        let kind = match (projection.connectivity, &graph.population(projection.target).model) {
            (Connectivity::Conv2d(kernel), _) => convolution(kernel, false),
            (Connectivity::ConvTranspose2d(kernel), _) => convolution(kernel, true),
            (Connectivity::Pick, NeuronModel::Select { ways }) => Kind::Pick { ways: *ways },
            (Connectivity::Dense | Connectivity::Pick, _) => Kind::Dense,
        };
        Self { source: projection.source, target: projection.target, from, to, kind }
    }

    /// What `target`, a region of the target population, hears.
    pub fn fan_in(&self, target: Region) -> FanIn {
        match &self.kind {
            Kind::Dense => FanIn { axons: vec![(target.neurons(), self.from.neurons() as u64)], gapless: true },
            Kind::Pick { ways } => FanIn { axons: vec![(1, target.channel_count() * u64::from(*ways))], gapless: true },
            Kind::Convolution { rows, columns } => {
                let (rows, columns) = (histogram(rows, target.rows), histogram(columns, target.columns));
                let pairs = rows.iter().flat_map(|&(height, some_rows)| {
                    columns.iter().map(move |&(width, some_columns)| {
                        let neurons = u64::from(self.from.channels) * some_rows * some_columns;
                        (target.channel_count() * height * width, neurons)
                    })
                });
                FanIn { axons: pairs.collect(), gapless: false }
            }
        }
    }

    /// How many synapses one source neuron has in a region of the target population; the neuron by channel, row and column.
    pub fn synapses(&self, [channel, row, column]: [u32; 3], target: Region) -> u64 {
        match &self.kind {
            Kind::Dense => target.neurons(),
            Kind::Pick { ways } => u64::from((target.channels[0]..target.channels[1]).contains(&(channel / ways))),
            Kind::Convolution { rows, columns } => {
                let (rows, columns) = (overlap(rows[row as usize], target.rows), overlap(columns[column as usize], target.columns));
                target.channel_count() * length(rows) * length(columns)
            }
        }
    }

    /// How many pairs of a neuron of `source` and a part of the target population there are where the one reaches the other.
    pub fn fan_out(&self, source: Region, targets: Division) -> u64 {
        match &self.kind {
            Kind::Dense => source.neurons() * targets.parts(),
            Kind::Pick { ways } => {
                (0..targets.channels).map(|index| picked(source, part(self.to.channels, targets.channels, index), *ways)).sum()
            }
            Kind::Convolution { rows, columns } => {
                let met = |ranges: &[[u32; 2]], [first, end]: [u32; 2], whole, parts| {
                    ranges[first as usize..end as usize].iter().map(|&range| parts_met(whole, parts, range)).sum::<u64>()
                };
                source.channel_count()
                    * u64::from(targets.channels)
                    * met(rows, source.rows, self.to.height, targets.rows)
                    * met(columns, source.columns, self.to.width, targets.columns)
            }
        }
    }

    /// Whether a neuron of `source` reaches one of `target`, and how many spikes then go that way.
    pub fn traffic(&self, source: Region, target: Region, rates: &Rates) -> Option<u64> {
        match &self.kind {
            Kind::Dense => Some(rates.spikes(self.source, source)),
            Kind::Pick { ways } => {
                let channels = overlap(source.channels, target.channels.map(|channel| channel * ways));
                (length(channels) > 0).then(|| rates.spikes(self.source, Region { channels, ..source }))
            }
            Kind::Convolution { rows, columns } => {
                let reaching = |ranges: &[[u32; 2]], [first, end]: [u32; 2], targets| {
                    (first..end).filter(|&place| length(overlap(ranges[place as usize], targets)) > 0).collect::<Vec<u32>>()
                };
                let (rows, columns) = (reaching(rows, source.rows, target.rows), reaching(columns, source.columns, target.columns));
                let positions = rows.iter().flat_map(|&row| columns.iter().map(move |&column| (row, column)));
                (!rows.is_empty() && !columns.is_empty()).then(|| {
                    let at = |(row, column)| Region { rows: [row, row + 1], columns: [column, column + 1], ..source };
                    positions.map(|position| rates.spikes(self.source, at(position))).sum()
                })
            }
        }
    }
}

/// Neurons of a flat source region that a range of select channels picks from.
fn picked(source: Region, channels: [u32; 2], ways: u32) -> u64 {
    length(overlap(source.channels, channels.map(|channel| channel * ways)))
}

/// Target places that a source place reaches.
fn reach(kernel: Kernel, transposed: bool, place: u32, outputs: u32) -> [u32; 2] {
    let (size, stride, padding) = (i64::from(kernel.size), i64::from(kernel.stride), i64::from(kernel.padding));
    let place = i64::from(place);
    let (first, end) = if transposed {
        (place * stride - padding, place * stride - padding + size)
    } else {
        let last = (place + padding).div_euclid(stride);
        ((place + padding - size).div_euclid(stride) + 1, last + 1)
    };
    let inside = |place: i64| place.clamp(0, i64::from(outputs)) as u32;
    [inside(first), inside(end)]
}

/// How many source places have an overlap of each length with a range of targets.
fn histogram(ranges: &[[u32; 2]], targets: [u32; 2]) -> Vec<(u64, u64)> {
    let mut counts: Vec<(u64, u64)> = Vec::new();
    for &range in ranges {
        let size = length(overlap(range, targets));
        match counts.iter_mut().find(|(found, _)| *found == size) {
            _ if size == 0 => {}
            Some((_, count)) => *count += 1,
            None => counts.push((size, 1)),
        }
    }
    counts
}

#[cfg(test)]
mod tests {
    use super::*;
    use lif_graph::random::well_formed_graph;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    fn members(region: Region, shape: Shape) -> BTreeSet<usize> {
        let channels = region.channels[0]..region.channels[1];
        let places = channels.flat_map(|c| {
            (region.rows[0]..region.rows[1]).flat_map(move |y| (region.columns[0]..region.columns[1]).map(move |x| (c, y, x)))
        });
        places.map(|(c, y, x)| ((c * shape.height + y) * shape.width + x) as usize).collect()
    }

    /// All pairs of a projection, straight from the meaning of the connectivities.
    fn synapses(graph: &LifGraph, projection: &Projection) -> BTreeSet<(usize, usize)> {
        let [from, to] = [projection.source, projection.target].map(|id| graph.population(id).shape);
        let place = |shape: Shape, neuron: usize| {
            let pixel = neuron % shape.pixels();
            ((pixel / shape.width as usize) as i64, (pixel % shape.width as usize) as i64)
        };
        let connected = |source: usize, target: usize| match (projection.connectivity, &graph.population(projection.target).model) {
            (Connectivity::Dense, _) => true,
            (Connectivity::Pick, NeuronModel::Select { ways }) => source / *ways as usize == target,
            (Connectivity::Conv2d(kernel), _) => window(kernel, place(to, target), place(from, source)),
            (Connectivity::ConvTranspose2d(kernel), _) => window(kernel, place(from, source), place(to, target)),
            _ => false,
        };
        let pairs = (0..from.neurons()).flat_map(|source| (0..to.neurons()).map(move |target| (source, target)));
        pairs.filter(|&(source, target)| connected(source, target)).collect()
    }

    /// Whether the window of `centre` holds `place`.
    fn window(kernel: Kernel, centre: (i64, i64), place: (i64, i64)) -> bool {
        let holds = |centre: i64, place: i64| {
            (0..i64::from(kernel.size)).contains(&(place + i64::from(kernel.padding) - centre * i64::from(kernel.stride)))
        };
        holds(centre.0, place.0) && holds(centre.1, place.1)
    }

    fn division(shape: Shape, seed: [u32; 3]) -> Division {
        Division { channels: 1 + seed[0] % shape.channels, rows: 1 + seed[1] % shape.height, columns: 1 + seed[2] % shape.width }
    }

    proptest! {
        /// Fan-in, fan-out and traffic are what counting single synapses gives.
        #[test]
        fn the_reach_is_that_of_the_synapses(graph in well_formed_graph(), seed in any::<[[u32; 3]; 2]>()) {
            let rates = Rates::unit(&graph);
            for projection in &graph.projections {
                let pairs = synapses(&graph, projection);
                let wire = Wire::new(&graph, projection);
                let [from, to] = [projection.source, projection.target].map(|id| graph.population(id).shape);
                let (sources, targets) = (division(from, seed[0]), division(to, seed[1]));
                for target in targets.regions(to) {
                    let inside = members(target, to);
                    let mut by_source = vec![0u64; from.neurons()];
                    pairs.iter().filter(|(_, neuron)| inside.contains(neuron)).for_each(|&(source, _)| by_source[source] += 1);
                    for (source, &count) in by_source.iter().enumerate() {
                        let (pixel, width) = (source % from.pixels(), from.width as usize);
                        let place = [source / from.pixels(), pixel / width, pixel % width].map(|side| side as u32);
                        prop_assert_eq!(wire.synapses(place, target), count);
                    }
                    let mut expected: Vec<u64> = by_source.into_iter().filter(|&count| count > 0).collect();
                    let mut found: Vec<u64> =
                        wire.fan_in(target).axons.iter().flat_map(|&(count, neurons)| vec![count; neurons as usize]).collect();
                    expected.sort_unstable();
                    found.sort_unstable();
                    prop_assert_eq!(found, expected);
                }
                for source in sources.regions(from) {
                    let inside = members(source, from);
                    let mut reached = 0;
                    for target in targets.regions(to) {
                        let goal = members(target, to);
                        let neurons: BTreeSet<usize> =
                            pairs.iter().filter(|(a, b)| inside.contains(a) && goal.contains(b)).map(|&(a, _)| a).collect();
                        reached += neurons.len() as u64;
                        let expected = (!neurons.is_empty()).then_some(neurons.len() as u64);
                        prop_assert_eq!(wire.traffic(source, target, &rates), expected);
                    }
                    prop_assert_eq!(wire.fan_out(source, targets), reached);
                }
            }
        }
    }
}
