//! The operations on flex, burn's CPU back-end: shapes are read off the tensors, the kernels do the rest.

use super::{Convolution, Firing, Outlet, SpikingBackend, TdBn};
use crate::kernels::adamw::AdamW;
use crate::kernels::convolution::{self, Kernel};
use crate::kernels::fused::Owned;
use crate::kernels::geometry::Geometry;
use crate::kernels::grid::Grid;
use crate::kernels::membrane::Membranes;
use crate::kernels::normalisation::{self, Affine, Gradients};
use crate::kernels::{buffers, dense, fused};
use burn::backend::{Flex, TensorMetadata};
use burn::tensor::{Bytes, DType, Shape};
use burn_flex::{FlexTensor, Layout};

fn tensor(values: Vec<f32>, shape: impl Into<Shape>) -> FlexTensor {
    FlexTensor::new(Bytes::from_elems(values), Layout::contiguous(shape.into()), DType::F32)
}

fn floats(x: &FlexTensor) -> &[f32] {
    x.as_slice().expect("made contiguous")
}

fn contiguous(x: FlexTensor) -> FlexTensor {
    if x.is_contiguous() { x } else { x.to_contiguous() }
}

/// The numbers themselves: a copy, if somebody else still looks at them.
fn into_floats(x: FlexTensor) -> Vec<f32> {
    x.into_data().try_into_vec().expect("all tensors here are of single precision")
}

/// Lets the next tensor have this one's memory, if nobody else still looks at it.
fn recycle(x: FlexTensor) {
    if x.is_unique()
        && let Ok(values) = x.into_data().try_into_vec()
    {
        buffers::give_back(values);
    }
}

fn dims<const D: usize>(x: &FlexTensor) -> [usize; D] {
    x.shape().dims()
}

fn kernel(side: usize, weight: &FlexTensor, how: Convolution) -> Kernel {
    let [small_channels, big_channels, _, _] = dims(weight);
    let (from, to) = (side, how.side(side));
    let (big, small) = if how.transposed { (to, from) } else { (from, to) };
    let geometry = Geometry { big, small, big_channels, small_channels, stride: how.stride };
    Kernel::new(geometry, how.transposed, how.input, floats(weight))
}

/// Gradients of weight and, where wanted, x.
fn convolve_backward(x: FlexTensor, weight: FlexTensor, gradient: FlexTensor, how: Convolution, dx: Option<&mut [f32]>) -> FlexTensor {
    let (x, weight, gradient) = (contiguous(x), contiguous(weight), contiguous(gradient));
    let kernel = kernel(dims::<4>(&x)[1], &weight, how);
    let dw = convolution::convolve_backward(&kernel, floats(&x), floats(&gradient), dx);
    recycle(gradient);
    tensor(dw, weight.shape())
}

/// Currents, contiguous, and their affine map.
struct Population {
    x: FlexTensor,
    affine: Affine,
    tdbn: TdBn,
}

impl Population {
    fn new(x: FlexTensor, gamma: FlexTensor, beta: FlexTensor, statistics: FlexTensor, tdbn: TdBn) -> Self {
        let (gamma, beta, statistics) = (contiguous(gamma), contiguous(beta), contiguous(statistics));
        let affine = Affine::new(floats(&gamma), floats(&beta), floats(&statistics), tdbn.gain);
        Self { x: contiguous(x), affine, tdbn }
    }

    fn membranes(&self) -> Membranes<'_> {
        let [_, rows, channels] = dims(&self.x);
        Membranes { currents: floats(&self.x), steps: self.tdbn.steps, neurons: rows * channels, affine: &self.affine, lif: self.tdbn.lif }
    }

    /// Gradients as tensors; the currents are not needed any more.
    fn finish(self, gradients: Gradients) -> (FlexTensor, FlexTensor, FlexTensor) {
        let (channels, shape) = (self.affine.scale.len(), self.x.shape());
        recycle(self.x);
        (tensor(gradients.x, shape), tensor(gradients.gamma, [channels]), tensor(gradients.beta, [channels]))
    }
}

impl SpikingBackend for Flex {
    fn convolve(x: FlexTensor, weight: FlexTensor, how: Convolution) -> FlexTensor {
        let (x, weight) = (contiguous(x), contiguous(weight));
        let [n, side, _, _] = dims(&x);
        let kernel = kernel(side, &weight, how);
        let mut out = buffers::take(n * kernel.output_len());
        convolution::convolve(&kernel, floats(&x), &mut out);
        let side = how.side(side);
        tensor(out, [n, side, side, kernel.output_len() / (side * side)])
    }

    fn convolve_backward(x: FlexTensor, weight: FlexTensor, gradient: FlexTensor, how: Convolution) -> (FlexTensor, FlexTensor) {
        let shape = x.shape();
        let mut dx = buffers::take(shape.num_elements());
        let dw = convolve_backward(x, weight, gradient, how, Some(&mut dx));
        (tensor(dx, shape), dw)
    }

    fn convolve_weight_gradient(x: FlexTensor, weight: FlexTensor, gradient: FlexTensor, how: Convolution) -> FlexTensor {
        convolve_backward(x, weight, gradient, how, None)
    }

    fn linear_of_spikes(x: FlexTensor, weight: FlexTensor) -> FlexTensor {
        let (x, weight) = (contiguous(x), contiguous(weight));
        let ([rows, _], [inputs, outputs]) = (dims(&x), dims(&weight));
        let mut out = buffers::take(rows * outputs);
        dense::forward(floats(&weight), inputs, floats(&x), &mut out);
        tensor(out, [rows, outputs])
    }

    fn linear_backward(x: FlexTensor, weight: FlexTensor, gradient: FlexTensor) -> (FlexTensor, FlexTensor) {
        let (weight, gradient) = (contiguous(weight), contiguous(gradient));
        let [rows, inputs] = dims(&x);
        let mut dx = buffers::take(rows * inputs);
        dense::input_gradient(floats(&weight), inputs, floats(&gradient), &mut dx);
        (tensor(dx, [rows, inputs]), Self::linear_weight_gradient(x, weight, gradient))
    }

    fn linear_weight_gradient(x: FlexTensor, weight: FlexTensor, gradient: FlexTensor) -> FlexTensor {
        let (x, gradient) = (contiguous(x), contiguous(gradient));
        let [_, inputs] = dims(&x);
        let dw = dense::weight_gradient(inputs, floats(&x), floats(&gradient));
        recycle(gradient);
        recycle(x);
        tensor(dw, weight.shape())
    }

    fn on_grid(weight: FlexTensor, grid: Grid) -> FlexTensor {
        let weight = contiguous(weight);
        tensor(grid.nearest(floats(&weight)), weight.shape())
    }

    fn adamw(
        parameter: FlexTensor,
        gradient: FlexTensor,
        first: FlexTensor,
        second: FlexTensor,
        how: AdamW,
    ) -> (FlexTensor, FlexTensor, FlexTensor) {
        let (shape, gradient) = (parameter.shape(), contiguous(gradient));
        let [mut parameter, mut first, mut second] = [parameter, first, second].map(|x| into_floats(contiguous(x)));
        how.step(&mut parameter, floats(&gradient), &mut first, &mut second);
        (tensor(parameter, shape.clone()), tensor(first, shape.clone()), tensor(second, shape))
    }

    fn channel_statistics(x: FlexTensor) -> FlexTensor {
        let x = contiguous(x);
        let [_, _, channels] = dims(&x);
        tensor(normalisation::statistics(floats(&x), channels), [2, channels])
    }

    fn fire(x: FlexTensor, gamma: FlexTensor, beta: FlexTensor, statistics: FlexTensor, tdbn: TdBn, outlet: Outlet) -> FlexTensor {
        let [_, rows, channels] = dims(&x);
        let population = Population::new(x, gamma, beta, statistics, tdbn);
        match outlet {
            Outlet::Spikes => tensor(fused::fire(&population.membranes()), [tdbn.steps, rows, channels]),
            Outlet::LeakySum(decay) => tensor(fused::leaky_sum(&population.membranes(), decay), [1, rows, channels]),
        }
    }

    fn fire_backward(
        x: FlexTensor,
        gamma: FlexTensor,
        beta: FlexTensor,
        statistics: FlexTensor,
        gradient: FlexTensor,
        tdbn: TdBn,
        outlet: Outlet,
    ) -> (FlexTensor, FlexTensor, FlexTensor) {
        let (population, gradient) = (Population::new(x, gamma, beta, statistics, tdbn), contiguous(gradient));
        match outlet {
            Outlet::Spikes => {
                let gradients = fused::fire_backward(&population.membranes(), floats(&gradient));
                population.finish(gradients)
            }
            Outlet::LeakySum(decay) => {
                let ([_, rows, channels], shape) = (dims(&population.x), population.x.shape());
                let (currents, affine) = (into_floats(population.x), &population.affine);
                let owned = Owned { currents, steps: tdbn.steps, neurons: rows * channels, affine, lif: tdbn.lif };
                let Gradients { x, gamma, beta } = fused::leaky_sum_backward(owned, floats(&gradient), decay);
                (tensor(x, shape), tensor(gamma, [channels]), tensor(beta, [channels]))
            }
        }
    }

    fn fire_and_convolve(
        x: FlexTensor,
        gamma: FlexTensor,
        beta: FlexTensor,
        statistics: FlexTensor,
        weight: FlexTensor,
        how: Firing,
    ) -> FlexTensor {
        let (population, weight) = (Population::new(x, gamma, beta, statistics, how.tdbn), contiguous(weight));
        let (kernel, side) = (kernel(how.side, &weight, how.convolution), how.convolution.side(how.side));
        let (membranes, channels) = (population.membranes(), kernel.output_len() / (side * side));
        let images = membranes.neurons / kernel.input_len();
        tensor(fused::convolve(&membranes, &kernel), [how.tdbn.steps, images * side * side, channels])
    }

    fn fire_and_convolve_backward(
        x: FlexTensor,
        gamma: FlexTensor,
        beta: FlexTensor,
        statistics: FlexTensor,
        weight: FlexTensor,
        gradient: FlexTensor,
        how: Firing,
    ) -> (FlexTensor, FlexTensor, FlexTensor, FlexTensor) {
        let (population, weight) = (Population::new(x, gamma, beta, statistics, how.tdbn), contiguous(weight));
        let (kernel, gradient) = (kernel(how.side, &weight, how.convolution), contiguous(gradient));
        let (gradients, dw) = fused::convolve_backward(&population.membranes(), &kernel, floats(&gradient));
        recycle(gradient);
        let (dx, dgamma, dbeta) = population.finish(gradients);
        (dx, dgamma, dbeta, tensor(dw, weight.shape()))
    }
}
