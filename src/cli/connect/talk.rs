//! The conversation: what is typed goes out one by one, what comes in is shown, until it ends.

use super::{
    super::outcome::Failure,
    address::Address,
    explain::{self, About},
    input::{self, Typed},
    pages::Pages,
    screen::Screen,
    tokens::Tokens,
};
use crate::{
    client::{AuthOkReceived, BoxError, Error, Event, JoinedReceived, Reconnecting, Refused},
    protocol::{close_code::Advice, error_code::ErrorCode, room_name::RoomRef},
};
use serde_json::value::{RawValue, to_raw_value};
use std::{
    cell::RefCell,
    collections::{BTreeMap, VecDeque},
    io,
    time::Duration,
};
use tokio::time::{Instant, sleep_until};

/// Lines that wait to be sent; beyond that the input waits.
const WAITING: usize = 64;
/// The pause after a refusal that names none.
const PAUSE: Duration = Duration::from_secs(1);

/// How the input is taken.
#[derive(Clone, Copy, Debug)]
pub(super) struct Habits {
    /// Somebody types: there are commands, and mistakes are forgiven.
    pub(super) terminal: bool,
    /// Lines are JSON.
    pub(super) json: bool,
    /// Its end is not the end.
    pub(super) stay: bool,
}

/// One message to send.
#[derive(Clone, Debug)]
struct Line {
    room: String,
    payload: Box<RawValue>,
}

pub(super) struct Talk<'a> {
    address: &'a Address,
    screen: Screen,
    habits: Habits,
    /// The room that lines go to.
    room: Option<String>,
    /// Rooms asked for, and whether we are in.
    rooms: BTreeMap<String, bool>,
    pages: Pages,
    user: String,
    /// Signed in at least once; and now.
    greeted: bool,
    up: bool,
    waiting: VecDeque<Line>,
    /// One at a time, so that a refusal cannot change the order.
    in_flight: Option<Line>,
    not_before: Option<Instant>,
    /// The input has ended; the conversation has.
    deaf: bool,
    ended: bool,
}

enum Step {
    Event(Result<Event, Error>),
    Input(Option<io::Result<String>>),
    GoOn,
}

impl<'a> Talk<'a> {
    pub(super) fn new(
        address: &'a Address,
        screen: Screen,
        habits: Habits,
        rooms: Vec<String>,
    ) -> Self {
        Self {
            address,
            screen,
            habits,
            room: rooms.first().cloned(),
            rooms: rooms.into_iter().map(|room| (room, false)).collect(),
            pages: Pages::default(),
            user: String::new(),
            greeted: false,
            up: false,
            waiting: VecDeque::new(),
            in_flight: None,
            not_before: None,
            deaf: false,
            ended: false,
        }
    }

    pub(super) async fn run<T: AsyncFnMut() -> Result<String, BoxError>>(
        &mut self,
        chat: &mut Reconnecting<T>,
        tokens: &RefCell<Tokens>,
    ) -> Result<(), Failure> {
        let mut lines = input::lines();
        loop {
            self.send(chat)?;
            if self.is_done() {
                return Ok(());
            }
            // An input would cancel an attempt to connect: a pipe waits until it has succeeded.
            let reads = !self.ended
                && !self.deaf
                && self.waiting.len() < WAITING
                && (self.habits.terminal || self.greeted);
            let pause = self.not_before;
            let step = tokio::select! {
                biased;
                line = lines.recv(), if reads => Step::Input(line),
                () = sleep_until(pause.unwrap_or_else(Instant::now)), if pause.is_some() => Step::GoOn,
                event = chat.next() => Step::Event(event),
            };
            match step {
                Step::GoOn => self.not_before = None,
                Step::Input(line) => self.input(chat, line)?,
                Step::Event(Ok(event)) => self.event(event, tokens)?,
                Step::Event(Err(error)) => return Err(self.fatal(&error, tokens)),
            }
        }
    }

    /// Sends the next line, if it is its turn and its room is open.
    fn send<T: AsyncFnMut() -> Result<String, BoxError>>(
        &mut self,
        chat: &mut Reconnecting<T>,
    ) -> Result<(), Failure> {
        let free = self.up && self.in_flight.is_none() && self.not_before.is_none();
        let open = |line: &Line| self.rooms.get(&line.room).copied().unwrap_or(false);
        if !free || !self.waiting.front().is_some_and(open) {
            return Ok(());
        }
        let Some(line) = self.waiting.pop_front() else { return Ok(()) };
        match chat.publish(&line.room, &line.payload) {
            Ok(()) => {
                self.in_flight = Some(line);
                Ok(())
            }
            Err(why) => self.refused(&[why.to_string()]),
        }
    }

    /// Nothing more to read, to send or to wait for.
    fn is_done(&self) -> bool {
        let sent = self.waiting.is_empty() && self.in_flight.is_none();
        let quiet = sent && self.greeted && self.rooms.values().all(|joined| *joined);
        // Somebody who types does not want to wait for a server that is away.
        self.ended && (quiet || self.habits.terminal && (sent || !self.up))
    }

    fn input<T: AsyncFnMut() -> Result<String, BoxError>>(
        &mut self,
        chat: &mut Reconnecting<T>,
        line: Option<io::Result<String>>,
    ) -> Result<(), Failure> {
        match line {
            None if self.habits.stay && !self.habits.terminal => {
                self.deaf = true;
                Ok(())
            }
            None => {
                self.ended = true;
                Ok(())
            }
            Some(Err(why)) => Err(Failure::Failed(format!("cannot read standard input: {why}"))),
            Some(Ok(line)) if self.habits.terminal => self.typed(chat, Typed::parse(&line)),
            Some(Ok(line)) => self.say(line),
        }
    }

    fn typed<T: AsyncFnMut() -> Result<String, BoxError>>(
        &mut self,
        chat: &mut Reconnecting<T>,
        typed: Typed,
    ) -> Result<(), Failure> {
        match typed {
            Typed::Say(text) => return self.say(text),
            Typed::Join(room) | Typed::Room(room) => self.enter(chat, room),
            Typed::Leave(room) => match room.or_else(|| self.room.clone()) {
                Some(room) if self.rooms.remove(&room).is_some() => {
                    chat.leave(&room);
                    self.out_of(&room);
                    self.screen.note(&format!("left {room}"));
                }
                Some(room) => self.screen.note(&format!("not in {room}")),
                None => self.screen.note("not in any room"),
            },
            Typed::Look(look) => match &self.room {
                Some(room) => self.pages.ask(chat, self.screen, (room, look)),
                None => self.screen.note("not in any room"),
            },
            Typed::Help => self.screen.note(
                "/join ROOM, /room ROOM (where lines go), /leave [ROOM], /history [NUMBER] and \
                 /earlier [NUMBER] (what the room remembers), /quit; // for a line that begins \
                 with /",
            ),
            Typed::Quit => self.ended = true,
            Typed::Nothing => {}
            Typed::Unknown(line) => {
                self.screen.note(&format!("{line}: no command, or not with what it needs; /help"));
            }
        }
        Ok(())
    }

    /// Makes `room` the current one, and joins it where that is new.
    fn enter<T: AsyncFnMut() -> Result<String, BoxError>>(
        &mut self,
        chat: &mut Reconnecting<T>,
        room: String,
    ) {
        if let Err(why) = RoomRef::parse(&room) {
            self.screen.trouble(&[format!("{room}: {why}")]);
            return;
        }
        if !self.rooms.contains_key(&room) {
            self.rooms.insert(room.clone(), false);
            chat.join(&room);
        } else {
            self.screen.note(&format!("lines go to {room}"));
        }
        self.room = Some(room);
    }

    fn say(&mut self, text: String) -> Result<(), Failure> {
        let Some(room) = self.room.clone() else {
            return self.refused(&[
                "no room to send it to: join one first (/join ROOM, --room ROOM)".into(),
            ]);
        };
        let payload =
            if self.habits.json { RawValue::from_string(text) } else { to_raw_value(&text) };
        match payload {
            Ok(payload) => {
                self.waiting.push_back(Line { room, payload });
                Ok(())
            }
            Err(why) => self.refused(&[format!("the line is no JSON: {why}")]),
        }
    }

    fn event(&mut self, event: Event, tokens: &RefCell<Tokens>) -> Result<(), Failure> {
        match event {
            Event::SignedIn(welcome) => self.welcome(&welcome),
            Event::Joined(joined) => self.joined(&joined),
            Event::Message(message) => {
                // A pipe wants to hear others: its own lines it knows.
                let own = message.idempotency_key.is_some()
                    && message.from.as_ref().is_some_and(|from| from.user == self.user);
                if self.habits.terminal || !own {
                    return self.screen.message(&message);
                }
            }
            Event::Published(_) => self.in_flight = None,
            Event::Unpublished { room, refused } => return self.unpublished(&room, &refused),
            Event::History(page) => return self.pages.show(self.screen, &page),
            Event::HistoryRefused { room, refused } => {
                return self.refused(&[format!("no history of {room}: {}", refused.message)]);
            }
            Event::Removed { room, code } => {
                self.rooms.remove(&room);
                self.out_of(&room);
                return self.refused(&explain::refusal(&room, &code, None));
            }
            Event::Interrupted { error, wait } => return self.interrupted(&error, wait, tokens),
        }
        Ok(())
    }

    fn welcome(&mut self, welcome: &AuthOkReceived) {
        let again = if self.greeted { " again" } else { "" };
        self.user.clone_from(&welcome.user);
        self.greeted = true;
        self.up = true;
        self.screen.note(&format!(
            "signed in{again} as {}, until {} from now (connection {})",
            welcome.user,
            span(welcome.expires_in_ms),
            welcome.connection,
        ));
        if self.habits.terminal && self.rooms.is_empty() {
            self.screen.note("in no room yet: /join ROOM (/help for more)");
        }
    }

    fn joined(&mut self, joined: &JoinedReceived) {
        let room = &joined.room;
        if let Some(is_in) = self.rooms.get_mut(room) {
            *is_in = true;
        }
        self.screen.note(&match joined.recovered {
            None => format!("in {room}, message {}", joined.seq),
            Some(true) => format!("in {room} again, nothing missed"),
            Some(false) => format!("in {room} again; messages of the time between are lost"),
        });
    }

    /// What too fast was can be said again; anything else is final.
    fn unpublished(&mut self, room: &str, refused: &Refused) -> Result<(), Failure> {
        let line = self.in_flight.take();
        let later = [ErrorCode::RateLimited, ErrorCode::Overloaded, ErrorCode::Internal];
        if let Some(line) = line
            && later.iter().any(|code| code.as_str() == refused.code)
        {
            let pause = refused.retry_after_ms.map_or(PAUSE, Duration::from_millis);
            self.not_before = Some(Instant::now() + pause);
            self.waiting.push_front(line);
            return Ok(());
        }
        self.refused(&explain::unpublished(room, refused))
    }

    fn interrupted(
        &mut self,
        error: &Error,
        wait: Duration,
        tokens: &RefCell<Tokens>,
    ) -> Result<(), Failure> {
        let same_token = needs_token(error) && !tokens.borrow().renew();
        if !self.greeted || same_token {
            return Err(self.fatal(error, tokens));
        }
        self.up = false;
        self.rooms.values_mut().for_each(|joined| *joined = false);
        self.trouble(error, tokens);
        self.screen.note(&format!("trying again in {:.1} s", wait.as_secs_f64()));
        Ok(())
    }

    /// Forgets what was meant for a room.
    fn out_of(&mut self, room: &str) {
        self.waiting.retain(|line| line.room != room);
        self.in_flight.take_if(|line| line.room == room);
        if self.room.as_deref() == Some(room) {
            self.room = self.rooms.keys().next().cloned();
        }
    }

    /// On a terminal a refusal is told, in a pipe it is the end.
    fn refused(&self, lines: &[String]) -> Result<(), Failure> {
        self.screen.trouble(lines);
        if self.habits.terminal { Ok(()) } else { Err(Failure::Refused) }
    }

    fn fatal(&self, error: &Error, tokens: &RefCell<Tokens>) -> Failure {
        self.trouble(error, tokens);
        Failure::Refused
    }

    fn trouble(&self, error: &Error, tokens: &RefCell<Tokens>) {
        let mint = tokens.borrow().is_mint();
        let about = About { address: self.address, signed_in: self.greeted, mint };
        self.screen.trouble(&about.explain(error));
    }
}

/// Whether the same token would meet the same end.
fn needs_token(error: &Error) -> bool {
    let Error::Closed(closed) = error else { return false };
    matches!(closed.advice(), Advice::NewCredential(_))
}

/// A time that people can picture.
fn span(ms: u64) -> String {
    const UNITS: [(u64, &str); 3] = [(86_400_000, "d"), (3_600_000, "h"), (60_000, "min")];
    let unit = UNITS.iter().find(|(length, _)| ms >= *length);
    match unit {
        Some((length, name)) => format!("{} {name}", (ms + length / 2) / length),
        None => format!("{} s", ms / 1_000),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_rounded() {
        let cases = [(900, "0 s"), (59_999, "59 s"), (3_599_000, "60 min"), (5_400_000, "2 h")];
        for (ms, text) in cases {
            assert_eq!(span(ms), text);
        }
    }
}
