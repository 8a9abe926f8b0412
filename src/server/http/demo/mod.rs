//! The page that shows the protocol at work: its files, its options and, in `dev`, its tokens.

mod tokens;

use super::plain::{json, page, refuse_method};
use bytes::Bytes;
use http_body_util::Full;
use hyper::{
    Method, Request, Response, StatusCode,
    body::Body,
    header::{
        CACHE_CONTROL, CONTENT_SECURITY_POLICY, ETAG, HeaderName, HeaderValue, IF_NONE_MATCH,
        REFERRER_POLICY,
    },
};
use serde::Serialize;
use std::{
    error::Error,
    fmt,
    hash::{DefaultHasher, Hasher},
    net::SocketAddr,
    sync::Arc,
};

/// The page that shows the protocol, and where its tokens come from.
#[derive(Clone, Default)]
pub enum Demo {
    /// There is none.
    #[default]
    Off,
    /// Whoever opens the page brings a token.
    Page,
    /// The page is given tokens for any user: for trying things on one's own machine. A server
    /// that listens on more than loopback takes this as [`Demo::Page`].
    PageWithTokens(Arc<dyn DemoTokens>),
}

/// Signs tokens for whoever opens the page.
pub trait DemoTokens: Send + Sync {
    /// A token for `user` that ends in `expires_in_ms`; a negative number means that it ended so
    /// long ago. `None` if it cannot be signed.
    fn token(&self, user: &str, expires_in_ms: i64) -> Option<String>;
}

impl Demo {
    /// What is left of it for a server that listens on `addr`.
    pub(crate) fn on(self, addr: SocketAddr) -> Self {
        match self {
            Self::PageWithTokens(_) if !addr.ip().is_loopback() => {
                tracing::warn!(%addr, "not on loopback: the page asks for a token and gives none");
                Self::Page
            }
            Self::Off | Self::Page | Self::PageWithTokens(_) => self,
        }
    }
}

impl fmt::Debug for Demo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Off => "Off",
            Self::Page => "Page",
            Self::PageWithTokens(_) => "PageWithTokens",
        })
    }
}

/// One file of the page.
pub(super) struct Asset {
    path: &'static str,
    content_type: &'static str,
    body: &'static str,
}

/// A row of [`ASSETS`]: a file beside this one.
macro_rules! asset {
    ($path:literal, $file:literal, $type:literal) => {
        Asset { path: $path, content_type: $type, body: include_str!($file) }
    };
}

const ASSETS: &[Asset] = &[
    asset!("/", "page.html", "text/html; charset=utf-8"),
    asset!("/demo/style.css", "style.css", "text/css; charset=utf-8"),
    asset!("/demo/icon.svg", "icon.svg", "image/svg+xml"),
    asset!("/demo/theme.js", "theme.js", "text/javascript; charset=utf-8"),
    asset!("/demo/app.js", "app.js", "text/javascript; charset=utf-8"),
    asset!("/demo/client.js", "client.js", "text/javascript; charset=utf-8"),
    asset!("/demo/codes.js", "codes.js", "text/javascript; charset=utf-8"),
    asset!("/demo/conversation.js", "conversation.js", "text/javascript; charset=utf-8"),
    asset!("/demo/follow.js", "follow.js", "text/javascript; charset=utf-8"),
    asset!("/demo/knock.js", "knock.js", "text/javascript; charset=utf-8"),
    asset!("/demo/meanings.js", "meanings.js", "text/javascript; charset=utf-8"),
    asset!("/demo/tokens.js", "tokens.js", "text/javascript; charset=utf-8"),
    asset!("/demo/verdict.js", "verdict.js", "text/javascript; charset=utf-8"),
    asset!("/demo/wire.js", "wire.js", "text/javascript; charset=utf-8"),
];

/// Everything from here, nothing inline, no frame around it. `'self'` covers `ws:` of the same
/// host and port.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; \
                      connect-src 'self'; base-uri 'none'; form-action 'none'; \
                      frame-ancestors 'none'";

/// What the page must know about its server.
#[derive(Clone, Copy, Serialize)]
pub(super) struct Options {
    /// Whether `/demo/token` gives tokens.
    tokens: bool,
    /// From the 101 to the verdict, in milliseconds.
    deadline_ms: u64,
}

/// The demo as a site serves it.
#[derive(Debug, Default)]
pub(super) struct Stage {
    demo: Demo,
    deadline_ms: u64,
}

impl Stage {
    pub(super) fn new(demo: Demo, deadline_ms: u64) -> Self {
        Self { demo, deadline_ms }
    }

    /// What the demo has at this path.
    pub(super) fn route(&self, path: &str) -> Option<Route> {
        let desk = match &self.demo {
            Demo::Off => return None,
            Demo::Page => None,
            Demo::PageWithTokens(desk) => Some(desk),
        };
        match path {
            "/demo/options.json" => Some(Route::Options(Options {
                tokens: desk.is_some(),
                deadline_ms: self.deadline_ms,
            })),
            "/demo/token" => desk.cloned().map(Route::Token),
            _ => ASSETS.iter().find(|asset| asset.path == path).map(Route::Asset),
        }
    }
}

/// Something of the demo.
pub(super) enum Route {
    Asset(&'static Asset),
    Options(Options),
    Token(Arc<dyn DemoTokens>),
}

impl Route {
    /// Answers the request that led here.
    pub(super) async fn respond<B>(self, request: Request<B>) -> Response<Full<Bytes>>
    where
        B: Body<Data = Bytes>,
        B::Error: Into<Box<dyn Error + Send + Sync>>,
    {
        let reads = [Method::GET, Method::HEAD].contains(request.method());
        match self {
            Self::Token(desk) => tokens::respond(&*desk, request).await,
            Self::Asset(_) | Self::Options(_) if !reads => refuse_method("GET, HEAD"),
            Self::Asset(asset) => asset.respond(request.headers().get(IF_NONE_MATCH)),
            // Two plain values always serialise.
            Self::Options(options) => {
                json(StatusCode::OK, serde_json::to_vec(&options).unwrap_or_default())
            }
        }
    }
}

impl Asset {
    fn respond(&self, known: Option<&HeaderValue>) -> Response<Full<Bytes>> {
        let tag = self.tag();
        let fresh = known.and_then(|known| known.to_str().ok()).is_some_and(|known| {
            known.split(',').any(|one| one.trim().trim_start_matches("W/") == tag)
        });
        let mut response = if fresh {
            page(StatusCode::NOT_MODIFIED, self.content_type, Bytes::new())
        } else {
            page(StatusCode::OK, self.content_type, Bytes::from_static(self.body.as_bytes()))
        };
        let headers = response.headers_mut();
        for (name, value) in [
            (CONTENT_SECURITY_POLICY, POLICY),
            (REFERRER_POLICY, "no-referrer"),
            (CACHE_CONTROL, "no-cache"),
            (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
            (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
        ] {
            headers.insert(name, HeaderValue::from_static(value));
        }
        if let Ok(tag) = HeaderValue::try_from(tag) {
            headers.insert(ETAG, tag);
        }
        response
    }

    /// The entity tag: a hash of the content, so that a new build is noticed.
    fn tag(&self) -> String {
        let mut hasher = DefaultHasher::new();
        hasher.write(self.body.as_bytes());
        format!("\"{:016x}\"", hasher.finish())
    }
}

#[cfg(test)]
mod tests;
