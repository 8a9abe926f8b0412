//! One worker's side of a room: members as cursors, and the fan-out by turns.

mod batch;
#[cfg(test)]
mod tests;

use super::{
    Audience, Offer, Room, Seating,
    inbox::Item,
    member::{ConnKey, Cursor, JoinTicket, Member, RoomPlace},
    trace::{Spot, Step, Who, note},
};
use crate::protocol::{
    room_rules::{RoomTerms, SlowConsumer},
    time::Time,
};
use batch::{BATCH_MESSAGES, Batch};
use slab::Slab;
use std::{collections::VecDeque, sync::Arc};

/// Bytes of messages that a room holds back at most.
const HELD_BYTES: usize = 64 * 1024;

/// How a room is served: what its rule says about deliveries.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Manner {
    /// What becomes of members without space for what is delivered.
    pub(crate) slow_consumer: SlowConsumer,
    /// The least time between the beginnings of two batches, in milliseconds.
    pub(crate) coalesce_ms: u16,
}

impl From<&RoomTerms> for Manner {
    fn from(terms: &RoomTerms) -> Self {
        Self { slow_consumer: terms.slow_consumer, coalesce_ms: terms.coalesce_ms }
    }
}

/// How far a room was served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Served {
    /// Nothing is left to do.
    All,
    /// The quantum is used up.
    Part,
    /// Its next messages go out together, not before this.
    Until(Time),
}

/// What one worker knows of one room.
#[derive(Debug)]
pub(crate) struct LocalRoom<L> {
    room: Arc<Room<L>>,
    members: Slab<Member>,
    /// Above the highest place that was ever taken.
    places: usize,
    /// The places of members that catch up.
    behind: Vec<usize>,
    /// The message that this worker delivers next here; every `Live` member has all before it.
    next_seq: u64,
    pending: VecDeque<Item>,
    batch: Batch,
    /// How its members are served.
    pub(crate) manner: Manner,
    /// From this time on nothing is held back.
    opens: Time,
    /// Nothing is held back until everything that waits is served.
    flows: bool,
    /// Whether it stands in the worker's list of rooms to serve.
    pub(crate) is_active: bool,
    /// When the worker serves it again although nothing new has come.
    pub(crate) held_until: Option<Time>,
}

impl<L> LocalRoom<L> {
    /// A room without members on this worker.
    pub(crate) fn new(room: Arc<Room<L>>, manner: Manner) -> Self {
        Self {
            room,
            members: Slab::new(),
            places: 0,
            behind: Vec::new(),
            next_seq: 1,
            pending: VecDeque::new(),
            batch: Batch::default(),
            manner,
            opens: Time::default(),
            flows: false,
            is_active: false,
            held_until: None,
        }
    }

    /// What the workers share of this room.
    pub(crate) fn room(&self) -> &Arc<Room<L>> {
        &self.room
    }

    /// Queues an item behind those that wait.
    pub(crate) fn push(&mut self, item: Item) {
        self.pending.push_back(item);
    }

    /// Whether nobody is in and nothing waits.
    pub(crate) fn is_spent(&self) -> bool {
        self.members.is_empty() && self.pending.is_empty() && self.batch.is_empty()
    }

    /// Whether the member at `place` belongs to `connection`.
    pub(crate) fn is_at(&self, place: usize, connection: ConnKey) -> bool {
        self.members.get(place).is_some_and(|member| member.connection == connection)
    }

    /// Takes a member out at once.
    pub(crate) fn remove(&mut self, place: usize) {
        if self.members.try_remove(place).is_none() {
            return;
        }
        self.behind.retain(|&at| at != place);
        // A room that was once large does not walk its empty places for ever.
        while self.places > 0 && !self.members.contains(self.places - 1) {
            self.places -= 1;
        }
    }

    /// Serves items until `quantum` members were offered or answered something; each message of a
    /// page counts as one.
    pub(crate) fn serve(
        &mut self,
        now: Time,
        quantum: &mut usize,
        audience: &mut impl Audience<L>,
    ) -> Served {
        loop {
            if self.batch.is_empty() {
                self.begin_batch(now, quantum, audience);
                self.catch_up(quantum, audience);
                if self.batch.is_empty() {
                    return self.rest(*quantum);
                }
            }
            if !self.hand_out(quantum, audience) {
                return Served::Part;
            }
        }
    }

    /// Where it stands between two batches.
    fn rest(&mut self, quantum: usize) -> Served {
        self.flows &= !self.pending.is_empty();
        match (self.pending.is_empty(), self.has_members_behind()) {
            (false, _) | (_, true) if quantum == 0 => Served::Part,
            (false, _) => Served::Until(self.opens),
            (true, _) => Served::All,
        }
    }

    /// Gathers the next messages, if it is time; joins and leaves on the way take effect.
    fn begin_batch(&mut self, now: Time, quantum: &mut usize, audience: &mut impl Audience<L>) {
        self.flows = self.flows || !self.holds_back(now);
        while let Some(item) = self.pending.pop_front() {
            match item {
                Item::Join(ticket) if self.batch.is_empty() && *quantum > 0 => {
                    *quantum -= 1;
                    self.join(&ticket, audience);
                }
                Item::Leave(ticket) if self.batch.is_empty() && *quantum > 0 => {
                    *quantum -= 1;
                    if let Some(place) = audience.left(ticket, &self.room) {
                        self.remove(place);
                    }
                }
                Item::LookBack(ticket) if self.batch.is_empty() && *quantum > 0 => {
                    // A page costs about as much as to offer its messages.
                    let answered = audience.look_back(ticket, &self.room);
                    *quantum = quantum.saturating_sub(1 + answered);
                }
                Item::Deliver(..) | Item::Ephemeral(..) if !self.flows => {
                    self.pending.push_front(item);
                    break;
                }
                Item::Ephemeral(frame, credit) if self.batch.is_empty() => {
                    let worker = audience.worker();
                    note(self.room.id(), || Step::Passed { worker, dropped: false });
                    self.batch.tell(frame, credit);
                    break;
                }
                Item::Join(_) | Item::Leave(_) | Item::LookBack(_) | Item::Ephemeral(..) => {
                    self.pending.push_front(item);
                    break;
                }
                Item::Deliver(delivery, credit) if self.members.is_empty() => {
                    self.next_seq = delivery.seq + 1;
                    let (worker, seq) = (audience.worker(), delivery.seq);
                    note(self.room.id(), || Step::Skipped { worker, seq });
                    audience.release(credit);
                }
                Item::Deliver(delivery, credit) => {
                    debug_assert_eq!(
                        delivery.seq,
                        self.next_seq + self.batch.deliveries.len() as u64
                    );
                    let (worker, seq) = (audience.worker(), delivery.seq);
                    note(self.room.id(), || Step::Gathered { worker, seq });
                    self.batch.deliver(delivery, credit);
                    if self.batch.is_full() {
                        break;
                    }
                }
            }
        }
        if !self.batch.is_empty() {
            self.batch.close(self.places);
            self.opens = now + u64::from(self.manner.coalesce_ms);
        }
    }

    /// Whether messages have to wait for more: the last ones are not long ago, and what is there is
    /// little. Nobody's request waits for that.
    fn holds_back(&self, now: Time) -> bool {
        if now >= self.opens || self.members.is_empty() || self.pending.len() >= BATCH_MESSAGES {
            return false;
        }
        let mut bytes = 0;
        let are_messages = self.pending.iter().all(|item| match item {
            Item::Deliver(delivery, _) => {
                bytes += delivery.frame.len();
                true
            }
            Item::Ephemeral(frame, _) => {
                bytes += frame.len();
                true
            }
            Item::Join(_) | Item::Leave(_) | Item::LookBack(_) => false,
        });
        are_messages && bytes < HELD_BYTES
    }

    /// It is served in another manner from now on. `true` if that may be at once.
    pub(crate) fn change(&mut self, manner: Manner, now: Time) -> bool {
        self.manner = manner;
        self.opens = self.opens.min(now + u64::from(manner.coalesce_ms));
        self.held_until.is_some()
    }

    /// Whether only messages are left that nobody here waits for.
    pub(crate) fn is_deserted(&self) -> bool {
        self.members.is_empty() && !self.pending.is_empty()
    }

    /// Offers the batch to every live member from the current place on. `false` if the quantum
    /// is used up before the end.
    fn hand_out(&mut self, quantum: &mut usize, audience: &mut impl Audience<L>) -> bool {
        while self.batch.place < self.places {
            if *quantum == 0 {
                return false;
            }
            let place = self.batch.place;
            self.batch.place += 1;
            let Some(member) = self.members.get_mut(place) else { continue };
            if member.cursor != Cursor::Live {
                continue;
            }
            *quantum -= 1;
            let at = RoomPlace { room: self.room.id(), place };
            if let Some(frame) = &self.batch.ephemeral {
                audience.tell(member.connection, at, frame);
                let to = Spot { worker: audience.worker(), place };
                note(self.room.id(), || Step::Told { to });
                continue;
            }
            let offer = self.batch.offer(self.pending.is_empty());
            let taken = audience.offer(member.connection, at, offer);
            let missed = self.batch.deliveries.get(taken);
            if let Some(missed) = missed {
                member.cursor = Cursor::CatchingUp { next_seq: missed.seq };
            }
            note(self.room.id(), || Step::Offered {
                to: Spot { worker: audience.worker(), place },
                offered: self.batch.deliveries.len(),
                taken,
                cursor: member.cursor,
            });
            if missed.is_none() {
                continue;
            }
            self.behind.push(place);
            match self.manner.slow_consumer {
                SlowConsumer::CatchUp => audience.fell_behind(member.connection),
                SlowConsumer::Close => audience.lost(member.connection, at),
            }
        }
        self.end_batch(audience);
        true
    }

    fn end_batch(&mut self, audience: &mut impl Audience<L>) {
        let is_passing = self.batch.ephemeral.is_some();
        self.next_seq += self.batch.end() as u64;
        let (worker, next_seq) = (audience.worker(), self.next_seq);
        note(self.room.id(), || match is_passing {
            true => Step::PassedOn { worker },
            false => Step::HandedOut { worker, next_seq },
        });
        for credit in self.batch.credits.drain(..) {
            audience.release(credit);
        }
    }

    fn join(&mut self, ticket: &JoinTicket, audience: &mut impl Audience<L>) {
        // With members this is where the worker stands. Without any nothing was pushed to it, and
        // those that it still has may be counted out and about to be taken out.
        self.next_seq = ticket.seq + 1;
        let seating = audience.joined(ticket, &self.room);
        let (connection, request) = (ticket.connection, ticket.request);
        let who = Who { worker: audience.worker(), connection };
        let joined = |seat| move || Step::Joined { who, request, seat };
        match seating {
            Seating::None => return note(self.room.id(), joined(None)),
            Seating::New => {}
        }
        let cursor = ticket.restart.cursor(ticket.seq);
        let place = self.members.insert(Member { connection, cursor });
        note(self.room.id(), joined(Some((place, cursor))));
        audience.seated(ticket.connection, &self.room, place);
        self.places = self.places.max(place + 1);
        if cursor != Cursor::Live {
            self.behind.push(place);
        }
    }

    /// Whether any member catches up.
    pub(crate) fn has_members_behind(&self) -> bool {
        !self.behind.is_empty()
    }

    /// Lets every hungry member that is behind read on. One that reaches the worker's position
    /// is live: only between two batches are all live members at the same message.
    fn catch_up(&mut self, quantum: &mut usize, audience: &mut impl Audience<L>) {
        let mut read = Vec::new();
        let mut next = 0;
        let (id, worker) = (self.room.id(), audience.worker());
        while let Some(&place) = self.behind.get(next) {
            let Some(member) = self.members.get_mut(place) else {
                self.behind.swap_remove(next);
                continue;
            };
            let Cursor::CatchingUp { next_seq } = &mut member.cursor else {
                self.behind.swap_remove(next);
                continue;
            };
            let (at, spot) = (RoomPlace { room: id, place }, Spot { worker, place });
            while *quantum > 0 && *next_seq < self.next_seq && audience.is_hungry(member.connection)
            {
                *quantum -= 1;
                read.clear();
                let found = audience.read(&self.room, *next_seq, self.next_seq, &mut read).is_ok();
                note(id, || Step::Read {
                    by: spot,
                    from: *next_seq,
                    until: self.next_seq,
                    seqs: found.then(|| read.iter().map(|delivery| delivery.seq).collect()),
                });
                if !found {
                    audience.lost(member.connection, at);
                    break;
                }
                let offer = Offer { deliveries: &read, joined: None, is_last: false };
                let taken = audience.offer(member.connection, at, offer);
                *next_seq += taken as u64;
                note(id, || Step::Fed { to: spot, taken, next_seq: *next_seq });
                if taken < read.len() || taken == 0 {
                    break;
                }
            }
            if *next_seq == self.next_seq {
                member.cursor = Cursor::Live;
                note(id, || Step::WentLive { member: spot });
                self.behind.swap_remove(next);
            } else {
                audience.wait(member.connection);
                next += 1;
            }
        }
    }
}
