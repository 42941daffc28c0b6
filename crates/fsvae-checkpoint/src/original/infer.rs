//! The configuration of a network from the shapes of its tensors.

use std::collections::BTreeMap;

use serde::Serialize;

use super::OriginalError;
use super::raw::{Budget, RawTensor};
use crate::{Checkpoint, MAX_RANK, NetworkConfig, TrainingRecord, expected_tensors};

/// Figures that a state dictionary does not hold, or that shall differ from those it holds.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Choices {
    /// Time steps (T).
    pub steps: Option<usize>,
    /// What remains of the membrane after a step (tau).
    pub decay: Option<f32>,
    /// Firing threshold (V_th).
    pub threshold: Option<f32>,
    /// What remains of the read-out membrane after a step.
    pub readout_decay: Option<f32>,
}

/// Where a figure of the configuration comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Origin {
    /// From the shape or the values of a tensor.
    Inferred,
    /// From [`Choices`].
    Chosen,
    /// The file does not say: the published program's.
    Default,
}

/// A figure of the configuration, and where it comes from.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Setting {
    /// The field of [`NetworkConfig`].
    pub name: &'static str,
    /// Its value, as text.
    pub value: String,
    /// Where it comes from.
    pub origin: Origin,
    /// The tensor it was inferred from; of the others nothing.
    pub tensor: Option<String>,
}

/// A checkpoint made of a state dictionary, and how its configuration came to be.
#[derive(Clone, Debug)]
pub struct Original {
    /// The network; it has passed [`Checkpoint::check`].
    pub checkpoint: Checkpoint,
    /// All figures of the configuration.
    pub settings: Vec<Setting>,
    /// What stands before the names of the network's tensors in the file (`param/`, `module.`); often empty.
    pub prefix: String,
    /// Tensors of the file that have another prefix.
    pub ignored: usize,
}

/// Every FSVAE has them, and they tell the prefix.
const LANDMARKS: [&str; 5] =
    ["encoder.0.weight", "before_latent_layer.weight", "prior.layers.0.bn.running_var", "decoder_input.weight", "final_layer.1.weight"];

/// The original program's buffers and parameters that are no layer's: the read-out's factors 0.8^(T-1-t).
const COEFFICIENTS: &str = "membrane_output_layer.coef";

pub(super) fn infer(tensors: Vec<RawTensor<'_>>, choices: &Choices, mut budget: Budget) -> Result<Original, OriginalError> {
    let prefix = prefix(&tensors)?;
    let total = tensors.len();
    let mut dictionary = Dictionary::new(tensors, &prefix)?;
    let ignored = total - dictionary.0.len();
    let (config, settings) = dictionary.config(choices, &mut budget)?;

    let not_an_fsvae = |detail: String| OriginalError::NotAnFsvae { detail };
    let violations = config.violations();
    if !violations.is_empty() {
        return Err(not_an_fsvae(violations.join("; ")));
    }
    dictionary.drop_helpers(&mut budget)?;
    let mut found = Vec::new();
    for (name, shape) in expected_tensors(&config) {
        let raw = dictionary.0.remove(&name).ok_or_else(|| not_an_fsvae(format!("\"{prefix}{name}\" of shape {shape:?} is missing")))?;
        // the program's convolutions are three-dimensional with an extent of 1 in time
        let with_time: Vec<usize> = shape.iter().copied().chain([1]).collect();
        if raw.shape != shape && raw.shape != with_time {
            return Err(not_an_fsvae(format!("\"{prefix}{name}\" has shape {:?}; beside the others it must have {shape:?}", raw.shape)));
        }
        found.push(raw.decode(&name, shape, &mut budget)?);
    }
    if let Some(name) = dictionary.0.keys().next() {
        return Err(not_an_fsvae(format!("\"{prefix}{name}\" belongs to no layer ({} such tensors)", dictionary.0.len())));
    }
    let checkpoint =
        Checkpoint { config, training: TrainingRecord { dataset: "unknown".into(), ..TrainingRecord::default() }, tensors: found };
    checkpoint.check().map_err(|error| not_an_fsvae(error.to_string()))?;
    Ok(Original { checkpoint, settings, prefix, ignored })
}

/// What stands before all landmarks.
fn prefix(tensors: &[RawTensor<'_>]) -> Result<String, OriginalError> {
    let names: std::collections::BTreeSet<&str> = tensors.iter().map(|tensor| &tensor.name[..]).collect();
    let of = |landmark: &'static str| names.iter().filter_map(move |name| name.strip_suffix(landmark));
    let whole = |prefix: &&str| LANDMARKS.iter().all(|landmark| names.contains(&format!("{prefix}{landmark}")[..]));
    let mut prefixes = of(LANDMARKS[0]).filter(whole);
    match (prefixes.next(), prefixes.next()) {
        (Some(prefix), None) => Ok(prefix.to_owned()),
        (Some(a), Some(b)) => {
            Err(OriginalError::NotAnFsvae { detail: format!("there are several networks, under \"{a}\" and under \"{b}\"") })
        }
        (None, _) => {
            let missing = LANDMARKS.iter().find(|landmark| of(landmark).next().is_none()).unwrap_or(&LANDMARKS[0]);
            Err(OriginalError::NotAnFsvae {
                detail: format!("no tensor is called \"{missing}\" beside the others ({} tensors)", names.len()),
            })
        }
    }
}

/// The tensors below the prefix.
struct Dictionary<'a>(BTreeMap<String, RawTensor<'a>>);

impl<'a> Dictionary<'a> {
    fn new(tensors: Vec<RawTensor<'a>>, prefix: &str) -> Result<Self, OriginalError> {
        let mut map = BTreeMap::new();
        for tensor in tensors {
            let Some(name) = tensor.name.strip_prefix(prefix).map(str::to_owned) else { continue };
            if tensor.shape.len() > MAX_RANK {
                let detail = format!("it has {} dimensions; at most {MAX_RANK} are read", tensor.shape.len());
                return Err(OriginalError::Tensor { name: tensor.name, detail });
            }
            if let Some(twice) = map.insert(name, tensor) {
                return Err(OriginalError::Tensor { name: twice.name, detail: "it is there more than once".into() });
            }
        }
        Ok(Self(map))
    }

    fn extent(&self, name: &str, axis: usize) -> Result<usize, OriginalError> {
        let shape = self.0.get(name).map(|tensor| &tensor.shape[..]).unwrap_or_default();
        let extent = shape.get(axis).copied().filter(|&extent| extent > 0);
        extent.ok_or_else(|| OriginalError::NotAnFsvae { detail: format!("\"{name}\" has shape {shape:?}, or is missing") })
    }

    fn config(&self, choices: &Choices, budget: &mut Budget) -> Result<(NetworkConfig, Vec<Setting>), OriginalError> {
        let fail = |detail: String| Err(OriginalError::NotAnFsvae { detail });
        let (latent, image_channels) = (self.extent("prior.layers.0.weight", 1)?, self.extent("encoder.0.weight", 1)?);
        let neighbours = self.extent("prior.layers.2.weight", 0)?;
        if neighbours % latent != 0 {
            return fail(format!("the prior ends in {neighbours} neurons, which are no groups for {latent} latent channels"));
        }
        let names = (0..).map(|layer| format!("encoder.{layer}.weight")).take_while(|name| self.0.contains_key(name));
        let channels = names.map(|name| self.extent(&name, 0)).collect::<Result<Vec<_>, _>>()?;
        let (bottleneck, last) = (self.extent("before_latent_layer.weight", 1)?, *channels.last().unwrap_or(&1));
        let side = (bottleneck / last).isqrt();
        if side == 0 || side.checked_mul(side).and_then(|area| area.checked_mul(last)) != Some(bottleneck) {
            return fail(format!("\"before_latent_layer.weight\" has {bottleneck} inputs, which are no {last} square feature maps"));
        }
        let Some(image_size) =
            u32::try_from(channels.len()).ok().filter(|&layers| layers < 16).and_then(|layers| side.checked_mul(1 << layers))
        else {
            return fail(format!("the encoder has {} layers", channels.len()));
        };

        let defaults = NetworkConfig::fsvae(image_channels);
        let coefficients = self.coefficients(budget)?;
        let (steps, readout_decay) = coefficients.map_or((None, None), |(steps, decay)| (Some(steps), decay));
        let mut settings = Vec::new();
        let mut note = |name, value: String, origin, tensor: &str| {
            let tensor = (origin == Origin::Inferred).then(|| tensor.to_owned());
            settings.push(Setting { name, value, origin, tensor });
        };
        note("image_size", image_size.to_string(), Origin::Inferred, "before_latent_layer.weight");
        note("image_channels", image_channels.to_string(), Origin::Inferred, "encoder.0.weight");
        note("channels", format!("{channels:?}"), Origin::Inferred, "encoder.*.weight");
        note("latent", latent.to_string(), Origin::Inferred, "prior.layers.0.weight");
        note("ways", (neighbours / latent).to_string(), Origin::Inferred, "prior.layers.2.weight");
        let (steps, origin) = chosen(choices.steps, steps, defaults.steps);
        note("steps", steps.to_string(), origin, COEFFICIENTS);
        let (decay, origin) = chosen(choices.decay, None, defaults.decay);
        note("decay", decay.to_string(), origin, "");
        let (threshold, origin) = chosen(choices.threshold, None, defaults.threshold);
        note("threshold", threshold.to_string(), origin, "");
        let (readout_decay, origin) = chosen(choices.readout_decay, readout_decay, defaults.readout_decay);
        note("readout_decay", readout_decay.to_string(), origin, COEFFICIENTS);
        let ways = neighbours / latent;
        let neurons = NetworkConfig { decay, decoder_decay: None, threshold, readout_decay, ..defaults };
        Ok((NetworkConfig { image_size, image_channels, channels, latent, ways, steps, ..neurons }, settings))
    }

    /// Steps and read-out decay, if the read-out's factors are there; a single one tells no decay.
    fn coefficients(&self, budget: &mut Budget) -> Result<Option<(usize, Option<f32>)>, OriginalError> {
        let Some(raw) = self.0.get(COEFFICIENTS) else { return Ok(None) };
        let values = raw.decode(COEFFICIENTS, raw.shape.clone(), budget)?.values.to_f32();
        let odd = || OriginalError::NotAnFsvae { detail: format!("\"{COEFFICIENTS}\" is not the powers of one decay, ending in 1") };
        let (&last, before) = values.split_last().ok_or_else(odd)?;
        if last != 1.0 {
            return Err(odd());
        }
        let Some(&decay) = before.last() else { return Ok(Some((1, None))) };
        let powers = values.windows(2).all(|pair| (pair[0] - pair[1] * decay).abs() <= 1e-4 * pair[1].abs());
        if powers { Ok(Some((values.len(), Some(decay)))) } else { Err(odd()) }
    }

    /// Takes out what is no layer's: counters of the batch norms, the read-out's factors, and the latent code before the first step,
    /// which must be silent, as it is in the program.
    fn drop_helpers(&mut self, budget: &mut Budget) -> Result<(), OriginalError> {
        for part in ["prior", "posterior"] {
            let name = format!("{part}.initial_input");
            if let Some(raw) = self.0.remove(&name)
                && raw.decode(&name, raw.shape.clone(), budget)?.values.to_f32().iter().any(|&value| value != 0.0)
            {
                return Err(OriginalError::NotAnFsvae {
                    detail: format!("\"{name}\" is not zero: this network starts from another latent code"),
                });
            }
        }
        self.0.retain(|name, _| name != COEFFICIENTS && !name.ends_with(".bn.num_batches_tracked"));
        Ok(())
    }
}

fn chosen<T>(choice: Option<T>, inferred: Option<T>, default: T) -> (T, Origin) {
    match (choice, inferred) {
        (Some(value), _) => (value, Origin::Chosen),
        (None, Some(value)) => (value, Origin::Inferred),
        (None, None) => (default, Origin::Default),
    }
}
