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
    #[inline]
    fn list_fired(&mut self, position: usize) {
        let channels = &mut self.channels[position * self.channel_count..][..self.channel_count];
        let mut count = 0;
        for (channel, &fired) in self.fired.iter().enumerate() {
            channels[count] = channel as u32; // overwritten by the next one unless it fired: no branch to mispredict
            count += usize::from(fired);
        }
        self.counts[position] = count as u32;
    }
}

/// Adds the weights of every spike to the sums of the neurons that it reaches. Returns the synaptic operations.
///
/// All spikes of one source position reach the same targets, so that their rows are added up lane by lane in registers.
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

/// `sums += rows[channel * stride..]` for every channel.
#[inline]
fn add_rows<S: Sum>(sums: &mut [S], rows: &[i8], stride: usize, channels: &[u32]) {
    let done = add_blocks::<S, 32>(sums, rows, stride, channels);
    let (sums, rows) = (&mut sums[done..], &rows[done..]);
    let done = add_blocks::<S, 8>(sums, rows, stride, channels);
    let (sums, rows) = (&mut sums[done..], &rows[done..]);
    add_blocks::<S, 1>(sums, rows, stride, channels);
}

/// [`add_rows`] for as many whole blocks of `LANES` as there are; returns the lanes that it has done.
#[inline(always)]
fn add_blocks<S: Sum, const LANES: usize>(sums: &mut [S], rows: &[i8], stride: usize, channels: &[u32]) -> usize {
    let (blocks, _) = sums.as_chunks_mut::<LANES>();
    let done = blocks.len() * LANES;
    for (index, block) in blocks.iter_mut().enumerate() {
        let rows = &rows[index * LANES..];
        let mut total = *block;
        for &channel in channels {
            let row = rows[channel as usize * stride..].first_chunk::<LANES>().expect("a row is as long as its sums");
            for (total, &weight) in total.iter_mut().zip(row) {
                *total = total.plus_weight(weight);
            }
        }
        *block = total;
    }
    done
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
    /// How they integrate; one bias a channel.
    pub integration: &'a Integration,
    /// In: the old membranes. Out: the new ones.
    pub membranes: &'a mut [i32],
    /// In: this step's summed weights. Out: 0.
    pub sums: &'a mut [S],
}

/// LIF update of a population: lists who passed the threshold and was reset. `threshold` has one value a channel.
pub(crate) fn fire<S: Sum>(neurons: Neurons<S>, threshold: &[i32], spikes: &mut Spikes) {
    match neurons.integration.leak {
        AnyLeak::Shift(leak) => fire_with(leak, neurons, threshold, spikes),
        AnyLeak::Product(leak) => fire_with(leak, neurons, threshold, spikes),
    }
}

fn fire_with<S: Sum>(leak: impl Leak, neurons: Neurons<S>, threshold: &[i32], spikes: &mut Spikes) {
    let Neurons { integration, membranes, sums } = neurons;
    let channels = threshold.len();
    let positions = membranes.chunks_exact_mut(channels).zip(sums.chunks_exact_mut(channels));
    for (position, (membranes, sums)) in positions.enumerate() {
        let parameters = integration.bias.iter().zip(threshold);
        for (((membrane, sum), (&bias, &threshold)), fired) in membranes.iter_mut().zip(sums).zip(parameters).zip(&mut spikes.fired) {
            let v = integrated(leak, *membrane, *sum, integration.input_shift, bias);
            let fires = v > threshold;
            *membrane = if fires { 0 } else { v };
            *fired = u8::from(fires);
            *sum = S::default();
        }
        spikes.list_fired(position);
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
    let channels = integration.bias.len();
    for (membranes, sums) in membranes.chunks_exact_mut(channels).zip(sums.chunks_exact_mut(channels)) {
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
