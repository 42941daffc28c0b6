//! What an image adds to the input sums of its targets at every step: computed once an image, not once a step.

use crate::program::{Dynamics, Program, engine_index};
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
        let mut values = vec![0; pixels.len()];
        (0..).zip(pixels).for_each(|(neuron, &byte)| values[engine_index(shape, neuron)] = pixel_value(byte));
        inputs.currents.resize(self.populations.len(), Vec::new());
        for (target, population) in self.populations.iter().enumerate() {
            for &input in population.inputs.iter().filter(|&&input| self.projections[input].source == image.index()) {
                let mut sums = vec![0i64; population.shape.neurons()];
                self.projections[input].add_values(&values, shape.channels as usize, &mut sums);
                let currents = &mut inputs.currents[target];
                currents.resize(sums.len(), 0);
                // a rule: input sums, currents included, fit 32 bits
                currents.iter_mut().zip(sums).for_each(|(total, sum)| *total += current(sum, shift) as i32);
            }
        }
        Ok(())
    }
}

impl crate::program::Projection {
    /// Adds to each target's sum its weights times what their sources send; all in the engine's order.
    fn add_values(&self, values: &[i64], channels: usize, sums: &mut [i64]) {
        let lanes = self.target_channels;
        for (y, down) in self.reach_y.iter().enumerate() {
            for (x, across) in self.reach_x.iter().enumerate() {
                let position = y * self.reach_x.len() + x;
                for channel in 0..channels {
                    let value = values[position * channels + channel];
                    let kernel = &self.weights[position * self.position_stride + channel * self.channel_stride..];
                    for tap in 0..down.taps {
                        let from = ((down.tap + tap) as usize * self.kernel_size + across.tap as usize) * lanes;
                        let to = ((down.target + tap) as usize * self.target_width + across.target as usize) * lanes;
                        let row = across.taps as usize * lanes;
                        let pairs = sums[to..to + row].iter_mut().zip(&kernel[from..from + row]);
                        pairs.for_each(|(sum, &weight)| *sum += value * i64::from(weight));
                    }
                }
            }
        }
    }
}
