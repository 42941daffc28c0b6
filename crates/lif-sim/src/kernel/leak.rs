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
    Small(SmallLeak),
    Product(ProductLeak),
}

/// Runs code that is generic over the leak with the one at hand.
macro_rules! with_leak {
    ($leak:expr, $name:ident => $code:expr) => {
        match $leak {
            AnyLeak::Half => {
                let $name = HalfLeak;
                $code
            }
            AnyLeak::Small(decay) => {
                let $name = SmallLeak::from(decay);
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

/// `v / 2`, toward zero: the most frequent, and the cheapest.
#[derive(Clone, Copy)]
pub(super) struct HalfLeak;

/// `v * multiplier / 2^shift` of a membrane whose product fits 32 bits, as `(v * multiplier + correction) >> shift`, which rounds down
/// after a correction that depends on the sign of v.
#[derive(Clone, Copy)]
pub(super) struct SmallLeak {
    pub decay: Decay,
    pub if_negative: i32,
    pub if_positive: i32,
}

/// `v * multiplier / 2^shift` of any membrane, as `sign(v) * ((|v| * multiplier + correction) >> shift)`.
#[derive(Clone, Copy)]
pub(super) struct ProductLeak {
    pub decay: Decay,
    /// Of a negative v: what turns the cut of the magnitude into the rounding asked for.
    pub if_negative: u32,
    pub if_positive: u32,
}

impl From<Decay> for SmallLeak {
    fn from(decay: Decay) -> Self {
        let low_bits = (1 << decay.shift) - 1;
        let (if_negative, if_positive) = match decay.rounding {
            Rounding::TowardZero => (low_bits, 0),
            Rounding::Floor => (0, 0),
            Rounding::Ceiling => (low_bits, low_bits),
        };
        Self { decay, if_negative, if_positive }
    }
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

impl Leak for SmallLeak {
    #[inline(always)]
    fn one(self, v: i32) -> i32 {
        self.decay.apply(v)
    }
    #[inline(always)]
    fn form(self) -> Form {
        Form::Small(self)
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
