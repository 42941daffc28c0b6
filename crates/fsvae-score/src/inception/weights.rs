//! Tensors of a file that a user brings: nothing in it is trusted.

use crate::InceptionError;
use safetensors::{Dtype, SafeTensors};

/// A safetensors file.
pub struct Weights<'a>(SafeTensors<'a>);

impl<'a> Weights<'a> {
    /// Looks at the file's head.
    ///
    /// # Errors
    /// [`InceptionError::NotSafetensors`].
    pub fn new(bytes: &'a [u8]) -> Result<Self, InceptionError> {
        SafeTensors::deserialize(bytes).map(Self).map_err(|e| InceptionError::NotSafetensors { reason: e.to_string() })
    }

    /// The extents of a tensor.
    ///
    /// # Errors
    /// [`InceptionError::NoTensor`].
    pub fn shape(&self, name: &str) -> Result<Vec<usize>, InceptionError> {
        let view = self.0.tensor(name).map_err(|_| InceptionError::NoTensor { name: name.into() })?;
        Ok(view.shape().to_vec())
    }

    /// A tensor of this shape, row-major.
    ///
    /// # Errors
    /// It is missing, of another shape or type, or has a number that is not finite.
    pub fn tensor(&self, name: &str, shape: &[usize]) -> Result<Vec<f32>, InceptionError> {
        let found = self.shape(name)?;
        if found != shape {
            return Err(InceptionError::WrongShape { name: name.into(), expected: format!("{shape:?}"), found });
        }
        let view = self.0.tensor(name).map_err(|_| InceptionError::NoTensor { name: name.into() })?;
        if view.dtype() != Dtype::F32 {
            return Err(InceptionError::WrongType { name: name.into(), found: format!("{:?}", view.dtype()) });
        }
        let values: Vec<f32> = view.data().as_chunks::<4>().0.iter().map(|b| f32::from_le_bytes(*b)).collect();
        Self::checked(name, values, |x| x.is_finite())
    }

    /// The same for a variance, which is not negative.
    ///
    /// # Errors
    /// As [`Weights::tensor`], and a negative number.
    pub fn variance(&self, name: &str, shape: &[usize]) -> Result<Vec<f32>, InceptionError> {
        Self::checked(name, self.tensor(name, shape)?, |x| x >= 0.0)
    }

    fn checked(name: &str, values: Vec<f32>, holds: impl Fn(f32) -> bool) -> Result<Vec<f32>, InceptionError> {
        match values.iter().find(|&&x| !holds(x)) {
            Some(&value) => Err(InceptionError::WrongValue { name: name.into(), value }),
            None => Ok(values),
        }
    }
}
