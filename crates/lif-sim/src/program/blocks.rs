//! Populations whose channels fill blocks of 32: their weights tap by tap, and which positions share them.
//!
//! ```text
//!   a tap, of a kernel or from a position to a position:   | block 0: a row of 32 weights for each source channel | block 1: ... | ...
//!
//!   a class: positions that the same taps reach, each from a source position of its own
//!     (of a transposed convolution of stride 2: even and odd rows and columns, apart from edges)
//! ```

use super::layout::Geometry;
use super::{LANES, graph_index};
use crate::spikes::Readers;
use lif_graph::{LifGraph, Membrane, PopulationId, Shape, WorstCase};
use std::collections::BTreeMap;
use std::ops::Range;

/// Channels of a block: two vectors.
pub(crate) const BLOCK: usize = 2 * LANES;

/// `Fours` take 4 times the room of words and `Eights` 32 times, which the second-level cache should have: most have 512 KiB or more, a tap's tables
/// are read in turn, and of eight channels few fire together, so that most rows are seldom read.
const SUBSETS_LIMIT: usize = 640 << 10;
/// Words need no widening but take twice the room of bytes.
const WORDS_LIMIT: usize = 192 << 10;

/// A row of 32 weights.
#[derive(Clone, Copy, Debug, Default)]
#[repr(align(64))]
pub(crate) struct WordCell(pub [i16; BLOCK]);

/// A row of 32 weights.
#[derive(Clone, Copy, Debug, Default)]
#[repr(align(32))]
pub(crate) struct ByteCell(pub [i8; BLOCK]);

/// A population in blocks.
#[derive(Debug)]
pub(crate) struct Blocks {
    /// Blocks of a position.
    pub each: usize,
    /// `[position][block]`, or `[block]` where positions share them.
    parameters: Vec<BlockParameters>,
    shared: bool,
    pub classes: Vec<Class>,
}

/// Biases and thresholds of a block. A bias is `first * 2^shift + rest`: the sums begin with `first`, so that only `rest` must be added
/// to the membranes.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct BlockParameters {
    pub first: WordCell,
    /// At least 0 and less than `2^shift`.
    pub rest: WordCell,
    pub threshold: [i32; BLOCK],
}

/// Positions that the same taps reach.
#[derive(Debug)]
pub(crate) struct Class {
    pub taps: Vec<Tap>,
    /// Ascending.
    pub places: Vec<usize>,
    /// Source positions: `[place][tap]`.
    pub sources: Vec<usize>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Tap {
    pub projection: usize,
    /// In the projection's rows.
    pub number: usize,
}

/// The weights of a projection to blocks.
#[derive(Debug)]
pub(crate) struct Cells {
    /// Rows of a tap's block.
    each: usize,
    /// `[tap][block][row]`.
    pub rows: CellRows,
}

/// Forms of weights.
#[derive(Debug)]
pub(crate) enum CellRows {
    /// 16 rows for each four source channels: the sums of the weights of all their subsets, so that four channels are one addition, and there is
    /// no branch that depends on spikes. (The "method of the Four Russians": Arlazarov, Dinic, Kronrod, Faradzhev 1970.)
    Fours(Vec<WordCell>),
    /// 256 rows for each eight source channels, likewise.
    Eights(Vec<WordCell>),
    /// A row for each source channel.
    Words(Vec<WordCell>),
    /// The same in 8 bits.
    Bytes(Vec<ByteCell>),
}

impl Cells {
    /// The rows of a tap's block, counted through all taps.
    #[inline(always)]
    pub fn of(&self, block: usize) -> Range<usize> {
        block * self.each..(block + 1) * self.each
    }

    /// What the source must keep.
    pub fn readers(&self) -> Readers {
        let words = matches!(self.rows, CellRows::Fours(_) | CellRows::Eights(_));
        Readers { lists: !words, words }
    }
}

impl Blocks {
    /// `None` for a population whose channels fill no blocks, or whose input sums and biases do not fit what blocks hold.
    pub fn new(membrane: &Membrane, threshold: &[i32], shape: Shape, worst: &WorstCase) -> Option<Self> {
        let (bias, shift) = (&membrane.bias, u32::from(membrane.input_shift));
        let firsts = || bias.iter().map(|&bias| i64::from(bias >> shift));
        let (low, high) = (worst.input.low + firsts().min()?, worst.input.high + firsts().max()?);
        let fits = low >= i64::from(i16::MIN) && high <= i64::from(i16::MAX) && firsts().all(|first| i16::try_from(first).is_ok());
        // a factor of 2^15 is no positive word
        if !(fits && shift < 15 && (shape.channels as usize).is_multiple_of(BLOCK)) {
            return None;
        }
        let shared = bias.len().max(threshold.len()) <= shape.channels as usize;
        let each = shape.channels as usize / BLOCK;
        let positions = if shared { 1 } else { shape.pixels() };
        let parameters = (0..positions * each).map(|number| {
            let mut parameters = BlockParameters::default();
            for lane in 0..BLOCK {
                let channel = (number % each * BLOCK + lane) as u32;
                let neuron = graph_index(shape, number / each, channel) as usize;
                let bias = shape.value_of(bias, neuron);
                parameters.first.0[lane] = (bias >> shift) as i16;
                parameters.rest.0[lane] = (bias & ((1 << shift) - 1)) as i16;
                parameters.threshold[lane] = shape.value_of(threshold, neuron);
            }
            parameters
        });
        Some(Self { each, parameters: parameters.collect(), shared, classes: Vec::new() })
    }

    #[inline(always)]
    pub fn parameters(&self, position: usize, block: usize) -> &BlockParameters {
        &self.parameters[if self.shared { block } else { position * self.each + block }]
    }
}

/// By tap, source channel and target channel.
type Weight<'a> = Box<dyn Fn(usize, usize, usize) -> i8 + 'a>;

/// Lays out a projection whose target is in blocks.
pub(super) fn cells(graph: &LifGraph, projection: &lif_graph::Projection) -> Cells {
    let (from, to) = (graph.population(projection.source).shape, graph.population(projection.target).shape);
    let (sources, targets) = (from.channels as usize, to.channels as usize);
    let weights = &projection.weights;
    let geometry = Geometry::new(graph, projection);
    // a table pays where many positions hear through it
    let convolution = geometry.is_some();
    let (taps, weight): (usize, Weight) = match geometry {
        Some(geometry) => {
            let size = geometry.size;
            (size * size, Box::new(move |tap, source, target| geometry.weight(weights, source, target, tap / size, tap % size)))
        }
        None => {
            let positions = from.pixels();
            let weight = move |tap: usize, source: usize, target: usize| {
                let [target, source] = [(to, tap / positions, target), (from, tap % positions, source)]
                    .map(|(shape, position, channel)| graph_index(shape, position, channel as u32) as usize);
                weights[target * from.neurons() + source]
            };
            (to.pixels() * positions, Box::new(weight))
        }
    };
    let mut bytes = Vec::with_capacity(taps * targets / BLOCK * sources);
    for (tap, block) in (0..taps).flat_map(|tap| (0..targets / BLOCK).map(move |block| (tap, block))) {
        bytes.extend((0..sources).map(|source| ByteCell(std::array::from_fn(|lane| weight(tap, source, block * BLOCK + lane)))));
    }
    let words = |cell: &ByteCell| WordCell(cell.0.map(i16::from));
    if convolution && sources.is_multiple_of(32) {
        let fits = |rows_of_a_channel: usize| rows_of_a_channel * size_of::<WordCell>() * bytes.len() <= SUBSETS_LIMIT;
        if fits(32) {
            return Cells { each: 32 * sources, rows: CellRows::Eights(subsets::<8, 256>(&bytes)) };
        }
        if fits(4) {
            return Cells { each: 4 * sources, rows: CellRows::Fours(subsets::<4, 16>(&bytes)) };
        }
    }
    let small = size_of::<WordCell>() * bytes.len() <= WORDS_LIMIT;
    Cells { each: sources, rows: if small { CellRows::Words(bytes.iter().map(words).collect()) } else { CellRows::Bytes(bytes) } }
}

/// The sums of all SUBSETS = 2^N subsets of each N rows. They fit 16 bits.
fn subsets<const N: usize, const SUBSETS: usize>(rows: &[ByteCell]) -> Vec<WordCell> {
    let sums = |rows: &[ByteCell; N]| -> [WordCell; SUBSETS] {
        std::array::from_fn(|subset| {
            let members = || rows.iter().enumerate().filter(move |(member, _)| subset >> member & 1 == 1);
            WordCell(std::array::from_fn(|lane| members().map(|(_, row)| i16::from(row.0[lane])).sum()))
        })
    };
    rows.as_chunks::<N>().0.iter().flat_map(sums).collect()
}

/// Which taps reach which positions, of the projections `inputs`.
pub(super) fn classes(graph: &LifGraph, id: PopulationId, inputs: &[usize]) -> Vec<Class> {
    let shape = graph.population(id).shape;
    let mut classes: BTreeMap<Vec<Tap>, Class> = BTreeMap::new();
    for place in 0..shape.pixels() {
        let (mut taps, mut sources) = (Vec::new(), Vec::new());
        for &input in inputs {
            let projection = &graph.projections[input];
            let from = graph.population(projection.source).shape;
            let reaching: Vec<(usize, usize)> = match Geometry::new(graph, projection) {
                Some(geometry) => geometry.reaching(place).collect(),
                None => (0..from.pixels()).map(|source| (place * from.pixels() + source, source)).collect(),
            };
            taps.extend(reaching.iter().map(|&(number, _)| Tap { projection: input, number }));
            sources.extend(reaching.iter().map(|&(_, source)| source));
        }
        let class = classes.entry(taps.clone()).or_insert_with(|| Class { taps, places: Vec::new(), sources: Vec::new() });
        class.places.push(place);
        class.sources.extend(sources);
    }
    classes.into_values().collect()
}
