//! `/projects`: the songs that one can open.

mod artwork;
pub(crate) mod when;

use leptos::prelude::*;
use model::{Id, Timestamp};

use crate::design::{Icon, Logo, icon};
use crate::door::{api, audio_cache, now};
use crate::shell::{InstallButton, OnThisDevice};
use crate::toast::Toasts;
use artwork::Artwork;

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

/// Keeps loading and showing what came of it.
fn load(stage: RwSignal<Stage>, me: RwSignal<Option<api::Me>>) {
    leptos::task::spawn_local(async move {
        match api::me().await {
            Ok(user) => me.set(Some(user)),
            Err(failure) if failure.status == 401 => return go_to("/login"),
            Err(failure) => return stage.set(Stage::Failed(failure.message)),
        }
        stage.set(match api::get::<Answer>("/api/projects").await {
            Ok(answer) => Stage::Loaded(newest_first(answer.projects)),
            Err(failure) => Stage::Failed(failure.message),
        });
    });
}

fn newest_first(mut songs: Vec<Song>) -> Vec<Song> {
    songs.sort_by(|a, b| b.updated_at.cmp(&a.updated_at).then_with(|| a.name.cmp(&b.name)));
    songs
}

/// The page.
#[component]
pub(crate) fn ProjectsPage() -> impl IntoView {
    document().set_title("Projects · Unisono");
    let stage = RwSignal::new(Stage::Loading);
    let me = RwSignal::new(None);
    load(stage, me);
    let retry = move |_| {
        stage.set(Stage::Loading);
        load(stage, me);
    };
    view! {
        <div class="page">
            <PageHead me=me.read_only() />
            <main class="projects">
                <div class="projects-head">
                    <h1>"Projects"</h1>
                    <a class="button primary" href="/projects/new">{icon(Icon::Plus)} "New project"</a>
                </div>
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
                {move || me.get().map(|me| view! { <OnThisDevice user=me.id /> })}
            </main>
        </div>
    }
}

#[component]
fn PageHead(me: ReadSignal<Option<api::Me>>) -> impl IntoView {
    let toasts = expect_context::<Toasts>();
    let log_out = move |_| {
        leptos::task::spawn_local(async move {
            match api::log_out().await {
                Ok(()) => {
                    // What only waits to be uploaded stays for when they are back.
                    if let Some(me) = me.get_untracked() {
                        audio_cache::clear(&me.id).await;
                    }
                    go_to("/login");
                }
                Err(failure) => toasts.error("Logging out failed", failure.message),
            }
        });
    };
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
                                <button type="button" class="button quiet" on:click=log_out>
                                    {icon(Icon::LogOut)}
                                    <span>"Log out"</span>
                                </button>
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
    let role = if song.role == "owner" { None } else { Some(song.role.clone()) };
    view! {
        <li class="song-card" data-testid="project-card">
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
