//! How membranes fade from one step to the next.

use lif_graph::{Decay, Rounding};

/// A membrane's leak in one step. A type for each form, so that the loops are compiled for it.
pub(super) trait Leak: Copy {
    fn one(self, v: i32) -> i32;
    /// The same for whoever has instructions of its own for it.
    fn form(self) -> Form;
}

/// All forms.
#[derive(Clone, Copy)]
pub(super) enum Form {
    Half,
    Shift(u32),
    FloorShift(u32),
    Product(ProductLeak),
}

/// Runs code that is generic over the leak with the one at hand.
macro_rules! with_leak {
    ($leak:expr, $name:ident => $code:expr) => {
        match $leak {
            AnyLeak::Shift(1) => {
                let $name = HalfLeak;
                $code
            }
            AnyLeak::Shift(shift) => {
                let $name = ShiftLeak(shift);
                $code
            }
            AnyLeak::FloorShift(shift) => {
                let $name = FloorLeak(shift);
                $code
            }
            AnyLeak::Product(decay) => {
                let $name = ProductLeak::from(decay);
                $code
            }
        }
    };
}
pub(super) use with_leak;

/// `v / 2`, toward zero: the most frequent, and one instruction less.
#[derive(Clone, Copy)]
pub(super) struct HalfLeak;

/// `v / 2^shift`, toward zero.
#[derive(Clone, Copy)]
pub(super) struct ShiftLeak(pub u32);

/// `v / 2^shift`, down.
#[derive(Clone, Copy)]
pub(super) struct FloorLeak(pub u32);

/// `v * multiplier / 2^shift`, as `sign(v) * ((|v| * multiplier + correction) >> shift)`.
#[derive(Clone, Copy)]
pub(super) struct ProductLeak {
    pub decay: Decay,
    /// Of a negative v: what turns the cut of the magnitude into the rounding asked for.
    pub if_negative: u32,
    pub if_positive: u32,
}

impl From<Decay> for ProductLeak {
    fn from(decay: Decay) -> Self {
        let low_bits = (1 << decay.shift) - 1;
        let (if_negative, if_positive) = match decay.rounding {
            Rounding::TowardZero => (0, 0),
            Rounding::Floor => (low_bits, 0),
            Rounding::Ceiling => (0, low_bits),
        };
        Self { decay, if_negative, if_positive }
    }
}

impl Leak for HalfLeak {
    #[inline(always)]
    fn one(self, v: i32) -> i32 {
        v / 2
    }
    #[inline(always)]
    fn form(self) -> Form {
        Form::Half
    }
}

impl Leak for ShiftLeak {
    #[inline(always)]
    fn one(self, v: i32) -> i32 {
        let magnitude = (v.unsigned_abs() >> self.0) as i32;
        if v < 0 { magnitude.wrapping_neg() } else { magnitude }
    }
    #[inline(always)]
    fn form(self) -> Form {
        Form::Shift(self.0)
    }
}

impl Leak for FloorLeak {
    #[inline(always)]
    fn one(self, v: i32) -> i32 {
        v >> self.0
    }
    #[inline(always)]
    fn form(self) -> Form {
        Form::FloorShift(self.0)
    }
}

impl Leak for ProductLeak {
    #[inline(always)]
    fn one(self, v: i32) -> i32 {
        self.decay.apply(v)
    }
    #[inline(always)]
    fn form(self) -> Form {
        Form::Product(self)
    }
}
