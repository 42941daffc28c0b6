//! 512-bit vectors of integers (Intel since 2019, AMD since 2022): a block of 32 neurons is one vector of sums and two of membranes.
//!
//! Beside [`avx2`](super::avx2) the only file with `unsafe`, for the same reasons and by the same rules: nothing outside can run its code without
//! [`Detected`], and loads and stores take arrays of exactly their size.

use super::Job;
use super::asked::RECENT;
use super::avx2::{Words, fetch};
use super::lanes::{Block, Isa, Lanes, Sum, Vector};
use super::leak::{Form, Leak, SmallLeak};
use super::stripes::Nibbles;
use crate::program::{BLOCK, BlockParameters, LANES, Table, WordCell};
use std::arch::x86_64::*;

/// Proof that this processor has what the functions below name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Detected(());

impl Detected {
    pub fn new() -> Option<Self> {
        let has = is_x86_feature_detected!("avx2")
            && is_x86_feature_detected!("avx512f")
            && is_x86_feature_detected!("avx512bw")
            && is_x86_feature_detected!("avx512vl")
            && is_x86_feature_detected!("avx512dq")
            && is_x86_feature_detected!("avx512vnni")
            && is_x86_feature_detected!("avx512vpopcntdq")
            && is_x86_feature_detected!("popcnt")
            && is_x86_feature_detected!("bmi1")
            && is_x86_feature_detected!("bmi2");
        has.then_some(Self(()))
    }

    pub fn run<J: Job>(self, job: J) -> J::Outcome {
        // SAFETY: a `Detected` is made after these features were detected.
        unsafe { if J::DOTS { run_with_dots(job) } else { run(job) } }
    }
}

#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vpopcntdq,popcnt,bmi1,bmi2")]
fn run<J: Job>(job: J) -> J::Outcome {
    job.run::<Avx512>()
}

/// The compiler fuses multiplications and additions to VNNI's instructions where it may, whose sums are ready later than additions alone: no
/// gain for membranes, which wait for each other.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vpopcntdq,popcnt,bmi1,bmi2,avx512vnni")]
fn run_with_dots<J: Job>(job: J) -> J::Outcome {
    job.run::<Avx512>()
}

/// The instruction set. Its words are [`avx2`](super::avx2)'s, which it demands, too.
struct Avx512;

/// 16 numbers of 32 bits.
#[derive(Clone, Copy)]
struct Longs(__m512i);

/// 32 words.
#[derive(Clone, Copy)]
struct Cell(__m512i);

/// 32 numbers of 32 bits. Of each eight, first 0 to 3, then 4 to 7: the order in which words are unpacked.
#[derive(Clone, Copy)]
struct Unpacked([__m512i; 2]);

/// Membranes before those that fired became 0 again, and which did not: they become so when they leak.
#[derive(Clone, Copy)]
struct Membranes {
    before: Unpacked,
    silent: [__mmask16; 2],
}

/// What a block adds to its membranes, and what it compares them with.
#[derive(Clone, Copy)]
struct Parameters {
    /// Low bits of the biases.
    rest: __m512i,
    threshold: Unpacked,
    /// Alternately `2^shift` and 1.
    scale: __m512i,
}

/// # Safety
/// The processor has AVX-512.
#[inline(always)]
unsafe fn load(from: &[i32; LANES]) -> __m512i {
    // SAFETY: the caller vouches for AVX-512; the array has the 64 bytes that are read.
    unsafe { _mm512_loadu_si512(from.as_ptr().cast()) }
}

/// # Safety
/// The processor has AVX-512.
#[inline(always)]
unsafe fn store(values: __m512i, to: &mut [i32; LANES]) {
    // SAFETY: the caller vouches for AVX-512; the array has the 64 bytes that are written.
    unsafe { _mm512_storeu_si512(to.as_mut_ptr().cast(), values) }
}

/// # Safety
/// The processor has AVX-512.
#[inline(always)]
unsafe fn load_words(from: &[i16; BLOCK]) -> __m512i {
    // SAFETY: the caller vouches for AVX-512; the array has the 64 bytes that are read.
    unsafe { _mm512_loadu_si512(from.as_ptr().cast()) }
}

/// 16 membranes, one step later; those that were not silent begin at 0.
///
/// # Safety
/// The processor has AVX-512.
#[inline(always)]
unsafe fn leaked(leak: impl Leak, silent: __mmask16, v: __m512i) -> __m512i {
    // SAFETY: the caller vouches for AVX-512.
    unsafe {
        match leak.form() {
            // a shift rounds down, and negative numbers up if 2^shift - 1 is added before
            Form::Half => _mm512_maskz_srai_epi32::<1>(silent, _mm512_add_epi32(v, _mm512_srli_epi32::<31>(v))),
            Form::Small(SmallLeak { decay, if_negative, if_positive }) => {
                let (if_negative, if_positive) = (_mm512_set1_epi32(if_negative), _mm512_set1_epi32(if_positive));
                let correction = _mm512_mask_blend_epi32(_mm512_movepi32_mask(v), if_positive, if_negative);
                let product = if decay.multiplier == 1 { v } else { _mm512_mullo_epi32(v, _mm512_set1_epi32(decay.multiplier as i32)) };
                _mm512_maskz_sra_epi32(silent, _mm512_add_epi32(product, correction), _mm_cvtsi32_si128(decay.shift.into()))
            }
            // Products of 32 bits and 24 bits, with a correction below 2^24, fit 64 bits; quotients are at most |v|, so they fit the low
            // half of their 64 bits.
            Form::Product(product) => {
                let (multiplier, shift) =
                    (_mm512_set1_epi64(product.decay.multiplier.into()), _mm_cvtsi32_si128(product.decay.shift.into()));
                let (magnitude, negative) = (_mm512_abs_epi32(v), _mm512_cmplt_epi32_mask(v, _mm512_setzero_si512()));
                let (if_negative, if_positive) =
                    (_mm512_set1_epi32(product.if_negative as i32), _mm512_set1_epi32(product.if_positive as i32));
                let correction = _mm512_mask_blend_epi32(negative, if_positive, if_negative);
                let low = _mm512_set1_epi64(0xffff_ffff);
                let even = _mm512_add_epi64(_mm512_mul_epu32(magnitude, multiplier), _mm512_and_si512(correction, low));
                let odd = _mm512_mul_epu32(_mm512_srli_epi64::<32>(magnitude), multiplier);
                let odd = _mm512_add_epi64(odd, _mm512_srli_epi64::<32>(correction));
                let (even, odd) = (_mm512_srl_epi64(even, shift), _mm512_srl_epi64(odd, shift));
                let quotient = _mm512_mask_blend_epi32(0b1010_1010_1010_1010, even, _mm512_slli_epi64::<32>(odd));
                let signed = _mm512_mask_sub_epi32(quotient, negative, _mm512_setzero_si512(), quotient);
                _mm512_maskz_mov_epi32(silent, signed)
            }
        }
    }
}

/// # Safety
/// The processor has AVX-512.
#[inline(always)]
unsafe fn unpacked(from: &[i32; BLOCK]) -> Unpacked {
    let [first, second] = from.as_chunks::<LANES>().0 else { unreachable!("a block is two vectors") };
    // SAFETY: the caller vouches for AVX-512.
    unsafe {
        let (first, second) = (load(first), load(second));
        Unpacked([_mm512_shuffle_i32x4::<0b10_00_10_00>(first, second), _mm512_shuffle_i32x4::<0b11_01_11_01>(first, second)])
    }
}

/// All methods: only the functions that demand AVX-512 use this type.
impl Isa for Avx512 {
    type Narrow = Words;
    type Wide = Longs;
    type Block = Cell;
    type Membranes = Membranes;
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
        // SAFETY: AVX-512, see above; the words' array has the 32 bytes that are read.
        unsafe {
            let sums = match S::lanes(sums) {
                Lanes::Words(words) => _mm512_cvtepi16_epi32(_mm256_loadu_si256(words.as_ptr().cast())),
                Lanes::Longs(longs) => load(longs),
            };
            let input = _mm512_add_epi32(_mm512_sll_epi32(sums, _mm_cvtsi32_si128(shift as i32)), load(bias));
            let v = _mm512_add_epi32(leaked(leak, !0, load(membranes)), input);
            let fires = _mm512_cmpgt_epi32_mask(v, load(threshold));
            store(_mm512_maskz_mov_epi32(!fires, v), membranes);
            fires
        }
    }

    #[inline(always)]
    fn membranes(from: &[i32; BLOCK]) -> Membranes {
        // SAFETY: AVX-512, see above.
        Membranes { before: unsafe { unpacked(from) }, silent: [!0; 2] }
    }

    #[inline(always)]
    fn store(Membranes { before: Unpacked(before), silent }: Membranes, to: &mut [i32; BLOCK]) {
        let [first, second] = to.as_chunks_mut::<LANES>().0 else { unreachable!("a block is two vectors") };
        // SAFETY: AVX-512, see above.
        unsafe {
            let (low, high) = (_mm512_maskz_mov_epi32(silent[0], before[0]), _mm512_maskz_mov_epi32(silent[1], before[1]));
            // quarters: two of the low ones and two of the high ones, to be alternated
            let (front, back) = (_mm512_shuffle_i32x4::<0b01_00_01_00>(low, high), _mm512_shuffle_i32x4::<0b11_10_11_10>(low, high));
            store(_mm512_shuffle_i32x4::<0b11_01_10_00>(front, front), first);
            store(_mm512_shuffle_i32x4::<0b11_01_10_00>(back, back), second);
        }
    }

    #[inline(always)]
    fn parameters(of: &BlockParameters, shift: u32) -> Parameters {
        // SAFETY: AVX-512, see above.
        unsafe {
            Parameters { rest: load_words(&of.rest.0), threshold: unpacked(&of.threshold), scale: _mm512_set1_epi32(1 << 16 | 1 << shift) }
        }
    }

    /// Words of sums and of low bits of biases are paired by unpacking, and a pair's input is one multiply-add: sum * 2^shift + rest.
    #[inline(always)]
    fn fire_block(leak: impl Leak, parameters: &Parameters, membranes: &mut Membranes, Cell(sums): Cell) -> u32 {
        // SAFETY: AVX-512, see above.
        unsafe {
            let inputs = [
                _mm512_madd_epi16(_mm512_unpacklo_epi16(sums, parameters.rest), parameters.scale),
                _mm512_madd_epi16(_mm512_unpackhi_epi16(sums, parameters.rest), parameters.scale),
            ];
            for (part, input) in inputs.into_iter().enumerate() {
                let (before, silent) = (&mut membranes.before.0[part], &mut membranes.silent[part]);
                *before = _mm512_add_epi32(leaked(leak, *silent, *before), input);
                *silent = _mm512_cmple_epi32_mask(*before, parameters.threshold.0[part]);
            }
            let [low, high] = membranes.silent;
            !(_pdep_u32(low.into(), 0x0f0f_0f0f) | _pdep_u32(high.into(), 0xf0f0_f0f0))
        }
    }

    #[inline(always)]
    fn dots(rows: [&[i8]; 2], fired: [&[u8]; RECENT]) -> [[i32; RECENT]; 2] {
        // SAFETY: AVX-512, see above; the arrays have the 64 bytes, and then the 32, that are read.
        unsafe {
            let mut totals = [[_mm512_setzero_si512(); RECENT]; 2];
            let [first, second] = [rows[0].as_chunks::<64>().0, rows[1].as_chunks::<64>().0];
            let ready: [&[[u8; 64]]; RECENT] = fired.map(|fired| &fired.as_chunks::<64>().0[..first.len()]);
            for (nth, (first, second)) in first.iter().zip(second).enumerate() {
                let (first, second) = (_mm512_loadu_si512(first.as_ptr().cast()), _mm512_loadu_si512(second.as_ptr().cast()));
                for step in 0..RECENT {
                    let fired = _mm512_loadu_si512(ready[step][nth].as_ptr().cast());
                    totals[0][step] = _mm512_dpbusd_epi32(totals[0][step], fired, first);
                    totals[1][step] = _mm512_dpbusd_epi32(totals[1][step], fired, second);
                }
            }
            let done = 64 * first.len();
            for (row, totals) in rows.iter().zip(&mut totals) {
                let Some(row) = row[done..].first_chunk::<32>() else { break };
                let row = _mm512_zextsi256_si512(_mm256_loadu_si256(row.as_ptr().cast()));
                for step in 0..RECENT {
                    let fired: &[u8; 32] = fired[step][done..].first_chunk().expect("as many as weights");
                    let fired = _mm512_zextsi256_si512(_mm256_loadu_si256(fired.as_ptr().cast()));
                    totals[step] = _mm512_dpbusd_epi32(totals[step], fired, row);
                }
            }
            // halves, then sums of neighbours, twice: in either half one of each step; then of halves
            let mut sums = [[0; RECENT]; 2];
            for (totals, sums) in totals.iter().zip(&mut sums) {
                let mut halves = [_mm256_setzero_si256(); RECENT];
                for (half, &total) in halves.iter_mut().zip(totals) {
                    *half = _mm256_add_epi32(_mm512_castsi512_si256(total), _mm512_extracti64x4_epi64::<1>(total));
                }
                let [a, b, c, d] = halves;
                let all = _mm256_hadd_epi32(_mm256_hadd_epi32(a, b), _mm256_hadd_epi32(c, d));
                let all = _mm_add_epi32(_mm256_castsi256_si128(all), _mm256_extracti128_si256::<1>(all));
                _mm_storeu_si128(sums.as_mut_ptr().cast(), all);
            }
            sums
        }
    }

    #[inline(always)]
    fn look_up<const N: usize>(tables: &[[Table; N]], nibbles: &[Nibbles]) -> [Cell; N] {
        // SAFETY: AVX-512, see above; nibbles have the 32 bytes that are read.
        unsafe {
            let mut sums = [Cell(_mm512_setzero_si512()); N];
            for (tables, nibbles) in tables.iter().zip(nibbles) {
                let nibbles = _mm512_cvtepu8_epi16(_mm256_loadu_si256(nibbles.as_ptr().cast()));
                for (table, sums) in tables.iter().zip(&mut sums) {
                    sums.0 = _mm512_add_epi16(sums.0, _mm512_permutexvar_epi16(nibbles, load_words(&table.sums.0)));
                }
            }
            sums
        }
    }

    #[inline(always)]
    fn fetch(weights: &[i8]) {
        fetch(weights);
    }
}

impl Block for Cell {
    #[inline(always)]
    fn load(from: &WordCell) -> Self {
        // SAFETY: AVX-512 as above.
        Self(unsafe { load_words(&from.0) })
    }
    #[inline(always)]
    fn plus_words(self, row: &[i16; BLOCK]) -> Self {
        // SAFETY: AVX-512 as above.
        Self(unsafe { _mm512_add_epi16(self.0, load_words(row)) })
    }
    #[inline(always)]
    fn plus_bytes(self, row: &[i8; BLOCK]) -> Self {
        // SAFETY: AVX-512 as above; the array has the 32 bytes that are read.
        Self(unsafe { _mm512_add_epi16(self.0, _mm512_cvtepi8_epi16(_mm256_loadu_si256(row.as_ptr().cast()))) })
    }
    #[inline(always)]
    fn store_words(self, to: &mut [i16; BLOCK]) {
        // SAFETY: AVX-512 as above; the array has the 64 bytes that are written.
        unsafe { _mm512_storeu_si512(to.as_mut_ptr().cast(), self.0) }
    }
}

impl Vector<i32> for Longs {
    #[inline(always)]
    fn load(from: &[i32; LANES]) -> Self {
        // SAFETY: AVX-512 as above.
        Self(unsafe { load(from) })
    }
    #[inline(always)]
    fn from_bytes(from: &[i8; LANES]) -> Self {
        // SAFETY: AVX-512 as above; the array has the 16 bytes that are read.
        Self(unsafe { _mm512_cvtepi8_epi32(_mm_loadu_si128(from.as_ptr().cast())) })
    }
    #[inline(always)]
    fn from_words(from: &[i16; LANES]) -> Self {
        // SAFETY: AVX-512 as above; the array has the 32 bytes that are read.
        Self(unsafe { _mm512_cvtepi16_epi32(_mm256_loadu_si256(from.as_ptr().cast())) })
    }
    #[inline(always)]
    fn plus(self, other: Self) -> Self {
        // SAFETY: AVX-512 as above.
        Self(unsafe { _mm512_add_epi32(self.0, other.0) })
    }
    #[inline(always)]
    fn store(self, to: &mut [i32; LANES]) {
        // SAFETY: AVX-512 as above.
        unsafe { store(self.0, to) }
    }
}
