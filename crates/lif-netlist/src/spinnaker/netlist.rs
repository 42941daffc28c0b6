//! What stands in `netlist.json`, as data; beside it PACMAN's files, [`Placement`] and [`Table`].

use super::Mode;
use super::arithmetic::Constants;
use lif_graph::{Decay, Kernel};
use serde::{Deserialize, Serialize};

/// A network on the machine.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Netlist {
    /// `lif-netlist/spinnaker`.
    pub format: String,
    /// 1; changes when a reader of older netlists would misread newer ones.
    pub version: u32,
    /// The graph's name.
    pub name: String,
    /// The graph's fingerprint, the same that the simulator prints.
    pub fingerprint: String,
    /// The chip whose limits were checked.
    pub chip: String,
    /// Steps and ticks.
    pub schedule: Schedule,
    /// The system of chips that the slices are placed on.
    pub system: System,
    /// The graph's populations, in its order.
    pub populations: Vec<PopulationRow>,
    /// The graph's projections, in its order.
    pub projections: Vec<ProjectionRow>,
    /// What runs on the machine.
    pub vertices: Vec<VertexRow>,
    /// Who hears whom there.
    pub edges: Vec<EdgeRow>,
    /// The vertices' parts, each on a core of its own; where, says `placements.json`.
    pub slices: Vec<SliceRow>,
}

/// How model steps become ticks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Schedule {
    /// What runs on the machine.
    pub mode: Mode,
    /// Model steps of an image.
    pub steps: u32,
    /// Of a tick.
    pub milliseconds: u32,
    /// Ticks from one step of a vertex to the next.
    pub ticks_per_step: u32,
    /// The tick, counted from 1, in which the last vertex has done the last step.
    pub ticks_per_image: u32,
}

/// A grid of chips.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct System {
    /// Columns.
    pub columns: u32,
    /// Rows.
    pub rows: u32,
    /// Whether the rims are joined; a single board's are not.
    pub torus: bool,
}

/// A population of the graph. Names of arrays stand for arrays of `arrays.npz`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PopulationRow {
    /// Its name, and that of its vertex.
    pub name: String,
    /// Channels, rows, columns.
    pub layout: [u32; 3],
    /// Where it runs.
    pub on: Place,
    /// What it computes.
    #[serde(flatten)]
    pub model: Model,
}

/// Who computes a population.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Place {
    /// The vertex of its name.
    Machine,
    /// Whoever gives the spikes, or reads them.
    Host,
}

/// What the graph says of a population.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "model", rename_all = "kebab-case")]
pub enum Model {
    /// Fires.
    Lif {
        /// Its membrane.
        #[serde(flatten)]
        membrane: MembraneRow,
        /// Array, as long as the graph's list: above these a neuron fires.
        thresholds: String,
    },
    /// Never fires; after the last step byte p stands for `levels[p-1] <= v < levels[p]`.
    Readout {
        /// Its membrane.
        #[serde(flatten)]
        membrane: MembraneRow,
        /// Array.
        levels: String,
    },
    /// 1-of-k random pick.
    Select {
        /// The k of 1-of-k.
        ways: u32,
    },
    /// Spikes from outside.
    Source,
    /// Currents from outside, which no netlist has yet: a rule refuses them.
    Image {
        /// A current's fraction bits.
        shift: u8,
    },
}

/// `v = decay(v) + (sum << input_shift) + bias` once a step.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MembraneRow {
    /// What remains of it after a step: multiplier, shift, rounding.
    pub decay: Decay,
    /// Fraction bits.
    pub input_shift: u8,
    /// Array, as long as the graph's list.
    pub biases: String,
    /// Width, sign included.
    pub membrane_bits: u8,
}

/// A projection of the graph.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ProjectionRow {
    /// Its name.
    pub name: String,
    /// Name of a population.
    pub source: String,
    /// Name of a population.
    pub target: String,
    /// In model steps.
    pub delay: u8,
    /// Who reaches whom.
    #[serde(flatten)]
    pub pattern: Pattern,
    /// Array: the graph's weights, in its order.
    pub weights: String,
}

/// The pattern of a projection's synapses.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "connectivity", rename_all = "kebab-case")]
pub enum Pattern {
    /// All to all, `[target][source]`.
    Dense,
    /// Convolution, `[target channel][source channel][ky][kx]`.
    Conv2d(Kernel),
    /// Transposed convolution, `[source channel][target channel][ky][kx]`.
    ConvTranspose2d(Kernel),
    /// The groups that a select stage picks from.
    Pick,
}

/// Neurons that share a model.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct VertexRow {
    /// Its name.
    pub name: String,
    /// How many neurons, in the order (channel, row, column) of `layout`.
    pub neurons: usize,
    /// Channels, rows, columns.
    pub layout: [u32; 3],
    /// The tick of its first step, counted from 1; the next ones follow every `ticks_per_step` ticks. Spikes at other ticks mean nothing.
    pub first_tick: u32,
    /// What it does.
    #[serde(flatten)]
    pub role: RoleRow,
}

/// What a vertex does.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "role", rename_all = "kebab-case")]
pub enum RoleRow {
    /// `IF_curr_delta` with `v = v_rest = v_reset = 0`, no refractory time and no offset. All figures are bits of s16.15.
    Neurons {
        /// What all neurons share.
        #[serde(flatten)]
        constants: Constants,
        /// What remains of a membrane after a tick, in real numbers: `decay ^ (1 / ticks_per_step)`; 0 for gates.
        leak: Root,
        /// Array by neuron: `v_thresh`.
        thresholds: String,
        /// The largest sums that the ring buffers can get in one tick, whatever fires.
        worst_ring: WorstRing,
    },
    /// A spike source: what the population of this name fires elsewhere, or what the user gives for it.
    Given {
        /// The population.
        population: String,
    },
    /// A spike source: in step s the neurons `c * ways + pick(seed, image, s, c)`, with
    /// `pick = (x * ways) >> 32` and x the first word of Philox4x32-10 with the seed's low and high word as key and
    /// (c, s, image's low word, image's high word) as counter.
    Picks {
        /// The k of 1-of-k.
        ways: u32,
    },
    /// A spike source that fires in every step.
    Clock,
}

/// `(multiplier / 2^shift) ^ (1 / ticks)`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Root {
    /// Of the step's decay.
    pub multiplier: u32,
    /// Of the step's decay.
    pub shift: u8,
    /// Which root.
    pub ticks: u32,
}

/// The largest sums of one sign, before their shift; a ring buffer holds 65535.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct WorstRing {
    /// Of positive weights.
    pub excitatory: u64,
    /// A neuron that has it.
    pub excitatory_neuron: u32,
    /// Of negative weights.
    pub inhibitory: u64,
    /// A neuron that has it.
    pub inhibitory_neuron: u32,
}

/// Synapses from one vertex to another. In `synapses.npz` stand `NAME/starts`, `NAME/post` and `NAME/weight` with NAME = `synapses`:
/// those of source neuron n are the entries `starts[n]` to `starts[n + 1]`. A weight is what stands in the 16 bits of a row; negative ones
/// are inhibitory.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EdgeRow {
    /// Its name.
    pub name: String,
    /// Name of a vertex.
    pub source: String,
    /// Name of a vertex.
    pub target: String,
    /// Ticks that every synapse takes; at least 1.
    pub delay: u32,
    /// Folder of its arrays.
    pub synapses: String,
    /// How many there are.
    pub count: usize,
}

/// A box of a vertex's neurons on a core of its own, numbered channel by channel, row by row, column by column. A spike of its neuron n has
/// the key `key + (n << 4)`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SliceRow {
    /// `vertex(first:last)`, neurons counted through the vertex's slices one after the other.
    pub label: String,
    /// Name of a vertex.
    pub vertex: String,
    /// First and last.
    pub neurons: [u32; 2],
    /// `[first, end)`.
    pub channels: [u32; 2],
    /// `[first, end)`.
    pub rows: [u32; 2],
    /// `[first, end)`.
    pub columns: [u32; 2],
    /// Of its spikes, if anyone hears them.
    #[serde(flatten)]
    pub keys: Option<Keys>,
    /// Labels of the slices that hear it.
    pub targets: Vec<String>,
}

/// Keys that equal `key` where `mask` has ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Keys {
    /// Of the first neuron.
    pub key: u32,
    /// Ones where all agree.
    pub mask: u32,
}

/// A row of PACMAN's `placements.json`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Placement {
    /// The slice.
    pub vertex_label: String,
    /// Column of its chip.
    pub x: u32,
    /// Row of its chip.
    pub y: u32,
    /// Number of its core.
    pub p: u32,
}

/// A row of PACMAN's `routing_tables.json`: one router.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Table {
    /// Column.
    pub x: u32,
    /// Row.
    pub y: u32,
    /// In the order in which they are looked through.
    pub entries: Vec<TableEntry>,
}

/// One entry of a router.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TableEntry {
    /// Which keys.
    pub key: u32,
    /// Ones where they agree.
    pub mask: u32,
    /// Whether a router without it does the same.
    pub defaultable: bool,
    /// Bits 0 to 5: links from east against the clock; bit 6 + p: core p.
    pub spinnaker_route: u32,
}
