//! Records: what the tables hold.

use std::fmt;
use std::sync::Arc;

use serde::de::Error as _;
use serde::ser::SerializeMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::{Id, Map, Stamps, Value};

/// The tables of a song, by their names on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Table {
    /// People: `{id, version, name, colour}`.
    Users,
    /// Songs.
    Projects,
    /// Who may do what in a project.
    ProjectMembers,
    /// Tracks of a project.
    Tracks,
    /// Clips of a track.
    Clips,
    /// Recordings that clips play.
    AudioFiles,
    /// Automation lanes of a track.
    Automation,
    /// Named versions of a project.
    Versions,
    /// Where the tempo of a project changes.
    TempoChanges,
    /// Where the metre of a project changes.
    TimeSignatures,
}

impl Table {
    /// Every table, parents before children.
    pub const ALL: [Table; 10] = [
        Table::Users,
        Table::Projects,
        Table::ProjectMembers,
        Table::Tracks,
        Table::AudioFiles,
        Table::Clips,
        Table::Automation,
        Table::Versions,
        Table::TempoChanges,
        Table::TimeSignatures,
    ];

    /// The name on the wire and in the database.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Table::Users => "users",
            Table::Projects => "projects",
            Table::ProjectMembers => "project_members",
            Table::Tracks => "tracks",
            Table::Clips => "clips",
            Table::AudioFiles => "audio_files",
            Table::Automation => "automation",
            Table::Versions => "versions",
            Table::TempoChanges => "tempo_changes",
            Table::TimeSignatures => "time_signatures",
        }
    }

    /// The table of this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Table> {
        Table::ALL.into_iter().find(|table| table.name() == name)
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl Serialize for Table {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

impl<'de> Deserialize<'de> for Table {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Table, D::Error> {
        struct Name;
        impl serde::de::Visitor<'_> for Name {
            type Value = Table;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("the name of a table")
            }
            fn visit_str<E: serde::de::Error>(self, name: &str) -> Result<Table, E> {
                Table::from_name(name)
                    .ok_or_else(|| E::custom(format_args!("there is no table '{}'", name.escape_debug())))
            }
        }
        deserializer.deserialize_str(Name)
    }
}

/// What names a record: its table and id.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Key {
    /// The table.
    pub table: Table,
    /// The id in that table.
    pub id: Id,
}

impl Key {
    /// The record `id` of `table`.
    #[must_use]
    pub fn new(table: Table, id: Id) -> Key {
        Key { table, id }
    }
}

impl fmt::Display for Key {
    /// `table:id`, the subscription key of W3.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.table, self.id)
    }
}

/// One record: an id, a version that rises by one with each operation (OP2), and fields. Cheap to clone.
#[derive(Clone, Debug, PartialEq)]
pub struct Record(Arc<Content>);

#[derive(Clone, Debug, PartialEq)]
struct Content {
    id: Id,
    version: u64,
    fields: Map,
    stamps: Stamps,
    /// Of the fields: it is asked for at each change, and their sum once. The stamps have their own.
    weight: usize,
}

fn weight_of(fields: &Map) -> usize {
    fields.iter().map(|(name, value)| name.len() + 4 + value.weight()).sum()
}

impl Record {
    /// A record of these fields; `id` and `version` are not among them.
    #[must_use]
    pub fn new(id: Id, version: u64, fields: Map) -> Record {
        Record::stamped(id, version, fields, Stamps::default())
    }

    fn stamped(id: Id, version: u64, mut fields: Map, stamps: Stamps) -> Record {
        fields.remove("id");
        fields.remove("version");
        let weight = weight_of(&fields);
        Record(Arc::new(Content { id, version, fields, stamps, weight }))
    }

    /// The same record with these stamps.
    #[must_use]
    pub fn with_stamps(&self, stamps: Stamps) -> Record {
        let mut content = (*self.0).clone();
        content.stamps = stamps;
        Record(Arc::new(content))
    }

    /// The record that an object with `id` and `version` describes; `None` when either is missing or wrong.
    #[must_use]
    pub fn from_map(map: &Map) -> Option<Record> {
        let id = Id::new(map.get("id")?.as_str()?).ok()?;
        let version = map.get("version")?.as_number()?;
        if !(0.0..=9_007_199_254_740_992.0).contains(&version) || version.trunc() != version {
            return None;
        }
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "range and fraction are checked above"
        )]
        Some(Record::new(id, version as u64, map.clone()))
    }

    /// Its id.
    #[must_use]
    pub fn id(&self) -> &Id {
        &self.0.id
    }

    /// Its version.
    #[must_use]
    pub fn version(&self) -> u64 {
        self.0.version
    }

    /// Its fields, without `id` and `version`.
    #[must_use]
    pub fn fields(&self) -> &Map {
        &self.0.fields
    }

    /// Who last wrote which part of it.
    #[must_use]
    pub fn stamps(&self) -> &Stamps {
        &self.0.stamps
    }

    /// A top-level field; `Null` when it is absent.
    #[must_use]
    pub fn get(&self, field: &str) -> &Value {
        self.0.fields.get(field).unwrap_or(&Value::Null)
    }

    /// A top-level field as text.
    #[must_use]
    pub fn text(&self, field: &str) -> Option<&str> {
        self.get(field).as_str()
    }

    /// A top-level field as a number.
    #[must_use]
    pub fn number(&self, field: &str) -> Option<f64> {
        self.get(field).as_number()
    }

    /// A top-level field as an id.
    #[must_use]
    pub fn id_in(&self, field: &str) -> Option<Id> {
        let Value::String(text) = self.get(field) else { return None };
        Id::of_shared(text).ok()
    }

    /// Whether it is marked as deleted.
    #[must_use]
    pub fn is_deleted(&self) -> bool {
        !self.get("deleted").is_null()
    }

    /// About how many bytes it takes as JSON, see [`Value::weight`], and what is known of who wrote it.
    #[must_use]
    pub fn weight(&self) -> usize {
        self.0.weight + self.0.stamps.weight()
    }

    /// The same record with other fields and stamps, and the version raised by one.
    #[must_use]
    pub fn next(&self, fields: Map, stamps: Stamps) -> Record {
        let (id, version, weight) = (self.0.id.clone(), self.0.version + 1, weight_of(&fields));
        Record(Arc::new(Content { id, version, fields, stamps, weight }))
    }

    /// The same record and version with one field set.
    #[must_use]
    pub fn with(&self, field: &str, value: Value) -> Record {
        let mut content = (*self.0).clone();
        content.fields.insert(Arc::from(field), value);
        content.weight = weight_of(&content.fields);
        Record(Arc::new(content))
    }

    /// The same record and version without one field.
    #[must_use]
    pub fn without(&self, field: &str) -> Record {
        let mut content = (*self.0).clone();
        content.fields.remove(field);
        content.weight = weight_of(&content.fields);
        Record(Arc::new(content))
    }

    /// Whether both are the very same allocation: a quick "nothing changed".
    #[must_use]
    pub fn is_same(&self, other: &Record) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Serialize for Record {
    /// The guide's object in JSON; in binary formats, which are between ourselves, with its stamps.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if !serializer.is_human_readable() {
            let fields = Value::from(self.0.fields.clone());
            return (&self.0.id, self.0.version, fields, &self.0.stamps).serialize(serializer);
        }
        let mut map = serializer.serialize_map(Some(self.0.fields.len() + 2))?;
        map.serialize_entry("id", &self.0.id)?;
        map.serialize_entry("version", &self.0.version)?;
        for (name, value) in &self.0.fields {
            map.serialize_entry(&**name, value)?;
        }
        map.end()
    }
}

impl<'de> Deserialize<'de> for Record {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Record, D::Error> {
        if deserializer.is_human_readable() {
            let value = Value::deserialize(deserializer)?;
            return value
                .as_map()
                .and_then(Record::from_map)
                .ok_or_else(|| D::Error::custom("a record is an object with an id and a version"));
        }
        let (id, version, fields, stamps) = <(Id, u64, Value, Stamps)>::deserialize(deserializer)?;
        match fields {
            Value::Map(map) => Ok(Record::stamped(id, version, Arc::unwrap_or_clone(map), stamps)),
            other => Err(D::Error::custom(format_args!("a record's fields are an object, not {}", other.kind()))),
        }
    }
}
