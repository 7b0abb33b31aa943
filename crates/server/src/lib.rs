//! Routes, sockets, jobs, accounts, configuration: the `unisono` binary.
