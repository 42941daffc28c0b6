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
//! The first step of an image knows its membrane, so the answer is always found. The last few steps suffice for most neurons, so these are added up
//! for all; and then those before, for those that are left.

use crate::kernel::{Answer, Asked, Kernel};
use crate::program::Unread;
use crate::spikes::Spikes;

/// The spikes of an unread population's sources as bytes of 0 and 1, slot by slot.
#[derive(Debug)]
pub(crate) struct Heard {
    /// For each input: `[slot][lane]`.
    bytes: Vec<Vec<u8>>,
    asked: Asked,
    /// Numbers of those of which too little is known.
    open: Vec<usize>,
}

impl Heard {
    pub fn new(unread: &Unread, slots: usize) -> Self {
        let bytes = unread.inputs.iter().map(|input| vec![0; slots * input.stride]).collect();
        Self { bytes, asked: Asked::default(), open: Vec::new() }
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
    pub fn fire(&mut self, kernel: Kernel, unread: &Unread, [now, next]: [&[u32]; 2], slot: usize, bits: &mut [u8]) {
        let Self { bytes, asked, open } = self;
        asked.begin(unread, now);
        while !asked.neurons.is_empty() {
            let last = slot - asked.steps;
            let next = if asked.steps == 0 { next } else { &[] };
            asked.extend();
            for (input, bytes) in unread.inputs.iter().zip(&*bytes) {
                // what it was before the first step does not matter
                let fired = std::array::from_fn(|back| &bytes[last.saturating_sub(back) * input.stride..][..input.stride]);
                kernel.hear(input, asked, next, fired);
            }
            kernel.narrow(unread, slot, asked);
            open.clear();
            for (number, answer) in asked.answers().enumerate() {
                let place = asked.places[number] as usize;
                bits[place / 8] |= u8::from(answer == Answer::Fires) << (place % 8);
                if answer == Answer::Open {
                    open.push(number);
                }
            }
            asked.keep(open);
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
