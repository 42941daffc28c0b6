//! Parts of a population: boxes of channels, rows and columns.

use lif_graph::Shape;
use serde::Serialize;

/// A box of neurons; each range is `[first, end)`. Neurons of a slice are numbered channel by channel, row by row, column by column.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Region {
    /// Feature maps.
    pub channels: [u32; 2],
    /// Rows of each.
    pub rows: [u32; 2],
    /// Columns of each.
    pub columns: [u32; 2],
}

impl Region {
    /// All of a population.
    pub const fn whole(shape: Shape) -> Self {
        Self { channels: [0, shape.channels], rows: [0, shape.height], columns: [0, shape.width] }
    }

    /// The first neuron at a position.
    pub(crate) const fn neuron(row: u32, column: u32) -> Self {
        Self { channels: [0, 1], rows: [row, row + 1], columns: [column, column + 1] }
    }

    /// Feature maps of the box.
    pub fn channel_count(self) -> u64 {
        length(self.channels)
    }

    /// How many neurons it holds.
    pub fn neurons(self) -> u64 {
        length(self.channels) * length(self.rows) * length(self.columns)
    }
}

/// Places of a range.
pub(crate) fn length([first, end]: [u32; 2]) -> u64 {
    u64::from(end.saturating_sub(first))
}

/// What two ranges share; empty ranges have `first >= end`.
pub(crate) fn overlap(a: [u32; 2], b: [u32; 2]) -> [u32; 2] {
    [a[0].max(b[0]), a[1].min(b[1])]
}

/// How a population is cut: into so many parts along each side, as even as can be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Division {
    /// Parts along the channels.
    pub channels: u32,
    /// Parts along the rows.
    pub rows: u32,
    /// Parts along the columns.
    pub columns: u32,
}

impl Division {
    /// One part.
    pub const WHOLE: Self = Self { channels: 1, rows: 1, columns: 1 };

    /// No part: the population is not on the chip.
    pub const NOWHERE: Self = Self { channels: 0, rows: 0, columns: 0 };

    /// How many parts.
    pub fn parts(self) -> u64 {
        u64::from(self.channels) * u64::from(self.rows) * u64::from(self.columns)
    }

    /// The parts of a population of this shape: position by position, and at each all channels.
    pub fn regions(self, shape: Shape) -> impl Iterator<Item = Region> {
        let columns = move |rows| (0..self.columns).map(move |x| (rows, part(shape.width, self.columns, x)));
        let positions = (0..self.rows).flat_map(move |y| columns(part(shape.height, self.rows, y)));
        positions.flat_map(move |(rows, columns)| {
            (0..self.channels).map(move |c| Region { channels: part(shape.channels, self.channels, c), rows, columns })
        })
    }

    /// All divisions of a shape into exactly `parts` parts.
    pub(crate) fn into_parts(parts: u64, shape: Shape) -> impl Iterator<Item = Self> {
        let divisors = move |whole: u64, most: u32| (1..=most).filter(move |&divisor| whole.is_multiple_of(u64::from(divisor)));
        divisors(parts, shape.height).flat_map(move |rows| {
            let rest = parts / u64::from(rows);
            divisors(rest, shape.width).filter_map(move |columns| {
                let channels = u32::try_from(rest / u64::from(columns)).ok().filter(|&channels| channels <= shape.channels)?;
                Some(Self { channels, rows, columns })
            })
        })
    }
}

/// Part `index` of `parts` of the range `[0, length)`.
pub(crate) fn part(length: u32, parts: u32, index: u32) -> [u32; 2] {
    [index, index + 1].map(|border| (u64::from(border) * u64::from(length) / u64::from(parts)) as u32)
}

/// How many of `parts` parts of `[0, length)` a range meets.
pub(crate) fn parts_met(length: u32, parts: u32, range: [u32; 2]) -> u64 {
    let holds = |place: u32| ((u64::from(place) + 1) * u64::from(parts) - 1) / u64::from(length);
    if range[0] >= range[1] { 0 } else { holds(range[1] - 1) - holds(range[0]) + 1 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn parts_are_even_and_cover_everything_once(length in 1u32..300, parts in 1u32..300, first in 0u32..300, size in 0u32..300) {
            let parts = parts.min(length);
            let all: Vec<[u32; 2]> = (0..parts).map(|index| part(length, parts, index)).collect();
            prop_assert_eq!((all[0][0], all[all.len() - 1][1]), (0, length));
            prop_assert!(all.windows(2).all(|pair| pair[0][1] == pair[1][0]));
            let sizes: Vec<u32> = all.iter().map(|[first, end]| end - first).collect();
            prop_assert!(sizes.iter().max().unwrap() - sizes.iter().min().unwrap() <= 1);
            let range = [first.min(length), (first + size).min(length)];
            let met = all.iter().filter(|&&part| super::length(overlap(part, range)) > 0).count() as u64;
            prop_assert_eq!(parts_met(length, parts, range), met);
        }

        #[test]
        fn divisions_are_all_that_there_are(parts in 1u64..60, channels in 1u32..9, height in 1u32..7, width in 1u32..7) {
            let shape = Shape { channels, height, width };
            let found: Vec<Division> = Division::into_parts(parts, shape).collect();
            let tried = (1..=channels).flat_map(|c| (1..=height).flat_map(move |r| (1..=width).map(move |w| Division { channels: c, rows: r, columns: w })));
            prop_assert_eq!(found.len(), tried.filter(|division| division.parts() == parts).count());
            for division in found {
                let neurons: u64 = division.regions(shape).map(Region::neurons).sum();
                prop_assert_eq!((division.parts(), neurons), (parts, shape.neurons() as u64));
            }
        }
    }
}
