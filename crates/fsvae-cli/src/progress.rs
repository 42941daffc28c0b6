//! A progress bar that only people see.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// A bar with count, rate and time left, on stderr and only when that is a terminal; elsewhere it does nothing. It disappears when it
/// is dropped, so that an error message or a result never stands behind half a bar.
#[derive(Debug)]
pub struct Progress {
    bar: ProgressBar,
}

impl Progress {
    /// A bar of `total` steps of work, for example `Progress::new("epoch 3", "images", 60_000)`.
    pub fn new(label: &str, unit: &'static str, total: u64) -> Self {
        // `stderr()` draws nothing unless stderr is a terminal.
        let bar = ProgressBar::with_draw_target(Some(total), ProgressDrawTarget::stderr());
        let template = format!("{{prefix}} {{bar:30}} {{pos}}/{{len}} {unit}, {{per_sec}}, {{eta}} left {{msg}}");
        if let Ok(style) = ProgressStyle::with_template(&template) {
            bar.set_style(style.with_key("per_sec", move |state: &indicatif::ProgressState, w: &mut dyn std::fmt::Write| {
                let _ = write!(w, "{} {unit}/s", rate(state.per_sec()));
            }));
        }
        bar.set_prefix(label.to_owned());
        bar.enable_steady_tick(Duration::from_millis(200));
        Self { bar }
    }

    /// Counts `steps` more as done.
    pub fn add(&self, steps: u64) {
        self.bar.inc(steps);
    }

    /// Sets how much is done: for work that resumes in the middle.
    pub fn set(&self, steps: u64) {
        self.bar.set_position(steps);
        self.bar.reset_eta();
    }

    /// Shows a short text behind the bar, for example the present loss.
    pub fn message(&self, text: impl Into<String>) {
        self.bar.set_message(text.into());
    }

    /// Prints a line above the bar, on stderr whether that is a terminal or not.
    pub fn note(&self, line: &str) {
        self.bar.suspend(|| {
            use std::io::Write;
            let _ = writeln!(anstream::stderr(), "{line}");
        });
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

/// A rate in three figures: slow work wants decimals, fast work none.
pub fn rate(per_second: f64) -> String {
    match per_second {
        r if r < 10.0 => format!("{r:.2}"),
        r if r < 100.0 => format!("{r:.1}"),
        r => format!("{r:.0}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_have_three_figures() {
        assert_eq!([rate(0.1234), rate(12.34), rate(1234.0)], ["0.12", "12.3", "1234"]);
    }

    #[test]
    fn the_bar_counts_without_a_terminal() {
        let progress = Progress::new("test", "images", 10);
        progress.set(4);
        progress.add(3);
        progress.message("loss 0.1");
        assert_eq!(progress.bar.position(), 7);
    }
}
