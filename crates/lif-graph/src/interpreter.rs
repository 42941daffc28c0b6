//! The reference: the meaning of a graph, spelled out neuron by neuron and synapse by synapse.
//!
//! Written to be compared with, not to be fast: no event queue, no skipped zeros, 64-bit sums, and a panic where a sum does not fit
//! what the rules of the graph promise.

use crate::{Connectivity, Kernel, LifGraph, Membrane, NeuronModel, Population, PopulationId, Projection, Shape, philox};

/// Spikes of one population: `[step][neuron]`. Steps beyond the end are silent.
pub type SpikeTrain = Vec<Vec<bool>>;

/// One image on its way through a graph.
pub struct Interpreter<'g> {
    graph: &'g LifGraph,
    order: Vec<PopulationId>,
    seed: u64,
    image: u64,
    /// Steps done.
    step: u32,
    /// All below: one entry for each population.
    membranes: Vec<Vec<i32>>,
    inputs: Vec<Vec<i32>>,
    /// What the populations computed in this step.
    computed: Vec<Vec<bool>>,
    /// What their targets hear: the same, but for forced populations.
    sent: Vec<Vec<bool>>,
    sent_before: Vec<Vec<bool>>,
    forced: Vec<Option<SpikeTrain>>,
}

/// All that an image did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Run {
    /// `[step][population][neuron]`, as computed (not as forced).
    pub spikes: Vec<Vec<Vec<bool>>>,
    /// `[population][neuron]` after the last step; empty for populations without membranes.
    pub membranes: Vec<Vec<i32>>,
    /// `[population][neuron]`: the picture of each read-out.
    pub pixels: Vec<Option<Vec<u8>>>,
}

impl<'g> Interpreter<'g> {
    /// Ready for step 0 of image `image` of seed `seed`, all membranes 0, sources silent.
    ///
    /// # Panics
    /// If the graph breaks a rule.
    pub fn new(graph: &'g LifGraph, seed: u64, image: u64) -> Self {
        if let Err(violations) = graph.check() {
            panic!("only well-formed graphs can be interpreted: {violations}");
        }
        let silent: Vec<Vec<bool>> = graph.populations.iter().map(|population| vec![false; population.shape.neurons()]).collect();
        let rest = |population: &Population| match population.model {
            NeuronModel::Lif { .. } | NeuronModel::Readout { .. } => vec![0; population.shape.neurons()],
            NeuronModel::Select { .. } | NeuronModel::Source | NeuronModel::Draw { .. } => vec![],
        };
        let membranes: Vec<Vec<i32>> = graph.populations.iter().map(rest).collect();
        Self {
            graph,
            order: graph.update_order(),
            seed,
            image,
            step: 0,
            inputs: membranes.clone(),
            membranes,
            computed: silent.clone(),
            sent: silent.clone(),
            sent_before: silent,
            forced: vec![None; graph.populations.len()],
        }
    }

    /// Gives a [`NeuronModel::Source`] its spikes.
    ///
    /// # Panics
    /// If the population is no source, or a step does not have one entry for each neuron.
    pub fn with_source(self, population: PopulationId, spikes: SpikeTrain) -> Self {
        assert_eq!(self.graph.population(population).model, NeuronModel::Source, "only a source takes its spikes from outside");
        self.with_forced(population, spikes)
    }

    /// Teacher forcing: targets of `population` hear `spikes` instead of what it computes. Its own computed spikes are still
    /// reported, and its own membranes still follow them.
    ///
    /// # Panics
    /// If a step does not have one entry for each neuron.
    pub fn with_forced(mut self, population: PopulationId, spikes: SpikeTrain) -> Self {
        let neurons = self.graph.population(population).shape.neurons();
        assert!(spikes.iter().all(|step| step.len() == neurons), "each step needs {neurons} entries");
        self.forced[population.index()] = Some(spikes);
        self
    }

    /// Updates every population once.
    pub fn step(&mut self) {
        std::mem::swap(&mut self.sent, &mut self.sent_before);
        for id in self.order.clone() {
            self.update(id);
        }
        self.step += 1;
    }

    /// Runs the remaining steps and reports those.
    pub fn run(mut self) -> Run {
        let mut spikes = Vec::new();
        while self.step < self.graph.steps {
            self.step();
            spikes.push(self.computed.clone());
        }
        let pixels = self.graph.populations.iter().zip(&self.membranes);
        let pixels = pixels.map(|(population, membranes)| match &population.model {
            NeuronModel::Readout { pixels, .. } => Some(membranes.iter().map(|&v| pixels.pixel(v)).collect()),
            _ => None,
        });
        Run { spikes, pixels: pixels.collect(), membranes: self.membranes }
    }

    /// Steps done so far.
    pub fn steps_done(&self) -> u32 {
        self.step
    }

    /// What `population` computed in the last step; a source's given spikes.
    pub fn spikes(&self, population: PopulationId) -> &[bool] {
        &self.computed[population.index()]
    }

    /// The membranes after the last step (and its resets); empty for a population without membranes.
    pub fn membranes(&self, population: PopulationId) -> &[i32] {
        &self.membranes[population.index()]
    }

    /// The sums of weights that arrived in the last step, before the input shift; empty for a population without membranes.
    pub fn inputs(&self, population: PopulationId) -> &[i32] {
        &self.inputs[population.index()]
    }

    fn update(&mut self, id: PopulationId) {
        let graph = self.graph;
        let population = graph.population(id);
        let forced = self.forced[id.index()].as_ref().map(|train| match train.get(self.step as usize) {
            Some(spikes) => spikes.clone(),
            None => vec![false; population.shape.neurons()],
        });
        let computed = match &population.model {
            NeuronModel::Lif { membrane, threshold } => {
                self.integrate(id, membrane);
                let mut spikes = Vec::new();
                for (neuron, v) in self.membranes[id.index()].iter_mut().enumerate() {
                    let fires = *v > population.shape.value_of(threshold, neuron);
                    if fires {
                        *v = 0;
                    }
                    spikes.push(fires);
                }
                spikes
            }
            NeuronModel::Readout { membrane, .. } => {
                self.integrate(id, membrane);
                vec![false; population.shape.neurons()]
            }
            NeuronModel::Select { ways } => {
                let (_, projection) = graph.projections_into(id).next().expect("a rule: a select stage has one pick");
                let heard = &self.sent[projection.source.index()];
                let channels = 0..population.shape.channels;
                channels.map(|c| heard[(c * ways + philox::pick(self.seed, self.image, self.step, c, *ways)) as usize]).collect()
            }
            NeuronModel::Draw { channel } => {
                let neurons = population.shape.neurons() as u32;
                let drawn = philox::pick(self.seed, self.image, 0, *channel, neurons);
                (0..neurons).map(|neuron| neuron == drawn).collect()
            }
            NeuronModel::Source => forced.clone().unwrap_or_else(|| vec![false; population.shape.neurons()]),
        };
        self.sent[id.index()] = forced.unwrap_or_else(|| computed.clone());
        self.computed[id.index()] = computed;
    }

    /// `v = decay(v) + (input << input_shift) + bias`.
    fn integrate(&mut self, id: PopulationId, membrane: &Membrane) {
        let shape = self.graph.population(id).shape;
        let mut inputs = vec![0i64; shape.neurons()];
        for (_, projection) in self.graph.projections_into(id) {
            let heard = if projection.delay == 0 { &self.sent } else { &self.sent_before };
            let from = self.graph.population(projection.source).shape;
            deliver(projection, from, shape, &heard[projection.source.index()], &mut inputs);
        }
        for (neuron, &input) in inputs.iter().enumerate() {
            let v = &mut self.membranes[id.index()][neuron];
            let bias = shape.value_of(&membrane.bias, neuron);
            let new = i64::from(membrane.decay.apply(*v)) + (input << membrane.input_shift) + i64::from(bias);
            assert!(new.abs() < 1 << (membrane.bits - 1), "a rule: membranes fit");
            *v = new as i32;
            self.inputs[id.index()][neuron] = i32::try_from(input).expect("a rule: inputs fit");
        }
    }
}

/// Adds the weights of all synapses whose source fired.
fn deliver(projection: &Projection, from: Shape, to: Shape, fired: &[bool], inputs: &mut [i64]) {
    let weight = |index: usize| i64::from(projection.weights[index]);
    match projection.connectivity {
        Connectivity::Dense => {
            for (target, input) in inputs.iter_mut().enumerate() {
                for (source, &fired) in fired.iter().enumerate() {
                    if fired {
                        *input += weight(target * from.neurons() + source);
                    }
                }
            }
        }
        Connectivity::Conv2d(kernel) => {
            each_pair(from, to, kernel, |from_channel, to_channel, ky, kx, tap| {
                // a target looks at the sources around stride * its own place
                for (y, x) in places(to) {
                    let source_y = y * i64::from(kernel.stride) + ky - i64::from(kernel.padding);
                    let source_x = x * i64::from(kernel.stride) + kx - i64::from(kernel.padding);
                    if neuron(from, from_channel, source_y, source_x).is_some_and(|source| fired[source]) {
                        let target = neuron(to, to_channel, y, x).expect("a place of the target");
                        inputs[target] += weight((to_channel * from.channels as usize + from_channel) * kernel.size.pow(2) as usize + tap);
                    }
                }
            });
        }
        Connectivity::ConvTranspose2d(kernel) => {
            each_pair(from, to, kernel, |from_channel, to_channel, ky, kx, tap| {
                // a source reaches the targets around stride * its own place
                for (y, x) in places(from) {
                    let target_y = y * i64::from(kernel.stride) + ky - i64::from(kernel.padding);
                    let target_x = x * i64::from(kernel.stride) + kx - i64::from(kernel.padding);
                    let source = neuron(from, from_channel, y, x).expect("a place of the source");
                    if let Some(target) = neuron(to, to_channel, target_y, target_x).filter(|_| fired[source]) {
                        inputs[target] += weight((from_channel * to.channels as usize + to_channel) * kernel.size.pow(2) as usize + tap);
                    }
                }
            });
        }
        Connectivity::Pick => unreachable!("a rule: picks end in select stages, which do not integrate"),
    }
}

/// Calls `visit(source channel, target channel, ky, kx, ky * size + kx)` for all.
fn each_pair(from: Shape, to: Shape, kernel: Kernel, mut visit: impl FnMut(usize, usize, i64, i64, usize)) {
    for from_channel in 0..from.channels as usize {
        for to_channel in 0..to.channels as usize {
            for ky in 0..kernel.size {
                for kx in 0..kernel.size {
                    visit(from_channel, to_channel, i64::from(ky), i64::from(kx), (ky * kernel.size + kx) as usize);
                }
            }
        }
    }
}

/// All rows and columns of a feature map.
fn places(shape: Shape) -> impl Iterator<Item = (i64, i64)> {
    (0..i64::from(shape.height)).flat_map(move |y| (0..i64::from(shape.width)).map(move |x| (y, x)))
}

/// The neuron at a place, if the place is not padding.
fn neuron(shape: Shape, channel: usize, y: i64, x: i64) -> Option<usize> {
    let inside = (0..i64::from(shape.height)).contains(&y) && (0..i64::from(shape.width)).contains(&x);
    inside.then(|| channel * shape.pixels() + y as usize * shape.width as usize + x as usize)
}

#[cfg(test)]
mod tests;
