//! `--verify-fad`: both networks on their own. One different spike changes all that follows, so pictures cannot be compared one by one;
//! what must be the same is their distribution. The same picks, the same measure (the Frechet autoencoder distance), and beside each other.

use crate::CompileError;
use crate::float::FloatEngine;
use crate::pixels::{boundaries, byte};
use fsvae_score::{Fad, Reference, Set, fad};
use lif_graph::{LifGraph, Shape, pixel_value};
use lif_sim::{Engine, Inputs, Record};
use rayon::prelude::*;
use serde::Serialize;

/// Scores of both.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct FreeRun {
    /// How many images each drew.
    pub images: u64,
    /// With the picks of this seed.
    pub seed: u64,
    /// The float network's score.
    pub float: Fad,
    /// The integer graph's.
    pub integer: Fad,
    /// Pictures that are the same byte for byte.
    pub equal_images_percent: f64,
}

/// The reference of a data set, for networks of its images.
///
/// # Errors
/// [`CompileError::NoReference`] for data sets and sizes without one.
pub fn reference(dataset: &str, picture: Shape) -> Result<Reference, CompileError> {
    let set = match dataset {
        "mnist" => Some(Set::Mnist),
        "fashion-mnist" => Some(Set::FashionMnist),
        _ => None,
    };
    let fits = picture == Shape { channels: 1, height: 32, width: 32 };
    set.filter(|_| fits).map(Reference::new).ok_or_else(|| CompileError::NoReference { dataset: dataset.into() })
}

/// Draws or, with pixels from `shown`, reconstructs `images` images with both and scores them.
///
/// # Errors
/// [`CompileError::Simulation`] for a graph that cannot be simulated.
pub fn free_run(
    engine: &FloatEngine,
    graph: &LifGraph,
    reference: &Reference,
    (images, seed): (u64, u64),
    shown: impl Fn(u64) -> Vec<u8> + Sync,
    progress: impl Fn() + Sync,
) -> Result<FreeRun, CompileError> {
    let integer = Engine::new(graph)?;
    let boundaries: Vec<f64> = boundaries().collect();
    let image_population = graph.images().next();
    let draw = |image| -> Result<(Vec<u8>, Vec<u8>), CompileError> {
        let pixels = shown(image);
        let float = engine.reconstruct(&pixels, seed, image, |_| ()).into_iter().map(|v| byte(&boundaries, v)).collect();
        let inputs = match image_population {
            Some((population, _)) => integer.with_image(Inputs::default(), population, &pixels)?,
            None => Inputs::default(),
        };
        let drawing = integer.draw(&mut integer.state(), seed, image, &inputs, Record::default());
        progress();
        Ok((float, drawing.pixels))
    };
    type Pair = (Vec<u8>, Vec<u8>);
    let pairs: Vec<Pair> = (0..images).into_par_iter().map(draw).collect::<Result<_, _>>()?;
    let score = |which: fn(&Pair) -> &Vec<u8>| {
        let values: Vec<f32> = pairs.iter().flat_map(which).map(|&byte| pixel_value(byte) as f32 / 255.0).collect();
        fad(reference, &values)
    };
    let equal = pairs.iter().filter(|(float, integer)| float == integer).count();
    Ok(FreeRun {
        images,
        seed,
        float: score(|pair| &pair.0),
        integer: score(|pair| &pair.1),
        equal_images_percent: 100.0 * equal as f64 / images as f64,
    })
}
