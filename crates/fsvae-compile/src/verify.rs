//! `--verify`: does the integer graph do what the float network does?
//!
//! In a loop with random picks one different spike changes all that follows, so free runs cannot be compared. Instead the float network
//! runs freely, and at every step each population of the graph is fed the float network's spikes of its source ("teacher forcing");
//! its membranes stay its own. Then every neuron at every step either agrees or does not.

use crate::events::{Fanout, slot};
use crate::float::{FloatEngine, LayerStep, pixel};
use lif_graph::{Connectivity, LifGraph, Membrane, NeuronModel, PixelTable, Population, PopulationId, Projection, Shape};
use rayon::prelude::*;
use serde::Serialize;

/// The share of equal spikes, in percent, that every layer must reach.
pub const DEMANDED_AGREEMENT: f64 = 99.0;

/// The answer.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Verification {
    /// How many images were drawn.
    pub images: u64,
    /// From which seed.
    pub seed: u64,
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
    let students = students(graph);
    let compare = |image| {
        let mut tallies: Vec<Tally> = students.iter().map(Tally::new).collect();
        let readout = engine.draw(seed, image, |step| tallies[step.layer].step(&students[step.layer], &step, threshold));
        let tally = tallies.last_mut().expect("a network has layers");
        tally.pixels(&students[students.len() - 1], &readout);
        progress();
        tallies.into_iter().map(|tally| tally.counts).collect::<Vec<_>>()
    };
    let images_counts: Vec<Vec<Counts>> = (0..images).into_par_iter().map(compare).collect();
    let total = |layer: usize| images_counts.iter().map(|counts| &counts[layer]).fold(Counts::default(), Counts::plus);
    let steps = images as f64 * f64::from(graph.steps);
    let last = students.len() - 1;
    let layers = (0..last).map(|layer| total(layer).agreement(&students[layer], steps)).collect();
    Verification { images, seed, layers, pixels: total(last).pixel_agreement(&students[last], images as f64) }
}

/// A population of the graph with its one projection.
struct Student<'g> {
    population: &'g Population,
    membrane: &'g Membrane,
    threshold: Option<&'g [i32]>,
    pixels: Option<&'g PixelTable>,
    fanout: Fanout<i8>,
}

/// The graph's integrating populations, in table order: that of the float network's layers.
fn students(graph: &LifGraph) -> Vec<Student<'_>> {
    let of_population = |id: PopulationId| {
        let population = graph.population(id);
        let (membrane, threshold, pixels) = match &population.model {
            NeuronModel::Lif { membrane, threshold } => (membrane, Some(&threshold[..]), None),
            NeuronModel::Readout { membrane, pixels } => (membrane, None, Some(pixels)),
            NeuronModel::Select { .. } | NeuronModel::Source | NeuronModel::Draw { .. } => return None,
        };
        let incoming: Vec<_> = graph.projections_into(id).map(|(_, projection)| projection).collect();
        let fanout = match incoming[..] {
            // of a prior with components the float network has one layer with both inputs, the component first
            [z, component] => joined(graph, [component, z], population.shape),
            [only, ..] => Fanout::new(graph.population(only.source).shape, population.shape, only.connectivity, &only.weights),
            [] => return None,
        };
        Some(Student { population, membrane, threshold, pixels, fanout })
    };
    (0..graph.populations.len()).map(PopulationId::from_index).filter_map(of_population).collect()
}

/// Two dense projections into a population as one, whose source are both sources, in this order.
fn joined(graph: &LifGraph, projections: [&Projection; 2], target: Shape) -> Fanout<i8> {
    let [first, second] = projections.map(|projection| graph.population(projection.source).shape.neurons());
    let rows = projections[0].weights.chunks(first).zip(projections[1].weights.chunks(second));
    let weights: Vec<i8> = rows.flat_map(|(first, second)| [first, second].concat()).collect();
    Fanout::new(Shape::flat((first + second) as u32), target, Connectivity::Dense, &weights)
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
    /// By slot.
    sums: Vec<i32>,
    membranes: Vec<i32>,
    float_fired: Vec<bool>,
    counts: Counts,
}

impl Tally {
    fn new(student: &Student<'_>) -> Self {
        let neurons = student.population.shape.neurons();
        Self { sums: vec![0; neurons], membranes: vec![0; neurons], float_fired: vec![false; neurons], counts: Counts::default() }
    }

    fn step(&mut self, student: &Student<'_>, float: &LayerStep<'_>, float_threshold: f32) {
        let shape = student.population.shape;
        self.sums.fill(0);
        student.fanout.add(float.input, &mut self.sums);
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
                }
            }
        }
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

    fn agreement(&self, student: &Student<'_>, steps: f64) -> LayerAgreement {
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
        }
    }

    fn pixel_agreement(&self, student: &Student<'_>, images: f64) -> PixelAgreement {
        let neurons = student.population.shape.neurons();
        let count = neurons as f64 * images;
        let mean_square = self.squared_pixel_error as f64 / count;
        PixelAgreement {
            neurons,
            psnr_db: (self.squared_pixel_error > 0).then(|| 10.0 * (255.0f64.powi(2) / mean_square).log10()),
            equal_percent: 100.0 * self.equal_pixels as f64 / count,
            largest_difference: self.largest_difference,
        }
    }
}
