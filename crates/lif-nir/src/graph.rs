//! The network as NIR describes it.

/// A network: nodes and who feeds whom.
#[derive(Clone, Debug, PartialEq)]
pub struct NirGraph {
    /// In the order of the file, which is that of the names.
    pub nodes: Vec<Node>,
    /// From and to, as places in `nodes`. What several edges bring to a node is added.
    pub edges: Vec<(usize, usize)>,
}

/// A node and its name.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    /// Unique in its graph.
    pub name: String,
    /// What it computes.
    pub unit: Unit,
}

/// Numbers in row-major order; `shape` has no entry for a scalar.
#[derive(Clone, Debug, PartialEq)]
pub struct Array {
    /// Its extents.
    pub shape: Vec<usize>,
    /// As many as the product of the extents.
    pub values: Vec<f64>,
}

impl Array {
    /// One dimension.
    pub fn vector(values: Vec<f64>) -> Self {
        Self { shape: vec![values.len()], values }
    }
}

/// What NIR's `padding` can be.
#[derive(Clone, Debug, PartialEq)]
pub enum Padding {
    /// Rows above and below, columns on both sides.
    Pixels([usize; 2]),
    /// A word: "same" or "valid".
    Word(String),
}

/// What a node computes: NIR's primitives and parameters, by NIR's names.
#[derive(Clone, Debug, PartialEq)]
pub enum Unit {
    /// Where spikes come from.
    Input {
        /// Shape of the signal.
        shape: Vec<usize>,
    },
    /// Where they go to.
    Output {
        /// Shape of the signal.
        shape: Vec<usize>,
    },
    /// `W x`.
    Linear {
        /// `[out, in]`.
        weight: Array,
    },
    /// `W x + b`.
    Affine {
        /// `[out, in]`.
        weight: Array,
        /// `[out]`.
        bias: Array,
    },
    /// Convolution over rows and columns.
    Conv2d {
        /// Rows and columns of the input, if stated.
        input_shape: Option<[usize; 2]>,
        /// `[out, in / groups, rows, columns]`.
        weight: Array,
        /// In rows and columns.
        stride: [usize; 2],
        /// Around the input.
        padding: Padding,
        /// In rows and columns.
        dilation: [usize; 2],
        /// Channels are convolved in that many groups.
        groups: usize,
        /// `[out]`.
        bias: Array,
    },
    /// Dimensions `start_dim` to `end_dim` become one; negative ones count from the end.
    Flatten {
        /// First.
        start_dim: i64,
        /// Last.
        end_dim: i64,
    },
    /// `tau v' = (v_leak - v) + r I`; where `v > v_threshold`, a spike and `v = v_reset`.
    Lif {
        /// Time constant in seconds.
        tau: Array,
        /// Resistance.
        r: Array,
        /// Where the membrane rests.
        v_leak: Array,
        /// Where it fires.
        v_threshold: Array,
        /// Where it begins again.
        v_reset: Array,
    },
    /// `tau v' = (v_leak - v) + r I`.
    Li {
        /// Time constant in seconds.
        tau: Array,
        /// Resistance.
        r: Array,
        /// Where the membrane rests.
        v_leak: Array,
    },
    /// `v' = r I`; where `v > v_threshold`, a spike and `v = v_reset`.
    If {
        /// Resistance.
        r: Array,
        /// Where it fires.
        v_threshold: Array,
        /// Where it begins again.
        v_reset: Array,
    },
    /// Any other kind, by name.
    Other {
        /// Such as `CubaLIF`.
        kind: String,
    },
}

impl Unit {
    /// NIR's name for it.
    pub fn kind(&self) -> &str {
        match self {
            Unit::Input { .. } => "Input",
            Unit::Output { .. } => "Output",
            Unit::Linear { .. } => "Linear",
            Unit::Affine { .. } => "Affine",
            Unit::Conv2d { .. } => "Conv2d",
            Unit::Flatten { .. } => "Flatten",
            Unit::Lif { .. } => "LIF",
            Unit::Li { .. } => "LI",
            Unit::If { .. } => "IF",
            Unit::Other { kind } => kind,
        }
    }
}
