//! How a socket stands in the vestibule while it shakes hands.

use super::http::Refusal;
use crate::{
    gate::{
        admission::{Address, Cap},
        guest::{Arrival, Gate, Guest},
    },
    protocol::{close_code::CloseCode, time::Time},
};
use std::{future, net::IpAddr, sync::Arc};

/// A place, or what stands in its stead.
#[derive(Debug)]
pub(super) enum Standing {
    /// It has a place.
    Guest(Guest),
    /// It has none, and is told why once it can hear it.
    Refused(Guest, CloseCode),
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
        match gate.arrive(Address::of(client), now) {
            Arrival::Welcome(guest) => Self::Guest(guest),
            Arrival::Refused(guest, Cap::Share) => {
                Self::Refused(guest, CloseCode::TooManyConnections)
            }
            Arrival::Refused(guest, Cap::Places) => Self::Refused(guest, CloseCode::Overloaded),
            Arrival::Full => Self::Crowded,
        }
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
            Self::Guest(_) | Self::Refused(..) | Self::Crowded | Self::Full => self,
        }
    }

    /// The place, and why whoever holds it must go at once; or why there is none at all.
    pub(super) fn place(self) -> Result<(Guest, Option<CloseCode>), Refusal> {
        match self {
            Self::Guest(guest) | Self::Unnamed(guest) => Ok((guest, None)),
            Self::Refused(guest, code) => Ok((guest, Some(code))),
            Self::Crowded => Err(Refusal::Crowded),
            Self::Full => Err(Refusal::Full),
        }
    }

    /// Whether it is to be answered with 503, whatever it asks for.
    pub(super) const fn is_hopeless(&self) -> bool {
        match self {
            Self::Crowded | Self::Full => true,
            Self::Guest(_) | Self::Refused(..) | Self::Unnamed(_) => false,
        }
    }

    /// Ready once the place went to somebody else.
    pub(super) async fn lost(&self) {
        match self {
            Self::Guest(guest) => guest.lost().await,
            // What has no place cannot lose it.
            Self::Refused(..) | Self::Unnamed(_) | Self::Crowded | Self::Full => {
                future::pending().await
            }
        }
    }
}
