//! The network as data: Inception v3 (Szegedy et al., CVPR 2016), with the names of torchvision's state dictionary.
//!
//! A block hands its input to all of its branches and lays their outputs side by side, channel after channel. A branch is perhaps a
//! pooling, a chain of convolutions, and perhaps a fork at its end.

use super::Network;

/// A convolution that has no weights yet; batch normalisation and ReLU follow it.
#[derive(Clone, Debug)]
pub struct Spec {
    /// `NAME.conv.weight`, `NAME.bn.weight`, ...
    pub name: String,
    /// Output channels.
    pub outputs: usize,
    /// Height and width.
    pub kernel: [usize; 2],
    /// In both directions.
    pub stride: usize,
    /// Zeros above and below, left and right.
    pub padding: [usize; 2],
}

/// A pooling of 3x3 positions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pool {
    /// The largest.
    Max {
        /// In both directions.
        stride: usize,
        /// On all sides; never the largest.
        padding: usize,
    },
    /// The mean, stride 1, padding 1.
    Average {
        /// Whether the zeros of the padding count in the mean.
        with_padding: bool,
    },
}

/// One way through a block.
#[derive(Clone, Debug)]
pub struct Branch<C> {
    /// What comes first.
    pub pool: Option<Pool>,
    /// One after the other.
    pub chain: Vec<C>,
    /// Side by side, on what the chain ends with.
    pub fork: Vec<C>,
}

/// Branches side by side.
pub type Block<C> = Vec<Branch<C>>;

/// The size of the picture stays.
fn same(name: &str, outputs: usize, kernel: [usize; 2]) -> Spec {
    Spec { name: name.into(), outputs, kernel, stride: 1, padding: kernel.map(|side| side / 2) }
}

/// No padding.
fn valid(name: &str, outputs: usize, side: usize, stride: usize) -> Spec {
    Spec { name: name.into(), outputs, kernel: [side; 2], stride, padding: [0; 2] }
}

fn chain(chain: impl Into<Vec<Spec>>) -> Branch<Spec> {
    Branch { pool: None, chain: chain.into(), fork: Vec::new() }
}

fn pooled(pool: Pool, convolutions: impl Into<Vec<Spec>>) -> Branch<Spec> {
    Branch { pool: Some(pool), ..chain(convolutions) }
}

fn forked(convolutions: impl Into<Vec<Spec>>, fork: impl Into<Vec<Spec>>) -> Branch<Spec> {
    Branch { fork: fork.into(), ..chain(convolutions) }
}

const HALVE: Pool = Pool::Max { stride: 2, padding: 0 };
const ONE: [usize; 2] = [1, 1];
const THREE: [usize; 2] = [3, 3];

/// All that comes before the global mean, from the picture on.
pub fn blocks(network: Network) -> Vec<Block<Spec>> {
    // TensorFlow's mean leaves the padding out, and its last block takes the maximum.
    let average = Pool::Average { with_padding: network == Network::Torchvision };
    let last = match network {
        Network::Fid => Pool::Max { stride: 1, padding: 1 },
        Network::Torchvision => average,
    };
    let mut blocks = vec![
        vec![chain([valid("Conv2d_1a_3x3", 32, 3, 2), valid("Conv2d_2a_3x3", 32, 3, 1), same("Conv2d_2b_3x3", 64, THREE)])],
        vec![pooled(HALVE, [valid("Conv2d_3b_1x1", 80, 1, 1), valid("Conv2d_4a_3x3", 192, 3, 1)])],
        vec![pooled(HALVE, [])],
    ];
    let mixed: [(&str, Block<Spec>); 11] = [
        ("5b", fine(average, 32)),
        ("5c", fine(average, 64)),
        ("5d", fine(average, 64)),
        ("6a", smaller()),
        ("6b", long(average, 128)),
        ("6c", long(average, 160)),
        ("6d", long(average, 160)),
        ("6e", long(average, 192)),
        ("7a", smallest()),
        ("7b", wide(average)),
        ("7c", wide(last)),
    ];
    blocks.extend(mixed.map(|(name, mut block)| {
        for spec in block.iter_mut().flat_map(|branch| branch.chain.iter_mut().chain(&mut branch.fork)) {
            spec.name = format!("Mixed_{name}.{}", spec.name);
        }
        block
    }));
    blocks
}

/// InceptionA: 35x35.
fn fine(pool: Pool, pooled_channels: usize) -> Block<Spec> {
    vec![
        chain([same("branch1x1", 64, ONE)]),
        chain([same("branch5x5_1", 48, ONE), same("branch5x5_2", 64, [5, 5])]),
        chain([same("branch3x3dbl_1", 64, ONE), same("branch3x3dbl_2", 96, THREE), same("branch3x3dbl_3", 96, THREE)]),
        pooled(pool, [same("branch_pool", pooled_channels, ONE)]),
    ]
}

/// InceptionB: 35x35 to 17x17.
fn smaller() -> Block<Spec> {
    vec![
        chain([valid("branch3x3", 384, 3, 2)]),
        chain([same("branch3x3dbl_1", 64, ONE), same("branch3x3dbl_2", 96, THREE), valid("branch3x3dbl_3", 96, 3, 2)]),
        pooled(HALVE, []),
    ]
}

/// InceptionC: 17x17.
fn long(pool: Pool, channels: usize) -> Block<Spec> {
    let (across, down) = ([1, 7], [7, 1]);
    vec![
        chain([same("branch1x1", 192, ONE)]),
        chain([same("branch7x7_1", channels, ONE), same("branch7x7_2", channels, across), same("branch7x7_3", 192, down)]),
        chain([
            same("branch7x7dbl_1", channels, ONE),
            same("branch7x7dbl_2", channels, down),
            same("branch7x7dbl_3", channels, across),
            same("branch7x7dbl_4", channels, down),
            same("branch7x7dbl_5", 192, across),
        ]),
        pooled(pool, [same("branch_pool", 192, ONE)]),
    ]
}

/// InceptionD: 17x17 to 8x8.
fn smallest() -> Block<Spec> {
    vec![
        chain([same("branch3x3_1", 192, ONE), valid("branch3x3_2", 320, 3, 2)]),
        chain([
            same("branch7x7x3_1", 192, ONE),
            same("branch7x7x3_2", 192, [1, 7]),
            same("branch7x7x3_3", 192, [7, 1]),
            valid("branch7x7x3_4", 192, 3, 2),
        ]),
        pooled(HALVE, []),
    ]
}

/// InceptionE: 8x8.
fn wide(pool: Pool) -> Block<Spec> {
    let (across, down) = ([1, 3], [3, 1]);
    vec![
        chain([same("branch1x1", 320, ONE)]),
        forked([same("branch3x3_1", 384, ONE)], [same("branch3x3_2a", 384, across), same("branch3x3_2b", 384, down)]),
        forked(
            [same("branch3x3dbl_1", 448, ONE), same("branch3x3dbl_2", 384, THREE)],
            [same("branch3x3dbl_3a", 384, across), same("branch3x3dbl_3b", 384, down)],
        ),
        pooled(pool, [same("branch_pool", 192, ONE)]),
    ]
}
