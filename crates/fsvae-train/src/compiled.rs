//! The compiled network, to be measured beside the one that it was compiled from.

use crate::error::TrainError;
use crate::measure::Pictures;
use fsvae_cli::{Report, read_file_limited};
use fsvae_data::{to_byte, to_float};
use lif_graph::{LifGraph, PopulationId};
use lif_sim::{Engine, Inputs, Record};
use rayon::prelude::*;
use std::path::Path;

/// Thirty times the full-size network.
const MAX_BYTES: u64 = 1 << 26;

/// What `fsvae-compile` wrote of an FSVAE: integers that draw, and integers that reconstruct.
pub struct CompiledNetwork {
    generate: Engine,
    reconstruct: Engine,
    /// Of the network that reconstructs.
    image: PopulationId,
    /// Channels and side.
    shape: (usize, usize),
}

impl CompiledNetwork {
    /// Reads `STEM.lif` and `STEM.reconstruct.lif` in a folder; they make images of `shape`, channels and side.
    ///
    /// # Errors
    /// A file cannot be read; [`TrainError::NotCompiled`] when it holds something else.
    pub fn read(folder: &Path, stem: &str, shape: (usize, usize)) -> Result<Self, Report> {
        let [drawing, reconstructing] = ["lif", "reconstruct.lif"].map(|ending| folder.join(format!("{stem}.{ending}")));
        let not = |path: &Path, reason: &str| TrainError::NotCompiled { path: path.to_owned(), reason: reason.into() };
        let (generate, taken) = engine(&drawing, shape)?;
        if taken.is_some() {
            return Err(not(&drawing, "it takes an image instead of drawing one").into());
        }
        let (reconstruct, image) = engine(&reconstructing, shape)?;
        let image = image.ok_or_else(|| not(&reconstructing, "it takes no image"))?;
        Ok(Self { generate, reconstruct, image, shape })
    }

    /// Images `first ..` of `seed`, drawn on all threads, in order.
    fn draw(&self, engine: &Engine, seed: u64, images: std::ops::Range<u64>, inputs: impl Fn(u64) -> Inputs + Sync) -> Vec<f32> {
        let record = Record { skip_unread: true, ..Record::default() };
        let draw = |state: &mut _, image| engine.draw(state, seed, image, &inputs(image), record).pixels;
        let pixels: Vec<Vec<u8>> = images.into_par_iter().map_init(|| engine.state(), draw).collect();
        pixels.into_iter().flatten().map(to_float).collect()
    }
}

/// A network that makes such images, and the population that takes one, if there is one.
fn engine(path: &Path, (channels, side): (usize, usize)) -> Result<(Engine, Option<PopulationId>), Report> {
    let not = |reason: String| TrainError::NotCompiled { path: path.to_owned(), reason };
    let graph = LifGraph::from_bytes(&read_file_limited(path, MAX_BYTES)?).map_err(|error| not(error.to_string()))?;
    let engine = Engine::new(&graph).map_err(|error| not(error.to_string()))?;
    let wanted = [channels, side, side];
    let fits = |shape: lif_graph::Shape| [shape.channels, shape.height, shape.width].map(|n| n as usize) == wanted;
    if !engine.picture().is_some_and(|(_, shape)| fits(shape)) {
        return Err(not(format!("it makes no images of {channels} x {side} x {side}")).into());
    }
    let image = graph.images().find(|(_, population)| fits(population.shape));
    Ok((engine, image.map(|(id, _)| id)))
}

/// Pixels are bytes here, those of the images and those of the pictures.
impl Pictures for CompiledNetwork {
    fn shape(&self) -> (usize, usize) {
        self.shape
    }

    fn reconstructed(&self, pixels: &[f32], seed: u64, first: u64) -> Vec<f32> {
        let size = self.shape.0 * self.shape.1 * self.shape.1;
        let bytes: Vec<u8> = pixels.iter().copied().map(to_byte).collect();
        let inputs = |image: u64| {
            let image = &bytes[(image - first) as usize * size..][..size];
            self.reconstruct.with_image(Inputs::default(), self.image, image).expect("the image has the population's size")
        };
        self.draw(&self.reconstruct, seed, first..first + (bytes.len() / size) as u64, inputs)
    }

    fn draws(&self) -> bool {
        true
    }

    fn drawn(&self, seed: u64, first: u64, count: usize) -> Vec<f32> {
        self.draw(&self.generate, seed, first..first + count as u64, |_| Inputs::default())
    }
}
