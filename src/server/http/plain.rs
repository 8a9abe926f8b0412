//! The routes for people and probes, served one request a connection.

use super::{
    RETRY_AFTER_S, Site,
    refusal::json_body,
    request::{HEAD_BYTES, HEADER_LINES},
    tickets,
};
use bytes::Bytes;
use http_body_util::Full;
use hyper::{
    Method, Request, Response, StatusCode,
    body::Incoming,
    header::{
        ALLOW, CACHE_CONTROL, CONTENT_TYPE, HeaderValue, RETRY_AFTER, X_CONTENT_TYPE_OPTIONS,
    },
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::TokioIo;
use std::{
    convert::Infallible,
    io,
    net::IpAddr,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// The specification that this server speaks.
const SPECIFICATION: &str = include_str!("../../../protocol.md");
/// What a person sees who opens the server in a browser.
const WELCOME: &str = "\
This is Vestibule, a realtime room server.

/ws           WebSocket endpoint; the first message is {\"type\":\"auth\",\"payload\":\"<JWT>\"}
/protocol.md  the protocol, in full
/healthz      200 while the process lives
/readyz       200 while sessions can be opened
";

/// Serves the one request of `peer` that begins with `head`, the bytes already read, and closes.
/// How long that may take is the caller's to bound.
///
/// # Errors
/// The request cannot be read or the response not be written.
pub(crate) async fn serve_plain<S>(
    io: S,
    head: Vec<u8>,
    site: Arc<Site>,
    peer: IpAddr,
) -> hyper::Result<()>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let service = service_fn(|request: Request<Incoming>| async {
        let path = request.uri().path();
        let desk = site.open_desk().filter(|_| path == tickets::PATH);
        let response = match (desk, site.stage.route(path)) {
            (Some(desk), _) => tickets::respond(desk, &site, request, peer).await,
            (None, Some(route)) => route.respond(request).await,
            (None, None) => respond(request.method(), path, &site),
        };
        Ok::<_, Infallible>(response)
    });
    http1::Builder::new()
        .keep_alive(false)
        .half_close(true)
        .max_headers(HEADER_LINES)
        .max_buf_size(HEAD_BYTES)
        .serve_connection(TokioIo::new(Rewind { head: Bytes::from(head), io }), service)
        .await
}

fn respond(method: &Method, path: &str, site: &Site) -> Response<Full<Bytes>> {
    let page: fn(&Site) -> Response<Full<Bytes>> = match path {
        "/" => |_| text("text/plain; charset=utf-8", WELCOME),
        "/healthz" => |_| text("text/plain; charset=utf-8", "ok"),
        "/readyz" => readiness,
        "/protocol.md" => |_| text("text/markdown; charset=utf-8", SPECIFICATION),
        _ => |_| {
            let message = "There is nothing here. The WebSocket endpoint is /ws.";
            refuse(StatusCode::NOT_FOUND, "not_found", message)
        },
    };
    let response = page(site);
    let is_page = response.status() != StatusCode::NOT_FOUND;
    if is_page && method != Method::GET && method != Method::HEAD {
        return refuse_method("GET, HEAD");
    }
    response
}

fn readiness(site: &Site) -> Response<Full<Bytes>> {
    if site.is_ready() {
        return text("text/plain; charset=utf-8", "ok");
    }
    let message = "No session can be opened now.";
    let mut response = refuse(StatusCode::SERVICE_UNAVAILABLE, "not_ready", message);
    response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(RETRY_AFTER_S));
    response
}

fn text(content_type: &'static str, body: &'static str) -> Response<Full<Bytes>> {
    page(StatusCode::OK, content_type, Bytes::from_static(body.as_bytes()))
}

/// The refusal of a method; `allowed` are the ones that are not.
pub(super) fn refuse_method(allowed: &'static str) -> Response<Full<Bytes>> {
    let message = "This page does not take this method; the header Allow names those that it does.";
    let mut response = refuse(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", message);
    response.headers_mut().insert(ALLOW, HeaderValue::from_static(allowed));
    response
}

pub(super) fn refuse(
    status: StatusCode,
    error: &'static str,
    message: &'static str,
) -> Response<Full<Bytes>> {
    json(status, json_body(error, message).into_bytes())
}

pub(super) fn json(status: StatusCode, body: Vec<u8>) -> Response<Full<Bytes>> {
    page(status, "application/json", body.into())
}

/// A whole response that is not kept by anybody and taken for what it says it is.
pub(in crate::server) fn page(
    status: StatusCode,
    content_type: &'static str,
    body: Bytes,
) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(body));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

/// A stream with bytes put back in front.
struct Rewind<S> {
    head: Bytes,
    io: S,
}

impl<S: AsyncRead + Unpin> AsyncRead for Rewind<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.head.is_empty() {
            return Pin::new(&mut this.io).poll_read(context, into);
        }
        let taken = this.head.split_to(this.head.len().min(into.remaining()));
        into.put_slice(&taken);
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Rewind<S> {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().io).poll_write(context, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().io).poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().io).poll_shutdown(context)
    }
}

#[cfg(test)]
pub(super) mod tests;
