//! Whom a newcomer speaks for: itself, or, if it is a trusted proxy, whoever that names.
//!
//! Pure: the peer's address and what it sent go in, an address comes out. Each trusted hop vouches
//! for the one before it, so the list is walked from the end that the nearest proxy wrote, and
//! nothing left of the first address that is not trusted is looked at: anybody may have written
//! that. Where the place that counts cannot be read, the hop that wrote it counts. It cannot be
//! used to speak for somebody else, and it shuts nobody out, as a refusal would whom a proxy calls
//! `unknown`.

mod hops;
pub(crate) mod proxy_v2;
#[cfg(test)]
mod tests;

use crate::config::{AddressSource, TrustedProxies};
use std::net::IpAddr;

/// Trusted proxies in a row that are walked over.
pub(crate) const HOPS: usize = 32;

/// The headers that say who somebody is.
const X_FORWARDED_FOR: &str = "X-Forwarded-For";
const FORWARDED: &str = "Forwarded";

/// Whom a newcomer speaks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Finding {
    /// The address that counts.
    pub(crate) client: IpAddr,
    /// What an operator should look at.
    pub(crate) doubt: Option<Doubt>,
}

/// Why a newcomer may be taken for somebody else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Doubt {
    /// This header came from a peer that is not trusted, and was ignored.
    Untrusted(&'static str),
    /// A trusted proxy did not set this header, and counts itself.
    Unnamed(&'static str),
    /// A trusted proxy wrote something else than an address into this header, and counts itself.
    Unreadable(&'static str),
    /// There are more than [`HOPS`] trusted proxies in this header; the last one counts.
    TooManyHops(&'static str),
}

/// Finds whom `peer` speaks for. `lines` gives the values of all lines of a header, in order.
pub(crate) fn find<'a, L>(
    proxies: &TrustedProxies,
    peer: IpAddr,
    lines: impl Fn(&'static str) -> L,
) -> Finding
where
    L: DoubleEndedIterator<Item = &'a [u8]>,
{
    let itself = Finding { client: peer, doubt: None };
    if !proxies.trusts(peer) {
        let claims = |name: &&'static str| lines(name).next().is_some();
        let claimed = [X_FORWARDED_FOR, FORWARDED].into_iter().find(claims);
        return Finding { doubt: claimed.map(Doubt::Untrusted), ..itself };
    }
    match proxies.source() {
        AddressSource::XForwardedFor => {
            let hops = lines(X_FORWARDED_FOR).rev().flat_map(hops::of_x_forwarded_for);
            walk(proxies, peer, X_FORWARDED_FOR, hops)
        }
        AddressSource::Forwarded => {
            let hops = lines(FORWARDED).rev().flat_map(hops::of_forwarded);
            walk(proxies, peer, FORWARDED, hops)
        }
        AddressSource::ProxyV2 => itself,
    }
}

/// Walks from the nearest hop on to the first address that is not trusted. If all are, the last
/// one is the client: a trusted proxy vouches for it.
fn walk(
    proxies: &TrustedProxies,
    peer: IpAddr,
    header: &'static str,
    hops: impl Iterator<Item = Option<IpAddr>>,
) -> Finding {
    let mut client = peer;
    let mut doubt = Some(Doubt::Unnamed(header));
    for (count, hop) in hops.enumerate() {
        let Some(address) = hop else {
            return Finding { client, doubt: Some(Doubt::Unreadable(header)) };
        };
        if count == HOPS {
            return Finding { client, doubt: Some(Doubt::TooManyHops(header)) };
        }
        (client, doubt) = (address, None);
        if !proxies.trusts(address) {
            break;
        }
    }
    Finding { client, doubt }
}

/// Whether `peer` has to begin with the PROXY protocol. Everybody else must not.
pub(crate) fn must_introduce(proxies: &TrustedProxies, peer: IpAddr) -> bool {
    proxies.source() == AddressSource::ProxyV2 && proxies.trusts(peer)
}
