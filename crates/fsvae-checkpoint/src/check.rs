//! Whether a checkpoint makes sense.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use crate::{CheckpointError, CheckpointOf, Kind, NamedTensor, NetworkConfig, TRAINING_STATE_PREFIX, expected_tensors};

/// The most numbers that all tensors of a network may have together: 2^30, over a hundred times FSVAELarge.
const MAX_PARAMETERS: usize = 1 << 30;

/// What is out of range of all that encoder and decoder are made of.
pub(crate) fn image_violations(size: usize, image_channels: usize, channels: &[usize], bottleneck_size: usize) -> Vec<String> {
    let mut found = Vec::new();
    range(&mut found, "image_size", size, 2..=1024);
    range(&mut found, "image_channels", image_channels, 1..=16);
    range(&mut found, "the number of channels (layers)", channels.len(), 1..=10);
    for (i, &width) in channels.iter().take(10).enumerate() {
        range(&mut found, &format!("channels[{i}]"), width, 1..=4096);
    }
    if !size.is_power_of_two() {
        found.push(format!("config: image_size is {size}; it must be a power of two"));
    } else if !channels.is_empty() && bottleneck_size == 0 {
        found.push(format!("config: {} layers halve an image of side {size} to nothing", channels.len()));
    }
    found
}

/// Whether a network has too many parameters; only sound configurations have products that are small enough to be formed.
pub(crate) fn parameter_violations(tensors: Vec<(String, Vec<usize>)>) -> Vec<String> {
    let parameters = tensors.iter().filter_map(|(_, shape)| NamedTensor::elements(shape)).sum::<usize>();
    let too_many = format!("config: the network would have {parameters} parameters; at most {MAX_PARAMETERS} are allowed");
    if parameters > MAX_PARAMETERS { vec![too_many] } else { Vec::new() }
}

fn range(found: &mut Vec<String>, name: &str, value: usize, allowed: RangeInclusive<usize>) {
    if !allowed.contains(&value) {
        found.push(format!("config: {name} is {value}; it must be from {} to {}", allowed.start(), allowed.end()));
    }
}

impl NetworkConfig {
    /// All numbers that are out of their range, one sentence each; empty if the configuration is sound.
    pub fn violations(&self) -> Vec<String> {
        let mut found = image_violations(self.image_size, self.image_channels, &self.channels, self.bottleneck_size());
        range(&mut found, "latent", self.latent, 1..=4096);
        range(&mut found, "ways", self.ways, 1..=1024);
        range(&mut found, "steps", self.steps, 1..=1024);
        let of_decoder = self.decoder_decay.map(|decay| ("decoder_decay", decay));
        for (name, value) in [("decay", self.decay), ("readout_decay", self.readout_decay)].into_iter().chain(of_decoder) {
            if !(value > 0.0 && value < 1.0) {
                found.push(format!("config: {name} is {value}; it must be above 0 and below 1"));
            }
        }
        if !(self.threshold > 0.0 && self.threshold.is_finite()) {
            found.push(format!("config: threshold is {}; it must be above 0 and finite", self.threshold));
        }
        if found.is_empty() {
            found = parameter_violations(expected_tensors(self));
        }
        found
    }
}

impl<C: Kind> CheckpointOf<C> {
    /// Whether configuration and tensors agree: every number in its range, every tensor of [`Kind::expected_tensors`] there once with
    /// its shape, all values finite, no variance below 0, and nothing else but the optimiser's state. The error lists all violations.
    pub fn check(&self) -> Result<(), CheckpointError> {
        let mut violations = self.config.violations();
        if violations.is_empty() {
            self.check_names_and_shapes(&mut violations);
        }
        for tensor in &self.tensors {
            check_values(tensor, &mut violations);
        }
        if violations.is_empty() { Ok(()) } else { Err(CheckpointError::Invalid { violations }) }
    }

    fn check_names_and_shapes(&self, violations: &mut Vec<String>) {
        let mut missing: BTreeMap<_, _> = self.config.expected_tensors().into_iter().collect();
        let mut seen = std::collections::BTreeSet::new();
        for tensor in &self.tensors {
            let name = &tensor.name;
            if !seen.insert(name) {
                violations.push(format!("tensor \"{name}\" is there more than once"));
            } else if let Some(shape) = missing.remove(name) {
                if shape != tensor.shape {
                    violations.push(format!("tensor \"{name}\" has shape {:?}; the configuration demands {shape:?}", tensor.shape));
                }
            } else if !name.starts_with(TRAINING_STATE_PREFIX) {
                violations.push(format!("tensor \"{name}\" belongs to no layer of this configuration"));
            }
        }
        violations.extend(missing.iter().map(|(name, shape)| format!("tensor \"{name}\" of shape {shape:?} is missing")));
    }
}

fn check_values(tensor: &NamedTensor, violations: &mut Vec<String>) {
    let (name, count) = (&tensor.name, tensor.values.len());
    if NamedTensor::elements(&tensor.shape) != Some(count) {
        violations.push(format!("tensor \"{name}\" has shape {:?} but {count} values", tensor.shape));
    }
    let values = tensor.values.to_f32();
    let bad = values.iter().filter(|x| !x.is_finite()).count();
    if let Some(first) = values.iter().position(|x| !x.is_finite()) {
        violations
            .push(format!("tensor \"{name}\": {bad} of {count} values are not finite (the first is number {first}: {})", values[first]));
    } else if name.ends_with(".running_var")
        && let Some(first) = values.iter().position(|x| *x < 0.0)
    {
        violations.push(format!("tensor \"{name}\": value number {first} is {}; a variance is not negative", values[first]));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Checkpoint, TrainingRecord};

    fn checkpoint() -> Checkpoint {
        let config = NetworkConfig { image_size: 8, channels: vec![2, 3], latent: 4, ways: 2, steps: 3, ..NetworkConfig::fsvae(1) };
        let tensors = expected_tensors(&config)
            .into_iter()
            .map(|(name, shape)| NamedTensor::f32(name, shape.clone(), vec![0.5; shape.iter().product()]))
            .collect();
        Checkpoint { config, training: TrainingRecord::default(), tensors }
    }

    fn index(checkpoint: &Checkpoint, name: &str) -> usize {
        checkpoint.tensors.iter().position(|t| t.name == name).unwrap()
    }

    #[test]
    fn a_sound_checkpoint_passes_with_and_without_training_state() {
        let mut checkpoint = checkpoint();
        checkpoint.check().unwrap();
        checkpoint.tensors.push(NamedTensor::f32("optimizer.step", [], vec![1.0]));
        checkpoint.check().unwrap();
        checkpoint.to_half().check().unwrap();
    }

    #[test]
    fn all_violations_are_listed() {
        let mut c = checkpoint();
        let i = index(&c, "encoder.0.weight");
        c.tensors[i].shape = vec![1, 2, 3, 3];
        let i = index(&c, "decoder.0.bias");
        c.tensors[i].name = "decoder.9.bias".into();
        let i = index(&c, "prior.layers.1.weight");
        c.tensors[i].values = crate::TensorValues::F32([f32::NAN, f32::INFINITY].repeat(64));
        let i = index(&c, "encoder.1.bn.running_var");
        c.tensors[i].values = crate::TensorValues::F32(vec![0.0, -1.0, 1.0]);
        c.tensors.push(c.tensors[index(&c, "final_layer.1.bias")].clone());
        insta::assert_snapshot!("violations", c.check().unwrap_err().to_string());
    }

    #[test]
    fn wild_configurations_are_refused_without_panic() {
        let wild = NetworkConfig {
            image_size: 3,
            image_channels: 0,
            channels: vec![usize::MAX; 100],
            latent: usize::MAX,
            ways: 0,
            steps: 1 << 40,
            decay: f32::NAN,
            decoder_decay: Some(-1.0),
            threshold: f32::INFINITY,
            readout_decay: 1.0,
        };
        insta::assert_snapshot!("wild_configuration", wild.violations().join("\n"));
        let checkpoint = Checkpoint { config: wild, ..checkpoint() };
        assert!(checkpoint.check().is_err());
    }

    #[test]
    fn too_deep_and_too_large_networks_are_refused() {
        let deep = NetworkConfig { image_size: 4, channels: vec![1, 1, 1], ..NetworkConfig::fsvae(1) };
        assert_eq!(deep.violations(), ["config: 3 layers halve an image of side 4 to nothing"]);
        let large = NetworkConfig { latent: 4096, ways: 1024, ..NetworkConfig::fsvae(1) };
        assert_eq!(large.violations().len(), 1);
        assert!(NetworkConfig::fsvae(1).violations().is_empty() && NetworkConfig::fsvae_large(3).violations().is_empty());
    }
}
