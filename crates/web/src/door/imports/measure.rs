//! What this browser finds out about a recording by itself: its waveform, its length, its sound; and what the server finds out.

use std::time::Duration;

use leptos::prelude::*;
use model::{AudioFile, AudioFileState, Id, Key, Record, Table, Ticks};
use operations::build;
use web_sys::Blob;

use super::{Assumed, HEARD_BYTES_MAX, Local};
use crate::door::intake::Intake;
use crate::door::peaks::{Extent, Shape};
use crate::door::{Door, clock};

impl Door {
    /// Draws a recording that this browser has, has it heard, and corrects the length of its clip.
    pub(super) async fn measure(self, record: Id, bytes: Blob, intake: Option<Intake>, assumed: Assumed) {
        let measured = match intake {
            Some(intake) => self.draw(intake, bytes, &record).await,
            None => None,
        };
        match measured {
            Some(seconds) => self.correct_length(&assumed, seconds),
            None if self.has_ended() => {}
            None => self.correct_once_measured(record, assumed),
        }
    }

    /// Has what was dropped decoded for its waveform, and has it heard; gives its true length in seconds, if it can be told.
    async fn draw(self, mut intake: Intake, bytes: Blob, record: &Id) -> Option<f64> {
        // Of what fails here, the server will say the same, and more clearly, in the record.
        let shape = Shape::of_pyramid(intake.waveform().await.ok()?)?;
        if self.has_ended() {
            return None;
        }
        let Extent { sample_rate, channels, frames } = shape.extent()?;
        self.peaks().insert(record, shape);
        self.imports().set(record, self.imports().progress(record));
        if bytes.size() <= HEARD_BYTES_MAX {
            let local = Local { bytes, sample_rate, channels, frames };
            self.imports().local.borrow_mut().insert(record.clone(), local);
            // Nothing has changed but what can be heard.
            self.changed(&[Key::new(Table::AudioFiles, record.clone())]);
        }
        #[expect(clippy::cast_precision_loss, reason = "a recording has far fewer than 2^53 frames")]
        Some(frames as f64 / f64::from(sample_rate))
    }

    /// Gives a clip the length of its recording, unless someone has given it another meanwhile.
    fn correct_length(self, assumed: &Assumed, seconds: f64) {
        let current = self.read_present(|records| records.find(Table::Clips, &assumed.clip).cloned());
        let start = current.as_ref().and_then(|clip| clip.number("startBeat")).and_then(Ticks::from_beats);
        let actual = self.beats_of(start.unwrap_or_default(), seconds);
        if let Some(length) = current.and_then(|clip| corrected(&clip, assumed, actual)) {
            let operation = build::set(Table::Clips, &assumed.clip, "durationBeats", length);
            self.dispatch_gesture("Set length of clip", Some(assumed.clip.clone()), vec![operation]);
        }
    }

    /// How many beats a recording of so many seconds takes that begins at a place: a whole number of ticks, at least one.
    pub(super) fn beats_of(self, start: Ticks, seconds: f64) -> f64 {
        let end = self.times().with_untracked(|times| times.place_after(start, seconds));
        (end - start).max(Ticks(1)).beats()
    }

    /// The same, once the server has measured the recording.
    fn correct_once_measured(self, record: Id, assumed: Assumed) {
        let imports = self.imports();
        imports.assumed.borrow_mut().insert(record.clone(), assumed);
        if !imports.listening.replace(true) {
            self.listen(move |keys| {
                for key in keys.iter().filter(|key| key.table == Table::AudioFiles) {
                    self.measured(&key.id);
                }
            });
        }
        // It may have been quicker than this browser.
        self.measured(&record);
    }

    fn measured(self, record: &Id) {
        let imports = self.imports();
        if !imports.assumed.borrow().contains_key(record) {
            return;
        }
        let file = self.read_present(|records| records.find(Table::AudioFiles, record).map(AudioFile::from_record));
        let Some(file) = file else { return };
        if file.duration_seconds.is_none() && file.state != AudioFileState::Refused {
            return;
        }
        let assumed = imports.assumed.borrow_mut().remove(record);
        if let (Some(assumed), Some(seconds)) = (assumed, file.duration_seconds) {
            // Later: this may run inside the replica's own event.
            clock::after(Duration::ZERO, move || self.correct_length(&assumed, seconds));
        }
    }
}

/// The length that a clip gets now that its recording's is known; none when it has it, or was given another meanwhile.
fn corrected(clip: &Record, assumed: &Assumed, actual: f64) -> Option<f64> {
    (clip.number("durationBeats") == Some(assumed.beats) && actual != assumed.beats).then_some(actual)
}

#[cfg(test)]
mod tests {
    use model::fields;

    use super::super::PLACEHOLDER_BEATS;
    use super::*;

    #[test]
    fn an_assumed_length_is_corrected_unless_someone_has_changed_it() {
        let clip = |beats: f64| Record::new(Id::new("c").unwrap(), 1, fields([("durationBeats", beats.into())]));
        let assumed = Assumed { clip: Id::new("c").unwrap(), beats: PLACEHOLDER_BEATS };
        assert_eq!(corrected(&clip(PLACEHOLDER_BEATS), &assumed, 700.0), Some(700.0));
        assert_eq!(corrected(&clip(8.0), &assumed, 700.0), None, "somebody has trimmed it");
        assert_eq!(corrected(&clip(PLACEHOLDER_BEATS), &assumed, PLACEHOLDER_BEATS), None, "nothing to do");
    }
}
