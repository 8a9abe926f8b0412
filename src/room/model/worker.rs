//! One worker's side of the modelled room: its queue, its seats, the batch that it hands out.

use super::{
    Flaw,
    Objection::{self, Impossible},
    broken,
};
use crate::{
    protocol::room_rules::SlowConsumer,
    room::{
        WorkerIndex,
        member::Cursor,
        trace::{Spot, Step, Who},
    },
    session::RequestKey,
};
use std::collections::{BTreeMap, VecDeque};

/// What waits for a worker.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Item {
    Deliver(u64),
    /// Nobody remembers it; with the newest message before it.
    Ephemeral {
        head: u64,
    },
    /// With the join of its seat.
    LookBack {
        who: Who,
        request: RequestKey,
        join: RequestKey,
        head: u64,
    },
    /// With the position that it goes on from, if that is covered and not the newest.
    Join {
        who: Who,
        request: RequestKey,
        head: u64,
        after: Option<u64>,
    },
    Leave {
        who: Who,
        request: RequestKey,
        head: u64,
    },
}

/// A membership, from the request to the end.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Seat {
    pub(super) who: Who,
    pub(super) join: RequestKey,
    pub(super) leave: Option<RequestKey>,
    /// It was given up; nothing may reach it.
    pub(super) gone: bool,
    /// Once its join took effect.
    pub(super) member: Option<Member>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Member {
    pub(super) place: usize,
    pub(super) cursor: Cursor,
    /// It was offered the batch.
    pub(super) served: bool,
    /// What it read and was not offered yet.
    reading: Reading,
    /// Messages that stand in its outbox since it was offered some.
    pub(super) queued: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Reading {
    Nothing,
    Messages(usize),
    Gap,
}

impl Seat {
    pub(super) fn new(who: Who, join: RequestKey) -> Self {
        Self { who, join, leave: None, gone: false, member: None }
    }
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Side {
    /// Members: from the request to join to the one to leave.
    pub(super) counted: u32,
    /// How many of them have to be counted out.
    pub(super) owed: u32,
    pub(super) queue: VecDeque<Item>,
    pub(super) seats: Vec<Seat>,
    /// The message that is delivered next; says nothing while nobody is in.
    pub(super) next_seq: u64,
    /// Messages from there on that are handed out together.
    pub(super) batch: usize,
    /// One that nobody remembers is passed on: the newest message before it.
    pub(super) passing: Option<u64>,
    /// Somebody was offered them, or it.
    pub(super) handing: bool,
    /// What becomes of members that do not keep up.
    pub(super) slow_consumer: SlowConsumer,
}

impl Side {
    /// Nobody is there.
    pub(super) fn new(slow_consumer: SlowConsumer) -> Self {
        Self { slow_consumer, ..Self::default() }
    }

    /// The seat of `who` that is neither given up nor being left.
    pub(super) fn seat_of(&mut self, who: Who) -> Option<&mut Seat> {
        self.seats.iter_mut().find(|seat| seat.who == who && seat.leave.is_none() && !seat.gone)
    }

    pub(super) fn members(&self) -> impl Iterator<Item = &Member> {
        self.seats.iter().filter_map(|seat| seat.member.as_ref())
    }

    pub(super) fn free_place(&self) -> usize {
        let taken = |place: &usize| self.members().any(|member| member.place == *place);
        (0..).find(|place| !taken(place)).expect("a place")
    }

    /// Joins and leaves wait for the end of that.
    pub(super) fn is_handing_out(&self) -> bool {
        self.batch > 0 || self.passing.is_some()
    }

    fn end(&self) -> u64 {
        self.next_seq + self.batch as u64
    }

    pub(super) fn seat_at(&mut self, spot: Spot) -> Result<&mut Seat, Objection> {
        let at = |seat: &&mut Seat| seat.member.as_ref().is_some_and(|it| it.place == spot.place);
        self.seats.iter_mut().find(at).ok_or(Impossible("nobody is at this place"))
    }

    pub(super) fn member_at(&mut self, spot: Spot) -> Result<(bool, &mut Member), Objection> {
        let seat = self.seat_at(spot)?;
        let gone = seat.gone;
        seat.member.as_mut().map(|it| (gone, it)).ok_or(Impossible("its join waits"))
    }

    /// A join at the front of the queue: place, cursor and what is heard first, if somebody new
    /// comes in.
    pub(super) fn join(
        &mut self,
        who: Who,
        request: RequestKey,
        place: Option<usize>,
        flaw: Option<Flaw>,
    ) -> Result<Option<(usize, Cursor, u64)>, Objection> {
        let within_batch = flaw == Some(Flaw::JoinWithinBatch) && !self.handing;
        if self.is_handing_out() && !within_batch {
            return Err(Impossible("a batch is not handed out yet"));
        }
        let &Item::Join { who: asked, request: by, head, after } = self.front()? else {
            return Err(Impossible("something else comes first"));
        };
        if (asked, by) != (who, request) {
            return Err(Impossible("somebody else comes first"));
        }
        self.queue.pop_front();
        // Who is in hears of every message, so that this is nothing new; but who is in may be
        // gone, and counted out.
        if flaw != Some(Flaw::StalePosition) || self.members().next().is_none() {
            self.next_seq = head + 1;
        }
        let free = self.free_place();
        let waits = |seat: &&mut Seat| seat.join == request && seat.member.is_none() && !seat.gone;
        let Some(seat) = self.seats.iter_mut().filter(|seat| seat.who == who).find(waits) else {
            return Ok(None);
        };
        let (cursor, next) = match after {
            Some(seq) => (Cursor::CatchingUp { next_seq: seq + 1 }, seq + 1),
            None => (Cursor::Live, head + 1),
        };
        let place = place.unwrap_or(free);
        let (reading, queued, served) = (Reading::Nothing, 0, false);
        seat.member = Some(Member { place, cursor, served, reading, queued });
        if self.members().filter(|member| member.place == place).count() > 1 {
            return Err(Impossible("the place is taken"));
        }
        Ok(Some((place, cursor, next)))
    }

    /// A leave at the front of the queue: the place that becomes free, and what a live member had
    /// to have heard.
    pub(super) fn leave(
        &mut self,
        who: Who,
        request: RequestKey,
    ) -> Result<Option<(usize, Option<u64>)>, Objection> {
        if self.is_handing_out() {
            return Err(Impossible("a batch is not handed out yet"));
        }
        let &Item::Leave { who: asked, request: by, head } = self.front()? else {
            return Err(Impossible("something else comes first"));
        };
        if (asked, by) != (who, request) {
            return Err(Impossible("somebody else comes first"));
        }
        self.queue.pop_front();
        let goes = |seat: &Seat| seat.who == who && seat.leave == Some(request);
        let Some(at) = self.seats.iter().position(goes) else { return Ok(None) };
        self.owed += 1;
        if self.seats[at].gone {
            self.seats[at].leave = None;
            self.forget_seats();
            return Ok(None);
        }
        let Some(member) = self.seats.remove(at).member else {
            return Err(broken(format_args!("{who:?} leaves before it joined")));
        };
        Ok(Some((member.place, (member.cursor == Cursor::Live).then_some(head + 1))))
    }

    pub(super) fn skip(&mut self, worker: WorkerIndex) -> Result<Step, Objection> {
        if self.members().next().is_some() || self.passing.is_some() {
            return Err(Impossible("somebody is in"));
        }
        let seq = self.next_message()?;
        self.queue.pop_front();
        self.next_seq = seq + 1;
        Ok(Step::Skipped { worker, seq })
    }

    pub(super) fn gather(&mut self, worker: WorkerIndex) -> Result<Step, Objection> {
        if self.handing || self.passing.is_some() || self.members().next().is_none() {
            return Err(Impossible("a batch is handed out, or nobody is in"));
        }
        let seq = self.next_message()?;
        self.queue.pop_front();
        if seq != self.end() {
            return Err(broken(format_args!("worker {worker} is at {}, not at {seq}", self.end())));
        }
        self.batch += 1;
        Ok(Step::Gathered { worker, seq })
    }

    pub(super) fn offer(
        &mut self,
        to: Spot,
        taken: usize,
        flaw: Option<Flaw>,
    ) -> Result<Step, Objection> {
        let (batch, next_seq) = (self.batch, self.next_seq);
        let (gone, member) = self.member_at(to)?;
        if batch == 0 || member.served || member.cursor != Cursor::Live {
            return Err(Impossible("no batch, or not for this member"));
        }
        member.counts(gone, taken, batch)?;
        member.served = true;
        if taken < batch && flaw != Some(Flaw::OverflowUnnoticed) {
            let next_seq = match flaw {
                Some(Flaw::OverflowOneTooFar) => next_seq + taken as u64 + 1,
                Some(Flaw::OverflowOneTooNear) if taken > 0 => next_seq + taken as u64 - 1,
                _ => next_seq + taken as u64,
            };
            member.cursor = Cursor::CatchingUp { next_seq };
        }
        let cursor = member.cursor;
        self.handing = true;
        Ok(Step::Offered { to, offered: batch, taken, cursor })
    }

    pub(super) fn hand_out(&mut self, worker: WorkerIndex) -> Result<Step, Objection> {
        let waits = |it: &Member| it.cursor == Cursor::Live && !it.served;
        if self.batch == 0 || self.members().any(waits) {
            return Err(Impossible("somebody waits for the batch"));
        }
        self.next_seq = self.end();
        self.batch = 0;
        self.serve_anew();
        Ok(Step::HandedOut { worker, next_seq: self.next_seq })
    }

    pub(super) fn serve_anew(&mut self) {
        self.handing = false;
        for member in self.seats.iter_mut().filter_map(|seat| seat.member.as_mut()) {
            member.served = false;
        }
    }

    pub(super) fn read(
        &mut self,
        by: Spot,
        count: u64,
        oldest: u64,
        flaw: Option<Flaw>,
    ) -> Result<Step, Objection> {
        let handing = self.handing && flaw != Some(Flaw::LiveWithinBatch);
        let until = match flaw {
            Some(Flaw::ReadTooFar) if self.batch > 0 => self.next_seq + 1,
            _ => self.next_seq,
        };
        let (_, member) = self.member_at(by)?;
        let Cursor::CatchingUp { next_seq: from } = member.cursor else {
            return Err(Impossible("a live member reads no history"));
        };
        if handing || from >= until || member.reading != Reading::Nothing {
            return Err(Impossible("not between two batches, or nothing to read"));
        }
        if from < oldest && flaw != Some(Flaw::GapUnnoticed) {
            member.reading = Reading::Gap;
            return Ok(Step::Read { by, from, until, seqs: None });
        }
        let first = from.max(oldest);
        let count = count.clamp(1, until.saturating_sub(first).max(1));
        member.reading = Reading::Messages(usize::try_from(count).expect("a few"));
        Ok(Step::Read { by, from, until, seqs: Some((first..first + count).collect()) })
    }

    pub(super) fn feed(&mut self, to: Spot, taken: usize) -> Result<Step, Objection> {
        let (gone, member) = self.member_at(to)?;
        let Reading::Messages(count) = member.reading else {
            return Err(Impossible("it has not read anything"));
        };
        member.counts(gone, taken, count)?;
        member.reading = Reading::Nothing;
        let Cursor::CatchingUp { next_seq } = &mut member.cursor else {
            return Err(Impossible("it is live"));
        };
        *next_seq += taken as u64;
        Ok(Step::Fed { to, taken, next_seq: *next_seq })
    }

    pub(super) fn go_live(&mut self, spot: Spot, flaw: Option<Flaw>) -> Result<Step, Objection> {
        let (next, too_soon) = (self.next_seq, flaw == Some(Flaw::LiveTooSoon));
        let handing = self.handing && flaw != Some(Flaw::LiveWithinBatch);
        let (_, member) = self.member_at(spot)?;
        let Cursor::CatchingUp { next_seq } = member.cursor else {
            return Err(Impossible("it is live"));
        };
        let beyond = flaw == Some(Flaw::ReadTooFar) && next_seq > next;
        let reached = next_seq == next || beyond || too_soon && next_seq + 1 == next;
        if handing || !reached || member.reading != Reading::Nothing {
            return Err(Impossible("it is not at the worker's position between two batches"));
        }
        member.cursor = Cursor::Live;
        Ok(Step::WentLive { member: spot })
    }

    /// Who has to go, and whether that is because of the room's policy for members that do not
    /// keep up, not because the history no longer covers it.
    pub(super) fn lose(&mut self, spot: Spot) -> Result<(Who, bool), Objection> {
        let closes = self.slow_consumer == SlowConsumer::Close;
        let seat = self.seat_at(spot)?;
        let (who, gone) = (seat.who, seat.gone);
        let member = seat.member.as_mut().ok_or(Impossible("its join waits"))?;
        let by_policy = closes && member.served && member.cursor != Cursor::Live;
        if gone || !by_policy && member.reading != Reading::Gap {
            return Err(Impossible("no gap, or nobody who would mind it"));
        }
        Ok((who, by_policy))
    }

    pub(super) fn take_out(&mut self, spot: Spot) -> Result<Step, Objection> {
        if !self.seat_at(spot)?.gone {
            return Err(Impossible("it did not give its seat up"));
        }
        self.seat_at(spot)?.member = None;
        self.forget_seats();
        Ok(Step::TakenOut { member: spot })
    }

    /// Whether it was inside.
    pub(super) fn give_up(
        &mut self,
        who: Who,
        join: RequestKey,
        still_counts: bool,
        flaw: Option<Flaw>,
    ) -> Result<bool, Objection> {
        let counts = |seat: &Seat| !seat.gone || seat.leave.is_some() && !still_counts;
        let own = |seat: &Seat| seat.who == who && seat.join == join && counts(seat);
        let at = self.seats.iter().position(own).ok_or(Impossible("it has no such seat"))?;
        let seat = &mut self.seats[at];
        if still_counts && seat.leave.is_none() {
            return Err(Impossible("it does not leave"));
        }
        let inside = seat.member.is_some() && !seat.gone;
        seat.gone = flaw != Some(Flaw::ServedWhenGone);
        if !still_counts {
            self.owed += 1 + u32::from(seat.leave.is_some() && flaw == Some(Flaw::CountedOutTwice));
            seat.leave = None;
        }
        self.forget_seats();
        Ok(inside)
    }

    /// Of those that are gone: a seat that is neither a place nor counted is none.
    fn forget_seats(&mut self) {
        self.seats.retain(|seat| !seat.gone || seat.leave.is_some() || seat.member.is_some());
    }

    pub(super) fn queue(&mut self, who: Who, place: usize) -> Result<(), Objection> {
        let seat = self.seat_at(Spot { worker: who.worker, place })?;
        if seat.who != who || seat.gone {
            return Err(Impossible("it is not its seat, or not any more"));
        }
        let member = seat.member.as_mut().ok_or(Impossible("its join waits"))?;
        member.queued += 1;
        Ok(())
    }

    /// Between two offers cursors and ears say the same.
    pub(super) fn agrees_with(&self, ears: &BTreeMap<Who, u64>) -> Result<(), Objection> {
        let mut staying = 0;
        for seat in &self.seats {
            staying += u32::from(!seat.gone || seat.leave.is_some());
            if seat.gone {
                continue;
            }
            let Some(member) = seat.member.as_ref().filter(|it| it.queued == 0) else { continue };
            let next = match member.cursor {
                Cursor::CatchingUp { next_seq } => next_seq,
                Cursor::Live if member.served => self.end(),
                Cursor::Live => self.next_seq,
            };
            if ears.get(&seat.who) != Some(&next) {
                let heard = ears.get(&seat.who);
                let who = seat.who;
                return Err(broken(format_args!("{who:?} is to get {next}, and needs {heard:?}")));
            }
        }
        if self.counted != staying + self.owed {
            let (counted, owed) = (self.counted, self.owed);
            return Err(broken(format_args!(
                "{counted} are counted in, {staying} stay, {owed} go: a message may pass them by"
            )));
        }
        Ok(())
    }

    /// Nothing waits any more.
    pub(super) fn is_done(&self) -> Result<(), Objection> {
        let behind = self.members().any(|member| member.cursor != Cursor::Live);
        if behind || self.is_handing_out() || !self.queue.is_empty() || self.owed > 0 {
            return Err(broken(format_args!("something waits for ever: {self:?}")));
        }
        Ok(())
    }

    pub(super) fn front(&self) -> Result<&Item, Objection> {
        self.queue.front().ok_or(Impossible("nothing waits"))
    }

    fn next_message(&self) -> Result<u64, Objection> {
        match self.front()? {
            Item::Deliver(seq) => Ok(*seq),
            Item::Join { .. } | Item::Leave { .. } | Item::LookBack { .. } => {
                Err(Impossible("a request comes first"))
            }
            Item::Ephemeral { .. } => Err(Impossible("another message comes first")),
        }
    }
}

impl Member {
    /// What it took of `offered` messages stands in its outbox; who is gone swallows them all.
    pub(super) fn counts(
        &mut self,
        gone: bool,
        taken: usize,
        offered: usize,
    ) -> Result<(), Objection> {
        let queued = std::mem::take(&mut self.queued);
        if taken > offered || !gone && queued != taken {
            return Err(broken(format_args!("{queued} of {offered} queued, {taken} counted")));
        }
        Ok(())
    }
}
