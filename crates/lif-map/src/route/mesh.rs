//! Dimension-order routing: free of deadlocks, and fixed by where spikes start and end.

use super::{LinkLoad, Links, straight_way};
use crate::{Edge, Machine};

/// Spikes over each link; `router` gives the router of a slice.
pub fn loads(machine: &Machine, edges: &[Edge], router: impl Fn(u32) -> u32) -> Vec<LinkLoad> {
    let mut links = Links::new(machine);
    for edge in edges {
        let mut at = router(edge.source);
        for direction in straight_way(machine, at, router(edge.target)) {
            links.add(at, direction, edge.spikes);
            at = machine.neighbour(at, direction).expect("a way follows links");
        }
    }
    links.loads()
}
