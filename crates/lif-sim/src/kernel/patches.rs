//! Targets of so few channels that a kernel row fills no vector: for each source position the sums of its whole kernel at once, a patch.
//!
//! ```text
//!   add:   spikes of position x in row y --- tables[eight channels][which fire] ---> patch:  | ky 0: kx 0 1 2 - | ky 1: kx 0 1 2 - | ...
//!                                                                                                    |                  |
//!          ready, the target row that ky reaches, place x:   | kx 0 1 2 - |  +=  --------------------+        the next row's ...
//!
//!   take:  sums of the row, target x + kx  +=  place x, lane kx                                   (only now do neighbours meet)
//! ```

use super::lanes::{Sum, Vector};
use crate::program::{LANES, PATCH, Patches, Projection, Synapses};
use crate::spikes::Spikes;

/// Adds up the patches of all source rows in the step of `slot`.
#[inline(always)]
pub(super) fn add<V: Vector<S>, S: Sum>(projection: &Projection, slot: usize, ready: &mut [S], spikes: &[Spikes]) {
    let Synapses::Patches(patches) = &projection.synapses else { return };
    let (source, slot) = (&spikes[projection.source], slot - usize::from(projection.delay));
    match patches.pitch {
        4 => add_step::<V, S, 4>(patches, source, slot, ready),
        8 => add_step::<V, S, 8>(patches, source, slot, ready),
        12 => add_step::<V, S, 12>(patches, source, slot, ready),
        _ => add_step::<V, S, 16>(patches, source, slot, ready),
    }
}

#[inline(always)]
fn add_step<V: Vector<S>, S: Sum, const PITCH: usize>(patches: &Patches, source: &Spikes, slot: usize, ready: &mut [S]) {
    match patches.stride / LANES {
        1 => add_patches::<V, S, PITCH, 1>(patches, source, slot, ready),
        2 => add_patches::<V, S, PITCH, 2>(patches, source, slot, ready),
        3 => add_patches::<V, S, PITCH, 3>(patches, source, slot, ready),
        _ => add_patches::<V, S, PITCH, { PATCH / LANES }>(patches, source, slot, ready),
    }
}

#[inline(always)]
fn add_patches<V: Vector<S>, S: Sum, const PITCH: usize, const N: usize>(patches: &Patches, source: &Spikes, slot: usize, ready: &mut [S]) {
    let tables = patches.tables.as_chunks::<LANES>().0.as_chunks::<N>().0.as_chunks::<256>().0;
    let places = ready.as_chunks_mut::<PITCH>().0;
    let columns = patches.columns.len();
    for (y, down) in patches.reach_y.iter().enumerate() {
        for (x, fired) in source.row(slot, y).chunks_exact(source.bytes_of_position()).take(columns).enumerate() {
            let mut parts = [V::load(&[S::default(); LANES]); N];
            for (table, &byte) in tables.iter().zip(fired) {
                let row = &table[usize::from(byte)];
                for n in 0..N {
                    parts[n] = parts[n].plus(V::from_words(&row[n]));
                }
            }
            let mut patch = [[S::default(); LANES]; N];
            parts.iter().zip(&mut patch).for_each(|(part, patch)| part.store(patch));
            let rows = &patch.as_flattened().as_chunks::<PITCH>().0[down.tap..][..down.taps];
            for (row, target) in rows.iter().zip(down.target..) {
                let sums = &mut places[target * columns + x];
                sums.iter_mut().zip(row).for_each(|(sum, &part)| *sum = sum.plus(part));
            }
        }
    }
}

/// Adds what is ready for a target row to its sums, and forgets it.
#[inline(always)]
pub(super) fn take<S: Sum>(projection: &Projection, y: usize, ready: &mut [S], row: &mut [S]) {
    let Synapses::Patches(patches) = &projection.synapses else { return };
    let (columns, pitch) = (&patches.columns, patches.pitch);
    let ready = &mut ready[y * columns.len() * pitch..][..columns.len() * pitch];
    if let (&[first, ..], 1, 4) = (&columns[..], patches.step, pitch) {
        // neighbours land on neighbours: the same, and the compiler makes vectors of it
        for lane in 0..patches.lanes {
            let sums = row[first + lane..].iter_mut().zip(ready.as_chunks::<4>().0);
            sums.for_each(|(sum, place)| *sum = sum.plus(place[lane]));
        }
    } else {
        for (&to, place) in columns.iter().zip(ready.chunks_exact(pitch)) {
            row[to..].iter_mut().zip(&place[..patches.lanes]).for_each(|(sum, &part)| *sum = sum.plus(part));
        }
    }
    ready.fill(S::default());
}
