//! A tensor as it stands in a file of another program: bytes of some type, with strides.

use half::{bf16, f16};

use super::OriginalError;
use crate::{NamedTensor, TensorValues};

/// The types that state dictionaries have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ElementType {
    F32,
    F16,
    BF16,
    F64,
    I64,
}

impl ElementType {
    pub fn bytes(self) -> usize {
        match self {
            Self::F16 | Self::BF16 => 2,
            Self::F32 => 4,
            Self::F64 | Self::I64 => 8,
        }
    }
}

/// A tensor that has not been decoded: nothing of its size has been allocated, or trusted.
#[derive(Clone, Debug)]
pub(super) struct RawTensor<'a> {
    pub name: String,
    pub shape: Vec<usize>,
    /// In elements; row-major without.
    pub strides: Option<Vec<usize>>,
    /// Its type, or the name of one that is not read.
    pub element: Result<ElementType, String>,
    /// From the first element on.
    pub data: &'a [u8],
}

/// How many more elements may be decoded from a file. Tensors may share bytes, so the file's size alone is no bound.
pub(super) struct Budget(usize);

impl Budget {
    /// As many elements as the file has bytes: at least twice what a file without sharing needs.
    pub fn of_file(bytes: &[u8]) -> Self {
        Self(bytes.len())
    }
}

impl RawTensor<'_> {
    /// Decodes into `shape`, which has as many elements as the tensor's own. Doubles and integers are rounded to single precision.
    pub fn decode(&self, name: &str, shape: Vec<usize>, budget: &mut Budget) -> Result<NamedTensor, OriginalError> {
        let fail = |detail: String| OriginalError::Tensor { name: self.name.clone(), detail };
        let element = self
            .element
            .clone()
            .map_err(|element| fail(format!("its elements are {element}; float32, float16, bfloat16, float64 and int64 are read")))?;
        let count = NamedTensor::elements(&self.shape).ok_or_else(|| fail(format!("shape {:?} is beyond all bounds", self.shape)))?;
        budget.0 = budget.0.checked_sub(count).ok_or_else(|| fail(format!("it has {count} elements, more than the file can hold")))?;
        let strides = self.strides.clone().unwrap_or_else(|| row_major(&self.shape));
        let there = self.data.len() / element.bytes();
        let last = self
            .shape
            .iter()
            .zip(&strides)
            .try_fold(0usize, |last, (extent, stride)| last.checked_add(extent.saturating_sub(1).checked_mul(*stride)?));
        if count > 0 && last.is_none_or(|last| last >= there) {
            return Err(fail(format!("shape {:?} with strides {strides:?} reaches beyond its storage of {there} elements", self.shape)));
        }
        let places = Places::new(&self.shape, &strides, count);
        let at = |place: usize| &self.data[place * element.bytes()..][..element.bytes()];
        let values = match element {
            ElementType::F16 => TensorValues::F16(places.map(|place| f16::from_le_bytes(array(at(place)))).collect()),
            ElementType::F32 => TensorValues::F32(places.map(|place| f32::from_le_bytes(array(at(place)))).collect()),
            ElementType::BF16 => TensorValues::F32(places.map(|place| bf16::from_le_bytes(array(at(place))).to_f32()).collect()),
            ElementType::F64 => TensorValues::F32(places.map(|place| f64::from_le_bytes(array(at(place))) as f32).collect()),
            ElementType::I64 => TensorValues::F32(places.map(|place| i64::from_le_bytes(array(at(place))) as f32).collect()),
        };
        Ok(NamedTensor { name: name.to_owned(), shape, values })
    }
}

fn array<const N: usize>(bytes: &[u8]) -> [u8; N] {
    std::array::from_fn(|i| bytes[i])
}

fn row_major(shape: &[usize]) -> Vec<usize> {
    let mut strides: Vec<usize> = shape
        .iter()
        .rev()
        .scan(1usize, |stride, &extent| {
            let this = *stride;
            *stride = this.saturating_mul(extent);
            Some(this)
        })
        .collect();
    strides.reverse();
    strides
}

/// Where the elements stand, in row-major order of the indices.
struct Places<'s> {
    shape: &'s [usize],
    strides: &'s [usize],
    index: Vec<usize>,
    place: usize,
    left: usize,
}

impl<'s> Places<'s> {
    fn new(shape: &'s [usize], strides: &'s [usize], count: usize) -> Self {
        Self { shape, strides, index: vec![0; shape.len()], place: 0, left: count }
    }
}

impl Iterator for Places<'_> {
    type Item = usize;

    fn next(&mut self) -> Option<usize> {
        self.left = self.left.checked_sub(1)?;
        let place = self.place;
        for axis in (0..self.shape.len()).rev() {
            self.index[axis] += 1;
            self.place += self.strides[axis];
            if self.index[axis] < self.shape[axis] {
                break;
            }
            self.place -= self.strides[axis] * self.shape[axis];
            self.index[axis] = 0;
        }
        Some(place)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tensor(element: ElementType, shape: &[usize], strides: Option<&[usize]>, data: &[u8]) -> Result<NamedTensor, OriginalError> {
        let raw = RawTensor { name: "t".into(), shape: shape.into(), strides: strides.map(Into::into), element: Ok(element), data };
        raw.decode("t", shape.into(), &mut Budget(100))
    }

    #[test]
    fn every_type_is_read() {
        let half = tensor(ElementType::F16, &[1], None, &f16::from_f32(-1.5).to_le_bytes()).unwrap();
        assert_eq!(half.values, TensorValues::F16(vec![f16::from_f32(-1.5)]));
        let cases = [
            (ElementType::F32, 2.5f32.to_le_bytes().to_vec()),
            (ElementType::BF16, bf16::from_f32(2.5).to_le_bytes().to_vec()),
            (ElementType::F64, 2.5f64.to_le_bytes().to_vec()),
        ];
        for (element, data) in cases {
            assert_eq!(tensor(element, &[], None, &data).unwrap().values, TensorValues::F32(vec![2.5]));
        }
        assert_eq!(tensor(ElementType::I64, &[1], None, &(-7i64).to_le_bytes()).unwrap().values, TensorValues::F32(vec![-7.0]));
    }

    #[test]
    fn strides_are_followed_and_bounded() {
        let data: Vec<u8> = (0..6).flat_map(|x| (x as f32).to_le_bytes()).collect();
        let transposed = tensor(ElementType::F32, &[3, 2], Some(&[1, 3]), &data).unwrap();
        assert_eq!(transposed.values, TensorValues::F32(vec![0.0, 3.0, 1.0, 4.0, 2.0, 5.0]));
        let broadcast = tensor(ElementType::F32, &[2, 2], Some(&[0, 1]), &data).unwrap();
        assert_eq!(broadcast.values, TensorValues::F32(vec![0.0, 1.0, 0.0, 1.0]));
        assert_eq!(tensor(ElementType::F32, &[0, 9], None, &[]).unwrap().values.len(), 0);
        for (shape, strides) in
            [(&[7][..], None), (&[2, 2], Some(&[5, 1][..])), (&[2], Some(&[usize::MAX])), (&[usize::MAX, 2], None), (&[101], Some(&[0]))]
        {
            assert!(matches!(tensor(ElementType::F32, shape, strides, &data), Err(OriginalError::Tensor { .. })), "{shape:?}");
        }
    }
}
