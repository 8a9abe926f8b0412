//! The rule of delivery without any of its machinery: one room, its log, its workers, its members.
//!
//! [`Model::take`] takes a [`Step`] and says what has to come of it. Two callers hold it against
//! something: `explore` takes every step that is possible, within bounds, and looks for a state
//! in which a promise is broken; the simulation of the workers takes the steps that the real code
//! noted, and compares what came of them.
//!
//! How much an outbox takes and when it drains is not in the model: a member may take any part of
//! what it is offered, at any time. That covers every outbox and every peer.

mod aside;
mod explore;
mod flaw;
pub(crate) mod history;
mod tests;
mod worker;

pub(crate) use history::Bounds;

use super::{
    Restart, WorkerIndex,
    trace::{Asked, Spot, Step, Who},
};
use crate::{
    protocol::{room_rules::SlowConsumer, time::Wall},
    session::RequestKey,
};
use flaw::Flaw;
use history::History;
use std::collections::BTreeMap;
use worker::{Item, Seat, Side};

/// Why a step is not taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Objection {
    /// The rule has no such step in this state.
    Impossible(&'static str),
    /// The rule was followed, and a promise is broken.
    Broken(String),
}

use Objection::Impossible;

/// One room.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Model {
    pub(crate) history: History,
    sides: Vec<Side>,
    /// What each connection that is inside has to hear next.
    ears: BTreeMap<Who, u64>,
    freed: bool,
    /// Planted, to see whether it is found.
    flaw: Option<Flaw>,
}

impl Model {
    /// A room that nobody was in yet.
    pub(crate) fn new(workers: usize, bounds: Bounds, slow: SlowConsumer) -> Self {
        Self {
            history: History::new(bounds),
            sides: vec![Side::new(slow); workers],
            ears: BTreeMap::new(),
            freed: false,
            flaw: None,
        }
    }

    /// Whether the room is no more.
    pub(crate) const fn is_freed(&self) -> bool {
        self.freed
    }

    fn has(&self, flaw: Flaw) -> bool {
        self.flaw == Some(flaw)
    }

    /// Takes what `step` says was done, and says what has to come of it.
    ///
    /// # Errors
    /// [`Objection`]; the model is then of no further use.
    pub(crate) fn take(&mut self, step: &Step) -> Result<Step, Objection> {
        let made = self.make(step)?;
        self.keeps_its_promises()?;
        Ok(made)
    }

    fn make(&mut self, step: &Step) -> Result<Step, Objection> {
        match *step {
            Step::Committed { at, bytes, key, .. } => self.publish(at, bytes, key),
            Step::Repeated { now, key, .. } => self.publish(now, 0, key),
            Step::Expired { now } => {
                self.history.expire(now);
                Ok(Step::Expired { now })
            }
            Step::Shed { from } => {
                self.history.shed(from)?;
                Ok(Step::Shed { from })
            }
            Step::Rebounded { bounds } => {
                self.history.rebound(bounds);
                Ok(Step::Rebounded { bounds })
            }
            Step::Remembers { .. } => Ok(Step::Remembers { from: self.history.from() }),
            Step::AskedToJoin { who, request, since, .. } => {
                let mut made = step.clone();
                if let Step::AskedToJoin { counted, head, restart, .. } = &mut made {
                    (*counted, *restart) = self.ask_to_join(who, request, since)?;
                    *head = self.history.head;
                }
                Ok(made)
            }
            Step::AskedToLeave { who, request } => self.ask_to_leave(who, request),
            Step::Emitted { now, .. } => self.emit(now),
            Step::AskedToLookBack { who, request } => self.ask_to_look_back(who, request),
            Step::CountedOut { worker } => self.count_out(worker),
            Step::Freed { now } => self.free(now),
            Step::Joined { who, request, seat } => self.join(who, request, seat),
            Step::Left { who, request, .. } => self.leave(who, request),
            Step::Ruled { worker, slow_consumer } => {
                self.side(worker)?.slow_consumer = slow_consumer;
                Ok(Step::Ruled { worker, slow_consumer })
            }
            Step::LookedBack { who, request } => self.look_back(who, request),
            Step::Passed { worker, dropped } => self.pass(worker, dropped),
            Step::Told { to } => self.tell(to),
            Step::PassedOn { worker } => self.side(worker)?.pass_on(worker),
            Step::Skipped { worker, .. } => self.side(worker)?.skip(worker),
            Step::Gathered { worker, .. } => self.side(worker)?.gather(worker),
            Step::Offered { to, taken, .. } => self.offer(to, taken),
            Step::HandedOut { worker, .. } => self.side(worker)?.hand_out(worker),
            Step::Read { by, ref seqs, .. } => {
                self.read(by, seqs.as_ref().map_or(1, |seqs| seqs.len() as u64))
            }
            Step::Fed { to, taken, .. } => self.side(to.worker)?.feed(to, taken),
            Step::WentLive { member } => self.go_live(member),
            Step::Lost { member } => self.lose(member),
            Step::TakenOut { member } => self.side(member.worker)?.take_out(member),
            Step::GaveUp { who, join, still_counts } => self.give_up(who, join, still_counts),
            Step::QueuedAside { who, place } => self.queue_aside(who, place),
            Step::Paged { who, .. } => self.page(who, step),
            Step::Queued { who, place, seq } => self.queue(who, place, seq),
        }
    }

    fn side(&mut self, worker: WorkerIndex) -> Result<&mut Side, Objection> {
        self.sides.get_mut(usize::from(worker)).ok_or(Impossible("there is no such worker"))
    }

    // --- under the room's mutex --------------------------------------------------------------

    fn publish(&mut self, now: Wall, bytes: usize, key: Option<u64>) -> Result<Step, Objection> {
        if self.freed {
            return Err(Impossible("the room was freed"));
        }
        let forgets_keys = self.has(Flaw::KeyForgotten);
        let at = self.history.begin(now);
        if let Some(seq) = key.and_then(|key| self.history.find(key, at)).filter(|_| !forgets_keys)
        {
            return Ok(Step::Repeated { now, key, seq });
        }
        let seq = self.history.commit(at, bytes, key);
        let mut workers = Vec::new();
        for (side, worker) in self.sides.iter_mut().zip(0..) {
            if side.counted > 0 {
                side.queue.push_back(Item::Deliver(seq));
                workers.push(worker);
            }
        }
        Ok(Step::Committed { seq, at, bytes, key, workers })
    }

    fn ask_to_join(
        &mut self,
        who: Who,
        request: RequestKey,
        since: Option<Asked>,
    ) -> Result<(bool, Restart), Objection> {
        if self.freed {
            return Err(Impossible("the room was freed"));
        }
        let slack = u64::from(self.has(Flaw::CoversOneTooMany));
        let overtakes = self.has(Flaw::JoinOvertakes);
        let (restart, after) = match since {
            None => (Restart::Fresh, None),
            Some(since) if self.history.covers(since, slack) => {
                let behind = since.seq < self.history.head;
                (Restart::Covered(since.seq), behind.then_some(since.seq))
            }
            Some(_) => (Restart::Lost, None),
        };
        let head = self.history.head;
        let oldest = self.history.from();
        if let Some(seq) = after.filter(|seq| seq + 1 < oldest) {
            return Err(broken(format_args!("{who:?} is promised all behind {seq}, not {oldest}")));
        }
        let side = self.side(who.worker)?;
        let counted = side.seat_of(who).is_none();
        if counted {
            side.counted += 1;
            side.seats.push(Seat::new(who, request));
        }
        side.ask(Item::Join { who, request, head, after }, overtakes);
        Ok((counted, restart))
    }

    fn ask_to_leave(&mut self, who: Who, request: RequestKey) -> Result<Step, Objection> {
        let head = self.history.head;
        let overtakes = self.has(Flaw::LeaveOvertakes);
        let side = self.side(who.worker)?;
        if let Some(seat) = side.seat_of(who) {
            seat.leave = Some(request);
        }
        side.ask(Item::Leave { who, request, head }, overtakes);
        Ok(Step::AskedToLeave { who, request })
    }

    fn count_out(&mut self, worker: WorkerIndex) -> Result<Step, Objection> {
        let side = self.side(worker)?;
        if side.owed == 0 || side.counted == 0 {
            return Err(Impossible("nobody has to be counted out"));
        }
        side.owed -= 1;
        side.counted -= 1;
        Ok(Step::CountedOut { worker })
    }

    fn free(&mut self, now: Wall) -> Result<Step, Objection> {
        if self.freed || self.sides.iter().any(|side| side.counted > 0) {
            return Err(Impossible("somebody is in, or the room was freed before"));
        }
        if self.history.is_remembered(now) {
            return Err(Impossible("its messages are still remembered"));
        }
        self.freed = true;
        Ok(Step::Freed { now })
    }

    // --- on a worker -------------------------------------------------------------------------

    fn join(
        &mut self,
        who: Who,
        request: RequestKey,
        seat: Option<(usize, super::member::Cursor)>,
    ) -> Result<Step, Objection> {
        let flaw = self.flaw;
        let side = self.side(who.worker)?;
        let seated = side.join(who, request, seat.map(|(place, _)| place), flaw)?;
        if let Some((_, _, next)) = seated {
            self.ears.insert(who, next);
        }
        Ok(Step::Joined { who, request, seat: seated.map(|(place, cursor, _)| (place, cursor)) })
    }

    fn leave(&mut self, who: Who, request: RequestKey) -> Result<Step, Objection> {
        let Some((place, owes)) = self.side(who.worker)?.leave(who, request)? else {
            return Ok(Step::Left { who, request, place: None });
        };
        let next = self.ears.remove(&who);
        match (owes, next) {
            (Some(next), Some(heard)) if heard != next => {
                Err(broken(format_args!("{who:?} left before {heard}: it was live until {next}")))
            }
            _ => Ok(Step::Left { who, request, place: Some(place) }),
        }
    }

    fn offer(&mut self, to: Spot, taken: usize) -> Result<Step, Objection> {
        let flaw = self.flaw;
        self.side(to.worker)?.offer(to, taken, flaw)
    }

    fn read(&mut self, by: Spot, count: u64) -> Result<Step, Objection> {
        let oldest = self.history.from();
        let flaw = self.flaw;
        self.side(by.worker)?.read(by, count, oldest, flaw)
    }

    fn go_live(&mut self, member: Spot) -> Result<Step, Objection> {
        let flaw = self.flaw;
        self.side(member.worker)?.go_live(member, flaw)
    }

    fn lose(&mut self, member: Spot) -> Result<Step, Objection> {
        let oldest = self.history.from();
        let (who, by_policy) = self.side(member.worker)?.lose(member)?;
        match self.ears.get(&who) {
            Some(_) if by_policy => Ok(Step::Lost { member }),
            Some(&next) if next < oldest => Ok(Step::Lost { member }),
            next => Err(broken(format_args!(
                "{who:?}, which needs {next:?}, is given up, and {oldest} is remembered"
            ))),
        }
    }

    // --- in a connection ---------------------------------------------------------------------

    fn give_up(
        &mut self,
        who: Who,
        join: RequestKey,
        still_counts: bool,
    ) -> Result<Step, Objection> {
        let flaw = self.flaw;
        if self.side(who.worker)?.give_up(who, join, still_counts, flaw)? {
            self.ears.remove(&who);
        }
        Ok(Step::GaveUp { who, join, still_counts })
    }

    fn queue(&mut self, who: Who, place: usize, seq: u64) -> Result<Step, Objection> {
        self.side(who.worker)?.queue(who, place)?;
        match self.ears.get_mut(&who) {
            Some(next) if *next == seq => {
                *next += 1;
                Ok(Step::Queued { who, place, seq })
            }
            next => Err(broken(format_args!(
                "{who:?} hears {seq}; what it may hear next is {next:?} (none: it is outside)"
            ))),
        }
    }

    // --- what is promised --------------------------------------------------------------------

    fn keeps_its_promises(&self) -> Result<(), Objection> {
        self.history.has_every_key_once().map_err(|why| broken(format_args!("{why}")))?;
        for side in &self.sides {
            side.agrees_with(&self.ears)?;
        }
        Ok(())
    }

    /// What holds once no worker has anything to do and every outbox takes everything: whoever is
    /// inside has heard all there is.
    pub(crate) fn is_complete(&self) -> Result<(), Objection> {
        for (who, &next) in &self.ears {
            if next != self.history.head + 1 {
                let head = self.history.head;
                return Err(broken(format_args!("{who:?} misses {next} to {head} for good")));
            }
        }
        self.sides.iter().try_for_each(Side::is_done)
    }
}

fn broken(why: std::fmt::Arguments<'_>) -> Objection {
    Objection::Broken(why.to_string())
}
