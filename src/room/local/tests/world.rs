//! One room on one worker, its log, and guests whose peers read when they like.

use super::super::*;
use crate::{
    broker::{
        Broker, Draft, Epochs, HistoryBounds, Log, MemoryBroker, MemoryLog, Publishing, ReadBudget,
    },
    outbox::{Delivery, Frame, Outbox},
    protocol::{room_name::RoomName, time::Wall},
    room::{Gap, Inbox, Registry, Restart, Ticket, WorkerIndex, inbox::Credit},
    session::RequestKey,
};
use serde_json::Value;
use std::{collections::BTreeMap, io::IoSlice};

/// The messages of every page.
pub(super) const PAGE: usize = 5;

/// What a peer read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Heard {
    /// At this message.
    Joined(u64),
    Message(u64),
    /// Nobody remembers it.
    Ephemeral(u64),
    LookedBack,
    Left,
}

/// A connection: an outbox, and what its peer read from it.
pub(super) struct Guest {
    pub(super) outbox: Outbox,
    /// The first message it has to get.
    pub(super) first: u64,
    place: Option<usize>,
    pub(super) counted: bool,
    pub(super) lost: bool,
    /// It fell behind when the outbox held this many bytes.
    behind_at: Option<usize>,
    pub(super) heard: Vec<Heard>,
    unread: Vec<u8>,
}

impl Guest {
    pub(super) fn new(limit: u32, first: u64) -> Self {
        Self {
            outbox: Outbox::new(limit),
            first,
            place: None,
            counted: true,
            lost: false,
            behind_at: None,
            heard: Vec::new(),
            unread: Vec::new(),
        }
    }

    /// The peer reads up to `bytes`.
    pub(super) fn read(&mut self, bytes: usize) {
        let mut left = bytes;
        while left > 0 && !self.outbox.is_empty() {
            let mut slices = [IoSlice::new(&[]); 1];
            self.outbox.slices(&mut slices);
            let n = slices[0].len().min(left);
            self.unread.extend_from_slice(&slices[0][..n]);
            self.outbox.advance(n);
            left -= n;
        }
        while let Some(heard) = self.parse() {
            self.heard.push(heard);
        }
    }

    pub(super) fn parse(&mut self) -> Option<Heard> {
        let (header, len) = match *self.unread.get(1)? {
            126 => {
                let len = [*self.unread.get(2)?, *self.unread.get(3)?];
                (4, usize::from(u16::from_be_bytes(len)))
            }
            len => (2, usize::from(len)),
        };
        if self.unread.len() < header + len {
            return None;
        }
        let frame: Vec<u8> = self.unread.drain(..header + len).collect();
        let text: Value = serde_json::from_slice(&frame[header..]).unwrap();
        let number = |name: &str| text[name].as_u64();
        let message = number("seq").map(Heard::Message);
        let known = number("joined").map(Heard::Joined).or(message);
        let known = known.or(number("ephemeral").map(Heard::Ephemeral));
        let back = text["history"].as_bool().map(|_| Heard::LookedBack);
        Some(known.or(back).unwrap_or(Heard::Left))
    }

    pub(super) fn say(&mut self, json: &str) {
        self.outbox.push(Frame::from_json(json.as_bytes())).expect("space for an answer");
    }

    /// Answers frame the messages, which are all there and in order. Returns the last one.
    pub(super) fn check(&self) -> Option<u64> {
        let joined = |heard: &Heard| matches!(heard, Heard::Joined(_));
        assert!(self.heard.first().is_none_or(joined), "{:?}", self.heard);
        let left = self.heard.iter().position(|heard| *heard == Heard::Left);
        assert!(left.is_none_or(|at| at + 1 == self.heard.len()), "{:?}", self.heard);
        let mut last = None;
        let numbers = self.heard.iter().filter_map(|heard| match heard {
            Heard::Ephemeral(number) => Some(*number),
            Heard::Joined(_) | Heard::Message(_) | Heard::LookedBack | Heard::Left => None,
        });
        assert!(numbers.is_sorted_by(|one, next| one < next), "{:?}", self.heard);
        for heard in &self.heard {
            if let Heard::Message(seq) = *heard {
                assert_eq!(seq, last.map_or(self.first, |last| last + 1), "{:?}", self.heard);
                last = Some(seq);
            }
        }
        last
    }
}

/// The connections of one worker, and its inbox.
pub(super) struct Hall {
    inbox: Inbox<MemoryLog>,
    pub(super) guests: BTreeMap<u32, Guest>,
    pub(super) offers: usize,
}

impl Hall {
    pub(super) fn guest(&mut self, key: ConnKey) -> &mut Guest {
        self.guests.get_mut(&key.index).expect("a member")
    }
}

impl Audience<MemoryLog> for Hall {
    fn worker(&self) -> WorkerIndex {
        0
    }

    fn offer(&mut self, to: ConnKey, _: RoomPlace, offer: Offer<'_>) -> usize {
        self.offers += 1;
        let Offer { deliveries, joined, .. } = offer;
        let guest = self.guest(to);
        assert!(guest.place.is_some(), "whoever has no place is offered nothing");
        let piece = joined.and_then(|joined| joined.frame_for(|| ""));
        if let Some(piece) = piece.filter(|it| !guest.lost && guest.outbox.takes_joined(it.len())) {
            guest.outbox.push(piece.clone()).expect("it fits");
            return deliveries.len();
        }
        let mut taken = 0;
        for delivery in deliveries {
            if guest.lost || !guest.outbox.takes(delivery.frame.len()) {
                break;
            }
            guest.outbox.push(delivery.frame.clone()).expect("it fits");
            taken += 1;
        }
        taken
    }

    fn tell(&mut self, to: ConnKey, _: RoomPlace, frame: &Frame) {
        let guest = self.guest(to);
        assert!(guest.place.is_some(), "whoever has no place is told nothing");
        if !guest.lost && guest.outbox.takes_lightly(frame.len()) {
            guest.outbox.push(frame.clone()).expect("it fits");
        }
    }

    fn look_back(&mut self, ticket: Ticket, _: &Room<MemoryLog>) -> usize {
        let Some(guest) = self.guests.get_mut(&ticket.connection.index) else { return 0 };
        assert!(guest.place.is_some(), "looked back out of order");
        guest.say(r#"{"history":true}"#);
        PAGE
    }

    fn is_hungry(&self, to: ConnKey) -> bool {
        let guest = &self.guests[&to.index];
        !guest.lost && guest.outbox.below_low_mark()
    }

    fn wait(&mut self, member: ConnKey) {
        let guest = self.guest(member);
        guest.behind_at = Some(guest.outbox.bytes());
    }

    fn read(
        &mut self,
        room: &Room<MemoryLog>,
        from: u64,
        until: u64,
        into: &mut Vec<Delivery>,
    ) -> Result<(), Gap> {
        let budget = ReadBudget { frames: 3, bytes: 10_000 };
        room.lock().log.after(from - 1, until - 1, budget, into).map_err(|_| Gap)
    }

    fn joined(&mut self, ticket: &JoinTicket, _: &Room<MemoryLog>) -> Seating {
        let Some(guest) = self.guests.get_mut(&ticket.connection.index) else {
            return Seating::None;
        };
        guest.say(&format!(r#"{{"joined":{}}}"#, ticket.seq));
        if guest.place.is_some() { Seating::None } else { Seating::New }
    }

    fn seated(&mut self, member: ConnKey, _: &Room<MemoryLog>, place: usize) {
        assert_eq!(self.guest(member).place.replace(place), None);
    }

    fn left(&mut self, ticket: Ticket, _: &Arc<Room<MemoryLog>>) -> Option<usize> {
        let guest = self.guests.get_mut(&ticket.connection.index)?;
        guest.say(r#"{"left":true}"#);
        guest.place.take()
    }

    fn lost(&mut self, member: ConnKey, _: RoomPlace) {
        self.guest(member).lost = true;
    }

    fn release(&mut self, credit: Credit) {
        self.inbox.release(credit);
    }
}

/// One room, its log, and the worker that serves it only when something woke it.
pub(super) struct World {
    room: Arc<Room<MemoryLog>>,
    pub(super) local: LocalRoom<MemoryLog>,
    pub(super) hall: Hall,
    counted: usize,
    guests: u32,
    emitted: u64,
    pub(super) active: bool,
    now: Time,
    /// When the room is served again that held something back.
    pub(super) comes_back: Option<Time>,
    outbox_bytes: u32,
}

impl World {
    pub(super) fn new(count: usize, outbox_bytes: u32) -> Self {
        let bounds = HistoryBounds { count, age_ms: 1_000_000, bytes: 1 << 30 };
        let name = RoomName::parse("den").unwrap();
        let log = MemoryBroker::new(bounds, Epochs::seeded(1)).open(&name);
        let room = Registry::new(1).obtain(&name, || log).unwrap();
        let hall = Hall { inbox: Inbox::new(1 << 30), guests: BTreeMap::new(), offers: 0 };
        Self {
            local: LocalRoom::new(Arc::clone(&room), Manner::default()),
            room,
            hall,
            counted: 0,
            guests: 0,
            emitted: 0,
            active: false,
            now: Time::default(),
            comes_back: None,
            outbox_bytes,
        }
    }

    pub(super) fn head(&self) -> u64 {
        self.room.lock().log.head()
    }

    /// As the relay does: a worker without members hears nothing.
    pub(super) fn publish(&mut self, bytes: usize) {
        let payload = format!("\"{}\"", "x".repeat(bytes));
        let draft = Draft {
            room: self.room.name().borrowed(),
            user: &"ann".into(),
            info: None,
            payload: &payload,
            idempotency_key: None,
        };
        let credit = self.hall.inbox.reserve(draft.max_frame_bytes()).unwrap();
        let published = self.room.lock().log.publish(&draft, Wall::from_ms(1));
        let Publishing::Committed { delivery, .. } = published else { panic!("committed") };
        if self.counted == 0 {
            self.hall.inbox.release(credit);
        } else {
            self.push(Item::Deliver(delivery, credit));
        }
    }

    /// The same with a message that nobody remembers.
    pub(super) fn emit(&mut self) {
        if self.counted > 0 {
            self.emitted += 1;
            let frame = Frame::from_json(format!(r#"{{"ephemeral":{}}}"#, self.emitted).as_bytes());
            let credit = self.hall.inbox.reserve(frame.len()).unwrap();
            self.push(Item::Ephemeral(frame, credit));
        }
    }

    pub(super) fn look_back(&mut self, index: u32) {
        let ticket = Ticket { connection: key(index), request: RequestKey(index) };
        self.push(Item::LookBack(ticket));
    }

    pub(super) fn push(&mut self, item: Item) {
        self.local.push(item);
        self.active = true;
    }

    /// Somebody new joins, with everything up to `since`.
    pub(super) fn join(&mut self, since: Option<u64>) -> u32 {
        let index = self.guests;
        self.guests += 1;
        self.counted += 1;
        let ticket = self.ticket(index, since);
        let first = match ticket.restart {
            Restart::Covered(seq) => seq + 1,
            Restart::Fresh | Restart::Lost => ticket.seq + 1,
        };
        self.hall.guests.insert(index, Guest::new(self.outbox_bytes, first));
        self.push(Item::Join(ticket));
        index
    }

    pub(super) fn join_again(&mut self, index: u32) {
        let ticket = self.ticket(index, None);
        self.push(Item::Join(ticket));
    }

    pub(super) fn ticket(&self, index: u32, since: Option<u64>) -> JoinTicket {
        let core = self.room.lock();
        let covers = |since| core.log.covers(core.log.epoch().as_str(), since);
        JoinTicket {
            connection: key(index),
            request: RequestKey(index),
            epoch: core.log.epoch().as_str().into(),
            seq: core.log.head(),
            restart: match since {
                None => Restart::Fresh,
                Some(since) if covers(since) => Restart::Covered(since),
                Some(_) => Restart::Lost,
            },
        }
    }

    pub(super) fn leave(&mut self, index: u32) {
        if std::mem::take(&mut self.hall.guest(key(index)).counted) {
            self.counted -= 1;
            let ticket = Ticket { connection: key(index), request: RequestKey(index) };
            self.push(Item::Leave(ticket));
        }
    }

    /// A member was counted out, and is about to be taken out.
    pub(super) fn count_out(&mut self, index: u32) {
        self.hall.guest(key(index)).counted = false;
        self.counted -= 1;
    }

    /// A connection is gone at once.
    pub(super) fn remove(&mut self, index: u32) -> Guest {
        let guest = self.hall.guests.remove(&index).expect("a member");
        self.counted -= usize::from(guest.counted);
        if let Some(place) = guest.place {
            assert!(self.local.is_at(place, key(index)));
            self.local.remove(place);
        }
        guest
    }

    pub(super) fn read(&mut self, index: u32, bytes: usize) {
        let guest = self.hall.guest(key(index));
        guest.read(bytes);
        let outbox = &guest.outbox;
        let drained = |at: &mut usize| outbox.is_empty() || outbox.bytes() < *at;
        if outbox.below_low_mark() && guest.behind_at.take_if(drained).is_some() {
            self.active |= self.local.has_members_behind();
        }
    }

    pub(super) fn turn(&mut self, mut quantum: usize) {
        if self.active {
            let granted = quantum;
            let before = self.hall.offers;
            let served = self.local.serve(self.now, &mut quantum, &mut self.hall);
            self.active = served == Served::Part;
            if let Served::Until(time) = served {
                assert!(time > self.now, "it would be served for ever");
                self.comes_back = Some(time);
            }
            assert!(self.hall.offers - before <= granted, "no more offers than granted");
        } else if self.local.is_spent() {
            let manner = self.local.manner;
            self.local = LocalRoom::new(Arc::clone(&self.room), manner);
        }
    }

    /// Time passes.
    pub(super) fn wait(&mut self, ms: u64) {
        self.now = self.now + ms;
        self.active |= self.comes_back.take_if(|time| *time <= self.now).is_some();
    }

    /// Everybody reads everything until nothing is left to do.
    pub(super) fn settle(&mut self) {
        for _ in 0..10_000 {
            let all: Vec<u32> = self.hall.guests.keys().copied().collect();
            all.iter().for_each(|&index| self.read(index, usize::MAX));
            match self.comes_back {
                Some(time) if !self.active => self.wait(time.since(self.now)),
                None if !self.active => return,
                Some(_) | None => {}
            }
            self.turn(7);
        }
        panic!("no end of turns");
    }

    pub(super) fn heard(&mut self, index: u32) -> Vec<Heard> {
        self.read(index, usize::MAX);
        self.hall.guests[&index].heard.clone()
    }

    pub(super) fn cursor(&self, index: u32) -> Cursor {
        let of = |(_, member): &(usize, &Member)| member.connection == key(index);
        self.local.members.iter().find(of).expect("a member").1.cursor
    }

    pub(super) fn check(&mut self) {
        self.settle();
        let head = self.head();
        assert!(!self.local.has_members_behind());
        for (&index, guest) in &self.hall.guests {
            let last = guest.check();
            if guest.counted {
                assert_eq!(self.cursor(index), Cursor::Live);
                assert_eq!(last.unwrap_or(guest.first - 1), head, "{:?}", guest.heard);
            } else {
                assert_eq!(guest.heard.last(), Some(&Heard::Left));
            }
        }
        let seated = self.hall.guests.values().filter(|guest| guest.place.is_some()).count();
        assert_eq!((self.local.members.len(), seated), (self.counted, self.counted));
        assert_eq!(self.hall.inbox.used(), 0, "credit");
    }
}

pub(super) fn key(index: u32) -> ConnKey {
    ConnKey { index, generation: index + 1 }
}
