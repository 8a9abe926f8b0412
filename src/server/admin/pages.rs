//! What the admin listener answers: metrics for programs, a page for people, words for strangers.

use super::{Admin, overview::overview};
use crate::{
    config::AdminKey,
    metrics::{CONTENT_TYPE, Sheet},
    server::http::{json_body, page},
};
use aws_lc_rs::constant_time::verify_slices_are_equal;
use base64::{Engine, engine::general_purpose::STANDARD};
use bytes::Bytes;
use http_body_util::Full;
use hyper::{
    Method, Request, Response, StatusCode,
    body::Incoming,
    header::{
        ALLOW, AUTHORIZATION, CONNECTION, CONTENT_SECURITY_POLICY, HeaderMap, HeaderValue,
        REFERRER_POLICY, WWW_AUTHENTICATE, X_FRAME_OPTIONS,
    },
};
use parking_lot::Mutex;
use std::sync::Arc;
use tokio::time::Instant;

/// A style and nothing else: no script, no address, no frame around it.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; \
                      form-action 'none'; frame-ancestors 'none'";
/// What the page compares with is at least this old, in milliseconds.
const COMPARED_MS: u64 = 1_000;

/// The last values that the page showed, and when.
pub(super) type Before = Mutex<Option<(Instant, Arc<Sheet>)>>;

impl Admin {
    /// Answers one request.
    pub(super) fn answer(&self, request: &Request<Incoming>) -> Response<Full<Bytes>> {
        let (method, path) = (request.method(), request.uri().path());
        if !is_open(self.key.as_ref(), request.headers()) {
            return unauthorized();
        }
        if method != Method::GET && method != Method::HEAD {
            let mut response = refuse(
                StatusCode::METHOD_NOT_ALLOWED,
                "method_not_allowed",
                "Everything here is read with GET.",
            );
            response.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
            return response;
        }
        match path {
            "/" => self.overview(),
            "/metrics" => page(StatusCode::OK, CONTENT_TYPE, self.census.take().expose().into()),
            "/healthz" => {
                page(StatusCode::OK, "text/plain; charset=utf-8", Bytes::from_static(b"ok\n"))
            }
            _ => {
                let message = "There are /, /metrics and /healthz here.";
                refuse(StatusCode::NOT_FOUND, "not_found", message)
            }
        }
    }

    fn overview(&self) -> Response<Full<Bytes>> {
        let (now, sheet) = (Instant::now(), Arc::new(self.census.take()));
        let mut before = self.before.lock();
        let rates = before.as_ref().and_then(|(then, old)| {
            let ms = u64::try_from(now.duration_since(*then).as_millis()).ok()?;
            (ms >= COMPARED_MS).then(|| (ms, Arc::clone(old)))
        });
        if before.is_none() || rates.is_some() {
            *before = Some((now, Arc::clone(&sheet)));
        }
        drop(before);
        let rates = rates.as_ref().map(|(ms, old)| (*ms, &**old));
        let text = overview(&sheet, self.census.up_ms(), rates, &self.census.crowds());
        let mut response = page(StatusCode::OK, "text/html; charset=utf-8", text.into());
        let headers = response.headers_mut();
        headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
        headers.insert(X_FRAME_OPTIONS, HeaderValue::from_static("DENY"));
        headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
        response
    }
}

/// Whether a request has the key, if one is asked for: as a bearer token, or, for browsers, as
/// the password of any user name.
fn is_open(key: Option<&AdminKey>, headers: &HeaderMap) -> bool {
    let Some(key) = key else { return true };
    let mut lines = headers.get_all(AUTHORIZATION).iter();
    let (Some(line), None) = (lines.next(), lines.next()) else { return false };
    let line = line.as_bytes();
    let Some(at) = line.iter().position(|byte| *byte == b' ') else { return false };
    let (scheme, rest) = line.split_at(at);
    let rest = rest.trim_ascii();
    if scheme.eq_ignore_ascii_case(b"bearer") {
        return is_equal(key, rest);
    }
    if !scheme.eq_ignore_ascii_case(b"basic") {
        return false;
    }
    let Ok(pair) = STANDARD.decode(rest) else { return false };
    let Some(at) = pair.iter().position(|byte| *byte == b':') else { return false };
    pair.get(at + 1..).is_some_and(|password| is_equal(key, password))
}

fn is_equal(key: &AdminKey, presented: &[u8]) -> bool {
    verify_slices_are_equal(key.reveal(), presented).is_ok()
}

/// Who guesses gets one try a connection.
fn unauthorized() -> Response<Full<Bytes>> {
    let message = "The key of the admin listener is missing or wrong: send Authorization: Bearer \
                   and the text of admin.key. A browser asks for it as a password; the user name \
                   does not matter.";
    let mut response = refuse(StatusCode::UNAUTHORIZED, "unauthorized", message);
    let headers = response.headers_mut();
    headers.append(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"vestibule admin\""));
    headers.append(WWW_AUTHENTICATE, HeaderValue::from_static("Basic realm=\"vestibule admin\""));
    headers.insert(CONNECTION, HeaderValue::from_static("close"));
    response
}

fn refuse(status: StatusCode, error: &'static str, message: &'static str) -> Response<Full<Bytes>> {
    page(status, "application/json", json_body(error, message).into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn headers(lines: &[&[u8]]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(AUTHORIZATION, HeaderValue::from_bytes(line).unwrap());
        }
        headers
    }

    #[test]
    fn the_key_opens_and_nothing_else() {
        let key = AdminKey::new(b"sixteen-bytes-at-least").unwrap();
        let basic = |pair: &str| format!("Basic {}", STANDARD.encode(pair));
        for good in [
            "Bearer sixteen-bytes-at-least".to_owned(),
            "bearer  sixteen-bytes-at-least".to_owned(),
            basic("anybody:sixteen-bytes-at-least"),
            basic(":sixteen-bytes-at-least"),
        ] {
            assert!(is_open(Some(&key), &headers(&[good.as_bytes()])), "{good}");
        }
        for bad in [
            String::new(),
            "Bearer".to_owned(),
            "Bearer ".to_owned(),
            "sixteen-bytes-at-least".to_owned(),
            "Bearer sixteen-bytes-at-leasT".to_owned(),
            "Bearer sixteen-bytes-at-least,".to_owned(),
            "Digest sixteen-bytes-at-least".to_owned(),
            "Basic sixteen-bytes-at-least".to_owned(),
            basic("sixteen-bytes-at-least"),
            basic("sixteen-bytes-at-least:"),
        ] {
            assert!(!is_open(Some(&key), &headers(&[bad.as_bytes()])), "{bad}");
        }
        let good = b"Bearer sixteen-bytes-at-least".as_slice();
        assert!(!is_open(Some(&key), &headers(&[])));
        assert!(!is_open(Some(&key), &headers(&[good, good])), "two lines, two readers");
        assert!(is_open(None, &headers(&[])));
    }

    proptest! {
        #[test]
        fn no_other_text_opens(text in prop::collection::vec(0x20_u8..0x7F, 0..60)) {
            let key = AdminKey::new(b"a-key-that-nobody-draws").unwrap();
            prop_assert!(!is_open(Some(&key), &headers(&[&text])));
        }
    }
}
