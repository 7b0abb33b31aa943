//! What the arrangement knows beside the song: what is in view, what is selected, what is being dragged.

use std::cell::RefCell;
use std::collections::{BTreeSet, HashMap};
use std::rc::Rc;

use leptos::prelude::*;
use model::{Clip, Id, Key, Record, Table, Ticks};
use sync::wire::Held;

use super::drag::Drag;
use super::paint_clip::body_of;
use super::rows::Rows;
use super::scene::Scene;
use super::shape::{Part, Shaping};
use super::snap::{self, GRID};
use super::viewport::{Extent, Viewport};
use crate::automation::LanesShown;
use crate::door::Door;
use crate::presence::Hands;

/// The arrangement's state. Copy it freely.
#[derive(Clone, Copy)]
pub(crate) struct Board {
    pub(crate) door: Door,
    pub(crate) viewport: RwSignal<Viewport>,
    pub(crate) selection: RwSignal<BTreeSet<Id>>,
    /// Where on the lanes the pointer is, in pixels; none elsewhere.
    pub(crate) pointer: RwSignal<Option<(f64, f64)>>,
    pub(crate) drag: RwSignal<Option<Drag>>,
    /// What one's own and others' hands hold.
    pub(crate) hands: Hands,
    /// What others hold of clips: their fades, gains and contents.
    pub(crate) held_clips: Memo<Vec<Held>>,
    /// A clip whose fades, gain or content the hand holds.
    pub(crate) shaping: RwSignal<Option<Shaping>>,
    /// The rectangle with which the hand selects: left, top, width, height, in pixels of the lanes.
    pub(crate) marquee: RwSignal<Option<[f64; 4]>>,
    /// The clip under the pointer, which shows its handles, and the handle.
    pub(crate) hover: RwSignal<Option<(Id, Option<Part>)>>,
    /// Whose panel is open.
    pub(crate) clip_panel: RwSignal<Option<Id>>,
    pub(crate) snaps: RwSignal<bool>,
    /// Whether the view follows the playhead.
    pub(crate) follows: RwSignal<bool>,
    /// Where files that are being dragged over the page would land.
    pub(crate) incoming: RwSignal<Option<Landing>>,
    /// The height of a lane in CSS pixels, and that of a lane of automation: the style sheet decides.
    pub(crate) lane_height: RwSignal<f64>,
    pub(crate) automation_height: RwSignal<f64>,
    /// Where the rows of the tracks are.
    pub(crate) rows: Memo<Rows>,
    /// The point of automation that was focused last, by its id.
    pub(crate) point: RwSignal<Option<String>>,
    /// The clip that was focused last: Tab comes to it.
    pub(crate) current: RwSignal<Option<Id>>,
    /// The clip that is to get the focus as soon as it is in the list.
    pub(crate) sought: StoredValue<Option<Id>>,
    /// What was trimmed by keys last, as it was at first and as it is now: a fade that was too long for a moment comes back.
    pub(super) trimmed: StoredValue<HashMap<Id, (Clip, Clip)>>,
    /// Clips as they were when they were copied, to be pasted.
    pub(crate) copied: StoredValue<Vec<Record>>,
    /// Runs again when clips, lanes or waveforms changed.
    pub(crate) changed: RwSignal<u32>,
    scene: StoredValue<Rc<RefCell<Scene>>, LocalStorage>,
}

/// A place for what is dropped; without a lane it gets a track of its own.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Landing {
    pub(crate) lane: Option<usize>,
    pub(crate) place: Ticks,
    /// Whether it is over a lane that takes none.
    pub(crate) is_barred: bool,
}

impl Board {
    /// The board of an open project.
    pub(crate) fn new(door: Door, automation: LanesShown) -> Board {
        let hands = expect_context::<Hands>();
        let (lane_height, automation_height) = (RwSignal::new(76.0), RwSignal::new(64.0));
        let board = Board {
            door,
            viewport: RwSignal::new(Viewport::default()),
            selection: RwSignal::new(BTreeSet::new()),
            pointer: RwSignal::new(None),
            drag: RwSignal::new(None),
            hands,
            held_clips: Memo::new(move |_| hands.others(Table::Clips)),
            shaping: RwSignal::new(None),
            marquee: RwSignal::new(None),
            hover: RwSignal::new(None),
            clip_panel: RwSignal::new(None),
            snaps: RwSignal::new(true),
            follows: RwSignal::new(true),
            incoming: RwSignal::new(None),
            lane_height,
            automation_height,
            rows: Memo::new(move |_| {
                let counts =
                    door.tracks().with(|tracks| tracks.iter().map(|track| automation.count(track)).collect::<Vec<_>>());
                Rows::new(lane_height.get(), automation_height.get(), counts).with_master(automation.count_of_master())
            }),
            point: RwSignal::new(None),
            current: RwSignal::new(None),
            sought: StoredValue::new(None),
            trimmed: StoredValue::new(HashMap::new()),
            copied: StoredValue::new(Vec::new()),
            changed: RwSignal::new(0),
            scene: StoredValue::new_local(Rc::new(RefCell::new(door.read(Scene::of)))),
        };
        door.listen(move |keys| board.take_in(keys));
        board
    }

    fn take_in(self, keys: &[Key]) {
        // The door outlives the arrangement on the page.
        let Some(scene) = self.scene.try_get_value() else { return };
        if !self.door.read(|records| scene.borrow_mut().update(records, keys)) {
            return;
        }
        // Each clip in the list looks at the selection: they are not called for an edit that leaves it as it is.
        self.selection.maybe_update(|selection| {
            let (before, scene) = (selection.len(), scene.borrow());
            selection.retain(|id| scene.clip(id).is_some());
            selection.len() != before
        });
        self.redraw();
    }

    /// Has everything that depends on the scene look again.
    pub(crate) fn redraw(self) {
        let _ = self.changed.try_update(|count| *count = count.wrapping_add(1));
    }

    /// Reads the scene.
    pub(crate) fn scene<T>(self, read: impl FnOnce(&Scene) -> T) -> T {
        read(&self.scene.get_value().borrow())
    }

    /// How much there is to scroll over.
    pub(crate) fn extent(self) -> Extent {
        // Room for the button below the last lane.
        let height = self.rows.with_untracked(Rows::height) + 96.0;
        self.scene(|scene| Extent { beats: scene.end().beats(), height })
    }

    /// The grid, unless it is switched off or the Alt key is held.
    pub(crate) fn grid(self, alt: bool) -> Option<Ticks> {
        (self.snaps.get_untracked() && !alt).then_some(GRID)
    }

    /// A place, brought to the grid unless that is off or the Alt key is held.
    pub(crate) fn snapped(self, place: Ticks, alt: bool) -> Ticks {
        self.grid(alt).map_or(Ticks(place.0.max(0)), |grid| snap::nearest(place, grid))
    }

    /// One step of an arrow key; `far` steps to the next bar.
    pub(crate) fn stepped(self, place: Ticks, direction: i64, far: bool) -> Ticks {
        if far {
            return self.door.times().with_untracked(|times| times.bar_step(place, direction)).max(Ticks(0));
        }
        snap::step(place, direction, GRID)
    }

    /// The lane whose clips are at a pixel; none below the last, nor on automation.
    pub(crate) fn lane_at(self, y: f64) -> Option<usize> {
        let y = y + self.viewport.get_untracked().top;
        let index = self.rows.with_untracked(|rows| rows.clips_at(y))?;
        (index < self.scene(|scene| scene.lanes().len())).then_some(index)
    }

    /// The clip at a pixel.
    pub(crate) fn clip_at(self, x: f64, y: f64) -> Option<Id> {
        let lane = self.lane_at(y)?;
        let place = self.viewport.get_untracked().place(x);
        self.scene(|scene| scene.lanes()[lane].at(place).map(|clip| clip.id.clone()))
    }

    /// The handle of a clip within `reach` pixels of a place on the lanes.
    pub(crate) fn part_at(self, clip: &Id, (x, y): (f64, f64), reach: f64) -> Option<Part> {
        let view = self.viewport.get_untracked();
        self.scene(|scene| {
            let (lane, clip) = scene.clip(clip)?;
            let top = self.rows.with_untracked(|rows| rows.top(lane)) - view.top;
            let body = body_of(view, (clip.start, clip.end()), top, self.lane_height.get_untracked());
            body.part_at(clip, view.pixels_per_beat, (x, y), reach)
        })
    }

    /// Selects one clip only, or adds it to the selection or takes it out.
    pub(crate) fn select(self, clip: &Id, extend: bool) {
        self.selection.update(|selection| {
            if extend {
                if !selection.remove(clip) {
                    selection.insert(clip.clone());
                }
            } else if selection.len() != 1 || !selection.contains(clip) {
                selection.clear();
                selection.insert(clip.clone());
            }
        });
    }

    /// Scrolls so that a clip is seen.
    pub(crate) fn show(self, clip: &Id) {
        let place =
            self.scene(|scene| scene.clip(clip).map(|(lane, clip)| (lane, clip.start.beats(), clip.end().beats())));
        let Some((lane, from, to)) = place else { return };
        let top = self.rows.with_untracked(|rows| rows.top(lane));
        let view = self.viewport.get_untracked();
        let shown = view.showing(from, to, top, top + self.lane_height.get_untracked(), self.extent());
        if shown != view {
            self.viewport.set(shown);
        }
    }

    /// Scrolls so that a lane is seen.
    pub(crate) fn show_lane(self, lane: usize) {
        let top = self.rows.with_untracked(|rows| rows.top(lane));
        let view = self.viewport.get_untracked();
        let (left, bottom) = (view.left, top + self.lane_height.get_untracked());
        let shown = view.showing(left, left, top, bottom, self.extent());
        if shown != view {
            self.viewport.set(shown);
        }
    }

    /// Zooms around a pixel.
    pub(crate) fn zoom(self, factor: f64, x: f64) {
        let extent = self.extent();
        self.viewport.update(|view| *view = view.zoomed(factor, x, extent));
    }

    /// Zooms around the middle.
    pub(crate) fn zoom_middle(self, factor: f64) {
        self.zoom(factor, self.viewport.get_untracked().width / 2.0);
    }

    /// Shows the whole song.
    pub(crate) fn fit(self) {
        let extent = self.extent();
        self.viewport.update(|view| *view = view.fitted(extent));
    }

    /// Scrolls by pixels.
    pub(crate) fn pan(self, dx: f64, dy: f64) {
        let extent = self.extent();
        let view = self.viewport.get_untracked();
        let panned = view.panned(dx, dy, extent);
        if panned != view {
            self.viewport.set(panned);
        }
    }
}
