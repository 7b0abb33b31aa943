//! What people do with their own account: the password, and the sessions.

use model::Timestamp;
use storage::{Account, Purpose, Session, TokenHash};

use super::tickets::token_hash;
use super::{Brake, Caller, Passwords};
use crate::limits::TRIES_PER_ACCOUNT;
use crate::{App, Problem};

/// A session, as its owner sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnSession {
    /// Names it, and cannot be used in the place of its token.
    pub name: String,
    /// Browser and system.
    pub device: String,
    /// When it began.
    pub created: Timestamp,
    /// When it was last used, to within an hour.
    pub last_seen: Timestamp,
    /// Whether it is the one that asks.
    pub current: bool,
}

/// Puts a new password in the place of the old one. All other sessions end.
///
/// # Errors
/// 403 when the old one is wrong, or for a demo account; 400 when the new one cannot be; 429 after wrong tries.
pub async fn change_password(app: &App, caller: &Caller, old: String, new: String) -> Result<(), Problem> {
    Passwords::check(&new)?;
    let account = confirmed(app, caller, old).await?;
    let hash = app.accounts.passwords.hash(new).await?;
    let (now, keep) = (app.clock.now(), caller.session);
    app.database.run(move |store| store.set_password(&account.user, &hash, Some(&keep), now)).await?;
    app.realtime.end_sockets(&caller.user, |session| *session == keep);
    Ok(())
}

/// The caller's account, once they have given its password. What only a password may do is not for demo accounts: whoever
/// comes by has theirs, and the next one needs them as they are.
pub(super) async fn confirmed(app: &App, caller: &Caller, password: String) -> Result<Account, Problem> {
    let wrong = || Problem::from_status(403, "The password is wrong.");
    let user = caller.user.clone();
    let account = app.database.run(move |store| store.account_of(&user)).await?;
    let account = account.ok_or_else(Problem::unauthenticated)?;
    if account.demo {
        return Err(Problem::from_status(403, "This is a demo account: it stays as it is, for whoever comes next."));
    }
    // One of its own: whoever has found an open browser cannot lock its owner out of logging in elsewhere.
    let brake = Brake { kind: "confirm", subject: caller.user.as_str(), free: TRIES_PER_ACCOUNT };
    app.accounts.brakes.attempt(brake).map_err(Problem::slow_down)?;
    if !app.accounts.passwords.verify(password, Some(account.password_hash.clone())).await? {
        return Err(wrong());
    }
    app.accounts.brakes.forgive(brake);
    Ok(account)
}

/// Whether a link for a new password is (still) good.
///
/// # Errors
/// 500 when the database fails.
pub async fn may_reset(app: &App, token: &str) -> Result<bool, Problem> {
    let (hash, now) = (token_hash(token), app.clock.now());
    let ticket = app.database.run(move |store| store.ticket(&hash, Purpose::ResetPassword, now)).await?;
    Ok(ticket.is_some())
}

/// What is said about a link that is no longer good, or never was.
#[must_use]
pub fn void_link() -> Problem {
    Problem::from_status(403, "This link is no longer good. Please ask whoever runs this studio for another.")
}

/// Sets a new password by a link that `unisono reset-password` has made. All sessions end.
///
/// # Errors
/// 400 when the password cannot be; 403 when the link is not good.
pub async fn reset_password(app: &App, token: &str, new: String) -> Result<(), Problem> {
    Passwords::check(&new)?;
    // Before the work of hashing is done for nobody.
    if !may_reset(app, token).await? {
        return Err(void_link());
    }
    let password_hash = app.accounts.passwords.hash(new).await?;
    let (ticket, now) = (token_hash(token), app.clock.now());
    let user = app.database.run(move |store| store.reset_password(&ticket, &password_hash, now)).await?;
    let user = user.ok_or_else(void_link)?;
    app.realtime.end_sockets(&user, |_| false);
    Ok(())
}

/// The caller's sessions, the last used first.
///
/// # Errors
/// 500 when the database fails.
pub async fn sessions(app: &App, caller: &Caller) -> Result<Vec<OwnSession>, Problem> {
    let sessions = held(app, caller).await?;
    Ok(sessions.into_iter().map(|(token, session)| own(&token, session, caller)).collect())
}

/// Ends the caller's session of this name; it may be the one that asks.
///
/// # Errors
/// 404 when they have none of this name.
pub async fn end_session(app: &App, caller: &Caller, name: &str) -> Result<(), Problem> {
    let sessions = held(app, caller).await?;
    let found = sessions.into_iter().map(|(token, _)| token).find(|token| session_name(token) == name);
    let token = found.ok_or_else(Problem::not_found)?;
    app.database.run(move |store| store.delete_session(&token)).await?;
    app.realtime.end_sockets(&caller.user, |session| *session != token);
    Ok(())
}

/// Ends all of the caller's sessions but the one that asks; how many.
///
/// # Errors
/// 500 when the database fails.
pub async fn end_other_sessions(app: &App, caller: &Caller) -> Result<usize, Problem> {
    let Caller { user, session } = caller.clone();
    let ended = app.database.run(move |store| store.delete_sessions_of(&user, Some(&session))).await?;
    app.realtime.end_sockets(&caller.user, |other| *other == session);
    Ok(ended)
}

async fn held(app: &App, caller: &Caller) -> Result<Vec<(TokenHash, Session)>, Problem> {
    let (user, now) = (caller.user.clone(), app.clock.now());
    Ok(app.database.run(move |store| store.sessions_of(&user, now)).await?)
}

/// A name for a session that tells nothing of its token, nor of the hash that the database knows.
fn session_name(token: &TokenHash) -> String {
    blake3::hash(token).to_hex()[..32].to_owned()
}

fn own(token: &TokenHash, session: Session, caller: &Caller) -> OwnSession {
    OwnSession {
        name: session_name(token),
        device: session.device,
        created: session.created,
        last_seen: session.last_seen,
        current: *token == caller.session,
    }
}
