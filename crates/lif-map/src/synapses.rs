//! A projection's synapses, one by one.

use lif_graph::{Connectivity, Projection, Shape};

/// The place of the weight between two neurons, if there is a synapse.
pub fn synapse(projection: &Projection, from: Shape, to: Shape, source: usize, target: usize) -> Option<usize> {
    let (kernel, transposed) = match projection.connectivity {
        Connectivity::Dense => return Some(target * from.neurons() + source),
        Connectivity::Pick => return None,
        Connectivity::Conv2d(kernel) => (kernel, false),
        Connectivity::ConvTranspose2d(kernel) => (kernel, true),
    };
    let place = |shape: Shape, neuron: usize| {
        (neuron / shape.pixels(), neuron % shape.pixels() / shape.width as usize, neuron % shape.width as usize)
    };
    let ((channel, row, column), (target_channel, y, x)) = (place(from, source), place(to, target));
    // the window of `centre` begins at `centre * stride - padding`
    let tap = |centre: usize, place: usize| {
        (place + kernel.padding as usize).checked_sub(centre * kernel.stride as usize).filter(|&tap| tap < kernel.size as usize)
    };
    let (ky, kx, pair) = if transposed {
        (tap(row, y)?, tap(column, x)?, channel * to.channels as usize + target_channel)
    } else {
        (tap(y, row)?, tap(x, column)?, target_channel * from.channels as usize + channel)
    };
    Some((pair * kernel.size as usize + ky) * kernel.size as usize + kx)
}

/// Calls `visit(target, place of the weight)` for every synapse of a source neuron. A pick has none.
pub fn synapses(projection: &Projection, from: Shape, to: Shape, source: usize, mut visit: impl FnMut(usize, usize)) {
    let (channel, pixel) = (source / from.pixels(), source % from.pixels());
    let (row, column) = ((pixel / from.width as usize) as i64, (pixel % from.width as usize) as i64);
    let (kernel, transposed) = match projection.connectivity {
        Connectivity::Dense => {
            (0..to.neurons()).for_each(|target| visit(target, target * from.neurons() + source));
            return;
        }
        Connectivity::Pick => return,
        Connectivity::Conv2d(kernel) => (kernel, false),
        Connectivity::ConvTranspose2d(kernel) => (kernel, true),
    };
    let (size, stride, padding) = (i64::from(kernel.size), i64::from(kernel.stride), i64::from(kernel.padding));
    // where a tap leads, if it leads somewhere
    let along = |place: i64, tap: i64, side: u32| {
        let reached = if transposed {
            Some(place * stride + tap - padding)
        } else {
            Some(place + padding - tap).filter(|at| at % stride == 0).map(|at| at / stride)
        };
        reached.filter(|at| (0..i64::from(side)).contains(at)).map(|at| at as usize)
    };
    for ky in 0..size {
        let Some(y) = along(row, ky, to.height) else { continue };
        for kx in 0..size {
            let Some(x) = along(column, kx, to.width) else { continue };
            for target_channel in 0..to.channels as usize {
                let pair = if transposed {
                    channel * to.channels as usize + target_channel
                } else {
                    target_channel * from.channels as usize + channel
                };
                let weight = pair * (size * size) as usize + (ky * size + kx) as usize;
                visit(target_channel * to.pixels() + y * to.width as usize + x, weight);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use lif_graph::random::well_formed_graph;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    proptest! {
        #[test]
        fn one_by_one_and_two_by_two(graph in well_formed_graph()) {
            for projection in &graph.projections {
                let [from, to] = [projection.source, projection.target].map(|id| graph.population(id).shape);
                for source in 0..from.neurons() {
                    let mut found = BTreeMap::new();
                    synapses(projection, from, to, source, |target, weight| assert!(found.insert(target, weight).is_none()));
                    for target in 0..to.neurons() {
                        prop_assert_eq!(synapse(projection, from, to, source, target), found.get(&target).copied());
                    }
                }
            }
        }
    }
}
