//! Bounds, so that no figure in a file can ask for absurd amounts of time or memory, and no product overflows.

use super::Findings;
use crate::{Connectivity, Kernel, LifGraph, Projection, Shape};

/// Model steps of an image; a step number fits 16 bits.
pub const MAX_STEPS: u32 = 65_535;
/// Populations of a graph.
pub const MAX_POPULATIONS: usize = 4_096;
/// Projections of a graph.
pub const MAX_PROJECTIONS: usize = 65_536;
/// Rows and columns of a shape.
pub const MAX_SIDE: u32 = 4_096;
/// Neurons of a graph.
pub const MAX_NEURONS: u64 = 1 << 24;
/// Size, stride, padding and output padding of a kernel.
pub const MAX_KERNEL: u32 = 32;

pub(super) fn steps_are_bounded(graph: &LifGraph, findings: &mut Findings) {
    if !(1..=MAX_STEPS).contains(&graph.steps) {
        findings.graph(format!("{} steps, and 1 to {MAX_STEPS} are allowed", graph.steps), "change the number of steps");
    }
}

pub(super) fn tables_are_bounded(graph: &LifGraph, findings: &mut Findings) {
    let tables = [("populations", graph.populations.len(), MAX_POPULATIONS), ("projections", graph.projections.len(), MAX_PROJECTIONS)];
    for (rows, found, limit) in tables {
        if found > limit {
            findings.graph(format!("{found} {rows}, and {limit} is the limit"), "split the graph, or merge rows");
        }
    }
    if graph.populations.is_empty() {
        findings.graph("no populations".into(), "add a population");
    }
}

/// The number of neurons of a shape within the bounds; other rules skip other shapes.
pub(super) fn neurons(shape: Shape) -> Option<u64> {
    let bounded = shape.channels >= 1 && (1..=MAX_SIDE).contains(&shape.height) && (1..=MAX_SIDE).contains(&shape.width);
    let neurons = u64::from(shape.channels).checked_mul(u64::from(shape.height) * u64::from(shape.width));
    neurons.filter(|&neurons| bounded && neurons <= MAX_NEURONS)
}

pub(super) fn shapes_are_bounded(graph: &LifGraph, findings: &mut Findings) {
    let mut total = 0;
    for population in &graph.populations {
        let Shape { channels, height, width } = population.shape;
        match neurons(population.shape) {
            Some(neurons) => total += neurons,
            None => findings.population(
                population,
                format!(
                    "shape {channels}x{height}x{width}, and 1 to {MAX_NEURONS} neurons, with at least one channel and 1 to {MAX_SIDE} rows and columns, are allowed"
                ),
                "change the shape, or split the population",
            ),
        }
    }
    if total > MAX_NEURONS {
        findings.graph(format!("{total} neurons, and {MAX_NEURONS} is the limit"), "split the graph");
    }
}

/// The kernel of a projection that has one.
pub(super) fn kernel(projection: &Projection) -> Option<Kernel> {
    match projection.connectivity {
        Connectivity::Conv2d(kernel) | Connectivity::ConvTranspose2d(kernel) => Some(kernel),
        Connectivity::Dense | Connectivity::Pick => None,
    }
}

/// Whether the figures of a kernel are within the bounds; other rules skip other kernels.
pub(super) fn kernel_is_bounded(kernel: Kernel) -> bool {
    let Kernel { size, stride, padding, output_padding } = kernel;
    size >= 1 && stride >= 1 && [size, stride, padding, output_padding].iter().all(|&figure| figure <= MAX_KERNEL)
}

pub(super) fn kernels_are_bounded(graph: &LifGraph, findings: &mut Findings) {
    for projection in &graph.projections {
        let Some(kernel) = kernel(projection) else { continue };
        if !kernel_is_bounded(kernel) {
            let Kernel { size, stride, padding, output_padding } = kernel;
            findings.projection(
                projection,
                format!(
                    "kernel of size {size}, stride {stride}, padding {padding}, output padding {output_padding}, and size and stride of 1 to {MAX_KERNEL}, paddings of 0 to {MAX_KERNEL} are allowed"
                ),
                "change the kernel",
            );
        }
    }
}

pub(super) fn ids_are_in_range(graph: &LifGraph, findings: &mut Findings) {
    for projection in &graph.projections {
        for (end, id) in [("source", projection.source), ("target", projection.target)] {
            if id.index() >= graph.populations.len() {
                let count = graph.populations.len();
                findings.projection(
                    projection,
                    format!("{end} is population {}, and there are {count}", id.0),
                    "name a population of this graph",
                );
            }
        }
    }
}
