//! What an error answer says: a status and `{message}`.

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use storage::StoreError;

/// An error answer (W1): a status, and a reason for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    status: StatusCode,
    message: String,
    retry_after_s: Option<u64>,
}

/// The body of an error answer.
#[derive(Debug, serde::Serialize, serde::Deserialize, utoipa::ToSchema)]
pub struct ProblemBody {
    /// Why, for people.
    pub message: String,
}

impl Problem {
    /// An answer of this status and reason.
    pub fn new(status: StatusCode, message: impl Into<String>) -> Problem {
        Problem { status, message: message.into(), retry_after_s: None }
    }

    /// An answer of this status; 500 when it is none.
    pub fn from_status(status: u16, message: impl Into<String>) -> Problem {
        match StatusCode::from_u16(status) {
            Ok(status) if status.as_u16() != 500 => Problem::new(status, message),
            _ => Problem::internal(),
        }
    }

    /// 400: the request is wrong.
    pub fn invalid(message: impl Into<String>) -> Problem {
        Problem::new(StatusCode::BAD_REQUEST, message)
    }

    /// 401: nobody is logged in.
    #[must_use]
    pub fn unauthenticated() -> Problem {
        Problem::new(StatusCode::UNAUTHORIZED, "Please log in.")
    }

    /// 403, with the one text of every 403 (PE2).
    #[must_use]
    pub fn forbidden() -> Problem {
        Problem::new(StatusCode::FORBIDDEN, operations::Refusal::FORBIDDEN)
    }

    /// 404.
    #[must_use]
    pub fn not_found() -> Problem {
        Problem::new(StatusCode::NOT_FOUND, "There is nothing here.")
    }

    /// 408: the client does not send what it has announced.
    #[must_use]
    pub fn too_slow() -> Problem {
        Problem::new(StatusCode::REQUEST_TIMEOUT, "The request did not come in time.")
    }

    /// 429: too many tries; come back in so many seconds.
    #[must_use]
    pub fn slow_down(retry_after_s: u64) -> Problem {
        let message = format!("Too many tries. Please wait {retry_after_s} seconds.");
        Problem { status: StatusCode::TOO_MANY_REQUESTS, message, retry_after_s: Some(retry_after_s) }
    }

    /// 500, which says nothing of the inside (WR10). Whoever makes it has logged the cause.
    #[must_use]
    pub fn internal() -> Problem {
        Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "Something went wrong on the server. Please try again.")
    }

    /// Its status.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// Its reason.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.message
    }

    /// After how many seconds to try again, when it says so.
    #[must_use]
    pub fn retry_after_s(&self) -> Option<u64> {
        self.retry_after_s
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Problem {
        tracing::error!(%error, "a request could not be answered");
        Problem::internal()
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = (self.status, Json(ProblemBody { message: self.message })).into_response();
        if let Some(seconds) = self.retry_after_s {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}
