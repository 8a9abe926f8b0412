//! Every way to say no to a handshake, as a complete HTTP response.

use super::RETRY_AFTER_S;
use crate::{metrics::Handshake, token::Class};
use serde::Serialize;
use std::fmt::Write;

/// What a credential is asked for with (RFC 6750 3).
const CHALLENGE: &str = "Bearer realm=\"vestibule\"";

/// What is said to a plain request.
const NO_WEBSOCKET: &str = "This is a WebSocket endpoint: connect with a WebSocket client. If you did, a \
    proxy between us drops the Upgrade header.";
/// What is said where a header that decides stands twice, or not at all.
const TWICE: &str = "Host, Upgrade, Origin, Sec-WebSocket-Key and Sec-WebSocket-Version may stand \
    once, and Host must.";

/// Why a request is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Refusal {
    /// A trusted proxy did not begin with the PROXY header that is due.
    ProxyHeader,
    /// No HTTP/1 request.
    Malformed,
    /// The head is over its cap in bytes or header lines.
    HeadTooLarge,
    /// A header that decides the handshake stands twice, or `Host` is missing.
    AmbiguousHeaders,
    /// A body, which a handshake cannot have.
    Body,
    /// Not the method of the endpoint.
    Method,
    /// A plain request to the WebSocket endpoint.
    UpgradeRequired,
    /// HTTP/1.0 cannot upgrade.
    HttpVersion,
    /// `Upgrade` without `Connection: Upgrade`.
    ConnectionHeader,
    /// A WebSocket version other than 13.
    WebSocketVersion,
    /// `Sec-WebSocket-Key` is missing or is not 16 bytes in base64.
    Key,
    /// The offer of subprotocols is malformed, or has a word twice.
    SubprotocolOffer,
    /// Among the subprotocols there is a token and nothing else: nothing could be echoed.
    LoneToken,
    /// The origin is not on the list, or there is none where there has to be.
    Origin,
    /// It has a credential of those that browsers send by themselves, and is of no page on the list.
    Page,
    /// The handshake has no credential, and must have one.
    NoCredential,
    /// It has several that differ.
    Credentials,
    /// Its credential is refused.
    Refused(Class),
    /// The server stops.
    Draining,
    /// The server has no connection to spare.
    Full,
    /// Too many sockets wait for their verdict, or are being closed.
    Crowded,
}

#[derive(Serialize)]
struct Body {
    error: &'static str,
    message: &'static str,
}

impl Refusal {
    /// Every refusal.
    #[cfg(test)]
    pub(super) const ALL: [Self; 26] = [
        Self::ProxyHeader,
        Self::Malformed,
        Self::HeadTooLarge,
        Self::AmbiguousHeaders,
        Self::Body,
        Self::Method,
        Self::UpgradeRequired,
        Self::HttpVersion,
        Self::ConnectionHeader,
        Self::WebSocketVersion,
        Self::Key,
        Self::SubprotocolOffer,
        Self::LoneToken,
        Self::Origin,
        Self::Page,
        Self::NoCredential,
        Self::Credentials,
        Self::Refused(Class::Invalid),
        Self::Refused(Class::Expired),
        Self::Refused(Class::NotYetValid),
        Self::Refused(Class::Forbidden),
        Self::Refused(Class::Revoked),
        Self::Refused(Class::Unavailable),
        Self::Draining,
        Self::Full,
        Self::Crowded,
    ];

    /// The complete response: status, headers and a JSON body that says why. The connection
    /// ends behind it.
    pub(crate) fn response(self) -> Vec<u8> {
        self.render(true)
    }

    /// The same without the body, for a HEAD request.
    pub(super) fn response_to_head(self) -> Vec<u8> {
        self.render(false)
    }

    fn render(self, with_body: bool) -> Vec<u8> {
        let (error, message) = self.words();
        let body = json_body(error, message);
        let mut text = format!("HTTP/1.1 {}\r\n", self.status());
        for (name, value) in self.headers() {
            // Writing to a String cannot fail.
            let _ = write!(text, "{name}: {value}\r\n");
        }
        let _ = write!(
            text,
            "Content-Type: application/json\r\nContent-Length: {}\r\n\
             Cache-Control: no-store\r\nConnection: close\r\n\r\n",
            body.len()
        );
        if with_body {
            text.push_str(&body);
        }
        text.into_bytes()
    }

    /// How it is counted.
    pub(crate) const fn outcome(self) -> Handshake {
        match self {
            Self::ProxyHeader
            | Self::Malformed
            | Self::AmbiguousHeaders
            | Self::Body
            | Self::Method
            | Self::UpgradeRequired
            | Self::HttpVersion
            | Self::ConnectionHeader
            | Self::WebSocketVersion
            | Self::Key
            | Self::SubprotocolOffer
            | Self::LoneToken
            | Self::Credentials => Handshake::Malformed,
            Self::HeadTooLarge => Handshake::TooLarge,
            Self::Origin | Self::Page => Handshake::Origin,
            Self::NoCredential | Self::Refused(_) => Handshake::Unauthorized,
            Self::Draining => Handshake::Draining,
            Self::Full => Handshake::Full,
            Self::Crowded => Handshake::Crowded,
        }
    }

    fn status(self) -> &'static str {
        match self {
            Self::ProxyHeader
            | Self::Malformed
            | Self::AmbiguousHeaders
            | Self::Body
            | Self::HttpVersion
            | Self::ConnectionHeader
            | Self::Key
            | Self::SubprotocolOffer
            | Self::LoneToken
            | Self::Credentials => "400 Bad Request",
            Self::NoCredential
            | Self::Refused(Class::Invalid | Class::Expired | Class::NotYetValid) => {
                "401 Unauthorized"
            }
            Self::Refused(Class::Forbidden | Class::Revoked) => "403 Forbidden",
            Self::Refused(Class::Unavailable) => "503 Service Unavailable",
            Self::Origin | Self::Page => "403 Forbidden",
            Self::Method => "405 Method Not Allowed",
            Self::UpgradeRequired | Self::WebSocketVersion => "426 Upgrade Required",
            Self::HeadTooLarge => "431 Request Header Fields Too Large",
            Self::Draining | Self::Full | Self::Crowded => "503 Service Unavailable",
        }
    }

    fn headers(self) -> Vec<(&'static str, String)> {
        let upgrade = ("Upgrade", "websocket".to_owned());
        match self {
            Self::Method => vec![("Allow", "GET".to_owned())],
            Self::UpgradeRequired => vec![upgrade],
            Self::WebSocketVersion => {
                vec![upgrade, ("Sec-WebSocket-Version", "13".to_owned())]
            }
            Self::Draining | Self::Full | Self::Crowded | Self::Refused(Class::Unavailable) => {
                vec![("Retry-After", RETRY_AFTER_S.to_string())]
            }
            // RFC 6750 3: who has shown nothing is told no error.
            Self::NoCredential => vec![("WWW-Authenticate", CHALLENGE.to_owned())],
            Self::Refused(Class::Invalid | Class::Expired | Class::NotYetValid) => {
                vec![("WWW-Authenticate", format!("{CHALLENGE}, error=\"invalid_token\""))]
            }
            Self::ProxyHeader
            | Self::Malformed
            | Self::HeadTooLarge
            | Self::AmbiguousHeaders
            | Self::Body
            | Self::HttpVersion
            | Self::ConnectionHeader
            | Self::Key
            | Self::SubprotocolOffer
            | Self::LoneToken
            | Self::Credentials
            | Self::Refused(Class::Forbidden | Class::Revoked)
            | Self::Page
            | Self::Origin => vec![],
        }
    }

    /// The stable code and the words for people. Nothing of the request is repeated: it may
    /// hold a secret.
    pub(crate) fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::ProxyHeader => (
                "bad_proxy_header",
                "The PROXY protocol, version 2, must come first from this address; the server's \
                 log says more.",
            ),
            Self::Malformed => ("bad_request", "This is not an HTTP/1.1 request."),
            Self::HeadTooLarge => {
                ("header_too_large", "The request head is over 8192 bytes or 64 header lines.")
            }
            Self::AmbiguousHeaders => ("bad_handshake", TWICE),
            Self::Body => ("bad_handshake", "A WebSocket handshake has no body."),
            Self::Method => ("method_not_allowed", "The WebSocket endpoint takes GET only."),
            Self::UpgradeRequired => ("upgrade_required", NO_WEBSOCKET),
            Self::HttpVersion => (
                "bad_handshake",
                "A WebSocket handshake needs HTTP/1.1; a proxy between us may speak HTTP/1.0.",
            ),
            Self::ConnectionHeader => (
                "bad_handshake",
                "The header Connection: Upgrade is missing; a proxy between us may drop it.",
            ),
            Self::WebSocketVersion => {
                ("unsupported_websocket_version", "Sec-WebSocket-Version must be 13 (RFC 6455).")
            }
            Self::Key => ("bad_handshake", "Sec-WebSocket-Key must be 16 bytes in base64."),
            Self::SubprotocolOffer => (
                "bad_handshake",
                "Sec-WebSocket-Protocol must be a list of at most 32 different names, separated \
                 by commas.",
            ),
            Self::LoneToken => (
                "bad_handshake",
                "Offer another subprotocol beside the token, such as vestibule.v1: a token is \
                 never echoed.",
            ),
            Self::Origin => ("origin_not_allowed", "Pages of this origin may not connect here."),
            Self::Page => (
                "origin_not_allowed",
                "What browsers send by themselves, a cookie or a password, is taken with the Origin of \
                 an allowed page only.",
            ),
            Self::NoCredential => {
                ("auth_required", "This server takes no connection without a credential.")
            }
            Self::Credentials => (
                "ambiguous_credentials",
                "The handshake carries several credentials that differ: send one.",
            ),
            // The name of the close code that it would be behind the 101.
            Self::Refused(class) => (class.close_code().name(), class.close_code().message()),
            Self::Draining => ("draining", "The server is going away; connect again shortly."),
            Self::Full => ("overloaded", "The server is full; connect again later."),
            Self::Crowded => {
                ("overloaded", "Too many connections wait for their sign-in; connect again later.")
            }
        }
    }
}

/// The body of every refusal on this port.
pub(in crate::server) fn json_body(error: &'static str, message: &'static str) -> String {
    // Two strings always serialise.
    serde_json::to_string(&Body { error, message }).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_refusal_is_a_whole_response() {
        for refusal in Refusal::ALL {
            let bytes = refusal.response();
            let mut headers = [httparse::EMPTY_HEADER; 16];
            let mut response = httparse::Response::new(&mut headers);
            let httparse::Status::Complete(head) = response.parse(&bytes).expect("HTTP") else {
                panic!("{refusal:?} has no end of its head");
            };
            let header = |name: &str| {
                let found = response.headers.iter().find(|h| h.name.eq_ignore_ascii_case(name));
                found.map(|header| str::from_utf8(header.value).expect("text"))
            };
            let body = bytes.get(head..).expect("a body");
            let length = body.len().to_string();
            assert_eq!(header("content-length"), Some(length.as_str()));
            assert_eq!(header("connection"), Some("close"));
            let json: serde_json::Value = serde_json::from_slice(body).expect("JSON");
            assert!(json["error"].is_string() && json["message"].is_string());
            assert_eq!(
                response.code == Some(503),
                header("retry-after").is_some(),
                "{refusal:?}: a 503 says when to come back"
            );
            assert_eq!(refusal.response_to_head(), bytes.get(..head).expect("a head"));
        }
    }
}
