//! 256-bit vectors of integers (Intel since 2013, AMD since 2015); beside [`avx512`](super::avx512) the only file with `unsafe`.
//!
//! The processor's own instructions need two things: that the processor has them, and that loads and stores stay in bounds. For the one
//! nothing outside this file can run its code without [`Detected`], and the types below are reached only through the functions that demand
//! it; for the other, loads and stores take arrays of exactly their size.

use super::Job;
use super::asked::RECENT;
use super::lanes::{Isa, Lanes, Pair, Sum, Vector};
use super::leak::{Form, Leak, SmallLeak};
use super::stripes::Nibbles;
use crate::program::{BLOCK, BlockParameters, LANES, Table};
use std::arch::x86_64::*;

/// Proof that this processor has AVX2.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Detected(());

impl Detected {
    pub fn new() -> Option<Self> {
        let has = is_x86_feature_detected!("avx2") && is_x86_feature_detected!("popcnt") && is_x86_feature_detected!("bmi1");
        has.then_some(Self(()))
    }

    pub fn run<J: Job>(self, job: J) -> J::Outcome {
        // SAFETY: a `Detected` is made after these features were detected.
        unsafe { run(job) }
    }
}

#[target_feature(enable = "avx2,popcnt,bmi1")]
fn run<J: Job>(job: J) -> J::Outcome {
    job.run::<Avx2>()
}

/// Products of a byte of 0 or 1 and a signed byte, added in pairs, fit 16 bits for so many vectors: 128 * 254 < 2^15.
const PAIRS: usize = 128 * 32;

/// Brings these weights into the second-level cache. Every processor of this kind can.
#[inline(always)]
pub(super) fn fetch(weights: &[i8]) {
    for line in weights.as_chunks::<32>().0.iter().step_by(2) {
        // SAFETY: a hint, which reads nothing that the program could see.
        unsafe { _mm_prefetch::<_MM_HINT_T1>(line.as_ptr()) }
    }
}

/// The instruction set.
struct Avx2;

/// 16 words.
#[derive(Clone, Copy)]
pub(super) struct Words(__m256i);

/// 16 numbers of 32 bits.
#[derive(Clone, Copy)]
struct Longs([__m256i; 2]);

/// 32 numbers of 32 bits. Of each 16, first 0 to 3 and 8 to 11, then the others: the order in which words are unpacked, so that
/// packing restores theirs.
#[derive(Clone, Copy)]
struct Unpacked([__m256i; 4]);

/// What a block adds to its membranes, and what it compares them with.
#[derive(Clone, Copy)]
struct Parameters {
    /// Low bits of the biases.
    rest: [__m256i; 2],
    threshold: Unpacked,
    /// Alternately `2^shift` and 1.
    scale: __m256i,
}

/// # Safety
/// The processor has AVX2.
#[inline(always)]
unsafe fn load(from: &[i32; LANES]) -> [__m256i; 2] {
    let halves = from.as_chunks::<8>().0;
    // SAFETY: the caller vouches for AVX2; each half has the 32 bytes that are read.
    unsafe { [0, 1].map(|half: usize| _mm256_loadu_si256(halves[half].as_ptr().cast())) }
}

/// # Safety
/// The processor has AVX2.
#[inline(always)]
unsafe fn store(values: [__m256i; 2], to: &mut [i32; LANES]) {
    for (half, value) in to.as_chunks_mut::<8>().0.iter_mut().zip(values) {
        // SAFETY: the caller vouches for AVX2; the half has the 32 bytes that are written.
        unsafe { _mm256_storeu_si256(half.as_mut_ptr().cast(), value) }
    }
}

/// 16 words as 32-bit numbers.
///
/// # Safety
/// The processor has AVX2.
#[inline(always)]
unsafe fn widen(from: &[i16; LANES]) -> [__m256i; 2] {
    let halves = from.as_chunks::<8>().0;
    // SAFETY: the caller vouches for AVX2; each half has the 16 bytes that are read.
    unsafe { [0, 1].map(|half: usize| _mm256_cvtepi16_epi32(_mm_loadu_si128(halves[half].as_ptr().cast()))) }
}

/// Exchanges the middle quarters of two vectors: 0 to 7, 8 to 15 become 0 to 3 with 8 to 11, 4 to 7 with 12 to 15, and back.
///
/// # Safety
/// The processor has AVX2.
#[inline(always)]
unsafe fn exchange([a, b]: [__m256i; 2]) -> [__m256i; 2] {
    // SAFETY: the caller vouches for AVX2.
    unsafe { [_mm256_permute2x128_si256::<0x20>(a, b), _mm256_permute2x128_si256::<0x31>(a, b)] }
}

/// Eight membranes, one step later.
///
/// # Safety
/// The processor has AVX2.
#[inline(always)]
unsafe fn leaked(leak: impl Leak, v: __m256i) -> __m256i {
    // SAFETY: the caller vouches for AVX2.
    unsafe {
        match leak.form() {
            // a shift rounds down, and negative numbers up if 2^shift - 1 is added before
            Form::Half => _mm256_srai_epi32::<1>(_mm256_add_epi32(v, _mm256_srli_epi32::<31>(v))),
            Form::Small(SmallLeak { decay, if_negative, if_positive }) => {
                let (if_negative, if_positive) = (_mm256_set1_epi32(if_negative), _mm256_set1_epi32(if_positive));
                let correction = _mm256_blendv_epi8(if_positive, if_negative, _mm256_srai_epi32::<31>(v));
                let product = if decay.multiplier == 1 { v } else { _mm256_mullo_epi32(v, _mm256_set1_epi32(decay.multiplier as i32)) };
                _mm256_sra_epi32(_mm256_add_epi32(product, correction), _mm_cvtsi32_si128(decay.shift.into()))
            }
            // Products of 32 bits and 24 bits, with a correction below 2^24, fit 64 bits; quotients are at most |v|, so they fit the low
            // half of their 64 bits.
            Form::Product(product) => {
                let (multiplier, shift) =
                    (_mm256_set1_epi64x(product.decay.multiplier.into()), _mm_cvtsi32_si128(product.decay.shift.into()));
                let (magnitude, negative) = (_mm256_abs_epi32(v), _mm256_srai_epi32::<31>(v));
                let (if_negative, if_positive) =
                    (_mm256_set1_epi32(product.if_negative as i32), _mm256_set1_epi32(product.if_positive as i32));
                let correction = _mm256_blendv_epi8(if_positive, if_negative, negative);
                let low = _mm256_set1_epi64x(0xffff_ffff);
                let even = _mm256_add_epi64(_mm256_mul_epu32(magnitude, multiplier), _mm256_and_si256(correction, low));
                let odd = _mm256_mul_epu32(_mm256_srli_epi64::<32>(magnitude), multiplier);
                let odd = _mm256_add_epi64(odd, _mm256_srli_epi64::<32>(correction));
                let (even, odd) = (_mm256_srl_epi64(even, shift), _mm256_srl_epi64(odd, shift));
                _mm256_sign_epi32(_mm256_blend_epi32::<0b1010_1010>(even, _mm256_slli_epi64::<32>(odd)), v)
            }
        }
    }
}

/// For each step the sum of the weights whose byte in `fired` is 1.
///
/// # Safety
/// The processor has AVX2.
#[inline(always)]
unsafe fn dots(weights: &[i8], fired: [&[u8]; RECENT]) -> [i32; RECENT] {
    // SAFETY: the caller vouches for AVX2; all arrays have the 32 bytes that are read.
    unsafe {
        let mut totals = [_mm256_setzero_si256(); RECENT];
        for (first, weights) in (0..).step_by(PAIRS).zip(weights.chunks(PAIRS)) {
            let fired = fired.map(|fired| fired[first..][..weights.len()].as_chunks::<32>().0);
            let mut pairs = [_mm256_setzero_si256(); RECENT];
            for (nth, weights) in weights.as_chunks::<32>().0.iter().enumerate() {
                let weights = _mm256_loadu_si256(weights.as_ptr().cast());
                for step in 0..RECENT {
                    let products = _mm256_maddubs_epi16(_mm256_loadu_si256(fired[step][nth].as_ptr().cast()), weights);
                    pairs[step] = _mm256_add_epi16(pairs[step], products);
                }
            }
            for step in 0..RECENT {
                totals[step] = _mm256_add_epi32(totals[step], _mm256_madd_epi16(pairs[step], _mm256_set1_epi16(1)));
            }
        }
        // sums of neighbours, twice: in either half one of each step; then of halves
        let [a, b, c, d] = totals;
        let all = _mm256_hadd_epi32(_mm256_hadd_epi32(a, b), _mm256_hadd_epi32(c, d));
        let all = _mm_add_epi32(_mm256_castsi256_si128(all), _mm256_extracti128_si256::<1>(all));
        let mut sums = [0; RECENT];
        _mm_storeu_si128(sums.as_mut_ptr().cast(), all);
        sums
    }
}

/// All methods: only the functions that demand AVX2 use this type.
impl Isa for Avx2 {
    type Narrow = Words;
    type Wide = Longs;
    type Block = Pair<Words>;
    type Membranes = Unpacked;
    type Parameters = Parameters;

    #[inline(always)]
    fn fire<S: Sum>(
        leak: impl Leak,
        shift: u32,
        membranes: &mut [i32; LANES],
        sums: &[S; LANES],
        bias: &[i32; LANES],
        threshold: &[i32; LANES],
    ) -> u16 {
        // SAFETY: AVX2, see above.
        unsafe {
            let sums = match S::lanes(sums) {
                Lanes::Words(words) => widen(words),
                Lanes::Longs(longs) => load(longs),
            };
            let (old, bias, threshold) = (load(membranes), load(bias), load(threshold));
            let shift = _mm_cvtsi32_si128(shift as i32);
            let mut fired = 0;
            let mut new = [_mm256_setzero_si256(); 2];
            for half in 0..2 {
                let input = _mm256_add_epi32(_mm256_sll_epi32(sums[half], shift), bias[half]);
                let v = _mm256_add_epi32(leaked(leak, old[half]), input);
                let fires = _mm256_cmpgt_epi32(v, threshold[half]);
                new[half] = _mm256_andnot_si256(fires, v);
                fired |= (_mm256_movemask_ps(_mm256_castsi256_ps(fires)) as u16) << (8 * half);
            }
            store(new, membranes);
            fired
        }
    }

    #[inline(always)]
    fn membranes(from: &[i32; BLOCK]) -> Unpacked {
        let [first, second] = from.as_chunks::<LANES>().0 else { unreachable!("a block is two vectors") };
        // SAFETY: AVX2, see above.
        let ([a, b], [c, d]) = unsafe { (exchange(load(first)), exchange(load(second))) };
        Unpacked([a, b, c, d])
    }

    #[inline(always)]
    fn store(Unpacked([a, b, c, d]): Unpacked, to: &mut [i32; BLOCK]) {
        let [first, second] = to.as_chunks_mut::<LANES>().0 else { unreachable!("a block is two vectors") };
        // SAFETY: AVX2, see above.
        unsafe {
            store(exchange([a, b]), first);
            store(exchange([c, d]), second);
        }
    }

    #[inline(always)]
    fn parameters(of: &BlockParameters, shift: u32) -> Parameters {
        let [first, second] = of.rest.0.as_chunks::<LANES>().0 else { unreachable!("a block is two vectors") };
        Parameters {
            rest: [Words::load(first).0, Words::load(second).0],
            threshold: Self::membranes(&of.threshold),
            // SAFETY: AVX2, see above.
            scale: unsafe { _mm256_set1_epi32(1 << 16 | 1 << shift) },
        }
    }

    /// Words of sums and of low bits of biases are paired by unpacking, and a pair's input is one multiply-add: sum * 2^shift + rest.
    #[inline(always)]
    fn fire_block(leak: impl Leak, parameters: &Parameters, membranes: &mut Unpacked, Pair(sums): Pair<Words>) -> u32 {
        // SAFETY: AVX2, see above.
        unsafe {
            let mut fired = [_mm256_setzero_si256(); 2];
            for half in 0..2 {
                let (sums, rest) = (sums[half].0, parameters.rest[half]);
                let inputs = [
                    _mm256_madd_epi16(_mm256_unpacklo_epi16(sums, rest), parameters.scale),
                    _mm256_madd_epi16(_mm256_unpackhi_epi16(sums, rest), parameters.scale),
                ];
                let mut fires = inputs;
                for part in 0..2 {
                    let membrane = &mut membranes.0[2 * half + part];
                    let v = _mm256_add_epi32(leaked(leak, *membrane), inputs[part]);
                    fires[part] = _mm256_cmpgt_epi32(v, parameters.threshold.0[2 * half + part]);
                    *membrane = _mm256_andnot_si256(fires[part], v);
                }
                fired[half] = _mm256_packs_epi32(fires[0], fires[1]);
            }
            // quarters of the first and of the second half, alternately
            let bytes = _mm256_permute4x64_epi64::<0b11_01_10_00>(_mm256_packs_epi16(fired[0], fired[1]));
            _mm256_movemask_epi8(bytes) as u32
        }
    }

    #[inline(always)]
    fn dots([first, second]: [&[i8]; 2], fired: [&[u8]; RECENT]) -> [[i32; RECENT]; 2] {
        // SAFETY: AVX2, see above.
        unsafe { [dots(first, fired), dots(second, fired)] }
    }

    #[inline(always)]
    fn look_up<const N: usize>(tables: &[[Table; N]], nibbles: &[Nibbles]) -> [Self::Block; N] {
        // SAFETY: AVX2, see above; nibbles have the 32 bytes, and halves of tables the 16, that are read.
        unsafe {
            let mut sums = [[_mm256_setzero_si256(); 2]; N];
            for (tables, nibbles) in tables.iter().zip(nibbles) {
                let nibbles = _mm256_loadu_si256(nibbles.as_ptr().cast());
                for (table, sums) in tables.iter().zip(&mut sums) {
                    let [low, high] = &table.bytes;
                    let low = _mm256_broadcastsi128_si256(_mm_loadu_si128(low.as_ptr().cast()));
                    let high = _mm256_broadcastsi128_si256(_mm_loadu_si128(high.as_ptr().cast()));
                    let (low, high) = (_mm256_shuffle_epi8(low, nibbles), _mm256_shuffle_epi8(high, nibbles));
                    sums[0] = _mm256_add_epi16(sums[0], _mm256_unpacklo_epi8(low, high));
                    sums[1] = _mm256_add_epi16(sums[1], _mm256_unpackhi_epi8(low, high));
                }
            }
            let mut blocks = [Pair([Words(_mm256_setzero_si256()); 2]); N];
            for (block, sums) in blocks.iter_mut().zip(sums) {
                let [first, second] = exchange(sums);
                *block = Pair([Words(first), Words(second)]);
            }
            blocks
        }
    }

    #[inline(always)]
    fn fetch(weights: &[i8]) {
        fetch(weights);
    }
}

impl Vector<i16> for Words {
    #[inline(always)]
    fn load(from: &[i16; LANES]) -> Self {
        // SAFETY: AVX2 as above; the array has the 32 bytes that are read.
        Self(unsafe { _mm256_loadu_si256(from.as_ptr().cast()) })
    }
    #[inline(always)]
    fn from_bytes(from: &[i8; LANES]) -> Self {
        // SAFETY: AVX2 as above; the array has the 16 bytes that are read.
        Self(unsafe { _mm256_cvtepi8_epi16(_mm_loadu_si128(from.as_ptr().cast())) })
    }
    #[inline(always)]
    fn from_words(from: &[i16; LANES]) -> Self {
        Self::load(from)
    }
    #[inline(always)]
    fn plus(self, other: Self) -> Self {
        // SAFETY: AVX2 as above.
        Self(unsafe { _mm256_add_epi16(self.0, other.0) })
    }
    #[inline(always)]
    fn store(self, to: &mut [i16; LANES]) {
        // SAFETY: AVX2 as above; the array has the 32 bytes that are written.
        unsafe { _mm256_storeu_si256(to.as_mut_ptr().cast(), self.0) }
    }
}

impl Vector<i32> for Longs {
    #[inline(always)]
    fn load(from: &[i32; LANES]) -> Self {
        // SAFETY: AVX2 as above.
        Self(unsafe { load(from) })
    }
    #[inline(always)]
    fn from_bytes(from: &[i8; LANES]) -> Self {
        let halves = from.as_chunks::<8>().0;
        // SAFETY: AVX2 as above; each half has the 8 bytes that are read.
        Self(unsafe { [0, 1].map(|half: usize| _mm256_cvtepi8_epi32(_mm_loadl_epi64(halves[half].as_ptr().cast()))) })
    }
    #[inline(always)]
    fn from_words(from: &[i16; LANES]) -> Self {
        // SAFETY: AVX2 as above.
        Self(unsafe { widen(from) })
    }
    #[inline(always)]
    fn plus(self, other: Self) -> Self {
        // SAFETY: AVX2 as above.
        Self([0, 1].map(|half: usize| unsafe { _mm256_add_epi32(self.0[half], other.0[half]) }))
    }
    #[inline(always)]
    fn store(self, to: &mut [i32; LANES]) {
        // SAFETY: AVX2 as above.
        unsafe { store(self.0, to) }
    }
}
