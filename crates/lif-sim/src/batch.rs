//! Many images over many threads, in order.

use crate::program::Part;
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
        // two threads for a single image, of which only pixels and counts are kept
        let halves = self.engine.halves().filter(|_| threads > 1 && !batch.record.events && !batch.record.membranes);
        let mut next = batch.images.start;
        while next < batch.images.end {
            let group = next..batch.images.end.min(next + together);
            next = group.end;
            let digested: Vec<T> = match halves {
                Some(halves) if group.end - group.start == 1 => {
                    let (image, given) = (group.start, inputs(group.start));
                    let given: &Inputs = given.borrow();
                    let draw = |half: &Part, state: &mut State| self.engine.draw_part(half, state, batch.seed, image, given, batch.record);
                    vec![digest(self.by_two(halves, draw))]
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
        let mut state = self.take();
        let drawing = draw(&mut state);
        self.keep([state]);
        drawing
    }

    fn take(&self) -> State {
        let state = self.idle.lock().expect("no thread panics while it holds this").pop();
        state.unwrap_or_else(|| self.engine.state())
    }

    /// The last one is taken first.
    fn keep(&self, states: impl IntoIterator<Item = State>) {
        self.idle.lock().expect("no thread panics while it holds this").extend(states);
    }

    /// Draws the first half on the calling thread while another draws the second.
    fn by_two(&self, halves: &[Part; 2], draw: impl Fn(&Part, &mut State) -> Drawing + Sync) -> Drawing {
        /// How often it is looked whether the other is done, before this thread sleeps: waking up again takes a tenth of an image.
        const LOOKS: u32 = 1 << 14;
        let (mut ours, mut theirs) = (self.take(), self.take());
        let second = OnceLock::new();
        let first = self.threads.in_place_scope(|scope| {
            scope.spawn(|_| _ = second.set(draw(&halves[1], &mut theirs)));
            let first = draw(&halves[0], &mut ours);
            (0..LOOKS).take_while(|_| second.get().is_none()).for_each(|_| std::hint::spin_loop());
            first
        });
        self.keep([theirs, ours]); // each thread's caches have its own
        first.join(second.into_inner().expect("the scope ends when both are drawn"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use lif_graph::LifGraph;

    /// The shipped network is worth two threads an image.
    #[test]
    fn a_single_image_is_the_same_by_two_threads() {
        let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../../models/fashion-mnist/model.lif");
        let graph = LifGraph::from_bytes(&std::fs::read(file).expect("the shipped network")).expect("a graph");
        let engine = Engine::new(&graph).expect("a well-formed graph");
        assert!(engine.halves().is_some());
        let (workers, mut state) = (engine.workers(2).expect("threads"), engine.state());
        for (image, skip_unread) in [(0, false), (1, true), (2, true), (7, true)] {
            let record = Record { skip_unread, ..Record::default() };
            let expected = engine.draw(&mut state, 1, image, &Inputs::default(), record);
            let batch = Batch { seed: 1, images: image..image + 1, record };
            let mut drawings = Vec::new();
            let take = |drawing| -> Result<(), SimError> {
                drawings.push(drawing);
                Ok(())
            };
            workers.draw(&batch, |_| Inputs::default(), |drawing| drawing, take).expect("a drawing");
            assert_eq!(drawings, [expected]);
        }
    }
}
