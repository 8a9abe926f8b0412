//! What errors look like over HTTP.

use crate::error::Error;
use axum::{
    Json,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use serde_json::json;

impl IntoResponse for Error {
    fn into_response(self) -> Response {
        let (status, code) = match &self {
            Self::SignIn => (StatusCode::UNAUTHORIZED, "sign_in"),
            Self::TooMany(_) => (StatusCode::TOO_MANY_REQUESTS, "too_many"),
            Self::BadRequest(_) => (StatusCode::BAD_REQUEST, "bad_request"),
            Self::Forbidden => (StatusCode::FORBIDDEN, "forbidden"),
            Self::Busy => (StatusCode::SERVICE_UNAVAILABLE, "busy"),
            Self::NoTicket(_) => (StatusCode::SERVICE_UNAVAILABLE, "no_ticket"),
            Self::Internal(_) => (StatusCode::INTERNAL_SERVER_ERROR, "internal"),
        };
        // What went wrong inside is for the log alone.
        let message = match &self {
            Self::NoTicket(_) | Self::Internal(_) => {
                tracing::error!("{self}");
                "try again later".to_owned()
            }
            Self::SignIn
            | Self::TooMany(_)
            | Self::BadRequest(_)
            | Self::Forbidden
            | Self::Busy => self.to_string(),
        };
        let mut answer =
            (status, Json(json!({ "error": code, "message": message }))).into_response();
        let after = match self {
            Self::TooMany(after) => Some(after),
            Self::Busy | Self::NoTicket(_) => Some(1),
            Self::SignIn | Self::BadRequest(_) | Self::Forbidden | Self::Internal(_) => None,
        };
        if let Some(after) = after {
            answer.headers_mut().insert(header::RETRY_AFTER, after.into());
        }
        answer
    }
}
