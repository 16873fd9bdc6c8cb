//! Who watches a preparation: told how far it is, asked whether it shall go on.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::io::{IsTerminal, Write};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Instant;

/// Told by whoever prepares, from several threads.
pub(crate) trait Watch: Send + Sync {
    /// A stage of so many pieces begins.
    fn begin(&self, what: &str, pieces: u64);
    /// So many more pieces are done.
    fn done(&self, pieces: u64);
    /// The stage is finished.
    fn end(&self, what: &str);
    /// Asked between pieces.
    fn is_stopped(&self) -> bool;
}

/// A bar on a terminal; in a pipe one line for each stage.
pub(crate) struct Bar {
    bar: ProgressBar,
    start: Instant,
    stop: AtomicBool,
}

impl Bar {
    pub(crate) fn new() -> Bar {
        let bar = ProgressBar::with_draw_target(Some(0), ProgressDrawTarget::stderr());
        let template = "{msg:>24} {wide_bar} {pos} of {len}, {eta} left";
        bar.set_style(
            ProgressStyle::with_template(template).expect("the template is a constant").progress_chars("=> "),
        );
        Bar { bar, start: Instant::now(), stop: AtomicBool::new(false) }
    }

    pub(crate) fn stop(&self) {
        self.stop.store(true, Relaxed);
    }

    /// A line for the person who started this, above the bar.
    pub(crate) fn tell(&self, line: &str) {
        // When stderr is gone there is nobody left to tell.
        self.bar.suspend(|| drop(writeln!(std::io::stderr(), "{line}")));
    }

    /// A line on stdout, above the bar.
    pub(crate) fn say(&self, line: &str) {
        self.bar.suspend(|| drop(writeln!(std::io::stdout(), "{line}")));
    }
}

impl Watch for Bar {
    fn begin(&self, what: &str, pieces: u64) {
        self.bar.set_message(what.to_owned());
        self.bar.set_length(pieces);
        self.bar.set_position(0);
        self.bar.reset_eta();
    }

    fn done(&self, pieces: u64) {
        self.bar.inc(pieces);
    }

    fn end(&self, what: &str) {
        self.bar.finish_and_clear();
        self.bar.reset();
        if !std::io::stderr().is_terminal() {
            self.tell(&format!("{:6.1} s  {what}", self.start.elapsed().as_secs_f64()));
        }
    }

    fn is_stopped(&self) -> bool {
        self.stop.load(Relaxed)
    }
}
