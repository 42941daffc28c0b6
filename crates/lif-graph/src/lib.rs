//! lif-graph
mod artifact;
mod geometry;
mod graph;
mod ids;
pub mod interpreter;
mod order;
pub mod philox;
#[cfg(any(test, feature = "proptest"))]
pub mod random;
pub mod rules;
#[cfg(test)]
mod testing;
mod worst_case;

pub use artifact::ArtifactError;
pub use graph::*;
pub use ids::*;
pub use interpreter::{Interpreter, Run, SpikeTrain};
pub use rules::{Violation, Violations};
pub use worst_case::{Span, WorstCase};
