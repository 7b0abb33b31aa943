//! Accounts, pages, headers and limits, through the real router and a real SQLite database.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod account;
mod accounts;
mod api_document;
mod client;
mod front;
mod invitations;
mod pages;
mod projects;
