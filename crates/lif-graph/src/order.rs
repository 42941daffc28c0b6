//! Who is updated when: the graph as petgraph sees it, and the order of one step.

use crate::{LifGraph, PopulationId, ProjectionId};
use petgraph::algo::kosaraju_scc;
use petgraph::graph::{DiGraph, NodeIndex};
use std::collections::BTreeSet;

impl LifGraph {
    /// A petgraph view: node `i` is population `i`, and there is an edge for each projection.
    /// A projection that names a population out of range (which [`check`](Self::check) reports) has no edge.
    pub fn digraph(&self) -> DiGraph<PopulationId, ProjectionId> {
        self.digraph_where(|_| true)
    }

    fn digraph_where(&self, keep: impl Fn(u8) -> bool) -> DiGraph<PopulationId, ProjectionId> {
        let mut view = DiGraph::with_capacity(self.populations.len(), self.projections.len());
        for index in 0..self.populations.len() {
            view.add_node(PopulationId::from_index(index));
        }
        for (index, projection) in self.projections.iter().enumerate() {
            let ends = [projection.source.index(), projection.target.index()];
            if keep(projection.delay) && ends.iter().all(|&end| end < self.populations.len()) {
                view.add_edge(NodeIndex::new(ends[0]), NodeIndex::new(ends[1]), ProjectionId::from_index(index));
            }
        }
        view
    }

    /// The order in which a step updates the populations: sources before targets along projections of delay 0, and among
    /// populations that could be next the one that stands first in the table.
    ///
    /// In a graph that passes [`check`](Self::check) every population occurs once; where delay-0 projections form a loop, the loop
    /// and all behind it are left out.
    pub fn update_order(&self) -> Vec<PopulationId> {
        let view = self.digraph_where(|delay| delay == 0);
        let mut waits_for: Vec<usize> = view.node_indices().map(|node| view.edges_directed(node, petgraph::Incoming).count()).collect();
        let mut ready: BTreeSet<NodeIndex> = view.node_indices().filter(|node| waits_for[node.index()] == 0).collect();
        let mut order = Vec::with_capacity(waits_for.len());
        while let Some(node) = ready.pop_first() {
            order.push(view[node]);
            for target in view.neighbors(node) {
                waits_for[target.index()] -= 1;
                if waits_for[target.index()] == 0 {
                    ready.insert(target);
                }
            }
        }
        order
    }

    /// Loops of delay-0 projections: for each group of populations that wait for each other, one loop through it, in order.
    pub(crate) fn undelayed_loops(&self) -> Vec<Vec<PopulationId>> {
        let view = self.digraph_where(|delay| delay == 0);
        let mut loops: Vec<_> = kosaraju_scc(&view).into_iter().filter_map(|group| one_loop(&view, &group)).collect();
        loops.sort();
        loops
    }
}

/// Follows projections inside a strongly connected group until a population comes again.
fn one_loop(view: &DiGraph<PopulationId, ProjectionId>, group: &[NodeIndex]) -> Option<Vec<PopulationId>> {
    let members: BTreeSet<NodeIndex> = group.iter().copied().collect();
    let mut path = vec![*members.first()?];
    loop {
        let last = *path.last()?;
        let next = view.neighbors(last).filter(|node| members.contains(node)).min()?; // none: a single node without a loop
        if let Some(start) = path.iter().position(|&node| node == next) {
            return Some(path[start..].iter().map(|&node| view[node]).collect());
        }
        path.push(next);
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::{dense, graph, lif, source};
    use crate::{LifGraph, PopulationId};

    fn names(graph: &LifGraph, ids: &[PopulationId]) -> Vec<String> {
        ids.iter().map(|&id| graph.population(id).name.clone()).collect()
    }

    fn wired(wires: &[(u32, u32, u8)]) -> LifGraph {
        let populations = ["a", "b", "c", "d"].map(|name| lif(name, 1)).to_vec();
        graph(populations, wires.iter().map(|&(from, to, delay)| dense(from, to, delay, vec![1])).collect())
    }

    #[test]
    fn sources_come_first_and_ties_keep_the_table_order() {
        let graph = wired(&[(3, 1, 0), (1, 0, 0), (0, 3, 1)]);
        assert_eq!(names(&graph, &graph.update_order()), ["c", "d", "b", "a"]);
        assert_eq!(wired(&[]).update_order(), [0, 1, 2, 3].map(PopulationId));
    }

    #[test]
    fn parallel_projections_count_once_each() {
        let graph = wired(&[(3, 0, 0), (3, 0, 0), (3, 0, 1)]);
        assert_eq!(names(&graph, &graph.update_order()), ["b", "c", "d", "a"]);
        assert_eq!(graph.digraph().edge_count(), 3);
    }

    #[test]
    fn loops_are_found_in_order() {
        let graph = wired(&[(1, 2, 0), (2, 3, 0), (3, 1, 0), (0, 0, 0), (0, 1, 0)]);
        let loops: Vec<_> = graph.undelayed_loops().iter().map(|group| names(&graph, group)).collect();
        assert_eq!(loops, [vec!["a"], vec!["b", "c", "d"]]);
        assert!(graph.update_order().is_empty());
        assert!(wired(&[(1, 2, 0), (2, 1, 1), (3, 3, 1)]).undelayed_loops().is_empty());
    }

    #[test]
    fn a_long_chain_needs_no_stack() {
        let count = 4096;
        let populations = (0..count).map(|index| source(&format!("p{index}"), 1)).collect();
        let wires = (1..count).map(|index| dense(index - 1, index, 0, vec![1])).collect();
        let graph = graph(populations, wires);
        assert!(graph.undelayed_loops().is_empty());
        assert_eq!(graph.update_order().len(), 4096);
    }
}
