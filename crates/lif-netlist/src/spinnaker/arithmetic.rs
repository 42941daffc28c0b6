//! What the machine computes: the stock neuron `IF_curr_delta` of sPyNNaker 1!7.4.1, tick by tick, in the bits of its s16.15 numbers.
//!
//! ```text
//!   synapses     ring = min(ring + weight, 65535)                     16 bits, excitatory and inhibitory apart
//!   input        in = (excitatory << shift) - (inhibitory << shift)
//!   membrane     a = (in * R) >> 15     v = a - ((exp_TC * (a - v)) >> 15)     if v >= threshold: spike, v = 0
//!   constants    R = (tau_m << 15) / cm     exp_TC = exp(-1 / tau_m)
//! ```
//!
//! The binary's own code, in an emulator, is compared with [`Neuron::tick`] and the constants (`targets/spinnaker/fsvae_spinnaker/arm.py`).
//!
//! The stock neuron lets its input leak as well: a sum m arrives as `(1 - exp_TC) * R * m`. With a leak of 1 - 2^-n a tick and R = 1 that is
//! 2^-n of it, which a shift of the ring buffers by n undoes exactly:
//!
//! ```text
//!   tick without input   v  -> ceil((1 - 2^-n) v)
//!   tick with input in   v  -> 2^n in - floor((1 - 2^-n) (2^n in - v)) = ceil((1 - 2^-n) v) + in         (2^n - 1) in is whole, so nothing is lost
//!   n = 1, twice         v  -> ceil(ceil(v / 2) / 2) + in = ceil(v / 4) + in
//! ```
//!
//! So a tick is a step of a graph whose decay is 1/2, 3/4, 7/8 or 15/16, and as many ticks as a power of 1/2 has halves are one of such a decay.

use serde::{Deserialize, Serialize};

/// s16.15: one.
pub const ONE: i32 = 1 << 15;
/// Where a ring buffer saturates.
pub const RING_MAX: u32 = 65_535;

/// The parameters of a population that its neurons share, in bits of s16.15 where they are no shifts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Constants {
    /// The time constant in ms; a tick is 1 ms.
    pub tau_m: i32,
    /// The capacity.
    pub cm: i32,
    /// What remains of a membrane after a tick, as the binary computes it from `tau_m`.
    pub exp_tc: i32,
    /// What the binary multiplies the input by, as it computes it from `tau_m` and `cm`.
    pub r: i32,
    /// A ring buffer enters as `sum << ring_shift`.
    pub ring_shift: u8,
    /// A ring buffer's sum of 1, arriving, adds `2^unit_shift` to the membrane.
    pub unit_shift: u8,
}

impl Constants {
    /// No memory at all: `v = sum << 8`.
    pub const GATE: Self = Self { tau_m: 2_979, cm: 2_979, exp_tc: 0, r: ONE, ring_shift: ROOT_SHIFT, unit_shift: ROOT_SHIFT };

    /// A leak of exactly `1 - 2^-part`, and input that counts in full: `v = ceil((1 - 2^-part) v) + sum`.
    ///
    /// # Panics
    /// If `part` is not from 1 to [`SMALLEST_PART`].
    pub fn losing(part: u8) -> Self {
        assert!((1..=SMALLEST_PART).contains(&part), "a part that the binary was seen to lose exactly");
        let exp_tc = ONE - (ONE >> part);
        let tau_m = time_constant(exp_tc);
        Self { tau_m, cm: tau_m, exp_tc, r: ONE, ring_shift: part, unit_shift: 0 }
    }

    /// A leak of the `ticks`-th root of `multiplier / 2^shift`, nearest below, and input that counts in full:
    /// `v` is about `leak * v + (sum << 8)`.
    pub fn root(multiplier: u32, shift: u8, ticks: u32) -> Self {
        let decay = f64::from(multiplier) / f64::from(1u32 << shift);
        let power = |leak: i32| (0..ticks).fold(1.0, |product, _| product * f64::from(leak) / f64::from(ONE));
        let (mut low, mut high) = (0, ONE); // power(low) <= decay < power(high)
        while high - low > 1 {
            let middle = i32::midpoint(low, high);
            if power(middle) <= decay { low = middle } else { high = middle }
        }
        let exp_tc = low.max(1);
        let tau_m = time_constant(exp_tc);
        let cm = (i64::from(tau_m) * i64::from(ONE - exp_tc) / i64::from(ONE)).max(1) as i32;
        let r = (i64::from(tau_m) * i64::from(ONE) / i64::from(cm)) as i32;
        Self { tau_m, cm, exp_tc, r, ring_shift: ROOT_SHIFT, unit_shift: ROOT_SHIFT }
    }
}

/// A tick can lose 2^-1 to 2^-4 of a membrane: that is what the binary was seen to do exactly.
pub const SMALLEST_PART: u8 = 4;

/// That of which a tick leaves `exp_tc`.
fn time_constant(exp_tc: i32) -> i32 {
    (-f64::from(ONE) / ln(f64::from(exp_tc) / f64::from(ONE))).round() as i32
}

/// Bits that a membrane gets below the graph's unit where its leak is rounded at every tick.
pub const ROOT_SHIFT: u8 = 8;

/// The natural logarithm of a number above 0, from products and sums alone: the same on every machine, unlike `f64::ln`.
fn ln(x: f64) -> f64 {
    let (mut x, mut twos) = (x, 0);
    while x < 0.75 {
        (x, twos) = (x * 2.0, twos - 1);
    }
    let ratio = (x - 1.0) / (x + 1.0);
    // 2 artanh(ratio); below 1/7 in magnitude, so that 20 terms are more than the digits of a double
    let series = (0..20).rev().fold(0.0, |sum, term| sum * ratio * ratio + 1.0 / f64::from(2 * term + 1));
    2.0 * ratio * series + f64::from(twos) * std::f64::consts::LN_2
}

/// One neuron's arithmetic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Neuron {
    /// Of its population.
    pub constants: Constants,
    /// Fires at this value and above.
    pub threshold: i32,
}

impl Neuron {
    /// One tick with the sums of two ring buffers; whether it fires.
    pub fn tick(self, v: &mut i32, excitatory: u16, inhibitory: u16) -> bool {
        let Constants { exp_tc, r, ring_shift, .. } = self.constants;
        let [excitatory, inhibitory] = [excitatory, inhibitory].map(|sum| (i32::from(sum)).wrapping_shl(ring_shift.into()));
        let input = product(excitatory, ONE).wrapping_sub(product(inhibitory, ONE));
        let a = product(input, r);
        *v = a.wrapping_sub(product(a.wrapping_sub(*v), exp_tc));
        let fires = *v >= self.threshold;
        if fires {
            *v = 0;
        }
        fires
    }
}

/// The bits of a product of two s16.15 numbers, floored.
fn product(a: i32, b: i32) -> i32 {
    ((i64::from(a) * i64::from(b)) >> 15) as i32
}

#[cfg(test)]
mod tests {
    use super::*;
    use lif_graph::{Decay, Rounding};
    use proptest::prelude::*;

    #[test]
    fn roots_are_those_that_the_binary_was_seen_to_have() {
        let of = |multiplier, ticks| Constants::root(multiplier, 15, ticks);
        let quarter = of(8192, 4);
        assert_eq!((Constants::losing(1).tau_m, Constants::losing(1).exp_tc), (47_274, 16_384));
        assert_eq!((quarter.exp_tc, of(8192, 2).exp_tc, of(8192, 2).tau_m, of(8192, 1).tau_m), (23_170, 16_384, 47_274, 23_637));
        // (1 - leak) * R is 1, so that input counts in full
        assert!((f64::from(ONE - quarter.exp_tc) * f64::from(quarter.r) / f64::from(ONE) / f64::from(ONE) - 1.0).abs() < 1e-4);
    }

    #[test]
    fn the_logarithm_is_one() {
        for x in [1e-4, 0.03, 0.25, 0.5, 0.71, 0.749, 0.75, 0.9, 0.9999, 1.0] {
            assert!((ln(x) - x.ln()).abs() < 1e-13, "{x}");
        }
    }

    proptest! {
        /// A tick of the machine is a step of the graph, `ceil((1 - 2^-n) v) + input + bias`, and the threshold is its next integer.
        #[test]
        fn a_tick_is_a_step(v in -(1i32 << 29)..1 << 29, excitatory: u16, inhibitory: u16, threshold in 0..1i32 << 29, part in 1..=SMALLEST_PART) {
            let decay = Decay { multiplier: (1 << 15) - (1 << (15 - part)), shift: 15, rounding: Rounding::Ceiling };
            let neuron = Neuron { constants: Constants::losing(part), threshold: threshold + 1 };
            // a step ends with a membrane of at most the threshold
            let mut found = v.min(threshold);
            let expected = decay.apply(found) + i32::from(excitatory) - i32::from(inhibitory);
            let fires = neuron.tick(&mut found, excitatory, inhibitory);
            prop_assert_eq!((fires, found), (expected > threshold, if expected > threshold { 0 } else { expected }));
        }

        /// A decay of `2^-n` is n ticks: input comes in the last of them, and no neuron fires before.
        #[test]
        fn n_ticks_are_a_step(v in -(1i32 << 29)..1 << 29, excitatory: u16, inhibitory: u16, threshold in 0..1i32 << 29, ticks in 1u32..12) {
            let decay = Decay { multiplier: 1 << (15 - ticks), shift: 15, rounding: Rounding::Ceiling };
            let neuron = Neuron { constants: Constants::losing(1), threshold: threshold + 1 };
            let mut found = v.min(threshold);
            let expected = decay.apply(found) + i32::from(excitatory) - i32::from(inhibitory);
            for _ in 1..ticks {
                prop_assert!(!neuron.tick(&mut found, 0, 0), "it fires between its steps");
            }
            let fires = neuron.tick(&mut found, excitatory, inhibitory);
            prop_assert_eq!((fires, found), (expected > threshold, if expected > threshold { 0 } else { expected }));
        }

        /// One tick is the rule in real numbers, floored twice.
        #[test]
        fn a_tick_is_near_the_real_rule(v in -(1i32 << 24)..1 << 24, excitatory in 0u16..1 << 14, inhibitory in 0u16..1 << 14, ticks in 2u32..8) {
            let constants = Constants::root(8192, 15, ticks);
            let mut found = v;
            Neuron { constants, threshold: i32::MAX }.tick(&mut found, excitatory, inhibitory);
            let input = f64::from((i32::from(excitatory) - i32::from(inhibitory)) << ROOT_SHIFT);
            let real = f64::from(v) * f64::from(constants.exp_tc) / 32768.0 + input;
            prop_assert!((f64::from(found) - real).abs() < 2.0 + input.abs() * 1e-4, "{} and {}", found, real);
        }
    }
}
