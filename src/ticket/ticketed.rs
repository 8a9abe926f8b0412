//! A verifier that takes tickets beside the credentials of another one.

use super::{Office, TicketKey};
use crate::{
    protocol::{
        client_message::Token,
        credential::{Credential, Presentation},
        identity::{Login, Pass},
        time::Wall,
    },
    token::{Figures, House, Upkeep, Verification, Verifier},
};
use std::{fmt, sync::Arc};

/// Takes tickets; everything else is judged by the verifier within.
///
/// Only [`judge`](Verifier::judge) takes tickets: [`verify`](Verifier::verify) is the inner one's,
/// so that no ticket is exchanged for another.
pub(crate) struct Ticketed {
    inner: Arc<dyn Verifier>,
    office: Arc<Office>,
}

impl Ticketed {
    /// `inner`, and the tickets of `office`.
    pub(crate) fn new(inner: Arc<dyn Verifier>, office: Arc<Office>) -> Self {
        Self { inner, office }
    }
}

impl Verifier for Ticketed {
    fn verify(&self, token: Token<'_>, now: Wall) -> Verification<Box<Login>> {
        self.inner.verify(token, now)
    }

    fn judge(&self, shown: Presentation<'_>, now: Wall) -> Verification<Box<Login>> {
        let (text, only_ticket) = match &shown.credential {
            Credential::Token(text) => (text.reveal(), false),
            Credential::Ticket(text) => (text.reveal(), true),
            Credential::Password(_) | Credential::Unreadable(_) => {
                return self.inner.judge(shown, now);
            }
        };
        match TicketKey::of(text) {
            Some(key) => self.office.redeem(&key, shown.origin, now),
            None if only_ticket => Verification::Done(Err(self.office.refuse_shape())),
            None => self.inner.judge(shown, now),
        }
    }

    fn verify_pass(&self, token: Token<'_>, now: Wall) -> Verification<Box<Pass>> {
        self.inner.verify_pass(token, now)
    }

    fn figures(&self) -> Figures {
        self.inner.figures()
    }

    fn upkeep(self: Arc<Self>, house: Arc<dyn House>) -> Upkeep {
        Arc::clone(&self.inner).upkeep(house)
    }
}

impl fmt::Debug for Ticketed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ticketed").field("office", &self.office).finish_non_exhaustive()
    }
}
