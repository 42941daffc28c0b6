//! What a run will do, checked before it does anything.

use crate::Error;
use crate::cli::Generate;
use crate::shards::{self, Format, Part, Place, Shards};
use lif_graph::{LifGraph, NeuronModel, Shape};
use std::fs;
use std::path::{Path, PathBuf};

/// A picture of more pixels is refused: 2^26, eight thousand on a side.
const MAX_PIXELS: u64 = 1 << 26;

/// Spikes that one image may have at most: twenty times the neurons and steps of the full-size network.
const MAX_SPIKES: u64 = 1 << 24;

/// Black pixels between the images of a picture.
const PADDING: u64 = 2;

/// More images than anybody draws: their numbers have twelve digits.
const MAX_COUNT: u64 = 1_000_000_000_000;

/// A run that can be done.
pub(crate) struct Plan {
    /// The size of an image.
    pub image: Shape,
    pub output: Output,
}

/// Where the images go.
pub(crate) enum Output {
    Sheet(Sheet),
    Shards(Shards),
}

/// All images in one picture.
pub(crate) struct Sheet {
    /// How many images.
    pub count: u32,
    /// How many stand in a row of the picture.
    pub columns: usize,
    /// Where the picture goes.
    pub picture: PathBuf,
    /// Where the events go.
    pub events: Option<PathBuf>,
}

impl Plan {
    /// Decides what to do with `readout`, the shape of the network's picture.
    pub fn new(options: &Generate, graph: &LifGraph, readout: Option<Shape>) -> Result<Self, Error> {
        needs_nothing(graph)?;
        Self::with_input(options, graph, readout)
    }

    /// The same for a graph that gets what it needs.
    pub fn with_input(options: &Generate, graph: &LifGraph, readout: Option<Shape>) -> Result<Self, Error> {
        bounded(graph)?;
        let image = picture_of(graph, readout)?;
        let output = match shards::place(&options.out)? {
            Place::Sheet => Output::Sheet(sheet(options, image)?),
            Place::Pattern(pattern, format) => Output::Shards(shards(options, image, pattern, format)?),
        };
        Ok(Self { image, output })
    }
}

fn sheet(options: &Generate, image: Shape) -> Result<Sheet, Error> {
    if options.shard.is_some() {
        return Err(Error::OnlyForShards { option: "--shard" });
    }
    if options.shard_images.is_some() {
        return Err(Error::OnlyForShards { option: "--shard-images" });
    }
    let count = options.count;
    let limit = largest_count(image);
    if !(1..=limit).contains(&count) {
        return Err(Error::Count { count, limit });
    }
    let events = options.events.as_ref().map(|file| match file {
        Some(file) => file.clone(),
        None => options.out.with_file_name("events.csv"),
    });
    distinct_files(options, events.as_deref())?;
    Ok(Sheet { count: count as u32, columns: columns(count) as usize, picture: options.out.clone(), events })
}

fn shards(options: &Generate, image: Shape, pattern: String, format: Format) -> Result<Shards, Error> {
    if options.events.is_some() {
        return Err(Error::EventsOfShards);
    }
    if !(1..=MAX_COUNT).contains(&options.count) {
        return Err(Error::Count { count: options.count, limit: MAX_COUNT });
    }
    let limit = match format {
        Format::Png => largest_count(image),
        Format::Npz => MAX_PIXELS / image.neurons() as u64,
    };
    let part = options.shard.unwrap_or(Part { part: 1, parts: 1 });
    let images = options.shard_images.unwrap_or(shards::DEFAULT_IMAGES.min(limit));
    let shards = Shards::new(pattern, format, options.count, images, part);
    if !(1..=limit).contains(&shards.images) {
        return Err(Error::ShardImages { images: shards.images, limit });
    }
    Ok(shards)
}

/// Whether the graph runs by itself, and in bounded memory.
pub(crate) fn needs_nothing(graph: &LifGraph) -> Result<(), Error> {
    let outside = |population: &&lif_graph::Population| matches!(population.model, NeuronModel::Source | NeuronModel::Image { .. });
    if let Some(source) = graph.populations.iter().find(outside) {
        return Err(Error::NeedsInput { network: graph.name.clone(), population: source.name.clone() });
    }
    bounded(graph)
}

fn bounded(graph: &LifGraph) -> Result<(), Error> {
    let neurons: u64 = graph.populations.iter().map(|population| population.shape.neurons() as u64).sum();
    let spikes = neurons * u64::from(graph.steps);
    if spikes > MAX_SPIKES {
        return Err(Error::TooManySpikes { network: graph.name.clone(), spikes, limit: MAX_SPIKES });
    }
    Ok(())
}

/// The shape of what the graph draws.
fn picture_of(graph: &LifGraph, readout: Option<Shape>) -> Result<Shape, Error> {
    let no_picture = |reason: String| Error::NoPicture { network: graph.name.clone(), reason };
    let shape = readout.ok_or_else(|| no_picture("it has no read-out".into()))?;
    if shape.channels != 1 && shape.channels != 3 {
        return Err(no_picture(format!("its read-out has {} channels", shape.channels)));
    }
    if largest_count(shape) == 0 {
        return Err(no_picture(format!("its read-out of {} x {} pixels is too large", shape.height, shape.width)));
    }
    Ok(shape)
}

/// Images in a row: as many as rows, or one more.
pub(crate) fn columns(count: u64) -> u64 {
    count.isqrt() + u64::from(count.isqrt().pow(2) < count)
}

/// How many images of a shape the picture can hold: the largest square.
fn largest_count(image: Shape) -> u64 {
    let extent = |number: u64, side: u32| number * (u64::from(side) + PADDING) + PADDING;
    let fits = |side: u64| extent(side, image.height) * extent(side, image.width) <= MAX_PIXELS;
    let side = (0..MAX_PIXELS.isqrt()).take_while(|&side| fits(side + 1)).count() as u64;
    side * side
}

/// Whether both are names of one file.
pub(crate) fn same_file(first: &Path, second: &Path) -> bool {
    place(first) == place(second)
}

fn distinct_files(options: &Generate, events: Option<&Path>) -> Result<(), Error> {
    let same = |path: &Path, first, second| Err(Error::SameFile { path: path.to_owned(), first, second });
    let model = options.model.as_deref().map(place);
    let picture = place(&options.out);
    if model.as_ref() == Some(&picture) {
        return same(&options.out, "the model", "the picture");
    }
    let Some(events) = events else { return Ok(()) };
    if Some(place(events)) == model {
        return same(events, "the model", "the file of the events");
    }
    if place(events) == picture {
        return same(events, "the picture", "the file of the events");
    }
    if events.extension().is_some_and(|extension| extension == "lif") {
        return Err(Error::EventsOverModel { path: events.to_owned() });
    }
    Ok(())
}

/// The same for all names of a file, whether it exists or not.
fn place(path: &Path) -> PathBuf {
    if let Ok(whole) = fs::canonicalize(path) {
        return whole;
    }
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    match (fs::canonicalize(folder), path.file_name()) {
        (Ok(folder), Some(name)) => folder.join(name),
        _ => path.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pictures_are_square_or_almost() {
        assert_eq!([1, 2, 3, 4, 5, 9, 10, 63, 64, 65].map(columns), [1, 2, 2, 2, 3, 3, 4, 8, 8, 9]);
    }

    #[test]
    fn the_largest_picture() {
        let square = |side| Shape { channels: 1, height: side, width: side };
        assert_eq!(largest_count(square(32)), 240 * 240); // 240 * 34 + 2 = 8162, and 241 * 34 + 2 = 8196 > 8192
        assert_eq!(largest_count(square(8188)), 1);
        assert_eq!(largest_count(square(8189)), 0);
        assert_eq!(largest_count(Shape { channels: 3, height: 1, width: 4096 }), 73 * 73);
    }
}
