//! Mute and solo that count in this browser only: the others hear the song as it is.

use std::collections::BTreeMap;

use engine::Song;
use leptos::prelude::*;
use model::Id;

use super::Sound;

/// What one listener has muted and soloed for themselves.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Own {
    pub(crate) muted: bool,
    pub(crate) solo: bool,
}

/// The same of all tracks; those without are not in it.
pub(crate) type OwnFlags = BTreeMap<Id, Own>;

/// Lays one's own flags over those of the song: what is muted for oneself is silent as well; while something is soloed for
/// oneself, only that sounds, whatever is soloed for all.
pub(super) fn lay_over(own: &OwnFlags, song: &mut Song, tracks: &[Id]) {
    let of = |id: &Id| own.get(id).copied().unwrap_or_default();
    let any_solo = tracks.iter().any(|id| of(id).solo);
    for (track, id) in song.tracks.iter_mut().zip(tracks) {
        let own = of(id);
        track.muted |= own.muted;
        if any_solo {
            track.solo = own.solo;
        }
    }
}

impl Sound {
    /// What is muted and soloed for this listener only, from now on.
    pub(crate) fn set_own(self, own: OwnFlags) {
        self.inner().plans.borrow_mut().set_own(own);
        self.compile_soon();
    }
}

/// Where the browser keeps them.
fn key(project: &Id) -> String {
    format!("unisono.own.{project}")
}

/// What this browser has kept of a project.
pub(crate) fn kept(project: &Id) -> OwnFlags {
    let text = storage().and_then(|storage| storage.get_item(&key(project)).ok().flatten());
    text.map(|text| read(&text)).unwrap_or_default()
}

/// Keeps them; a browser that keeps nothing begins without them next time.
pub(crate) fn keep(project: &Id, own: &OwnFlags) {
    let Some(storage) = storage() else { return };
    if own.is_empty() {
        let _ = storage.remove_item(&key(project));
    } else {
        let _ = storage.set_item(&key(project), &written(own));
    }
}

fn storage() -> Option<web_sys::Storage> {
    window().local_storage().ok().flatten()
}

/// `id:m`, `id:s` or `id:ms`, between spaces.
fn written(own: &OwnFlags) -> String {
    let one = |(id, own): (&Id, &Own)| {
        format!("{id}:{}{}", if own.muted { "m" } else { "" }, if own.solo { "s" } else { "" })
    };
    own.iter().map(one).collect::<Vec<_>>().join(" ")
}

fn read(text: &str) -> OwnFlags {
    let one = |word: &str| {
        let (id, flags) = word.split_once(':')?;
        Some((Id::new(id).ok()?, Own { muted: flags.contains('m'), solo: flags.contains('s') }))
    };
    let own = text.split(' ').take(model::limits::PROJECT_TRACKS_MAX).filter_map(one);
    own.filter(|(_, own)| *own != Own::default()).collect()
}

#[cfg(test)]
mod tests {
    use model::{Record, Records, Table, Value, fields};

    use super::*;

    fn id(text: &str) -> Id {
        Id::new(text).unwrap()
    }

    fn song() -> (Song, Vec<Id>) {
        let mut records = Records::new();
        records.insert(Table::Projects, Record::new(id("p"), 1, fields([("name", Value::text("P"))])));
        for (name, solo) in [("a", false), ("b", true), ("c", false)] {
            let given = [("projectId", Value::text("p")), ("orderKey", name.into()), ("solo", solo.into())];
            records.insert(Table::Tracks, Record::new(id(name), 1, fields(given)));
        }
        (Song::from_records(&records, |_| None).unwrap(), vec![id("a"), id("b"), id("c")])
    }

    fn laid_over(own: &[(&str, bool, bool)]) -> Vec<(bool, bool)> {
        let (mut song, tracks) = song();
        let own = own.iter().map(|(name, muted, solo)| (id(name), Own { muted: *muted, solo: *solo })).collect();
        lay_over(&own, &mut song, &tracks);
        song.tracks.iter().map(|track| (track.muted, track.solo)).collect()
    }

    #[test]
    fn ones_own_solo_takes_the_place_of_the_solo_for_all() {
        assert_eq!(laid_over(&[]), [(false, false), (false, true), (false, false)]);
        assert_eq!(laid_over(&[("a", false, true)]), [(false, true), (false, false), (false, false)]);
        assert_eq!(laid_over(&[("b", true, false)]), [(false, false), (true, true), (false, false)]);
        // A track that is gone counts no more.
        assert_eq!(laid_over(&[("gone", false, true)]), laid_over(&[]));
    }

    #[test]
    fn what_is_kept_is_read_again_and_garbage_is_nothing() {
        let own =
            OwnFlags::from([(id("a"), Own { muted: true, solo: true }), (id("b"), Own { muted: false, solo: true })]);
        assert_eq!(read(&written(&own)), own);
        for garbage in ["", " ", ":", "a", "a:", "a:x", "ä:m", "::m :s"] {
            assert_eq!(read(garbage), OwnFlags::new(), "{garbage}");
        }
    }
}
