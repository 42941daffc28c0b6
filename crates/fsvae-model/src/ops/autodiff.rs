//! The operations as nodes of burn's autodiff graph. They keep their arguments, nothing else.

use super::{AdamW, Convolution, Firing, Grid, Outlet, SpikingBackend, TdBn};
use burn::backend::Autodiff;
use burn::backend::autodiff::checkpoint::{base::Checkpointer, strategy::CheckpointStrategy};
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::tensor::FloatTensor;

const NO_SECOND_ORDER: &str = "gradients of gradients are not needed to train this network";

#[derive(Debug)]
struct Convolve;

impl<B: SpikingBackend> Backward<B, 2> for Convolve {
    type State = ([FloatTensor<B>; 2], Convolution);

    fn backward(self, ops: Ops<Self::State, 2>, grads: &mut Gradients, _: &mut Checkpointer) {
        let gradient = grads.consume::<B>(&ops.node);
        let ([x, weight], how) = ops.state;
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

#[derive(Debug)]
struct Linear;

impl<B: SpikingBackend> Backward<B, 2> for Linear {
    type State = [FloatTensor<B>; 2];

    fn backward(self, ops: Ops<Self::State, 2>, grads: &mut Gradients, _: &mut Checkpointer) {
        let gradient = grads.consume::<B>(&ops.node);
        let [x, weight] = ops.state;
        let [of_x, of_weight] = ops.parents;
        let dw = match of_x {
            Some(node) => {
                let (dx, dw) = B::linear_backward(x, weight, gradient);
                grads.register::<B>(node.id, dx);
                dw
            }
            None => B::linear_weight_gradient(x, weight, gradient),
        };
        if let Some(node) = of_weight {
            grads.register::<B>(node.id, dw);
        }
    }
}

/// The straight-through estimator (Bengio et al. 2013): rounding has the derivative 1.
#[derive(Debug)]
struct OnGrid;

impl<B: SpikingBackend> Backward<B, 1> for OnGrid {
    type State = ();

    fn backward(self, ops: Ops<Self::State, 1>, grads: &mut Gradients, _: &mut Checkpointer) {
        let gradient = grads.consume::<B>(&ops.node);
        let [of_weight] = ops.parents;
        if let Some(node) = of_weight {
            grads.register::<B>(node.id, gradient);
        }
    }
}

#[derive(Debug)]
struct Fire;

impl<B: SpikingBackend> Backward<B, 3> for Fire {
    type State = ([FloatTensor<B>; 4], TdBn, Outlet);

    fn backward(self, ops: Ops<Self::State, 3>, grads: &mut Gradients, _: &mut Checkpointer) {
        let gradient = grads.consume::<B>(&ops.node);
        let ([x, gamma, beta, statistics], tdbn, outlet) = ops.state;
        let (dx, dgamma, dbeta) = B::fire_backward(x, gamma, beta, statistics, gradient, tdbn, outlet);
        for (parent, gradient) in ops.parents.into_iter().zip([dx, dgamma, dbeta]) {
            if let Some(node) = parent {
                grads.register::<B>(node.id, gradient);
            }
        }
    }
}

#[derive(Debug)]
struct FireAndConvolve;

impl<B: SpikingBackend> Backward<B, 4> for FireAndConvolve {
    type State = ([FloatTensor<B>; 5], Firing);

    fn backward(self, ops: Ops<Self::State, 4>, grads: &mut Gradients, _: &mut Checkpointer) {
        let gradient = grads.consume::<B>(&ops.node);
        let ([x, gamma, beta, statistics, weight], how) = ops.state;
        let (dx, dgamma, dbeta, dw) = B::fire_and_convolve_backward(x, gamma, beta, statistics, weight, gradient, how);
        for (parent, gradient) in ops.parents.into_iter().zip([dx, dgamma, dbeta, dw]) {
            if let Some(node) = parent {
                grads.register::<B>(node.id, gradient);
            }
        }
    }
}

impl<B: SpikingBackend, C: CheckpointStrategy> SpikingBackend for Autodiff<B, C> {
    fn convolve(x: FloatTensor<Self>, weight: FloatTensor<Self>, how: Convolution) -> FloatTensor<Self> {
        let node = Convolve.prepare::<C>([x.node(), weight.node()]).compute_bound().stateful();
        let inputs = [x, weight].map(|t| t.into_primitive());
        let output = {
            let [x, weight] = inputs.clone();
            B::convolve(x, weight, how)
        };
        match node {
            OpsKind::Tracked(prep) => prep.finish((inputs, how), output),
            OpsKind::UnTracked(prep) => prep.finish(output),
        }
    }

    fn linear_of_spikes(x: FloatTensor<Self>, weight: FloatTensor<Self>) -> FloatTensor<Self> {
        let node = Linear.prepare::<C>([x.node(), weight.node()]).compute_bound().stateful();
        let inputs = [x, weight].map(|t| t.into_primitive());
        let output = {
            let [x, weight] = inputs.clone();
            B::linear_of_spikes(x, weight)
        };
        match node {
            OpsKind::Tracked(prep) => prep.finish(inputs, output),
            OpsKind::UnTracked(prep) => prep.finish(output),
        }
    }

    fn on_grid(weight: FloatTensor<Self>, grid: Grid) -> FloatTensor<Self> {
        let node = OnGrid.prepare::<C>([weight.node()]).compute_bound().stateful();
        let output = B::on_grid(weight.into_primitive(), grid);
        match node {
            OpsKind::Tracked(prep) => prep.finish((), output),
            OpsKind::UnTracked(prep) => prep.finish(output),
        }
    }

    fn channel_statistics(x: FloatTensor<Self>) -> FloatTensor<Self> {
        <Self as burn::backend::AutodiffBackend>::from_inner(B::channel_statistics(x.into_primitive()))
    }

    fn fire(
        x: FloatTensor<Self>,
        gamma: FloatTensor<Self>,
        beta: FloatTensor<Self>,
        statistics: FloatTensor<Self>,
        tdbn: TdBn,
        outlet: Outlet,
    ) -> FloatTensor<Self> {
        let node = Fire.prepare::<C>([x.node(), gamma.node(), beta.node()]).compute_bound().stateful();
        let inputs = [x, gamma, beta, statistics].map(|t| t.into_primitive());
        let output = {
            let [x, gamma, beta, statistics] = inputs.clone();
            B::fire(x, gamma, beta, statistics, tdbn, outlet)
        };
        match node {
            OpsKind::Tracked(prep) => prep.finish((inputs, tdbn, outlet), output),
            OpsKind::UnTracked(prep) => prep.finish(output),
        }
    }

    fn fire_and_convolve(
        x: FloatTensor<Self>,
        gamma: FloatTensor<Self>,
        beta: FloatTensor<Self>,
        statistics: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        how: Firing,
    ) -> FloatTensor<Self> {
        let node = FireAndConvolve.prepare::<C>([x.node(), gamma.node(), beta.node(), weight.node()]).compute_bound().stateful();
        let inputs = [x, gamma, beta, statistics, weight].map(|t| t.into_primitive());
        let output = {
            let [x, gamma, beta, statistics, weight] = inputs.clone();
            B::fire_and_convolve(x, gamma, beta, statistics, weight, how)
        };
        match node {
            OpsKind::Tracked(prep) => prep.finish((inputs, how), output),
            OpsKind::UnTracked(prep) => prep.finish(output),
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

    fn linear_backward(_: FloatTensor<Self>, _: FloatTensor<Self>, _: FloatTensor<Self>) -> (FloatTensor<Self>, FloatTensor<Self>) {
        unreachable!("{NO_SECOND_ORDER}")
    }

    fn linear_weight_gradient(_: FloatTensor<Self>, _: FloatTensor<Self>, _: FloatTensor<Self>) -> FloatTensor<Self> {
        unreachable!("{NO_SECOND_ORDER}")
    }

    fn adamw(
        _: FloatTensor<Self>,
        _: FloatTensor<Self>,
        _: FloatTensor<Self>,
        _: FloatTensor<Self>,
        _: AdamW,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>) {
        unreachable!("the optimiser works on tensors without gradient")
    }

    fn fire_backward(
        _: FloatTensor<Self>,
        _: FloatTensor<Self>,
        _: FloatTensor<Self>,
        _: FloatTensor<Self>,
        _: FloatTensor<Self>,
        _: TdBn,
        _: Outlet,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>) {
        unreachable!("{NO_SECOND_ORDER}")
    }

    fn fire_and_convolve_backward(
        _: FloatTensor<Self>,
        _: FloatTensor<Self>,
        _: FloatTensor<Self>,
        _: FloatTensor<Self>,
        _: FloatTensor<Self>,
        _: FloatTensor<Self>,
        _: Firing,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>) {
        unreachable!("{NO_SECOND_ORDER}")
    }
}
