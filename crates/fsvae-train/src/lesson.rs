//! What the loop and the command line need to know of a recipe, whatever network it is for.

use crate::args::Fit;
use fsvae_model::{AnnRecipe, Recipe};
use serde::{Serialize, de::DeserializeOwned};
use std::fmt::Debug;

/// What every recipe has.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Basics {
    /// Images of a step.
    pub batch: usize,
    /// AdamW's step size.
    pub learning_rate: f64,
    /// AdamW's decoupled weight decay.
    pub weight_decay: f32,
    /// Whether each image is mirrored with probability 1/2.
    pub flip: bool,
}

/// A recipe.
pub trait Lesson: Clone + Debug + PartialEq + Send + Sync + Serialize + DeserializeOwned {
    /// What every recipe has.
    fn basics(&self) -> Basics;
    /// Takes over what the command line says; says what of it this recipe has no use for.
    fn take_options(&mut self, options: &Fit) -> Vec<String>;
    /// What of its own is out of range, one sentence each.
    fn violations(&self) -> Vec<String>;
    /// Why no other device will do, if that is so.
    fn needs_the_cpu(&self) -> Option<&'static str> {
        None
    }
}

impl Lesson for Recipe {
    fn basics(&self) -> Basics {
        Basics { batch: self.batch, learning_rate: self.learning_rate, weight_decay: self.weight_decay, flip: self.flip }
    }

    fn take_options(&mut self, options: &Fit) -> Vec<String> {
        self.batch = options.batch.unwrap_or(self.batch);
        self.learning_rate = options.learning_rate.unwrap_or(self.learning_rate);
        self.weight_bits = options.weight_bits.or(self.weight_bits);
        Vec::new()
    }

    fn violations(&self) -> Vec<String> {
        let mut violations = Vec::new();
        if self.weight_bits.is_some_and(|bits| !(2..=8).contains(&bits)) {
            violations.push("weight_bits must be from 2 to 8".to_owned());
        }
        if !self.scheduled_probability.iter().all(|p| (0.0..=1.0).contains(p)) {
            violations.push("scheduled_probability must be two numbers from 0 to 1".to_owned());
        }
        if !(self.operations_price >= 0.0 && self.operations_price.is_finite()) {
            violations.push(format!("operations_price is {}; it must be at least 0", self.operations_price));
        }
        violations
    }

    fn needs_the_cpu(&self) -> Option<&'static str> {
        (self.operations_price > 0.0)
            .then_some("operations_price is reckoned with by the CPU's kernels alone: train on the CPU, or without")
    }
}

impl Lesson for AnnRecipe {
    fn basics(&self) -> Basics {
        Basics { batch: self.batch, learning_rate: self.learning_rate, weight_decay: self.weight_decay, flip: self.flip }
    }

    fn take_options(&mut self, options: &Fit) -> Vec<String> {
        self.batch = options.batch.unwrap_or(self.batch);
        self.learning_rate = options.learning_rate.unwrap_or(self.learning_rate);
        options.weight_bits.map(|_| "--weight-bits is for networks with spikes".to_owned()).into_iter().collect()
    }

    fn violations(&self) -> Vec<String> {
        let possible = self.kl_weight >= 0.0 && self.kl_weight.is_finite();
        if possible { Vec::new() } else { vec![format!("kl_weight is {}; it must be at least 0", self.kl_weight)] }
    }
}
