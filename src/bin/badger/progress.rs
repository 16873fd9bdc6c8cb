//! How far the work is: a line with rate and time left on a terminal, nothing in a pipe.

use crate::text::tell;
use indicatif::{ProgressBar, ProgressStyle};

/// A progress line on stderr that is gone when it is dropped.
pub(crate) struct Progress(ProgressBar);

impl Progress {
    /// Counts bytes, to `total` where it is known.
    pub(crate) fn bytes(what: &'static str, total: Option<u64>) -> Progress {
        let template = match total {
            Some(_) => "{msg} {wide_bar} {bytes} of {total_bytes}, {bytes_per_sec}, {eta} left",
            None => "{msg} {spinner} {bytes}, {bytes_per_sec}",
        };
        let bar = total.map_or_else(ProgressBar::new_spinner, ProgressBar::new);
        bar.set_style(
            ProgressStyle::with_template(template).expect("the templates are constants").progress_chars("=> "),
        );
        bar.set_message(what);
        Progress(bar)
    }

    /// Counts steps, each of which says what it does.
    pub(crate) fn steps(total: u64) -> Progress {
        let bar = ProgressBar::new(total);
        let template = "{pos} of {len}: {msg} {wide_bar} {elapsed}";
        bar.set_style(
            ProgressStyle::with_template(template).expect("the templates are constants").progress_chars("=> "),
        );
        Progress(bar)
    }

    /// The next step begins.
    pub(crate) fn step(&self, what: &'static str) {
        self.0.set_message(what);
        self.0.inc(1);
    }

    pub(crate) fn advance(&self, by: u64) {
        self.0.inc(by);
    }

    /// What it will be in the end, when that is known better than at the start.
    pub(crate) fn total(&self, total: u64) {
        self.0.set_length(total);
    }

    pub(crate) fn set(&self, position: u64) {
        self.0.set_position(position);
    }

    /// Prints a line without tearing the progress line.
    pub(crate) fn warn(&self, line: &str) {
        self.0.suspend(|| tell(format_args!("warning: {line}")));
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}
