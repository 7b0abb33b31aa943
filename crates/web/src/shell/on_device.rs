//! What is on this device besides the app: recordings kept for playing offline, and recordings that wait to be uploaded.

use leptos::prelude::*;
use model::Id;

use crate::door::{audio_cache, waiting};

/// What is shown of it.
#[derive(Clone, Default, PartialEq)]
struct OnDevice {
    kept: f64,
    /// What may be kept unless one chooses otherwise.
    of_device: u64,
    waiting: Vec<waiting::Waiting>,
}

async fn look(user: Id, shown: RwSignal<Option<OnDevice>>) {
    #[expect(clippy::cast_precision_loss, reason = "a device has far fewer than 2^53 bytes")]
    let kept = audio_cache::bytes_kept(&user).await as f64;
    let (of_device, waiting) = (audio_cache::device_bytes().await, waiting::all(&user).await);
    // The page may have been left.
    let _ = shown.try_set(Some(OnDevice { kept, of_device, waiting }));
}

/// How much is kept, how much may be, and what waits; below the list of projects.
#[component]
pub(crate) fn OnThisDevice(
    /// Whose.
    user: Id,
) -> impl IntoView {
    let shown = RwSignal::new(None);
    let again = move |user: Id| leptos::task::spawn_local(look(user, shown));
    again(user.clone());
    let uploaded = user.clone();
    crate::door::upload_what_waits(user.clone(), move || again(uploaded.clone()));
    let user = StoredValue::new(user);
    let choose = move |event| {
        audio_cache::choose_bytes(event_target_value(&event).parse().ok());
        leptos::task::spawn_local(async move {
            let user = user.get_value();
            audio_cache::shrink(&user).await;
            look(user, shown).await;
        });
    };
    let discard = move |record: Id| {
        leptos::task::spawn_local(async move {
            let user = user.get_value();
            waiting::remove(&user, &record).await;
            look(user, shown).await;
        });
    };
    move || {
        let OnDevice { kept, of_device, waiting } = shown.get()?;
        let chosen = audio_cache::chosen_bytes();
        let choices = audio_cache::QUOTAS_BYTES.map(|bytes| {
            view! { <option value=bytes.to_string() selected=chosen == Some(bytes)>{quota_in_words(bytes)}</option> }
        });
        let waits = waiting.into_iter().map(|one| {
            let record = one.record.clone();
            view! {
                <li data-testid="waiting-upload">
                    <span class="device-name">{one.name.clone()}</span>
                    <span class="device-size">{waiting::megabytes(one.size)}</span>
                    <button type="button" class="button quiet small" aria-label=format!("Discard {}", one.name)
                        on:click=move |_| discard(record.clone())>"Discard"</button>
                </li>
            }
        });
        let waits: Vec<_> = waits.collect();
        Some(view! {
            <section class="device" data-testid="on-device" aria-label="On this device">
                {(!waits.is_empty()).then(|| view! {
                    <h2>"Waiting to be uploaded"</h2>
                    <ul class="device-waiting">{waits}</ul>
                })}
                <label class="device-quota">
                    <span><span data-testid="kept">{waiting::megabytes(kept)}</span> " of recordings kept for playing offline, at most"</span>
                    <select name="audioQuota" on:change=choose>
                        <option value="" selected=chosen.is_none()>{format!("what suits this device ({})", quota_in_words(of_device))}</option>
                        {choices}
                    </select>
                </label>
            </section>
        })
    }
}

fn quota_in_words(bytes: u64) -> String {
    match bytes {
        0 => "none".to_owned(),
        bytes if bytes < 1_000_000_000 => format!("{} MB", bytes / 1_000_000),
        // Below ten to a tenth, never more than there is.
        bytes if bytes < 10_000_000_000 && bytes % 1_000_000_000 >= 100_000_000 => {
            format!("{}.{} GB", bytes / 1_000_000_000, bytes % 1_000_000_000 / 100_000_000)
        }
        bytes => format!("{} GB", bytes / 1_000_000_000),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotas_are_said_in_round_numbers() {
        let words: Vec<String> = audio_cache::QUOTAS_BYTES.into_iter().map(quota_in_words).collect();
        assert_eq!(words, ["none", "100 MB", "500 MB", "1 GB", "2 GB", "5 GB", "20 GB"]);
        assert_eq!([999_999_999, 1_960_000_000, 12_345_678_901].map(quota_in_words), ["999 MB", "1.9 GB", "12 GB"]);
    }
}
