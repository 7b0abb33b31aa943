//! Who sends a request.

use axum::extract::{FromRequestParts, OptionalFromRequestParts};
use axum::http::request::Parts;
use axum_extra::extract::CookieJar;
use model::Id;
use storage::TokenHash;

use super::token_hash;
use crate::limits::{SESSION_LIFETIME_MS, SESSION_TOUCH_MS};
use crate::{App, Problem};

/// The name of the cookie that holds a session's token.
pub const SESSION_COOKIE: &str = "unisono_session";
/// The name of the cookie that holds the user's id, for the web app: it knows whose edits and projects to show before the
/// server has answered, and without it. Proves nothing; the server never reads it.
pub const USER_COOKIE: &str = "unisono_user";

/// Someone who is logged in. As an extractor it answers 401 when nobody is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// Who.
    pub user: Id,
    /// Names their session; for asking later whether it still holds.
    pub session: TokenHash,
}

impl Caller {
    /// Whose session this token names, if it has not ended. Notes its use, and so moves its end.
    ///
    /// # Errors
    /// 500 when the database fails.
    pub async fn of_session(app: &App, token: TokenHash) -> Result<Option<Caller>, Problem> {
        let (now, demo) = (app.clock.now(), app.config.demo);
        let session = app.database.run(move |store| store.session(&token, now)).await?;
        // A demo account is nobody where demos are switched off, whatever sessions it has left.
        let Some(session) = session.filter(|session| demo || !session.demo) else { return Ok(None) };
        if now.0 - session.last_seen.0 >= SESSION_TOUCH_MS {
            let expires = model::Timestamp(now.0 + SESSION_LIFETIME_MS);
            app.database.run(move |store| store.touch_session(&token, now, expires)).await?;
        }
        Ok(Some(Caller { user: session.user, session: token }))
    }

    async fn of_request(parts: &Parts, app: &App) -> Result<Option<Caller>, Problem> {
        match token_of(&CookieJar::from_headers(&parts.headers)) {
            Some(token) => Caller::of_session(app, token).await,
            None => Ok(None),
        }
    }
}

/// The hash of the token in the request's cookie.
pub(super) fn token_of(cookies: &CookieJar) -> Option<TokenHash> {
    let token = cookies.get(SESSION_COOKIE)?.value();
    (token.len() <= 128).then(|| token_hash(token))
}

impl FromRequestParts<App> for Caller {
    type Rejection = Problem;
    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Caller, Problem> {
        Caller::of_request(parts, app).await?.ok_or_else(Problem::unauthenticated)
    }
}

impl OptionalFromRequestParts<App> for Caller {
    type Rejection = Problem;
    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Option<Caller>, Problem> {
        Caller::of_request(parts, app).await
    }
}
