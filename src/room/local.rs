//! One worker's side of a room: members as cursors, and the fan-out by turns.

#[cfg(test)]
mod tests;

use super::{
    Room, WorkerIndex,
    inbox::{Credit, Item},
    member::{ConnKey, Cursor, JoinTicket, Member, RoomPlace, Ticket},
    trace::{Spot, Step, Who, note},
};
use crate::{
    outbox::{Delivery, Frame},
    protocol::room_rules::SlowConsumer,
};
use slab::Slab;
use std::{collections::VecDeque, sync::Arc};

/// Messages that are gathered into one write for each member.
const BATCH_MESSAGES: usize = 64;

/// The history no longer covers a member.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Gap;

/// The connections of a worker, as a room sees them.
pub(crate) trait Audience<L> {
    /// Which worker's.
    fn worker(&self) -> WorkerIndex;
    /// Queues as many of `deliveries` as fit for `to`, the member at `at`, in order, and returns
    /// how many.
    fn offer(&mut self, to: ConnKey, at: RoomPlace, deliveries: &[Delivery]) -> usize;
    /// Queues a message for `to` that may be lost, if it fits.
    fn tell(&mut self, to: ConnKey, at: RoomPlace, frame: &Frame);
    /// Whether the outbox of `to` is below its low mark.
    fn is_hungry(&self, to: ConnKey) -> bool;
    /// `member` catches up: serve its room again once it [`is_hungry`](Self::is_hungry).
    fn wait(&mut self, member: ConnKey);

    /// The same, for a member that was live until now.
    fn fell_behind(&mut self, member: ConnKey) {
        self.wait(member);
    }
    /// Reads a piece of history: the messages from `from` on that come before `until`.
    ///
    /// # Errors
    /// [`Gap`] if `from` is no longer remembered.
    fn read(
        &mut self,
        room: &Room<L>,
        from: u64,
        until: u64,
        into: &mut Vec<Delivery>,
    ) -> Result<(), Gap>;
    /// A join took effect: answers it, and says what becomes of the member.
    fn joined(&mut self, ticket: &JoinTicket, room: &Room<L>) -> Seating;
    /// The member has its place.
    fn seated(&mut self, member: ConnKey, room: &Room<L>, place: usize);
    /// A leave took effect, everything of the room is queued: answers it and returns the place
    /// that becomes free.
    fn left(&mut self, ticket: Ticket, room: &Arc<Room<L>>) -> Option<usize>;
    /// Somebody asked for history, and everything before that has taken effect. Returns how many
    /// messages the answer has.
    fn look_back(&mut self, ticket: Ticket, room: &Room<L>) -> usize;
    /// `member`, which is at `at`, does not keep up, and nothing is left to bridge that: it has to
    /// go.
    fn lost(&mut self, member: ConnKey, at: RoomPlace);
    /// Gives the credit of a served message back.
    fn release(&mut self, credit: Credit);
}

/// What becomes of a connection whose join took effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Seating {
    /// It gets a place.
    New,
    /// It has one already, or has gone meanwhile.
    None,
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
    /// What becomes of members without space for what is delivered.
    pub(crate) slow_consumer: SlowConsumer,
    /// Whether it stands in the worker's list of rooms to serve.
    pub(crate) is_active: bool,
}

/// The messages that are being handed out, and the place that comes next.
#[derive(Debug, Default)]
struct Batch {
    deliveries: Vec<Delivery>,
    /// One that nobody remembers, and then nothing else.
    ephemeral: Option<Frame>,
    credits: Vec<Credit>,
    place: usize,
}

impl Batch {
    fn is_empty(&self) -> bool {
        self.deliveries.is_empty() && self.ephemeral.is_none()
    }
}

impl<L> LocalRoom<L> {
    /// A room without members on this worker.
    pub(crate) fn new(room: Arc<Room<L>>, slow_consumer: SlowConsumer) -> Self {
        Self {
            room,
            members: Slab::new(),
            places: 0,
            behind: Vec::new(),
            next_seq: 1,
            pending: VecDeque::new(),
            batch: Batch::default(),
            slow_consumer,
            is_active: false,
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

    /// Serves items until `quantum` members were offered or answered something; each message of a page
    /// counts as one. `true` if more is
    /// to do.
    pub(crate) fn serve(&mut self, quantum: &mut usize, audience: &mut impl Audience<L>) -> bool {
        loop {
            if self.batch.is_empty() {
                let more = self.begin_batch(quantum, audience);
                self.catch_up(quantum, audience);
                if !more {
                    let rest = self.has_members_behind() || !self.pending.is_empty();
                    return *quantum == 0 && rest;
                }
            }
            if !self.hand_out(quantum, audience) {
                return true;
            }
        }
    }

    /// Gathers the next messages; joins and leaves on the way take effect. `false` if there are
    /// none, or the quantum is used up before them.
    fn begin_batch(&mut self, quantum: &mut usize, audience: &mut impl Audience<L>) -> bool {
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
                Item::Ephemeral(frame, credit) if self.batch.is_empty() => {
                    let worker = audience.worker();
                    note(self.room.id(), || Step::Passed { worker, dropped: false });
                    self.batch.ephemeral = Some(frame);
                    self.batch.credits.push(credit);
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
                    self.batch.deliveries.push(delivery);
                    self.batch.credits.push(credit);
                    if self.batch.deliveries.len() == BATCH_MESSAGES {
                        break;
                    }
                }
            }
        }
        !self.batch.is_empty()
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
            let taken = audience.offer(member.connection, at, &self.batch.deliveries);
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
            match self.slow_consumer {
                SlowConsumer::CatchUp => audience.fell_behind(member.connection),
                SlowConsumer::Close => audience.lost(member.connection, at),
            }
        }
        self.end_batch(audience);
        true
    }

    fn end_batch(&mut self, audience: &mut impl Audience<L>) {
        self.next_seq += self.batch.deliveries.len() as u64;
        self.batch.deliveries.clear();
        self.batch.place = 0;
        let (worker, next_seq) = (audience.worker(), self.next_seq);
        note(self.room.id(), || match self.batch.ephemeral {
            Some(_) => Step::PassedOn { worker },
            None => Step::HandedOut { worker, next_seq },
        });
        self.batch.ephemeral = None;
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
                let taken = audience.offer(member.connection, at, &read);
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
