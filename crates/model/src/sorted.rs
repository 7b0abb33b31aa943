//! Sorting whose code is there once: the standard library's is compiled anew for every type and every comparison, several kilobytes
//! of WebAssembly each time.

use std::cmp::Ordering;

/// Sorts like [`slice::sort_by`]: what is equal keeps its order. For what is sorted now and then; where every comparison counts,
/// the standard library's is faster. More than four billion things stay as they are.
pub fn sort_by<T>(items: &mut [T], mut compare: impl FnMut(&T, &T) -> Ordering) {
    let Ok(count) = u32::try_from(items.len()) else { return };
    let mut from: Vec<u32> = (0..count).collect();
    sort_places(&mut from, &mut |a, b| compare(&items[a as usize], &items[b as usize]));
    // Each circle of things that take each other's places, one swap after the other.
    for start in 0..items.len() {
        let mut at = start;
        loop {
            let next = std::mem::replace(&mut from[at], u32::try_from(at).unwrap_or_default()) as usize;
            if next == start || next == at {
                break;
            }
            items.swap(at, next);
            at = next;
        }
    }
}

#[inline(never)]
fn sort_places(places: &mut [u32], compare: &mut dyn FnMut(u32, u32) -> Ordering) {
    places.sort_by(|a, b| compare(*a, *b));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_sorts_as_the_standard_library_does_and_keeps_the_order_of_what_is_equal() {
        let mut seed = 7u32;
        for count in 0..60 {
            let mut numbers: Vec<(u32, usize)> = (0..count)
                .map(|at| {
                    seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                    (seed >> 28, at)
                })
                .collect();
            let mut expected = numbers.clone();
            expected.sort_by_key(|(number, _)| *number);
            sort_by(&mut numbers, |a, b| a.0.cmp(&b.0));
            assert_eq!(numbers, expected);
        }
    }
}
