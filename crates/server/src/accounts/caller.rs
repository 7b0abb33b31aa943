//! Who sends a request.

use std::convert::Infallible;
use std::net::{IpAddr, SocketAddr};

use axum::extract::{ConnectInfo, FromRequestParts, OptionalFromRequestParts};
use axum::http::request::Parts;
use axum_extra::extract::CookieJar;
use model::Id;
use storage::TokenHash;

use crate::limits::{SESSION_LIFETIME_MS, SESSION_TOUCH_MS};
use crate::{App, Problem};

/// The name of the cookie that holds a session's token.
pub const SESSION_COOKIE: &str = "unisono_session";

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
    (token.len() <= 128).then(|| *blake3::hash(token.as_bytes()).as_bytes())
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

/// The network address that a request comes from, for the brakes. An IPv6 client has a /64 of addresses: they count as
/// one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address(pub String);

impl From<IpAddr> for Address {
    fn from(ip: IpAddr) -> Address {
        Address(match ip.to_canonical() {
            IpAddr::V4(ip) => ip.to_string(),
            IpAddr::V6(ip) => {
                let [a, b, c, d, ..] = ip.segments();
                format!("{a:x}:{b:x}:{c:x}:{d:x}")
            }
        })
    }
}

impl FromRequestParts<App> for Address {
    type Rejection = Infallible;
    async fn from_request_parts(parts: &mut Parts, _app: &App) -> Result<Address, Infallible> {
        let peer = parts.extensions.get::<ConnectInfo<SocketAddr>>();
        Ok(peer.map_or_else(|| Address("unknown".to_owned()), |ConnectInfo(peer)| Address::from(peer.ip())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_one_network_count_as_one() {
        let address = |text: &str| Address::from(text.parse::<IpAddr>().unwrap());
        assert_eq!(address("2001:db8:1:2::1"), address("2001:db8:1:2:ffff::9"));
        assert_ne!(address("2001:db8:1:2::1"), address("2001:db8:1:3::1"));
        assert_eq!(address("::ffff:192.0.2.1"), address("192.0.2.1"));
    }
}
