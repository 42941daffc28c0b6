//! Which images of a step are mirrored.

use lif_graph::philox::philox4x32_10;

/// Stands where picks have their time step, of which there are never so many: the bits are no one else's.
const NO_TIME_STEP: u32 = u32::MAX;

/// Whether training image `image` is mirrored at optimiser step `step`: a function of these and the seed alone, so that a resumed run and
/// an undisturbed one learn the same.
pub fn is_mirrored(seed: u64, step: u64, image: u32) -> bool {
    philox4x32_10([image, NO_TIME_STEP, step as u32, (step >> 32) as u32], [seed as u32, (seed >> 32) as u32])[0] & 1 == 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_of_the_images_are_mirrored_and_others_in_every_step() {
        let drawn = |seed, step| -> Vec<bool> { (0..10_000).map(|image| is_mirrored(seed, step, image)).collect() };
        let differ = |a: &[bool], b: &[bool]| a.iter().zip(b).filter(|(a, b)| a != b).count();
        let first = drawn(1, 0);
        assert_eq!(first, drawn(1, 0));
        for other in [drawn(1, 1), drawn(2, 0), drawn(1, 1 << 32), drawn(1 << 32, 0), vec![false; 10_000]] {
            assert!((4800..5200).contains(&differ(&first, &other)), "{}", differ(&first, &other));
        }
    }
}
