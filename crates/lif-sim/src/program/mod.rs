//! A [`LifGraph`] flattened into arrays, laid out so that a spike adds contiguous rows of weights.
//!
//! Inside the engine a population is held row by row of its positions, and in a row position by position, channels last: lane
//! `x * channels + channel`, filled up to whole vectors. The taps of a kernel row then lie beside each other, in the weights as in the sums that
//! they are added to:
//!
//! ```text
//!   weights of kernel row ky:   source channel 0: | kx 0 | kx 1 | kx 2 |   channel 1: ...        each tap: all target channels
//!                                                          |
//!                                                          +  one contiguous row
//!                                                          v
//!   sums of a target row:   (margin) | x 0 | x 1 | x 2 | x 3 | ... | (margin)                    each place: all target channels
//! ```
//!
//! Taps that fall outside the target (padding) go to the margins, which nobody reads: so a row needs no special case at its ends. A target
//! row knows the source rows and kernel rows that reach it ([`RowInput`]). A dense projection is the case of a kernel whose single tap has
//! the whole target row.
//!
//! Populations whose channels fill blocks of 32 are laid out otherwise, tap by tap: see [`blocks`].

mod blocks;
mod geometry;
mod layout;
mod part;
mod stripes;
mod unread;

use crate::SimError;
use crate::aligned::Aligned;
use crate::spikes::Readers;
use lif_graph::{Connectivity, Decay, LifGraph, Membrane, NeuronModel, PixelTable, PopulationId, Rounding, Shape, WorstCase};
use petgraph::algo::tarjan_scc;

pub(crate) use blocks::{BLOCK, BlockParameters, Blocks, ByteCell, CellRows, Class, Tap, WordCell};
pub(crate) use layout::{Projection, Synapses};
pub(crate) use part::Part;
pub(crate) use stripes::{Stripes, Table, WIDEST};
pub(crate) use unread::{Unread, UnreadInput};

/// Lanes of a vector, whatever the processor calls one; rows are filled up to whole vectors.
pub(crate) const LANES: usize = 16;

/// Steps that are simulated together, population by population; longer images go chunk by chunk.
pub(crate) const CHUNK: usize = 64;

/// The network as the kernel wants it.
#[derive(Debug)]
pub(crate) struct Program {
    pub steps: u32,
    /// In the order of the graph's table.
    pub populations: Vec<Population>,
    /// In the order of the graph's table.
    pub projections: Vec<Projection>,
    /// Sources before targets.
    pub stages: Vec<Stage>,
    /// All of it.
    pub whole: Part,
    /// The picture in two, where that leaves notably less to each.
    pub halves: Option<[Part; 2]>,
}

/// Populations that are simulated together.
#[derive(Debug)]
pub(crate) struct Stage {
    /// In the order of a step.
    pub populations: Vec<usize>,
    /// Spikes come back with a delay, so that the stage goes on step by step. Without a loop it does a whole chunk of steps at once.
    pub looped: bool,
}

/// One population's row.
#[derive(Debug)]
pub(crate) struct Population {
    pub shape: Shape,
    pub dynamics: Dynamics,
    /// Of a read-out.
    pub pixels: Option<PixelTable>,
    /// Projections with weights that end here.
    pub inputs: Vec<usize>,
    /// How it is simulated, if its channels fill blocks; the four members below are for those that go row by row.
    pub blocks: Option<Blocks>,
    /// What reaches each row, except for stripes.
    pub rows: Vec<Vec<RowInput>>,
    /// The same from images.
    pub image_rows: Vec<Vec<RowInput>>,
    /// Lanes of the left margin of a row's sums.
    pub left: usize,
    /// Lanes of a row's sums with both margins.
    pub buffer: usize,
    /// What its spikes are read as.
    pub readers: Readers,
    /// How to do without it, if nobody but select stages reads its spikes.
    pub unread: Option<Unread>,
}

/// One kernel row of a projection, from one source row.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RowInput {
    pub projection: usize,
    pub source_row: usize,
    /// Where the kernel row's weights begin.
    pub weights: usize,
}

/// The lanes of a row.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rows {
    pub lanes: usize,
    /// Lanes with those that fill up the last vector.
    pub stride: usize,
}

impl Rows {
    pub fn of(shape: Shape) -> Self {
        let lanes = shape.width as usize * shape.channels as usize;
        Self { lanes, stride: lanes.next_multiple_of(LANES) }
    }
}

/// What a neuron does once a step.
#[derive(Debug)]
pub(crate) enum Dynamics {
    /// LIF neurons, and read-outs as LIF neurons whose threshold nothing passes.
    Integrate(Integration),
    Select {
        ways: u32,
        source: usize,
    },
    Source,
    Image {
        shift: u8,
    },
}

/// A membrane's update.
#[derive(Debug)]
pub(crate) struct Integration {
    pub leak: AnyLeak,
    pub input_shift: u32,
    pub parameters: Parameters,
    /// The summed weights of any step fit 16 bits.
    pub narrow: bool,
}

/// Biases and thresholds, lane by lane.
#[derive(Debug)]
pub(crate) struct Parameters {
    bias: Aligned<i32>,
    threshold: Aligned<i32>,
    /// Lanes after which a row's parameters repeat: those of a position, or of the row.
    period: usize,
    /// From the parameters of a row to those of the next: 0 where rows share them.
    row_step: usize,
}

/// How the membrane decays.
#[derive(Clone, Copy, Debug)]
pub(crate) enum AnyLeak {
    /// To half of it, toward zero.
    Half,
    /// A fraction in lowest terms, whose product with any membrane of the population fits 32 bits.
    Small(Decay),
    Product(Decay),
}

/// Where the engine holds neuron `index` of the graph: row and lane.
pub(crate) fn engine_place(shape: Shape, index: usize) -> (usize, usize) {
    let (channel, position) = (index / shape.pixels(), index % shape.pixels());
    let (width, channels) = (shape.width as usize, shape.channels as usize);
    (position / width, position % width * channels + channel)
}

/// Which neuron of the graph the engine holds at `position` and `channel`.
pub(crate) fn graph_index(shape: Shape, position: usize, channel: u32) -> u32 {
    channel * shape.pixels() as u32 + position as u32
}

impl Program {
    /// Flattens a graph.
    ///
    /// # Errors
    /// What [`LifGraph::check`] finds.
    pub fn new(graph: &LifGraph) -> Result<Self, SimError> {
        graph.check()?;
        let worst_cases = graph.worst_cases();
        let ids = || (0..graph.populations.len()).map(PopulationId::from_index);
        let mut populations: Vec<Population> = ids().map(|id| Population::new(graph, id, &worst_cases[id.index()])).collect();
        let mut projections: Vec<Projection> = graph.projections.iter().map(|row| layout::projection(graph, row, &populations)).collect();
        ids().for_each(|id| layout::connect(graph, id, &mut populations, &mut projections));
        for (id, worst) in ids().zip(&worst_cases) {
            populations[id.index()].unread = Unread::new(graph, id, worst);
        }
        let stages = stages(graph);
        let whole = Part::new(graph, &stages, 0, 1);
        let halves = Part::halves(graph, &stages, &whole);
        Ok(Self { steps: graph.steps, populations, projections, stages, whole, halves })
    }

    /// Steps of a full chunk.
    pub fn chunk(&self) -> usize {
        CHUNK.min(self.steps as usize)
    }
}

fn stages(graph: &LifGraph) -> Vec<Stage> {
    let order = graph.update_order();
    let view = graph.digraph();
    let groups = tarjan_scc(&view).into_iter().rev(); // sources first
    let stage = |group: Vec<petgraph::graph::NodeIndex>| {
        let members: Vec<usize> = group.iter().map(|node| node.index()).collect();
        let looped = members.len() > 1 || graph.projections.iter().any(|p| p.source == p.target && p.source.index() == members[0]);
        Stage { populations: order.iter().map(|id| id.index()).filter(|index| members.contains(index)).collect(), looped }
    };
    groups.map(stage).collect()
}

impl Population {
    fn new(graph: &LifGraph, id: PopulationId, worst: &WorstCase) -> Self {
        let population = graph.population(id);
        let shape = population.shape;
        let with_weights = graph.projections_into(id).filter(|(_, projection)| projection.connectivity != Connectivity::Pick);
        let mut readout = None;
        let dynamics = match &population.model {
            NeuronModel::Lif { membrane, threshold } => Dynamics::Integrate(Integration::new(membrane, threshold, shape, worst)),
            NeuronModel::Readout { membrane, pixels } => {
                readout = Some(pixels.clone());
                Dynamics::Integrate(Integration::new(membrane, &[i32::MAX], shape, worst))
            }
            NeuronModel::Select { ways } => {
                let (_, pick) = graph.projections_into(id).next().expect("a select stage has one source");
                Dynamics::Select { ways: *ways, source: pick.source.index() }
            }
            NeuronModel::Source => Dynamics::Source,
            NeuronModel::Image { shift } => Dynamics::Image { shift: *shift },
        };
        let image = |id| matches!(graph.population(id).model, NeuronModel::Image { .. });
        let blocks = match &population.model {
            _ if graph.projections_into(id).any(|(_, projection)| image(projection.source)) => None, // currents are added to rows
            NeuronModel::Lif { membrane, threshold } => Blocks::new(membrane, threshold, shape, worst),
            NeuronModel::Readout { membrane, .. } => Blocks::new(membrane, &[i32::MAX], shape, worst),
            _ => None,
        };
        Self {
            shape,
            dynamics,
            blocks,
            pixels: readout,
            inputs: with_weights.map(|(id, _)| id.index()).collect(),
            rows: Vec::new(),
            image_rows: Vec::new(),
            left: 0,
            buffer: 0,
            readers: Readers::default(),
            unread: None,
        }
    }

    /// How the membranes are updated, where there are any.
    pub fn integration(&self) -> Option<&Integration> {
        match &self.dynamics {
            Dynamics::Integrate(integration) => Some(integration),
            Dynamics::Select { .. } | Dynamics::Source | Dynamics::Image { .. } => None,
        }
    }
}

impl AnyLeak {
    /// The cheapest exact form of `decay` for a population that does no worse than `worst`.
    fn new(decay: Decay, worst: &WorstCase) -> Self {
        let common = decay.multiplier.trailing_zeros().min(decay.shift.into());
        let decay = Decay { multiplier: decay.multiplier >> common, shift: decay.shift - common as u8, ..decay };
        let largest = worst.membrane.low.unsigned_abs().max(worst.membrane.high.unsigned_abs());
        let product = largest.saturating_mul(decay.multiplier.into()).saturating_add(1 << decay.shift);
        match (decay.multiplier, decay.shift, decay.rounding) {
            (1, 1, Rounding::TowardZero) => Self::Half,
            _ if product <= i32::MAX as u64 => Self::Small(decay),
            _ => Self::Product(decay),
        }
    }
}

impl Integration {
    fn new(membrane: &Membrane, threshold: &[i32], shape: Shape, worst: &WorstCase) -> Self {
        Self {
            leak: AnyLeak::new(membrane.decay, worst),
            input_shift: u32::from(membrane.input_shift),
            parameters: Parameters::new(&membrane.bias, threshold, shape),
            narrow: worst.input.low >= i64::from(i16::MIN) && worst.input.high <= i64::from(i16::MAX),
        }
    }
}

impl Parameters {
    fn new(bias: &[i32], threshold: &[i32], shape: Shape) -> Self {
        let (rows, channels) = (Rows::of(shape), shape.channels as usize);
        let shared = bias.len().max(threshold.len()) <= channels;
        let period = if shared && channels.is_multiple_of(LANES) { channels } else { rows.stride };
        let count = if shared { 1 } else { shape.height as usize };
        let (mut biases, mut thresholds) = (Aligned::zeros(count * period), Aligned::zeros(count * period));
        thresholds.fill(i32::MAX); // lanes that fill up a vector never fire
        for y in 0..count {
            for lane in 0..period.min(rows.lanes) {
                let neuron = graph_index(shape, y * shape.width as usize + lane / channels, (lane % channels) as u32) as usize;
                biases[y * period + lane] = shape.value_of(bias, neuron);
                thresholds[y * period + lane] = shape.value_of(threshold, neuron);
            }
        }
        Self { bias: biases, threshold: thresholds, period, row_step: if shared { 0 } else { period } }
    }

    /// Biases and thresholds of a row, to be repeated as often as it takes.
    #[inline]
    pub fn of_row(&self, y: usize) -> (&[i32], &[i32]) {
        let row = y * self.row_step..y * self.row_step + self.period;
        (&self.bias[row.clone()], &self.threshold[row])
    }
}
