//! The read-out's table from membrane to byte: the integer twin of `round((tanh(v) + 1) / 2 * 255)`.

use lif_graph::PixelTable;

/// Where `tanh` reaches the boundary below byte `p`, for p from 1 to 255: `atanh(2 (p - 1/2) / 255 - 1)`.
///
/// With `tanh(v) = t`, `v = ln((1 + t) / (1 - t)) / 2`, and here that quotient is `(2p - 1) / (511 - 2p)`.
pub fn boundaries() -> impl Iterator<Item = f64> {
    (1..=255).map(|p| (ln(2 * p - 1) - ln(511 - 2 * p)) / 2.0)
}

/// The byte of a float membrane by the same boundaries, which are the same on every machine (the system's `tanh` may not be).
pub fn byte(boundaries: &[f64], membrane: f32) -> u8 {
    boundaries.partition_point(|&boundary| boundary <= f64::from(membrane)) as u8
}

/// The table for a membrane that counts `unit` each.
pub fn pixel_table(unit: f64) -> PixelTable {
    // `as` saturates, which keeps a table of absurd resolution ascending
    PixelTable { levels: boundaries().map(|boundary| (boundary / unit).ceil() as i32).collect() }
}

/// Natural logarithm of a small whole number, from additions, multiplications and divisions alone: these IEEE 754 rounds in one way
/// everywhere, while the system's `ln` may differ in the last bit from machine to machine.
fn ln(number: u32) -> f64 {
    let exponent = number.ilog2();
    let mantissa = f64::from(number) / f64::from(1u32 << exponent);
    f64::from(exponent) * std::f64::consts::LN_2 + 2.0 * atanh((mantissa - 1.0) / (mantissa + 1.0))
}

/// `x + x^3/3 + x^5/5 + ...`, for x from 0 to 1/3, to the last bit or two.
fn atanh(x: f64) -> f64 {
    (0..20).rev().fold(0.0, |sum, n| sum * x * x + 1.0 / f64::from(2 * n + 1)) * x
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::float::pixel;

    #[test]
    fn the_logarithm_is_the_logarithm() {
        for number in 1..=510 {
            assert!((ln(number) - f64::from(number).ln()).abs() < 1e-14, "{number}");
        }
    }

    #[test]
    fn boundaries_ascend_and_are_symmetric() {
        let all: Vec<f64> = boundaries().collect();
        assert_eq!(all.len(), 255);
        assert!(all.windows(2).all(|pair| pair[0] < pair[1]));
        assert_eq!(all[127], 0.0);
        assert!((0..255).all(|p| all[p] == -all[254 - p]));
    }

    #[test]
    fn the_table_agrees_with_tanh() {
        let unit = 1.0 / 65536.0;
        let table = pixel_table(unit);
        for v in (-300_000..300_000).step_by(7) {
            let (byte, exact) = (table.pixel(v), pixel((f64::from(v) * unit) as f32));
            let near = (f64::from(v) * unit - boundaries().nth(usize::from(byte.max(exact).max(1)) - 1).unwrap()).abs() < 1e-6;
            assert!(byte == exact || near, "{v}: {byte} {exact}");
        }
        assert_eq!((table.pixel(i32::MIN), table.pixel(i32::MAX)), (0, 255));
    }

    #[test]
    fn an_absurd_resolution_saturates() {
        let levels = pixel_table(1e-30).levels;
        assert!(levels.windows(2).all(|pair| pair[0] <= pair[1]));
    }
}
