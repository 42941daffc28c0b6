//! The hot loops, and nothing else: slices in, counts out, no allocation.
//!
//! Plain safe Rust, written so that the compiler turns the inner loops into vector code on any machine: lanes of fixed number,
//! no branch inside them, and wrapping arithmetic (exact here, because [`Program`](crate::program::Program) chooses widths that
//! hold every final value, and sums modulo 2^n do not care about what happens on the way).

use crate::program::{AnyLeak, Integration, Projection, ShiftLeak};
use lif_graph::{Decay, Shape};

/// What summed weights are held in: `i16` where the worst case fits it, else `i32`.
pub(crate) trait Sum: Copy + Default {
    fn plus(self, other: Self) -> Self;
    fn plus_weight(self, weight: i8) -> Self;
    fn plus_current(self, current: i32) -> Self;
    fn widen(self) -> i32;
}

impl Sum for i16 {
    #[inline(always)]
    fn plus(self, other: Self) -> Self {
        self.wrapping_add(other)
    }
    #[inline(always)]
    fn plus_weight(self, weight: i8) -> Self {
        self.wrapping_add(i16::from(weight))
    }
    #[inline(always)]
    fn plus_current(self, current: i32) -> Self {
        self.wrapping_add(current as i16)
    }
    #[inline(always)]
    fn widen(self) -> i32 {
        i32::from(self)
    }
}

impl Sum for i32 {
    #[inline(always)]
    fn plus(self, other: Self) -> Self {
        self.wrapping_add(other)
    }
    #[inline(always)]
    fn plus_weight(self, weight: i8) -> Self {
        self.wrapping_add(i32::from(weight))
    }
    #[inline(always)]
    fn plus_current(self, current: i32) -> Self {
        self.wrapping_add(current)
    }
    #[inline(always)]
    fn widen(self) -> i32 {
        self
    }
}

/// The spikes of one population in one step, position by position.
///
/// `channels[p * channel_count..][..counts[p]]` are the channels that fired at position `p`, ascending.
#[derive(Clone, Debug)]
pub(crate) struct Spikes {
    pub channel_count: usize,
    channels: Vec<u32>,
    counts: Vec<u32>,
    /// Room for one byte a channel.
    fired: Vec<u8>,
}

impl Spikes {
    /// Room for the spikes of a population of this shape; none so far.
    pub fn new(shape: Shape) -> Self {
        let channel_count = shape.channels as usize;
        Self { channel_count, channels: vec![0; shape.neurons()], counts: vec![0; shape.pixels()], fired: vec![0; channel_count] }
    }

    /// The channels that fired at a position.
    #[inline]
    pub fn at(&self, position: usize) -> &[u32] {
        &self.channels[position * self.channel_count..][..self.counts[position] as usize]
    }

    /// Whether a channel fired at a position.
    pub fn contains(&self, position: usize, channel: u32) -> bool {
        self.at(position).binary_search(&channel).is_ok()
    }

    /// Adds a channel, which must come after those that the position has.
    pub fn push(&mut self, position: usize, channel: u32) {
        self.channels[position * self.channel_count + self.counts[position] as usize] = channel;
        self.counts[position] += 1;
    }

    /// How many neurons fired.
    pub fn total(&self) -> u64 {
        self.counts.iter().map(|&count| u64::from(count)).sum()
    }

    /// Forgets all spikes.
    pub fn clear(&mut self) {
        self.counts.fill(0);
    }

    /// Lists the channels of a position whose byte in `fired` is 1.
    ///
    /// Eight at a time and without a branch that could be mispredicted: eight numbers are stored, and those beyond the spikes are
    /// overwritten by the next eight.
    #[inline]
    fn list_fired(&mut self, position: usize) {
        let channels = &mut self.channels[position * self.channel_count..][..self.channel_count];
        let mut count = 0;
        let (eights, rest) = self.fired.as_chunks::<8>();
        for (first, eight) in (0..).step_by(8).zip(eights) {
            // Byte i times 2^(56 - 7 i) lands on bit 56 + i: the top byte has a bit for each of the eight.
            let fired = (u64::from_le_bytes(*eight).wrapping_mul(0x0102_0408_1020_4080) >> 56) as usize;
            for (channel, &place) in channels[count..][..8].iter_mut().zip(&PLACES[fired]) {
                *channel = first + u32::from(place);
            }
            count += usize::from(COUNTS[fired]);
        }
        for (channel, &fired) in (8 * eights.len() as u32..).zip(rest) {
            channels[count] = channel;
            count += usize::from(fired);
        }
        self.counts[position] = count as u32;
    }
}

/// Numbers of the bits that are set in a byte, ascending; zeros after them.
static PLACES: [[u8; 8]; 256] = {
    let mut places = [[0; 8]; 256];
    let mut byte = 0;
    while byte < 256 {
        let (mut bit, mut count) = (0, 0);
        while bit < 8 {
            if byte >> bit & 1 == 1 {
                places[byte][count] = bit as u8;
                count += 1;
            }
            bit += 1;
        }
        byte += 1;
    }
    places
};

/// How many bits are set in a byte.
static COUNTS: [u8; 256] = {
    let mut counts = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        counts[byte] = (byte as u8).count_ones() as u8;
        byte += 1;
    }
    counts
};

/// Adds the weights of every spike to the sums of the neurons that it reaches. Returns the synaptic operations.
///
/// All spikes of one source position reach the same targets, so that their rows are added up several at a time.
/// `patch` is room for one spike's whole kernel.
pub(crate) fn deliver<S: Sum>(projection: &Projection, spikes: &Spikes, sums: &mut [S], patch: &mut [S]) -> u64 {
    let mut operations = 0;
    let lanes = projection.target_channels;
    for (y, down) in projection.reach_y.iter().enumerate() {
        for (x, across) in projection.reach_x.iter().enumerate() {
            let position = y * projection.reach_x.len() + x;
            let channels = spikes.at(position);
            if channels.is_empty() {
                continue;
            }
            let row_lanes = across.taps as usize * lanes;
            operations += channels.len() as u64 * u64::from(down.taps) * row_lanes as u64;
            let rows = &projection.weights[position * projection.position_stride..];
            if projection.small_kernel {
                let patch = &mut patch[..projection.channel_stride];
                patch.fill(S::default());
                add_rows(patch, rows, projection.channel_stride, channels);
                for tap in 0..down.taps {
                    let from = ((down.tap + tap) as usize * projection.kernel_size + across.tap as usize) * lanes;
                    let to = ((down.target + tap) as usize * projection.target_width + across.target as usize) * lanes;
                    for (sum, &part) in sums[to..][..row_lanes].iter_mut().zip(&patch[from..][..row_lanes]) {
                        *sum = sum.plus(part);
                    }
                }
            } else {
                for tap in 0..down.taps {
                    let from = ((down.tap + tap) as usize * projection.kernel_size + across.tap as usize) * lanes;
                    let to = ((down.target + tap) as usize * projection.target_width + across.target as usize) * lanes;
                    add_rows(&mut sums[to..][..row_lanes], &rows[from..], projection.channel_stride, channels);
                }
            }
        }
    }
    operations
}

/// What an image brings at every step.
pub(crate) fn add_currents<S: Sum>(sums: &mut [S], currents: &[i32]) {
    sums.iter_mut().zip(currents).for_each(|(sum, &current)| *sum = sum.plus_current(current));
}

/// `sums += rows[channel * stride..]` for every channel, four at a time: the sums are loaded and stored once for four rows.
#[inline]
fn add_rows<S: Sum>(sums: &mut [S], rows: &[i8], stride: usize, channels: &[u32]) {
    let lanes = sums.len();
    let row = |channel: u32| &rows[channel as usize * stride..][..lanes];
    let (fours, rest) = channels.as_chunks::<4>();
    for &[a, b, c, d] in fours {
        add_four(sums, row(a), row(b), row(c), row(d));
    }
    for &channel in rest {
        for (sum, &weight) in sums.iter_mut().zip(row(channel)) {
            *sum = sum.plus_weight(weight);
        }
    }
}

#[inline]
fn add_four<S: Sum>(sums: &mut [S], a: &[i8], b: &[i8], c: &[i8], d: &[i8]) {
    for ((((sum, &a), &b), &c), &d) in sums.iter_mut().zip(a).zip(b).zip(c).zip(d) {
        *sum = sum.plus_weight(a).plus_weight(b).plus_weight(c).plus_weight(d);
    }
}

/// A membrane's leak in one step.
pub(crate) trait Leak: Copy {
    fn decayed(self, v: i32) -> i32;
}

impl Leak for ShiftLeak {
    #[inline(always)]
    fn decayed(self, v: i32) -> i32 {
        (v + ((v >> 31) & self.if_negative) + self.always) >> self.shift
    }
}

impl Leak for Decay {
    #[inline(always)]
    fn decayed(self, v: i32) -> i32 {
        self.apply(v)
    }
}

/// The neurons of one population, position by position, channels last.
pub(crate) struct Neurons<'a, S> {
    /// How they integrate; biases of one position or of all.
    pub integration: &'a Integration,
    /// In: the old membranes. Out: the new ones.
    pub membranes: &'a mut [i32],
    /// In: this step's summed weights. Out: 0.
    pub sums: &'a mut [S],
}

/// LIF update of a population: lists who passed the threshold and was reset. `threshold` has the
/// values of one position or of all.
pub(crate) fn fire<S: Sum>(neurons: Neurons<S>, threshold: &[i32], spikes: &mut Spikes) {
    match neurons.integration.leak {
        AnyLeak::Shift(leak) => fire_with(leak, neurons, threshold, spikes),
        AnyLeak::Product(leak) => fire_with(leak, neurons, threshold, spikes),
    }
}

fn fire_with<S: Sum>(leak: impl Leak, neurons: Neurons<S>, threshold: &[i32], spikes: &mut Spikes) {
    let Neurons { integration, membranes, sums } = neurons;
    let channels = spikes.channel_count;
    let positions = membranes.chunks_exact_mut(channels).zip(sums.chunks_exact_mut(channels));
    for (position, (membranes, sums)) in positions.enumerate() {
        let (bias, threshold) = (values_at(position, &integration.bias, channels), values_at(position, threshold, channels));
        fire_at(leak, integration.input_shift, membranes, sums, bias, threshold, &mut spikes.fired);
        spikes.list_fired(position);
    }
}

/// A parameter's values at a position: its own, or those that all positions share.
#[inline]
fn values_at(position: usize, values: &[i32], channels: usize) -> &[i32] {
    if values.len() == channels { values } else { &values[position * channels..][..channels] }
}

/// One position's update. A function of its own because the compiler knows that the slices of arguments do not overlap.
#[inline(never)]
fn fire_at<S: Sum>(
    leak: impl Leak,
    input_shift: u32,
    membranes: &mut [i32],
    sums: &mut [S],
    bias: &[i32],
    threshold: &[i32],
    fired: &mut [u8],
) {
    for ((((membrane, sum), &bias), &threshold), fired) in membranes.iter_mut().zip(sums).zip(bias).zip(threshold).zip(fired) {
        let v = integrated(leak, *membrane, *sum, input_shift, bias);
        let fires = v > threshold;
        *membrane = if fires { 0 } else { v };
        *fired = u8::from(fires);
        *sum = S::default();
    }
}

/// The same update for neurons that never fire.
pub(crate) fn integrate<S: Sum>(neurons: Neurons<S>) {
    match neurons.integration.leak {
        AnyLeak::Shift(leak) => integrate_with(leak, neurons),
        AnyLeak::Product(leak) => integrate_with(leak, neurons),
    }
}

fn integrate_with<S: Sum>(leak: impl Leak, neurons: Neurons<S>) {
    let Neurons { integration, membranes, sums } = neurons;
    let biases = integration.bias.len(); // of one position, or of all
    for (membranes, sums) in membranes.chunks_exact_mut(biases).zip(sums.chunks_exact_mut(biases)) {
        for ((membrane, sum), &bias) in membranes.iter_mut().zip(sums).zip(&integration.bias) {
            *membrane = integrated(leak, *membrane, *sum, integration.input_shift, bias);
            *sum = S::default();
        }
    }
}

#[inline(always)]
fn integrated<S: Sum>(leak: impl Leak, membrane: i32, sum: S, input_shift: u32, bias: i32) -> i32 {
    leak.decayed(membrane).wrapping_add(sum.widen() << input_shift).wrapping_add(bias)
}
