//! From populations and projections to processes and connections.
//!
//! ```text
//!   Lif, Readout   PhasedLIF; a read-out has the largest threshold, which it never reaches
//!   Source         RingBuffer
//!   Select         RingBuffer of one-hot picks --Sparse--+
//!                  pick: Sparse, one synapse each -------+--> LIF gates (AND: 2 + 2 > 2) --Sparse--> LIF (OR: 2 > 1)
//!   Dense          Dense, or Sparse where most weights are 0
//!   convolutions   Sparse
//! ```

use super::ARRAYS_FILE;
use super::arrays::{ArrayTable, folder};
use super::netlist::{Connection, Injection, Model, Netlist, Output, Pattern, PopulationRow, Process, ProjectionRow, UnrolledKernel};
use super::schedule::Plan;
use super::unroll::{self, Rows};
use crate::NetlistError;
use lif_chip::Chip;
use lif_graph::{Connectivity, LifGraph, Membrane, NeuronModel, Population, PopulationId, Projection};

/// `du` and `dv` of a neuron that keeps nothing.
const FORGET: u32 = 4095;
/// A synapse that brings one spike: the smallest even weight.
const ONE_SPIKE: i16 = 2;
/// Fires when both of two synapses bring a spike.
const BOTH: i32 = 2;
/// Fires when a synapse brings a spike.
const ANY: i32 = 1;

/// Lowers a graph that passes the rules; gives the netlist and the bytes of its arrays.
pub fn lower(graph: &LifGraph, chip: &Chip) -> Result<(Netlist, Vec<u8>), NetlistError> {
    let plan = Plan::new(graph);
    let (arrays, projections) = (ArrayTable::new(), vec![]);
    let mut lowering = Lowering { graph, chip, plan, arrays, projections, processes: vec![], connections: vec![], outputs: vec![] };
    for index in 0..graph.populations.len() {
        lowering.population(PopulationId::from_index(index))?;
    }
    for (index, projection) in graph.projections.iter().enumerate() {
        lowering.projection(index, projection)?;
    }
    let Lowering { plan, arrays, projections, processes, connections, outputs, .. } = lowering;
    let netlist = Netlist {
        format: "lif-netlist/loihi".into(),
        version: 1,
        name: graph.name.clone(),
        fingerprint: graph.fingerprint(),
        chip: chip.name.clone(),
        arrays: ARRAYS_FILE.into(),
        populations: graph.populations.iter().zip(&plan.first_ticks).map(population_row).collect(),
        projections,
        schedule: plan.schedule,
        processes,
        connections,
        outputs,
    };
    Ok((netlist, arrays.finish()?))
}

/// The names of all processes of a graph, in no order.
pub fn process_names(graph: &LifGraph) -> Vec<String> {
    let selects = graph.populations.iter().filter(|population| matches!(population.model, NeuronModel::Select { .. }));
    let stages = selects.flat_map(|population| {
        let SelectNames { picks, gate, from_picks, from_gate } = SelectNames::new(&population.name);
        [picks, gate, from_picks, from_gate]
    });
    let populations = graph.populations.iter().map(|population| population.name.clone());
    populations.chain(graph.projections.iter().map(|projection| projection.name.clone())).chain(stages).collect()
}

/// The processes of a select stage besides the one that bears its name.
struct SelectNames {
    picks: String,
    gate: String,
    from_picks: String,
    from_gate: String,
}

impl SelectNames {
    fn new(select: &str) -> Self {
        let (picks, gate) = (format!("{select}.picks"), format!("{select}.gate"));
        Self { from_picks: format!("{picks}->{gate}"), from_gate: format!("{gate}->{select}"), picks, gate }
    }
}

struct Lowering<'g> {
    graph: &'g LifGraph,
    chip: &'g Chip,
    plan: Plan,
    arrays: ArrayTable,
    projections: Vec<ProjectionRow>,
    processes: Vec<Process>,
    connections: Vec<Connection>,
    outputs: Vec<Output>,
}

impl Lowering<'_> {
    fn population(&mut self, id: PopulationId) -> Result<(), NetlistError> {
        let population = self.graph.population(id);
        let first_tick = self.plan.first_ticks[id.index()];
        let (name, neurons) = (population.name.clone(), population.shape.neurons());
        match &population.model {
            NeuronModel::Lif { membrane, threshold } => {
                let vth = threshold[0] >> self.chip.threshold.shift_bits;
                self.phased(id, membrane, vth)
            }
            NeuronModel::Readout { membrane, pixels } => {
                self.phased(id, membrane, self.chip.threshold_mantissa_max() as i32)?;
                let levels = self.arrays.add(&self.folder(id), "levels", &[pixels.levels.len()], &pixels.levels)?;
                self.outputs.push(Output { process: name, var: "v".into(), layout: layout(population), levels });
                Ok(())
            }
            NeuronModel::Select { ways } => self.select(id, population.shape.channels, *ways),
            NeuronModel::Source => {
                let spikes = Injection::Given { population: name.clone() };
                self.processes.push(Process::RingBuffer { name, shape: [neurons], first_tick, spikes });
                Ok(())
            }
            NeuronModel::Draw { channel } => {
                let spikes = Injection::Draw { channel: *channel };
                self.processes.push(Process::RingBuffer { name, shape: [neurons], first_tick, spikes });
                Ok(())
            }
        }
    }

    fn folder(&self, id: PopulationId) -> String {
        folder("populations", id.index(), &self.graph.population(id).name)
    }

    fn phased(&mut self, id: PopulationId, membrane: &Membrane, vth: i32) -> Result<(), NetlistError> {
        let population = self.graph.population(id);
        let (shape, neurons) = (population.shape, population.shape.neurons());
        let biases = (0..neurons).map(|neuron| shape.value_of(&membrane.bias, neuron));
        let parts = biases.map(|bias| self.chip.bias_parts(bias).expect("a rule: biases exist"));
        let (mantissas, exponents): (Vec<i16>, Vec<u8>) = parts.map(|(mantissa, exponent)| (mantissa as i16, exponent)).unzip();
        let folder = self.folder(id);
        let bias_mant = self.arrays.add(&folder, "bias_mant", &[neurons], &mantissas)?;
        let bias_exp = self.arrays.add(&folder, "bias_exp", &[neurons], &exponents)?;
        self.processes.push(Process::PhasedLIF {
            name: population.name.clone(),
            shape: [neurons],
            du: FORGET,
            dv: (1 << self.chip.decay.bits) - membrane.decay.multiplier,
            vth,
            bias_mant,
            bias_exp,
            first_tick: self.plan.first_ticks[id.index()],
        });
        Ok(())
    }

    fn select(&mut self, id: PopulationId, channels: u32, ways: u32) -> Result<(), NetlistError> {
        let (name, first_tick) = (&self.graph.population(id).name[..], self.plan.first_ticks[id.index()]);
        let SelectNames { picks, gate, from_picks, from_gate } = SelectNames::new(name);
        let (groups, gates) = (channels as usize, channels as usize * ways as usize);
        // picks arrive with the source's spikes, one tick before the gates' update, which is one before the stage's
        let spikes = Injection::Picks { channels, ways };
        self.processes.push(Process::RingBuffer { name: picks.clone(), shape: [gates], first_tick: first_tick - 2, spikes });
        self.processes.push(Process::Lif { name: gate.clone(), shape: [gates], du: FORGET, dv: FORGET, vth: BOTH });
        self.processes.push(Process::Lif { name: name.into(), shape: [groups], du: FORGET, dv: FORGET, vth: ANY });
        let folder = self.folder(id);
        self.sparse(&format!("{folder}/picks"), &from_picks, [gates, gates], identity(gates), 0)?;
        self.connect(&picks, &from_picks, &gate);
        let or = Rows::from_rows(
            (0..groups).map(|channel| (channel * ways as usize..(channel + 1) * ways as usize).map(|way| (way, ONE_SPIKE))),
        );
        self.sparse(&format!("{folder}/or"), &from_gate, [groups, gates], or, 0)?;
        self.connect(&gate, &from_gate, name);
        Ok(())
    }

    fn projection(&mut self, index: usize, projection: &Projection) -> Result<(), NetlistError> {
        let [source, target] = [projection.source, projection.target].map(|end| self.graph.population(end));
        let (from, to) = (source.shape, target.shape);
        let step = self.chip.synapse.mixed_sign_step as i16;
        let (folder, wait) = (folder("projections", index, &projection.name), self.plan.waits[index]);
        let (name, shape) = (&projection.name, [to.neurons(), from.neurons()]);
        let mut heard_by = target.name.clone();
        match projection.connectivity {
            Connectivity::Dense if mostly_zero(&projection.weights) => {
                let rows = projection.weights.chunks(from.neurons()).map(|row| {
                    let synapses = row.iter().enumerate().filter(|(_, weight)| **weight != 0);
                    synapses.map(|(source, &weight)| (source, i16::from(weight) * step))
                });
                self.sparse(&folder, name, shape, Rows::from_rows(rows), wait)?;
            }
            Connectivity::Dense => {
                let weights: Vec<i16> = projection.weights.iter().map(|&weight| i16::from(weight) * step).collect();
                let weights = self.arrays.add(&folder, "weights", &shape, &weights)?;
                self.processes.push(Process::Dense { name: name.clone(), shape, weights, delay: wait });
            }
            Connectivity::Conv2d(kernel) => {
                self.sparse(&folder, name, shape, unroll::convolution(projection, kernel, false, from, to, step), wait)?;
            }
            Connectivity::ConvTranspose2d(kernel) => {
                self.sparse(&folder, name, shape, unroll::convolution(projection, kernel, true, from, to, step), wait)?;
            }
            Connectivity::Pick => {
                heard_by = SelectNames::new(&target.name).gate;
                self.sparse(&folder, name, [from.neurons(), from.neurons()], identity(from.neurons()), wait)?;
            }
        }
        self.connect(&source.name, name, &heard_by);
        let pattern = self.pattern(&folder, projection)?;
        let (source, target) = (source.name.clone(), target.name.clone());
        self.projections.push(ProjectionRow { name: name.clone(), source, target, delay: projection.delay, pattern });
        Ok(())
    }

    fn pattern(&mut self, folder: &str, projection: &Projection) -> Result<Pattern, NetlistError> {
        let mut unrolled = |kernel| {
            let kernels = self.arrays.add(folder, "kernels", &[projection.weights.len()], &projection.weights)?;
            Ok::<_, NetlistError>(UnrolledKernel { kernel, kernels })
        };
        Ok(match projection.connectivity {
            Connectivity::Dense => Pattern::Dense,
            Connectivity::Conv2d(kernel) => Pattern::Conv2d(unrolled(kernel)?),
            Connectivity::ConvTranspose2d(kernel) => Pattern::ConvTranspose2d(unrolled(kernel)?),
            Connectivity::Pick => Pattern::Pick,
        })
    }

    fn sparse(&mut self, folder: &str, name: &str, shape: [usize; 2], rows: Rows, delay: u64) -> Result<(), NetlistError> {
        let data = self.arrays.add(folder, "data", &[rows.data.len()], &rows.data)?;
        let indices = self.arrays.add(folder, "indices", &[rows.indices.len()], &rows.indices)?;
        let indptr = self.arrays.add(folder, "indptr", &[rows.indptr.len()], &rows.indptr)?;
        self.processes.push(Process::Sparse { name: name.into(), shape, data, indices, indptr, delay });
        Ok(())
    }

    fn connect(&mut self, source: &str, synapses: &str, target: &str) {
        self.connections.push(Connection { from: format!("{source}.s_out"), to: format!("{synapses}.s_in") });
        self.connections.push(Connection { from: format!("{synapses}.a_out"), to: format!("{target}.a_in") });
    }
}

fn population_row((population, &first_tick): (&Population, &u64)) -> PopulationRow {
    let model = match &population.model {
        NeuronModel::Lif { membrane, threshold } => {
            Model::Lif { membrane_bits: membrane.bits, biases: membrane.bias.len(), thresholds: threshold.len() }
        }
        NeuronModel::Readout { membrane, .. } => Model::Readout { membrane_bits: membrane.bits, biases: membrane.bias.len() },
        NeuronModel::Select { ways } => Model::Select { ways: *ways },
        NeuronModel::Source => Model::Source,
        NeuronModel::Draw { channel } => Model::Draw { channel: *channel },
    };
    PopulationRow { name: population.name.clone(), layout: layout(population), first_tick, model }
}

fn layout(population: &Population) -> [u32; 3] {
    [population.shape.channels, population.shape.height, population.shape.width]
}

/// One synapse a neuron.
fn identity(neurons: usize) -> Rows {
    Rows::from_rows((0..neurons).map(|neuron| std::iter::once((neuron, ONE_SPIKE))))
}

/// Whether the sparse form is worth it.
fn mostly_zero(weights: &[i8]) -> bool {
    weights.iter().filter(|&&weight| weight == 0).count() * 2 > weights.len()
}
