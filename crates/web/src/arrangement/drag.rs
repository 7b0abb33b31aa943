//! Clips being dragged: where they would land, and the one transaction when they are let go (CL8).

use model::{Clip, Id, Table, Ticks};
use operations::{Operation, build};

use super::scene::Scene;
use super::snap;

/// Clips in the hand.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Drag {
    /// The clip under the pointer, and all that move with it.
    pub(crate) held: Id,
    pub(crate) clips: Vec<Dragged>,
    /// How far they have come.
    pub(crate) by: Ticks,
    pub(crate) lanes: i64,
}

/// One of the clips in the hand.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Dragged {
    pub(crate) clip: Clip,
    pub(crate) lane: usize,
}

impl Drag {
    /// Takes up clips; none when the held one is gone.
    pub(crate) fn take_up<'a>(scene: &Scene, held: &Id, ids: impl IntoIterator<Item = &'a Id>) -> Option<Drag> {
        let dragged = |id: &Id| scene.clip(id).map(|(lane, clip)| Dragged { clip: clip.clone(), lane });
        let clips: Vec<Dragged> = ids.into_iter().filter_map(dragged).collect();
        let drag = Drag { held: held.clone(), clips, by: Ticks(0), lanes: 0 };
        drag.held().is_some().then_some(drag)
    }

    fn held(&self) -> Option<&Dragged> {
        self.clips.iter().find(|dragged| dragged.clip.id == self.held)
    }

    /// Moves them: `by` along the song and `lanes` down, as far as the grid, the song's start and the lanes allow.
    pub(crate) fn move_to(&mut self, by: Ticks, lanes: i64, lane_count: usize, grid: Option<Ticks>) {
        let Some(held) = self.held() else { return };
        let first = self.clips.iter().map(|dragged| dragged.clip.start).min().unwrap_or_default();
        self.by = snap::shift(held.clip.start, first, by, grid);
        let top = self.clips.iter().map(|dragged| dragged.lane).min().unwrap_or(0);
        let bottom = self.clips.iter().map(|dragged| dragged.lane).max().unwrap_or(0);
        let room_below = lane_count.saturating_sub(1).saturating_sub(bottom);
        self.lanes = lanes.clamp(-i64::try_from(top).unwrap_or(0), i64::try_from(room_below).unwrap_or(0));
    }

    /// What has been deleted while it was held does not land.
    pub(crate) fn let_go_of_what_is_gone(&mut self, scene: &Scene) {
        self.clips.retain(|dragged| scene.clip(&dragged.clip.id).is_some());
    }

    /// Whether letting go would change anything.
    pub(crate) fn changes(&self) -> bool {
        !self.clips.is_empty() && (self.by != Ticks(0) || self.lanes != 0)
    }

    /// Whether a clip is on its way elsewhere.
    pub(crate) fn lifts(&self, id: &Id) -> bool {
        self.changes() && self.clips.iter().any(|dragged| dragged.clip.id == *id)
    }

    /// The lane on which a clip would land.
    pub(crate) fn target_lane(&self, dragged: &Dragged) -> usize {
        usize::try_from(i64::try_from(dragged.lane).unwrap_or(0) + self.lanes).unwrap_or(0)
    }

    /// Whether a clip would come to a lane that takes none: a bus's, or a group's.
    pub(crate) fn is_barred(&self, scene: &Scene) -> bool {
        let barred = |dragged: &Dragged| scene.lanes().get(self.target_lane(dragged)).is_some_and(|it| !it.takes_clips);
        self.lanes != 0 && self.clips.iter().any(barred)
    }

    /// The operations that put the clips where they are.
    pub(crate) fn operations(&self, scene: &Scene) -> Vec<Operation> {
        let mut operations = Vec::new();
        for dragged in &self.clips {
            let id = &dragged.clip.id;
            if self.by != Ticks(0) {
                operations.push(build::set(Table::Clips, id, "startBeat", (dragged.clip.start + self.by).beats()));
            }
            if self.lanes != 0
                && let Some(lane) = scene.lanes().get(self.target_lane(dragged))
            {
                operations.push(build::set(Table::Clips, id, "trackId", &lane.id));
            }
        }
        operations
    }
}

#[cfg(test)]
mod tests {
    use model::{Record, Records, TICKS_PER_BEAT, Value, fields};

    use super::super::snap::GRID;
    use super::*;

    fn id(text: &str) -> Id {
        Id::new(text).unwrap()
    }

    fn scene() -> Scene {
        let mut records = Records::new();
        for track in ["a", "b", "c"] {
            let given = [("projectId", Value::text("p")), ("name", track.into()), ("orderKey", track.into())];
            records.insert(Table::Tracks, Record::new(id(track), 1, fields(given)));
        }
        for (clip, track, start) in [("x", "a", 4.0), ("y", "b", 8.0)] {
            let given = [("trackId", Value::text(track)), ("startBeat", start.into()), ("durationBeats", 4.0.into())];
            records.insert(Table::Clips, Record::new(id(clip), 1, fields(given)));
        }
        Scene::of(&records)
    }

    #[test]
    fn cl8_letting_go_is_one_list_of_operations() {
        let scene = scene();
        let mut drag = Drag::take_up(&scene, &id("x"), &[id("x"), id("y")]).unwrap();
        assert!(!drag.changes());
        drag.move_to(Ticks(TICKS_PER_BEAT * 2 + 5), 1, 3, Some(GRID));
        let operations = drag.operations(&scene);
        assert_eq!(
            operations,
            [
                build::set(Table::Clips, &id("x"), "startBeat", 6.0),
                build::set(Table::Clips, &id("x"), "trackId", "b"),
                build::set(Table::Clips, &id("y"), "startBeat", 10.0),
                build::set(Table::Clips, &id("y"), "trackId", "c"),
            ]
        );
    }

    #[test]
    fn a_selection_keeps_its_shape_at_the_edges() {
        let scene = scene();
        let mut drag = Drag::take_up(&scene, &id("y"), &[id("x"), id("y")]).unwrap();
        drag.move_to(Ticks(-TICKS_PER_BEAT * 99), 9, 3, Some(GRID));
        assert_eq!((drag.by, drag.lanes), (Ticks(-TICKS_PER_BEAT * 4), 1));
        drag.move_to(Ticks(0), -9, 3, None);
        assert_eq!(drag.lanes, 0);
    }

    #[test]
    fn a_bus_takes_no_clips() {
        let mut records = Records::new();
        for (track, kind) in [("a", "audio"), ("b", "bus"), ("c", "audio"), ("d", "group")] {
            let given = [("name", Value::text(track)), ("orderKey", track.into()), ("type", kind.into())];
            records.insert(Table::Tracks, Record::new(id(track), 1, fields(given)));
        }
        for (clip, track) in [("x", "a"), ("y", "c")] {
            let given = [("trackId", Value::text(track)), ("startBeat", 4.0.into()), ("durationBeats", 4.0.into())];
            records.insert(Table::Clips, Record::new(id(clip), 1, fields(given)));
        }
        let scene = Scene::of(&records);
        let barred = |held: &str, lanes: i64, all: &[&str]| {
            let ids: Vec<Id> = all.iter().map(|name| id(name)).collect();
            let mut drag = Drag::take_up(&scene, &id(held), &ids).unwrap();
            drag.move_to(Ticks(TICKS_PER_BEAT), lanes, 4, Some(GRID));
            drag.is_barred(&scene)
        };
        assert_eq!([0, 1, 2, 3].map(|lanes| barred("x", lanes, &["x"])), [false, true, false, true]);
        assert!(barred("x", 1, &["x", "y"]), "one of them is enough");
    }

    #[test]
    fn cl8_what_is_deleted_in_the_hand_does_not_land() {
        let scene = scene();
        let mut drag = Drag::take_up(&scene, &id("x"), &[id("x"), id("y")]).unwrap();
        drag.move_to(Ticks(TICKS_PER_BEAT), 0, 3, None);
        drag.let_go_of_what_is_gone(&scene);
        assert_eq!(drag.operations(&scene).len(), 2);
        drag.let_go_of_what_is_gone(&Scene::of(&Records::new()));
        assert!(!drag.changes() && drag.operations(&scene).is_empty());
    }

    #[test]
    fn a_clip_that_is_gone_cannot_be_held() {
        assert_eq!(Drag::take_up(&scene(), &id("z"), &[id("x")]), None);
    }
}
