//! The kernels as differentiable tensor operations of burn's CPU back-end (flex).
//!
//! Each operation is one node of the autodiff graph with a backward pass of its own; burn's `backend_extension` routes a dispatched
//! tensor to the right implementation.

use crate::kernels::convolution::{self, Input};
use crate::kernels::geometry::Geometry;
use crate::kernels::membrane::{self, Affine, Layout, Lif};
use burn::backend::autodiff::checkpoint::{base::Checkpointer, strategy::CheckpointStrategy};
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::tensor::FloatTensor;
use burn::backend::{Autodiff, Dispatch, Flex, TensorMetadata, backend_extension};
use burn::tensor::{Bytes, DType, Shape, Tensor};
use burn_flex::{FlexTensor, Layout as TensorLayout};

/// What tdBN + LIF need besides tensors.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TdBn {
    /// The neuron.
    pub lif: Lif,
    /// alpha * V_th.
    pub gain: f32,
}

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

    fn geometry(&self, x: &FlexTensor, weight: &FlexTensor) -> (Geometry, usize) {
        let ([n, side, _, _], [small_channels, big_channels, _, _]) = (dims(x), dims(weight));
        let (big, small) = if self.transposed { (side * self.stride, side) } else { (side, side / self.stride) };
        (Geometry { big, small, big_channels, small_channels, stride: self.stride }, n)
    }
}

/// Convolves x with weight, without bias.
pub fn convolution(x: Tensor<4>, weight: Tensor<4>, how: Convolution) -> Tensor<4> {
    Tensor::from_dispatch(Dispatch::convolve(x.into_dispatch(), weight.into_dispatch(), how))
}

/// Mean and biased variance by channel, `[2, channels]`, of x `[steps, rows, channels]`; no gradient flows through it.
pub fn statistics(x: &Tensor<3>) -> Tensor<2> {
    Tensor::from_dispatch(Dispatch::channel_statistics(x.clone().detach().into_dispatch()))
}

/// Spikes of tdBN + LIF: x `[steps, rows, channels]`, gamma and beta `[channels]`, statistics `[2, channels]`.
///
/// The backward pass takes the statistics to be those of `x` itself.
pub fn tdbn_lif(x: Tensor<3>, gamma: Tensor<1>, beta: Tensor<1>, statistics: Tensor<2>, tdbn: TdBn) -> Tensor<3> {
    Tensor::from_dispatch(Dispatch::tdbn_lif(
        x.into_dispatch(),
        gamma.into_dispatch(),
        beta.into_dispatch(),
        statistics.into_dispatch(),
        tdbn,
    ))
}

/// `sum over t of decay^(steps-1-t) * x_t`: x `[steps, neurons]` to `[neurons]`.
pub fn leaky_sum(x: Tensor<2>, decay: f32) -> Tensor<1> {
    Tensor::from_dispatch(Dispatch::leaky_sum(x.into_dispatch(), decay))
}

/// The operations that a back-end needs for the fast path.
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
    /// See [`statistics`].
    fn channel_statistics(x: FloatTensor<Self>) -> FloatTensor<Self>;
    /// See [`tdbn_lif`].
    fn tdbn_lif(
        x: FloatTensor<Self>,
        gamma: FloatTensor<Self>,
        beta: FloatTensor<Self>,
        statistics: FloatTensor<Self>,
        tdbn: TdBn,
    ) -> FloatTensor<Self>;
    /// Gradients of x, gamma and beta.
    fn tdbn_lif_backward(
        x: FloatTensor<Self>,
        gamma: FloatTensor<Self>,
        beta: FloatTensor<Self>,
        statistics: FloatTensor<Self>,
        gradient: FloatTensor<Self>,
        tdbn: TdBn,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>);
    /// See [`leaky_sum`].
    fn leaky_sum(x: FloatTensor<Self>, decay: f32) -> FloatTensor<Self>;
    /// Gradient of x.
    fn leaky_sum_backward(gradient: FloatTensor<Self>, steps: usize, decay: f32) -> FloatTensor<Self>;
}

fn tensor(values: Vec<f32>, shape: Shape) -> FlexTensor {
    FlexTensor::new(Bytes::from_elems(values), TensorLayout::contiguous(shape), DType::F32)
}

fn floats(x: &FlexTensor) -> &[f32] {
    x.as_slice().expect("made contiguous")
}

fn dims<const D: usize>(x: &FlexTensor) -> [usize; D] {
    x.shape().dims()
}

/// Gradients of weight and, where wanted, x.
fn convolve_backward(x: FlexTensor, weight: FlexTensor, gradient: FlexTensor, how: Convolution, dx: Option<&mut [f32]>) -> FlexTensor {
    let (x, weight, gradient) = (x.to_contiguous(), weight.to_contiguous(), gradient.to_contiguous());
    let (g, _) = how.geometry(&x, &weight);
    let backward = if how.transposed { convolution::scatter_backward } else { convolution::gather_backward };
    tensor(backward(g, how.input, floats(&weight), floats(&x), floats(&gradient), dx), weight.shape())
}

impl SpikingBackend for Flex {
    fn convolve(x: FlexTensor, weight: FlexTensor, how: Convolution) -> FlexTensor {
        let (x, weight) = (x.to_contiguous(), weight.to_contiguous());
        let (g, n) = how.geometry(&x, &weight);
        let (side, channels) = if how.transposed { (g.big, g.big_channels) } else { (g.small, g.small_channels) };
        let mut out = vec![0.0; n * side * side * channels];
        let convolve = if how.transposed { convolution::scatter } else { convolution::gather };
        convolve(g, how.input, floats(&weight), floats(&x), &mut out);
        tensor(out, Shape::from([n, side, side, channels]))
    }

    fn convolve_backward(x: FlexTensor, weight: FlexTensor, gradient: FlexTensor, how: Convolution) -> (FlexTensor, FlexTensor) {
        let shape = x.shape();
        let mut dx = vec![0.0; shape.num_elements()];
        let dw = convolve_backward(x, weight, gradient, how, Some(&mut dx));
        (tensor(dx, shape), dw)
    }

    fn convolve_weight_gradient(x: FlexTensor, weight: FlexTensor, gradient: FlexTensor, how: Convolution) -> FlexTensor {
        convolve_backward(x, weight, gradient, how, None)
    }

    fn channel_statistics(x: FlexTensor) -> FlexTensor {
        let x = x.to_contiguous();
        let [_, _, channels] = dims(&x);
        tensor(membrane::statistics(floats(&x), channels), Shape::from([2, channels]))
    }

    fn tdbn_lif(x: FlexTensor, gamma: FlexTensor, beta: FlexTensor, statistics: FlexTensor, tdbn: TdBn) -> FlexTensor {
        let x = x.to_contiguous();
        let [steps, _, channels] = dims(&x);
        let affine = Affine::new(floats(&gamma), floats(&beta), floats(&statistics), tdbn.gain);
        let mut out = vec![0.0; floats(&x).len()];
        membrane::forward(floats(&x), &affine, tdbn.lif, Layout { steps, channels }, &mut out);
        tensor(out, x.shape())
    }

    fn tdbn_lif_backward(
        x: FlexTensor,
        gamma: FlexTensor,
        beta: FlexTensor,
        statistics: FlexTensor,
        gradient: FlexTensor,
        tdbn: TdBn,
    ) -> (FlexTensor, FlexTensor, FlexTensor) {
        let (x, gradient) = (x.to_contiguous(), gradient.to_contiguous());
        let [steps, _, channels] = dims(&x);
        let affine = Affine::new(floats(&gamma), floats(&beta), floats(&statistics), tdbn.gain);
        let layout = Layout { steps, channels };
        let g = membrane::backward(floats(&x), floats(&gradient), &affine, floats(&statistics), tdbn.gain, tdbn.lif, layout);
        (tensor(g.x, x.shape()), tensor(g.gamma, gamma.shape()), tensor(g.beta, beta.shape()))
    }

    fn leaky_sum(x: FlexTensor, decay: f32) -> FlexTensor {
        let x = x.to_contiguous();
        let [steps, neurons] = dims(&x);
        tensor(membrane::leaky_sum(floats(&x), steps, decay), Shape::from([neurons]))
    }

    fn leaky_sum_backward(gradient: FlexTensor, steps: usize, decay: f32) -> FlexTensor {
        let gradient = gradient.to_contiguous();
        let [neurons] = dims(&gradient);
        tensor(membrane::leaky_sum_backward(floats(&gradient), steps, decay), Shape::from([steps, neurons]))
    }
}

const NO_SECOND_ORDER: &str = "gradients of gradients are not needed to train this network";

impl<B: SpikingBackend, C: CheckpointStrategy> SpikingBackend for Autodiff<B, C> {
    fn convolve(x: FloatTensor<Self>, weight: FloatTensor<Self>, how: Convolution) -> FloatTensor<Self> {
        #[derive(Debug)]
        struct Convolve;
        impl<B: SpikingBackend> Backward<B, 2> for Convolve {
            type State = (FloatTensor<B>, FloatTensor<B>, Convolution);
            fn backward(self, ops: Ops<Self::State, 2>, grads: &mut Gradients, _: &mut Checkpointer) {
                let gradient = grads.consume::<B>(&ops.node);
                let (x, weight, how) = ops.state;
                let [of_x, of_weight] = ops.parents;
                let dw = match of_x {
                    Some(node) => {
                        let (dx, dw) = B::convolve_backward(x, weight, gradient, how);
                        grads.register::<B>(node.id, dx);
                        dw
                    }
                    None => B::convolve_weight_gradient(x, weight, gradient, how),
                };
                if let Some(node) = of_weight {
                    grads.register::<B>(node.id, dw);
                }
            }
        }
        match Convolve.prepare::<C>([x.node(), weight.node()]).compute_bound().stateful() {
            OpsKind::Tracked(prep) => {
                let state = (x.primitive().clone(), weight.primitive().clone(), how);
                prep.finish(state, B::convolve(x.into_primitive(), weight.into_primitive(), how))
            }
            OpsKind::UnTracked(prep) => prep.finish(B::convolve(x.into_primitive(), weight.into_primitive(), how)),
        }
    }

    fn channel_statistics(x: FloatTensor<Self>) -> FloatTensor<Self> {
        <Self as burn::backend::AutodiffBackend>::from_inner(B::channel_statistics(x.into_primitive()))
    }

    fn tdbn_lif(
        x: FloatTensor<Self>,
        gamma: FloatTensor<Self>,
        beta: FloatTensor<Self>,
        statistics: FloatTensor<Self>,
        tdbn: TdBn,
    ) -> FloatTensor<Self> {
        #[derive(Debug)]
        struct TdBnLif;
        impl<B: SpikingBackend> Backward<B, 3> for TdBnLif {
            type State = (FloatTensor<B>, FloatTensor<B>, FloatTensor<B>, FloatTensor<B>, TdBn);
            fn backward(self, ops: Ops<Self::State, 3>, grads: &mut Gradients, _: &mut Checkpointer) {
                let gradient = grads.consume::<B>(&ops.node);
                let (x, gamma, beta, statistics, tdbn) = ops.state;
                let (dx, dgamma, dbeta) = B::tdbn_lif_backward(x, gamma, beta, statistics, gradient, tdbn);
                for (parent, gradient) in ops.parents.into_iter().zip([dx, dgamma, dbeta]) {
                    if let Some(node) = parent {
                        grads.register::<B>(node.id, gradient);
                    }
                }
            }
        }
        let inner = |x: FloatTensor<Self>, gamma: FloatTensor<Self>, beta: FloatTensor<Self>, statistics: FloatTensor<Self>| {
            B::tdbn_lif(x.into_primitive(), gamma.into_primitive(), beta.into_primitive(), statistics.into_primitive(), tdbn)
        };
        match TdBnLif.prepare::<C>([x.node(), gamma.node(), beta.node()]).compute_bound().stateful() {
            OpsKind::Tracked(prep) => {
                let state =
                    (x.primitive().clone(), gamma.primitive().clone(), beta.primitive().clone(), statistics.primitive().clone(), tdbn);
                prep.finish(state, inner(x, gamma, beta, statistics))
            }
            OpsKind::UnTracked(prep) => prep.finish(inner(x, gamma, beta, statistics)),
        }
    }

    fn leaky_sum(x: FloatTensor<Self>, decay: f32) -> FloatTensor<Self> {
        #[derive(Debug)]
        struct LeakySum;
        impl<B: SpikingBackend> Backward<B, 1> for LeakySum {
            type State = (usize, f32);
            fn backward(self, ops: Ops<Self::State, 1>, grads: &mut Gradients, _: &mut Checkpointer) {
                let gradient = grads.consume::<B>(&ops.node);
                let (steps, decay) = ops.state;
                if let [Some(node)] = ops.parents {
                    grads.register::<B>(node.id, B::leaky_sum_backward(gradient, steps, decay));
                }
            }
        }
        let steps = x.primitive().shape()[0];
        match LeakySum.prepare::<C>([x.node()]).compute_bound().stateful() {
            OpsKind::Tracked(prep) => prep.finish((steps, decay), B::leaky_sum(x.into_primitive(), decay)),
            OpsKind::UnTracked(prep) => prep.finish(B::leaky_sum(x.into_primitive(), decay)),
        }
    }

    fn convolve_backward(
        _: FloatTensor<Self>,
        _: FloatTensor<Self>,
        _: FloatTensor<Self>,
        _: Convolution,
    ) -> (FloatTensor<Self>, FloatTensor<Self>) {
        unreachable!("{NO_SECOND_ORDER}")
    }

    fn convolve_weight_gradient(_: FloatTensor<Self>, _: FloatTensor<Self>, _: FloatTensor<Self>, _: Convolution) -> FloatTensor<Self> {
        unreachable!("{NO_SECOND_ORDER}")
    }

    fn tdbn_lif_backward(
        _: FloatTensor<Self>,
        _: FloatTensor<Self>,
        _: FloatTensor<Self>,
        _: FloatTensor<Self>,
        _: FloatTensor<Self>,
        _: TdBn,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>) {
        unreachable!("{NO_SECOND_ORDER}")
    }

    fn leaky_sum_backward(_: FloatTensor<Self>, _: usize, _: f32) -> FloatTensor<Self> {
        unreachable!("{NO_SECOND_ORDER}")
    }
}
