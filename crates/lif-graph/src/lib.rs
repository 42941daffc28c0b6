//! lif-graph
mod graph;
mod ids;
pub mod philox;

pub use graph::*;
pub use ids::*;
