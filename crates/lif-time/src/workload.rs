//! From recorded spikes to what every core does in a tick, and how often each thing happens.
//!
//! Neurons of a core are updated in the slice's order. A neuron that fires sends a packet by each of its axons before the next neuron's
//! turn. A select stage is what chips need for it: of each channel `ways` gates, each with a line for the random pick, which send to
//! the neuron that joins them; the picks come from outside when the tick begins.

use crate::engine::{CoreWork, Emission};
use crate::layout::{Core, Layout, Place};
use crate::prices::Prices;
use crate::schedule::Schedule;
use crate::{Spike, TimeError};
use lif_graph::{LifGraph, NeuronModel, PopulationId};
use std::ops::Range;

/// How often things happen in one core.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[allow(missing_docs, reason = "the stages of a core")]
pub struct Counts {
    pub inactive: u64,
    pub active: u64,
    pub spikes: u64,
    /// Packets that it sent, and what they took on their ways, in femtojoules.
    pub sent: u64,
    pub network_energy: u64,
    /// Packets that came.
    pub received: u64,
    pub synapses: u64,
    pub convolution: u64,
}

impl Counts {
    /// Adds another's.
    pub fn add(&mut self, other: &Self) {
        self.inactive += other.inactive;
        self.active += other.active;
        self.spikes += other.spikes;
        self.sent += other.sent;
        self.network_energy += other.network_energy;
        self.received += other.received;
        self.synapses += other.synapses;
        self.convolution += other.convolution;
    }
}

/// The recorded spikes of one image, by step and population.
#[derive(Clone, Debug)]
pub struct Recording<'s> {
    spikes: &'s [Spike],
    ranges: Vec<Range<usize>>,
    populations: usize,
}

impl<'s> Recording<'s> {
    /// Takes spikes in the order of step, population and neuron.
    ///
    /// # Errors
    /// [`TimeError::Spikes`] for another order, and for spikes that the graph has no neuron or step for.
    pub fn new(graph: &LifGraph, spikes: &'s [Spike]) -> Result<Self, TimeError> {
        let populations = graph.populations.len();
        let error = |spike: &Spike, what: &str| TimeError::Spikes {
            graph: graph.name.clone(),
            cause: format!("step {}, population {}, neuron {}: {what}", spike.step, spike.population.0, spike.neuron),
        };
        if let Some(pair) = spikes.windows(2).find(|pair| pair[0] >= pair[1]) {
            return Err(error(&pair[1], "it comes too late, or twice"));
        }
        let mut ranges = Vec::with_capacity(graph.steps as usize * populations);
        let mut at = 0;
        for step in 0..graph.steps {
            for (population, row) in (0..).map(PopulationId).zip(&graph.populations) {
                let here = spikes[at..].iter().take_while(|spike| (spike.step, spike.population) == (step, population)).count();
                if let Some(spike) = spikes[at..at + here].last().filter(|spike| spike.neuron as usize >= row.shape.neurons()) {
                    return Err(error(spike, "there is no such neuron"));
                }
                ranges.push(at..at + here);
                at += here;
            }
        }
        match spikes.get(at) {
            Some(spike) => Err(error(spike, "there is no such step or population")),
            None => Ok(Self { spikes, ranges, populations }),
        }
    }

    /// Who fired.
    pub fn of(&self, step: u32, population: PopulationId) -> &'s [Spike] {
        let range = &self.ranges[step as usize * self.populations + population.index()];
        &self.spikes[range.clone()]
    }
}

/// Neurons that had nothing to do: by step and population, ascending.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Idle {
    /// By step, then by population; shorter lists are followed by empty ones.
    pub neurons: Vec<Vec<Vec<u32>>>,
}

impl Idle {
    /// Who they were.
    pub fn of(&self, step: u32, population: PopulationId) -> &[u32] {
        self.neurons.get(step as usize).and_then(|populations| populations.get(population.index())).map_or(&[], Vec::as_slice)
    }
}

/// The work of one tick, made anew for each.
#[derive(Clone, Debug)]
pub struct Workload {
    /// By core.
    pub work: Vec<CoreWork>,
    /// By core.
    pub counts: Vec<Counts>,
    walks: Vec<Walk>,
    heard: Vec<u32>,
    /// By axon: its packets of this tick.
    sent: Vec<u32>,
}

/// How far a core's neurons are.
#[derive(Clone, Debug, Default)]
struct Walk {
    /// Neurons that were updated.
    done: u64,
    /// Of those below this number.
    idle: Vec<u32>,
    idle_done: usize,
    /// Picoseconds since the last packet.
    since: u64,
}

/// What a workload follows from.
pub(crate) struct Source<'a> {
    pub graph: &'a LifGraph,
    pub layout: &'a Layout,
    pub prices: &'a Prices,
    pub schedule: &'a Schedule,
    pub recording: &'a Recording<'a>,
    pub idle: &'a Idle,
}

impl Workload {
    /// For these cores.
    pub fn new(layout: &Layout) -> Self {
        let cores = layout.cores.len();
        Self {
            work: vec![CoreWork::default(); cores],
            counts: vec![Counts::default(); cores],
            walks: vec![Walk::default(); cores],
            heard: vec![],
            sent: vec![0; layout.axons.len()],
        }
    }

    /// The work of a tick.
    pub(crate) fn fill(&mut self, source: &Source<'_>, tick: u32) {
        for work in &mut self.work {
            work.emissions.clear();
            (work.tail, work.head) = (0, 0);
        }
        self.counts.fill(Counts::default());
        for walk in &mut self.walks {
            walk.idle.clear();
            (walk.done, walk.idle_done, walk.since) = (0, 0, 0);
        }
        let Source { graph, layout, schedule, .. } = *source;
        let mut holds = vec![false; graph.populations.len()];
        for (index, hold) in holds.iter_mut().enumerate() {
            let population = PopulationId::from_index(index);
            match schedule.step(population, tick, graph.steps) {
                None => *hold = true,
                Some(step) => self.population(source, population, step),
            }
        }
        for (index, core) in layout.cores.iter().enumerate() {
            let walk = &mut self.walks[index];
            if holds[core.population.index()] && schedule.cadences[core.population.index()].leaks {
                self.counts[index].active += core.neurons;
                walk.since += core.neurons * source.prices.neuron_active.time;
            } else if holds[core.population.index()] {
                self.counts[index].inactive += core.neurons;
                walk.since += core.neurons * source.prices.neuron_inactive.time;
            } else if core.ways.is_none() {
                walk.on(core.neurons, source.prices, &mut self.counts[index]);
            }
            self.work[index].tail = walk.since;
        }
        self.count(layout);
    }

    /// What the packets bring, each axon's all at once: hardly any sends a single one.
    fn count(&mut self, layout: &Layout) {
        for (sent, axon) in self.sent.iter_mut().zip(&layout.axons).filter(|(sent, _)| **sent > 0) {
            let times = u64::from(std::mem::take(sent));
            let sender = &mut self.counts[axon.sender as usize];
            sender.sent += times;
            sender.network_energy += times * axon.energy;
            for arrival in &layout.arrivals[axon.arrivals as usize..(axon.arrivals + axon.reached) as usize] {
                let counts = &mut self.counts[arrival.core as usize];
                counts.received += times;
                counts.synapses += times * u64::from(arrival.synapses);
                counts.convolution += times * u64::from(arrival.convolution);
            }
        }
    }

    fn population(&mut self, source: &Source<'_>, population: PopulationId, step: u32) {
        let places = &source.layout.places[population.index()];
        let spikes = source.recording.of(step, population);
        for &neuron in source.idle.of(step, population) {
            let place = &places[neuron as usize];
            self.walks[place.core as usize].idle.push(place.local);
        }
        let from_outside = match source.graph.population(population).model {
            NeuronModel::Select { .. } => return self.select(source, population, step, spikes),
            NeuronModel::Source | NeuronModel::Image { .. } => true,
            NeuronModel::Lif { .. } | NeuronModel::Readout { .. } => false,
        };
        for spike in spikes {
            let place = places[spike.neuron as usize];
            let index = place.core as usize;
            let (walk, counts) = (&mut self.walks[index], &mut self.counts[index]);
            if !from_outside {
                walk.on(u64::from(place.local) + 1, source.prices, counts);
                walk.since += source.prices.spike.time;
                counts.spikes += 1;
            }
            self.emit(source.prices, index, spike.neuron, place);
        }
    }

    /// Gates, channel by channel, and then the neurons that join them.
    fn select(&mut self, source: &Source<'_>, population: PopulationId, step: u32, spikes: &[Spike]) {
        let Source { graph, layout, prices, recording, .. } = *source;
        let places = &layout.places[population.index()];
        let (_, pick) = graph.projections_into(population).next().expect("a rule: a select stage has one pick");
        let heard = step.checked_sub(u32::from(pick.delay)).map_or(&[][..], |step| recording.of(step, pick.source));
        for (index, core) in (0..).zip(&layout.cores).filter(|(_, core)| core.population == population) {
            let &Core { ways: Some(ways), gate_axon: Some(gate_axon), region, .. } = core else { continue };
            let [first, end] = region.channels;
            self.heard.clear();
            self.heard.resize((end - first) as usize, 0);
            for spike in heard {
                if let Some(count) = (spike.neuron / ways).checked_sub(first).and_then(|channel| self.heard.get_mut(channel as usize)) {
                    *count += 1;
                }
            }
            let fires = |channel: u32| spikes.binary_search_by_key(&channel, |spike| spike.neuron).is_ok();
            for channel in first..end {
                // gates that hear their neuron, and the one that is picked
                let fired = fires(channel);
                let active = u64::from(self.heard[(channel - first) as usize]) + u64::from(!fired);
                self.update(prices, index, active, u64::from(ways) - active);
                if fired {
                    self.fire(prices, index);
                    self.emit(prices, index, channel, Place { axons: gate_axon, axon_count: 1, ..Place::default() });
                }
            }
            for channel in first..end {
                let fired = fires(channel);
                self.update(prices, index, u64::from(fired), u64::from(!fired));
                if fired {
                    self.fire(prices, index);
                    self.emit(prices, index, channel, places[channel as usize]);
                }
            }
            let picks = u64::from(end - first);
            self.work[index].head = picks * (prices.axon_in.time + prices.synapse.time);
            self.counts[index].received += picks;
            self.counts[index].synapses += picks;
        }
    }

    fn update(&mut self, prices: &Prices, core: usize, active: u64, inactive: u64) {
        self.walks[core].since += active * prices.neuron_active.time + inactive * prices.neuron_inactive.time;
        self.counts[core].active += active;
        self.counts[core].inactive += inactive;
    }

    fn fire(&mut self, prices: &Prices, core: usize) {
        self.walks[core].since += prices.spike.time;
        self.counts[core].spikes += 1;
    }

    /// A packet by each axon of a neuron.
    #[inline]
    fn emit(&mut self, prices: &Prices, core: usize, neuron: u32, place: Place) {
        let walk = &mut self.walks[core];
        let emissions = &mut self.work[core].emissions;
        for axon in place.axons..place.axons + place.axon_count {
            emissions.push(Emission { before: walk.since + prices.axon_out.time, axon, neuron });
            walk.since = 0;
            self.sent[axon as usize] += 1;
        }
    }
}

impl Walk {
    /// Updates all neurons up to the `until`-th.
    fn on(&mut self, until: u64, prices: &Prices, counts: &mut Counts) {
        let from = self.idle_done;
        while self.idle.get(self.idle_done).is_some_and(|&local| u64::from(local) < until) {
            self.idle_done += 1;
        }
        let inactive = (self.idle_done - from) as u64;
        let active = until - self.done - inactive;
        self.done = until;
        self.since += active * prices.neuron_active.time + inactive * prices.neuron_inactive.time;
        counts.active += active;
        counts.inactive += inactive;
    }
}
