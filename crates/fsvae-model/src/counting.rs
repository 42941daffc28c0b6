//! Counting spikes as they pass: what firing rates and numbers of operations are made of.

use crate::network::Watch;
use crate::snapshot::values;
use burn::tensor::Tensor;
use fsvae_checkpoint::NetworkConfig;
use std::collections::BTreeMap;

/// The spikes of one layer, summed over images and over what lies at one place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LayerSpikes {
    /// Of one image.
    pub neurons: usize,
    /// Spikes of all images, `[steps][place]`; a fully connected layer has one place, but for `decoder_input`, which is a picture to the
    /// next layer.
    pub counts: Vec<Vec<u64>>,
}

impl LayerSpikes {
    /// Over all steps and places.
    pub fn total(&self) -> u64 {
        self.counts.iter().flatten().sum()
    }
}

/// Spikes by layer; the names are those of the checkpoint's tensors, and `z` is what the latent picks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SpikeCounts {
    /// Time steps.
    pub steps: usize,
    /// Images that were counted.
    pub images: usize,
    /// What they fired.
    pub layers: BTreeMap<String, LayerSpikes>,
    /// Places of the picture that the decoder takes its input layer for.
    bottleneck: usize,
}

impl SpikeCounts {
    /// Nothing yet.
    pub fn new(config: &NetworkConfig) -> Self {
        Self { steps: config.steps, images: 0, layers: BTreeMap::new(), bottleneck: config.bottleneck_size().pow(2) }
    }

    /// Spikes by neuron, step and image.
    pub fn rates(&self) -> BTreeMap<String, f64> {
        let rate = |layer: &LayerSpikes| layer.total() as f64 / (layer.neurons * self.steps * self.images) as f64;
        self.layers.iter().map(|(name, layer)| (name.clone(), rate(layer))).collect()
    }

    /// Adds spikes `[steps, images, places, neurons of a place]`.
    fn add(&mut self, name: &str, spikes: Tensor<4>) {
        let [steps, _, places, neurons] = spikes.dims();
        let empty = || LayerSpikes { neurons: places * neurons, counts: vec![vec![0; places]; steps] };
        let layer = self.layers.entry(name.to_owned()).or_insert_with(empty);
        // Sums of so few ones are exact in single precision.
        let sums = values(&spikes.sum_dim(3).sum_dim(1));
        for (counts, sums) in layer.counts.iter_mut().zip(sums.chunks_exact(places)) {
            counts.iter_mut().zip(sums).for_each(|(count, &sum)| *count += sum as u64);
        }
    }
}

impl Watch for SpikeCounts {
    fn pictures(&mut self, layer: &str, spikes: &dyn Fn() -> Tensor<4>) {
        let spikes = spikes();
        let [rows, height, width, channels] = spikes.dims();
        self.add(layer, spikes.reshape([self.steps, rows / self.steps, height * width, channels]));
    }

    fn spikes(&mut self, layer: &str, spikes: &Tensor<2>) {
        let [rows, neurons] = spikes.dims();
        let places = if layer == "decoder_input" { self.bottleneck } else { 1 };
        // Channel by channel.
        self.add(layer, spikes.clone().reshape([self.steps, rows / self.steps, neurons / places, places]).swap_dims(2, 3));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::latent::pick;
    use crate::{Recipe, Trainer, device, uniform_picks};

    fn config() -> NetworkConfig {
        NetworkConfig { image_size: 8, channels: vec![3, 4], latent: 5, ways: 3, steps: 4, ..NetworkConfig::fsvae(1) }
    }

    #[test]
    fn every_spike_is_counted_where_it_is() {
        let mut counts = SpikeCounts::new(&NetworkConfig { steps: 2, image_size: 4, channels: vec![2], ..config() });
        // [step][image][place][channel] of 2 steps, 2 images, 2x1 places, 2 channels.
        let spikes = [1., 0., 0., 0., 1., 1., 0., 1., 0., 0., 0., 0., 0., 0., 1., 0.];
        let picture = Tensor::<1>::from_floats(spikes, &device()).reshape([4, 2, 1, 2]);
        counts.pictures("maps", &|| picture.clone());
        counts.spikes("flat", &picture.clone().reshape([4, 4]));
        counts.pictures("maps", &|| picture.clone());
        counts.spikes("decoder_input", &picture.clone().reshape([4, 4]));
        assert_eq!(counts.layers["decoder_input"].counts, [[2, 1, 0, 1], [0, 0, 1, 0]], "four places of one channel");
        assert_eq!(counts.layers["maps"], LayerSpikes { neurons: 4, counts: vec![vec![6, 2], vec![0, 2]] });
        assert_eq!(counts.layers["flat"], LayerSpikes { neurons: 4, counts: vec![vec![4], vec![1]] });
        counts.images = 2;
        assert_eq!(counts.rates()["flat"], 5.0 / 16.0);
    }

    #[test]
    fn looking_shows_all_layers_and_changes_nothing() {
        let config = config();
        let model = Trainer::new(&config, &Recipe::default(), 1, &device()).model.valid();
        let picks = uniform_picks(&config, 1, 0, 3);
        let pixels: Vec<f32> = (0..3 * 64).map(|i| (i as f32 * 0.7).sin()).collect();
        let (mut reconstruction, mut generation) = (SpikeCounts::new(&config), SpikeCounts::new(&config));
        assert_eq!(model.reconstruct_watched(&pixels, picks.clone(), &mut reconstruction), model.reconstruct(&pixels, picks.clone()));
        assert_eq!(model.sample_watched(&picks, &mut generation), model.sample(&picks));
        let names = |counts: &SpikeCounts| counts.layers.keys().cloned().collect::<Vec<_>>().join(" ");
        let latent = "posterior.layers.0 posterior.layers.1 posterior.layers.2 prior.layers.0 prior.layers.1 prior.layers.2 z";
        assert_eq!(
            names(&reconstruction),
            format!("before_latent_layer decoder.0 decoder_input encoder.0 encoder.1 final_layer.0 {latent}")
        );
        assert_eq!(names(&generation), "decoder.0 decoder_input final_layer.0 prior.layers.0 prior.layers.1 prior.layers.2 z");
    }

    #[test]
    fn the_prior_is_seen_as_it_drew() {
        #[derive(Default)]
        struct Candidates(Vec<Tensor<2>>);
        impl Watch for Candidates {
            fn pictures(&mut self, _: &str, _: &dyn Fn() -> Tensor<4>) {}
            fn spikes(&mut self, layer: &str, spikes: &Tensor<2>) {
                if ["prior.layers.2", "z"].contains(&layer) {
                    self.0.push(spikes.clone());
                }
            }
        }
        let config = config();
        let model = Trainer::new(&config, &Recipe::default(), 1, &device()).model.valid();
        let (picks, mut seen) = (uniform_picks(&config, 1, 0, 3), Candidates::default());
        model.sample_watched(&picks, &mut seen);
        let [candidates, z] = &seen.0[..] else { panic!("two layers were asked for") };
        let picked = pick(candidates.clone(), crate::latent::pick_tensor(&picks.ways, config.latent, &device()));
        assert_eq!(values(&picked), values(z));
    }
}
