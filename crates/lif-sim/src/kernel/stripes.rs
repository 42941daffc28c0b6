//! Targets of few channels: vectors of 32 neighbouring positions, whatever their channel, and four source channels looked up at once.
//!
//! ```text
//!   spread:  bits of 32 positions in a row ---> for each four source channels 32 numbers: which of them fire
//!
//!   add:     for each kernel row and column, for each four:   32 look-ups in a table of 16 sums, added in registers
//!                                                                                        |
//!            target row that the kernel row reaches, its kernel column   +=   32 sums
//!
//!   take:    sums of the row  +=  its kernel columns, each shifted to where it lands
//! ```

use super::lanes::{Block, Isa, Sum};
use crate::aligned::Aligned;
use crate::program::{BLOCK, Projection, Stripes, Synapses, WIDEST};
use crate::spikes::Spikes;
use std::ops::Range;

/// Which of four channels fire at each of 32 positions: numbers below 16.
pub(super) type Nibbles = [u8; BLOCK];

/// Runs code that is generic over the number of kernel columns with the one at hand.
macro_rules! with_columns {
    ($columns:expr, $number:ident => $code:expr) => {
        with_columns!($columns, $number => $code, 1, 2, 3, 4, WIDEST)
    };
    ($columns:expr, $number:ident => $code:expr, $($each:tt),*) => {
        match $columns {
            $($each => {
                const $number: usize = $each;
                $code
            })*
            _ => unreachable!("no stripes of wider kernels"),
        }
    };
}

/// What a step brings, and room for the numbers that it is looked up by.
#[derive(Debug)]
pub(crate) struct Ready {
    /// `[target row][target channel][kernel column][lane]`: what is shifted to where is seen to when it is taken.
    sums: Aligned<i16>,
    /// By fours of source channels.
    nibbles: Vec<Nibbles>,
}

impl Ready {
    pub fn new(stripes: &Stripes) -> Self {
        Self { sums: Aligned::zeros(stripes.lanes), nibbles: vec![[0; BLOCK]; stripes.fours] }
    }
}

/// Adds up what source rows bring to these target rows, and to some beside them, in the step of `slot`.
#[inline(always)]
pub(super) fn add<I: Isa>(projection: &Projection, rows: &Range<usize>, slot: usize, ready: &mut Ready, spikes: &[Spikes]) {
    let Synapses::Stripes(stripes) = &projection.synapses else { return };
    let (source, slot) = (&spikes[projection.source], slot - usize::from(projection.delay));
    ready.sums.fill(0);
    let each = source.bytes_of_position();
    for (y, reach) in stripes.reach_y.iter().enumerate() {
        if reach.target >= rows.end || reach.target + reach.taps <= rows.start {
            continue;
        }
        let row = &source.row(slot, y)[..stripes.width * each];
        for (nth, positions) in row.chunks(BLOCK * each).enumerate() {
            spread(positions, each, &mut ready.nibbles);
            with_columns!(stripes.columns, N => add_taps::<I, N>(stripes, y, nth, ready));
        }
    }
}

/// Positions that there are not have no spikes.
#[inline(always)]
fn spread(positions: &[u8], each: usize, nibbles: &mut [Nibbles]) {
    for (word, nibbles) in nibbles.as_chunks_mut::<8>().0.iter_mut().enumerate() {
        let mut fired = [0; BLOCK];
        let words = positions.as_chunks::<4>().0;
        let take = |(fired, &four): (&mut u32, &[u8; 4])| *fired = u32::from_le_bytes(four);
        match each {
            4 => fired.iter_mut().zip(words).for_each(take),
            _ => fired.iter_mut().zip(words.iter().skip(word).step_by(each / 4)).for_each(take),
        }
        for (four, nibbles) in nibbles.iter_mut().enumerate() {
            nibbles.iter_mut().zip(fired).for_each(|(nibble, fired)| *nibble = (fired >> (4 * four)) as u8 & 15);
        }
    }
}

#[inline(always)]
fn add_taps<I: Isa, const N: usize>(stripes: &Stripes, y: usize, nth: usize, ready: &mut Ready) {
    let tables = stripes.tables.as_chunks::<N>().0;
    let (down, pitch) = (stripes.reach_y[y], stripes.pitch / BLOCK);
    for tap in 0..down.taps {
        for channel in 0..stripes.channels {
            let tables = &tables[((down.tap + tap) * stripes.channels + channel) * stripes.fours..][..stripes.fours];
            let row = ((down.target + tap) * stripes.channels + channel) * N * pitch + stripes.left / BLOCK + nth;
            for (column, sums) in I::look_up(tables, &ready.nibbles).into_iter().enumerate() {
                let to = &mut ready.sums.as_chunks_mut::<BLOCK>().0[row + column * pitch];
                sums.plus_words(to).store_words(to);
            }
        }
    }
}

/// Adds what is ready for a target row to its sums, each kernel column shifted to where it lands.
#[inline(always)]
pub(super) fn take<S: Sum>(projection: &Projection, y: usize, ready: &Ready, row: &mut [S]) {
    let Synapses::Stripes(stripes) = &projection.synapses else { return };
    with_columns!(stripes.columns, N => take_columns::<S, N>(stripes, y, ready, row));
}

#[inline(always)]
fn take_columns<S: Sum, const N: usize>(stripes: &Stripes, y: usize, ready: &Ready, row: &mut [S]) {
    let &Stripes { channels, pitch, targets, .. } = stripes;
    for channel in 0..channels {
        let sums = &ready.sums[(y * channels + channel) * N * pitch..];
        let columns: [&[i16]; N] = std::array::from_fn(|column| &sums[column * pitch + stripes.shifts[column]..][..targets]);
        let at = |x: usize| columns.iter().fold(0, |sum: i16, column| sum.wrapping_add(column[x]));
        match channels {
            1 => row[..targets].iter_mut().enumerate().for_each(|(x, sum)| *sum = sum.plus_long(at(x).into())),
            _ => (0..targets).for_each(|x| row[x * channels + channel] = row[x * channels + channel].plus_long(at(x).into())),
        }
    }
}
