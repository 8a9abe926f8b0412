//! Beside the numbered messages: those that nobody remembers, and looks at a room's history, asked
//! in the room's order and answered when the outbox has space.

use super::{Connection, Desk};
use crate::{
    metrics::Count,
    outbox::Frame,
    protocol::{client_message::Range, limits::PAGE_BYTES, room_name::RoomName},
    relay::SharedRoom,
    room::{
        RoomPlace, Ticket,
        trace::{Step, Who, note},
    },
    session::{Event, RequestKey, RoomRefusal},
};
use std::{borrow::Cow, sync::Arc};

/// A request without an answer.
#[derive(Debug)]
pub(super) struct Paging {
    key: RequestKey,
    room: Arc<SharedRoom>,
    range: Range,
    /// Whether everything that was asked of the room before has taken effect.
    due: bool,
}

impl Connection {
    /// Queues a message that nobody remembers for the member at `at`, unless it is behind.
    pub(crate) fn tell(&mut self, at: RoomPlace, frame: &Frame, desk: &mut Desk) {
        if self.session.has_expired_part(desk.now) {
            self.step(Event::Delivery, desk);
        }
        if desk.takes_out(self.key, at) {
            return;
        }
        if self.transport.outbox().takes_lightly(frame.len()) {
            // A sealed outbox swallows what comes after the Close.
            let _ = self.transport.push_data(frame.clone(), desk.now.time);
            let who = Who { worker: desk.worker, connection: self.key };
            note(at.room, || Step::QueuedAside { who, place: at.place });
            desk.recorder.count(Count::Delivery);
        } else {
            desk.recorder.count(Count::EphemeralDropped);
        }
    }

    pub(super) fn look_back(
        &mut self,
        key: RequestKey,
        room: &RoomName,
        range: Range,
        desk: &mut Desk,
    ) {
        let Some(room) = self.seats.room(room.borrowed()).map(Arc::clone) else {
            let why = RoomRefusal::NotJoined;
            return self.step(Event::HistoryRefused { key, why }, desk);
        };
        if self.paging.is_some() {
            // The session gave up the one before, and there is still no space.
            let why = RoomRefusal::Overloaded;
            return self.step(Event::HistoryRefused { key, why }, desk);
        }
        desk.shared.relay.look_back(self.caller(key, desk), &room);
        self.paging = Some(Box::new(Paging { key, room, range, due: false }));
    }

    /// The look at the history has its turn in the room.
    /// Returns how many messages the answer has, 0 if it waits.
    pub(crate) fn looked_back(&mut self, ticket: Ticket, desk: &mut Desk) -> usize {
        if let Some(paging) = self.paging.as_mut().filter(|paging| paging.key == ticket.request) {
            paging.due = true;
        }
        self.turn_page(desk)
    }

    /// Answers if it is time and there is space: a peer that reads slowly pins no page in memory.
    /// Returns how many messages the answer has.
    pub(super) fn turn_page(&mut self, desk: &mut Desk) -> usize {
        let outbox = self.transport.outbox();
        let fits = |bytes| outbox.is_empty() || outbox.takes(bytes);
        // Replies must find space behind a page, in a small outbox too.
        let most = PAGE_BYTES.min(outbox.room_share());
        // The largest page, before it is read; then, because one message may be larger, this one.
        let Some(paging) = self.paging.take_if(|paging| paging.due && fits(most)) else {
            return 0;
        };
        let Paging { key, room, range, .. } = *paging;
        if !self.seats.is_seated(room.id()) {
            let why = RoomRefusal::NotJoined;
            self.on_event(Event::HistoryRefused { key, why }, desk);
            return 0;
        }
        let page = desk.shared.relay.page(&room, range, most, desk.now.wall);
        if !fits(page.max_frame_bytes()) {
            self.paging = Some(Box::new(Paging { key, room, range, due: true }));
            return 0;
        }
        note(room.id(), || Step::Paged {
            who: Who { worker: desk.worker, connection: self.key },
            before: range.before,
            limit: range.limit,
            bytes: most,
            seqs: page.messages.iter().map(|message| message.seq).collect(),
            more: page.more,
        });
        let user = self.admitted.clone();
        let user = user.as_ref().map_or("", |identity| &identity.user);
        let texts = page.messages.iter().filter_map(|message| message.frame_for(user).as_text());
        let messages = texts.map(Cow::Borrowed).collect();
        let epoch = page.epoch.as_str();
        self.on_event(Event::History { key, epoch, messages, more: page.more }, desk);
        desk.recorder.count(Count::Page);
        // Whoever called may have written already.
        self.wake();
        page.messages.len()
    }
}
