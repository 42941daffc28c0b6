//! What a 3x3 kernel with padding 1 connects, and the two layouts of its weights.
//!
//! A convolution reads a big picture and writes a small one; its transpose reads the small and writes the big one. So there is one
//! geometry and two directions, `gather` (big to small) and `scatter` (small to big):
//!
//! ```text
//!   small (y, x)  <-- tap (ky, kx) -->  big (y*stride + ky - 1, x*stride + kx - 1)
//! ```

use super::add;
use std::ops::Range;

/// Places of the kernel.
pub const TAPS: usize = 9;

/// The two pictures that a 3x3 kernel with padding 1 connects. Channels come last in both.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Geometry {
    /// Side of the big picture; `small * stride`.
    pub big: usize,
    /// Side of the small picture.
    pub small: usize,
    /// Channels of the big picture.
    pub big_channels: usize,
    /// Channels of the small picture.
    pub small_channels: usize,
    /// 1 or 2.
    pub stride: usize,
}

impl Geometry {
    /// Floats of one big picture.
    pub fn big_len(&self) -> usize {
        self.big * self.big * self.big_channels
    }

    /// Floats of one small picture.
    pub fn small_len(&self) -> usize {
        self.small * self.small * self.small_channels
    }

    /// Positions of one small picture.
    pub fn small_positions(&self) -> usize {
        self.small * self.small
    }

    /// Floats under the nine taps of one small position.
    pub fn columns(&self) -> usize {
        TAPS * self.big_channels
    }

    /// Floats of the weights.
    pub fn weights_len(&self) -> usize {
        self.small_channels * self.columns()
    }

    /// For each row of the kernel that is over the big picture when small position `at` is under its middle: the taps inside (of all
    /// nine), and the big position under the first of them; the others follow it.
    #[inline(always)]
    pub fn under_taps(&self, at: usize) -> impl Iterator<Item = (Range<usize>, usize)> + use<> {
        let (big, y, x) = (self.big, at / self.small * self.stride, at % self.small * self.stride);
        let inside = move |origin: usize| usize::from(origin == 0)..3.min(big + 1 - origin);
        let columns = inside(x);
        inside(y).map(move |ky| (ky * 3 + columns.start..ky * 3 + columns.end, (y + ky - 1) * big + x + columns.start - 1))
    }

    /// PyTorch's `[small][big][tap]` to `[small][tap][big]`: what a small position sends to, or takes from, its columns.
    pub fn rows_by_small(&self, weights: &[f32]) -> Vec<f32> {
        let (cb, mut rows) = (self.big_channels, vec![0.0; weights.len()]);
        for (row, weights) in rows.chunks_exact_mut(self.columns()).zip(weights.chunks_exact(self.columns())) {
            for (b, taps) in weights.as_chunks::<TAPS>().0.iter().enumerate() {
                taps.iter().enumerate().for_each(|(tap, w)| row[tap * cb + b] = *w);
            }
        }
        rows
    }

    /// The inverse of [`rows_by_small`](Self::rows_by_small).
    pub fn from_rows_by_small(&self, rows: &[f32]) -> Vec<f32> {
        let (cb, mut weights) = (self.big_channels, vec![0.0; rows.len()]);
        for (row, weights) in rows.chunks_exact(self.columns()).zip(weights.chunks_exact_mut(self.columns())) {
            for (b, taps) in weights.as_chunks_mut::<TAPS>().0.iter_mut().enumerate() {
                taps.iter_mut().enumerate().for_each(|(tap, w)| *w = row[tap * cb + b]);
            }
        }
        weights
    }

    /// im2col: for each small position the nine big rows under its taps, zeros outside.
    pub fn picture_to_columns(&self, big: &[f32], columns: &mut [f32]) {
        let cb = self.big_channels;
        for (picture, block) in big.chunks_exact(self.big_len()).zip(columns.chunks_exact_mut(self.small_positions() * self.columns())) {
            for (position, taps) in block.chunks_exact_mut(self.columns()).enumerate() {
                if self.under_taps(position).map(|(inside, _)| inside.len()).sum::<usize>() < TAPS {
                    taps.fill(0.0);
                }
                for (inside, at) in self.under_taps(position) {
                    let row = &mut taps[inside.start * cb..inside.end * cb];
                    row.copy_from_slice(&picture[at * cb..][..row.len()]);
                }
            }
        }
    }

    /// col2im: adds each small position's nine rows to the big rows under its taps.
    pub fn columns_to_picture(&self, columns: &[f32], big: &mut [f32]) {
        let cb = self.big_channels;
        pulp::Arch::new().dispatch(|| {
            for (picture, block) in big.chunks_exact_mut(self.big_len()).zip(columns.chunks_exact(self.small_positions() * self.columns()))
            {
                picture.fill(0.0);
                for (position, taps) in block.chunks_exact(self.columns()).enumerate() {
                    for (inside, at) in self.under_taps(position) {
                        let row = &taps[inside.start * cb..inside.end * cb];
                        add(&mut picture[at * cb..][..row.len()], row);
                    }
                }
            }
        });
    }
}
