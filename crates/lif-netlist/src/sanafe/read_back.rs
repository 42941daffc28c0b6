//! From the files to the graph: what is not a weight from `netlist.json`, weights from `snn.yaml`.
//!
//! A kernel's weight that no synapse has (a tap that only ever meets padding) is not in the files and is read as 0.

use super::{NETLIST_FILE, NETWORK_FILE, network};
use crate::{NetlistError, NetlistFile};
use lif_chip::Chip;
use lif_graph::{Connectivity, Kernel, LifGraph, NeuronModel, Shape};
use serde::Deserialize;

/// Weights of a projection, at most: a small file must not ask for all memory.
const ROOM: u64 = 1 << 26;

#[derive(Deserialize)]
struct Netlist {
    chip: String,
    graph_without_weights: LifGraph,
}

/// The graph; it may break every rule.
pub fn graph(files: &[NetlistFile], chip: &Chip) -> Result<LifGraph, NetlistError> {
    let file = |name: &'static str| {
        let found = files.iter().find(|file| file.name == name);
        found.ok_or_else(|| damaged(name, "it is missing"))
    };
    let netlist: Netlist = serde_json::from_slice(&file(NETLIST_FILE)?.bytes).map_err(|error| damaged(NETLIST_FILE, error))?;
    if netlist.chip != chip.name {
        return Err(damaged(NETLIST_FILE, format!("it is for {}, and not for {}", netlist.chip, chip.name)));
    }
    let text = std::str::from_utf8(&file(NETWORK_FILE)?.bytes).map_err(|error| damaged(NETWORK_FILE, error))?;
    let mut lists = text.lines().filter_map(|line| line.trim_start().strip_prefix("weight: [")?.strip_suffix(']'));
    let mut graph = netlist.graph_without_weights;
    let populations = graph.populations.clone();
    for projection in &mut graph.projections {
        let ends = [projection.source, projection.target].map(|id| populations.get(id.index()));
        let [Some(from), Some(to)] = ends else { return Err(damaged(NETLIST_FILE, format!("{} ends nowhere", projection.name))) };
        if projection.connectivity == Connectivity::Pick {
            continue;
        }
        let shift = match &to.model {
            NeuronModel::Lif { membrane, .. } | NeuronModel::Readout { membrane, .. } => membrane.input_shift.min(24),
            NeuronModel::Select { .. } | NeuronModel::Source | NeuronModel::Image { .. } => 0,
        };
        let sane =
            |shape: Shape| weights(Connectivity::Dense, shape, Shape::flat(1)).is_some_and(|neurons| neurons <= ROOM) && shape.pixels() > 0;
        if !sane(from.shape)
            || !sane(to.shape)
            || kernel(projection.connectivity).is_some_and(|kernel| kernel.stride == 0 || kernel.size > 1024)
        {
            return Err(damaged(NETLIST_FILE, format!("{} has an impossible shape", projection.name)));
        }
        let count = weights(projection.connectivity, from.shape, to.shape).filter(|&count| count <= ROOM);
        let count = count.ok_or_else(|| damaged(NETLIST_FILE, format!("{} has more weights than there is room", projection.name)))?;
        let list = lists.next().ok_or_else(|| damaged(NETWORK_FILE, format!("{} is missing", projection.name)))?;
        if projection.connectivity == Connectivity::Dense && list.len() as u64 + 1 < count {
            return Err(damaged(NETWORK_FILE, format!("{} is cut off", projection.name)));
        }
        let values: Vec<i8> = list
            .split(", ")
            .filter(|value| !value.is_empty())
            .map(|value| weight(value, shift).ok_or_else(|| damaged(NETWORK_FILE, format!("{value} is no weight of {}", projection.name))))
            .collect::<Result<_, _>>()?;
        let looked_at = kernel(projection.connectivity).map_or(count, |kernel| {
            // each source neuron, each tap, each channel
            let parts = [from.shape.neurons() as u64, kernel.size.into(), kernel.size.into(), to.shape.channels.into()];
            parts.into_iter().try_fold(1u64, |product, part| product.checked_mul(part)).unwrap_or(u64::MAX)
        });
        if looked_at > ROOM {
            return Err(damaged(NETLIST_FILE, format!("{} has more synapses than there is room", projection.name)));
        }
        let (mut at, mut values_of, mut torn) = (0, vec![None; count as usize], false);
        for source in 0..from.shape.neurons() {
            lif_map::synapses(projection, from.shape, to.shape, source, |_, index| {
                let value = values.get(at).copied();
                torn |= values_of[index].is_some() && values_of[index] != value;
                values_of[index] = value;
                at += 1;
            });
        }
        if torn {
            return Err(damaged(NETWORK_FILE, format!("{}: one weight of its kernel has several values", projection.name)));
        }
        if at != values.len() {
            return Err(damaged(NETWORK_FILE, format!("{} has {} weights in place of {at}", projection.name, values.len())));
        }
        projection.weights = values_of.into_iter().map(|value| value.unwrap_or(0)).collect();
    }
    Ok(graph)
}

fn damaged(file: &'static str, cause: impl ToString) -> NetlistError {
    NetlistError::Damaged { file, cause: cause.to_string() }
}

fn kernel(connectivity: Connectivity) -> Option<Kernel> {
    match connectivity {
        Connectivity::Conv2d(kernel) | Connectivity::ConvTranspose2d(kernel) => Some(kernel),
        Connectivity::Dense | Connectivity::Pick => None,
    }
}

/// How many weights a projection has; nothing if that does not fit.
fn weights(connectivity: Connectivity, from: Shape, to: Shape) -> Option<u64> {
    let product = |parts: &[u64]| parts.iter().try_fold(1u64, |product, &part| product.checked_mul(part));
    let sides = |shape: Shape| [shape.channels, shape.height, shape.width].map(u64::from);
    match connectivity {
        Connectivity::Dense => product(&[sides(from), sides(to)].concat()),
        Connectivity::Conv2d(kernel) | Connectivity::ConvTranspose2d(kernel) => {
            product(&[from.channels.into(), to.channels.into(), kernel.size.into(), kernel.size.into()])
        }
        Connectivity::Pick => Some(0),
    }
}

/// The weight that was written so.
fn weight(text: &str, shift: u8) -> Option<i8> {
    let value: f64 = text.parse().ok()?;
    let scaled = value * 64.0 / f64::from(1u32 << shift);
    let weight = (scaled.abs() <= 128.0).then_some(scaled as i64).and_then(|weight| i8::try_from(weight).ok())?;
    (network::decimal(i64::from(weight) << shift, 64) == text).then_some(weight)
}
