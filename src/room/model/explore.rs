//! Takes every step that is possible in a small room, breadth first: the first way that it finds
//! to break a promise is one of the shortest.

use super::{Bounds, Flaw, Model, Objection, worker::Item};
use crate::{
    protocol::{room_name::RoomName, room_rules::SlowConsumer, time::Wall},
    room::{
        ConnKey, Restart, WorkerIndex,
        member::Cursor,
        trace::{Asked, Spot, Step, Who},
    },
    session::RequestKey,
};
use std::{
    collections::{HashSet, VecDeque},
    hash::{Hash, Hasher},
};

/// How far it goes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Scope {
    /// The workers of the connections.
    pub(super) connections: &'static [WorkerIndex],
    /// Joins of each connection, ..
    pub(super) joins: u8,
    /// .. and whether it joins while it is inside, too.
    pub(super) again: bool,
    /// Messages.
    pub(super) commits: u64,
    /// Messages that nobody remembers.
    pub(super) emits: u8,
    /// Looks at the history.
    pub(super) looks: u8,
    /// Of the others each may have the one key that there is.
    pub(super) keys: bool,
    /// Messages that history holds.
    pub(super) remembers: usize,
    /// Messages that are handed out together or read at a time.
    pub(super) batch: usize,
}

/// One thing that happens. A place stands for its member.
#[derive(Clone, Copy, Debug)]
pub(super) enum Move {
    Publish {
        keyed: bool,
    },
    Emit,
    Forget,
    Free,
    Join(Who, Option<Asked>),
    Leave(Who),
    LookBack(Who),
    /// The connection ends.
    Vanish(Who),
    /// The connection loses its right to be in the room.
    Evict(Who),
    CountOut(WorkerIndex),
    /// What stands first in the queue of a worker takes effect.
    Serve(WorkerIndex),
    Offer {
        to: Spot,
        taken: usize,
    },
    HandOut(WorkerIndex),
    Read {
        by: Spot,
        count: usize,
        taken: usize,
    },
    GoLive(Spot),
    TakeOut(Spot),
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct State {
    model: Model,
    /// Joins that each connection has asked for.
    joins: Vec<u8>,
    /// Messages that nobody remembers.
    emits: u8,
    /// Looks at the history.
    looks: u8,
}

/// How a state came about.
struct Node {
    parent: Option<usize>,
    last: Option<Move>,
}

pub(super) struct Explorer {
    scope: Scope,
    seen: HashSet<[u64; 2]>,
    nodes: Vec<Node>,
    frontier: VecDeque<(usize, State)>,
    moves: usize,
}

/// A state in which a promise is broken, and the shortest way there.
#[derive(Debug)]
pub(super) struct Broken {
    pub(super) why: String,
    pub(super) way: Vec<Move>,
}

impl Scope {
    fn who(self) -> impl Iterator<Item = Who> {
        self.connections
            .iter()
            .zip(0..)
            .map(|(&worker, index)| Who { worker, connection: ConnKey { index, generation: 1 } })
    }

    fn start(self, flaw: Option<Flaw>) -> State {
        let workers = self.connections.iter().max().map_or(0, |most| usize::from(*most) + 1);
        // A message is as old as its number is small: ages forget one after the other.
        let bounds =
            Bounds { count: self.remembers, age_ms: 1_000, bytes: usize::MAX, capped: false };
        let mut model = Model::new(workers, bounds, SlowConsumer::CatchUp);
        model.flaw = flaw;
        State { model, joins: vec![0; self.connections.len()], emits: 0, looks: 0 }
    }

    fn moves(self, state: &State) -> Vec<Move> {
        let mut moves = Vec::new();
        let model = &state.model;
        let head = model.history.head;
        if head < self.commits {
            moves.push(Move::Publish { keyed: false });
        }
        if self.keys {
            moves.push(Move::Publish { keyed: true });
        }
        moves.extend((state.emits < self.emits).then_some(Move::Emit));
        moves.extend([Move::Forget, Move::Free]);
        for (who, joins) in self.who().zip(&state.joins) {
            let seats = &model.sides[usize::from(who.worker)].seats;
            let mut seats = seats.iter().filter(|seat| seat.who == who);
            let is_inside = seats.clone().any(|seat| seat.leave.is_none() && !seat.gone);
            if *joins < self.joins && (self.again || !is_inside) {
                // Whatever is not covered is the same as no position.
                let low = model.history.from().saturating_sub(2);
                let asked = (low..head).map(|seq| Some(Asked { same_epoch: true, seq }));
                moves.extend(asked.chain([None]).map(|since| Move::Join(who, since)));
            }
            moves.extend(is_inside.then_some(Move::Leave(who)));
            let looks = is_inside && state.looks < self.looks;
            moves.extend(looks.then_some(Move::LookBack(who)));
            if seats.next().is_some() {
                moves.extend([Move::Vanish(who), Move::Evict(who)]);
            }
        }
        moves.extend(self.works(state));
        moves
    }

    /// What a worker does by itself, if everybody reads.
    fn works(self, state: &State) -> Vec<Move> {
        let mut moves = Vec::new();
        for (side, worker) in state.model.sides.iter().zip(0..) {
            moves.extend((side.owed > 0).then_some(Move::CountOut(worker)));
            moves.extend((!side.queue.is_empty()).then_some(Move::Serve(worker)));
            // One after the other, by place.
            let waits = side.members().filter(|it| it.cursor == Cursor::Live && !it.served);
            let next = waits.map(|member| member.place).min();
            if side.passing.is_some() {
                // Whoever is behind is not told: the rule says so.
                let places = side.members().filter(|it| !it.served).map(|it| it.place);
                let tell = |place, taken| Move::Offer { to: Spot { worker, place }, taken };
                moves.extend(places.flat_map(|place| [tell(place, 0), tell(place, 1)]));
                moves.push(Move::HandOut(worker));
            }
            if side.batch > 0 {
                let offer = |place| {
                    let to = Spot { worker, place };
                    (0..=side.batch).map(move |taken| Move::Offer { to, taken })
                };
                moves.extend(next.into_iter().flat_map(offer));
                moves.extend(next.is_none().then_some(Move::HandOut(worker)));
            }
            for seat in &side.seats {
                let Some(member) = &seat.member else { continue };
                let by = Spot { worker, place: member.place };
                moves.extend(seat.gone.then_some(Move::TakeOut(by)));
                if member.cursor != Cursor::Live {
                    moves.push(Move::GoLive(by));
                    let reads = (1..=self.batch).flat_map(|n| (1..=n).map(move |some| (n, some)));
                    moves.extend(reads.map(|(count, taken)| Move::Read { by, count, taken }));
                }
            }
        }
        moves
    }
}

impl State {
    /// The state behind `what`; `None` if it is not possible.
    fn after(&self, what: Move, scope: Scope) -> Result<Option<Self>, String> {
        let mut next = self.clone();
        match next.make(what, scope) {
            Ok(()) => Ok((next != *self).then_some(next)),
            Err(Objection::Impossible(_)) => Ok(None),
            Err(Objection::Broken(why)) => Err(why),
        }
    }

    fn make(&mut self, what: Move, scope: Scope) -> Result<(), Objection> {
        let model = &mut self.model;
        match what {
            Move::Publish { keyed } => {
                let at = Wall::from_ms(model.history.head + 1);
                let key = keyed.then_some(7);
                let workers = Vec::new();
                model.take(&Step::Committed { seq: 0, at, bytes: 1, key, workers })?;
                if model.history.head > scope.commits {
                    return Err(Objection::Impossible("enough"));
                }
            }
            Move::Emit => {
                self.emits += 1;
                let now = Wall::from_ms(model.history.head);
                model.take(&Step::Emitted { now, at: now, workers: Vec::new() })?;
            }
            Move::Forget => {
                let now = Wall::from_ms(model.history.from() + 1_000);
                model.take(&Step::Expired { now })?;
            }
            Move::Free => drop(model.take(&Step::Freed { now: Wall::from_ms(1) })?),
            Move::Join(who, since) => self.join(who, since)?,
            Move::Leave(who) => {
                let request = self.request(who)?;
                self.model.take(&Step::AskedToLeave { who, request })?;
            }
            Move::LookBack(who) => {
                self.looks += 1;
                let request = self.request(who)?;
                self.model.take(&Step::AskedToLookBack { who, request })?;
            }
            Move::Vanish(who) => self.give_up(who, true)?,
            Move::Evict(who) => self.give_up(who, false)?,
            Move::CountOut(worker) => drop(model.take(&Step::CountedOut { worker })?),
            Move::Serve(worker) => self.serve(worker, scope)?,
            Move::Offer { to, taken } => self.offer(to, taken)?,
            Move::HandOut(worker) => {
                let passes = model.side(worker)?.passing.is_some();
                model.take(&match passes {
                    true => Step::PassedOn { worker },
                    false => Step::HandedOut { worker, next_seq: 0 },
                })?;
            }
            Move::Read { by, count, taken } => self.read(by, count, taken)?,
            Move::GoLive(member) => drop(model.take(&Step::WentLive { member })?),
            Move::TakeOut(member) => drop(model.take(&Step::TakenOut { member })?),
        }
        Ok(())
    }

    /// A name that none of its requests has.
    fn request(&mut self, who: Who) -> Result<RequestKey, Objection> {
        let side = self.model.side(who.worker)?;
        let in_seats = side.seats.iter().filter(|seat| seat.who == who);
        let in_seats = in_seats.flat_map(|seat| seat.leave.into_iter().chain([seat.join]));
        let in_queue = side.queue.iter().filter_map(|item| match *item {
            Item::Join { who: by, request, .. }
            | Item::Leave { who: by, request, .. }
            | Item::LookBack { who: by, request, .. } => (by == who).then_some(request),
            Item::Deliver(_) | Item::Ephemeral { .. } => None,
        });
        let taken: Vec<_> = in_seats.chain(in_queue).collect();
        Ok((0..).map(RequestKey).find(|key| !taken.contains(key)).expect("a name"))
    }

    fn join(&mut self, who: Who, since: Option<Asked>) -> Result<(), Objection> {
        let request = self.request(who)?;
        self.joins[who.connection.index as usize] += 1;
        self.model.take(&Step::AskedToJoin {
            who,
            request,
            name: RoomName::parse("den").expect("a name"),
            epoch: "".into(),
            counted: false,
            since,
            head: 0,
            restart: Restart::Fresh,
        })?;
        Ok(())
    }

    /// Of one room, or of all because it `vanishes`.
    fn give_up(&mut self, who: Who, vanishes: bool) -> Result<(), Objection> {
        let seats = &self.model.side(who.worker)?.seats;
        let own = seats.iter().filter(|seat| seat.who == who);
        let goes = own.filter(|seat| match vanishes {
            true => !seat.gone || seat.leave.is_some(),
            false => !seat.gone && seat.member.is_some(),
        });
        let seats = goes.map(|seat| (seat.join, !vanishes && seat.leave.is_some()));
        for (join, still_counts) in seats.collect::<Vec<_>>() {
            self.model.take(&Step::GaveUp { who, join, still_counts })?;
        }
        Ok(())
    }

    fn serve(&mut self, worker: WorkerIndex, scope: Scope) -> Result<(), Objection> {
        let side = self.model.side(worker)?;
        let is_empty = side.members().next().is_none();
        let is_full = side.batch >= scope.batch;
        let step = match side.queue.front() {
            None => return Err(Objection::Impossible("nothing waits")),
            Some(&Item::Join { who, request, .. }) => Step::Joined { who, request, seat: None },
            Some(&Item::Leave { who, request, .. }) => Step::Left { who, request, place: None },
            Some(&Item::LookBack { who, request, .. }) => Step::LookedBack { who, request },
            Some(Item::Ephemeral { .. }) => Step::Passed { worker, dropped: false },
            Some(Item::Deliver(_)) if is_empty => Step::Skipped { worker, seq: 0 },
            Some(Item::Deliver(_)) if is_full => return Err(Objection::Impossible("enough")),
            Some(Item::Deliver(_)) => Step::Gathered { worker, seq: 0 },
        };
        self.model.take(&step)?;
        Ok(())
    }

    fn offer(&mut self, to: Spot, taken: usize) -> Result<(), Objection> {
        if self.model.side(to.worker)?.passing.is_some() {
            return self.tell(to, taken > 0);
        }
        let first = self.model.side(to.worker)?.next_seq;
        let seqs: Vec<_> = (first..).take(taken).collect();
        let (offered, cursor) = (self.model.side(to.worker)?.batch, Cursor::Live);
        let taken = self.queue(to, &seqs, offered)?;
        self.model.take(&Step::Offered { to, offered, taken, cursor })?;
        Ok(())
    }

    fn tell(&mut self, to: Spot, fits: bool) -> Result<(), Objection> {
        let seat = self.model.side(to.worker)?.seat_at(to)?;
        let who = (fits && !seat.gone).then_some(seat.who);
        if let Some(who) = who {
            self.model.take(&Step::QueuedAside { who, place: to.place })?;
        }
        self.model.take(&Step::Told { to })?;
        Ok(())
    }

    fn read(&mut self, by: Spot, count: usize, taken: usize) -> Result<(), Objection> {
        let wanted = Some(vec![0; count]);
        let read = self.model.take(&Step::Read { by, from: 0, until: 0, seqs: wanted })?;
        let Step::Read { seqs, .. } = read else { panic!("another step: {read:?}") };
        if let Some(seqs) = seqs {
            let queued = &seqs[..taken.min(seqs.len())];
            let taken = self.queue(by, queued, seqs.len())?;
            self.model.take(&Step::Fed { to: by, taken, next_seq: 0 })?;
        } else {
            let (who, _) = self.model.side(by.worker)?.lose(by)?;
            self.model.take(&Step::Lost { member: by })?;
            self.give_up(who, true)?;
        }
        Ok(())
    }

    /// Puts messages into an outbox; one that is gone counts all that it is offered.
    fn queue(&mut self, to: Spot, seqs: &[u64], offered: usize) -> Result<usize, Objection> {
        let side = self.model.side(to.worker)?;
        let at = side
            .seats
            .iter()
            .find(|seat| seat.member.as_ref().is_some_and(|member| member.place == to.place));
        let seat = at.ok_or(Objection::Impossible("nobody is there"))?;
        let (who, place) = (seat.who, to.place);
        if seat.gone {
            return Ok(offered);
        }
        for &seq in seqs {
            self.model.take(&Step::Queued { who, place, seq })?;
        }
        Ok(seqs.len())
    }
}

impl Explorer {
    /// Looks at every state within `scope`; returns how many there are, and how many moves.
    pub(super) fn explore(scope: Scope, flaw: Option<Flaw>) -> Result<(usize, usize), Broken> {
        let frontier = [(0, scope.start(flaw))].into();
        let nodes = vec![Node { parent: None, last: None }];
        let mut all = Self { scope, seen: HashSet::new(), nodes, frontier, moves: 0 };
        while let Some((at, state)) = all.frontier.pop_front() {
            all.visit(at, &state).map_err(|(why, last)| Broken { why, way: all.way(at, last) })?;
        }
        Ok((all.nodes.len(), all.moves))
    }

    fn visit(&mut self, at: usize, state: &State) -> Result<(), (String, Option<Move>)> {
        let mut works = false;
        for what in self.scope.moves(state) {
            let next = state.after(what, self.scope).map_err(|why| (why, Some(what)))?;
            let Some(next) = next else { continue };
            self.moves += 1;
            works |= what.is_work();
            if self.seen.insert(fingerprint(&next)) {
                self.nodes.push(Node { parent: Some(at), last: Some(what) });
                self.frontier.push_back((self.nodes.len() - 1, next));
            }
        }
        match state.model.is_complete() {
            Err(Objection::Broken(why)) if !works => Err((why, None)),
            _ => Ok(()),
        }
    }

    fn way(&self, at: usize, last: Option<Move>) -> Vec<Move> {
        let mut way: Vec<_> = last.into_iter().collect();
        let mut at = Some(at);
        while let Some(node) = at.map(|at| &self.nodes[at]) {
            way.extend(node.last);
            at = node.parent;
        }
        way.reverse();
        way
    }
}

impl Move {
    /// Whether a worker does it by itself.
    fn is_work(self) -> bool {
        match self {
            Self::Publish { .. }
            | Self::Emit
            | Self::Forget
            | Self::Free
            | Self::Join(..)
            | Self::Leave(_)
            | Self::LookBack(_)
            | Self::Vanish(_)
            | Self::Evict(_) => false,
            Self::CountOut(_)
            | Self::Serve(_)
            | Self::Offer { .. }
            | Self::HandOut(_)
            | Self::Read { .. }
            | Self::GoLive(_)
            | Self::TakeOut(_) => true,
        }
    }
}

/// 128 bits: that two of some million states share them has a chance of 1 in 10^25.
fn fingerprint(state: &State) -> [u64; 2] {
    let mut hasher = Lanes([1, 2]);
    state.hash(&mut hasher);
    hasher.0
}

/// Two multiplicative hashes side by side, in one pass.
struct Lanes([u64; 2]);

impl Hasher for Lanes {
    fn finish(&self) -> u64 {
        self.0[0]
    }

    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|&byte| self.write_u64(u64::from(byte)));
    }

    fn write_u64(&mut self, word: u64) {
        let [one, other] = self.0;
        self.0 = [
            (one ^ word).wrapping_mul(0x9E37_79B9_7F4A_7C15).rotate_left(29),
            (other.rotate_left(23) ^ word).wrapping_mul(0xD6E8_FEB8_6659_FD93),
        ];
    }

    fn write_u32(&mut self, word: u32) {
        self.write_u64(u64::from(word));
    }

    fn write_usize(&mut self, word: usize) {
        self.write_u64(word as u64);
    }
}
