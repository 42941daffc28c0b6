//! Do shapes and weights agree with what a projection says it is?

use super::limits::{kernel_is_bounded, neurons};
use super::{Findings, limits};
use crate::{Connectivity, Kernel, LifGraph, Shape};

pub(super) fn shapes_fit_connectivity(graph: &LifGraph, findings: &mut Findings) {
    for projection in &graph.projections {
        let (Some((source, target)), Some(kernel)) = (graph.ends(projection), limits::kernel(projection)) else { continue };
        if !kernel_is_bounded(kernel) || neurons(source.shape).is_none() || neurons(target.shape).is_none() {
            continue;
        }
        let (word, transposed) = match projection.connectivity {
            Connectivity::ConvTranspose2d(_) => ("transposed convolution", true),
            _ => ("convolution", false),
        };
        let side = |input| if transposed { kernel.transposed(input) } else { kernel.convolved(input) };
        let (height, width) = (side(source.shape.height), side(source.shape.width));
        let Kernel { size, stride, padding, output_padding } = kernel;
        if (height, width) != (Some(u64::from(target.shape.height)), Some(u64::from(target.shape.width))) {
            let print = |side: Option<u64>| side.map_or("none".into(), |side| side.to_string());
            findings.projection(
                projection,
                format!(
                    "{word} of {} (size {size}, stride {stride}, padding {padding}, output padding {output_padding}) gives {} rows and {} columns, and population `{}` has {}",
                    rows_and_columns(source.shape),
                    print(height),
                    print(width),
                    target.name.escape_debug(),
                    rows_and_columns(target.shape),
                ),
                "change the kernel's figures or the target's shape",
            );
        }
        if output_padding >= if transposed { stride } else { 1 } {
            let cause = format!("output padding {output_padding} in a {word} of stride {stride}");
            findings.projection(projection, cause, "keep output padding below the stride, and at 0 in a convolution");
        }
    }
}

fn rows_and_columns(shape: Shape) -> String {
    format!("{}x{}", shape.height, shape.width)
}

pub(super) fn weights_fit_connectivity(graph: &LifGraph, findings: &mut Findings) {
    for projection in &graph.projections {
        let Some((source, target)) = graph.ends(projection) else { continue };
        let (Some(sources), Some(targets)) = (neurons(source.shape), neurons(target.shape)) else { continue };
        let (wanted, product) = match projection.connectivity {
            Connectivity::Dense => (targets * sources, format!("{targets} targets x {sources} sources")),
            Connectivity::Conv2d(kernel) | Connectivity::ConvTranspose2d(kernel) => {
                if !kernel_is_bounded(kernel) {
                    continue;
                }
                let (from, to, size) = (u64::from(source.shape.channels), u64::from(target.shape.channels), u64::from(kernel.size));
                (from * to * size * size, format!("{from} source channels x {to} target channels x {size} x {size}"))
            }
            Connectivity::Pick => (0, "a pick has none".into()),
        };
        if projection.weights.len() as u64 != wanted {
            let cause = format!("{} weights, and {wanted} are needed ({product})", projection.weights.len());
            findings.projection(projection, cause, "give a weight for each synapse, in the order of the connectivity");
        }
    }
}
