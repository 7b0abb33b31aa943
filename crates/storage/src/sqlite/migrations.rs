//! The schema's versions. A migration is never edited once released: the next one expands, a later one contracts.

use rusqlite::{Connection, TransactionBehavior};

use super::OpenError;

/// Every migration, in order; a database's version is how many it has had.
pub(super) const MIGRATIONS: [&str; 16] = [
    include_str!("../../migrations/0001_spine.sql"),
    include_str!("../../migrations/0002_undo.sql"),
    include_str!("../../migrations/0003_intake.sql"),
    include_str!("../../migrations/0004_access.sql"),
    include_str!("../../migrations/0005_log_first.sql"),
    include_str!("../../migrations/0006_invitations.sql"),
    include_str!("../../migrations/0007_signal_flow.sql"),
    include_str!("../../migrations/0008_tempo_and_metre.sql"),
    include_str!("../../migrations/0009_log_in_order.sql"),
    include_str!("../../migrations/0010_exports.sql"),
    include_str!("../../migrations/0011_turns.sql"),
    include_str!("../../migrations/0012_log_length.sql"),
    include_str!("../../migrations/0013_export_turns.sql"),
    include_str!("../../migrations/0014_cut_fades.sql"),
    include_str!("../../migrations/0015_snapshots.sql"),
    include_str!("../../migrations/0016_log_bytes.sql"),
];

/// The version that this build makes and needs.
pub(super) fn latest() -> u32 {
    u32::try_from(MIGRATIONS.len()).unwrap_or(u32::MAX)
}

pub(super) fn version(connection: &Connection) -> rusqlite::Result<u32> {
    connection.pragma_query_value(None, "user_version", |row| row.get(0))
}

/// Brings the database up to [`latest`], each step whole or not at all.
pub(super) fn migrate(connection: &mut Connection) -> Result<(), OpenError> {
    let found = version(connection)?;
    if found > latest() {
        return Err(OpenError::Newer { found, known: latest() });
    }
    for (number, sql) in (1u32..).zip(MIGRATIONS).skip(found as usize) {
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        // Another process may have been here meanwhile.
        if version(&transaction)? < number {
            transaction.execute_batch(sql)?;
            transaction.pragma_update(None, "user_version", number)?;
            transaction.commit()?;
            tracing::info!(version = number, "migrated the database");
        }
    }
    Ok(())
}
