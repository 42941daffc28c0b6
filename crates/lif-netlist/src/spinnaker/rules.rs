//! What the machine demands of a graph, rule by rule; all broken ones are reported at once.

use super::Mode;
use super::arithmetic::RING_MAX;
use super::netlist::WorstRing;
use super::network::{Network, Role, Unsuited};
use super::rings;
use super::unroll::Sources;
use crate::{Misfit, NetlistError};
use lif_chip::Chip;
use lif_graph::{LifGraph, Membrane, NeuronModel, Population, Rounding};
use std::collections::BTreeSet;

/// Ticks that a synapse can take: 16 slots of ring buffers, one of which is being read. 256 neurons with two kinds of synapses fill half of
/// the 16,384 entries with them.
pub const MAX_DELAY: u32 = 15;
/// Entries of the ring buffers of a core: neurons, kinds of synapses, slots.
pub const RING_ENTRIES: u64 = 16_384;
/// Synapses of all projections together; what a host can hold.
const MAX_SYNAPSES: u64 = 1 << 30;

/// A network that keeps every rule, with the synapses of its edges and how full its ring buffers can get.
pub struct Suited<'g> {
    pub network: Network<'g>,
    pub rows: Vec<Sources>,
    pub worst: Vec<WorstRing>,
}

/// Checks every rule.
///
/// # Errors
/// [`NetlistError::Misfits`] with all that are broken.
pub fn check<'g>(graph: &'g LifGraph, chip: &Chip, mode: Mode) -> Result<Suited<'g>, NetlistError> {
    let mut found = Findings { misfits: vec![] };
    for population in &graph.populations {
        if let NeuronModel::Lif { membrane, .. } = &population.model {
            found.membrane(population, membrane, chip);
        }
    }
    found.weights(graph, chip);
    found.images(graph);
    if mode == Mode::Substep {
        found.selects(graph);
    }
    let network = match Network::new(graph, mode) {
        Ok(network) => Some(network),
        Err(unsuited) => {
            found.unsuited(&unsuited);
            None
        }
    };
    let suited = network.filter(|network| found.size(network)).map(|network| {
        found.delays(&network);
        found.names(&network);
        found.entries(chip);
        let rows: Vec<Sources> = network.edges.iter().map(|edge| network.rows(edge)).collect();
        let worst = rings::worst(&network, &rows);
        found.rings(&network, &worst);
        Suited { network, rows, worst }
    });
    match (suited, found.misfits) {
        (Some(suited), misfits) if misfits.is_empty() => Ok(suited),
        (_, misfits) => Err(NetlistError::Misfits { chip: chip.name.clone(), misfits }),
    }
}

const COMPILE_FOR_IT: &str = "compile the model for this chip: graphs for other chips have other integers";
const EXACT_DECAYS: &str =
    "train with 1/2, 3/4, 7/8 or 15/16 in each layer, or with the same power of 1/2 in all, or choose --schedule substep, which rounds";
const SCALE_DOWN: &str = "compile with fewer weight bits (--weight-bits), or train a network with narrower layers before this one";

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
        let decay = membrane.decay;
        if (decay.shift, decay.rounding) != (chip.decay.bits, Rounding::Ceiling) || decay.multiplier == 0 {
            let (bits, most) = (chip.decay.bits, (1u64 << chip.decay.bits) - 1);
            let cause = format!(
                "decay {}/2^{} {:?}, and the chip has 1 to {most} over 2^{bits} Ceiling",
                decay.multiplier, decay.shift, decay.rounding
            );
            self.add("decay-exists", &population.name, cause, COMPILE_FOR_IT);
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

    fn images(&mut self, graph: &LifGraph) {
        for image in graph.populations.iter().filter(|population| matches!(population.model, NeuronModel::Image { .. })) {
            let remedy = "write the netlist of the generator, which needs no image (fsvae-compile --network generate)";
            self.add("images-are-not-injected", &image.name, "its pixels enter as currents, which this netlist cannot hold".into(), remedy);
        }
    }

    /// One gate stands for a neuron and a way, so that a select stage can be heard by dense layers alone, and needs ways.
    fn selects(&mut self, graph: &LifGraph) {
        for projection in &graph.projections {
            let is_select = matches!(graph.population(projection.source).model, NeuronModel::Select { .. });
            if is_select && projection.connectivity != lif_graph::Connectivity::Dense {
                let cause = "it leaves a select stage, and is no dense projection".into();
                self.add("select-feeds-dense-layers", &projection.name, cause, "put a dense layer behind the select stage");
            }
        }
    }

    fn unsuited(&mut self, unsuited: &Unsuited) {
        match unsuited {
            Unsuited::Decay { population, decay } => {
                let cause = format!("decay {}/2^{}, of which no ticks of the machine are a step", decay.multiplier, decay.shift);
                self.add("ticks-are-a-step", population, cause, EXACT_DECAYS);
            }
            Unsuited::Decays { population, ticks: [own, others] } => {
                let cause = format!("a step of its decay takes {own} ticks, and {others} in the populations before it");
                self.add("steps-take-the-same-ticks", population, cause, EXACT_DECAYS);
            }
            Unsuited::Loop { ticks } => {
                let cause = format!("a loop takes more ticks than a step has: {ticks}");
                self.add("loops-fit-a-step", "graph", cause, "choose --schedule substep, whose steps are as long as the slowest loop");
            }
        }
    }

    fn size(&mut self, network: &Network<'_>) -> bool {
        let synapses: u64 = network.edges.iter().map(|edge| network.synapses_at_most(edge)).fold(0, u64::saturating_add);
        if synapses > MAX_SYNAPSES {
            let cause = format!("{synapses} synapses, and {MAX_SYNAPSES} is the limit of a netlist");
            self.add("synapses-fit-a-netlist", "graph", cause, "compile a smaller network");
        }
        synapses <= MAX_SYNAPSES
    }

    fn delays(&mut self, network: &Network<'_>) {
        for edge in &network.edges {
            let delay = network.plan.delay(edge);
            if delay > MAX_DELAY {
                let cause = format!("its spikes must wait {delay} ticks, and synapses wait at most {MAX_DELAY}");
                self.add("delays-exist", &edge.name, cause, "shorten the longest path beside this projection");
            }
        }
    }

    fn entries(&mut self, chip: &Chip) {
        let entries = u64::from(chip.core.neurons_per_core) * 2 * u64::from(MAX_DELAY + 1);
        if entries > RING_ENTRIES {
            let cause = format!("{entries} entries of ring buffers, and a core has {RING_ENTRIES}");
            self.add("ring-buffers-fit-a-core", &chip.name, cause, "lower `core.neurons_per_core` in the chip file");
        }
    }

    fn names(&mut self, network: &Network<'_>) {
        let mut seen = BTreeSet::new();
        let vertices = network.vertices.iter().map(|vertex| &vertex.name);
        for name in vertices.chain(network.edges.iter().map(|edge| &edge.name)) {
            if !seen.insert(name) {
                self.add("names-are-unique", name, "two parts of the netlist have this name".into(), "rename the population or projection");
            }
        }
    }

    /// No sum of a sign can pass the end of its ring buffer, nor a membrane that of its 32 bits.
    fn rings(&mut self, network: &Network<'_>, worst: &[WorstRing]) {
        for (vertex, worst) in network.vertices.iter().zip(worst) {
            let Role::Neurons { constants, .. } = &vertex.role else { continue };
            let signs =
                [("excitatory", worst.excitatory, worst.excitatory_neuron), ("inhibitory", worst.inhibitory, worst.inhibitory_neuron)];
            for (sign, sum, neuron) in signs {
                if sum > u64::from(RING_MAX) {
                    let cause =
                        format!("the {sign} ring buffer of neuron {neuron} may get {sum} in one tick, and it saturates at {RING_MAX}");
                    self.add("ring-buffers-never-saturate", &vertex.name, cause, SCALE_DOWN);
                }
                let reached = ((u128::from(sum) << constants.ring_shift) * u128::from(constants.r.unsigned_abs())) >> 15;
                if reached >= 1 << 30 {
                    let cause = format!("its membranes may reach {reached}, and differences of two must fit 32 bits");
                    self.add("membranes-fit-the-machine", &vertex.name, cause, SCALE_DOWN);
                }
            }
        }
    }
}
