//! A [`LifGraph`] flattened into arrays, laid out so that a spike adds contiguous rows of weights.
//!
//! Inside the engine a population is held position by position, channels last: neuron = (y * width + x) * channels + channel.
//! The taps of a kernel row then lie beside each other, in the weights as in the sums that they are added to:
//!
//! ```text
//!   weights of source channel c:   | ky 0: kx 0, kx 1, kx 2 | ky 1: ... | ky 2: ... |      each tap: all target channels
//!                                            |
//!                                            +  one contiguous row
//!                                            v
//!   sums of the target:     ... | x 3 | x 4 | x 5 | x 6 | ...                               each place: all target channels
//! ```
//!
//! A dense projection is the case of a 1x1 kernel whose single tap has every target neuron.

use crate::SimError;
use lif_graph::{Connectivity, Decay, Kernel, LifGraph, Membrane, NeuronModel, PixelTable, PopulationId, Rounding, Shape, WorstCase};

/// The network as the kernel wants it.
#[derive(Debug)]
pub(crate) struct Program {
    pub steps: u32,
    /// In the order of the graph's table.
    pub populations: Vec<Population>,
    /// In the order of the graph's table.
    pub projections: Vec<Projection>,
    /// Populations, sources before targets along the projections without delay.
    pub order: Vec<usize>,
}

/// One population's row.
#[derive(Debug)]
pub(crate) struct Population {
    pub shape: Shape,
    /// Projections with weights that end here.
    pub inputs: Vec<usize>,
    pub dynamics: Dynamics,
}

/// What a neuron does once a step.
#[derive(Debug)]
pub(crate) enum Dynamics {
    Lif {
        integration: Integration,
        /// Arranged like biases.
        threshold: Vec<i32>,
    },
    Select {
        ways: u32,
        source: usize,
    },
    Readout {
        integration: Integration,
        pixels: PixelTable,
    },
    Source,
    /// One neuron, drawn once an image.
    Draw {
        /// Of the random number.
        channel: u32,
    },
}

/// A membrane's update.
#[derive(Debug)]
pub(crate) struct Integration {
    pub leak: AnyLeak,
    pub input_shift: u32,
    /// By channel; where positions differ, position by position.
    pub bias: Vec<i32>,
    /// The summed weights of any step fit 16 bits.
    pub narrow: bool,
}

/// How the membrane decays.
#[derive(Clone, Copy, Debug)]
pub(crate) enum AnyLeak {
    Shift(ShiftLeak),
    Product(Decay),
}

/// A decay by a power of two: `(v + correction) >> shift`, the correction making the rounding.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ShiftLeak {
    pub shift: u32,
    /// Added to a negative `v`.
    pub if_negative: i32,
    /// Added to any `v`.
    pub always: i32,
}

/// Synapses with weights. See the drawing above for the order of the weights.
#[derive(Debug)]
pub(crate) struct Projection {
    pub source: usize,
    pub delay: u8,
    pub weights: Vec<i8>,
    /// From the weights of one source position to those of the next: 0 where positions share their kernels.
    pub position_stride: usize,
    /// From the weights of one source channel to those of the next.
    pub channel_stride: usize,
    /// Side of the kernel.
    pub kernel_size: usize,
    /// A kernel so small that it is better summed up as a whole than row by row.
    pub small_kernel: bool,
    /// Lanes of one tap.
    pub target_channels: usize,
    /// Taps side by side in a row of the target.
    pub target_width: usize,
    /// What a source row reaches.
    pub reach_y: Vec<Reach>,
    /// What a source column reaches.
    pub reach_x: Vec<Reach>,
}

/// The targets of a source coordinate along one axis: `target + i` through tap `tap + i`, for `i < taps`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Reach {
    pub target: u32,
    pub tap: u32,
    pub taps: u32,
}

/// Where the engine holds neuron `index` of the graph.
pub(crate) fn engine_index(shape: Shape, index: usize) -> usize {
    let (channel, position) = (index / shape.pixels(), index % shape.pixels());
    position * shape.channels as usize + channel
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
        let populations = graph.populations.iter().enumerate().map(|(index, population)| {
            let id = PopulationId::from_index(index);
            let shape = population.shape;
            let integration = |membrane| Integration::new(membrane, shape, &worst_cases[index]);
            Population {
                shape,
                inputs: graph
                    .projections_into(id)
                    .filter(|(_, projection)| projection.connectivity != Connectivity::Pick)
                    .map(|(id, _)| id.index())
                    .collect(),
                dynamics: match &population.model {
                    NeuronModel::Lif { membrane, threshold } => {
                        Dynamics::Lif { integration: integration(membrane), threshold: laid_out(threshold, shape) }
                    }
                    NeuronModel::Readout { membrane, pixels } => {
                        Dynamics::Readout { integration: integration(membrane), pixels: pixels.clone() }
                    }
                    NeuronModel::Select { ways } => {
                        let (_, pick) = graph.projections_into(id).next().expect("a select stage has one source");
                        Dynamics::Select { ways: *ways, source: pick.source.index() }
                    }
                    NeuronModel::Source => Dynamics::Source,
                    NeuronModel::Draw { channel } => Dynamics::Draw { channel: *channel },
                },
            }
        });
        Ok(Self {
            steps: graph.steps,
            populations: populations.collect(),
            projections: graph.projections.iter().map(|projection| Projection::new(graph, projection)).collect(),
            order: graph.update_order().iter().map(|id| id.index()).collect(),
        })
    }
}

impl Population {
    /// How the membranes are updated, where there are any.
    pub fn integration(&self) -> Option<&Integration> {
        match &self.dynamics {
            Dynamics::Lif { integration, .. } | Dynamics::Readout { integration, .. } => Some(integration),
            Dynamics::Select { .. } | Dynamics::Source | Dynamics::Draw { .. } => None,
        }
    }
}

impl AnyLeak {
    /// The cheapest exact form of `decay` for a membrane of `bits`.
    fn new(decay: Decay, bits: u8) -> Self {
        // The correction must not overflow: |v| < 2^30 and a correction below 2^24.
        if !decay.multiplier.is_power_of_two() || bits > 31 {
            return Self::Product(decay);
        }
        let shift = u32::from(decay.shift) - decay.multiplier.trailing_zeros();
        let low_bits = (1i32 << shift) - 1;
        let (if_negative, always) = match decay.rounding {
            Rounding::TowardZero => (low_bits, 0),
            Rounding::Floor => (0, 0),
            Rounding::Ceiling => (0, low_bits),
        };
        Self::Shift(ShiftLeak { shift, if_negative, always })
    }
}

impl Integration {
    fn new(membrane: &Membrane, shape: Shape, worst: &WorstCase) -> Self {
        Self {
            leak: AnyLeak::new(membrane.decay, membrane.bits),
            input_shift: u32::from(membrane.input_shift),
            bias: laid_out(&membrane.bias, shape),
            narrow: worst.input.low >= i64::from(i16::MIN) && worst.input.high <= i64::from(i16::MAX),
        }
    }
}

/// A parameter in the engine's order: the values of one position, or those of all where positions differ.
fn laid_out(values: &[i32], shape: Shape) -> Vec<i32> {
    let channels = shape.channels;
    let positions = if values.len() > channels as usize { shape.pixels() } else { 1 };
    let neurons = (0..positions).flat_map(|position| (0..channels).map(move |channel| graph_index(shape, position, channel)));
    neurons.map(|neuron| shape.value_of(values, neuron as usize)).collect()
}

impl Projection {
    /// The flattened form of a projection. A pick has no weights; its select stage looks at the source's spikes itself.
    fn new(graph: &LifGraph, projection: &lif_graph::Projection) -> Self {
        let source = graph.population(projection.source).shape;
        let target = graph.population(projection.target).shape;
        let flat = Self {
            source: projection.source.index(),
            delay: projection.delay,
            weights: Vec::new(),
            position_stride: 0,
            channel_stride: 0,
            kernel_size: 1,
            small_kernel: false,
            target_channels: target.channels as usize,
            target_width: target.width as usize,
            reach_y: Vec::new(),
            reach_x: Vec::new(),
        };
        match projection.connectivity {
            Connectivity::Dense => flat.dense(source, target, &projection.weights),
            Connectivity::Conv2d(kernel) => flat.convolution(source, target, kernel, false, &projection.weights),
            Connectivity::ConvTranspose2d(kernel) => flat.convolution(source, target, kernel, true, &projection.weights),
            Connectivity::Pick => flat,
        }
    }

    /// Lanes of one spike's kernel, if it is summed up as a whole.
    pub fn patch_lanes(&self) -> usize {
        if self.small_kernel { self.channel_stride } else { 0 }
    }

    fn dense(self, source: Shape, target: Shape, weights: &[i8]) -> Self {
        let (sources, targets) = (source.neurons(), target.neurons());
        let mut rows = vec![0; weights.len()];
        for t in 0..targets {
            let lane = engine_index(target, t);
            for s in 0..sources {
                rows[engine_index(source, s) * targets + lane] = weights[t * sources + s];
            }
        }
        let everything = Reach { target: 0, tap: 0, taps: 1 };
        Self {
            weights: rows,
            position_stride: source.channels as usize * targets,
            channel_stride: targets,
            target_channels: targets,
            target_width: 1,
            reach_y: vec![everything; source.height as usize],
            reach_x: vec![everything; source.width as usize],
            ..self
        }
    }

    fn convolution(self, source: Shape, target: Shape, kernel: Kernel, transposed: bool, weights: &[i8]) -> Self {
        let size = kernel.size as usize;
        let (source_channels, target_channels) = (source.channels as usize, target.channels as usize);
        let taps = tap_order(kernel, transposed);
        let kernel_lanes = size * size * target_channels;
        let small_kernel = size > 1 && size * target_channels < SMALL_ROW;
        let channel_stride = if small_kernel { kernel_lanes.next_multiple_of(8) } else { kernel_lanes };
        let mut rows = vec![0; source_channels * channel_stride];
        for s in 0..source_channels {
            for t in 0..target_channels {
                let plane = if transposed { s * target_channels + t } else { t * source_channels + s };
                for (row, &ky) in taps.iter().enumerate() {
                    for (column, &kx) in taps.iter().enumerate() {
                        rows[s * channel_stride + (row * size + column) * target_channels + t] =
                            weights[(plane * size + ky as usize) * size + kx as usize];
                    }
                }
            }
        }
        Self {
            weights: rows,
            channel_stride,
            kernel_size: size,
            small_kernel,
            reach_y: reach(source.height, target.height, kernel, transposed, &taps),
            reach_x: reach(source.width, target.width, kernel, transposed, &taps),
            ..self
        }
    }
}

/// Kernel rows of fewer lanes than this waste most of a vector.
const SMALL_ROW: usize = 16;

/// The order of taps in which neighbouring taps reach neighbouring targets.
///
/// In a transposed convolution that is their own. In a convolution tap k leads from source i to target (i + padding - k) / stride: a later
/// tap to an earlier target, and only the taps of the right remainder to any.
fn tap_order(kernel: Kernel, transposed: bool) -> Vec<u32> {
    let mut taps: Vec<u32> = (0..kernel.size).collect();
    if !transposed {
        taps.sort_by_key(|&tap| (tap % kernel.stride, std::cmp::Reverse(tap)));
    }
    taps
}

/// What each source coordinate reaches along one axis; padding cuts off what lies outside `0..targets`.
fn reach(sources: u32, targets: u32, kernel: Kernel, transposed: bool, taps: &[u32]) -> Vec<Reach> {
    let (stride, padding) = (i64::from(kernel.stride), i64::from(kernel.padding));
    let target = |source: u32, tap: u32| {
        let (source, tap) = (i64::from(source), i64::from(tap));
        let target = if transposed {
            source * stride + tap - padding
        } else {
            let distance = source + padding - tap;
            if distance % stride != 0 {
                return None;
            }
            distance / stride
        };
        u32::try_from(target).ok().filter(|&target| target < targets)
    };
    (0..sources)
        .map(|source| {
            let mut run = Reach::default();
            for (place, &tap) in (0..).zip(taps) {
                if let Some(target) = target(source, tap) {
                    if run.taps == 0 {
                        run = Reach { target, tap: place, taps: 0 };
                    }
                    debug_assert_eq!((run.target + run.taps, run.tap + run.taps), (target, place));
                    run.taps += 1;
                }
            }
            run
        })
        .collect()
}
