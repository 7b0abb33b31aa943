//! `/projects/:id`: the studio's frame, and what it says while there is no project to show.

mod keys;
pub(crate) use keys::is_typing;
mod sound_notice;
mod sync_state;

use leptos::prelude::*;
use model::{Id, Table};
use operations::build;

use crate::arrangement::Arrangement;
use crate::automation::{LanesShown, Moving};
use crate::design::{Icon, Logo, Notice, icon};
use crate::door::sound::Sound;
use crate::door::{Door, api, user};
use crate::export::{Export, ExportDialog, ExportKey};
use crate::history::{Banner, History, HistoryKey, HistoryPanel, HistorySwitch};
use crate::mixer::{ForWhom, Mixer, Routes};
use crate::people::{ClosedToYou, DeletedSong, NotSaved, People, see_off};
use crate::presence::{Hands, PresenceChoices};
use crate::shortcuts::{HelpKey, KeysHelp, Shortcuts};
use crate::toast::Toasts;
use crate::transport::Transport;
use crate::waiting::LogInAgain;
use sound_notice::SoundNotice;
use sync_state::SyncState;

/// What the page can show.
#[derive(Clone)]
enum Stage {
    Loading,
    Failed(String),
    Open(Door),
}

/// The page.
#[component]
pub(crate) fn StudioPage(
    /// Which project.
    project: Id,
) -> impl IntoView {
    document().set_title("Unisono");
    let toasts = expect_context::<Toasts>();
    let stage = RwSignal::new(Stage::Loading);
    let page = Owner::current().unwrap_or_default();
    let open = move || {
        let (project, page) = (project.clone(), page.clone());
        // Whoever has logged in here last sees what this browser keeps at once; the door asks the server.
        if let Some(me) = user::known() {
            return stage.set(Stage::Open(page.with(|| Door::enter(me, project, toasts))));
        }
        leptos::task::spawn_local(async move {
            let answer = api::me().await;
            if stage.is_disposed() {
                return;
            }
            match answer {
                Ok(me) => stage.set(Stage::Open(page.with(|| Door::enter(me.id, project, toasts)))),
                // An address that cannot be followed leaves the picture of loading.
                Err(failure) if failure.status == 401 => drop(location().set_href("/login")),
                Err(failure) => stage.set(Stage::Failed(failure.message)),
            }
        });
    };
    open();
    let open = StoredValue::new_local(open);
    move || match stage.get() {
        Stage::Loading => view! { <Waiting /> }.into_any(),
        Stage::Open(door) => view! { <Opened door /> }.into_any(),
        Stage::Failed(message) => view! {
            <Notice title="The studio could not be opened" detail=message>
                <button type="button" class="button primary" on:click=move |_| {
                    stage.set(Stage::Loading);
                    open.with_value(|open| open());
                }>"Try again"</button>
                <a class="button" href="/projects">"All projects"</a>
            </Notice>
        }
        .into_any(),
    }
}

#[component]
fn Waiting() -> impl IntoView {
    view! {
        <main class="studio-waiting" aria-busy="true" aria-label="Opening the project">
            <Logo />
            <p>"Tuning up…"</p>
        </main>
    }
}

/// The server cannot be reached, and this browser has never had the project.
#[component]
fn NotHere() -> impl IntoView {
    view! {
        <Notice title="This project is not on this device" detail="The server cannot be reached, and only projects that were opened here before can be used without it. It opens by itself when the server is back.">
            <a class="button primary" href="/projects">"All projects"</a>
        </Notice>
    }
}

#[component]
fn Opened(door: Door) -> impl IntoView {
    provide_context(door);
    see_off(door);
    let denied = Memo::new(move |_| door.status().get().denied);
    let loaded = Memo::new(move |_| door.project().with(Option::is_some));
    let unreachable = Memo::new(move |_| !loaded.get() && door.is_missing().get());
    Effect::new(move |_| {
        // There is nothing here that could be lost.
        if !loaded.get() && door.logged_out().get() {
            let _ = location().set_href("/login");
        }
    });
    move || match (denied.get(), loaded.get()) {
        (Some(reason), was_open) => view! { <ClosedToYou reason was_open /> }.into_any(),
        (None, true) => view! { <Studio /> }.into_any(),
        (None, false) if unreachable.get() => view! { <NotHere /> }.into_any(),
        (None, false) => view! { <Waiting /> }.into_any(),
    }
}

/// Which part small screens show.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    Arrangement,
    Mixer,
}

#[component]
fn Studio() -> impl IntoView {
    let door = expect_context::<Door>();
    let sound = Sound::new(door);
    provide_context(sound);
    let id = door.project().with_untracked(|project| project.as_ref().map(|project| project.id.to_string()));
    let part = RwSignal::new(Part::Arrangement);
    let mixer_open = RwSignal::new(true);
    let name = Memo::new(move |_| door.project().get().map(|project| project.name).unwrap_or_default());
    Effect::new(move |_| document().set_title(&format!("{} · Unisono", name.get())));
    let history = History::new(door);
    provide_context(history);
    let export = Export::new(door);
    provide_context(export);
    provide_context(PresenceChoices::new());
    provide_context(Hands::new(door));
    provide_context(ForWhom::new(door, sound));
    provide_context(Routes::watch(door));
    let lanes = LanesShown::new(door);
    provide_context(lanes);
    provide_context(Moving::new(door, sound, lanes));
    // Where one part is shown at a time, the key goes from one to the other.
    let show_mixer = move || match is_small() {
        true => part.update(|part| *part = part.other()),
        false => mixer_open.update(|open| *open = !*open),
    };
    provide_context(Shortcuts::new());
    keys::listen(door, sound, show_mixer, history, export);
    view! {
        <div class="studio" data-project-id=id class:shows-mixer=move || part.get() == Part::Mixer class:mixer-closed=move || !mixer_open.get()
            class:shows-history=move || history.is_open() class:is-past=move || door.moment().with(Option::is_some)>
            <header class="topbar">
                <div class="topbar-start">
                    <a class="home" href="/projects" aria-label="All projects" title="All projects"><Logo /></a>
                    <h1 class="unseen">{name}</h1>
                    <SongName name />
                </div>
                <Transport />
                <div class="topbar-end">
                    <HelpKey />
                    <HistoryKey />
                    <ExportKey class="icon-button export-key" label="" />
                    <SyncState />
                    <People />
                </div>
            </header>
            <Banner />
            <Arrangement />
            <Mixer open=mixer_open />
            <HistoryPanel />
            <ExportDialog />
            <KeysHelp />
            <SoundNotice />
            <NotSaved />
            <DeletedSong />
            <LogInAgain />
            <nav class="switcher" aria-label="Parts of the studio">
                <PartButton part own=Part::Arrangement icon=Icon::Lanes label="Tracks" />
                <PartButton part own=Part::Mixer icon=Icon::Sliders label="Mixer" />
                <HistorySwitch />
                <ExportKey class="switch export-key" label="Export" />
            </nav>
        </div>
    }
}

impl Part {
    fn other(self) -> Part {
        match self {
            Part::Arrangement => Part::Mixer,
            Part::Mixer => Part::Arrangement,
        }
    }
}

/// Whether the window shows one part at a time, as the style sheet decides it.
pub(crate) fn is_small() -> bool {
    window().match_media("(max-width: 760px)").ok().flatten().is_some_and(|query| query.matches())
}

#[component]
fn PartButton(part: RwSignal<Part>, own: Part, icon: Icon, label: &'static str) -> impl IntoView {
    let history = expect_context::<History>();
    view! {
        <button type="button" class="switch" aria-pressed=move || (part.get() == own && !history.is_open()).to_string()
            class:is-on=move || part.get() == own && !history.is_open() on:click=move |_| {
                // On a small screen the history lies in their place.
                history.close();
                part.set(own);
            }>
            {self::icon(icon)} {label}
        </button>
    }
}

/// The song's name, changed in place.
#[component]
fn SongName(name: Memo<String>) -> impl IntoView {
    let door = expect_context::<Door>();
    let input = NodeRef::<leptos::html::Input>::new();
    let commit = move || {
        // None when the studio is left while the field has the focus.
        let Some(field) = input.try_get_untracked().flatten() else { return };
        let Some(project) = door.project().get_untracked() else { return };
        let wanted = field.value().trim().to_owned();
        if wanted.is_empty() || wanted == project.name {
            field.set_value(&project.name);
        } else {
            door.dispatch("Rename project", vec![build::set(Table::Projects, &project.id, "name", wanted.as_str())]);
        }
    };
    let key = move |event: leptos::ev::KeyboardEvent| {
        let Some(field) = input.get_untracked() else { return };
        if event.key() == "Escape" {
            field.set_value(&name.get_untracked());
        }
        if matches!(event.key().as_str(), "Enter" | "Escape") {
            let _ = field.blur();
        }
    };
    view! {
        <input class="song-name" aria-label="Project name" maxlength="120" autocomplete="off" spellcheck="false" node_ref=input
            readonly=move || !door.may_edit_now() title=move || format!("{}. {}", name.get(), door.title("Rename the project")) prop:value=name on:keydown=key on:blur=move |_| commit() />
    }
}
