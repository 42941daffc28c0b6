//! Ctrl-C, taken at a good moment: the work that is not whole is dropped, and what is whole stays.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

static ASKED: AtomicBool = AtomicBool::new(false);

/// From now on an interrupt or a termination is only noted; the second one ends the program at once.
pub(crate) fn listen() {
    static LISTENING: OnceLock<()> = OnceLock::new();
    LISTENING.get_or_init(|| {
        // Where no handler can be set, the system's own stays: the program ends, and at worst leaves a hidden `.part` file behind.
        let _ = ctrlc::set_handler(|| {
            if ASKED.swap(true, Ordering::Relaxed) {
                std::process::exit(2);
            }
        });
    });
}

/// Whether an interrupt has come.
pub(crate) fn asked() -> bool {
    ASKED.load(Ordering::Relaxed)
}
