//! What an operator must know about proxies: a line of each kind a minute, loud and never a flood.

use crate::{
    gate::{
        forwarded::{Doubt, proxy_v2::Fault},
        seldom::Seldom,
    },
    worker::clock::Clock,
};
use std::net::IpAddr;

/// Writes the lines; one for all workers.
#[derive(Debug)]
pub(super) struct Doubts {
    clock: Clock,
    untrusted: Seldom,
    unnamed: Seldom,
    unreadable: Seldom,
    too_many_hops: Seldom,
    not_introduced: Seldom,
    uncalled: Seldom,
}

impl Doubts {
    pub(super) fn new() -> Self {
        Self {
            clock: Clock::system(),
            untrusted: Seldom::default(),
            unnamed: Seldom::default(),
            unreadable: Seldom::default(),
            too_many_hops: Seldom::default(),
            not_introduced: Seldom::default(),
            uncalled: Seldom::default(),
        }
    }

    /// Somebody may have been taken for somebody else.
    pub(super) fn about(&self, peer: IpAddr, doubt: Doubt) {
        let (seldom, header, what) = match doubt {
            Doubt::Untrusted(header) => (
                &self.untrusted,
                header,
                "a forwarded header is ignored: nobody trusts who sent it. If this peer is your \
                 proxy, add it to gate.trusted_proxies; until then all its clients are one address",
            ),
            Doubt::Unnamed(header) => (
                &self.unnamed,
                header,
                "a trusted proxy did not say whose connection it passes on, and counts itself: \
                 let it set this header, or set gate.forwarded to what it sends",
            ),
            Doubt::Unreadable(header) => (
                &self.unreadable,
                header,
                "a trusted proxy wrote something else than an address into this header, and \
                 counts itself: let it write the address of its peer",
            ),
            Doubt::TooManyHops(header) => (
                &self.too_many_hops,
                header,
                "this header goes over too many trusted proxies, and the last one counts: does \
                 gate.trusted_proxies hold more than your proxies?",
            ),
        };
        if let Some(left_out) = seldom.line(self.clock.now().time) {
            tracing::warn!(%peer, header, left_out, "{what}");
        }
    }

    /// A trusted proxy began with something else than the PROXY header that is due.
    pub(super) fn about_introduction(&self, peer: IpAddr, fault: Fault) {
        let what = match fault {
            Fault::Missing => "nothing of the kind came",
            Fault::VersionOne => "it speaks version 1 (HAProxy: send-proxy-v2)",
            Fault::Unknown => "its header has a version, command or family that is not defined",
            Fault::TooShort => "its header is too short for its addresses",
            Fault::TooLong => "its header is too long",
        };
        if let Some(left_out) = self.not_introduced.line(self.clock.now().time) {
            tracing::warn!(
                %peer,
                left_out,
                "a trusted proxy was turned away: gate.forwarded is \"proxy-v2\", so that it must \
                 begin with the PROXY protocol, version 2, and {what}"
            );
        }
    }

    /// A PROXY header came from somebody who owes none; it was not read.
    pub(super) fn about_uncalled_header(&self, peer: IpAddr) {
        if let Some(left_out) = self.uncalled.line(self.clock.now().time) {
            tracing::warn!(
                %peer,
                left_out,
                "a PROXY header was refused: if this peer is your proxy, add it to \
                 gate.trusted_proxies and set gate.forwarded to \"proxy-v2\""
            );
        }
    }
}
