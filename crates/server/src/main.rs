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

fn main() -> ExitCode {
    give_back_soon();
    server::cli::main()
}

/// Has the allocator give memory back soon, unless `MIMALLOC_PURGE_DELAY` says otherwise.
#[allow(unsafe_code, reason = "the allocator's options are set by a C function")]
fn give_back_soon() {
    // SAFETY: it sets a number that the allocator reads, before there is a second thread.
    unsafe { mi_option_set_default(PURGE_DELAY, KEPT_MS) }
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
}
