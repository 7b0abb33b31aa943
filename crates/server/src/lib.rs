//! Routes, sockets, jobs, accounts, configuration: the `unisono` binary.
//!
//! **Invariant:** no SQL, no realtime wire type and no rule of the song is defined here; those live in `storage`, `sync`
//! and `operations`. A route's body lives beside its route.

pub mod accounts;
pub mod archive;
pub mod audio_files;
pub mod backup;
pub mod cli;
pub mod config;
mod connections;
pub mod demo;
pub mod exports;
mod free_space;
pub mod health;
pub mod jobs;
pub mod json;
pub mod limits;
pub mod openapi;
pub mod pages;
pub mod peaks;
pub mod problem;
pub mod projects;
pub mod realtime;
pub mod render;
pub mod router;
pub mod security;
pub mod serve;
pub mod state;
pub mod web_files;
mod web_socket;

pub use problem::Problem;
pub use state::App;
