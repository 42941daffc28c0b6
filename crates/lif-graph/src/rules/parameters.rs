//! Parameters of neuron models.

use super::{Findings, limits};
use crate::{LifGraph, Membrane, NeuronModel, Population};

/// Populations that integrate.
fn membranes(graph: &LifGraph) -> impl Iterator<Item = (&Population, &Membrane)> {
    graph.populations.iter().filter_map(|population| match &population.model {
        NeuronModel::Lif { membrane, .. } | NeuronModel::Readout { membrane, .. } => Some((population, membrane)),
        NeuronModel::Select { .. } | NeuronModel::Source | NeuronModel::Draw { .. } => None,
    })
}

/// Populations that fire at a threshold.
fn thresholds(graph: &LifGraph) -> impl Iterator<Item = (&Population, &[i32])> {
    graph.populations.iter().filter_map(|population| match &population.model {
        NeuronModel::Lif { threshold, .. } => Some((population, &threshold[..])),
        _ => None,
    })
}

pub(super) fn parameters_fit_shape(graph: &LifGraph, findings: &mut Findings) {
    let biases = membranes(graph).map(|(population, membrane)| (population, "bias", membrane.bias.len()));
    let thresholds = thresholds(graph).map(|(population, threshold)| (population, "threshold", threshold.len()));
    for (population, parameter, length) in biases.chain(thresholds) {
        let Some(neurons) = limits::neurons(population.shape) else { continue };
        let channels = population.shape.channels;
        if ![1, u64::from(channels), neurons].contains(&(length as u64)) {
            let cause = format!("{parameter} has {length} values, and the population has {channels} channels and {neurons} neurons");
            findings.population(population, cause, "give one value for all neurons, one for each channel, or one for each neuron");
        }
    }
}

pub(super) fn decay_is_below_one(graph: &LifGraph, findings: &mut Findings) {
    for (population, membrane) in membranes(graph) {
        let decay = membrane.decay;
        if decay.shift > 24 || u64::from(decay.multiplier) >= 1 << decay.shift {
            let cause = format!("decay {}/2^{}", decay.multiplier, decay.shift);
            findings.population(population, cause, "choose a shift of at most 24 and a multiplier below 2^shift");
        }
    }
}

pub(super) fn membrane_is_representable(graph: &LifGraph, findings: &mut Findings) {
    for (population, membrane) in membranes(graph) {
        if !(8..=32).contains(&membrane.bits) {
            findings.population(population, format!("membrane of {} bits", membrane.bits), "choose 8 to 32 bits");
        }
        if membrane.input_shift > 15 {
            findings.population(population, format!("input shift {}", membrane.input_shift), "choose an input shift of 0 to 15");
        }
    }
}

pub(super) fn thresholds_are_not_negative(graph: &LifGraph, findings: &mut Findings) {
    for (population, threshold) in thresholds(graph) {
        if let Some((index, lowest)) = threshold.iter().enumerate().min_by_key(|(_, value)| **value).filter(|(_, lowest)| **lowest < 0) {
            let cause = format!("threshold {lowest} at index {index} is negative");
            findings.population(population, cause, "raise the threshold to 0 or more; a membrane at rest must not fire");
        }
    }
}

pub(super) fn pixel_levels_ascend(graph: &LifGraph, findings: &mut Findings) {
    for population in &graph.populations {
        let NeuronModel::Readout { pixels, .. } = &population.model else { continue };
        let levels = &pixels.levels;
        if levels.len() != 255 {
            findings.population(population, format!("{} pixel levels", levels.len()), "give 255 levels, one below each byte from 1 to 255");
        }
        if let Some(at) = levels.windows(2).position(|pair| pair[0] > pair[1]) {
            let cause = format!("pixel level {} is {}, and the next is {}", at, levels[at], levels[at + 1]);
            findings.population(population, cause, "sort the levels in ascending order");
        }
    }
}
