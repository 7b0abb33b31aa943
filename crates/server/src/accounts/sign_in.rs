//! Signing up, logging in and out: what the JSON routes and the form pages share.

use axum::http::{HeaderValue, header};
use axum::response::{IntoResponseParts, ResponseParts};
use axum_extra::extract::CookieJar;
use model::limits::NAME_BYTES_MAX;
use model::{Id, Timestamp};
use storage::{Admission, NewSession, NewUser, Purpose, TokenHash};

use super::{
    Brake, Passwords, SESSION_COOKIE, USER_COOKIE, Visitor, caller, colour_of, new_token, normalise_email, token_hash,
};
use crate::config::Signup;
use crate::limits::{
    SESSION_LIFETIME_MS, SIGNUPS_PER_ADDRESS, TAKEN_PER_ADDRESS, TRIES_PER_ACCOUNT, TRIES_PER_ADDRESS,
};
use crate::projects::{invitation_is_open, join_as_newcomer};
use crate::state::new_id;
use crate::{App, Problem};

/// Who wants an account.
#[derive(Clone, PartialEq, Eq)]
pub struct SignUp {
    /// Their address, as typed.
    pub email: String,
    /// Their password.
    pub password: String,
    /// Their name, as typed.
    pub name: String,
    /// What invites them, where sign-up is by invitation.
    pub code: String,
}

/// Whether a code lets someone sign up where that is by invitation: one of the host's, or a link into a project.
///
/// # Errors
/// 500 when the database fails.
pub async fn is_invited(app: &App, code: &str) -> Result<bool, Problem> {
    let (ticket, now) = (token_hash(code), app.clock.now());
    let ticket = app.database.run(move |store| store.ticket(&ticket, Purpose::SignUp, now)).await?;
    Ok(ticket.is_some() || invitation_is_open(app, code).await?)
}

/// Adds the user, with the ticket that it takes to do so, if it takes one. A link into a project counts as used by them.
async fn admit(app: &App, user: NewUser, ticket: Option<TokenHash>) -> Result<Admission, Problem> {
    let admitted = app.database.run(move |store| match ticket {
        Some(ticket) => store.admit_user(user, &ticket),
        None => Ok(if store.create_user(user)? { Admission::Admitted } else { Admission::Taken }),
    });
    Ok(admitted.await?)
}

fn uninvited() -> Problem {
    Problem::from_status(403, "New accounts are by invitation here. This invitation is not good, or not any more.")
}

/// Makes an account and a session; the cookies that name it.
///
/// # Errors
/// 400 when something cannot be; 403 where sign-up is closed, or without a good invitation where it takes one; 409 when the address has an account; 429 when the network
/// address has made many.
pub async fn sign_up(app: &App, visitor: &Visitor, sign_up: SignUp) -> Result<(Id, Cookies), Problem> {
    // Nobody without an invitation learns anything about anybody.
    let ticket = match app.config.signup {
        Signup::Open => None,
        Signup::Invitation if is_invited(app, &sign_up.code).await? => Some(token_hash(&sign_up.code)),
        Signup::Invitation => return Err(uninvited()),
        Signup::Closed => return Err(Problem::from_status(403, "New accounts are not accepted here.")),
    };
    let email = normalise_email(&sign_up.email)
        .ok_or_else(|| Problem::invalid("The e-mail address does not look like one."))?;
    let name = sign_up.name.trim().to_owned();
    if name.is_empty() || name.chars().any(char::is_control) {
        return Err(Problem::invalid("Please give your name."));
    }
    if name.len() > NAME_BYTES_MAX {
        return Err(Problem::invalid(format!("The name has more than {NAME_BYTES_MAX} bytes.")));
    }
    Passwords::check(&sign_up.password)?;
    let brake = Brake { kind: "signup-address", subject: &visitor.address.0, free: SIGNUPS_PER_ADDRESS };
    // Without mail, whoever signs up learns whether the address has an account. Asking for many is made slow.
    let taken = Brake { kind: "signup-taken", subject: &visitor.address.0, free: TAKEN_PER_ADDRESS };
    app.accounts.brakes.look(taken).map_err(Problem::slow_down)?;
    app.accounts.brakes.attempt(brake).map_err(Problem::slow_down)?;

    // The same work whether the address is taken or not.
    let password_hash = app.accounts.passwords.hash(sign_up.password).await?;
    let id = new_id();
    let colour = colour_of(&id).to_owned();
    let user = NewUser { id: id.clone(), email, name, colour, password_hash, demo: false, now: app.clock.now() };
    match admit(app, user, ticket).await? {
        Admission::Admitted => {}
        Admission::NoTicket => return Err(uninvited()),
        Admission::Taken => {
            // Counted even where others were faster at the same time: this one has learnt it too.
            let _ = app.accounts.brakes.attempt(taken);
            return Err(Problem::from_status(409, "There is an account with this e-mail address already."));
        }
    }
    if app.config.signup == Signup::Invitation {
        // They have an account now, whatever comes of this; the link's page says the rest.
        drop(join_as_newcomer(app, &id, &sign_up.code).await);
    }
    let cookie = begin_session(app, visitor, id.clone()).await?;
    Ok((id, cookie))
}

/// Checks a password and makes a session, in the place of the one that the visitor may have had; the cookies that name it.
///
/// # Errors
/// 401, the same for an unknown address and a wrong password; 429 when the brakes are on.
pub async fn log_in(app: &App, visitor: &Visitor, email: &str, password: String) -> Result<(Id, Cookies), Problem> {
    let wrong = || Problem::from_status(401, "The e-mail address or the password is wrong.");
    // What cannot be an address goes the same way as one that has no account.
    let email = normalise_email(email).unwrap_or_default();
    let on_account = Brake { kind: "login-account", subject: &email, free: TRIES_PER_ACCOUNT };
    let on_address = Brake { kind: "login-address", subject: &visitor.address.0, free: TRIES_PER_ADDRESS };
    let brakes = &app.accounts.brakes;
    // What the account's brake refuses is no guess: it is not held against an address that others may share.
    brakes.look(on_account).map_err(Problem::slow_down)?;
    brakes.attempt(on_address).map_err(Problem::slow_down)?;
    brakes.attempt(on_account).map_err(Problem::slow_down)?;

    let wanted = email.clone();
    let account = app.database.run(move |store| store.account(&wanted)).await?;
    let hash = account.as_ref().map(|account| account.password_hash.clone());
    let right = app.accounts.passwords.verify(password, hash).await?;
    let account = account.filter(|account| right && (app.config.demo || !account.demo)).ok_or_else(wrong)?;

    brakes.forgive(on_account);
    brakes.take_back(on_address);
    let cookie = begin_session(app, visitor, account.user.clone()).await?;
    Ok((account.user, cookie))
}

/// The cookies of this request's session once more, to be remembered for as long as a new one's: whoever uses the studio stays
/// logged in, and their device goes on knowing whose it is (CL5). The caller has been let in by them.
///
/// # Errors
/// Never: a cookie whose session was found is one of ours.
pub fn renewed_cookies(app: &App, sent: &CookieJar, user: &Id) -> Result<Option<Cookies>, Problem> {
    let token = sent.get(SESSION_COOKIE).map(axum_extra::extract::cookie::Cookie::value);
    token.map(|token| cookies(app, token, user.as_str(), SESSION_LIFETIME_MS)).transpose()
}

/// Ends the session that the request's cookie names, if any; the cookies that make the browser forget it.
///
/// # Errors
/// 500 when the database fails.
pub async fn log_out(app: &App, cookies: &CookieJar) -> Result<Cookies, Problem> {
    if let Some(token) = caller::token_of(cookies) {
        end_session(app, token).await?;
    }
    no_cookies(app)
}

/// Ends this session, if there is one, and its sockets.
async fn end_session(app: &App, token: TokenHash) -> Result<(), Problem> {
    let now = app.clock.now();
    let session = app.database.run(move |store| {
        let session = store.session(&token, now)?;
        store.delete_session(&token)?;
        Ok(session)
    });
    if let Some(session) = session.await? {
        app.realtime.end_sockets(&session.user, |other| *other != token);
    }
    Ok(())
}

/// The cookies that make the browser forget its session.
///
/// # Errors
/// Never: the text is ours.
pub fn no_cookies(app: &App) -> Result<Cookies, Problem> {
    cookies(app, "", "", 0)
}

async fn begin_session(app: &App, visitor: &Visitor, user: Id) -> Result<Cookies, Problem> {
    let (token, token_hash) = new_token().map_err(|error| {
        tracing::error!(%error, "no random numbers");
        Problem::internal()
    })?;
    let now = app.clock.now();
    let expires = Timestamp(now.0 + SESSION_LIFETIME_MS);
    let session = NewSession { token_hash, user: user.clone(), device: visitor.device.clone(), now, expires };
    // The browser is about to forget the cookie of the session before: nobody could end that one any more.
    if let Some(before) = visitor.session {
        end_session(app, before).await?;
    }
    app.database.run(move |store| store.create_session(session)).await?;
    cookies(app, &token, user.as_str(), SESSION_LIFETIME_MS)
}

/// The session's cookie, out of reach of scripts and of other sites' requests, and sent over TLS only where there is TLS;
/// and the user's, which scripts may read.
fn cookies(app: &App, token: &str, user: &str, max_age_ms: i64) -> Result<Cookies, Problem> {
    let secure = if app.config.is_secure() { "; Secure" } else { "" };
    let seconds = max_age_ms / 1_000;
    let rest = format!("; SameSite=Lax; Max-Age={seconds}{secure}");
    // A token is base64, an id letters and digits: they are a header's value in any case.
    let header = |text: String| HeaderValue::from_str(&text).map_err(|_| Problem::internal());
    Ok(Cookies {
        session: header(format!("{SESSION_COOKIE}={token}; Path=/; HttpOnly{rest}"))?,
        user: header(format!("{USER_COOKIE}={user}; Path=/{rest}"))?,
    })
}

/// What a browser is told to remember of a session, or to forget.
pub struct Cookies {
    session: HeaderValue,
    user: HeaderValue,
}

impl IntoResponseParts for Cookies {
    type Error = std::convert::Infallible;
    fn into_response_parts(self, mut parts: ResponseParts) -> Result<ResponseParts, Self::Error> {
        for cookie in [self.session, self.user] {
            parts.headers_mut().append(header::SET_COOKIE, cookie);
        }
        Ok(parts)
    }
}
