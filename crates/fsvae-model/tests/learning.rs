//! What a step changes, and what it leaves alone.

use burn::optim::GradientsParams;
use burn::tensor::{Device, Int, Tensor, TensorData};
use fsvae_checkpoint::{NetworkConfig, TrainingRecord};
use fsvae_model::latent::pick_with;
use fsvae_model::network::Watch;
use fsvae_model::snapshot::values;
use fsvae_model::{Draws, Learn, Phase, PickGradient, Recipe, SpikeCounts, Trainer, uniform_picks};
use std::collections::BTreeMap;

const BATCH: usize = 6;

fn config() -> NetworkConfig {
    NetworkConfig { channels: vec![8, 8, 8, 8], latent: 12, ways: 4, steps: 4, ..NetworkConfig::fsvae(1) }
}

fn pixels(salt: usize) -> Vec<f32> {
    (0..BATCH * 32 * 32).map(|i| ((i * 7919 + salt * 104_729) % 1009) as f32 / 504.5 - 1.0).collect()
}

fn trainer(learn: Learn) -> (Trainer, Draws) {
    let recipe = Recipe { batch: BATCH, learn, ..Recipe::default() };
    let draws = recipe.draws(&config(), 1, 0, BATCH, 0.0);
    let mut trainer = Trainer::new(&config(), &Recipe { learn: Learn::All, ..recipe.clone() }, 1, &Device::flex());
    trainer.step_pixels(&pixels(0), &draws, 1e-3); // so that the statistics have seen something
    trainer.recipe = recipe;
    (trainer, draws)
}

fn tensors(trainer: &Trainer) -> BTreeMap<String, Vec<f32>> {
    let checkpoint = trainer.checkpoint(TrainingRecord::default()).without_training_state();
    checkpoint.tensors.into_iter().map(|t| (t.name, t.values.to_f32())).collect()
}

#[test]
fn only_what_learns_changes() {
    for (learn, learns) in [
        (Learn::All, (|_| true) as fn(&str) -> bool),
        (Learn::Autoencoder, |name| !name.starts_with("prior")),
        (Learn::Prior, |name| name.starts_with("prior")),
    ] {
        let (mut trainer, draws) = trainer(learn);
        let before = tensors(&trainer);
        let losses = trainer.step_pixels(&pixels(1), &draws, 1e-2);
        assert_eq!((losses.mse.is_some(), losses.prior.is_some()), (learn != Learn::Prior, learn != Learn::Autoencoder));
        // A bias in front of a batch norm has no gradient; everything else of a part moves, or nothing does.
        for (name, values) in tensors(&trainer).iter().filter(|(name, _)| name.ends_with("weight") || name.contains("running")) {
            assert_eq!(*values != before[name], learns(name), "{learn:?}: {name}");
        }
    }
}

#[test]
fn settled_statistics_are_the_mean_of_those_of_the_batches() {
    let (trainer, draws) = trainer(Learn::All);
    let statistics = |salts: &[usize]| {
        let mut settled = trainer.clone();
        settled.settle_pixels(salts.iter().map(|salt| (pixels(*salt), draws.clone())));
        tensors(&settled)
    };
    let (one, other, both) = (statistics(&[1]), statistics(&[2]), statistics(&[1, 2]));
    // Behind the first layer the picks' roll-out sees other running statistics; the encoder sees the images alone.
    for name in both.keys().filter(|name| name.starts_with("encoder") && name.contains("running")) {
        assert!(one[name] != other[name], "{name}");
        for ((one, other), both) in one[name].iter().zip(&other[name]).zip(&both[name]) {
            let mean = (one + other) / 2.0;
            assert!((mean - both).abs() <= 1e-5 * (1.0 + mean.abs()), "{name}: {both} is not the mean of {one} and {other}");
        }
    }
    for (name, values) in &both {
        assert!(name.contains("running") || *values == tensors(&trainer)[name], "{name} is no statistic");
    }
}

/// Synaptic operations of drawing images, of prior and decoder: each spike times what its layer's neurons feed.
fn operations(trainer: &Trainer) -> [usize; 2] {
    let mut counts = SpikeCounts::new(&config());
    trainer.model.valid().sample_watched(&uniform_picks(&config(), 1, 0, 8), &mut counts);
    let of = |(layer, fan_out): &(&str, usize)| counts.layers[*layer].total() as usize * fan_out;
    let prior = [("prior.layers.0", 48), ("prior.layers.1", 48)];
    let decoder = [("decoder_input", 72), ("decoder.0", 72), ("decoder.1", 72), ("decoder.2", 72), ("final_layer.0", 9)];
    [prior.iter().map(of).sum(), decoder.iter().map(of).sum()]
}

/// What the spikes of the decoder cost, as a part of the loss.
struct Bill {
    total: Tensor<1>,
}

impl Watch for Bill {
    fn pictures(&mut self, layer: &str, spikes: &dyn Fn() -> Tensor<4>) {
        // a side of n has 3n - 1 taps of stride 2, and 3n - 2 of stride 1
        let fan_out = match layer {
            "decoder.0" => 8.0 * (11.0f32 / 4.0).powi(2),
            "decoder.1" => 8.0 * (23.0f32 / 8.0).powi(2),
            "decoder.2" => 8.0 * (47.0f32 / 16.0).powi(2),
            "final_layer.0" => (94.0f32 / 32.0).powi(2),
            _ => return,
        };
        self.total = self.total.clone() + spikes().sum() * fan_out;
    }

    fn spikes(&mut self, layer: &str, spikes: &Tensor<2>) {
        if layer == "decoder_input" {
            self.total = self.total.clone() + spikes.clone().sum() * (8.0 * 2.5 * 2.5);
        }
    }
}

#[test]
fn the_price_of_operations_is_a_part_of_the_loss() {
    let gradients_of = |trainer: &Trainer, gradients: &GradientsParams| {
        let network = &trainer.model.network;
        let norms = [
            &network.encoder[3].bn,
            &network.posterior.layers[0].bn,
            &network.prior.layers[0].bn,
            &network.prior.layers[1].bn,
            &network.decoder_input.bn,
            &network.decoder[0].bn,
            &network.decoder[2].bn,
            &network.final_layer.0.bn,
        ];
        norms.map(|bn| values(&gradients.get::<1>(bn.bias.id).expect("it has a gradient")))
    };
    let images = || Tensor::<4>::from_data(TensorData::new(pixels(1), [BATCH, 32, 32, 1]), &Device::flex().autodiff());
    let with_price = |operations_price: f32| {
        let (mut trainer, draws) = trainer(Learn::All);
        trainer.recipe.operations_price = operations_price;
        let (_, gradients) = trainer.gradients(images(), &draws);
        gradients_of(&trainer, &gradients)
    };
    let price = 30.0;
    let expected = {
        let (mut twin, draws) = trainer(Learn::All);
        twin.model.neuron.fused = false;
        let mut bill = Bill { total: Tensor::zeros([1], &Device::flex().autodiff()) };
        let pass = twin.model.pass(images(), &draws, twin.recipe.roll_out, Phase::Training, &mut bill);
        let (mse, prior) = pass.losses(images(), twin.recipe.prior_loss, &config());
        let (steps, neuron) = (config().steps, twin.model.neuron);
        let [first, second, _] = &mut twin.model.network.prior.layers[..] else { panic!("a prior has three layers") };
        let fired = first.forward(pass.prior_previous, steps, &neuron, Phase::Training);
        let operations = fired.clone().sum() * 48.0 + second.forward(fired, steps, &neuron, Phase::Training).sum() * 48.0 + bill.total;
        let loss = mse + prior * twin.recipe.prior_loss.weight() + operations * (price * 1e-6 / BATCH as f32);
        gradients_of(&twin, &GradientsParams::from_grads(loss.backward(), &twin.model.network))
    };
    let (found, free) = (with_price(price), with_price(0.0));
    for (number, ((found, free), expected)) in found.iter().zip(&free).zip(&expected).enumerate() {
        let largest = expected.iter().fold(0f32, |largest, x| largest.max(x.abs()));
        let far = |others: &[f32]| others.iter().zip(expected).any(|(a, b)| (a - b).abs() > 1e-3 * largest);
        assert!(!far(found), "layer {number}: {found:?} is not {expected:?}");
        assert!(far(free), "layer {number}: the price makes no difference");
    }
}

#[test]
fn operations_that_have_a_price_become_fewer() {
    let learnt = |learn: Learn, operations_price: f32| {
        let (mut trainer, draws) = trainer(learn);
        trainer.recipe.operations_price = operations_price;
        (0..30).for_each(|salt| _ = trainer.step_pixels(&pixels(salt), &draws, 3e-3));
        operations(&trainer)
    };
    for learn in [Learn::All, Learn::Autoencoder] {
        let ([prior, decoder], [cheaper_prior, cheaper_decoder]) = (learnt(learn, 0.0), learnt(learn, 100.0));
        assert!(cheaper_decoder < decoder * 9 / 10, "{learn:?}: {cheaper_decoder} operations of the decoder, for nothing {decoder}");
        if learn == Learn::All {
            assert!(cheaper_prior < prior * 9 / 10, "{cheaper_prior} operations of the prior, for nothing {prior}");
        }
    }
}

/// A statistic with a history would keep every step's graph alive.
#[test]
fn running_statistics_have_no_history() {
    let (mut trainer, draws) = trainer(Learn::All);
    trainer.step_pixels(&pixels(1), &draws, 1e-3);
    let network = &trainer.model.network;
    let norms = [&network.encoder[0].bn, &network.encoder[3].bn, &network.prior.layers[0].bn, &network.final_layer.0.bn];
    for bn in norms {
        for statistic in [&bn.running_mean, &bn.running_var] {
            let statistic = statistic.val();
            let backward = std::panic::catch_unwind(|| statistic.sum().backward());
            assert!(backward.is_err(), "burn refuses the backward pass of a tensor that is in no graph");
        }
    }
}

/// What is learnt with rounded weights is what the rounded weights compute, and they are on a grid of few levels.
#[test]
fn the_deployed_model_has_the_integers_that_were_trained() {
    for (bits, one_weight_scale) in [(2, false), (4, false), (4, true), (8, false)] {
        let (mut trained, draws) = trainer(Learn::All);
        let recipe = Recipe { weight_bits: Some(bits), one_weight_scale, ..trained.recipe.clone() };
        trained = Trainer::from_checkpoint(&trained.checkpoint(TrainingRecord::default()), &recipe, &Device::flex()).unwrap();
        let before = tensors(&trained);
        trained.step_pixels(&pixels(1), &draws, 1e-3);
        assert!(tensors(&trained)["decoder.0.weight"] != before["decoder.0.weight"], "the gradient passes through the rounding");
        let deployed = trained.deployed(TrainingRecord::default());
        let weights = deployed.to_f32("posterior.layers.1.weight").unwrap();
        let fan_in = config().latent * 2;
        let levels = |weights: &[f32]| {
            let mut found: Vec<u32> = weights.iter().map(|w| w.abs().to_bits()).collect();
            found.sort_unstable();
            found.dedup();
            found.len()
        };
        let scaled_alike = if one_weight_scale { vec![&weights[..]] } else { weights.chunks(fan_in).collect() };
        assert!(scaled_alike.iter().all(|weights| levels(weights) <= 1 << (bits - 1)), "{bits} bits");
        let plain = Trainer::from_checkpoint(&deployed, &Recipe::default(), &Device::flex()).unwrap();
        let image = |trainer: &Trainer| trainer.model.valid().reconstruct(&pixels(2), draws.picks.clone());
        assert_eq!(image(&plain), image(&trained));
    }
}

/// The gradient through the mean is the average, over all picks, of the gradient through the picked.
#[test]
fn picks_that_teach_all_teach_what_picks_teach_on_average() {
    let (rows, latent, ways) = (3, 2, 5);
    let numbers = |salt: usize, len: usize| -> Vec<f32> { (0..len).map(|i| ((i * 7919 + salt) % 13) as f32 - 6.0).collect() };
    let device = Device::flex().autodiff();
    let run = |pick: i32, how: PickGradient| {
        let spikes: Vec<f32> = numbers(3, rows * latent * ways).iter().map(|x| f32::from(u8::from(*x > 0.0))).collect();
        let q = Tensor::<2>::from_data(TensorData::new(spikes, [rows, latent * ways]), &device).require_grad();
        let picks = Tensor::<2, Int>::from_data(TensorData::new(vec![pick; rows * latent], [rows, latent]), &device);
        let z = pick_with(q.clone(), picks, how);
        let weights = Tensor::<2>::from_data(TensorData::new(numbers(5, rows * latent), [rows, latent]), &device);
        let gradients = (z.clone() * weights).sum().backward();
        (values(&z), values(&q.grad(&gradients).expect("a leaf")))
    };
    let mut average = vec![0.0; rows * latent * ways];
    for pick in 0..ways as i32 {
        let (z, gradient) = run(pick, PickGradient::Picked);
        average.iter_mut().zip(&gradient).for_each(|(a, g)| *a += g / ways as f32);
        assert_eq!(run(pick, PickGradient::Mean).0, z, "the spikes are the same, bit for bit");
    }
    let (_, mean) = run(0, PickGradient::Mean);
    assert!(mean.iter().zip(&average).all(|(m, a)| (m - a).abs() < 1e-6), "{mean:?} is not {average:?}");
}

/// On average over all picks, the second-order gradient of a quadratic loss is the loss of a spike less the loss of silence, shared by the k.
#[test]
fn the_noise_of_picks_has_its_price() {
    let (latent, ways) = (4, 5);
    let target = [0.8f32, 0.3, -0.4, 1.7];
    let rates = [1, 2, 3, 4];
    let device = Device::flex().autodiff();
    let spikes: Vec<f32> = rates.iter().flat_map(|rate| (0..ways).map(move |way| f32::from(u8::from(way < *rate)))).collect();
    let run = |pick: i32, how: PickGradient| {
        let q = Tensor::<2>::from_data(TensorData::new(spikes.clone(), [1, latent * ways as usize]), &device).require_grad();
        let picks = Tensor::<2, Int>::from_data(TensorData::new(vec![pick; latent], [1, latent]), &device);
        let z = pick_with(q.clone(), picks, how);
        let missed = z.clone() - Tensor::<2>::from_data(TensorData::new(target.to_vec(), [1, latent]), &device);
        let gradients = (missed.clone() * missed).sum().backward();
        (values(&z), values(&q.grad(&gradients).expect("a leaf")))
    };
    let mut average = vec![0.0; latent * ways as usize];
    for pick in 0..ways {
        let (z, gradient) = run(pick, PickGradient::SecondOrder);
        average.iter_mut().zip(&gradient).for_each(|(a, g)| *a += g / ways as f32);
        assert_eq!(z, run(pick, PickGradient::Picked).0, "the spikes are the same, bit for bit");
    }
    let loss = |z: f32, target: f32| (z - target) * (z - target);
    let expected: Vec<f32> = target.iter().flat_map(|t| vec![(loss(1.0, *t) - loss(0.0, *t)) / ways as f32; ways as usize]).collect();
    assert!(average.iter().zip(&expected).all(|(a, e)| (a - e).abs() < 1e-6), "{average:?} is not {expected:?}");
}
