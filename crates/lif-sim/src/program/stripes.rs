//! Convolutions of stride 1 to a few channels, one picture after the other: lanes are neighbouring positions, and four source channels are
//! looked up at once.

use super::geometry::Reach;
use super::layout::Geometry;
use super::{BLOCK, WordCell};

/// More target channels than this are no few.
const FEW: usize = 4;
/// Taps of a kernel row are looked up together.
pub(crate) const WIDEST: usize = 5;

/// The sums of the weights of all subsets of four source channels, through one tap to one target channel. They fit 16 bits.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Table {
    /// All 16, twice.
    pub sums: WordCell,
    /// Their low and their high bytes.
    pub bytes: [[u8; 16]; 2],
}

/// A convolution of stride 1 to few channels.
#[derive(Debug)]
pub(crate) struct Stripes {
    /// `[kernel row][target channel][four source channels][kernel column]`, kernel rows and columns in the order in which they land.
    pub tables: Vec<Table>,
    /// Kernel columns.
    pub columns: usize,
    /// Fours of source channels.
    pub fours: usize,
    /// Target channels.
    pub channels: usize,
    /// What a source row reaches.
    pub reach_y: Vec<Reach>,
    /// Source columns.
    pub width: usize,
    /// Lanes of a row of sums: source columns, and zeros on both sides of them.
    pub pitch: usize,
    /// Where the first source column is in it.
    pub left: usize,
    /// For each kernel column, where in a row of sums that is which lands in the target's first column.
    pub shifts: Vec<usize>,
    /// Columns of the target.
    pub targets: usize,
    /// Lanes of all rows of sums in a step.
    pub lanes: usize,
}

impl Stripes {
    /// `None` where a stride is not 1, there are many channels, or source channels do not fill words of 32.
    pub(super) fn new(geometry: &Geometry, weights: &[i8]) -> Option<Self> {
        let Geometry { from, to, size, kernel, .. } = *geometry;
        let (sources, channels, width) = (from.channels as usize, to.channels as usize, from.width as usize);
        if kernel.stride != 1 || size > WIDEST || channels > FEW || !sources.is_multiple_of(BLOCK) {
            return None;
        }
        let (down, across) = (geometry.y.classes(), geometry.x.classes());
        let ([rows], [columns]) = (&down[..], &across[..]) else { return None };
        // kernel column k leads from source column x to x + start + k
        let start = geometry.x.landing(0).start;
        let left = ((start + size as i64).max(0) as usize).next_multiple_of(BLOCK);
        let shifts: Vec<usize> = (0..size as i64).map(|column| (left as i64 - start - column) as usize).collect();
        let ends = shifts.iter().map(|shift| shift + to.width as usize).chain([left + width.next_multiple_of(BLOCK)]);
        let pitch = ends.max().unwrap_or(0).next_multiple_of(BLOCK);
        let fours = sources / 4;
        let mut tables = Vec::with_capacity(size * channels * fours * size);
        for &ky in rows {
            for (target, four) in (0..channels).flat_map(|target| (0..fours).map(move |four| (target, four))) {
                let weight = |member: usize, kx: u32| geometry.weight(weights, 4 * four + member, target, ky as usize, kx as usize);
                tables.extend(columns.iter().map(|&kx| Table::new(std::array::from_fn(|member| weight(member, kx)))));
            }
        }
        Some(Self {
            tables,
            columns: size,
            fours,
            channels,
            reach_y: (0..from.height).map(|y| geometry.y.reach(y, &down)).collect(),
            width,
            pitch,
            left,
            shifts,
            targets: to.width as usize,
            lanes: to.height as usize * channels * size * pitch,
        })
    }
}

impl Table {
    fn new(weights: [i8; 4]) -> Self {
        let of = |subset: usize| (0..4).filter(|member| subset >> member & 1 == 1).map(|member| i16::from(weights[member])).sum::<i16>();
        let byte = |which: usize| std::array::from_fn(|subset| of(subset).to_le_bytes()[which]);
        Self { sums: WordCell(std::array::from_fn(|lane| of(lane % 16))), bytes: [byte(0), byte(1)] }
    }
}
