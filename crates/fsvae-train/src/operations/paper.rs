//! The counting behind the paper's table of computational cost, repeated as it was done.
//!
//! The published program (`CountMulAddSNN` in its `utils.py`) hooks every convolution, linear layer and LIF layer of a test pass and divides the
//! sums by the number of batches: its figures are for a **batch** of 250 images. It differs from what a deployed network does:
//!
//! - every spike into a transposed convolution counts 9 x channels x stride^2 additions, a position's worth of outputs for each of the
//!   stride^2 output positions; the real fan-out is 9 x channels at most, so that these layers count stride^2 times too much;
//! - convolutions count spikes x 9 x channels / stride^2: borders are not looked at;
//! - the first convolution counts anew at every step; its bias is counted by the numbers of its input, not of its output;
//! - every layer call counts: the posterior's prefix is computed again at each step, and the prior predicts the posterior's spikes
//!   although no reconstruction needs them;
//! - a LIF neuron costs one addition a step, and a multiplication only where it does not fire; the read-out membrane costs nothing.
//!
//! The program counted reconstructions only; for generation its counter is applied to its `sample()`, which computes the prior's prefix
//! again at each step. (For networks of five layers the program forgot to mark the first convolution; here it is marked.)

use super::wiring::{self, Layer, Source, Synapses};
use fsvae_checkpoint::NetworkConfig;
use fsvae_model::SpikeCounts;
use serde::Serialize;

/// Images of the paper's batch.
const BATCH: f64 = 250.0;

/// Operations of one batch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Totals {
    /// Additions.
    pub additions: f64,
    /// Multiplications.
    pub multiplications: f64,
}

/// The published program's figures.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Published {
    /// Images that the figures are for.
    pub batch: u32,
    /// A test pass.
    pub reconstruction: Totals,
    /// The program's `sample()`.
    pub generation: Totals,
}

/// From spikes counted in both passes to what the published program would print.
pub fn published(config: &NetworkConfig, reconstruction: &SpikeCounts, generation: &SpikeCounts) -> Published {
    let (test, prior) = (wiring::reconstruction(config), wiring::prior(config));
    let drawing = wiring::generation(config);
    Published {
        batch: BATCH as u32,
        reconstruction: totals(test.iter().chain(&prior), "posterior", reconstruction),
        generation: totals(drawing.iter(), "prior", generation),
    }
}

/// `again`: the layers whose prefix is computed again at each step.
fn totals<'a>(layers: impl Iterator<Item = &'a Layer>, again: &str, counts: &SpikeCounts) -> Totals {
    layers.fold(Totals::default(), |sum, layer| {
        // Step t is part of the passes over t + 1, t + 2, ... steps.
        let passes = |step: usize| if layer.name.starts_with(again) { counts.steps - step } else { 1 };
        let totals = layer.published(counts, &passes);
        Totals { additions: sum.additions + totals.additions, multiplications: sum.multiplications + totals.multiplications }
    })
}

impl Layer {
    fn published(&self, counts: &SpikeCounts, passes: &dyn Fn(usize) -> usize) -> Totals {
        let neurons = self.to.neurons() as f64;
        let fan_out = match self.synapses {
            Synapses::Dense => neurons,
            Synapses::Down => (9 * self.to.channels) as f64 / 4.0,
            Synapses::Up { stride } => (9 * self.to.channels * stride * stride) as f64,
        };
        let mut sum = Totals::default();
        for step in 0..counts.steps {
            let times = passes(step) as f64;
            for source in &self.sources {
                if *source == Source::Image {
                    let pixels = self.from.neurons() as f64;
                    sum.multiplications += times * pixels * fan_out;
                    sum.additions += times * (pixels * fan_out + pixels);
                } else {
                    sum.additions += times * spikes(counts, source, step) * fan_out;
                }
            }
            if self.sources != [Source::Image] {
                sum.additions += times * neurons;
            }
            if self.fires {
                sum.additions += times * neurons;
                sum.multiplications += times * (neurons - spikes(counts, &Source::Spikes(self.name.clone()), step));
            }
        }
        Totals { additions: BATCH * sum.additions, multiplications: BATCH * sum.multiplications }
    }
}

/// Of one image, on average.
fn spikes(counts: &SpikeCounts, source: &Source, step: usize) -> f64 {
    let of = |name: &String, step: usize| counts.layers[name].counts[step].iter().sum::<u64>() as f64 / counts.images as f64;
    match source {
        Source::Spikes(name) => of(name, step),
        Source::Previous(name) if step > 0 => of(name, step - 1),
        Source::Previous(_) | Source::Image => 0.0,
    }
}
