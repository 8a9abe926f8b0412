//! `Authorization: Bearer <token>` (RFC 6750 2.1): for clients that can set headers.

use super::{Needs, Pages, Reading, Request, Source, header::credentials};
use crate::protocol::{client_message::Token, credential::Credential};

pub(super) const ROW: Source = Source {
    name: "authorization",
    key: "auth.sources.authorization",
    meaning: "The header `Authorization: Bearer`, with a JWT or a ticket. Browsers cannot set it.",
    weakness: None,
    pages: Pages::Any,
    needs: Needs::Issuers,
    detail: None,
    read,
};

fn read(request: &Request<'_>, _: &str) -> Reading {
    Reading::one_of(credentials(request, "Bearer").map(token))
}

/// What is no text cannot be a token: what stands in its place is refused as one.
fn token(bytes: &[u8]) -> Credential<'static> {
    Credential::Token(Token::new(String::from_utf8_lossy(bytes).into_owned()))
}
