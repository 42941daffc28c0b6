//! Random networks that live: about as many spikes as a trained one.

use fsvae_checkpoint::{Checkpoint, NamedTensor, NetworkConfig, TrainingRecord, expected_tensors};
use lif_graph::philox::philox4x32_10;

/// Weights, batch norms and their statistics as a layer would have them whose inputs fire at 20 %.
pub fn checkpoint(config: NetworkConfig, seed: u64) -> Checkpoint {
    let tensors = expected_tensors(&config).into_iter().enumerate().map(|(number, (name, shape))| {
        let count = shape.iter().product();
        let values = (0..count).map(|place| value(&name, uniform(seed, number as u32, place as u32))).collect();
        NamedTensor::f32(name, shape, values)
    });
    let mut checkpoint =
        Checkpoint { tensors: tensors.collect(), config, training: TrainingRecord { dataset: "none".into(), ..Default::default() } };
    for layer in expected_tensors(&checkpoint.config).iter().filter_map(|(name, _)| name.strip_suffix(".bn.running_var")) {
        let weights = checkpoint.to_f32(&format!("{layer}.weight")).expect("there");
        let units = checkpoint.to_f32(&format!("{layer}.bias")).expect("there").len();
        let variance = 0.2 * weights.iter().map(|weight| weight * weight).sum::<f32>() / units as f32;
        let tensor = checkpoint.tensors.iter_mut().find(|tensor| tensor.name == format!("{layer}.bn.running_var")).expect("there");
        *tensor = NamedTensor::f32(
            tensor.name.clone(),
            [units],
            (0..units).map(|unit| variance * (0.7 + 0.1 * (unit % 7) as f32)).collect::<Vec<_>>(),
        );
    }
    checkpoint
}

fn value(name: &str, uniform: f32) -> f32 {
    match name.rsplit('.').next() {
        Some("weight") if name.ends_with("bn.weight") => 1.0 + 0.3 * uniform,
        Some("bias") if name.ends_with("bn.bias") => 0.1 * uniform + 0.05,
        Some("running_mean") => 0.05 * uniform,
        Some("running_var") => 1.0, // replaced above
        Some("bias") => 0.1 * uniform,
        _ => 0.3 * uniform,
    }
}

/// From -1 to 1.
fn uniform(seed: u64, tensor: u32, place: u32) -> f32 {
    let word = philox4x32_10([place, tensor, 0, 0], [seed as u32, (seed >> 32) as u32])[0];
    (f64::from(word) / f64::from(u32::MAX) * 2.0 - 1.0) as f32
}
