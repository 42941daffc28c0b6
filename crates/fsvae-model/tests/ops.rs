//! Every operation on the crate's kernels against its twin in burn's own words: results and all gradients.

use burn::tensor::{Device, Tensor, TensorData};
use fsvae_checkpoint::NetworkConfig;
use fsvae_model::kernels::adamw::AdamW;
use fsvae_model::kernels::convolution::Input;
use fsvae_model::kernels::membrane::Lif;
use fsvae_model::kernels::normalisation::EPSILON;
use fsvae_model::latent::{draw_from_prior, roll_out_posterior, roll_out_prior};
use fsvae_model::ops::{self, Convolution, Currents, Outlet, TdBn};
use fsvae_model::snapshot::values;
use fsvae_model::{Neuron, Phase, Recipe, RollOut, Surrogate, Trainer, plain};
use proptest::prelude::*;

fn device() -> Device {
    Device::flex().autodiff()
}

fn tensor<const D: usize>(values: &[f32], shape: [usize; D]) -> Tensor<D> {
    Tensor::from_data(TensorData::new(values.to_vec(), shape), &device()).require_grad()
}

/// A scalar that every output moves differently.
fn score<const D: usize>(y: Tensor<D>) -> Tensor<1> {
    let weights: Vec<f32> = (0..y.shape().num_elements()).map(|i| ((i * 37 % 101) as f32 - 50.0) / 50.0).collect();
    let weights = Tensor::<D>::from_data(TensorData::new(weights, y.dims()), &y.device());
    (y * weights).sum()
}

fn close(what: &str, ours: &[f32], theirs: &[f32]) -> Result<(), TestCaseError> {
    prop_assert_eq!(ours.len(), theirs.len(), "{}", what);
    let largest = theirs.iter().fold(1.0f32, |m, x| m.max(x.abs()));
    for (i, (a, b)) in ours.iter().zip(theirs).enumerate() {
        prop_assert!((a - b).abs() <= 1e-4 * largest, "{}[{}]: {} is not {}", what, i, a, b);
    }
    Ok(())
}

fn floats(len: usize) -> impl Strategy<Value = Vec<f32>> {
    prop::collection::vec(-1.5f32..1.5, len)
}

fn kind() -> impl Strategy<Value = Convolution> {
    let input = prop_oneof![Just(Input::Spikes), Just(Input::Real)];
    (any::<bool>(), 1usize..3, input).prop_map(|(transposed, stride, input)| Convolution { transposed, stride, input })
}

/// Numbers of a weight with `inputs` and `outputs`, and its shape.
fn weight_shape(how: Convolution, inputs: usize, outputs: usize) -> [usize; 4] {
    if how.transposed { [inputs, outputs, 3, 3] } else { [outputs, inputs, 3, 3] }
}

#[derive(Clone, Debug)]
struct Pictures {
    how: Convolution,
    shape: [usize; 4],
    outputs: usize,
    x: Vec<f32>,
    weight: Vec<f32>,
}

fn pictures() -> impl Strategy<Value = Pictures> {
    (kind(), 1usize..5, 1usize..4, 1usize..20, 1usize..20).prop_flat_map(|(how, n, side, inputs, outputs)| {
        let shape = [n, side * how.stride, side * how.stride, inputs];
        (floats(shape.iter().product()), floats(inputs * outputs * 9)).prop_map(move |(mut x, weight)| {
            if how.input == Input::Spikes {
                x.iter_mut().for_each(|x| *x = if *x > 0.8 { 1.0 } else { 0.0 });
            }
            Pictures { how, shape, outputs, x, weight }
        })
    })
}

/// Currents of `images` square pictures, constant or not.
#[derive(Clone, Debug)]
struct Neurons {
    frames: usize,
    images: usize,
    side: usize,
    channels: usize,
    x: Vec<f32>,
    gamma: Vec<f32>,
    beta: Vec<f32>,
    tdbn: TdBn,
}

fn neurons() -> impl Strategy<Value = Neurons> {
    let lif = (prop_oneof![Just(Surrogate::Program), Just(Surrogate::Paper), Just(Surrogate::Centred)], any::<bool>())
        .prop_map(|(surrogate, detach)| Neuron::new(&NetworkConfig::fsvae(1), surrogate, detach, &device()).lif);
    let lif = (lif, prop_oneof![Just(0.0), 0.1f32..2.0]).prop_map(|(lif, price)| Lif { price, ..lif });
    (lif, 1usize..7, any::<bool>(), 1usize..4, 1usize..3, 1usize..6).prop_flat_map(|(lif, steps, constant, images, half, channels)| {
        let (frames, side) = (if constant { 1 } else { steps }, 2 * half);
        let x = floats(frames * images * side * side * channels);
        let gamma = prop::collection::vec(0.5f32..4.0, channels);
        (x, gamma, floats(channels), 0.1f32..0.5).prop_map(move |(x, gamma, beta, gain)| {
            let beta = beta.iter().map(|b| b * 0.2).collect();
            Neurons { frames, images, side, channels, x, gamma, beta, tdbn: TdBn { lif, gain, steps } }
        })
    })
}

impl Neurons {
    /// Leaves of the graph: currents, gamma, beta.
    fn leaves(&self) -> (Tensor<3>, Tensor<1>, Tensor<1>) {
        let rows = self.images * self.side * self.side;
        let by_channel = |v: &[f32]| tensor(v, [self.channels]);
        (tensor(&self.x, [self.frames, rows, self.channels]), by_channel(&self.gamma), by_channel(&self.beta))
    }

    /// Whether rounding may move a membrane across the threshold or an edge of the surrogate's window.
    fn is_touchy(&self) -> bool {
        let Lif { decay, threshold, window_centre, window_half_width, .. } = self.tdbn.lif;
        let edges = [threshold, window_centre - window_half_width, window_centre + window_half_width];
        let neurons = self.x.len() / self.frames;
        let mut touchy = false;
        for channel in 0..self.channels {
            let of_channel = self.x.iter().skip(channel).step_by(self.channels).map(|x| f64::from(*x));
            let count = (self.x.len() / self.channels) as f64;
            let mean = of_channel.clone().sum::<f64>() / count;
            let variance = of_channel.map(|x| (x - mean) * (x - mean)).sum::<f64>() / count;
            let scale = f64::from(self.gamma[channel] * self.tdbn.gain) / (variance + f64::from(EPSILON)).sqrt();
            for neuron in (channel..neurons).step_by(self.channels) {
                let mut held = 0.0;
                for step in 0..self.tdbn.steps {
                    let x = f64::from(self.x[step % self.frames * neurons + neuron]);
                    let u = held + (x - mean) * scale + f64::from(self.beta[channel]);
                    touchy |= edges.iter().any(|edge| (u - f64::from(*edge)).abs() < 1e-5);
                    held = if u > f64::from(threshold) { 0.0 } else { f64::from(decay) * u };
                }
            }
        }
        touchy
    }
}

/// The loss whose gradients are compared. The kernels reckon with a spike's price themselves; of their twins it is a part of the loss.
fn loss<const D: usize>(y: Tensor<D>, currents: Currents, fast: bool) -> Tensor<1> {
    if fast {
        return score(y);
    }
    let price = currents.tdbn.lif.price;
    score(y) + plain::fire(currents, Outlet::Spikes).sum() * price
}

/// Result and gradients of x, gamma and beta.
fn fired(neurons: &Neurons, outlet: Outlet, fast: bool) -> [Vec<f32>; 4] {
    let (x, gamma, beta) = neurons.leaves();
    let statistics = if fast { ops::statistics(&x) } else { plain::statistics(&x) };
    let currents = Currents { x: x.clone(), gamma: gamma.clone(), beta: beta.clone(), statistics, tdbn: neurons.tdbn };
    let y = if fast { ops::fire(currents.clone(), outlet) } else { plain::fire(currents.clone(), outlet) };
    let gradients = loss(y.clone(), currents, fast).backward();
    let of = |t: &Tensor<1>| values(&t.grad(&gradients).expect("a leaf"));
    [values(&y), values(&x.grad(&gradients).expect("a leaf")), of(&gamma), of(&beta)]
}

/// Result and gradients of x, gamma, beta and weight.
fn fired_and_convolved(neurons: &Neurons, how: Convolution, weight: &[f32], outputs: usize, fast: bool) -> [Vec<f32>; 5] {
    let (x, gamma, beta) = neurons.leaves();
    let weight = tensor(weight, weight_shape(how, neurons.channels, outputs));
    let statistics = if fast { ops::statistics(&x) } else { plain::statistics(&x) };
    let currents = Currents { x: x.clone(), gamma: gamma.clone(), beta: beta.clone(), statistics, tdbn: neurons.tdbn };
    let f = if fast { ops::fire_and_convolve } else { plain::fire_and_convolve };
    let y = f(currents.clone(), weight.clone(), neurons.side, how);
    let gradients = loss(y.clone(), currents, fast).backward();
    let of = |t: &Tensor<1>| values(&t.grad(&gradients).expect("a leaf"));
    let (dx, dw) = (x.grad(&gradients).expect("a leaf"), weight.grad(&gradients).expect("a leaf"));
    [values(&y), values(&dx), of(&gamma), of(&beta), values(&dw)]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn convolution(p in pictures()) {
        let [fast, plain] = [true, false].map(|fast| {
            let (x, weight) = (tensor(&p.x, p.shape), tensor(&p.weight, weight_shape(p.how, p.shape[3], p.outputs)));
            let f = if fast { ops::convolution } else { plain::convolution };
            let y = f(x.clone(), weight.clone(), p.how);
            let gradients = score(y.clone()).backward();
            // Where the input is no leaf, the gradient of the weight is computed on its own.
            let alone = score(f(x.clone().detach(), weight.clone(), p.how)).backward();
            let of = |t: &Tensor<4>| values(&t.grad(&gradients).expect("a leaf"));
            (y.dims(), [values(&y), of(&x), of(&weight), values(&weight.grad(&alone).expect("a leaf"))])
        });
        prop_assert_eq!(fast.0, plain.0);
        for (what, (fast, plain)) in ["y", "dx", "dw", "dw alone"].iter().zip(fast.1.iter().zip(&plain.1)) {
            close(what, fast, plain)?;
        }
    }

    #[test]
    fn statistics(n in neurons()) {
        let (x, ..) = n.leaves();
        close("statistics", &values(&ops::statistics(&x)), &values(&plain::statistics(&x)))?;
    }

    #[test]
    fn spikes_and_their_leaky_sum(n in neurons(), outlet in prop_oneof![Just(Outlet::Spikes), Just(Outlet::LeakySum(0.8))]) {
        prop_assume!(!n.is_touchy());
        let (fast, plain) = (fired(&n, outlet, true), fired(&n, outlet, false));
        for (what, (fast, plain)) in ["y", "dx", "dgamma", "dbeta"].iter().zip(fast.iter().zip(&plain)) {
            close(what, fast, plain)?;
        }
    }

    #[test]
    fn convolution_of_spikes_as_they_are_fired(
        (n, how, outputs, weight) in (neurons(), kind(), 1usize..20)
            .prop_flat_map(|(n, how, outputs)| (floats(n.channels * outputs * 9), Just((n, how, outputs))))
            .prop_map(|(weight, (n, how, outputs))| (n, how, outputs, weight))
    ) {
        prop_assume!(!n.is_touchy());
        let [fast, plain] = [true, false].map(|fast| fired_and_convolved(&n, how, &weight, outputs, fast));
        for (what, (fast, plain)) in ["y", "dx", "dgamma", "dbeta", "dw"].iter().zip(fast.iter().zip(&plain)) {
            close(what, fast, plain)?;
        }
    }
}

/// One training step's gradients have the same bits on one thread and on several.
#[test]
fn the_number_of_threads_changes_no_bit() {
    let config = NetworkConfig::fsvae(1);
    let recipe = Recipe { batch: 19, ..Default::default() };
    let pixels: Vec<f32> = (0..19 * 32 * 32).map(|i| ((i * 7919 % 1009) as f32 / 504.5) - 1.0).collect();
    let step = |threads: usize| {
        rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("threads").install(|| {
            let mut trainer = Trainer::new(&config, &recipe, 5, &Device::flex());
            let draws = recipe.draws(&config, 5, 0, 19, 0.2);
            let losses = trainer.step_pixels(&pixels, &draws, 1e-3);
            let tensors = trainer.checkpoint(fsvae_checkpoint::TrainingRecord::default()).tensors;
            (losses, tensors.into_iter().map(|t| t.values).collect::<Vec<_>>())
        })
    };
    let one = step(1);
    for threads in [2, 3, 5] {
        assert!(step(threads) == one, "{threads} threads");
    }
}

/// Rows, inputs, outputs; spikes, weights.
fn spiking_linear() -> impl Strategy<Value = ([usize; 3], Vec<f32>, Vec<f32>)> {
    (1usize..30, 1usize..40, 1usize..40).prop_flat_map(|(rows, inputs, outputs)| {
        let spikes = floats(rows * inputs).prop_map(|x| x.iter().map(|x| f32::from(u8::from(*x > 0.8))).collect());
        (Just([rows, inputs, outputs]), spikes, floats(inputs * outputs))
    })
}

proptest! {
    #[test]
    fn linear_equals_its_twin(([rows, inputs, outputs], x, weight) in spiking_linear()) {
        let run = |fast: bool| {
            let (x, weight) = (tensor(&x, [rows, inputs]), tensor(&weight, [inputs, outputs]));
            let y = if fast { ops::linear(x.clone(), weight.clone()) } else { plain::linear(x.clone(), weight.clone()) };
            let gradients = score(y.clone()).backward();
            [values(&y), values(&x.grad(&gradients).expect("a leaf")), values(&weight.grad(&gradients).expect("a leaf"))]
        };
        for (what, (ours, theirs)) in ["y", "x", "weight"].into_iter().zip(run(true).into_iter().zip(run(false))) {
            close(what, &ours, &theirs)?;
        }
    }

    #[test]
    fn the_optimiser_equals_burns(parameters in floats(50), gradients in prop::collection::vec(floats(50), 4)) {
        use burn::optim::{AdamWConfig, Optimizer};
        let leaf = |values: &[f32]| Tensor::<1>::from_data(TensorData::new(values.to_vec(), [values.len()]), &Device::flex());
        let mut ours = [leaf(&parameters), leaf(&[0.0; 50]), leaf(&[0.0; 50])];
        let (mut theirs, mut state) = (leaf(&parameters), None);
        let burns = AdamWConfig::new().with_epsilon(1e-8).with_weight_decay(0.01).build();
        for (time, gradient) in (1..).zip(&gradients) {
            let learning_rate = 0.1 / time as f64;
            let how = AdamW { learning_rate, weight_decay: 0.01, beta_1: 0.9, beta_2: 0.999, epsilon: 1e-8, time };
            let [parameter, first, second] = ours;
            ours = ops::adamw(parameter, leaf(gradient), [first, second], how);
            (theirs, state) = burns.step(learning_rate, theirs, leaf(gradient), state);
        }
        let momentum = state.expect("four steps").momentum;
        for (what, (ours, theirs)) in ["parameter", "first", "second"].into_iter().zip(ours.iter().zip([theirs, momentum.moment_1, momentum.moment_2])) {
            close(what, &values(ours), &values(&theirs))?;
        }
    }
}

#[test]
fn roll_outs_equal_their_twins() {
    let config = NetworkConfig { channels: vec![8, 8, 8, 8], latent: 24, ways: 5, steps: 7, ..NetworkConfig::fsvae(1) };
    let batch = 19; // more than one task's images, and not a multiple of them
    for seed in 0..6 {
        let recipe = Recipe { scheduled_from: 1, ..Recipe::default() };
        let mut model = Trainer::new(&config, &recipe, seed, &Device::flex()).model.valid();
        let draws = recipe.draws(&config, seed, 3, batch, 0.5);
        assert!(draws.own.iter().any(Option::is_some));
        let rows = config.steps * batch;
        let spikes = |modulus: usize| {
            let values: Vec<f32> = (0..rows * config.latent).map(|i| f32::from(u8::from(i * 7919 % modulus < modulus / 3))).collect();
            Tensor::<2>::from_data(TensorData::new(values, [rows, config.latent]), &Device::flex())
        };
        let (x, z) = (spikes(101), spikes(97));
        for _ in 0..30 {
            // so that the running statistics have seen some currents
            let neuron = model.neuron;
            model.network.posterior.forward(Tensor::cat(vec![x.clone(), z.clone()], 1), config.steps, &neuron, Phase::Training);
            model.network.prior.forward(z.clone(), config.steps, &neuron, Phase::Training);
        }
        let mut run = |fused: bool| {
            let neuron = Neuron { fused, ..model.neuron };
            let how = (RollOut::Carried, Phase::Training);
            let posterior = roll_out_posterior(&mut model.network.posterior, &x, &draws.picks, config.steps, how, &neuron);
            let prior = roll_out_prior(&mut model.network.prior, &z, &draws.own, &config, RollOut::Carried, &neuron);
            let drawn = draw_from_prior(&model.network.prior, &draws.picks, &config, &neuron, &Device::flex());
            [posterior, prior, drawn].map(|z| values(&z))
        };
        let found = run(true);
        assert!(found.iter().all(|z| (0.05..0.95).contains(&(z.iter().sum::<f32>() / z.len() as f32))), "spikes and silence");
        assert_eq!(found, run(false), "seed {seed}");
    }
}

#[test]
fn a_decoder_may_have_a_decay_of_its_own() {
    let (decay, slower) = (0.25, 0.75);
    let config = NetworkConfig { channels: vec![8, 8, 8, 8], latent: 24, ways: 5, steps: 7, decay, ..NetworkConfig::fsvae(1) };
    let mut model = Trainer::new(&config, &Recipe::default(), 1, &Device::flex()).model.valid();
    let z: Vec<f32> = (0..config.steps * config.latent).map(|i| f32::from(u8::from(i * 7919 % 101 < 40))).collect();
    let mut image = |decay, decoder_decay| {
        let z = Tensor::<2>::from_data(TensorData::new(z.clone(), [config.steps, config.latent]), &Device::flex());
        let config = NetworkConfig { decay, decoder_decay, ..config.clone() };
        let neuron = Neuron::new(&config, Surrogate::Paper, true, &Device::flex());
        values(&model.network.decode(z, &config, &neuron, Phase::Training, &mut ()))
    };
    let own = image(decay, Some(slower));
    assert_eq!(own, image(slower, None));
    assert_ne!(own, image(decay, None));
}
