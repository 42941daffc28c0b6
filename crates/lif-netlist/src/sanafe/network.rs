//! `snn.yaml`: groups of neurons, edges, and which neuron is on which core.
//!
//! SANA-FE's neuron works in weights, the graph in membrane units: one is `1 / 64` of the other, and the decimals that come of it are exact. Neurons
//! stand in a core in the order in which the mapping lists them, which is that of the slice.

use super::architecture::{CONVOLUTION, DENSE, SOMA};
use lif_graph::{Connectivity, LifGraph, Membrane, NeuronModel, PopulationId, Projection, Shape};
use lif_map::{Mapping, Region};
use std::fmt::Write;

/// Membrane units of a weight of SANA-FE.
const UNITS: i64 = 64;
/// Above every membrane: a read-out never fires.
const NEVER: i64 = 1 << 30;

/// `spikes` by population, then by tick: who fires, of those that are played in.
pub fn text(graph: &LifGraph, mapping: &Mapping, spikes: &[Vec<Vec<u32>>]) -> String {
    let mut text =
        format!("# {}, {} ticks\nnetwork:\n  name: {}\n  groups:\n", graph.name.escape_debug(), graph.steps, quoted(&graph.name));
    for (index, row) in graph.populations.iter().enumerate() {
        let unit = if convolutional(graph, PopulationId::from_index(index)) { CONVOLUTION } else { DENSE };
        let given = spikes.get(index).map_or(&[][..], Vec::as_slice);
        group(&mut text, graph.steps, &name(index), row, unit, given);
    }
    text += "  edges:\n";
    graph.projections.iter().for_each(|projection| edge(&mut text, graph, projection));
    text += "mappings:\n";
    for slice in &mapping.slices {
        let index = graph.populations.iter().position(|row| row.name == slice.population).expect("a mapping of this graph");
        let row = &graph.populations[index];
        let core = format!("{}.{}", slice.x * mapping.system.rows + slice.y, slice.core);
        if row.model == NeuronModel::Source {
            for (number, neuron) in (0..).zip(neurons(row.shape, slice.region)) {
                let _: u32 = number;
                writeln!(text, "  - {}.{neuron}: [core: {core}, soma: \"input[{number}]\"]", name(index)).expect("a string grows");
            }
        } else {
            for [first, last] in runs(neurons(row.shape, slice.region)) {
                writeln!(text, "  - {}.{first}..{last}: [core: {core}, soma: {SOMA}]", name(index)).expect("a string grows");
            }
        }
    }
    text
}

/// What a population is called: names of graphs may hold what YAML or SANA-FE would misread.
pub fn name(population: usize) -> String {
    format!("p{population}")
}

/// Whether the synapses of a population are those of convolutions.
pub fn convolutional(graph: &LifGraph, population: PopulationId) -> bool {
    graph.projections_into(population).any(|(_, projection)| projection.connectivity != Connectivity::Dense)
}

fn quoted(name: &str) -> String {
    serde_json::to_string(name).expect("a text is JSON")
}

fn group(text: &mut String, ticks: u32, name: &str, row: &lif_graph::Population, unit: &str, given: &[Vec<u32>]) {
    let neurons = row.shape.neurons();
    let mut line = |words: String| writeln!(text, "{words}").expect("a string grows");
    line(format!("    - name: {name} # {}", row.name.escape_debug()));
    match &row.model {
        NeuronModel::Source => {
            line("      attributes: [log_spikes: true]".into());
            line("      neurons:".into());
            let mut trains = vec![vec![0u8; ticks as usize]; neurons];
            for (tick, fired) in given.iter().enumerate() {
                fired.iter().for_each(|&neuron| trains[neuron as usize][tick] = 1);
            }
            for (neuron, train) in trains.iter().enumerate() {
                let train: Vec<String> = train.iter().map(u8::to_string).collect();
                line(format!("        - {neuron}: [soma: {{spikes: [{}]}}]", train.join(", ")));
            }
        }
        NeuronModel::Lif { membrane, threshold } => {
            let threshold = |neuron| i64::from(row.shape.value_of(threshold, neuron));
            lif(&mut line, row.shape, membrane, unit, threshold);
        }
        NeuronModel::Readout { membrane, .. } => lif(&mut line, row.shape, membrane, unit, |_| NEVER),
        NeuronModel::Select { .. } | NeuronModel::Image { .. } => {
            unreachable!("a driven graph has sources in place of select stages, and images are refused")
        }
    }
}

fn lif(line: &mut impl FnMut(String), shape: Shape, membrane: &Membrane, unit: &str, threshold: impl Fn(usize) -> i64) {
    let decay = decimal(i64::from(membrane.decay.multiplier), 1 << membrane.decay.shift);
    line(format!("      attributes: [log_spikes: true, synapse_hw_name: {unit}, soma: {{leak_decay: {decay}, reset_mode: hard}}]"));
    line("      neurons:".into());
    let figures = |neuron| (i64::from(shape.value_of(&membrane.bias, neuron)), threshold(neuron));
    let mut first = 0;
    for neuron in 1..=shape.neurons() {
        if neuron == shape.neurons() || figures(neuron) != figures(first) {
            let (bias, threshold) = figures(first);
            let range = if first + 1 == neuron { format!("{first}") } else { format!("{first}..{}", neuron - 1) };
            line(format!("        - {range}: [soma: {{bias: {}, threshold: {}}}]", decimal(bias, UNITS), decimal(threshold, UNITS)));
            first = neuron;
        }
    }
}

fn edge(text: &mut String, graph: &LifGraph, projection: &Projection) {
    let [from, to] = [projection.source, projection.target].map(|id| graph.population(id).shape);
    let shift = match &graph.population(projection.target).model {
        NeuronModel::Lif { membrane, .. } | NeuronModel::Readout { membrane, .. } => membrane.input_shift,
        NeuronModel::Select { .. } | NeuronModel::Source | NeuronModel::Image { .. } => 0,
    };
    let weight = |weight: i8| decimal(i64::from(weight) << shift, UNITS);
    let ends = format!("{} -> {}", name(projection.source.index()), name(projection.target.index()));
    let (mut pairs, mut weights) = (Vec::new(), Vec::new());
    for source in 0..from.neurons() {
        super::synapses(projection, from, to, source, |target, value| {
            pairs.push(format!("[{source}, {target}]"));
            weights.push(weight(value));
        });
    }
    writeln!(text, "    - {ends}:").expect("a string grows");
    if projection.connectivity == Connectivity::Dense {
        writeln!(text, "        type: dense").expect("a string grows");
    } else {
        writeln!(text, "        type: sparse\n        source_target_pairs: [{}]", pairs.join(", ")).expect("a string grows");
    }
    writeln!(text, "        weight: [{}]", weights.join(", ")).expect("a string grows");
}

/// A fraction with a power of two below it, exactly.
pub fn decimal(numerator: i64, denominator: i64) -> String {
    let (whole, mut rest) = (numerator.unsigned_abs() / denominator as u64, numerator.unsigned_abs() % denominator as u64);
    let mut text = format!("{}{whole}", if numerator < 0 { "-" } else { "" });
    if rest > 0 {
        text.push('.');
    }
    while rest > 0 {
        rest *= 10;
        text.push((b'0' + (rest / denominator as u64) as u8) as char);
        rest %= denominator as u64;
    }
    text
}

/// Numbers of a region's neurons, in the slice's order.
fn neurons(shape: Shape, region: Region) -> impl Iterator<Item = u32> {
    let row = move |channel: u32| (region.rows[0]..region.rows[1]).map(move |y| (channel * shape.height + y) * shape.width);
    let channels = region.channels[0]..region.channels[1];
    channels.flat_map(row).flat_map(move |start| (region.columns[0]..region.columns[1]).map(move |x| start + x))
}

/// Neighbouring numbers as ranges, ends included.
fn runs(numbers: impl Iterator<Item = u32>) -> Vec<[u32; 2]> {
    let mut runs: Vec<[u32; 2]> = Vec::new();
    for number in numbers {
        match runs.last_mut().filter(|run| run[1] + 1 == number) {
            Some(run) => run[1] = number,
            None => runs.push([number; 2]),
        }
    }
    runs
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_are_exact() {
        assert_eq!([0, 64, -1, 127, -8_388_607].map(|value| decimal(value, 64)), ["0", "1", "-0.015625", "1.984375", "-131071.984375"]);
        assert_eq!(decimal(819, 4096).parse::<f64>().unwrap(), 819.0 / 4096.0);
    }

    #[test]
    fn runs_are_ranges() {
        assert_eq!(runs([3, 4, 5, 9, 11, 12].into_iter()), [[3, 5], [9, 9], [11, 12]]);
        assert!(runs(std::iter::empty()).is_empty());
    }
}
