//! Routing tables: what a router does with a key.
//!
//! A router looks its entries through from the first and takes the first that matches. A spike that none matches goes straight on, out by
//! the link opposite to the one that it came by (default routing), so a router that a spike only passes needs no entry for it.

use super::keys::Block;
use super::tree::Tree;
use crate::{Direction, Machine};
use serde::ser::{Serialize, SerializeStruct, Serializer};
use std::collections::BTreeSet;

/// A set of links and cores.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Route([u64; 3]);

impl Route {
    /// The first bits are links.
    const LINKS: u32 = Direction::ALL.len() as u32;

    /// One link.
    pub fn link(direction: Direction) -> Self {
        Self::bit(direction as u32)
    }

    /// One core, by its number on the chip; chip files have no more than fit.
    pub fn core(number: u32) -> Self {
        Self::bit(Self::LINKS + number)
    }

    /// All of both.
    pub fn and(self, other: Self) -> Self {
        Self(std::array::from_fn(|word| self.0[word] | other.0[word]))
    }

    /// Whether it holds all of another.
    pub fn holds(self, other: Self) -> bool {
        self.and(other) == self
    }

    /// Its links, from east against the clock.
    pub fn links(self) -> impl Iterator<Item = Direction> {
        Direction::ALL.into_iter().filter(move |&direction| self.holds(Self::link(direction)))
    }

    /// The numbers of its cores.
    pub fn cores(self) -> impl Iterator<Item = u32> {
        (0..u64::BITS * 3 - Self::LINKS).filter(move |&number| self.holds(Self::core(number)))
    }

    fn bit(number: u32) -> Self {
        let mut words = [0; 3];
        words[(number / u64::BITS) as usize] = 1 << (number % u64::BITS);
        Self(words)
    }
}

/// One entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Entry {
    /// Which keys.
    pub keys: Block,
    /// Where to.
    pub route: Route,
}

impl Route {
    /// SpiNNaker's bits: links from bit 0 on, then cores; nothing for a core whose number a route of 24 bits does not hold.
    pub fn bits(self) -> Option<u32> {
        let [low, middle, high] = self.0;
        (low < 1 << 24 && middle == 0 && high == 0).then_some(low as u32)
    }

    /// The inverse of [`bits`](Self::bits).
    pub fn from_bits(bits: u32) -> Self {
        Self([bits.into(), 0, 0])
    }
}

/// `{"key": 4096, "mask": 4294963200, "links": [0], "cores": [4, 5]}`.
impl Serialize for Entry {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut row = serializer.serialize_struct("Entry", 4)?;
        row.serialize_field("key", &self.keys.key)?;
        row.serialize_field("mask", &self.keys.mask)?;
        row.serialize_field("links", &self.route.links().map(|direction| direction as u8).collect::<Vec<_>>())?;
        row.serialize_field("cores", &self.route.cores().collect::<Vec<_>>())?;
        row.end()
    }
}

/// All spikes that pass a router.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Passing {
    /// Those that need an entry.
    pub entries: Vec<Entry>,
    /// Those that default routing takes where they have to go, which is what the entry would say.
    pub straight_on: Vec<Entry>,
}

/// What every router has to do with the slices' spikes: trees with their keys, and for each the router and core number of those that listen.
pub fn passing<'t>(machine: &Machine, trees: impl IntoIterator<Item = (Block, &'t Tree, &'t BTreeSet<(u32, u32)>)>) -> Vec<Passing> {
    let mut tables = vec![Passing::default(); machine.routers.len()];
    for (keys, tree, listeners) in trees {
        for (&router, node) in &tree.nodes {
            let cores = listeners.range((router, 0)..(router + 1, 0)).map(|&(_, number)| Route::core(number));
            let links = node.leaving.iter().map(|&direction| Route::link(direction));
            let route = cores.chain(links).fold(Route::default(), Route::and);
            let table = &mut tables[router as usize];
            match node.coming {
                Some(direction) if route == Route::link(direction) => table.straight_on.push(Entry { keys, route }),
                _ => table.entries.push(Entry { keys, route }),
            }
        }
    }
    tables
}

/// What a table does with a key; none is default routing.
pub fn look_up(entries: &[Entry], key: u32) -> Option<Route> {
    entries.iter().find(|entry| entry.keys.holds(key)).map(|entry| entry.route)
}
