//! All that decides what a training run computes: the network, the recipe and the schedule.

use crate::args::{Fit, Preset};
use crate::error::TrainError;
use crate::lesson::Lesson;
use fsvae_checkpoint::{AnnConfig, Kind, NetworkConfig};
use fsvae_data::{Source, Split};
use fsvae_model::{AnnRecipe, Recipe, RollOut};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::Path;
use toml::{Table, Value};

/// The settings of a run, of an FSVAE unless it is said otherwise; a TOML file has a section for each field.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings<N = NetworkConfig, R = Recipe> {
    /// What the network looks like.
    pub network: N,
    /// What an optimiser step does.
    pub recipe: R,
    /// How many steps there are, and of which size.
    pub schedule: Schedule,
}

/// The plan of a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Schedule {
    /// Passes over the training images.
    pub epochs: u32,
    /// Seed of the first weights, the shuffling and the draws of every step.
    pub seed: u64,
    /// How the learning rate falls.
    pub decay: LearningRateDecay,
    /// Steps in which the learning rate rises from 0 at first.
    pub warm_up_steps: u64,
    /// Learn only the first so many images; 0 learns all.
    pub limit: usize,
    /// Batches at the end of each epoch from which the statistics of tdBN are estimated anew; 0 leaves the moving average (the paper).
    pub settle: u32,
    /// Images that are set apart to be measured after each epoch instead of test images: the last so many training images, of CelebA the
    /// first so many of its own validation images; 0 learns all training images and measures test images (the paper).
    pub validation: usize,
}

impl Default for Schedule {
    fn default() -> Self {
        Self { epochs: 150, seed: 1, decay: LearningRateDecay::None, warm_up_steps: 0, limit: 0, settle: 0, validation: 0 }
    }
}

/// What becomes of the learning rate in the course of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LearningRateDecay {
    /// It stays (the paper).
    None,
    /// Half a cosine, to a hundredth at the last step.
    Cosine,
}

impl Schedule {
    /// The images that are measured after each epoch.
    pub fn measured(&self) -> Split {
        if self.validation > 0 { Split::Validation } else { Split::Test }
    }

    /// The learning rate's factor at step `step` of `total`.
    pub fn rate_factor(&self, step: u64, total: u64) -> f64 {
        let rise = if step < self.warm_up_steps { (step + 1) as f64 / self.warm_up_steps as f64 } else { 1.0 };
        let fall = match self.decay {
            LearningRateDecay::None => 1.0,
            LearningRateDecay::Cosine => 0.01 + 0.99 * 0.5 * (1.0 + (std::f64::consts::PI * step as f64 / total.max(1) as f64).cos()),
        };
        rise * fall
    }
}

impl Settings {
    /// A preset for a data set: FSVAELarge for 64x64 images, mirrored images where the paper has them.
    pub fn preset(preset: Preset, dataset: Source) -> Self {
        let large = dataset.side() == 64;
        let paper = if large { NetworkConfig::fsvae_large(dataset.channels()) } else { NetworkConfig::fsvae(dataset.channels()) };
        let flip = dataset.may_be_mirrored();
        match preset {
            Preset::Paper => Self {
                network: paper,
                recipe: Recipe { roll_out: RollOut::Carried, flip, ..Recipe::default() },
                schedule: Schedule::default(),
            },
            Preset::Tiny => Self {
                network: NetworkConfig {
                    channels: [8, 16, 16, 16, 16][..paper.channels.len()].to_vec(),
                    latent: 16,
                    ways: 4,
                    steps: 4,
                    ..paper
                },
                recipe: Recipe { batch: 16, learning_rate: 3e-3, scheduled_from: 1, flip, ..Recipe::default() },
                schedule: Schedule { epochs: 2, ..Schedule::default() },
            },
        }
    }
}

impl Settings<AnnConfig, AnnRecipe> {
    /// A preset of a VAE or an autoencoder.
    pub fn ann_preset(preset: Preset, dataset: Source, variational: bool) -> Self {
        let config = if variational { AnnConfig::vae } else { AnnConfig::autoencoder };
        let paper = config(dataset.side(), dataset.channels());
        let flip = dataset.may_be_mirrored();
        match preset {
            Preset::Paper => Self { network: paper, recipe: AnnRecipe { flip, ..AnnRecipe::default() }, schedule: Schedule::default() },
            Preset::Tiny => Self {
                network: AnnConfig { channels: [8, 16, 16, 16, 16][..paper.channels.len()].to_vec(), latent: 16, ..paper },
                recipe: AnnRecipe { batch: 16, learning_rate: 3e-3, flip, ..AnnRecipe::default() },
                schedule: Schedule { epochs: 2, ..Schedule::default() },
            },
        }
    }
}

impl<N: Kind, R: Lesson> Settings<N, R> {
    /// A preset, changed by the TOML text, changed by the options.
    ///
    /// # Errors
    /// [`TrainError::Settings`] for the text, [`TrainError::Impossible`] for what comes out.
    pub fn from_arguments(fit: &Fit, dataset: Source, preset: Self, toml: Option<(&Path, &str)>) -> Result<Self, TrainError> {
        let mut settings = preset;
        if let Some((path, text)) = toml {
            let unusable = |message: String| TrainError::Settings { path: path.to_owned(), message };
            let changes: Table = text.parse().map_err(|e: toml::de::Error| unusable(e.to_string()))?;
            let mut table = Table::try_from(&settings).map_err(|e| unusable(e.to_string()))?;
            merge(&mut table, changes);
            settings = table.try_into().map_err(|e: toml::de::Error| unusable(e.to_string()))?;
        }
        settings.schedule.epochs = fit.epochs.unwrap_or(settings.schedule.epochs);
        settings.schedule.seed = fit.seed.unwrap_or(settings.schedule.seed);
        settings.schedule.limit = fit.limit.map_or(settings.schedule.limit, |limit| limit as usize);
        let mut violations = settings.recipe.take_options(fit);
        violations.extend(settings.violations(dataset.channels()));
        if violations.is_empty() { Ok(settings) } else { Err(TrainError::Impossible { violations }) }
    }

    /// Whether a run with these settings is possible on images of so many channels.
    ///
    /// # Errors
    /// [`TrainError::Impossible`] names all that is out of range.
    pub fn check(&self, image_channels: usize) -> Result<(), TrainError> {
        let violations = self.violations(image_channels);
        if violations.is_empty() { Ok(()) } else { Err(TrainError::Impossible { violations }) }
    }

    fn violations(&self, image_channels: usize) -> Vec<String> {
        let recipe = self.recipe.basics();
        let (found, _) = self.network.image_shape();
        let decay = f64::from(recipe.weight_decay);
        let positive = |x: f64| x > 0.0 && x.is_finite();
        let of_recipe = [
            (found == image_channels, format!("network.image_channels is {found}, the data set has {image_channels}")),
            ((1..=1 << 16).contains(&recipe.batch), format!("the batch is {}; it must be from 1 to 65536", recipe.batch)),
            (positive(recipe.learning_rate), format!("the learning rate is {}; it must be above 0", recipe.learning_rate)),
            ((0.0..1.0).contains(&decay), format!("weight_decay is {decay}; it must be from 0 to below 1")),
        ];
        let of_schedule = [
            (self.schedule.epochs > 0, "there must be at least 1 epoch".to_owned()),
            (i64::try_from(self.schedule.seed).is_ok(), "the seed must be below 2^63, the limit of numbers in TOML".to_owned()),
        ];
        let broken = |rules: Vec<(bool, String)>| rules.into_iter().filter_map(|(holds, sentence)| (!holds).then_some(sentence));
        let mut violations = self.network.violations();
        violations.extend(broken(of_recipe.into()));
        violations.extend(self.recipe.violations());
        violations.extend(broken(of_schedule.into()));
        violations
    }

    /// Recipe and schedule as named values, for a checkpoint's record (the network stands there anyhow).
    pub fn to_options(&self) -> BTreeMap<String, String> {
        let table = Table::try_from(self).expect("settings are numbers, words and lists of them");
        let sections = table.into_iter().filter(|(name, _)| name != "network");
        let entries = |(section, value): (String, Value)| {
            let Value::Table(entries) = value else { unreachable!("each field of the settings is a struct") };
            entries.into_iter().map(move |(name, value)| (format!("{section}.{name}"), value.to_string()))
        };
        sections.flat_map(entries).collect()
    }

    /// The inverse of [`Settings::to_options`].
    ///
    /// # Errors
    /// What the TOML parser says, if the options are not a run's.
    pub fn from_options(network: &N, options: &BTreeMap<String, String>) -> Result<Self, toml::de::Error> {
        #[derive(Deserialize)]
        #[serde(bound = "R: DeserializeOwned")]
        struct Options<R> {
            recipe: R,
            schedule: Schedule,
        }
        let text: String = options.iter().map(|(name, value)| format!("{name} = {value}\n")).collect();
        let Options { recipe, schedule } = toml::from_str::<Options<R>>(&text)?;
        Ok(Self { network: network.clone(), recipe, schedule })
    }
}

/// Lays `changes` over `table`, section by section.
fn merge(table: &mut Table, changes: Table) {
    for (name, change) in changes {
        match (table.get_mut(&name), change) {
            (Some(Value::Table(old)), Value::Table(new)) => merge(old, new),
            (_, change) => {
                table.insert(name, change);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    fn settings(options: &[&str], toml: &str) -> Result<Settings, TrainError> {
        let words = ["fsvae-train", "fit", "--dataset", "fashion-mnist", "--out", "x"].iter().chain(options);
        let crate::args::Command::Fit(fit) = crate::args::Arguments::try_parse_from(words).unwrap().command else {
            panic!("fit was asked for")
        };
        let preset = Settings::preset(fit.preset, Source::FashionMnist);
        Settings::from_arguments(&fit, Source::FashionMnist, preset, Some((Path::new("recipe.toml"), toml)))
    }

    #[test]
    fn options_beat_the_file_and_the_file_beats_the_preset() {
        let found =
            settings(&["--seed", "9", "--epochs", "3"], "[schedule]\nseed = 4\ndecay = \"cosine\"\n[recipe]\nbatch = 32\n").unwrap();
        assert_eq!((found.schedule.seed, found.schedule.epochs, found.recipe.batch), (9, 3, 32));
        assert_eq!(found.schedule.decay, LearningRateDecay::Cosine);
        assert_eq!(found.network, NetworkConfig::fsvae(1));
    }

    #[test]
    fn a_record_gives_the_settings_back() {
        for preset in [Preset::Tiny, Preset::Paper] {
            for dataset in Source::ALL {
                let settings = Settings::preset(preset, dataset);
                settings.check(dataset.channels()).unwrap();
                assert_eq!(Settings::from_options(&settings.network, &settings.to_options()).unwrap(), settings);
                for variational in [true, false] {
                    let settings = Settings::ann_preset(preset, dataset, variational);
                    settings.check(dataset.channels()).unwrap();
                    assert_eq!(Settings::from_options(&settings.network, &settings.to_options()).unwrap(), settings);
                }
            }
        }
    }

    #[test]
    fn a_preset_suits_its_data_set() {
        let paper = |dataset| Settings::preset(Preset::Paper, dataset);
        assert_eq!(paper(Source::Mnist).network, NetworkConfig::fsvae(1));
        assert_eq!(paper(Source::Cifar10).network, NetworkConfig::fsvae(3));
        assert_eq!(paper(Source::CelebA).network, NetworkConfig::fsvae_large(3));
        assert_eq!(Source::ALL.map(|dataset| paper(dataset).recipe.flip), [false, false, true, true]);
        assert!(!settings(&[], "[recipe]\nflip = false").unwrap().recipe.flip);
        assert_eq!(settings(&[], "[schedule]\nvalidation = 5000").unwrap().schedule.measured(), Split::Validation);
        assert_eq!(paper(Source::Mnist).schedule.measured(), Split::Test);
    }

    #[test]
    fn wrong_settings_are_named() {
        let message = |toml: &str, options: &[&str]| settings(options, toml).unwrap_err().to_string();
        insta::assert_snapshot!(
            [
                message("[recipe]\nbatch = ", &[]),
                message("[recipe]\nbatsh = 3", &[]),
                message("[recipe]\nbatch = \"three\"", &[]),
                message("[recipe]\nsurrogate = \"none\"", &[]),
                message("batch = 3", &[]),
                message("[recipe]\noperations_price = -1\n", &[]),
                message("[network]\nimage_size = 30\nimage_channels = 3\n", &["--batch", "0", "--learning-rate", "nan"]),
                message("[schedule]\nepochs = 0\n[recipe]\nscheduled_probability = [0.1, 1.5]\nweight_decay = 1\n", &[]),
            ]
            .join("\n----\n")
        );
    }

    #[test]
    fn the_learning_rate_rises_and_falls() {
        let schedule = Schedule { decay: LearningRateDecay::Cosine, warm_up_steps: 10, ..Schedule::default() };
        assert!((schedule.rate_factor(0, 1000) - 0.1).abs() < 1e-4);
        assert!((schedule.rate_factor(500, 1000) - 0.505).abs() < 1e-9);
        assert!((schedule.rate_factor(1000, 1000) - 0.01).abs() < 1e-9);
        assert_eq!(Schedule::default().rate_factor(77, 1000), 1.0);
    }
}
