//! The Inception score (Salimans et al., "Improved techniques for training GANs", NeurIPS 2016).

use crate::BATCH;
use serde::Serialize;

/// Batches of [`BATCH`] images that the FSVAE paper takes.
pub const SCORE_BATCHES: usize = 10;

/// Mean and spread over batches.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct InceptionScore {
    /// Over the batches.
    pub mean: f64,
    /// Of the batches, divided by their number (NumPy's `std`).
    pub std: f64,
    /// How many.
    pub batches: usize,
    /// Of each.
    pub images_per_batch: usize,
}

/// exp of the mean KL divergence between an image's class probabilities and those of its batch, over the first [`SCORE_BATCHES`] whole
/// batches of [`BATCH`] images; `None` if there is not even one.
pub fn inception_score(logits: &[f32], classes: usize) -> Option<InceptionScore> {
    score_of_batches(logits, classes, BATCH, SCORE_BATCHES)
}

fn score_of_batches(logits: &[f32], classes: usize, images_per_batch: usize, most: usize) -> Option<InceptionScore> {
    let scores: Vec<f64> = logits.chunks_exact(images_per_batch * classes).take(most).map(|batch| score(batch, classes)).collect();
    let count = scores.len() as f64;
    let mean = scores.iter().sum::<f64>() / count;
    let std = (scores.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / count).sqrt();
    (!scores.is_empty()).then_some(InceptionScore { mean, std, batches: scores.len(), images_per_batch })
}

fn score(logits: &[f32], classes: usize) -> f64 {
    let probabilities: Vec<Vec<f64>> = logits.chunks_exact(classes).map(softmax).collect();
    let count = probabilities.len() as f64;
    let marginal: Vec<f64> = (0..classes).map(|class| probabilities.iter().map(|p| p[class]).sum::<f64>() / count).collect();
    let divergence = |p: &[f64]| -> f64 { p.iter().zip(&marginal).filter(|(p, _)| **p > 0.0).map(|(p, q)| p * (p / q).ln()).sum() };
    (probabilities.iter().map(|p| divergence(p)).sum::<f64>() / count).exp()
}

fn softmax(logits: &[f32]) -> Vec<f64> {
    let largest = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let powers: Vec<f64> = logits.iter().map(|&x| (f64::from(x) - f64::from(largest)).exp()).collect();
    let sum: f64 = powers.iter().sum();
    powers.iter().map(|p| p / sum).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inception::tests::golden;
    use crate::reference::{doubles, floats};

    #[test]
    fn scores_are_those_of_the_published_program() {
        let file = golden();
        let (logits, expected) = (floats(&file, "score.logits"), doubles(&file, "score"));
        let score = score_of_batches(&logits, 10, 8, 10).unwrap();
        assert!((score.mean - expected[0]).abs() < 1e-9 && (score.std - expected[1]).abs() < 1e-9, "{score:?} {expected:?}");
        assert_eq!((score.batches, score.images_per_batch), (4, 8));
        assert_eq!(score_of_batches(&logits, 10, 8, 3).unwrap().batches, 3);
    }

    #[test]
    fn certainty_and_variety_score_the_number_of_classes() {
        let logits: Vec<f32> = (0..BATCH).flat_map(|i| (0..4).map(move |class| if i % 4 == class { 1e4 } else { 0.0 })).collect();
        let score = inception_score(&logits, 4).unwrap();
        assert!((score.mean - 4.0).abs() < 1e-9 && score.std == 0.0 && score.batches == 1);
        assert_eq!(inception_score(&logits[4..], 4), None);
    }
}
