//! How a socket stands in the vestibule while it shakes hands.

use super::http::Refusal;
use crate::{
    gate::{
        admission::Address,
        guest::{Gate, Guest},
    },
    protocol::time::Time,
};
use std::{future, net::IpAddr, sync::Arc};

/// A place, or what stands in its stead.
#[derive(Debug)]
pub(super) enum Standing {
    /// It has a place, or a moment.
    Guest(Guest),
    /// Nobody knows yet for whom it came: a proxy will say.
    Unnamed(Guest),
    /// There is no room in the vestibule, not even for an explanation (503).
    Crowded,
    /// The server has no connection to spare (503).
    Full,
}

impl Standing {
    /// For a socket of `client`.
    pub(super) fn of(client: IpAddr, gate: &Arc<Gate>, now: Time) -> Self {
        gate.arrive(Address::of(client), now).map_or(Self::Crowded, Self::Guest)
    }

    /// For a socket of a trusted proxy.
    pub(super) fn unnamed(gate: &Arc<Gate>) -> Self {
        gate.arrive_unnamed().map_or(Self::Crowded, Self::Unnamed)
    }

    /// Asks `again` once the client is known, where nobody knew it.
    pub(super) fn named(self, again: impl FnOnce() -> Self) -> Self {
        match self {
            Self::Unnamed(guest) => {
                // It must not stand in its own way.
                drop(guest);
                again()
            }
            Self::Guest(_) | Self::Crowded | Self::Full => self,
        }
    }

    /// The guest; or why there is none.
    pub(super) fn guest(self) -> Result<Guest, Refusal> {
        match self {
            Self::Guest(guest) | Self::Unnamed(guest) => Ok(guest),
            Self::Crowded => Err(Refusal::Crowded),
            Self::Full => Err(Refusal::Full),
        }
    }

    /// Whether it is to be answered with 503, whatever it asks for.
    pub(super) const fn is_hopeless(&self) -> bool {
        match self {
            Self::Crowded | Self::Full => true,
            Self::Guest(_) | Self::Unnamed(_) => false,
        }
    }

    /// Ready once it has to go.
    pub(super) async fn lost(&self) {
        match self {
            Self::Guest(guest) | Self::Unnamed(guest) => guest.lost().await,
            // What has no place cannot lose it.
            Self::Crowded | Self::Full => future::pending().await,
        }
    }

    /// Until when it may stay, if it found no place.
    pub(super) fn until(&self) -> Option<Time> {
        match self {
            Self::Guest(guest) | Self::Unnamed(guest) => guest.until(),
            Self::Crowded | Self::Full => None,
        }
    }

    /// Its credential was refused.
    pub(super) fn failed(&self, now: Time) {
        match self {
            Self::Guest(guest) | Self::Unnamed(guest) => guest.failed(now),
            Self::Crowded | Self::Full => {}
        }
    }

    /// It was refused, and is on its way out.
    pub(super) fn leave(&self) {
        match self {
            Self::Guest(guest) | Self::Unnamed(guest) => guest.closing(),
            Self::Crowded | Self::Full => {}
        }
    }
}
