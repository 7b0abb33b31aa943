//! Which lanes of a song were shown, as this browser keeps it.

use leptos::prelude::window;
use model::Id;

/// Lanes of a song that are kept; of more the first.
const LANES_KEPT_MAX: usize = 256;

fn key(project: &Id) -> String {
    format!("unisono.automation.{project}")
}

fn storage() -> Option<web_sys::Storage> {
    window().local_storage().ok().flatten()
}

/// The lanes that were shown: of which track, and of which parameter.
pub(super) fn kept(project: &Id) -> Vec<(Id, String)> {
    let text = storage().and_then(|storage| storage.get_item(&key(project)).ok().flatten());
    text.map(|text| read(&text)).unwrap_or_default()
}

/// Keeps them; a browser that keeps nothing shows none next time.
pub(super) fn keep(project: &Id, lanes: &[(Id, String)]) {
    let Some(storage) = storage() else { return };
    let _ = if lanes.is_empty() {
        storage.remove_item(&key(project))
    } else {
        storage.set_item(&key(project), &written(lanes))
    };
}

/// `id:parameter`, between spaces.
fn written(lanes: &[(Id, String)]) -> String {
    let one = |(track, parameter): &(Id, String)| format!("{track}:{parameter}");
    lanes.iter().take(LANES_KEPT_MAX).map(one).collect::<Vec<_>>().join(" ")
}

fn read(text: &str) -> Vec<(Id, String)> {
    let one = |word: &str| {
        let (track, parameter) = word.split_once(':')?;
        Some((Id::new(track).ok()?, parameter.to_owned()))
    };
    text.split(' ').filter_map(one).take(LANES_KEPT_MAX).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_is_read_again_and_nonsense_is_nothing() {
        let lanes = [("a", "volume"), ("a", "plugins.e.params.freq"), ("b", "sends.s.gain")];
        let lanes = lanes.map(|(track, parameter)| (Id::new(track).unwrap(), parameter.to_owned()));
        assert_eq!(read(&written(&lanes)), lanes);
        assert_eq!((read(""), read("nonsense : :x")), (vec![], vec![]));
        let many: Vec<_> = (0..LANES_KEPT_MAX + 9).map(|_| lanes[0].clone()).collect();
        assert_eq!(read(&written(&many)).len(), LANES_KEPT_MAX);
    }
}
