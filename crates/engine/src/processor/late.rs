//! A delay line that knows when nothing is left in it.

use dsp::align::Align;

use super::signal::{Signal, count_quiet};

#[derive(Debug)]
pub(super) struct Late {
    line: Align,
    /// Frames of silence that went in last.
    quiet: u64,
}

impl Late {
    pub(super) fn new(frames: u32) -> Self {
        Self { line: Align::new(frames as usize), quiet: u64::from(frames) }
    }

    /// Whether anything but silence is inside.
    pub(super) fn is_awake(&self) -> bool {
        self.quiet < self.line.frames() as u64
    }

    /// Delays a signal in place.
    pub(super) fn process(&mut self, signal: &mut Signal<'_>) {
        if signal.silent && !self.is_awake() {
            return;
        }
        signal.fill();
        self.quiet = count_quiet(self.quiet, signal.view());
        let [left, right] = signal.channels();
        self.line.process(left, right);
    }

    /// Forgets what is inside.
    pub(super) fn rest(&mut self) {
        if self.is_awake() {
            self.line.clear();
            self.quiet = self.line.frames() as u64;
        }
    }
}
