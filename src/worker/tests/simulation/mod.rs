//! Clients of every kind in houses of every kind, from a seed: whoever says that it has everything
//! has it, and the rooms do nothing that the model does not do.
//!
//! `SEED=n` plays one seed and shows what happens, `SEEDS=n` plays that many.

mod client;
mod dice;
mod record;

use super::{
    clerk::wait,
    house::{Egress, House, Plan, play},
};
use crate::{
    protocol::{
        grant::Pattern,
        room_rules::{Access, HistoryBounds, RoomRule, RoomRules, RoomTerms, SlowConsumer},
    },
    worker::{clock::Clock, turn::Pace},
};
use client::{Client, Reading};
use dice::Dice;
use record::Record;
use std::{
    cell::RefCell,
    collections::BTreeMap,
    env, mem,
    sync::atomic::{AtomicU64, Ordering},
    thread,
};
use tokio::task::yield_now;

const ROOMS: [&str; 3] = ["a", "b", "c"];
/// Of them some have two connections.
const USERS: usize = 4;
/// Things that happen in one simulation.
const EVENTS: usize = 120;
/// Times that everybody may come back, or read on, in the end: what they publish again may be too
/// much for little history and short wires, but it becomes less.
const ROUNDS: usize = 30;
/// Seeds that are played unless it is said otherwise.
const SEEDS: u64 = 200;
/// An empty Pong, masked.
const PONG: [u8; 6] = [0x8A, 0x80, 9, 8, 7, 6];

/// What one simulation came to.
#[derive(Clone, Copy, Debug, Default)]
struct Sum {
    steps: usize,
    heard: usize,
    acknowledged: usize,
    repeated: usize,
    /// Messages that nobody remembers.
    told: usize,
    /// Answers to `history` that had messages.
    pages: usize,
    /// Times that a room forgot because memory was short.
    shed: usize,
    /// Connections that history did not cover any more.
    lost: usize,
}

impl Sum {
    fn add(&mut self, other: Self) {
        self.steps += other.steps;
        self.heard += other.heard;
        self.acknowledged += other.acknowledged;
        self.repeated += other.repeated;
        self.told += other.told;
        self.pages += other.pages;
        self.shed += other.shed;
        self.lost += other.lost;
    }

    fn has_everything(&self) -> bool {
        let Self { steps, heard, acknowledged, repeated, told, pages, shed, lost } = *self;
        ![steps, heard, acknowledged, repeated, told, pages, shed, lost].contains(&0)
    }
}

fn terms(dice: &mut Dice) -> RoomTerms {
    let history = HistoryBounds {
        count: dice.pick(&[1, 3, 10, 40, 10_000, 10_000]),
        age_ms: dice.pick(&[400, 4_000, 300_000, 300_000]),
        bytes: dice.pick(&[1_000, 10_000, 1 << 20, 1 << 20]),
    };
    let access = if dice.one_in(2) { Access::Granted } else { Access::Open };
    let closes = dice.one_in(6);
    let slow_consumer = if closes { SlowConsumer::Close } else { SlowConsumer::CatchUp };
    let ephemeral = !dice.one_in(6);
    let coalesce_ms = dice.pick(&[0, 0, 1, 5, 40]);
    let terms = RoomTerms::new(access).with_history(history);
    RoomTerms { slow_consumer, ephemeral, coalesce_ms, ..terms }
}

fn plan(dice: &mut Dice) -> Plan {
    let egress = if dice.one_in(2) { Egress::Direct } else { Egress::Queued };
    let mut plan = Plan::new(egress, 1 + dice.below(3));
    plan.wire_bytes = dice.pick(&[300, 1_000, 4_000]);
    plan.limits.outbox_bytes = dice.pick(&[6_000, 12_000, 40_000]);
    plan.memory_bytes = dice.one_in(4).then(|| dice.pick(&[2_000, 10_000, 40_000]));
    plan.pace = dice.pick(&[
        Pace::default(),
        Pace { room: 1, turn: 2 },
        Pace { room: 2, turn: 3 },
        Pace { room: 3, turn: 100 },
    ]);
    plan.rooms = rules(dice);
    plan
}

/// One room has rules of its own.
fn rules(dice: &mut Dice) -> RoomRules {
    let pattern = Pattern::parse(ROOMS[0]).expect("a name");
    RoomRules::new(vec![RoomRule { pattern, terms: terms(dice) }], terms(dice))
}

/// The clients of one house, and what has happened.
struct Party<'a> {
    house: &'a House,
    dice: Dice,
    record: Record,
    clients: Vec<Client>,
}

impl<'a> Party<'a> {
    fn new(house: &'a House, mut dice: Dice) -> Self {
        let clients = 0..3 + dice.below(4);
        let clients = clients.map(|n| Client::new(n, format!("user{}", n % USERS)));
        let clients = clients.collect();
        Self { house, dice, record: Record::default(), clients }
    }

    /// A token of `user` that may have lost a room.
    fn token(&mut self, user: &str) -> String {
        let rooms: Vec<_> = ROOMS.iter().filter(|_| !self.dice.one_in(6)).collect();
        let grants: Vec<_> = rooms.iter().map(|room| format!("\"{room}\":\"*\"")).collect();
        let lookup = if self.dice.one_in(3) { " after=3" } else { "" };
        format!("{user} grant={{{}}}{lookup}", grants.join(","))
    }

    fn reading(&mut self) -> Reading {
        match self.dice.below(8) {
            0 => Reading::Not,
            1 => Reading::Slow(50),
            2 => Reading::Slow(400),
            _ => Reading::Eager,
        }
    }

    async fn happen(&mut self) {
        let at = self.dice.below(self.clients.len());
        if self.clients[at].line.is_none() {
            let (token, reading) = (self.token(&self.clients[at].user.clone()), self.reading());
            self.say(format_args!("{at} connects with {token}, reads {reading:?}"));
            return self.clients[at].connect(self.house, &token, reading);
        }
        let room = self.dice.pick(&ROOMS);
        match self.dice.below(42) {
            0..7 => self.join(at, room),
            7..9 => {
                self.say(format_args!("{at} leaves {room}"));
                self.clients[at].leave(room);
            }
            9..19 => self.publish(at, room),
            19..23 => self.aside(at, room),
            23..26 => self.refresh(at),
            26..29 => {
                let reading = self.reading();
                self.say(format_args!("{at} reads {reading:?}"));
                self.clients[at].line.as_mut().expect("a line").reading = reading;
            }
            29..32 => self.go(at, room),
            32 => self.reload().await,
            _ => self.pass_time(at).await,
        }
    }

    fn join(&mut self, at: usize, room: &'static str) {
        let client = &mut self.clients[at];
        let position = client.position(room);
        let since = match self.dice.below(8) {
            0 => None,
            1 => Some(("another".to_owned(), 3)),
            // What it has already, again; or what nobody has.
            2 => {
                position.map(|(epoch, seq)| (epoch, seq.saturating_sub(self.dice.below(5) as u64)))
            }
            3 => position.map(|(epoch, seq)| (epoch, seq + self.dice.below(3) as u64)),
            _ => position,
        };
        let life = self.dice.pick(&[30, 300, 100_000]);
        let token = format!("{} room={room} life={life}", client.user);
        let token = self.dice.one_in(6).then_some(token);
        client.join(room, since.clone(), token.as_deref());
        self.say(format_args!("{at} joins {room} since {since:?} with {token:?}"));
        // Requests for one room take effect in the order sent.
        while self.dice.one_in(4) {
            self.say(format_args!("{at} leaves {room} and joins it at once"));
            self.clients[at].leave(room);
            let since = self.clients[at].position(room);
            self.clients[at].join(room, since, None);
        }
    }

    fn publish(&mut self, at: usize, room: &'static str) {
        let (count, bytes) = match self.dice.below(12) {
            0 => (100, 5),
            1 => (2, 2_500),
            2..5 => (8, 200),
            _ => (1 + self.dice.below(3), self.dice.below(100)),
        };
        let keyed = count < 100 && self.dice.one_in(2);
        self.say(format_args!("{at} publishes {count} of {bytes} in {room}, keyed: {keyed}"));
        for _ in 0..count {
            let post = self.clients[at].write(room, bytes, keyed);
            self.clients[at].publish(post, count < 100, &mut self.record);
        }
    }

    /// What stands beside the numbered messages.
    fn aside(&mut self, at: usize, room: &'static str) {
        if self.dice.one_in(2) {
            let (count, bytes) = (1 + self.dice.below(4), self.dice.pick(&[1, 100, 2_500]));
            self.say(format_args!("{at} publishes {count} of {bytes} in {room}, for the moment"));
            let client = &mut self.clients[at];
            return (0..count).for_each(|_| client.emit(room, bytes, &mut self.record));
        }
        let before = self.dice.one_in(2).then(|| 1 + self.dice.below(40) as u64);
        let limit = self.dice.pick(&[1, 4, 100]);
        self.say(format_args!("{at} looks back in {room}, before {before:?}, {limit} at most"));
        self.clients[at].look_back(room, before, limit);
    }

    fn refresh(&mut self, at: usize) {
        let user = self.clients[at].user.clone();
        let token = self.token(&user);
        self.say(format_args!("{at} refreshes with {token}"));
        self.clients[at].refresh(&token);
    }

    /// Rooms have other rules from now on.
    async fn reload(&mut self) {
        let rooms = rules(&mut self.dice);
        self.say(format_args!("the rules change: {rooms:?}"));
        self.house.reload(|plan| plan.rooms = rooms).await;
    }

    /// A connection ends, in one way or another.
    fn go(&mut self, at: usize, room: &'static str) {
        let client = &mut self.clients[at];
        let within = self.dice.one_in(2);
        if within {
            let post = client.write(room, 50, self.dice.one_in(2));
            client.vanish_within(&post, self.dice.below(1_000), &mut self.record);
        }
        client.hang_up(self.house);
        self.say(format_args!("{at} vanishes, within a frame: {within}"));
    }

    async fn pass_time(&mut self, at: usize) {
        let ms = match self.dice.below(60) {
            0 => 12_000,
            1 => 40_000,
            2..6 => 1_500,
            6 => {
                let by = self.dice.pick(&[-2_000, 700, 5_000]);
                self.say(format_args!("the clock is set by {by} ms"));
                Clock::jump(by);
                return self.speak(at);
            }
            _ => self.dice.pick(&[0, 1, 2, 5, 20]),
        };
        self.say(format_args!("{ms} ms pass"));
        // Whoever reads goes on reading.
        for _ in 0..(ms / 500).min(80) {
            wait(500).await;
            self.pump();
            let wire_bytes = self.house.plan.wire_bytes;
            self.clients.iter_mut().for_each(|client| client.wait(wire_bytes));
        }
        wait(ms % 500).await;
    }

    /// One speaks everywhere: rights of those who hear it may have ended, and no timer knows yet.
    fn speak(&mut self, at: usize) {
        for room in ROOMS {
            let client = &mut self.clients[at];
            client.emit(room, 1, &mut self.record);
            let post = client.write(room, 1, false);
            client.publish(post, true, &mut self.record);
        }
    }

    fn pump(&mut self) {
        assert!(self.house.works(), "a worker ended: see above");
        self.house.check_steps();
        for client in &mut self.clients {
            client.pump(self.house, &mut self.record);
        }
        self.house.check_steps();
    }

    fn say(&self, what: std::fmt::Arguments<'_>) {
        say(format_args!("{} ms: {what}", self.house.now()));
    }

    /// Everybody comes back, reads, and publishes again what was not acknowledged.
    async fn settle(&mut self) {
        self.say(format_args!("everybody comes back"));
        for client in &mut self.clients {
            client.hang_up(self.house);
        }
        let mut before = 0;
        for round in 0..ROUNDS {
            // A member that is stuck hears nothing, and is found below.
            let is_quiet = before == mem::replace(&mut before, self.record.heard);
            let all_there = self.clients.iter().all(|client| client.line.is_some());
            if round >= 3 && all_there && is_quiet {
                break;
            }
            let all = ROOMS.map(|room| format!("\"{room}\":\"*\"")).join(",");
            for client in self.clients.iter_mut().filter(|client| client.line.is_none()) {
                let token = format!("{} grant={{{all}}}", client.user);
                client.connect(self.house, &token, Reading::Eager);
            }
            for _ in 0..60 {
                wait(2).await;
                self.pump();
            }
        }
        let mut heads = BTreeMap::new();
        for room in ROOMS {
            let token = format!("witness grant={{\"{room}\":\"*\"}}");
            let (_witness, joined) = self.house.enter_room(&token, room).await;
            let epoch = joined["epoch"].as_str().expect("an epoch").to_owned();
            heads.insert(room, (epoch, joined["seq"].as_u64().expect("a number")));
        }
        wait(5).await;
        self.pump();
        self.house.replay.borrow().is_complete();
        for client in &self.clients {
            client.check(&heads);
            client.compare(self.house, true);
        }
    }
}

async fn party(house: &House, dice: Dice) -> Sum {
    let mut party = Party::new(house, dice);
    for _ in 0..EVENTS {
        party.happen().await;
        for _ in 0..party.dice.below(4) {
            yield_now().await;
        }
        party.pump();
    }
    party.settle().await;
    let replay = house.replay.borrow();
    let Record { heard, acknowledged, repeated, told, pages, .. } = party.record;
    let (steps, shed, lost) = (replay.steps, replay.shed, replay.lost.len());
    Sum { steps, heard, acknowledged, repeated, told, pages, shed, lost }
}

thread_local! {
    /// What happened in the simulation of this thread.
    static LOG: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
}

/// Notes what happens, to be shown if it goes wrong.
fn say(what: std::fmt::Arguments<'_>) {
    LOG.with_borrow_mut(|log| log.push(what.to_string()));
}

/// Shows what happened if it went wrong.
struct Shown {
    seed: u64,
    always: bool,
}

impl Drop for Shown {
    fn drop(&mut self) {
        let log = LOG.take();
        if self.always || thread::panicking() {
            log.iter().for_each(|line| println!("{line}"));
        }
        if thread::panicking() {
            println!("seed {0}: SEED={0} cargo test --lib simulation -- --nocapture", self.seed);
        }
    }
}

fn simulate(seed: u64, always: bool) -> Sum {
    let _shown = Shown { seed, always };
    let mut dice = Dice::new(seed);
    let plan = plan(&mut dice);
    say(format_args!("{plan:?}"));
    let sum = RefCell::default();
    play(plan, async |house| {
        let done = party(house, dice.clone()).await;
        sum.replace(done);
    });
    sum.take()
}

fn number(name: &str) -> Option<u64> {
    env::var(name).ok().map(|text| text.parse().expect("a number"))
}

#[test]
fn whoever_says_that_it_has_everything_has_it() {
    if let Some(seed) = number("SEED") {
        return println!("{:?}", simulate(seed, true));
    }
    let seeds = number("SEEDS").unwrap_or(SEEDS);
    let next = AtomicU64::new(0);
    let work = || {
        let mut sum = Sum::default();
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= seeds {
                return sum;
            }
            let one = simulate(seed, false);
            sum.add(one);
        }
    };
    let threads = thread::available_parallelism().map_or(1, usize::from);
    thread::scope(|scope| {
        let all: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        for one in all {
            let sum = one.join().unwrap_or_else(|_| panic!("a seed failed: see above"));
            println!("{sum:?}");
            assert!(seeds < 100 || sum.has_everything(), "nothing much happened");
        }
    });
}
