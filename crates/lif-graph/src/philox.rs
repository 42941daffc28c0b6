//! The one source of randomness in generation: Philox4x32-10 addressed by (seed, image, step, channel).
//!
//! Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011. Counter-based: image j of seed s has the same picks on
//! every engine, machine and thread, whatever is drawn beside it.

/// One block of Philox4x32-10.
#[inline]
pub fn philox4x32_10(mut counter: [u32; 4], mut key: [u32; 2]) -> [u32; 4] {
    for round in 0..10 {
        if round > 0 {
            key = [key[0].wrapping_add(0x9E37_79B9), key[1].wrapping_add(0xBB67_AE85)];
        }
        let left = u64::from(counter[0]) * 0xD251_1F53;
        let right = u64::from(counter[2]) * 0xCD9E_8D57;
        counter = [(right >> 32) as u32 ^ counter[1] ^ key[0], right as u32, (left >> 32) as u32 ^ counter[3] ^ key[1], left as u32];
    }
    counter
}

/// Which of `ways` neighbours a select channel listens to: uniform in `0..ways` up to a bias below `ways / 2^32`.
#[inline]
pub fn pick(seed: u64, image: u64, step: u32, channel: u32, ways: u32) -> u32 {
    let word = philox4x32_10([channel, step, image as u32, (image >> 32) as u32], [seed as u32, (seed >> 32) as u32])[0];
    ((u64::from(word) * u64::from(ways)) >> 32) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The known answers of Random123 1.14, `tests/kat_vectors`, lines `philox4x32 10`.
    #[test]
    fn known_answers_of_random123() {
        assert_eq!(philox4x32_10([0; 4], [0; 2]), [0x6627_e8d5, 0xe169_c58d, 0xbc57_ac4c, 0x9b00_dbd8]);
        assert_eq!(philox4x32_10([u32::MAX; 4], [u32::MAX; 2]), [0x408f_276d, 0x41c8_3b0e, 0xa20b_c7c6, 0x6d54_51fd]);
        assert_eq!(
            philox4x32_10([0x243f_6a88, 0x85a3_08d3, 0x1319_8a2e, 0x0370_7344], [0xa409_3822, 0x299f_31d0]),
            [0xd16c_fe09, 0x94fd_cceb, 0x5001_e420, 0x2412_6ea1]
        );
    }
}
