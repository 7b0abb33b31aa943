//! Names of fields: a project has hundreds of thousands of them, and hardly a hundred different ones. One copy of each of those is
//! enough.

use std::cell::RefCell;
use std::sync::Arc;

/// Names that are remembered at most. Of two that would have the same place, it is the one that was read last.
const PLACES: usize = 256;
/// Bytes of a name that is remembered: those of fields are short, keys that somebody made up need not be.
const BYTES_MAX: usize = 32;

thread_local! {
    /// What this thread has read. Each has its own, so that none waits for another.
    static KNOWN: RefCell<[Option<Arc<str>>; PLACES]> = const { RefCell::new([const { None }; PLACES]) };
}

/// The name as a shared text: mostly the one that was given for it before.
pub(crate) fn shared(name: &str) -> Arc<str> {
    if name.len() > BYTES_MAX {
        return Arc::from(name);
    }
    KNOWN.with_borrow_mut(|known| {
        let place = &mut known[place_of(name)];
        match place {
            Some(known) if **known == *name => Arc::clone(known),
            _ => Arc::clone(place.insert(Arc::from(name))),
        }
    })
}

/// By FNV-1a. Whoever chooses names that meet in one place gains nothing: each is then copied, as if none were remembered.
fn place_of(name: &str) -> usize {
    let hash = name.bytes().fold(0x811c_9dc5_u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193));
    // The upper half is the better mixed one.
    (hash >> 16) as usize % PLACES
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_is_read_again_is_the_same_text() {
        let first = shared("startBeat");
        assert!(Arc::ptr_eq(&first, &shared("startBeat")));
        assert_eq!(*first, *"startBeat");
    }

    #[test]
    fn names_in_one_place_are_told_apart() {
        let other = (0..).map(|n| format!("field{n}")).find(|name| place_of(name) == place_of("startBeat")).unwrap();
        let names = ["startBeat", &other, "startBeat", &other];
        assert_eq!(names.map(|name| shared(name).to_string()), names);
    }

    #[test]
    fn long_names_are_not_remembered() {
        let long = "a".repeat(BYTES_MAX + 1);
        assert!(!Arc::ptr_eq(&shared(&long), &shared(&long)));
        assert!(Arc::ptr_eq(&shared(&long[1..]), &shared(&long[1..])));
    }
}
