//! Whether a single neuron fires in a single step, looking back no further than it takes to know.
//!
//! Of the neurons that a select stage chooses from, all but the chosen one can stay unknown, if nobody else reads or counts them. The chosen
//! one's membrane depends on all its past, but its leak makes the past fade: a membrane between its lowest possible value and its
//! threshold at some step is, after a few steps of known input, in so short an interval that the threshold is not in it.
//!
//! ```text
//!   step   t-3      t-2       t-1        t
//!        |-----|
//!              |--------|                          interval of all membranes possible then; once an interval lies wholly
//!                         |--|                     above the threshold the neuron has fired and begins at 0 again
//!                              ||  threshold?      exact: either the whole interval is above, or none of it, or look back further
//! ```
//!
//! The first step of an image knows its membrane, so the answer is always found.

use crate::Kernel;
use crate::program::{Neuron, Unread};
use crate::spikes::Spikes;

/// The spikes of an unread population's sources as bytes of 0 and 1, slot by slot.
#[derive(Debug)]
pub(crate) struct Heard {
    /// For each input: `[slot][lane]`.
    bytes: Vec<Vec<u8>>,
    /// What one neuron's inputs were, from the step asked for backwards.
    drives: Vec<i64>,
    /// Of all neurons that are asked, in the last two steps.
    recent: Vec<[i64; 2]>,
}

/// Neurons whose weights are under way while one is looked at.
const AHEAD: usize = 4;

impl Heard {
    pub fn new(unread: &Unread, slots: usize) -> Self {
        let bytes = unread.inputs.iter().map(|input| vec![0; slots * input.stride]).collect();
        Self { bytes, drives: Vec::new(), recent: Vec::new() }
    }

    /// Takes in what the sources did up to the step of `slot`.
    pub fn listen(&mut self, unread: &Unread, spikes: &[Spikes], slot: usize) {
        for (input, bytes) in unread.inputs.iter().zip(&mut self.bytes) {
            let heard = slot - usize::from(input.delay);
            let row = spikes[input.source].row(heard, 0);
            let eights = bytes[slot * input.stride..][..input.stride].as_chunks_mut::<8>().0;
            for (eight, &byte) in eights.iter_mut().zip(row) {
                *eight = BYTES[usize::from(byte)];
            }
        }
    }

    /// Calls `with` for each of the neurons asked that fires in the step of `slot`, with its place among them; steps count from slot 1.
    ///
    /// Two steps suffice for most, so these are added up first, for all: without a branch that depends on what comes out, the processor works
    /// on several at a time.
    pub fn fire(&mut self, kernel: Kernel, unread: &Unread, asked: &[usize], slot: usize, mut with: impl FnMut(usize)) {
        let mut recent = std::mem::take(&mut self.recent);
        recent.clear();
        for (place, &neuron) in asked.iter().enumerate() {
            if let Some(&next) = asked.get(place + AHEAD) {
                unread.inputs.iter().for_each(|input| kernel.fetch(input.row(next)));
            }
            recent.push(self.two_drives(kernel, unread, neuron, slot));
        }
        for (place, (&neuron, &recent)) in asked.iter().zip(&recent).enumerate() {
            if self.fires(kernel, unread, neuron, slot, recent) {
                with(place);
            }
        }
        self.recent = recent;
    }

    /// Whether the neuron fires in the step of `slot`. `recent` is what that step and the one before it bring.
    fn fires(&mut self, kernel: Kernel, unread: &Unread, neuron: usize, slot: usize, recent: [i64; 2]) -> bool {
        let Neuron { threshold, lowest, .. } = unread.neurons[neuron];
        let known = recent.len().min(slot);
        self.drives.clear();
        self.drives.extend(&recent[..known]);
        for first in (1..=slot + 1 - known).rev() {
            if slot - first == self.drives.len() {
                self.drives.push(self.two_drives(kernel, unread, neuron, first)[0]);
            }
            // all membranes possible after the step before `first`
            let (mut low, mut high) = if first == 1 { (0, 0) } else { (lowest.min(0), threshold) };
            for &drive in self.drives[1..].iter().rev() {
                (low, high) = after(unread, (low, high), drive, lowest);
                (low, high) = if low > threshold {
                    (0, 0)
                } else if high > threshold {
                    (low.min(0), threshold)
                } else {
                    (low, high)
                };
            }
            let (low, high) = after(unread, (low, high), self.drives[0], lowest);
            if low > threshold || high <= threshold {
                return low > threshold;
            }
        }
        unreachable!("the membrane is known in the first step, and so is what follows")
    }

    /// What a step and the one before it add to the membrane. (Before the first there is silence, which nobody asks for.)
    #[inline]
    fn two_drives(&self, kernel: Kernel, unread: &Unread, neuron: usize, slot: usize) -> [i64; 2] {
        let mut sums = [0; 2];
        for (input, bytes) in unread.inputs.iter().zip(&self.bytes) {
            let fired = [slot, slot - 1].map(|slot| &bytes[slot * input.stride..][..input.stride]);
            let dots = kernel.dots(input.row(neuron), fired);
            sums.iter_mut().zip(dots).for_each(|(sum, dot)| *sum += i64::from(dot));
        }
        sums.map(|sum: i64| (sum << unread.input_shift) + unread.neurons[neuron].bias)
    }
}

/// The membranes one step later. The leak is monotone, so the ends of an interval stay its ends.
fn after(unread: &Unread, (low, high): (i64, i64), drive: i64, lowest: i64) -> (i64, i64) {
    let leak = |v: i64| i64::from(unread.decay.apply(v as i32)); // membranes fit 32 bits: a rule of graphs
    ((leak(low) + drive).max(lowest), leak(high) + drive)
}

/// The bits of a byte as bytes.
static BYTES: [[u8; 8]; 256] = {
    let mut bytes = [[0; 8]; 256];
    let mut byte = 0;
    while byte < 256 {
        let mut bit = 0;
        while bit < 8 {
            bytes[byte][bit] = (byte >> bit & 1) as u8;
            bit += 1;
        }
        byte += 1;
    }
    bytes
};
