//! Single neurons in single steps (see [`picks`](crate::picks)): what they heard in the last few, and whether that says if they fire.

use super::lanes::Isa;
use super::leak::Leak;
use crate::program::{Unread, UnreadInput};

/// Steps that are heard at a time: the one that is asked for and those before it.
pub(crate) const RECENT: usize = 4;

/// Some neurons of an unread population, side by side, and what is known of their membranes.
#[derive(Debug, Default)]
pub(crate) struct Asked {
    pub bias: Vec<i32>,
    pub threshold: Vec<i32>,
    pub lowest: Vec<i32>,
    /// Summed weights, from the step asked for backwards.
    pub heard: [Vec<i32>; RECENT],
    /// All membranes possible in the step asked for, before neurons fire.
    pub low: Vec<i32>,
    pub high: Vec<i32>,
}

impl Asked {
    /// Begins with these neurons.
    pub fn begin(&mut self, unread: &Unread, neurons: &[u32]) {
        let parameters = || neurons.iter().map(|&neuron| &unread.neurons[neuron as usize]);
        let fill = |to: &mut Vec<i32>, with: &mut dyn Iterator<Item = i32>| {
            to.clear();
            to.extend(with);
        };
        fill(&mut self.bias, &mut parameters().map(|neuron| neuron.bias));
        fill(&mut self.threshold, &mut parameters().map(|neuron| neuron.threshold));
        fill(&mut self.lowest, &mut parameters().map(|neuron| neuron.lowest));
        for sums in &mut self.heard {
            sums.clear();
            sums.resize(neurons.len(), 0);
        }
    }
}

/// Adds what the neurons `now` hear through an input, while the weights of those that come `next` are fetched.
#[inline(always)]
pub(super) fn hear<I: Isa>(input: &UnreadInput, [now, next]: [&[u32]; 2], fired: [&[u8]; RECENT], asked: &mut Asked) {
    for (nth, pair) in now.chunks(2).enumerate() {
        next.iter().skip(2 * nth).take(2).for_each(|&next| I::fetch(input.row(next as usize)));
        let rows = [pair[0], pair[pair.len() - 1]].map(|neuron| input.row(neuron as usize));
        let dots = I::dots(rows, fired);
        for (place, dots) in (2 * nth..).zip(dots).take(pair.len()) {
            asked.heard.iter_mut().zip(dots).for_each(|(sums, dot)| sums[place] += dot);
        }
    }
}

/// Narrows down the membranes that the neurons may have in the step of `slot` (steps count from slot 1).
///
/// Step by step for all neurons, without a branch that depends on what comes out. The leak is monotone, so the ends of an interval stay its
/// ends.
#[inline(always)]
pub(super) fn narrow(leak: impl Leak, shift: u32, slot: usize, asked: &mut Asked) {
    let Asked { bias, threshold, lowest, heard, low, high } = asked;
    low.clear();
    high.clear();
    if slot <= RECENT {
        low.resize(bias.len(), 0);
        high.resize(bias.len(), 0);
    } else {
        // after a step of which nothing is known
        low.extend(lowest.iter().map(|&lowest| lowest.min(0)));
        high.extend(&*threshold);
    }
    for back in (0..RECENT.min(slot)).rev() {
        let ends = low.iter_mut().zip(&mut *high).zip(&heard[back]);
        for (((low, high), &sum), ((&bias, &threshold), &lowest)) in ends.zip(bias.iter().zip(&*threshold).zip(&*lowest)) {
            let drive = (sum << shift).wrapping_add(bias);
            let mut ends = [(*low), (*high)].map(|end| leak.one(end).wrapping_add(drive));
            ends[0] = ends[0].max(lowest);
            if back > 0 {
                // those above the threshold begin at 0 again
                let (all, some) = (ends[0] > threshold, ends[1] > threshold);
                ends[0] = if some { ends[0].min(0) } else { ends[0] };
                ends[1] = if some { threshold } else { ends[1] };
                ends = ends.map(|end| if all { 0 } else { end });
            }
            (*low, *high) = (ends[0], ends[1]);
        }
    }
}
