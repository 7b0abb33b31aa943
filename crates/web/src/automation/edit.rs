//! What a hand did to a lane, as operations on single points, so that what others do to other points merges with it (OP7).

use model::{Id, Table, Ticks, Value, fields};
use operations::{Operation, Position, build};

use super::points::{Lane, Point, Way};

/// Points that one stroke of the pencil draws or replaces: with all of them a transaction stays within its limit.
pub(super) const STROKE_POINTS_MAX: usize = 900;

/// Where a lane is, or would be.
pub(super) struct Place<'a> {
    /// None: the master's.
    pub(super) track: Option<&'a Id>,
    pub(super) parameter: &'a str,
    pub(super) lane: Option<&'a Lane>,
    /// The id of the lane's record, should it have to be made.
    pub(super) new_lane: Id,
}

fn list_element(id: &str) -> Value {
    Value::map([("id", Value::text(id))])
}

impl Place<'_> {
    /// Adds points; makes the lane when there is none.
    pub(super) fn add(&self, points: &[Point]) -> Vec<Operation> {
        match self.lane {
            Some(lane) => points
                .iter()
                .map(|point| {
                    build::list_insert(Table::Automation, &lane.id, "points", point.element(), Position::Append)
                })
                .collect(),
            None => vec![build::create(
                Table::Automation,
                &self.new_lane,
                fields([
                    ("trackId", self.track.map_or(Value::Null, Value::from)),
                    ("parameter", Value::text(self.parameter)),
                    ("points", Value::list(points.iter().map(Point::element))),
                ]),
            )],
        }
    }

    fn set(&self, point: &str, field: &str, value: Value) -> Option<Operation> {
        let path = format!("points.{point}.{field}");
        self.lane.map(|lane| build::set(Table::Automation, &lane.id, &path, value))
    }

    /// Puts a point elsewhere: what did not change is not written.
    pub(super) fn change(&self, from: &Point, to: &Point) -> Vec<Operation> {
        let beat = (to.place != from.place).then(|| self.set(&from.id, "beat", to.place.beats().into()));
        let value = (to.value.to_bits() != from.value.to_bits()).then(|| self.set(&from.id, "value", to.value.into()));
        let way = (to.way != from.way).then(|| self.set(&from.id, "curve", to.way.value()));
        [beat, value, way].into_iter().flatten().flatten().collect()
    }

    /// Takes points out.
    pub(super) fn remove<'p>(&self, ids: impl IntoIterator<Item = &'p str>) -> Vec<Operation> {
        let Some(lane) = self.lane else { return Vec::new() };
        let gone = |id: &str| build::list_remove(Table::Automation, &lane.id, "points", list_element(id));
        ids.into_iter().map(gone).collect()
    }

    /// What a stroke of the pencil drew takes the place of what was there.
    pub(super) fn draw(&self, drawn: &[Point]) -> Vec<Operation> {
        let (Some(first), Some(last)) = (drawn.first(), drawn.last()) else { return Vec::new() };
        let inside = |point: &&Point| (first.place..=last.place).contains(&point.place);
        let points = self.lane.map(|lane| &*lane.points).unwrap_or_default();
        let mut operations = self.remove(points.iter().filter(inside).take(STROKE_POINTS_MAX).map(|point| &*point.id));
        operations.extend(self.add(drawn));
        operations
    }
}

/// A stroke's points with a new one in it: one for each place, in the order of time.
pub(super) fn stroke(drawn: &mut Vec<Point>, point: Point) {
    match drawn.binary_search_by_key(&point.place, |point| point.place) {
        Ok(at) => drawn[at].value = point.value,
        Err(at) if drawn.len() < STROKE_POINTS_MAX => drawn.insert(at, point),
        Err(_) => {}
    }
}

/// A point between its neighbours: it may touch them, and does not pass them.
pub(super) fn between_neighbours(points: &[Point], id: &str, wanted: Ticks) -> Ticks {
    let Some(at) = points.iter().position(|point| point.id == id) else { return wanted };
    let low = at.checked_sub(1).map_or(Ticks(0), |before| points[before].place);
    let high = points.get(at + 1).map_or(Ticks(i64::MAX), |after| after.place);
    wanted.clamp(low, high)
}

/// The next way of a point at a key: held or straight.
pub(super) fn held_or_straight(way: Way) -> Way {
    if way == Way::Hold { Way::Bent(0.0) } else { Way::Hold }
}

#[cfg(test)]
mod tests {
    use model::{Record, Records, TICKS_PER_BEAT};

    use super::super::points::lane;
    use super::*;

    fn id(text: &str) -> Id {
        Id::new(text).unwrap()
    }

    fn point(id: &str, beat: i64, value: f64) -> Point {
        Point { id: id.to_owned(), place: Ticks(beat * TICKS_PER_BEAT), value, way: Way::Bent(0.0) }
    }

    fn records(points: &[Point]) -> Records {
        let points = Value::list(points.iter().map(Point::element));
        let given = [("trackId", Value::text("t")), ("parameter", "volume".into()), ("points", points)];
        [(Table::Automation, Record::new(id("l"), 1, fields(given)))].into_iter().collect()
    }

    fn after(points: &[Point], edit: impl FnOnce(&Place<'_>) -> Vec<Operation>) -> Vec<Point> {
        let mut records = records(points);
        let there = lane(&records, &id("t"), "volume");
        let operations =
            edit(&Place { track: Some(&id("t")), parameter: "volume", lane: there.as_ref(), new_lane: id("new") });
        for operation in operations {
            let before = records.find(Table::Automation, &operation.target.id).unwrap();
            let changed = operations::apply(before, &operation, model::Timestamp(0)).unwrap();
            records.insert(Table::Automation, changed);
        }
        lane(&records, &id("t"), "volume").unwrap().points
    }

    #[test]
    fn op7_a_moved_point_writes_only_what_changed_of_it() {
        let before = [point("a", 0, 1.0), point("b", 4, 0.5)];
        let there = lane(&records(&before), &id("t"), "volume");
        let place = Place { track: Some(&id("t")), parameter: "volume", lane: there.as_ref(), new_lane: id("new") };
        let written = |to: Point| {
            let keys = place.change(&before[1], &to).into_iter().map(|operation| operation.path.as_str().to_owned());
            keys.collect::<Vec<_>>()
        };
        assert_eq!(written(point("b", 4, 0.25)), ["points.b.value"]);
        assert_eq!(written(point("b", 5, 0.5)), ["points.b.beat"]);
        assert_eq!(written(point("b", 4, 0.5)), [""; 0]);
        let moved = after(&before, |place| place.change(&before[1], &point("b", 5, 0.25)));
        assert_eq!(moved, [point("a", 0, 1.0), point("b", 5, 0.25)]);
    }

    #[test]
    fn a_first_point_makes_its_lane() {
        let place = Place { track: Some(&id("t")), parameter: "pan", lane: None, new_lane: id("new") };
        let made = place.add(&[point("a", 0, 0.5)]);
        assert_eq!(made.len(), 1);
        assert!(made[0].is_creation() && made[0].target.id == id("new"));
        let Place { parameter, new_lane, .. } = place;
        let of_master = Place { track: None, parameter, lane: None, new_lane }.add(&[point("a", 0, 0.5)]);
        let operations::Change::Set(value) = &of_master[0].change else { panic!("it is made") };
        assert!(value.get("trackId").is_some_and(Value::is_null), "stated: it is the master's (U2)");
    }

    #[test]
    fn a_stroke_takes_the_place_of_what_it_passes_and_of_nothing_else() {
        let mut drawn = Vec::new();
        for (beat, value) in [(3, 0.3), (2, 0.2), (3, 0.4)] {
            stroke(&mut drawn, point(&format!("n{beat}"), beat, value));
        }
        let before = [point("a", 1, 1.0), point("b", 2, 1.0), point("c", 4, 1.0)];
        let left = after(&before, |place| place.draw(&drawn));
        assert_eq!(left, [point("a", 1, 1.0), point("n2", 2, 0.2), point("n3", 3, 0.4), point("c", 4, 1.0)]);
        for beat in 0..2_000 {
            stroke(&mut drawn, point("x", beat, 0.0));
        }
        assert_eq!(drawn.len(), STROKE_POINTS_MAX);
    }

    #[test]
    fn a_point_does_not_pass_its_neighbours() {
        let points = [point("a", 0, 1.0), point("b", 4, 1.0), point("c", 8, 1.0)];
        let held = |id: &str, beat: i64| between_neighbours(&points, id, Ticks(beat * TICKS_PER_BEAT)).beats();
        assert_eq!(
            (held("b", 9), held("b", -2), held("b", 6), held("c", 99), held("a", -5)),
            (8.0, 0.0, 6.0, 99.0, 0.0)
        );
    }
}
