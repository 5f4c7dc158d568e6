//! A bar for the person who waits.

use std::io::{IsTerminal as _, Write as _};
use std::time::Instant;

const WIDTH: usize = 30;

/// How far it is, on a terminal.
pub(in crate::device) struct Progress {
    all: usize,
    begun: Instant,
    /// Where this run began, after what an earlier one had sent.
    from: usize,
    shown: Option<usize>,
    watched: bool,
}

impl Progress {
    pub(in crate::device) fn new(all: usize) -> Self {
        Self {
            all,
            begun: Instant::now(),
            from: 0,
            shown: None,
            watched: std::io::stderr().is_terminal(),
        }
    }

    /// The device has the first `offset` bytes already.
    pub(in crate::device) fn resumed(&mut self, offset: usize) {
        self.say(&format!("going on at byte {offset} of {}", self.all));
        self.from = offset;
    }

    /// A line above the bar.
    pub(in crate::device) fn say(&mut self, text: &str) {
        self.end();
        eprintln!("{text}");
    }

    pub(in crate::device) fn tell(&mut self, done: usize) {
        let percent = done.saturating_mul(100) / self.all.max(1);
        if !self.watched || self.shown == Some(percent) {
            return;
        }
        self.shown = Some(percent);
        let full = (percent * WIDTH / 100).min(WIDTH);
        let seconds = self.begun.elapsed().as_secs_f64().max(0.001);
        let rate = done.saturating_sub(self.from) as f64 / 1024.0 / seconds;
        eprint!(
            "\rloading [{}{}] {percent:3} %  {}/{} KiB  {rate:.1} KiB/s ",
            "#".repeat(full),
            " ".repeat(WIDTH - full),
            done / 1024,
            self.all.div_ceil(1024),
        );
        let _ = std::io::stderr().flush();
    }

    /// Leaves the bar's line.
    pub(in crate::device) fn end(&mut self) {
        if self.shown.take().is_some() {
            eprintln!();
        }
    }
}
