//! `/login`, `/signup`, `/projects/new` and `/logout`: forms that work before any script has loaded.

use axum::Form;
use axum::extract::rejection::FormRejection;
use axum::extract::{Query, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{Html, IntoResponse, Redirect, Response};
use axum_extra::extract::CookieJar;
use model::limits::NAME_BYTES_MAX;
use serde::Deserialize;

use super::html::{Field, FormPage};
use crate::accounts::{Caller, Cookies, SignUp, Visitor, log_in, log_out, sign_up};
use crate::config::Signup;
use crate::limits::{CODE_CHARACTERS_MAX, EMAIL_BYTES_MAX, PASSWORD_BYTES_MAX};
use crate::{App, Problem, projects};

/// Where to go afterwards, and what has led here.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Next {
    next: Option<String>,
    /// What was done before.
    done: Option<String>,
    /// What invites a visitor to sign up.
    #[serde(default)]
    code: String,
}

impl Next {
    /// The path to go to: only one of our own, never another site.
    fn path(&self) -> &str {
        self.next.as_deref().filter(|path| is_local(path)).unwrap_or("/projects")
    }

    /// A word about what was done, of our own: the address bar does not write on the page.
    fn says(&self) -> Option<&'static str> {
        match self.done.as_deref()? {
            "reset" => Some("Your new password is set. Please log in with it."),
            "deleted" => Some("Your account was deleted. Thank you for the music."),
            _ => None,
        }
    }

    /// `address`, passing the wish on.
    fn carry(&self, address: &str) -> String {
        match self.next.as_deref().filter(|path| is_local(path)) {
            Some(path) => format!("{address}?next={}", percent_encode(path)),
            None => address.to_owned(),
        }
    }
}

/// Whether a browser would stay on this site: `//host` and `/\host` lead elsewhere.
fn is_local(path: &str) -> bool {
    let plain = path.bytes().all(|b| b.is_ascii_graphic() && b != b'\\');
    path.len() <= 1_024 && path.starts_with('/') && !path.starts_with("//") && plain
}

/// Text as the value of a query.
fn percent_encode(text: &str) -> String {
    use std::fmt::Write as _;
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'/' | b'-' | b'_' | b'.' | b'~') {
            encoded.push(char::from(byte));
        } else {
            let _ = write!(encoded, "%{byte:02X}");
        }
    }
    encoded
}

/// The address of the login page for a visitor who wanted `path`.
pub(super) fn login_address(path: &str) -> String {
    Next { next: Some(path.to_owned()), ..Next::default() }.carry("/login")
}

#[derive(Debug, Default, Deserialize)]
pub(super) struct LoginForm {
    #[serde(default)]
    email: String,
    #[serde(default)]
    password: String,
}

#[derive(Debug, Default, Deserialize)]
pub(super) struct SignupForm {
    #[serde(default)]
    name: String,
    #[serde(default)]
    email: String,
    #[serde(default)]
    password: String,
    #[serde(default)]
    code: String,
}

#[derive(Debug, Default, Deserialize)]
pub(super) struct ProjectForm {
    #[serde(default)]
    name: String,
}

fn email_field(value: &str) -> Field<'_> {
    Field {
        label: "E-mail",
        name: "email",
        kind: "email",
        value,
        autocomplete: "username",
        max: EMAIL_BYTES_MAX,
        hint: None,
    }
}

pub(super) fn password_field<'a>(autocomplete: &'a str, hint: Option<&'a str>) -> Field<'a> {
    Field {
        label: "Password",
        name: "password",
        kind: "password",
        // What was typed is never sent back.
        value: "",
        autocomplete,
        max: PASSWORD_BYTES_MAX,
        hint,
    }
}

fn name_field<'a>(label: &'a str, value: &'a str, autocomplete: &'a str) -> Field<'a> {
    Field { label, name: "name", kind: "text", value, autocomplete, max: NAME_BYTES_MAX, hint: None }
}

fn code_field(value: &str) -> Field<'_> {
    Field {
        label: "Invitation code",
        name: "code",
        kind: "text",
        value,
        autocomplete: "off",
        max: CODE_CHARACTERS_MAX,
        hint: Some("Whoever runs this studio gives you one."),
    }
}

/// Who one can be where demos are switched on; `crate::demo` makes them.
const DEMO_NOTE: &str =
    "This is a demo. Come in as user1@example.com or user2@example.com; the password is \u{201c}password\u{201d}.";

fn login_form(app: &App, next: &Next, email: &str, problem: Option<&Problem>) -> Response {
    let sign_up = match app.config.signup {
        Signup::Open => Some("New here?"),
        Signup::Invitation => Some("Have you got an invitation?"),
        Signup::Closed => None,
    };
    let page = FormPage {
        title: "Log in",
        fields: vec![email_field(email), password_field("current-password", None)],
        note: next.says().or(app.config.demo.then_some(DEMO_NOTE)),
        error: problem.map(Problem::message),
        submit: Some("Log in"),
        aside: sign_up.map(|text| (text, next.carry("/signup"), "Make an account")),
    };
    answer(&page, problem)
}

fn signup_form(app: &App, next: &Next, typed: &SignupForm, problem: Option<&Problem>) -> Response {
    let mut fields = vec![
        name_field("Your name", &typed.name, "name"),
        email_field(&typed.email),
        password_field("new-password", Some("At least 8 characters.")),
    ];
    if app.config.signup == Signup::Invitation {
        let code = if typed.code.is_empty() { &next.code } else { &typed.code };
        fields.push(code_field(code));
    }
    let page = FormPage {
        title: "Make an account",
        fields,
        note: None,
        error: problem.map(Problem::message),
        submit: Some("Make an account"),
        aside: Some(("Been here before?", next.carry("/login"), "Log in")),
    };
    answer(&page, problem)
}

fn project_form(name: &str, problem: Option<&Problem>) -> Response {
    let page = FormPage {
        title: "New project",
        fields: vec![name_field("Name of the song", name, "off")],
        note: None,
        error: problem.map(Problem::message),
        submit: Some("Create the project"),
        aside: Some(("Changed your mind?", "/projects".to_owned(), "Back to your projects")),
    };
    answer(&page, problem)
}

pub(super) fn answer(page: &FormPage<'_>, problem: Option<&Problem>) -> Response {
    let status = problem.map_or(StatusCode::OK, Problem::status);
    let mut response = (status, Html(page.render())).into_response();
    retry_after(&mut response, problem);
    response
}

/// Says when to come back, where the problem knows it.
pub(super) fn retry_after(response: &mut Response, problem: Option<&Problem>) {
    if let Some(seconds) = problem.and_then(Problem::retry_after_s) {
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
}

/// The form's content, or what is wrong with it.
pub(super) fn content<T>(form: Result<Form<T>, FormRejection>) -> Result<T, Problem> {
    match form {
        Ok(Form(form)) => Ok(form),
        Err(rejection) => Err(Problem::new(rejection.status(), "The form could not be read.")),
    }
}

/// Answers a post that went well: the cookies, and the way on, in one.
pub(super) fn go_on(cookies: Cookies, path: &str) -> Response {
    (cookies, Redirect::to(path)).into_response()
}

pub(super) async fn login_page(State(app): State<App>, caller: Option<Caller>, Query(next): Query<Next>) -> Response {
    if caller.is_some() {
        return Redirect::to(next.path()).into_response();
    }
    login_form(&app, &next, "", None)
}

pub(super) async fn login(
    State(app): State<App>,
    Query(next): Query<Next>,
    visitor: Visitor,
    form: Result<Form<LoginForm>, FormRejection>,
) -> Response {
    let form = match content(form) {
        Ok(form) => form,
        Err(problem) => return login_form(&app, &next, "", Some(&problem)),
    };
    match log_in(&app, &visitor, &form.email, form.password).await {
        Ok((_, cookies)) => go_on(cookies, next.path()),
        Err(problem) => login_form(&app, &next, &form.email, Some(&problem)),
    }
}

pub(super) async fn signup_page(State(app): State<App>, caller: Option<Caller>, Query(next): Query<Next>) -> Response {
    if caller.is_some() {
        return Redirect::to(next.path()).into_response();
    }
    signup_form(&app, &next, &SignupForm::default(), None)
}

pub(super) async fn signup(
    State(app): State<App>,
    Query(next): Query<Next>,
    visitor: Visitor,
    form: Result<Form<SignupForm>, FormRejection>,
) -> Response {
    let mut form = match content(form) {
        Ok(form) => form,
        Err(problem) => return signup_form(&app, &next, &SignupForm::default(), Some(&problem)),
    };
    let password = std::mem::take(&mut form.password);
    let SignupForm { name, email, code, .. } = &form;
    let wanted = SignUp { email: email.clone(), password, name: name.clone(), code: code.trim().to_owned() };
    match sign_up(&app, &visitor, wanted).await {
        Ok((_, cookies)) => go_on(cookies, next.path()),
        Err(problem) => signup_form(&app, &next, &form, Some(&problem)),
    }
}

pub(super) async fn logout(State(app): State<App>, cookies: CookieJar) -> Response {
    match log_out(&app, &cookies).await {
        Ok(cookies) => go_on(cookies, "/login"),
        Err(problem) => problem.into_response(),
    }
}

pub(super) async fn new_project_page(caller: Option<Caller>) -> Response {
    match caller {
        Some(_) => project_form("", None),
        None => Redirect::to(&login_address("/projects/new")).into_response(),
    }
}

pub(super) async fn new_project(
    State(app): State<App>,
    caller: Option<Caller>,
    form: Result<Form<ProjectForm>, FormRejection>,
) -> Response {
    let Some(caller) = caller else { return Redirect::to(&login_address("/projects/new")).into_response() };
    let form = match content(form) {
        Ok(form) => form,
        Err(problem) => return project_form("", Some(&problem)),
    };
    let name = form.name.trim();
    if name.is_empty() {
        return project_form("", Some(&Problem::invalid("Please give the song a name.")));
    }
    if name.len() > NAME_BYTES_MAX {
        let problem = Problem::invalid(format!("The name has more than {NAME_BYTES_MAX} bytes."));
        return project_form(name, Some(&problem));
    }
    match projects::create(&app, &caller.user, name).await {
        Ok(id) => Redirect::to(&format!("/projects/{id}")).into_response(),
        Err(problem) => project_form(name, Some(&problem)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_way_on_stays_on_this_site() {
        let path = |next: &str| Next { next: Some(next.to_owned()), ..Next::default() }.path().to_owned();
        assert_eq!(path("/projects/1?a=b"), "/projects/1?a=b");
        for elsewhere in ["//evil.example", "/\\evil.example", "https://evil.example", "evil", "", "/a\r\nb", "/\t/e"] {
            assert_eq!(path(elsewhere), "/projects", "{elsewhere:?}");
        }
        assert_eq!(login_address("/projects/1?a=b&c"), "/login?next=/projects/1%3Fa%3Db%26c");
    }
}
