//! How often neurons are updated.

use super::{Between, Schedule};
use lif_graph::{LifGraph, NeuronModel, PopulationId};
use serde::Serialize;
use std::ops::AddAssign;

/// Updates of neurons in one image. A select stage counts its gates as well, as a core does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Updates {
    /// A neuron leaks, integrates, is compared with its threshold.
    pub active: u64,
    /// A neuron is looked at and left as it is.
    pub inactive: u64,
}

impl AddAssign for Updates {
    fn add_assign(&mut self, other: Self) {
        self.active += other.active;
        self.inactive += other.inactive;
    }
}

impl Schedule {
    /// Of one population in one image, all its domain's ticks. Where images follow each other, an image takes as many ticks as steps.
    pub fn updates(&self, graph: &LifGraph, population: PopulationId) -> Updates {
        let (domain, row) = (self.domain(population), graph.population(population));
        let gates = if let NeuronModel::Select { ways } = row.model { u64::from(ways) } else { 0 };
        let neurons = row.shape.neurons() as u64 * (1 + gates);
        let ticks = if domain.streams { self.steps.into() } else { domain.ticks_per_image };
        let leaks = self.populations[population.index()].decay.is_some();
        let active = if leaks || domain.between == Between::Nothing { ticks } else { ticks.min(self.steps.into()) };
        Updates { active: neurons * active, inactive: neurons * (ticks - active) }
    }

    /// Of all populations in one image.
    pub fn all_updates(&self, graph: &LifGraph) -> Updates {
        let mut sum = Updates::default();
        (0..graph.populations.len()).for_each(|index| sum += self.updates(graph, PopulationId::from_index(index)));
        sum
    }
}

#[cfg(test)]
mod tests {
    use crate::schedule::{Mode, Updates, schedule};
    use lif_graph::LifGraph;

    /// 3 neurons of a loop of 3 ticks (a select stage of 2), and 2 behind it, for 4 steps.
    #[test]
    fn every_tick_is_an_update_of_every_neuron() {
        let lif = "decay 1024/2^12 toward-zero shift 7 bits 24 bias [0] threshold [640]";
        let text = format!(
            "graph g steps 4
             population a lif 2x1x1 {lif}
             population s select 1x1x1 ways 2
             population b lif 2x1x1 {lif}
             projection p from a to s pick delay 0
             projection q from s to a dense delay 1 weights [1, 1]
             projection r from s to b dense delay 0 weights [1, 1]"
        );
        let graph = LifGraph::from_text(&text).expect("a graph");
        let updates = |chip: &str, mode| schedule(&graph, &lif_chip::find(chip).unwrap(), mode).unwrap().all_updates(&graph);
        // 2 + 3 + 2 neurons (a select neuron has 2 gates), 3 ticks a step, 13 an image
        assert_eq!(updates("loihi2", Mode::Phased), Updates { active: 7 * 4, inactive: 7 * 9 });
        // all 5 of the recurrent part for 12 ticks, and 2 for 4
        assert_eq!(updates("loihi2", Mode::Buffered), Updates { active: 5 * 4 + 2 * 4, inactive: 5 * 8 });
        // the select stage does not leak; 14 ticks, since a clock takes one
        assert_eq!(updates("loihi1", Mode::Substep), Updates { active: 4 * 14 + 3 * 4, inactive: 3 * 10 });
        assert_eq!(updates("loihi2", Mode::Stepped), Updates { active: 7 * 4, inactive: 0 });
    }
}
