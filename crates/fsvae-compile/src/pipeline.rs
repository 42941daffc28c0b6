//! All steps in order, on one screen.

use crate::feedforward::import::Time;
use crate::feedforward::{self, FeedForward};
use crate::quantise::Scales;
use crate::{
    CompileError, FloatLayer, FoldedLayer, IntegerLayer, Network, Purpose, calibrate, fold, import, lower, map, map_with, quantise,
};
use fsvae_checkpoint::Checkpoint;
use lif_chip::Chip;
use lif_graph::LifGraph;
use lif_map::Mapping;
use lif_nir::NirGraph;

/// A step after which the compilation can be stopped to look at what it made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Checkpoint to float layers.
    Import,
    /// tdBN into weights and bias.
    Fold,
    /// Floats to the chip's integers.
    Quantise,
    /// Layers to the graph.
    Lower,
    /// When each population has its turn.
    Schedule,
    /// The graph to the chip's cores.
    Map,
}

impl Step {
    /// All of them, in order, with their names.
    pub const ALL: [(&str, Step); 6] = [
        ("import", Step::Import),
        ("fold", Step::Fold),
        ("quantise", Step::Quantise),
        ("lower", Step::Lower),
        ("schedule", Step::Schedule),
        ("map", Step::Map),
    ];

    /// The step of this name.
    ///
    /// # Errors
    /// [`CompileError::UnknownStep`] lists the names.
    pub fn named(name: &str) -> Result<Self, CompileError> {
        let found = Self::ALL.iter().find(|(known, _)| *known == name).map(|(_, step)| *step);
        found.ok_or_else(|| CompileError::UnknownStep { name: name.into(), known: Self::ALL.map(|(known, _)| known).join(", ") })
    }
}

/// What stands after a step.
#[derive(Debug)]
pub enum Stage {
    /// After [`Step::Import`].
    Imported(Network<FloatLayer>),
    /// After [`Step::Fold`].
    Folded(Network<FoldedLayer>),
    /// After [`Step::Quantise`].
    Quantised(Network<IntegerLayer>),
    /// After [`Step::Lower`] and [`Step::Schedule`], which is a table beside the graph.
    Lowered(Box<Compiled>),
    /// After [`Step::Map`].
    Mapped(Box<Mapping>),
}

/// What stands after a step of a network that is no FSVAE; it has nothing to fold.
#[derive(Debug)]
pub enum NetworkStage {
    /// After [`Step::Import`] and [`Step::Fold`].
    Imported(FeedForward<FoldedLayer>),
    /// After [`Step::Quantise`].
    Quantised(FeedForward<IntegerLayer>),
    /// After [`Step::Lower`] and [`Step::Schedule`].
    Lowered(FeedForward<IntegerLayer>, LifGraph),
    /// After [`Step::Map`].
    Mapped(Box<Mapping>),
}

/// Compiles a NIR network for a chip, as far as `last`; `name` is the graph's.
///
/// # Errors
/// Those of the steps up to `last`.
pub fn compile_network_until(
    last: Step,
    graph: &NirGraph,
    time: &Time,
    chip: &Chip,
    scales: Scales,
    name: &str,
) -> Result<NetworkStage, CompileError> {
    let network = feedforward::import::import(graph, time)?;
    if matches!(last, Step::Import | Step::Fold) {
        return Ok(NetworkStage::Imported(network));
    }
    let integer = feedforward::quantise(&network, chip, scales)?;
    if last == Step::Quantise {
        return Ok(NetworkStage::Quantised(integer));
    }
    let graph = feedforward::lower(&integer, name)?;
    if last == Step::Map {
        return Ok(NetworkStage::Mapped(Box::new(map(&graph, chip)?)));
    }
    Ok(NetworkStage::Lowered(integer, graph))
}

/// A compiled model.
#[derive(Debug)]
pub struct Compiled {
    /// As it was trained; what the graph is measured against.
    pub float: Network<FloatLayer>,
    /// In integers, with what was lost.
    pub integer: Network<IntegerLayer>,
    /// The graph.
    pub graph: LifGraph,
    /// Pictures that a network draws: what the quantiser was calibrated with, and what rates for a mapping are measured with.
    pub pictures: Vec<Vec<u8>>,
}

/// What is compiled of a checkpoint, and how.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Options<'a> {
    /// Which of its networks.
    pub purpose: Purpose,
    /// How scales of weights are found.
    pub scales: Scales,
    /// Name of the graph.
    pub name: &'a str,
}

impl<'a> Options<'a> {
    /// The network that draws, as good as it gets.
    pub fn new(name: &'a str) -> Self {
        Self { purpose: Purpose::Generate, scales: Scales::default(), name }
    }
}

/// Compiles a checkpoint for a chip, as far as `last`. A network that reconstructs is calibrated with `pictures`; if there are none, with
/// those that the checkpoint's other network draws.
///
/// # Errors
/// Those of the steps up to `last`.
pub fn compile_until(
    last: Step,
    checkpoint: &Checkpoint,
    chip: &Chip,
    options: Options<'_>,
    pictures: &[Vec<u8>],
) -> Result<Stage, CompileError> {
    let float = import(checkpoint, options.purpose)?;
    if last == Step::Import {
        return Ok(Stage::Imported(float));
    }
    let folded = fold(float.clone())?;
    if last == Step::Fold {
        return Ok(Stage::Folded(folded));
    }
    let drawn = if options.purpose == Purpose::Reconstruct && pictures.is_empty() {
        calibrate(&fold(import(checkpoint, Purpose::Generate)?)?, &[]).pictures
    } else {
        pictures.to_vec()
    };
    let calibration = calibrate(&folded, &drawn);
    let integer = quantise(&folded, &calibration.inputs, chip, options.scales)?;
    if last == Step::Quantise {
        return Ok(Stage::Quantised(integer));
    }
    let graph = lower(&integer, options.name)?;
    let pictures = if options.purpose == Purpose::Reconstruct { drawn } else { calibration.pictures };
    if last == Step::Map {
        return Ok(Stage::Mapped(Box::new(map_with(&graph, chip, &pictures, lif_map::Filling::Fewest)?)));
    }
    Ok(Stage::Lowered(Box::new(Compiled { float, integer, graph, pictures })))
}

/// Compiles the network of a checkpoint that draws; `name` is the graph's.
///
/// # Errors
/// Those of the steps.
pub fn compile(checkpoint: &Checkpoint, chip: &Chip, name: &str) -> Result<Compiled, CompileError> {
    compile_with(checkpoint, chip, Options::new(name), &[])
}

/// Compiles a checkpoint for a chip.
///
/// # Errors
/// Those of the steps.
pub fn compile_with(checkpoint: &Checkpoint, chip: &Chip, options: Options<'_>, pictures: &[Vec<u8>]) -> Result<Compiled, CompileError> {
    match compile_until(Step::Lower, checkpoint, chip, options, pictures)? {
        Stage::Lowered(compiled) => Ok(*compiled),
        _ => unreachable!("nothing else stops after this step"),
    }
}
