//! `/invitations/:token`: the page of an invitation link, which works before any script has loaded, and joining by it (PE4).

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use model::{Id, Key, Records, Role, Table, Value};
use operations::{Author, Operation, Scope, Transaction, build};
use storage::{Invitation, Redeemed, Spent, TokenHash};

use super::invitations::{look_up, token_hash};
use crate::accounts::Caller;
use crate::config::Signup;
use crate::pages::{Aside, NoticePage};
use crate::{App, Problem};

/// A link's page, as whoever holds it sees it.
pub(super) async fn page(State(app): State<App>, caller: Option<Caller>, Path(token): Path<String>) -> Response {
    let found = match find(&app, &token).await {
        Ok(found) => found,
        Err(problem) => return failed(&problem),
    };
    let Some((invitation, project, inviter)) = found else { return unknown() };
    if let Some(caller) = &caller {
        let (of, user) = (invitation.project.clone(), caller.user.clone());
        let role = match app.database.run(move |store| store.role_of(&of, &user)).await {
            Ok(role) => role,
            Err(error) => return failed(&error.into()),
        };
        // Who is in already, and would not become more by it, has no use for it.
        if role.is_some_and(|role| role >= invitation.role) {
            return Redirect::to(&format!("/projects/{}", invitation.project)).into_response();
        }
    }
    if let Some(spent) = invitation.spent(app.clock.now()) {
        return answer(&closed(spent));
    }
    let (title, detail) = (format!("Join “{project}”"), what_it_means(&inviter, invitation.role));
    answer(&match caller {
        Some(_) => NoticePage {
            status: StatusCode::OK,
            title,
            detail,
            submit: Some("Join the project"),
            links: Vec::new(),
            aside: Some(Aside { text: "Not now?", address: "/projects".to_owned(), link: "Your projects" }),
        },
        None => NoticePage {
            status: StatusCode::OK,
            title,
            detail,
            submit: None,
            links: ways_in(app.config.signup, &token),
            aside: None,
        },
    })
}

fn ways_in(signup: Signup, token: &str) -> Vec<(&'static str, String)> {
    let next = format!("next=/invitations/{token}");
    let sign_up = match signup {
        Signup::Open => Some(format!("/signup?{next}")),
        // The link is an invitation to the studio too.
        Signup::Invitation => Some(format!("/signup?{next}&code={token}")),
        // Where nobody may make an account, the way would lead nowhere.
        Signup::Closed => None,
    };
    let sign_up = sign_up.map(|address| ("Make an account and join", address));
    [("Log in and join", format!("/login?{next}"))].into_iter().chain(sign_up).collect()
}

/// Joins, and leads to the project.
pub(super) async fn join(State(app): State<App>, caller: Option<Caller>, Path(token): Path<String>) -> Response {
    let Some(hash) = token_hash(&token) else { return unknown() };
    let Some(caller) = caller else {
        // A token that is looked up nowhere could be anything: only its own letters go into the address.
        let plain = token.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'));
        let address = if plain { format!("/login?next=/invitations/{token}") } else { "/login".to_owned() };
        return Redirect::to(&address).into_response();
    };
    let redeemed = match redeem(&app, &caller.user, hash).await {
        Ok(redeemed) => redeemed,
        Err(problem) => return failed(&problem),
    };
    match redeemed {
        Redeemed::Unknown => unknown(),
        Redeemed::Spent(spent) => answer(&closed(spent)),
        Redeemed::UsedBefore(invitation) => {
            let (of, user) = (invitation.project.clone(), caller.user.clone());
            match app.database.run(move |store| store.role_of(&of, &user)).await {
                Ok(Some(_)) => to_project(&invitation.project),
                Ok(None) => answer(&used_before()),
                Err(error) => failed(&error.into()),
            }
        }
        Redeemed::Open(invitation) => to_project(&invitation.project),
    }
}

/// Lets whoever has just made an account by a link into its project; no token of a link lets nobody in, and harms nothing.
///
/// # Errors
/// 500 or 503 when the membership could not be written; the person may press the link's button then.
pub async fn join_as_newcomer(app: &App, user: &Id, token: &str) -> Result<(), Problem> {
    match token_hash(token) {
        Some(hash) => redeem(app, user, hash).await.map(drop),
        None => Ok(()),
    }
}

/// Uses the link, if it can be used: after [`Redeemed::Open`] the person is a member.
async fn redeem(app: &App, user: &Id, hash: TokenHash) -> Result<Redeemed, Problem> {
    let (person, now) = (user.clone(), app.clock.now());
    let redeemed = app.database.run(move |store| match look_up(store, &hash)? {
        Some(invitation) if invitation.revoked => Ok(Redeemed::Spent(Spent::Revoked)),
        _ => store.redeem_invitation(&hash, &person, now),
    });
    let redeemed = redeemed.await?;
    if let Redeemed::Open(invitation) = &redeemed {
        let_in(app, user, invitation).await?;
    }
    Ok(redeemed)
}

/// Makes the person a member, in a transaction of the server's own: everybody who has the project open sees them at once.
async fn let_in(app: &App, user: &Id, invitation: &Invitation) -> Result<(), Problem> {
    let joined = write_membership(app, user, invitation).await;
    let (id, user, well) = (invitation.id.clone(), user.clone(), joined.is_ok());
    // After a crash before this, they may press the button again: the transaction is then a repeat (WR6).
    app.database.run(move |store| store.settle_invitation(&id, &user, well)).await?;
    joined
}

async fn write_membership(app: &App, user: &Id, invitation: &Invitation) -> Result<(), Problem> {
    let name = blake3::hash(format!("{} {user}", invitation.id).as_bytes()).to_hex();
    let id = Id::new(&name[..32]).map_err(|_| Problem::internal())?;
    let room = app.realtime.look(&invitation.project).await?;
    let operations = membership(room.records(), &invitation.project, user, invitation.role, &id);
    if operations.is_empty() {
        return Ok(());
    }
    #[expect(clippy::cast_precision_loss, reason = "milliseconds stay far below 2^53")]
    let client_timestamp = app.clock.now().0 as f64;
    let transaction = Transaction {
        tx_id: id,
        author_id: Id::system(),
        operations,
        client_timestamp,
        base_versions: std::collections::BTreeMap::new(),
        gesture: None,
    };
    let scope = Scope::Project(invitation.project.clone());
    app.realtime.submit(scope, Author::System, transaction).await?;
    Ok(())
}

/// What makes `user` a member with at least `role`: a membership that has ended holds again, one that holds is only raised.
pub(super) fn membership(records: &Records, project: &Id, user: &Id, role: Role, fresh: &Id) -> Vec<Operation> {
    let mut theirs: Vec<_> = records
        .table(Table::ProjectMembers)
        .filter(|membership| membership.text("userId") == Some(user.as_str()))
        .collect();
    theirs.sort_by_key(|record| record.is_deleted());
    let Some(known) = theirs.first() else {
        let fields = [("projectId", Value::from(project)), ("userId", Value::from(user)), ("role", role.name().into())];
        return vec![build::create(Table::ProjectMembers, fresh, model::fields(fields))];
    };
    let now = known.text("role").and_then(Role::from_name);
    let set_role = build::set(Table::ProjectMembers, known.id(), "role", role.name());
    match (known.is_deleted(), now < Some(role)) {
        (true, _) => vec![set_role, build::restore(Table::ProjectMembers, known.id())],
        (false, true) => vec![set_role],
        (false, false) => Vec::new(),
    }
}

/// The link of this token, with the name of its project and of who made it.
async fn find(app: &App, token: &str) -> Result<Option<(Invitation, String, String)>, Problem> {
    let Some(hash) = token_hash(token) else { return Ok(None) };
    let found = app.database.run(move |store| {
        let Some(invitation) = look_up(store, &hash)? else { return Ok(None) };
        let keys = [
            Key::new(Table::Projects, invitation.project.clone()),
            Key::new(Table::Users, invitation.created_by.clone()),
        ];
        let records = store.records(&keys)?;
        let name = |table: Table| {
            let record = records.iter().find(|(of, _)| *of == table);
            record.and_then(|(_, record)| record.text("name")).unwrap_or_default().to_owned()
        };
        let names = (name(Table::Projects), name(Table::Users));
        Ok(Some((invitation, names.0, names.1)))
    });
    Ok(found.await?)
}

fn to_project(project: &Id) -> Response {
    Redirect::to(&format!("/projects/{project}")).into_response()
}

fn what_it_means(inviter: &str, role: Role) -> String {
    let what = match role {
        Role::Owner => "as an owner: you can do everything with it, people and deleting included",
        Role::Editor => "to play along: you can hear it and change everything in it",
        Role::Viewer => "to listen: you can hear and look at everything, and change nothing",
    };
    format!("{inviter} invites you {what}.")
}

fn notice(status: StatusCode, title: &str, detail: &str) -> NoticePage {
    NoticePage {
        status,
        title: title.to_owned(),
        detail: detail.to_owned(),
        submit: None,
        links: vec![("Your projects", "/projects".to_owned())],
        aside: None,
    }
}

fn closed(spent: Spent) -> NoticePage {
    let (title, detail) = match spent {
        Spent::Revoked => (
            "This invitation was taken back",
            "An owner of the project has revoked it, or whoever made it is no owner any more.",
        ),
        Spent::Expired => ("This invitation has expired", "Its time has passed. Ask whoever sent it for a new one."),
        Spent::UsedUp => (
            "This invitation has been used",
            "It was for one person, and somebody has joined by it. Ask whoever sent it for a new one.",
        ),
    };
    notice(StatusCode::GONE, title, detail)
}

fn used_before() -> NoticePage {
    notice(
        StatusCode::GONE,
        "You have used this invitation before",
        "You are no longer a member of the project, and the same link lets nobody in twice. Ask one of its owners.",
    )
}

fn unknown() -> Response {
    answer(&notice(
        StatusCode::NOT_FOUND,
        "There is no such invitation",
        "The link is incomplete, or it is so old that it has been forgotten. Ask whoever sent it for a new one.",
    ))
}

fn failed(problem: &Problem) -> Response {
    answer(&notice(problem.status(), "That did not work", problem.message()))
}

fn answer(page: &NoticePage) -> Response {
    (page.status, axum::response::Html(page.render())).into_response()
}
