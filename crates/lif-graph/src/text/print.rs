//! From graph to text.

use super::lexer;
use crate::artifact::hex;
use crate::{Connectivity, Kernel, LifGraph, Membrane, NeuronModel, Population, PopulationId, Projection, Rounding};
use sha2::{Digest, Sha256};
use std::fmt::{self, Display, Write};

/// Lists up to this length are printed on one line, and in full even in a summary.
const SHORT: usize = 16;

impl LifGraph {
    /// The whole graph; [`from_text`](Self::from_text) reads it back.
    pub fn to_text(&self) -> String {
        self.print(false)
    }

    /// For people and snapshots: lists of more than 16 values as their length, their range and the start of a SHA-256 over their
    /// values as little-endian 32-bit numbers.
    pub fn summary(&self) -> String {
        self.print(true)
    }

    fn print(&self, short: bool) -> String {
        let mut text = String::new();
        Printer { graph: self, short }.graph(&mut text).expect("a string takes all");
        text
    }
}

struct Printer<'a> {
    graph: &'a LifGraph,
    /// Whether long lists are cut.
    short: bool,
}

impl Printer<'_> {
    fn graph(&self, text: &mut String) -> fmt::Result {
        writeln!(text, "graph {} steps {}", Name(&self.graph.name), self.graph.steps)?;
        for (index, population) in self.graph.populations.iter().enumerate() {
            text.push_str(if index == 0 { "\n" } else { "" });
            self.population(text, population)?;
        }
        for (index, projection) in self.graph.projections.iter().enumerate() {
            text.push_str(if index == 0 { "\n" } else { "" });
            self.projection(text, projection)?;
        }
        Ok(())
    }

    fn population(&self, text: &mut String, population: &Population) -> fmt::Result {
        let word = match population.model {
            NeuronModel::Lif { .. } => "lif",
            NeuronModel::Select { .. } => "select",
            NeuronModel::Readout { .. } => "readout",
            NeuronModel::Source => "source",
            NeuronModel::Draw { .. } => "draw",
        };
        let shape = population.shape;
        write!(text, "population {} {word} {}x{}x{}", Name(&population.name), shape.channels, shape.height, shape.width)?;
        match &population.model {
            NeuronModel::Lif { membrane, threshold } => {
                self.membrane(text, membrane)?;
                self.list(text, "threshold", threshold)?;
            }
            NeuronModel::Select { ways } => write!(text, " ways {ways}")?,
            NeuronModel::Readout { membrane, pixels } => {
                self.membrane(text, membrane)?;
                self.list(text, "levels", &pixels.levels)?;
            }
            NeuronModel::Source => {}
            NeuronModel::Draw { channel } => write!(text, " channel {channel}")?,
        }
        writeln!(text)
    }

    fn membrane(&self, text: &mut String, membrane: &Membrane) -> fmt::Result {
        let decay = membrane.decay;
        let rounding = match decay.rounding {
            Rounding::TowardZero => "toward-zero",
            Rounding::Floor => "floor",
            Rounding::Ceiling => "ceiling",
        };
        let (shift, bits) = (membrane.input_shift, membrane.bits);
        write!(text, " decay {}/2^{} {rounding} shift {shift} bits {bits}", decay.multiplier, decay.shift)?;
        self.list(text, "bias", &membrane.bias)
    }

    fn projection(&self, text: &mut String, projection: &Projection) -> fmt::Result {
        let (source, target) = (self.end(projection.source), self.end(projection.target));
        write!(text, "projection {} from {source} to {target} ", Name(&projection.name))?;
        match projection.connectivity {
            Connectivity::Dense => text.push_str("dense"),
            Connectivity::Conv2d(kernel) => kernel_words(text, "conv", kernel)?,
            Connectivity::ConvTranspose2d(kernel) => kernel_words(text, "conv-transpose", kernel)?,
            Connectivity::Pick => text.push_str("pick"),
        }
        write!(text, " delay {}", projection.delay)?;
        if projection.connectivity != Connectivity::Pick || !projection.weights.is_empty() {
            self.list(text, "weights", &projection.weights)?;
        }
        writeln!(text)
    }

    /// A population by name, or by row if the name would not find it.
    fn end(&self, id: PopulationId) -> String {
        match self.graph.populations.get(id.index()) {
            Some(population) if self.graph.find(&population.name) == Some(id) => Name(&population.name).to_string(),
            _ => format!("#{}", id.0),
        }
    }

    fn list<T: Copy + Display + Into<i32>>(&self, text: &mut String, word: &str, values: &[T]) -> fmt::Result {
        write!(text, " {word} [")?;
        if self.short && values.len() > SHORT {
            let numbers = || values.iter().map(|&value| value.into());
            let (low, high) = (numbers().min().unwrap_or(0), numbers().max().unwrap_or(0));
            let mut hash = Sha256::new();
            numbers().for_each(|value| hash.update(value.to_le_bytes()));
            write!(text, "{} values, {low}..={high}, sha256 {}", values.len(), hex(&hash.finalize()[..8]))?;
        } else {
            for (index, value) in values.iter().enumerate() {
                let separator = match index {
                    0 => "",
                    _ if index % SHORT == 0 => ",\n    ",
                    _ => ", ",
                };
                write!(text, "{separator}{value}")?;
            }
        }
        text.push(']');
        Ok(())
    }
}

fn kernel_words(text: &mut String, word: &str, kernel: Kernel) -> fmt::Result {
    let Kernel { size, stride, padding, output_padding } = kernel;
    write!(text, "{word} size {size} stride {stride} padding {padding} output-padding {output_padding}")
}

/// A name, in quotes if need be.
struct Name<'a>(&'a str);

impl Display for Name<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if lexer::is_bare(self.0) { f.write_str(self.0) } else { f.write_str(&lexer::quoted(self.0)) }
    }
}
