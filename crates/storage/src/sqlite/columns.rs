//! Records as rows: columns and statements, made from the descriptors of `model::schema`.

use std::fmt::Write as _;
use std::sync::LazyLock;

use model::schema::{Field, Kind, TableSchema};
use model::{Id, Map, Record, Table, Value};
use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{Row, ToSql};

/// A field's name in the database: `startBeat` is `start_beat`.
pub(super) fn column_name(field: &str) -> String {
    let mut name = String::with_capacity(field.len() + 4);
    for c in field.chars() {
        if c.is_ascii_uppercase() {
            name.push('_');
        }
        name.push(c.to_ascii_lowercase());
    }
    name
}

/// How a field is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ColumnType {
    Text,
    Real,
    Flag,
    Json,
}

impl ColumnType {
    pub(super) fn of(kind: Kind) -> ColumnType {
        match kind {
            Kind::Text { .. }
            | Kind::Choice(_)
            | Kind::Metre
            | Kind::Time
            | Kind::Colour
            | Kind::Hash
            | Kind::OrderKey
            | Kind::Reference(_) => ColumnType::Text,
            Kind::Number { .. } | Kind::Integer { .. } | Kind::Rate(_) | Kind::Beats { .. } | Kind::Tempo => {
                ColumnType::Real
            }
            Kind::Flag => ColumnType::Flag,
            Kind::Ids | Kind::Peaks | Kind::Curve | Kind::Parameters | Kind::Object(_) | Kind::Elements(_) => {
                ColumnType::Json
            }
        }
    }

    /// The type that the migrations declare.
    #[cfg(test)]
    pub(super) fn declared(self) -> &'static str {
        match self {
            ColumnType::Text | ColumnType::Json => "TEXT",
            ColumnType::Real => "REAL",
            ColumnType::Flag => "INTEGER",
        }
    }
}

/// Columns before those of the fields: `id`, `version`, `stamps`, and `seq`, the log's entry that the row reflects.
const OWN_COLUMNS: usize = 4;

/// The statements of one table.
pub(super) struct Statements {
    fields: &'static [Field],
    /// Writes a record, unless one of its id belongs to another project or is as new already: then no row is changed.
    pub(super) upsert: String,
    /// Reads one record by id.
    pub(super) by_id: String,
    /// Reads every record of a project; empty for users.
    pub(super) by_project: String,
    /// The project of a record; empty for users.
    pub(super) project_of: String,
}

/// The column that says to which project a row belongs.
fn project_column(table: Table) -> Option<&'static str> {
    match table {
        Table::Users => None,
        Table::Projects => Some("id"),
        _ => Some("project_id"),
    }
}

impl Statements {
    pub(super) fn of(table: Table) -> &'static Statements {
        static ALL: LazyLock<Vec<Statements>> = LazyLock::new(|| Table::ALL.into_iter().map(Statements::new).collect());
        // `Table::ALL` holds every table, the first at index 0.
        let index = Table::ALL.into_iter().position(|it| it == table).unwrap_or(0);
        &ALL[index]
    }

    fn new(table: Table) -> Statements {
        let fields = TableSchema::of(table).fields;
        let names: Vec<String> = fields.iter().map(|field| column_name(field.name)).collect();
        let columns = format!("id, version, stamps, seq, {}", names.join(", "));
        let marks: Vec<String> = (1..=names.len() + OWN_COLUMNS).map(|n| format!("?{n}")).collect();
        let mut upsert = format!(
            "INSERT INTO {table} ({columns}) VALUES ({}) ON CONFLICT (id) DO UPDATE SET version = excluded.version, \
             stamps = excluded.stamps, seq = excluded.seq",
            marks.join(", ")
        );
        for name in &names {
            let _ = write!(upsert, ", {name} = excluded.{name}");
        }
        let _ = write!(upsert, " WHERE {table}.seq < excluded.seq");
        let (mut by_project, mut project_of) = (String::new(), String::new());
        if let Some(project) = project_column(table) {
            let _ = write!(upsert, " AND {table}.{project} = excluded.{project}");
            by_project = format!("SELECT {columns} FROM {table} WHERE {project} = ?1");
            project_of = format!("SELECT {project} FROM {table} WHERE id = ?1");
        }
        let by_id = format!("SELECT {columns} FROM {table} WHERE id = ?1");
        Statements { fields, upsert, by_id, by_project, project_of }
    }

    /// The values of a record as entry `seq` leaves it, in the order of the columns.
    pub(super) fn values(&self, record: &Record, seq: u64) -> Result<Vec<Cell>, String> {
        let stamps = match record.stamps().is_empty() {
            true => Cell::Null,
            false => Cell::Text(serde_json::to_string(record.stamps()).map_err(|error| error.to_string())?.into()),
        };
        let id = Cell::Text(record.id().as_str().into());
        let mut values = vec![id, Cell::Integer(as_sql(record.version())?), stamps, Cell::Integer(as_sql(seq)?)];
        for field in self.fields {
            values.push(Cell::of(ColumnType::of(field.kind), record.get(field.name))?);
        }
        Ok(values)
    }

    /// The record that a row of `id, version, …` is, and the entry that it reflects.
    pub(super) fn row(&self, table: Table, row: &Row<'_>) -> rusqlite::Result<crate::replay::Row> {
        Ok(crate::replay::Row { table, record: self.record(row)?, seq: read_u64(row, 3)? })
    }

    fn record(&self, row: &Row<'_>) -> rusqlite::Result<Record> {
        let id = read_id(row, 0)?;
        let mut fields = Map::new();
        for (index, field) in self.fields.iter().enumerate() {
            let value = read_cell(row, index + OWN_COLUMNS, ColumnType::of(field.kind))?;
            if !value.is_null() {
                fields.insert(field.name.into(), value);
            }
        }
        let record = Record::new(id, read_u64(row, 1)?, fields);
        match row.get_ref(2)? {
            ValueRef::Text(text) => {
                Ok(record.with_stamps(serde_json::from_slice(text).map_err(|error| unreadable(2, error))?))
            }
            _ => Ok(record),
        }
    }
}

/// A value on its way into the database.
pub(super) enum Cell {
    Null,
    Integer(i64),
    Real(f64),
    Text(std::sync::Arc<str>),
}

impl Cell {
    fn of(column: ColumnType, value: &Value) -> Result<Cell, String> {
        match (column, value) {
            (_, Value::Null) => Ok(Cell::Null),
            (ColumnType::Text, Value::String(text)) => Ok(Cell::Text(text.clone())),
            (ColumnType::Real, Value::Number(number)) => Ok(Cell::Real(*number)),
            (ColumnType::Flag, Value::Bool(flag)) => Ok(Cell::Integer(i64::from(*flag))),
            (ColumnType::Json, value) => {
                let text = serde_json::to_string(value).map_err(|error| error.to_string())?;
                Ok(Cell::Text(text.into()))
            }
            // Validation stands before this: a record that gets here with it has been made by hand.
            (column, value) => Err(format!("{} cannot be kept in a column of {column:?}", value.kind())),
        }
    }
}

impl ToSql for Cell {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self {
            Cell::Null => ValueRef::Null,
            Cell::Integer(number) => ValueRef::Integer(*number),
            Cell::Real(number) => ValueRef::Real(*number),
            Cell::Text(text) => ValueRef::Text(text.as_bytes()),
        }))
    }
}

fn read_cell(row: &Row<'_>, index: usize, column: ColumnType) -> rusqlite::Result<Value> {
    let value = match (column, row.get_ref(index)?) {
        (_, ValueRef::Null) => Value::Null,
        (ColumnType::Text, ValueRef::Text(_)) => Value::text(row.get_ref(index)?.as_str()?),
        (ColumnType::Real, ValueRef::Real(number)) => Value::number(number),
        (ColumnType::Flag, ValueRef::Integer(flag)) => Value::Bool(flag != 0),
        (ColumnType::Json, ValueRef::Text(text)) => {
            serde_json::from_slice(text).map_err(|error| unreadable(index, error))?
        }
        (_, other) => {
            return Err(rusqlite::Error::InvalidColumnType(index, "a field".to_owned(), other.data_type()));
        }
    };
    Ok(value)
}

/// The content of a column is not what this build writes.
pub(super) fn unreadable(index: usize, error: impl std::error::Error + Send + Sync + 'static) -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(index, rusqlite::types::Type::Text, Box::new(error))
}

/// The id in a column.
pub(super) fn read_id(row: &Row<'_>, index: usize) -> rusqlite::Result<Id> {
    Id::new(row.get_ref(index)?.as_str()?).map_err(|error| unreadable(index, error))
}

/// The number in a column; SQLite's integers have a sign.
pub(super) fn read_u64(row: &Row<'_>, index: usize) -> rusqlite::Result<u64> {
    let number: i64 = row.get(index)?;
    u64::try_from(number).map_err(|error| unreadable(index, error))
}

/// A number as SQLite keeps it.
pub(super) fn as_sql(number: u64) -> Result<i64, String> {
    i64::try_from(number).map_err(|_| "a number does not fit the database".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_in_snake_case() {
        assert_eq!(column_name("audioStartOffset"), "audio_start_offset");
        assert_eq!(column_name("name"), "name");
    }
}
