//! One suite for every implementation of each trait (SI2).

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod accounts;
mod blobs;
mod given;
mod jobs;
mod logs;

use std::sync::Arc;

use storage::{Blobs, MemoryStore, SqliteStore, Store};

/// A store, and what must outlive it.
struct Made<T: ?Sized> {
    it: Arc<T>,
    _folder: Option<tempfile::TempDir>,
}

impl<T: ?Sized> std::ops::Deref for Made<T> {
    type Target = T;
    fn deref(&self) -> &T {
        &self.it
    }
}

fn memory() -> Made<dyn Store> {
    Made { it: Arc::new(MemoryStore::new()), _folder: None }
}

fn sqlite() -> Made<dyn Store> {
    let folder = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(&folder.path().join("test.sqlite")).unwrap();
    Made { it: Arc::new(store), _folder: Some(folder) }
}

fn memory_blobs() -> Made<dyn Blobs> {
    Made { it: Arc::new(storage::blobs::MemoryBlobs::default()), _folder: None }
}

fn file_blobs() -> Made<dyn Blobs> {
    let folder = tempfile::tempdir().unwrap();
    let blobs = storage::blobs::FileBlobs::open(folder.path()).unwrap();
    Made { it: Arc::new(blobs), _folder: Some(folder) }
}

/// Makes one test for each implementation of each promise.
macro_rules! contract {
    ($($promise:ident in $suite:ident),* $(,)?) => {
        mod si2_sqlite {
            $(#[test] fn $promise() { crate::$suite::$promise(&*crate::sqlite()); })*
        }
        mod si2_memory {
            $(#[test] fn $promise() { crate::$suite::$promise(&*crate::memory()); })*
        }
    };
}

contract! {
    wr4_a_batch_is_kept_whole_and_can_be_loaded in logs,
    wr4_a_batch_for_another_place_is_stale_and_leaves_nothing in logs,
    wr4_batches_of_one_group_stand_or_fall_each_by_itself in logs,
    wr4_a_record_of_another_project_is_taken in logs,
    wr4_records_outside_the_scope_are_malformed in logs,
    wr6_a_transaction_id_is_used_once_per_author in logs,
    wr8_the_log_is_ordered_and_gap_free in logs,
    wr8_another_epoch_is_stale in logs,
    every_kind_of_field_comes_back_as_it_was in logs,
    u3_passwords_are_in_no_record in accounts,
    an_address_and_an_id_have_one_account in accounts,
    a_users_own_record_has_its_own_log in accounts,
    pe3_roles_are_those_of_memberships_that_hold in accounts,
    deleted_projects_are_left_out_of_lists in accounts,
    sessions_end in accounts,
    a_password_can_be_changed in accounts,
    a_secret_is_made_once in accounts,
    a_job_is_enqueued_with_its_batch_or_not_at_all in jobs,
    a_unique_key_is_enqueued_once_unless_it_died in jobs,
    the_first_by_priority_then_time_is_leased in jobs,
    a_lost_worker_s_job_runs_again_and_in_the_end_dies in jobs,
    a_failed_job_waits_then_dies in jobs,
    a_lost_lease_cannot_end_the_job in jobs,
}

macro_rules! blob_contract {
    ($($promise:ident),* $(,)?) => {
        mod si2_files {
            $(#[test] fn $promise() { crate::blobs::$promise(&*crate::file_blobs()); })*
        }
        mod si2_memory_blobs {
            $(#[test] fn $promise() { crate::blobs::$promise(&*crate::memory_blobs()); })*
        }
    };
}

blob_contract! {
    bytes_come_back_from_any_place,
    the_same_bytes_are_one_blob,
    other_bytes_than_announced_are_not_kept,
    what_is_not_finished_is_not_there,
    an_empty_blob_is_a_blob,
    what_is_removed_is_gone,
}
