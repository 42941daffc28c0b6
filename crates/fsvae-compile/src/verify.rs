//! `--verify`: does the integer graph do what the float network does?
//!
//! In a loop with random picks one different spike changes all that follows, so free runs cannot be compared. Instead the float network
//! runs freely, and at every step each population of the graph is fed the float network's spikes of its source ("teacher forcing");
//! its membranes stay its own. Then every neuron at every step either agrees or does not.
//!
//! What a layer's wrong spikes do to the picture is measured too: its integer spikes are given to the float layers behind it, and what
//! these draw is compared with the float network's picture.

use crate::events::{Fanout, slot};
use crate::float::{FloatEngine, Given, LayerStep, Replaced, in_range, pixel};
use lif_graph::{LifGraph, Membrane, NeuronModel, PixelTable, Population, PopulationId, current, philox, pixel_value};
use rayon::prelude::*;
use serde::Serialize;

/// The share of equal spikes, in percent, that every layer must reach.
pub const DEMANDED_AGREEMENT: f64 = 99.0;

/// The answer.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Verification {
    /// How many images were drawn.
    pub images: u64,
    /// From which seed; none if picks came from elsewhere.
    pub seed: Option<u64>,
    /// Every layer that fires.
    pub layers: Vec<LayerAgreement>,
    /// The read-out.
    pub pixels: PixelAgreement,
}

impl Verification {
    /// Whether every layer agrees on at least [`DEMANDED_AGREEMENT`] percent of its spikes.
    pub fn holds(&self) -> bool {
        self.layers.iter().all(|layer| layer.agreement_percent >= DEMANDED_AGREEMENT)
    }
}

/// How one layer compares, over all neurons, steps and images.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct LayerAgreement {
    /// Its name.
    pub population: String,
    /// Its size.
    pub neurons: usize,
    /// Float spikes per neuron and step.
    pub float_rate: f64,
    /// Integer spikes per neuron and step.
    pub integer_rate: f64,
    /// Neuron-steps at which both fire or both do not.
    pub agreement_percent: f64,
    /// Float spikes without integer spike, of all float spikes.
    pub missed_percent: f64,
    /// Integer spikes without float spike, as a share of all float spikes.
    pub extra_percent: f64,
    /// Largest difference of the two membranes before the reset, in units of the threshold.
    pub membrane_error: f64,
    /// Pictures that the float layers behind draw from this layer's integer spikes, against the float network's: peak signal to noise ratio
    /// in decibels over all images; none when all pixels are equal.
    pub picture_psnr_db: Option<f64>,
}

/// How the pictures compare.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PixelAgreement {
    /// Pixels of one image.
    pub neurons: usize,
    /// Peak signal to noise ratio in decibels over all images; none when all pixels are equal.
    pub psnr_db: Option<f64>,
    /// Pixels that are the same byte.
    pub equal_percent: f64,
    /// Largest difference in bytes.
    pub largest_difference: u8,
}

/// Runs `images` images of `seed` and compares; `threshold` is the float network's V_th. The graph must be one that
/// [`lower`](crate::lower::lower) made from the engine's network.
pub fn verify(engine: &FloatEngine, graph: &LifGraph, threshold: f32, images: u64, seed: u64, progress: impl Fn() + Sync) -> Verification {
    verify_with(engine, graph, threshold, images, seed, |_| vec![], progress)
}

/// The same for a network that takes an image: `shown(image)` has its pixels.
pub fn verify_with(
    engine: &FloatEngine,
    graph: &LifGraph,
    threshold: f32,
    images: u64,
    seed: u64,
    shown: impl Fn(u64) -> Vec<u8> + Sync,
    progress: impl Fn() + Sync,
) -> Verification {
    let ways = graph.populations.iter().find_map(|row| if let NeuronModel::Select { ways } = row.model { Some(ways) } else { None });
    let pick = |image, step, channel| philox::pick(seed, image, step, channel, ways.unwrap_or(1));
    Verification { seed: Some(seed), ..verify_picking(engine, graph, threshold, images, pick, shown, progress) }
}

/// The same with other picks: `pick(image, step, channel)`.
pub fn verify_picking(
    engine: &FloatEngine,
    graph: &LifGraph,
    threshold: f32,
    images: u64,
    pick: impl Fn(u64, u32, u32) -> u32 + Sync,
    shown: impl Fn(u64) -> Vec<u8> + Sync,
    progress: impl Fn() + Sync,
) -> Verification {
    let students = students(graph);
    let compare = |image| {
        let pixels = shown(image);
        let mut tallies: Vec<Tally> = students.iter().map(|student| Tally::new(student, &pixels)).collect();
        let picks = |step, channel| pick(image, step, channel);
        let readout =
            engine.run(Given::new(&picks, &in_range(&pixels)), |step| tallies[step.layer].step(&students[step.layer], &step, threshold));
        let tally = tallies.last_mut().expect("a network has layers");
        tally.pixels(&students[students.len() - 1], &readout);
        let firing = tallies.len() - 1;
        for (layer, tally) in tallies.iter_mut().take(firing).enumerate() {
            // what fires as the float network does draws what it draws
            if tally.counts.missed + tally.counts.extra > 0 {
                let replaced = Some(Replaced { layer, spikes: &tally.fired });
                let drawn = engine.run(Given { replaced, ..Given::new(&picks, &[]) }, |_| ());
                let differences = drawn.iter().zip(&readout).map(|(&a, &b)| u64::from(pixel(a).abs_diff(pixel(b))));
                tally.counts.squared_pixel_error = differences.map(|difference| difference * difference).sum();
            }
        }
        progress();
        tallies.into_iter().map(|tally| tally.counts).collect::<Vec<_>>()
    };
    let images_counts: Vec<Vec<Counts>> = (0..images).into_par_iter().map(compare).collect();
    let total = |layer: usize| images_counts.iter().map(|counts| &counts[layer]).fold(Counts::default(), Counts::plus);
    let steps = images as f64 * f64::from(graph.steps);
    let last = students.len() - 1;
    let all_pixels = students[last].population.shape.neurons() as f64 * images as f64;
    let layers = (0..last).map(|layer| total(layer).agreement(&students[layer], steps, all_pixels)).collect();
    Verification { images, seed: None, layers, pixels: total(last).pixel_agreement(&students[last], images as f64) }
}

/// A population of the graph with its projections.
struct Student<'g> {
    population: &'g Population,
    membrane: &'g Membrane,
    threshold: Option<&'g [i32]>,
    pixels: Option<&'g PixelTable>,
    /// One behind the other, as the layer's source neurons are numbered.
    inputs: Vec<Input>,
}

/// One projection.
struct Input {
    /// Neurons of the source.
    neurons: u32,
    fanout: Fanout<i8>,
    /// Of an image's currents.
    image_shift: Option<u8>,
}

/// The graph's integrating populations, in table order: that of the float network's layers.
fn students(graph: &LifGraph) -> Vec<Student<'_>> {
    let of_population = |(index, population): (usize, &'_ Population)| {
        let (membrane, threshold, pixels) = match &graph.populations[index].model {
            NeuronModel::Lif { membrane, threshold } => (membrane, Some(&threshold[..]), None),
            NeuronModel::Readout { membrane, pixels } => (membrane, None, Some(pixels)),
            NeuronModel::Select { .. } | NeuronModel::Source | NeuronModel::Image { .. } => return None,
        };
        let input = |projection: &lif_graph::Projection| {
            let source = graph.population(projection.source);
            let image_shift = if let NeuronModel::Image { shift } = source.model { Some(shift) } else { None };
            let fanout = Fanout::new(source.shape, population.shape, projection.connectivity, &projection.weights);
            Input { neurons: source.shape.neurons() as u32, fanout, image_shift }
        };
        let inputs = graph.projections_into(PopulationId::from_index(index)).map(|(_, projection)| input(projection)).collect();
        Some(Student { population: &graph.populations[index], membrane, threshold, pixels, inputs })
    };
    graph.populations.iter().enumerate().filter_map(of_population).collect()
}

impl Student<'_> {
    /// Sums of weights of spikes, by slot.
    fn add(&self, spikes: &[u32], sums: &mut [i32]) {
        if let [only] = &self.inputs[..] {
            return only.fanout.add(spikes, sums);
        }
        let mut first = 0;
        for input in &self.inputs {
            let own = |&neuron: &u32| (first..first + input.neurons).contains(&neuron).then(|| neuron - first);
            let spikes: Vec<u32> = spikes.iter().filter_map(own).collect();
            input.fanout.add(&spikes, sums);
            first += input.neurons;
        }
    }

    /// What an image adds to the sums in every step, by slot.
    fn currents(&self, pixels: &[u8]) -> Vec<i32> {
        let mut currents = vec![0; self.population.shape.neurons()];
        let values: Vec<i64> = pixels.iter().map(|&byte| pixel_value(byte)).collect();
        for (input, shift) in self.inputs.iter().filter_map(|input| Some((input, input.image_shift?))) {
            let mut sums = vec![0i64; currents.len()];
            input.fanout.add_values(&values, &mut sums);
            currents.iter_mut().zip(sums).for_each(|(total, sum)| *total += current(sum, shift) as i32);
        }
        currents
    }
}

#[derive(Clone, Debug, Default)]
struct Counts {
    float_spikes: u64,
    integer_spikes: u64,
    missed: u64,
    extra: u64,
    membrane_error: f64,
    equal_pixels: u64,
    squared_pixel_error: u64,
    largest_difference: u8,
}

/// One image of one layer.
struct Tally {
    /// By slot, as the next two.
    currents: Vec<i32>,
    sums: Vec<i32>,
    membranes: Vec<i32>,
    float_fired: Vec<bool>,
    /// The integer layer's spikes, by step.
    fired: Vec<Vec<u32>>,
    counts: Counts,
}

impl Tally {
    fn new(student: &Student<'_>, pixels: &[u8]) -> Self {
        let neurons = student.population.shape.neurons();
        Self {
            currents: student.currents(pixels),
            sums: vec![0; neurons],
            membranes: vec![0; neurons],
            float_fired: vec![false; neurons],
            fired: vec![],
            counts: Counts::default(),
        }
    }

    fn step(&mut self, student: &Student<'_>, float: &LayerStep<'_>, float_threshold: f32) {
        let shape = student.population.shape;
        self.sums.copy_from_slice(&self.currents);
        student.add(float.input, &mut self.sums);
        let mut fired = vec![];
        self.float_fired.fill(false);
        float.spikes.iter().for_each(|&neuron| self.float_fired[neuron as usize] = true);
        for neuron in 0..shape.neurons() {
            let slot = slot(shape, neuron);
            let bias = shape.value_of(&student.membrane.bias, neuron);
            let v = student.membrane.decay.apply(self.membranes[slot]) + (self.sums[slot] << student.membrane.input_shift) + bias;
            self.membranes[slot] = v;
            if let Some(threshold) = student.threshold {
                let threshold = shape.value_of(threshold, neuron);
                let exact = f64::from(float.membrane_of(neuron)) / f64::from(float_threshold);
                self.counts.membrane_error = self.counts.membrane_error.max((f64::from(v) / f64::from(threshold) - exact).abs());
                let (fires, float_fires) = (v > threshold, self.float_fired[neuron]);
                self.counts.integer_spikes += u64::from(fires);
                self.counts.float_spikes += u64::from(float_fires);
                self.counts.missed += u64::from(float_fires && !fires);
                self.counts.extra += u64::from(fires && !float_fires);
                if fires {
                    self.membranes[slot] = 0;
                    fired.push(neuron as u32);
                }
            }
        }
        self.fired.push(fired);
    }

    fn pixels(&mut self, student: &Student<'_>, readout: &[f32]) {
        let Some(table) = student.pixels else { return };
        for (neuron, &exact) in readout.iter().enumerate() {
            let difference = table.pixel(self.membranes[slot(student.population.shape, neuron)]).abs_diff(pixel(exact));
            self.counts.equal_pixels += u64::from(difference == 0);
            self.counts.squared_pixel_error += u64::from(difference).pow(2);
            self.counts.largest_difference = self.counts.largest_difference.max(difference);
        }
    }
}

impl Counts {
    fn plus(self, other: &Self) -> Self {
        Self {
            float_spikes: self.float_spikes + other.float_spikes,
            integer_spikes: self.integer_spikes + other.integer_spikes,
            missed: self.missed + other.missed,
            extra: self.extra + other.extra,
            membrane_error: self.membrane_error.max(other.membrane_error),
            equal_pixels: self.equal_pixels + other.equal_pixels,
            squared_pixel_error: self.squared_pixel_error + other.squared_pixel_error,
            largest_difference: self.largest_difference.max(other.largest_difference),
        }
    }

    fn agreement(&self, student: &Student<'_>, steps: f64, pixels: f64) -> LayerAgreement {
        let neurons = student.population.shape.neurons();
        let chances = neurons as f64 * steps;
        let of_float_spikes = |count: u64| if count == 0 { 0.0 } else { 100.0 * count as f64 / self.float_spikes.max(1) as f64 };
        LayerAgreement {
            population: student.population.name.clone(),
            neurons,
            float_rate: self.float_spikes as f64 / chances,
            integer_rate: self.integer_spikes as f64 / chances,
            agreement_percent: 100.0 * (1.0 - (self.missed + self.extra) as f64 / chances),
            missed_percent: of_float_spikes(self.missed),
            extra_percent: of_float_spikes(self.extra),
            membrane_error: self.membrane_error,
            picture_psnr_db: self.psnr(pixels),
        }
    }

    fn psnr(&self, pixels: f64) -> Option<f64> {
        (self.squared_pixel_error > 0).then(|| 10.0 * (255.0f64.powi(2) / (self.squared_pixel_error as f64 / pixels)).log10())
    }

    fn pixel_agreement(&self, student: &Student<'_>, images: f64) -> PixelAgreement {
        let neurons = student.population.shape.neurons();
        let count = neurons as f64 * images;
        PixelAgreement {
            neurons,
            psnr_db: self.psnr(count),
            equal_percent: 100.0 * self.equal_pixels as f64 / count,
            largest_difference: self.largest_difference,
        }
    }
}
