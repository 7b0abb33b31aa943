//! The points of a lane: read from its record, and the curve through them.

use std::fmt::Write as _;

use model::{Id, Record, Records, Table, Ticks, Value};

use sync::wire::Held;

use super::target::Scale;

/// Pieces in which a bent way is drawn.
const PIECES: u32 = 20;

/// A point.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Point {
    /// Its id within the lane; letters that a path may have.
    pub(super) id: String,
    pub(super) place: Ticks,
    pub(super) value: f64,
    pub(super) way: Way,
}

/// How it goes on from a point.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Way {
    /// It stays until the next point.
    Hold,
    /// Straight at 0, bent from -1 to 1.
    Bent(f64),
}

impl Way {
    /// As the record writes it.
    pub(super) fn value(self) -> Value {
        match self {
            Way::Hold => "hold".into(),
            Way::Bent(0.0) => "linear".into(),
            Way::Bent(bend) => bend.into(),
        }
    }

    fn of(value: Option<&Value>) -> Way {
        match value {
            Some(Value::Number(bend)) => Way::Bent(bend.clamp(-1.0, 1.0)),
            Some(word) if word.as_str() == Some("hold") => Way::Hold,
            _ => Way::Bent(0.0),
        }
    }

    /// In words.
    pub(super) fn words(self) -> &'static str {
        match self {
            Way::Hold => "held",
            Way::Bent(0.0) => "straight",
            Way::Bent(_) => "bent",
        }
    }
}

impl Point {
    fn from_value(value: &Value) -> Option<Point> {
        Some(Point {
            id: value.get("id")?.as_str()?.to_owned(),
            place: Ticks::from_beats(value.get("beat")?.as_number()?)?,
            value: value.get("value")?.as_number()?,
            way: Way::of(value.get("curve")),
        })
    }

    /// The element of the record's list.
    pub(super) fn element(&self) -> Value {
        Value::map([
            ("id", Value::text(&self.id)),
            ("beat", self.place.beats().into()),
            ("value", self.value.into()),
            ("curve", self.way.value()),
        ])
    }
}

/// A lane of the song.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Lane {
    pub(super) id: Id,
    /// In the order of time.
    pub(super) points: Vec<Point>,
}

/// The lanes of a track; of the master, which goes by the project's id, those that lie on no track.
fn lanes<'a>(records: &'a Records, track: &Id) -> impl Iterator<Item = &'a Record> {
    let is_master = records.project().is_some_and(|project| project.id() == track);
    let of_master = is_master.then(|| records.master_automation()).into_iter().flatten();
    let of_track = (!is_master).then(|| records.children(Table::Automation, track)).into_iter().flatten();
    of_master.chain(of_track).filter(|lane| !lane.is_deleted())
}

/// What of a track is automated.
pub(super) fn automated(records: &Records, track: &Id) -> Vec<String> {
    let mut all: Vec<String> =
        lanes(records, track).filter_map(|lane| lane.text("parameter").map(str::to_owned)).collect();
    all.dedup();
    all
}

/// The lane of a parameter; of several the first, which is the one that sounds.
pub(super) fn lane(records: &Records, track: &Id, parameter: &str) -> Option<Lane> {
    let record = lanes(records, track).find(|lane| lane.text("parameter") == Some(parameter))?;
    let points = record.get("points").as_list();
    let mut points: Vec<Point> =
        points.map(|list| list.iter().filter_map(Point::from_value).collect()).unwrap_or_default();
    // Of points at one place the last of the list counts: the order stays.
    model::sort_by(&mut points, |a, b| a.place.cmp(&b.place));
    Some(Lane { id: record.id().clone(), points })
}

/// The points of a lane with those that are in others' hands where they would be.
pub(super) fn as_held(lane: &Lane, held: &[Held]) -> Vec<Point> {
    let mut points = lane.points.clone();
    for one in held.iter().filter(|one| one.target.id == lane.id) {
        let [_, id, field] = one.path.segments()[..] else { continue };
        let Some(point) = points.iter_mut().find(|point| point.id == id) else { continue };
        match field {
            "beat" => point.place = Ticks::from_beats(one.value.max(0.0)).unwrap_or(point.place),
            "value" => point.value = one.value,
            "curve" => point.way = Way::of(Some(&one.value.into())),
            _ => {}
        }
    }
    model::sort_by(&mut points, |a, b| a.place.cmp(&b.place));
    points
}

/// Of points in the order of time those that lie at least so many beats from each other: the first, or the chosen one, is never left out.
pub(super) fn apart<'a>(points: impl Iterator<Item = &'a Point>, least: f64, chosen: Option<&str>) -> Vec<&'a Point> {
    let mut kept: Vec<&Point> = Vec::new();
    let is_chosen = |point: &Point| chosen == Some(&*point.id);
    for point in points {
        let is_far = |last: &&Point| (point.place - last.place).beats() >= least;
        if is_chosen(point) {
            while kept.last().is_some_and(|last| !is_far(last)) {
                kept.pop();
            }
        }
        if kept.last().is_none_or(is_far) {
            kept.push(point);
        }
    }
    kept
}

/// The value at a place; `rest` where there are no points.
pub(super) fn value_at(points: &[Point], place: Ticks, scale: Scale, rest: f64) -> f64 {
    let next = points.partition_point(|point| point.place <= place);
    match (next.checked_sub(1).map(|before| &points[before]), points.get(next)) {
        (None, None) => rest,
        (None, Some(first)) => first.value,
        (Some(last), None) => last.value,
        (Some(from), Some(to)) => {
            let whole = (to.place - from.place).beats();
            on_the_way(from, to, (place - from.place).beats() / whole, scale)
        }
    }
}

/// The value at the share `u` of the way from one point to the next.
pub(super) fn on_the_way(from: &Point, to: &Point, u: f64, scale: Scale) -> f64 {
    match from.way {
        _ if scale.holds() => from.value,
        Way::Hold => from.value,
        Way::Bent(bend) => scale.between(from.value, to.value, dsp::bend::bend(u, bend)),
    }
}

/// The bend by which the middle of the way has a value as near as can be to `wanted`.
pub(super) fn bend_for(from: &Point, to: &Point, wanted: f64, scale: Scale) -> f64 {
    let (low, high) = (scale.height_of(from.value), scale.height_of(to.value));
    if (high - low).abs() < 1e-6 {
        return 0.0;
    }
    let at = |bend: f64| {
        let bent = Point { way: Way::Bent(bend), ..from.clone() };
        scale.height_of(on_the_way(&bent, to, 0.5, scale))
    };
    // The more it is bent, the nearer its middle is to where it came from.
    let (mut least, mut most) = (-1.0, 1.0);
    let wanted = scale.height_of(wanted);
    for _ in 0..24 {
        let middle = f64::midpoint(least, most);
        if (at(middle) > wanted) == (high > low) { least = middle } else { most = middle }
    }
    let bend = (f64::midpoint(least, most) * 100.0).round() / 100.0;
    // So nearly straight is meant straight.
    if bend.abs() < 0.03 { 0.0 } else { bend }
}

/// The path of the curve between two beats: x in beats from `origin`, y in pixels by `y_of` a height.
pub(super) fn path(
    points: &[Point],
    (left, right): (f64, f64),
    origin: f64,
    (scale, rest): (Scale, f64),
    y_of: impl Fn(f64) -> f64,
) -> String {
    let mut path = String::new();
    let mut go = |command: char, beat: f64, value: f64| {
        let _ = write!(path, "{command}{:.4} {:.2}", beat - origin, y_of(scale.height_of(value)));
    };
    let beat = |point: &Point| point.place.beats();
    let first = points.partition_point(|point| beat(point) < left).saturating_sub(1);
    let last = (points.partition_point(|point| beat(point) <= right) + 1).min(points.len());
    let seen = points.get(first..last).unwrap_or_default();
    let (Some(begin), Some(end)) = (seen.first(), seen.last()) else {
        go('M', left, rest);
        go('L', right, rest);
        return path;
    };
    go('M', left.min(beat(begin)), begin.value);
    for pair in seen.windows(2) {
        let [from, to] = pair else { continue };
        go('L', beat(from), from.value);
        let straight = scale.holds() || from.way == Way::Hold || (from.way == Way::Bent(0.0) && scale != Scale::Gain);
        for piece in 1..if straight { 1 } else { PIECES } {
            let u = f64::from(piece) / f64::from(PIECES);
            go('L', beat(from) + (beat(to) - beat(from)) * u, on_the_way(from, to, u, scale));
        }
        if scale.holds() || from.way == Way::Hold {
            go('L', beat(to), from.value);
        }
    }
    go('L', beat(end), end.value);
    go('L', right.max(beat(end)), end.value);
    path
}

#[cfg(test)]
mod tests {
    use model::{TICKS_PER_BEAT, fields};

    use super::*;

    fn point(id: &str, beat: i64, value: f64, way: Way) -> Point {
        Point { id: id.to_owned(), place: Ticks(beat * TICKS_PER_BEAT), value, way }
    }

    #[test]
    fn en33_a_lane_is_read_in_the_order_of_time_and_the_first_record_counts() {
        let id = |text: &str| Id::new(text).unwrap();
        let mut records = Records::new();
        let points = [point("b", 4, 0.0, Way::Bent(0.0)), point("a", 0, 1.0, Way::Hold)];
        for (name, parameter) in [("l2", "volume"), ("l1", "volume"), ("l3", "pan")] {
            let points = Value::list(points.iter().map(Point::element).take(if name == "l2" { 1 } else { 2 }));
            let given = [("trackId", Value::text("t")), ("parameter", parameter.into()), ("points", points)];
            records.insert(Table::Automation, Record::new(id(name), 1, fields(given)));
        }
        let read = lane(&records, &id("t"), "volume").unwrap();
        assert_eq!((read.id, read.points), (id("l1"), vec![points[1].clone(), points[0].clone()]));
        assert_eq!(automated(&records, &id("t")), ["volume", "pan"]);
        assert_eq!(lane(&records, &id("t"), "sends.x.gain"), None);
    }

    #[test]
    fn en33_values_are_held_straight_or_bent_as_the_engine_plays_them() {
        let points = [
            point("a", 0, 0.0, Way::Bent(0.0)),
            point("b", 4, 1.0, Way::Hold),
            point("c", 8, 0.5, Way::Bent(1.0)),
            point("d", 12, 1.5, Way::Hold),
        ];
        let at = |beat: f64| value_at(&points, Ticks::from_beats(beat).unwrap(), Scale::Gain, 0.7);
        assert_eq!((at(1.0), at(6.0), at(99.0)), (0.25, 1.0, 1.5));
        assert!((at(10.0) - (0.5 + 1.0 / 17.0)).abs() < 1e-12);
        assert_eq!(value_at(&[], Ticks(0), Scale::Gain, 0.7), 0.7);
    }

    #[test]
    fn en33_a_segment_bends_to_the_hand() {
        let (from, to) = (point("a", 0, -1.0, Way::Bent(0.0)), point("b", 4, 1.0, Way::Hold));
        for wanted in [-0.8, -0.3, 0.0, 0.4, 0.85] {
            let bend = bend_for(&from, &to, wanted, Scale::Pan);
            let bent = Point { way: Way::Bent(bend), ..from.clone() };
            assert!((on_the_way(&bent, &to, 0.5, Scale::Pan) - wanted).abs() < 0.05, "{wanted}: {bend}");
            let back = bend_for(&to, &from, wanted, Scale::Pan);
            let bent = Point { way: Way::Bent(back), ..to.clone() };
            assert!((on_the_way(&bent, &from, 0.5, Scale::Pan) - wanted).abs() < 0.05, "{wanted}: {back}");
        }
        assert_eq!(bend_for(&from, &from, 0.5, Scale::Pan), 0.0);
    }

    #[test]
    fn points_that_lie_too_near_are_left_out_but_never_the_chosen_one() {
        let points: Vec<Point> = [0, 1, 2, 4, 5, 9].map(|beat| point(&beat.to_string(), beat, 0.5, Way::Hold)).to_vec();
        let kept = |least: f64, chosen: Option<&str>| {
            apart(points.iter(), least, chosen).iter().map(|point| point.place.beats()).collect::<Vec<_>>()
        };
        assert_eq!(kept(0.0, None).len(), 6, "at a least of nothing all are there");
        assert_eq!(kept(2.0, None), [0.0, 2.0, 4.0, 9.0]);
        assert_eq!(kept(2.0, Some("1")), [1.0, 4.0, 9.0]);
        assert_eq!(kept(2.0, Some("5")), [0.0, 2.0, 5.0, 9.0]);
        assert_eq!(kept(100.0, Some("9")), [9.0]);
    }

    #[test]
    fn the_path_begins_and_ends_at_the_edges_and_holds_are_steps() {
        let points = [point("a", 2, 0.0, Way::Hold), point("b", 4, 1.0, Way::Bent(0.0))];
        let drawn = path(&points, (0.0, 8.0), 0.0, (Scale::Pan, 0.0), |height| height * 10.0);
        assert_eq!(drawn, "M0.0000 5.00L2.0000 5.00L4.0000 5.00L4.0000 10.00L8.0000 10.00");
        assert_eq!(path(&[], (1.0, 3.0), 1.0, (Scale::Pan, -1.0), |height| height), "M0.0000 0.00L2.0000 0.00");
    }
}
