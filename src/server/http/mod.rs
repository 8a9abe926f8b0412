//! The public port's HTTP: the handshake of `/ws` and a few plain routes.
//!
//! [`receive`] judges the bytes read so far, without IO. What is no WebSocket handshake goes,
//! with these bytes, to [`serve_plain`].

mod demo;
mod plain;
mod refusal;
mod request;
mod tickets;
mod upgrade;

pub use demo::{Demo, DemoTokens};
pub(super) use plain::page;
pub(crate) use plain::serve_plain;
pub(crate) use refusal::Refusal;
pub(super) use refusal::json_body;
pub(super) use request::HEADER_LINES;
pub(crate) use request::{HEAD_BYTES, Reception, receive};
pub(crate) use upgrade::{Accepted, Subprotocol, Upgrade};

use super::ticket_desk::TicketDesk;
use crate::{
    config::{TrustedProxies, is_origin},
    credential::{Page, Sources},
    protocol::room_path::RoomPath,
};
use demo::Stage;
use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

/// The longest origin that a ticket can be bound to, in bytes.
const ORIGIN_BYTES: usize = 256;
/// The path of the WebSocket endpoint.
pub(crate) const ENDPOINT: &str = "/ws";
/// `Retry-After` of every 503, in seconds.
const RETRY_AFTER_S: u32 = 5;

/// What the HTTP side knows about its server. Not ready at first.
#[derive(Debug)]
pub(crate) struct Site {
    /// Serialised origins that may connect; empty: any.
    origins: Box<[String]>,
    /// Whose word about the addresses of clients is taken.
    proxies: TrustedProxies,
    /// Where credentials may come from.
    sources: Sources,
    /// The path that names a room.
    room_path: Option<RoomPath>,
    stage: Stage,
    /// What gives tickets out, where there can be some.
    desk: Option<Arc<TicketDesk>>,
    /// Shared with the sites before and after it.
    phase: Arc<Phase>,
}

/// How far the life of the server has come.
#[derive(Debug, Default)]
struct Phase {
    ready: AtomicBool,
    draining: AtomicBool,
}

impl Site {
    /// A site that lets these origins in (RFC 6454 6.2 form, or `null`); none: all.
    pub(crate) fn new(origins: Vec<String>) -> Self {
        Self {
            origins: origins.into_boxed_slice(),
            proxies: TrustedProxies::default(),
            sources: Sources::default(),
            room_path: None,
            stage: Stage::default(),
            desk: None,
            phase: Arc::default(),
        }
    }

    /// The same server after a reload: `self` with the phase of `before`.
    pub(crate) fn succeeding(self, before: &Self) -> Self {
        Self { phase: Arc::clone(&before.phase), ..self }
    }

    /// The same behind these proxies.
    pub(crate) fn behind(self, proxies: TrustedProxies) -> Self {
        Self { proxies, ..self }
    }

    /// The same with credentials from these sources, too.
    pub(crate) fn reading(self, sources: Sources) -> Self {
        Self { sources, ..self }
    }

    /// The same with a path that names a room, too.
    pub(crate) fn with_rooms_at(self, room_path: Option<RoomPath>) -> Self {
        Self { room_path, ..self }
    }

    /// Whose word about the addresses of clients is taken.
    pub(crate) fn proxies(&self) -> &TrustedProxies {
        &self.proxies
    }

    /// The same with the demo at `/`, which tells clients of this deadline, in milliseconds.
    pub(crate) fn with_demo(self, demo: Demo, deadline_ms: u64) -> Self {
        Self { stage: Stage::new(demo, deadline_ms), ..self }
    }

    /// The same with this desk for tickets.
    pub(in crate::server) fn with_desk(self, desk: Arc<TicketDesk>) -> Self {
        Self { desk: Some(desk), ..self }
    }

    /// What gives tickets out now.
    fn open_desk(&self) -> Option<&TicketDesk> {
        self.desk.as_deref().filter(|desk| desk.is_open())
    }

    /// The origin of a handshake, where a credential may depend on it: a ticket can.
    pub(crate) fn origin_to_keep(&self, origin: Option<Box<str>>) -> Option<Box<str>> {
        let origin = origin.filter(|it| it.len() <= ORIGIN_BYTES && is_origin(it));
        origin.filter(|_| self.open_desk().is_some())
    }

    /// Sessions can be opened: `/readyz` says so, until the drain.
    pub(crate) fn set_ready(&self) {
        self.phase.ready.store(true, Ordering::Relaxed);
    }

    /// From now on upgrades and `/readyz` answer 503.
    pub(crate) fn drain(&self) {
        self.phase.draining.store(true, Ordering::Relaxed);
    }

    /// Whether sessions can be opened.
    pub(crate) fn is_ready(&self) -> bool {
        self.phase.ready.load(Ordering::Relaxed) && !self.is_draining()
    }

    /// Whether nobody new is let in.
    pub(crate) fn is_draining(&self) -> bool {
        self.phase.draining.load(Ordering::Relaxed)
    }

    /// Whether the value of an `Origin` header passes.
    fn admits(&self, origin: &[u8]) -> bool {
        self.origins.is_empty() || self.origins.iter().any(|known| known.as_bytes() == origin)
    }

    /// What the `Origin` of an admitted handshake says to sources of credentials.
    fn page(&self, origin: Option<&[u8]>) -> Page {
        match origin {
            None => Page::None,
            Some(_) if self.origins.is_empty() => Page::Unlisted,
            // A page without an origin of its own may be anybody's.
            Some(b"null") => Page::Unlisted,
            Some(_) => Page::Listed,
        }
    }
}
