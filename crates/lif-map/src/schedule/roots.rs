//! The decay of one tick: a root of the decay of a step.

use lif_graph::Decay;

/// The decay that applied `times` times comes nearest to `decay`: its multiplier is `unity * (multiplier / unity)^(1 / times)`, rounded
/// to the nearest. Nothing if that is unity: no leak at all.
pub fn root(decay: Decay, times: u64) -> Option<Decay> {
    if times == 1 {
        return Some(decay);
    }
    // the smallest r with ((2r + 1) / 2unity)^times > multiplier / unity is the nearest integer to the root
    let unity = 1u64 << decay.shift;
    let reached = |r: u64| power(2 * r + 1, decay.shift + 1, times) > fixed(decay.multiplier.into(), decay.shift);
    let (mut low, mut high) = (0, unity);
    while low < high {
        let middle = (low + high) / 2;
        if reached(middle) { high = middle } else { low = middle + 1 }
    }
    (low < unity).then_some(Decay { multiplier: low as u32, ..decay })
}

/// A decay of 24 bits that keeps no less than `decay` does in `times` ticks, if those round toward zero.
pub fn power_of(decay: Decay, times: u64) -> Decay {
    if times == 1 {
        return decay;
    }
    const SHIFT: u8 = 24;
    let exact = power(decay.multiplier.into(), decay.shift, times);
    let multiplier = exact.div_ceil(1 << (FRACTION - SHIFT)) as u32 + 1; // and what the products rounded down
    Decay { multiplier: multiplier.min((1 << SHIFT) - 1), shift: SHIFT, ..decay }
}

/// Fraction bits of the comparison; with at most 25 bits of a factor, products have 121.
const FRACTION: u8 = 96;

/// `value / 2^shift`.
fn fixed(value: u64, shift: u8) -> u128 {
    u128::from(value) << (FRACTION - shift)
}

/// `(base / 2^shift)^exponent`, rounded down at each product.
fn power(base: u64, shift: u8, exponent: u64) -> u128 {
    let mut result = fixed(1, 0);
    for _ in 0..exponent {
        result = (result * u128::from(base)) >> shift;
        if result == 0 {
            break;
        }
    }
    result
}

#[cfg(test)]
mod tests {
    use super::*;
    use lif_graph::Rounding;

    #[test]
    fn roots_are_the_nearest_integers() {
        let decay = |multiplier| Decay { multiplier, shift: 12, rounding: Rounding::TowardZero };
        let of = |multiplier, times| root(decay(multiplier), times).map(|decay| decay.multiplier);
        assert_eq!(of(1024, 1), Some(1024));
        assert_eq!(of(1024, 2), Some(2048));
        // 4096 * 0.25^(1/5) = 3104.19, and 4096 * 0.80005^(1/5) = 3917.27
        assert_eq!([of(1024, 4), of(1024, 5), of(3277, 5)], [Some(2896), Some(3104), Some(3917)]);
        assert_eq!([of(0, 5), of(1, 3), of(4095, 2), of(4095, 3)], [Some(0), Some(256), Some(4095), None]);
        for multiplier in 1..4096u32 {
            for times in 2..9u32 {
                let exact = 4096.0 * (f64::from(multiplier) / 4096.0).powf(1.0 / f64::from(times));
                let nearest = of(multiplier, times.into()).unwrap_or(4096);
                assert!((f64::from(nearest) - exact).abs() < 0.5 + 1e-9, "{multiplier} {times}: {nearest} {exact}");
            }
        }
    }

    #[test]
    fn a_power_keeps_no_less() {
        for (multiplier, times) in [(3104, 5), (3917, 5), (2896, 4), (1, 3), (0, 2), (4095, 2)] {
            let decay = Decay { multiplier, shift: 12, rounding: Rounding::TowardZero };
            let whole = power_of(decay, times);
            for v in [0, 1, 5, 4095, 4096, 1_000_003, 8_388_607, -8_388_607, -77] {
                let slow = (0..times).fold(v, |v, _| decay.apply(v));
                assert!(slow.abs() <= whole.apply(v).abs(), "{multiplier} {times}: {v}");
                assert!(whole.apply(v).abs() - slow.abs() <= times as i32 + 2, "{multiplier} {times}: {v}");
            }
        }
    }

    #[test]
    fn the_finest_decay_and_many_ticks() {
        let decay = Decay { multiplier: (1 << 24) - 1, shift: 24, rounding: Rounding::Floor };
        assert_eq!(root(decay, 1), Some(decay));
        assert_eq!(root(decay, 3), None);
        assert_eq!(root(Decay { multiplier: 1, ..decay }, 10_000).map(|decay| decay.multiplier), Some(16_749_329));
    }
}
