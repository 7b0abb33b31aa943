//! The caller's projects, and who else may open them.

mod invitations;
mod joining;
mod list;
mod members;

use axum::Router;
use axum::routing::get;
use model::Id;
use operations::{Author, Transaction};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub use invitations::{INVITATION_HOURS_MAX, INVITATION_MEMORY_MS, INVITATIONS_OPEN_MAX, invitation_is_open};
pub use joining::join_as_newcomer;

use crate::state::new_id;
use crate::{App, Problem};

/// The routes of this module.
#[must_use]
pub fn api() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(list::list))
        .routes(routes!(members::add))
        .routes(routes!(invitations::make, invitations::list))
        .routes(routes!(invitations::revoke))
}

/// The pages of this module.
pub(crate) fn pages() -> Router<App> {
    Router::new().route("/invitations/{token}", get(joining::page).post(joining::join))
}

/// Creates a project as `user`, who then owns it; its id.
///
/// # Errors
/// 400 when the name cannot be; 500 when the database fails.
pub async fn create(app: &App, user: &Id, name: &str) -> Result<Id, Problem> {
    let id = new_id();
    let fields = model::fields([("name", name.trim().into())]);
    write(app, user, operations::build::create(model::Table::Projects, &id, fields)).await?;
    Ok(id)
}

async fn write(app: &App, user: &Id, operation: operations::Operation) -> Result<(), Problem> {
    write_all(app, user, vec![operation]).await
}

/// Commits operations on one project as `user`, all or none.
pub(crate) async fn write_all(app: &App, user: &Id, operations: Vec<operations::Operation>) -> Result<(), Problem> {
    #[expect(clippy::cast_precision_loss, reason = "milliseconds stay far below 2^53")]
    let client_timestamp = app.clock.now().0 as f64;
    let transaction = Transaction {
        tx_id: new_id(),
        author_id: user.clone(),
        operations,
        client_timestamp,
        base_versions: std::collections::BTreeMap::new(),
        gesture: None,
    };
    app.realtime.write(Author::User(user.clone()), transaction).await?;
    Ok(())
}
