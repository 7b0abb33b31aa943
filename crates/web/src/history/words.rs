//! What a change was, as a musician would tell it: "moved Verse guitar to bar 17".

use std::collections::BTreeMap;

use dsp::devices::Kind;
use model::{Id, MetreMap, Record, Records, Table, Ticks, Value};

use crate::devices::numbers;
use crate::door::history::Deed;
use crate::mixer::decibels_written;
use crate::transport::position::beats_in_words;

/// Longer names are cut.
const NAME_CHARS_MAX: usize = 40;

/// What is known of the song when a change is told: names and places are those of today.
pub(super) struct Lexicon<'a> {
    pub(super) records: &'a Records,
    /// What the records are called, by `table:id`; for those that are not here.
    pub(super) names: &'a BTreeMap<String, String>,
    pub(super) metres: &'a MetreMap,
}

/// A change in words, and how several of its kind are told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Told {
    pub(super) one: String,
    /// Before and behind the number: "moved", "clips".
    many: Option<(&'static str, String)>,
    /// What is written: of several changes of one place the last counts.
    place: String,
}

/// The changes of one transaction or gesture, the newest first, told shortly: each place once, several of a kind as a number.
pub(super) fn tell<'a>(lexicon: &Lexicon<'_>, deeds: impl IntoIterator<Item = &'a Deed>) -> Vec<String> {
    let mut all: Vec<Told> = Vec::new();
    for told in deeds.into_iter().filter_map(|deed| one(lexicon, deed)) {
        if !all.iter().any(|other| other.place == told.place) {
            all.push(told);
        }
    }
    let count = |of: &Told| {
        of.many.as_ref().map_or(1, |many| all.iter().filter(|told| told.many.as_ref() == Some(many)).count())
    };
    let mut lines: Vec<String> = Vec::new();
    for told in &all {
        let line = match (&told.many, count(told)) {
            (Some((verb, noun)), count @ 2..) => format!("{verb} {count} {noun}"),
            _ => told.one.clone(),
        };
        if !lines.contains(&line) {
            lines.push(line);
        }
    }
    lines
}

/// One change; none for what follows from others, or what nobody does.
pub(super) fn one(lexicon: &Lexicon<'_>, deed: &Deed) -> Option<Told> {
    let name = || lexicon.name(deed.table, &deed.id);
    let (verb, many) = match (&*deed.key, is_there(&deed.value) && deed.kind != "unset") {
        ("", _) => return Some(Told { place: place(deed, ""), ..created(lexicon, deed)? }),
        ("deleted", _) if deed.kind == "set-now" => ("deleted", "deleted"),
        ("deleted", true) => ("deleted", "deleted"),
        ("deleted", false) => ("brought back", "brought back"),
        _ => return changed(lexicon, deed),
    };
    let (one, noun) = match deed.table {
        Table::Users => return None,
        Table::Projects => (format!("{verb} the song"), None),
        Table::ProjectMembers if verb == "deleted" => (format!("removed {} from the project", name()), None),
        Table::ProjectMembers => (format!("let {} in again", name()), None),
        Table::Tracks => (format!("{verb} track {}", name()), Some("tracks")),
        Table::Clips => (format!("{verb} {}", name()), Some("clips")),
        Table::AudioFiles => (format!("{verb} recording {}", name()), Some("recordings")),
        Table::Automation => (format!("{verb} automation of {}", lexicon.lane(&deed.id)), Some("automation lanes")),
        Table::Versions => (format!("{verb} the name {}", quoted(&name())), Some("names of versions")),
        Table::TempoChanges => {
            (format!("{verb} the change of tempo{}", lexicon.change(deed)), Some("changes of tempo"))
        }
        Table::TimeSignatures => {
            (format!("{verb} the change of metre{}", lexicon.change(deed)), Some("changes of metre"))
        }
    };
    Some(Told { one, many: noun.map(|noun| (many, noun.to_owned())), place: place(deed, "deleted") })
}

fn is_there(value: &Value) -> bool {
    !value.is_null()
}

fn place(deed: &Deed, path: &str) -> String {
    // A note that is put in or taken out is a place of its own.
    let element = deed.value.get("id").and_then(Value::as_str).filter(|_| deed.kind.starts_with("list"));
    format!("{}:{}:{path}:{}", deed.table, deed.id, element.unwrap_or_default())
}

fn created(lexicon: &Lexicon<'_>, deed: &Deed) -> Option<Told> {
    let text = |field: &str| deed.value.get(field).and_then(Value::as_str);
    let own = text("name").or_else(|| text("filename")).map(cut);
    let name = own.unwrap_or_else(|| lexicon.name(deed.table, &deed.id));
    let (one, many) = match deed.table {
        Table::Users => return None,
        Table::Projects => (format!("created the song {}", quoted(&name)), None),
        Table::ProjectMembers => {
            let role = text("role").unwrap_or("member");
            (format!("let {} in as {role}", lexicon.name(deed.table, &deed.id)), None)
        }
        Table::Tracks => (format!("added track {name}"), Some("tracks")),
        Table::Clips => {
            let at = deed.value.get("startBeat").and_then(Value::as_number);
            let at = at.map(|beat| format!(" at {}", lexicon.bar(beat))).unwrap_or_default();
            (format!("added {name}{at}"), Some("clips"))
        }
        Table::AudioFiles => (format!("added recording {name}"), Some("recordings")),
        Table::Automation => {
            // What was large is not in the list of changes: then the lane is as it is today.
            let what = match text("parameter") {
                Some(parameter) => format!("{parameter} to {}", lexicon.lane_of(&deed.value)),
                None => lexicon.lane(&deed.id),
            };
            (format!("added automation of {what}"), Some("automation lanes"))
        }
        Table::Versions => (format!("named this version {}", quoted(&name)), None),
        Table::TempoChanges | Table::TimeSignatures => {
            let at = deed.value.get("beat").and_then(Value::as_number).unwrap_or_default();
            let (what, noun) = match deed.value.get("bpm").and_then(Value::as_number) {
                Some(bpm) => (format!("a tempo of {} bpm", short(bpm)), "changes of tempo"),
                None => (format!("the metre {}", text("timeSignature")?), "changes of metre"),
            };
            (format!("added {what} at {}", lexicon.bar(at)), Some(noun))
        }
    };
    Some(Told { one, many: many.map(|noun| ("added", noun.to_owned())), place: String::new() })
}

fn changed(lexicon: &Lexicon<'_>, deed: &Deed) -> Option<Told> {
    let name = lexicon.name(deed.table, &deed.id);
    let mut segments = deed.key.split('.');
    let field = segments.next().unwrap_or_default();
    let told =
        |one: String, many: Option<(&'static str, String)>| Some(Told { one, many, place: place(deed, &deed.key) });
    let (text, number) = (deed.value.as_str(), deed.value.as_number());
    let beat = || lexicon.bar(number.unwrap_or_default());
    let several = |verb: &'static str, noun: &str| Some((verb, noun.to_owned()));
    match (deed.table, field) {
        (Table::Clips, "midiData") => return notes(lexicon, deed, &name),
        (Table::Tracks, "plugins") => return plugins(lexicon, deed, &name),
        (Table::Projects, "plugins") => return plugins(lexicon, deed, "the master"),
        (Table::Tracks, "sends") => return sends(lexicon, deed, &name),
        (Table::Automation, "points") => {
            return told(format!("changed automation of {}", lexicon.lane(&deed.id)), None)
                .map(|told| Told { place: format!("{}:points", deed.id), ..told });
        }
        _ => {}
    }
    let (one, many) = match (deed.table, field) {
        (Table::Projects, "name") => (format!("renamed the song to {}", quoted(&cut(text?))), None),
        (Table::Projects, "bpm") => (format!("set the tempo to {} bpm", short(number?)), None),
        (Table::Projects, "timeSignature") => (format!("set the time signature to {}", text?), None),
        (Table::Projects, "sampleRate") => (format!("set the sample rate to {} kHz", short(number? / 1_000.0)), None),
        (Table::Projects, "masterVolume") => {
            (format!("set the master volume to {} dB", decibels_written(number?)), None)
        }
        (Table::ProjectMembers, "role") => (format!("made {name} {}", with_article(text?)), None),
        (Table::Tracks, "name") => (format!("renamed a track to {}", cut(text?)), several("renamed", "tracks")),
        (Table::Tracks, "volume") => {
            (format!("set volume of {name} to {} dB", decibels_written(number?)), several("set volume of", "tracks"))
        }
        (Table::Tracks, "pan") => (format!("panned {name} {}", panned(number?)), several("panned", "tracks")),
        (Table::Tracks, "muted") if deed.value.as_bool() == Some(true) => {
            (format!("muted {name}"), several("muted", "tracks"))
        }
        (Table::Tracks, "muted") => (format!("unmuted {name}"), several("unmuted", "tracks")),
        (Table::Tracks, "solo") if deed.value.as_bool() == Some(true) => {
            (format!("soloed {name}"), several("soloed", "tracks"))
        }
        (Table::Tracks, "solo") => (format!("ended the solo of {name}"), several("ended the solo of", "tracks")),
        (Table::Tracks, "colour") => (format!("recoloured {name}"), several("recoloured", "tracks")),
        (Table::Tracks, "orderKey" | "orderIndex") => {
            let told = told(format!("moved track {name}"), several("moved", "tracks"));
            return told.map(|told| Told { place: format!("{}:order", deed.id), ..told });
        }
        (Table::Clips, "name") => (format!("renamed a clip to {}", cut(text?)), several("renamed", "clips")),
        (Table::Clips, "startBeat") => (format!("moved {name} to {}", beat()), several("moved", "clips")),
        (Table::Clips, "trackId") => {
            let track = Id::new(text?).map(|id| lexicon.name(Table::Tracks, &id)).unwrap_or_default();
            (format!("moved {name} to track {track}"), Some(("moved", format!("clips to track {track}"))))
        }
        (Table::Clips, "durationBeats") => {
            let length = beats_in_words(Ticks::from_beats(number?).unwrap_or_default());
            (format!("made {name} {length} long"), several("set the length of", "clips"))
        }
        (Table::Clips, "audioFileId") => (format!("changed the recording of {name}"), None),
        (Table::Clips, "audioStartOffset" | "audioEndOffset") => {
            (format!("trimmed {name}"), several("trimmed", "clips"))
        }
        (Table::Clips, "gain") => {
            (format!("set gain of {name} to {} dB", decibels_written(number?)), several("set gain of", "clips"))
        }
        (Table::Clips, "fadeIn" | "fadeInBefore") => {
            (format!("changed the fade-in of {name}"), several("changed fades of", "clips"))
        }
        (Table::Clips, "fadeOut" | "fadeOutBehind") => {
            (format!("changed the fade-out of {name}"), several("changed fades of", "clips"))
        }
        (Table::Tracks, "output") => {
            (format!("sent {name} to {}", lexicon.bus(&deed.value)), several("rerouted", "tracks"))
        }
        (Table::Clips, "fadeInShape" | "fadeOutShape") => {
            (format!("changed the shape of a fade of {name}"), several("changed fades of", "clips"))
        }
        (Table::Clips, "reversed") if deed.value.as_bool() == Some(true) => {
            (format!("reversed {name}"), several("reversed", "clips"))
        }
        (Table::Clips, "reversed") => (format!("turned {name} forward again"), several("turned back", "clips")),
        (Table::Clips, "loopBeats") if number == Some(0.0) => {
            (format!("ended the loop of {name}"), several("ended the loop of", "clips"))
        }
        (Table::Clips, "loopBeats") => (format!("looped {name}"), several("looped", "clips")),
        (Table::AudioFiles, "filename") => {
            (format!("renamed a recording to {}", cut(text?)), several("renamed", "recordings"))
        }
        (Table::AudioFiles, "state") if text == Some("ready") => {
            (format!("prepared {name} for playing"), several("prepared", "recordings"))
        }
        (Table::AudioFiles, "state") if text == Some("refused") => {
            (format!("could not read {name}"), several("could not read", "recordings"))
        }
        (Table::Automation, "parameter" | "trackId") => {
            (format!("changed automation of {}", lexicon.lane(&deed.id)), None)
        }
        (Table::Versions, "name") => (format!("renamed a version to {}", quoted(&cut(text?))), None),
        (Table::TempoChanges, "bpm") => {
            (format!("set the tempo{} to {} bpm", lexicon.change(deed), short(number?)), None)
        }
        (Table::TempoChanges, "curve") if text == Some("ramp") => {
            (format!("had the tempo go evenly to that{}", lexicon.change(deed)), None)
        }
        (Table::TempoChanges, "curve") => (format!("had the tempo jump{}", lexicon.change(deed)), None),
        (Table::TempoChanges, "beat") => {
            (format!("moved a change of tempo to {}", beat()), several("moved", "changes of tempo"))
        }
        (Table::TimeSignatures, "timeSignature") => {
            (format!("set the metre{} to {}", lexicon.change(deed), text?), None)
        }
        (Table::TimeSignatures, "beat") => {
            (format!("moved a change of metre to {}", beat()), several("moved", "changes of metre"))
        }
        // What the server derives and measures.
        _ => return None,
    };
    told(one, many)
}

fn notes(lexicon: &Lexicon<'_>, deed: &Deed, clip: &str) -> Option<Told> {
    let in_words = |verb: &'static str, one: &str, link: &str| Told {
        one: format!("{verb} {one} {link} {clip}"),
        many: Some((verb, format!("notes {link} {clip}"))),
        place: place(deed, &deed.key),
    };
    let depth = deed.key.split('.').count();
    Some(match (&*deed.kind, depth) {
        ("listInsert", _) => in_words("added", "a note", "to"),
        ("listRemove", _) => in_words("took", "a note", "out of"),
        // `midiData.notes.<note>.<field>`: each note is told once, whatever of it has changed.
        (_, 3..) => {
            let note = deed.key.split('.').nth(2).unwrap_or_default();
            let _ = lexicon;
            Told { place: format!("{}:note:{note}", deed.id), ..in_words("changed", "a note", "in") }
        }
        _ => Told { one: format!("changed the notes of {clip}"), many: None, place: place(deed, &deed.key) },
    })
}

/// `sends.<send>.<field>`: what goes from a track to a bus beside its way to the master.
fn sends(lexicon: &Lexicon<'_>, deed: &Deed, track: &str) -> Option<Told> {
    let target = |send: &Value| send.get("target").map(|target| lexicon.bus(target));
    let listed = |id: &str| {
        let record = lexicon.records.find(Table::Tracks, &deed.id)?;
        target(record.get("sends").as_list()?.get(id)?)
    };
    let mut parts = deed.key.split('.').skip(1);
    let bus = match parts.next() {
        Some(id) => listed(id),
        None => target(&deed.value).or_else(|| listed(deed.value.get("id")?.as_str()?)),
    };
    let bus = bus.unwrap_or_else(|| "a bus".to_owned());
    let one = match (&*deed.kind, parts.next()) {
        ("listInsert", _) => format!("added a send from {track} to {bus}"),
        ("listRemove", _) => format!("removed the send from {track} to {bus}"),
        (_, Some("gain")) => {
            format!("set the send from {track} to {bus} to {} dB", decibels_written(deed.value.as_number()?))
        }
        _ => format!("changed sends of {track}"),
    };
    Some(Told { one, many: None, place: place(deed, &deed.key) })
}

fn plugins(lexicon: &Lexicon<'_>, deed: &Deed, track: &str) -> Option<Told> {
    let parts: Vec<&str> = deed.key.split('.').collect();
    let kind_of = |value: &Value| value.get("type").and_then(Value::as_str).map(cut);
    let listed = |id: &str| {
        let record = lexicon.records.find(deed.table, &deed.id)?;
        kind_of(record.get("plugins").as_list()?.get(id)?)
    };
    let kind = match parts.get(1) {
        Some(id) => listed(id),
        None => kind_of(&deed.value).or_else(|| listed(deed.value.get("id")?.as_str()?)),
    };
    let known = kind.as_deref().and_then(Kind::from_id);
    let kind = known.map(|kind| kind.name().to_lowercase()).or(kind).unwrap_or_else(|| "an effect".to_owned());
    let table = known.map(Kind::parameters).unwrap_or_default();
    let listed_as = |id: &str| table.iter().find(|parameter| parameter.id == id);
    let called = |id: &str| listed_as(id).map_or_else(|| cut(id), |parameter| parameter.name.to_lowercase());
    // With its unit, as the effect shows it.
    let measured = |id: &str, number: f64| match listed_as(id) {
        #[expect(clippy::cast_possible_truncation, reason = "parameters are single precision")]
        Some(parameter) => numbers::written(parameter, number as f32),
        None => short(number),
    };
    let one = match (&*deed.kind, parts.get(2).copied(), parts.get(3)) {
        ("listInsert", ..) => format!("put {kind} on {track}"),
        ("listRemove", ..) => format!("took {kind} off {track}"),
        (_, Some("bypassed"), _) if deed.value.as_bool() == Some(true) => format!("bypassed {kind} on {track}"),
        (_, Some("bypassed"), _) => format!("switched {kind} on {track} on again"),
        (_, Some("params"), Some(parameter)) => match deed.value.as_number() {
            Some(number) => {
                format!("set {} of {kind} on {track} to {}", called(parameter), measured(parameter, number))
            }
            None => format!("reset {} of {kind} on {track}", called(parameter)),
        },
        _ => format!("changed {kind} on {track}"),
    };
    Some(Told { one, many: None, place: place(deed, &deed.key) })
}

impl Lexicon<'_> {
    /// What a record is called today.
    fn name(&self, table: Table, id: &Id) -> String {
        let text = |record: &Record| record.text("name").or_else(|| record.text("filename")).map(str::to_owned);
        let here = self.records.find(table, id).and_then(text);
        let name = here.or_else(|| self.names.get(&format!("{table}:{id}")).cloned());
        name.map_or_else(|| nameless(table).to_owned(), |name| cut(&name))
    }

    /// What an automation lane lies on.
    fn lane(&self, id: &Id) -> String {
        let lane = self.records.find(Table::Automation, id);
        match lane {
            Some(lane) => {
                let parameter = lane.text("parameter").map(|parameter| format!("{} on ", cut(parameter)));
                let track = lane.id_in("trackId").map(|track| self.name(Table::Tracks, &track));
                format!("{}{}", parameter.unwrap_or_default(), track.unwrap_or_else(|| "the master".to_owned()))
            }
            None => "a track".to_owned(),
        }
    }

    /// Where a change of tempo or metre lies today: " at bar 17".
    fn change(&self, deed: &Deed) -> String {
        let change = self.records.find(deed.table, &deed.id);
        change
            .and_then(|change| change.number("beat"))
            .map(|beat| format!(" at {}", self.bar(beat)))
            .unwrap_or_default()
    }

    /// What a track is sent to: another one, or without one the master.
    fn bus(&self, target: &Value) -> String {
        match target.as_str().and_then(|id| Id::new(id).ok()) {
            Some(id) => self.name(Table::Tracks, &id),
            None => "the master".to_owned(),
        }
    }

    fn lane_of(&self, created: &Value) -> String {
        let track = created.get("trackId").and_then(Value::as_str).and_then(|id| Id::new(id).ok());
        track.map_or_else(|| "the master".to_owned(), |id| self.name(Table::Tracks, &id))
    }

    /// "bar 17", within a bar "bar 17, beat 2", and between beats "bar 17, beat 1, sixteenth 2".
    fn bar(&self, beat: f64) -> String {
        let place = self.metres.place(Ticks::from_beats(beat).unwrap_or_default());
        match (place.note, place.sixteenth) {
            (1, 1) => format!("bar {}", place.bar),
            (note, 1) => format!("bar {}, beat {note}", place.bar),
            (note, sixteenth) => format!("bar {}, beat {note}, sixteenth {sixteenth}", place.bar),
        }
    }
}

fn nameless(table: Table) -> &'static str {
    match table {
        Table::Users | Table::ProjectMembers => "somebody",
        Table::Projects => "the song",
        Table::Tracks => "a track",
        Table::Clips => "a clip",
        Table::AudioFiles => "a recording",
        Table::Automation => "a lane",
        Table::Versions => "a version",
        Table::TempoChanges => "a change of tempo",
        Table::TimeSignatures => "a change of metre",
    }
}

fn with_article(role: &str) -> String {
    let article = if role.starts_with(['a', 'e', 'i', 'o', 'u']) { "an" } else { "a" };
    format!("{article} {role}")
}

fn panned(pan: f64) -> String {
    let percent = (pan.abs() * 100.0).round();
    match pan {
        _ if percent == 0.0 => "to the centre".to_owned(),
        pan if pan < 0.0 => format!("{percent}% left"),
        _ => format!("{percent}% right"),
    }
}

/// A number with at most three decimals.
fn short(number: f64) -> String {
    ((number * 1_000.0).round() / 1_000.0).to_string().replace('-', "−")
}

fn quoted(name: &str) -> String {
    format!("“{name}”")
}

fn cut(name: &str) -> String {
    match name.char_indices().nth(NAME_CHARS_MAX) {
        Some((end, _)) => format!("{}…", name.get(..end).unwrap_or_default()),
        None => name.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use model::fields;
    use model::schema::{TableSchema, Writer};

    use super::*;

    fn id(text: &str) -> Id {
        Id::new(text).unwrap()
    }

    fn deed(kind: &str, table: Table, name: &str, key: &str, value: impl Into<Value>) -> Deed {
        let (kind, key, value) = (kind.to_owned(), key.to_owned(), value.into());
        Deed { kind, table, id: id(name), key, value, takes_back: false }
    }

    fn set(table: Table, name: &str, key: &str, value: impl Into<Value>) -> Deed {
        deed("set", table, name, key, value)
    }

    fn with<T>(work: impl FnOnce(&Lexicon<'_>) -> T) -> T {
        let mut records = Records::new();
        let mut add = |table, name: &str, more: Vec<(&str, Value)>| {
            let all = [vec![("name", Value::text(name))], more].concat();
            records.insert(table, Record::new(id(name), 1, fields(all)));
        };
        let eq = Value::map([("id", "eq1".into()), ("type", "equaliser".into())]);
        let gate = Value::map([("id", "g".into()), ("type", "gate".into())]);
        add(Table::Projects, "Song", vec![]);
        add(Table::Tracks, "Bass", vec![("plugins", Value::list([eq, gate]))]);
        add(Table::Clips, "Riff", vec![("trackId", "Bass".into())]);
        add(Table::Clips, "Fill", vec![("trackId", "Bass".into())]);
        add(Table::AudioFiles, "take", vec![]);
        add(Table::Versions, "Mix", vec![]);
        let lane = fields([("trackId", "Bass".into()), ("parameter", "volume".into())]);
        records.insert(Table::Automation, Record::new(id("lane"), 1, lane));
        let names = BTreeMap::from([("project_members:m".to_owned(), "Bo".to_owned())]);
        work(&Lexicon { records: &records, names: &names, metres: &MetreMap::default() })
    }

    fn said(deeds: &[Deed]) -> Vec<String> {
        with(|lexicon| tell(lexicon, deeds))
    }

    #[test]
    fn every_change_is_told_in_words() {
        let plugin = || Value::map([("id", "c".into()), ("type", "echo".into())]);
        let note = || Value::map([("id", "n1".into())]);
        let clip = Value::map([("name", "Verse".into()), ("startBeat", 64.0.into())]);
        let cases = [
            (set(Table::Projects, "Song", "", Value::map([("name", "Song".into())])), "created the song “Song”"),
            (set(Table::Projects, "Song", "name", "Tune"), "renamed the song to “Tune”"),
            (set(Table::Projects, "Song", "bpm", 127.5), "set the tempo to 127.5 bpm"),
            (set(Table::Projects, "Song", "timeSignature", "3/4"), "set the time signature to 3/4"),
            (set(Table::Projects, "Song", "sampleRate", 44_100.0), "set the sample rate to 44.1 kHz"),
            (set(Table::Projects, "Song", "masterVolume", 1.0), "set the master volume to 0.0 dB"),
            (deed("set-now", Table::Projects, "Song", "deleted", Value::Null), "deleted the song"),
            (set(Table::ProjectMembers, "m", "", Value::map([("role", "editor".into())])), "let Bo in as editor"),
            (set(Table::ProjectMembers, "m", "role", "owner"), "made Bo an owner"),
            (set(Table::ProjectMembers, "m", "role", "viewer"), "made Bo a viewer"),
            (set(Table::ProjectMembers, "m", "deleted", "2026-01-01"), "removed Bo from the project"),
            (deed("unset", Table::ProjectMembers, "m", "deleted", Value::Null), "let Bo in again"),
            (set(Table::Tracks, "Bass", "", Value::map([("name", "Old bass".into())])), "added track Old bass"),
            (set(Table::Tracks, "Bass", "name", "Bass"), "renamed a track to Bass"),
            (set(Table::Tracks, "Bass", "volume", 0.501_187), "set volume of Bass to −6.0 dB"),
            (set(Table::Tracks, "Bass", "pan", -0.3), "panned Bass 30% left"),
            (set(Table::Tracks, "Bass", "pan", 0.0), "panned Bass to the centre"),
            (set(Table::Tracks, "Bass", "muted", true), "muted Bass"),
            (set(Table::Tracks, "Bass", "muted", false), "unmuted Bass"),
            (set(Table::Tracks, "Bass", "solo", true), "soloed Bass"),
            (set(Table::Tracks, "Bass", "solo", false), "ended the solo of Bass"),
            (set(Table::Tracks, "Bass", "colour", "#ffffff"), "recoloured Bass"),
            (deed("unset", Table::Tracks, "Bass", "colour", Value::Null), "recoloured Bass"),
            (set(Table::Tracks, "Bass", "orderKey", "a"), "moved track Bass"),
            (deed("listInsert", Table::Tracks, "Bass", "plugins", plugin()), "put echo on Bass"),
            (
                deed("listRemove", Table::Tracks, "Bass", "plugins", Value::map([("id", "eq1".into())])),
                "took equaliser off Bass",
            ),
            (set(Table::Tracks, "Bass", "plugins.eq1.bypassed", true), "bypassed equaliser on Bass"),
            (set(Table::Tracks, "Bass", "plugins.eq1.bypassed", false), "switched equaliser on Bass on again"),
            (
                set(Table::Tracks, "Bass", "plugins.g.params.threshold", -33.0),
                "set threshold of gate on Bass to −33.0 dB",
            ),
            (set(Table::Tracks, "Bass", "plugins.eq1.params.freq", 440.0), "set freq of equaliser on Bass to 440"),
            (
                deed("unset", Table::Tracks, "Bass", "plugins.eq1.params.freq", Value::Null),
                "reset freq of equaliser on Bass",
            ),
            (deed("listInsert", Table::Projects, "Song", "plugins", plugin()), "put echo on the master"),
            (set(Table::Tracks, "Bass", "output", "Bass"), "sent Bass to Bass"),
            (deed("unset", Table::Tracks, "Bass", "output", Value::Null), "sent Bass to the master"),
            (
                deed(
                    "listInsert",
                    Table::Tracks,
                    "Bass",
                    "sends",
                    Value::map([("id", "s".into()), ("target", "Bass".into())]),
                ),
                "added a send from Bass to Bass",
            ),
            (
                deed("listRemove", Table::Tracks, "Bass", "sends", Value::map([("id", "s".into())])),
                "removed the send from Bass to a bus",
            ),
            (set(Table::Tracks, "Bass", "sends.s.gain", 1.0), "set the send from Bass to a bus to 0.0 dB"),
            (set(Table::Tracks, "Bass", "sends.s.pre", true), "changed sends of Bass"),
            (set(Table::Clips, "Riff", "fadeInShape", "linear"), "changed the shape of a fade of Riff"),
            (set(Table::Clips, "Riff", "reversed", true), "reversed Riff"),
            (set(Table::Clips, "Riff", "reversed", false), "turned Riff forward again"),
            (set(Table::Clips, "Riff", "loopBeats", 4.0), "looped Riff"),
            (set(Table::Clips, "Riff", "loopBeats", 0.0), "ended the loop of Riff"),
            (deed("set-now", Table::Tracks, "Bass", "deleted", Value::Null), "deleted track Bass"),
            (deed("unset", Table::Tracks, "Bass", "deleted", Value::Null), "brought back track Bass"),
            (set(Table::Clips, "Riff", "", clip), "added Verse at bar 17"),
            (set(Table::Clips, "Riff", "name", "Lick"), "renamed a clip to Lick"),
            (set(Table::Clips, "Riff", "startBeat", 64.0), "moved Riff to bar 17"),
            (set(Table::Clips, "Riff", "startBeat", 65.0), "moved Riff to bar 17, beat 2"),
            (set(Table::Clips, "Riff", "startBeat", 64.25), "moved Riff to bar 17, beat 1, sixteenth 2"),
            (set(Table::Clips, "Riff", "trackId", "Bass"), "moved Riff to track Bass"),
            (set(Table::Clips, "Riff", "durationBeats", 4.0), "made Riff 4 beats long"),
            (set(Table::Clips, "Riff", "audioFileId", "take"), "changed the recording of Riff"),
            (set(Table::Clips, "Riff", "audioStartOffset", 1.0), "trimmed Riff"),
            (set(Table::Clips, "Riff", "gain", 2.0), "set gain of Riff to +6.0 dB"),
            (set(Table::Clips, "Riff", "fadeIn", 1.0), "changed the fade-in of Riff"),
            (set(Table::Clips, "Riff", "fadeOut", 1.0), "changed the fade-out of Riff"),
            (deed("listInsert", Table::Clips, "Riff", "midiData.notes", note()), "added a note to Riff"),
            (deed("listRemove", Table::Clips, "Riff", "midiData.notes", note()), "took a note out of Riff"),
            (set(Table::Clips, "Riff", "midiData.notes.n1.pitch", 60.0), "changed a note in Riff"),
            (deed("unset", Table::Clips, "Riff", "midiData", Value::Null), "changed the notes of Riff"),
            (deed("set-now", Table::Clips, "Riff", "deleted", Value::Null), "deleted Riff"),
            (set(Table::Clips, "lost", "startBeat", 0.0), "moved a clip to bar 1"),
            (
                set(Table::AudioFiles, "take", "", Value::map([("filename", "take.wav".into())])),
                "added recording take.wav",
            ),
            (set(Table::AudioFiles, "take", "filename", "b.wav"), "renamed a recording to b.wav"),
            (set(Table::AudioFiles, "take", "state", "ready"), "prepared take for playing"),
            (set(Table::AudioFiles, "take", "state", "refused"), "could not read take"),
            (deed("unset", Table::AudioFiles, "take", "deleted", Value::Null), "brought back recording take"),
            (
                set(
                    Table::Automation,
                    "lane",
                    "",
                    Value::map([("trackId", "Bass".into()), ("parameter", "pan".into())]),
                ),
                "added automation of pan to Bass",
            ),
            (set(Table::Automation, "lane", "points.q.value", 1.0), "changed automation of volume on Bass"),
            (
                deed("set-now", Table::Automation, "lane", "deleted", Value::Null),
                "deleted automation of volume on Bass",
            ),
            (set(Table::Versions, "Mix", "", Value::map([("name", "Mix 1".into())])), "named this version “Mix 1”"),
            (set(Table::Versions, "Mix", "name", "Mix 2"), "renamed a version to “Mix 2”"),
            (deed("set-now", Table::Versions, "Mix", "deleted", Value::Null), "deleted the name “Mix”"),
        ];
        for (deed, words) in cases {
            assert_eq!(said(std::slice::from_ref(&deed)), [words], "{} {}", deed.kind, deed.key);
        }
    }

    /// Every field that a person can write has words, whatever the table and the operation.
    #[test]
    fn no_field_that_people_write_is_without_words() {
        for table in Table::ALL.into_iter().filter(|table| *table != Table::Users) {
            for field in TableSchema::of(table).fields.iter().filter(|field| field.writer == Writer::Client) {
                let value: Value = match field.kind {
                    model::schema::Kind::Flag => true.into(),
                    model::schema::Kind::Number { .. }
                    | model::schema::Kind::Integer { .. }
                    | model::schema::Kind::Rate(_)
                    | model::schema::Kind::Beats { .. }
                    | model::schema::Kind::Tempo => 1.0.into(),
                    _ => "x".into(),
                };
                assert_eq!(said(&[set(table, "Riff", field.name, value)]).len(), 1, "{table} {}", field.name);
            }
        }
    }

    #[test]
    fn what_the_server_derives_is_not_told() {
        assert_eq!(said(&[set(Table::Projects, "Song", "collaborators", Value::Null)]), [] as [&str; 0]);
        assert_eq!(said(&[set(Table::AudioFiles, "take", "peaksData", Value::Null)]), [] as [&str; 0]);
        assert_eq!(said(&[set(Table::Users, "u", "name", "X")]), [] as [&str; 0]);
    }

    #[test]
    fn several_of_a_kind_are_counted_and_a_place_is_told_once() {
        let moves = [set(Table::Clips, "Riff", "startBeat", 4.0), set(Table::Clips, "Fill", "startBeat", 8.0)];
        assert_eq!(said(&moves), ["moved 2 clips"]);
        // The newest comes first: where the fader was let go.
        let fader = [set(Table::Tracks, "Bass", "volume", 1.0), set(Table::Tracks, "Bass", "volume", 2.0)];
        assert_eq!(said(&fader), ["set volume of Bass to 0.0 dB"]);
        let notes: Vec<Deed> = ["n1", "n2", "n3"]
            .map(|n| deed("listInsert", Table::Clips, "Riff", "midiData.notes", Value::map([("id", n.into())])))
            .into();
        assert_eq!(said(&notes), ["added 3 notes to Riff"]);
        let one_note = [
            set(Table::Clips, "Riff", "midiData.notes.n1.pitch", 60.0),
            set(Table::Clips, "Riff", "midiData.notes.n1.startBeat", 2.0),
        ];
        assert_eq!(said(&one_note), ["changed a note in Riff"]);
    }

    #[test]
    fn long_names_are_cut_and_garbage_does_no_harm() {
        let words = said(&[set(Table::Clips, "Riff", "name", "ü".repeat(200).as_str())]);
        assert_eq!(words, [format!("renamed a clip to {}…", "ü".repeat(40))]);
        for key in ["midiData", "midiData.", "plugins.", "plugins.eq1.params", "a.b.c", "startBeat.x"] {
            for value in [Value::Null, Value::from("x"), Value::from(f64::MAX), Value::list([Value::Null])] {
                let _ = said(&[set(Table::Clips, "Riff", key, value.clone()), set(Table::Tracks, "Bass", key, value)]);
            }
        }
    }
}
