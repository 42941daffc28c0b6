//! `e^-x` from additions, multiplications and divisions alone: the same on every machine, unlike the system's `exp`.

/// `e^-x` for `x >= 0`, to some 14 digits.
pub fn exp_minus(x: f64) -> f64 {
    if !(0.0..700.0).contains(&x) {
        return 0.0;
    }
    // e^-x = (e^-(x / 2^n))^(2^n), with a small x / 2^n
    let (mut small, mut halvings) = (x, 0);
    while small > 0.25 {
        small /= 2.0;
        halvings += 1;
    }
    let series = (1..=14).rev().fold(1.0, |sum, n| 1.0 - sum * small / f64::from(n));
    (0..halvings).fold(series, |power, _| power * power)
}

#[cfg(test)]
mod tests {
    #[test]
    fn it_is_the_exponential() {
        for step in 0..4000 {
            let x = f64::from(step) * 0.01;
            let (found, exact) = (super::exp_minus(x), (-x).exp());
            assert!((found - exact).abs() <= 1e-12 * exact, "{x}: {found} {exact}");
        }
        assert_eq!((super::exp_minus(0.0), super::exp_minus(1e9)), (1.0, 0.0));
    }
}
