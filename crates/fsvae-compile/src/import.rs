//! Step 1: checkpoint to float network. Takes one of the two networks out of the checkpoint: the one that draws (prior and decoder) or the one
//! that reconstructs (encoder, posterior and decoder).

use crate::CompileError;
use crate::network::{Network, Part, Purpose, Wiring, wiring};
use fsvae_checkpoint::Checkpoint;
use lif_graph::rules::MAX_NEURONS;
use serde::Serialize;

/// A layer as it was trained: weights and bias, then tdBN (not in the read-out).
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct FloatLayer {
    /// Where it stands.
    pub wiring: Wiring,
    /// In the order of the wiring's connectivity.
    pub weights: Vec<f32>,
    /// One for each channel (convolution) or neuron (dense).
    pub bias: Vec<f32>,
    /// Threshold-dependent batch normalisation behind the sum.
    pub norm: Option<Norm>,
}

/// tdBN with its running statistics, one entry for each channel or neuron (Zheng et al., AAAI 2021):
/// `y = gamma * (alpha * V_th * (x - mean) / sqrt(variance + 1e-5)) + beta`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Norm {
    /// 2 in prior and posterior, 1 in encoder and decoder.
    pub alpha: f32,
    /// Learnt scale.
    pub gamma: Vec<f32>,
    /// Learnt shift.
    pub beta: Vec<f32>,
    /// Running mean.
    pub mean: Vec<f32>,
    /// Running variance.
    pub variance: Vec<f32>,
}

impl Norm {
    /// What keeps the square root from 0.
    pub const EPSILON: f64 = 1e-5;
}

/// Takes a network out of a checkpoint.
///
/// # Errors
/// [`CompileError::Checkpoint`] when configuration and tensors do not agree, or a value is not finite; [`CompileError::TooLarge`] for a
/// graph beyond all bounds.
pub fn import(checkpoint: &Checkpoint, purpose: Purpose) -> Result<Network<FloatLayer>, CompileError> {
    checkpoint.check()?;
    check_size(checkpoint, purpose)?;
    let layers = wiring(&checkpoint.config, purpose).into_iter().map(|(prefix, wiring)| {
        let tensor = |name: &str| checkpoint.to_f32(&format!("{prefix}.{name}"));
        let norm = |alpha| -> Result<Norm, CompileError> {
            Ok(Norm {
                alpha,
                gamma: tensor("bn.weight")?,
                beta: tensor("bn.bias")?,
                mean: tensor("bn.running_mean")?,
                variance: tensor("bn.running_var")?,
            })
        };
        let norm = match wiring.part {
            Part::Prior | Part::Posterior => Some(norm(2.0)?),
            Part::Encoder | Part::Decoder => Some(norm(1.0)?),
            Part::Readout | Part::Layer => None,
        };
        Ok(FloatLayer { weights: tensor("weight")?, bias: tensor("bias")?, norm, wiring })
    });
    Ok(Network { purpose, config: checkpoint.config.clone(), layers: layers.collect::<Result<_, CompileError>>()? })
}

/// A small file can describe a network whose layers, neuron by neuron, fill any memory. Weights stand in the file one by one.
fn check_size(checkpoint: &Checkpoint, purpose: Purpose) -> Result<(), CompileError> {
    let wiring = wiring(&checkpoint.config, purpose);
    let pixels = match purpose {
        Purpose::Generate => 0,
        Purpose::Reconstruct => wiring[0].1.source.neurons() as u64,
    };
    let neurons = pixels + checkpoint.config.latent as u64 + wiring.iter().map(|(_, wiring)| wiring.target.neurons() as u64).sum::<u64>();
    if neurons > MAX_NEURONS { Err(CompileError::TooLarge { neurons, limit: MAX_NEURONS }) } else { Ok(()) }
}
