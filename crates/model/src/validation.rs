//! Whether a value may stand in a field, and its one stored form (WR2, U4).

use std::sync::Arc;

use crate::limits::{LIST_ELEMENTS_MAX, MAP_KEYS_MAX, PEAKS_OVERVIEW_VALUES_MAX};
use crate::schema::{Field, Kind, Presence, fill, find, is_order_key};
use crate::{Bpm, Id, List, Map, Ticks, TimeSignature, Timestamp, Value};

/// Why a value may not stand in a field.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{path}: {reason}")]
pub struct Invalid {
    /// The dotted path of the field.
    pub path: String,
    /// What is wrong, for people.
    pub reason: String,
}

impl Invalid {
    pub(crate) fn new(reason: impl Into<String>) -> Invalid {
        Invalid { path: String::new(), reason: reason.into() }
    }

    pub(crate) fn inside(mut self, name: &str) -> Invalid {
        self.path = if self.path.is_empty() { name.to_owned() } else { format!("{name}.{}", self.path) };
        self
    }
}

/// The form in which `value` is stored under `kind`: beats rounded to a tick, tempo to 0.001, defaults of inner objects
/// filled in, missing ids of elements made from `new_id` (OP5). What does not fit `kind` is left as it is, for
/// [`validate`] to refuse.
#[must_use]
pub fn normalise(kind: Kind, value: Value, new_id: &mut dyn FnMut() -> Option<Id>) -> Value {
    match (kind, value) {
        (Kind::Beats { .. }, Value::Number(beats)) => {
            Ticks::from_beats(beats).map_or(Value::Number(beats), |ticks| Value::number(ticks.beats()))
        }
        (Kind::Tempo, Value::Number(bpm)) => Bpm::new(bpm).map_or(Value::Number(bpm), |bpm| Value::number(bpm.value())),
        (Kind::Object(fields), Value::Map(map)) => {
            Value::from(normalise_object(fields, Arc::unwrap_or_clone(map), new_id))
        }
        (Kind::Elements(fields), Value::List(list)) => {
            Value::list(list.iter().map(|element| normalise_element(fields, element.clone(), new_id)))
        }
        (_, value) => value,
    }
}

fn normalise_object(schema: &'static [Field], mut map: Map, new_id: &mut dyn FnMut() -> Option<Id>) -> Map {
    fill(schema, &mut map);
    for (name, value) in &mut map {
        if let Some(field) = find(schema, name) {
            *value = normalise(field.kind, std::mem::take(value), new_id);
        }
    }
    map
}

/// One element of a keyed list in the form in which it is stored; an absent `id` is made from `new_id`.
#[must_use]
pub fn normalise_element(schema: &'static [Field], element: Value, new_id: &mut dyn FnMut() -> Option<Id>) -> Value {
    let Value::Map(map) = element else { return element };
    let mut map = Arc::unwrap_or_clone(map);
    if map.get("id").is_none_or(Value::is_null)
        && let Some(id) = new_id()
    {
        map.insert(Arc::from("id"), Value::from(&id));
    }
    Value::from(normalise_object(schema, map, new_id))
}

/// The kind of the value at `path` inside a value of `kind`; `None` when no such field exists. Element ids are
/// segments of the path.
#[must_use]
pub fn kind_at(kind: Kind, path: &[&str]) -> Option<Kind> {
    let Some((first, rest)) = path.split_first() else { return Some(kind) };
    match kind {
        Kind::Object(fields) => kind_at(find(fields, first)?.kind, rest),
        Kind::Elements(fields) => kind_at(Kind::Object(fields), rest),
        Kind::Parameters if rest.is_empty() => Some(Kind::Number { min: -1e9, max: 1e9 }),
        _ => None,
    }
}

/// Checks the part of `value` that `path` names (all of it when empty): its type, range and shape under `kind`.
///
/// Only what changed is looked at, so that an edit of one note costs the same in a clip of any length (OP7).
///
/// # Errors
/// [`Invalid`] with the path and the reason.
pub fn validate(kind: Kind, value: &Value, path: &[&str]) -> Result<(), Invalid> {
    match (kind, path.split_first()) {
        (Kind::Object(fields), Some((name, rest))) => {
            let field = find(fields, name).ok_or_else(|| Invalid::new("there is no such field").inside(name))?;
            let inner = value.get(name).unwrap_or(&Value::Null);
            check_field(field, inner, rest)
        }
        (Kind::Elements(fields), Some((id, rest))) => {
            let list = value.as_list().ok_or_else(|| expected("a list", value))?;
            check_length(list, LIST_ELEMENTS_MAX)?;
            let element = list.get(id).ok_or_else(|| Invalid::new("there is no such element").inside(id))?;
            validate(Kind::Object(fields), element, rest).map_err(|e| e.inside(id))
        }
        (kind, _) => check(kind, value),
    }
}

/// Checks a field of an object: its presence, and its value along `path`.
///
/// # Errors
/// [`Invalid`] with the path and the reason.
pub fn check_field(field: &Field, value: &Value, path: &[&str]) -> Result<(), Invalid> {
    if value.is_null() {
        return match field.presence {
            Presence::Nullable | Presence::Stated => Ok(()),
            Presence::Required | Presence::Default(_) => Err(Invalid::new("it must not be missing").inside(field.name)),
        };
    }
    validate(field.kind, value, path).map_err(|invalid| invalid.inside(field.name))
}

fn expected(what: &str, value: &Value) -> Invalid {
    Invalid::new(format!("it must be {what}, not {}", value.kind()))
}

fn in_range(value: &Value, min: f64, max: f64) -> Result<f64, Invalid> {
    let number = value.as_number().ok_or_else(|| expected("a number", value))?;
    if (min..=max).contains(&number) {
        Ok(number)
    } else {
        Err(Invalid::new(format!("it must be from {min} to {max}")))
    }
}

fn text<'a>(value: &'a Value, what: &str) -> Result<&'a str, Invalid> {
    value.as_str().ok_or_else(|| expected(what, value))
}

fn ensure(holds: bool, reason: &str) -> Result<(), Invalid> {
    if holds { Ok(()) } else { Err(Invalid::new(reason)) }
}

fn check(kind: Kind, value: &Value) -> Result<(), Invalid> {
    match kind {
        Kind::Text { min, max } => check_text(text(value, "text")?, min, max),
        Kind::Choice(words) => {
            let word = text(value, "text")?;
            ensure(words.contains(&word), &format!("it must be one of {}", words.join(", ")))
        }
        Kind::Number { min, max } | Kind::Beats { min, max } => in_range(value, min, max).map(drop),
        Kind::Integer { min, max } => ensure(in_range(value, min, max)?.fract() == 0.0, "it must be a whole number"),
        Kind::Rate(rates) => {
            let rate = value.as_number().ok_or_else(|| expected("a number", value))?;
            ensure(rates.iter().any(|known| f64::from(*known) == rate), &format!("it must be one of {rates:?}"))
        }
        Kind::Tempo => in_range(value, *Bpm::RANGE.start(), *Bpm::RANGE.end()).map(drop),
        Kind::Metre => ensure(
            TimeSignature::parse(text(value, "text")?).is_some(),
            "it must be a time signature such as 4/4: 1 to 32, over 1, 2, 4, 8, 16 or 32",
        ),
        Kind::Flag => value.as_bool().map(drop).ok_or_else(|| expected("true or false", value)),
        Kind::Time => {
            ensure(Timestamp::parse(text(value, "a time")?).is_some(), "it must be a time such as 2026-11-23T21:44:00Z")
        }
        Kind::Colour => check_colour(text(value, "a colour")?),
        Kind::Hash => {
            let hash = text(value, "a hash")?;
            let hex = hash.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
            ensure(hash.len() == 64 && hex, "it must be a SHA-256 in lower-case hexadecimal")
        }
        Kind::OrderKey => ensure(is_order_key(text(value, "an order key")?), "it must be a fractional index"),
        Kind::Reference(_) => ensure(Id::is_valid(text(value, "an id")?), "it must be an id"),
        Kind::Ids => {
            check_list(value, LIST_ELEMENTS_MAX, |id| ensure(id.as_str().is_some_and(Id::is_valid), "it must hold ids"))
        }
        Kind::Peaks => check_list(value, PEAKS_OVERVIEW_VALUES_MAX, |peak| in_range(peak, -1.0, 1.0).map(drop)),
        Kind::Curve => match value {
            Value::Number(_) => in_range(value, -1.0, 1.0).map(drop),
            other => {
                ensure(matches!(other.as_str(), Some("linear" | "hold")), "it must be linear, hold, or from -1 to 1")
            }
        },
        Kind::Parameters => {
            let map = value.as_map().ok_or_else(|| expected("an object", value))?;
            // More keys than this could be written one by one, but no longer be read back.
            ensure(map.len() <= MAP_KEYS_MAX, &format!("it must not have more than {MAP_KEYS_MAX} parameters"))?;
            map.iter().try_for_each(|(name, value)| {
                let known = Id::is_valid(name);
                ensure(known, "a parameter's name is made of letters, digits, '_' and '-'")
                    .map_err(|e| e.inside(name))?;
                in_range(value, -1e9, 1e9).map(drop).map_err(|e| e.inside(name))
            })
        }
        Kind::Object(fields) => check_object(fields, value),
        Kind::Elements(fields) => check_elements(fields, value),
    }
}

fn check_text(text: &str, min: usize, max: usize) -> Result<(), Invalid> {
    ensure(!text.chars().any(char::is_control), "it must not hold control characters")?;
    ensure(text.len() >= min && (min == 0 || !text.trim().is_empty()), "it must not be empty")?;
    ensure(text.len() <= max, &format!("it must not be longer than {max} bytes"))
}

fn check_colour(colour: &str) -> Result<(), Invalid> {
    let hex = colour.strip_prefix('#').is_some_and(|h| h.len() == 6 && h.bytes().all(|b| b.is_ascii_hexdigit()));
    ensure(hex, "it must be a colour such as #7c8cff")
}

fn check_list(value: &Value, max: usize, each: impl Fn(&Value) -> Result<(), Invalid>) -> Result<(), Invalid> {
    let list = value.as_list().ok_or_else(|| expected("a list", value))?;
    check_length(list, max)?;
    list.iter().try_for_each(each)
}

fn check_length(list: &List, max: usize) -> Result<(), Invalid> {
    ensure(list.len() <= max, &format!("it must not have more than {max} elements"))
}

fn check_object(fields: &'static [Field], value: &Value) -> Result<(), Invalid> {
    let map = value.as_map().ok_or_else(|| expected("an object", value))?;
    if let Some(unknown) = map.keys().find(|name| find(fields, name).is_none()) {
        return Err(Invalid::new("there is no such field").inside(unknown));
    }
    fields.iter().try_for_each(|field| check_field(field, map.get(field.name).unwrap_or(&Value::Null), &[]))
}

fn check_elements(fields: &'static [Field], value: &Value) -> Result<(), Invalid> {
    let list: &List = value.as_list().ok_or_else(|| expected("a list", value))?;
    check_length(list, LIST_ELEMENTS_MAX)?;
    ensure(list.is_empty() || list.is_keyed(), "its elements must be objects, each with its own id")?;
    list.iter().try_for_each(|element| {
        check_object(fields, element).map_err(|e| e.inside(element.get("id").and_then(Value::as_str).unwrap_or("?")))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Table;
    use crate::schema::TableSchema;

    fn clip_field(name: &str) -> &'static Field {
        TableSchema::of(Table::Clips).field(name).unwrap()
    }

    #[test]
    fn wr2_types_and_ranges_are_checked_with_a_path_and_a_reason() {
        let gain = clip_field("gain");
        assert_eq!(check_field(gain, &Value::Number(2.0), &[]), Ok(()));
        assert_eq!(
            check_field(gain, &Value::Number(2.1), &[]).unwrap_err().to_string(),
            "gain: it must be from 0 to 2"
        );
        assert_eq!(check_field(gain, &Value::text("loud"), &[]).unwrap_err().reason, "it must be a number, not text");
        assert!(check_field(gain, &Value::Null, &[]).is_err());
        assert_eq!(check_field(clip_field("audioFileId"), &Value::Null, &[]), Ok(()));
    }

    #[test]
    fn op5_elements_without_an_id_get_one_and_defaults_are_filled() {
        let kind = clip_field("midiData").kind;
        let note =
            Value::map([("pitch", 60u32.into()), ("startBeat", Value::number(0.3)), ("durationBeats", 1u32.into())]);
        let midi = Value::map([("notes", Value::list([note.clone(), note]))]);
        let mut n = 0;
        let midi = normalise(kind, midi, &mut || {
            n += 1;
            Id::new(&format!("tx-0-{n}")).ok()
        });
        let notes = midi.get("notes").unwrap().as_list().unwrap();
        assert!(notes.is_keyed());
        let first = notes.get("tx-0-1").unwrap();
        assert_eq!(first.get("velocity"), Some(&Value::Number(100.0)));
        assert_eq!(first.get("startBeat"), Some(&Value::number(Ticks::from_beats(0.3).unwrap().beats())));
        assert_eq!(validate(kind, &midi, &[]), Ok(()));
    }

    #[test]
    fn op7_only_the_touched_element_is_checked() {
        let kind = clip_field("midiData").kind;
        let broken = Value::map([("id", "bad".into()), ("pitch", 999u32.into())]);
        let fine = Value::map([("id", "ok".into()), ("pitch", 60u32.into())]);
        let midi = Value::map([("notes", Value::list([broken, fine]))]);
        assert_eq!(validate(kind, &midi, &["notes", "ok", "pitch"]), Ok(()));
        assert!(validate(kind, &midi, &["notes", "bad", "pitch"]).is_err());
        assert!(kind_at(kind, &["notes", "ok", "nothing"]).is_none());
    }
}
