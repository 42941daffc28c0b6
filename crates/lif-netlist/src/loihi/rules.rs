//! What the chip demands of a graph, rule by rule; all broken ones are reported at once.

use super::processes::{SELECT_TICKS, process_names};
use super::{biases, unroll};
use crate::{Misfit, NetlistError};
use lif_chip::{Chip, Sharing};
use lif_graph::{LifGraph, Membrane, NeuronModel, Population, Rounding, WorstCase};
use lif_map::Schedule;
use lif_map::schedule::Between;
use std::collections::BTreeSet;

/// Checks every rule.
///
/// # Errors
/// [`NetlistError::Misfits`] with all that are broken.
pub fn check(graph: &LifGraph, chip: &Chip, schedule: &Schedule) -> Result<(), NetlistError> {
    let mut found = Findings { misfits: vec![] };
    let worst_cases = schedule.bounding(graph).worst_cases();
    for ((population, worst), timing) in graph.populations.iter().zip(&worst_cases).zip(&schedule.populations) {
        let (NeuronModel::Lif { membrane, .. } | NeuronModel::Readout { membrane, .. }) = &population.model else { continue };
        found.membrane(population, membrane, chip);
        let leaks = schedule.domains[timing.domain].between == Between::Leak;
        let clocked = if leaks { found.clocked(population, membrane, chip) } else { 0 };
        found.sums(population, *worst, clocked, chip);
        match &population.model {
            NeuronModel::Lif { threshold, .. } => found.threshold(population, threshold, chip),
            _ => found.silence(population, *worst, chip),
        }
    }
    found.images(graph);
    found.weights(graph, chip);
    found.size(graph, chip);
    found.ticks(chip);
    found.names(graph, schedule);
    let Findings { misfits } = found;
    if misfits.is_empty() { Ok(()) } else { Err(NetlistError::Misfits { chip: chip.name.clone(), misfits }) }
}

const COMPILE_FOR_IT: &str = "compile the model for this chip: graphs for other chips have other integers";

struct Findings {
    misfits: Vec<Misfit>,
}

impl Findings {
    fn add(&mut self, rule: &'static str, place: &str, cause: String, remedy: &'static str) {
        self.misfits.push(Misfit { rule, place: place.into(), cause, remedy });
    }

    fn membrane(&mut self, population: &Population, membrane: &Membrane, chip: &Chip) {
        if membrane.input_shift != chip.input_shift() {
            let cause = format!("input shift {}, and the chip's is {}", membrane.input_shift, chip.input_shift());
            self.add("input-shift-is-the-chips", &population.name, cause, COMPILE_FOR_IT);
        }
        let (decay, rounding) = (membrane.decay, rounding(chip));
        if (decay.shift, decay.rounding) != (chip.decay.bits, rounding) || decay.multiplier == 0 {
            let cause = format!(
                "decay {}/2^{} {:?}, and the chip has 1 to {} over 2^{} {rounding:?}",
                decay.multiplier,
                decay.shift,
                decay.rounding,
                (1u64 << chip.decay.bits) - 1,
                chip.decay.bits,
            );
            self.add("decay-exists", &population.name, cause, COMPILE_FOR_IT);
        }
        if let Some(bias) = membrane.bias.iter().find(|&&bias| chip.bias_parts(bias).is_none()) {
            let cause = format!(
                "bias {bias}, which is no {}-bit mantissa with an exponent of {} to {}",
                chip.bias.mantissa_bits, chip.bias.exponent_min, chip.bias.exponent_max
            );
            self.add("biases-exist", &population.name, cause, COMPILE_FOR_IT);
        }
    }

    fn threshold(&mut self, population: &Population, threshold: &[i32], chip: &Chip) {
        let first = threshold.first().copied().unwrap_or(0);
        if chip.threshold.per == Sharing::Population && threshold.iter().any(|&other| other != first) {
            self.add("threshold-is-shared", &population.name, "different thresholds in one population".into(), COMPILE_FOR_IT);
        }
        let unit = 1i32 << chip.threshold.shift_bits;
        if first % unit != 0 || i64::from(first / unit) > chip.threshold_mantissa_max() {
            let cause = format!("threshold {first}, and the chip has 0 to {} times {unit}", chip.threshold_mantissa_max());
            self.add("threshold-exists", &population.name, cause, COMPILE_FOR_IT);
        }
    }

    /// Biases that a clock sends; gives the largest, in the graph's units of weight.
    fn clocked(&mut self, population: &Population, membrane: &Membrane, chip: &Chip) -> u64 {
        let unit = 1i32 << chip.membrane.fraction_bits;
        if let Some(bias) = membrane.bias.iter().find(|&&bias| bias % unit != 0 || (bias / unit).abs() > biases::MOST) {
            let cause = format!("bias {bias}, and a clock's synapses bring multiples of {unit} up to {}", biases::MOST * unit);
            self.add("clock-brings-the-bias", &population.name, cause, "compile for loihi1, or choose the schedule `phased`");
        }
        let largest = membrane.bias.iter().map(|bias| u64::from(bias.unsigned_abs())).max().unwrap_or(0);
        largest.div_ceil(1 << chip.input_shift())
    }

    fn sums(&mut self, population: &Population, worst: WorstCase, clocked: u64, chip: &Chip) {
        let reached = [
            ("input-fits-the-chip", "weights", worst.input.magnitude() + clocked, chip.input_max()),
            ("membrane-fits-the-chip", "the membrane", worst.membrane.magnitude(), chip.membrane_max()),
        ];
        for (rule, what, value, limit) in reached {
            if i128::from(value) > i128::from(limit) {
                self.add(rule, &population.name, format!("{what} may reach {value}, and {limit} is the limit"), COMPILE_FOR_IT);
            }
        }
    }

    /// A read-out is a LIF population with the largest threshold.
    fn silence(&mut self, population: &Population, worst: WorstCase, chip: &Chip) {
        let limit = chip.threshold_mantissa_max() << chip.threshold.shift_bits;
        if worst.membrane.high > limit {
            let cause = format!("the membrane may reach {}, and the largest threshold is {limit}", worst.membrane.high);
            self.add("read-out-never-fires", &population.name, cause, COMPILE_FOR_IT);
        }
    }

    fn images(&mut self, graph: &LifGraph) {
        for image in graph.populations.iter().filter(|population| matches!(population.model, NeuronModel::Image { .. })) {
            let remedy = "write the netlist of the generator, which needs no image (fsvae-compile --network generate)";
            self.add("images-are-not-injected", &image.name, "its pixels enter as currents, which this netlist cannot hold".into(), remedy);
        }
    }

    fn weights(&mut self, graph: &LifGraph, chip: &Chip) {
        for projection in &graph.projections {
            if let Some(weight) = projection.weights.iter().find(|&&weight| i32::from(weight).abs() > chip.weight_max()) {
                let cause = format!("weight {weight}, and the chip has {} to {}", -chip.weight_max(), chip.weight_max());
                self.add("weights-exist", &projection.name, cause, COMPILE_FOR_IT);
            }
        }
    }

    fn size(&mut self, graph: &LifGraph, chip: &Chip) {
        let remedy = "compile a smaller network, or choose a larger chip";
        let gates = |population: &Population| match population.model {
            NeuronModel::Select { ways } => population.shape.neurons() as u64 * u64::from(ways),
            _ => 0,
        };
        let neurons: u64 = graph.populations.iter().map(|population| population.shape.neurons() as u64 + gates(population)).sum();
        if neurons > chip.neurons() {
            self.add("neurons-fit-the-chip", "graph", format!("{neurons} neurons, and the chip has {}", chip.neurons()), remedy);
        }
        let of_projection = |projection: &lif_graph::Projection| {
            let shapes = [projection.source, projection.target].map(|end| graph.population(end).shape);
            u128::from(unroll::synapses(projection, shapes[0], shapes[1]))
        };
        let synapses: u128 = graph.projections.iter().map(of_projection).sum();
        if let Some(limit) = chip.core.synapses_per_chip.filter(|&limit| synapses > u128::from(limit)) {
            let cause = format!("{synapses} synapses, and the chip has {limit}");
            self.add("synapses-fit-the-chip", "graph", cause, remedy);
        }
    }

    /// The processes below are built for these.
    fn ticks(&mut self, chip: &Chip) {
        let ticks = chip.ticks.map(|ticks| (ticks.synapse, ticks.select));
        if ticks != Some((1, SELECT_TICKS)) {
            let cause = format!("a synapse of Lava takes 1 tick and a select stage {SELECT_TICKS}, which is not what the chip file says");
            self.add("ticks-are-lavas", "graph", cause, "correct the section `ticks` of the chip file");
        }
    }

    fn names(&mut self, graph: &LifGraph, schedule: &Schedule) {
        let mut seen = BTreeSet::new();
        for name in process_names(graph, schedule) {
            if !seen.insert(name.clone()) {
                self.add("process-names-are-unique", &name, "two processes of this name".into(), "rename the population or projection");
            }
        }
    }
}

/// The chip's word in the graph's type.
fn rounding(chip: &Chip) -> Rounding {
    match chip.decay.rounding {
        lif_chip::Rounding::TowardZero => Rounding::TowardZero,
        lif_chip::Rounding::Floor => Rounding::Floor,
        lif_chip::Rounding::Ceiling => Rounding::Ceiling,
    }
}
