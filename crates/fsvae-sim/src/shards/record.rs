//! What a shard says about itself, as one line of JSON inside of it.

use lif_graph::LifGraph;
use lif_sim::Drawing;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::ops::Range;

/// The sum, modulo 2^256, of SHA-256 over each image's number (u64, little-endian) and pixels (channel by channel, row by row). Sums of parts are the
/// sum of the whole, so that shards, machines and interruptions leave no trace in it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct PixelsFingerprint([u8; 32]);

impl PixelsFingerprint {
    pub fn of_image(image: u64, pixels: &[u8]) -> Self {
        Self(Sha256::new().chain_update(image.to_le_bytes()).chain_update(pixels).finalize().into())
    }

    /// Big-endian addition.
    pub fn add(&mut self, other: &Self) {
        let mut carry = 0;
        for (sum, part) in self.0.iter_mut().zip(&other.0).rev() {
            let total = u16::from(*sum) + u16::from(*part) + carry;
            (*sum, carry) = (total as u8, total >> 8);
        }
    }

    /// 64 hex digits.
    pub fn text(&self) -> String {
        self.0.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    fn parse(text: &str) -> Option<Self> {
        let digits: Vec<u8> = text.chars().map(|digit| digit.to_digit(16).map(|value| value as u8)).collect::<Option<_>>()?;
        let bytes: Vec<u8> =
            digits.chunks(2).map(|pair| pair.iter().fold(0u8, |byte, &digit| byte.wrapping_mul(16).wrapping_add(digit))).collect();
        (digits.len() == 64).then(|| bytes.try_into().ok().map(Self)).flatten()
    }
}

/// A run: a network, what it gets from outside, and a seed.
pub(crate) struct Run<'g> {
    graph: &'g LifGraph,
    /// Of the graph, and of what comes from outside; it takes longer to compute than a shard's record to read.
    fingerprint: String,
    seed: u64,
}

impl<'g> Run<'g> {
    pub fn new(graph: &'g LifGraph, seed: u64, outside: &str) -> Self {
        Self { graph, fingerprint: format!("{}{outside}", graph.fingerprint()), seed }
    }

    /// Of a shard of which no image is drawn yet.
    pub fn record(&self, range: Range<u64>) -> Record {
        Record {
            model: self.fingerprint.clone(),
            seed: self.seed,
            first: range.start,
            images: range.end - range.start,
            spikes: vec![0; self.graph.populations.len()],
            synaptic_operations: vec![0; self.graph.projections.len()],
            pixels: PixelsFingerprint::default(),
        }
    }
}

/// Which images of which run a shard has, and what drawing them took.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Record {
    /// Fingerprint of the graph.
    pub model: String,
    pub seed: u64,
    pub first: u64,
    pub images: u64,
    /// By population; 0 for unread ones.
    pub spikes: Vec<u64>,
    /// By projection.
    pub synaptic_operations: Vec<u64>,
    pub pixels: PixelsFingerprint,
}

impl Record {
    pub fn add(&mut self, drawing: &Drawing, pixels: &PixelsFingerprint) {
        self.spikes.iter_mut().zip(&drawing.spikes).for_each(|(sum, count)| *sum += count);
        self.synaptic_operations.iter_mut().zip(&drawing.synaptic_operations).for_each(|(sum, count)| *sum += count);
        self.pixels.add(pixels);
    }

    /// Whether both are of the same images of the same run.
    pub fn is_for(&self, other: &Self) -> bool {
        let identity = |record: &Self| (record.model.clone(), record.seed, record.first, record.images, record.spikes.len());
        identity(self) == identity(other) && self.synaptic_operations.len() == other.synaptic_operations.len()
    }

    pub fn text(&self) -> String {
        json!({
            "model": self.model,
            "seed": self.seed,
            "first": self.first,
            "images": self.images,
            "spikes": self.spikes,
            "synaptic_operations": self.synaptic_operations,
            "pixels_fingerprint": self.pixels.text(),
        })
        .to_string()
    }

    pub fn parse(text: &str) -> Option<Self> {
        let value: Value = serde_json::from_str(text).ok()?;
        let counts = |name: &str| value[name].as_array()?.iter().map(Value::as_u64).collect::<Option<Vec<u64>>>();
        Some(Self {
            model: value["model"].as_str()?.into(),
            seed: value["seed"].as_u64()?,
            first: value["first"].as_u64()?,
            images: value["images"].as_u64()?,
            spikes: counts("spikes")?,
            synaptic_operations: counts("synaptic_operations")?,
            pixels: PixelsFingerprint::parse(value["pixels_fingerprint"].as_str()?)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_carry_and_have_no_order() {
        let [a, b] = [(1, [7u8; 5]), (2, [9; 5])].map(|(image, pixels)| PixelsFingerprint::of_image(image, &pixels));
        let sum = |parts: [&PixelsFingerprint; 2]| {
            let mut sum = PixelsFingerprint::default();
            parts.iter().for_each(|part| sum.add(part));
            sum
        };
        assert_eq!(sum([&a, &b]), sum([&b, &a]));
        let mut ones = PixelsFingerprint([0xff; 32]);
        ones.add(&PixelsFingerprint::parse(&format!("{:064x}", 2)).expect("digits"));
        assert_eq!(ones.text(), format!("{:064x}", 1));
    }

    #[test]
    fn what_is_written_is_read() {
        let record = Record {
            model: "abc".into(),
            seed: u64::MAX,
            first: 5,
            images: 2,
            spikes: vec![1, 2],
            synaptic_operations: vec![3],
            pixels: PixelsFingerprint::of_image(5, &[1]),
        };
        assert_eq!(Record::parse(&record.text()), Some(record));
        assert_eq!(Record::parse("{}"), None);
        assert_eq!(Record::parse("no"), None);
    }
}
