//! A cookie (RFC 6265 5.4): sent by the browser, whichever page opens the socket.

use super::{Detail, Needs, Pages, Reading, Request, Source};
use crate::protocol::{
    client_message::Token,
    credential::{Credential, Unreadable},
};

pub(super) const ROW: Source = Source {
    name: "cookie",
    key: "auth.sources.cookie",
    meaning: "A cookie with a JWT or a ticket. Only pages of `gate.origins` are let in with it, \
              and there must be some.",
    weakness: Some(
        "a browser sends it whichever page opens the socket: only the list of origins stands \
         between a foreign page and the user's session",
    ),
    pages: Pages::Listed,
    needs: Needs::Issuers,
    detail: Some(Detail {
        key: "auth.sources.cookie_name",
        unset: "vestibule_token",
        taken: None,
        meaning: "The name of that cookie.",
    }),
    read,
};

fn read(request: &Request<'_>, name: &str) -> Reading {
    let pairs = request.all("cookie").flat_map(|line| line.split(|byte| *byte == b';'));
    let values = pairs.filter_map(|pair| {
        let at = pair.iter().position(|byte| *byte == b'=')?;
        let (known, value) = pair.split_at_checked(at)?;
        (known.trim_ascii() == name.as_bytes()).then(|| value.get(1..).unwrap_or_default())
    });
    Reading::one_of(values.map(|value| match str::from_utf8(unquoted(value.trim_ascii())) {
        Ok(token) => Credential::Token(Token::new(token.to_owned())),
        Err(_) => Credential::Unreadable(Unreadable::Utf8),
    }))
}

/// RFC 6265 4.1.1 lets a value stand in quotes.
fn unquoted(value: &[u8]) -> &[u8] {
    value.strip_prefix(b"\"").and_then(|rest| rest.strip_suffix(b"\"")).unwrap_or(value)
}
