//! The pages that the server renders itself, and the way into the web app.

mod account;
mod forms;
mod html;
mod notice;

use axum::Router;
use axum::extract::{DefaultBodyLimit, OriginalUri, State};
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};

use crate::accounts::Caller;
use crate::limits::FORM_BODY_BYTES_MAX;
pub(crate) use notice::{Aside, NoticePage};

use crate::security::is_socket;
use crate::web_socket::Upgrade;
use crate::{App, Problem, realtime, web_files};

/// The routes of this module.
pub(crate) fn router() -> Router<App> {
    let forms = Router::new()
        .route("/login", get(forms::login_page).post(forms::login))
        .route("/signup", get(forms::signup_page).post(forms::signup))
        .route("/projects/new", get(forms::new_project_page).post(forms::new_project))
        .route("/logout", post(forms::logout))
        .route("/account", get(account::page))
        .route("/account/password", post(account::change_password))
        .route("/account/sessions/end-others", post(account::end_other_sessions))
        .route("/account/sessions/{name}/end", post(account::end_session))
        .route("/account/delete", post(account::delete))
        .route("/reset-password", get(account::reset_page).post(account::reset))
        .layer(DefaultBodyLimit::max(FORM_BODY_BYTES_MAX));
    Router::new()
        .route("/", get(root))
        .route("/projects", get(studio))
        .route("/projects/{id}", get(studio))
        .merge(forms)
        .merge(crate::projects::pages())
}

/// The front door: a socket for those who ask for one (W3), else the way to the projects.
async fn root(
    state: State<App>,
    headers: HeaderMap,
    caller: Option<Caller>,
    upgrade: Result<Upgrade, Problem>,
) -> Response {
    if is_socket(&headers) {
        return socket(state, caller, upgrade).await;
    }
    Redirect::to(if caller.is_some() { "/projects" } else { "/login" }).into_response()
}

/// A socket, for whoever is logged in (PS1); their origin has been checked on the way here.
pub(crate) async fn socket(
    State(app): State<App>,
    caller: Option<Caller>,
    upgrade: Result<Upgrade, Problem>,
) -> Response {
    match (caller, upgrade) {
        (None, _) => Problem::unauthenticated().into_response(),
        (Some(_), Err(problem)) => problem.into_response(),
        (Some(caller), Ok(upgrade)) => realtime::accept(app, caller, upgrade),
    }
}

/// The web app, for whoever is logged in.
async fn studio(caller: Option<Caller>, OriginalUri(uri): OriginalUri, headers: HeaderMap) -> Response {
    if caller.is_some() {
        return web_files::index(&headers);
    }
    let wanted = uri.path_and_query().map_or("/projects", |path| path.as_str());
    Redirect::to(&forms::login_address(wanted)).into_response()
}
