//! No sum overflows, whatever the spikes.

use super::Findings;
use crate::{LifGraph, Membrane, NeuronModel, Population, WorstCase};

/// Populations that integrate, with their worst cases.
fn integrating(graph: &LifGraph) -> impl Iterator<Item = (&Population, &Membrane, WorstCase)> {
    graph.populations.iter().zip(graph.worst_cases()).filter_map(|(population, worst)| match &population.model {
        NeuronModel::Lif { membrane, .. } | NeuronModel::Readout { membrane, .. } => Some((population, membrane, worst)),
        NeuronModel::Select { .. } | NeuronModel::Source | NeuronModel::Draw { .. } => None,
    })
}

/// The input sum, before and after the shift, fits 32 bits.
pub(super) fn input_fits(graph: &LifGraph, findings: &mut Findings) {
    for (population, membrane, worst) in integrating(graph) {
        let bits = worst.input.bits() + u32::from(membrane.input_shift);
        if bits > 32 {
            let cause = format!(
                "weights may sum to {} in one step, {bits} bits with the input shift of {}, and 32 is the limit",
                worst.input.magnitude(),
                membrane.input_shift
            );
            findings.population(population, cause, "lower the input shift, or scale the weights down");
        }
    }
}

/// The membrane before the reset stays below `2^(bits - 1)` in absolute value.
pub(super) fn membrane_fits(graph: &LifGraph, findings: &mut Findings) {
    for (population, membrane, worst) in integrating(graph) {
        let needed = worst.membrane.bits();
        if needed > u32::from(membrane.bits) {
            let at_least = if needed > 32 { "at least " } else { "" };
            let cause = format!(
                "the membrane may reach {} within {} steps, which takes {at_least}{needed} bits, and it has {}",
                worst.membrane.magnitude(),
                graph.steps,
                membrane.bits
            );
            findings.population(
                population,
                cause,
                "widen the membrane (up to 32 bits), lower the input shift, or scale weights and biases down",
            );
        }
    }
}
