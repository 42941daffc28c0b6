//! Where tensors live: the CPU with this crate's kernels, or a GPU with burn's own operations.
//!
//! The GPU back-ends are Cargo features (`cuda`, `wgpu`), because burn has to be compiled with them. They were never run by this project's tests.

use burn::tensor::{Device, Tensor};
use miette::Diagnostic;
use std::fmt;
use std::str::FromStr;
use thiserror::Error;

/// A device.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Place {
    /// All cores of this machine.
    #[default]
    Cpu,
    /// A GPU of NVIDIA, by its number.
    Cuda(usize),
    /// A discrete GPU by its number among those that the machine's graphics interface shows.
    Wgpu(usize),
}

/// A place that cannot be had.
#[derive(Clone, Debug, PartialEq, Eq, Error, Diagnostic)]
pub enum PlaceError {
    /// The feature was off.
    #[error("this program was built without the back-end of {place}")]
    #[diagnostic(code(E192), help("build it with `cargo build --release -p fsvae-train --features {feature}`, or use --device cpu"))]
    NotBuilt {
        /// What was asked for.
        place: Place,
        /// The Cargo feature.
        feature: &'static str,
    },
    /// Data-parallel training where gradients cannot be averaged.
    #[error("training on several devices at once needs collective operations, and of burn's back-ends only cuda has them")]
    #[diagnostic(code(E193), help("name different devices cuda:0,cuda:1,... or one device; on the CPU one training uses all cores"))]
    NoCollectives,
    /// No such hardware.
    #[error("there is no device {place}, or it does not work: {reason}")]
    #[diagnostic(code(E197), help("look for it with `nvidia-smi` or `vulkaninfo`, or use --device cpu"))]
    NoDevice {
        /// What was asked for.
        place: Place,
        /// What the back-end said.
        reason: String,
    },
}

impl Place {
    /// The device, if this program was built for it and it is there.
    ///
    /// # Errors
    /// [`PlaceError`].
    pub fn device(self) -> Result<Device, PlaceError> {
        let (make, number) = match self {
            Self::Cpu => return Ok(crate::device()),
            Self::Cuda(number) => (self.cuda()?, number),
            Self::Wgpu(number) => (self.wgpu()?, number),
        };
        // The back-ends panic where there is no driver or no such device: make one number there, and see.
        let works = std::panic::catch_unwind(|| {
            let device = make(number);
            let one = Tensor::<1>::ones([1], &device).into_data().try_to_vec::<f32>();
            one.is_ok_and(|numbers| numbers == [1.0]).then_some(device)
        });
        let reason = match works {
            Ok(Some(device)) => return Ok(device),
            Ok(None) => "it does not give back what was put there".to_owned(),
            Err(panic) => panic.downcast_ref::<String>().cloned().unwrap_or_else(|| "its driver cannot be used".to_owned()),
        };
        Err(PlaceError::NoDevice { place: self, reason })
    }

    #[cfg(feature = "cuda")]
    fn cuda(self) -> Result<fn(usize) -> Device, PlaceError> {
        Ok(|number| Device::cuda(number))
    }

    #[cfg(not(feature = "cuda"))]
    fn cuda(self) -> Result<fn(usize) -> Device, PlaceError> {
        Err(PlaceError::NotBuilt { place: self, feature: "cuda" })
    }

    #[cfg(feature = "wgpu")]
    fn wgpu(self) -> Result<fn(usize) -> Device, PlaceError> {
        Ok(|number| Device::wgpu(burn::tensor::DeviceKind::DiscreteGpu(number)))
    }

    #[cfg(not(feature = "wgpu"))]
    fn wgpu(self) -> Result<fn(usize) -> Device, PlaceError> {
        Err(PlaceError::NotBuilt { place: self, feature: "wgpu" })
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cpu => f.write_str("cpu"),
            Self::Cuda(number) => write!(f, "cuda:{number}"),
            Self::Wgpu(number) => write!(f, "wgpu:{number}"),
        }
    }
}

impl FromStr for Place {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (kind, number) = text.split_once(':').unwrap_or((text, "0"));
        match (kind, number.parse()) {
            ("cpu", _) if text == "cpu" => Ok(Self::Cpu),
            ("cuda", Ok(number)) => Ok(Self::Cuda(number)),
            ("wgpu", Ok(number)) => Ok(Self::Wgpu(number)),
            _ => Err("a device is cpu, cuda, cuda:NUMBER, wgpu or wgpu:NUMBER".to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn devices_have_names() {
        for place in [Place::Cpu, Place::Cuda(0), Place::Cuda(3), Place::Wgpu(1)] {
            assert_eq!(place.to_string().parse(), Ok(place));
        }
        assert_eq!("cuda".parse(), Ok(Place::Cuda(0)));
        for wrong in ["", "gpu", "cpu:1", "cuda:", "cuda:-1", "wgpu:x"] {
            assert!(wrong.parse::<Place>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn the_cpu_is_always_there() {
        assert_eq!(Place::Cpu.device(), Ok(crate::device()));
    }
}
