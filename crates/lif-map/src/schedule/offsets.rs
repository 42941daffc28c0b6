//! The longest loop, and who stands how far behind the first.
//!
//! Along a projection of delay d a target's step is at least `stages` ticks after the source's step that it hears, and that one is d steps,
//! so `d * ticks_per_step` ticks, further back:
//!
//! ```text
//!   offset(target) >= offset(source) + stages - d * ticks_per_step
//! ```
//!
//! Around a loop these add up to `ticks_per_step >= stages of the loop / delays of the loop`, so the slowest loop says how many ticks a
//! step takes. With that many, the offsets are longest paths (Bellman and Ford).

/// A demand of one projection inside a domain.
pub struct Edge {
    /// Index of the source among the domain's members.
    pub source: usize,
    /// Index of the target.
    pub target: usize,
    /// Ticks on the way.
    pub stages: u64,
    /// In model steps.
    pub delay: u8,
}

/// Ticks of a step: the fewest with which every loop has time.
pub fn ticks_per_step(least: &[u64], edges: &[Edge]) -> u64 {
    // a loop has a delay of at least 1 step, so all stages together are time enough
    let (mut low, mut high) = (1, edges.iter().map(|edge| edge.stages).sum::<u64>().max(1));
    while low < high {
        let middle = low + (high - low) / 2;
        match offsets(least, edges, middle) {
            Some(_) => high = middle,
            None => low = middle + 1,
        }
    }
    low
}

/// The smallest offsets, none below its entry in `least`; nothing if a loop has too little time.
pub fn offsets(least: &[u64], edges: &[Edge], ticks_per_step: u64) -> Option<Vec<u64>> {
    let mut offsets = least.to_vec();
    for _ in 0..=least.len() {
        let mut moved = false;
        for edge in edges {
            let arrival = (offsets[edge.source] + edge.stages).saturating_sub(u64::from(edge.delay) * ticks_per_step);
            if arrival > offsets[edge.target] {
                offsets[edge.target] = arrival;
                moved = true;
            }
        }
        if !moved {
            return Some(offsets);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn edge((source, target, stages, delay): (usize, usize, u64, u8)) -> Edge {
        Edge { source, target, stages, delay }
    }

    #[test]
    fn the_slowest_loop_counts() {
        let chain = [(0, 1, 1, 0), (1, 2, 1, 0), (2, 3, 2, 0)];
        let with = |more: &[(usize, usize, u64, u8)]| -> Vec<Edge> { chain.iter().chain(more).copied().map(edge).collect() };
        let beat = |more| ticks_per_step(&[0; 4], &with(more));
        assert_eq!(beat(&[]), 1);
        assert_eq!(beat(&[(3, 0, 1, 1)]), 5);
        assert_eq!(beat(&[(3, 1, 1, 1), (0, 0, 1, 1)]), 4);
        // two steps for five ticks
        assert_eq!(ticks_per_step(&[0; 4], &[(0, 1, 1, 0), (1, 2, 1, 1), (2, 3, 2, 0), (3, 0, 1, 1)].map(edge)), 3);
        // a delay outside of a loop costs no time
        assert_eq!(ticks_per_step(&[0; 4], &with(&[(3, 1, 1, 1)])[..3]), 1);
    }

    #[test]
    fn offsets_are_longest_paths() {
        let edges = [(0, 1, 1, 0), (1, 2, 1, 0), (0, 2, 1, 0), (2, 0, 1, 1)].map(edge);
        assert_eq!(offsets(&[0; 3], &edges, 3), Some(vec![0, 1, 2]));
        assert_eq!(offsets(&[0; 3], &edges, 2), None);
        assert_eq!(offsets(&[0, 4, 0], &edges, 9), Some(vec![0, 4, 5]));
        // a target of a late source may hear it one step later without waiting for it
        assert_eq!(offsets(&[0; 3], &[(0, 1, 7, 0), (1, 2, 1, 1)].map(edge), 3), Some(vec![0, 7, 5]));
    }
}
