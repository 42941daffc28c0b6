//! From populations and projections to processes and connections.
//!
//! ```text
//!   Lif, Readout   PhasedLIF, LIFReset or LIF, by what the schedule's domain does between steps;
//!                  a read-out has the largest threshold, which it never reaches
//!   their biases   arguments; of LIF, which would add them at every tick: RingBuffer (a clock) --Dense-->
//!   Source         RingBuffer
//!   Select         RingBuffer of one-hot picks --Sparse--+
//!                  pick: Sparse, one synapse each -------+--> LIF gates (AND: 2 + 2 > 2) --Sparse--> LIF (OR: 2 > 1)
//!   Dense          Dense, or Sparse where most weights are 0
//!   convolutions   Sparse
//!   buffers        RingBuffer of what an earlier domain sent
//! ```

use super::arrays::{ArrayTable, folder};
use super::biases::{self, CLOCK};
use super::netlist::{
    Bias, Connection, Injection, Kind, Model, Netlist, Neurons, Output, Pattern, PopulationRow, Process, ProjectionRow, ScheduleRow,
    UnrolledKernel,
};
use super::unroll::{self, Rows};
use super::{ARRAYS_FILE, FORMAT, VERSION};
use crate::NetlistError;
use lif_chip::Chip;
use lif_graph::{Connectivity, LifGraph, Membrane, NeuronModel, Population, PopulationId, Projection};
use lif_map::Schedule;
use lif_map::schedule::{Between, Timing};

/// `du` and `dv` of a neuron that keeps nothing.
const FORGET: u32 = 4095;
/// A synapse that brings one spike: the smallest even weight.
const ONE_SPIKE: i16 = 2;
/// Fires when both of two synapses bring a spike.
const BOTH: i32 = 2;
/// Fires when a synapse brings a spike.
const ANY: i32 = 1;
/// Ticks of a select stage: its gates, then their OR.
pub const SELECT_TICKS: u32 = 2;

/// Lowers a graph that passes the rules; gives the netlist and the bytes of its arrays.
pub fn lower(graph: &LifGraph, chip: &Chip, schedule: &Schedule) -> Result<(Netlist, Vec<u8>), NetlistError> {
    let (arrays, projections) = (ArrayTable::new(), vec![]);
    let mut lowering = Lowering { graph, chip, schedule, arrays, projections, processes: vec![], connections: vec![], outputs: vec![] };
    for index in 0..graph.populations.len() {
        lowering.population(PopulationId::from_index(index))?;
    }
    for buffer in &schedule.buffers {
        let population = graph.population(buffer.population);
        let spikes = Injection::Buffered { population: population.name.clone() };
        let kind = Kind::RingBuffer { shape: [population.shape.neurons()], first_tick: buffer.first_tick, spikes };
        lowering.processes.push(Process { name: buffered(&population.name), domain: buffer.domain, kind });
    }
    for (index, projection) in graph.projections.iter().enumerate() {
        lowering.projection(index, projection)?;
    }
    let Lowering { arrays, projections, processes, connections, outputs, .. } = lowering;
    let Schedule { mode, steps, ticks_per_image, ref domains, .. } = *schedule;
    let netlist = Netlist {
        format: FORMAT.into(),
        version: VERSION,
        name: graph.name.clone(),
        fingerprint: graph.fingerprint(),
        chip: chip.name.clone(),
        arrays: ARRAYS_FILE.into(),
        schedule: ScheduleRow { mode, steps, ticks_per_image, domains: domains.clone() },
        populations: graph.populations.iter().zip(&schedule.populations).map(population_row).collect(),
        projections,
        processes,
        connections,
        outputs,
    };
    Ok((netlist, arrays.finish()?))
}

/// The names of all processes that a graph can become, in no order.
pub fn process_names(graph: &LifGraph, schedule: &Schedule) -> Vec<String> {
    let mut names: Vec<String> = graph.projections.iter().map(|projection| projection.name.clone()).collect();
    names.extend(schedule.buffers.iter().map(|buffer| buffered(&graph.population(buffer.population).name)));
    for (population, timing) in graph.populations.iter().zip(&schedule.populations) {
        names.push(population.name.clone());
        if let NeuronModel::Select { .. } = population.model {
            let SelectNames { picks, gate, from_picks, from_gate } = SelectNames::new(&population.name);
            names.extend([picks, gate, from_picks, from_gate]);
        }
        if schedule.domains[timing.domain].between == Between::Leak {
            names.extend(biases::names(&population.name));
        }
    }
    names
}

/// What a population is called in a domain that hears it later.
fn buffered(population: &str) -> String {
    format!("{population}.buffer")
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
    schedule: &'g Schedule,
    arrays: ArrayTable,
    projections: Vec<ProjectionRow>,
    processes: Vec<Process>,
    connections: Vec<Connection>,
    outputs: Vec<Output>,
}

impl<'g> Lowering<'g> {
    fn population(&mut self, id: PopulationId) -> Result<(), NetlistError> {
        let population = self.graph.population(id);
        match &population.model {
            NeuronModel::Lif { membrane, threshold } => {
                let vth = threshold[0] >> self.chip.threshold.shift_bits;
                self.membranes(id, membrane, vth)
            }
            NeuronModel::Readout { membrane, pixels } => {
                self.membranes(id, membrane, self.chip.threshold_mantissa_max() as i32)?;
                let levels = self.arrays.add(&self.folder(id), "levels", &[pixels.levels.len()], &pixels.levels)?;
                self.outputs.push(Output { process: population.name.clone(), var: "v".into(), layout: layout(population), levels });
                Ok(())
            }
            NeuronModel::Select { ways } => self.select(id, population.shape.channels, *ways),
            NeuronModel::Source => {
                let Timing { domain, first_tick, .. } = self.schedule.populations[id.index()];
                let spikes = Injection::Given { population: population.name.clone() };
                self.add(&population.name, domain, Kind::RingBuffer { shape: [population.shape.neurons()], first_tick, spikes });
                Ok(())
            }
            NeuronModel::Image { .. } => unreachable!("a rule: there are no images"),
            NeuronModel::Image { .. } => unreachable!("a rule: there are no images"),
        }
    }

    fn folder(&self, id: PopulationId) -> String {
        folder("populations", id.index(), &self.graph.population(id).name)
    }

    fn add(&mut self, name: &str, domain: usize, kind: Kind) {
        self.processes.push(Process { name: name.into(), domain, kind });
    }

    fn membranes(&mut self, id: PopulationId, membrane: &Membrane, vth: i32) -> Result<(), NetlistError> {
        let schedule = self.schedule;
        let (population, Timing { domain, first_tick, decay }) = (self.graph.population(id), &schedule.populations[id.index()]);
        let dv = (1 << self.chip.decay.bits) - decay.unwrap_or(membrane.decay).multiplier;
        let neurons = Neurons { shape: [population.shape.neurons()], du: FORGET, dv, vth, first_tick: *first_tick };
        let kind = match schedule.domains[*domain].between {
            Between::Leak => Kind::Lif { neurons },
            Between::Hold => Kind::PhasedLIF { neurons, bias: self.bias(id, membrane)? },
            Between::Nothing => {
                let reset_interval = schedule.steps.into();
                Kind::LifReset { neurons, bias: self.bias(id, membrane)?, reset_interval, reset_offset: first_tick % reset_interval }
            }
        };
        let clocked = matches!(kind, Kind::Lif { .. });
        self.add(&population.name, *domain, kind);
        if clocked { self.clock(id, membrane) } else { Ok(()) }
    }

    /// The biases as arguments.
    fn bias(&mut self, id: PopulationId, membrane: &Membrane) -> Result<Bias, NetlistError> {
        let shape = self.graph.population(id).shape;
        let biases = (0..shape.neurons()).map(|neuron| shape.value_of(&membrane.bias, neuron));
        let parts = biases.map(|bias| self.chip.bias_parts(bias).expect("a rule: biases exist"));
        let (mantissas, exponents): (Vec<i16>, Vec<u8>) = parts.map(|(mantissa, exponent)| (mantissa as i16, exponent)).unzip();
        let folder = self.folder(id);
        let bias_mant = self.arrays.add(&folder, "bias_mant", &[shape.neurons()], &mantissas)?;
        let bias_exp = self.arrays.add(&folder, "bias_exp", &[shape.neurons()], &exponents)?;
        Ok(Bias { bias_mant, bias_exp })
    }

    /// The biases as synapses from a clock that fires one tick before every step.
    fn clock(&mut self, id: PopulationId, membrane: &Membrane) -> Result<(), NetlistError> {
        let (population, Timing { domain, first_tick, .. }) = (self.graph.population(id), &self.schedule.populations[id.index()]);
        let (shape, clock) = (population.shape, format!("{}{CLOCK}", population.name));
        let biases: Vec<i32> =
            (0..shape.neurons()).map(|neuron| shape.value_of(&membrane.bias, neuron) >> self.chip.membrane.fraction_bits).collect();
        let planes = biases::planes(&biases);
        if planes.is_empty() {
            return Ok(());
        }
        self.add(&clock, *domain, Kind::RingBuffer { shape: [1], first_tick: first_tick - 1, spikes: Injection::Clock });
        for biases::Plane { suffix, weight_exp, weights } in planes {
            let (name, shape) = (format!("{}{suffix}", population.name), [shape.neurons(), 1]);
            let weights = self.arrays.add(&self.folder(id), suffix.trim_start_matches('.'), &shape, &weights)?;
            self.add(&name, *domain, Kind::Dense { shape, weights, weight_exp, delay: 0 });
            self.connect(&clock, &name, &population.name);
        }
        Ok(())
    }

    fn select(&mut self, id: PopulationId, channels: u32, ways: u32) -> Result<(), NetlistError> {
        let name = &self.graph.population(id).name[..];
        let Timing { domain, first_tick, .. } = self.schedule.populations[id.index()];
        let SelectNames { picks, gate, from_picks, from_gate } = SelectNames::new(name);
        let (groups, gates) = (channels as usize, channels as usize * ways as usize);
        // picks arrive with the source's spikes, one tick before the gates' update, which is one before the stage's
        let spikes = Injection::Picks { channels, ways };
        self.add(&picks, domain, Kind::RingBuffer { shape: [gates], first_tick: first_tick - u64::from(SELECT_TICKS), spikes });
        let logic = |neurons, vth, first_tick| Kind::Lif { neurons: Neurons { shape: [neurons], du: FORGET, dv: FORGET, vth, first_tick } };
        self.add(&gate, domain, logic(gates, BOTH, first_tick - 1));
        self.add(name, domain, logic(groups, ANY, first_tick));
        let folder = self.folder(id);
        self.sparse(&format!("{folder}/picks"), &from_picks, domain, [gates, gates], identity(gates), 0)?;
        self.connect(&picks, &from_picks, &gate);
        let or = Rows::from_rows(
            (0..groups).map(|channel| (channel * ways as usize..(channel + 1) * ways as usize).map(|way| (way, ONE_SPIKE))),
        );
        self.sparse(&format!("{folder}/or"), &from_gate, domain, [groups, gates], or, 0)?;
        self.connect(&gate, &from_gate, name);
        Ok(())
    }

    fn projection(&mut self, index: usize, projection: &Projection) -> Result<(), NetlistError> {
        let [source, target] = [projection.source, projection.target].map(|end| self.graph.population(end));
        let (from, to) = (source.shape, target.shape);
        let step = self.chip.synapse.mixed_sign_step as i16;
        let (folder, wait) = (folder("projections", index, &projection.name), self.schedule.waits[index]);
        let (name, shape) = (&projection.name, [to.neurons(), from.neurons()]);
        let domains = [projection.source, projection.target].map(|end| self.schedule.populations[end.index()].domain);
        let heard = if domains[0] == domains[1] { source.name.clone() } else { buffered(&source.name) };
        let domain = domains[1];
        let mut heard_by = target.name.clone();
        match projection.connectivity {
            Connectivity::Dense if mostly_zero(&projection.weights) => {
                let rows = projection.weights.chunks(from.neurons()).map(|row| {
                    let synapses = row.iter().enumerate().filter(|(_, weight)| **weight != 0);
                    synapses.map(|(source, &weight)| (source, i16::from(weight) * step))
                });
                self.sparse(&folder, name, domain, shape, Rows::from_rows(rows), wait)?;
            }
            Connectivity::Dense => {
                let weights: Vec<i16> = projection.weights.iter().map(|&weight| i16::from(weight) * step).collect();
                let weights = self.arrays.add(&folder, "weights", &shape, &weights)?;
                self.add(name, domain, Kind::Dense { shape, weights, weight_exp: 0, delay: wait });
            }
            Connectivity::Conv2d(kernel) => {
                self.sparse(&folder, name, domain, shape, unroll::convolution(projection, kernel, false, from, to, step), wait)?;
            }
            Connectivity::ConvTranspose2d(kernel) => {
                self.sparse(&folder, name, domain, shape, unroll::convolution(projection, kernel, true, from, to, step), wait)?;
            }
            Connectivity::Pick => {
                heard_by = SelectNames::new(&target.name).gate;
                self.sparse(&folder, name, domain, [from.neurons(), from.neurons()], identity(from.neurons()), wait)?;
            }
        }
        self.connect(&heard, name, &heard_by);
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

    fn sparse(&mut self, folder: &str, name: &str, domain: usize, shape: [usize; 2], rows: Rows, delay: u64) -> Result<(), NetlistError> {
        let data = self.arrays.add(folder, "data", &[rows.data.len()], &rows.data)?;
        let indices = self.arrays.add(folder, "indices", &[rows.indices.len()], &rows.indices)?;
        let indptr = self.arrays.add(folder, "indptr", &[rows.indptr.len()], &rows.indptr)?;
        self.add(name, domain, Kind::Sparse { shape, data, indices, indptr, delay });
        Ok(())
    }

    fn connect(&mut self, source: &str, synapses: &str, target: &str) {
        self.connections.push(Connection { from: format!("{source}.s_out"), to: format!("{synapses}.s_in") });
        self.connections.push(Connection { from: format!("{synapses}.a_out"), to: format!("{target}.a_in") });
    }
}

fn population_row((population, timing): (&Population, &Timing)) -> PopulationRow {
    let model = match &population.model {
        NeuronModel::Lif { membrane, threshold } => Model::Lif {
            membrane_bits: membrane.bits,
            decay: membrane.decay.multiplier,
            biases: membrane.bias.len(),
            thresholds: threshold.len(),
        },
        NeuronModel::Readout { membrane, .. } => {
            Model::Readout { membrane_bits: membrane.bits, decay: membrane.decay.multiplier, biases: membrane.bias.len() }
        }
        NeuronModel::Select { ways } => Model::Select { ways: *ways },
        NeuronModel::Source => Model::Source,
        NeuronModel::Image { .. } => unreachable!("a rule: there are no images"),
    };
    let Timing { domain, first_tick, .. } = *timing;
    PopulationRow { name: population.name.clone(), layout: layout(population), domain, first_tick, model }
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
