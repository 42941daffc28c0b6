//! What comes from outside for each image: nothing, or the image that is to be reconstructed.

use fsvae_data::Images;
use lif_graph::PopulationId;
use lif_sim::{Engine, Inputs};
use sha2::{Digest, Sha256};

/// For all images of a run.
pub(crate) enum Outside<'a> {
    Nothing,
    /// Image j for drawing j. Their size is that of the population.
    Originals {
        engine: &'a Engine,
        population: PopulationId,
        images: Images,
    },
}

impl Outside<'_> {
    pub fn inputs(&self, image: u64) -> Inputs {
        match self {
            Self::Nothing => Inputs::default(),
            Self::Originals { engine, population, images } => {
                let inputs = engine.with_image(Inputs::default(), *population, images.image(image as usize));
                inputs.expect("the images have the population's size")
            }
        }
    }

    /// What distinguishes shards of these images from those of others; nothing where there are none.
    pub fn identity(&self) -> String {
        let Self::Originals { images, .. } = self else { return String::new() };
        Sha256::digest(&images.pixels).iter().take(8).fold("+".into(), |text, byte| format!("{text}{byte:02x}"))
    }

    /// The drawings, each after its original, and the columns for as many in a row as before; without originals, the drawings.
    pub fn beside(&self, drawn: Images, columns: usize) -> (Images, usize) {
        let Self::Originals { images, .. } = self else { return (drawn, columns) };
        let size = drawn.pixels_per_image();
        let pairs = images.pixels.chunks_exact(size).zip(drawn.pixels.chunks_exact(size));
        let pixels = pairs.flat_map(|(original, drawing)| [original, drawing]).flatten().copied().collect();
        (Images { count: 2 * drawn.count, pixels, ..drawn }, 2 * columns)
    }
}
