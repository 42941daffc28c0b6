//! Where a chip keeps its synapses, and how many bits they take there.

use serde::Deserialize;

/// Synapse memory with its packing formula: exactly one of the formats is given.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Memory {
    /// Size in bytes.
    pub bytes: u64,
    /// Who shares it.
    pub shared_by: SharedBy,
    /// Loihi's format.
    pub axon_blocks: Option<AxonBlocks>,
    /// SpiNNaker's format.
    pub rows: Option<Rows>,
}

/// Whose memory it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SharedBy {
    /// Each core has that much.
    Core,
    /// The cores of a chip share it; each may use an even share, so that every placement fits.
    Chip,
}

/// The synapses of one axon (a source neuron that a core listens to) in blocks, each rounded up to whole words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AxonBlocks {
    /// Synapses of a block, at most.
    pub block_synapses: u32,
    /// Bits at the head of a block.
    pub header_bits: u32,
    /// Bits of a weight.
    pub weight_bits: u32,
    /// Bits of a target's number; they are left out where an axon reaches neighbours without gaps.
    pub index_bits: u32,
    /// A block is rounded up to a multiple of this.
    pub word_bits: u32,
}

/// One row of words for each source neuron: a header, then one word a synapse.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rows {
    /// Words of the header.
    pub header_words: u32,
    /// Bytes of a word.
    pub word_bytes: u32,
}

impl Memory {
    /// Bytes that one core of `cores` may fill.
    pub fn bytes_per_core(&self, cores: u32) -> u64 {
        match self.shared_by {
            SharedBy::Core => self.bytes,
            SharedBy::Chip => self.bytes / u64::from(cores),
        }
    }

    /// Bits that one source neuron with `synapses` synapses in a core takes there; `gapless` if they reach neighbours without gaps.
    pub fn bits(&self, synapses: u64, gapless: bool) -> u64 {
        if synapses == 0 {
            return 0;
        }
        match (self.axon_blocks, self.rows) {
            (Some(format), _) => format.bits(synapses, gapless),
            (None, Some(format)) => 8 * u64::from(format.word_bytes) * (u64::from(format.header_words) + synapses),
            (None, None) => 0,
        }
    }

    /// Key, value, smallest and largest value of every figure.
    pub(crate) fn figures(&self) -> Vec<(&'static str, u64, u64, u64)> {
        let formats = u64::from(self.axon_blocks.is_some()) + u64::from(self.rows.is_some());
        let mut figures = vec![("memory.bytes", self.bytes, 1, 1 << 48), ("memory (count of formats)", formats, 1, 1)];
        if let Some(blocks) = self.axon_blocks {
            figures.extend([
                ("memory.axon_blocks.block_synapses", blocks.block_synapses.into(), 1, 1 << 16),
                ("memory.axon_blocks.header_bits", blocks.header_bits.into(), 0, 1 << 16),
                ("memory.axon_blocks.weight_bits", blocks.weight_bits.into(), 1, 64),
                ("memory.axon_blocks.index_bits", blocks.index_bits.into(), 0, 64),
                ("memory.axon_blocks.word_bits", blocks.word_bits.into(), 1, 1 << 16),
            ]);
        }
        if let Some(rows) = self.rows {
            figures.extend([
                ("memory.rows.header_words", rows.header_words.into(), 0, 1 << 16),
                ("memory.rows.word_bytes", rows.word_bytes.into(), 1, 64),
            ]);
        }
        figures
    }
}

impl AxonBlocks {
    fn bits(self, synapses: u64, gapless: bool) -> u64 {
        let of_synapse = u64::from(self.weight_bits) + if gapless { 0 } else { u64::from(self.index_bits) };
        let block = |synapses: u64| {
            let word = u64::from(self.word_bits);
            (synapses * of_synapse + u64::from(self.header_bits)).div_ceil(word) * word
        };
        let (full, rest) = (synapses / u64::from(self.block_synapses), synapses % u64::from(self.block_synapses));
        full * block(self.block_synapses.into()) + if rest > 0 { block(rest) } else { 0 }
    }
}

#[cfg(test)]
mod tests {
    use crate::find;

    /// By hand from the formula of nengo-loihi's `bits_per_axon` with 8-bit weights.
    #[test]
    fn loihi_rounds_every_block_up_to_words() {
        let memory = find("loihi1").unwrap().memory.unwrap();
        // 18 bits a synapse with index, 8 without; 10 a block; words of 64
        assert_eq!([0, 1, 3, 4, 64, 65].map(|synapses| memory.bits(synapses, false)), [0, 64, 64, 128, 1216, 1280]);
        assert_eq!([0, 1, 6, 7, 64, 128, 130].map(|synapses| memory.bits(synapses, true)), [0, 64, 64, 128, 576, 1152, 1216]);
        assert_eq!(memory.bytes_per_core(128), 131_072);
    }

    #[test]
    fn spinnaker_has_a_header_and_a_word_a_synapse() {
        let memory = find("spinnaker1").unwrap().memory.unwrap();
        assert_eq!([0, 1, 256].map(|synapses| memory.bits(synapses, true) / 8), [0, 16, 4 * 259]);
        assert_eq!(memory.bytes_per_core(16), 123_469_792 / 16);
    }
}
