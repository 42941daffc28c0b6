//! Multicast keys: which 32-bit number a spike of a neuron carries.
//!
//! ```text
//!   key = population's block | slice << s | neuron << c | 0         s, c: bits below; blocks are powers of two, aligned
//! ```
//!
//! All slices of a population have blocks of one size, one behind the other, so that slices whose spikes take the same way can share an
//! entry of a routing table.

use crate::rules::{KEYS_FIT, MapError};
use crate::{Partition, Slice};
use serde::Serialize;

/// The keys of one slice: all that equal `key` where `mask` has ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct Block {
    /// Key of the first neuron.
    pub key: u32,
    /// Ones where keys of the slice agree.
    pub mask: u32,
}

impl Block {
    /// Whether a key belongs to it.
    pub fn holds(self, key: u32) -> bool {
        (key ^ self.key) & self.mask == 0
    }

    /// Whether some key belongs to both.
    pub fn meets(self, other: Self) -> bool {
        (self.key ^ other.key) & self.mask & other.mask == 0
    }
}

/// A block for every slice that sends something; `bits_below` a neuron's number.
///
/// # Errors
/// A breach of `keys-fit`.
pub fn keys(chip: &str, partition: &Partition, sends: &[bool], bits_below: u32) -> Result<Vec<Option<Block>>, MapError> {
    let size = |slice: &Slice| slice.region.neurons().next_power_of_two() << bits_below;
    let mut populations: Vec<(u64, u64, usize)> = Vec::new(); // size of the block, of a slice's block, population
    for index in 0..partition.divisions.len() {
        let range = partition.of(lif_graph::PopulationId::from_index(index));
        if sends[range.clone()].iter().any(|&sends| sends) {
            let of_slice = partition.slices[range.clone()].iter().map(size).max().unwrap_or(1);
            populations.push((of_slice * (range.len() as u64).next_power_of_two(), of_slice, index));
        }
    }
    // largest first: then every block starts at a multiple of its size
    populations.sort_by_key(|&(size, _, index)| (std::cmp::Reverse(size), index));
    let needed: u64 = populations.iter().map(|(size, _, _)| size).sum();
    if needed > 1 << 32 {
        return Err(MapError::one(chip, &KEYS_FIT, "graph", format!("{needed} keys are needed, and there are {}", 1u64 << 32)));
    }
    let mut keys = vec![None; partition.slices.len()];
    let mut next = 0u64;
    for (size, of_slice, index) in populations {
        for (number, slice) in partition.of(lif_graph::PopulationId::from_index(index)).enumerate() {
            let key = next + number as u64 * of_slice;
            keys[slice] = sends[slice].then_some(Block { key: key as u32, mask: !((of_slice - 1) as u32) });
        }
        next += size;
    }
    Ok(keys)
}
