//! Rows of bits, one below the other: who fired, by sample.

/// Rows of equally many bits.
#[derive(Clone, Debug, PartialEq)]
pub struct Rows {
    bits: usize,
    /// Row by row, whole words for each.
    words: Vec<u64>,
}

impl Rows {
    /// So many rows of so many bits, at least one, all 0.
    pub fn zeros(rows: usize, bits: usize) -> Self {
        Self { bits, words: vec![0; rows * bits.div_ceil(64)] }
    }

    /// Bits of a row.
    pub fn bits(&self) -> usize {
        self.bits
    }

    /// Words of a row.
    pub fn words(&self) -> usize {
        self.bits.div_ceil(64)
    }

    /// Whether there is no row.
    pub fn is_empty(&self) -> bool {
        self.words.is_empty()
    }

    /// How many rows there are.
    pub fn len(&self) -> usize {
        self.words.len() / self.words()
    }

    /// The words of a row; bits behind its last one are 0.
    pub fn row(&self, index: usize) -> &[u64] {
        &self.words[index * self.words()..][..self.words()]
    }

    /// All rows, in order.
    pub fn iter(&self) -> std::slice::Chunks<'_, u64> {
        self.words.chunks(self.words())
    }

    /// Makes a bit 1 if `value` is so.
    pub fn set(&mut self, row: usize, bit: usize, value: bool) {
        let words = self.words();
        self.words[row * words + bit / 64] |= u64::from(value) << (bit % 64);
    }

    /// Side by side: each row is the first part's, then the second's, bit to bit. All have equally many rows; there is a first.
    pub fn beside(parts: &[&Self]) -> Self {
        let mut all = Self::zeros(parts[0].len(), parts.iter().map(|part| part.bits).sum());
        let words = all.words();
        for (index, all) in all.words.chunks_mut(words).enumerate() {
            let mut place = 0;
            for part in parts {
                for (word, first) in part.row(index).iter().zip((place..).step_by(64)) {
                    all[first / 64] |= word << (first % 64);
                    if first % 64 != 0
                        && let Some(next) = all.get_mut(first / 64 + 1)
                    {
                        *next |= word >> (64 - first % 64);
                    }
                }
                place += part.bits;
            }
        }
        all
    }

    /// Of each row every so many-th word, from the first.
    pub fn every(&self, stride: usize) -> Self {
        let bits = (0..self.bits).step_by(64 * stride).map(|first| (self.bits - first).min(64)).sum();
        Self { bits, words: self.iter().flat_map(|row| row.iter().step_by(stride)).copied().collect() }
    }
}

/// Ones in a row.
pub fn count(row: &[u64]) -> u32 {
    row.iter().map(|word| word.count_ones()).sum()
}

/// Ones that two rows share.
pub fn both(one: &[u64], other: &[u64]) -> u32 {
    one.iter().zip(other).map(|(one, other)| (one & other).count_ones()).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn rows(bits: &[Vec<bool>]) -> Rows {
        let mut rows = Rows::zeros(bits.len(), bits[0].len());
        for (index, bits) in bits.iter().enumerate() {
            bits.iter().enumerate().for_each(|(bit, &value)| rows.set(index, bit, value));
        }
        rows
    }

    /// Three rows.
    fn matrix() -> impl Strategy<Value = Vec<Vec<bool>>> {
        (1usize..200).prop_flat_map(|bits| prop::collection::vec(prop::collection::vec(any::<bool>(), bits), 3))
    }

    proptest! {
        #[test]
        fn beside_is_bit_to_bit(parts in prop::collection::vec(matrix(), 1..6)) {
            let all: Vec<Vec<bool>> = (0..3).map(|index| parts.iter().flat_map(|part| &part[index]).copied().collect()).collect();
            let parts: Vec<Rows> = parts.iter().map(|part| rows(part)).collect();
            prop_assert_eq!(Rows::beside(&parts.iter().collect::<Vec<_>>()), rows(&all));
        }

        #[test]
        fn every_word_is_64_bits(matrix in matrix(), stride in 1usize..5) {
            let kept = |row: &Vec<bool>| row.chunks(64).step_by(stride).flatten().copied().collect();
            prop_assert_eq!(rows(&matrix).every(stride), rows(&matrix.iter().map(kept).collect::<Vec<_>>()));
        }

        #[test]
        fn ones_are_counted(one in matrix()) {
            let alike = |index: usize| one[0].iter().zip(&one[index]).filter(|(a, b)| **a && **b).count() as u32;
            let rows = rows(&one);
            prop_assert_eq!((count(rows.row(0)), both(rows.row(0), rows.row(1)), both(rows.row(0), rows.row(2))), (alike(0), alike(1), alike(2)));
        }
    }
}
