//! Which training images the anchors were measured on: `numpy.random.default_rng(0).permutation(count)[:5120]`.

/// NumPy's `PCG64`, seeded by 0: O'Neill's PCG XSL RR 128/64 with the state and increment that NumPy's seeding arrives at.
struct Pcg64 {
    state: u128,
    /// The upper half of a number whose lower half was handed out.
    half: Option<u32>,
}

const STATE: u128 = 35399562948360463058890781895381311971;
const INCREMENT: u128 = 87136372517582989555478159403783844777;
const MULTIPLIER: u128 = 0x2360_ED05_1FC6_5DA4_4385_DF64_9FCC_F645;

impl Pcg64 {
    fn next_u32(&mut self) -> u32 {
        if let Some(half) = self.half.take() {
            return half;
        }
        self.state = self.state.wrapping_mul(MULTIPLIER).wrapping_add(INCREMENT);
        let mixed = ((self.state >> 64) as u64 ^ self.state as u64).rotate_right((self.state >> 122) as u32);
        self.half = Some((mixed >> 32) as u32);
        mixed as u32
    }

    /// From 0 to `max`: masked numbers until one is small enough.
    fn up_to(&mut self, max: u32) -> usize {
        let mask = u32::MAX.checked_shr(max.leading_zeros()).unwrap_or(0);
        loop {
            let number = self.next_u32() & mask;
            if number <= max {
                return number as usize;
            }
        }
    }
}

/// The first `take` of the shuffled numbers below `count`.
pub fn shuffled(count: u32, take: usize) -> Vec<usize> {
    let (mut rng, mut numbers) = (Pcg64 { state: STATE, half: None }, (0..count as usize).collect::<Vec<_>>());
    for last in (1..count).rev() {
        numbers.swap(last as usize, rng.up_to(last));
    }
    numbers.truncate(take);
    numbers
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn permutations_are_numpys() {
        assert_eq!(shuffled(10, 10), [4, 6, 2, 7, 3, 5, 9, 0, 8, 1]);
        assert_eq!(shuffled(60_000, 8), [4013, 23840, 29603, 43011, 58703, 2290, 55984, 52800]);
        assert_eq!((shuffled(0, 3), shuffled(1, 3)), (vec![], vec![0]));
    }
}
