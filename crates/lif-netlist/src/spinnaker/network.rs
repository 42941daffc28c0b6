//! The part of a graph that runs on the machine, in the machine's terms: vertices and edges.
//!
//! ```text
//!   buffered: a host, or fsvae-sim, runs what loops through the random picks; the machine runs the rest
//!
//!     [prior -> select] = spikes =>  select (given) ---> decoder.input ---> decoder.0 ---> ... = spikes =>  [read-out]
//!                                    decoder.input.bias --^   decoder.0.bias --^
//!
//!   substep: all that fires is on the machine
//!
//!     +-> prior.0 ---> prior.1 ---> prior.2 ---> select (gates: AND) ---+--> decoder.input ---> ... = spikes =>  [read-out]
//!     |                             select.picks (given) --^            |
//!     +-----------------------------------------------------------------+       every vertex that fires has its clock for the bias
//! ```
//!
//! A bias is a synapse: a clock of one neuron fires a tick before each step of its vertex. The stock neuron's own offset would be added at
//! every tick, and before the first step. A read-out never fires; its membrane is integrated where the spikes of the layer before it are
//! read, in the graph's integers.

use super::Mode;
use super::arithmetic::{Constants, ROOT_SHIFT, SMALLEST_PART};
use super::plan::Plan;
use super::unroll::{self, Sources};
use lif_graph::{Connectivity, Decay, LifGraph, NeuronModel, PopulationId, ProjectionId, Shape};

/// What runs on the machine.
#[derive(Clone, Debug)]
pub struct Network<'g> {
    /// Whose it is.
    pub graph: &'g LifGraph,
    /// Which part.
    pub mode: Mode,
    /// When.
    pub plan: Plan,
    /// What fires.
    pub vertices: Vec<Vertex>,
    /// Who hears whom.
    pub edges: Vec<Edge>,
}

/// Neurons that share a model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Vertex {
    /// That of the population, or made from it.
    pub name: String,
    /// Its neurons; numbered as the graph does.
    pub shape: Shape,
    /// What they do.
    pub role: Role,
}

/// What a vertex does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Role {
    /// Neurons of `IF_curr_delta`.
    Neurons {
        /// What they share.
        constants: Constants,
        /// What each needs to fire: all, by channel or by neuron, in bits of s16.15.
        thresholds: Vec<i32>,
    },
    /// A spike source that says what a population of the graph says elsewhere.
    Given(PopulationId),
    /// A spike source with the random picks of a select stage.
    Picks {
        /// The k of 1-of-k.
        ways: u32,
    },
    /// A spike source that fires at every step.
    Clock,
}

/// Synapses from one vertex to another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Edge {
    /// That of the projection, or made from the vertices'.
    pub name: String,
    /// Place of the source among the vertices.
    pub source: usize,
    /// Place of the target.
    pub target: usize,
    /// Delay in steps.
    pub steps: u8,
    /// Where the weights come from.
    pub origin: Origin,
}

/// What the weights of an edge are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// Those of the graph.
    Projection(ProjectionId),
    /// Those of the graph, for a source that has `ways` gates in place of each neuron.
    Gates(ProjectionId, u32),
    /// A population's biases.
    Bias(PopulationId),
    /// One for each neuron, of one spike: into the gates of a select stage.
    Picks,
}

/// A synapse that brings one spike to a gate.
pub const ONE_SPIKE: i32 = 4;
/// Two spikes reach it, one does not.
const BOTH: i32 = 6;

impl<'g> Network<'g> {
    /// Takes a graph apart; it must pass [`LifGraph::check`] and the back-end's rules.
    ///
    /// # Errors
    /// The decay that a population has and the machine has not in this mode, or that a loop takes too long.
    pub fn new(graph: &'g LifGraph, mode: Mode) -> Result<Self, Unsuited> {
        let mut builder = Builder { graph, mode, vertices: vec![], edges: vec![], vertex_of: vec![None; graph.populations.len()] };
        let remote = builder.remote();
        let least = match mode {
            Mode::Buffered => builder.ticks(&remote)?,
            Mode::Substep => 1,
        };
        builder.add_vertices(&remote);
        builder.add_edges(&remote);
        let count = builder.vertices.len();
        let plan = match mode {
            Mode::Buffered => Plan::with(count, &builder.edges, least).ok_or(Unsuited::Loop { ticks: least })?,
            Mode::Substep => Plan::shortest(count, &builder.edges, least).expect("a rule: loops are delayed"),
        };
        builder.set_constants(&plan);
        let Builder { vertices, edges, .. } = builder;
        Ok(Self { graph, mode, plan, vertices, edges })
    }

    /// The synapses of an edge, source by source, those of weight 0 left out. Weights are what stands in a row, negative for inhibitory ones.
    pub fn rows(&self, edge: &Edge) -> Sources {
        let [from, to] = [edge.source, edge.target].map(|vertex| self.vertices[vertex].shape);
        match edge.origin {
            Origin::Projection(id) => self.scaled(id, edge, unroll::by_source(self.graph.projection(id), from, to)),
            Origin::Gates(id, ways) => {
                let of_select = self.graph.population(self.graph.projection(id).source).shape;
                self.scaled(id, edge, unroll::by_source(self.graph.projection(id), of_select, to).repeated(ways as usize))
            }
            Origin::Bias(id) => {
                let population = self.graph.population(id);
                let (NeuronModel::Lif { membrane, .. } | NeuronModel::Readout { membrane, .. }) = &population.model else {
                    return Sources::empty(1);
                };
                let biases = (0..to.neurons()).map(|neuron| (neuron as u32, to.value_of(&membrane.bias, neuron)));
                Sources::from_rows(std::iter::once(biases.filter(|(_, bias)| *bias != 0)))
            }
            Origin::Picks => Sources::from_rows((0..to.neurons() as u32).map(|neuron| std::iter::once((neuron, ONE_SPIKE)))),
        }
    }

    /// How many synapses an edge has, those of weight 0 included, padding included.
    pub fn synapses_at_most(&self, edge: &Edge) -> u64 {
        let [from, to] = [edge.source, edge.target].map(|vertex| self.vertices[vertex].shape);
        let all = from.neurons() as u64 * to.neurons() as u64;
        match edge.origin {
            Origin::Picks => to.neurons() as u64,
            Origin::Gates(..) | Origin::Bias(_) => all,
            Origin::Projection(id) => match self.graph.projection(id).connectivity {
                Connectivity::Dense => all,
                Connectivity::Pick => from.neurons() as u64,
                Connectivity::Conv2d(kernel) | Connectivity::ConvTranspose2d(kernel) => {
                    let of_a_source = u64::from(to.channels) * u64::from(kernel.size).pow(2);
                    (from.neurons() as u64).saturating_mul(of_a_source.min(to.neurons() as u64))
                }
            },
        }
    }

    /// In a row a weight of 1 is as many bits as in the graph's membrane.
    fn scaled(&self, id: ProjectionId, edge: &Edge, mut rows: Sources) -> Sources {
        let target = self.graph.projection(id).target;
        debug_assert_eq!(self.graph.population(target).name, self.vertices[edge.target].name);
        if let NeuronModel::Lif { membrane, .. } = &self.graph.population(target).model {
            rows.weights.iter_mut().for_each(|weight| *weight <<= membrane.input_shift);
        }
        rows
    }

    /// The same as a graph, for the mapper: who reaches whom, with weights of 0.
    pub fn structure(&self) -> LifGraph {
        let population = |vertex: &Vertex| {
            let model = match &vertex.role {
                // a stage that picks one of one: each gate listens to one neuron
                Role::Neurons { constants: Constants::GATE, .. } => NeuronModel::Select { ways: 1 },
                Role::Neurons { thresholds, .. } => {
                    let decay = Decay { multiplier: 0, shift: 1, rounding: lif_graph::Rounding::Ceiling };
                    let membrane = lif_graph::Membrane { decay, input_shift: 0, bias: vec![0], bits: 32 };
                    NeuronModel::Lif { membrane, threshold: thresholds.clone() }
                }
                _ => NeuronModel::Source,
            };
            lif_graph::Population { name: vertex.name.clone(), shape: vertex.shape, model }
        };
        let projection = |edge: &Edge| {
            let [from, to] = [edge.source, edge.target].map(|vertex| self.vertices[vertex].shape);
            let connectivity = match edge.origin {
                Origin::Projection(id) => self.graph.projection(id).connectivity,
                Origin::Picks => Connectivity::Pick,
                Origin::Gates(..) | Origin::Bias(_) => Connectivity::Dense,
            };
            let weights = match connectivity {
                Connectivity::Dense => from.neurons() * to.neurons(),
                Connectivity::Pick => 0,
                Connectivity::Conv2d(kernel) | Connectivity::ConvTranspose2d(kernel) => {
                    (from.channels * to.channels * kernel.size * kernel.size) as usize
                }
            };
            lif_graph::Projection {
                name: edge.name.clone(),
                source: PopulationId::from_index(edge.source),
                target: PopulationId::from_index(edge.target),
                delay: edge.steps,
                connectivity,
                weights: vec![0; weights],
            }
        };
        LifGraph {
            name: self.graph.name.clone(),
            steps: self.graph.steps,
            populations: self.vertices.iter().map(population).collect(),
            projections: self.edges.iter().map(projection).collect(),
        }
    }
}

/// Why a graph has no such network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unsuited {
    /// No ticks are exactly a step of it.
    Decay {
        /// Whose.
        population: String,
        /// What it is.
        decay: Decay,
    },
    /// A step takes more or fewer ticks than those of the others.
    Decays {
        /// Whose.
        population: String,
        /// Its own, and those of the others.
        ticks: [u32; 2],
    },
    /// A loop is longer than a step.
    Loop {
        /// Of a step.
        ticks: u32,
    },
}

/// Ticks that are exactly a step.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Ticks {
    /// Each loses `2^-part` of a membrane.
    part: u8,
    count: u32,
}

impl Ticks {
    /// `None` if no ticks are a step of this decay.
    fn of(decay: Decay) -> Option<Self> {
        let lost = (1 << decay.shift) - decay.multiplier;
        let exponent = |power: u32| u32::from(decay.shift) - power.trailing_zeros();
        if decay.multiplier.is_power_of_two() {
            return Some(Self { part: 1, count: exponent(decay.multiplier) });
        }
        let part = exponent(lost) as u8;
        (lost.is_power_of_two() && (1..=SMALLEST_PART).contains(&part)).then_some(Self { part, count: 1 })
    }
}

struct Builder<'g> {
    graph: &'g LifGraph,
    mode: Mode,
    vertices: Vec<Vertex>,
    edges: Vec<Edge>,
    /// By population.
    vertex_of: Vec<Option<usize>>,
}

impl Builder<'_> {
    fn ids(&self) -> impl Iterator<Item = PopulationId> + use<> {
        (0..self.graph.populations.len()).map(PopulationId::from_index)
    }

    /// By population: whether it runs elsewhere, because a select stage's picks depend on it or it is one (buffered only).
    fn remote(&self) -> Vec<bool> {
        let mut remote = vec![false; self.graph.populations.len()];
        if self.mode == Mode::Substep {
            return remote;
        }
        let is_select = |id: &PopulationId| matches!(self.graph.population(*id).model, NeuronModel::Select { .. });
        let mut waiting: Vec<PopulationId> = self.ids().filter(is_select).collect();
        while let Some(id) = waiting.pop() {
            if !std::mem::replace(&mut remote[id.index()], true) {
                waiting.extend(self.graph.projections_into(id).map(|(_, projection)| projection.source));
            }
        }
        remote
    }

    /// The ticks that a step takes in every population here, because its decay does (buffered only).
    fn ticks(&self, remote: &[bool]) -> Result<u32, Unsuited> {
        let mut all = None;
        for population in self.ids().filter(|id| !remote[id.index()]).map(|id| self.graph.population(id)) {
            let NeuronModel::Lif { membrane, .. } = &population.model else { continue };
            let name = || population.name.clone();
            let Ticks { count, .. } =
                Ticks::of(membrane.decay).ok_or_else(|| Unsuited::Decay { population: name(), decay: membrane.decay })?;
            let others = *all.get_or_insert(count);
            if count != others {
                return Err(Unsuited::Decays { population: name(), ticks: [count, others] });
            }
        }
        Ok(all.unwrap_or(1))
    }

    fn add(&mut self, name: String, shape: Shape, role: Role) -> usize {
        self.vertices.push(Vertex { name, shape, role });
        self.vertices.len() - 1
    }

    /// Populations in the graph's order, each with its clock or picks before it. Constants follow when the ticks of a step are known.
    fn add_vertices(&mut self, remote: &[bool]) {
        for id in self.ids() {
            let population = self.graph.population(id);
            let (name, shape) = (population.name.clone(), population.shape);
            // a population that runs elsewhere is a source for those here that hear it
            let is_heard = self.graph.projections.iter().any(|projection| {
                let target = self.graph.population(projection.target);
                projection.source == id && !remote[projection.target.index()] && matches!(target.model, NeuronModel::Lif { .. })
            });
            let role = match &population.model {
                // a rule refuses images
                NeuronModel::Readout { .. } | NeuronModel::Image { .. } => continue,
                NeuronModel::Source => Role::Given(id),
                _ if remote[id.index()] && !is_heard => continue,
                _ if remote[id.index()] => Role::Given(id),
                NeuronModel::Lif { threshold, .. } => Role::Neurons { constants: Constants::losing(1), thresholds: threshold.clone() },
                NeuronModel::Select { ways } => {
                    let gates = Shape { channels: shape.channels * ways, ..shape };
                    let thresholds = vec![BOTH << Constants::GATE.ring_shift];
                    let picks = self.add(format!("{name}.picks"), gates, Role::Picks { ways: *ways });
                    let gate = self.add(name, gates, Role::Neurons { constants: Constants::GATE, thresholds });
                    self.vertex_of[id.index()] = Some(gate);
                    self.connect(picks, gate, 0, Origin::Picks, None);
                    continue;
                }
            };
            let clock = match &population.model {
                NeuronModel::Lif { membrane, .. }
                    if matches!(role, Role::Neurons { .. }) && membrane.bias.iter().any(|&bias| bias != 0) =>
                {
                    Some(self.add(format!("{name}.bias"), Shape::flat(1), Role::Clock))
                }
                _ => None,
            };
            let vertex = self.add(name, shape, role);
            self.vertex_of[id.index()] = Some(vertex);
            if let Some(clock) = clock {
                self.connect(clock, vertex, 0, Origin::Bias(id), None);
            }
        }
    }

    fn add_edges(&mut self, remote: &[bool]) {
        for (index, projection) in self.graph.projections.iter().enumerate() {
            let id = ProjectionId::from_index(index);
            let [source, target] = [projection.source, projection.target].map(|end| self.vertex_of[end.index()]);
            let (Some(source), Some(target)) = (source, target) else { continue };
            if remote[projection.target.index()] {
                continue;
            }
            let origin = match self.graph.population(projection.source).model {
                _ if projection.connectivity == Connectivity::Pick => Origin::Picks,
                NeuronModel::Select { ways } if !remote[projection.source.index()] => Origin::Gates(id, ways),
                _ => Origin::Projection(id),
            };
            self.connect(source, target, projection.delay, origin, Some(projection.name.clone()));
        }
    }

    fn connect(&mut self, source: usize, target: usize, steps: u8, origin: Origin, name: Option<String>) {
        let name = name.unwrap_or_else(|| format!("{}->{}", self.vertices[source].name, self.vertices[target].name));
        self.edges.push(Edge { name, source, target, steps, origin });
    }

    /// Leaks and thresholds in the machine's bits.
    fn set_constants(&mut self, plan: &Plan) {
        for id in self.ids() {
            let NeuronModel::Lif { membrane, threshold } = &self.graph.population(id).model else { continue };
            let Some(vertex) = self.vertex_of[id.index()] else { continue };
            let Role::Neurons { constants, thresholds } = &mut self.vertices[vertex].role else { continue };
            let Decay { multiplier, shift, .. } = membrane.decay;
            let bits = match self.mode {
                Mode::Buffered => {
                    *constants = Constants::losing(Ticks::of(membrane.decay).expect("checked before").part);
                    0
                }
                Mode::Substep => {
                    *constants = Constants::root(multiplier, shift, plan.ticks_per_step);
                    ROOT_SHIFT
                }
            };
            // above the threshold is at its next integer; a rule keeps the shifted ones in 32 bits
            *thresholds = threshold.iter().map(|&threshold| threshold.saturating_mul(1 << bits).saturating_add(1)).collect();
        }
    }
}
