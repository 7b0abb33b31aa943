//! What people do to a song, by chance.

use model::{Id, Records, Role, Table, Value, fields, roles};
use operations::build::{create, delete, list_insert, list_remove, restore, set};
use operations::{Operation, Position};

use crate::prng::Prng;

/// The people that an owner lets in and puts out.
pub(crate) const MEMBERS: [&str; 4] = ["ed", "flo", "vi", "gus"];

/// One transaction's worth of edits to what `user` sees; now and then one that makes no sense.
pub(crate) fn any_edit(prng: &mut Prng, records: &Records, user: &Id, name: &str) -> Vec<Operation> {
    let owner = roles::role_of(records, user) == Some(Role::Owner);
    if owner && prng.chance(12) {
        return member_edit(prng, records).into_iter().collect();
    }
    if prng.chance(2) {
        return vec![delete(Table::ProjectMembers, user)];
    }
    let count = if prng.chance(25) { 2 + prng.below(3) } else { 1 };
    (0..count).filter_map(|_| song_edit(prng, records, name)).collect()
}

/// Whether an edit turns a knob, and nothing else.
pub(crate) fn knob(operations: &[Operation]) -> Option<&Operation> {
    let [operation] = operations else { return None };
    matches!(operation.path.as_str(), "volume" | "pan").then_some(operation)
}

/// Turns that knob on.
pub(crate) fn turn(prng: &mut Prng, knob: &Operation) -> Operation {
    set(knob.target.table, &knob.target.id, knob.path.as_str(), prng.unit())
}

fn member_edit(prng: &mut Prng, records: &Records) -> Option<Operation> {
    let member = Id::new(prng.pick(&MEMBERS)?).ok()?;
    let role = *prng.pick(&["editor", "editor", "viewer", "owner"])?;
    Some(match records.find(Table::ProjectMembers, &member) {
        None => create(
            Table::ProjectMembers,
            &member,
            fields([("projectId", "song".into()), ("userId", Value::from(&member)), ("role", role.into())]),
        ),
        Some(record) if record.is_deleted() => restore(Table::ProjectMembers, &member),
        Some(_) if prng.chance(40) => delete(Table::ProjectMembers, &member),
        Some(_) => set(Table::ProjectMembers, &member, "role", role),
    })
}

fn song_edit(prng: &mut Prng, records: &Records, name: &str) -> Option<Operation> {
    let track = any_id(prng, records, Table::Tracks);
    let clip = any_id(prng, records, Table::Clips);
    let fresh = Id::new(&format!("{name}-{:08x}", prng.bits() >> 32)).ok()?;
    Some(match prng.below(18) {
        0 => set(Table::Projects, &Id::new("song").ok()?, "bpm", 60.0 + prng.unit() * 120.0),
        1 => set(Table::Tracks, &track?, "volume", prng.unit() * 2.0),
        2 => set(Table::Tracks, &track?, "pan", prng.unit() * 2.0 - 1.0),
        3 => set(Table::Tracks, &track?, "orderIndex", f64::from(u8::try_from(prng.below(6)).ok()?)),
        4 => set(Table::Clips, &clip?, "startBeat", prng.unit() * 64.0),
        5 => set(Table::Clips, &clip?, "trackId", &track?),
        6 => set(Table::Clips, &clip?, "gain", 0.5),
        7 => list_insert(Table::Clips, &clip?, "midiData.notes", any_note(prng), any_position(prng)),
        8 => set(Table::Clips, &clip?, &format!("midiData.notes.n{}.pitch", prng.below(5)), 60.0 + prng.unit().round()),
        9 => list_remove(Table::Clips, &clip?, "midiData.notes", any_note(prng)),
        10 => create(Table::Tracks, &fresh, new_track(name)),
        11 => create(Table::Clips, &fresh, new_clip(&track?)),
        12 => any_deletion(prng, records)?,
        13 => set(Table::Tracks, &track?, "name", format!("{name}'s").as_str()),
        14 | 15 => tempo_edit(prng, records, &fresh)?,
        16 => metre_edit(prng, records, &fresh)?,
        // What no server takes.
        _ if prng.chance(30) => set(Table::Tracks, &track?, "volume", 9.0),
        _ => set(Table::Tracks, &track?, "muted", prng.chance(50)),
    })
}

/// A change of tempo comes, goes, or becomes another one in one of its fields: others may have another in hand.
fn tempo_edit(prng: &mut Prng, records: &Records, fresh: &Id) -> Option<Operation> {
    const CHANGES: Table = Table::TempoChanges;
    let (beat, bpm) = (any_beat(prng), 60.0 + prng.unit() * 120.0);
    let there = any_id(prng, records, CHANGES).filter(|_| prng.chance(75));
    let Some(change) = there else {
        let given = fields([("projectId", "song".into()), ("beat", Value::number(beat)), ("bpm", Value::number(bpm))]);
        return Some(create(CHANGES, fresh, given));
    };
    Some(match prng.below(4) {
        0 => set(CHANGES, &change, "beat", beat),
        1 => set(CHANGES, &change, "bpm", bpm),
        2 => set(CHANGES, &change, "curve", *prng.pick(&["jump", "ramp"])?),
        _ => toggled(records, CHANGES, &change)?,
    })
}

/// The same for changes of metre.
fn metre_edit(prng: &mut Prng, records: &Records, fresh: &Id) -> Option<Operation> {
    const CHANGES: Table = Table::TimeSignatures;
    let (beat, metre) = (any_beat(prng), *prng.pick(&["3/4", "4/4", "7/8"])?);
    let there = any_id(prng, records, CHANGES).filter(|_| prng.chance(75));
    let Some(change) = there else {
        let given =
            fields([("projectId", "song".into()), ("beat", Value::number(beat)), ("timeSignature", metre.into())]);
        return Some(create(CHANGES, fresh, given));
    };
    Some(match prng.below(3) {
        0 => set(CHANGES, &change, "beat", beat),
        1 => set(CHANGES, &change, "timeSignature", metre),
        _ => toggled(records, CHANGES, &change)?,
    })
}

fn any_beat(prng: &mut Prng) -> f64 {
    1.0 + prng.unit() * 63.0
}

pub(crate) fn new_track(name: &str) -> model::Map {
    fields([("projectId", "song".into()), ("name", name.into()), ("type", "audio".into())])
}

pub(crate) fn new_clip(track: &Id) -> model::Map {
    fields([
        ("trackId", Value::from(track)),
        ("name", "Take".into()),
        ("startBeat", 0u32.into()),
        ("durationBeats", 4u32.into()),
    ])
}

fn any_id(prng: &mut Prng, records: &Records, table: Table) -> Option<Id> {
    let ids: Vec<&Id> = records.table(table).map(model::Record::id).collect();
    prng.pick(&ids).map(|id| (*id).clone())
}

fn any_deletion(prng: &mut Prng, records: &Records) -> Option<Operation> {
    let table = if prng.chance(50) { Table::Tracks } else { Table::Clips };
    let id = any_id(prng, records, table)?;
    toggled(records, table, &id)
}

/// Deletes a record, or brings it back.
fn toggled(records: &Records, table: Table, id: &Id) -> Option<Operation> {
    let deleted = records.find(table, id)?.is_deleted();
    Some(if deleted { restore(table, id) } else { delete(table, id) })
}

/// A note that may be there already; some are without an id, which the room then gives them.
fn any_note(prng: &mut Prng) -> Value {
    let name = format!("n{}", prng.below(5));
    let id = if prng.chance(20) { Value::Null } else { Value::text(&name) };
    Value::map([
        ("id", id),
        ("pitch", 60u32.into()),
        ("startBeat", Value::number(prng.unit() * 4.0)),
        ("durationBeats", 1u32.into()),
    ])
}

fn any_position(prng: &mut Prng) -> Position {
    match prng.below(4) {
        0 => Position::Prepend,
        1 => Position::Append,
        2 => Position::Before(any_note(prng)),
        _ => Position::After(any_note(prng)),
    }
}
