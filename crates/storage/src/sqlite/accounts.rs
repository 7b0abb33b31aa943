//! Users, credentials, sessions.

use model::{Id, Table, Timestamp};
use operations::Scope;
use rusqlite::{Connection, OptionalExtension, Row, params, params_from_iter};

use super::columns::{Statements, read_id};
use super::log::{begin_log, scope_name};
use super::{exports, invitations};
use crate::{
    Account, Admission, FORMER_MEMBER, NewSession, NewTicket, NewUser, Purpose, SESSIONS_PER_USER_MAX, Session,
    TokenHash,
};

pub(super) const IS_TAKEN: &str = "SELECT 1 FROM users WHERE id = ?1 UNION ALL SELECT 1 FROM users WHERE email = ?2";
pub(super) const MARK_DEMO: &str = "UPDATE users SET is_demo = 1 WHERE id = ?1";
pub(super) const ADD_CREDENTIALS: &str =
    "INSERT INTO credentials (user_id, password_hash, updated_at) VALUES (?1, ?2, ?3)";
pub(super) const SET_PASSWORD: &str = "UPDATE credentials SET password_hash = ?2, updated_at = ?3 WHERE user_id = ?1";
pub(super) const ACCOUNT: &str = "SELECT users.id, credentials.password_hash, users.is_demo FROM users \
    JOIN credentials ON credentials.user_id = users.id WHERE users.email = ?1";
pub(super) const ACCOUNT_OF: &str = "SELECT users.id, credentials.password_hash, users.is_demo FROM users \
    JOIN credentials ON credentials.user_id = users.id WHERE users.id = ?1";
pub(super) const DELETE_CREDENTIALS: &str = "DELETE FROM credentials WHERE user_id = ?1";
pub(super) const MAKE_STUB: &str = "UPDATE users SET name = ?2, email = NULL, \
    updated_at = ?3, version = version + 1, stamps = NULL, seq = 0 WHERE id = ?1";
pub(super) const DELETE_LOG_ENTRIES: &str = "DELETE FROM transactions WHERE place BETWEEN (SELECT id << 36 FROM logs WHERE scope = ?1) \
    AND (SELECT (id << 36) + 68719476735 FROM logs WHERE scope = ?1)";
pub(super) const RESTART_LOG: &str = "UPDATE logs SET epoch = ?2, materialised_seq = 0, bytes = 0 WHERE scope = ?1";
pub(super) const ADD_TICKET: &str = "INSERT INTO tickets (token_hash, purpose, user_id, created_at, expires_at) \
    VALUES (?1, ?2, ?3, ?4, ?5)";
pub(super) const TICKET: &str =
    "SELECT user_id FROM tickets WHERE token_hash = ?1 AND purpose = ?2 AND expires_at > ?3";
pub(super) const DELETE_TICKET: &str = "DELETE FROM tickets WHERE token_hash = ?1";
pub(super) const DELETE_TICKETS_OF: &str = "DELETE FROM tickets WHERE user_id = ?1";
pub(super) const DELETE_EXPIRED_TICKETS: &str = "DELETE FROM tickets WHERE expires_at <= ?1";
pub(super) const ADD_SESSION: &str = "INSERT INTO sessions \
    (token_hash, user_id, device, created_at, last_seen_at, expires_at) VALUES (?1, ?2, ?3, ?4, ?4, ?5)";
/// All but so many of a user's sessions, the last used ones.
pub(super) const DELETE_OLDEST_SESSIONS: &str = "DELETE FROM sessions WHERE token_hash IN (SELECT token_hash \
    FROM sessions WHERE user_id = ?1 ORDER BY last_seen_at DESC, token_hash DESC LIMIT -1 OFFSET ?2)";
pub(super) const SESSION: &str = "SELECT sessions.token_hash, sessions.user_id, users.is_demo, sessions.device, \
    sessions.created_at, sessions.last_seen_at, sessions.expires_at \
    FROM sessions JOIN users ON users.id = sessions.user_id \
    WHERE sessions.token_hash = ?1 AND sessions.expires_at > ?2";
pub(super) const SESSIONS_OF: &str = "SELECT sessions.token_hash, sessions.user_id, users.is_demo, sessions.device, \
    sessions.created_at, sessions.last_seen_at, sessions.expires_at \
    FROM users JOIN sessions ON sessions.user_id = users.id WHERE users.id = ?1 AND sessions.expires_at > ?2 \
    ORDER BY sessions.last_seen_at DESC, sessions.token_hash DESC";
pub(super) const TOUCH_SESSION: &str =
    "UPDATE sessions SET last_seen_at = ?2, expires_at = ?3 WHERE token_hash = ?1 AND expires_at > ?2";
pub(super) const DELETE_SESSION: &str = "DELETE FROM sessions WHERE token_hash = ?1";
/// All of a user's sessions but one; with a null, all.
pub(super) const DELETE_SESSIONS_OF: &str = "DELETE FROM sessions WHERE user_id = ?1 AND token_hash IS NOT ?2";
pub(super) const DELETE_EXPIRED_SESSIONS: &str = "DELETE FROM sessions WHERE expires_at <= ?1";

pub(super) fn create_user(connection: &Connection, user: &NewUser) -> rusqlite::Result<bool> {
    if connection.prepare_cached(IS_TAKEN)?.exists([user.id.as_str(), &user.email])? {
        return Ok(false);
    }
    let statements = Statements::of(Table::Users);
    let cells = statements
        .values(&user.first_record(), 0)
        .map_err(|reason| rusqlite::Error::ToSqlConversionFailure(Box::new(std::io::Error::other(reason))))?;
    connection.prepare_cached(&statements.upsert)?.execute(params_from_iter(&cells))?;
    if user.demo {
        connection.prepare_cached(MARK_DEMO)?.execute([user.id.as_str()])?;
    }
    let credentials = params![user.id.as_str(), user.password_hash, user.now.0];
    connection.prepare_cached(ADD_CREDENTIALS)?.execute(credentials)?;
    // The log of their own record; any epoch will do, so long as a restored backup gets another.
    begin_log(connection, &scope_name(&Scope::User(user.id.clone())), &user.id)?;
    Ok(true)
}

pub(super) fn admit_user(connection: &Connection, user: &NewUser, token: &TokenHash) -> rusqlite::Result<Admission> {
    if ticket(connection, token, Purpose::SignUp, user.now)?.is_none() {
        if !invitations::is_open(connection, token, user.now)? {
            return Ok(Admission::NoTicket);
        }
        if !create_user(connection, user)? {
            return Ok(Admission::Taken);
        }
        invitations::redeem(connection, token, &user.id, user.now)?;
        return Ok(Admission::Admitted);
    }
    if !create_user(connection, user)? {
        return Ok(Admission::Taken);
    }
    connection.prepare_cached(DELETE_TICKET)?.execute([token])?;
    Ok(Admission::Admitted)
}

fn read_account(row: &Row<'_>) -> rusqlite::Result<Account> {
    Ok(Account { user: read_id(row, 0)?, password_hash: row.get(1)?, demo: row.get(2)? })
}

pub(super) fn account(connection: &Connection, email: &str) -> rusqlite::Result<Option<Account>> {
    connection.prepare_cached(ACCOUNT)?.query_row([email], read_account).optional()
}

pub(super) fn account_of(connection: &Connection, user: &Id) -> rusqlite::Result<Option<Account>> {
    connection.prepare_cached(ACCOUNT_OF)?.query_row([user.as_str()], read_account).optional()
}

pub(super) fn set_password(
    connection: &Connection,
    user: &Id,
    password_hash: &str,
    keep: Option<&TokenHash>,
    now: Timestamp,
) -> rusqlite::Result<bool> {
    let set = connection.prepare_cached(SET_PASSWORD)?.execute(params![user.as_str(), password_hash, now.0])? > 0;
    if set {
        delete_sessions_of(connection, user, keep)?;
        connection.prepare_cached(DELETE_TICKETS_OF)?.execute([user.as_str()])?;
    }
    Ok(set)
}

pub(super) fn delete_account(connection: &Connection, user: &Id, epoch: &Id, now: Timestamp) -> rusqlite::Result<bool> {
    if connection.prepare_cached(DELETE_CREDENTIALS)?.execute([user.as_str()])? == 0 {
        return Ok(false);
    }
    delete_sessions_of(connection, user, None)?;
    connection.prepare_cached(DELETE_TICKETS_OF)?.execute([user.as_str()])?;
    connection.prepare_cached(exports::FORGET_TURNS)?.execute([user.as_str()])?;
    connection.prepare_cached(MAKE_STUB)?.execute(params![user.as_str(), FORMER_MEMBER, now.to_string()])?;
    let scope = scope_name(&Scope::User(user.clone()));
    connection.prepare_cached(DELETE_LOG_ENTRIES)?.execute([&scope])?;
    connection.prepare_cached(RESTART_LOG)?.execute([scope.as_str(), epoch.as_str()])?;
    Ok(true)
}

pub(super) fn create_ticket(connection: &Connection, new: &NewTicket) -> rusqlite::Result<()> {
    let user = new.user.as_ref().map(Id::as_str);
    let values = params![new.token_hash, new.purpose.name(), user, new.now.0, new.expires.0];
    connection.prepare_cached(ADD_TICKET)?.execute(values).map(drop)
}

pub(super) fn ticket(
    connection: &Connection,
    token: &TokenHash,
    purpose: Purpose,
    now: Timestamp,
) -> rusqlite::Result<Option<Option<Id>>> {
    connection
        .prepare_cached(TICKET)?
        .query_row(params![token, purpose.name(), now.0], |row| match row.get_ref(0)? {
            rusqlite::types::ValueRef::Null => Ok(None),
            _ => read_id(row, 0).map(Some),
        })
        .optional()
}

pub(super) fn reset_password(
    connection: &Connection,
    token: &TokenHash,
    password_hash: &str,
    now: Timestamp,
) -> rusqlite::Result<Option<Id>> {
    let user = ticket(connection, token, Purpose::ResetPassword, now)?.flatten();
    let Some(user) = user else { return Ok(None) };
    // The ticket goes with the user's others.
    Ok(set_password(connection, &user, password_hash, None, now)?.then_some(user))
}

pub(super) fn create_session(connection: &Connection, new: &NewSession) -> rusqlite::Result<()> {
    let values = params![new.token_hash, new.user.as_str(), new.device, new.now.0, new.expires.0];
    connection.prepare_cached(ADD_SESSION)?.execute(values)?;
    let kept = i64::try_from(SESSIONS_PER_USER_MAX).unwrap_or(i64::MAX);
    connection.prepare_cached(DELETE_OLDEST_SESSIONS)?.execute(params![new.user.as_str(), kept]).map(drop)
}

fn read_session(row: &Row<'_>) -> rusqlite::Result<(TokenHash, Session)> {
    let session = Session {
        user: read_id(row, 1)?,
        demo: row.get(2)?,
        device: row.get(3)?,
        created: Timestamp(row.get(4)?),
        last_seen: Timestamp(row.get(5)?),
        expires: Timestamp(row.get(6)?),
    };
    Ok((row.get(0)?, session))
}

pub(super) fn session(connection: &Connection, token: &TokenHash, now: Timestamp) -> rusqlite::Result<Option<Session>> {
    let found = connection.prepare_cached(SESSION)?.query_row(params![token, now.0], read_session).optional()?;
    Ok(found.map(|(_, session)| session))
}

pub(super) fn sessions_of(
    connection: &Connection,
    user: &Id,
    now: Timestamp,
) -> rusqlite::Result<Vec<(TokenHash, Session)>> {
    connection.prepare_cached(SESSIONS_OF)?.query_map(params![user.as_str(), now.0], read_session)?.collect()
}

pub(super) fn touch_session(
    connection: &Connection,
    token: &TokenHash,
    now: Timestamp,
    expires: Timestamp,
) -> rusqlite::Result<()> {
    connection.prepare_cached(TOUCH_SESSION)?.execute(params![token, now.0, expires.0]).map(drop)
}

pub(super) fn delete_session(connection: &Connection, token: &TokenHash) -> rusqlite::Result<bool> {
    Ok(connection.prepare_cached(DELETE_SESSION)?.execute(params![token])? > 0)
}

pub(super) fn delete_sessions_of(
    connection: &Connection,
    user: &Id,
    keep: Option<&TokenHash>,
) -> rusqlite::Result<usize> {
    connection.prepare_cached(DELETE_SESSIONS_OF)?.execute(params![user.as_str(), keep])
}

pub(super) fn delete_expired(connection: &Connection, now: Timestamp) -> rusqlite::Result<usize> {
    let sessions = connection.prepare_cached(DELETE_EXPIRED_SESSIONS)?.execute([now.0])?;
    Ok(sessions + connection.prepare_cached(DELETE_EXPIRED_TICKETS)?.execute([now.0])?)
}
