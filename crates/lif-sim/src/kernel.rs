//! The hot loops, and the only file with `unsafe`: written once over vectors of 16 lanes, and compiled once for each instruction set.
//!
//! ```text
//!   for each row of a population, for each step:
//!       gather   weights of the spikes of its sources ------> sums        (vectors in registers over all spikes of a position)
//!       fire     sums, membranes, biases, thresholds -------> membranes, bits of those who fired; sums become 0
//! ```
//!
//! A population's row is taken through all steps of the chunk before the next row, so that its sums, membranes and weights stay in the
//! fastest cache. Sums wrap: exact, because [`Program`] chooses widths that hold every final value, and sums modulo 2^n do not
//! care about what happens on the way.
//!
//! All indexing is checked. `unsafe` are only the processor's own instructions, which need two things: that the processor has them
//! ([`Kernel`] exists for AVX2 only where it was detected), and that loads and stores stay in bounds (they take arrays of exactly their size).

use crate::aligned::Aligned;
use crate::program::{AnyLeak, LANES, Patches, Population, Program, Projection, Rows, Synapses};
use crate::spikes::Spikes;
use lif_graph::{Decay, Rounding};
use std::ops::Range;

#[cfg(target_arch = "x86_64")]
use std::arch::x86_64::*;

/// An instruction set to simulate with. All of them compute the same bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kernel(Set);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Set {
    Portable,
    #[cfg(target_arch = "x86_64")]
    Avx2,
}

impl Kernel {
    /// What every processor can do.
    pub const PORTABLE: Self = Self(Set::Portable);

    /// Those that this processor has, the fastest last.
    pub fn available() -> Vec<Self> {
        #[cfg(target_arch = "x86_64")]
        if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("popcnt") && is_x86_feature_detected!("bmi1") {
            return vec![Self::PORTABLE, Self(Set::Avx2)];
        }
        vec![Self::PORTABLE]
    }

    /// The fastest.
    pub fn best() -> Self {
        Self::available().pop().unwrap_or(Self::PORTABLE)
    }

    /// `portable` or `avx2`.
    pub fn name(self) -> &'static str {
        match self.0 {
            Set::Portable => "portable",
            #[cfg(target_arch = "x86_64")]
            Set::Avx2 => "avx2",
        }
    }
}

/// One population's summed weights.
#[derive(Debug)]
pub(crate) enum Sums {
    Narrow(Buffers<i16>),
    Wide(Buffers<i32>),
}

#[derive(Debug)]
pub(crate) struct Buffers<S> {
    /// Of one row, with its margins.
    row: Aligned<S>,
    /// Of all rows in all slots, from projections that are added up patch by patch; empty where there are none.
    ready: Aligned<S>,
}

impl Sums {
    /// Zeros for a population and a chunk of `slots` slots.
    pub fn new(population: &Population, projections: &[Projection], slots: usize) -> Self {
        let patches = population.inputs.iter().any(|&input| matches!(projections[input].synapses, Synapses::Patches(_)));
        let ready = if patches { slots * population.shape.height as usize * Rows::of(population.shape).stride } else { 0 };
        match population.integration() {
            Some(integration) if !integration.narrow => Self::Wide(Buffers::new(population.buffer, ready)),
            _ => Self::Narrow(Buffers::new(population.buffer, ready)),
        }
    }
}

impl<S: Sum> Buffers<S> {
    fn new(row: usize, ready: usize) -> Self {
        Self { row: Aligned::zeros(row), ready: Aligned::zeros(ready) }
    }
}

/// A population's steps in some slots of a chunk.
pub(crate) struct Work<'a> {
    pub program: &'a Program,
    pub population: usize,
    pub slots: Range<usize>,
    /// What images add to the sums at every step, row by row; empty where they add nothing.
    pub currents: &'a [i32],
    pub membranes: &'a mut [i32],
    pub sums: &'a mut Sums,
    pub spikes: &'a mut [Spikes],
}

impl Kernel {
    /// Simulates these steps of this population. Its sources are done with them, or it is itself among them, with a delay, and
    /// there is one slot.
    pub(crate) fn advance(self, work: Work) {
        match self.0 {
            Set::Portable => advance::<Portable>(work),
            #[cfg(target_arch = "x86_64")]
            // SAFETY: `Set::Avx2` is made by `available` alone, after these features were detected.
            Set::Avx2 => unsafe { advance_avx2(work) },
        }
    }

    /// Sum of the weights whose byte in `fired` is 1. Both have the same number of bytes, a multiple of 32.
    pub(crate) fn dot(self, weights: &[i8], fired: &[u8]) -> i32 {
        match self.0 {
            Set::Portable => weights.iter().zip(fired).map(|(&weight, &fired)| i32::from(weight) * i32::from(fired)).sum(),
            #[cfg(target_arch = "x86_64")]
            // SAFETY: as above.
            Set::Avx2 => unsafe { dot_avx2(weights, fired) },
        }
    }

    /// What the engine does at its fastest, for comparison: adds rows of signed bytes, widened to 16 bits, to sums in registers, `rounds`
    /// times the bytes, whose number is a multiple of 128. Returns the sums' sum, so that nothing is left out.
    pub fn widen_and_add(self, bytes: &[i8], rounds: usize) -> i16 {
        match self.0 {
            Set::Portable => widen_and_add::<[i16; LANES]>(bytes, rounds),
            #[cfg(target_arch = "x86_64")]
            // SAFETY: as above.
            Set::Avx2 => unsafe { widen_and_add_avx2(bytes, rounds) },
        }
    }

    /// Adds up how often each position's neurons fired in these slots.
    pub(crate) fn tally(self, spikes: &Spikes, slots: Range<usize>, counts: &mut [u32]) {
        match self.0 {
            Set::Portable => spikes.tally(slots, counts),
            #[cfg(target_arch = "x86_64")]
            // SAFETY: as above.
            Set::Avx2 => unsafe { tally_avx2(spikes, slots, counts) },
        }
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,popcnt,bmi1")]
fn advance_avx2(work: Work) {
    advance::<Avx2>(work);
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,popcnt,bmi1")]
fn tally_avx2(spikes: &Spikes, slots: Range<usize>, counts: &mut [u32]) {
    spikes.tally(slots, counts);
}

/// Products of a byte of 0 or 1 and a signed byte, added in pairs, fit 16 bits for so many vectors: 128 * 254 < 2^15.
#[cfg(target_arch = "x86_64")]
const PAIRS: usize = 128 * 32;

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,popcnt,bmi1")]
fn dot_avx2(weights: &[i8], fired: &[u8]) -> i32 {
    let mut total = _mm256_setzero_si256();
    for (weights, fired) in weights.chunks(PAIRS).zip(fired.chunks(PAIRS)) {
        let mut pairs = _mm256_setzero_si256();
        for (weights, fired) in weights.as_chunks::<32>().0.iter().zip(fired.as_chunks::<32>().0) {
            // SAFETY: both arrays have the 32 bytes that are read.
            let (weights, fired) = unsafe { (_mm256_loadu_si256(weights.as_ptr().cast()), _mm256_loadu_si256(fired.as_ptr().cast())) };
            pairs = _mm256_add_epi16(pairs, _mm256_maddubs_epi16(fired, weights));
        }
        total = _mm256_add_epi32(total, _mm256_madd_epi16(pairs, _mm256_set1_epi16(1)));
    }
    let half = _mm_add_epi32(_mm256_castsi256_si128(total), _mm256_extracti128_si256::<1>(total));
    let quarter = _mm_add_epi32(half, _mm_shuffle_epi32::<0b01_00_11_10>(half));
    _mm_cvtsi128_si32(_mm_add_epi32(quarter, _mm_shuffle_epi32::<0b10_11_00_01>(quarter)))
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,popcnt,bmi1")]
fn widen_and_add_avx2(bytes: &[i8], rounds: usize) -> i16 {
    widen_and_add::<Words>(bytes, rounds)
}

#[inline(always)]
fn widen_and_add<V: Vector<i16>>(bytes: &[i8], rounds: usize) -> i16 {
    let mut parts = [V::load(&[0; LANES]); 8];
    for _ in 0..rounds {
        for row in std::hint::black_box(bytes).chunks_exact(8 * LANES) {
            let row = block::<i8, 8>(row);
            for n in 0..8 {
                parts[n] = parts[n].plus(V::from_bytes(&row[n]));
            }
        }
    }
    let mut sums = [[0; LANES]; 8];
    parts.iter().zip(&mut sums).for_each(|(part, sums)| part.store(sums));
    sums.as_flattened().iter().fold(0, |total: i16, &sum| total.wrapping_add(sum))
}

#[inline(always)]
fn advance<I: Isa>(work: Work) {
    let Work { program, population, slots, currents, membranes, sums, spikes } = work;
    match sums {
        Sums::Narrow(sums) => advance_rows::<I, i16, I::Narrow>(program, population, slots, currents, membranes, sums, spikes),
        Sums::Wide(sums) => advance_rows::<I, i32, I::Wide>(program, population, slots, currents, membranes, sums, spikes),
    }
}

#[inline(always)]
fn advance_rows<I: Isa, S: Sum, V: Vector<S>>(
    program: &Program,
    index: usize,
    slots: Range<usize>,
    currents: &[i32],
    membranes: &mut [i32],
    sums: &mut Buffers<S>,
    spikes: &mut [Spikes],
) {
    let population = &program.populations[index];
    let Some(integration) = population.integration() else { return };
    let (rows, lanes) = (population.shape.height as usize, Rows::of(population.shape).stride);
    if S::NARROW && !sums.ready.is_empty() {
        add_patches::<S, V>(program, population, slots.clone(), &mut sums.ready, spikes);
    }
    for (y, (inputs, membranes)) in population.rows.iter().zip(membranes.chunks_exact_mut(lanes)).enumerate() {
        let (bias, threshold) = integration.parameters.of_row(y);
        for slot in slots.clone() {
            for input in inputs {
                let projection = &program.projections[input.projection];
                let source = &spikes[projection.source];
                gather::<S, V>(projection, input.source_row, input.weights, source, slot - usize::from(projection.delay), &mut sums.row);
            }
            let row = &mut sums.row[population.left..][..lanes];
            if !sums.ready.is_empty() {
                let ready = &mut sums.ready[(slot * rows + y) * lanes..][..lanes];
                row.iter_mut().zip(ready).for_each(|(sum, ready)| *sum = sum.plus(std::mem::take(ready)));
            }
            if !currents.is_empty() {
                let currents = &currents[y * lanes..][..lanes];
                row.iter_mut().zip(currents).for_each(|(sum, &current)| *sum = sum.plus_current(current));
            }
            let bits = spikes[index].row_mut(slot, y);
            let neurons = Neurons { shift: integration.input_shift, membranes, sums: row, bias, threshold };
            match integration.leak {
                AnyLeak::Shift(shift) => fire::<I, S>(ShiftLeak(shift), neurons, bits),
                AnyLeak::FloorShift(shift) => fire::<I, S>(FloorLeak(shift), neurons, bits),
                AnyLeak::Product(decay) => fire::<I, S>(ProductLeak::from(decay), neurons, bits),
            }
            spikes[index].list_row(slot, y);
        }
    }
}

/// Adds to a target row what the spikes of a source row bring.
#[inline(always)]
fn gather<S: Sum, V: Vector<S>>(projection: &Projection, y: usize, weights: usize, source: &Spikes, slot: usize, sums: &mut [S]) {
    let columns = projection.columns.iter().enumerate();
    match &projection.synapses {
        Synapses::Bytes(bytes) => {
            for (x, column) in columns {
                let list = source.list(slot, y * projection.columns.len() + x);
                add_rows::<S, V, i8>(&mut sums[column.to..], column.vectors, &bytes[weights + column.weights..], list);
            }
        }
        Synapses::Words(words) if S::NARROW => {
            for (x, column) in columns {
                let list = source.list(slot, y * projection.columns.len() + x);
                add_rows::<S, V, i16>(&mut sums[column.to..], column.vectors, &words[weights + column.weights..], list);
            }
        }
        Synapses::Tables(tables) if S::NARROW => {
            let row = source.row(slot, y);
            let bytes = source.bytes_of_position();
            for (column, fired) in projection.columns.iter().zip(row.chunks_exact(bytes)) {
                add_subsets::<S, V>(&mut sums[column.to..], column.vectors, &tables[weights + column.weights..], fired);
            }
        }
        _ => {} // a pick; patches, which are added before; 16-bit weights, which only 16-bit sums have
    }
}

/// Calls a function with the number of vectors as a constant, a block of at most eight at a time: so many registers hold sums.
macro_rules! by_blocks {
    ($vectors:expr, $block:ident::<$($kind:ty),*>($sums:expr, $($rest:expr),*)) => {{
        let mut first = 0;
        while first < $vectors * LANES {
            let sums = &mut $sums[first..];
            first += LANES * match $vectors - first / LANES {
                1 => { $block::<$($kind,)* 1>(sums, first, $($rest),*); 1 }
                2 | 3 => { $block::<$($kind,)* 2>(sums, first, $($rest),*); 2 }
                4 | 5 => { $block::<$($kind,)* 4>(sums, first, $($rest),*); 4 }
                6 | 7 | 12 => { $block::<$($kind,)* 6>(sums, first, $($rest),*); 6 }
                _ => { $block::<$($kind,)* 8>(sums, first, $($rest),*); 8 }
            };
        }
    }};
}

/// Adds a row of weights for each channel in the list.
#[inline(always)]
fn add_rows<S: Sum, V: Vector<S>, W: Weight>(sums: &mut [S], vectors: usize, weights: &[W], channels: &[u32]) {
    by_blocks!(vectors, add_rows_of::<S, V, W>(sums, vectors * LANES, weights, channels));
}

#[inline(always)]
fn add_rows_of<S: Sum, V: Vector<S>, W: Weight, const N: usize>(
    sums: &mut [S],
    first: usize,
    stride: usize,
    weights: &[W],
    channels: &[u32],
) {
    let sums = block_mut::<S, N>(sums);
    let mut parts: [V; N] = std::array::from_fn(|n| V::load(&sums[n]));
    for &channel in channels {
        let row = block::<W, N>(&weights[channel as usize * stride + first..]);
        for n in 0..N {
            parts[n] = parts[n].plus(W::widened::<S, V>(&row[n]));
        }
    }
    for n in 0..N {
        parts[n].store(&mut sums[n]);
    }
}

/// Adds for each four channels the row of those that fired.
#[inline(always)]
fn add_subsets<S: Sum, V: Vector<S>>(sums: &mut [S], vectors: usize, tables: &[i16], fired: &[u8]) {
    by_blocks!(vectors, add_subsets_of::<S, V>(sums, vectors * LANES, tables, fired));
}

#[inline(always)]
fn add_subsets_of<S: Sum, V: Vector<S>, const N: usize>(sums: &mut [S], first: usize, stride: usize, tables: &[i16], fired: &[u8]) {
    let sums = block_mut::<S, N>(sums);
    let mut parts: [V; N] = std::array::from_fn(|n| V::load(&sums[n]));
    // 16 rows for each four channels, 32 for each byte
    let mut table = first;
    for &byte in fired {
        for subset in [byte & 15, byte >> 4] {
            let row = block::<i16, N>(&tables[table + usize::from(subset) * stride..]);
            for n in 0..N {
                parts[n] = parts[n].plus(V::from_words(&row[n]));
            }
            table += 16 * stride;
        }
    }
    for n in 0..N {
        parts[n].store(&mut sums[n]);
    }
}

/// The first N vectors of a slice.
#[inline(always)]
fn block<T, const N: usize>(slice: &[T]) -> &[[T; LANES]; N] {
    slice[..N * LANES].as_chunks().0.try_into().expect("N vectors")
}

#[inline(always)]
fn block_mut<T, const N: usize>(slice: &mut [T]) -> &mut [[T; LANES]; N] {
    slice[..N * LANES].as_chunks_mut().0.try_into().expect("N vectors")
}

/// For projections of small kernels: for each source position the sums of the whole kernel in a few registers, then to the targets.
#[inline(always)]
fn add_patches<S: Sum, V: Vector<S>>(program: &Program, population: &Population, slots: Range<usize>, ready: &mut [S], spikes: &[Spikes]) {
    let lanes = Rows::of(population.shape).stride;
    for projection in population.inputs.iter().map(|&input| &program.projections[input]) {
        let Synapses::Patches(patches) = &projection.synapses else { continue };
        let source = &spikes[projection.source];
        for slot in slots.clone() {
            let targets = &mut ready[slot * population.shape.height as usize * lanes..][..population.shape.height as usize * lanes];
            add_patches_of_step::<S, V>(patches, source, slot - usize::from(projection.delay), targets, lanes);
        }
    }
}

/// Vectors of the largest kernel: 32 x 32 taps.
const MOST_VECTORS: usize = 64;

#[inline(always)]
fn add_patches_of_step<S: Sum, V: Vector<S>>(patches: &Patches, source: &Spikes, slot: usize, targets: &mut [S], lanes: usize) {
    let mut patch = [[S::default(); LANES]; MOST_VECTORS];
    let (vectors, bytes) = (patches.stride / LANES, source.bytes_of_position());
    for (y, down) in patches.reach_y.iter().enumerate() {
        for (across, fired) in patches.reach_x.iter().zip(source.row(slot, y).chunks_exact(bytes)) {
            let patch = patch[..vectors].as_flattened_mut();
            patch.fill(S::default());
            add_subsets::<S, V>(patch, vectors, &patches.tables, fired);
            for row in 0..down.taps {
                let part = &patch[(down.tap + row) * patches.row + across.tap..][..across.taps];
                let sums = &mut targets[(down.target + row) * lanes + across.target..][..across.taps];
                sums.iter_mut().zip(part).for_each(|(sum, &part)| *sum = sum.plus(part));
            }
        }
    }
}

/// The neurons of a row.
struct Neurons<'a, S> {
    shift: u32,
    /// In: the old membranes. Out: the new ones.
    membranes: &'a mut [i32],
    /// In: this step's summed weights. Out: 0.
    sums: &'a mut [S],
    /// Repeated as often as it takes; so the thresholds.
    bias: &'a [i32],
    threshold: &'a [i32],
}

/// `v = leak(v) + (sum << shift) + bias`; if `v > threshold` the neuron's bit is 1 and `v` is 0.
#[inline(always)]
fn fire<I: Isa, S: Sum>(leak: impl Leak, neurons: Neurons<S>, bits: &mut [u8]) {
    let Neurons { shift, membranes, sums, bias, threshold } = neurons;
    let period = bias.len();
    for ((membranes, sums), bits) in
        membranes.chunks_exact_mut(period).zip(sums.chunks_exact_mut(period)).zip(bits.chunks_exact_mut(period / 8))
    {
        let membranes = membranes.as_chunks_mut::<LANES>().0.iter_mut().zip(sums.as_chunks_mut::<LANES>().0);
        let parameters = bias.as_chunks::<LANES>().0.iter().zip(threshold.as_chunks::<LANES>().0);
        for (((membranes, sums), (bias, threshold)), bits) in membranes.zip(parameters).zip(bits.as_chunks_mut::<2>().0) {
            *bits = I::fire(leak, shift, membranes, sums, bias, threshold).to_le_bytes();
            *sums = [S::default(); LANES];
        }
    }
}

/// An instruction set.
trait Isa {
    type Narrow: Vector<i16>;
    type Wide: Vector<i32>;

    /// The update of 16 neurons; a bit for each that fired.
    fn fire<S: Sum>(
        leak: impl Leak,
        shift: u32,
        membranes: &mut [i32; LANES],
        sums: &[S; LANES],
        bias: &[i32; LANES],
        threshold: &[i32; LANES],
    ) -> u16;
}

/// 16 summed weights.
trait Vector<S>: Copy {
    fn load(from: &[S; LANES]) -> Self;
    fn from_bytes(from: &[i8; LANES]) -> Self;
    fn from_words(from: &[i16; LANES]) -> Self;
    fn plus(self, other: Self) -> Self;
    fn store(self, to: &mut [S; LANES]);
}

/// What summed weights are held in: `i16` where the worst case fits it, else `i32`.
pub(crate) trait Sum: Copy + Default {
    const NARROW: bool;
    fn plus(self, other: Self) -> Self;
    fn plus_current(self, current: i32) -> Self;
    fn widen(self) -> i32;
    /// 16 sums as 32-bit numbers in two vectors.
    ///
    /// # Safety
    /// The processor has AVX2.
    #[cfg(target_arch = "x86_64")]
    unsafe fn widen_all(from: &[Self; LANES]) -> [__m256i; 2];
}

/// What weights are held in.
trait Weight: Sized {
    fn widened<S, V: Vector<S>>(from: &[Self; LANES]) -> V;
}

impl Weight for i8 {
    #[inline(always)]
    fn widened<S, V: Vector<S>>(from: &[Self; LANES]) -> V {
        V::from_bytes(from)
    }
}

impl Weight for i16 {
    #[inline(always)]
    fn widened<S, V: Vector<S>>(from: &[Self; LANES]) -> V {
        V::from_words(from)
    }
}

impl Sum for i16 {
    const NARROW: bool = true;
    #[inline(always)]
    fn plus(self, other: Self) -> Self {
        self.wrapping_add(other)
    }
    #[inline(always)]
    fn plus_current(self, current: i32) -> Self {
        self.wrapping_add(current as i16)
    }
    #[inline(always)]
    fn widen(self) -> i32 {
        i32::from(self)
    }
    #[cfg(target_arch = "x86_64")]
    #[inline(always)]
    unsafe fn widen_all(from: &[Self; LANES]) -> [__m256i; 2] {
        let halves = from.as_chunks::<8>().0;
        // SAFETY: the caller vouches for AVX2; each half has the 16 bytes that are read.
        unsafe { [0, 1].map(|half: usize| _mm256_cvtepi16_epi32(_mm_loadu_si128(halves[half].as_ptr().cast()))) }
    }
}

impl Sum for i32 {
    const NARROW: bool = false;
    #[inline(always)]
    fn plus(self, other: Self) -> Self {
        self.wrapping_add(other)
    }
    #[inline(always)]
    fn plus_current(self, current: i32) -> Self {
        self.wrapping_add(current)
    }
    #[inline(always)]
    fn widen(self) -> i32 {
        self
    }
    #[cfg(target_arch = "x86_64")]
    #[inline(always)]
    unsafe fn widen_all(from: &[Self; LANES]) -> [__m256i; 2] {
        // SAFETY: as above; each half has 32 bytes.
        unsafe { load(from) }
    }
}

/// A membrane's leak in one step.
trait Leak: Copy {
    fn one(self, v: i32) -> i32;
    /// The same for eight.
    ///
    /// # Safety
    /// The processor has AVX2.
    #[cfg(target_arch = "x86_64")]
    unsafe fn eight(self, v: __m256i) -> __m256i;
}

/// `v / 2^shift`, toward zero.
#[derive(Clone, Copy)]
struct ShiftLeak(u32);

/// `v / 2^shift`, down.
#[derive(Clone, Copy)]
struct FloorLeak(u32);

/// `v * multiplier / 2^shift`, as `sign(v) * ((|v| * multiplier + correction) >> shift)`.
#[derive(Clone, Copy)]
struct ProductLeak {
    decay: Decay,
    /// Of a negative v: what turns the cut of the magnitude into the rounding asked for.
    if_negative: u32,
    if_positive: u32,
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

impl Leak for ShiftLeak {
    #[inline(always)]
    fn one(self, v: i32) -> i32 {
        let magnitude = (v.unsigned_abs() >> self.0) as i32;
        if v < 0 { magnitude.wrapping_neg() } else { magnitude }
    }
    #[cfg(target_arch = "x86_64")]
    #[inline(always)]
    unsafe fn eight(self, v: __m256i) -> __m256i {
        // SAFETY: the caller vouches for AVX2. `sign` is 0 where v is 0, and so is the magnitude.
        unsafe { _mm256_sign_epi32(_mm256_srl_epi32(_mm256_abs_epi32(v), _mm_cvtsi32_si128(self.0 as i32)), v) }
    }
}

impl Leak for FloorLeak {
    #[inline(always)]
    fn one(self, v: i32) -> i32 {
        v >> self.0
    }
    #[cfg(target_arch = "x86_64")]
    #[inline(always)]
    unsafe fn eight(self, v: __m256i) -> __m256i {
        // SAFETY: the caller vouches for AVX2.
        unsafe { _mm256_sra_epi32(v, _mm_cvtsi32_si128(self.0 as i32)) }
    }
}

impl Leak for ProductLeak {
    #[inline(always)]
    fn one(self, v: i32) -> i32 {
        self.decay.apply(v)
    }
    #[cfg(target_arch = "x86_64")]
    #[inline(always)]
    unsafe fn eight(self, v: __m256i) -> __m256i {
        // SAFETY: the caller vouches for AVX2. Products of 32 bits and 24 bits, with a correction below 2^24, fit 64 bits; quotients are
        // at most |v|, so they fit the low half of their 64 bits.
        unsafe {
            let (multiplier, shift) = (_mm256_set1_epi64x(self.decay.multiplier.into()), _mm_cvtsi32_si128(self.decay.shift.into()));
            let (magnitude, negative) = (_mm256_abs_epi32(v), _mm256_srai_epi32::<31>(v));
            let (if_negative, if_positive) = (_mm256_set1_epi32(self.if_negative as i32), _mm256_set1_epi32(self.if_positive as i32));
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

/// Plain Rust: the compiler makes of it what the processor's least common set has.
struct Portable;

impl Isa for Portable {
    type Narrow = [i16; LANES];
    type Wide = [i32; LANES];

    #[inline(always)]
    fn fire<S: Sum>(
        leak: impl Leak,
        shift: u32,
        membranes: &mut [i32; LANES],
        sums: &[S; LANES],
        bias: &[i32; LANES],
        threshold: &[i32; LANES],
    ) -> u16 {
        let mut fired = [0; LANES];
        for lane in 0..LANES {
            let v = leak.one(membranes[lane]).wrapping_add(sums[lane].widen() << shift).wrapping_add(bias[lane]);
            let fires = v > threshold[lane];
            membranes[lane] = if fires { 0 } else { v };
            fired[lane] = u8::from(fires);
        }
        // Byte i times 2^(56 - 7 i) lands on bit 56 + i: the top byte has a bit for each of eight.
        let [low, high] = [0, 8].map(|first| {
            let eight: [u8; 8] = std::array::from_fn(|i| fired[first + i]);
            u64::from_le_bytes(eight).wrapping_mul(0x0102_0408_1020_4080) >> 56
        });
        (low | high << 8) as u16
    }
}

impl Vector<i16> for [i16; LANES] {
    #[inline(always)]
    fn load(from: &[i16; LANES]) -> Self {
        *from
    }
    #[inline(always)]
    fn from_bytes(from: &[i8; LANES]) -> Self {
        from.map(i16::from)
    }
    #[inline(always)]
    fn from_words(from: &[i16; LANES]) -> Self {
        *from
    }
    #[inline(always)]
    fn plus(mut self, other: Self) -> Self {
        self.iter_mut().zip(other).for_each(|(sum, part)| *sum = sum.wrapping_add(part));
        self
    }
    #[inline(always)]
    fn store(self, to: &mut [i16; LANES]) {
        *to = self;
    }
}

impl Vector<i32> for [i32; LANES] {
    #[inline(always)]
    fn load(from: &[i32; LANES]) -> Self {
        *from
    }
    #[inline(always)]
    fn from_bytes(from: &[i8; LANES]) -> Self {
        from.map(i32::from)
    }
    #[inline(always)]
    fn from_words(from: &[i16; LANES]) -> Self {
        from.map(i32::from)
    }
    #[inline(always)]
    fn plus(mut self, other: Self) -> Self {
        self.iter_mut().zip(other).for_each(|(sum, part)| *sum = sum.wrapping_add(part));
        self
    }
    #[inline(always)]
    fn store(self, to: &mut [i32; LANES]) {
        *to = self;
    }
}

/// 256-bit vectors of integers (Intel since 2013, AMD since 2015). Its types and this trait's methods are reached through
/// `advance_avx2` alone.
#[cfg(target_arch = "x86_64")]
struct Avx2;

/// 16 words.
#[cfg(target_arch = "x86_64")]
#[derive(Clone, Copy)]
struct Words(__m256i);

/// 16 numbers of 32 bits.
#[cfg(target_arch = "x86_64")]
#[derive(Clone, Copy)]
struct Longs([__m256i; 2]);

/// # Safety
/// The processor has AVX2.
#[cfg(target_arch = "x86_64")]
#[inline(always)]
unsafe fn load(from: &[i32; LANES]) -> [__m256i; 2] {
    let halves = from.as_chunks::<8>().0;
    // SAFETY: the caller vouches for AVX2; each half has the 32 bytes that are read.
    unsafe { [0, 1].map(|half: usize| _mm256_loadu_si256(halves[half].as_ptr().cast())) }
}

/// # Safety
/// The processor has AVX2.
#[cfg(target_arch = "x86_64")]
#[inline(always)]
unsafe fn store(values: [__m256i; 2], to: &mut [i32; LANES]) {
    for (half, value) in to.as_chunks_mut::<8>().0.iter_mut().zip(values) {
        // SAFETY: the caller vouches for AVX2; the half has the 32 bytes that are written.
        unsafe { _mm256_storeu_si256(half.as_mut_ptr().cast(), value) }
    }
}

#[cfg(target_arch = "x86_64")]
impl Isa for Avx2 {
    type Narrow = Words;
    type Wide = Longs;

    #[inline(always)]
    fn fire<S: Sum>(
        leak: impl Leak,
        shift: u32,
        membranes: &mut [i32; LANES],
        sums: &[S; LANES],
        bias: &[i32; LANES],
        threshold: &[i32; LANES],
    ) -> u16 {
        // SAFETY: only `advance_avx2` uses this type, which demands AVX2.
        unsafe {
            let (old, sums, bias, threshold) = (load(membranes), S::widen_all(sums), load(bias), load(threshold));
            let shift = _mm_cvtsi32_si128(shift as i32);
            let mut fired = 0;
            let mut new = [_mm256_setzero_si256(); 2];
            for half in 0..2 {
                let input = _mm256_add_epi32(_mm256_sll_epi32(sums[half], shift), bias[half]);
                let v = _mm256_add_epi32(leak.eight(old[half]), input);
                let fires = _mm256_cmpgt_epi32(v, threshold[half]);
                new[half] = _mm256_andnot_si256(fires, v);
                fired |= (_mm256_movemask_ps(_mm256_castsi256_ps(fires)) as u16) << (8 * half);
            }
            store(new, membranes);
            fired
        }
    }
}

#[cfg(target_arch = "x86_64")]
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

#[cfg(target_arch = "x86_64")]
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
        Self(unsafe { i16::widen_all(from) })
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
