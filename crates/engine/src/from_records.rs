//! A song out of a project's records: what the studio plays and what `unisono render` renders.

use std::collections::{HashMap, HashSet};

use model::{AudioFile, AudioFileState, Id, Records, Table};

use crate::{Clip, Master, Song, SourceInfo, TimeSignature, Track};

impl Song {
    /// The song that these records of one project describe: its tracks in their order, each with its clips, deleted ones
    /// left out. `None` when there is no project among them.
    ///
    /// `source` numbers recordings: it is asked once for each that is ready and that a clip plays, and answers the number
    /// under which the [`crate::Reader`] knows the recording's playback asset. For `None` (its bytes are not here yet) the
    /// clips that play it are left out, as are those of recordings that are not ready.
    #[must_use]
    pub fn from_records(records: &Records, source: impl FnMut(&AudioFile) -> Option<u32>) -> Option<Song> {
        let project = model::Project::from_record(records.project()?);
        let mut sources = Sources { records, number: source, known: HashMap::new(), list: Vec::new() };
        let mut taken = HashSet::new();
        let tracks = records.tracks().into_iter().map(|record| {
            let track = model::Track::from_record(record);
            Track {
                id: number_of(&track.id, &mut taken),
                volume: track.volume,
                pan: track.pan,
                muted: track.muted,
                solo: track.solo,
                clips: records
                    .clips(&track.id)
                    .filter_map(|clip| sources.clip(&model::Clip::from_record(clip)?))
                    .collect(),
            }
        });
        let tracks = tracks.collect();
        Some(Song {
            sample_rate: project.sample_rate,
            bpm_milli: project.bpm.thousandths(),
            time_signature: TimeSignature {
                beats: u32::from(project.time_signature.numerator),
                unit: u32::from(project.time_signature.denominator),
            },
            tracks,
            master: Master { volume: project.master_volume },
            sources: sources.list,
        })
    }
}

struct Sources<'a, F> {
    records: &'a Records,
    number: F,
    known: HashMap<Id, Option<u32>>,
    list: Vec<SourceInfo>,
}

impl<F: FnMut(&AudioFile) -> Option<u32>> Sources<'_, F> {
    fn clip(&mut self, clip: &model::Clip) -> Option<Clip> {
        Some(Clip {
            start_ticks: clip.start.0,
            duration_ticks: clip.duration.0,
            source: self.of(clip.audio_file_id.as_ref()?)?,
            source_offset_seconds: clip.audio_start_offset,
            source_end_offset_seconds: clip.audio_end_offset,
            gain: clip.gain,
            fade_in_ticks: clip.fade_in.0,
            fade_out_ticks: clip.fade_out.0,
        })
    }

    fn of(&mut self, id: &Id) -> Option<u32> {
        if let Some(known) = self.known.get(id) {
            return *known;
        }
        let info = self.ask(id);
        self.list.extend(info);
        self.known.insert(id.clone(), info.map(|info| info.id));
        info.map(|info| info.id)
    }

    fn ask(&mut self, id: &Id) -> Option<SourceInfo> {
        let file = AudioFile::from_record(self.records.find(Table::AudioFiles, id)?);
        if file.state != AudioFileState::Ready {
            return None;
        }
        let (rate, channels, frames) = (file.sample_rate?, file.channels?, file.frames?);
        Some(SourceInfo { id: (self.number)(&file)?, rate, channels, frames })
    }
}

/// A number for a track's id, the same in every plan: FNV-1a (Fowler, Noll, Vo), moved on where two ids have the same.
fn number_of(id: &Id, taken: &mut HashSet<u64>) -> u64 {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    for byte in id.as_str().bytes() {
        hash = (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
    }
    while !taken.insert(hash) {
        hash = hash.wrapping_add(1);
    }
    hash
}

#[cfg(test)]
mod tests {
    use model::{Record, TICKS_PER_BEAT, Value, fields};

    use super::*;

    fn id(text: &str) -> Id {
        Id::new(text).unwrap()
    }

    fn insert(records: &mut Records, table: Table, name: &str, values: &[(&str, Value)]) {
        records.insert(
            table,
            Record::new(id(name), 1, fields(values.iter().map(|(field, value)| (*field, value.clone())))),
        );
    }

    fn project() -> Records {
        let mut records = Records::new();
        let (text, number) = (Value::text, Value::number);
        insert(
            &mut records,
            Table::Projects,
            "p",
            &[("name", text("P")), ("bpm", number(90.5)), ("timeSignature", text("6/8"))],
        );
        for (track, order) in [("late", "b"), ("early", "a"), ("gone", "c")] {
            insert(
                &mut records,
                Table::Tracks,
                track,
                &[
                    ("projectId", text("p")),
                    ("orderKey", text(order)),
                    ("volume", number(0.5)),
                    ("solo", Value::Bool(track == "late")),
                    ("deleted", if track == "gone" { text("2026-01-01T00:00:00.000Z") } else { Value::Null }),
                ],
            );
        }
        for (file, state) in [("ready", "ready"), ("absent", "ready"), ("awaiting", "awaiting")] {
            insert(
                &mut records,
                Table::AudioFiles,
                file,
                &[
                    ("projectId", text("p")),
                    ("state", text(state)),
                    ("sampleRate", number(44_100.0)),
                    ("channels", number(2.0)),
                    ("frames", number(1_000.0)),
                ],
            );
        }
        records
    }

    fn clip(records: &mut Records, name: &str, track: &str, file: Option<&str>) {
        let mut values = vec![
            ("trackId", Value::text(track)),
            ("startBeat", Value::number(1.5)),
            ("durationBeats", Value::number(2.0)),
            ("audioStartOffset", Value::number(0.25)),
            ("fadeOut", Value::number(0.5)),
            ("gain", Value::number(0.75)),
        ];
        values.extend(file.map(|file| ("audioFileId", Value::text(file))));
        insert(records, Table::Clips, name, &values);
    }

    #[test]
    fn records_become_a_song() {
        let mut records = project();
        clip(&mut records, "c1", "late", Some("ready"));
        let song = Song::from_records(&records, |_| Some(7)).unwrap();
        assert_eq!(
            (song.sample_rate, song.bpm_milli, song.time_signature),
            (48_000, 90_500, TimeSignature { beats: 6, unit: 8 })
        );
        assert_eq!(song.tracks.len(), 2);
        assert!(song.tracks[1].solo && !song.tracks[0].solo);
        assert_eq!(song.sources, [SourceInfo { id: 7, rate: 44_100, channels: 2, frames: 1_000 }]);
        assert_eq!(
            song.tracks[1].clips,
            [Clip {
                start_ticks: TICKS_PER_BEAT * 3 / 2,
                duration_ticks: TICKS_PER_BEAT * 2,
                source: 7,
                source_offset_seconds: 0.25,
                source_end_offset_seconds: 0.0,
                gain: 0.75,
                fade_in_ticks: 0,
                fade_out_ticks: TICKS_PER_BEAT / 2,
            }]
        );
    }

    #[test]
    fn what_cannot_sound_is_left_out() {
        let mut records = project();
        for (name, track, file) in [
            ("c1", "late", Some("absent")),
            ("c2", "late", Some("awaiting")),
            ("c3", "late", Some("unknown")),
            ("c4", "late", None),
            ("c5", "gone", Some("ready")),
        ] {
            clip(&mut records, name, track, file);
        }
        let song = Song::from_records(&records, |file| (file.id.as_str() != "absent").then_some(0)).unwrap();
        assert!(song.tracks.iter().all(|track| track.clips.is_empty()));
        assert_eq!(song.sources, []);
        assert_eq!(Song::from_records(&Records::new(), |_| None), None);
    }

    #[test]
    fn a_recording_is_numbered_once() {
        let mut records = project();
        for name in ["c1", "c2", "c3"] {
            clip(&mut records, name, "early", Some("ready"));
        }
        let mut asked = 0;
        let song = Song::from_records(&records, |_| {
            asked += 1;
            Some(0)
        });
        assert_eq!((asked, song.unwrap().sources.len()), (1, 1));
    }

    #[test]
    fn tracks_of_one_hash_keep_apart() {
        let mut taken = HashSet::new();
        let first = number_of(&id("a"), &mut taken);
        assert_eq!(number_of(&id("a"), &mut taken), first + 1);
        assert_eq!(number_of(&id("a"), &mut HashSet::new()), first);
    }
}
