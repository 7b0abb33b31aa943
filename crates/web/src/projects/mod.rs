//! `/projects`: the songs that one can open.

mod artwork;
mod waiting_band;
pub(crate) mod when;

use leptos::prelude::*;
use model::{Id, Timestamp};

use crate::design::{Icon, Logo, icon};
use crate::door::{Desk, KeptSong, api, now, user};
use crate::shell::{InstallButton, OnThisDevice};
use crate::toast::Toasts;
use crate::waiting::LogOut;
use artwork::Artwork;
use waiting_band::WaitingBand;

pub(crate) use when::ago;

/// Where the list comes from.
const PROJECTS: &str = "/api/projects";

/// A song as the list shows it.
#[derive(Clone, Debug, PartialEq, serde::Deserialize)]
#[serde(rename_all = "camelCase")]
struct Song {
    id: Id,
    name: String,
    #[serde(default)]
    bpm: f64,
    #[serde(default)]
    role: String,
    #[serde(default)]
    updated_at: Option<String>,
}

#[derive(serde::Deserialize)]
struct Answer {
    projects: Vec<Song>,
}

#[derive(Clone)]
enum Stage {
    Loading,
    Failed(String),
    Loaded(Vec<Song>),
}

fn go_to(path: &str) {
    // A browser that refuses to follow a plain address leaves us where we are.
    let _ = location().set_href(path);
}

/// What the page knows.
#[derive(Clone, Copy)]
struct Known {
    stage: RwSignal<Stage>,
    me: RwSignal<Option<api::Me>>,
    desk: RwSignal<Option<Desk>>,
    /// Whether the list is as the server has it.
    is_live: RwSignal<bool>,
}

/// Shows what this browser keeps at once, then what the server says; without it, what there is (CL5). For as long as `page` is there.
fn load(known: Known, toasts: Toasts, page: Owner) {
    leptos::task::spawn_local(async move {
        let Known { stage, me, desk, is_live } = known;
        let has_left = || stage.is_disposed();
        let Some(mut opened) = desk.try_get_untracked() else { return };
        if let (None, Some(user)) = (opened, user::known()) {
            opened = Some(Desk::open(user, toasts, page.clone()).await);
        }
        if has_left() {
            return;
        }
        if let Some(opened) = opened {
            desk.set(Some(opened));
            let answer = opened.last_answer::<api::MeAnswer>(api::ME).await;
            if me.try_with_untracked(Option::is_none) == Some(true) {
                me.set(answer.map(|answer| answer.user));
            }
            if let Some(answer) = opened.last_answer::<Answer>(PROJECTS).await {
                stage.set(Stage::Loaded(newest_first(answer.projects)));
            }
        }
        let user = match ask::<api::MeAnswer>(opened, api::ME).await {
            _ if has_left() => return,
            Ok(answer) => answer.user,
            Err(failure) if failure.status == 401 => return go_to("/login"),
            Err(failure) => return failed(known, failure).await,
        };
        if me.with_untracked(|me| me.as_ref() != Some(&user)) {
            me.set(Some(user.clone()));
        }
        if opened.is_none() {
            opened = Some(Desk::open(user.id, toasts, page).await);
            desk.set(opened);
        }
        match ask::<Answer>(opened, PROJECTS).await {
            _ if has_left() => return,
            Ok(answer) => {
                stage.set(Stage::Loaded(newest_first(answer.projects)));
                is_live.set(true);
            }
            Err(failure) => return failed(known, failure).await,
        }
        if let Some(desk) = opened {
            desk.drain();
        }
    });
}

async fn ask<T: serde::de::DeserializeOwned>(desk: Option<Desk>, path: &str) -> Result<T, api::Failure> {
    match desk {
        Some(desk) => desk.get(path).await,
        None => api::get(path).await,
    }
}

/// What is shown already stays, and what this browser keeps beside it is shown, too: songs that were opened by a link, say.
async fn failed(known: Known, failure: api::Failure) {
    let Known { stage, desk, is_live, .. } = known;
    let shown = stage.try_with_untracked(|stage| match stage {
        Stage::Loaded(songs) => Some(songs.clone()),
        Stage::Loading | Stage::Failed(_) => None,
    });
    let Some(shown) = shown else { return };
    let is_empty = shown.is_none();
    let mut songs = shown.unwrap_or_default();
    if let Some(desk) = desk.get_untracked() {
        let listed: Vec<Id> = songs.iter().map(|song| song.id.clone()).collect();
        songs.extend(desk.kept_songs(move |id| !listed.contains(id)).await.into_iter().map(Song::from));
    }
    // What the server has said meanwhile is newer.
    if is_live.try_get_untracked() != Some(false) {
        return;
    }
    let next =
        if is_empty && songs.is_empty() { Stage::Failed(failure.message) } else { Stage::Loaded(newest_first(songs)) };
    let _ = stage.try_set(next);
}

impl From<KeptSong> for Song {
    fn from(kept: KeptSong) -> Song {
        let KeptSong { id, name, bpm, role, updated_at } = kept;
        Song { id, name, bpm, role, updated_at }
    }
}

fn newest_first(mut songs: Vec<Song>) -> Vec<Song> {
    model::sort_by(&mut songs, |a, b| b.updated_at.cmp(&a.updated_at).then_with(|| a.name.cmp(&b.name)));
    songs
}

/// The page.
#[component]
pub(crate) fn ProjectsPage() -> impl IntoView {
    document().set_title("Projects · Unisono");
    let stage = RwSignal::new(Stage::Loading);
    let known = Known { stage, me: RwSignal::new(None), desk: RwSignal::new(None), is_live: RwSignal::new(false) };
    let toasts = expect_context::<Toasts>();
    provide_context(known);
    let page = Owner::current().unwrap_or_default();
    load(known, toasts, page.clone());
    let page = StoredValue::new_local(page);
    // Once, however often it is asked who that is.
    let who = Memo::new(move |_| known.me.get().map(|me| me.id));
    let retry = move |_| {
        stage.set(Stage::Loading);
        load(known, toasts, page.get_value());
    };
    let online = window_event_listener(leptos::ev::online, move |_| load(known, toasts, page.get_value()));
    on_cleanup(move || online.remove());
    view! {
        <div class="page">
            <PageHead me=known.me.read_only() desk=known.desk />
            <main class="projects">
                <div class="projects-head">
                    <h1>"Projects"</h1>
                    <a class="button primary" href="/projects/new">{icon(Icon::Plus)} "New project"</a>
                </div>
                {move || known.desk.get().map(|desk| view! { <WaitingBand desk stage=stage.read_only() /> })}
                {move || match stage.get() {
                    Stage::Loading => view! { <Waiting /> }.into_any(),
                    Stage::Failed(message) => {
                        view! {
                            <div class="empty" role="alert">
                                <h2>"The list could not be loaded"</h2>
                                <p>{message}</p>
                                <button type="button" class="button" on:click=retry>"Try again"</button>
                            </div>
                        }
                            .into_any()
                    }
                    Stage::Loaded(songs) if songs.is_empty() => view! { <Empty /> }.into_any(),
                    Stage::Loaded(songs) => {
                        view! {
                            <ul class="song-grid">
                                {songs.into_iter().map(|song| view! { <SongCard song /> }).collect_view()}
                            </ul>
                        }
                            .into_any()
                    }
                }}
                {move || who.get().map(|user| view! { <OnThisDevice user /> })}
            </main>
        </div>
    }
}

#[component]
fn PageHead(me: ReadSignal<Option<api::Me>>, desk: RwSignal<Option<Desk>>) -> impl IntoView {
    view! {
        <header class="page-head">
            <a class="wordmark" href="/projects"><Logo /> "Unisono"</a>
            {move || {
                me.get()
                    .map(|me| {
                        view! {
                            <div class="account">
                                <a class="account-name" href="/account" title=me.email data-testid="account">{me.name}</a>
                                <InstallButton />
                                <LogOut desk />
                            </div>
                        }
                    })
            }}
        </header>
    }
}

#[component]
fn Waiting() -> impl IntoView {
    view! {
        <ul class="song-grid is-waiting" aria-label="Loading projects" aria-busy="true">
            {(0..3).map(|_| view! { <li class="song-card skeleton"></li> }).collect_view()}
        </ul>
    }
}

#[component]
fn Empty() -> impl IntoView {
    view! {
        <div class="empty">
            <Artwork seed="unisono" />
            <h2>"Your first song starts here"</h2>
            <p>"Make a project, drop in a recording, and invite someone to play along."</p>
            <a class="button primary" href="/projects/new">{icon(Icon::Plus)} "New project"</a>
        </div>
    }
}

#[component]
fn SongCard(song: Song) -> impl IntoView {
    let when = song.updated_at.as_deref().and_then(Timestamp::parse).map(|time| when::ago(time, now()));
    let role = if matches!(&*song.role, "owner" | "") { None } else { Some(song.role.clone()) };
    let Known { desk, is_live, .. } = expect_context();
    // Without the server only what was opened here can be.
    let id = song.id.clone();
    let absent = Memo::new(move |_| {
        !is_live.get() && desk.get().is_some_and(|desk| desk.cached().with(|cached| !cached.contains(&id)))
    });
    view! {
        <li class="song-card" class:is-absent=absent data-testid="project-card" title=move || if absent.get() { "Not on this device: it has not been opened here" } else { "" }>
            <a href=format!("/projects/{}", song.id)>
                <Artwork seed=song.id.to_string() />
                <span class="song-card-name">{song.name}</span>
                <span class="song-card-facts">
                    <span>{format!("{} bpm", song.bpm)}</span>
                    {when.map(|when| view! { <span>{when}</span> })}
                    {role.map(|role| view! { <span class="tag">{role}</span> })}
                </span>
            </a>
        </li>
    }
}
