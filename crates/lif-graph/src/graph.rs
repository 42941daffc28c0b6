//! The network itself: public structs in two tables, no behaviour beyond look-up.

use crate::rules::{MAX_POPULATIONS, MAX_PROJECTIONS};
use crate::{PopulationId, ProjectionId, bounded};
use serde::{Deserialize, Serialize};

/// A spiking network with integer arithmetic, ready to be simulated or mapped.
///
/// One image takes [`steps`](Self::steps) model steps. In a step every population is updated once, sources before targets
/// along the projections of delay 0 (these must not form a loop); a projection of delay 1 carries the previous step's spikes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LifGraph {
    /// A name for people.
    pub name: String,
    /// Model steps for one image (the paper's T).
    pub steps: u32,
    /// All populations, by [`PopulationId`].
    #[serde(deserialize_with = "bounded::table::<_, _, MAX_POPULATIONS>")]
    pub populations: Vec<Population>,
    /// All projections, by [`ProjectionId`].
    #[serde(deserialize_with = "bounded::table::<_, _, MAX_PROJECTIONS>")]
    pub projections: Vec<Projection>,
}

impl LifGraph {
    /// The population with this id. Panics on an id of another graph.
    pub fn population(&self, id: PopulationId) -> &Population {
        &self.populations[id.index()]
    }

    /// The projection with this id. Panics on an id of another graph.
    pub fn projection(&self, id: ProjectionId) -> &Projection {
        &self.projections[id.index()]
    }

    /// Ids and rows of the projections that end in `target`, in table order.
    pub fn projections_into(&self, target: PopulationId) -> impl Iterator<Item = (ProjectionId, &Projection)> {
        self.projections.iter().enumerate().filter(move |(_, p)| p.target == target).map(|(i, p)| (ProjectionId::from_index(i), p))
    }

    /// Populations that show an image from outside, in table order.
    pub fn images(&self) -> impl Iterator<Item = (PopulationId, &Population)> {
        let rows = self.populations.iter().enumerate().map(|(i, row)| (PopulationId::from_index(i), row));
        rows.filter(|(_, row)| matches!(row.model, NeuronModel::Image { .. }))
    }

    /// The population of this name.
    pub fn find(&self, name: &str) -> Option<PopulationId> {
        self.populations.iter().position(|p| p.name == name).map(PopulationId::from_index)
    }
}

/// A group of neurons that share a model.
///
/// A parameter (bias, threshold) is a list of one value for all neurons, of one for each channel, or of one for each neuron, in neuron
/// order. [`Shape::value_of`] reads it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Population {
    /// Unique in its graph, such as `decoder.2`.
    pub name: String,
    /// How many neurons, and how they are arranged.
    pub shape: Shape,
    /// What each neuron computes.
    pub model: NeuronModel,
}

/// Neurons as channels of a picture; neuron index = (channel * height + y) * width + x.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Shape {
    /// Feature maps; a flat layer has one neuron in each.
    pub channels: u32,
    /// Rows of a feature map.
    pub height: u32,
    /// Columns of a feature map.
    pub width: u32,
}

impl Shape {
    /// A flat layer of `channels` neurons.
    pub const fn flat(channels: u32) -> Self {
        Self { channels, height: 1, width: 1 }
    }

    /// Number of neurons.
    pub const fn neurons(self) -> usize {
        self.channels as usize * self.pixels()
    }

    /// Neurons of one channel.
    pub const fn pixels(self) -> usize {
        self.height as usize * self.width as usize
    }

    /// The value of neuron `neuron` in a parameter's list, which has one entry, or one for each channel, or one for each neuron.
    ///
    /// Panics on a list of another length, if it is too short.
    pub fn value_of(self, values: &[i32], neuron: usize) -> i32 {
        match values {
            [all] => *all,
            _ if values.len() == self.channels as usize => values[neuron / self.pixels()],
            _ => values[neuron],
        }
    }
}

/// What a neuron does with its input once a step.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum NeuronModel {
    /// Leaky integrate and fire with hard reset: `v = decay(v) + (input << input_shift) + bias`; if `v > threshold`, spike and `v = 0`.
    Lif {
        /// How the membrane integrates.
        membrane: Membrane,
        /// In membrane units; one value for all neurons, for each channel or for each neuron.
        threshold: Vec<i32>,
    },
    /// Fires channel `c` where neuron `c * ways + pick(seed, image, step, c)` of its one source fired this step (1-of-k random pick,
    /// Kamata et al. 2022, section 3.2). Holds no state.
    Select {
        /// The k of 1-of-k.
        ways: u32,
    },
    /// Never fires: `v = decay(v) + (input << input_shift) + bias`; after the last step `pixels` turns `v` into a byte.
    Readout {
        /// How the membrane integrates.
        membrane: Membrane,
        /// From final membrane to picture.
        pixels: PixelTable,
    },
    /// Its spikes come from outside (a recorded latent code, an encoder on the host).
    Source,
    /// An image from outside, a byte for each neuron, the same at every step. It never fires: what a projection from it adds to a target's
    /// input, at every step, is a [`current`], which the host computes once for an image.
    Image {
        /// A current's fraction bits, which are rounded away.
        shift: u8,
    },
}

/// The current that an image brings to a neuron through one projection, in units of weight 1: `sum` of its weights times
/// [`pixel_value`]s, divided by `2^shift` and rounded, halves up. Direct encoding (Kamata et al. 2022, section 3.1) with integers.
pub fn current(sum: i64, shift: u8) -> i64 {
    (sum + (1 << shift) / 2) >> shift
}

/// A byte as a number of the range [-1, 1] in 255ths: black is -255, white 255.
pub fn pixel_value(byte: u8) -> i64 {
    2 * i64::from(byte) - 255
}

/// The integrating part of a neuron. `v` starts at 0 for every image.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Membrane {
    /// The leak, applied to the old `v` before the input is added.
    pub decay: Decay,
    /// Fraction bits of the membrane: the summed weights enter as `sum << input_shift`.
    pub input_shift: u8,
    /// In membrane units, added once a step; one value for all neurons, for each channel or for each neuron.
    pub bias: Vec<i32>,
    /// Width of `v` in bits, sign included. A rule proves that `v` always fits, so overflow has no meaning.
    pub bits: u8,
}

/// `v * multiplier / 2^shift`, rounded; below 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decay {
    /// Numerator.
    pub multiplier: u32,
    /// Binary logarithm of the denominator, at most 24.
    pub shift: u8,
    /// What becomes of the bits that are shifted out.
    pub rounding: Rounding,
}

/// Rounding of a shift to the right.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Rounding {
    /// `sign(x) * (|x| >> shift)`, Loihi's rule.
    TowardZero,
    /// `x >> shift`, SpiNNaker's products.
    Floor,
    /// `-((-x) >> shift)`.
    Ceiling,
}

impl Decay {
    /// The decayed membrane.
    pub fn apply(self, v: i32) -> i32 {
        let product = i64::from(v) * i64::from(self.multiplier);
        let low_bits = (1i64 << self.shift) - 1;
        let rounded = match self.rounding {
            Rounding::TowardZero => (product + if product < 0 { low_bits } else { 0 }) >> self.shift,
            Rounding::Floor => product >> self.shift,
            Rounding::Ceiling => (product + low_bits) >> self.shift,
        };
        rounded as i32 // |rounded| <= |v| because the multiplier is below 2^shift
    }
}

/// The integer twin of `round((tanh(v) + 1) / 2 * 255)`: byte p stands for `levels[p-1] <= v < levels[p]`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PixelTable {
    /// 255 ascending membrane values.
    pub levels: Vec<i32>,
}

impl PixelTable {
    /// The byte of a final membrane: how many levels it has reached.
    pub fn pixel(&self, v: i32) -> u8 {
        self.levels.partition_point(|&level| level <= v) as u8
    }
}

/// Synapses from one population to another.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Projection {
    /// Unique in its graph, such as `prior.0->prior.1`.
    pub name: String,
    /// Where spikes come from.
    pub source: PopulationId,
    /// Where the weights are added.
    pub target: PopulationId,
    /// 0: this step's spikes; 1: the previous step's (none in step 0).
    pub delay: u8,
    /// Which neuron reaches which.
    pub connectivity: Connectivity,
    /// In the order that the connectivity names; empty for [`Connectivity::Pick`].
    pub weights: Vec<i8>,
}

/// The pattern of a projection's synapses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Connectivity {
    /// All to all; weights `[target][source]`, in neuron order.
    Dense,
    /// Convolution; weights `[target channel][source channel][ky][kx]`.
    Conv2d(Kernel),
    /// Transposed convolution; weights `[source channel][target channel][ky][kx]`.
    ConvTranspose2d(Kernel),
    /// The groups of k neurons that a [`NeuronModel::Select`] picks from; no weights.
    Pick,
}

/// A square kernel's geometry (PyTorch's meaning of the words).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Kernel {
    /// Side length.
    pub size: u32,
    /// Stride in both directions.
    pub stride: u32,
    /// Padding on all four sides.
    pub padding: u32,
    /// Extra rows and columns of a transposed convolution's output; 0 for a convolution.
    pub output_padding: u32,
}
