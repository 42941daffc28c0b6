//! Who may send to whom.

use super::Findings;
use crate::{Connectivity, LifGraph, NeuronModel, PopulationId, Shape};

fn is_flat(shape: Shape) -> bool {
    shape.height == 1 && shape.width == 1
}

pub(super) fn select_has_one_pick(graph: &LifGraph, findings: &mut Findings) {
    for (index, population) in graph.populations.iter().enumerate() {
        let NeuronModel::Select { ways } = population.model else { continue };
        let incoming: Vec<_> = graph.projections_into(PopulationId::from_index(index)).map(|(_, projection)| projection).collect();
        let [only] = incoming[..] else {
            let cause = format!("a select stage with {} incoming projections", incoming.len());
            findings.population(population, cause, "give it exactly one, a pick with delay 0");
            continue;
        };
        if only.connectivity != Connectivity::Pick {
            let cause = format!("a select stage whose incoming projection `{}` is no pick", only.name.escape_debug());
            findings.population(population, cause, "give it exactly one, a pick with delay 0");
            continue;
        }
        if only.delay != 0 {
            findings.projection(only, format!("a pick with delay {}", only.delay), "set the delay to 0");
        }
        let Some((source, _)) = graph.ends(only) else { continue };
        let channels = population.shape.channels;
        if !is_flat(source.shape) || !is_flat(population.shape) {
            findings.projection(only, "a pick between populations with rows and columns".into(), "make both flat (height 1, width 1)");
        }
        if ways == 0 || u64::from(ways) * u64::from(channels) != u64::from(source.shape.channels) {
            let cause = format!("1-of-{ways} picks for {channels} channels from {} source channels", source.shape.channels);
            findings.projection(only, cause, "make the source's channels the target's channels times the ways");
        }
    }
}

pub(super) fn pick_feeds_select(graph: &LifGraph, findings: &mut Findings) {
    for projection in graph.projections.iter().filter(|projection| projection.connectivity == Connectivity::Pick) {
        let Some((_, target)) = graph.ends(projection) else { continue };
        if !matches!(target.model, NeuronModel::Select { .. }) {
            let cause = format!("a pick into population `{}`, which is no select stage", target.name.escape_debug());
            findings.projection(projection, cause, "make the target a select stage, or the projection a weighted one");
        }
    }
}

pub(super) fn source_has_no_input(graph: &LifGraph, findings: &mut Findings) {
    for projection in &graph.projections {
        let Some((_, target)) = graph.ends(projection) else { continue };
        let spikes = match target.model {
            NeuronModel::Source => "come from outside",
            NeuronModel::Draw { .. } => "are drawn",
            _ => continue,
        };
        let cause = format!("ends in population `{}`, whose spikes {spikes}", target.name.escape_debug());
        findings.projection(projection, cause, "remove the projection, or make the target a LIF population");
    }
}

pub(super) fn readout_has_no_output(graph: &LifGraph, findings: &mut Findings) {
    for projection in &graph.projections {
        let Some((source, _)) = graph.ends(projection) else { continue };
        if matches!(source.model, NeuronModel::Readout { .. }) {
            let cause = format!("starts at population `{}`, a read-out, which never fires", source.name.escape_debug());
            findings.projection(projection, cause, "remove the projection");
        }
    }
}
