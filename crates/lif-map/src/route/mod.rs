//! Step 3: which links spikes take.
//!
//! - [`mesh`]: one spike for each core that listens, first along the row, then along the column.
//! - [`tree`]: one spike for all that listen, copied where its ways part; [`keys`] name the neurons, [`table`] tells each router what to
//!   do with a key, and [`compress`] makes the tables small.

pub mod compress;
pub mod keys;
pub mod mesh;
pub mod table;
#[cfg(test)]
mod tests;
pub mod tree;

use crate::{Direction, Machine};
use serde::Serialize;

/// Spikes over one link.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct LinkLoad {
    /// Column of the router that sends.
    pub x: u32,
    /// Its row.
    pub y: u32,
    /// To which neighbour.
    pub direction: Direction,
    /// Spikes in the steps that the rates were counted over.
    pub spikes: u64,
}

/// Adds up spikes by router and direction.
pub struct Links<'a> {
    machine: &'a Machine,
    spikes: Vec<u64>,
}

impl<'a> Links<'a> {
    /// None yet.
    pub fn new(machine: &'a Machine) -> Self {
        Self { machine, spikes: vec![0; machine.routers.len() * Direction::ALL.len()] }
    }

    /// Counts spikes that leave a router.
    pub fn add(&mut self, router: u32, direction: Direction, spikes: u64) {
        self.spikes[router as usize * Direction::ALL.len() + direction as usize] += spikes;
    }

    /// The links that carry something.
    pub fn loads(&self) -> Vec<LinkLoad> {
        let row = |(index, &spikes): (usize, &u64)| {
            let router = self.machine.routers[index / Direction::ALL.len()];
            let direction = Direction::ALL[index % Direction::ALL.len()];
            (spikes > 0).then_some(LinkLoad { x: router.x, y: router.y, direction, spikes })
        };
        self.spikes.iter().enumerate().filter_map(row).collect()
    }
}

/// The way from one router to another that goes straight on as long as it can, longest direction first (a mesh: the row first); where a
/// board has no router there, it turns earlier. Every hop brings it nearer.
pub fn straight_way(machine: &Machine, from: u32, to: u32) -> Vec<Direction> {
    let mut way = Vec::new();
    let mut at = from;
    let mut preferred = machine.preferred(from, to);
    while at != to {
        let left = machine.hops(at, to);
        let nearer = |direction: Direction| machine.neighbour(at, direction).filter(|&next| machine.hops(next, to) < left);
        let Some((direction, next)) = preferred.iter().find_map(|&direction| Some((direction, nearer(direction)?))) else {
            // only on a board with holes in it, which no chip file has: a test walks all pairs
            preferred = machine.directions().to_vec();
            assert!(preferred.iter().any(|&direction| nearer(direction).is_some()), "a router that cannot be reached");
            continue;
        };
        way.push(direction);
        at = next;
    }
    way
}

impl Machine {
    /// Directions that its links have.
    pub fn directions(&self) -> &'static [Direction] {
        const FOUR: [Direction; 4] = [Direction::East, Direction::West, Direction::North, Direction::South];
        if self.topology == crate::Topology::Mesh { &FOUR } else { &Direction::ALL }
    }

    /// The directions that a way consists of, the longest first.
    fn preferred(&self, from: u32, to: u32) -> Vec<Direction> {
        use Direction::*;
        let (dx, dy) = self.vector(from, to);
        let towards = |distance: i32, up, down| if distance > 0 { up } else { down };
        if self.topology == crate::Topology::Mesh {
            return vec![towards(dx, East, West), towards(dy, North, South)];
        }
        let diagonal = if dx.signum() == dy.signum() { dx.signum() * dx.abs().min(dy.abs()) } else { 0 };
        let (dx, dy) = (dx - diagonal, dy - diagonal);
        let mut parts = [
            (diagonal.abs(), towards(diagonal, NorthEast, SouthWest)),
            (dx.abs(), towards(dx, East, West)),
            (dy.abs(), towards(dy, North, South)),
        ];
        parts.sort_by_key(|&(length, _)| std::cmp::Reverse(length));
        parts.into_iter().filter(|&(length, _)| length > 0).map(|(_, direction)| direction).collect()
    }
}
