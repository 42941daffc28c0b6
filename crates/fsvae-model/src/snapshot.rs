//! Between a network's parameters and the named tensors of a checkpoint.

use crate::kernels::matrix::transposed;
use burn::module::{Module, ModuleMapper, ModuleVisitor, Param};
use burn::tensor::{Tensor, TensorData};
use fsvae_checkpoint::{CheckpointError, CheckpointOf, Kind, NamedTensor};

/// The numbers of a tensor, row-major.
pub fn values<const D: usize>(tensor: &Tensor<D>) -> Vec<f32> {
    tensor.clone().into_data().try_to_vec().expect("all tensors of this network are f32")
}

/// The numbers of a matrix of this shape, row by row of its transpose; others as they are.
///
/// A checkpoint has `[out, in]` where a fully connected layer here has `[in, out]`.
pub(crate) fn turned(shape: &[usize], values: Vec<f32>) -> Vec<f32> {
    match *shape {
        [_, columns] => transposed(&values, columns),
        _ => values,
    }
}

/// All parameters and running statistics by name, in the checkpoint's order.
pub fn tensors(network: &impl Module, config: &impl Kind) -> Vec<NamedTensor> {
    struct Collect {
        path: Vec<String>,
        found: Vec<NamedTensor>,
    }
    impl ModuleVisitor for Collect {
        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
            let tensor = param.val();
            let (mut shape, values) = (tensor.dims().to_vec(), values(&tensor));
            let values = turned(&shape, values);
            if let [inputs, outputs] = shape[..] {
                shape = vec![outputs, inputs];
            }
            self.found.push(NamedTensor::f32(self.path.join("."), shape, values));
        }
        fn enter_module(&mut self, name: &str, _: &str) {
            self.path.push(name.to_owned());
        }
        fn exit_module(&mut self, _: &str, _: &str) {
            self.path.pop();
        }
    }
    let mut collect = Collect { path: Vec::new(), found: Vec::new() };
    network.visit(&mut collect);
    let order = config.expected_tensors();
    collect.found.sort_by_key(|t| order.iter().position(|(name, _)| *name == t.name));
    collect.found
}

/// The network with every parameter and running statistic taken from the checkpoint.
///
/// # Errors
/// [`CheckpointError`] when a tensor is missing or has another shape.
pub fn restore<M: Module, C: Kind>(network: M, checkpoint: &CheckpointOf<C>) -> Result<M, CheckpointError> {
    checkpoint.check()?;
    struct Restore<'a, C> {
        path: Vec<String>,
        checkpoint: &'a CheckpointOf<C>,
        failed: Option<CheckpointError>,
    }
    impl<C: Kind> ModuleMapper for Restore<'_, C> {
        fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
            match self.checkpoint.to_f32(&self.path.join(".")) {
                Ok(values) => {
                    let tensor = param.val();
                    let [inputs, outputs] = *tensor.dims().first_chunk().unwrap_or(&[1, 1]);
                    let values = if D == 2 { turned(&[outputs, inputs], values) } else { values };
                    let restored = Tensor::from_data(TensorData::new(values, tensor.shape()), &tensor.device());
                    let trained = tensor.is_require_grad();
                    Param::initialized(param.id, restored).set_require_grad(trained)
                }
                Err(error) => {
                    self.failed.get_or_insert(error);
                    param
                }
            }
        }
        fn enter_module(&mut self, name: &str, _: &str) {
            self.path.push(name.to_owned());
        }
        fn exit_module(&mut self, _: &str, _: &str) {
            self.path.pop();
        }
    }
    let mut restore = Restore { path: Vec::new(), checkpoint, failed: None };
    let network = network.map(&mut restore);
    restore.failed.map_or(Ok(network), Err)
}
