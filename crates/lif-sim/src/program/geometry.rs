//! Which taps of a kernel lead from where to where, along one axis.

use lif_graph::Kernel;

/// One direction (rows or columns) of a convolution.
#[derive(Clone, Copy)]
pub(super) struct Axis {
    pub kernel: Kernel,
    pub transposed: bool,
    pub sources: u32,
    pub targets: u32,
}

/// Where a source coordinate's taps go: tap `i` of its class to target `start + i`, whether that exists or not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Landing {
    pub class: usize,
    pub start: i64,
}

/// The targets of a source coordinate: `target + i` through tap `tap + i` of its class, for `i < taps`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Reach {
    pub tap: usize,
    pub target: usize,
    pub taps: usize,
}

impl Axis {
    /// The taps that a source coordinate uses, in the order in which neighbouring taps reach neighbouring targets.
    ///
    /// In a transposed convolution each source uses all taps in their own order. In a convolution tap k leads from source i to target
    /// (i + padding - k) / stride: a later tap to an earlier target, and only the taps of the right remainder to any; so there is a class
    /// of sources for each remainder.
    pub fn classes(self) -> Vec<Vec<u32>> {
        let (size, stride) = (self.kernel.size, self.kernel.stride);
        if self.transposed {
            return vec![(0..size).collect()];
        }
        (0..stride).map(|remainder| (remainder..size).step_by(stride as usize).rev().collect()).collect()
    }

    pub fn landing(self, source: u32) -> Landing {
        let Kernel { size, stride, padding, .. } = self.kernel;
        if self.transposed {
            return Landing { class: 0, start: i64::from(source) * i64::from(stride) - i64::from(padding) };
        }
        let place = source + padding;
        let class = place % stride;
        // the class's last tap comes first; a class without taps lands nowhere
        let last = if class < size { class + (size - 1 - class) / stride * stride } else { class };
        Landing { class: class as usize, start: (i64::from(place) - i64::from(last)) / i64::from(stride) }
    }

    /// The taps (by number) and sources that reach a target.
    pub fn into(self, target: u32) -> impl Iterator<Item = (u32, u32)> {
        let Kernel { size, stride, padding, .. } = self.kernel;
        (0..size).filter_map(move |tap| {
            let [target, tap_, stride, padding] = [target, tap, stride, padding].map(i64::from);
            let source = if self.transposed {
                let place = target + padding - tap_;
                if place % stride != 0 {
                    return None;
                }
                place / stride
            } else {
                target * stride + tap_ - padding
            };
            u32::try_from(source).ok().filter(|&source| source < self.sources).map(|source| (tap, source))
        })
    }

    /// Which of a source's taps reach targets that exist.
    pub fn reach(self, source: u32, classes: &[Vec<u32>]) -> Reach {
        let Landing { class, start } = self.landing(source);
        let end = (start + classes[class].len() as i64).min(i64::from(self.targets));
        let first = start.max(0);
        let taps = (end - first).max(0) as usize;
        if taps == 0 { Reach { tap: 0, target: 0, taps } } else { Reach { tap: (first - start) as usize, target: first as usize, taps } }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// Looking from the sources and looking from the targets finds the same synapses, and they are those of the definition.
        #[test]
        fn both_views_agree(size in 1u32..6, stride in 1u32..5, padding in 0u32..5, sources in 1u32..8, targets in 1u32..20, transposed: bool) {
            let axis = Axis { kernel: Kernel { size, stride, padding, output_padding: 0 }, transposed, sources, targets };
            let mut defined = vec![];
            for (source, target, tap) in (0..sources).flat_map(|i| (0..targets).flat_map(move |o| (0..size).map(move |k| (i, o, k)))) {
                let (coarse, fine) = if transposed { (source, target) } else { (target, source) };
                if coarse * stride + tap == fine + padding {
                    defined.push((source, target, tap));
                }
            }
            let mut from_targets: Vec<_> = (0..targets).flat_map(|o| axis.into(o).map(move |(tap, source)| (source, o, tap))).collect();
            from_targets.sort();
            prop_assert_eq!(&from_targets, &defined);
            let classes = axis.classes();
            let mut from_sources = vec![];
            for source in 0..sources {
                let Landing { class, start } = axis.landing(source);
                let Reach { tap, target, taps } = axis.reach(source, &classes);
                for i in 0..taps {
                    prop_assert_eq!(start + (tap + i) as i64, (target + i) as i64);
                    from_sources.push((source, (target + i) as u32, classes[class][tap + i]));
                }
            }
            from_sources.sort();
            prop_assert_eq!(from_sources, defined);
        }
    }
}
