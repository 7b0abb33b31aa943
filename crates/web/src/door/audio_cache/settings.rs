//! How much may be kept, and when what was last used: small things, in the browser's own store of settings. A browser that has none
//! forgets them, no more.

use std::collections::HashMap;

use model::Id;

use super::Times;

/// Bytes of recordings that are kept unless one chooses another number.
const QUOTA_BYTES_DEFAULT: u64 = 500_000_000;
/// What one can choose from; nothing: nothing is kept.
pub(crate) const QUOTAS_BYTES: [u64; 6] =
    [0, 100_000_000, QUOTA_BYTES_DEFAULT, 1_000_000_000, 2_000_000_000, 5_000_000_000];

const QUOTA: &str = "unisono.audio.quota";

fn store() -> Option<web_sys::Storage> {
    web_sys::window()?.local_storage().ok()?
}

fn used_name(user: &Id) -> String {
    format!("unisono.audio.used.{user}")
}

/// Bytes of recordings that may be kept on this device.
pub(crate) fn quota_bytes() -> u64 {
    let chosen = store().and_then(|store| store.get_item(QUOTA).ok()?);
    chosen.and_then(|text| text.parse().ok()).unwrap_or(QUOTA_BYTES_DEFAULT)
}

/// Chooses another number.
pub(crate) fn set_quota_bytes(bytes: u64) {
    if let Some(store) = store() {
        // A full or closed store leaves the number as it was.
        let _ = store.set_item(QUOTA, &bytes.to_string());
    }
}

/// When what was last used, in milliseconds since 1970.
pub(super) fn last_used(user: &Id) -> Times {
    let text = store().and_then(|store| store.get_item(&used_name(user)).ok()?);
    text.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default()
}

fn write(user: &Id, times: &Times) {
    if let (Some(store), Ok(text)) = (store(), serde_json::to_string(times)) {
        let _ = store.set_item(&used_name(user), &text);
    }
}

/// Notes that something is used now.
pub(super) fn touch(user: &Id, hash: &str) {
    let mut times = last_used(user);
    times.insert(hash.to_owned(), js_sys::Date::now());
    write(user, &times);
}

/// The same for a newcomer, and forgets what is not kept any more.
pub(super) fn used(user: &Id, hash: &str, before: &Times, stays: impl Fn(&str) -> bool) {
    let mut times: HashMap<String, f64> = before.iter().map(|(hash, time)| (hash.clone(), *time)).collect();
    times.insert(hash.to_owned(), js_sys::Date::now());
    times.retain(|hash, _| stays(hash));
    write(user, &times);
}

/// Forgets all of a user's.
pub(super) fn forget(user: &Id) {
    if let Some(store) = store() {
        let _ = store.remove_item(&used_name(user));
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::door::audio_cache::ledger::{Entry, make_room};

    #[test]
    fn cl5_as_long_as_nobody_chooses_500_megabytes_are_kept_whenever_they_were_used() {
        let entry = |n: u64| Entry { hash: format!("{n:064x}"), size: 5_000_000 };
        let kept: Vec<Entry> = (0..99).map(entry).collect();
        let gone = |size| make_room(&kept, &HashMap::new(), &HashSet::new(), size, QUOTA_BYTES_DEFAULT);
        assert_eq!(gone(5_000_000), Some(vec![]));
        assert_eq!(gone(5_000_001), Some(vec![entry(0)]));
    }
}
