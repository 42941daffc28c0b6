//! Graphs for SANA-FE 2.2.9, the simulator of neuromorphic chips of the University of Texas (github.com/SLAM-Lab/SANA-FE).
//!
//! ```text
//!   graph --driven--> driven graph --lif-map--> mapping --+--> arch.yaml     the chip, with times and energies
//!                          |                              +--> snn.yaml      neurons, synapses, spikes played in, cores
//!      spikes of sources --+                              +--> netlist.json  ticks, names, and what YAML does not say of the graph
//! ```
//!
//! SANA-FE has no random pick, and delays every spike by one tick: [`driven()`] makes the graph that it can run. A select stage becomes inputs that play
//! what it drew for image 0 of seed 1 in the reference interpreter; [`files`] takes any other spikes.

mod architecture;
mod driven;
mod network;
mod read_back;
#[cfg(test)]
mod tests;

pub use driven::{Driven, driven};

use crate::{Backend, Misfit, NetlistError, NetlistFile, json};
use lif_chip::Chip;
use lif_graph::{Connectivity, Interpreter, LifGraph, Membrane, NeuronModel, PopulationId, Projection, Rounding, Shape};
use lif_map::{MapError, Mapping, Rates};
use serde_json::{Value, json};

const ARCHITECTURE_FILE: &str = "arch.yaml";
const NETWORK_FILE: &str = "snn.yaml";
const NETLIST_FILE: &str = "netlist.json";

/// Of the annealing, and of the select stages' spikes.
const SEED: u64 = 1;

/// The back-end.
pub struct Sanafe;

impl Backend for Sanafe {
    fn name(&self) -> &'static str {
        "sanafe"
    }

    fn check(&self, graph: &LifGraph, chip: &Chip) -> Result<(), NetlistError> {
        let mut misfits = misfits(graph, chip);
        if let Err(more) = driven(graph) {
            misfits.extend(more);
        }
        if misfits.is_empty() { Ok(()) } else { Err(NetlistError::Misfits { chip: chip.name.clone(), misfits }) }
    }

    fn emit(&self, graph: &LifGraph, chip: &Chip) -> Result<Vec<NetlistFile>, NetlistError> {
        self.check(graph, chip)?;
        let driven = driven(graph).map_err(|misfits| NetlistError::Misfits { chip: chip.name.clone(), misfits })?;
        let mapping = map(&driven, chip)?;
        files(graph, &driven, &mapping, chip, &recorded(graph, &driven))
    }

    fn read_back(&self, files: &[NetlistFile], chip: &Chip) -> Result<LifGraph, NetlistError> {
        read_back::graph(files, chip)
    }
}

/// The driven graph on the chip's cores, as if every neuron always fired.
///
/// # Errors
/// [`NetlistError::Misfits`] with every limit of the chip that it breaks.
pub fn map(driven: &Driven, chip: &Chip) -> Result<Mapping, NetlistError> {
    let misfits = |error: MapError| NetlistError::Misfits {
        chip: chip.name.clone(),
        misfits: error
            .breaches()
            .iter()
            .map(|breach| Misfit {
                rule: breach.rule.name,
                place: breach.place.clone(),
                cause: breach.cause.clone(),
                remedy: breach.rule.remedy,
            })
            .collect(),
    };
    lif_map::map(&driven.graph, chip, &Rates::unit(&driven.graph), SEED).map_err(misfits)
}

/// The files of a driven graph with these spikes of its sources: by population, then by tick, who fires.
///
/// # Errors
/// [`NetlistError::Misfits`] of a chip without costs.
pub fn files(
    graph: &LifGraph,
    driven: &Driven,
    mapping: &Mapping,
    chip: &Chip,
    spikes: &[Vec<Vec<u32>>],
) -> Result<Vec<NetlistFile>, NetlistError> {
    let Some(costs) = &chip.costs else {
        return Err(NetlistError::Misfits { chip: chip.name.clone(), misfits: misfits(graph, chip) });
    };
    let sources = mapping
        .slices
        .iter()
        .filter(|slice| driven.graph.find(&slice.population).is_some_and(|id| driven.graph.population(id).model == NeuronModel::Source));
    let inputs = sources.map(|slice| slice.region.neurons()).max().unwrap_or(0);
    let architecture = architecture::text(chip, costs, [mapping.system.columns, mapping.system.rows], inputs);
    let network = network::text(&driven.graph, mapping, spikes);
    Ok(vec![
        NetlistFile { name: ARCHITECTURE_FILE, bytes: architecture.into_bytes() },
        NetlistFile { name: NETWORK_FILE, bytes: network.into_bytes() },
        NetlistFile { name: NETLIST_FILE, bytes: json::lines(&netlist(graph, driven, chip)) },
    ])
}

fn netlist(graph: &LifGraph, driven: &Driven, chip: &Chip) -> Value {
    let bare = LifGraph {
        projections: graph.projections.iter().map(|row| Projection { weights: vec![], ..row.clone() }).collect(),
        ..graph.clone()
    };
    let groups = graph.populations.iter().zip(&driven.offsets).enumerate().map(|(index, (row, offset))| {
        json!({ "group": network::name(index), "population": row.name, "neurons": row.shape.neurons(), "first_tick": offset })
    });
    json!({
        "format": "fsvae-sanafe 1",
        "chip": chip.name,
        "ticks": driven.graph.steps,
        "steps": graph.steps,
        "groups": groups.collect::<Vec<_>>(),
        "graph_without_weights": bare,
    })
}

/// What the select stages draw, tick by tick.
fn recorded(graph: &LifGraph, driven: &Driven) -> Vec<Vec<Vec<u32>>> {
    let mut spikes = vec![Vec::new(); graph.populations.len()];
    if driven.recorded.is_empty() {
        return spikes;
    }
    let run = Interpreter::new(graph, SEED, 0).run();
    for &id in &driven.recorded {
        let offset = driven.offsets[id.index()] as usize;
        let fired = |step: &Vec<Vec<bool>>| (0..).zip(&step[id.index()]).filter(|(_, fired)| **fired).map(|(neuron, _)| neuron).collect();
        spikes[id.index()] = std::iter::repeat_n(Vec::new(), offset).chain(run.spikes.iter().map(fired)).collect();
    }
    spikes
}

/// What SANA-FE cannot do.
fn misfits(graph: &LifGraph, chip: &Chip) -> Vec<Misfit> {
    let mut misfits = Vec::new();
    let mut demand = |holds: bool, rule, place: String, cause: &str, remedy| {
        if !holds {
            misfits.push(Misfit { rule, place, cause: cause.into(), remedy });
        }
    };
    let figures = chip.costs.is_some() && chip.mesh.is_some();
    demand(figures, "chip-has-costs", chip.name.clone(), "its file has no costs, or no mesh", "choose the target sanafe-loihi");
    for (index, row) in graph.populations.iter().enumerate() {
        let place = || format!("population {}", row.name);
        demand(
            !matches!(row.model, NeuronModel::Image { .. }),
            "no-images",
            place(),
            "an image enters as currents, and SANA-FE plays spikes",
            "emit the network that draws, not the one that reconstructs",
        );
        if let NeuronModel::Lif { membrane, .. } | NeuronModel::Readout { membrane, .. } = &row.model {
            let Membrane { decay, .. } = membrane;
            demand(
                decay.rounding == Rounding::TowardZero,
                "decays-round-toward-zero",
                place(),
                "its membrane rounds another way",
                "compile for the target sanafe-loihi",
            );
        }
        let kinds = graph.projections_into(PopulationId::from_index(index));
        let dense: Vec<bool> = kinds.map(|(_, projection)| projection.connectivity == Connectivity::Dense).collect();
        demand(
            dense.iter().all(|&kind| kind == dense[0]),
            "one-synapse-unit-a-population",
            place(),
            "dense and other projections end in it",
            "let projections of one kind end in a population",
        );
    }
    misfits
}

/// Calls `visit(target, weight)` for every synapse of a source neuron, targets ascending where the projection is dense.
fn synapses(projection: &Projection, from: Shape, to: Shape, source: usize, mut visit: impl FnMut(usize, i8)) {
    lif_map::synapses(projection, from, to, source, |target, index| visit(target, projection.weights[index]));
}
