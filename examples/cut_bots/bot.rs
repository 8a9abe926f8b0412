//! One bot: it chats, is cut, comes back, and sends again what nobody has acknowledged.

use crate::{
    cut::Cut,
    dice::Dice,
    ledger::Ledger,
    place::{Place, Step, key},
    report::Tally,
    wire::{Heard, Wire},
};
use serde_json::{json, value::RawValue};
use std::{
    collections::{BTreeSet, VecDeque},
    io,
    net::SocketAddr,
    sync::Arc,
    time::Duration,
};
use tokio::{
    sync::watch,
    time::{Instant, sleep_until, timeout_at},
};
use vestibule::client::{ErrorReceived, MessageReceived, Publish, Received};

/// Messages without an `ack` that a bot keeps; it says nothing more until some are acknowledged.
const UNACKED: usize = 64;
/// Lines that have fallen silent and are still open; the oldest is reset for the next.
const SILENT: usize = 4;
/// How long a connection may take until it is in all its rooms.
const ENTRANCE: Duration = Duration::from_secs(30);
/// The server's heartbeat is shorter: a line that is quieter than this is dead.
const QUIET: Duration = Duration::from_secs(60);
/// Payloads are this long at most; one in [`LARGE`] is so long that it takes several reads.
const SMALL_BYTES: usize = 256;
const LARGE_BYTES: usize = 8 * 1024;
const LARGE: usize = 32;

/// What all bots do now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    /// Come in and wait.
    Ramp,
    /// Publish and be cut.
    Chat,
    /// Come back, and get everything acknowledged.
    Settle,
    /// Hear what is missing.
    Gather,
    /// Stop.
    End,
}

/// What all bots are told alike.
#[derive(Debug)]
pub(crate) struct Plan {
    /// Where to.
    pub(crate) addr: SocketAddr,
    /// Between two messages of a bot, on the average.
    pub(crate) every: Duration,
    /// The shortest and the longest life of a connection.
    pub(crate) lives: (Duration, Duration),
    /// The longest wait before the next connection.
    pub(crate) backoff: Duration,
}

/// One bot.
#[derive(Debug)]
pub(crate) struct Bot {
    number: u32,
    user: String,
    token: String,
    plan: Arc<Plan>,
    tally: Arc<Tally>,
    phase: watch::Receiver<Phase>,
    dice: Dice,
    places: Vec<Place>,
    unacked: VecDeque<Unacked>,
    /// Messages made so far.
    made: u32,
    /// When the next one is due; `None` while it does not chat.
    due: Option<Instant>,
    /// When to send again what the server refused for now.
    again: Option<Instant>,
    /// Nobody reads them, the server does not know it yet.
    silent: VecDeque<Wire>,
    /// What it has told the others, each once.
    told: BTreeSet<Told>,
}

/// A message that the server has not acknowledged.
#[derive(Debug)]
struct Unacked {
    number: u32,
    /// Which of the bot's rooms.
    place: usize,
    text: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Told {
    Ready,
    Idle,
    Done,
}

/// How a connection ended.
enum End {
    /// The run is over.
    Over,
    /// By us.
    Cut(Cut),
    /// By the server, or by the system.
    Lost(String),
}

/// The connection of the moment.
struct Link {
    began: Instant,
    /// When and how it will be cut.
    cut: Option<(Instant, Cut)>,
    /// It comes back: time counts until all is there.
    returning: bool,
}

/// The name of a bot.
pub(crate) fn user(bot: u32) -> String {
    format!("cut-bot-{bot}")
}

impl From<io::Error> for End {
    fn from(error: io::Error) -> Self {
        Self::Lost(error.to_string())
    }
}

impl Bot {
    /// A bot that has not come in yet; `seed` decides its luck.
    pub(crate) fn new(
        (number, seed): (u32, u64),
        token: String,
        (plan, tally): (&Arc<Plan>, &Arc<Tally>),
        rooms: impl Iterator<Item = Arc<Ledger>>,
        phase: watch::Receiver<Phase>,
    ) -> Self {
        Self {
            number,
            user: user(number),
            token,
            plan: Arc::clone(plan),
            tally: Arc::clone(tally),
            phase,
            dice: Dice::new(seed, number),
            places: rooms.map(Place::new).collect(),
            unacked: VecDeque::new(),
            made: 0,
            due: None,
            again: None,
            silent: VecDeque::new(),
            told: BTreeSet::new(),
        }
    }

    /// Lives until the end of the last phase; then counts what it has not heard.
    pub(crate) async fn run(mut self, connect_at: Instant) {
        sleep_until(connect_at).await;
        loop {
            match self.connection().await {
                End::Over => break,
                End::Cut(cut) => self.tally.cut(cut),
                End::Lost(why) => self.tally.lost_line(why),
            }
            self.again = None;
            self.places.iter_mut().for_each(Place::leave);
            if *self.phase.borrow() == Phase::End {
                break;
            }
            let wait = self.dice.between(Duration::ZERO, self.plan.backoff);
            sleep_until(Instant::now() + wait).await;
        }
        self.tally.unanswered.add(self.unacked.len() as u64);
        for place in &self.places {
            self.tally.missing.add(place.ledger.head().saturating_sub(place.seq()));
        }
    }

    /// One connection, from its beginning to its end.
    async fn connection(&mut self) -> End {
        let began = Instant::now();
        let phase = *self.phase.borrow_and_update();
        let mut link = Link { began, cut: None, returning: self.told.contains(&Told::Ready) };
        self.enter(phase, &mut link);
        let opening = timeout_at(began + ENTRANCE, Wire::open(self.plan.addr, None));
        let wire = tokio::select! {
            biased;
            cut = due_cut(link.cut) => {
                self.tally.early.add(1);
                return End::Cut(cut);
            }
            wire = opening => wire,
        };
        let mut wire = match wire {
            Ok(Ok(wire)) => wire,
            Ok(Err(why)) => return End::Lost(format!("opening: {why}")),
            Err(_) => return End::Lost("opening took too long".to_owned()),
        };
        let end = match self.say_who(&mut wire).await {
            Ok(()) => self.turns(&mut wire, &mut link).await,
            Err(why) => End::from(why),
        };
        match &end {
            End::Over => wire.finish().await,
            End::Cut(cut) => self.strike(*cut, wire, &link).await,
            End::Lost(_) => {}
        }
        end
    }

    /// The first message, and all joins behind it without waiting.
    async fn say_who(&mut self, wire: &mut Wire) -> io::Result<()> {
        wire.say(&json!({ "type": "auth", "payload": self.token }).to_string()).await?;
        for place in &self.places {
            wire.say(&place.join()).await?;
        }
        Ok(())
    }

    /// Talks and listens until the end of the connection.
    async fn turns(&mut self, wire: &mut Wire, link: &mut Link) -> End {
        let mut quiet_until = Instant::now() + ENTRANCE;
        loop {
            let (due, again, cut) = (self.due, self.again, link.cut);
            let turn = tokio::select! {
                biased;
                changed = self.phase.changed() => {
                    let phase = *self.phase.borrow_and_update();
                    if phase == Phase::End || changed.is_err() {
                        return End::Over;
                    }
                    self.enter(phase, link);
                    Ok(())
                }
                cut = due_cut(cut) => return End::Cut(cut),
                () = due_at(due) => self.publish(wire).await,
                () = due_at(again) => self.send_again(wire).await,
                heard = timeout_at(quiet_until, wire.next()) => {
                    quiet_until = Instant::now() + QUIET;
                    match heard {
                        Ok(Ok(heard)) => self.take(heard, wire, link).await,
                        Ok(Err(why)) => Err(End::from(why)),
                        Err(_) => Err(End::Lost("the server said nothing".to_owned())),
                    }
                }
            };
            if let Err(end) = turn {
                return end;
            }
            self.look_around();
        }
    }

    fn enter(&mut self, phase: Phase, link: &mut Link) {
        match phase {
            Phase::Chat => {
                let (shortest, longest) = self.plan.lives;
                let after = Cut::after(&mut self.dice, shortest, longest);
                // Those that come in with the chat are cut from its beginning on.
                link.cut = Some((Instant::now() + after, Cut::draw(&mut self.dice)));
                let first = self.dice.between(Duration::ZERO, self.plan.every);
                self.due.get_or_insert(Instant::now() + first);
            }
            Phase::Settle | Phase::Gather => {
                link.cut = None;
                self.due = None;
            }
            Phase::Ramp | Phase::End => {}
        }
    }

    /// Makes a message, and sends it if the room is open.
    async fn publish(&mut self, wire: &mut Wire) -> Result<(), End> {
        let every = self.plan.every;
        self.due = Some(Instant::now() + self.dice.between(every / 2, every + every / 2));
        match self.make() {
            Some((place, text)) if self.is_here(place) => Ok(wire.say(&text).await?),
            Some(_) | None => Ok(()),
        }
    }

    /// Makes a message for one of its rooms, to be sent until it is acknowledged; none if too many
    /// wait for that.
    fn make(&mut self) -> Option<(usize, String)> {
        if self.unacked.len() >= UNACKED {
            return None;
        }
        let place = self.dice.below(self.places.len());
        let text = self.message(place);
        self.unacked.push_back(Unacked { number: self.made, place, text: text.clone() });
        self.made += 1;
        self.tally.published.add(1);
        Some((place, text))
    }

    fn is_here(&self, place: usize) -> bool {
        self.places.get(place).is_some_and(|place| place.here)
    }

    /// The text of the next message for a room.
    fn message(&mut self, place: usize) -> String {
        let bytes = match self.dice.once_in(LARGE) {
            true => LARGE_BYTES,
            false => self.dice.below(SMALL_BYTES),
        };
        let payload = format!("\"{} {} {}\"", self.number, self.made, "x".repeat(bytes));
        let room = self.places.get(place).map_or("", |place| &place.ledger.room);
        let key = key(self.number, self.made);
        #[expect(clippy::expect_used, reason = "a string without anything to escape")]
        let payload = RawValue::from_string(payload).expect("valid JSON");
        let message =
            Publish { id: Some(&key), idempotency_key: Some(&key), ..Publish::new(room, &payload) };
        message.to_json().unwrap_or_default()
    }

    /// Sends what the server refused for now.
    async fn send_again(&mut self, wire: &mut Wire) -> Result<(), End> {
        self.again = None;
        for place in 0..self.places.len() {
            self.send_unacked(place, wire).await?;
        }
        Ok(())
    }

    /// Sends what one of the rooms has not acknowledged, if it is open.
    async fn send_unacked(&mut self, place: usize, wire: &mut Wire) -> Result<(), End> {
        if self.is_here(place) {
            for message in self.unacked.iter().filter(|message| message.place == place) {
                wire.say(&message.text).await?;
                self.tally.sent_again.add(1);
            }
        }
        Ok(())
    }

    async fn take(&mut self, heard: Heard, wire: &mut Wire, link: &mut Link) -> Result<(), End> {
        let text = match heard {
            Heard::Text(text) => text,
            Heard::Ping(payload) => return Ok(wire.pong(&payload).await?),
            Heard::Pong => return Ok(()),
            Heard::Close(code, reason) => return Err(End::Lost(format!("{code} {reason}"))),
            Heard::End => return Err(End::Lost("ended without a Close".to_owned())),
        };
        let received = Received::parse(&text)
            .map_err(|why| End::Lost(format!("no message of the protocol: {why}")))?;
        if let Received::Joined(joined) = received {
            let at = self.place(&joined.room);
            if let Some(place) = at.and_then(|at| self.places.get_mut(at)) {
                self.tally.entry(place.joined(&joined));
            }
            self.send_unacked(at.unwrap_or(usize::MAX), wire).await?;
            self.look_back(link);
        } else if let Received::Message(message) = received {
            self.hear(&message);
            self.look_back(link);
        } else if let Received::Ack(ack) = received {
            let at =
                self.unacked.iter().position(|message| key(self.number, message.number) == ack.id);
            let Some(message) = at.and_then(|at| self.unacked.remove(at)) else {
                self.tally.wrong.add(1);
                return Ok(());
            };
            self.tally.duplicates.add(u64::from(ack.duplicate));
            if let Some(place) = self.places.get(message.place) {
                let mark = Ledger::mark(self.number, message.number);
                place.ledger.acknowledge(mark, ack.seq.unwrap_or_default());
            }
        } else if let Received::Error(fault) = received {
            self.refused(&fault)?;
        }
        Ok(())
    }

    /// A fatal error ends the connection; a rate passes; nothing else should be refused.
    fn refused(&mut self, fault: &ErrorReceived) -> Result<(), End> {
        if fault.fatal {
            return Err(End::Lost(format!("{}: {}", fault.code, fault.message)));
        }
        self.tally.refused(&fault.code);
        let wait = Duration::from_millis(fault.retry_after_ms.unwrap_or(1_000));
        self.again = Some(Instant::now() + wait);
        Ok(())
    }

    fn place(&self, room: &str) -> Option<usize> {
        self.places.iter().position(|place| place.ledger.room == room)
    }

    fn hear(&mut self, message: &MessageReceived) {
        let at = self.place(&message.room);
        let place = at.and_then(|at| self.places.get_mut(at));
        let step = place.map_or(Step::Wrong, |place| place.hear(message, &self.user));
        self.tally.step(step);
    }

    /// Notes the time once everything that was missed is there.
    fn look_back(&mut self, link: &mut Link) {
        if link.returning && self.places.iter().all(Place::is_caught_up) {
            link.returning = false;
            self.tally.caught_up(link.began.elapsed());
        }
    }

    /// Tells the others, once each, that it is in, has all its acks, has heard everything.
    fn look_around(&mut self) {
        let (phase, tally) = (*self.phase.borrow(), Arc::clone(&self.tally));
        let settled = matches!(phase, Phase::Settle | Phase::Gather);
        let heard = |place: &Place| place.seq() >= place.ledger.head();
        if self.places.iter().all(|place| place.here) && self.told.insert(Told::Ready) {
            tally.ready.add(1);
        }
        if settled && self.unacked.is_empty() && self.told.insert(Told::Idle) {
            tally.idle.add(1);
        }
        if phase == Phase::Gather && self.places.iter().all(heard) && self.told.insert(Told::Done) {
            tally.done.add(1);
        }
    }

    /// Does to the bytes what was drawn. Of every other bot the line is lost just when it has said
    /// something: the server may have it, and its `ack` never arrives.
    async fn strike(&mut self, cut: Cut, wire: Wire, link: &Link) {
        if link.returning {
            self.tally.early.add(1);
        }
        let talks = cut == Cut::HalfSent || self.dice.once_in(2);
        let message = if talks { self.make() } else { None };
        // Nothing may be said in a room that is not open; its message is kept for later.
        let open = message.as_ref().is_some_and(|(place, _)| self.is_here(*place));
        let text = message.as_ref().filter(|_| open).map(|(_, text)| text.as_str());
        if let Some(wire) = cut.strike(wire, text, &mut self.dice).await {
            if self.silent.len() >= SILENT {
                self.silent.pop_front().into_iter().for_each(Wire::reset);
            }
            self.silent.push_back(wire);
        }
    }
}

/// Waits until a cut is due; for ever without one.
async fn due_cut(cut: Option<(Instant, Cut)>) -> Cut {
    match cut {
        Some((at, cut)) => {
            sleep_until(at).await;
            cut
        }
        None => std::future::pending().await,
    }
}

/// Waits until `instant`; for ever without one.
async fn due_at(instant: Option<Instant>) {
    match instant {
        Some(instant) => sleep_until(instant).await,
        None => std::future::pending().await,
    }
}
