//! Times training steps: `cargo run --release -p fsvae-model --example step -- BATCH STEPS`.
use burn::tensor::{Device, Distribution, Tensor};
use fsvae_checkpoint::NetworkConfig;
use fsvae_model::trainer::{Recipe, Trainer};
use std::time::Instant;

/// The one that `fsvae-train` uses.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() {
    let args: Vec<usize> = std::env::args().skip(1).map(|a| a.parse().expect("a number")).collect();
    let (batch, steps) = (args[0], args[1]);
    let config = NetworkConfig::fsvae(1);
    let recipe = Recipe { batch, ..Recipe::default() };
    let mut trainer = Trainer::new(&config, &recipe, 1, &Device::flex());
    let images = Tensor::<4>::random([batch, 32, 32, 1], Distribution::Uniform(-1.0, 1.0), &Device::flex().autodiff());
    for step in 0..steps {
        let draws = recipe.draws(&config, 1, step as u64, batch, 0.2);
        let start = Instant::now();
        let (losses, gradients) = trainer.gradients(images.clone(), &draws);
        let middle = Instant::now();
        trainer.update(gradients, 1e-3);
        let end = Instant::now();
        println!(
            "{losses:?} gradients {:.3} s update {:.3} s: {:.1} images/s",
            (middle - start).as_secs_f64(),
            (end - middle).as_secs_f64(),
            batch as f64 / (end - start).as_secs_f64()
        );
    }
}
