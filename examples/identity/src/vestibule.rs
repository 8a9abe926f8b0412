//! The way to Vestibule: a token there, a ticket back.

use crate::{error::Error, secret::Secret};
use axum::{
    body::Bytes,
    http::{Method, Request, Uri, header},
};
use http_body_util::{BodyExt, Full, Limited};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use serde::Deserialize;
use serde_json::json;
use std::time::Duration;
use tokio::time::timeout;

/// How long a ticket may take.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long an answer may be, in bytes.
const ANSWER: usize = 4_096;

/// Where tickets come from: over loopback or a network of one's own, for tokens travel there.
pub struct Vestibule {
    client: Client<HttpConnector, Full<Bytes>>,
    uri: Uri,
}

/// What opens a socket once, within a minute.
#[derive(Debug, Deserialize)]
pub struct Ticket {
    /// What the page sends as its first message.
    pub ticket: Secret,
    /// How long it is good, in milliseconds.
    pub expires_in_ms: u64,
}

impl Vestibule {
    /// `base` is `http://HOST:PORT`.
    pub fn at(base: &str) -> Result<Self, Error> {
        let uri = format!("{}/ticket", base.trim_end_matches('/')).parse::<Uri>().ok();
        let uri = uri.filter(|uri| uri.scheme_str() == Some("http"));
        let uri = uri.ok_or(Error::BadRequest("--vestibule must be http://HOST:PORT"))?;
        Ok(Self { client: Client::builder(TokioExecutor::new()).build_http(), uri })
    }

    /// Exchanges `token` for a ticket that pages of `origin` can spend, and nobody else.
    pub async fn ticket(&self, token: &Secret, origin: &str) -> Result<Ticket, Error> {
        let ticket = timeout(PATIENCE, self.ask(token, origin)).await;
        ticket.unwrap_or_else(|_| Err("no answer in time".to_owned())).map_err(Error::NoTicket)
    }

    async fn ask(&self, token: &Secret, origin: &str) -> Result<Ticket, String> {
        let body = json!({ "origin": origin }).to_string();
        let request = Request::builder()
            .method(Method::POST)
            .uri(&self.uri)
            .header(header::AUTHORIZATION, format!("Bearer {}", token.reveal()))
            .header(header::CONTENT_TYPE, "application/json")
            .body(Full::from(body))
            .map_err(|why| why.to_string())?;
        let answer = self.client.request(request).await.map_err(|why| why.to_string())?;
        if !answer.status().is_success() {
            return Err(format!("it answers {}", answer.status()));
        }
        let body = Limited::new(answer.into_body(), ANSWER).collect().await;
        let body = body.map_err(|why| why.to_string())?.to_bytes();
        let ticket: Ticket = serde_json::from_slice(&body).map_err(|_| "that is no ticket")?;
        // It goes into a page as it is.
        let plain = |c: char| c.is_ascii_alphanumeric() || "_-".contains(c);
        if ticket.ticket.reveal().chars().all(plain) {
            Ok(ticket)
        } else {
            Err("odd ticket".into())
        }
    }
}
