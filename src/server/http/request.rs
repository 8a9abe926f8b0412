//! Judges the bytes of a request head: not whole, a handshake, something plain, or a refusal.

use super::{
    ENDPOINT, Site,
    refusal::Refusal,
    upgrade::{self, Upgrade},
};
use crate::{
    gate::{forwarded, refusals::Agent},
    protocol::{
        room_name::{BadRoomName, RoomName},
        room_path::room_of,
    },
};
use httparse::{Error, Header, Request, Status};
use percent_encoding::percent_decode_str;
use std::{borrow::Cow, mem::MaybeUninit, net::IpAddr};

/// The longest request head, in bytes; over it 431.
pub(crate) const HEAD_BYTES: usize = 8 * 1024;
/// The most header lines; over it 431.
pub(in crate::server) const HEADER_LINES: usize = 64;

/// What the bytes read so far amount to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Reception {
    /// The head is not complete: read on.
    NeedMore,
    /// A handshake that is accepted once its response is written.
    Upgrade(Box<Upgrade>),
    /// Write this response and close.
    Refuse {
        /// Why.
        why: Refusal,
        /// Complete.
        response: Vec<u8>,
        /// What the client calls itself, where the head could be read.
        agent: Option<Agent>,
        /// Whom it speaks for, where the head could be read.
        client: Option<IpAddr>,
    },
    /// Any other request; the plain server gets the bytes.
    Plain,
}

/// Judges the bytes received from `peer` so far, from the first of the connection on. The answer
/// does not depend on how they were split: a caller may read past the head.
pub(crate) fn receive(head: &[u8], site: &Site, peer: IpAddr) -> Reception {
    let mut lines = [const { MaybeUninit::uninit() }; HEADER_LINES];
    let mut request = Request::new(&mut []);
    let consumed = match request.parse_with_uninit_headers(head, &mut lines) {
        Ok(Status::Complete(consumed)) if consumed <= HEAD_BYTES => consumed,
        Ok(Status::Partial) if head.len() < HEAD_BYTES => return Reception::NeedMore,
        Ok(_) | Err(Error::TooManyHeaders) => {
            return refuse(Refusal::HeadTooLarge);
        }
        Err(_) => return refuse(Refusal::Malformed),
    };
    let method = request.method.unwrap_or_default();
    let Some(target) = request.path.and_then(|target| Target::of(target, site)) else {
        return Reception::Plain;
    };
    let head = Head { method, minor: request.version.unwrap_or(0), headers: request.headers };
    let finding = forwarded::find(site.proxies(), peer, |name| head.all(name));
    let agent = head.agent();
    match upgrade::judge(&head, target, site) {
        Ok(accepted) => {
            Reception::Upgrade(Box::new(Upgrade { accepted, consumed, finding, agent }))
        }
        Err(why) if method == "HEAD" => {
            let (response, client) = (why.response_to_head(), Some(finding.client));
            Reception::Refuse { why, response, agent, client }
        }
        Err(why) => {
            let (response, client) = (why.response(), Some(finding.client));
            Reception::Refuse { why, response, agent, client }
        }
    }
}

fn refuse(why: Refusal) -> Reception {
    Reception::Refuse { why, response: why.response(), agent: None, client: None }
}

/// A parsed request head.
pub(super) struct Head<'a> {
    /// Case-sensitive, as it stands.
    pub(super) method: &'a str,
    /// The version is HTTP/1.`minor`.
    pub(super) minor: u8,
    headers: &'a [Header<'a>],
}

impl<'a> Head<'a> {
    /// What the client calls itself.
    fn agent(&self) -> Option<Agent> {
        self.all("user-agent").next().map(Agent::of)
    }

    /// All header lines, each with its name.
    pub(super) fn lines(&self) -> impl Iterator<Item = (&'a str, &'a [u8])> {
        self.headers.iter().map(|header| (header.name, header.value))
    }

    /// The values of all header lines of this name, in order.
    pub(super) fn all(&self, name: &str) -> impl DoubleEndedIterator<Item = &'a [u8]> {
        self.headers
            .iter()
            .filter(move |header| header.name.eq_ignore_ascii_case(name))
            .map(|header| header.value.trim_ascii())
    }

    /// The value of the only header line of this name.
    ///
    /// # Errors
    /// Two lines: whoever else read this request may have believed the other one.
    pub(super) fn one(&self, name: &str) -> Result<Option<&'a [u8]>, Refusal> {
        let mut values = self.all(name);
        match (values.next(), values.next()) {
            (value, None) => Ok(value),
            (_, Some(_)) => Err(Refusal::AmbiguousHeaders),
        }
    }

    /// Whether a comma-separated header has this word, in any case and on any of its lines.
    pub(super) fn lists(&self, name: &str, word: &str) -> bool {
        self.all(name)
            .flat_map(|value| value.split(|byte| *byte == b','))
            .any(|item| item.trim_ascii().eq_ignore_ascii_case(word.as_bytes()))
    }
}

/// What a handshake is for.
pub(super) struct Target<'r> {
    /// The room that the path names, if it names one.
    pub(super) room: Option<Result<RoomName, BadRoomName>>,
    /// What stands behind the path, for sources of credentials: nobody is to log it.
    pub(super) query: Option<&'r str>,
}

impl<'r> Target<'r> {
    /// The target of a request in origin or absolute form (RFC 9112 3.2), if it is the endpoint.
    fn of(target: &'r str, site: &Site) -> Option<Self> {
        let target = match target.split_once("://") {
            Some((scheme, rest)) if !scheme.contains(['/', '?']) => {
                rest.find(['/', '?']).and_then(|at| rest.get(at..))?
            }
            Some(_) | None => target,
        };
        let (path, query) = match target.split_once('?') {
            Some((path, query)) => (path, Some(query)),
            None => (target, None),
        };
        if path == ENDPOINT {
            return Some(Self { room: None, query });
        }
        let segment = site.room_path.as_ref()?.segment(path)?;
        let decoded: Cow<'_, [u8]> = percent_decode_str(segment).into();
        Some(Self { room: Some(room_of(&decoded)), query })
    }
}
