//! Effects, sends and automation inside records: whether they fit their tables, and what they say.

use dsp::device::{Curve, Parameter, parameter};
use dsp::devices::Kind;

use crate::limits::{TRACK_PLUGINS_MAX, TRACK_SENDS_MAX};
use crate::validation::Invalid;
use crate::{Id, Record, Table, Value};

/// An effect of a track or of the master, as a record tells it.
#[derive(Clone, Debug, PartialEq)]
pub struct Plugin {
    /// Its id within the track.
    pub id: Id,
    /// What it is.
    pub kind: Kind,
    /// Whether it is passed by.
    pub bypassed: bool,
    /// The values of all its parameters, in the order of its table; what the record leaves out has its default.
    pub values: Vec<f32>,
    /// The track that it listens to, when that is another.
    pub sidechain: Option<Id>,
}

/// A send of a track, as a record tells it.
#[derive(Clone, Debug, PartialEq)]
pub struct Send {
    /// Its id within the track.
    pub id: Id,
    /// The track that it goes to.
    pub target: Id,
    /// A linear factor.
    pub gain: f64,
    /// Whether it leaves before the fader.
    pub pre: bool,
}

impl Plugin {
    /// The effects of a record of `tracks` or `projects`, in their order. What is of no kind that is known is left out.
    #[must_use]
    pub fn all(record: &Record) -> Vec<Plugin> {
        let Some(list) = record.get("plugins").as_list() else { return Vec::new() };
        list.iter().filter_map(Plugin::from_value).collect()
    }

    fn from_value(value: &Value) -> Option<Plugin> {
        let kind = Kind::from_id(value.get("type")?.as_str()?)?;
        let of = |parameter: &Parameter| {
            let given = value.get("params").and_then(|params| params.get(parameter.id)).and_then(Value::as_number);
            #[expect(clippy::cast_possible_truncation, reason = "parameters are single precision")]
            given.and_then(|number| parameter.accept(number as f32)).unwrap_or(parameter.default)
        };
        Some(Plugin {
            id: Id::new(value.get("id")?.as_str()?).ok()?,
            kind,
            bypassed: value.get("bypassed").and_then(Value::as_bool).unwrap_or(false),
            values: kind.parameters().iter().map(of).collect(),
            sidechain: value.get("sidechain").and_then(Value::as_str).and_then(|id| Id::new(id).ok()),
        })
    }
}

impl Send {
    /// The sends of a record of `tracks`, in their order.
    #[must_use]
    pub fn all(record: &Record) -> Vec<Send> {
        let Some(list) = record.get("sends").as_list() else { return Vec::new() };
        list.iter().filter_map(Send::from_value).collect()
    }

    fn from_value(value: &Value) -> Option<Send> {
        Some(Send {
            id: Id::new(value.get("id")?.as_str()?).ok()?,
            target: Id::new(value.get("target")?.as_str()?).ok()?,
            gain: value.get("gain").and_then(Value::as_number).unwrap_or(1.0),
            pre: value.get("pre").and_then(Value::as_bool).unwrap_or(false),
        })
    }
}

/// Checks what a table of fields cannot say, of the parts that `path` names: that an effect's parameters are those of its
/// kind and within their ranges (EN17), that only what listens has a sidechain, how many effects and sends there are.
///
/// # Errors
/// [`Invalid`] with the path and the reason.
pub fn check_devices(table: Table, record: &Record, path: &[&str]) -> Result<(), Invalid> {
    if !matches!(table, Table::Tracks | Table::Projects) {
        return Ok(());
    }
    let concerns = |field: &str| path.first().is_none_or(|first| *first == field);
    if concerns("plugins") {
        check_each(record, "plugins", TRACK_PLUGINS_MAX, path.get(1).copied(), check_plugin)?;
    }
    if concerns("sends") {
        check_each(record, "sends", TRACK_SENDS_MAX, path.get(1).copied(), |_| Ok(()))?;
    }
    Ok(())
}

fn check_each(
    record: &Record,
    field: &str,
    max: usize,
    touched: Option<&str>,
    check: impl Fn(&Value) -> Result<(), Invalid>,
) -> Result<(), Invalid> {
    let Some(list) = record.get(field).as_list() else { return Ok(()) };
    if list.len() > max {
        return Err(Invalid::new(format!("it must not have more than {max} elements")).inside(field));
    }
    let checked = |id: &str, element: &Value| check(element).map_err(|invalid| invalid.inside(id).inside(field));
    match touched {
        Some(id) => list.get(id).map_or(Ok(()), |element| checked(id, element)),
        None => list
            .iter()
            .try_for_each(|element| checked(element.get("id").and_then(Value::as_str).unwrap_or("?"), element)),
    }
}

fn check_plugin(plugin: &Value) -> Result<(), Invalid> {
    let Some(kind) = plugin.get("type").and_then(Value::as_str).and_then(Kind::from_id) else { return Ok(()) };
    let listens = plugin.get("sidechain").is_some_and(|sidechain| !sidechain.is_null());
    if listens && !kind.has_sidechain() {
        return Err(Invalid::new(format!("{} does not listen to another track", kind.name())).inside("sidechain"));
    }
    let Some(params) = plugin.get("params").and_then(Value::as_map) else { return Ok(()) };
    params.iter().try_for_each(|(name, value)| {
        let parameter = parameter::index_of(kind.parameters(), name).map(|index| &kind.parameters()[index]);
        let checked = match parameter {
            Some(parameter) => check_value(parameter, value.as_number().unwrap_or(f64::NAN)),
            None => Err(Invalid::new(format!("{} has no such parameter", kind.name()))),
        };
        checked.map_err(|invalid| invalid.inside(name).inside("params"))
    })
}

/// Whether a parameter may have a value, to single precision.
fn check_value(parameter: &Parameter, value: f64) -> Result<(), Invalid> {
    let (min, max) = (parameter.min, parameter.max);
    #[expect(clippy::cast_possible_truncation, reason = "parameters are single precision")]
    let single = value as f32;
    if !(min..=max).contains(&single) {
        return Err(Invalid::new(format!("it must be from {min} to {max}")));
    }
    let whole = matches!(parameter.curve, Curve::Switch | Curve::Choice(_));
    if whole && value.fract() != 0.0 { Err(Invalid::new("it must be a whole number")) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fields;

    fn id(text: &str) -> Id {
        Id::new(text).unwrap()
    }

    fn plugin(kind: &str, params: &[(&str, f64)]) -> Value {
        let params = Value::map(params.iter().map(|(name, value)| (*name, Value::number(*value))));
        Value::map([("id", "x".into()), ("type", kind.into()), ("params", params)])
    }

    fn with(plugin: Value) -> Record {
        Record::new(id("t"), 1, fields([("plugins", Value::list([plugin]))]))
    }

    fn said(kind: &str, params: &[(&str, f64)]) -> String {
        let checked = check_devices(Table::Tracks, &with(plugin(kind, params)), &["plugins", "x"]);
        checked.map_or_else(|invalid| invalid.to_string(), |()| String::new())
    }

    #[test]
    fn en17_parameters_are_those_of_the_kind_within_their_ranges() {
        assert_eq!(said("filter", &[("freq", 440.0)]), "");
        assert_eq!(said("filter", &[("freq", 1.0)]), "plugins.x.params.freq: it must be from 20 to 20000");
        assert_eq!(said("filter", &[("taste", 1.0)]), "plugins.x.params.taste: Filter has no such parameter");
        assert_eq!(said("delay", &[("note", 2.5)]), "plugins.x.params.note: it must be a whole number");
        for kind in Kind::ALL {
            for parameter in kind.parameters() {
                for end in [parameter.min, parameter.max, parameter.default] {
                    assert_eq!(said(kind.id(), &[(parameter.id, f64::from(end))]), "", "{}", parameter.id);
                }
                assert_ne!(said(kind.id(), &[(parameter.id, f64::from(parameter.max) * 1.1 + 1.0)]), "");
            }
        }
    }

    #[test]
    fn en31_only_what_listens_has_a_sidechain() {
        let mut allowed = Vec::new();
        for kind in Kind::ALL {
            let value = Value::map([("id", "x".into()), ("type", kind.id().into()), ("sidechain", "other".into())]);
            if check_devices(Table::Tracks, &with(value), &[]).is_ok() {
                allowed.push(kind.id());
            }
        }
        assert_eq!(allowed, ["compressor", "gate"]);
    }

    #[test]
    fn w6_a_track_has_so_many_effects_and_sends() {
        let named = |n: usize| Value::map([("id", Value::text(&format!("p{n}"))), ("type", "eq".into())]);
        for (field, max) in [("plugins", TRACK_PLUGINS_MAX), ("sends", TRACK_SENDS_MAX)] {
            let of = |count: usize| Record::new(id("t"), 1, fields([(field, Value::list((0..count).map(named)))]));
            assert_eq!(check_devices(Table::Tracks, &of(max), &[field, "p0"]), Ok(()));
            let refused = check_devices(Table::Tracks, &of(max + 1), &[field, "p0"]).unwrap_err();
            assert!(refused.to_string().contains(&format!("more than {max}")), "{refused}");
        }
    }

    #[test]
    fn en17_what_a_record_leaves_out_has_its_default() {
        let read = Plugin::all(&with(plugin("filter", &[("freq", 440.0)])));
        let table = Kind::Filter.parameters();
        assert_eq!((read.len(), read[0].kind, read[0].bypassed), (1, Kind::Filter, false));
        for (parameter, value) in table.iter().zip(&read[0].values) {
            assert_eq!(*value, if parameter.id == "freq" { 440.0 } else { parameter.default });
        }
        assert_eq!(Plugin::all(&Record::new(id("t"), 1, fields([]))), []);
    }
}
