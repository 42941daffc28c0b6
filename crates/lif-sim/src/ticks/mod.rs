//! The tick-level simulator: a graph at the ticks of a schedule, as a chip runs it.
//!
//! The functional [`Engine`](crate::Engine) knows model steps. A chip knows ticks: spikes are on their way for some, membranes are held
//! or leak between steps, the feed-forward part runs later from a buffer ([`lif_map::schedule`](mod@lif_map::schedule)). This engine does
//! all of that, tick by tick, and shows it:
//!
//! ```text
//!   for each domain, for each of its ticks, for each population:
//!
//!      sums that arrive now --> decay, bias --> membrane --> spikes --fan-out--> sums that arrive `latency` ticks later
//!        (ring of ticks)        as the domain's [`Between`] says           \---> [`TickView`], and the drawing
//! ```
//!
//! In the modes `stepped`, `phased` and `buffered` the drawings are those of the functional engine and of the reference interpreter, in
//! every spike and every membrane (where no membrane leaks between steps). In the mode `substep` a membrane decays at every tick by a root
//! of the step's decay and is rounded each time, as on a chip; the drawings are then the chip's own.
//!
//! Written to be read. It follows spikes, so that a full-size network takes a fraction of a second an image.

mod fan;

use crate::{Batch, Drawing, Event, GivenSpikes, SimError};
use fan::Fan;
use lif_graph::{LifGraph, Membrane, NeuronModel, PopulationId, ProjectionId, philox};
use lif_map::Schedule;
use lif_map::schedule::{Between, Domain};
use rayon::prelude::*;
use std::ops::Range;

/// A graph with its schedule, laid out for simulation.
pub struct TickEngine<'g> {
    graph: &'g LifGraph,
    schedule: &'g Schedule,
    order: Vec<PopulationId>,
    fans: Vec<Fan>,
    /// By projection: ticks from a source's step to the step of its target that hears it.
    latencies: Vec<usize>,
}

/// All that there is to see after a tick.
pub struct TickView<'a> {
    /// Index of the domain.
    pub domain: usize,
    /// The first image of the domain's run. In a domain that streams, it is the first of all.
    pub image: u64,
    /// Counted from 1.
    pub tick: u64,
    /// By population: the neurons that fired at this tick, ascending. Empty for populations of other domains.
    pub spikes: &'a [Vec<u32>],
    /// By population: membranes, after resets. Empty for populations without any, zeros in other domains.
    pub membranes: &'a [Vec<i32>],
}

/// One domain under way.
struct Run<'a> {
    domain: usize,
    images: Range<u64>,
    seed: u64,
    tick: u64,
    /// By population.
    membranes: Vec<Vec<i32>>,
    /// By population, by tick modulo the length of the ring: what arrives then. A select stage's are its source's spikes.
    arriving: Vec<Vec<Vec<i32>>>,
    /// By population.
    spikes: Vec<Vec<u32>>,
    given: &'a [GivenSpikes],
}

/// The step that a population does at a tick.
#[derive(Clone, Copy)]
struct Step {
    /// The image; beyond the last one where the first populations run on.
    image: u64,
    /// In the image; beyond the last one likewise.
    step: u32,
}

impl<'g> TickEngine<'g> {
    /// Lays a graph out.
    ///
    /// # Errors
    /// All that [`LifGraph::check`] finds.
    ///
    /// # Panics
    /// If the schedule is that of another graph.
    pub fn new(graph: &'g LifGraph, schedule: &'g Schedule) -> Result<Self, SimError> {
        graph.check()?;
        let sizes = (schedule.populations.len(), schedule.waits.len());
        assert_eq!(sizes, (graph.populations.len(), graph.projections.len()), "a schedule of another graph");
        let fan = |projection: &lif_graph::Projection| {
            let [from, to] = [projection.source, projection.target].map(|end| graph.population(end).shape);
            Fan::new(projection, from, to)
        };
        let latency = |index| schedule.latency(graph, ProjectionId::from_index(index)) as usize;
        Ok(Self {
            graph,
            schedule,
            order: graph.update_order(),
            fans: graph.projections.iter().map(fan).collect(),
            latencies: (0..graph.projections.len()).map(latency).collect(),
        })
    }

    /// Draws images, and shows every tick of every domain on the way. `given` are the spikes of sources, the same for each image.
    ///
    /// Events are those of the images' steps. Spikes before a population's first step and behind its last, which some schedules have,
    /// are only seen by `watch`.
    ///
    /// # Errors
    /// [`SimError::NotASource`], [`SimError::NoSuchNeuron`] for spikes that cannot be given.
    pub fn draw(
        &self,
        seed: u64,
        images: Range<u64>,
        given: &[GivenSpikes],
        mut watch: impl FnMut(TickView<'_>),
    ) -> Result<Vec<Drawing>, SimError> {
        self.check(given)?;
        let mut drawings: Vec<Drawing> = images.clone().map(|image| self.blank(image)).collect();
        for (index, domain) in self.schedule.domains.iter().enumerate() {
            let alone = |image| image..image + 1;
            let runs: Vec<Range<u64>> = if domain.streams { vec![images.clone()] } else { images.clone().map(alone).collect() };
            for run in runs {
                let of_run = (run.start - images.start) as usize..(run.end - images.start) as usize;
                self.run(index, seed, run, given, &mut drawings[of_run], &mut watch);
            }
        }
        for drawing in &mut drawings {
            self.finish(drawing);
        }
        Ok(drawings)
    }

    /// Draws the images of a batch as [`Workers::draw`](crate::Workers::draw) does, each by itself, sources silent: `digest` runs beside
    /// other images on so many threads (0: one for each processor), `take` gets what it makes in the order of the images. Events and
    /// membranes are always recorded.
    ///
    /// # Errors
    /// The first error of `take`, which ends the batch; [`SimError::Threads`].
    pub fn draw_batch<T: Send, E: From<SimError>>(
        &self,
        batch: &Batch,
        threads: usize,
        digest: impl Fn(Drawing) -> T + Sync,
        mut take: impl FnMut(T) -> Result<(), E>,
    ) -> Result<(), E> {
        let threads = rayon::ThreadPoolBuilder::new().num_threads(threads).build().map_err(|source| SimError::Threads { source })?;
        let together = 4 * threads.current_num_threads();
        let draw = |image| {
            let drawings = self.draw(batch.seed, image..image + 1, &[], |_| ()).expect("no spikes are given");
            drawings.into_iter().map(&digest).collect::<Vec<T>>()
        };
        let images: Vec<u64> = batch.images.clone().collect();
        for group in images.chunks(together) {
            let digested: Vec<Vec<T>> = threads.install(|| group.par_iter().copied().map(draw).collect());
            digested.into_iter().flatten().try_for_each(&mut take)?;
        }
        Ok(())
    }

    fn check(&self, given: &[GivenSpikes]) -> Result<(), SimError> {
        for GivenSpikes { population: id, neurons } in given {
            let population = self.graph.populations.get(id.index()).filter(|population| population.model == NeuronModel::Source);
            let population = population.ok_or_else(|| SimError::NotASource { population: format!("number {}", id.0) })?;
            let count = population.shape.neurons();
            if let Some(&neuron) = neurons.iter().flatten().find(|&&neuron| neuron as usize >= count) {
                return Err(SimError::NoSuchNeuron { population: population.name.clone(), neuron, neurons: count });
            }
        }
        Ok(())
    }

    fn blank(&self, image: u64) -> Drawing {
        Drawing {
            image,
            pixels: vec![],
            spikes: vec![0; self.graph.populations.len()],
            synaptic_operations: vec![0; self.graph.projections.len()],
            membranes: vec![vec![]; self.graph.populations.len()],
            events: vec![],
        }
    }

    /// Events in order, counts, the picture.
    fn finish(&self, drawing: &mut Drawing) {
        drawing.events.sort_unstable();
        let last = |population: &lif_graph::Population, membranes: &Vec<i32>| match &population.model {
            NeuronModel::Readout { pixels, .. } => Some(membranes.iter().map(|&v| pixels.pixel(v)).collect()),
            _ => None,
        };
        let mut pictures = self.graph.populations.iter().zip(&drawing.membranes).filter_map(|(population, v)| last(population, v));
        drawing.pixels = pictures.next().unwrap_or_default();
        for event in &drawing.events {
            drawing.spikes[event.population.index()] += 1;
            for (index, projection) in self.graph.projections.iter().enumerate() {
                if projection.source == event.population && event.step + u32::from(projection.delay) < self.graph.steps {
                    drawing.synaptic_operations[index] += self.fans[index].synapses(event.neuron);
                }
            }
        }
    }

    fn run(
        &self,
        index: usize,
        seed: u64,
        images: Range<u64>,
        given: &[GivenSpikes],
        drawings: &mut [Drawing],
        watch: &mut impl FnMut(TickView<'_>),
    ) {
        let (graph, domain) = (self.graph, &self.schedule.domains[index]);
        let inside = |id: PopulationId| self.schedule.populations[id.index()].domain == index;
        let ring = self.latencies.iter().max().map_or(1, |longest| longest + 1);
        let lanes = |id: PopulationId| match graph.population(id).model {
            _ if !inside(id) => 0,
            NeuronModel::Lif { .. } | NeuronModel::Readout { .. } => graph.population(id).shape.neurons(),
            NeuronModel::Select { ways } => graph.population(id).shape.neurons() * ways as usize,
            _ => 0,
        };
        let ids = || (0..graph.populations.len()).map(PopulationId::from_index);
        let rest = |id: PopulationId| vec![0; integrated(&graph.population(id).model).map_or(0, |_| graph.population(id).shape.neurons())];
        let mut run = Run {
            domain: index,
            seed,
            tick: 0,
            membranes: ids().map(rest).collect(),
            arriving: ids().map(|id| vec![vec![0; lanes(id)]; ring]).collect(),
            spikes: vec![vec![]; graph.populations.len()],
            given,
            images: images.clone(),
        };
        let more_images = images.end.saturating_sub(images.start + 1) * u64::from(graph.steps);
        let ticks = domain.ticks_per_image + if domain.streams { more_images } else { 0 };
        for tick in 1..=ticks {
            run.tick = tick;
            for buffer in self.schedule.buffers.iter().filter(|buffer| buffer.domain == index) {
                let step = self.step(domain, buffer.first_tick, &run);
                let spikes = step.and_then(|step| self.remembered(buffer.population, step, &images, drawings)).unwrap_or_default();
                self.send(buffer.population, &spikes, &mut run);
            }
            for &id in self.order.iter().filter(|&&id| inside(id)) {
                let step = self.step(domain, self.schedule.populations[id.index()].first_tick, &run);
                let spikes = self.update(id, domain, step, &mut run);
                self.send(id, &spikes, &mut run);
                if let Some(Step { image, step }) = step.filter(|step| images.contains(&step.image) && step.step < graph.steps) {
                    let drawing = &mut drawings[(image - images.start) as usize];
                    drawing.events.extend(spikes.iter().map(|&neuron| Event { step, population: id, neuron }));
                    if step + 1 == graph.steps {
                        drawing.membranes[id.index()].clone_from(&run.membranes[id.index()]);
                    }
                }
                run.spikes[id.index()] = spikes;
            }
            watch(TickView { domain: index, image: images.start, tick, spikes: &run.spikes, membranes: &run.membranes });
        }
    }

    /// The step of this tick, if it is one.
    fn step(&self, domain: &Domain, first_tick: u64, run: &Run<'_>) -> Option<Step> {
        let behind = run.tick.checked_sub(first_tick).filter(|behind| behind.is_multiple_of(domain.ticks_per_step))?;
        let number = behind / domain.ticks_per_step;
        let steps = u64::from(self.graph.steps);
        let (images, step) = if domain.streams { (number / steps, number % steps) } else { (0, number) };
        Some(Step { image: run.images.start + images, step: step as u32 })
    }

    /// What a population of an earlier domain sent in a step.
    fn remembered(&self, id: PopulationId, step: Step, images: &Range<u64>, drawings: &[Drawing]) -> Option<Vec<u32>> {
        let drawing = images.contains(&step.image).then(|| &drawings[(step.image - images.start) as usize])?;
        let events = drawing.events.iter().filter(|event| (event.population, event.step) == (id, step.step));
        Some(events.map(|event| event.neuron).collect())
    }

    /// One population's tick: the neurons that fire.
    fn update(&self, id: PopulationId, domain: &Domain, step: Option<Step>, run: &mut Run<'_>) -> Vec<u32> {
        let population = self.graph.population(id);
        let slot = run.tick as usize % run.arriving[id.index()].len();
        let arriving = std::mem::take(&mut run.arriving[id.index()][slot]);
        let spikes = match &population.model {
            NeuronModel::Source => {
                let given = run.given.iter().find(|given| given.population == id);
                let neurons = step.filter(|step| run.images.contains(&step.image)).and_then(|step| given?.neurons.get(step.step as usize));
                let mut neurons = neurons.cloned().unwrap_or_default();
                neurons.sort_unstable();
                neurons.dedup();
                neurons
            }
            NeuronModel::Select { ways } => step.map_or(vec![], |Step { image, step }| {
                let picked = |channel: u32| channel * ways + philox::pick(run.seed, image, step, channel, *ways);
                (0..population.shape.channels).filter(|&channel| arriving[picked(channel) as usize] > 0).collect()
            }),
            model => integrated(model).map_or(vec![], |(membrane, threshold)| {
                let heard = step.is_some() || domain.between == Between::Nothing;
                assert!(heard || arriving.iter().all(|&sum| sum == 0), "spikes arrive at steps");
                if heard || domain.between == Between::Leak {
                    let neurons = Neurons { membrane, threshold, shape: population.shape };
                    let decay = self.schedule.populations[id.index()].decay.unwrap_or(membrane.decay);
                    let steps = u64::from(self.graph.steps);
                    let clears = domain.streams && run.tick % steps == self.schedule.populations[id.index()].first_tick % steps;
                    neurons.update(&mut run.membranes[id.index()], &arriving, decay, heard, clears)
                } else {
                    vec![]
                }
            }),
        };
        let emptied = &mut run.arriving[id.index()][slot];
        *emptied = arriving;
        emptied.fill(0);
        spikes
    }

    /// Puts spikes on their way to all that hear them in the run's domain.
    fn send(&self, id: PopulationId, spikes: &[u32], run: &mut Run<'_>) {
        if spikes.is_empty() {
            return;
        }
        for (index, projection) in self.graph.projections.iter().enumerate() {
            let target = projection.target.index();
            if projection.source == id && self.schedule.populations[target].domain == run.domain {
                let ring = &mut run.arriving[target];
                let slot = (run.tick as usize + self.latencies[index]) % ring.len();
                spikes.iter().for_each(|&neuron| self.fans[index].add(neuron, &mut ring[slot]));
            }
        }
    }
}

/// Membrane and thresholds of a model that has them.
fn integrated(model: &NeuronModel) -> Option<(&Membrane, Option<&[i32]>)> {
    match model {
        NeuronModel::Lif { membrane, threshold } => Some((membrane, Some(threshold))),
        NeuronModel::Readout { membrane, .. } => Some((membrane, None)),
        _ => None,
    }
}

/// The neurons of one population.
struct Neurons<'g> {
    membrane: &'g Membrane,
    threshold: Option<&'g [i32]>,
    shape: lif_graph::Shape,
}

impl Neurons<'_> {
    /// `v = decay(v) + (sum << shift) + bias`, the bias at steps alone. A membrane stops at the end of its width, which it can reach only
    /// behind the image's last step: before, a rule of the graph forbids it.
    fn update(&self, membranes: &mut [i32], sums: &[i32], decay: lif_graph::Decay, biased: bool, clears: bool) -> Vec<u32> {
        let limit = (1i64 << (self.membrane.bits - 1)) - 1;
        let mut spikes = vec![];
        for (neuron, (v, &sum)) in membranes.iter_mut().zip(sums).enumerate() {
            let old = if clears { 0 } else { *v };
            let bias = if biased { i64::from(self.shape.value_of(&self.membrane.bias, neuron)) } else { 0 };
            let new = i64::from(decay.apply(old)) + (i64::from(sum) << self.membrane.input_shift) + bias;
            *v = new.clamp(-limit, limit) as i32;
            if self.threshold.is_some_and(|threshold| *v > self.shape.value_of(threshold, neuron)) {
                *v = 0;
                spikes.push(neuron as u32);
            }
        }
        spikes
    }
}
