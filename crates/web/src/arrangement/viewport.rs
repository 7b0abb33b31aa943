//! What part of the song is on the screen: a map that scrolls and zooms.

use model::Ticks;

/// The least and the most pixels that a beat may take.
pub(crate) const PIXELS_PER_BEAT: std::ops::RangeInclusive<f64> = 0.5..=640.0;
/// A shorter song is shown with room to grow.
const FITTED_BEATS_MIN: f64 = 32.0;
/// Beats that can be scrolled to behind the last clip.
const BEATS_BEHIND: f64 = 64.0;

/// A window on the lanes: x in beats, y in pixels.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Viewport {
    /// The beat at the left edge.
    pub(crate) left: f64,
    /// Pixels scrolled down.
    pub(crate) top: f64,
    pub(crate) pixels_per_beat: f64,
    /// Size of the lanes on the screen, in CSS pixels.
    pub(crate) width: f64,
    pub(crate) height: f64,
}

impl Default for Viewport {
    fn default() -> Viewport {
        Viewport { left: 0.0, top: 0.0, pixels_per_beat: 18.0, width: 0.0, height: 0.0 }
    }
}

/// How much there is to scroll over.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Extent {
    /// The last beat of any clip.
    pub(crate) beats: f64,
    /// Pixels of all lanes.
    pub(crate) height: f64,
}

impl Viewport {
    /// The pixel of a beat.
    pub(crate) fn x(self, beat: f64) -> f64 {
        (beat - self.left) * self.pixels_per_beat
    }

    /// The beat at a pixel.
    pub(crate) fn beat(self, x: f64) -> f64 {
        self.left + x / self.pixels_per_beat
    }

    /// The place at a pixel, not before the song's start.
    pub(crate) fn place(self, x: f64) -> Ticks {
        Ticks::from_beats(self.beat(x).max(0.0)).unwrap_or_default()
    }

    /// The beat at the right edge.
    pub(crate) fn right(self) -> f64 {
        self.beat(self.width)
    }

    /// Moved by pixels, as far as there is something.
    pub(crate) fn panned(mut self, dx: f64, dy: f64, extent: Extent) -> Viewport {
        self.left += dx / self.pixels_per_beat;
        self.top += dy;
        self.held(extent)
    }

    /// Zoomed by `factor` so that what is at pixel `x` stays there.
    pub(crate) fn zoomed(mut self, factor: f64, x: f64, extent: Extent) -> Viewport {
        let beat = self.beat(x);
        self.pixels_per_beat = (self.pixels_per_beat * factor).clamp(*PIXELS_PER_BEAT.start(), *PIXELS_PER_BEAT.end());
        self.left = beat - x / self.pixels_per_beat;
        self.held(extent)
    }

    /// Showing the whole song.
    pub(crate) fn fitted(mut self, extent: Extent) -> Viewport {
        let beats = extent.beats.max(FITTED_BEATS_MIN) * 1.04;
        if self.width > 0.0 {
            self.pixels_per_beat = (self.width / beats).clamp(*PIXELS_PER_BEAT.start(), *PIXELS_PER_BEAT.end());
        }
        (self.left, self.top) = (0.0, 0.0);
        self.held(extent)
    }

    /// Moved so that a stretch of beats and a stretch of pixels are on the screen.
    pub(crate) fn showing(mut self, from: f64, to: f64, top: f64, bottom: f64, extent: Extent) -> Viewport {
        let margin = (self.width / self.pixels_per_beat * 0.1).min(4.0);
        if from < self.left || to > self.right() {
            let wide = to - from > self.right() - self.left;
            self.left =
                if from < self.left || wide { from - margin } else { to + margin - self.width / self.pixels_per_beat };
        }
        if top < self.top {
            self.top = top;
        } else if bottom > self.top + self.height {
            self.top = bottom - self.height;
        }
        self.held(extent)
    }

    /// Not scrolled out of the song.
    pub(crate) fn held(mut self, extent: Extent) -> Viewport {
        let last = (extent.beats + BEATS_BEHIND).max(self.width / self.pixels_per_beat);
        self.left = self.left.clamp(0.0, (last - self.width / self.pixels_per_beat).max(0.0));
        self.top = self.top.clamp(0.0, (extent.height - self.height).max(0.0));
        self
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const VIEW: Viewport = Viewport { left: 8.0, top: 0.0, pixels_per_beat: 20.0, width: 1_000.0, height: 300.0 };
    const EXTENT: Extent = Extent { beats: 400.0, height: 900.0 };

    #[test]
    fn pixels_and_beats_are_inverse() {
        assert_eq!(VIEW.x(10.0), 40.0);
        assert_eq!(VIEW.beat(40.0), 10.0);
        assert_eq!(VIEW.place(-1_000.0), Ticks(0));
    }

    #[test]
    fn one_cannot_scroll_out_of_the_song() {
        let held = VIEW.panned(-1e9, -1e9, EXTENT);
        assert_eq!((held.left, held.top), (0.0, 0.0));
        let held = VIEW.panned(1e9, 1e9, EXTENT);
        assert_eq!((held.right(), held.top), (464.0, 600.0));
    }

    #[test]
    fn fitting_shows_the_last_clip() {
        let view = VIEW.fitted(EXTENT);
        assert_eq!(view.left, 0.0);
        assert!(view.right() > 400.0 && view.right() < 450.0);
    }

    #[test]
    fn what_is_focused_comes_into_view() {
        let view = VIEW.showing(300.0, 304.0, 800.0, 876.0, EXTENT);
        assert!(view.left <= 300.0 && view.right() >= 304.0);
        assert_eq!(view.top, 576.0);
        assert_eq!(VIEW.showing(10.0, 12.0, 0.0, 76.0, EXTENT), VIEW);
    }

    proptest! {
        #[test]
        fn zooming_keeps_what_is_under_the_pointer(factor in 0.2..5.0f64, x in 0.0..1_000.0f64, left in 60.0..200.0f64) {
            let view = Viewport { left, ..VIEW };
            let zoomed = view.zoomed(factor, x, EXTENT);
            prop_assert!(zoomed.left == 0.0 || (zoomed.beat(x) - view.beat(x)).abs() < 1e-6 || zoomed.right() >= 463.9);
            prop_assert!(PIXELS_PER_BEAT.contains(&zoomed.pixels_per_beat));
        }
    }
}
