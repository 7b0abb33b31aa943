//! The records of one project (or of one user), with the indexes that the product asks.

use std::collections::BTreeMap;
use std::sync::Arc;

use imbl::{OrdMap, OrdSet};

use crate::{Id, Key, Map, MetreChange, Record, Role, Table, TempoChange};

/// A set of records. Cloning is O(1), so that a view, a rollback or a snapshot costs nothing.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Records {
    by_key: OrdMap<Key, Record>,
    /// (child's table, parent's id, child's id) for every child, deleted ones included.
    children: OrdSet<(Table, Id, Id)>,
    /// The roles of those who are members.
    roles: Arc<BTreeMap<Id, Role>>,
    /// The sum of the records' weights.
    weight: usize,
}

/// The field by which a record hangs on its parent.
fn parent_field(table: Table) -> Option<&'static str> {
    match table {
        Table::Users | Table::Projects => None,
        Table::ProjectMembers
        | Table::Tracks
        | Table::AudioFiles
        | Table::Versions
        | Table::TempoChanges
        | Table::TimeSignatures => Some("projectId"),
        Table::Clips | Table::Automation => Some("trackId"),
    }
}

impl Records {
    /// No records.
    #[must_use]
    pub fn new() -> Records {
        Records::default()
    }

    /// How many records there are, deleted ones included.
    #[must_use]
    pub fn len(&self) -> usize {
        self.by_key.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.by_key.is_empty()
    }

    /// The record of this name, deleted or not.
    #[must_use]
    pub fn get(&self, key: &Key) -> Option<&Record> {
        self.by_key.get(key)
    }

    /// The record `id` of `table`, deleted or not.
    #[must_use]
    pub fn find(&self, table: Table, id: &Id) -> Option<&Record> {
        self.by_key.get(&Key::new(table, id.clone()))
    }

    /// Adds a record or puts it in the place of the one with its id.
    pub fn insert(&mut self, table: Table, record: Record) {
        let parent_of = |record: &Record| parent_field(table).and_then(|field| record.id_in(field));
        let (id, parent) = (record.id().clone(), parent_of(&record));
        self.weight += record.weight();
        let old = self.by_key.insert(Key::new(table, id.clone()), record);
        let old_parent = old.as_ref().and_then(parent_of);
        if old_parent != parent {
            if let Some(old) = old_parent {
                self.children.remove(&(table, old, id.clone()));
            }
            if let Some(parent) = parent {
                self.children.insert((table, parent, id));
            }
        }
        self.weight -= old.map_or(0, |old| old.weight());
        if table == Table::ProjectMembers {
            self.see_roles();
        }
    }

    /// Takes a record out that has just been put in: a change is taken back. Nothing else removes records (OP4).
    pub fn take_out(&mut self, key: &Key) {
        let Some(record) = self.by_key.remove(key) else { return };
        self.weight -= record.weight();
        if let Some(parent) = parent_field(key.table).and_then(|field| record.id_in(field)) {
            self.children.remove(&(key.table, parent, key.id.clone()));
        }
        if key.table == Table::ProjectMembers {
            self.see_roles();
        }
    }

    /// Members come and go rarely, and at each edit it is asked what its author is.
    fn see_roles(&mut self) {
        let mut roles = BTreeMap::new();
        for member in self.table(Table::ProjectMembers).filter(|member| !member.is_deleted()) {
            let role = member.text("role").and_then(Role::from_name);
            if let (Some(user), Some(role)) = (member.id_in("userId"), role) {
                let greatest = roles.entry(user).or_insert(role);
                *greatest = role.max(*greatest);
            }
        }
        self.roles = Arc::new(roles);
    }

    /// The role of a person; none for who is no member.
    pub(crate) fn role(&self, user: &Id) -> Option<Role> {
        self.roles.get(user).copied()
    }

    /// About how many bytes all records take as JSON.
    #[must_use]
    pub fn weight(&self) -> usize {
        self.weight
    }

    /// Every record, ordered by table and id.
    pub fn iter(&self) -> impl Iterator<Item = (&Key, &Record)> {
        self.by_key.iter()
    }

    /// Every record of a table, ordered by id, deleted ones included.
    pub fn table(&self, table: Table) -> impl Iterator<Item = &Record> {
        let first = Key::new(table, Id::first());
        self.by_key.range(first..).take_while(move |(key, _)| key.table == table).map(|(_, record)| record)
    }

    /// Children of `parent` in `table`, ordered by id, deleted ones included.
    pub fn children(&self, table: Table, parent: &Id) -> impl Iterator<Item = &Record> {
        let first = (table, parent.clone(), Id::first());
        let parent = parent.clone();
        self.children
            .range(first..)
            .take_while(move |(t, p, _)| *t == table && *p == parent)
            .filter_map(move |(t, _, id)| self.find(*t, id))
    }

    /// The tracks that are not deleted, in their order: by `orderKey`, ties by id (U5).
    #[must_use]
    pub fn tracks(&self) -> Vec<&Record> {
        let mut tracks: Vec<&Record> = self.table(Table::Tracks).filter(|track| !track.is_deleted()).collect();
        crate::sort_by(&mut tracks, |a, b| order_of(a).cmp(&order_of(b)));
        tracks
    }

    /// The clips of a track that are not deleted, ordered by id.
    pub fn clips(&self, track: &Id) -> impl Iterator<Item = &Record> {
        self.children(Table::Clips, track).filter(|clip| !clip.is_deleted())
    }

    /// The deleted record because of which nobody sees this one: itself, or the track that it lies on (OP4). A song that is
    /// deleted is seen as ever by who has it open (PE7).
    #[must_use]
    pub fn hidden_by(&self, key: &Key) -> Option<Key> {
        let record = self.get(key)?;
        if key.table == Table::Projects {
            return None;
        }
        if record.is_deleted() {
            return Some(key.clone());
        }
        if !matches!(key.table, Table::Clips | Table::Automation) {
            return None;
        }
        let track = Key::new(Table::Tracks, record.id_in("trackId")?);
        self.get(&track)?.is_deleted().then_some(track)
    }

    /// The automation of the master, deleted lanes included: that which lies on no track.
    pub fn master_automation(&self) -> impl Iterator<Item = &Record> {
        self.table(Table::Automation).filter(|lane| lane.get("trackId").is_null())
    }

    /// Where the tempo changes, in order; of several at one place the one that counts comes last.
    #[must_use]
    pub fn tempo_changes(&self) -> Vec<TempoChange> {
        let live = self.table(Table::TempoChanges).filter(|change| !change.is_deleted());
        let mut changes: Vec<TempoChange> = live.filter_map(TempoChange::from_record).collect();
        crate::sort_by(&mut changes, |a, b| a.at.cmp(&b.at));
        changes
    }

    /// Where the metre changes, in order; of several at one place the one that counts comes last.
    #[must_use]
    pub fn metre_changes(&self) -> Vec<MetreChange> {
        let live = self.table(Table::TimeSignatures).filter(|change| !change.is_deleted());
        let mut changes: Vec<MetreChange> = live.filter_map(MetreChange::from_record).collect();
        crate::sort_by(&mut changes, |a, b| a.at.cmp(&b.at));
        changes
    }

    /// The project, when these are a project's records.
    #[must_use]
    pub fn project(&self) -> Option<&Record> {
        self.table(Table::Projects).next()
    }

    /// A map `{table: {id: record}}` of these keys, as it goes over the wire (W1).
    #[must_use]
    pub fn record_map<'a>(&'a self, keys: impl IntoIterator<Item = &'a Key>) -> RecordMap {
        let mut map = RecordMap::default();
        for key in keys {
            if let Some(record) = self.get(key) {
                map.insert(key.table, record.clone());
            }
        }
        map
    }
}

/// What tracks are sorted by.
pub(crate) fn order_of(track: &Record) -> (&str, &Id) {
    (track.text("orderKey").unwrap_or(""), track.id())
}

/// Records by table and id, the wire's `recordMap`.
#[derive(Clone, Debug, Default, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(transparent)]
pub struct RecordMap(std::collections::BTreeMap<Table, std::collections::BTreeMap<Id, Record>>);

impl RecordMap {
    /// Adds a record.
    pub fn insert(&mut self, table: Table, record: Record) {
        self.0.entry(table).or_default().insert(record.id().clone(), record);
    }

    /// The record `id` of `table`.
    #[must_use]
    pub fn get(&self, table: Table, id: &Id) -> Option<&Record> {
        self.0.get(&table)?.get(id)
    }

    /// Every record.
    pub fn iter(&self) -> impl Iterator<Item = (Table, &Record)> {
        self.0.iter().flat_map(|(table, records)| records.values().map(move |record| (*table, record)))
    }
}

impl FromIterator<(Table, Record)> for Records {
    fn from_iter<I: IntoIterator<Item = (Table, Record)>>(records: I) -> Records {
        let mut all = Records::new();
        for (table, record) in records {
            all.insert(table, record);
        }
        all
    }
}

impl Id {
    /// An id that sorts before every other; for ranges only.
    fn first() -> Id {
        Id::new("-").unwrap_or_else(|_| Id::system())
    }
}

/// Fields as a map; a shorthand for building records.
#[must_use]
pub fn fields<'a>(fields: impl IntoIterator<Item = (&'a str, crate::Value)>) -> Map {
    fields.into_iter().map(|(name, value)| (std::sync::Arc::from(name), value)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Value;

    fn record(id: &str, given: &[(&str, &str)]) -> Record {
        Record::new(Id::new(id).unwrap(), 1, fields(given.iter().map(|(k, v)| (*k, Value::text(v)))))
    }

    #[test]
    fn a_moved_clip_is_found_under_its_new_track_only() {
        let mut records = Records::new();
        records.insert(Table::Clips, record("c", &[("trackId", "a")]));
        records.insert(Table::Clips, record("c", &[("trackId", "b")]));
        assert_eq!(records.clips(&Id::new("a").unwrap()).count(), 0);
        assert_eq!(records.clips(&Id::new("b").unwrap()).count(), 1);
    }

    #[test]
    fn op4_a_deleted_track_hides_what_lies_on_it() {
        let mut records = Records::new();
        let gone = ("deleted", "2026-11-26T12:00:00.000Z");
        records.insert(Table::Tracks, record("t", &[("projectId", "p")]));
        records.insert(Table::Clips, record("c", &[("trackId", "t")]));
        records.insert(Table::Automation, record("l", &[("trackId", "t")]));
        records.insert(Table::Automation, record("m", &[]));
        let key = |table, id: &str| Key::new(table, Id::new(id).unwrap());
        let (track, clip) = (key(Table::Tracks, "t"), key(Table::Clips, "c"));
        assert_eq!(records.hidden_by(&clip), None);
        records.insert(Table::Tracks, record("t", &[("projectId", "p"), gone]));
        for hidden in [&track, &clip, &key(Table::Automation, "l")] {
            assert_eq!(records.hidden_by(hidden).as_ref(), Some(&track));
        }
        assert_eq!(records.hidden_by(&key(Table::Automation, "m")), None);
        records.insert(Table::Clips, record("c", &[("trackId", "t"), gone]));
        assert_eq!(records.hidden_by(&clip), Some(clip));
    }

    #[test]
    fn u5_tracks_come_in_the_order_of_their_keys_and_ties_by_id() {
        let mut records = Records::new();
        records.insert(Table::Tracks, record("b", &[("orderKey", "80"), ("projectId", "p")]));
        records.insert(Table::Tracks, record("a", &[("orderKey", "80"), ("projectId", "p")]));
        records.insert(Table::Tracks, record("c", &[("orderKey", "7f"), ("projectId", "p")]));
        let order: Vec<&str> = records.tracks().iter().map(|t| t.id().as_str()).collect();
        assert_eq!(order, ["c", "a", "b"]);
    }

    #[test]
    fn w6_the_weight_follows_every_change() {
        let mut records = Records::new();
        records.insert(Table::Clips, record("c", &[("name", "a")]));
        let small = records.weight();
        records.insert(Table::Clips, record("c", &[("name", "a much longer name")]));
        assert!(records.weight() > small);
        records.insert(Table::Clips, record("c", &[("name", "a")]));
        assert_eq!(records.weight(), small);
    }

    #[test]
    fn what_is_taken_out_leaves_no_trace() {
        let member = record("m", &[("projectId", "p"), ("userId", "u"), ("role", "editor")]);
        let mut records = Records::new();
        records.insert(Table::Tracks, record("t", &[("projectId", "p")]));
        let before = records.clone();
        records.insert(Table::ProjectMembers, member);
        records.insert(Table::Clips, record("c", &[("trackId", "t")]));
        assert_eq!(records.role(&Id::new("u").unwrap()), Some(Role::Editor));
        for (table, id) in [(Table::Clips, "c"), (Table::ProjectMembers, "m"), (Table::Clips, "none")] {
            records.take_out(&Key::new(table, Id::new(id).unwrap()));
        }
        assert_eq!(records, before);
    }

    #[test]
    fn the_first_id_sorts_before_all_others() {
        for id in ["-", "0", "A", "_", "a", "--"] {
            assert!(Id::first() <= Id::new(id).unwrap());
        }
    }
}
