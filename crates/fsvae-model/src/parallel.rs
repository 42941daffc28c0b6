//! Data-parallel training: the same network on several devices, each with its part of a batch.
//!
//! Gradients are averaged by burn's distributed data parallelism: under a [`DistributedContext`], the backward pass of a parameter that is
//! marked as distributed ends with an all-reduce over the devices. All replicas make the same optimiser step, so that they stay the same but for
//! the running statistics of batch norm, of which the first replica's count.
//!
//! Of burn's back-ends CUDA alone has these collective operations; this project's tests have no GPU, so this code is compiled but was never run.

use crate::place::{Place, PlaceError};
use crate::trainer::StepLosses;
use burn::module::{Module, ModuleMapper, Param};
use burn::tensor::distributed::{DistributedConfig, DistributedContext, ReduceOperation};
use burn::tensor::{Device, Tensor};

/// A trainer that can be copied to another device.
pub trait Replica: Clone + Send {
    /// The same there, its parameters marked as distributed.
    fn replica(&self, device: &Device) -> Self;
}

/// A network and the same network on other devices.
#[derive(Debug)]
pub struct Team<T> {
    replicas: Vec<T>,
    _context: DistributedContext,
}

impl<T: Replica> Team<T> {
    /// Spreads a trainer over devices that are all different.
    ///
    /// # Errors
    /// [`PlaceError`] unless all of them are CUDA devices that are there.
    pub fn new(trainer: &T, places: &[Place]) -> Result<Self, PlaceError> {
        check(places)?;
        let devices: Vec<Device> = places.iter().map(|place| place.device()).collect::<Result<_, _>>()?;
        let context = DistributedContext::init(devices.clone(), DistributedConfig { all_reduce_op: ReduceOperation::Mean });
        let replicas = devices.iter().map(|device| trainer.replica(&device.clone().autodiff())).collect();
        Ok(Self { replicas, _context: context })
    }

    /// One optimiser step of all replicas at the same time; `step` gets the number of the replica. Gives the mean of the losses.
    pub fn step(&mut self, step: impl Fn(&mut T, usize) -> StepLosses + Sync) -> StepLosses {
        let step = &step;
        let losses: Vec<StepLosses> = std::thread::scope(|scope| {
            let threads: Vec<_> =
                self.replicas.iter_mut().enumerate().map(|(part, replica)| scope.spawn(move || step(replica, part))).collect();
            threads.into_iter().map(|thread| thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))).collect()
        });
        let mean = |of: fn(&StepLosses) -> Option<f32>| -> Option<f32> {
            let sum: Option<f32> = losses.iter().map(of).sum();
            sum.map(|sum| sum / losses.len() as f32)
        };
        StepLosses { mse: mean(|losses| losses.mse), prior: mean(|losses| losses.prior) }
    }

    /// The replica that counts.
    pub fn first(&self) -> &T {
        &self.replicas[0]
    }

    /// How many there are.
    pub fn size(&self) -> usize {
        self.replicas.len()
    }
}

/// Whether gradients can be averaged over these devices.
///
/// # Errors
/// [`PlaceError::NoCollectives`].
pub fn check(places: &[Place]) -> Result<(), PlaceError> {
    let different = places.iter().enumerate().all(|(i, place)| !places[..i].contains(place));
    let possible = different && places.iter().all(|place| matches!(place, Place::Cuda(_)));
    if possible { Ok(()) } else { Err(PlaceError::NoCollectives) }
}

/// The network on that device, its parameters marked.
pub(crate) fn spread<M: Module>(network: M, device: &Device) -> M {
    struct Mark;
    impl ModuleMapper for Mark {
        fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
            // Running statistics are no parameters: they are each replica's own.
            if !param.val().is_require_grad() {
                return param;
            }
            let (id, tensor, mapper) = param.consume();
            Param::from_mapped_value(id, tensor.set_distributed(id), mapper)
        }
    }
    network.fork(device).map(&mut Mark)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_different_cuda_devices_can_train_together() {
        assert_eq!(check(&[Place::Cuda(0), Place::Cuda(1)]), Ok(()));
        for places in [&[Place::Cpu, Place::Cpu][..], &[Place::Cuda(0), Place::Cuda(0)], &[Place::Cuda(0), Place::Wgpu(0)]] {
            assert_eq!(check(places), Err(PlaceError::NoCollectives));
        }
    }
}
