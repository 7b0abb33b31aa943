//! The operations for JavaScript, with the call shapes of the implementation guide: plain objects in, plain objects out.
//!
//! Objects cross the border as JSON text: the values are JSON anyway, and the browser's own parser is the smallest and
//! the fastest there is. A refusal is thrown as an `Error` that says why.
//!
//! **Invariant:** no rule lives here. What an operation does is `operations::apply`, what undoes it `operations::invert`.

pub mod sequences;
pub mod text;

use js_sys::{Date, Error, JSON};
use wasm_bindgen::prelude::*;

/// The record after `op`; neither argument changes. `now`, in milliseconds since 1970, is what `set-now` writes: the
/// machine's clock when it is left out.
///
/// # Errors
/// Throws an `Error` when one of the objects makes no sense or the operation does not fit the record.
#[wasm_bindgen(js_name = applyOperation)]
pub fn apply_operation(record: &JsValue, op: &JsValue, now: Option<f64>) -> Result<JsValue, JsValue> {
    let now = now.unwrap_or_else(Date::now);
    from_json(text::apply(&to_json(record)?, &to_json(op)?, now))
}

/// The operation that takes `op` back, or null when `op` changed nothing. `before` is the record that `op` met, null when
/// `op` created it; `after` is not needed and may be left out.
///
/// # Errors
/// Throws an `Error` when one of the objects makes no sense.
#[wasm_bindgen(js_name = invertOperation)]
pub fn invert_operation(before: &JsValue, after: &JsValue, op: &JsValue) -> Result<JsValue, JsValue> {
    // The guide passes the record after the operation as well; what undoes it follows from the one before alone.
    let _ = after;
    from_json(text::invert(&to_json(before)?, &to_json(op)?))
}

/// What the sequence of transactions of this seed leaves, as a digest: for the test that WASM does what the native code does.
#[wasm_bindgen(js_name = sequenceDigest)]
#[must_use]
pub fn sequence_digest(seed: u32) -> String {
    sequences::digest(seed)
}

/// JSON text of a value; `null` of what has none, such as `undefined`.
fn to_json(value: &JsValue) -> Result<String, JsValue> {
    Ok(JSON::stringify(value)?.as_string().unwrap_or_else(|| "null".to_owned()))
}

fn from_json(answer: Result<String, String>) -> Result<JsValue, JsValue> {
    JSON::parse(&answer.map_err(|reason| Error::new(&reason))?)
}
