//! The messages that a room hands out together.

use super::Offer;
use crate::{
    outbox::{Delivery, Frame, Joined},
    room::inbox::Credit,
};

/// Messages that are gathered into one write for each member.
pub(super) const BATCH_MESSAGES: usize = 64;
/// From so many places on it pays to join the messages once for all members.
const MANY_PLACES: usize = 4;

/// The messages that are being handed out, and the place that comes next.
#[derive(Debug, Default)]
pub(super) struct Batch {
    pub(super) deliveries: Vec<Delivery>,
    /// The deliveries as one piece, where that is worth it.
    pub(super) joined: Option<Joined>,
    /// One that nobody remembers, and then nothing else.
    pub(super) ephemeral: Option<Frame>,
    pub(super) credits: Vec<Credit>,
    pub(super) place: usize,
}

impl Batch {
    pub(super) fn is_empty(&self) -> bool {
        self.deliveries.is_empty() && self.ephemeral.is_none()
    }

    pub(super) fn is_full(&self) -> bool {
        self.deliveries.len() == BATCH_MESSAGES
    }

    pub(super) fn deliver(&mut self, delivery: Delivery, credit: Credit) {
        self.deliveries.push(delivery);
        self.credits.push(credit);
    }

    pub(super) fn tell(&mut self, frame: Frame, credit: Credit) {
        self.ephemeral = Some(frame);
        self.credits.push(credit);
    }

    /// Everything is gathered that goes to members at up to so many places.
    pub(super) fn close(&mut self, places: usize) {
        let pays = places >= MANY_PLACES;
        self.joined = pays.then(|| Joined::of(&self.deliveries)).flatten();
    }

    pub(super) fn offer(&self, is_last: bool) -> Offer<'_> {
        Offer { deliveries: &self.deliveries, joined: self.joined.as_ref(), is_last }
    }

    /// Everybody has it: how many numbered messages it was. Only the credits are left.
    pub(super) fn end(&mut self) -> usize {
        let count = self.deliveries.len();
        self.deliveries.clear();
        self.joined = None;
        self.ephemeral = None;
        self.place = 0;
        count
    }
}
