//! Many images over many threads, in order.

use crate::{Drawing, Engine, Inputs, Record, SimError, State};
use rayon::prelude::*;
use std::ops::Range;
use std::sync::Mutex;

/// A run of images.
#[derive(Clone, Debug)]
pub struct Batch {
    /// Of the picks.
    pub seed: u64,
    /// Numbers of the images.
    pub images: Range<u64>,
    /// 0: one for each processor.
    pub threads: usize,
    /// What to keep of each image.
    pub record: Record,
}

impl Engine {
    /// Draws the images of a batch. `digest` runs beside other images on the batch's threads, and `take` gets what it makes in the
    /// order of the images, on the calling thread: the same calls with the same values at any number of threads.
    ///
    /// No more than a few images for each thread are in memory at a time.
    ///
    /// # Errors
    /// The first error of `take`, which ends the batch; [`SimError::Threads`].
    pub fn draw_batch<T: Send, E: From<SimError>>(
        &self,
        batch: &Batch,
        inputs: &Inputs,
        digest: impl Fn(Drawing) -> T + Sync,
        mut take: impl FnMut(T) -> Result<(), E>,
    ) -> Result<(), E> {
        let threads = rayon::ThreadPoolBuilder::new().num_threads(batch.threads).build().map_err(|source| SimError::Threads { source })?;
        let together = 4 * threads.current_num_threads() as u64;
        let idle: Mutex<Vec<State>> = Mutex::default();
        let draw = |image| {
            let state = idle.lock().expect("no thread panics while it holds this").pop();
            let mut state = state.unwrap_or_else(|| self.state());
            let drawing = self.draw(&mut state, batch.seed, image, inputs, batch.record);
            idle.lock().expect("no thread panics while it holds this").push(state);
            digest(drawing)
        };
        let mut next = batch.images.start;
        while next < batch.images.end {
            let group = next..batch.images.end.min(next + together);
            next = group.end;
            let digested: Vec<T> = threads.install(|| group.into_par_iter().map(draw).collect());
            digested.into_iter().try_for_each(&mut take)?;
        }
        Ok(())
    }
}
