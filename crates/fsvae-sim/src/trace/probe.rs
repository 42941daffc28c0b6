//! `--probe population:range`: which neurons are looked at.

use crate::Error;
use lif_graph::{LifGraph, PopulationId};
use std::ops::Range;

/// Neurons by population; without any probe, all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Probes {
    /// By population, the ranges that are looked at.
    chosen: Vec<Vec<Range<u32>>>,
}

impl Probes {
    /// Reads `decoder.0`, `decoder.0:7` and `decoder.0:0..64` (the end not included). A name may hold a colon.
    ///
    /// # Errors
    /// [`Error::Probe`] for what names no neuron.
    pub fn new(graph: &LifGraph, texts: &[String]) -> Result<Self, Error> {
        let neurons = |id: PopulationId| graph.population(id).shape.neurons() as u32;
        let ids = || (0..graph.populations.len()).map(PopulationId::from_index);
        if texts.is_empty() {
            return Ok(Self { chosen: ids().map(|id| std::iter::once(0..neurons(id)).collect()).collect() });
        }
        let mut chosen = vec![Vec::new(); graph.populations.len()];
        for text in texts {
            let error = || Error::Probe {
                probe: text.clone(),
                populations: graph
                    .populations
                    .iter()
                    .map(|row| format!("{} ({})", row.name, row.shape.neurons()))
                    .collect::<Vec<_>>()
                    .join(", "),
            };
            let (id, range) = match graph.find(text) {
                Some(id) => (id, 0..neurons(id)),
                None => {
                    let (name, range) = text.rsplit_once(':').ok_or_else(error)?;
                    (graph.find(name).ok_or_else(error)?, parse(range).ok_or_else(error)?)
                }
            };
            if range.is_empty() || range.end > neurons(id) {
                return Err(error());
            }
            chosen[id.index()].push(range);
        }
        Ok(Self { chosen })
    }

    /// Whether a neuron is looked at.
    pub fn holds(&self, population: PopulationId, neuron: u32) -> bool {
        self.chosen[population.index()].iter().any(|range| range.contains(&neuron))
    }

    /// Whether some neuron of a population is.
    pub fn touches(&self, population: PopulationId) -> bool {
        !self.chosen[population.index()].is_empty()
    }

    /// Those of a population, ascending, each once.
    pub fn of(&self, population: PopulationId) -> Vec<u32> {
        let mut neurons: Vec<u32> = self.chosen[population.index()].iter().cloned().flatten().collect();
        neurons.sort_unstable();
        neurons.dedup();
        neurons
    }
}

fn parse(range: &str) -> Option<Range<u32>> {
    match range.split_once("..") {
        Some((first, end)) => Some(first.parse().ok()?..end.parse().ok()?),
        None => range.parse().ok().and_then(|neuron: u32| Some(neuron..neuron.checked_add(1)?)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use lif_graph::{NeuronModel, Population, Shape};

    fn graph() -> LifGraph {
        let row = |name: &str| Population { name: name.into(), shape: Shape::flat(8), model: NeuronModel::Source };
        LifGraph { name: "g".into(), steps: 1, populations: vec![row("a"), row("b:1")], projections: vec![] }
    }

    #[test]
    fn ranges_and_names() {
        let probes = |texts: &[&str]| Probes::new(&graph(), &texts.iter().map(|text| text.to_string()).collect::<Vec<_>>());
        let found = probes(&["a:1..3", "a:2", "a:7", "b:1"]).unwrap();
        assert_eq!((found.of(PopulationId(0)), found.of(PopulationId(1)).len()), (vec![1, 2, 7], 8));
        assert!(found.holds(PopulationId(0), 7) && !found.holds(PopulationId(0), 0));
        assert_eq!(probes(&["b:1:5"]).unwrap().of(PopulationId(1)), [5]);
        assert_eq!(probes(&[]).unwrap().of(PopulationId(0)).len(), 8);
        assert!(!probes(&["a"]).unwrap().touches(PopulationId(1)));
        for wrong in ["c", "a:8", "a:3..3", "a:0..9", "a:x", "a:-1", "a:", ":1", "a:4294967295"] {
            assert!(probes(&[wrong]).is_err(), "{wrong}");
        }
    }
}
