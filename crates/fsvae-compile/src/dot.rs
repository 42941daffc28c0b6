//! `--emit dot`: the graph for Graphviz, populations as boxes, projections as arrows, those of delay 1 dashed.
//!
//! `dot -Tsvg model.dot > model.svg` draws it.

use lif_graph::{Connectivity, LifGraph, NeuronModel, Population, Projection};
use std::fmt::Write;

/// The drawing.
pub fn drawing(graph: &LifGraph) -> String {
    let mut text =
        format!("digraph {} {{\n  rankdir=LR;\n  node [shape=box, style=rounded, fontname=\"sans-serif\"];\n", quoted(&graph.name));
    text += "  edge [fontname=\"sans-serif\", fontsize=10];\n\n";
    for (index, population) in graph.populations.iter().enumerate() {
        let _ = writeln!(text, "  p{index} [label={}{}];", quoted(&words_of(population)), look(population));
    }
    text += "\n";
    for projection in &graph.projections {
        let (source, target) = (projection.source.0, projection.target.0);
        let delayed = if projection.delay > 0 { ", style=dashed, constraint=false" } else { "" };
        let _ = writeln!(text, "  p{source} -> p{target} [label={}{delayed}];", quoted(&words_on(projection)));
    }
    text + "}\n"
}

fn words_of(population: &Population) -> String {
    let shape = population.shape;
    let model = match &population.model {
        NeuronModel::Lif { .. } => "LIF".into(),
        NeuronModel::Select { ways } => format!("1 of {ways}"),
        NeuronModel::Readout { .. } => "read-out".into(),
        NeuronModel::Source => "spikes from outside".into(),
        NeuronModel::Image { .. } => "image from outside".into(),
    };
    format!("{}\n{} x {} x {}\n{model}", population.name, shape.channels, shape.height, shape.width)
}

fn look(population: &Population) -> &'static str {
    match population.model {
        NeuronModel::Lif { .. } => "",
        NeuronModel::Select { .. } => ", shape=diamond, style=solid",
        NeuronModel::Readout { .. } => ", peripheries=2",
        NeuronModel::Source | NeuronModel::Image { .. } => ", shape=cds, style=solid",
    }
}

fn words_on(projection: &Projection) -> String {
    let pattern = match projection.connectivity {
        Connectivity::Dense => "dense".into(),
        Connectivity::Conv2d(kernel) => format!("conv {0} x {0} / {1}", kernel.size, kernel.stride),
        Connectivity::ConvTranspose2d(kernel) => format!("conv-transpose {0} x {0} / {1}", kernel.size, kernel.stride),
        Connectivity::Pick => return "pick".into(),
    };
    let delay = if projection.delay > 0 { "\nstep before" } else { "" };
    format!("{pattern}\n{} weights{delay}", projection.weights.len())
}

/// A string of the DOT language.
fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_model_and_pattern() {
        let levels: Vec<String> = (0..255).map(|level| level.to_string()).collect();
        let text = format!(
            "graph \"a \\\"b\\\"\" steps 2
             population photo image 1x4x4 shift 3
             population in source 6x1x1
             population map lif 2x2x2 decay 1/2^2 floor shift 0 bits 20 bias [0] threshold [3]
             population pick select 2x1x1 ways 3
             population out readout 1x4x4 decay 3/2^2 floor shift 0 bits 20 bias [0] levels [{}]
             projection see from photo to map conv size 2 stride 2 padding 0 output-padding 0 delay 0 weights [1, 1, 1, 1, 1, 1, 1, 1]
             projection choose from in to pick pick delay 0
             projection again from pick to map dense delay 1 weights [1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1]
             projection up from map to out conv-transpose size 2 stride 2 padding 0 output-padding 0 delay 0 weights [1, 1, 1, 1, 1, 1, 1, 1]",
            levels.join(", ")
        );
        insta::assert_snapshot!(drawing(&LifGraph::from_text(&text).expect("a graph")));
    }
}
