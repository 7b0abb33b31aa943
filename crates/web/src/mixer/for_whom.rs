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
        // Where M and S are of use to who may change nothing of the song.
        Effect::new(move |_| {
            if door.role().get() == Some(Role::Viewer) {
                for_whom.only_me.set(true);
            }
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
