//! How wide a convolution's output is, and which taps of the kernel reach which output.

use crate::Kernel;
use std::collections::BTreeSet;

impl Kernel {
    /// Output side of a convolution over `input`: `floor((input + 2 padding - size) / stride) + 1`, PyTorch's formula.
    /// `None` if the kernel does not fit or its stride is 0.
    pub fn convolved(self, input: u32) -> Option<u64> {
        let room = (u64::from(input) + 2 * u64::from(self.padding)).checked_sub(u64::from(self.size))?;
        Some(room.checked_div(u64::from(self.stride))? + 1)
    }

    /// Output side of a transposed convolution: `(input - 1) * stride - 2 padding + size + output_padding`, PyTorch's formula.
    /// `None` if nothing is left.
    pub fn transposed(self, input: u32) -> Option<u64> {
        let whole = u64::from(input.checked_sub(1)?) * u64::from(self.stride) + u64::from(self.size) + u64::from(self.output_padding);
        whole.checked_sub(2 * u64::from(self.padding)).filter(|&side| side > 0)
    }
}

/// One direction (rows or columns) of a convolution.
#[derive(Clone, Copy)]
pub(crate) struct Axis {
    pub kernel: Kernel,
    pub transposed: bool,
    pub input: u32,
    pub output: u32,
}

/// Kernel positions `first, first + step, ...`, `count` of them, where `step` is the axis's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Taps {
    pub first: usize,
    pub count: usize,
}

impl Axis {
    /// Distance between kernel positions that reach the same output.
    pub fn step(self) -> usize {
        if self.transposed { self.kernel.stride as usize } else { 1 }
    }

    /// The kernel positions through which `output` hears a neuron that exists (not padding).
    pub fn taps(self, output: u32) -> Taps {
        let (size, stride, padding) = (i64::from(self.kernel.size), i64::from(self.kernel.stride), i64::from(self.kernel.padding));
        let (input, output) = (i64::from(self.input), i64::from(output));
        if self.transposed {
            // input * stride + k = output + padding, so k has the remainder of output + padding
            let position = output + padding;
            let nearest = (position - (input - 1) * stride).max(0); // of the last input; smaller k would need a later one
            let first = nearest + (position - nearest).rem_euclid(stride);
            let end = size.min(position + 1);
            Taps::between(first, end, stride)
        } else {
            // input = output * stride + k - padding
            let start = output * stride - padding;
            Taps::between((-start).max(0), size.min(input - start), 1)
        }
    }

    /// All different sets of taps on this axis: a few, however long it is.
    pub fn tap_sets(self) -> BTreeSet<Taps> {
        (0..self.output).map(|output| self.taps(output)).collect()
    }
}

impl Taps {
    fn between(first: i64, end: i64, step: i64) -> Self {
        if first >= end {
            return Self { first: 0, count: 0 };
        }
        Self { first: first as usize, count: ((end - first - 1) / step + 1) as usize }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn sides_of_the_fsvae() {
        let down = Kernel { size: 3, stride: 2, padding: 1, output_padding: 0 };
        assert_eq!([32, 16, 8, 4].map(|side| down.convolved(side)), [Some(16), Some(8), Some(4), Some(2)]);
        let up = Kernel { output_padding: 1, ..down };
        assert_eq!([2, 4, 8, 16].map(|side| up.transposed(side)), [Some(4), Some(8), Some(16), Some(32)]);
    }

    #[test]
    fn sides_that_do_not_exist() {
        let kernel = Kernel { size: 5, stride: 0, padding: 0, output_padding: 0 };
        assert_eq!(kernel.convolved(4), None); // too small
        assert_eq!(kernel.convolved(9), None); // stride 0
        assert_eq!(Kernel { stride: 1, padding: 5, ..kernel }.transposed(3), None);
        assert_eq!(kernel.transposed(0), None);
        let huge = Kernel { size: u32::MAX, stride: u32::MAX, padding: 0, output_padding: u32::MAX };
        assert!(huge.transposed(u32::MAX).is_some(), "no overflow");
    }

    proptest! {
        /// The formula of the taps finds what trying all kernel positions finds.
        #[test]
        fn taps_are_those_that_meet_an_input(
            size in 1u32..6, stride in 1u32..5, padding in 0u32..5, input in 1u32..7, output in 0u32..30, transposed: bool,
        ) {
            let axis = Axis { kernel: Kernel { size, stride, padding, output_padding: 0 }, transposed, input, output: output + 1 };
            let meets = |k: i64| (0..i64::from(input)).any(|i| {
                let (i, o, s, p) = (i, i64::from(output), i64::from(stride), i64::from(padding));
                if transposed { i * s + k - p == o } else { o * s + k - p == i }
            });
            let tried: Vec<usize> = (0..size as usize).filter(|&k| meets(k as i64)).collect();
            let taps = axis.taps(output);
            let found: Vec<usize> = (0..taps.count).map(|n| taps.first + n * axis.step()).collect();
            prop_assert_eq!(found, tried);
        }
    }
}
