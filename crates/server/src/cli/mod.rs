//! What the command line says.

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::accounts::commands;
use crate::{archive, backup, config, peaks, render, serve};

/// Why a command failed, in words for whoever typed it.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Failure(pub String);

impl Failure {
    /// A failure of these words.
    pub fn new(message: impl Into<String>) -> Failure {
        Failure(message.into())
    }
}

/// Unisono: a studio in the browser where a band writes a song together.
#[derive(Debug, Parser)]
#[command(name = "unisono", version, arg_required_else_help = true)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What can be done.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Serve the studio: web app, accounts, sync, audio, jobs.
    Serve(config::ServeArgs),
    /// Bring the database of a data folder up to this version, and say what was done.
    Migrate(serve::MigrateArgs),
    /// Write a copy of a data folder, also while the server runs.
    Backup(backup::BackupArgs),
    /// Make a data folder of a copy, in which every song's log begins anew for those who had it open.
    Restore(backup::RestoreArgs),
    /// Make a link with which one person can make an account, for `--signup invitation`.
    Invite(commands::InviteArgs),
    /// Make a link with which somebody who has forgotten their password sets a new one.
    ResetPassword(commands::ResetArgs),
    /// Mix a project's archive down to an audio file, or each of its tracks to one.
    Render(render::Args),
    /// Write the peaks of an audio file, as BBC audiowaveform does.
    Peaks(peaks::Args),
    /// Write a project as an archive: a folder with its records and its audio.
    Archive(archive::Args),
}

/// Runs the command that the arguments of the process name.
///
/// Exit codes: 0 success, 1 failure, 2 a command line that cannot be understood.
#[must_use]
pub fn main() -> ExitCode {
    run(Cli::parse())
}

/// Runs one command.
#[must_use]
pub fn run(cli: Cli) -> ExitCode {
    let outcome = match cli.command {
        Command::Serve(args) => serve::run(args),
        Command::Migrate(args) => serve::migrate(&args),
        Command::Backup(args) => backup::backup(&args),
        Command::Restore(args) => backup::restore(&args),
        Command::Invite(args) => commands::invite(&args),
        Command::ResetPassword(args) => commands::reset_password(&args),
        Command::Render(args) => render::run(&args),
        Command::Peaks(args) => peaks::run(&args),
        Command::Archive(args) => archive::run(&args),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("unisono: {failure}");
            ExitCode::FAILURE
        }
    }
}
