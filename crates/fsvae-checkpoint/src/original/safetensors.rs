//! The safetensors container.

use safetensors::{Dtype, SafeTensors};

use super::OriginalError;
use super::raw::{ElementType, RawTensor};

/// All tensors of a safetensors file; their bytes stay where they are.
pub(super) fn tensors(bytes: &[u8]) -> Result<Vec<RawTensor<'_>>, OriginalError> {
    let damaged = |error: safetensors::SafeTensorError| OriginalError::Damaged { container: "safetensors", detail: error.to_string() };
    let (header, metadata) = SafeTensors::read_metadata(bytes).map_err(damaged)?;
    let body = &bytes[header + 8..];
    let tensors = metadata.tensors().into_iter().map(|(name, info)| {
        let element = match info.dtype {
            Dtype::F32 => Ok(ElementType::F32),
            Dtype::F16 => Ok(ElementType::F16),
            Dtype::BF16 => Ok(ElementType::BF16),
            Dtype::F64 => Ok(ElementType::F64),
            Dtype::I64 => Ok(ElementType::I64),
            other => Err(format!("of type {other}")),
        };
        let (first, end) = info.data_offsets;
        RawTensor { name, shape: info.shape.clone(), strides: None, element, data: body.get(first..end).unwrap_or_default() }
    });
    let mut tensors: Vec<_> = tensors.collect();
    tensors.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(tensors)
}
