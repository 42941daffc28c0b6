//! Delays and loops.

use super::Findings;
use crate::LifGraph;

pub(super) fn delay_is_zero_or_one(graph: &LifGraph, findings: &mut Findings) {
    for projection in graph.projections.iter().filter(|projection| projection.delay > 1) {
        findings.projection(projection, format!("delay {}", projection.delay), "set the delay to 0 (this step) or 1 (the next)");
    }
}

pub(super) fn loops_are_delayed(graph: &LifGraph, findings: &mut Findings) {
    for around in graph.undelayed_loops() {
        let names: Vec<String> = around.iter().chain(&around[..1]).map(|&id| graph.label(id)).collect();
        let cause = format!("projections of delay 0 form the loop {}", names.join(" -> "));
        findings.graph(cause, "give one projection of the loop delay 1");
    }
}
