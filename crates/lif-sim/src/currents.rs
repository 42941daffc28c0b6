//! What an image adds to the input sums of its targets at every step: computed once an image, not once a step.

use crate::program::{Dynamics, LANES, Population, Program, Rows, Synapses, engine_place};
use crate::{Inputs, SimError};
use lif_graph::{PopulationId, current, pixel_value};

impl Program {
    /// Adds the currents of `pixels` (of population `image`, in the graph's order) to those that `inputs` has, by target.
    pub(crate) fn add_currents(&self, inputs: &mut Inputs, image: PopulationId, pixels: &[u8]) -> Result<(), SimError> {
        let population = self.populations.get(image.index());
        let Some((shape, &Dynamics::Image { shift })) = population.map(|population| (population.shape, &population.dynamics)) else {
            return Err(SimError::NotAnImage { population: image.0 });
        };
        if pixels.len() != shape.neurons() {
            return Err(SimError::WrongPixels { given: pixels.len(), neurons: shape.neurons() });
        }
        let lanes = Rows::of(shape).lanes;
        let mut values = vec![0; pixels.len()];
        for (neuron, &byte) in pixels.iter().enumerate() {
            let (y, lane) = engine_place(shape, neuron);
            values[y * lanes + lane] = pixel_value(byte);
        }
        inputs.currents.resize(self.populations.len(), Vec::new());
        for (target, population) in self.populations.iter().enumerate() {
            for &input in population.inputs.iter().filter(|&&input| self.projections[input].source == image.index()) {
                let stride = Rows::of(population.shape).stride;
                let currents = &mut inputs.currents[target];
                currents.resize(population.shape.height as usize * stride, 0);
                for (y, currents) in currents.chunks_exact_mut(stride).enumerate() {
                    let sums = self.sums_of_row(population, input, y, &values, lanes);
                    // a rule: input sums, currents included, fit 32 bits
                    currents.iter_mut().zip(&sums[population.left..]).for_each(|(total, &sum)| *total += current(sum, shift) as i32);
                }
            }
        }
        Ok(())
    }

    /// The sums of weights times values that a projection brings to a row, with its margins.
    fn sums_of_row(&self, population: &Population, input: usize, y: usize, values: &[i64], source_lanes: usize) -> Vec<i64> {
        let projection = &self.projections[input];
        let mut sums = vec![0; population.buffer];
        let Synapses::Bytes(weights) = &projection.synapses else { unreachable!("the weights of an image are bytes") };
        for row in population.image_rows[y].iter().filter(|row| row.projection == input) {
            let values = &values[row.source_row * source_lanes..][..source_lanes];
            let channels = source_lanes / projection.columns.len();
            for (column, values) in projection.columns.iter().zip(values.chunks_exact(channels)) {
                let lanes = column.vectors * LANES;
                for (channel, &value) in values.iter().enumerate() {
                    let weights = &weights[row.weights + column.weights + channel * lanes..][..lanes];
                    sums[column.to..].iter_mut().zip(weights).for_each(|(sum, &weight)| *sum += value * i64::from(weight));
                }
            }
        }
        sums
    }
}
