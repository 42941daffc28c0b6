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

use crate::kernel::{Asked, Kernel, RECENT};
use crate::program::{Neuron, Unread};
use crate::spikes::Spikes;

/// The spikes of an unread population's sources as bytes of 0 and 1, slot by slot.
#[derive(Debug)]
pub(crate) struct Heard {
    /// For each input: `[slot][lane]`.
    bytes: Vec<Vec<u8>>,
    /// All neurons that are asked, in the last few steps.
    asked: Asked,
    /// One of them, further back.
    single: Asked,
    /// What it heard, from the step asked for backwards.
    drives: Vec<i32>,
}

impl Heard {
    pub fn new(unread: &Unread, slots: usize) -> Self {
        let bytes = unread.inputs.iter().map(|input| vec![0; slots * input.stride]).collect();
        Self { bytes, asked: Asked::default(), single: Asked::default(), drives: Vec::new() }
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

    /// Sets a bit for each of the neurons asked `now` that fires in the step of `slot`; steps count from slot 1. Those that will be asked `next`
    /// have their weights brought nearer meanwhile.
    ///
    /// The last few steps suffice for most, so these are added up first, for all.
    pub fn fire(&mut self, kernel: Kernel, unread: &Unread, [now, next]: [&[u32]; 2], slot: usize, bits: &mut [u8]) {
        let mut asked = std::mem::take(&mut self.asked);
        asked.begin(unread, now);
        self.hear(kernel, unread, [now, next], slot, &mut asked);
        kernel.narrow(unread, slot, &mut asked);
        let Asked { threshold, low, high, .. } = &asked;
        for ((low, threshold), bits) in low.chunks(8).zip(threshold.chunks(8)).zip(&mut *bits) {
            *bits = low.iter().zip(threshold).rev().fold(0, |bits, (low, threshold)| bits << 1 | u8::from(low > threshold));
        }
        for place in (0..now.len()).filter(|&place| low[place] <= threshold[place] && high[place] > threshold[place]) {
            let recent = asked.heard.each_ref().map(|sums| sums[place]);
            bits[place / 8] |= u8::from(self.fires(kernel, unread, now[place], slot, recent)) << (place % 8);
        }
        self.asked = asked;
    }

    /// Whether a neuron fires in the step of `slot`, if the last few do not say.
    fn fires(&mut self, kernel: Kernel, unread: &Unread, number: u32, slot: usize, recent: [i32; RECENT]) -> bool {
        let neuron = &unread.neurons[number as usize];
        let drive = |sum: i32| (sum << unread.input_shift) + neuron.bias;
        self.drives.clear();
        self.drives.extend(recent.map(drive));
        for first in (1..=slot - RECENT).rev() {
            if slot - first == self.drives.len() {
                let mut single = std::mem::take(&mut self.single);
                single.begin(unread, &[number]);
                self.hear(kernel, unread, [&[number], &[]], first, &mut single);
                self.drives.extend(single.heard.iter().map(|sums| drive(sums[0])));
                self.single = single;
            }
            // before the step `first`
            let start = if first == 1 { Interval::ZERO } else { Interval::any(neuron) };
            let earlier = self.drives[1..=slot - first].iter().rev();
            let end = earlier.fold(start, |membrane, &drive| membrane.after(drive, unread, neuron).fired(neuron));
            let end = end.after(self.drives[0], unread, neuron);
            if end.low > neuron.threshold || end.high <= neuron.threshold {
                return end.low > neuron.threshold;
            }
        }
        unreachable!("the membrane is known in the first step, and so is what follows")
    }

    /// Adds what the neurons `now` hear in the step of `slot` and those before. (What it was before the first is not asked for.)
    fn hear(&self, kernel: Kernel, unread: &Unread, neurons: [&[u32]; 2], slot: usize, asked: &mut Asked) {
        for (input, bytes) in unread.inputs.iter().zip(&self.bytes) {
            let fired = std::array::from_fn(|back| &bytes[slot.saturating_sub(back) * input.stride..][..input.stride]);
            kernel.hear(input, neurons, fired, asked);
        }
    }
}

/// All membranes that a neuron may have. They fit 32 bits: a rule of graphs.
#[derive(Clone, Copy, Debug)]
struct Interval {
    low: i32,
    high: i32,
}

impl Interval {
    /// Before an image, and after a spike.
    const ZERO: Self = Self { low: 0, high: 0 };

    /// After a step of which nothing is known.
    fn any(neuron: &Neuron) -> Self {
        Self { low: neuron.lowest.min(0), high: neuron.threshold }
    }

    /// One step later, before those above the threshold fire. The leak is monotone, so the ends of an interval stay its ends.
    fn after(self, drive: i32, unread: &Unread, neuron: &Neuron) -> Self {
        let [low, high] = [self.low, self.high].map(|end| unread.decay.apply(end).wrapping_add(drive));
        Self { low: low.max(neuron.lowest), high }
    }

    /// Those above the threshold begin at 0 again.
    fn fired(self, neuron: &Neuron) -> Self {
        if self.low > neuron.threshold {
            Self::ZERO
        } else if self.high > neuron.threshold {
            Self { low: self.low.min(0), high: neuron.threshold }
        } else {
            self
        }
    }
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
