//! Beside the numbered messages: those that nobody remembers, and looks at the history.

use super::{
    Flaw, Model,
    Objection::{self, Impossible},
    broken,
    worker::{Item, Side},
};
use crate::{
    protocol::time::Wall,
    room::{
        WorkerIndex,
        member::Cursor,
        trace::{Spot, Step, Who},
    },
    session::RequestKey,
};

impl Model {
    pub(super) fn emit(&mut self, now: Wall) -> Result<Step, Objection> {
        if self.is_freed() {
            return Err(Impossible("the room was freed"));
        }
        let overtakes = self.has(Flaw::EphemeralOvertakes);
        let at = self.history.date(now);
        let head = self.history.head;
        let mut workers = Vec::new();
        for (side, worker) in self.sides.iter_mut().zip(0..) {
            if side.counted > 0 {
                side.ask(Item::Ephemeral { head }, overtakes);
                workers.push(worker);
            }
        }
        Ok(Step::Emitted { now, at, workers })
    }

    pub(super) fn ask_to_look_back(
        &mut self,
        who: Who,
        request: RequestKey,
    ) -> Result<Step, Objection> {
        let overtakes = self.has(Flaw::LookOvertakes);
        let head = self.history.head;
        let side = self.side(who.worker)?;
        let seat = side.seat_of(who).ok_or(Impossible("it is not in, and not on its way"))?;
        let join = seat.join;
        side.ask(Item::LookBack { who, request, join, head }, overtakes);
        Ok(Step::AskedToLookBack { who, request })
    }

    /// Whoever is live has heard what was published before it asked, and is inside if its join
    /// came before.
    pub(super) fn look_back(&mut self, who: Who, request: RequestKey) -> Result<Step, Objection> {
        let side = self.side(who.worker)?;
        if side.is_handing_out() {
            return Err(Impossible("a batch is not handed out yet"));
        }
        let &Item::LookBack { who: asked, request: by, join, head } = side.front()? else {
            return Err(Impossible("something else comes first"));
        };
        if (asked, by) != (who, request) {
            return Err(Impossible("somebody else comes first"));
        }
        side.queue.pop_front();
        if let Some(seat) = side.seat_of(who).filter(|seat| seat.join == join) {
            let cursor = seat.member.as_ref().map(|member| member.cursor);
            let heard = self.ears.get(&who);
            match cursor {
                None => return Err(broken(format_args!("{who:?} looks back before it joined"))),
                Some(Cursor::Live) if heard != Some(&(head + 1)) => {
                    return Err(broken(format_args!("{who:?} looks back before {heard:?}")));
                }
                Some(_) => {}
            }
        }
        Ok(Step::LookedBack { who, request })
    }

    pub(super) fn page(&mut self, who: Who, step: &Step) -> Result<Step, Objection> {
        if !self.ears.contains_key(&who) {
            return Err(broken(format_args!("{who:?} is outside and gets a page")));
        }
        let mut made = step.clone();
        if let Step::Paged { before, limit, bytes, seqs, more, .. } = &mut made {
            (*seqs, *more) = self.history.page((*before, *limit, *bytes), seqs.len())?;
        }
        Ok(made)
    }

    pub(super) fn pass(&mut self, worker: WorkerIndex, dropped: bool) -> Result<Step, Objection> {
        let within_batch = self.has(Flaw::EphemeralWithinBatch);
        let side = self.side(worker)?;
        if side.is_handing_out() && (!within_batch || side.passing.is_some()) {
            return Err(Impossible("a batch is not handed out yet"));
        }
        let &Item::Ephemeral { head } = side.front()? else {
            return Err(Impossible("something else comes first"));
        };
        if dropped && side.members().next().is_some() {
            return Err(Impossible("somebody is in"));
        }
        side.queue.pop_front();
        side.passing = (!dropped).then_some(head);
        Ok(Step::Passed { worker, dropped })
    }

    pub(super) fn tell(&mut self, to: Spot) -> Result<Step, Objection> {
        let told_behind = self.has(Flaw::ToldBehind);
        let side = self.side(to.worker)?;
        let passes = side.passing.is_some();
        let (_, member) = side.member_at(to)?;
        if !passes || member.served || member.cursor != Cursor::Live && !told_behind {
            return Err(Impossible("no such message, or not for this member"));
        }
        member.queued = 0;
        member.served = true;
        side.handing = true;
        Ok(Step::Told { to })
    }

    /// It is heard once, inside, behind what was published before it and before what was
    /// published later.
    pub(super) fn queue_aside(&mut self, who: Who, place: usize) -> Result<Step, Objection> {
        let told_behind = self.has(Flaw::ToldBehind);
        let next = self.ears.get(&who).copied();
        let side = self.side(who.worker)?;
        let passing = side.passing.ok_or(Impossible("there is no such message"))?;
        side.queue(who, place)?;
        let (_, member) = side.member_at(Spot { worker: who.worker, place })?;
        if member.cursor != Cursor::Live && !told_behind {
            return Err(Impossible("whoever is behind is not told"));
        }
        if member.served || member.queued > 1 {
            return Err(broken(format_args!("{who:?} hears twice what nobody remembers")));
        }
        if next != Some(passing + 1) {
            return Err(broken(format_args!(
                "{who:?} is told something behind {passing}; what it may hear next is {next:?}"
            )));
        }
        Ok(Step::QueuedAside { who, place })
    }
}

impl Side {
    pub(super) fn pass_on(&mut self, worker: WorkerIndex) -> Result<Step, Objection> {
        let waits = |member| matches!(member, (Cursor::Live, false));
        if self.passing.is_none() || self.members().any(|it| waits((it.cursor, it.served))) {
            return Err(Impossible("somebody waits for it"));
        }
        self.passing = None;
        self.serve_anew();
        Ok(Step::PassedOn { worker })
    }

    /// Queues an item; that it `overtakes` all others is a mistake.
    pub(super) fn ask(&mut self, item: Item, overtakes: bool) {
        match overtakes {
            true => self.queue.push_front(item),
            false => self.queue.push_back(item),
        }
    }
}
