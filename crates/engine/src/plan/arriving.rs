//! A plan that comes piece by piece, so that the audio thread never has much to do at once, however long it is.
//!
//! The compiler checks what it has made, and writes a digest of it into the header. Where a plan arrives with the words that its digest
//! says, it is that plan, and is not checked once more; anything else is checked completely. That guards against damage, not intent: anybody
//! can seal words of their own. Nobody but the compiler in the same page sends any.

use super::view::u64_at;
use super::{HEADER_WORDS, Plan, PlanError, check};

/// Where the digest lies in the header. It does not count itself.
const DIGEST_AT: usize = 25;
/// Words that are digested side by side.
const LANES: usize = 8;
/// An odd number, so that a product with it loses nothing; its bits are those of the golden ratio.
const FACTOR: u64 = 0x9E37_79B9_7F4A_7C15;

/// What words come to. A single word that differs always changes it.
#[derive(Clone, Debug)]
struct Digest {
    lanes: [u64; LANES],
}

impl Digest {
    fn new() -> Self {
        Self { lanes: core::array::from_fn(|lane| FACTOR.wrapping_mul(lane as u64 + 1)) }
    }

    /// Hears words in rows; a last row that is not whole ends in zeros.
    fn hear(&mut self, words: &[u32]) {
        let (rows, rest) = words.as_chunks::<LANES>();
        rows.iter().for_each(|row| self.row(row));
        if !rest.is_empty() {
            let mut row = [0; LANES];
            row[..rest.len()].copy_from_slice(rest);
            self.row(&row);
        }
    }

    fn row(&mut self, row: &[u32; LANES]) {
        for (lane, word) in self.lanes.iter_mut().zip(row) {
            *lane = (*lane ^ u64::from(*word)).wrapping_mul(FACTOR);
        }
    }

    /// With the header, which comes last: only then is all of it known.
    fn finish(mut self, words: &[u32]) -> Option<u64> {
        let mut header = *words.first_chunk::<HEADER_WORDS>()?;
        header[DIGEST_AT..DIGEST_AT + 2].fill(0);
        self.hear(&header);
        Some(self.lanes.into_iter().fold(FACTOR, |sum, lane| (sum.rotate_left(29) ^ lane).wrapping_mul(FACTOR)))
    }
}

/// Writes the digest of a plan's words into their header.
pub(crate) fn seal(words: &mut [u32]) {
    let mut digest = Digest::new();
    digest.hear(words.get(HEADER_WORDS..).unwrap_or(&[]));
    if let Some(digest) = digest.finish(words) {
        words[DIGEST_AT..DIGEST_AT + 2].copy_from_slice(&[digest as u32, (digest >> 32) as u32]);
    }
}

/// A plan of which not all words are here.
#[derive(Debug)]
pub struct Arriving {
    words: Vec<u32>,
    length: usize,
    /// How many words have been digested, or belong to the header.
    digested: usize,
    digest: Digest,
}

impl Arriving {
    /// A plan of so many words, in the memory of one that is no more. When that is too short it goes, and new memory comes: with room for a
    /// plan that is longer by a quarter, as songs grow clip by clip. To let it grow would copy words that nobody wants, millions of them.
    #[must_use]
    pub fn new(mut memory: Vec<u32>, length: usize) -> Self {
        memory.clear();
        if memory.capacity() < length {
            drop(memory);
            memory = Vec::with_capacity(length + length / 4);
        }
        Self { words: memory, length, digested: HEADER_WORDS, digest: Digest::new() }
    }

    /// Room for its next words, which are to be filled; `None` when it has not as many left. What came before is digested now.
    pub fn piece(&mut self, words: usize) -> Option<&mut [u32]> {
        let from = self.words.len();
        if words > self.length - from {
            return None;
        }
        self.digest_rows();
        self.words.resize(from + words, 0);
        Some(&mut self.words[from..])
    }

    /// The memory of one that will never be whole.
    #[must_use]
    pub fn into_memory(self) -> Vec<u32> {
        self.words
    }

    fn digest_rows(&mut self) {
        let here = self.words.len().saturating_sub(self.digested) / LANES * LANES;
        if here > 0 {
            self.digest.hear(&self.words[self.digested..self.digested + here]);
            self.digested += here;
        }
    }

    /// The plan, checked, unless it is known by its digest.
    ///
    /// # Errors
    /// What is wrong, and the words back, so that their memory can be used again.
    pub fn finish(mut self) -> Result<Plan, (PlanError, Vec<u32>)> {
        self.digest_rows();
        let Self { words, digested, mut digest, .. } = self;
        digest.hear(words.get(digested..).unwrap_or(&[]));
        match check::header(&words) {
            Ok(header) if digest.finish(&words) == Some(u64_at(&words, DIGEST_AT)) => Ok(Plan { words, header }),
            Ok(_) => Plan::from_words(words),
            Err(error) => Err((error, words)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Song, Track};

    fn plan() -> Plan {
        let song = Song { tracks: (1..=3).map(|id| Track { id, ..Track::default() }).collect(), ..Song::default() };
        Plan::compile(&song).expect("within bounds")
    }

    /// Words that come in pieces of one length.
    fn arrive(words: &[u32], piece: usize) -> Result<Plan, PlanError> {
        let mut arriving = Arriving::new(Vec::new(), words.len());
        for part in words.chunks(piece) {
            arriving.piece(part.len()).expect("no more than was said").copy_from_slice(part);
        }
        assert!(arriving.piece(1).is_none());
        arriving.finish().map_err(|(error, _)| error)
    }

    /// Whether the digest that words carry is theirs.
    fn is_known(words: &[u32]) -> bool {
        let mut sealed = words.to_vec();
        seal(&mut sealed);
        sealed == words
    }

    #[test]
    fn en15_a_plan_that_comes_in_pieces_is_the_plan() {
        let plan = plan();
        let words = plan.clone().into_words();
        for piece in [1, 7, 8, 31, 33, 64, 100, words.len()] {
            assert_eq!(arrive(&words, piece).as_ref(), Ok(&plan), "pieces of {piece}");
        }
    }

    #[test]
    fn en15_a_compiled_plan_is_known_and_a_word_that_differs_makes_it_unknown() {
        let words = plan().into_words();
        assert!(is_known(&words));
        for at in (0..words.len()).filter(|at| !(DIGEST_AT..DIGEST_AT + 2).contains(at)) {
            for bit in [0, 13, 31] {
                let mut damaged = words.clone();
                damaged[at] ^= 1 << bit;
                assert!(!is_known(&damaged), "bit {bit} of word {at}");
                // What is unknown is judged as any other words are.
                assert_eq!(arrive(&damaged, 40), Plan::from_words(damaged).map_err(|(error, _)| error), "word {at}");
            }
        }
        assert_eq!(arrive(&[], 1), Err(PlanError::Length));
    }

    #[test]
    fn en15_what_is_known_is_not_checked_again() {
        let mut words = plan().into_words();
        // A track's factor that no check lets pass.
        words[HEADER_WORDS + 4] = f32::INFINITY.to_bits();
        assert_eq!(arrive(&words, 50), Err(PlanError::Track(0)));
        seal(&mut words);
        assert!(arrive(&words, 50).is_ok());
    }
}
