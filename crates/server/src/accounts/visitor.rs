//! Who comes to log in or to sign up: nobody in particular yet.

use std::convert::Infallible;

use axum::extract::FromRequestParts;
use axum::http::header;
use axum::http::request::Parts;
use axum_extra::extract::CookieJar;
use storage::TokenHash;

use super::{Address, caller, device_of};
use crate::App;

/// What is known of a visitor before they have said who they are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Visitor {
    /// Where they come from.
    pub address: Address,
    /// What they come with.
    pub device: String,
    /// The session that their browser still has; logging in ends it.
    pub session: Option<TokenHash>,
}

impl FromRequestParts<App> for Visitor {
    type Rejection = Infallible;
    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Visitor, Infallible> {
        let address = Address::from_request_parts(parts, app).await?;
        let user_agent = parts.headers.get(header::USER_AGENT).and_then(|value| value.to_str().ok());
        let session = caller::token_of(&CookieJar::from_headers(&parts.headers));
        Ok(Visitor { address, device: device_of(user_agent.unwrap_or_default()), session })
    }
}
