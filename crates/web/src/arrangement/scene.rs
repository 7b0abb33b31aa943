//! The clips as the canvas wants them: by lane, sorted by start, found quickly.

use std::collections::HashMap;

use model::{AudioFile, AudioFileState, Clip, Id, Key, Records, Table, Ticks, Track, TrackKind};

use crate::design::colour_of;
use crate::mixer::Routes;

/// A lane: a track and its clips.
#[derive(Clone, Debug)]
pub(crate) struct Lane {
    pub(crate) id: Id,
    pub(crate) colour: String,
    pub(crate) silent: bool,
    /// Not a bus, nor a group.
    pub(crate) takes_clips: bool,
    /// Sorted by start, then id.
    clips: Vec<Clip>,
    /// The longest clip: how far before the left edge a clip may begin and still be seen.
    longest: Ticks,
    /// Where the last clip ends.
    end: Ticks,
}

/// All lanes in their order.
#[derive(Clone, Debug, Default)]
pub(crate) struct Scene {
    lanes: Vec<Lane>,
    by_track: HashMap<Id, usize>,
    /// On which track each clip lies, and where it begins: so it is found among the clips of its lane.
    placed: HashMap<Id, (Id, Ticks)>,
}

impl Lane {
    fn new(track: &Track, is_heard: bool, clips: Vec<Clip>) -> Lane {
        let mut lane = Lane {
            id: track.id.clone(),
            colour: colour_of(track),
            silent: track.muted || !is_heard,
            takes_clips: !matches!(track.kind, TrackKind::Bus | TrackKind::Group),
            clips,
            longest: Ticks(0),
            end: Ticks(0),
        };
        model::sort_by(&mut lane.clips, |a, b| (a.start, &a.id).cmp(&(b.start, &b.id)));
        lane.longest = lane.clips.iter().map(|clip| clip.duration).max().unwrap_or_default();
        lane.find_end();
        lane
    }

    fn find_end(&mut self) {
        self.end = self.clips.iter().map(Clip::end).max().unwrap_or_default();
    }

    /// The clips of which something lies between two places, in the order in which they are drawn.
    pub(crate) fn between(&self, from: Ticks, to: Ticks) -> impl DoubleEndedIterator<Item = &Clip> {
        let first = self.first_after(from);
        let last = self.clips.partition_point(|clip| clip.start < to);
        self.clips[first..last.max(first)].iter().filter(move |clip| clip.end() > from)
    }

    /// The index of the first clip of which something may lie behind a place.
    pub(crate) fn first_after(&self, place: Ticks) -> usize {
        self.clips.partition_point(|clip| clip.start + self.longest <= place)
    }

    /// The clip at a place: the one that is drawn last.
    pub(crate) fn at(&self, place: Ticks) -> Option<&Clip> {
        self.between(place, place + Ticks(1)).next_back()
    }

    /// All clips.
    pub(crate) fn clips(&self) -> &[Clip] {
        &self.clips
    }

    /// Where the clip `id`, which begins at `start`, stands or would stand.
    fn place(&self, start: Ticks, id: &Id) -> Result<usize, usize> {
        self.clips.binary_search_by(|other| (other.start, &other.id).cmp(&(start, id)))
    }

    fn find(&self, start: Ticks, id: &Id) -> Option<&Clip> {
        self.clips.get(self.place(start, id).ok()?)
    }

    fn take_out(&mut self, start: Ticks, id: &Id) -> Option<Clip> {
        let clip = self.clips.remove(self.place(start, id).ok()?);
        if clip.end() == self.end {
            self.find_end();
        }
        Some(clip)
    }

    fn put_in(&mut self, clip: Clip) {
        let (Ok(place) | Err(place)) = self.place(clip.start, &clip.id);
        self.longest = self.longest.max(clip.duration);
        self.end = self.end.max(clip.end());
        self.clips.insert(place, clip);
    }
}

impl Scene {
    /// Everything anew.
    pub(crate) fn of(records: &Records) -> Scene {
        let mut scene = Scene::default();
        scene.set_tracks(records);
        scene
    }

    /// Takes in what changed; false when clips look as they did before. A commit changes who wrote a field and when, which nobody sees here.
    pub(crate) fn update(&mut self, records: &Records, keys: &[Key]) -> bool {
        let tracks = keys.iter().any(|key| key.table == Table::Tracks);
        // Very many clips at once (a snapshot): putting them in one by one would cost the square of their number.
        if tracks || keys.len() > 200 {
            self.set_tracks(records);
            return true;
        }
        let mut differs = false;
        for key in keys {
            differs |= key.table != Table::Clips || self.set_clip(records, &key.id);
        }
        differs
    }

    fn set_tracks(&mut self, records: &Records) {
        let tracks: Vec<Track> = records.tracks().into_iter().map(Track::from_record).collect();
        let heard = Routes::of(records).heard_by_all();
        let is_heard = |track: &Track| heard.as_ref().is_none_or(|heard| heard.contains(&track.id));
        self.by_track = tracks.iter().enumerate().map(|(index, track)| (track.id.clone(), index)).collect();
        // One walk over all clips: to look each up by its track would take as long again.
        let mut clips: Vec<Vec<Clip>> = tracks.iter().map(|_| Vec::new()).collect();
        let alive = records.table(Table::Clips).filter(|record| !record.is_deleted());
        for clip in alive.filter_map(Clip::from_record) {
            if let Some(index) = self.by_track.get(&clip.track_id) {
                clips[*index].push(clip);
            }
        }
        let lanes = tracks.iter().zip(clips);
        self.lanes = lanes.map(|(track, clips)| Lane::new(track, is_heard(track), clips)).collect();
        let placed = |lane: &Lane, clip: &Clip| (clip.id.clone(), (lane.id.clone(), clip.start));
        self.placed =
            self.lanes.iter().flat_map(|lane| lane.clips.iter().map(move |clip| placed(lane, clip))).collect();
    }

    /// Takes a clip in as it is now; whether that differs from what was here.
    fn set_clip(&mut self, records: &Records, id: &Id) -> bool {
        let record = records.find(Table::Clips, id).filter(|record| !record.is_deleted());
        let now = record.and_then(Clip::from_record).filter(|clip| self.by_track.contains_key(&clip.track_id));
        if self.clip(id).map(|(_, clip)| clip) == now.as_ref() {
            return false;
        }
        if let Some((track, start)) = self.placed.remove(id)
            && let Some(index) = self.by_track.get(&track)
        {
            self.lanes[*index].take_out(start, id);
        }
        if let Some(clip) = now
            && let Some(index) = self.by_track.get(&clip.track_id)
        {
            self.placed.insert(id.clone(), (clip.track_id.clone(), clip.start));
            self.lanes[*index].put_in(clip);
        }
        true
    }

    /// The lanes, from the top.
    pub(crate) fn lanes(&self) -> &[Lane] {
        &self.lanes
    }

    /// The place of a track among the lanes.
    pub(crate) fn lane_of(&self, track: &Id) -> Option<usize> {
        self.by_track.get(track).copied()
    }

    /// A clip and the index of its lane.
    pub(crate) fn clip(&self, id: &Id) -> Option<(usize, &Clip)> {
        let (track, start) = self.placed.get(id)?;
        let lane = self.lane_of(track)?;
        Some((lane, self.lanes[lane].find(*start, id)?))
    }

    /// How many clips there are.
    pub(crate) fn clip_count(&self) -> usize {
        self.placed.len()
    }

    /// Where the last clip ends.
    pub(crate) fn end(&self) -> Ticks {
        self.lanes.iter().map(|lane| lane.end).max().unwrap_or_default()
    }
}

/// How a clip's recording stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ClipState {
    /// It can be heard.
    Sounding,
    /// Its recording is on its way.
    Coming,
    /// Its recording is no audio.
    Broken,
    /// It has no recording.
    Empty,
}

/// How the recording of a clip stands.
pub(crate) fn state_of(file: Option<&AudioFile>) -> ClipState {
    match file.map(|file| file.state) {
        None => ClipState::Empty,
        Some(AudioFileState::Ready) => ClipState::Sounding,
        Some(AudioFileState::Refused) => ClipState::Broken,
        Some(AudioFileState::Awaiting | AudioFileState::Uploaded) => ClipState::Coming,
    }
}

#[cfg(test)]
mod tests {
    use model::{Record, TICKS_PER_BEAT, Value, fields};

    use super::*;

    fn id(text: &str) -> Id {
        Id::new(text).unwrap()
    }

    fn track(name: &str, order: &str) -> Record {
        let given = [
            ("name", Value::text(name)),
            ("projectId", "p".into()),
            ("orderKey", order.into()),
            ("type", "audio".into()),
        ];
        Record::new(id(name), 1, fields(given))
    }

    fn clip(name: &str, track: &str, start: f64, length: f64) -> Record {
        let given = [
            ("name", Value::text(name)),
            ("trackId", track.into()),
            ("startBeat", start.into()),
            ("durationBeats", length.into()),
        ];
        Record::new(id(name), 1, fields(given))
    }

    fn song() -> Records {
        let mut records = Records::new();
        records.insert(Table::Tracks, track("a", "1"));
        records.insert(Table::Tracks, track("b", "2"));
        records.insert(Table::Clips, clip("long", "a", 0.0, 64.0));
        records.insert(Table::Clips, clip("short", "a", 10.0, 2.0));
        records.insert(Table::Clips, clip("other", "b", 4.0, 4.0));
        records
    }

    fn beats(beats: f64) -> Ticks {
        Ticks::from_beats(beats).unwrap()
    }

    fn seen(lane: &Lane, from: f64, to: f64) -> Vec<&str> {
        lane.between(beats(from), beats(to)).map(|clip| clip.id.as_str()).collect()
    }

    #[test]
    fn only_what_is_seen_is_found() {
        let scene = Scene::of(&song());
        let lane = &scene.lanes()[0];
        assert_eq!(seen(lane, 0.0, 5.0), ["long"]);
        assert_eq!(seen(lane, 11.0, 12.0), ["long", "short"]);
        assert_eq!(seen(lane, 12.0, 20.0), ["long"]);
        assert!(seen(lane, 64.0, 90.0).is_empty());
        assert_eq!(lane.at(beats(11.0)).unwrap().id, id("short"));
        assert_eq!(lane.at(beats(9.0)).unwrap().id, id("long"));
    }

    #[test]
    fn one_moved_clip_changes_two_lanes() {
        let mut records = song();
        let mut scene = Scene::of(&records);
        records.insert(Table::Clips, clip("short", "b", 20.0, 2.0));
        assert!(scene.update(&records, &[Key::new(Table::Clips, id("short"))]));
        assert_eq!(seen(&scene.lanes()[0], 0.0, 99.0), ["long"]);
        assert_eq!(seen(&scene.lanes()[1], 0.0, 99.0), ["other", "short"]);
        assert_eq!(scene.clip(&id("short")).unwrap().0, 1);
        assert_eq!(scene.end(), Ticks(TICKS_PER_BEAT * 64));
    }

    #[test]
    fn a_clip_that_was_only_confirmed_is_not_drawn_again() {
        let mut records = song();
        let mut scene = Scene::of(&records);
        let key = [Key::new(Table::Clips, id("short"))];
        assert!(!scene.update(&records, &key));
        let same = records.find(Table::Clips, &id("short")).unwrap().with("startBeat", 10.0.into());
        records.insert(Table::Clips, same);
        assert!(!scene.update(&records, &key));
        assert!(scene.update(&records, &[Key::new(Table::AudioFiles, id("file"))]), "a waveform may have come");
    }

    #[test]
    fn clips_at_one_place_are_told_apart_and_the_end_follows_the_last() {
        let mut records = song();
        records.insert(Table::Clips, clip("twin", "a", 10.0, 2.0));
        let mut scene = Scene::of(&records);
        records.insert(Table::Clips, clip("long", "a", 0.0, 4.0));
        records.insert(Table::Clips, clip("twin", "a", 3.0, 2.0));
        scene.update(&records, &[Key::new(Table::Clips, id("long")), Key::new(Table::Clips, id("twin"))]);
        assert_eq!(seen(&scene.lanes()[0], 0.0, 99.0), ["long", "twin", "short"]);
        assert_eq!(scene.clip(&id("twin")).unwrap().1.start, beats(3.0));
        assert_eq!(scene.end(), beats(12.0));
    }

    #[test]
    fn a_deleted_clip_is_gone_and_comes_back() {
        let mut records = song();
        let mut scene = Scene::of(&records);
        let key = [Key::new(Table::Clips, id("other"))];
        let before = records.find(Table::Clips, &id("other")).unwrap().clone();
        records.insert(Table::Clips, before.with("deleted", "2026-11-23T00:00:00.000Z".into()));
        scene.update(&records, &key);
        assert_eq!((scene.clip_count(), scene.clip(&id("other")).is_none()), (2, true));
        records.insert(Table::Clips, before);
        scene.update(&records, &key);
        assert_eq!(scene.clip_count(), 3);
    }
}
