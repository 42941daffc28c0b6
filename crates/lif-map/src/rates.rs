//! How often neurons fire: what a hop is weighted with.

use crate::region::Region;
use crate::rules::{self, MapError};
use lif_graph::{LifGraph, PopulationId, Shape};

/// Spikes of every neuron, counted over a number of steps, all integers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rates {
    steps: u32,
    measured: bool,
    populations: Vec<Table>,
}

/// Sums over channels, rows and columns up to a place, so that a box is eight look-ups.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Table {
    shape: Shape,
    sums: Vec<u64>,
}

/// The most steps that can be counted over, so that no sum of a mapping overflows.
pub const MAX_STEPS: u32 = 1 << 20;

impl Rates {
    /// Every neuron fires at every step: where nothing was measured.
    pub fn unit(graph: &LifGraph) -> Self {
        let populations = graph.populations.iter().map(|population| Table::new(population.shape, |_| 1)).collect();
        Self { steps: 1, measured: false, populations }
    }

    /// `counts[population][neuron]` spikes in `steps` steps, all images together.
    ///
    /// # Errors
    /// A breach of `rates-fit-the-graph`: other populations or neurons than the graph's, no steps or more than [`MAX_STEPS`], or a neuron
    /// that fired more often than once a step.
    pub fn measured(graph: &LifGraph, steps: u32, counts: &[Vec<u32>]) -> Result<Self, MapError> {
        let sizes = graph.populations.iter().map(|population| population.shape.neurons());
        let highest = counts.iter().flatten().max().copied().unwrap_or(0);
        if !sizes.eq(counts.iter().map(Vec::len)) || !(1..=MAX_STEPS).contains(&steps) || highest > steps {
            let cause = format!("counts of {} populations over {steps} steps, the highest {highest}", counts.len());
            return Err(MapError::one("-", &rules::RATES_FIT_THE_GRAPH, "rates", cause));
        }
        let table = |(population, counts): (&lif_graph::Population, &Vec<u32>)| Table::new(population.shape, |neuron| counts[neuron]);
        Ok(Self { steps, measured: true, populations: graph.populations.iter().zip(counts).map(table).collect() })
    }

    /// Steps that were counted over.
    pub fn steps(&self) -> u32 {
        self.steps
    }

    /// Whether they were measured.
    pub fn is_measured(&self) -> bool {
        self.measured
    }

    /// Spikes of a part of a population.
    pub fn spikes(&self, population: PopulationId, region: Region) -> u64 {
        self.populations[population.index()].sum(region)
    }
}

impl Table {
    fn new(shape: Shape, count: impl Fn(usize) -> u32) -> Self {
        let (height, width) = (shape.height as usize, shape.width as usize);
        let mut table = Self { shape, sums: vec![0; (shape.channels as usize + 1) * (height + 1) * (width + 1)] };
        for channel in 0..shape.channels as usize {
            for y in 0..height {
                let mut row = 0;
                for x in 0..width {
                    row += u64::from(count((channel * height + y) * width + x));
                    // of the channels before, of the rows before in this channel, and of this row
                    let before = table.at(channel, y + 1, x + 1) + table.at(channel + 1, y, x + 1) - table.at(channel, y, x + 1);
                    let place = table.place(channel + 1, y + 1, x + 1);
                    table.sums[place] = before + row;
                }
            }
        }
        table
    }

    fn place(&self, channel: usize, y: usize, x: usize) -> usize {
        (channel * (self.shape.height as usize + 1) + y) * (self.shape.width as usize + 1) + x
    }

    fn at(&self, channel: usize, y: usize, x: usize) -> u64 {
        self.sums[self.place(channel, y, x)]
    }

    fn sum(&self, region: Region) -> u64 {
        let plane = |channel: u32| {
            let corner = |y: u32, x: u32| self.at(channel as usize, y as usize, x as usize);
            let ([top, bottom], [left, right]) = (region.rows, region.columns);
            corner(bottom, right) + corner(top, left) - corner(top, right) - corner(bottom, left)
        };
        plane(region.channels[1]) - plane(region.channels[0])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use lif_graph::{NeuronModel, Population};
    use miette::Diagnostic;
    use proptest::prelude::*;

    fn graph(shape: Shape) -> LifGraph {
        let population = Population { name: "p".into(), shape, model: NeuronModel::Source };
        LifGraph { name: "g".into(), steps: 1, populations: vec![population], projections: vec![] }
    }

    fn range(length: u32, a: u32, b: u32) -> [u32; 2] {
        let (a, b) = (a % (length + 1), b % (length + 1));
        [a.min(b), a.max(b)]
    }

    proptest! {
        #[test]
        fn a_box_holds_the_sum_of_its_neurons(
            channels in 1u32..5, height in 1u32..5, width in 1u32..5, counts in prop::collection::vec(0u32..100, 64), ends in any::<[u32; 6]>(),
        ) {
            let shape = Shape { channels, height, width };
            let counts = counts[..shape.neurons()].to_vec();
            let rates = Rates::measured(&graph(shape), 100, std::slice::from_ref(&counts)).unwrap();
            let region = Region {
                channels: range(channels, ends[0], ends[1]),
                rows: range(height, ends[2], ends[3]),
                columns: range(width, ends[4], ends[5]),
            };
            let mut expected = 0;
            for (neuron, &count) in counts.iter().enumerate() {
                let (x, y, c) = (neuron as u32 % width, neuron as u32 / width % height, neuron as u32 / width / height);
                let inside = [(c, region.channels), (y, region.rows), (x, region.columns)];
                expected += if inside.iter().all(|&(place, [first, end])| (first..end).contains(&place)) { u64::from(count) } else { 0 };
            }
            prop_assert_eq!(rates.spikes(PopulationId(0), region), expected);
        }
    }

    #[test]
    fn counts_of_another_graph_are_refused() {
        let graph = graph(Shape::flat(2));
        assert!(Rates::measured(&graph, 4, &[vec![4, 0]]).is_ok());
        for (steps, counts) in
            [(4, vec![vec![5, 0]]), (0, vec![vec![0, 0]]), (4, vec![vec![1]]), (4, vec![]), (MAX_STEPS + 1, vec![vec![0, 0]])]
        {
            let error = Rates::measured(&graph, steps, &counts).unwrap_err();
            assert_eq!(error.code().unwrap().to_string(), "E118", "{error}");
        }
    }
}
