//! What fields a table has. One description drives defaults, validation, the database's columns and the wire.

pub use crate::order_key::{is_order_key, order_key_between};
use crate::{List, Map, Table, Value};

/// A table's fields, without `id` and `version`, which every record has.
#[derive(Debug)]
pub struct TableSchema {
    /// The table.
    pub table: Table,
    /// Its fields.
    pub fields: &'static [Field],
}

/// A field of a record, or of an object inside one.
#[derive(Debug)]
pub struct Field {
    /// The name on the wire.
    pub name: &'static str,
    /// What it may hold.
    pub kind: Kind,
    /// Whether it must be there, and what stands in for it.
    pub presence: Presence,
    /// Who may write it (WR1).
    pub writer: Writer,
}

/// What a field may hold.
#[derive(Debug, Clone, Copy)]
pub enum Kind {
    /// Text of so many bytes, without control characters.
    Text {
        /// Fewest bytes.
        min: usize,
        /// Most bytes.
        max: usize,
    },
    /// One of these words.
    Choice(&'static [&'static str]),
    /// A number in a range.
    Number {
        /// Least.
        min: f64,
        /// Greatest.
        max: f64,
    },
    /// A whole number in a range.
    Integer {
        /// Least.
        min: f64,
        /// Greatest.
        max: f64,
    },
    /// One of these whole numbers.
    Rate(&'static [u32]),
    /// A position or length in beats, rounded to a tick (U4).
    Beats {
        /// Least.
        min: f64,
        /// Greatest.
        max: f64,
    },
    /// Beats per minute, rounded to 0.001 (U4).
    Tempo,
    /// `n/d`.
    Metre,
    /// True or false.
    Flag,
    /// A point in time, ISO 8601 UTC.
    Time,
    /// `#rrggbb`.
    Colour,
    /// Lower-case hexadecimal SHA-256.
    Hash,
    /// A fractional index, see [`crate::schema::order_key_between`].
    OrderKey,
    /// The id of a record.
    Reference(Table),
    /// A list of ids.
    Ids,
    /// At most [`crate::limits::PEAKS_OVERVIEW_VALUES_MAX`] numbers from -1 to 1.
    Peaks,
    /// The shape of automation after a point: `linear`, `hold`, or a curvature from -1 to 1.
    Curve,
    /// An object of numbers by name, as a plugin's parameters.
    Parameters,
    /// An object of these fields.
    Object(&'static [Field]),
    /// A list of objects of these fields, each with its own `id`; merged element by element (OP7).
    Elements(&'static [Field]),
}

/// Whether a field must be there.
#[derive(Debug, Clone, Copy)]
pub enum Presence {
    /// Creation must give it.
    Required,
    /// It may be null or absent, which mean the same.
    Nullable,
    /// The same, but creation must say which it is: what was only forgotten would mean something else.
    Stated,
    /// Creation may leave it out; this is what it then holds.
    Default(Literal),
}

/// A default value.
#[derive(Debug, Clone, Copy)]
pub enum Literal {
    /// A number.
    Number(f64),
    /// A text.
    Text(&'static str),
    /// A flag.
    Flag(bool),
    /// A list without elements.
    EmptyList,
}

impl Literal {
    /// The literal as a value.
    #[must_use]
    pub fn value(self) -> Value {
        match self {
            Literal::Number(number) => Value::number(number),
            Literal::Text(text) => Value::text(text),
            Literal::Flag(flag) => Value::Bool(flag),
            Literal::EmptyList => Value::List(List::new()),
        }
    }
}

/// Who may write a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Writer {
    /// Whoever may edit the record.
    Client,
    /// The creator, once.
    Creation,
    /// Only the server; what a client gives at creation is overwritten or ignored.
    Server,
}

impl TableSchema {
    /// The schema of a table.
    #[must_use]
    pub fn of(table: Table) -> &'static TableSchema {
        crate::tables::schema(table)
    }

    /// The field of this name.
    #[must_use]
    pub fn field(&self, name: &str) -> Option<&'static Field> {
        find(self.fields, name)
    }

    /// `fields` with what is absent or null and has a default filled in.
    #[must_use]
    pub fn with_defaults(&self, mut fields: Map) -> Map {
        fill(self.fields, &mut fields);
        fields
    }
}

/// The field of this name.
#[must_use]
pub fn find(fields: &'static [Field], name: &str) -> Option<&'static Field> {
    fields.iter().find(|field| field.name == name)
}

pub(crate) fn fill(schema: &'static [Field], fields: &mut Map) {
    for field in schema {
        if let Presence::Default(literal) = field.presence {
            let absent = fields.get(field.name).is_none_or(Value::is_null);
            if absent {
                fields.insert(field.name.into(), literal.value());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn u5_keys_sort_as_text_in_their_order() {
        let mut keys = vec![order_key_between(None, None).unwrap()];
        for n in 0..200 {
            let at = n * 7 % keys.len();
            let low = keys.get(at).map(String::as_str);
            let key = order_key_between(low, keys.get(at + 1).map(String::as_str)).unwrap();
            keys.insert(at + 1, key);
            let first = order_key_between(None, keys.first().map(String::as_str)).unwrap();
            keys.insert(0, first);
        }
        assert!(keys.windows(2).all(|pair| pair[0] < pair[1]));
        assert!(keys.iter().all(|key| is_order_key(key)));
    }
}
