//! `POST /api/auth/signup | login | logout`, `GET /api/auth/me`.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum_extra::extract::CookieJar;
use model::{Id, Key, Table};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::{Caller, Cookies, SignUp, Visitor, log_in, log_out, own_routes, renewed_cookies, sign_up};
use crate::json::JsonBody;
use crate::problem::ProblemBody;
use crate::{App, Problem};

/// The routes of this module.
#[must_use]
pub fn api() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(signup))
        .routes(routes!(login))
        .routes(routes!(logout))
        .routes(routes!(me))
        .merge(own_routes::api())
}

/// What `signup` takes.
#[derive(Deserialize, ToSchema)]
struct SignUpBody {
    /// An e-mail address.
    #[schema(example = "ada@example.com")]
    email: String,
    /// 8 characters to 1,024 bytes.
    password: String,
    /// What others see.
    name: String,
    /// A code of `unisono invite`, or the token of a link into a project, where sign-up is by invitation.
    #[serde(default)]
    code: String,
}

/// What `login` takes.
#[derive(Deserialize, ToSchema)]
struct LogInBody {
    email: String,
    password: String,
}

/// Who is logged in.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct UserBody {
    /// The user.
    pub user: UserData,
}

/// A user, as they see themselves.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct UserData {
    /// Their id.
    pub id: String,
    /// Their address; shown to nobody else (U3).
    pub email: String,
    /// Their name.
    pub name: String,
}

/// Makes an account and logs in.
#[utoipa::path(post, path = "/api/auth/signup", tag = "accounts", request_body = SignUpBody, responses(
    (status = 200, body = UserBody),
    (status = 400, body = ProblemBody),
    (status = 403, description = "Sign-up is closed, or by invitation and the code is not good.", body = ProblemBody),
    (status = 409, description = "The address has an account.", body = ProblemBody),
    (status = 429, body = ProblemBody),
))]
async fn signup(
    State(app): State<App>,
    visitor: Visitor,
    JsonBody(body): JsonBody<SignUpBody>,
) -> Result<Response, Problem> {
    let SignUpBody { email, password, name, code } = body;
    let (user, cookies) = sign_up(&app, &visitor, SignUp { email, password, name, code }).await?;
    logged_in(&app, user, cookies).await
}

/// Logs in.
#[utoipa::path(post, path = "/api/auth/login", tag = "accounts", request_body = LogInBody, responses(
    (status = 200, body = UserBody),
    (status = 400, body = ProblemBody),
    (status = 401, description = "The address or the password is wrong.", body = ProblemBody),
    (status = 429, body = ProblemBody),
))]
async fn login(
    State(app): State<App>,
    visitor: Visitor,
    JsonBody(body): JsonBody<LogInBody>,
) -> Result<Response, Problem> {
    let (user, cookies) = log_in(&app, &visitor, &body.email, body.password).await?;
    logged_in(&app, user, cookies).await
}

/// Ends the session.
#[utoipa::path(post, path = "/api/auth/logout", tag = "accounts", responses((status = 204)))]
async fn logout(State(app): State<App>, cookies: CookieJar) -> Result<Response, Problem> {
    let cookies = log_out(&app, &cookies).await?;
    Ok((cookies, StatusCode::NO_CONTENT).into_response())
}

/// Who is logged in; and the session's cookies anew.
#[utoipa::path(get, path = "/api/auth/me", tag = "accounts", responses(
    (status = 200, body = UserBody),
    (status = 401, body = ProblemBody),
))]
async fn me(State(app): State<App>, caller: Caller, sent: CookieJar) -> Result<Response, Problem> {
    let cookies = renewed_cookies(&app, &sent, &caller.user)?;
    let body = Json(user_body(&app, caller.user).await?);
    // Whoever has logged out, or in as somebody else, in the meantime does not get back what that has just taken from them.
    let holds = Caller::of_session(&app, caller.session).await?.is_some();
    Ok(match cookies.filter(|_| holds) {
        Some(cookies) => (cookies, body).into_response(),
        None => body.into_response(),
    })
}

async fn logged_in(app: &App, user: Id, cookies: Cookies) -> Result<Response, Problem> {
    let body = user_body(app, user).await?;
    Ok((cookies, Json(body)).into_response())
}

async fn user_body(app: &App, user: Id) -> Result<UserBody, Problem> {
    let key = Key::new(Table::Users, user);
    let records = app.database.run(move |store| store.records(&[key])).await?;
    let (_, record) = records.first().ok_or_else(Problem::unauthenticated)?;
    let text = |field: &str| record.text(field).unwrap_or_default().to_owned();
    Ok(UserBody { user: UserData { id: record.id().to_string(), email: text("email"), name: text("name") } })
}

#[cfg(test)]
mod tests {
    use axum::http::{HeaderMap, HeaderValue, header};

    use super::super::caller::token_of;
    use super::*;
    use crate::audio_files::fixture::Studio;

    #[tokio::test]
    async fn cl5_a_session_that_ends_while_it_is_looked_up_gets_no_cookies_anew() {
        let studio = Studio::open();
        let ann = studio.sign_up("ann").await;
        let headers = HeaderMap::from_iter([(header::COOKIE, HeaderValue::from_str(&ann.cookie).unwrap())]);
        let sent = CookieJar::from_headers(&headers);
        // Let in by a session that holds, as a request is before the route is called.
        let caller = Caller::of_session(&studio.app, token_of(&sent).unwrap()).await.unwrap().unwrap();
        let cookies = async || {
            let told = me(State(studio.app.clone()), caller.clone(), sent.clone()).await.unwrap();
            told.headers().get_all(header::SET_COOKIE).iter().count()
        };
        assert_eq!(cookies().await, 2);
        drop(log_out(&studio.app, &sent).await.unwrap());
        assert_eq!(cookies().await, 0);
    }
}
