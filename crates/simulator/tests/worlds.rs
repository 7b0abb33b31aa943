//! The world as it should be, and with every mistake that its checks must find.

#![allow(clippy::panic, reason = "a test fails by panicking")]

use simulator::{Fault, Tally, World};

/// Events in each world.
const EVENTS: usize = 200;

/// Worlds that every test run goes through, and the threads that share them.
const SEEDS: u64 = 2_000;
const THREADS: u64 = 2;

#[test]
fn si1_worlds_keep_every_promise() {
    let run = |first: u64| {
        let mut total = Tally::default();
        for seed in (first..SEEDS).step_by(THREADS as usize) {
            match World::new(seed, None, false).run(EVENTS) {
                Ok(tally) => total += tally,
                Err(failure) => {
                    panic!("seed {seed}: {failure}\nsee: cargo run -p simulator -- --seed {seed} --events {EVENTS}")
                }
            }
        }
        total
    };
    let mut total = Tally::default();
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..THREADS).map(|first| scope.spawn(move || run(first))).collect();
        for thread in threads {
            match thread.join() {
                Ok(tally) => total += tally,
                Err(failed) => std::panic::resume_unwind(failed),
            }
        }
    });
    // Worlds in which little happens would prove little.
    let Tally { commits, edits, refusals, connections, slow_readers, failed_syncs, power_losses, restores, .. } = total;
    assert!(commits > 40_000 && edits > 40_000 && connections > 40_000, "{total:?}");
    assert!(refusals > 6_000 && slow_readers > 600 && failed_syncs > 1_000, "{total:?}");
    assert!(power_losses > 3_000 && restores > 1_000, "{total:?}");
    let Tally { journeys, dead_tabs, reigns, thefts, unkept, logins, parked, tempos, lists, sharers, .. } = total;
    assert!(journeys > 6_000 && dead_tabs > 10_000 && reigns > 10_000 && thefts > 300, "{total:?}");
    assert!(unkept > 2_000 && logins > 5_000 && parked > 25 && tempos > 2_000, "{total:?}");
    assert!(lists > 1_000 && sharers > 1_000, "{total:?}");
}

#[test]
fn si1_the_same_seed_is_the_same_world() {
    let live = |seed| {
        let mut world = World::new(seed, None, true);
        (world.run(EVENTS), world.trace().to_vec())
    };
    assert_eq!(live(7), live(7));
    assert_ne!(live(7).1, live(8).1);
}

/// Within so many seeds a mistake must be found, and look like the break of one of these rules.
fn finds(fault: Fault, seeds: u64, rules: &[&str]) {
    finds_from(fault, 0, seeds, rules);
}

/// The same from a seed on: what is rare shows in some worlds of a thousand, and each test run need not look for them.
fn finds_from(fault: Fault, from: u64, seeds: u64, rules: &[&str]) {
    let found =
        (from..from + seeds).find_map(|seed| Some((seed, World::new(seed, Some(fault), false).run(EVENTS).err()?)));
    match found {
        Some((seed, failure)) => assert!(rules.contains(&failure.rule), "seed {seed}: {fault:?} looks like {failure}"),
        None => panic!("{fault:?} was not found in {seeds} seeds from {from} on"),
    }
}

#[test]
fn wr6_a_repeat_that_is_committed_again_is_found() {
    // Where two tabs send, they may come to keep different things for it.
    finds(Fault::NoIdempotency, 3, &["WR6", "CL2"]);
}

#[test]
fn wr6_a_memory_of_repeats_that_ends_with_the_process_is_found() {
    // Or what was committed, and forgotten, is refused when it comes again.
    finds(Fault::IdempotencyLostAtRestart, 5, &["WR6", "CL3"]);
}

#[test]
fn wr7_wr9_a_commit_that_is_told_before_it_is_durable_is_found() {
    finds(Fault::PublishBeforeSync, 3, &["SI1"]);
}

#[test]
fn wr7_a_snapshot_of_what_is_not_durable_is_found() {
    finds(Fault::SnapshotAhead, 5, &["SI1"]);
}

#[test]
fn wr7_a_room_that_outlives_a_failed_sync_is_found() {
    finds(Fault::RoomKeptAfterFailedSync, 10, &["SI1", "WR8"]);
}

#[test]
fn wr8_ps3_a_restored_backup_under_the_old_epoch_is_found() {
    finds(Fault::EpochKeptAtRestore, 5, &["SI1", "WR8", "CL1"]);
}

#[test]
fn wr8_op1_a_log_of_what_was_sent_instead_of_what_was_done_is_found() {
    finds(Fault::LoggedAsSent, 3, &["SI1", "WR8"]);
}

#[test]
fn w4_a_rewritten_transaction_acknowledged_as_it_was_sent_is_found() {
    finds(Fault::RewrittenButAcknowledged, 3, &["SI1"]);
}

#[test]
fn ps3_ps4_news_dropped_for_a_slow_reader_are_found() {
    finds(Fault::DroppedForSlowReader, 200, &["SI1", "CL2"]);
}

#[test]
fn wr3_a_writer_without_the_role_is_found() {
    finds(Fault::NoPermission, 3, &["WR3"]);
}

#[test]
fn ps1_a_subscription_that_outlives_the_access_is_found() {
    finds(Fault::SubscriptionOutlivesAccess, 20, &["SI1"]);
}

#[test]
fn ps2_a_subscription_that_does_not_close_the_gap_is_found() {
    finds(Fault::SilentSubscription, 200, &["PS2"]);
}

#[test]
fn cl1_a_screen_that_shows_only_what_is_committed_is_found() {
    finds(Fault::NoRebase, 3, &["CL1"]);
}

#[test]
fn cl3_a_refusal_that_is_not_heard_is_found() {
    finds(Fault::RefusalSwallowed, 10, &["SI1"]);
}

#[test]
fn cl2_an_edit_that_is_sent_before_it_is_kept_is_found() {
    finds(Fault::SentBeforeKept, 5, &["CL2"]);
}

#[test]
fn cl2_an_edit_that_is_forgotten_when_it_is_sent_is_found() {
    finds(Fault::ForgottenWhenSent, 5, &["CL2"]);
}

#[test]
fn cl2_an_edit_that_waits_for_a_full_storage_is_found() {
    finds(Fault::FullStorageUnsaid, 50, &["SI1", "CL2"]);
}

#[test]
fn cl2_a_queue_in_the_wrong_order_is_found() {
    finds(Fault::QueueUpsideDown, 20, &["CL2"]);
}

#[test]
fn cl3_a_queue_lost_with_the_session_is_found() {
    finds(Fault::QueueLostAt401, 10, &["CL2", "SI1"]);
}

#[test]
fn cl3_a_queue_that_another_user_gets_is_found() {
    // Or the one and the other take what the server refuses up again and again.
    finds(Fault::OneQueueForAll, 20, &["CL3", "SI1"]);
}

#[test]
fn cl3_a_user_who_goes_unnoticed_is_found() {
    finds(Fault::UserNotNoticed, 50, &["CL3", "SI1"]);
}

#[test]
fn cl3_what_is_set_aside_for_ever_is_found() {
    finds_from(Fault::ParkedForEver, 410, 20, &["SI1"]);
}

#[test]
fn cl4_two_tabs_that_send_are_found() {
    finds(Fault::TwoSenders, 100, &["CL4"]);
}

#[test]
fn cl4_cl8_an_edit_that_takes_in_another_where_two_tabs_send_is_found() {
    finds_from(Fault::TakesInWithoutLocks, 300, 20, &["CL2"]);
}

#[test]
fn cl4_a_list_that_does_not_keep_what_an_undo_does_now_is_found() {
    finds_from(Fault::ListIgnoresKeep, 480, 20, &["SI1"]);
}

#[test]
fn cl4_tabs_that_do_not_tell_each_other_are_found() {
    finds(Fault::TabsNotTold, 20, &["CL4"]);
}

#[test]
fn cl5_wr8_the_cache_of_another_log_is_found() {
    finds(Fault::CacheOfAnotherEpoch, 50, &["SI1"]);
}

#[test]
fn un1_steps_lost_with_the_page_are_found() {
    finds(Fault::StepsLostAtReload, 10, &["UN1"]);
}

#[test]
fn un3_an_undo_that_is_kept_without_its_guard_is_found() {
    finds(Fault::GuardNotKept, 20, &["UN3", "CL2", "SI1"]);
}

#[test]
fn un3_a_room_that_takes_undo_for_any_other_edit_is_found() {
    finds(Fault::GuardIgnoredInRoom, 100, &["UN3"]);
}

#[test]
fn w4_what_overtakes_a_transaction_that_was_put_off_is_found() {
    finds(Fault::PutOffAndOvertaken, 50, &["CL2"]);
}

#[test]
fn pr1_somebody_who_does_not_go_is_found() {
    finds(Fault::GoneUnsaid, 20, &["PR1"]);
}
