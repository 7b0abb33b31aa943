//! How many connections the system lets the process have.

use crate::limits::{CONNECTIONS_MAX, FILES_KEPT_FREE};

/// Connections that there may be: each takes a file descriptor, and the database and the recordings need some too. Raises
/// the process's own limit as far as that is useful and allowed.
pub(crate) fn connections_max() -> usize {
    let max = within(raise_limit());
    if max < CONNECTIONS_MAX {
        tracing::info!(max, "the limit of open files (ulimit -n) allows so many connections");
    }
    max
}

/// Connections within a limit of open files; none is no limit.
fn within(open_files: Option<u64>) -> usize {
    let Some(files) = open_files.map(|files| usize::try_from(files).unwrap_or(usize::MAX)) else {
        return CONNECTIONS_MAX;
    };
    (files - FILES_KEPT_FREE.min(files / 2)).min(CONNECTIONS_MAX)
}

/// The limit of open files after it was raised to what all connections need.
#[cfg(unix)]
fn raise_limit() -> Option<u64> {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    let wanted = (CONNECTIONS_MAX + FILES_KEPT_FREE) as u64;
    let reachable = maximum.map_or(wanted, |maximum| maximum.min(wanted));
    match current {
        Some(now) if now < reachable => {
            let raised = setrlimit(Resource::Nofile, Rlimit { current: Some(reachable), maximum });
            Some(if raised.is_ok() { reachable } else { now })
        }
        current => current,
    }
}

#[cfg(not(unix))]
fn raise_limit() -> Option<u64> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn w6_connections_leave_file_descriptors_for_the_database() {
        assert_eq!(within(None), CONNECTIONS_MAX);
        assert_eq!(within(Some(u64::MAX)), CONNECTIONS_MAX);
        assert_eq!(within(Some(1_024)), 1_024 - FILES_KEPT_FREE);
        assert_eq!(within(Some(64)), 32);
        assert_eq!(within(Some(0)), 0);
    }
}
