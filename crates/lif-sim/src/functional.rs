//! The functional engine: which neurons fire in which step, and the picture. No time, no energy: those need a chip.

use crate::kernel::{Kernel, Sums, Work};
use crate::picks::Heard;
use crate::program::{Dynamics, Part, Population, Program, Rows, Stage, engine_place, graph_index};
use crate::spikes::{Readers, Spikes};
use crate::{Drawing, Event, GivenSpikes, Record, SimError};
use lif_graph::{LifGraph, PopulationId, Shape};
use std::ops::Range;

/// A network laid out for simulation. All threads share it; what changes lives in [`State`].
#[derive(Debug)]
pub struct Engine {
    program: Program,
    names: Vec<String>,
    kernel: Kernel,
}

/// The working memory of one thread: membranes, sums, spikes. Reused from image to image.
#[derive(Debug)]
pub struct State {
    membranes: Vec<Vec<i32>>,
    sums: Vec<Sums>,
    spikes: Vec<Spikes>,
    /// Of unread populations.
    heard: Vec<Option<Heard>>,
    /// By population: the neurons that a select stage picks in the steps of the chunk, `[step][channel]`.
    picked: Vec<Vec<u32>>,
    /// By position.
    counts: Vec<u32>,
}

/// What comes from outside for one image: the spikes of all sources, made and checked by [`Engine::inputs`], and pixels, by
/// [`Engine::with_image`].
#[derive(Clone, Debug, Default)]
pub struct Inputs {
    /// By population; a slot for each step.
    spikes: Vec<Option<Spikes>>,
    /// By population: what images add to each neuron's input at every step, row by row; empty where they add nothing.
    pub(crate) currents: Vec<Vec<i32>>,
}

/// What is being simulated.
#[derive(Clone, Copy)]
struct Chunk<'a> {
    part: &'a Part,
    seed: u64,
    image: u64,
    /// The step of slot 1.
    first: u32,
    inputs: &'a Inputs,
    skip_unread: bool,
}

impl Chunk<'_> {
    fn step(&self, slot: usize) -> u32 {
        self.first + slot as u32 - 1
    }
}

impl Engine {
    /// Lays a network out for simulation with this processor's best [`Kernel`].
    ///
    /// # Errors
    /// All that [`LifGraph::check`] finds.
    pub fn new(graph: &LifGraph) -> Result<Self, SimError> {
        Self::with_kernel(graph, Kernel::best())
    }

    /// Lays a network out for simulation with this kernel. Which one changes nothing but the time it takes.
    ///
    /// # Errors
    /// All that [`LifGraph::check`] finds.
    pub fn with_kernel(graph: &LifGraph, kernel: Kernel) -> Result<Self, SimError> {
        let names = graph.populations.iter().map(|population| population.name.clone()).collect();
        Ok(Self { program: Program::new(graph)?, names, kernel })
    }

    /// What it is simulated with.
    pub fn kernel(&self) -> Kernel {
        self.kernel
    }

    /// The read-out that draws the picture (the first of the table), and the picture's shape.
    pub fn picture(&self) -> Option<(PopulationId, Shape)> {
        let mut populations = self.program.populations.iter().enumerate();
        let readout = populations.find(|(_, population)| population.pixels.is_some());
        readout.map(|(index, population)| (PopulationId::from_index(index), population.shape))
    }

    /// The populations that [`Record::skip_unread`] leaves out: those whose spikes nobody but select stages reads.
    pub fn unread(&self) -> Vec<PopulationId> {
        let populations = self.program.populations.iter().enumerate();
        populations.filter(|(_, population)| population.unread.is_some()).map(|(index, _)| PopulationId::from_index(index)).collect()
    }

    /// Working memory for this network.
    pub fn state(&self) -> State {
        let slots = 1 + self.program.chunk();
        let populations = || self.program.populations.iter();
        let membranes = |p: &Population| p.integration().map_or(0, |_| p.shape.height as usize * Rows::of(p.shape).stride);
        State {
            membranes: populations().map(|p| vec![0; membranes(p)]).collect(),
            sums: populations().map(|p| Sums::new(p, &self.program.projections, slots)).collect(),
            spikes: populations().map(|p| Spikes::new(p.shape, slots, p.readers)).collect(),
            heard: populations().map(|p| p.unread.as_ref().map(|unread| Heard::new(unread, slots))).collect(),
            picked: vec![Vec::new(); self.program.populations.len()],
            counts: Vec::new(),
        }
    }

    /// Checks the spikes that come from outside and lays them out. Sources that are not named stay silent.
    ///
    /// # Errors
    /// [`SimError::NotASource`], [`SimError::TooManySteps`], [`SimError::NoSuchNeuron`].
    pub fn inputs(&self, given: &[GivenSpikes]) -> Result<Inputs, SimError> {
        let program = &self.program;
        let mut spikes = vec![None; program.populations.len()];
        for GivenSpikes { population: id, neurons } in given {
            let population = program.populations.get(id.index()).filter(|population| matches!(population.dynamics, Dynamics::Source));
            let population = population.ok_or_else(|| SimError::NotASource { population: self.name(*id) })?;
            let (shape, steps) = (population.shape, program.steps);
            if neurons.len() > steps as usize {
                return Err(SimError::TooManySteps { population: self.name(*id), given: neurons.len(), steps });
            }
            let mut laid_out = Spikes::new(shape, neurons.len(), Readers::default());
            for (step, neurons) in neurons.iter().enumerate() {
                for &neuron in neurons {
                    if neuron as usize >= shape.neurons() {
                        return Err(SimError::NoSuchNeuron { population: self.name(*id), neuron, neurons: shape.neurons() });
                    }
                    let (y, lane) = engine_place(shape, neuron as usize);
                    laid_out.set(step, y, lane);
                }
            }
            spikes[id.index()] = Some(laid_out);
        }
        Ok(Inputs { spikes, currents: Vec::new() })
    }

    /// Adds the pixels of an image population, a byte for each neuron in the graph's order. An image that is not given brings no current.
    ///
    /// # Errors
    /// [`SimError::NotAnImage`], [`SimError::WrongPixels`].
    pub fn with_image(&self, mut inputs: Inputs, image: PopulationId, pixels: &[u8]) -> Result<Inputs, SimError> {
        self.program.add_currents(&mut inputs, image, pixels)?;
        Ok(inputs)
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
        self.draw_part(&self.program.whole, state, seed, image, inputs, record)
    }

    /// The picture in two parts, if it can be drawn so in notably less time; the two [joined](Drawing::join) are the drawing, unless events or
    /// membranes are recorded.
    pub(crate) fn halves(&self) -> Option<&[Part; 2]> {
        self.program.halves.as_ref()
    }

    /// [`Engine::draw`] of a part: counts of what it owns, and other parts' pixels as 0.
    pub(crate) fn draw_part(&self, part: &Part, state: &mut State, seed: u64, image: u64, inputs: &Inputs, record: Record) -> Drawing {
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
        let skip_unread = record.skip_unread && !record.events && !record.membranes;
        for first in (0..program.steps).step_by(program.chunk()) {
            let steps = (program.steps - first).min(program.chunk() as u32) as usize;
            let chunk = Chunk { part, seed, image, first, inputs, skip_unread };
            self.pick(state, steps as u32, chunk);
            for stage in &program.stages {
                self.simulate(state, stage, 1..1 + steps, chunk);
            }
            self.count(state, part, 1..1 + steps, &mut drawing);
            if record.events {
                (1..1 + steps).for_each(|slot| self.record(&state.spikes, slot, chunk.step(slot), &mut drawing.events));
            }
            state.spikes.iter_mut().for_each(|spikes| spikes.carry(steps));
        }
        if let Some((id, _)) = self.picture() {
            drawing.pixels = self.pixels(state, part, id.index());
        }
        if record.membranes {
            drawing.membranes = (0..program.populations.len()).map(|index| self.membranes(state, index)).collect();
        }
        drawing
    }

    /// A stage's steps: population by population, or, where spikes come back, step by step.
    fn simulate(&self, state: &mut State, stage: &Stage, slots: Range<usize>, chunk: Chunk) {
        if stage.looped {
            for slot in slots {
                stage.populations.iter().for_each(|&population| self.update(state, population, slot..slot + 1, chunk));
            }
        } else {
            stage.populations.iter().for_each(|&population| self.update(state, population, slots.clone(), chunk));
        }
    }

    fn update(&self, state: &mut State, index: usize, slots: Range<usize>, chunk: Chunk) {
        let population = &self.program.populations[index];
        let rows = chunk.part.needed[index].clone();
        match population.dynamics {
            _ if rows.is_empty() => {}
            Dynamics::Integrate(_) if chunk.skip_unread && population.unread.is_some() => {
                slots.for_each(|slot| state.spikes[index].clear(slot));
            }
            Dynamics::Integrate(_) => {
                let State { membranes, sums, spikes, .. } = state;
                let (membranes, sums) = (&mut membranes[index][..], &mut sums[index]);
                let currents = chunk.inputs.currents.get(index).map_or(&[][..], |currents| currents);
                self.kernel.advance(Work { program: &self.program, population: index, rows, slots, currents, membranes, sums, spikes });
            }
            Dynamics::Select { source, .. } => slots.for_each(|slot| self.select(state, index, source, slot, chunk)),
            Dynamics::Image { .. } => {}
            Dynamics::Source => {
                let given = chunk.inputs.spikes.get(index).and_then(Option::as_ref);
                for slot in slots {
                    let spikes = &mut state.spikes[index];
                    match given.filter(|given| (chunk.step(slot) as usize) < given.slots()) {
                        Some(given) => spikes.copy(slot, given, chunk.step(slot) as usize),
                        None => spikes.clear(slot),
                    }
                }
            }
        }
    }

    /// Draws the picks of a chunk's steps: they do not depend on what fires.
    fn pick(&self, state: &mut State, steps: u32, chunk: Chunk) {
        for (population, picked) in self.program.populations.iter().zip(&mut state.picked) {
            let Dynamics::Select { ways, .. } = population.dynamics else { continue };
            let channels = population.shape.channels as usize;
            picked.resize(steps as usize * channels, 0);
            for (step, picked) in (chunk.first..).zip(picked.chunks_exact_mut(channels)) {
                self.kernel.pick(chunk.seed, chunk.image, step, ways, picked);
            }
        }
    }

    /// 1-of-k: fires the channels whose picked neighbour fires.
    fn select(&self, state: &mut State, index: usize, source: usize, slot: usize, chunk: Chunk) {
        let State { spikes, heard, picked, .. } = state;
        let mut picked = picked[index].chunks_exact(self.program.populations[index].shape.channels as usize).skip(slot - 1);
        let (now, next) = (picked.next().unwrap_or_default(), picked.next().unwrap_or_default());
        spikes[index].clear(slot);
        match (&self.program.populations[source].unread, &mut heard[source]) {
            (Some(unread), Some(heard)) if chunk.skip_unread => {
                heard.listen(unread, spikes, slot);
                heard.fire(self.kernel, unread, [now, next], slot, spikes[index].row_mut(slot, 0));
            }
            _ => {
                for (channel, &neuron) in now.iter().enumerate() {
                    if spikes[source].contains(slot, neuron as usize) {
                        spikes[index].set(slot, 0, channel);
                    }
                }
            }
        }
        spikes[index].list_row(slot, 0);
    }

    /// Adds a chunk's spikes and synaptic operations to the image's.
    fn count(&self, state: &mut State, part: &Part, slots: Range<usize>, drawing: &mut Drawing) {
        let State { spikes, counts, .. } = state;
        for (index, (population, spikes)) in self.program.populations.iter().zip(&*spikes).enumerate() {
            if population.pixels.is_some() {
                continue; // a read-out never fires
            }
            let (shape, owned) = (population.shape, &part.owned[index]);
            counts.clear();
            counts.resize(shape.pixels(), 0);
            self.kernel.tally(spikes, owned, slots.clone(), counts);
            drawing.spikes[index] += counts.iter().map(|&count| u64::from(count)).sum::<u64>();
            for delay in [0, 1] {
                let projections = self.program.projections.iter().enumerate();
                let mut readers = projections.filter(|(_, p)| (p.source, p.delay) == (index, delay)).peekable();
                if readers.peek().is_none() {
                    continue;
                }
                if delay == 1 {
                    // those of the slot before the chunk are heard in it, and those of its last slot are not
                    counts.fill(0);
                    self.kernel.tally(spikes, owned, slots.start - 1..slots.end - 1, counts);
                }
                for (reader, projection) in readers {
                    let [rows, columns] = &projection.fan_out;
                    let of_row = |counts: &[u32]| counts.iter().zip(columns).map(|(&count, each)| u64::from(count) * each).sum::<u64>();
                    let rows = counts.chunks_exact(shape.width as usize).zip(rows);
                    drawing.synaptic_operations[reader] += rows.map(|(counts, each)| of_row(counts) * each).sum::<u64>();
                }
            }
        }
    }

    /// Appends the spikes of one step, in the order of the populations and of their neurons.
    ///
    /// The engine lists them position by position, and the graph numbers them channel by channel: a counting sort by channel.
    fn record(&self, spikes: &[Spikes], slot: usize, step: u32, events: &mut Vec<Event>) {
        for (index, (population, spikes)) in self.program.populations.iter().zip(spikes).enumerate() {
            let (shape, population) = (population.shape, PopulationId::from_index(index));
            let mut places = vec![0; shape.channels as usize]; // for each channel first its spikes, then where the next one goes
            spikes.for_each(slot, |_, channel| places[channel as usize] += 1);
            let mut end = events.len();
            for place in &mut places {
                (*place, end) = (end, end + *place);
            }
            events.resize(end, Event { step, population, neuron: 0 });
            spikes.for_each(slot, |position, channel| {
                events[places[channel as usize]].neuron = graph_index(shape, position, channel);
                places[channel as usize] += 1;
            });
        }
    }

    /// Final membranes in the order of the graph's neurons; empty for a population that has none.
    fn membranes(&self, state: &State, index: usize) -> Vec<i32> {
        let (shape, membranes) = (self.program.populations[index].shape, &state.membranes[index]);
        let neurons = if membranes.is_empty() { 0 } else { shape.neurons() };
        let stride = Rows::of(shape).stride;
        (0..neurons).map(|neuron| engine_place(shape, neuron)).map(|(y, lane)| membranes[y * stride + lane]).collect()
    }

    /// Those of the part's own rows; the others are 0.
    fn pixels(&self, state: &State, part: &Part, readout: usize) -> Vec<u8> {
        let population = &self.program.populations[readout];
        let Some(pixels) = &population.pixels else { return Vec::new() };
        let (shape, membranes) = (population.shape, &state.membranes[readout]);
        let stride = Rows::of(shape).stride;
        let pixel =
            |(y, lane): (usize, usize)| if part.owned[readout].contains(&y) { pixels.pixel(membranes[y * stride + lane]) } else { 0 };
        (0..shape.neurons()).map(|neuron| pixel(engine_place(shape, neuron))).collect()
    }
}

impl State {
    /// Before an image: membranes 0, no spikes in the step before. The sums are 0 after every update.
    fn reset(&mut self) {
        self.membranes.iter_mut().for_each(|membranes| membranes.fill(0));
        self.spikes.iter_mut().for_each(|spikes| spikes.clear(0));
    }
}
