//! `unisono invite` and `unisono reset-password`: links that the host hands over by whatever way there is, since the server
//! sends no mail.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::Serialize;
use storage::{NewTicket, Purpose, Store};

use super::normalise_email;
use super::tickets::new_ticket;
use crate::cli::Failure;
use crate::limits::{INVITE_HOURS_MAX, RESET_HOURS_MAX};
use crate::serve;
use crate::state::Clock;

/// Arguments of `unisono invite`.
#[derive(Debug, clap::Args)]
pub struct InviteArgs {
    /// Hours that the code is good for
    #[arg(long, value_name = "HOURS", default_value_t = 7 * 24,
        value_parser = clap::value_parser!(u32).range(1..=i64::from(INVITE_HOURS_MAX)))]
    pub hours: u32,
    /// Where the studio is
    #[command(flatten)]
    pub place: Place,
}

/// Arguments of `unisono reset-password`.
#[derive(Debug, clap::Args)]
pub struct ResetArgs {
    /// The address of the account
    pub email: String,
    /// Hours that the link is good for
    #[arg(long, value_name = "HOURS", default_value_t = 24,
        value_parser = clap::value_parser!(u32).range(1..=i64::from(RESET_HOURS_MAX)))]
    pub hours: u32,
    /// Where the studio is
    #[command(flatten)]
    pub place: Place,
}

/// Where the studio is, and how to say what was made.
#[derive(Debug, clap::Args)]
pub struct Place {
    /// Folder of the database and the audio
    #[arg(long, env = "UNISONO_DATA", value_name = "DIR", default_value = "unisono-data")]
    pub data: PathBuf,
    /// The address that browsers see, for the link
    #[arg(long, env = "UNISONO_PUBLIC_ORIGIN", value_name = "ORIGIN")]
    pub public_origin: Option<String>,
    /// Print JSON for programs
    #[arg(long)]
    pub json: bool,
}

/// What a program reads.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Made<'a> {
    /// The whole link, or its path when it is not known where the studio is.
    link: &'a str,
    expires_at: String,
}

/// Runs `unisono invite`.
///
/// # Errors
/// When there is no database.
pub fn invite(args: &InviteArgs) -> Result<(), Failure> {
    let store = open(&args.place.data)?;
    let (token, ticket) = new_ticket(Purpose::SignUp, None, Clock::system().now(), args.hours).map_err(failed)?;
    keep(&*store, ticket.clone())?;
    say(&args.place, &format!("/signup?code={token}"), &ticket, "One person can make an account with this link")
}

/// Runs `unisono reset-password`.
///
/// # Errors
/// When there is no database, no such account, or it is a demo account.
pub fn reset_password(args: &ResetArgs) -> Result<(), Failure> {
    let email = normalise_email(&args.email)
        .ok_or_else(|| Failure::new(format!("'{}' does not look like an e-mail address", args.email)))?;
    let store = open(&args.place.data)?;
    let account = store.account(&email).map_err(failed)?;
    let account = account.ok_or_else(|| Failure::new(format!("there is no account with the address {email}")))?;
    if account.demo {
        return Err(Failure::new(format!("{email} is a demo account: its password stays what it is")));
    }
    let user = Some(account.user);
    let (token, ticket) =
        new_ticket(Purpose::ResetPassword, user, Clock::system().now(), args.hours).map_err(failed)?;
    keep(&*store, ticket.clone())?;
    let says = format!("Whoever opens this link sets a new password for {email}");
    say(&args.place, &format!("/reset-password?token={token}"), &ticket, &says)
}

fn open(data: &Path) -> Result<Arc<dyn Store>, Failure> {
    serve::attach(data).map(|(store, _)| store)
}

fn failed(error: impl std::fmt::Display) -> Failure {
    Failure::new(error.to_string())
}

fn keep(store: &dyn Store, ticket: NewTicket) -> Result<(), Failure> {
    store.create_ticket(ticket).map_err(failed)
}

fn say(place: &Place, path: &str, ticket: &NewTicket, says: &str) -> Result<(), Failure> {
    let origin = place.public_origin.as_deref().map(|origin| origin.trim_end_matches('/'));
    let link = format!("{}{path}", origin.unwrap_or_default());
    if place.json {
        let made = Made { link: &link, expires_at: ticket.expires.to_string() };
        println!("{}", serde_json::to_string(&made).map_err(failed)?);
        return Ok(());
    }
    println!("{says}, once, until {}:", ticket.expires);
    println!("{link}");
    if origin.is_none() {
        println!("Put the address of your studio in front of it (or give it as --public-origin).");
    }
    Ok(())
}
