//! The server's side of the WebSocket handshake (RFC 6455 4.2), without IO.

use super::{
    Site,
    refusal::Refusal,
    request::{Head, Target},
};
use crate::{
    credential::{Page, Request, SourceFault, carries_token},
    gate::{forwarded::Finding, refusals::Agent},
    protocol::{
        SUBPROTOCOL,
        credential::Credential,
        room_name::{BadRoomName, RoomName},
    },
};
use base64::{
    Engine,
    alphabet::STANDARD,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use smallvec::SmallVec;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

/// The most subprotocols of one offer.
const OFFERS: usize = 32;
/// Bytes of a decoded `Sec-WebSocket-Key`.
const KEY_BYTES: usize = 16;
/// 16 bytes leave four bits of the last character unused; clients that make up 22 random
/// characters set them, and nothing hangs on it.
const KEY_BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_allow_trailing_bits(true)
        .with_decode_padding_mode(DecodePaddingMode::RequireCanonical),
);

/// A handshake that is accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Upgrade {
    /// What it comes to.
    pub(crate) accepted: Accepted,
    /// Length of the request head, in bytes; what was read behind it belongs to the frames.
    pub(crate) consumed: usize,
    /// Whom it speaks for.
    pub(crate) finding: Finding,
    /// What the client calls itself.
    pub(crate) agent: Option<Agent>,
}

/// What a handshake says that is in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Accepted {
    /// The 101, to be written as it is.
    pub(crate) response: Vec<u8>,
    /// What the client speaks.
    pub(crate) subprotocol: Subprotocol,
    /// The credential that came along.
    pub(crate) credential: Option<Credential<'static>>,
    /// Whether there is no 101 before that is found good.
    pub(crate) verdict_first: bool,
    /// The page that it comes from.
    pub(crate) origin: Option<Box<str>>,
    /// The room that it is for.
    pub(crate) room: Option<Box<Result<RoomName, BadRoomName>>>,
}

/// What came of the client's offer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Subprotocol {
    /// Nothing was offered: v1.
    None,
    /// `vestibule.v1`.
    V1,
    /// Something else. The first offer is echoed, so that a browser lives to read the 4406.
    Unknown,
}

/// Judges a request to the endpoint and makes the response that accepts it.
pub(super) fn judge(head: &Head<'_>, target: Target<'_>, site: &Site) -> Result<Accepted, Refusal> {
    upgradable(head)?;
    if head.one("sec-websocket-version")? != Some(b"13") {
        return Err(Refusal::WebSocketVersion);
    }
    let key = key(head)?;
    let (subprotocol, echo) = subprotocol(head)?;
    let origin = head.one("origin")?;
    if !origin.is_none_or(|origin| site.admits(origin)) {
        return Err(Refusal::Origin);
    }
    if site.is_draining() {
        return Err(Refusal::Draining);
    }
    let Target { room, query } = target;
    Ok(Accepted {
        response: accept(key, echo),
        subprotocol,
        credential: credential(head, query, site.page(origin), site)?,
        verdict_first: site.sources.required(),
        origin: origin.and_then(|origin| str::from_utf8(origin).ok()).map(Into::into),
        room: room.map(Box::new),
    })
}

/// What the sources find that are read.
fn credential(
    head: &Head<'_>,
    query: Option<&str>,
    page: Page,
    site: &Site,
) -> Result<Option<Credential<'static>>, Refusal> {
    if site.sources.is_empty() {
        return Ok(None);
    }
    site.sources.read(&Request::new(query, page, head.lines())).map_err(|fault| match fault {
        SourceFault::Missing => Refusal::NoCredential,
        SourceFault::Several => Refusal::Credentials,
        SourceFault::Page => Refusal::Page,
    })
}

/// Whether this is a request to switch to WebSocket that only one reading of HTTP allows.
fn upgradable(head: &Head<'_>) -> Result<(), Refusal> {
    let has_body = head.all("transfer-encoding").next().is_some()
        || head.one("content-length")?.is_some_and(|length| length != b"0");
    let asks = head.lists("upgrade", "websocket");
    match head.method {
        "GET" if has_body => Err(Refusal::Body),
        "GET" | "HEAD" if !asks => Err(Refusal::UpgradeRequired),
        "GET" if head.minor == 0 => Err(Refusal::HttpVersion),
        "GET" => {
            head.one("upgrade")?;
            head.one("host")?.ok_or(Refusal::AmbiguousHeaders)?;
            let connects = head.lists("connection", "upgrade");
            if connects { Ok(()) } else { Err(Refusal::ConnectionHeader) }
        }
        _ => Err(Refusal::Method),
    }
}

fn key<'a>(head: &Head<'a>) -> Result<&'a [u8], Refusal> {
    let key = head.one("sec-websocket-key")?.ok_or(Refusal::Key)?;
    // The output is larger than a key, so that a longer one is told by its length.
    let mut decoded = [0; 2 * KEY_BYTES];
    match KEY_BASE64.decode_slice(key, &mut decoded) {
        Ok(KEY_BYTES) => Ok(key),
        Ok(_) | Err(_) => Err(Refusal::Key),
    }
}

/// The verdict on the offers of all header lines, and the one to echo.
fn subprotocol<'a>(head: &Head<'a>) -> Result<(Subprotocol, Option<&'a [u8]>), Refusal> {
    let mut offers: SmallVec<[&[u8]; 4]> = SmallVec::new();
    let lines = head.all("sec-websocket-protocol");
    for offer in lines.flat_map(|line| line.split(|byte| *byte == b',')) {
        let offer = offer.trim_ascii();
        if !is_token(offer) || offers.contains(&offer) || offers.len() == OFFERS {
            return Err(Refusal::SubprotocolOffer);
        }
        offers.push(offer);
    }
    let all = offers.len();
    offers.retain(|offer| !carries_token(offer));
    if offers.is_empty() && all > 0 {
        return Err(Refusal::LoneToken);
    }
    let ours = offers.iter().find(|offer| **offer == SUBPROTOCOL.as_bytes());
    Ok(match (ours, offers.first()) {
        (Some(ours), _) => (Subprotocol::V1, Some(*ours)),
        (None, Some(first)) => (Subprotocol::Unknown, Some(*first)),
        (None, None) => (Subprotocol::None, None),
    })
}

/// Whether this is a token of HTTP (RFC 9110 5.6.2).
fn is_token(word: &[u8]) -> bool {
    !word.is_empty()
        && word.iter().all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(byte))
}

/// The 101. No extension is ever accepted: compression beside a secret leaks it.
fn accept(key: &[u8], subprotocol: Option<&[u8]>) -> Vec<u8> {
    let mut response = format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Accept: {}\r\n",
        derive_accept_key(key)
    )
    .into_bytes();
    if let Some(name) = subprotocol {
        response.extend_from_slice(b"Sec-WebSocket-Protocol: ");
        response.extend_from_slice(name);
        response.extend_from_slice(b"\r\n");
    }
    response.extend_from_slice(b"\r\n");
    response
}

#[cfg(test)]
mod tests;
