//! What stands in `netlist.json`, as data.

use super::Schedule;
use lif_graph::Kernel;
use serde::{Deserialize, Serialize};

/// A network of Lava processes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Netlist {
    /// `lif-netlist/loihi`.
    pub format: String,
    /// 1; changes when a reader of older netlists would misread newer ones.
    pub version: u32,
    /// The graph's name.
    pub name: String,
    /// The graph's fingerprint, the same that the simulator prints.
    pub fingerprint: String,
    /// The chip whose limits were checked.
    pub chip: String,
    /// The file of the arrays that processes name.
    pub arrays: String,
    /// Steps and ticks.
    pub schedule: Schedule,
    /// The graph's populations, in its order: which process stands for which, and when it is updated.
    pub populations: Vec<PopulationRow>,
    /// The graph's projections, in its order; each has a process of its name.
    pub projections: Vec<ProjectionRow>,
    /// Everything that computes.
    pub processes: Vec<Process>,
    /// Which port feeds which.
    pub connections: Vec<Connection>,
    /// What to read when an image is done.
    pub outputs: Vec<Output>,
}

/// What the processes say no more about a population of the graph. The process of its name fires for it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PopulationRow {
    /// Its name, and that of its process.
    pub name: String,
    /// Channels, rows, columns.
    pub layout: [u32; 3],
    /// The tick of its first update, counted from 1; the next ones follow every `ticks_per_step` ticks.
    pub first_tick: u64,
    /// What it computes.
    #[serde(flatten)]
    pub model: Model,
}

/// What the graph calls the population's model. Lists of parameters have one value for all neurons, for each channel or for each neuron;
/// the arrays have one for each neuron, so the lists' lengths stand here.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "model", rename_all = "kebab-case")]
pub enum Model {
    /// Fires.
    Lif {
        /// Width of the membrane, sign included.
        membrane_bits: u8,
        /// Length of the list of biases.
        biases: usize,
        /// Length of the list of thresholds.
        thresholds: usize,
    },
    /// Never fires.
    Readout {
        /// Width of the membrane, sign included.
        membrane_bits: u8,
        /// Length of the list of biases.
        biases: usize,
    },
    /// 1-of-k random pick.
    Select {
        /// The k of 1-of-k.
        ways: u32,
    },
    /// Spikes from outside.
    Source,
    /// One neuron, drawn once an image.
    Draw {
        /// Of the random number.
        channel: u32,
    },
}

/// What the processes say no more about a projection of the graph.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ProjectionRow {
    /// Its name, and that of its process.
    pub name: String,
    /// Name of a population.
    pub source: String,
    /// Name of a population.
    pub target: String,
    /// In model steps.
    pub delay: u8,
    /// The pattern of its synapses.
    #[serde(flatten)]
    pub pattern: Pattern,
}

/// The pattern of synapses that was unrolled.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "connectivity", rename_all = "kebab-case")]
pub enum Pattern {
    /// All to all.
    Dense,
    /// Convolution.
    Conv2d(UnrolledKernel),
    /// Transposed convolution.
    ConvTranspose2d(UnrolledKernel),
    /// One synapse for each neuron of the source, to a gate of the select stage.
    Pick,
}

/// What an unrolled projection looked like before.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct UnrolledKernel {
    /// Its geometry.
    #[serde(flatten)]
    pub kernel: Kernel,
    /// Array: the graph's weights, in its order. On the chip they are multiplied by the chip's step.
    pub kernels: String,
}

/// A Lava process with its arguments, by Lava's names. Shapes are Lava's: populations are flat, in the graph's neuron order
/// (channel, row, column); synapses are `[targets, sources]`. Names of arrays stand for arrays.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type")]
pub enum Process {
    /// `LIF` that updates at the ticks `first_tick + n * ticks_per_step` and holds its membrane at all others, sending nothing.
    PhasedLIF {
        /// Its name.
        name: String,
        /// Neurons.
        shape: [usize; 1],
        /// 4095: the current is not kept.
        du: u32,
        /// `(4096 - dv) / 4096` of the membrane is kept.
        dv: u32,
        /// Fires above `vth << 6`.
        vth: i32,
        /// Array, by neuron.
        bias_mant: String,
        /// Array, by neuron.
        bias_exp: String,
        /// Counted from 1.
        first_tick: u64,
    },
    /// `LIF` that keeps nothing from tick to tick: a logic gate.
    #[serde(rename = "LIF")]
    Lif {
        /// Its name.
        name: String,
        /// Neurons.
        shape: [usize; 1],
        /// 4095.
        du: u32,
        /// 4095.
        dv: u32,
        /// Fires above `vth << 6`.
        vth: i32,
    },
    /// `Dense`; `DelayDense` where `delay` is above 0.
    Dense {
        /// Its name.
        name: String,
        /// Targets and sources.
        shape: [usize; 2],
        /// Array.
        weights: String,
        /// Ticks beyond the one that every synapse takes.
        delay: u64,
    },
    /// `Sparse`; `DelaySparse` where `delay` is above 0. Its arrays make a `scipy.sparse.csr_matrix((data, indices, indptr), shape)`.
    Sparse {
        /// Its name.
        name: String,
        /// Targets and sources.
        shape: [usize; 2],
        /// Array of weights.
        data: String,
        /// Array of sources.
        indices: String,
        /// Array of row starts.
        indptr: String,
        /// Ticks beyond the one that every synapse takes.
        delay: u64,
    },
    /// `io.source.RingBuffer`: sends one row of `spikes` at each tick `first_tick + n * ticks_per_step`, and nothing at all others.
    RingBuffer {
        /// Its name.
        name: String,
        /// Neurons.
        shape: [usize; 1],
        /// Counted from 1.
        first_tick: u64,
        /// Where the rows come from.
        spikes: Injection,
    },
}

/// Spikes that the host sends into the network, one row a model step.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Injection {
    /// In step s the spikes of neurons `c * ways + pick(seed, image, s, c)`, `c` from 0 to `channels - 1`, where
    /// `pick = (x * ways) >> 32` and x is the first word of Philox4x32-10 with the seed's low and high word as key and
    /// (c, s, image's low word, image's high word) as counter.
    Picks {
        /// How many one-hot groups.
        channels: u32,
        /// Neurons of a group.
        ways: u32,
    },
    /// In every step the spike of neuron `pick`, drawn like a pick of step 0: `ways` is the number of neurons, and (channel, 0, image's low
    /// word, image's high word) the counter.
    Draw {
        /// The counter's first word.
        channel: u32,
    },
    /// What the user gives for this population.
    Given {
        /// The graph's name for it.
        population: String,
    },
}

/// A wire between two ports.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Connection {
    /// Process and port.
    pub from: String,
    /// Process and port.
    pub to: String,
}

/// A picture: the bytes of `var` after the process's last update of the image, byte p standing for `levels[p-1] <= value < levels[p]`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Output {
    /// The process.
    pub process: String,
    /// Its variable.
    pub var: String,
    /// Channels, rows, columns.
    pub layout: [u32; 3],
    /// Array.
    pub levels: String,
}

impl Process {
    /// Its name.
    pub fn name(&self) -> &str {
        match self {
            Self::PhasedLIF { name, .. }
            | Self::Lif { name, .. }
            | Self::Dense { name, .. }
            | Self::Sparse { name, .. }
            | Self::RingBuffer { name, .. } => name,
        }
    }
}
