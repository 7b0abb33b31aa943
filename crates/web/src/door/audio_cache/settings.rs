//! How much may be kept, and when what was last used: small things, in the browser's own store of settings. A browser that has none
//! forgets them, no more.

use std::collections::HashMap;

use model::Id;

use super::Times;

/// Unless one chooses a number of bytes, it follows from the device: this share of what the browser grants the app on it,
const SHARE_OF_GRANTED: f64 = 0.2;
/// but at least
const DEVICE_QUOTA_BYTES_MIN: u64 = 500_000_000;
/// and at most so many: 31 hours of stereo with 16 bits at 44.1 kHz.
const DEVICE_QUOTA_BYTES_MAX: u64 = 20_000_000_000;
/// What one can choose from besides; nothing: nothing is kept.
pub(crate) const QUOTAS_BYTES: [u64; 7] =
    [0, 100_000_000, 500_000_000, 1_000_000_000, 2_000_000_000, 5_000_000_000, 20_000_000_000];

const QUOTA: &str = "unisono.audio.quota";

fn store() -> Option<web_sys::Storage> {
    web_sys::window()?.local_storage().ok()?
}

fn used_name(user: &Id) -> String {
    format!("unisono.audio.used.{user}")
}

/// The bytes of recordings that may be kept on this device, if somebody has chosen a number.
pub(crate) fn chosen_bytes() -> Option<u64> {
    store().and_then(|store| store.get_item(QUOTA).ok()?)?.parse().ok()
}

/// Chooses a number, or lets it follow from the device.
pub(crate) fn choose_bytes(bytes: Option<u64>) {
    if let Some(store) = store() {
        // A full or closed store leaves the number as it was.
        let _ = match bytes {
            Some(bytes) => store.set_item(QUOTA, &bytes.to_string()),
            None => store.remove_item(QUOTA),
        };
    }
}

/// The bytes that follow from what the browser grants the app, where it tells.
pub(super) fn of_device(granted: Option<f64>) -> u64 {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a float-to-int cast saturates")]
    let share = granted.map_or(0, |granted| (granted * SHARE_OF_GRANTED) as u64);
    share.clamp(DEVICE_QUOTA_BYTES_MIN, DEVICE_QUOTA_BYTES_MAX)
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
    fn cl5_as_long_as_nobody_chooses_at_least_500_megabytes_are_kept_whenever_they_were_used() {
        let entry = |n: u64| Entry { hash: format!("{n:064x}"), size: 5_000_000 };
        let kept: Vec<Entry> = (0..99).map(entry).collect();
        let gone = |size| make_room(&kept, &HashMap::new(), &HashSet::new(), size, of_device(None));
        assert_eq!(gone(5_000_000), Some(vec![]));
        assert_eq!(gone(5_000_001), Some(vec![entry(0)]));
    }

    #[test]
    fn cl5_a_fifth_of_what_the_browser_grants_is_kept_within_bounds() {
        const HOUR_OF_STEREO: u64 = 3_600 * 44_100 * 4;
        let granted = [None, Some(1e9), Some(10e9), Some(300e9), Some(f64::INFINITY), Some(f64::NAN)];
        assert_eq!(
            granted.map(of_device),
            [500_000_000, 500_000_000, 2_000_000_000, 20_000_000_000, 20_000_000_000, 500_000_000]
        );
        assert!(of_device(Some(4e9)) > HOUR_OF_STEREO, "{HOUR_OF_STEREO}");
    }
}
