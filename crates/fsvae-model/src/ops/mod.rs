//! The kernels as differentiable tensor operations of burn's CPU back-end (flex).
//!
//! Each operation is one node of the autodiff graph with a backward pass of its own; burn's `backend_extension` routes a dispatched
//! tensor to the right implementation: `flex.rs` calls the kernels, `autodiff.rs` keeps what their backward passes need.

mod autodiff;
mod flex;

use crate::kernels::adamw::AdamW;
use crate::kernels::convolution::Input;
use crate::kernels::grid::Grid;
use crate::kernels::membrane::Lif;
use burn::backend::tensor::FloatTensor;
use burn::backend::{Dispatch, backend_extension};
use burn::tensor::Tensor;

/// A 3x3 convolution with padding 1, or its transpose (with output padding stride - 1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Convolution {
    /// Whether it makes pictures bigger.
    pub transposed: bool,
    /// By how much.
    pub stride: usize,
    /// What its input is.
    pub input: Input,
}

impl Convolution {
    /// A convolution: x `[n, h, w, in]` to `[n, h/stride, w/stride, out]`, weight `[out, in, 3, 3]`.
    pub fn down(stride: usize, input: Input) -> Self {
        Self { transposed: false, stride, input }
    }

    /// A transposed convolution: x `[n, h, w, in]` to `[n, h*stride, w*stride, out]`, weight `[in, out, 3, 3]`.
    pub fn up(stride: usize, input: Input) -> Self {
        Self { transposed: true, stride, input }
    }

    /// The side of the picture made from one with this side.
    pub fn side(&self, of_input: usize) -> usize {
        if self.transposed { of_input * self.stride } else { of_input / self.stride }
    }
}

/// What tdBN + LIF need besides tensors.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TdBn {
    /// The neuron.
    pub lif: Lif,
    /// alpha * V_th.
    pub gain: f32,
    /// Time steps.
    pub steps: usize,
}

/// Currents on their way through tdBN into a population of neurons.
///
/// The backward passes take the statistics to be those of `x` itself.
#[derive(Clone, Debug)]
pub struct Currents {
    /// `[steps, rows, channels]`, a row being one position of one image; or `[1, rows, channels]` when every step is the same.
    pub x: Tensor<3>,
    /// By channel.
    pub gamma: Tensor<1>,
    /// By channel.
    pub beta: Tensor<1>,
    /// Mean and biased variance, `[2, channels]`.
    pub statistics: Tensor<2>,
    /// The rest.
    pub tdbn: TdBn,
}

/// What becomes of a population's spikes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Outlet {
    /// They are wanted themselves: `[steps, rows, channels]`.
    Spikes,
    /// `sum over t of decay^(steps-1-t) * spikes_t`: `[1, rows, channels]`.
    LeakySum(f32),
}

/// A convolution of square pictures that a population fires.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Firing {
    /// The population.
    pub tdbn: TdBn,
    /// Side of its picture.
    pub side: usize,
    /// What listens to it.
    pub convolution: Convolution,
}

/// Convolves x `[n, h, w, channels]` with weight, without bias.
pub fn convolution(x: Tensor<4>, weight: Tensor<4>, how: Convolution) -> Tensor<4> {
    Tensor::from_dispatch(Dispatch::convolve(x.into_dispatch(), weight.into_dispatch(), how))
}

/// Currents `[rows, out]` of spikes x `[rows, in]` through weight `[in, out]`, without bias.
pub fn linear(x: Tensor<2>, weight: Tensor<2>) -> Tensor<2> {
    Tensor::from_dispatch(Dispatch::linear_of_spikes(x.into_dispatch(), weight.into_dispatch()))
}

/// The weights nearest to these on a grid; their gradient passes straight through.
pub fn on_grid<const D: usize>(weight: Tensor<D>, grid: Grid) -> Tensor<D> {
    Tensor::from_dispatch(Dispatch::on_grid(weight.into_dispatch(), grid))
}

/// A step of AdamW: parameter, first and second moment after it. All four tensors are of one shape, none has a gradient.
pub fn adamw<const D: usize>(parameter: Tensor<D>, gradient: Tensor<D>, moments: [Tensor<D>; 2], how: AdamW) -> [Tensor<D>; 3] {
    let [first, second] = moments.map(Tensor::into_dispatch);
    let (parameter, first, second) = Dispatch::adamw(parameter.into_dispatch(), gradient.into_dispatch(), first, second, how);
    [parameter, first, second].map(Tensor::from_dispatch)
}

/// Mean and biased variance by channel, `[2, channels]`, of x `[steps, rows, channels]`; no gradient flows through it.
pub fn statistics(x: &Tensor<3>) -> Tensor<2> {
    Tensor::from_dispatch(Dispatch::channel_statistics(x.clone().detach().into_dispatch()))
}

/// tdBN, LIF, and what [`Outlet`] says.
pub fn fire(currents: Currents, outlet: Outlet) -> Tensor<3> {
    let Currents { x, gamma, beta, statistics, tdbn } = currents;
    let (x, gamma, beta) = (x.into_dispatch(), gamma.into_dispatch(), beta.into_dispatch());
    Tensor::from_dispatch(Dispatch::fire(x, gamma, beta, statistics.into_dispatch(), tdbn, outlet))
}

/// tdBN, LIF, and the convolution of the spikes: `[steps, images * side * side, channels]`, without bias.
pub fn fire_and_convolve(currents: Currents, weight: Tensor<4>, side: usize, convolution: Convolution) -> Tensor<3> {
    let Currents { x, gamma, beta, statistics, tdbn } = currents;
    let (x, gamma, beta) = (x.into_dispatch(), gamma.into_dispatch(), beta.into_dispatch());
    let how = Firing { tdbn, side, convolution };
    Tensor::from_dispatch(Dispatch::fire_and_convolve(x, gamma, beta, statistics.into_dispatch(), weight.into_dispatch(), how))
}

/// The operations that a back-end needs for the fast path; tensors as in the functions of the same names.
#[backend_extension(Flex, Autodiff)]
pub trait SpikingBackend: burn::backend::Backend {
    /// See [`convolution`].
    fn convolve(x: FloatTensor<Self>, weight: FloatTensor<Self>, how: Convolution) -> FloatTensor<Self>;
    /// Gradients of x and weight.
    fn convolve_backward(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        gradient: FloatTensor<Self>,
        how: Convolution,
    ) -> (FloatTensor<Self>, FloatTensor<Self>);
    /// Gradient of the weight alone.
    fn convolve_weight_gradient(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        gradient: FloatTensor<Self>,
        how: Convolution,
    ) -> FloatTensor<Self>;
    /// See [`linear`].
    fn linear_of_spikes(x: FloatTensor<Self>, weight: FloatTensor<Self>) -> FloatTensor<Self>;
    /// Gradients of x and weight.
    fn linear_backward(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        gradient: FloatTensor<Self>,
    ) -> (FloatTensor<Self>, FloatTensor<Self>);
    /// Gradient of the weight alone.
    fn linear_weight_gradient(x: FloatTensor<Self>, weight: FloatTensor<Self>, gradient: FloatTensor<Self>) -> FloatTensor<Self>;
    /// See [`on_grid`].
    fn on_grid(weight: FloatTensor<Self>, grid: Grid) -> FloatTensor<Self>;
    /// See [`adamw`].
    fn adamw(
        parameter: FloatTensor<Self>,
        gradient: FloatTensor<Self>,
        first: FloatTensor<Self>,
        second: FloatTensor<Self>,
        how: AdamW,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>);
    /// See [`statistics`].
    fn channel_statistics(x: FloatTensor<Self>) -> FloatTensor<Self>;
    /// See [`fire`].
    fn fire(
        x: FloatTensor<Self>,
        gamma: FloatTensor<Self>,
        beta: FloatTensor<Self>,
        statistics: FloatTensor<Self>,
        tdbn: TdBn,
        outlet: Outlet,
    ) -> FloatTensor<Self>;
    /// Gradients of x, gamma and beta.
    fn fire_backward(
        x: FloatTensor<Self>,
        gamma: FloatTensor<Self>,
        beta: FloatTensor<Self>,
        statistics: FloatTensor<Self>,
        gradient: FloatTensor<Self>,
        tdbn: TdBn,
        outlet: Outlet,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>);
    /// See [`fire_and_convolve`].
    fn fire_and_convolve(
        x: FloatTensor<Self>,
        gamma: FloatTensor<Self>,
        beta: FloatTensor<Self>,
        statistics: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        how: Firing,
    ) -> FloatTensor<Self>;
    /// Gradients of x, gamma, beta and weight.
    fn fire_and_convolve_backward(
        x: FloatTensor<Self>,
        gamma: FloatTensor<Self>,
        beta: FloatTensor<Self>,
        statistics: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        gradient: FloatTensor<Self>,
        how: Firing,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>);
}
