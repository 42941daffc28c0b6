//! What may be chosen about scales, beyond what the chip says.

use crate::CompileError;
use lif_chip::{Chip, Sharing};

/// How scales are found.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Scales {
    /// Which scale a group of weights gets.
    pub choice: Choice,
    /// Which weights share one; none: those that share a threshold on the chip.
    pub per: Option<Sharing>,
}

/// Which scale a group of weights gets, as long as no sum leaves its width.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Choice {
    /// The one with the fewest expected wrong spikes, given what the inputs did on calibration images.
    #[default]
    Error,
    /// The finest that clips nothing.
    MinMax,
    /// The finest that clips no more than the weights above this percentile of their magnitudes, from 0 to 100.
    Percentile(f64),
}

impl Scales {
    /// # Errors
    /// [`CompileError::ScalePerChannel`] for scales of channels on a chip whose populations have one threshold: a scale is folded into the
    /// threshold. [`CompileError::Percentile`] for one outside 0 to 100.
    pub fn check(&self, chip: &Chip) -> Result<(), CompileError> {
        if self.per == Some(Sharing::Channel) && chip.threshold.per != Sharing::Channel {
            return Err(CompileError::ScalePerChannel { chip: chip.name.clone() });
        }
        match self.choice {
            Choice::Percentile(percent) if !(0.0..=100.0).contains(&percent) => Err(CompileError::Percentile { percent }),
            _ => Ok(()),
        }
    }
}

/// The value below which `percent` of the values lie, one of them; 0 of none.
pub(super) fn percentile(mut values: Vec<f32>, percent: f64) -> f32 {
    values.sort_unstable_by(f32::total_cmp);
    let place = (percent / 100.0 * values.len() as f64).ceil() as usize;
    values.get(place.saturating_sub(1)).copied().unwrap_or(0.0)
}

#[cfg(test)]
mod tests {
    use super::percentile;

    #[test]
    fn percentiles_are_values() {
        let values = vec![5.0, 1.0, 4.0, 2.0, 3.0];
        assert_eq!([0.0, 20.0, 21.0, 60.0, 99.0, 100.0].map(|percent| percentile(values.clone(), percent)), [1.0, 1.0, 2.0, 3.0, 5.0, 5.0]);
        assert_eq!(percentile(vec![], 50.0), 0.0);
    }
}
