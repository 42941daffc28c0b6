//! One number for all that a run did.
//!
//! ```text
//!   image        SHA-256 of   image number                 u64, little-endian as all below
//!                             number of its spikes         u64
//!                             each spike                   step u32, population u32, neuron u32
//!                             its pixels                   u8, channel by channel, row by row
//!   run          SHA-256 of   the hashes of its images, 32 bytes each
//! ```
//!
//! Images come in ascending order, spikes in the order of (step, population, neuron), populations and neurons in the graph's numbering.
//! Who computes the same spikes and pixels, on whatever machine or chip, gets the same fingerprint.

use lif_sim::Drawing;
use sha2::{Digest, Sha256};

/// The hash of one image; `drawing` has its events.
pub fn of_image(drawing: &Drawing) -> [u8; 32] {
    let mut bytes = Vec::with_capacity(16 + 12 * drawing.events.len());
    bytes.extend(drawing.image.to_le_bytes());
    bytes.extend((drawing.events.len() as u64).to_le_bytes());
    for event in &drawing.events {
        let spike = [event.step, event.population.0, event.neuron];
        spike.iter().for_each(|number| bytes.extend(number.to_le_bytes()));
    }
    Sha256::new().chain_update(bytes).chain_update(&drawing.pixels).finalize().into()
}

/// The hash of a run, fed with those of its images.
#[derive(Clone, Debug, Default)]
pub struct Fingerprint(Sha256);

impl Fingerprint {
    /// Adds the next image.
    pub fn add(&mut self, image: [u8; 32]) {
        self.0.update(image);
    }

    /// 64 hex digits.
    pub fn finish(self) -> String {
        self.0.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use lif_graph::PopulationId;
    use lif_sim::Event;

    /// Equal to `hashlib.sha256(struct.pack("<QQ6I", 5, 2, 0, 1, 258, 3, 2, 7) + b"\x00\xff")` of Python.
    #[test]
    fn the_bytes_are_those_that_are_documented() {
        let events = [(0, 1, 258), (3, 2, 7)];
        let events = events.map(|(step, population, neuron)| Event { step, population: PopulationId(population), neuron });
        let drawing = Drawing {
            image: 5,
            pixels: vec![0, 255],
            spikes: vec![],
            synaptic_operations: vec![],
            membranes: vec![],
            events: events.to_vec(),
        };
        let mut run = Fingerprint::default();
        run.add(of_image(&drawing));
        assert_eq!(run.finish(), "0de480d673567f49ce3b3af94d8ea4debe0890357a0cb03a7f1505095478f476");
    }
}
