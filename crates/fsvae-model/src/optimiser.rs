//! AdamW on every parameter of a network that has a gradient, with its moments by the parameter's name.

use crate::kernels::adamw::AdamW;
use crate::{ops, snapshot};
use burn::module::{Module, ModuleMapper, Param};
use burn::optim::{AdamWConfig, AdamWState, AdaptiveMomentumState, GradientsParams, Optimizer};
use burn::tensor::{Device, Tensor, TensorData};
use fsvae_checkpoint::{CheckpointError, CheckpointOf, Kind, NamedTensor, TRAINING_STATE_PREFIX};
use std::collections::BTreeMap;

/// First and second moments of one parameter's gradient.
#[derive(Clone, Debug)]
struct Moments {
    time: usize,
    first: Tensor<1>,
    second: Tensor<1>,
}

/// How a step is made.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Stride {
    /// On this crate's kernel, or in burn's words.
    pub fused: bool,
    /// AdamW's decoupled weight decay.
    pub weight_decay: f32,
    /// Step size.
    pub learning_rate: f64,
}

/// The state of an optimiser.
#[derive(Clone, Debug, Default)]
pub(crate) struct Optimiser {
    moments: BTreeMap<String, Moments>,
}

impl Optimiser {
    /// One step of all parameters that have a gradient.
    pub fn update<M: Module>(&mut self, network: M, gradients: GradientsParams, stride: Stride) -> M {
        network.map(&mut Update { path: Vec::new(), gradients, moments: &mut self.moments, stride })
    }

    /// The same state on another device.
    pub fn on(&self, device: &Device) -> Self {
        let device = device.clone().inner();
        let moved =
            |m: &Moments| Moments { time: m.time, first: m.first.clone().to_device(&device), second: m.second.clone().to_device(&device) };
        Self { moments: self.moments.iter().map(|(name, moments)| (name.clone(), moved(moments))).collect() }
    }

    /// The state as tensors of a checkpoint that has these parameters.
    pub fn tensors(&self, parameters: &[NamedTensor]) -> Vec<NamedTensor> {
        let shape = |name: &str| parameters.iter().find(|t| t.name == name).map_or_else(Vec::new, |t| t.shape.clone());
        let both = self.moments.iter().flat_map(|(name, m)| [("first", name, &m.first), ("second", name, &m.second)]);
        let tensor = |(which, name, moment): (&str, &String, &Tensor<1>)| {
            let shape = shape(name);
            let turned_shape: Vec<usize> = if shape.len() == 2 { shape.iter().rev().copied().collect() } else { Vec::new() };
            let values = snapshot::turned(&turned_shape, snapshot::values(moment));
            NamedTensor::f32(format!("{TRAINING_STATE_PREFIX}{which}.{name}"), shape, values)
        };
        both.map(tensor).collect()
    }

    /// The state that a checkpoint holds, if it holds one.
    ///
    /// # Errors
    /// [`CheckpointError`] when half of it is missing.
    pub fn restored<C: Kind>(checkpoint: &CheckpointOf<C>, device: &Device) -> Result<Self, CheckpointError> {
        let mut moments = BTreeMap::new();
        for tensor in &checkpoint.tensors {
            let Some(name) = tensor.name.strip_prefix(TRAINING_STATE_PREFIX).and_then(|n| n.strip_prefix("first.")) else { continue };
            let flat = |values: Vec<f32>| {
                let len = values.len();
                Tensor::<1>::from_data(TensorData::new(values, [len]), &device.clone().inner())
            };
            let second = checkpoint.to_f32(&format!("{TRAINING_STATE_PREFIX}second.{name}"))?;
            let [first, second] = [tensor.values.to_f32(), second].map(|values| flat(snapshot::turned(&tensor.shape, values)));
            moments.insert(name.to_owned(), Moments { time: checkpoint.training.steps as usize, first, second });
        }
        Ok(Self { moments })
    }
}

struct Update<'a> {
    path: Vec<String>,
    gradients: GradientsParams,
    moments: &'a mut BTreeMap<String, Moments>,
    stride: Stride,
}

const BETAS: [f32; 2] = [0.9, 0.999];
const EPSILON: f32 = 1e-8;

impl Update<'_> {
    /// On this crate's kernel.
    fn step_fused<const D: usize>(&self, tensor: Tensor<D>, gradient: Tensor<D>, moments: Option<Moments>) -> (Tensor<D>, Moments) {
        let (shape, device) = (tensor.shape(), tensor.device());
        let zeros = || Tensor::zeros(shape.clone(), &device);
        let (time, first, second) = match moments {
            Some(m) => (m.time, m.first.reshape(shape.clone()), m.second.reshape(shape.clone())),
            None => (0, zeros(), zeros()),
        };
        let [beta_1, beta_2] = BETAS;
        let (Stride { learning_rate, weight_decay, .. }, time) = (self.stride, time + 1);
        let how = AdamW { learning_rate, weight_decay, beta_1, beta_2, epsilon: EPSILON, time };
        let [tensor, first, second] = ops::adamw(tensor, gradient, [first, second], how);
        let flat = |t: Tensor<D>| t.reshape([shape.num_elements()]);
        (tensor, Moments { time, first: flat(first), second: flat(second) })
    }

    /// In burn's words.
    fn step_plain<const D: usize>(&self, tensor: Tensor<D>, gradient: Tensor<D>, moments: Option<Moments>) -> (Tensor<D>, Moments) {
        let adamw = AdamWConfig::new().with_epsilon(EPSILON).with_weight_decay(self.stride.weight_decay).build();
        let shape = tensor.shape();
        let state = moments.map(|m| AdamWState {
            momentum: AdaptiveMomentumState {
                time: m.time,
                moment_1: m.first.reshape(shape.clone()),
                moment_2: m.second.reshape(shape.clone()),
                max_moment_2: None,
            },
        });
        let (tensor, state) = adamw.step(self.stride.learning_rate, tensor, gradient, state);
        let momentum = state.expect("AdamW has a state after a step").momentum;
        let flat = |t: Tensor<D>| t.reshape([shape.num_elements()]);
        (tensor, Moments { time: momentum.time, first: flat(momentum.moment_1), second: flat(momentum.moment_2) })
    }
}

impl ModuleMapper for Update<'_> {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let Some(gradient) = self.gradients.remove::<D>(param.id) else { return param };
        let name = self.path.join(".");
        let (id, tensor, mapper) = param.consume();
        let (shared, moments) = (tensor.is_distributed(), self.moments.remove(&name));
        let (tensor, moments) = if self.stride.fused {
            self.step_fused(tensor.inner(), gradient, moments)
        } else {
            self.step_plain(tensor.inner(), gradient, moments)
        };
        self.moments.insert(name, moments);
        let tensor = Tensor::from_inner(tensor).require_grad();
        Param::from_mapped_value(id, if shared { tensor.set_distributed(id) } else { tensor }, mapper)
    }
    fn enter_module(&mut self, name: &str, _: &str) {
        self.path.push(name.to_owned());
    }
    fn exit_module(&mut self, _: &str, _: &str) {
        self.path.pop();
    }
}
