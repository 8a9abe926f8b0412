//! A subprotocol that is a token: the one header that a script in a browser can choose.

use super::{Needs, Pages, Reading, Request, Source, base64};
use crate::protocol::{
    client_message::Token,
    credential::{Credential, Unreadable},
};
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// What stands before the token, in base64url without padding.
const PREFIX: &[u8] = b"base64url.bearer.authorization.vestibule.";

pub(super) const ROW: Source = Source {
    name: "subprotocol",
    key: "auth.sources.subprotocol",
    meaning: "A subprotocol `base64url.bearer.authorization.vestibule.` with a JWT or a ticket in \
              base64url behind it, offered beside another one, which is the one that is echoed.",
    weakness: Some("`Sec-WebSocket-Protocol` is a header that proxies and tools write to logs"),
    pages: Pages::Any,
    needs: Needs::Issuers,
    detail: None,
    read,
};

fn read(request: &Request<'_>, _: &str) -> Reading {
    let lines = request.all("sec-websocket-protocol");
    let offers = lines.flat_map(|line| line.split(|byte| *byte == b','));
    let tokens = offers.filter_map(|offer| offer.trim_ascii().strip_prefix(PREFIX));
    Reading::one_of(tokens.map(|encoded| match decode(encoded) {
        Ok(token) => Credential::Token(Token::new(token)),
        Err(fault) => Credential::Unreadable(fault),
    }))
}

fn decode(encoded: &[u8]) -> Result<String, Unreadable> {
    let bytes = base64(&URL_SAFE_NO_PAD, encoded)?;
    str::from_utf8(&bytes).map(str::to_owned).map_err(|_| Unreadable::Utf8)
}

/// Whether this offer carries a token: it is never echoed, nor an offer of a protocol, whether the
/// source is on or off.
pub fn carries_token(offer: &[u8]) -> bool {
    offer.starts_with(PREFIX)
}
