//! Multicast trees, by neighbour-exploring routing (Navaridas, Lujan, Plana, Temple, Furber, "SpiNNaker: Enhanced multicast routing",
//! Parallel Computing 45, 2015): goals are joined from near to far, each to the nearest router that is in the tree already, on the way that
//! takes the longest direction first.

use super::straight_way;
use crate::{Direction, Machine};
use std::collections::{BTreeMap, BTreeSet};

/// Where a spike goes: for each router on its way the links that it leaves by.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tree {
    /// By router; the direction that the spike has when it comes, none where it starts.
    pub nodes: BTreeMap<u32, Node>,
}

/// One router of a tree.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Node {
    /// The direction of the hop that leads here.
    pub coming: Option<Direction>,
    /// Links to go on by.
    pub leaving: BTreeSet<Direction>,
}

impl Tree {
    /// The tree from one router to all of `goals`.
    pub fn grow(machine: &Machine, root: u32, goals: &BTreeSet<u32>) -> Self {
        let mut tree = Self { nodes: BTreeMap::from([(root, Node::default())]) };
        let mut ordered: Vec<u32> = goals.iter().copied().collect();
        ordered.sort_by_key(|&goal| (machine.hops(root, goal), goal));
        for goal in ordered {
            tree.join(machine, goal);
        }
        tree
    }

    fn join(&mut self, machine: &Machine, goal: u32) {
        let nearest = self.nodes.keys().copied().min_by_key(|&node| (machine.hops(node, goal), node));
        let mut at = nearest.expect("a tree has a root");
        let mut hops = Vec::new();
        for direction in straight_way(machine, at, goal) {
            let next = machine.neighbour(at, direction).expect("a way follows links");
            hops.push((at, direction, next));
            at = next;
        }
        for (from, direction, to) in hops {
            self.nodes.entry(from).or_default().leaving.insert(direction);
            self.nodes.entry(to).or_default().coming = Some(direction);
        }
    }

    /// Links of the tree.
    pub fn hops(&self) -> impl Iterator<Item = (u32, Direction)> + '_ {
        self.nodes.iter().flat_map(|(&router, node)| node.leaving.iter().map(move |&direction| (router, direction)))
    }
}
