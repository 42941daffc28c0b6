//! Many images over many threads, in order.

use crate::{Drawing, Engine, Inputs, Record, SimError, State};
use rayon::prelude::*;
use std::borrow::Borrow;
use std::ops::Range;
use std::sync::{Mutex, OnceLock};

/// A run of images.
#[derive(Clone, Debug)]
pub struct Batch {
    /// Of the picks.
    pub seed: u64,
    /// Numbers of the images.
    pub images: Range<u64>,
    /// What to keep of each image.
    pub record: Record,
}

/// Threads, and working memory for them.
#[derive(Debug)]
pub struct Workers<'e> {
    engine: &'e Engine,
    threads: rayon::ThreadPool,
    idle: Mutex<Vec<State>>,
}

impl Engine {
    /// Starts threads that draw with this engine; 0: one for each processor.
    ///
    /// # Errors
    /// [`SimError::Threads`].
    pub fn workers(&self, threads: usize) -> Result<Workers<'_>, SimError> {
        let threads = rayon::ThreadPoolBuilder::new().num_threads(threads).build().map_err(|source| SimError::Threads { source })?;
        Ok(Workers { engine: self, threads, idle: Mutex::default() })
    }
}

impl Workers<'_> {
    /// Draws the images of a batch. `inputs` gives what comes from outside for an image, `digest` runs beside other images on the
    /// threads, and `take` gets what it makes in the order of the images, on the calling thread: the same calls with the same values at any
    /// number of threads.
    ///
    /// No more than a few images for each thread are in memory at a time (64 where only pixels and counts are kept).
    ///
    /// # Errors
    /// The first error of `take`, which ends the batch.
    pub fn draw<T: Send, E, I: Borrow<Inputs>>(
        &self,
        batch: &Batch,
        inputs: impl Fn(u64) -> I + Sync,
        digest: impl Fn(Drawing) -> T + Sync,
        mut take: impl FnMut(T) -> Result<(), E>,
    ) -> Result<(), E> {
        // the more, the less the threads wait for each other at the end of a group; what is recorded takes room
        let each = if batch.record.events || batch.record.membranes { 4 } else { 64 };
        let threads = self.threads.current_num_threads() as u64;
        let together = each * threads;
        let draw = |image| {
            let inputs = inputs(image);
            digest(self.with_state(|state| self.engine.draw(state, batch.seed, image, inputs.borrow(), batch.record)))
        };
        // a single image by two threads
        let halves = self.engine.halves().filter(|_| threads > 1 && !batch.record.events && !batch.record.membranes);
        let mut next = batch.images.start;
        while next < batch.images.end {
            let group = next..batch.images.end.min(next + together);
            next = group.end;
            let digested: Vec<T> = match halves {
                Some(halves) if group.end - group.start == 1 => {
                    vec![digest(self.together(|half, state| {
                        let (image, of_image) = (group.start, inputs(group.start));
                        self.engine.draw_part(&halves[half], state, batch.seed, image, of_image.borrow(), batch.record)
                    }))]
                }
                // what one thread does, the calling one does: waking another takes a tenth of an image
                _ if threads == 1 || group.end - group.start == 1 => group.map(draw).collect(),
                _ => self.threads.install(|| group.into_par_iter().map(draw).collect()),
            };
            digested.into_iter().try_for_each(&mut take)?;
        }
        Ok(())
    }

    fn with_state(&self, draw: impl FnOnce(&mut State) -> Drawing) -> Drawing {
        let state = self.idle.lock().expect("no thread panics while it holds this").pop();
        let mut state = state.unwrap_or_else(|| self.engine.state());
        let drawing = draw(&mut state);
        self.idle.lock().expect("no thread panics while it holds this").push(state);
        drawing
    }

    /// Draws half 0 on the calling thread while another draws half 1.
    fn together(&self, draw: impl Fn(usize, &mut State) -> Drawing + Sync) -> Drawing {
        /// How often it is looked whether the other is done, before this thread sleeps: waking up again takes a tenth of an image.
        const LOOKS: u32 = 1 << 14;
        let other = OnceLock::new();
        let one = self.threads.in_place_scope(|scope| {
            scope.spawn(|_| _ = other.set(self.with_state(|state| draw(1, state))));
            let one = self.with_state(|state| draw(0, state));
            (0..LOOKS).take_while(|_| other.get().is_none()).for_each(|_| std::hint::spin_loop());
            one
        });
        one.join(other.into_inner().expect("the scope ends when both are drawn"))
    }
}
