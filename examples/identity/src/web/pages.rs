//! The pages: one to sign in, one to be inside.

use super::{Shared, guard::cookie};
use crate::{error::Error, secret::random_text};
use axum::{
    extract::{Path, State},
    http::{HeaderMap, HeaderName, StatusCode, header},
    response::{Html, IntoResponse, Redirect, Response},
};
use std::sync::Arc;

/// Scripts, by name. They run because a page names them beside its nonce.
const SCRIPTS: [(&str, &str); 3] = [
    ("start.js", include_str!("../../pages/start.js")),
    ("app.js", include_str!("../../pages/app.js")),
    ("socket.js", include_str!("../../pages/socket.js")),
];

/// `GET /`
pub(super) async fn start() -> Result<Response, Error> {
    page(include_str!("../../pages/start.html"), &[])
}

/// `GET /app`: with a fresh ticket in it. It changes nothing for whoever makes a browser open it,
/// and only this origin can read it. Without a ticket the page asks for one by itself.
pub(super) async fn app(
    State(shared): State<Arc<Shared>>,
    headers: HeaderMap,
) -> Result<Response, Error> {
    let Some(cookie) = cookie(&headers) else { return Ok(Redirect::to("/").into_response()) };
    let visit = match shared.call(move |service| service.visit(&cookie)).await {
        Err(Error::SignIn) => return Ok(Redirect::to("/").into_response()),
        visit => visit?,
    };
    let ticket = shared.ticket(&visit).await;
    let ticket = ticket.inspect_err(|why| tracing::error!("{why}")).ok();
    let ticket = ticket.as_ref().map_or("", |ticket| ticket.ticket.reveal());
    // Names and tickets consist of characters that mean nothing in HTML.
    let fields = [("{{user}}", visit.user.as_str()), ("{{ticket}}", ticket)];
    page(include_str!("../../pages/app.html"), &fields)
}

/// `GET /style.css`
pub(super) async fn style() -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "text/css; charset=utf-8")], include_str!("../../pages/style.css"))
}

/// `GET /….js`
pub(super) async fn script(Path(name): Path<String>) -> Response {
    let found = SCRIPTS.iter().find(|(known, _)| *known == name);
    found.map_or(StatusCode::NOT_FOUND.into_response(), |(_, text)| {
        ([(header::CONTENT_TYPE, "text/javascript; charset=utf-8")], *text).into_response()
    })
}

/// A page that runs what carries its nonce, and nothing else.
fn page(template: &str, fields: &[(&str, &str)]) -> Result<Response, Error> {
    let nonce = random_text::<16>()?;
    let policy = format!(
        "default-src 'none'; script-src 'nonce-{nonce}'; style-src 'nonce-{nonce}'; \
         img-src data:; connect-src 'self'; form-action 'none'; base-uri 'none'; \
         frame-ancestors 'none'"
    );
    let filled =
        fields.iter().fold(template.replace("{{nonce}}", &nonce), |text, (name, value)| {
            text.replace(name, value)
        });
    let headers = [
        (header::CONTENT_SECURITY_POLICY, policy.as_str()),
        (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    ];
    Ok((headers, Html(filled)).into_response())
}
