//! The same operations as [`ops`](crate::ops) in burn's own words: the oracle of the fast kernels, and what every other back-end runs.

use crate::kernels::grid::Grid;
use crate::ops::{Convolution, Currents, Outlet};
use burn::tensor::Tensor;
use burn::tensor::module::{conv_transpose2d, conv2d};
use burn::tensor::ops::{ConvOptions, ConvTransposeOptions};

fn channels_first(x: Tensor<4>) -> Tensor<4> {
    x.permute([0, 3, 1, 2])
}

fn channels_last(x: Tensor<4>) -> Tensor<4> {
    x.permute([0, 2, 3, 1])
}

/// See [`ops::convolution`](crate::ops::convolution).
pub fn convolution(x: Tensor<4>, weight: Tensor<4>, how: Convolution) -> Tensor<4> {
    let stride = how.stride;
    let x = channels_first(x);
    channels_last(if how.transposed {
        conv_transpose2d(x, weight, None, ConvTransposeOptions::new([stride; 2], [1; 2], [stride - 1; 2], [1; 2], 1))
    } else {
        conv2d(x, weight, None, ConvOptions::new([stride; 2], [1; 2], [1; 2], 1))
    })
}

/// See [`ops::on_grid`](crate::ops::on_grid).
pub fn on_grid<const D: usize>(weight: Tensor<D>, grid: Grid) -> Tensor<D> {
    let (shape, levels) = (weight.shape(), f32::from(grid.levels));
    let value = weight.clone().detach().reshape([shape.num_elements() / (grid.units * grid.inner), grid.units, grid.inner]);
    let magnitude = value.clone().abs();
    let mean = magnitude.clone().mean_dim(2).mean_dim(0);
    let largest = magnitude.max_dim(2).max_dim(0);
    let scale = (mean * (2.0 / levels.sqrt())).min_pair(largest / levels).clamp_min(f32::MIN_POSITIVE);
    let near = (value / scale.clone()).round().clamp(-levels, levels) * scale;
    (weight.clone() - weight.detach()) + near.reshape(shape)
}

/// See [`ops::linear`](crate::ops::linear).
pub fn linear(x: Tensor<2>, weight: Tensor<2>) -> Tensor<2> {
    x.matmul(weight)
}

/// See [`ops::statistics`](crate::ops::statistics); here the gradient flows through.
pub fn statistics(x: &Tensor<3>) -> Tensor<2> {
    let mean = x.clone().mean_dim(0).mean_dim(1);
    let centred = x.clone() - mean.clone();
    let variance = (centred.clone() * centred).mean_dim(0).mean_dim(1);
    Tensor::cat(vec![mean, variance], 1).squeeze_dim(0)
}

/// See [`ops::fire`](crate::ops::fire).
pub fn fire(currents: Currents, outlet: Outlet) -> Tensor<3> {
    let spikes = spikes(currents);
    match outlet {
        Outlet::Spikes => spikes,
        Outlet::LeakySum(decay) => {
            let [steps, ..] = spikes.dims();
            let factors: Vec<f32> = (0..steps).rev().map(|age| decay.powi(age as i32)).collect();
            let factors = Tensor::<1>::from_floats(factors.as_slice(), &spikes.device()).reshape([steps, 1, 1]);
            (spikes * factors).sum_dim(0)
        }
    }
}

/// See [`ops::fire_and_convolve`](crate::ops::fire_and_convolve).
pub fn fire_and_convolve(currents: Currents, weight: Tensor<4>, side: usize, how: Convolution) -> Tensor<3> {
    let spikes = spikes(currents);
    let [steps, rows, channels] = spikes.dims();
    let y = convolution(spikes.reshape([steps * rows / (side * side), side, side, channels]), weight, how);
    let [pictures, height, width, channels] = y.dims();
    y.reshape([steps, pictures / steps * height * width, channels])
}

/// tdBN and LIF: `[steps, rows, channels]`.
fn spikes(Currents { x, gamma, beta, statistics, tdbn }: Currents) -> Tensor<3> {
    let [frames, rows, channels] = x.dims();
    let by_channel = |v: Tensor<1>| v.reshape([1, 1, channels]);
    let statistics: Tensor<3> = statistics.unsqueeze_dim(1);
    let (mean, variance) = (statistics.clone().narrow(0, 0, 1), statistics.narrow(0, 1, 1));
    let deviation = (variance + crate::kernels::normalisation::EPSILON).sqrt();
    let current = (x - mean) / deviation * tdbn.gain * by_channel(gamma) + by_channel(beta);
    let lif = tdbn.lif;
    let mut spikes = Vec::with_capacity(tdbn.steps);
    let mut held = Tensor::<3>::zeros([1, rows, channels], &current.device());
    for step in 0..tdbn.steps {
        let u = held + current.clone().narrow(0, step % frames, 1);
        let value = u.clone().detach();
        let fires = value.clone().greater_elem(lif.threshold).float();
        let window = (value.clone() - lif.window_centre).abs().lower_elem(lif.window_half_width).float();
        // The value of a spike with the derivative of the window.
        let spike = (u.clone() - value) * window * (0.5 / lif.window_half_width) + fires;
        let reset = if lif.detach_reset { spike.clone().detach() } else { spike.clone() };
        held = u * lif.decay * (reset * -1.0 + 1.0);
        spikes.push(spike);
    }
    Tensor::cat(spikes, 0)
}
