//! Convolution, batch norm and leaky ReLU; pictures are `[images, height, width, channels]`.

use crate::kernels::convolution::Input;
use crate::layer::{constant, on, uniform, without_gradient};
use crate::neuron::Phase;
use crate::ops::{self, Convolution};
use crate::plain;
use burn::module::{Module, Param};
use burn::tensor::activation::leaky_relu;
use burn::tensor::module::{batch_norm, batch_norm_train};
use burn::tensor::{Device, Tensor};
use rand_chacha::ChaCha8Rng;

const SLOPE: f64 = 0.01;
const EPSILON: f64 = 1e-5;

/// How a pass is made.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct How {
    pub phase: Phase,
    /// How far a pass in training moves the running statistics.
    pub momentum: f32,
    /// On this crate's kernels (CPU), or in burn's own operations.
    pub fused: bool,
}

impl How {
    pub fn training(device: &Device) -> Self {
        Self { phase: Phase::Training, momentum: 0.1, fused: device.clone().inner() == Device::flex() }
    }

    pub fn inference(device: &Device) -> Self {
        Self { phase: Phase::Inference, ..Self::training(device) }
    }

    fn convolution(self, x: Tensor<4>, weight: Tensor<4>, shape: Convolution) -> Tensor<4> {
        if self.fused { ops::convolution(x, weight, shape) } else { plain::convolution(x, weight, shape) }
    }
}

/// Batch norm and leaky ReLU.
#[derive(Module, Debug)]
pub struct BatchNorm {
    weight: Param<Tensor<1>>,
    bias: Param<Tensor<1>>,
    running_mean: Param<Tensor<1>>,
    running_var: Param<Tensor<1>>,
}

impl BatchNorm {
    fn new(channels: usize, device: &Device) -> Self {
        Self {
            weight: Param::from_tensor(Tensor::ones([channels], device)),
            bias: Param::from_tensor(Tensor::zeros([channels], device)),
            running_mean: constant(Tensor::zeros([channels], device)),
            running_var: constant(Tensor::ones([channels], device)),
        }
    }

    fn forward(&mut self, x: Tensor<4>, how: How) -> Tensor<4> {
        let shape @ [images, height, width, channels] = x.dims();
        let rows = images * height * width;
        let x = x.reshape([rows, channels]);
        let (weight, bias) = (self.weight.val(), self.bias.val());
        let y = match how.phase {
            Phase::Training => {
                let y = batch_norm_train(x, weight, bias, EPSILON);
                // The running variance is the unbiased one.
                let unbiased = rows as f32 / (rows.max(2) - 1) as f32;
                self.follow(without_gradient(&y.mean), without_gradient(&y.variance) * unbiased, how.momentum);
                y.output
            }
            Phase::Inference => batch_norm(x, weight, bias, self.running_mean.val(), self.running_var.val(), EPSILON),
        };
        leaky_relu(y, SLOPE).reshape(shape)
    }

    fn follow(&mut self, mean: Tensor<1>, variance: Tensor<1>, momentum: f32) {
        for (running, now) in [(&mut self.running_mean, mean), (&mut self.running_var, variance)] {
            let device = running.val().device();
            let old = without_gradient(&running.val());
            *running = constant(on(old * (1.0 - momentum) + now * momentum, &device));
        }
    }

    fn adopt(&mut self, other: &Self) {
        let device = self.running_mean.val().device();
        let back = |p: &Param<Tensor<1>>| constant(on(p.val(), &device));
        (self.running_mean, self.running_var) = (back(&other.running_mean), back(&other.running_var));
    }
}

/// A 3x3 layer that halves or doubles the picture.
#[derive(Module, Debug)]
pub struct Convolved {
    weight: Param<Tensor<4>>,
    bias: Param<Tensor<1>>,
    bn: BatchNorm,
    #[module(skip)]
    transposed: bool,
}

impl Convolved {
    pub fn down(inputs: usize, outputs: usize, rng: &mut ChaCha8Rng, device: &Device) -> Self {
        Self::new([outputs, inputs, 3, 3], outputs, false, rng, device)
    }

    pub fn up(inputs: usize, outputs: usize, rng: &mut ChaCha8Rng, device: &Device) -> Self {
        Self::new([inputs, outputs, 3, 3], outputs, true, rng, device)
    }

    fn new(shape: [usize; 4], outputs: usize, transposed: bool, rng: &mut ChaCha8Rng, device: &Device) -> Self {
        // PyTorch takes the second dimension of the weight for the fan-in, transposed or not.
        let fan_in = shape[1] * 9;
        let (weight, bias) = (uniform(shape, fan_in, rng, device), uniform([outputs], fan_in, rng, device));
        Self { weight, bias, bn: BatchNorm::new(outputs, device), transposed }
    }

    pub fn forward(&mut self, x: Tensor<4>, how: How) -> Tensor<4> {
        let shape = if self.transposed { Convolution::up(2, Input::Real) } else { Convolution::down(2, Input::Real) };
        let y = how.convolution(x, self.weight.val(), shape) + self.bias.val().unsqueeze();
        self.bn.forward(y, how)
    }

    /// Takes over the running statistics of a copy that was used without gradients.
    pub fn adopt(&mut self, other: &Self) {
        self.bn.adopt(&other.bn);
    }
}

/// A transposed convolution that leaves the size, without more.
#[derive(Module, Debug)]
pub struct ReadOut {
    weight: Param<Tensor<4>>,
    bias: Param<Tensor<1>>,
}

impl ReadOut {
    pub fn new(inputs: usize, outputs: usize, rng: &mut ChaCha8Rng, device: &Device) -> Self {
        Self { weight: uniform([inputs, outputs, 3, 3], outputs * 9, rng, device), bias: uniform([outputs], outputs * 9, rng, device) }
    }

    pub fn forward(&self, x: Tensor<4>, how: How) -> Tensor<4> {
        how.convolution(x, self.weight.val(), Convolution::up(1, Input::Real)) + self.bias.val().unsqueeze()
    }
}

/// A fully connected layer without more.
#[derive(Module, Debug)]
pub struct Linear {
    /// `[in, out]`; the other way round in checkpoints.
    weight: Param<Tensor<2>>,
    pub(super) bias: Param<Tensor<1>>,
}

impl Linear {
    pub fn new(inputs: usize, outputs: usize, rng: &mut ChaCha8Rng, device: &Device) -> Self {
        Self { weight: uniform([inputs, outputs], inputs, rng, device), bias: uniform([outputs], inputs, rng, device) }
    }

    pub fn forward(&self, x: Tensor<2>) -> Tensor<2> {
        x.matmul(self.weight.val()) + self.bias.val().unsqueeze()
    }
}
