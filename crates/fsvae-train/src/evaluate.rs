//! `evaluate`: the scores of a finished network, and what it costs.

use crate::args::{Evaluate, Unseen};
use crate::compiled::CompiledNetwork;
use crate::error::TrainError;
use crate::judge::{self, Judgement};
use crate::measure::{Pictures, drawn, reconstruction_error, reconstructions, spikes_of};
use crate::operations::{self, Operations, Published};
use fsvae_checkpoint::{AnnCheckpoint, AnnConfig, Checkpoint, CheckpointOf, Kind, format_of};
use fsvae_cli::{Progress, Report, print, print_json, read_file};
use fsvae_data::{DataSet, ImageSet, Source, Split};
use fsvae_model::{AnnRecipe, AnnTrainer, Model, Recipe, Trainer};
use fsvae_score::{Anchor, Fad, Inception, Reference, Set, fad};
use serde::Serialize;
use serde_json::json;
use std::collections::BTreeMap;
use std::path::Path;

/// Images whose spikes are counted; the counts are means.
const COUNTED: usize = 1000;

/// What was measured.
#[derive(Serialize)]
struct Scores {
    dataset: String,
    split: &'static str,
    images: usize,
    seed: u64,
    reconstruction_mse: f64,
    #[serde(flatten)]
    fad: Option<FadScores>,
    #[serde(flatten)]
    inception: Option<Judgement>,
    #[serde(skip_serializing_if = "Option::is_none")]
    compiled: Option<CompiledScores>,
    #[serde(flatten)]
    cost: Cost,
}

/// The same of the compiled network, from the same images with the same picks.
#[derive(Serialize)]
struct CompiledScores {
    reconstruction_mse: f64,
    #[serde(flatten)]
    fad: Option<FadScores>,
    /// What is added to each score of the network that was compiled, as a part of it; of FAD the means over all seeds.
    relative: Relative,
}

#[derive(Serialize)]
struct Relative {
    reconstruction_mse: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    fad_published: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    fad_running: Option<f64>,
}

/// What a network does for an image.
#[derive(Serialize)]
#[serde(untagged)]
enum Cost {
    Spiking { firing_rates: Passes<BTreeMap<String, f64>>, operations: OperationCounts },
    Ann { operations: Passes<Operations> },
}

/// Something of both passes.
#[derive(Serialize)]
struct Passes<T> {
    reconstruction: T,
    generation: T,
}

#[derive(Serialize)]
struct OperationCounts {
    /// Of each pass; the others are means over these.
    counted_images: usize,
    #[serde(flatten)]
    passes: Passes<Operations>,
    published_counting: Published,
}

#[derive(Serialize)]
struct FadScores {
    samples: u32,
    fad_published: f64,
    fad_running: f64,
    fad_anchors: Vec<Anchor>,
    /// Of reconstructions of as many unseen images: what remains when the prior is perfect.
    #[serde(skip_serializing_if = "Option::is_none")]
    fad_reconstructions: Option<Fad>,
    #[serde(skip_serializing_if = "Option::is_none")]
    fad_seeds: Option<Seeds>,
}

/// Several sets of samples of the same network.
#[derive(Serialize)]
struct Seeds {
    seeds: Vec<u64>,
    published: Spread,
    running: Spread,
}

#[derive(Serialize)]
struct Spread {
    mean: f64,
    /// Of a sample: divided by count - 1.
    std: f64,
    scores: Vec<f64>,
}

/// Measures and prints.
pub fn evaluate(arguments: &Evaluate) -> Result<(), Report> {
    let Some(model) = &arguments.model else { return crate::anchors::remeasure_anchors(arguments) };
    let bytes = read_file(model)?;
    check(arguments)?;
    let device = arguments.device.device()?;
    if format_of(&bytes) == Some(AnnConfig::FORMAT) {
        if arguments.compiled.is_some() {
            let reason = "--compiled: a network without spikes is not compiled".to_owned();
            return Err(TrainError::Impossible { violations: vec![reason] }.into());
        }
        let checkpoint = AnnCheckpoint::from_bytes(&bytes)?;
        let network = AnnTrainer::from_checkpoint(&checkpoint, &AnnRecipe::default(), &device)?.valid();
        conclude(arguments, &checkpoint, &network, |_| Ok(Cost::Ann { operations: Passes::of_ann(&checkpoint.config) }))
    } else {
        let checkpoint = Checkpoint::from_bytes(&bytes)?;
        let network = Trainer::from_checkpoint(&checkpoint, &Recipe::default(), &device)?.model.valid();
        conclude(arguments, &checkpoint, &network, |images| Cost::of_spikes(&network, images, arguments.seed))
    }
}

/// Measures and prints.
fn conclude<C: Kind>(
    arguments: &Evaluate,
    checkpoint: &CheckpointOf<C>,
    network: &impl Pictures,
    cost: impl FnOnce(ImageSet) -> Result<Cost, Report>,
) -> Result<(), Report> {
    let dataset = dataset(arguments, checkpoint)?;
    let reference = reference(arguments, dataset, network.shape())?;
    let inception = arguments.inception.as_deref().map(read_inception).transpose()?;
    if inception.is_some() && !network.draws() {
        return Err(TrainError::Impossible { violations: vec!["--inception: an autoencoder draws no images to judge".into()] }.into());
    }
    let compiled = match (&arguments.compiled, &arguments.model) {
        (Some(folder), Some(model)) => {
            let stem = model.file_stem().unwrap_or_default().to_string_lossy();
            Some(CompiledNetwork::read(folder, &stem, network.shape())?)
        }
        _ => None,
    };
    let (split, images) = images(arguments, dataset, checkpoint)?;
    let scores = measure(arguments, (network, compiled), (dataset, split), images, (reference, inception), cost)?;
    if arguments.json {
        print_json(&json!(scores))?
    } else {
        print(&scores.text())?
    }
    Ok(())
}

/// Options that make no sense together.
fn check(arguments: &Evaluate) -> Result<(), TrainError> {
    let mut violations = Vec::new();
    if arguments.samples == 1 {
        violations.push("--samples 1: a distribution has at least two images".to_owned());
    }
    if arguments.seed.checked_add(u64::from(arguments.seeds) - 1).is_none() {
        violations.push(format!("--seed {} --seeds {}: seeds end at 2^64 - 1", arguments.seed, arguments.seeds));
    }
    if arguments.inception.is_some() && arguments.samples == 0 {
        violations.push("--inception with --samples 0: there are no images to judge".to_owned());
    }
    if violations.is_empty() { Ok(()) } else { Err(TrainError::Impossible { violations }) }
}

fn read_inception(path: &Path) -> Result<Inception, Report> {
    Ok(Inception::from_bytes(&read_file(path)?)?)
}

fn measure(
    arguments: &Evaluate,
    (network, compiled): (&impl Pictures, Option<CompiledNetwork>),
    (dataset, split): (Source, Split),
    images: ImageSet,
    (reference, inception): (Option<Reference>, Option<Inception>),
    cost: impl FnOnce(ImageSet) -> Result<Cost, Report>,
) -> Result<Scores, Report> {
    let seen = look(arguments, network, &images, (reference.as_ref(), inception.is_some()))?;
    let compiled = match compiled {
        Some(compiled) => {
            let other = look(arguments, &compiled, &images, (reference.as_ref(), false))?;
            Some(CompiledScores { relative: other.relative_to(&seen), reconstruction_mse: other.error, fad: other.fad })
        }
        None => None,
    };
    let inception = match inception {
        Some(inception) => Some(judge::judge(&inception, &seen.drawn, &images.all()?)),
        None => None,
    };
    Ok(Scores {
        dataset: dataset.to_string(),
        split: split.name(),
        images: images.count(),
        seed: arguments.seed,
        reconstruction_mse: seen.error,
        fad: seen.fad,
        inception,
        compiled,
        cost: cost(images)?,
    })
}

/// What a network makes of images, and what it draws.
struct Seen {
    /// Mean squared error of its reconstructions.
    error: f64,
    fad: Option<FadScores>,
    /// Images of the first seed, if somebody wants them.
    drawn: Vec<f32>,
}

impl Seen {
    fn relative_to(&self, other: &Self) -> Relative {
        let relative = |of: fn(&FadScores) -> f64| {
            let (mine, theirs) = (self.fad.as_ref().map(of)?, other.fad.as_ref().map(of)?);
            Some(mine / theirs - 1.0)
        };
        Relative {
            reconstruction_mse: self.error / other.error - 1.0,
            fad_published: relative(|fad| fad.fad_seeds.as_ref().map_or(fad.fad_published, |seeds| seeds.published.mean)),
            fad_running: relative(|fad| fad.fad_seeds.as_ref().map_or(fad.fad_running, |seeds| seeds.running.mean)),
        }
    }
}

fn look(
    arguments: &Evaluate,
    network: &impl Pictures,
    images: &ImageSet,
    (reference, judged): (Option<&Reference>, bool),
) -> Result<Seen, Report> {
    let count = images.count();
    let error = {
        let progress = Progress::new("reconstruct", "images", count as u64);
        reconstruction_error(network, images, count, arguments.seed, |images| progress.add(images as u64))?
    };
    let samples = |seed: u64| {
        let progress = Progress::new("draw", "images", arguments.samples.into());
        drawn(network, arguments.samples as usize, seed, |images| progress.add(images as u64))
    };
    let wanted = arguments.samples > 0 && network.draws() && (reference.is_some() || judged);
    let drawn = if wanted { samples(arguments.seed) } else { Vec::new() };
    let fad = match reference.filter(|_| wanted) {
        Some(reference) => {
            let reconstructed = reconstructions(network, images, count.min(arguments.samples as usize), arguments.seed)?;
            Some(fad_scores(arguments, reference, (&drawn, &reconstructed), samples))
        }
        None => None,
    };
    Ok(Seen { error, fad, drawn })
}

impl Cost {
    /// Counts the spikes of the first images.
    fn of_spikes(model: &Model, images: ImageSet, seed: u64) -> Result<Self, Report> {
        let (reconstruction, generation) = spikes_of(model, &images.first(COUNTED).all()?, seed);
        let config = &model.config;
        // Reconstruction needs no prior: it was only watched for the published counting.
        let mut reconstruction_rates = reconstruction.rates();
        reconstruction_rates.retain(|layer, _| !layer.starts_with("prior"));
        Ok(Self::Spiking {
            firing_rates: Passes { reconstruction: reconstruction_rates, generation: generation.rates() },
            operations: OperationCounts {
                counted_images: reconstruction.images,
                passes: Passes {
                    reconstruction: operations::reconstruction(config, &reconstruction),
                    generation: operations::generation(config, &generation),
                },
                published_counting: operations::published(config, &reconstruction, &generation),
            },
        })
    }
}

impl Passes<Operations> {
    fn of_ann(config: &AnnConfig) -> Self {
        Self { reconstruction: operations::ann_reconstruction(config), generation: operations::ann_generation(config) }
    }

    fn rows(&self) -> [[String; 3]; 2] {
        let Passes { reconstruction, generation } = self;
        [("reconstruction", reconstruction), ("generation", generation)]
            .map(|(name, pass)| [name.to_owned(), millions(pass.additions), millions(pass.multiplications)])
    }
}

fn millions(x: f64) -> String {
    format!("{:.2} M", x / 1e6)
}

fn fad_scores(
    arguments: &Evaluate,
    reference: &Reference,
    (first, reconstructed): (&[f32], &[f32]),
    samples: impl Fn(u64) -> Vec<f32>,
) -> FadScores {
    let mut scores = vec![fad(reference, first)];
    let seeds: Vec<u64> = (0..u64::from(arguments.seeds)).map(|i| arguments.seed + i).collect();
    scores.extend(seeds[1..].iter().map(|&seed| fad(reference, &samples(seed))));
    let spread = |of: fn(&Fad) -> f64| Spread::of(scores.iter().map(of).collect());
    FadScores {
        samples: arguments.samples,
        fad_published: scores[0].published,
        fad_running: scores[0].running,
        fad_anchors: reference.anchors().to_vec(),
        fad_reconstructions: (arguments.limit != Some(1)).then(|| fad(reference, reconstructed)), // one image has no spread
        fad_seeds: (seeds.len() > 1).then(|| Seeds { published: spread(|fad| fad.published), running: spread(|fad| fad.running), seeds }),
    }
}

impl Spread {
    /// Of at least two scores.
    fn of(scores: Vec<f64>) -> Self {
        let count = scores.len() as f64;
        let mean = scores.iter().sum::<f64>() / count;
        let std = (scores.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / (count - 1.0)).sqrt();
        Self { mean, std, scores }
    }
}

/// The data set that was asked for, or that the network learnt.
fn dataset<C: Kind>(arguments: &Evaluate, checkpoint: &CheckpointOf<C>) -> Result<Source, TrainError> {
    let recorded = &checkpoint.training.dataset;
    let dataset = match arguments.dataset {
        Some(dataset) => dataset,
        None => recorded.parse().map_err(|_| TrainError::UnknownDataset { dataset: recorded.clone() })?,
    };
    let (expected, found) = (checkpoint.config.image_shape().0, dataset.channels());
    if expected == found { Ok(dataset) } else { Err(TrainError::OtherImages { dataset: dataset.to_string(), expected, found }) }
}

/// What FAD is measured with: the user's autoencoder, or the published one if there is one for such images.
fn reference(arguments: &Evaluate, dataset: Source, shape: (usize, usize)) -> Result<Option<Reference>, Report> {
    let Some(path) = &arguments.fad else { return Ok(reference_set(dataset, shape.1).map(Reference::new)) };
    let reference = Reference::from_bytes(&read_file(path)?)?;
    let found = (reference.encoder.channels(), reference.encoder.side());
    if found == shape { Ok(Some(reference)) } else { Err(TrainError::OtherFad { expected: shape, found }.into()) }
}

/// The published autoencoder for such images.
pub fn reference_set(dataset: Source, image_size: usize) -> Option<Set> {
    let set = match dataset {
        Source::Mnist => Set::Mnist,
        Source::FashionMnist => Set::FashionMnist,
        Source::Cifar10 | Source::CelebA => return None,
    };
    (image_size == 32).then_some(set)
}

/// The images that were asked for. Which ones were set apart for validation, the model knows.
fn images<C: Kind>(arguments: &Evaluate, source: Source, checkpoint: &CheckpointOf<C>) -> Result<(Split, ImageSet), Report> {
    let split = match arguments.split {
        Unseen::Test => Split::Test,
        Unseen::Validation => Split::Validation,
    };
    let validation = checkpoint.training.options.get("schedule.validation").and_then(|count| count.parse().ok()).unwrap_or(0);
    let (folder, unverified) = (arguments.data.clone(), arguments.unverified_data);
    let images = DataSet { source, folder, validation, unverified }.load(split, checkpoint.config.image_shape().1)?;
    let limit = arguments.limit.map_or(images.count(), |limit| limit as usize);
    Ok((split, images.first(limit)))
}

/// A table without lines.
pub fn table<const N: usize>(header: [&str; N], rows: impl IntoIterator<Item = [String; N]>) -> String {
    let mut table = comfy_table::Table::new();
    table.load_preset(comfy_table::presets::NOTHING).set_header(header).add_rows(rows);
    table.column_iter_mut().skip(1).for_each(|column| column.set_cell_alignment(comfy_table::CellAlignment::Right));
    format!("{}\n", table.trim_fmt())
}

impl Scores {
    fn text(&self) -> String {
        let mut text = format!(
            "reconstruction MSE {:.5} on {} {} images of {} (pixels in [-1, 1])\n",
            self.reconstruction_mse, self.images, self.split, self.dataset
        );
        match &self.fad {
            Some(fad) => text += &fad.text(),
            None => {
                text +=
                    "no FAD: it needs samples, and an encoder of such images (--fad); there are some for 32x32 MNIST and Fashion-MNIST\n"
            }
        }
        if let Some(inception) = &self.inception {
            text += &inception.text();
        }
        if let Some(compiled) = &self.compiled {
            text += &compiled.text();
        }
        text + "\n" + &self.cost.text()
    }
}

impl CompiledScores {
    fn text(&self) -> String {
        let Relative { reconstruction_mse, fad_published, fad_running } = &self.relative;
        let percent = |part: f64| format!("{:+.2} %", 100.0 * part);
        let mut text = format!("\ncompiled: reconstruction MSE {:.5} ({})\n", self.reconstruction_mse, percent(*reconstruction_mse));
        if let (Some(fad), Some(published), Some(running)) = (&self.fad, fad_published, fad_running) {
            text += &fad.text();
            text += &format!("compiled: FAD published {}, running {}\n", percent(*published), percent(*running));
        }
        text
    }
}

impl Cost {
    fn text(&self) -> String {
        match self {
            Self::Spiking { firing_rates, operations } => firing_rates.text() + "\n" + &operations.text(),
            Self::Ann { operations } => table(["operations of one image", "additions", "multiplications"], operations.rows()),
        }
    }
}

impl Passes<BTreeMap<String, f64>> {
    fn text(&self) -> String {
        let Passes { reconstruction, generation } = self;
        let names: std::collections::BTreeSet<&String> = reconstruction.keys().chain(generation.keys()).collect();
        let rate =
            |rates: &BTreeMap<String, f64>, name: &String| rates.get(name).map_or_else(String::new, |r| format!("{:.2} %", 100.0 * r));
        let rows = names.into_iter().map(|name| [name.clone(), rate(reconstruction, name), rate(generation, name)]);
        table(["spikes by neuron and step", "reconstruction", "generation"], rows)
    }
}

impl FadScores {
    /// The score among its anchors, best first.
    fn text(&self) -> String {
        let mut rows: Vec<(String, Fad)> = self.fad_anchors.iter().map(|anchor| (anchor.images.to_owned(), anchor.fad)).collect();
        rows.push((format!("{} images of this network", self.samples), Fad { published: self.fad_published, running: self.fad_running }));
        rows.extend(self.fad_reconstructions.map(|fad| ("reconstructions by this network".to_owned(), fad)));
        rows.sort_by(|a, b| a.1.published.total_cmp(&b.1.published));
        let row = |(images, fad): (String, Fad)| [images, format!("{:.2}", fad.published), format!("{:.2}", fad.running)];
        let mut text = table(["FAD of", "published", "running"], rows.into_iter().map(row));
        if let Some(Seeds { seeds, published, running }) = &self.fad_seeds {
            let spread = |spread: &Spread| format!("{:.2} +- {:.2}", spread.mean, spread.std);
            text += &format!("over {} seeds: published {}, running {}\n", seeds.len(), spread(published), spread(running));
        }
        text
    }
}

impl OperationCounts {
    fn text(&self) -> String {
        let Published { batch, reconstruction, generation } = &self.published_counting;
        let batch = f64::from(*batch);
        let published = [("reconstruction", reconstruction), ("generation", generation)].map(|(name, totals)| {
            let name = format!("{name}, as the paper's program counts");
            [name, millions(totals.additions / batch), millions(totals.multiplications / batch)]
        });
        let rows = self.passes.rows().into_iter().chain(published);
        let counted = format!("operations of one image (mean of {})", self.counted_images);
        table([&counted, "additions", "multiplications"], rows)
    }
}

#[cfg(test)]
mod tests {
    use super::Spread;

    #[test]
    fn a_spread_is_a_samples() {
        let spread = Spread::of(vec![1.0, 2.0, 6.0]);
        assert!((spread.mean - 3.0).abs() < 1e-12 && (spread.std - 7f64.sqrt()).abs() < 1e-12);
    }
}
