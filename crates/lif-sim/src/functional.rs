//! The functional engine: which neurons fire in which step, and the picture. No time, no energy: those need a chip.

use crate::kernel::{self, Neurons, Spikes, Sum};
use crate::program::{Dynamics, Integration, Population, Program, engine_index, graph_index};
use crate::{Drawing, Event, GivenSpikes, Record, SimError};
use lif_graph::{LifGraph, PopulationId, Shape, philox};

/// A network laid out for simulation. All threads share it; what changes lives in [`State`].
#[derive(Debug)]
pub struct Engine {
    program: Program,
    names: Vec<String>,
}

/// The working memory of one thread: membranes, sums, spike lists. Reused from image to image.
#[derive(Debug)]
pub struct State {
    membranes: Vec<Vec<i32>>,
    sums: Vec<AnySums>,
    /// Of this step and of the step before, by the step's parity.
    spikes: Vec<[Spikes; 2]>,
}

/// One population's summed weights.
#[derive(Debug)]
enum AnySums {
    Narrow(Sums<i16>),
    Wide(Sums<i32>),
}

#[derive(Debug)]
struct Sums<S> {
    sums: Vec<S>,
    /// Room for one spike's whole kernel.
    patch: Vec<S>,
}

/// The spikes of all sources for one image; made and checked by [`Engine::inputs`].
#[derive(Clone, Debug, Default)]
pub struct Inputs {
    /// By population (empty where nothing is given), then by step.
    spikes: Vec<Vec<Spikes>>,
}

/// What is being simulated.
#[derive(Clone, Copy)]
struct Moment {
    seed: u64,
    image: u64,
    step: u32,
}

impl Moment {
    /// Where spikes of this delay are found: 0 means this step's, 1 the step's before.
    fn slot(self, delay: u8) -> usize {
        (self.step as usize + usize::from(delay)) % 2
    }
}

impl Engine {
    /// Lays a network out for simulation.
    ///
    /// # Errors
    /// All that [`LifGraph::check`] finds.
    pub fn new(graph: &LifGraph) -> Result<Self, SimError> {
        Ok(Self { program: Program::new(graph)?, names: graph.populations.iter().map(|population| population.name.clone()).collect() })
    }

    /// The read-out that draws the picture (the first of the table), and the picture's shape.
    pub fn picture(&self) -> Option<(PopulationId, Shape)> {
        let mut populations = self.program.populations.iter().enumerate();
        let readout = populations.find(|(_, population)| matches!(population.dynamics, Dynamics::Readout { .. }));
        readout.map(|(index, population)| (PopulationId::from_index(index), population.shape))
    }

    /// Working memory for this network.
    pub fn state(&self) -> State {
        let populations = || self.program.populations.iter();
        State {
            membranes: populations().map(|p| vec![0; p.integration().map_or(0, |_| p.shape.neurons())]).collect(),
            sums: populations().map(|p| self.sums(p)).collect(),
            spikes: populations().map(|p| [Spikes::new(p.shape), Spikes::new(p.shape)]).collect(),
        }
    }

    fn sums(&self, population: &Population) -> AnySums {
        let patches = population.inputs.iter().map(|&input| self.program.projections[input].patch_lanes());
        let patch = patches.max().unwrap_or(0);
        let neurons = population.shape.neurons();
        match population.integration() {
            Some(Integration { narrow: true, .. }) => AnySums::Narrow(Sums { sums: vec![0; neurons], patch: vec![0; patch] }),
            Some(_) => AnySums::Wide(Sums { sums: vec![0; neurons], patch: vec![0; patch] }),
            None => AnySums::Narrow(Sums { sums: Vec::new(), patch: Vec::new() }),
        }
    }

    /// Checks the spikes that come from outside and lays them out. Sources that are not named stay silent.
    ///
    /// # Errors
    /// [`SimError::NotASource`], [`SimError::TooManySteps`], [`SimError::NoSuchNeuron`].
    pub fn inputs(&self, given: &[GivenSpikes]) -> Result<Inputs, SimError> {
        let program = &self.program;
        let mut spikes = vec![Vec::new(); program.populations.len()];
        for GivenSpikes { population: id, neurons } in given {
            let population = program.populations.get(id.index()).filter(|population| matches!(population.dynamics, Dynamics::Source));
            let population = population.ok_or_else(|| SimError::NotASource { population: self.name(*id) })?;
            let steps = program.steps;
            if neurons.len() > steps as usize {
                return Err(SimError::TooManySteps { population: self.name(*id), given: neurons.len(), steps });
            }
            let shape = population.shape;
            let lay_out = |neurons: &Vec<u32>| {
                let mut fired = Vec::with_capacity(neurons.len());
                for &neuron in neurons {
                    if neuron as usize >= shape.neurons() {
                        return Err(SimError::NoSuchNeuron { population: self.name(*id), neuron, neurons: shape.neurons() });
                    }
                    fired.push(engine_index(shape, neuron as usize));
                }
                fired.sort_unstable();
                fired.dedup();
                let mut spikes = Spikes::new(shape);
                fired.iter().for_each(|index| spikes.push(index / shape.channels as usize, (index % shape.channels as usize) as u32));
                Ok(spikes)
            };
            spikes[id.index()] = neurons.iter().map(lay_out).collect::<Result<_, _>>()?;
        }
        Ok(Inputs { spikes })
    }

    fn name(&self, id: PopulationId) -> String {
        self.names.get(id.index()).cloned().unwrap_or_else(|| format!("number {}", id.0))
    }

    /// Simulates one image: image `image` of `seed`, the same whatever is drawn beside it. `Inputs::default()` for a network without
    /// sources.
    ///
    /// # Panics
    /// If `state` or `inputs` belong to another network.
    pub fn draw(&self, state: &mut State, seed: u64, image: u64, inputs: &Inputs, record: Record) -> Drawing {
        let program = &self.program;
        state.reset();
        let mut drawing = Drawing {
            image,
            pixels: Vec::new(),
            spikes: vec![0; program.populations.len()],
            synaptic_operations: vec![0; program.projections.len()],
            membranes: Vec::new(),
            events: Vec::new(),
        };
        for step in 0..program.steps {
            let moment = Moment { seed, image, step };
            for &population in &program.order {
                self.update(state, population, moment, inputs, &mut drawing.synaptic_operations);
            }
            for (index, spikes) in state.spikes.iter().enumerate() {
                let spikes = &spikes[moment.slot(0)];
                drawing.spikes[index] += spikes.total();
                if record.events {
                    self.record(index, step, spikes, &mut drawing.events);
                }
            }
        }
        if let Some((id, _)) = self.picture() {
            drawing.pixels = self.pixels(state, id.index());
        }
        if record.membranes {
            drawing.membranes = (0..program.populations.len()).map(|index| self.membranes(state, index)).collect();
        }
        drawing
    }

    /// One population's step: sum up what the spikes bring, update the neurons, list who fires.
    fn update(&self, state: &mut State, index: usize, moment: Moment, inputs: &Inputs, operations: &mut [u64]) {
        let State { membranes, sums, spikes } = state;
        match &self.program.populations[index].dynamics {
            Dynamics::Lif { .. } | Dynamics::Readout { .. } => match &mut sums[index] {
                AnySums::Narrow(sums) => self.integrate(index, moment, &mut membranes[index], sums, spikes, operations),
                AnySums::Wide(sums) => self.integrate(index, moment, &mut membranes[index], sums, spikes, operations),
            },
            &Dynamics::Select { ways, source } => {
                let now = moment.slot(0);
                spikes[index][now].clear();
                for channel in 0..spikes[index][now].channel_count as u32 {
                    let way = philox::pick(moment.seed, moment.image, moment.step, channel, ways);
                    if spikes[source][now].contains(0, channel * ways + way) {
                        spikes[index][now].push(0, channel);
                    }
                }
            }
            &Dynamics::Draw { channel } => {
                let (shape, now) = (self.program.populations[index].shape, moment.slot(0));
                let drawn = engine_index(shape, philox::pick(moment.seed, moment.image, 0, channel, shape.neurons() as u32) as usize);
                spikes[index][now].clear();
                spikes[index][now].push(drawn / shape.channels as usize, (drawn % shape.channels as usize) as u32);
            }
            Dynamics::Source => match inputs.spikes.get(index).and_then(|steps| steps.get(moment.step as usize)) {
                Some(given) => spikes[index][moment.slot(0)].clone_from(given),
                None => spikes[index][moment.slot(0)].clear(),
            },
        }
    }

    fn integrate<S: Sum>(
        &self,
        index: usize,
        moment: Moment,
        membranes: &mut [i32],
        sums: &mut Sums<S>,
        spikes: &mut [[Spikes; 2]],
        operations: &mut [u64],
    ) {
        let population = &self.program.populations[index];
        let Sums { sums, patch } = sums;
        for &input in &population.inputs {
            let projection = &self.program.projections[input];
            let arriving = &spikes[projection.source][moment.slot(projection.delay)];
            operations[input] += kernel::deliver(projection, arriving, sums, patch);
        }
        match &population.dynamics {
            Dynamics::Lif { integration, threshold } => {
                kernel::fire(Neurons { integration, membranes, sums }, threshold, &mut spikes[index][moment.slot(0)]);
            }
            Dynamics::Readout { integration, .. } => kernel::integrate(Neurons { integration, membranes, sums }),
            Dynamics::Select { .. } | Dynamics::Source | Dynamics::Draw { .. } => {}
        }
    }

    /// Appends one population's spikes of one step, in the order of its neurons.
    ///
    /// The engine lists them position by position, and the graph numbers them channel by channel: a counting sort by channel.
    fn record(&self, index: usize, step: u32, spikes: &Spikes, events: &mut Vec<Event>) {
        let (shape, population) = (self.program.populations[index].shape, PopulationId::from_index(index));
        let positions = 0..shape.pixels();
        let mut places = vec![0; shape.channels as usize]; // for each channel first its spikes, then where the next one goes
        for position in positions.clone() {
            spikes.at(position).iter().for_each(|&channel| places[channel as usize] += 1);
        }
        let mut end = events.len();
        for place in &mut places {
            (*place, end) = (end, end + *place);
        }
        events.resize(end, Event { step, population, neuron: 0 });
        for position in positions {
            for &channel in spikes.at(position) {
                events[places[channel as usize]].neuron = graph_index(shape, position, channel);
                places[channel as usize] += 1;
            }
        }
    }

    /// Final membranes in the order of the graph's neurons; empty for a population that has none.
    fn membranes(&self, state: &State, index: usize) -> Vec<i32> {
        let shape = self.program.populations[index].shape;
        let membranes = &state.membranes[index];
        (0..membranes.len()).map(|neuron| membranes[engine_index(shape, neuron)]).collect()
    }

    fn pixels(&self, state: &State, readout: usize) -> Vec<u8> {
        match &self.program.populations[readout].dynamics {
            Dynamics::Readout { pixels, .. } => self.membranes(state, readout).into_iter().map(|v| pixels.pixel(v)).collect(),
            _ => Vec::new(),
        }
    }
}

impl State {
    /// Before an image: membranes 0, no spikes. The sums are 0 after every update.
    fn reset(&mut self) {
        self.membranes.iter_mut().for_each(|membranes| membranes.fill(0));
        self.spikes.iter_mut().flatten().for_each(Spikes::clear);
    }
}
