//! Tensors with names, in single or half precision.

use std::borrow::Cow;

use half::f16;
use serde::{Deserialize, Serialize};

/// The numbers of a tensor, row-major (C order).
#[derive(Clone, Debug, PartialEq)]
pub enum TensorValues {
    /// Single precision.
    F32(Vec<f32>),
    /// Half precision.
    F16(Vec<f16>),
}

impl TensorValues {
    /// How many numbers.
    pub fn len(&self) -> usize {
        match self {
            TensorValues::F32(v) => v.len(),
            TensorValues::F16(v) => v.len(),
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The numbers in single precision (exact: every half is a single).
    pub fn to_f32(&self) -> Vec<f32> {
        match self {
            TensorValues::F32(v) => v.clone(),
            TensorValues::F16(v) => v.iter().map(|x| x.to_f32()).collect(),
        }
    }
}

/// A tensor of a checkpoint.
#[derive(Clone, Debug, PartialEq)]
pub struct NamedTensor {
    /// Its name in the original program's state dictionary, for example `encoder.0.bn.running_mean`.
    pub name: String,
    /// Its extents; the product is the number of values.
    pub shape: Vec<usize>,
    /// Its values, row-major.
    pub values: TensorValues,
}

impl NamedTensor {
    /// A tensor of single-precision values.
    pub fn f32(name: impl Into<String>, shape: impl Into<Vec<usize>>, values: Vec<f32>) -> Self {
        Self { name: name.into(), shape: shape.into(), values: TensorValues::F32(values) }
    }

    /// The product of the extents, unless it overflows.
    pub(crate) fn elements(shape: &[usize]) -> Option<usize> {
        shape.iter().try_fold(1usize, |product, &extent| product.checked_mul(extent))
    }
}

/// How a tensor stands in the file.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawTensor<'a> {
    name: Cow<'a, str>,
    #[serde(deserialize_with = "crate::file::bounded_vec::<_, _, { crate::MAX_RANK }>")]
    shape: Vec<usize>,
    dtype: Cow<'a, str>,
    #[serde(borrow, with = "serde_bytes")]
    data: Cow<'a, [u8]>,
}

impl<'a> From<&'a NamedTensor> for RawTensor<'a> {
    fn from(tensor: &'a NamedTensor) -> Self {
        let (dtype, data) = match &tensor.values {
            TensorValues::F32(v) => ("f32", v.iter().flat_map(|x| x.to_le_bytes()).collect()),
            TensorValues::F16(v) => ("f16", v.iter().flat_map(|x| x.to_le_bytes()).collect()),
        };
        Self { name: Cow::Borrowed(&tensor.name), shape: tensor.shape.clone(), dtype: dtype.into(), data: Cow::Owned(data) }
    }
}

impl RawTensor<'_> {
    /// The tensor, if its shape, type and number of bytes agree; otherwise what is wrong.
    pub(crate) fn into_tensor(self) -> Result<NamedTensor, String> {
        let Self { name, shape, dtype, data } = self;
        let size = match dtype.as_ref() {
            "f32" => 4,
            "f16" => 2,
            other => return Err(format!("tensor \"{name}\" has dtype \"{other}\"; it must be f32 or f16")),
        };
        // The shape is compared with the bytes that are there before anything is allocated from it.
        if NamedTensor::elements(&shape).and_then(|n| n.checked_mul(size)) != Some(data.len()) {
            return Err(format!("tensor \"{name}\" has shape {shape:?} of {dtype}, which does not fit its {} bytes", data.len()));
        }
        let values = if size == 4 {
            TensorValues::F32(data.as_chunks().0.iter().map(|b| f32::from_le_bytes(*b)).collect())
        } else {
            TensorValues::F16(data.as_chunks().0.iter().map(|b| f16::from_le_bytes(*b)).collect())
        };
        Ok(NamedTensor { name: name.into_owned(), shape, values })
    }
}
