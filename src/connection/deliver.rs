//! What rooms hand to a connection: as much as its queue takes.

use super::{Connection, Desk, Flush};
use crate::{
    metrics::Count,
    protocol::time::Time,
    room::{
        Offer, RoomPlace,
        trace::{Step, Who, note},
    },
    session::Event,
};

impl Connection {
    /// Queues as many messages for the member at `at` as fit below the high mark and returns how
    /// many.
    pub(crate) fn offer(&mut self, at: RoomPlace, offer: Offer<'_>, desk: &mut Desk) -> usize {
        if self.session.has_expired_part(desk.now) {
            self.step(Event::Delivery, desk);
        }
        if desk.takes_out(self.key, at) {
            // It was lost since its room began to serve this turn.
            return offer.deliveries.len();
        }
        let mut taken = self.take(offer, desk.now.time);
        // More than the queue takes at once is no slowness of whoever reads it.
        let mut went_on = true;
        while went_on && taken < offer.deliveries.len() && self.write(desk) == Flush::Done {
            let rest = offer.deliveries.get(taken..).unwrap_or_default();
            let more = self.take(Offer { deliveries: rest, joined: None, ..offer }, desk.now.time);
            (taken, went_on) = (taken + more, more > 0);
        }
        for delivery in offer.deliveries.iter().take(taken) {
            let who = Who { worker: desk.worker, connection: self.key };
            note(at.room, || Step::Queued { who, place: at.place, seq: delivery.seq });
        }
        desk.recorder.add(Count::Delivery, taken);
        taken
    }

    /// As one piece if there is space for it, else one by one. A sealed outbox swallows what comes
    /// after the Close.
    fn take(&mut self, Offer { deliveries, joined, .. }: Offer<'_>, now: Time) -> usize {
        // Asked for only where some message has an author's copy: it lies elsewhere in memory.
        let identity = self.admitted.as_ref();
        let user = || identity.map_or("", |identity| &*identity.user);
        let outbox = self.transport.outbox();
        let piece = joined.and_then(|joined| joined.frame_for(user));
        if let Some(piece) = piece.filter(|piece| outbox.takes_joined(piece.len())) {
            let _ = self.transport.push_data(piece.clone(), now);
            return deliveries.len();
        }
        let mut taken = 0;
        for delivery in deliveries {
            let frame = match &delivery.author {
                None => &delivery.frame,
                Some(_) => delivery.frame_for(user()),
            };
            if !self.transport.outbox().takes(frame.len()) {
                break;
            }
            let _ = self.transport.push_data(frame.clone(), now);
            taken += 1;
        }
        taken
    }

    /// Whether a member of this connection may read on from history: whoever fell behind once it
    /// drained, because what is next may be larger than the space above the low mark.
    pub(crate) fn is_hungry(&self) -> bool {
        let outbox = self.transport.outbox();
        let drained = |at: u32| outbox.is_empty() || outbox.bytes() < at as usize;
        self.transport.is_open()
            && outbox.below_low_mark()
            && self.seats.behind_at.is_none_or(drained)
    }

    /// Some room has more for this connection than fits now.
    pub(crate) fn fell_behind(&mut self) {
        let bytes = self.transport.outbox().bytes();
        self.seats.behind_at = Some(u32::try_from(bytes).unwrap_or(u32::MAX));
    }
}
