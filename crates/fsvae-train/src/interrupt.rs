//! A polite end on Ctrl-C: the step at hand is finished and a checkpoint written.

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Somebody who was asked to end, or was not.
#[derive(Debug)]
pub struct Interrupt {
    requested: Arc<AtomicBool>,
}

impl Interrupt {
    /// From now on Ctrl-C (or SIGTERM) is a request; a second one ends the program at once, with the shell's exit code for it.
    pub fn listen() -> Self {
        let requested = Arc::new(AtomicBool::new(false));
        for signal in [SIGINT, SIGTERM] {
            // These fail for signals that nobody can listen to; then the signal ends the program as ever. The second signal's comes first.
            let _ = flag::register_conditional_shutdown(signal, 128 + signal, requested.clone());
            let _ = flag::register(signal, requested.clone());
        }
        Self { requested }
    }

    /// Whether the end was requested.
    pub fn requested(&self) -> bool {
        self.requested.load(Ordering::SeqCst)
    }
}
