//! Invitation links and who has used them.

use model::{Id, Role, Timestamp};
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::columns::{read_id, unreadable};
use crate::{Invitation, NewInvitation, Redeemed, TokenHash};

pub(super) const ADD: &str = "INSERT INTO invitations \
    (id, project_id, token_hash, role, uses_max, created_by, created_at, expires_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)";
pub(super) const BY_TOKEN: &str = "SELECT id, project_id, role, uses_max, created_by, created_at, expires_at, revoked_at, \
    (SELECT COUNT(*) FROM invitation_uses WHERE invitation_id = invitations.id) FROM invitations WHERE token_hash = ?1";
pub(super) const BY_PROJECT: &str = "SELECT id, project_id, role, uses_max, created_by, created_at, expires_at, revoked_at, \
    (SELECT COUNT(*) FROM invitation_uses WHERE invitation_id = invitations.id) FROM invitations WHERE project_id = ?1 \
    ORDER BY created_at, id";
pub(super) const JOINED_BEFORE: &str = "SELECT joined FROM invitation_uses WHERE invitation_id = ?1 AND user_id = ?2";
pub(super) const USE: &str = "INSERT INTO invitation_uses (invitation_id, user_id, joined) VALUES (?1, ?2, 0)";
pub(super) const JOIN: &str = "UPDATE invitation_uses SET joined = 1 WHERE invitation_id = ?1 AND user_id = ?2";
pub(super) const GIVE_BACK: &str =
    "DELETE FROM invitation_uses WHERE invitation_id = ?1 AND user_id = ?2 AND joined = 0";
pub(super) const REVOKE: &str =
    "UPDATE invitations SET revoked_at = ?3 WHERE id = ?1 AND project_id = ?2 AND revoked_at IS NULL";
pub(super) const FORGET: &str = "DELETE FROM invitations WHERE project_id = ?1 AND expires_at <= ?2";

fn invitation(row: &Row<'_>) -> rusqlite::Result<Invitation> {
    let name = row.get_ref(2)?.as_str()?;
    let unknown = || unreadable(2, std::io::Error::other(format!("there is no role '{name}'")));
    Ok(Invitation {
        id: read_id(row, 0)?,
        project: read_id(row, 1)?,
        role: Role::from_name(name).ok_or_else(unknown)?,
        uses_max: row.get(3)?,
        created_by: read_id(row, 4)?,
        created: Timestamp(row.get(5)?),
        expires: Timestamp(row.get(6)?),
        revoked: row.get::<_, Option<i64>>(7)?.is_some(),
        uses: row.get(8)?,
    })
}

pub(super) fn create(connection: &Connection, new: &NewInvitation) -> rusqlite::Result<()> {
    let values = params![
        new.id.as_str(),
        new.project.as_str(),
        new.token_hash,
        new.role.name(),
        new.uses_max,
        new.created_by.as_str(),
        new.now.0,
        new.expires.0
    ];
    connection.prepare_cached(ADD)?.execute(values).map(drop)
}

pub(super) fn by_token(connection: &Connection, token: &TokenHash) -> rusqlite::Result<Option<Invitation>> {
    connection.prepare_cached(BY_TOKEN)?.query_row([token], invitation).optional()
}

pub(super) fn by_project(connection: &Connection, project: &Id) -> rusqlite::Result<Vec<Invitation>> {
    connection.prepare_cached(BY_PROJECT)?.query_map([project.as_str()], invitation)?.collect()
}

/// Whether a link lets somebody in who has not used it.
pub(super) fn is_open(connection: &Connection, token: &TokenHash, now: Timestamp) -> rusqlite::Result<bool> {
    Ok(by_token(connection, token)?.is_some_and(|invitation| invitation.spent(now).is_none()))
}

pub(super) fn redeem(
    connection: &Connection,
    token: &TokenHash,
    user: &Id,
    now: Timestamp,
) -> rusqlite::Result<Redeemed> {
    let Some(invitation) = by_token(connection, token)? else { return Ok(Redeemed::Unknown) };
    let names = [invitation.id.as_str(), user.as_str()];
    let joined: Option<bool> =
        connection.prepare_cached(JOINED_BEFORE)?.query_row(names, |row| row.get(0)).optional()?;
    if joined == Some(true) {
        return Ok(Redeemed::UsedBefore(invitation));
    }
    // Whoever is about to join has their use already.
    let others = Invitation { uses: invitation.uses - u32::from(joined.is_some()), ..invitation.clone() };
    if let Some(spent) = others.spent(now) {
        return Ok(Redeemed::Spent(spent));
    }
    if joined.is_none() {
        connection.prepare_cached(USE)?.execute(names)?;
    }
    Ok(Redeemed::Open(Invitation { uses: others.uses + 1, ..invitation }))
}

pub(super) fn settle(connection: &Connection, invitation: &Id, user: &Id, joined: bool) -> rusqlite::Result<()> {
    let statement = if joined { JOIN } else { GIVE_BACK };
    connection.prepare_cached(statement)?.execute([invitation.as_str(), user.as_str()]).map(drop)
}

pub(super) fn revoke(connection: &Connection, project: &Id, invitation: &Id, now: Timestamp) -> rusqlite::Result<bool> {
    let values = params![invitation.as_str(), project.as_str(), now.0];
    Ok(connection.prepare_cached(REVOKE)?.execute(values)? > 0)
}

pub(super) fn forget(connection: &Connection, project: &Id, expired_by: Timestamp) -> rusqlite::Result<usize> {
    connection.prepare_cached(FORGET)?.execute(params![project.as_str(), expired_by.0])
}
