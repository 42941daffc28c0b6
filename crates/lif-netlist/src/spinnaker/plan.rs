//! Which tick belongs to which vertex and step.
//!
//! Every synapse takes at least one tick. Along an edge of a delay of d steps a target's step is at least one tick after the source's
//! step that it hears, which is `d * ticks_per_step` ticks further back; what arrives early waits in its synapse:
//!
//! ```text
//!   first(target) >= first(source) + 1 - d * ticks_per_step        longest paths (Bellman and Ford)
//!   delay of the synapses = first(target) + d * ticks_per_step - first(source)
//! ```

use super::network::Edge;

/// When vertices have their turns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// From one step of a vertex to the next.
    pub ticks_per_step: u32,
    /// By vertex: the tick of its first step, counted from 1.
    pub first_ticks: Vec<u32>,
}

impl Plan {
    /// The first ticks with so many ticks a step; nothing if a loop takes longer than that.
    pub fn with(vertices: usize, edges: &[Edge], ticks_per_step: u32) -> Option<Self> {
        let mut first_ticks = vec![1u32; vertices];
        for _ in 0..=vertices {
            let mut moved = false;
            for edge in edges {
                let arrival = (first_ticks[edge.source] + 1).saturating_sub(u32::from(edge.steps) * ticks_per_step);
                if arrival > first_ticks[edge.target] {
                    first_ticks[edge.target] = arrival;
                    moved = true;
                }
            }
            if !moved {
                return Some(Self { ticks_per_step, first_ticks });
            }
        }
        None
    }

    /// The same with the fewest ticks a step that the slowest loop allows, and at least `least`.
    pub fn shortest(vertices: usize, edges: &[Edge], least: u32) -> Option<Self> {
        // a loop has a delay of at least one step, so a tick for every vertex is enough
        (least..=least.max(vertices as u32 + 1)).find_map(|ticks| Self::with(vertices, edges, ticks))
    }

    /// Ticks that the synapses of an edge take.
    pub fn delay(&self, edge: &Edge) -> u32 {
        self.first_ticks[edge.target] + u32::from(edge.steps) * self.ticks_per_step - self.first_ticks[edge.source]
    }

    /// The tick, counted from 1, in which the last vertex has done the last step.
    pub fn ticks_per_image(&self, steps: u32) -> u32 {
        self.first_ticks.iter().max().unwrap_or(&1) + self.ticks_per_step * steps.saturating_sub(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spinnaker::network::Origin;

    fn edges(rows: &[(usize, usize, u8)]) -> Vec<Edge> {
        let edge = |&(source, target, steps)| Edge { name: String::new(), source, target, steps, origin: Origin::Picks };
        rows.iter().map(edge).collect()
    }

    #[test]
    fn the_slowest_loop_counts() {
        let chain = [(0, 1, 0), (1, 2, 0), (2, 3, 0)];
        let with = |more: &[(usize, usize, u8)]| edges(&[&chain, more].concat());
        assert_eq!(Plan::shortest(4, &with(&[]), 1), Some(Plan { ticks_per_step: 1, first_ticks: vec![1, 2, 3, 4] }));
        assert_eq!(Plan::shortest(4, &with(&[(3, 0, 1)]), 2).map(|plan| plan.ticks_per_step), Some(4));
        assert_eq!(Plan::with(4, &with(&[(3, 0, 1)]), 3), None);
        assert_eq!(Plan::shortest(4, &with(&[(3, 1, 1)]), 2).map(|plan| plan.ticks_per_step), Some(3));
    }

    #[test]
    fn early_spikes_wait() {
        let edges = edges(&[(0, 1, 0), (1, 2, 0), (0, 2, 0), (2, 2, 1)]);
        let plan = Plan::shortest(3, &edges, 2).unwrap();
        assert_eq!(edges.iter().map(|edge| plan.delay(edge)).collect::<Vec<_>>(), [1, 1, 2, 2]);
        assert_eq!(plan.ticks_per_image(5), 3 + 2 * 4);
    }
}
