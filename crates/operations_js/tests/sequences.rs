//! What sequences of transactions do natively, written down: `e2e/guide/same_in_wasm.test.ts` asks the same of the WASM (OP1).
//!
//! `UPDATE_CORPUS=1 cargo test -p operations_js --test sequences` writes the file anew.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use operations_js::sequences::{TRANSACTIONS, digest, run};

const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/sequences.txt");
/// With this many seeds it is 6,000 transactions.
const SEEDS: u32 = 150;

#[test]
fn op1_the_file_says_what_sequences_do_natively() {
    let lines: String = (0..SEEDS).map(|seed| digest(seed) + "\n").collect();
    if std::env::var_os("UPDATE_CORPUS").is_some() {
        std::fs::write(FILE, &lines).unwrap();
    }
    assert!(std::fs::read_to_string(FILE).unwrap() == lines, "sequences.txt is old: see the head of this file");
    assert_eq!(SEEDS as usize * TRANSACTIONS, 6_000);
}

#[test]
fn op1_sequences_do_much_and_differ() {
    let runs: Vec<Vec<u8>> = (0..20).map(run).collect();
    assert!(runs.iter().all(|run| run.len() > 4_000), "{:?}", runs.iter().map(Vec::len).collect::<Vec<_>>());
    assert!(runs.windows(2).all(|pair| pair[0] != pair[1]));
    let holds =
        |words: &str| runs.iter().filter(|run| run.windows(words.len()).any(|at| at == words.as_bytes())).count();
    // Refusals, guards that hold, and guards that do not.
    assert!(holds("there is no such record") + holds("the record exists already") > 5);
    assert!(holds("midiData.notes") == 20);
}
