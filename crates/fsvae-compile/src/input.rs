//! What a model file is, by its first bytes, and what it holds.

use crate::CompileError;
use crate::feedforward::import::{Integrator, Time};
use fsvae_checkpoint::Checkpoint;
use fsvae_checkpoint::original::{self, Origin, Original, Setting};
use lif_nir::NirGraph;

/// A model that was read, and where the figures come from that its file may not hold.
#[derive(Clone, Debug)]
pub enum Model {
    /// An FSVAE.
    Fsvae(Checkpoint, Vec<Setting>),
    /// A network of a NIR file.
    Network(NirGraph, Time, Vec<Setting>),
}

/// Figures from the command line.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Choices {
    /// Those of an FSVAE.
    pub fsvae: original::Choices,
    /// Length of a step, for NIR files.
    pub dt: Option<f64>,
    /// How a step is integrated, for NIR files.
    pub integrator: Option<Integrator>,
}

/// Steps of a NIR network where nobody says.
const STEPS: usize = 16;

/// Reads a model of any kind: `.mpk`, PyTorch's `.pth`, `.safetensors`, `.nir`.
///
/// # Errors
/// Those of the file's reader, and [`CompileError::Option`] for a choice that the file has no use for.
pub fn read(bytes: &[u8], choices: &Choices) -> Result<Model, CompileError> {
    if bytes.starts_with(b"\x89HDF\r\n\x1a\n") {
        return network(bytes, choices);
    }
    let for_nir = [("--dt", choices.dt.is_some()), ("--integrator", choices.integrator.is_some())];
    refuse_options(&for_nir, "an FSVAE", "it is for NIR files, which have time constants; an FSVAE has decays (--decay)")?;
    original::refuse_old_pytorch(bytes)?;
    let original = if bytes.starts_with(b"PK\x03\x04") {
        original::from_pth(bytes, &choices.fsvae)?
    } else if bytes.get(8) == Some(&b'{') {
        original::from_safetensors(bytes, &choices.fsvae)?
    } else {
        let checkpoint = Checkpoint::from_bytes(bytes)?;
        let original::Choices { steps, decay, threshold, readout_decay } = choices.fsvae;
        let of_others = [
            ("--steps", steps.is_some()),
            ("--decay", decay.is_some()),
            ("--threshold", threshold.is_some()),
            ("--readout-decay", readout_decay.is_some()),
        ];
        refuse_options(&of_others, "an .mpk file", "leave it out: the file says with what the network was trained")?;
        return Ok(Model::Fsvae(checkpoint, vec![]));
    };
    let Original { checkpoint, settings, .. } = original;
    Ok(Model::Fsvae(checkpoint, settings))
}

fn network(bytes: &[u8], choices: &Choices) -> Result<Model, CompileError> {
    let original::Choices { steps, decay, threshold, readout_decay } = choices.fsvae;
    let of_fsvae = [("--decay", decay.is_some()), ("--threshold", threshold.is_some()), ("--readout-decay", readout_decay.is_some())];
    refuse_options(&of_fsvae, "a NIR file", "leave it out: the file holds it, node by node, as time constants (--dt) and thresholds")?;
    let odd_step = choices.dt.is_some_and(|dt| !(dt > 0.0 && dt.is_finite()));
    refuse_options(
        &[("a --dt that takes no time", odd_step)],
        "a NIR file",
        "give a number above 0, in the unit of the file's time constants",
    )?;
    let graph = NirGraph::from_bytes(bytes)?;
    let origin = |chosen: bool| if chosen { Origin::Chosen } else { Origin::Default };
    let time = Time {
        steps: u32::try_from(steps.unwrap_or(STEPS)).unwrap_or(u32::MAX),
        dt: choices.dt.unwrap_or(lif_nir::TIME_STEP),
        integrator: choices.integrator.unwrap_or(Integrator::Euler),
    };
    let setting = |name, value, chosen| Setting { name, value, origin: origin(chosen), tensor: None };
    let settings = vec![
        setting("steps", time.steps.to_string(), steps.is_some()),
        setting("dt", time.dt.to_string(), choices.dt.is_some()),
        setting("integrator", format!("{:?}", time.integrator).to_lowercase(), choices.integrator.is_some()),
    ];
    Ok(Model::Network(graph, time, settings))
}

fn refuse_options(given: &[(&'static str, bool)], file: &'static str, remedy: &'static str) -> Result<(), CompileError> {
    match given.iter().find(|(_, given)| *given) {
        Some(&(option, _)) => Err(CompileError::Option { option, file, remedy }),
        None => Ok(()),
    }
}
