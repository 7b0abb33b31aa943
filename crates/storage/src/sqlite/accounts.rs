//! Users, credentials, sessions.

use model::{Id, Table, Timestamp};
use operations::Scope;
use rusqlite::{Connection, OptionalExtension, params, params_from_iter};

use super::columns::{Statements, read_id};
use super::log::{begin_log, scope_name};
use crate::{Account, NewSession, NewUser, Session, TokenHash};

pub(super) const IS_TAKEN: &str = "SELECT 1 FROM users WHERE id = ?1 UNION ALL SELECT 1 FROM users WHERE email = ?2";
pub(super) const MARK_DEMO: &str = "UPDATE users SET is_demo = 1 WHERE id = ?1";
pub(super) const ADD_CREDENTIALS: &str =
    "INSERT INTO credentials (user_id, password_hash, updated_at) VALUES (?1, ?2, ?3)";
pub(super) const SET_PASSWORD: &str = "UPDATE credentials SET password_hash = ?2, updated_at = ?3 WHERE user_id = ?1";
pub(super) const ACCOUNT: &str = "SELECT users.id, credentials.password_hash, users.is_demo FROM users \
    JOIN credentials ON credentials.user_id = users.id WHERE users.email = ?1";
pub(super) const ADD_SESSION: &str = "INSERT INTO sessions (token_hash, user_id, created_at, last_seen_at, expires_at) \
    VALUES (?1, ?2, ?3, ?3, ?4)";
pub(super) const SESSION: &str = "SELECT sessions.user_id, users.is_demo, sessions.created_at, sessions.last_seen_at, \
    sessions.expires_at FROM sessions JOIN users ON users.id = sessions.user_id \
    WHERE sessions.token_hash = ?1 AND sessions.expires_at > ?2";
pub(super) const TOUCH_SESSION: &str =
    "UPDATE sessions SET last_seen_at = ?2, expires_at = ?3 WHERE token_hash = ?1 AND expires_at > ?2";
pub(super) const DELETE_SESSION: &str = "DELETE FROM sessions WHERE token_hash = ?1";
pub(super) const DELETE_EXPIRED_SESSIONS: &str = "DELETE FROM sessions WHERE expires_at <= ?1";

pub(super) fn create_user(connection: &Connection, user: &NewUser) -> rusqlite::Result<bool> {
    if connection.prepare_cached(IS_TAKEN)?.exists([user.id.as_str(), &user.email])? {
        return Ok(false);
    }
    let statements = Statements::of(Table::Users);
    let cells = statements
        .values(&user.first_record())
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

pub(super) fn account(connection: &Connection, email: &str) -> rusqlite::Result<Option<Account>> {
    connection
        .prepare_cached(ACCOUNT)?
        .query_row([email], |row| Ok(Account { user: read_id(row, 0)?, password_hash: row.get(1)?, demo: row.get(2)? }))
        .optional()
}

pub(super) fn set_password(
    connection: &Connection,
    user: &Id,
    password_hash: &str,
    now: Timestamp,
) -> rusqlite::Result<bool> {
    Ok(connection.prepare_cached(SET_PASSWORD)?.execute(params![user.as_str(), password_hash, now.0])? > 0)
}

pub(super) fn create_session(connection: &Connection, new: &NewSession) -> rusqlite::Result<()> {
    let values = params![new.token_hash, new.user.as_str(), new.now.0, new.expires.0];
    connection.prepare_cached(ADD_SESSION)?.execute(values).map(drop)
}

pub(super) fn session(connection: &Connection, token: &TokenHash, now: Timestamp) -> rusqlite::Result<Option<Session>> {
    connection
        .prepare_cached(SESSION)?
        .query_row(params![token, now.0], |row| {
            Ok(Session {
                user: read_id(row, 0)?,
                demo: row.get(1)?,
                created: Timestamp(row.get(2)?),
                last_seen: Timestamp(row.get(3)?),
                expires: Timestamp(row.get(4)?),
            })
        })
        .optional()
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

pub(super) fn delete_expired_sessions(connection: &Connection, now: Timestamp) -> rusqlite::Result<usize> {
    connection.prepare_cached(DELETE_EXPIRED_SESSIONS)?.execute([now.0])
}
