//! The checkpoint in memory.

use std::collections::BTreeMap;

use half::f16;
use serde::{Deserialize, Serialize};

use crate::{CheckpointError, NamedTensor, NetworkConfig, TensorValues};

/// Tensors whose names begin so are the optimiser's: needed to resume training, not to run the network.
pub const TRAINING_STATE_PREFIX: &str = "optimizer.";

/// How a network came to be: enough to do it again.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrainingRecord {
    /// The data set, for example `fashion-mnist`.
    pub dataset: String,
    /// The command line, without paths.
    pub command: String,
    /// The seed of everything random.
    pub seed: u64,
    /// Optimiser steps done.
    pub steps: u64,
    /// Training images seen, repetitions counted.
    pub images_seen: u64,
    /// The same in passes over the data set.
    pub epochs: f64,
    /// The training options by name.
    pub options: BTreeMap<String, String>,
    /// What was measured at the end, by name (`test_mse`).
    pub scores: BTreeMap<String, f64>,
}

/// A network: its configuration, its history and its tensors.
#[derive(Clone, Debug, PartialEq)]
pub struct Checkpoint {
    /// What the network looks like.
    pub config: NetworkConfig,
    /// How it came to be.
    pub training: TrainingRecord,
    /// Its tensors, in the order of the file; for the names see [`crate::expected_tensors`].
    pub tensors: Vec<NamedTensor>,
}

impl Checkpoint {
    /// The tensor of that name ([`CheckpointError::NoTensor`] otherwise).
    pub fn tensor(&self, name: &str) -> Result<&NamedTensor, CheckpointError> {
        self.tensors.iter().find(|t| t.name == name).ok_or_else(|| CheckpointError::NoTensor { name: name.to_owned() })
    }

    /// The values of the tensor of that name in single precision, row-major.
    pub fn to_f32(&self, name: &str) -> Result<Vec<f32>, CheckpointError> {
        Ok(self.tensor(name)?.values.to_f32())
    }

    /// The same network in half the bytes, for shipping.
    ///
    /// Weights (tensors of two and more dimensions) become half precision: their rounding, 2^-11 of the value, is far below that of
    /// the 8-bit weights they will become. Vectors (biases, batch norm) stay single: they are less than one per cent of the
    /// bytes, and a running variance does not fit a half well. A weight tensor with a value that would round beyond the
    /// largest half (65504) stays single, too, and so does the optimiser's state, whose second moments would vanish.
    pub fn to_half(&self) -> Self {
        let halved = |tensor: &NamedTensor| match &tensor.values {
            TensorValues::F32(v) if tensor.shape.len() >= 2 && !tensor.name.starts_with(TRAINING_STATE_PREFIX) => {
                let half: Vec<f16> = v.iter().map(|&x| f16::from_f32(x)).collect();
                if half.iter().all(|x| x.is_finite()) { TensorValues::F16(half) } else { tensor.values.clone() }
            }
            values => values.clone(),
        };
        let tensors =
            self.tensors.iter().map(|t| NamedTensor { name: t.name.clone(), shape: t.shape.clone(), values: halved(t) }).collect();
        Self { config: self.config.clone(), training: self.training.clone(), tensors }
    }

    /// The same network with so many components of the prior, whose synapses are still 0: it draws as before. Without the optimiser's state.
    ///
    /// # Errors
    /// [`CheckpointError::OtherComponents`] when it has components already, and not as many.
    pub fn with_components(mut self, components: usize) -> Result<Self, CheckpointError> {
        let found = self.config.components;
        if found == components {
            return Ok(self);
        }
        if found > 0 {
            return Err(CheckpointError::OtherComponents { found, wanted: components });
        }
        self = self.without_training_state();
        let latent = self.config.latent;
        self.config.components = components;
        for tensor in self.tensors.iter_mut().filter(|tensor| tensor.name == "prior.layers.0.weight") {
            let rows = tensor.values.to_f32();
            let rows: Vec<f32> = rows.chunks(latent).flat_map(|row| [&vec![0.0; components][..], row].concat()).collect();
            *tensor = NamedTensor::f32(tensor.name.clone(), [tensor.shape[0], components + latent], rows);
        }
        Ok(self)
    }

    /// Drops the optimiser's state: what remains can be run and compiled, but not resumed.
    pub fn without_training_state(mut self) -> Self {
        self.tensors.retain(|t| !t.name.starts_with(TRAINING_STATE_PREFIX));
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checkpoint() -> Checkpoint {
        let tensors = vec![
            NamedTensor::f32("w", [1, 2], vec![0.1, -2.0]),
            NamedTensor::f32("large", [1, 2], vec![65504.0, 65520.0]),
            NamedTensor::f32("bn.running_var", [2], vec![1e-7, 1e6]),
            NamedTensor::f32("optimizer.w", [1, 2], vec![1e-12, 0.0]),
        ];
        Checkpoint { config: NetworkConfig::fsvae(1), training: TrainingRecord::default(), tensors }
    }

    #[test]
    fn half_precision_only_where_it_fits() {
        let (full, half) = (checkpoint(), checkpoint().to_half());
        assert_eq!(half.to_f32("w").unwrap(), [0.099975586, -2.0]);
        assert_eq!(half.tensors[0].values, TensorValues::F16(vec![f16::from_f32(0.1), f16::from_f32(-2.0)]));
        assert_eq!(half.tensors[1..], full.tensors[1..]);
        assert_eq!(half.to_half(), half);
    }

    #[test]
    fn components_are_put_in_front_of_z() {
        let mut without = checkpoint();
        without.config = NetworkConfig { latent: 2, ..without.config };
        without.tensors.push(NamedTensor::f32("prior.layers.0.weight", [2, 2], vec![1.0, 2.0, 3.0, 4.0]));
        let with = without.clone().with_components(3).unwrap();
        assert_eq!(with.config, NetworkConfig { components: 3, ..without.config.clone() });
        let weight = with.tensor("prior.layers.0.weight").unwrap();
        assert_eq!((&weight.shape[..], &weight.values.to_f32()[..]), (&[2, 5][..], &[0., 0., 0., 1., 2., 0., 0., 0., 3., 4.][..]));
        assert!(with.tensors.iter().all(|tensor| !tensor.name.starts_with(TRAINING_STATE_PREFIX)));
        assert_eq!(with.clone().with_components(3).unwrap(), with);
        assert_eq!(with.with_components(0).unwrap_err(), CheckpointError::OtherComponents { found: 3, wanted: 0 });
        assert_eq!(without.clone().with_components(0).unwrap(), without);
    }

    #[test]
    fn a_missing_tensor_is_an_error_with_its_name() {
        assert_eq!(checkpoint().to_f32("v").unwrap_err().to_string(), "the checkpoint has no tensor \"v\"");
        assert_eq!(checkpoint().without_training_state().tensors.len(), 3);
    }
}
