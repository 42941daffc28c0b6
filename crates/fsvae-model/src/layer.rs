//! A spiking layer: weights, tdBN, LIF. All time steps at once.
//!
//! Rows are time-major: row `t * batch + n` is step t of image n. The bias in front of a batch norm moves nothing but the mean, so it is
//! kept out of the training arithmetic altogether (its exact gradient is zero) and enters with the running mean.

use crate::kernels::convolution::Input;
use crate::kernels::roll_out;
use crate::neuron::{Neuron, Phase};
use crate::ops::{self, Convolution, Currents, Outlet};
use crate::snapshot::values;
use burn::module::{Module, Param, ParamId};
use burn::tensor::{Device, Tensor, TensorData};
use rand::Rng;
use rand_chacha::ChaCha8Rng;

/// Threshold-dependent batch norm and what fires behind it (Zheng et al., AAAI 2021).
#[derive(Module, Debug)]
pub struct TdBn {
    /// gamma.
    pub weight: Param<Tensor<1>>,
    /// beta.
    pub bias: Param<Tensor<1>>,
    /// By channel.
    pub running_mean: Param<Tensor<1>>,
    /// By channel, unbiased.
    pub running_var: Param<Tensor<1>>,
    #[module(skip)]
    alpha: f32,
}

/// A tensor of the module that the optimiser leaves alone.
pub(crate) fn constant(value: Tensor<1>) -> Param<Tensor<1>> {
    Param::initialized(ParamId::new(), value)
}

impl TdBn {
    fn new(channels: usize, alpha: f32, device: &Device) -> Self {
        Self {
            weight: Param::from_tensor(Tensor::ones([channels], device)),
            bias: Param::from_tensor(Tensor::zeros([channels], device)),
            running_mean: constant(Tensor::zeros([channels], device)),
            running_var: constant(Tensor::ones([channels], device)),
            alpha,
        }
    }

    /// Currents `x`, `[steps, rows, channels]` or `[1, rows, channels]` when every step is the same, that lack `layer_bias`.
    fn currents(&mut self, x: Tensor<3>, layer_bias: Tensor<1>, steps: usize, neuron: &Neuron, phase: Phase) -> Currents {
        let statistics = match phase {
            Phase::Training => {
                let statistics = neuron.statistics(&x);
                let [_, rows, _] = x.dims();
                self.follow(statistics.clone(), layer_bias, steps * rows, neuron.momentum);
                statistics
            }
            Phase::Inference => self.running_statistics(layer_bias),
        };
        let tdbn = ops::TdBn { lif: neuron.lif, gain: neuron.gain(self.alpha), steps };
        Currents { x, gamma: self.weight.val(), beta: self.bias.val(), statistics, tdbn }
    }

    /// The running statistics of the currents without the layer's bias.
    fn running_statistics(&self, layer_bias: Tensor<1>) -> Tensor<2> {
        Tensor::stack(vec![self.running_mean.val() - layer_bias, self.running_var.val()], 0)
    }

    /// Moves the running statistics. Outside the autodiff graph: `detach` alone would let a parameter into it, and with it one more
    /// node a step, for ever.
    fn follow(&mut self, statistics: Tensor<2>, layer_bias: Tensor<1>, count: usize, momentum: f32) {
        let device = statistics.device();
        let (statistics, count) = (without_gradient(&statistics), count as f32);
        let [_, channels] = statistics.dims();
        let mean = statistics.clone().narrow(0, 0, 1).reshape([channels]) + without_gradient(&layer_bias);
        let variance = statistics.narrow(0, 1, 1).reshape([channels]) * (count / (count - 1.0));
        for (running, now) in [(&mut self.running_mean, mean), (&mut self.running_var, variance)] {
            let old = without_gradient(&running.val());
            *running = constant(on(old * (1.0 - momentum) + now * momentum, &device));
        }
    }

    /// `scale * x + shift` with running statistics, of currents that lack `layer_bias`.
    fn running_affine(&self, layer_bias: Tensor<1>, neuron: &Neuron) -> (Tensor<1>, Tensor<1>) {
        let deviation = (self.running_var.val() + crate::kernels::normalisation::EPSILON).sqrt();
        let scale = self.weight.val() * neuron.gain(self.alpha) / deviation;
        let shift = self.bias.val() - (self.running_mean.val() - layer_bias) * scale.clone();
        (scale, shift)
    }

    /// One step of a roll-out with running statistics: the membrane left by earlier steps in, spikes and new membrane out.
    fn step(&self, x: Tensor<2>, layer_bias: Tensor<1>, held: Option<Tensor<2>>, neuron: &Neuron) -> (Tensor<2>, Tensor<2>) {
        let (scale, shift) = self.running_affine(layer_bias, neuron);
        let current = x * scale.unsqueeze() + shift.unsqueeze();
        let u = match held {
            Some(held) => held + current,
            None => current,
        };
        let fires = u.clone().greater_elem(neuron.lif.threshold);
        ((fires.clone().float()), (u * neuron.lif.decay).mask_fill(fires, 0.0))
    }

    /// Takes over the running statistics of a copy that was used without gradients.
    fn adopt(&mut self, other: &Self) {
        let device = self.running_mean.val().device();
        let back = |p: &Param<Tensor<1>>| constant(on(p.val(), &device));
        self.running_mean = back(&other.running_mean);
        self.running_var = back(&other.running_var);
    }
}

/// The tensor without its history.
pub(crate) fn without_gradient<const D: usize>(x: &Tensor<D>) -> Tensor<D> {
    if x.device().is_autodiff() { x.clone().inner() } else { x.clone() }
}

/// Brings a tensor without gradient to a device that may be differentiable.
pub(crate) fn on<const D: usize>(x: Tensor<D>, device: &Device) -> Tensor<D> {
    if device.is_autodiff() { Tensor::from_inner(x) } else { x }
}

/// PyTorch's default initialisation: uniform within 1 / sqrt(fan-in).
pub(crate) fn uniform<const D: usize>(shape: [usize; D], fan_in: usize, rng: &mut ChaCha8Rng, device: &Device) -> Param<Tensor<D>> {
    let bound = 1.0 / (fan_in as f32).sqrt();
    let values: Vec<f32> = (0..shape.iter().product()).map(|_| rng.random_range(-bound..bound)).collect();
    Param::from_tensor(Tensor::from_data(TensorData::new(values, shape), device))
}

/// A fully connected spiking layer.
#[derive(Module, Debug)]
pub struct SpikingLinear {
    /// `[in, out]`; the other way round in checkpoints, as PyTorch has it.
    pub weight: Param<Tensor<2>>,
    /// `[out]`.
    pub bias: Param<Tensor<1>>,
    /// Batch norm and neurons.
    pub bn: TdBn,
}

impl SpikingLinear {
    pub(crate) fn new(inputs: usize, outputs: usize, alpha: f32, rng: &mut ChaCha8Rng, device: &Device) -> Self {
        Self {
            weight: uniform([inputs, outputs], inputs, rng, device),
            bias: uniform([outputs], inputs, rng, device),
            bn: TdBn::new(outputs, alpha, device),
        }
    }

    /// Its neurons.
    pub(crate) fn outputs(&self) -> usize {
        self.bias.dims()[0]
    }

    /// The weights that count.
    pub(crate) fn rounded(&self, neuron: &Neuron) -> Tensor<2> {
        let weight = self.weight.val();
        let [_, outputs] = weight.dims();
        neuron.rounded(weight, (outputs, 1))
    }

    /// `[steps * batch, in]` to `[steps * batch, out]`.
    pub fn forward(&mut self, x: Tensor<2>, steps: usize, neuron: &Neuron, phase: Phase) -> Tensor<2> {
        let y = neuron.linear(x, self.rounded(neuron));
        let [rows, outputs] = y.dims();
        let currents = self.bn.currents(y.reshape([steps, rows / steps, outputs]), self.bias.val(), steps, neuron, phase);
        neuron.fire(currents, Outlet::Spikes).reshape([rows, outputs])
    }

    /// The layer with its running statistics, for the roll-out's kernel.
    pub(crate) fn frozen(&self, neuron: &Neuron) -> roll_out::Layer {
        let (scale, shift) = self.bn.running_affine(self.bias.val(), neuron);
        roll_out::Layer { weights: values(&self.rounded(neuron)), scale: values(&scale), shift: values(&shift) }
    }

    pub(crate) fn step(&self, x: Tensor<2>, held: &mut Option<Tensor<2>>, neuron: &Neuron) -> Tensor<2> {
        let y = x.matmul(self.rounded(neuron));
        let (spikes, rest) = self.bn.step(y, self.bias.val(), held.take(), neuron);
        *held = Some(rest);
        spikes
    }

    pub(crate) fn adopt(&mut self, other: &Self) {
        self.bn.adopt(&other.bn);
    }
}

/// Which way a 3x3 layer resizes the picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// Convolution, stride 2.
    Down,
    /// Transposed convolution, stride 2.
    Up,
}

/// A 3x3 spiking layer; pictures are `[rows, height, width, channels]`.
#[derive(Module, Debug)]
pub struct SpikingConvolution {
    /// `[out, in, 3, 3]`, or `[in, out, 3, 3]` when transposed.
    pub weight: Param<Tensor<4>>,
    /// `[out]`.
    pub bias: Param<Tensor<1>>,
    /// Batch norm and neurons.
    pub bn: TdBn,
    #[module(skip)]
    direction: Direction,
}

impl SpikingConvolution {
    pub(crate) fn new(direction: Direction, inputs: usize, outputs: usize, rng: &mut ChaCha8Rng, device: &Device) -> Self {
        // PyTorch takes the second dimension of the weight for the fan-in, transposed or not.
        let shape = match direction {
            Direction::Down => [outputs, inputs, 3, 3],
            Direction::Up => [inputs, outputs, 3, 3],
        };
        let fan_in = shape[1] * 9;
        Self {
            weight: uniform(shape, fan_in, rng, device),
            bias: uniform([outputs], fan_in, rng, device),
            bn: TdBn::new(outputs, 1.0, device),
            direction,
        }
    }

    pub(crate) fn adopt(&mut self, other: &Self) {
        self.bn.adopt(&other.bn);
    }

    /// The weights that count.
    pub(crate) fn rounded(&self, neuron: &Neuron) -> Tensor<4> {
        let weight = self.weight.val();
        let [outer, inner, height, width] = weight.dims();
        let layout = match self.direction {
            Direction::Down => (outer, inner * height * width),
            Direction::Up => (inner, height * width),
        };
        neuron.rounded(weight, layout)
    }

    /// What this layer's neurons receive from a source.
    pub fn listen(&mut self, source: Source, steps: usize, neuron: &Neuron, phase: Phase) -> Population {
        let input = if matches!(source, Source::Image(_)) { Input::Real } else { Input::Spikes };
        let how = match self.direction {
            Direction::Down => Convolution::down(2, input),
            Direction::Up => Convolution::up(2, input),
        };
        let side = how.side(source.side());
        let x = match source {
            Source::Population(p) => neuron.fire_and_convolve(p.currents, self.rounded(neuron), p.side, how),
            Source::Image(x) | Source::Spikes(x) => {
                let frames = if input == Input::Real { 1 } else { steps };
                let y = neuron.convolution(x, self.rounded(neuron), how);
                let [pictures, height, width, channels] = y.dims();
                y.reshape([frames, pictures / frames * height * width, channels])
            }
        };
        Population { currents: self.bn.currents(x, self.bias.val(), steps, neuron, phase), side }
    }
}

/// What a convolution listens to; pictures are `[rows, height, width, channels]`.
#[derive(Clone, Debug)]
pub enum Source {
    /// The same at every step: `batch` rows.
    Image(Tensor<4>),
    /// Spikes of all steps: `steps * batch` rows.
    Spikes(Tensor<4>),
    /// Neurons that have yet to fire.
    Population(Box<Population>),
}

impl Source {
    fn side(&self) -> usize {
        match self {
            Self::Image(x) | Self::Spikes(x) => x.dims()[1],
            Self::Population(population) => population.side,
        }
    }
}

/// The neurons of a convolutional layer with all that they receive. They fire when somebody listens, into the listener's own
/// arithmetic, so that their spikes need not be stored.
#[derive(Clone, Debug)]
pub struct Population {
    currents: Currents,
    side: usize,
}

impl Population {
    /// Spikes `[steps * batch, height, width, channels]`.
    pub fn spikes(&self, neuron: &Neuron) -> Tensor<4> {
        let spikes = neuron.fire(self.currents.clone(), Outlet::Spikes);
        let [steps, rows, channels] = spikes.dims();
        spikes.reshape([steps * rows / (self.side * self.side), self.side, self.side, channels])
    }
}

/// The last transposed convolution and the membrane that never fires.
#[derive(Module, Debug)]
pub struct ReadOut {
    /// `[in, image channels, 3, 3]`.
    pub weight: Param<Tensor<4>>,
    /// `[image channels]`.
    pub bias: Param<Tensor<1>>,
}

impl ReadOut {
    pub(crate) fn new(inputs: usize, outputs: usize, rng: &mut ChaCha8Rng, device: &Device) -> Self {
        Self { weight: uniform([inputs, outputs, 3, 3], outputs * 9, rng, device), bias: uniform([outputs], outputs * 9, rng, device) }
    }

    /// The weights that count; one scale for all, as one table turns all membranes into pixels.
    pub(crate) fn rounded(&self, neuron: &Neuron) -> Tensor<4> {
        let weight = self.weight.val();
        let all = weight.shape().num_elements();
        neuron.rounded(weight, (1, all))
    }

    /// The membrane after the last step, `[batch, height, width, image channels]`; its tanh is the picture.
    ///
    /// The layer is linear, so the spikes are summed over time (each step's weighing `decay` less) before the convolution, not after.
    pub fn forward(&self, source: Population, decay: f32, neuron: &Neuron) -> Tensor<4> {
        let (side, steps) = (source.side, source.currents.tdbn.steps);
        let held = neuron.fire(source.currents, Outlet::LeakySum(decay));
        let [_, rows, channels] = held.dims();
        let held = held.reshape([rows / (side * side), side, side, channels]);
        let y = neuron.convolution(held, self.rounded(neuron), Convolution::up(1, Input::Real));
        let weight_of_bias: f32 = (0..steps).map(|t| decay.powi(t as i32)).sum();
        y + (self.bias.val() * weight_of_bias).unsqueeze()
    }
}
