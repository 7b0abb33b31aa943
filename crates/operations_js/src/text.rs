//! The same as JSON text, without JavaScript.

use model::{Id, Record, Timestamp};
use operations::Operation;
use serde::Serialize;

/// The record after an operation; `now` is in milliseconds since 1970.
///
/// # Errors
/// The reason, when a text is no record or no operation, or when the operation does not fit the record.
pub fn apply(record: &str, operation: &str, now: f64) -> Result<String, String> {
    let record = read_record(record)?.ok_or("the record is missing")?;
    #[expect(
        clippy::cast_possible_truncation,
        reason = "a float-to-int cast saturates, and the time is clamped to years 1970 to 9999"
    )]
    let now = Timestamp(now as i64);
    let after = operations::apply(&record, &read_operation(operation)?, now).map_err(|refusal| refusal.message)?;
    write(&after)
}

/// The operation that takes `operation` back, `null` when it changed nothing. A `before` of `null` says that the operation
/// created the record. It has no guard: the guide's shapes have none, and one operation does not know its transaction.
///
/// # Errors
/// The reason, when a text is no record or no operation.
pub fn invert(before: &str, operation: &str) -> Result<String, String> {
    let before = read_record(before)?;
    let inverse = operations::invert(before.as_ref(), &Id::system(), &read_operation(operation)?);
    write(&inverse.map(|inverse| Operation { guard: None, ..inverse }))
}

fn read_record(text: &str) -> Result<Option<Record>, String> {
    serde_json::from_str(text).map_err(|error| format!("not a record: {error}"))
}

fn read_operation(text: &str) -> Result<Operation, String> {
    serde_json::from_str(text).map_err(|error| format!("not an operation: {error}"))
}

fn write(value: &impl Serialize) -> Result<String, String> {
    serde_json::to_string(value).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    const RECORD: &str = r#"{"id":"1","version":1,"name":"Old","list":["a"]}"#;

    fn operation(rest: &str) -> String {
        format!(r#"{{"table":"projects","id":"1",{rest}}}"#)
    }

    #[test]
    fn op1_set_now_writes_the_given_time() {
        let after = apply(RECORD, &operation(r#""type":"set-now","key":"deleted""#), 1_000.0).unwrap();
        assert!(
            after.contains(r#""deleted":"1970-01-01T00:00:01.000Z""#) && after.contains(r#""version":2"#),
            "{after}"
        );
    }

    #[test]
    fn un4_the_inverse_of_what_changed_nothing_is_null() {
        let remove = operation(r#""type":"listRemove","key":"list","value":"b""#);
        assert_eq!(invert(RECORD, &remove).unwrap(), "null");
        let set = operation(r#""type":"set","key":"name","value":"New""#);
        let back = operation(r#""type":"set","key":"name","value":"Old""#);
        let json = |text: &str| serde_json::from_str::<Operation>(text).unwrap();
        assert_eq!(json(&invert(RECORD, &set).unwrap()), json(&back));
        assert!(invert("null", &operation(r#""type":"set","key":"","value":{}"#)).unwrap().contains("set-now"));
    }

    #[test]
    fn op6_refusals_say_why() {
        let set = |key: &str| operation(&format!(r#""type":"set","key":"{key}","value":1"#));
        for (record, operation, reason) in [
            (RECORD, set("name.first"), "no path leads through it"),
            (RECORD, set("version"), "version cannot be changed"),
            (RECORD, set("a.__proto__"), "__proto__"),
            (RECORD, "{}".to_owned(), "not an operation"),
            ("null", set("name"), "the record is missing"),
            (r#"{"id":"1"}"#, set("name"), "not a record"),
        ] {
            let refusal = apply(record, &operation, f64::NAN).unwrap_err();
            assert!(refusal.contains(reason), "{refusal}");
        }
    }
}
