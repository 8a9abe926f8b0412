//! A small client for two things over HTTPS: a bounded GET of a document, a bounded POST of a
//! question.
//!
//! No redirects, no proxies from the environment, no cookies, no compression, no connection that
//! is kept: what is configured is asked, nothing else.

mod address;
mod caching;
mod connect;
mod fault;
mod trust;

pub use address::{ADDRESS_BYTES, Address, AddressFault};
pub use caching::Caching;
#[cfg(feature = "sql")]
pub(crate) use connect::encrypt;
pub use fault::{FetchError, FetchFault, Phase};
pub use trust::{CA_FILE_BYTES, FileFault, Trust, TrustFault};

use bytes::{Bytes, BytesMut};
use connect::Stream;
use http_body_util::{BodyExt, Full};
use hyper::{
    Request, Response, body::Incoming, client::conn::http1, header, http::request::Builder,
};
use hyper_util::rt::TokioIo;
use std::{future, time::Duration};
use tokio::time::{Instant, timeout_at};

/// The longest head of an answer, in bytes.
pub const HEAD_BYTES: usize = 16_384;
/// The most header lines of an answer.
const HEAD_LINES: usize = 100;

/// How much a fetch may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// For the whole, from the question for addresses to the last byte, in milliseconds.
    pub deadline_ms: u64,
    /// The longest body, in bytes.
    pub body_bytes: usize,
}

impl Default for Limits {
    /// 5 s and 256 KiB.
    fn default() -> Self {
        Self { deadline_ms: 5_000, body_bytes: 262_144 }
    }
}

/// What was fetched.
#[derive(Clone, PartialEq, Eq)]
pub struct Answer {
    /// The body, as it was sent.
    pub body: Bytes,
    /// How long it may be kept.
    pub caching: Caching,
}

impl std::fmt::Debug for Answer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Answer").field("caching", &self.caching).finish_non_exhaustive()
    }
}

/// Asks `address` once and returns what it answers with status 200. Dropping the future drops the
/// connection.
///
/// # Errors
/// [`FetchError`], which names the host and says what went wrong.
pub async fn get(address: &Address, trust: &Trust, limits: Limits) -> Result<Answer, FetchError> {
    let request = Request::get(address.target())
        .header(header::ACCEPT, "application/json, application/jwk-set+json");
    fetch(Fetch::new(address, trust, limits), request, Bytes::new()).await
}

/// A question in JSON, and the key that opens whoever answers it.
#[derive(Clone)]
pub struct Question {
    /// The JSON.
    pub json: Bytes,
    /// `Authorization`, if one is asked for: see [`bearer`].
    pub authorization: Option<header::HeaderValue>,
}

impl std::fmt::Debug for Question {
    /// Shows nothing: the question may be a password.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Question").finish_non_exhaustive()
    }
}

/// The value of `Authorization` for a key; `None` if it does not fit into a header. It is not
/// printed.
pub fn bearer(key: &[u8]) -> Option<header::HeaderValue> {
    let mut value = header::HeaderValue::from_bytes(&[b"Bearer ", key].concat()).ok()?;
    value.set_sensitive(true);
    Some(value)
}

/// Puts `question` to `address` once and returns what it answers with status 200. Dropping the
/// future drops the connection.
///
/// # Errors
/// [`FetchError`], which names the host and says what went wrong.
pub async fn post(
    address: &Address,
    trust: &Trust,
    limits: Limits,
    question: Question,
) -> Result<Answer, FetchError> {
    let mut request = Request::post(address.target())
        .header(header::ACCEPT, "application/json")
        .header(header::CONTENT_TYPE, "application/json");
    if let Some(value) = question.authorization {
        request = request.header(header::AUTHORIZATION, value);
    }
    fetch(Fetch::new(address, trust, limits), request, question.json).await
}

async fn fetch(fetch: Fetch<'_>, request: Builder, body: Bytes) -> Result<Answer, FetchError> {
    fetch.run(request, body).await.map_err(|fault| FetchError::new(fetch.address, fault))
}

/// One fetch and its deadline.
struct Fetch<'a> {
    address: &'a Address,
    trust: &'a Trust,
    limits: Limits,
    deadline: Instant,
}

impl<'a> Fetch<'a> {
    fn new(address: &'a Address, trust: &'a Trust, limits: Limits) -> Self {
        let deadline = Instant::now() + Duration::from_millis(limits.deadline_ms);
        Self { address, trust, limits, deadline }
    }

    async fn run(&self, request: Builder, body: Bytes) -> Result<Answer, FetchFault> {
        let stream = connect::connect(self.address, self.trust, self.deadline).await?;
        let greeted = self.within(Phase::Head, self.greet(stream)).await?;
        let (mut sender, connection) = greeted?;
        let request = request
            .header(header::HOST, self.address.authority())
            .header(header::ACCEPT_ENCODING, "identity")
            .header(header::USER_AGENT, concat!("vestibule/", env!("CARGO_PKG_VERSION")))
            .header(header::CONNECTION, "close")
            .body(Full::new(body))
            .map_err(|why| FetchFault::Http(Phase::Head, why.to_string().into()))?;
        let exchange = async {
            let response = self.within(Phase::Head, sender.send_request(request)).await?;
            let response = response.map_err(|why| http(Phase::Head, &why))?;
            self.judge(&response)?;
            let caching = Caching::read(response.headers());
            let body = self.within(Phase::Body, self.body(response.into_body())).await??;
            Ok(Answer { body, caching })
        };
        // The connection has to be driven, and its end says nothing that the exchange does not.
        let driver = async {
            let _ = connection.await;
            future::pending().await
        };
        tokio::select! {
            biased;
            result = exchange => result,
            never = driver => never,
        }
    }

    async fn greet(&self, stream: Stream) -> Result<Conversation, FetchFault> {
        let io = TokioIo::new(stream);
        http1::Builder::new()
            .max_buf_size(HEAD_BYTES)
            .max_headers(HEAD_LINES)
            .handshake(io)
            .await
            .map_err(|why| http(Phase::Head, &why))
    }

    /// The head decides whether the body is read at all.
    fn judge(&self, response: &Response<Incoming>) -> Result<(), FetchFault> {
        let status = response.status();
        if status.is_redirection() {
            return Err(FetchFault::Redirect(status.as_u16()));
        }
        if status != hyper::StatusCode::OK {
            return Err(FetchFault::Status(status.as_u16()));
        }
        let headers = response.headers();
        let mut encodings = headers.get_all(header::CONTENT_ENCODING).iter();
        if encodings.any(|it| !it.as_bytes().eq_ignore_ascii_case(b"identity")) {
            return Err(FetchFault::Compressed);
        }
        Ok(())
    }

    async fn body(&self, mut body: Incoming) -> Result<Bytes, FetchFault> {
        let limit = self.limits.body_bytes;
        let announced = hyper::body::Body::size_hint(&body).lower();
        if announced > limit as u64 {
            return Err(FetchFault::BodySize { limit });
        }
        let mut bytes = BytesMut::new();
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|why| http(Phase::Body, &why))?;
            let Ok(data) = frame.into_data() else { continue };
            if bytes.len() + data.len() > limit {
                return Err(FetchFault::BodySize { limit });
            }
            bytes.extend_from_slice(&data);
        }
        Ok(bytes.freeze())
    }

    async fn within<T>(
        &self,
        phase: Phase,
        step: impl Future<Output = T>,
    ) -> Result<T, FetchFault> {
        timeout_at(self.deadline, step).await.map_err(|_| FetchFault::Late(phase))
    }
}

type Conversation =
    (http1::SendRequest<Full<Bytes>>, http1::Connection<TokioIo<Stream>, Full<Bytes>>);

fn http(phase: Phase, why: &hyper::Error) -> FetchFault {
    if why.is_parse_too_large() {
        return FetchFault::HeadSize { limit: HEAD_BYTES };
    }
    FetchFault::Http(phase, why.to_string().into())
}

#[cfg(test)]
mod tests;
