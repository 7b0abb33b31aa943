//! Operations and transactions as they travel (W2).

use std::borrow::Cow;
use std::collections::BTreeMap;

use model::{Id, Key, Table, Value};
use serde::de::Error as _;
use serde::ser::SerializeMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::Path;

/// One change of one record.
#[derive(Clone, Debug, PartialEq)]
pub struct Operation {
    /// Which record.
    pub target: Key,
    /// Where in it; the whole record only for a `set` that creates it (OP4).
    pub path: Path,
    /// What happens there.
    pub change: Change,
    /// Of an operation that takes another one back: on what it insists (UN3).
    pub guard: Option<Guard>,
}

/// What an operation that takes another one back insists on: that nobody else has written its place since (UN3). Where
/// somebody has, the room and every replica leave the operation out.
///
/// Both name transactions, by place: an empty path for the operation's own, the rest of the path for what lies in it. See
/// [`model::Stamps::writers`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Guard {
    /// The last writers that the operation must find.
    #[serde(default)]
    pub finds: BTreeMap<Box<str>, Id>,
    /// Who count as the last writers afterwards: those who wrote what is there again.
    #[serde(default)]
    pub leaves: BTreeMap<Box<str>, Id>,
}

/// What an operation does at its path.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Change {
    /// `set`: the value becomes this one.
    Set(Value),
    /// `set-now`: the value becomes the time of the commit. The room rewrites it to a `Set` (OP1).
    SetNow,
    /// `unset`: the value becomes absent.
    Unset,
    /// `listInsert`: the element is put there, or moves there when it is present (OP5).
    ListInsert(Value, Position),
    /// `listRemove`: the element is taken out, if it is there.
    ListRemove(Value),
}

/// Where an element goes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Position {
    /// First.
    Prepend,
    /// Last.
    Append,
    /// Before this element, or first when it is absent.
    Before(Value),
    /// After this element, or last when it is absent.
    After(Value),
}

/// Operations that happen together or not at all (WR4).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Transaction {
    /// Its id, chosen by the author; a repeat changes nothing (WR6).
    pub tx_id: Id,
    /// Who wrote it; must be who is logged in (WR1).
    pub author_id: Id,
    /// What it does, in order.
    pub operations: Vec<Operation>,
    /// When the author's clock says it was made, in milliseconds since 1970. Informative only.
    #[serde(default)]
    pub client_timestamp: f64,
    /// Versions on which the author insists (WR5), by `table:id`. Our client sends none.
    #[serde(default, deserialize_with = "base_versions")]
    pub base_versions: BTreeMap<String, u64>,
    /// What several transactions of one gesture have in common: they are one step of undo (UN2) and of the history.
    #[serde(default)]
    pub gesture: Option<Id>,
}

fn base_versions<'de, D: Deserializer<'de>>(deserializer: D) -> Result<BTreeMap<String, u64>, D::Error> {
    if deserializer.is_human_readable() {
        Ok(Option::<BTreeMap<String, u64>>::deserialize(deserializer)?.unwrap_or_default())
    } else {
        BTreeMap::deserialize(deserializer)
    }
}

impl Operation {
    /// The name of the operation on the wire.
    #[must_use]
    pub fn type_name(&self) -> &'static str {
        match self.change {
            Change::Set(_) => "set",
            Change::SetNow => "set-now",
            Change::Unset => "unset",
            Change::ListInsert(..) => "listInsert",
            Change::ListRemove(_) => "listRemove",
        }
    }

    /// The path that it writes: of a list whose elements carry ids, the element's.
    #[must_use]
    pub fn writes(&self) -> Cow<'_, str> {
        let path = self.path.as_str();
        let element = match &self.change {
            Change::ListInsert(value, _) | Change::ListRemove(value) => value.get("id").and_then(Value::as_str),
            Change::Set(_) | Change::SetNow | Change::Unset => None,
        };
        element.map_or(Cow::Borrowed(path), |id| Cow::Owned(format!("{path}.{id}")))
    }

    /// Whether it creates a record.
    #[must_use]
    pub fn is_creation(&self) -> bool {
        self.path.is_whole() && matches!(self.change, Change::Set(_))
    }
}

impl Serialize for Operation {
    /// The guide's object in JSON, a plain tuple in binary formats.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if !serializer.is_human_readable() {
            return (&self.target.table, &self.target.id, &self.path, &self.change, &self.guard).serialize(serializer);
        }
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("type", self.type_name())?;
        map.serialize_entry("table", &self.target.table)?;
        map.serialize_entry("id", &self.target.id)?;
        map.serialize_entry("key", &self.path)?;
        match &self.change {
            Change::Set(value) | Change::ListRemove(value) => map.serialize_entry("value", value)?,
            Change::ListInsert(value, position) => {
                map.serialize_entry("value", value)?;
                map.serialize_entry("position", position)?;
            }
            Change::SetNow | Change::Unset => {}
        }
        if let Some(guard) = &self.guard {
            map.serialize_entry("guard", guard)?;
        }
        map.end()
    }
}

/// The guide's shape of any operation.
#[derive(Deserialize)]
struct Wire {
    r#type: String,
    table: Table,
    id: Id,
    key: Path,
    #[serde(default)]
    value: Value,
    #[serde(default)]
    position: Option<Position>,
    #[serde(default)]
    guard: Option<Guard>,
}

impl<'de> Deserialize<'de> for Operation {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Operation, D::Error> {
        if !deserializer.is_human_readable() {
            let (table, id, path, change, guard) = Deserialize::deserialize(deserializer)?;
            return Ok(Operation { target: Key::new(table, id), path, change, guard });
        }
        let wire = Wire::deserialize(deserializer)?;
        let change = match wire.r#type.as_str() {
            "set" => Change::Set(wire.value),
            "set-now" => Change::SetNow,
            "unset" => Change::Unset,
            "listInsert" => Change::ListInsert(
                wire.value,
                wire.position.ok_or_else(|| D::Error::custom("listInsert needs a position"))?,
            ),
            "listRemove" => Change::ListRemove(wire.value),
            other => return Err(D::Error::custom(format_args!("there is no operation '{}'", other.escape_debug()))),
        };
        Ok(Operation { target: Key::new(wire.table, wire.id), path: wire.key, change, guard: wire.guard })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn w2_the_guides_shapes_are_read_and_written() {
        for text in [
            r#"{"type":"set","table":"projects","id":"1","key":"bpm","value":140}"#,
            r#"{"type":"set-now","table":"clips","id":"1","key":"deleted"}"#,
            r#"{"type":"unset","table":"clips","id":"1","key":"deleted"}"#,
            r#"{"type":"listInsert","table":"projects","id":"1","key":"collaborators","value":"u","position":"prepend"}"#,
            r#"{"type":"listInsert","table":"projects","id":"1","key":"collaborators","value":"u","position":{"after":"v"}}"#,
            r#"{"type":"listRemove","table":"projects","id":"1","key":"collaborators","value":"u"}"#,
            r#"{"type":"set","table":"clips","id":"1","key":"gain","value":1.5,"guard":{"finds":{"":"t"},"leaves":{"":"u","x.y":"v"}}}"#,
        ] {
            let operation: Operation = serde_json::from_str(text).unwrap();
            assert_eq!(serde_json::to_string(&operation).unwrap(), text);
            let bytes = postcard::to_stdvec(&operation).unwrap();
            assert_eq!(postcard::from_bytes::<Operation>(&bytes).unwrap(), operation);
        }
    }

    #[test]
    fn op6_what_is_unknown_is_refused_with_its_name() {
        let refused = |text: &str| serde_json::from_str::<Operation>(text).unwrap_err().to_string();
        assert!(refused(r#"{"type":"explode","table":"clips","id":"1","key":"a"}"#).contains("explode"));
        assert!(refused(r#"{"type":"set","table":"secrets","id":"1","key":"a","value":1}"#).contains("secrets"));
        assert!(
            refused(r#"{"type":"set","table":"clips","id":"1","key":"a.__proto__.b","value":1}"#).contains("__proto__")
        );
        assert!(refused(r#"{"type":"set","table":"clips","id":"1","key":"a..b","value":1}"#).contains("segment"));
        assert!(refused(r#"{"type":"listInsert","table":"clips","id":"1","key":"a","value":1}"#).contains("position"));
    }
}
