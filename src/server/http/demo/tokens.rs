//! `POST /demo/token`: a token for whoever sits at this machine, and for nobody else.

use super::{
    super::plain::{json, refuse, refuse_method},
    DemoTokens,
};
use bytes::Bytes;
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::{
    HeaderMap, Method, Request, Response, StatusCode,
    body::Body,
    header::{CONTENT_TYPE, FORWARDED, HOST, HeaderName, ORIGIN, VIA},
};
use serde::{Deserialize, Serialize};
use std::{error::Error, net::IpAddr};

/// The longest body of a request, in bytes.
const BODY_BYTES: usize = 1_024;
/// The longest name of a user, in bytes.
const USER_BYTES: usize = 64;
/// How far from now a token may end, in either direction, in milliseconds.
const LIFE_MS: i64 = 24 * 3_600_000;

/// What the page asks for.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wish {
    user: String,
    expires_in_ms: i64,
}

#[derive(Serialize)]
struct Granted {
    token: String,
}

/// Answers with a token, or says why not.
pub(super) async fn respond<B>(desk: &dyn DemoTokens, request: Request<B>) -> Response<Full<Bytes>>
where
    B: Body<Data = Bytes>,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    let (head, body) = request.into_parts();
    // Read before anything is refused: closing on unread bytes would take the answer along.
    let body = Limited::new(body, BODY_BYTES).collect().await;
    if head.method != Method::POST {
        return refuse_method("POST");
    }
    if !is_own_page(&head.headers) {
        let message = "Tokens are given to the page of this server only, opened on this machine \
                       as http://localhost or http://127.0.0.1, without a proxy between.";
        return refuse(StatusCode::FORBIDDEN, "forbidden", message);
    }
    if one(&head.headers, &CONTENT_TYPE) != Some("application/json") {
        let message = "The Content-Type must be application/json.";
        return refuse(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type", message);
    }
    match body {
        Err(why) if why.is::<LengthLimitError>() => {
            let message = "The body is over 1024 bytes.";
            refuse(StatusCode::PAYLOAD_TOO_LARGE, "too_big", message)
        }
        Err(_) => refuse(StatusCode::BAD_REQUEST, "bad_request", "The body is not complete."),
        Ok(body) => grant(desk, &body.to_bytes()),
    }
}

fn grant(desk: &dyn DemoTokens, body: &[u8]) -> Response<Full<Bytes>> {
    let wish = serde_json::from_slice(body).ok().filter(Wish::is_sound);
    let Some(wish) = wish else {
        let message = "Write {\"user\":\"alice\",\"expires_in_ms\":3600000}: a user of 1 to 64 \
                       bytes without control characters, and at most a day in either direction.";
        return refuse(StatusCode::BAD_REQUEST, "bad_request", message);
    };
    let granted = desk.token(&wish.user, wish.expires_in_ms).map(|token| Granted { token });
    match granted.map(|granted| serde_json::to_vec(&granted)) {
        Some(Ok(body)) => json(StatusCode::OK, body),
        Some(Err(_)) | None => {
            let message = "The token could not be signed.";
            refuse(StatusCode::INTERNAL_SERVER_ERROR, "internal", message)
        }
    }
}

impl Wish {
    fn is_sound(&self) -> bool {
        (1..=USER_BYTES).contains(&self.user.len())
            && !self.user.chars().any(char::is_control)
            && (-LIFE_MS..=LIFE_MS).contains(&self.expires_in_ms)
    }
}

/// Whether a script of our own page asks, opened under a loopback name.
///
/// A foreign page has another `Origin`. A foreign name that resolves to loopback (DNS rebinding)
/// stands in `Host`. What came through a proxy may come from anywhere.
fn is_own_page(headers: &HeaderMap) -> bool {
    const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
    const FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
    let host = one(headers, &HOST).filter(|host| is_loopback(host));
    let origin = one(headers, &ORIGIN).and_then(|origin| origin.strip_prefix("http://"));
    let proxied = [FORWARDED, VIA, FORWARDED_FOR].iter().any(|name| headers.contains_key(name));
    let foreign = headers.get(FETCH_SITE).is_some_and(|site| site != "same-origin");
    host.is_some() && host == origin && !proxied && !foreign
}

/// Whether `host`, with or without a port, names this machine whatever a resolver says.
fn is_loopback(host: &str) -> bool {
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        Some(_) | None => host,
    };
    let bare = name.strip_prefix('[').and_then(|name| name.strip_suffix(']'));
    let ip = bare.unwrap_or(name).parse::<IpAddr>();
    name.eq_ignore_ascii_case("localhost") || ip.is_ok_and(|ip| ip.is_loopback())
}

/// The value of the only header of this name.
fn one<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    let mut values = headers.get_all(name).iter();
    let value = values.next()?.to_str().ok()?;
    values.next().is_none().then_some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_that_no_resolver_can_bend_are_loopback() {
        for good in ["localhost", "LOCALHOST:7000", "127.0.0.1:7000", "127.1.2.3", "[::1]:7000"] {
            assert!(is_loopback(good), "{good}");
        }
        let bad = [
            "",
            ":7000",
            "evil.example",
            "localhost.evil.example",
            "127.0.0.1.evil.example",
            "0.0.0.0:7000",
            "10.0.0.1",
            "[::]",
            "127.1",
            "localhost:x",
            "a@localhost:7000",
        ];
        for bad in bad {
            assert!(!is_loopback(bad), "{bad}");
        }
    }
}
