//! What the pointer does in a lane.

use leptos::prelude::*;
use model::{Id, Key, Table, Ticks};
use operations::Operation;

use super::edit::{Place, between_neighbours, stroke};
use super::points::{self, Lane, Point, Way};
use super::target::{Scale, Target};
use crate::arrangement::Board;
use crate::door::new_id;

/// Space above the largest value and below the least, in pixels.
pub(super) const PAD: f64 = 9.0;
/// A press that moves less than this, in pixels, moves nothing.
const SLACK: f64 = 3.0;
/// So near to the curve, in pixels, a mouse and a finger take hold of it.
const REACH: f64 = 7.0;
const REACH_OF_A_FINGER: f64 = 16.0;
/// Segments that are narrower, in pixels, have no middle to be bent at.
const BENT_WIDTH_MIN: f64 = 24.0;
/// With Shift held a point rises this much less.
const FINE: f64 = 0.1;

/// What the hand holds.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Held {
    /// A point on its way; without `from` it is new.
    Point { from: Option<Point>, to: Point },
    /// A segment, by the point where it begins.
    Bend { from: Point, to: Point },
    /// What the pencil has drawn so far.
    Stroke(Vec<Point>),
    /// A finger that may scroll or tap.
    Finger { moved: bool },
}

/// A lane in the hand. Copy it freely.
#[derive(Clone, Copy)]
pub(super) struct Hand {
    pub(super) board: Board,
    /// None: the master's.
    pub(super) track: StoredValue<Option<Id>>,
    /// What the song has; none while nothing is drawn.
    pub(super) lane: Memo<Option<Lane>>,
    /// What the lane moves; none when that is gone.
    pub(super) target: Memo<Option<Target>>,
    pub(super) held: RwSignal<Option<Held>>,
    start: StoredValue<(f64, f64)>,
    last: StoredValue<(f64, f64)>,
}

impl Hand {
    pub(super) fn new(board: Board, track: Option<Id>, lane: Memo<Option<Lane>>, target: Memo<Option<Target>>) -> Hand {
        let hand = Hand {
            board,
            track: StoredValue::new(track),
            lane,
            target,
            held: RwSignal::new(None),
            start: StoredValue::new((0.0, 0.0)),
            last: StoredValue::new((0.0, 0.0)),
        };
        Effect::new(move |_| hand.tell());
        hand
    }

    /// Has the others see a point of the lane that is on its way (CL8); a new one is seen when it is written.
    fn tell(self) {
        let operations = match self.held.get() {
            Some(Held::Point { from: Some(from), to } | Held::Bend { from, to }) => {
                self.place(|place| place.change(&from, &to))
            }
            _ => Vec::new(),
        };
        let lane = self.lane.with_untracked(|lane| lane.as_ref().map(|lane| lane.id.clone()));
        if let Some(lane) = lane {
            self.board.hands.hold(&Key::new(Table::Automation, lane), &operations);
        }
    }

    /// How tall the part of the lane is in which values lie.
    fn room(self) -> f64 {
        self.board.automation_height.get_untracked() - 2.0 * PAD
    }

    /// The scale and the value at rest.
    pub(super) fn scale(self) -> (Scale, f64) {
        self.target.with(|target| target.as_ref().map_or((Scale::Gain, 1.0), |target| (target.scale, target.rest)))
    }

    fn scale_untracked(self) -> (Scale, f64) {
        untrack(|| self.scale())
    }

    /// The points as the screen shows them: with what the hand does.
    pub(super) fn shown(self) -> Vec<Point> {
        let others = self.board.hands.others(Table::Automation);
        let mut all =
            self.lane.with(|lane| lane.as_ref().map(|lane| points::as_held(lane, &others)).unwrap_or_default());
        self.held.with(|held| match held {
            Some(Held::Point { from, to }) => {
                all.retain(|point| from.as_ref().is_none_or(|from| point.id != from.id));
                let at = all.partition_point(|point| point.place <= to.place);
                all.insert(at, to.clone());
            }
            Some(Held::Bend { to, .. }) => {
                all.iter_mut().filter(|point| point.id == to.id).for_each(|point| *point = to.clone());
            }
            Some(Held::Stroke(drawn)) => {
                if let (Some(first), Some(last)) = (drawn.first(), drawn.last()) {
                    all.retain(|point| !(first.place..=last.place).contains(&point.place));
                    let at = all.partition_point(|point| point.place < first.place);
                    all.splice(at..at, drawn.iter().cloned());
                }
            }
            Some(Held::Finger { .. }) | None => {}
        });
        all
    }

    fn points(self) -> Vec<Point> {
        self.lane.with_untracked(|lane| lane.as_ref().map(|lane| lane.points.clone()).unwrap_or_default())
    }

    fn point_at(self, x: f64, y: f64, alt: bool) -> Point {
        let (scale, _) = self.scale_untracked();
        let place = self.board.snapped(self.board.viewport.get_untracked().place(x), alt);
        Point {
            id: new_id().to_string(),
            place,
            value: scale.value_at(1.0 - (y - PAD) / self.room()),
            way: Way::Bent(0.0),
        }
    }

    /// A press on a point, or on none.
    pub(super) fn down(self, (x, y): (f64, f64), on: Option<&str>, [shift, alt, touch]: [bool; 3]) {
        self.start.set_value((x, y));
        self.last.set_value((x, y));
        let held = match on.and_then(|id| self.points().into_iter().find(|point| point.id == id)) {
            Some(point) => Held::Point { from: Some(point.clone()), to: point },
            None if shift => Held::Stroke(vec![self.point_at(x, y, alt)]),
            None => match self.segment_at(x, y, touch) {
                Some((from, _)) => Held::Bend { to: from.clone(), from },
                None if touch => Held::Finger { moved: false },
                None => Held::Point { from: None, to: self.point_at(x, y, alt) },
            },
        };
        self.held.set(Some(held));
    }

    /// A move.
    pub(super) fn moved(self, (x, y): (f64, f64), [shift, alt]: [bool; 2]) {
        let Some(held) = self.held.get_untracked() else { return };
        let (start, last) = (self.start.get_value(), self.last.get_value());
        self.last.set_value((x, y));
        let far = (x - start.0).hypot(y - start.1) > SLACK;
        let next = match held {
            Held::Point { from, to } => {
                let to = self.carried(from.as_ref(), to, (x, y), [shift, alt]);
                Held::Point { from, to }
            }
            Held::Bend { from, to } if far => {
                let way = self.bent(&from, y).unwrap_or(to.way);
                Held::Bend { to: Point { way, ..to }, from }
            }
            Held::Stroke(mut drawn) => {
                self.draw(&mut drawn, last, (x, y), alt);
                Held::Stroke(drawn)
            }
            Held::Finger { moved } if moved || far => {
                self.board.pan(last.0 - x, last.1 - y);
                Held::Finger { moved: true }
            }
            unchanged => unchanged,
        };
        self.held.set(Some(next));
    }

    /// Where a point in the hand is.
    fn carried(self, from: Option<&Point>, to: Point, (x, y): (f64, f64), [shift, alt]: [bool; 2]) -> Point {
        let (scale, _) = self.scale_untracked();
        let start = self.start.get_value();
        let Some(from) = from else {
            let now = self.point_at(x, y, alt);
            return Point { place: now.place, value: now.value, ..to };
        };
        let (dx, dy) = (x - start.0, start.1 - y);
        let place = if dx.abs() > SLACK {
            let by = Ticks::from_beats(dx / self.board.viewport.get_untracked().pixels_per_beat).unwrap_or_default();
            between_neighbours(&self.points(), &from.id, self.board.snapped(from.place + by, alt))
        } else {
            from.place
        };
        let value = if dy.abs() > SLACK {
            let speed = if shift { FINE } else { 1.0 };
            scale.value_at(scale.height_of(from.value) + dy / self.room() * speed)
        } else {
            from.value
        };
        Point { place, value, ..to }
    }

    fn bent(self, from: &Point, y: f64) -> Option<Way> {
        let (scale, _) = self.scale_untracked();
        let points = self.points();
        let next = points.iter().position(|point| point.id == from.id).and_then(|at| points.get(at + 1))?;
        let wanted = scale.value_at(1.0 - (y - PAD) / self.room());
        Some(Way::Bent(points::bend_for(from, next, wanted, scale)))
    }

    /// Points at all lines of the grid between two places of the pointer.
    fn draw(self, drawn: &mut Vec<Point>, last: (f64, f64), now: (f64, f64), alt: bool) {
        let steps = ((now.0 - last.0).abs() / 4.0).ceil().clamp(1.0, 400.0);
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "at most 400")]
        for step in 1..=steps as u32 {
            let part = f64::from(step) / steps;
            let (x, y) = (last.0 + (now.0 - last.0) * part, last.1 + (now.1 - last.1) * part);
            stroke(drawn, self.point_at(x, y, alt));
        }
    }

    /// What would be written, were the hand to let go now.
    pub(super) fn operations(self, held: &Held) -> Vec<Operation> {
        match held {
            Held::Point { from: None, to } => self.place(|place| place.add(std::slice::from_ref(to))),
            Held::Point { from: Some(from), to } | Held::Bend { from, to } => {
                self.place(|place| place.change(from, to))
            }
            Held::Stroke(drawn) => self.place(|place| place.draw(drawn)),
            Held::Finger { .. } => Vec::new(),
        }
    }

    /// A release: what was done becomes one edit. Says which point it was.
    pub(super) fn up(self) -> Option<String> {
        let held = self.held.get_untracked()?;
        let (what, held) = match held {
            Held::Point { from: None, .. } => ("Add point", held),
            Held::Point { .. } => ("Move point", held),
            Held::Bend { .. } => ("Bend automation", held),
            Held::Stroke(_) => ("Draw automation", held),
            Held::Finger { moved: false } => {
                let (x, y) = self.start.get_value();
                ("Add point", Held::Point { from: None, to: self.point_at(x, y, false) })
            }
            Held::Finger { moved: true } => return self.cancel(),
        };
        let operations = self.operations(&held);
        let id = match held {
            Held::Point { to, .. } | Held::Bend { to, .. } => to.id,
            Held::Stroke(drawn) => drawn.last().map(|point| point.id.clone()).unwrap_or_default(),
            Held::Finger { .. } => String::new(),
        };
        // Written first, so that nothing jumps back in between.
        self.board.door.dispatch(what, operations);
        self.held.set(None);
        Some(id)
    }

    /// Everything stays as it was.
    pub(super) fn cancel(self) -> Option<String> {
        self.held.set(None);
        None
    }

    /// The segment whose middle part is under the pointer, and where its middle is.
    pub(super) fn segment_at(self, x: f64, y: f64, touch: bool) -> Option<(Point, (f64, f64))> {
        let (scale, _) = self.scale_untracked();
        let view = self.board.viewport.get_untracked();
        let points = self.points();
        let next = points.partition_point(|point| view.x(point.place.beats()) <= x);
        let (from, to) = (points.get(next.checked_sub(1)?)?, points.get(next)?);
        let (left, right) = (view.x(from.place.beats()), view.x(to.place.beats()));
        let flat = (scale.height_of(from.value) - scale.height_of(to.value)).abs() < 1e-3;
        if scale.holds() || from.way == Way::Hold || flat || right - left < BENT_WIDTH_MIN {
            return None;
        }
        let y_at = |u: f64| self.y_of(scale.height_of(points::on_the_way(from, to, u, scale)));
        let u = (x - left) / (right - left);
        let reach = if touch { REACH_OF_A_FINGER } else { REACH };
        let near = (0.2..=0.8).contains(&u) && (y - y_at(u)).abs() <= reach;
        near.then(|| (from.clone(), (f64::midpoint(left, right), y_at(0.5))))
    }

    /// The pixel of a height.
    pub(super) fn y_of(self, height: f64) -> f64 {
        PAD + (1.0 - height) * self.room()
    }

    /// Makes operations on the lane as it is now.
    pub(super) fn place<T>(self, edit: impl FnOnce(&Place<'_>) -> T) -> T {
        let parameter = self.target.with_untracked(|it| it.as_ref().map(|it| it.parameter.clone())).unwrap_or_default();
        self.lane.with_untracked(|lane| {
            self.track.with_value(|track| {
                let track = track.as_ref();
                edit(&Place { track, parameter: &parameter, lane: lane.as_ref(), new_lane: new_id() })
            })
        })
    }

    /// Adds a point at a place, where the curve is now.
    pub(super) fn add_at(self, place: Ticks) {
        let (scale, rest) = self.scale_untracked();
        let value = points::value_at(&self.points(), place, scale, rest);
        let point = Point { id: new_id().to_string(), place, value, way: Way::Bent(0.0) };
        let operations = self.place(|place| place.add(std::slice::from_ref(&point)));
        self.board.door.dispatch("Add point", operations);
    }

    /// Changes a point as a key does.
    pub(super) fn change(self, what: &'static str, id: &str, change: impl FnOnce(&mut Point, Scale)) {
        let Some(from) = self.points().into_iter().find(|point| point.id == id) else { return };
        let mut to = from.clone();
        change(&mut to, self.scale_untracked().0);
        to.place = between_neighbours(&self.points(), id, to.place);
        let operations = self.place(|place| place.change(&from, &to));
        self.board.door.dispatch(what, operations);
    }

    /// Takes a point out.
    pub(super) fn remove(self, id: &str) {
        let operations = self.place(|place| place.remove([id]));
        self.board.door.dispatch("Delete point", operations);
    }
}
