//! What pages, apps and Vestibule ask for.

use super::{
    Shared,
    guard::{Body, From, cookie, set_cookie},
};
use crate::{
    error::Error,
    keys,
    secret::Secret,
    service::{Pair, Standing},
    vestibule::Ticket,
};
use axum::{
    Json,
    extract::State,
    http::{HeaderMap, StatusCode, header},
    response::{AppendHeaders, IntoResponse},
};
use serde::Deserialize;
use serde_json::{Value, json};
use std::sync::Arc;

#[derive(Deserialize)]
pub(super) struct Password {
    user: String,
    password: Secret,
}

/// `POST /login`
pub(super) async fn login(
    State(shared): State<Arc<Shared>>,
    From(from): From,
    Body(Password { user, password }): Body<Password>,
) -> Result<Json<Value>, Error> {
    let pair = shared.call(move |service| service.login(&from, &user, &password)).await?;
    Ok(tokens(&pair))
}

#[derive(Deserialize)]
pub(super) struct Refresh {
    refresh_token: Secret,
}

/// `POST /refresh`
pub(super) async fn refresh(
    State(shared): State<Arc<Shared>>,
    Body(Refresh { refresh_token }): Body<Refresh>,
) -> Result<Json<Value>, Error> {
    let pair = shared.call(move |service| service.refresh(&refresh_token)).await?;
    Ok(tokens(&pair))
}

fn tokens(pair: &Pair) -> Json<Value> {
    Json(json!({
        "access_token": pair.access.token,
        "token_type": "Bearer",
        "expires_in": pair.access.expires_in,
        "refresh_token": pair.refresh,
    }))
}

/// `POST /logout`: with a refresh token in the body, or with the cookie and an empty object.
pub(super) async fn log_out(
    State(shared): State<Arc<Shared>>,
    headers: HeaderMap,
    Body(LogOut { refresh_token }): Body<LogOut>,
) -> Result<impl IntoResponse, Error> {
    let shown: Vec<_> = refresh_token.into_iter().chain(cookie(&headers)).collect();
    shared.call(move |service| shown.iter().try_for_each(|one| service.log_out(one))).await?;
    Ok((StatusCode::NO_CONTENT, [(header::SET_COOKIE, set_cookie("", 0))]))
}

#[derive(Deserialize)]
pub(super) struct LogOut {
    refresh_token: Option<Secret>,
}

#[derive(Deserialize)]
pub(super) struct AskCode {
    user: String,
}

/// `POST /login/code`
pub(super) async fn ask_code(
    State(shared): State<Arc<Shared>>,
    From(from): From,
    Body(AskCode { user }): Body<AskCode>,
) -> Result<(StatusCode, Json<Value>), Error> {
    let asked = shared.call(move |service| service.ask_code(&from, &user)).await?;
    let body = json!({ "challenge": asked.challenge, "expires_in": asked.expires_in });
    Ok((StatusCode::ACCEPTED, Json(body)))
}

#[derive(Deserialize)]
pub(super) struct VerifyCode {
    challenge: Secret,
    code: Secret,
}

/// `POST /login/code/verify`
pub(super) async fn verify_code(
    State(shared): State<Arc<Shared>>,
    From(from): From,
    Body(VerifyCode { challenge, code }): Body<VerifyCode>,
) -> Result<impl IntoResponse, Error> {
    let cookie = shared.call(move |service| service.verify_code(&from, &challenge, &code)).await?;
    let line = set_cookie(cookie.value.reveal(), cookie.max_age);
    Ok((StatusCode::NO_CONTENT, [(header::SET_COOKIE, line)]))
}

/// `POST /app/ticket`: the next ticket, for a page whose own one is spent.
pub(super) async fn ticket(
    State(shared): State<Arc<Shared>>,
    headers: HeaderMap,
) -> Result<Json<Value>, Error> {
    let cookie = cookie(&headers).ok_or(Error::SignIn)?;
    let visit = shared.call(move |service| service.visit(&cookie)).await?;
    let Ticket { ticket, expires_in_ms } = shared.ticket(&visit).await?;
    Ok(Json(json!({ "ticket": ticket, "expires_in_ms": expires_in_ms })))
}

/// `GET /.well-known/jwks.json`
pub(super) async fn jwks(State(shared): State<Arc<Shared>>) -> Result<impl IntoResponse, Error> {
    let keys = shared.call(|service| service.jwks()).await?;
    let age = format!("public, max-age={}", keys::MAX_AGE);
    Ok((AppendHeaders([(header::CACHE_CONTROL, age)]), Json(keys)))
}

#[derive(Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub(super) enum Question {
    /// Who a token speaks for.
    User { issuer: String, subject: String },
    /// A password in a handshake: this service takes them at [`login`] and nowhere else.
    Password {},
}

/// `POST /directory`: Vestibule asks whether somebody may be inside.
pub(super) async fn directory(
    State(shared): State<Arc<Shared>>,
    headers: HeaderMap,
    Body(question): Body<Question>,
) -> Result<Json<Value>, Error> {
    let shown = headers.get(header::AUTHORIZATION).and_then(|line| line.to_str().ok());
    let shown = shown.and_then(|line| line.strip_prefix("Bearer ")).map(Secret::new);
    let key = shared.site.directory_key.as_ref();
    if !key.zip(shown).is_some_and(|(key, shown)| key.is(&shown)) {
        return Err(Error::Forbidden);
    }
    let standing = match question {
        Question::User { issuer, subject } => {
            shared.call(move |service| service.standing(&issuer, &subject)).await?
        }
        Question::Password {} => Standing::Unknown,
    };
    Ok(Json(json!({ "status": standing })))
}
