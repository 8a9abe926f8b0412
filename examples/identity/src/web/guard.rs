//! Who may ask: not the pages of others. And what every answer says to browsers.

use super::Shared;
use crate::{error::Error, limits::neighbour, secret::Secret};
use axum::{
    Json,
    extract::{ConnectInfo, FromRequest, FromRequestParts, Request, State},
    http::{HeaderMap, HeaderValue, header, request::Parts},
    middleware::Next,
    response::Response,
};
use serde::de::DeserializeOwned;
use std::{
    net::{IpAddr, SocketAddr},
    sync::Arc,
};

/// The session cookie. Its prefix is a promise that browsers keep: https, this host and no other,
/// every path.
const COOKIE: &str = "__Host-session";

/// Refuses what a page of somebody else's makes a browser send.
///
/// Browsers write `Origin` into every POST, and pages cannot change it. A request without one
/// comes from no browser: it may bring a password or a token, but no cookie. SameSite=Lax keeps
/// the cookie out of requests from other sites already, but not from other names of this site;
/// and bodies have to be JSON, which a form cannot send.
pub(super) async fn own_pages_only(
    State(shared): State<Arc<Shared>>,
    request: Request,
    next: Next,
) -> Result<Response, Error> {
    let headers = request.headers();
    match headers.get(header::ORIGIN) {
        Some(origin) if origin == shared.site.origin.as_str() => Ok(next.run(request).await),
        None if cookie(headers).is_none() => Ok(next.run(request).await),
        Some(_) | None => Err(Error::Forbidden),
    }
}

/// Nothing is kept, guessed, or told to others, unless the answer says otherwise.
pub(super) async fn careful(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    for (name, value) in [
        (header::CACHE_CONTROL, "no-store"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "same-origin"),
    ] {
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    }
    response
}

/// The value of the session cookie.
pub(super) fn cookie(headers: &HeaderMap) -> Option<Secret> {
    let lines = headers.get_all(header::COOKIE).iter().filter_map(|line| line.to_str().ok());
    let mut pairs = lines.flat_map(|line| line.split(';')).filter_map(|pair| pair.split_once('='));
    pairs.find(|(name, _)| name.trim() == COOKIE).map(|(_, value)| Secret::new(value.trim()))
}

/// The line that sets the session cookie, or with an age of 0 takes it away.
pub(super) fn set_cookie(value: &str, max_age: i64) -> String {
    format!("{COOKIE}={value}; Max-Age={max_age}; Path=/; Secure; HttpOnly; SameSite=Lax")
}

/// The address that asks. A proxy on this machine is believed: it wrote the last one of its list.
pub(super) struct From(pub(super) String);

impl<S: Send + Sync> FromRequestParts<S> for From {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Error> {
        let peer = parts.extensions.get::<ConnectInfo<SocketAddr>>();
        let peer = peer.ok_or(Error::internal("a connection without an address"))?.0.ip();
        let forwarded = parts.headers.get_all("x-forwarded-for").iter().next_back();
        let forwarded = forwarded.and_then(|line| line.to_str().ok()?.rsplit(',').next());
        let forwarded = forwarded.and_then(|address| address.trim().parse::<IpAddr>().ok());
        Ok(Self(neighbour(forwarded.filter(|_| peer.is_loopback()).unwrap_or(peer))))
    }
}

/// A body of JSON.
pub(super) struct Body<T>(pub(super) T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Body<T> {
    type Rejection = Error;

    async fn from_request(request: Request, state: &S) -> Result<Self, Error> {
        // What exactly is wrong is not said: it would repeat what was sent.
        let body = Json::<T>::from_request(request, state).await;
        body.map(|Json(body)| Self(body)).map_err(|_| {
            Error::BadRequest("a body of JSON, as application/json, with the members of this path")
        })
    }
}
