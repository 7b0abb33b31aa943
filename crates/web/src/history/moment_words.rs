//! When something was, in the time of this place.

use js_sys::{Date, Object, Reflect};
use model::Timestamp;
use wasm_bindgen::JsValue;

/// A week: within it a weekday says enough.
const WEEK_MS: i64 = 6 * 24 * 60 * 60 * 1_000;

fn said(time: Timestamp, how: &[(&str, &str)]) -> String {
    let options = Object::new();
    for (name, value) in how {
        // A plain object takes any property.
        let _ = Reflect::set(&options, &JsValue::from_str(name), &JsValue::from_str(value));
    }
    #[expect(clippy::cast_precision_loss, reason = "milliseconds since 1970 fit a double")]
    let date = Date::new(&JsValue::from_f64(time.0 as f64));
    String::from(date.to_locale_string("en-GB", &options))
}

/// "Tue 24 November 2026, 14:02:07".
pub(super) fn exact(time: Timestamp) -> String {
    said(
        time,
        &[
            ("weekday", "short"),
            ("day", "numeric"),
            ("month", "long"),
            ("year", "numeric"),
            ("hour", "2-digit"),
            ("minute", "2-digit"),
            ("second", "2-digit"),
        ],
    )
}

/// "Tue 14:02", of long ago "24 Nov 2026, 14:02".
pub(super) fn brief(time: Timestamp, now: Timestamp) -> String {
    let clock = [("hour", "2-digit"), ("minute", "2-digit")];
    if now.0 - time.0 < WEEK_MS {
        said(time, &[&[("weekday", "short")], &clock[..]].concat()).replace(',', "")
    } else {
        said(time, &[&[("day", "numeric"), ("month", "short"), ("year", "numeric")], &clock[..]].concat())
    }
}
