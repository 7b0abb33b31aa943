//! The ring of chunks is laid out alike by the page, the worker that fills it and the audio thread that empties it.

use engine::stream::{CHUNK_BYTES, RING_CELL_WORDS, RING_HEAD_WORDS, ring_bytes};

const WORKER: &str = include_str!("../read_ahead.js");
const WORKLET: &str = include_str!("../../audio_thread/worklet.js");

/// The whole number that a script gives a name.
fn number(script: &str, name: &str) -> Option<usize> {
    let line = script.lines().find_map(|line| line.strip_prefix(&format!("const {name} = ")))?;
    line.trim_end_matches(';').replace('_', "").parse().ok()
}

#[test]
fn en36_both_ends_of_the_ring_have_the_same_layout() {
    for (name, value) in
        [("CHUNK_BYTES", CHUNK_BYTES), ("RING_HEAD_WORDS", RING_HEAD_WORDS), ("RING_CELL_WORDS", RING_CELL_WORDS)]
    {
        assert_eq!([number(WORKER, name), number(WORKLET, name)], [Some(value); 2], "{name}");
    }
    // As many cells as the scripts count in it.
    for cells in [1, 64] {
        let counted = (ring_bytes(cells) - 4 * RING_HEAD_WORDS) / (CHUNK_BYTES + 4 * RING_CELL_WORDS);
        assert_eq!(counted, cells);
    }
}
