//! For whom mute and solo count: for all, as a part of the song, or in this browser only.

use leptos::prelude::*;
use model::{Id, Role};

use crate::design::{Icon, icon};
use crate::door::Door;
use crate::door::sound::Sound;
use crate::door::sound::own_flags::{Own, OwnFlags, keep, kept};

/// The choice, and one's own flags. Copy it freely.
#[derive(Clone, Copy)]
pub(crate) struct ForWhom {
    only_me: RwSignal<bool>,
    own: RwSignal<OwnFlags>,
}

impl ForWhom {
    /// What this browser has kept of the project. Without something of one's own, presses count for all.
    pub(crate) fn new(door: Door, sound: Sound) -> ForWhom {
        let project = door.project().with_untracked(|project| project.as_ref().map(|project| project.id.clone()));
        let own = project.as_ref().map(kept).unwrap_or_default();
        let for_whom = ForWhom { only_me: RwSignal::new(!own.is_empty()), own: RwSignal::new(own) };
        Effect::new(move |before: Option<Option<Role>>| {
            let (before, role) = (before.flatten(), door.role().get());
            let is_empty = for_whom.own.with_untracked(OwnFlags::is_empty);
            if let Some(only_me) = choice_of(before, role, is_empty) {
                for_whom.only_me.set(only_me);
            }
            role.or(before)
        });
        Effect::new(move |before: Option<()>| {
            for_whom.own.with(|own| {
                sound.set_own(own.clone());
                if let (Some(()), Some(project)) = (before, &project) {
                    keep(project, own);
                }
            });
        });
        for_whom
    }

    /// Whether M and S count in this browser only.
    pub(crate) fn only_me(self) -> bool {
        self.only_me.get()
    }

    /// The same, not tracked.
    pub(crate) fn only_me_untracked(self) -> bool {
        self.only_me.get_untracked()
    }

    /// One's own flags of a track.
    pub(crate) fn of(self, track: &Id) -> Own {
        self.own.with(|own| own.get(track).copied().unwrap_or_default())
    }

    /// Changes one's own flags of a track.
    pub(crate) fn change(self, track: &Id, change: impl FnOnce(&mut Own)) {
        self.own.update(|all| {
            let mut own = all.remove(track).unwrap_or_default();
            change(&mut own);
            if own != Own::default() {
                all.insert(track.clone(), own);
            }
        });
    }
}

/// What is chosen for whoever gets another role; nothing where the choice stays. `is_empty`: nothing is muted or soloed for oneself.
fn choice_of(before: Option<Role>, role: Option<Role>, is_empty: bool) -> Option<bool> {
    match (before, role) {
        // Where M and S are of use to who may change nothing of the song.
        (_, Some(Role::Viewer)) => Some(true),
        // Not their choice: they would mute for themselves what they mean to mute for all.
        (Some(Role::Viewer), Some(_)) if is_empty => Some(false),
        _ => None,
    }
}

/// The switch.
#[component]
pub(super) fn ForWhomSwitch() -> impl IntoView {
    let for_whom = expect_context::<ForWhom>();
    let count = Memo::new(move |_| for_whom.own.with(std::collections::BTreeMap::len));
    let clear_label = move || match count.get() {
        1 => "Clear what is muted or soloed for you only: 1 track".to_owned(),
        count => format!("Clear what is muted or soloed for you only: {count} tracks"),
    };
    view! {
        <div class="for-whom" role="group" aria-label="For whom mute and solo count">
            <span class="for-whom-title" aria-hidden="true">"M·S"</span>
            <button type="button" class="for-whom-key" data-testid="for-all" title="Mute and solo count for everybody"
                aria-label="Mute and solo for all" aria-pressed=move || (!for_whom.only_me()).to_string()
                on:click=move |_| for_whom.only_me.set(false)>"All"</button>
            <button type="button" class="for-whom-key" data-testid="for-me" title="Mute and solo count for you only, in this browser"
                aria-label="Mute and solo for me" aria-pressed=move || for_whom.only_me().to_string()
                on:click=move |_| for_whom.only_me.set(true)>"Me"</button>
            <Show when=move || { count.get() > 0 }>
                <button type="button" class="for-whom-key for-whom-clear" data-testid="clear-own" title=clear_label aria-label=clear_label
                    on:click=move |_| for_whom.own.set(OwnFlags::new())>{icon(Icon::Close)}</button>
            </Show>
        </div>
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pe3_who_only_listened_mutes_for_all_once_they_may_unless_something_of_their_own_is_kept() {
        let (viewer, editor) = (Some(Role::Viewer), Some(Role::Editor));
        assert_eq!([choice_of(None, viewer, true), choice_of(editor, viewer, false)], [Some(true), Some(true)]);
        assert_eq!([choice_of(viewer, editor, true), choice_of(viewer, Some(Role::Owner), true)], [Some(false); 2]);
        assert_eq!(choice_of(viewer, editor, false), None);
        // Who could always mute for all has chosen for themselves.
        assert_eq!([choice_of(None, editor, true), choice_of(editor, Some(Role::Owner), true)], [None; 2]);
        assert_eq!(choice_of(viewer, None, true), None, "nobody knows it just now");
    }
}
