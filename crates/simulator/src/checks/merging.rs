//! What two people change of the tempo, or of the metre, they both keep (OP7).

use std::collections::BTreeMap;

use model::{Key, Records, Table, Value};
use operations::{Change, Operation};

use super::Failure;

/// The fields that people write.
const FIELDS: [&str; 5] = ["beat", "bpm", "curve", "timeSignature", "deleted"];

/// Of each change of tempo and metre every field is as the last operation that wrote *it* says, whoever has written another
/// field since. `written` is all that stands in the log, in order; how it is applied is not looked at.
pub(crate) fn check_merging<'a>(
    written: impl Iterator<Item = &'a Operation>,
    records: &Records,
) -> Result<(), Failure> {
    let mut last: BTreeMap<(&Key, &str), &Value> = BTreeMap::new();
    for operation in written.filter(|it| matches!(it.target.table, Table::TempoChanges | Table::TimeSignatures)) {
        let key = &operation.target;
        match &operation.change {
            Change::Set(value) if operation.path.is_whole() => {
                last.extend(FIELDS.iter().filter_map(|field| Some(((key, *field), value.get(field)?))));
            }
            Change::Set(value) => drop(last.insert((key, operation.path.as_str()), value)),
            _ => drop(last.insert((key, operation.path.as_str()), &Value::Null)),
        }
    }
    for ((key, field), value) in last {
        let kept = records.get(key).map(|record| record.get(field));
        if kept != Some(value) {
            return Err(Failure::new("OP7", format!("{key}: {field} is {kept:?}, and was last written as {value:?}")));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use model::{Id, Record, fields};
    use operations::build::{create, set, unset};

    use super::*;

    #[test]
    fn op7_a_field_that_fell_back_to_an_older_value_is_found() {
        let change = Id::new("c").unwrap();
        let given = fields([("beat", 8u32.into()), ("bpm", 90u32.into())]);
        let written = [
            create(Table::TempoChanges, &change, given),
            set(Table::TempoChanges, &change, "bpm", 100.0),
            set(Table::TempoChanges, &change, "deleted", "2026-11-26T00:00:00.000Z"),
            unset(Table::TempoChanges, &change, "deleted"),
            set(Table::TempoChanges, &change, "beat", 9.0),
        ];
        let looks = |beat: u32, bpm: u32| {
            let record = Record::new(change.clone(), 5, fields([("beat", beat.into()), ("bpm", bpm.into())]));
            check_merging(written.iter(), &[(Table::TempoChanges, record)].into_iter().collect())
        };
        assert_eq!(looks(9, 100), Ok(()));
        assert!(looks(9, 90).is_err(), "somebody moved it, and took the tempo back with it");
        assert!(looks(8, 100).is_err());
        assert!(check_merging(written.iter(), &Records::new()).is_err());
    }
}
