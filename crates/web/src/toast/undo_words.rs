//! What an undo left alone, and what it hid, as a musician would say it.

use model::{Id, Key, Record, Records, Table, Value};
use operations::{Change, Operation};

/// So many things are named; the rest are counted.
const NAMED_MAX: usize = 2;
/// Longer names are cut.
const NAME_CHARS_MAX: usize = 40;

/// Something in the song, once and several times.
struct Thing {
    one: String,
    many: &'static str,
    of: String,
    count: usize,
}

impl Thing {
    fn one(words: String) -> Thing {
        Thing { one: words, many: "", of: String::new(), count: 1 }
    }

    fn is_same(&self, other: &Thing) -> bool {
        (&self.one, self.many, &self.of) == (&other.one, other.many, &other.of)
    }

    /// Whether it is spoken of as several.
    fn is_many(&self) -> bool {
        !self.many.is_empty() && self.count > 1
    }

    fn words(&self) -> String {
        if self.is_many() {
            format!("{} {}{}", self.count, self.many, self.of)
        } else {
            format!("{}{}", self.one, self.of)
        }
    }
}

/// What is said when an undo or redo leaves these operations out, since others have written there or deleted it (UN3).
pub(crate) fn left_alone(records: &Records, operations: &[Operation]) -> String {
    let (mut gone, mut changed) = (Vec::new(), Vec::new());
    for operation in operations {
        match deleted_for(records, operation) {
            Some(key) => gone.push(Thing::one(record_in_words(records, &key))),
            None => changed.push(thing(records, operation)),
        }
    }
    let mut said = Vec::new();
    if !gone.is_empty() {
        let (words, many) = listed(gone.into_iter());
        let (are, them) = if many { ("are", "them") } else { ("is", "it") };
        said.push(format!("{words} {are} not there any more: somebody else has deleted {them}"));
    }
    if !changed.is_empty() {
        let (words, many) = listed(changed.into_iter());
        let (were, them) = if many { ("were", "them") } else { ("was", "it") };
        said.push(format!("{words} {were} left alone: somebody else has changed {them} since"));
    }
    said.join(". ")
}

/// The deleted record because of which nobody would see what an operation does: its own, the track that lies under it, or the
/// one that it would be put on.
fn deleted_for(records: &Records, operation: &Operation) -> Option<Key> {
    let put_on = || {
        let Change::Set(Value::String(track)) = &operation.change else { return None };
        let track = Key::new(Table::Tracks, Id::new(track).ok()?);
        let is_put = operation.path.as_str() == "trackId" && records.get(&track).is_some_and(Record::is_deleted);
        is_put.then_some(track)
    };
    records.hidden_by(&operation.target).or_else(put_on)
}

/// What is said when an undo or redo has to leave these operations out for another reason, which is said beside it.
pub(crate) fn left_out(records: &Records, operations: &[Operation]) -> String {
    let (words, many) = listed(operations.iter().map(|operation| thing(records, operation)));
    format!(
        "{words} could not be changed back, and {} as {}",
        if many { "stay" } else { "stays" },
        if many { "they are" } else { "it is" }
    )
}

/// What is said when an undo hides what others have worked on.
pub(crate) fn hidden(records: &Records, keys: &[Key]) -> String {
    let (words, many) = listed(keys.iter().map(|key| Thing::one(record_in_words(records, key))));
    let (were, them) = if many { ("were", "them") } else { ("was", "it") };
    format!("{words} {were} hidden. Others had worked on {them}.")
}

/// The first ones by name and the rest as a number; and whether they are several.
fn listed(all: impl Iterator<Item = Thing>) -> (String, bool) {
    let mut things: Vec<Thing> = Vec::new();
    for thing in all {
        match things.iter_mut().find(|other| other.is_same(&thing)) {
            Some(other) => other.count += 1,
            None => things.push(thing),
        }
    }
    let many = things.len() > 1 || things.iter().any(Thing::is_many);
    let rest = things.len().saturating_sub(NAMED_MAX);
    let mut named: Vec<String> = things.iter().take(NAMED_MAX).map(Thing::words).collect();
    for later in named.iter_mut().skip(1) {
        *later = with_small_initial(later);
    }
    if rest > 0 {
        return (format!("{} and {rest} more", named.join(", ")), many);
    }
    match named.len() {
        0 => ("Something".to_owned(), many),
        _ => (named.join(" and "), many),
    }
}

fn with_small_initial(words: &str) -> String {
    let mut letters = words.chars();
    letters.next().map_or_else(String::new, |first| first.to_lowercase().chain(letters).collect())
}

/// What an operation writes.
fn thing(records: &Records, operation: &Operation) -> Thing {
    let key = &operation.target;
    let path = operation.writes();
    let mut segments = path.split('.');
    let field = segments.next().unwrap_or_default();
    let element = segments.next();
    match (key.table, field) {
        (_, "" | "deleted") => Thing::one(record_in_words(records, key)),
        // `midiData.notes.<id>`: one of its notes.
        (Table::Clips, "midiData") => match segments.next() {
            Some(_) => several("A note", "notes", "in", records, key),
            None => Thing::one(format!("Notes in {}", name(records, key))),
        },
        (Table::Automation, "points") => Thing::one(record_in_words(records, key)),
        (Table::Tracks, "plugins") => plugin(records, operation, element, segments.next()),
        (table, field) => Thing::one(field_in_words(table, field, &name(records, key))),
    }
}

fn several(one: &str, many: &'static str, within: &str, records: &Records, key: &Key) -> Thing {
    Thing { one: one.to_owned(), many, of: format!(" {within} {}", name(records, key)), count: 1 }
}

fn plugin(records: &Records, operation: &Operation, element: Option<&str>, part: Option<&str>) -> Thing {
    let track = name(records, &operation.target);
    let Some(id) = element else { return Thing::one(format!("Effects on {track}")) };
    let of_id = |value: &&Value| value.get("id").and_then(Value::as_str) == Some(id);
    let there = records.get(&operation.target).and_then(|record| record.get("plugins").as_list());
    let written = match &operation.change {
        Change::ListInsert(value, _) | Change::ListRemove(value) => Some(value),
        Change::Set(_) | Change::SetNow | Change::Unset => None,
    };
    let found = there.and_then(|list| list.iter().find(of_id)).or(written);
    let kind =
        found.and_then(|plugin| plugin.get("type")).and_then(Value::as_str).map_or_else(|| "effect".to_owned(), cut);
    Thing::one(match part {
        None => format!("Effect {kind} on {track}"),
        Some("bypassed") => format!("Bypass of {kind} on {track}"),
        Some(_) => format!("Settings of {kind} on {track}"),
    })
}

/// A field of a record that is called `name`.
fn field_in_words(table: Table, field: &str, name: &str) -> String {
    let word = match (table, field) {
        (Table::Projects, "name") => return "Name of the song".to_owned(),
        (Table::Projects, "bpm") => return "Tempo".to_owned(),
        (Table::Projects, "timeSignature") => return "Time signature".to_owned(),
        (Table::Projects, "sampleRate") => return "Sample rate".to_owned(),
        (Table::Projects, "masterVolume") => return "Master volume".to_owned(),
        (Table::TempoChanges, "beat") => return "Place of a change of tempo".to_owned(),
        (Table::TempoChanges, _) => return "A change of tempo".to_owned(),
        (Table::TimeSignatures, "beat") => return "Place of a change of metre".to_owned(),
        (Table::TimeSignatures, _) => return "A change of metre".to_owned(),
        (Table::ProjectMembers, _) => return "Role of a member".to_owned(),
        (Table::Tracks, "volume") => "Volume",
        (Table::Tracks, "pan") => "Pan",
        (Table::Tracks, "muted") => "Mute",
        (Table::Tracks, "solo") => "Solo",
        (Table::Tracks, "orderIndex" | "orderKey") => "Place",
        (Table::Clips, "trackId") => "Track",
        (Table::Clips, "startBeat") => "Position",
        (Table::Clips, "durationBeats") => "Length",
        (Table::Clips, "audioFileId") => "Recording",
        (Table::Clips, "audioStartOffset" | "audioEndOffset") => "Trim",
        (Table::Clips, "gain") => "Gain",
        (Table::Clips, "fadeIn" | "fadeInBefore") => "Fade-in",
        (Table::Clips, "fadeOut" | "fadeOutBehind") => "Fade-out",
        (_, "name" | "filename") => "Name",
        (_, "colour") => "Colour",
        _ => "A part",
    };
    format!("{word} of {name}")
}

/// A record as a whole: "Track Bass".
fn record_in_words(records: &Records, key: &Key) -> String {
    let kind = match key.table {
        Table::Projects => return "The song".to_owned(),
        Table::ProjectMembers => return "A member".to_owned(),
        Table::Users => "Account",
        Table::Tracks => "Track",
        Table::Clips => "Clip",
        Table::AudioFiles => "Recording",
        Table::Automation => return format!("Automation of {}", name(records, key)),
        Table::Versions => "Version",
        Table::TempoChanges => return "A change of tempo".to_owned(),
        Table::TimeSignatures => return "A change of metre".to_owned(),
    };
    format!("{kind} {}", name(records, key))
}

/// What a record is called; of an automation lane, its track, or the master.
fn name(records: &Records, key: &Key) -> String {
    let record = records.get(key);
    if key.table == Table::Automation && record.is_some_and(|lane| lane.get("trackId").is_null()) {
        return "the master".to_owned();
    }
    let named = match key.table {
        Table::Automation => record.and_then(|lane| records.find(Table::Tracks, &lane.id_in("trackId")?)),
        _ => record,
    };
    let text = |record: &Record| record.text("name").or_else(|| record.text("filename")).map(cut);
    named.and_then(text).unwrap_or_else(|| "something that is gone".to_owned())
}

fn cut(name: &str) -> String {
    match name.char_indices().nth(NAME_CHARS_MAX) {
        Some((end, _)) => format!("{}…", name.get(..end).unwrap_or_default()),
        None => name.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::fields;
    use operations::{Position, build};

    fn id(text: &str) -> Id {
        Id::new(text).unwrap()
    }

    fn song() -> Records {
        let mut records = Records::new();
        let mut add = |table, name: &str, more: Vec<(&str, Value)>| {
            let mut all = vec![("id", Value::text(name)), ("name", Value::text(name))];
            all.extend(more);
            records.insert(table, Record::new(id(name), 1, fields(all)));
        };
        let eq = Value::map([("id", Value::text("eq1")), ("type", Value::text("equaliser"))]);
        add(Table::Projects, "Song", vec![]);
        add(Table::Tracks, "Bass", vec![("plugins", Value::list([eq]))]);
        add(Table::Tracks, "Drums", vec![]);
        add(Table::Clips, "Riff", vec![("trackId", Value::text("Bass"))]);
        records.insert(Table::Automation, Record::new(id("lane"), 1, fields([("trackId", Value::text("Bass"))])));
        records
    }

    fn said(operations: &[Operation]) -> String {
        let words = left_alone(&song(), operations);
        words.split(": ").next().unwrap().to_owned()
    }

    fn set(table: Table, name: &str, path: &str) -> Operation {
        build::set(table, &id(name), path, 0.5)
    }

    #[test]
    fn un3_one_thing_that_was_left_alone_is_named() {
        let words = left_alone(&song(), &[set(Table::Tracks, "Bass", "volume")]);
        assert_eq!(words, "Volume of Bass was left alone: somebody else has changed it since");
    }

    #[test]
    fn un3_what_others_have_deleted_is_told_as_that() {
        let mut records = song();
        let gone = |name: &str, track: &str| {
            let deleted = Value::text("2026-11-26T12:00:00.000Z");
            Record::new(id(name), 2, fields([("name", name.into()), ("trackId", track.into()), ("deleted", deleted)]))
        };
        records.insert(Table::Clips, gone("Riff", "Bass"));
        let moved = set(Table::Clips, "Riff", "startBeat");
        let words = left_alone(&records, std::slice::from_ref(&moved));
        assert_eq!(words, "Clip Riff is not there any more: somebody else has deleted it");
        // Beside what was changed, and as often as it was written.
        let words = left_alone(&records, &[moved.clone(), set(Table::Tracks, "Bass", "volume"), moved]);
        assert!(
            words.starts_with("Clip Riff is not there any more: somebody else has deleted it. Volume of Bass was left")
        );
        // A track hides what lies on it, and what would be put on it.
        let mut records = song();
        records.insert(Table::Tracks, gone("Drums", ""));
        let back = build::set(Table::Clips, &id("Riff"), "trackId", "Drums");
        let words = left_alone(&records, std::slice::from_ref(&back));
        assert_eq!(words, "Track Drums is not there any more: somebody else has deleted it");
        records.insert(Table::Tracks, gone("Bass", ""));
        let words = left_alone(&records, &[set(Table::Clips, "Riff", "gain"), back]);
        assert_eq!(words, "Track Bass is not there any more: somebody else has deleted it");
        let words = left_alone(&records, &[set(Table::Tracks, "Drums", "pan"), set(Table::Clips, "Riff", "gain")]);
        assert_eq!(words, "Track Drums and track Bass are not there any more: somebody else has deleted them");
    }

    #[test]
    fn un3_of_several_things_two_are_named_and_the_rest_counted() {
        let two = [set(Table::Tracks, "Bass", "volume"), set(Table::Clips, "Riff", "startBeat")];
        let words = left_alone(&song(), &two);
        assert_eq!(words, "Volume of Bass and position of Riff were left alone: somebody else has changed them since");
        let four =
            [two.as_slice(), &[set(Table::Projects, "Song", "bpm"), set(Table::Tracks, "Drums", "pan")]].concat();
        assert_eq!(said(&four), "Volume of Bass, position of Riff and 2 more were left alone");
        // The same thing is said once.
        let again = [two[0].clone(), two[0].clone()];
        assert_eq!(said(&again), "Volume of Bass was left alone");
    }

    #[test]
    fn fields_are_said_in_a_musicians_words() {
        let cases = [
            (Table::Tracks, "Bass", "muted", "Mute of Bass"),
            (Table::Tracks, "Bass", "orderKey", "Place of Bass"),
            (Table::Tracks, "Bass", "colour", "Colour of Bass"),
            (Table::Tracks, "Bass", "deleted", "Track Bass"),
            (Table::Tracks, "Bass", "plugins.eq1.params.gain", "Settings of equaliser on Bass"),
            (Table::Tracks, "Bass", "plugins.eq1.bypassed", "Bypass of equaliser on Bass"),
            (Table::Tracks, "Bass", "plugins.other.bypassed", "Bypass of effect on Bass"),
            (Table::Tracks, "Bass", "plugins", "Effects on Bass"),
            (Table::Clips, "Riff", "trackId", "Track of Riff"),
            (Table::Clips, "Riff", "durationBeats", "Length of Riff"),
            (Table::Clips, "Riff", "fadeIn", "Fade-in of Riff"),
            (Table::Clips, "Riff", "deleted", "Clip Riff"),
            (Table::Clips, "Riff", "midiData.notes.n1.pitch", "A note in Riff"),
            (Table::Projects, "Song", "bpm", "Tempo"),
            (Table::Projects, "Song", "masterVolume", "Master volume"),
            (Table::Automation, "lane", "points", "Automation of Bass"),
            (Table::Clips, "Nowhere", "gain", "Gain of something that is gone"),
        ];
        for (table, name, path, words) in cases {
            assert_eq!(said(&[set(table, name, path)]), format!("{words} was left alone"), "{path}");
        }
    }

    #[test]
    fn notes_are_counted_and_a_removed_effect_is_still_named() {
        let notes = ["n1", "n2", "n3"].map(|note| set(Table::Clips, "Riff", &format!("midiData.notes.{note}.pitch")));
        assert_eq!(said(&notes), "3 notes in Riff were left alone");
        let echo = Value::map([("id", Value::text("gone")), ("type", Value::text("echo"))]);
        let insert = build::list_insert(Table::Tracks, &id("Bass"), "plugins", echo, Position::Append);
        assert_eq!(said(&[insert]), "Effect echo on Bass was left alone");
    }

    #[test]
    fn un3_what_was_hidden_is_named() {
        let bass = Key::new(Table::Tracks, id("Bass"));
        assert_eq!(hidden(&song(), std::slice::from_ref(&bass)), "Track Bass was hidden. Others had worked on it.");
        let riff = Key::new(Table::Clips, id("Riff"));
        assert_eq!(hidden(&song(), &[bass, riff]), "Track Bass and clip Riff were hidden. Others had worked on them.");
    }

    #[test]
    fn a_long_name_is_cut() {
        assert_eq!(cut(&"ü".repeat(41)), format!("{}…", "ü".repeat(40)));
        assert_eq!(cut("Bass"), "Bass");
    }
}
