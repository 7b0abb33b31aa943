//! `/account` and `/reset-password`: one's password, one's devices, and the end of the account.

use axum::Form;
use axum::extract::rejection::FormRejection;
use axum::extract::{Path, Query, State};
use axum::http::{StatusCode, header};
use axum::response::{Html, IntoResponse, Redirect, Response};
use model::{Key, Table, Timestamp};
use serde::Deserialize;

use super::forms::{answer, content, go_on, login_address, password_field, retry_after};
use super::html::{Field, FormPage, alert, escape, shell};
use crate::accounts::{self, Caller, OwnSession};
use crate::{App, Problem};

/// What was done before the page is shown.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Done {
    done: Option<String>,
}

impl Done {
    /// A word about it, of our own: the address bar does not write on the page.
    fn says(&self) -> Option<&'static str> {
        match self.done.as_deref()? {
            "password" => Some("Your password was changed, and you were logged out everywhere else."),
            "session" => Some("That device was logged out."),
            "sessions" => Some("You were logged out everywhere else."),
            _ => None,
        }
    }
}

#[derive(Debug, Default, Deserialize)]
pub(super) struct PasswordForm {
    #[serde(default)]
    old_password: String,
    #[serde(default)]
    new_password: String,
}

#[derive(Debug, Default, Deserialize)]
pub(super) struct DeleteForm {
    #[serde(default)]
    password: String,
}

#[derive(Debug, Default, Deserialize)]
pub(super) struct ResetForm {
    #[serde(default)]
    password: String,
}

/// The token of a link.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Link {
    #[serde(default)]
    token: String,
}

/// Which part of the page a problem belongs to.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    Password,
    Sessions,
    Deletion,
}

type Refused<'a> = Option<(Part, &'a Problem)>;

/// Who is shown, and what they have.
struct Account {
    name: String,
    email: String,
    demo: bool,
    sessions: Vec<OwnSession>,
}

async fn find(app: &App, caller: &Caller) -> Result<Account, Problem> {
    let user = caller.user.clone();
    let found = app.database.run(move |store| {
        let demo = store.account_of(&user)?.is_some_and(|account| account.demo);
        Ok((store.records(&[Key::new(Table::Users, user)])?, demo))
    });
    let (records, demo) = found.await?;
    let (_, record) = records.first().ok_or_else(Problem::unauthenticated)?;
    let text = |field: &str| record.text(field).unwrap_or_default().to_owned();
    let sessions = accounts::sessions(app, caller).await?;
    Ok(Account { name: text("name"), email: text("email"), demo, sessions })
}

/// A time to the minute, for people.
fn moment(time: Timestamp) -> String {
    let text = time.to_string();
    let minute = text.get(..16).unwrap_or(&text).replace('T', " ");
    format!("<time datetime=\"{}\">{} UTC</time>", escape(&text), escape(&minute))
}

impl Account {
    fn page(&self, done: &Done, refused: Refused<'_>) -> String {
        let said = done
            .says()
            .map_or_else(String::new, |said| format!("<p class=\"form-note\" role=\"status\">{}</p>\n", escape(said)));
        let body = format!(
            "<p class=\"account-who\"><b>{}</b> <span>{}</span></p>\n{said}{}{}{}\
             <p class=\"form-aside\"><a href=\"/projects\">Back to your projects</a></p>",
            escape(&self.name),
            escape(&self.email),
            self.password(refused),
            self.devices(refused),
            self.deletion(refused),
        );
        shell("Your account", "form-card account-card", &body)
    }

    fn password(&self, refused: Refused<'_>) -> String {
        if self.demo {
            return "<p class=\"form-note\">This is a demo account: its password cannot be changed, and it cannot be \
                    deleted.</p>\n"
                .to_owned();
        }
        let refused = of(Part::Password, refused);
        let old = Field { label: "Old password", name: "old_password", ..password_field("current-password", None) };
        let hint = Some("At least 8 characters.");
        let new = Field { label: "New password", name: "new_password", ..password_field("new-password", hint) };
        format!(
            "<section aria-labelledby=\"password\">\n<h2 id=\"password\">Password</h2>\n\
             <form method=\"post\" action=\"/account/password\" class=\"form\">\n{}{}{}\
             <button type=\"submit\" class=\"button\">Change the password</button>\n</form>\n</section>\n",
            alert(refused),
            old.render(false, refused.is_some()),
            new.render(false, refused.is_some()),
        )
    }

    fn devices(&self, refused: Refused<'_>) -> String {
        let devices: String = self.sessions.iter().map(device).collect();
        let others = self.sessions.iter().any(|session| !session.current);
        let end_others = if others {
            "<form method=\"post\" action=\"/account/sessions/end-others\">\
             <button type=\"submit\" class=\"button\">Log out everywhere else</button></form>\n"
        } else {
            ""
        };
        format!(
            "<section aria-labelledby=\"devices\">\n<h2 id=\"devices\">Where you are logged in</h2>\n{}\
             <ul class=\"device-list\">\n{devices}</ul>\n{end_others}</section>\n",
            alert(of(Part::Sessions, refused)),
        )
    }

    fn deletion(&self, refused: Refused<'_>) -> String {
        if self.demo {
            return String::new();
        }
        let refused = of(Part::Deletion, refused);
        format!(
            "<section aria-labelledby=\"deletion\">\n<h2 id=\"deletion\">Delete your account</h2>\n\
             <p>Songs that others play in stay with them: one that only you own goes to whoever has edited with you \
             longest. Songs that are yours alone are deleted. Your name and your address are forgotten. This cannot be \
             undone.</p>\n<form method=\"post\" action=\"/account/delete\" class=\"form\">\n{}{}\
             <button type=\"submit\" class=\"button danger\">Delete my account</button>\n</form>\n</section>\n",
            alert(refused),
            password_field("current-password", None).render(false, refused.is_some()),
        )
    }
}

fn of(part: Part, refused: Refused<'_>) -> Option<&str> {
    refused.filter(|(at, _)| *at == part).map(|(_, problem)| problem.message())
}

fn device(session: &OwnSession) -> String {
    let name = escape(&session.device);
    let (when, end) = if session.current {
        // Edits may wait on this device: the list of projects looks, and asks.
        let out = "<a class=\"button\" href=\"/projects#log-out\">Log out</a>";
        ("<small>This device, now</small>".to_owned(), out.to_owned())
    } else {
        let end = format!(
            "<form method=\"post\" action=\"/account/sessions/{}/end\"><button type=\"submit\" class=\"button\" \
             aria-label=\"Log out {name}\">Log out</button></form>",
            escape(&session.name)
        );
        (format!("<small>Last used about {}</small>", moment(session.last_seen)), end)
    };
    format!("<li><span>{name}</span>{when}{end}</li>\n")
}

/// The page, perhaps with what is wrong with what was sent.
async fn show(app: &App, caller: &Caller, done: &Done, refused: Refused<'_>) -> Response {
    let account = match find(app, caller).await {
        Ok(account) => account,
        Err(problem) => return problem.into_response(),
    };
    let status = refused.map_or(StatusCode::OK, |(_, problem)| problem.status());
    let mut response = (status, Html(account.page(done, refused))).into_response();
    retry_after(&mut response, refused.map(|(_, problem)| problem));
    response
}

/// Answers a post: the way on, or the page with what was wrong.
async fn after(app: &App, caller: &Caller, part: Part, outcome: Result<(), Problem>, done: &str) -> Response {
    match outcome {
        Ok(()) => Redirect::to(&format!("/account?done={done}")).into_response(),
        Err(problem) => show(app, caller, &Done::default(), Some((part, &problem))).await,
    }
}

fn to_login() -> Response {
    Redirect::to(&login_address("/account")).into_response()
}

pub(super) async fn page(State(app): State<App>, caller: Option<Caller>, Query(done): Query<Done>) -> Response {
    let Some(caller) = caller else { return to_login() };
    show(&app, &caller, &done, None).await
}

pub(super) async fn change_password(
    State(app): State<App>,
    caller: Option<Caller>,
    form: Result<Form<PasswordForm>, FormRejection>,
) -> Response {
    let Some(caller) = caller else { return to_login() };
    let outcome = match content(form) {
        Ok(form) => accounts::change_password(&app, &caller, form.old_password, form.new_password).await,
        Err(problem) => Err(problem),
    };
    after(&app, &caller, Part::Password, outcome, "password").await
}

pub(super) async fn end_session(State(app): State<App>, caller: Option<Caller>, Path(name): Path<String>) -> Response {
    let Some(caller) = caller else { return to_login() };
    let outcome = match accounts::end_session(&app, &caller, &name).await {
        // It has ended by itself meanwhile: that is what was asked for.
        Err(problem) if problem.status() == StatusCode::NOT_FOUND => Ok(()),
        outcome => outcome,
    };
    after(&app, &caller, Part::Sessions, outcome, "session").await
}

pub(super) async fn end_other_sessions(State(app): State<App>, caller: Option<Caller>) -> Response {
    let Some(caller) = caller else { return to_login() };
    let outcome = accounts::end_other_sessions(&app, &caller).await.map(drop);
    after(&app, &caller, Part::Sessions, outcome, "sessions").await
}

pub(super) async fn delete(
    State(app): State<App>,
    caller: Option<Caller>,
    form: Result<Form<DeleteForm>, FormRejection>,
) -> Response {
    let Some(caller) = caller else { return to_login() };
    let outcome = match content(form) {
        Ok(form) => accounts::delete_account(&app, &caller, form.password).await,
        Err(problem) => Err(problem),
    };
    match outcome.and_then(|()| accounts::no_cookies(&app)) {
        Ok(cookies) => go_on(cookies, "/login?done=deleted"),
        Err(problem) => show(&app, &caller, &Done::default(), Some((Part::Deletion, &problem))).await,
    }
}

fn reset_form(good: bool, problem: Option<&Problem>) -> Response {
    let hint = Some("At least 8 characters. You will be logged out everywhere.");
    let page = FormPage {
        title: "New password",
        fields: if good { vec![password_field("new-password", hint)] } else { Vec::new() },
        note: None,
        error: problem.map(Problem::message),
        submit: good.then_some("Set the password"),
        aside: Some(("Remembered it?", "/login".to_owned(), "Log in")),
    };
    answer(&page, problem)
}

pub(super) async fn reset_page(State(app): State<App>, Query(link): Query<Link>) -> Response {
    match accounts::may_reset(&app, &link.token).await {
        Ok(true) => reset_form(true, None),
        Ok(false) => reset_form(false, Some(&accounts::void_link())),
        Err(problem) => reset_form(false, Some(&problem)),
    }
}

pub(super) async fn reset(
    State(app): State<App>,
    Query(link): Query<Link>,
    form: Result<Form<ResetForm>, FormRejection>,
) -> Response {
    let outcome = match content(form) {
        Ok(form) => accounts::reset_password(&app, &link.token, form.password).await,
        Err(problem) => Err(problem),
    };
    match outcome {
        Ok(()) => (StatusCode::SEE_OTHER, [(header::LOCATION, "/login?done=reset")]).into_response(),
        Err(problem) => reset_form(problem.status() != StatusCode::FORBIDDEN, Some(&problem)),
    }
}
