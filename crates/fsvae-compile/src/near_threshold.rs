//! What a unit hears while it is about to fire.
//!
//! Only while a membrane is near its threshold may a small error make a spike or take one. What the inputs do then is another matter than
//! what they do on the whole: an input that forbids the unit to fire, for one, is silent, and it does not matter how exactly it forbids.
//!
//! ```text
//! near:  0 < v < 2 V_th        rate of an input near the threshold:  samples in which it fires and the unit is near / those in which it is
//! ```

use crate::coincidences::{Coincidences, both, count};

/// Words of a row that are looked at, about: this is counted for every weight.
const WORDS: usize = 32;
/// A unit that was near its threshold in few samples counts as many more, in which inputs fire as they do on the whole.
const MORE_SAMPLES: f64 = 2.0;

/// Of a part of the samples of a layer, from all images and steps.
pub struct NearThreshold {
    /// Of one row.
    words: usize,
    /// Samples in which each input fires, of all in this part.
    rates: Vec<f64>,
    /// Input by input.
    fired: Vec<u64>,
    /// Unit by unit; nothing of a read-out.
    near: Vec<u64>,
}

impl NearThreshold {
    /// A part of what was seen.
    pub fn of(seen: &Coincidences) -> Self {
        let all = seen.samples.div_ceil(64) as usize;
        let stride = (all / WORDS) | 1; // odd: an image of a large layer has eight words, and each of them has its turn
        let part = |rows: &[u64]| rows.chunks(all).flat_map(|row| row.iter().step_by(stride)).copied().collect();
        let samples: u32 = (0..seen.samples).step_by(64 * stride).map(|first| (seen.samples - first).min(64)).sum();
        let (words, fired): (_, Vec<u64>) = (all.div_ceil(stride), part(&seen.fired));
        let rates = fired.chunks(words).map(|row| f64::from(count(row)) / f64::from(samples)).collect();
        Self { words, rates, fired, near: part(&seen.near) }
    }

    /// How often each input fires while `unit` is near its threshold, per step; of a read-out, on the whole.
    pub fn rates(&self, unit: usize) -> impl Iterator<Item = f64> {
        let near = self.near.get(unit * self.words..(unit + 1) * self.words);
        let samples = MORE_SAMPLES + near.map_or(0.0, |near| f64::from(count(near)));
        self.rates.iter().zip(self.fired.chunks(self.words)).map(move |(rate, fired)| {
            let spikes = near.map_or(0, |near| both(fired, near));
            (f64::from(spikes) + MORE_SAMPLES * rate) / samples
        })
    }
}
