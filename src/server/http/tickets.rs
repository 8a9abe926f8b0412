//! `POST /ticket`: a token goes in, a ticket comes out; pages of allowed origins may ask.

use super::{
    ORIGIN_BYTES, RETRY_AFTER_S, Site,
    plain::{json, page, refuse, refuse_method},
};
use crate::{
    config,
    gate::{forwarded, refusals::Agent},
    protocol::{client_message::Token, close_code::CloseCode},
    server::ticket_desk::{Applicant, Denial, TicketDesk},
};
use bytes::Bytes;
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::{
    HeaderMap, Method, Request, Response, StatusCode,
    body::Body,
    header::{
        ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
        ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ALLOW, AUTHORIZATION, CONTENT_TYPE,
        HeaderName, HeaderValue, ORIGIN, RETRY_AFTER, USER_AGENT, VARY, WWW_AUTHENTICATE,
    },
};
use serde::{Deserialize, Deserializer, Serialize};
use std::{error::Error, net::IpAddr};

/// Where tickets are given out.
pub(super) const PATH: &str = "/ticket";
/// The longest body of a request, in bytes.
const BODY_BYTES: usize = 1_024;
/// How long a browser may remember what a page may ask, in seconds.
const PREFLIGHT_S: &str = "600";
/// What it takes.
const METHODS: &str = "POST, OPTIONS";

type Answer = Response<Full<Bytes>>;

/// What the body may ask for.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Wish {
    #[serde(default, deserialize_with = "present")]
    origin: Option<Box<str>>,
}

/// `null` is not absent.
fn present<'de, D: Deserializer<'de>>(value: D) -> Result<Option<Box<str>>, D::Error> {
    Deserialize::deserialize(value).map(Some)
}

#[derive(Serialize)]
struct Granted<'a> {
    ticket: &'a str,
    expires_in_ms: u64,
}

/// Answers a request of `peer` with a ticket, or says why not.
pub(super) async fn respond<B>(
    desk: &TicketDesk,
    site: &Site,
    request: Request<B>,
    peer: IpAddr,
) -> Answer
where
    B: Body<Data = Bytes>,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    let (head, body) = request.into_parts();
    // Read before anything is refused: closing on unread bytes would take the answer along.
    let body = Limited::new(body, BODY_BYTES).collect().await;
    let origin = match sole(&head.headers, &ORIGIN) {
        Ok(origin) => origin.filter(|origin| site.admits(origin.as_bytes())),
        Err(Twice) => None,
    };
    if origin.is_none() && head.headers.contains_key(ORIGIN) {
        let message = "Pages of this origin get no tickets here.";
        return varying(refuse(StatusCode::FORBIDDEN, "origin_not_allowed", message));
    }
    let answer = match head.method {
        Method::OPTIONS => preflight(),
        Method::POST if site.is_draining() => {
            unavailable("draining", "The server is going away; ask again shortly.")
        }
        Method::POST => {
            let applicant = applicant(site, &head.headers, peer);
            let body = body.map(|body| body.to_bytes()).map_err(Fault::of_body);
            match body.and_then(|body| wish(site, &head.headers, &body)) {
                Ok(wish) => exchange(desk, &head.headers, wish, &applicant).await,
                Err(fault) => fault.answer(),
            }
        }
        _ => refuse_method(METHODS),
    };
    varying(readable(answer, origin))
}

/// Whom the request speaks for.
fn applicant(site: &Site, headers: &HeaderMap, peer: IpAddr) -> Applicant {
    let lines = |name: &'static str| headers.get_all(name).iter().map(HeaderValue::as_bytes);
    let address = forwarded::find(site.proxies(), peer, lines).client;
    let agent = headers.get(USER_AGENT).map(|agent| Agent::of(agent.as_bytes()));
    Applicant { address, agent }
}

/// What is wrong with a request, whoever sends it.
#[derive(Clone, Copy, Debug)]
enum Fault {
    TooBig,
    Incomplete,
    MediaType,
    Shape,
    NoOrigin,
    ForeignOrigin,
    Authorizations,
}

impl Fault {
    fn of_body(why: Box<dyn Error + Send + Sync>) -> Self {
        if why.is::<LengthLimitError>() { Self::TooBig } else { Self::Incomplete }
    }

    /// Nothing of the request is repeated.
    fn answer(self) -> Answer {
        let bad = (StatusCode::BAD_REQUEST, "bad_request");
        let ((status, error), message) = match self {
            Self::TooBig => {
                ((StatusCode::PAYLOAD_TOO_LARGE, "too_big"), "The body is over 1024 bytes.")
            }
            Self::Incomplete => (bad, "The body is not complete."),
            Self::MediaType => (
                (StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type"),
                "The Content-Type must be application/json.",
            ),
            Self::Shape => (bad, "The body may be empty or {\"origin\":\"https://app.example\"}."),
            Self::NoOrigin => (
                bad,
                "The origin is none as browsers send it: write https://app.example, in lower case, \
                 without a path or a final slash, with a port only if it is unusual.",
            ),
            Self::ForeignOrigin => {
                (bad, "Pages of that origin may not connect here: it is not in gate.origins.")
            }
            Self::Authorizations => (bad, "The header Authorization may stand once."),
        };
        refuse(status, error, message)
    }
}

/// What the body asks for; an empty one asks for nothing special.
fn wish(site: &Site, headers: &HeaderMap, body: &[u8]) -> Result<Wish, Fault> {
    if body.is_empty() {
        return Ok(Wish::default());
    }
    let kind = sole(headers, &CONTENT_TYPE).ok().flatten().unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim();
    if !kind.eq_ignore_ascii_case("application/json") {
        return Err(Fault::MediaType);
    }
    // A struct could be written as an array, too.
    let object = body.trim_ascii_start().first() == Some(&b'{');
    let wish = object.then(|| serde_json::from_slice::<Wish>(body).ok()).flatten();
    let wish = wish.ok_or(Fault::Shape)?;
    match &wish.origin {
        Some(origin) if origin.len() > ORIGIN_BYTES || !config::is_origin(origin) => {
            Err(Fault::NoOrigin)
        }
        Some(origin) if !site.admits(origin.as_bytes()) => Err(Fault::ForeignOrigin),
        Some(_) | None => Ok(wish),
    }
}

async fn exchange(
    desk: &TicketDesk,
    headers: &HeaderMap,
    wish: Wish,
    applicant: &Applicant,
) -> Answer {
    let shown = match sole(headers, &AUTHORIZATION) {
        Ok(value) => value.and_then(bearer),
        Err(Twice) => return Fault::Authorizations.answer(),
    };
    let issued = match shown {
        Some(token) => desk.exchange(Token::new(token), wish.origin, applicant).await,
        None => Err(desk.shown_nothing(applicant)),
    };
    let granted = issued.map(|issued| {
        let (ticket, expires_in_ms) = (issued.text.reveal(), issued.expires_in_ms);
        // Two plain values always serialise.
        serde_json::to_vec(&Granted { ticket, expires_in_ms }).unwrap_or_default()
    });
    match granted {
        Ok(body) => json(StatusCode::OK, body),
        Err(denial) => deny(denial),
    }
}

/// The token behind `Bearer` (RFC 6750 2.1).
fn bearer(value: &str) -> Option<&str> {
    // An empty token is a bad one, not a missing one (SOURCE-7).
    let (scheme, token) = value.split_once([' ', '\t']).unwrap_or((value, ""));
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim_matches([' ', '\t']))
}

fn deny(denial: Denial) -> Answer {
    match denial {
        Denial::Closed => {
            refuse(StatusCode::NOT_FOUND, "not_found", "There are no tickets here any more.")
        }
        Denial::Unavailable => {
            unavailable("unavailable", "No token can be judged now; ask again shortly.")
        }
        Denial::Full => unavailable("overloaded", "Too many tickets are unused; ask again later."),
        Denial::Refused(CloseCode::AuthRequired) => {
            let message = "Show a token: Authorization: Bearer, a space, and the JWT.";
            challenge("Bearer", CloseCode::AuthRequired.name(), message)
        }
        Denial::Refused(code @ (CloseCode::Forbidden | CloseCode::Revoked)) => {
            refuse(StatusCode::FORBIDDEN, code.name(), code.message())
        }
        Denial::Refused(code) => {
            challenge("Bearer error=\"invalid_token\"", code.name(), code.message())
        }
    }
}

fn challenge(value: &'static str, error: &'static str, message: &'static str) -> Answer {
    let mut answer = refuse(StatusCode::UNAUTHORIZED, error, message);
    answer.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static(value));
    answer
}

fn unavailable(error: &'static str, message: &'static str) -> Answer {
    let mut answer = refuse(StatusCode::SERVICE_UNAVAILABLE, error, message);
    answer.headers_mut().insert(RETRY_AFTER, HeaderValue::from(RETRY_AFTER_S));
    answer
}

/// What a browser asks before it lets a page ask.
fn preflight() -> Answer {
    let mut answer = page(StatusCode::NO_CONTENT, "text/plain", Bytes::new());
    let headers = answer.headers_mut();
    headers.remove(CONTENT_TYPE);
    for (name, value) in [
        (ALLOW, METHODS),
        (ACCESS_CONTROL_ALLOW_METHODS, "POST"),
        (ACCESS_CONTROL_ALLOW_HEADERS, "authorization, content-type"),
        (ACCESS_CONTROL_MAX_AGE, PREFLIGHT_S),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    answer
}

/// Lets the page that asks read the answer; it shows no cookie, so that none is allowed.
fn readable(mut answer: Answer, origin: Option<&str>) -> Answer {
    // It came in a header.
    if let Some(Ok(origin)) = origin.map(HeaderValue::from_str) {
        let headers = answer.headers_mut();
        headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static("retry-after"));
    }
    answer
}

/// Another page would get another answer.
fn varying(mut answer: Answer) -> Answer {
    answer.headers_mut().insert(VARY, HeaderValue::from_static("Origin"));
    answer
}

/// A header stands twice, or is no text.
struct Twice;

/// The value of the only header of this name.
fn sole<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Result<Option<&'a str>, Twice> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (None, _) => Ok(None),
        (Some(value), None) => value.to_str().map(Some).map_err(|_| Twice),
        (Some(_), Some(_)) => Err(Twice),
    }
}
