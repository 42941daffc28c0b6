//! Which neurons are picked; and single ones in single steps (see [`picks`](crate::picks)): what they heard in the last few, and what membranes
//! that leaves possible.

use super::Job;
use super::lanes::Isa;
use super::leak::{HalfLeak, Leak, ProductLeak, SmallLeak, with_leak};
use crate::program::{AnyLeak, Unread, UnreadInput};
use lif_graph::philox;

/// Steps that are heard at a time.
pub(crate) const RECENT: usize = 4;

/// Some neurons of an unread population side by side, and what is known of their membranes.
#[derive(Debug, Default)]
pub(crate) struct Asked {
    pub neurons: Vec<u32>,
    /// Where they were among those that were asked first.
    pub places: Vec<u32>,
    bias: Vec<i32>,
    threshold: Vec<i32>,
    lowest: Vec<i32>,
    /// Summed weights, from the step asked for backwards, [`RECENT`] steps at a time. What is beyond `steps` is left from others.
    heard: Vec<Vec<i32>>,
    /// How many steps back were heard.
    pub steps: usize,
    /// All membranes possible in the step asked for, before neurons fire.
    low: Vec<i32>,
    high: Vec<i32>,
}

/// What is known of a neuron.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    Fires,
    Silent,
    /// Earlier steps must be heard.
    Open,
}

impl Asked {
    /// Begins with these neurons, of which nothing was heard.
    pub fn begin(&mut self, unread: &Unread, neurons: &[u32]) {
        self.neurons.clear();
        self.neurons.extend(neurons);
        self.places.clear();
        self.places.extend(0..neurons.len() as u32);
        self.steps = 0;
        for parameters in [&mut self.bias, &mut self.threshold, &mut self.lowest] {
            parameters.resize(neurons.len(), 0);
        }
        let parameters = self.bias.iter_mut().zip(&mut self.threshold).zip(&mut self.lowest);
        for (((bias, threshold), lowest), &neuron) in parameters.zip(neurons) {
            let neuron = &unread.neurons[neuron as usize];
            (*bias, *threshold, *lowest) = (neuron.bias, neuron.threshold, neuron.lowest);
        }
    }

    /// Makes room for [`RECENT`] more steps.
    pub fn extend(&mut self) {
        let (before, count) = (self.steps, self.neurons.len());
        self.steps += RECENT;
        if self.heard.len() < self.steps {
            self.heard.resize(self.steps, Vec::new());
        }
        for sums in &mut self.heard[before..self.steps] {
            sums.clear();
            sums.resize(count, 0);
        }
    }

    /// What is known of each neuron, after [`narrow`].
    pub fn answers(&self) -> impl Iterator<Item = Answer> {
        let ends = self.low.iter().zip(&self.high).zip(&self.threshold);
        ends.map(|((&low, &high), &threshold)| match (low > threshold, high > threshold) {
            (true, _) => Answer::Fires,
            (_, false) => Answer::Silent,
            _ => Answer::Open,
        })
    }

    /// Goes on with these only, by their number here, ascending.
    pub fn keep(&mut self, open: &[usize]) {
        fn keep<T: Copy>(values: &mut Vec<T>, open: &[usize]) {
            open.iter().enumerate().for_each(|(to, &from)| values[to] = values[from]);
            values.truncate(open.len());
        }
        keep(&mut self.neurons, open);
        keep(&mut self.places, open);
        for values in [&mut self.bias, &mut self.threshold, &mut self.lowest].into_iter().chain(&mut self.heard[..self.steps]) {
            keep(values, open);
        }
    }
}

/// The neurons that the channels of a select stage pick in a step.
pub(super) struct Pick<'a> {
    pub seed: u64,
    pub image: u64,
    pub step: u32,
    pub ways: u32,
    pub picked: &'a mut [u32],
}

impl Job for Pick<'_> {
    type Outcome = ();

    #[inline(always)]
    fn run<I: Isa>(self) {
        for (channel, picked) in (0..).zip(self.picked) {
            *picked = channel * self.ways + philox::pick(self.seed, self.image, self.step, channel, self.ways);
        }
    }
}

/// Adds what the neurons hear through an input in the [`RECENT`] steps for which there is room last, while the weights of those that come `next`
/// are fetched.
pub(super) struct Hear<'a> {
    pub input: &'a UnreadInput,
    pub asked: &'a mut Asked,
    pub next: &'a [u32],
    pub fired: [&'a [u8]; RECENT],
}

impl Job for Hear<'_> {
    type Outcome = ();
    const DOTS: bool = true;

    #[inline(always)]
    fn run<I: Isa>(self) {
        let Self { input, asked, next, fired } = self;
        let heard = &mut asked.heard[asked.steps - RECENT..asked.steps];
        for (nth, pair) in asked.neurons.chunks(2).enumerate() {
            next.iter().skip(2 * nth).take(2).for_each(|&next| I::fetch(input.row(next as usize)));
            let rows = [pair[0], pair[pair.len() - 1]].map(|neuron| input.row(neuron as usize));
            let dots = I::dots(rows, fired);
            for (number, dots) in (2 * nth..).zip(dots).take(pair.len()) {
                heard.iter_mut().zip(dots).for_each(|(sums, dot)| sums[number] += dot);
            }
        }
    }
}

/// [`narrow`] for the leak at hand.
pub(super) struct Narrow<'a> {
    pub unread: &'a Unread,
    pub slot: usize,
    pub asked: &'a mut Asked,
}

impl Job for Narrow<'_> {
    type Outcome = ();

    #[inline(always)]
    fn run<I: Isa>(self) {
        with_leak!(self.unread.leak, leak => narrow(leak, self.unread.input_shift, self.slot, self.asked));
    }
}

/// Narrows down the membranes that the neurons may have in the step of `slot` (steps count from slot 1), from all that was heard.
///
/// Step by step for all neurons, without a branch that depends on what comes out. The leak is monotone, so the ends of an interval stay its
/// ends. Membranes and drives fit 32 bits, a rule of graphs; the ends, which no membrane need have, are cut to that.
#[inline(always)]
fn narrow(leak: impl Leak, shift: u32, slot: usize, asked: &mut Asked) {
    let Asked { bias, threshold, lowest, heard, steps, low, high, .. } = asked;
    low.clear();
    high.clear();
    if slot <= *steps {
        // before the first step
        low.resize(bias.len(), 0);
        high.resize(bias.len(), 0);
    } else {
        // after a step of which nothing is known
        low.extend(lowest.iter().map(|&lowest| lowest.min(0)));
        high.extend(&*threshold);
    }
    for back in (0..slot.min(*steps)).rev() {
        let ends = low.iter_mut().zip(&mut *high).zip(&heard[back]);
        for (((low, high), &sum), ((&bias, &threshold), &lowest)) in ends.zip(bias.iter().zip(&*threshold).zip(&*lowest)) {
            let drive = (sum << shift).wrapping_add(bias);
            let mut ends = [*low, *high].map(|end| leak.one(end).saturating_add(drive));
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
