//! Names: what people, reports and netlists call things by.

use super::{Findings, Place};
use crate::LifGraph;
use std::collections::BTreeSet;

/// In bytes.
const MAX_NAME: usize = 255;

/// Every name with its place, the graph's own first.
fn all_names(graph: &LifGraph) -> impl Iterator<Item = (&str, Place)> {
    let populations = graph.populations.iter().map(|row| (&row.name[..], Place::Population(row.name.clone())));
    let projections = graph.projections.iter().map(|row| (&row.name[..], Place::Projection(row.name.clone())));
    std::iter::once((&graph.name[..], Place::Graph)).chain(populations).chain(projections)
}

pub(super) fn names_are_plain(graph: &LifGraph, findings: &mut Findings) {
    let remedy = "give it a name of 1 to 255 bytes without control characters";
    for (name, place) in all_names(graph) {
        if name.is_empty() {
            findings.add(place, "the name is empty".into(), remedy);
        } else if name.len() > MAX_NAME {
            findings.add(place, format!("the name has {} bytes, and {MAX_NAME} is the limit", name.len()), remedy);
        } else if name.chars().any(char::is_control) {
            findings.add(place, "the name holds a control character".into(), remedy);
        }
    }
}

pub(super) fn names_are_unique(graph: &LifGraph, findings: &mut Findings) {
    let mut populations = BTreeSet::new();
    let mut projections = BTreeSet::new();
    for population in &graph.populations {
        if !populations.insert(&population.name) {
            findings.population(population, "an earlier population has this name".into(), "rename one of the populations");
        }
    }
    for projection in &graph.projections {
        if !projections.insert(&projection.name) {
            findings.projection(projection, "an earlier projection has this name".into(), "rename one of the projections");
        }
    }
}
