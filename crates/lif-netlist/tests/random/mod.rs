//! Random graphs in integers that exist on a chip of the Loihi family.

use lif_chip::Chip;
use lif_graph::random::well_formed_graph;
use lif_graph::*;
use lif_map::Mode;
use lif_netlist::{Backend, backend};
use proptest::prelude::*;

/// The back-end at a schedule.
pub fn scheduled(mode: Mode) -> Box<dyn Backend> {
    backend("loihi").unwrap().with_schedule(mode).unwrap()
}

/// The same structure with integers that exist on the chip.
fn on_loihi(mut graph: LifGraph, sparse: bool, strong: bool) -> LifGraph {
    let chip = lif_chip::find("loihi2").expect("in the catalogue");
    for population in &mut graph.populations {
        let (NeuronModel::Lif { membrane, .. } | NeuronModel::Readout { membrane, .. }) = &mut population.model else { continue };
        let unit = 128.0 / 4.0 / f64::from(1 << membrane.input_shift);
        membrane.bias = membrane.bias.iter().map(|&bias| chip.nearest_bias(f64::from(bias) * unit)).collect();
        // a bias that no single weight holds
        membrane.bias[0] = chip.nearest_bias(f64::from(membrane.bias[0]) * if strong { 257.0 } else { 1.0 });
        let multiplier = 1 + membrane.decay.multiplier % 4095;
        (membrane.decay, membrane.input_shift, membrane.bits) = (Decay { multiplier, shift: 12, rounding: Rounding::TowardZero }, 7, 24);
        if let NeuronModel::Lif { threshold, .. } = &mut population.model {
            *threshold = vec![(f64::from(threshold[0]) * unit) as i32 / 64 * 64];
        }
    }
    for weight in graph.projections.iter_mut().flat_map(|projection| &mut projection.weights) {
        *weight = if sparse && *weight % 3 != 0 { 0 } else { *weight / 4 };
    }
    graph
}

/// Random graphs that fit Loihi 2.
pub fn graphs() -> impl Strategy<Value = LifGraph> {
    let graph = (well_formed_graph(), any::<bool>(), any::<bool>()).prop_map(|(graph, sparse, strong)| on_loihi(graph, sparse, strong));
    let fits = |graph: &LifGraph| {
        graph.check().is_ok()
            && backend("loihi").is_ok_and(|loihi| loihi.check(graph, &lif_chip::find("loihi2").expect("in the catalogue")).is_ok())
    };
    graph.prop_filter("sums fit", fits)
}

/// With the chip and the schedule that it is emitted for.
pub fn graphs_and_schedules() -> impl Strategy<Value = (LifGraph, Chip, Mode)> {
    let schedules = [("loihi2", Mode::Phased), ("loihi2", Mode::Buffered), ("loihi1", Mode::Substep), ("loihi1", Mode::Buffered)];
    let with = |(mut graph, (name, mode)): (LifGraph, (&'static str, Mode))| {
        let chip = lif_chip::find(name).expect("in the catalogue");
        for population in &mut graph.populations {
            let (NeuronModel::Lif { membrane, .. } | NeuronModel::Readout { membrane, .. }) = &mut population.model else { continue };
            membrane.bias.iter_mut().for_each(|bias| *bias = chip.nearest_bias(f64::from(*bias)));
        }
        (graph, chip, mode)
    };
    let all = (graphs(), prop::sample::select(schedules.to_vec())).prop_map(with);
    all.prop_filter("sums fit", |(graph, chip, mode)| graph.check().is_ok() && scheduled(*mode).check(graph, chip).is_ok())
}
