//! `Authorization: Bearer <token>` (RFC 6750 2.1): for clients that can set headers.

use super::{Needs, Pages, Reading, Request, Source, header::credentials};
use crate::protocol::{
    client_message::Token,
    credential::{Credential, Unreadable},
};

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

fn token(bytes: &[u8]) -> Credential<'static> {
    match str::from_utf8(bytes) {
        Ok(token) => Credential::Token(Token::new(token.to_owned())),
        Err(_) => Credential::Unreadable(Unreadable::Utf8),
    }
}
