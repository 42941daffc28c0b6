//! Smaller routing tables that do the same.
//!
//! Entries of one route merge into one whose mask ignores the bits in which they differ. The merged entry may match more keys than its
//! parts did; the order of entries makes that harmless (order-exploiting, as in Mundy, Heathcote, Garside, "On-chip order-exploiting routing
//! table minimization for a multicast supercomputer network", HPSR 2016): what stands before it in the table has been matched before.
//!
//! ```text
//!   routes with few entries first     a merged entry must meet no keys of later routes,
//!           ...                       and none that go straight on without an entry
//!   the route with most entries last  so it may meet those of all others
//! ```

use super::keys::Block;
use super::table::{Entry, Passing, Route};
use std::collections::BTreeMap;

/// A table with the same routes for all keys that pass; never longer than the entries.
pub fn compress(passing: &Passing) -> Vec<Entry> {
    let mut routes: BTreeMap<Route, Vec<Block>> = BTreeMap::new();
    passing.entries.iter().for_each(|entry| routes.entry(entry.route).or_default().push(entry.keys));
    let mut routes: Vec<(Route, Vec<Block>)> = routes.into_iter().collect();
    routes.sort_by_key(|(route, blocks)| (blocks.len(), *route));
    let mut table = Vec::with_capacity(passing.entries.len());
    for (place, (route, blocks)) in routes.iter().enumerate() {
        let later = routes[place + 1..].iter().flat_map(|(_, blocks)| blocks);
        let protected: Vec<Block> = later.copied().chain(passing.straight_on.iter().map(|entry| entry.keys)).collect();
        table.extend(merge(blocks, &protected).into_iter().map(|keys| Entry { keys, route: *route }));
    }
    table
}

/// Blocks that hold all the given ones and meet none of the protected ones; greedy, until no two can merge.
fn merge(blocks: &[Block], protected: &[Block]) -> Vec<Block> {
    let mut merged: Vec<Block> = blocks.to_vec();
    merged.sort_unstable();
    loop {
        let before = merged.len();
        let mut next: Vec<Block> = Vec::with_capacity(before);
        for block in merged {
            let partner = next.iter_mut().find_map(|other| {
                let both = both(*other, block);
                (!protected.iter().any(|keys| keys.meets(both))).then_some((other, both))
            });
            match partner {
                Some((other, both)) => *other = both,
                None => next.push(block),
            }
        }
        merged = next;
        if merged.len() == before {
            return merged;
        }
    }
}

/// The smallest block that holds two.
fn both(a: Block, b: Block) -> Block {
    let mask = a.mask & b.mask & !(a.key ^ b.key);
    Block { key: a.key & mask, mask }
}
