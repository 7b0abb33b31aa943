//! The `unisono` binary.

use std::ffi::c_long;
use std::process::ExitCode;

use libmimalloc_sys::{mi_option_set_default, mi_option_t};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// `mi_option_purge_delay` of `mimalloc.h`, which the crate does not name.
const PURGE_DELAY: mi_option_t = 15;
/// How long the allocator keeps pages that nothing uses any more, in milliseconds. With its own second it holds on to what
/// sign-ups and openings took: 4 MB of the 32 of a server with two hundred listeners.
const KEPT_MS: c_long = 50;

/// `mi_option_arena_max_object_size` of `mimalloc.h`.
const OF_THE_ALLOCATOR_MAX: mi_option_t = 45;
/// What is larger comes from the system by itself, and goes back to it the moment that it is freed, in KiB. A password's hash is:
/// of its 19 MiB the allocator never gave that part back which lies in another 32 MiB of its memory than the beginning, 5 MB.
const OF_THE_ALLOCATOR_MAX_KIB: c_long = 16 * 1024;

fn main() -> ExitCode {
    give_back_soon();
    leave_what_is_large_to_the_system();
    server::cli::main()
}

/// Has the allocator give memory back soon, unless `MIMALLOC_PURGE_DELAY` says otherwise.
fn give_back_soon() {
    set(PURGE_DELAY, KEPT_MS);
}

/// Has what is large come from the system, unless `MIMALLOC_ARENA_MAX_OBJECT_SIZE` says otherwise.
fn leave_what_is_large_to_the_system() {
    set(OF_THE_ALLOCATOR_MAX, OF_THE_ALLOCATOR_MAX_KIB);
}

#[allow(unsafe_code, reason = "the allocator's options are set by a C function")]
fn set(option: mi_option_t, value: c_long) {
    // SAFETY: it sets a number that the allocator reads, before there is a second thread.
    unsafe { mi_option_set_default(option, value) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[allow(unsafe_code, reason = "the allocator's options are read by a C function")]
    fn the_number_of_the_option_is_that_of_the_delay() {
        /// What `options.c` sets that option to, and no other.
        const OF_THE_LIBRARY: c_long = 1_000;
        // SAFETY: it reads a number.
        let delay = || unsafe { libmimalloc_sys::mi_option_get(PURGE_DELAY) };
        assert_eq!(delay(), OF_THE_LIBRARY);
        give_back_soon();
        assert_eq!(delay(), KEPT_MS);
    }

    /// Resident memory, in bytes.
    #[cfg(target_os = "linux")]
    fn resident() -> usize {
        let status = std::fs::read_to_string("/proc/self/status").unwrap();
        let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
        line.split_whitespace().nth(1).unwrap().parse::<usize>().unwrap() * 1_024
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn what_a_password_s_hash_took_is_given_back_at_once() {
        const HASH_BYTES: usize = 19 * 1024 * 1024;
        leave_what_is_large_to_the_system();
        for _ in 0..4 {
            let before = resident();
            let taken = std::hint::black_box(vec![1_u8; HASH_BYTES]);
            assert!(resident() >= before + HASH_BYTES);
            drop(taken);
            assert!(resident() < before + HASH_BYTES / 8, "{before} bytes before, {} after", resident());
        }
    }
}
