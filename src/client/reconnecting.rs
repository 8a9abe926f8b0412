//! A connection that comes back: it follows the advice of close codes, goes on from the last
//! message of each room and hands over every message once.

use super::{
    AckReceived, AuthOkReceived, BoxError, Client, Error, ErrorReceived, HistoryReceived,
    JoinedReceived, MessageReceived, Options, Publish, Received, Refused, Since, backoff::random,
    request, retry::Retry,
};
use crate::protocol::limits::PAGE_MESSAGES_MAX;
use serde::Serialize;
use serde_json::value::RawValue;
use std::{
    collections::{BTreeMap, VecDeque},
    time::Duration,
};
use tokio::time::sleep_until;

/// Publishes without an `ack` that are kept to be sent again.
pub const UNACKED: usize = 64;
/// What the `id` of a `history` begins with.
const HISTORY: &str = "history-";

/// What a [`Reconnecting`] client tells its program.
#[derive(Debug)]
#[non_exhaustive]
pub enum Event {
    /// Signed in: at first, and after every interruption.
    SignedIn(Box<AuthOkReceived>),
    /// In a room: at first, and after every interruption. `recovered` is `Some(false)` if messages
    /// were missed for good.
    Joined(JoinedReceived),
    /// A message of a room, each once and in the room's order.
    Message(Box<MessageReceived>),
    /// The server put one out of a room, or did not let one in.
    Removed {
        /// Which room.
        room: String,
        /// Why.
        code: String,
    },
    /// A message of ours has its number: the room remembers it.
    Published(AckReceived),
    /// A message that the server will not take; it is not sent again.
    Unpublished {
        /// Which room.
        room: String,
        /// Why.
        refused: Refused,
    },
    /// What a room remembers, as [`Reconnecting::history`] asked.
    History(Box<HistoryReceived>),
    /// The server does not tell it.
    HistoryRefused {
        /// Which room.
        room: String,
        /// Why.
        refused: Refused,
    },
    /// The connection is lost; the next one is tried by itself.
    Interrupted {
        /// Why.
        error: Error,
        /// How long until then.
        wait: Duration,
    },
}

/// A client that stays signed in; drive it by calling [`Reconnecting::next`] again and again.
///
/// `tokens` is asked before every connection and whenever the server says that the token is about
/// to end. A publish carries an idempotency key and is sent again after an interruption, so that
/// it happens once.
///
/// ```no_run
/// use vestibule::client::{Event, Options, Reconnecting};
///
/// # async fn run() -> Result<(), vestibule::client::Error> {
/// let tokens = async || Ok(std::env::var("TOKEN")?);
/// let mut chat = Reconnecting::new("ws://127.0.0.1:7000/ws", Options::default(), tokens);
/// chat.join("lobby");
/// loop {
///     if let Event::Message(message) = chat.next().await? {
///         println!("{}", message.payload);
///     }
/// }
/// # }
/// ```
#[derive(Debug)]
pub struct Reconnecting<T> {
    url: String,
    options: Options,
    tokens: T,
    link: Option<Client>,
    rooms: BTreeMap<String, Place>,
    unacked: VecDeque<Unacked>,
    outgoing: VecDeque<String>,
    key_prefix: String,
    last_id: u64,
    retry: Retry,
    /// The longest message that goes through, in bytes, as far as we know.
    message_bytes: usize,
}

/// What is known of a room.
#[derive(Debug, Default)]
struct Place {
    since: Option<Since>,
    joined: bool,
    /// The `id` of the latest `join`.
    request: String,
}

/// A publish that the server has not committed yet, as far as we know.
#[derive(Debug)]
struct Unacked {
    room: String,
    key: String,
    payload: Box<RawValue>,
}

impl<T: AsyncFnMut() -> Result<String, BoxError>> Reconnecting<T> {
    /// A client for `url`. It connects when [`Reconnecting::next`] is called.
    pub fn new(url: &str, options: Options, tokens: T) -> Self {
        Self {
            url: url.to_owned(),
            message_bytes: options.message_bytes,
            options,
            tokens,
            link: None,
            rooms: BTreeMap::new(),
            unacked: VecDeque::new(),
            outgoing: VecDeque::new(),
            key_prefix: format!("{:016x}", random()),
            last_id: 0,
            retry: Retry::default(),
        }
    }

    /// Joins a room, now or as soon as there is a connection, and again after every interruption.
    pub fn join(&mut self, room: &str) {
        self.join_since(room, None);
    }

    /// The same, from a position that an earlier run of the program kept.
    pub fn join_since(&mut self, room: &str, since: Option<Since>) {
        self.rooms.insert(room.to_owned(), Place { since, ..Place::default() });
        self.ask_to_join(room);
    }

    /// Leaves a room for good.
    pub fn leave(&mut self, room: &str) {
        if self.rooms.remove(room).is_some() && self.link.is_some() {
            self.outgoing.extend(request::leave(room, None).ok());
        }
        self.unacked.retain(|message| message.room != room);
    }

    /// Asks for up to `limit` (1 to 100) messages that a joined room remembers, the newest ones
    /// below `before`. [`Event::History`] or [`Event::HistoryRefused`] is the answer, unless the
    /// connection is lost before it: nothing is asked again. Other limits mean the nearest.
    /// Returns false, and asks nothing, while one is not in the room.
    pub fn history(&mut self, room: &str, before: Option<u64>, limit: u32) -> bool {
        if !self.rooms.get(room).is_some_and(|place| place.joined) {
            return false;
        }
        self.last_id += 1;
        let id = format!("{HISTORY}{}", self.last_id);
        let limit = limit.clamp(1, PAGE_MESSAGES_MAX);
        self.outgoing.extend(request::history(room, before, limit, Some(&id)).ok());
        true
    }

    /// Publishes `payload`, as soon as one is in the room.
    ///
    /// # Errors
    /// [`Error::Backlog`] if [`UNACKED`] messages wait for their `ack`, [`Error::Oversize`] if the
    /// message is longer than [`Options::message_bytes`], or than the server said it takes.
    pub fn publish(
        &mut self,
        room: &str,
        payload: &(impl Serialize + ?Sized),
    ) -> Result<(), Error> {
        if self.unacked.len() >= UNACKED {
            return Err(Error::Backlog { kept: UNACKED });
        }
        let payload = serde_json::value::to_raw_value(payload)
            .map_err(|error| Error::Unintelligible { why: error.to_string() })?;
        self.last_id += 1;
        let key = format!("{}-{}", self.key_prefix, self.last_id);
        let message = Unacked { room: room.to_owned(), key, payload };
        let text = message.to_json()?;
        let (bytes, most) = (text.len(), self.message_bytes);
        if bytes > most {
            return Err(Error::Oversize { bytes, most });
        }
        if self.rooms.get(room).is_some_and(|place| place.joined) {
            self.outgoing.push_back(text);
        }
        self.unacked.push_back(message);
        Ok(())
    }

    /// Says goodbye (1000) if there is a connection, and waits until the server has hung up.
    ///
    /// # Errors
    /// As [`Client::close`].
    pub async fn close(self) -> Result<(), Error> {
        match self.link {
            Some(link) => link.close(1000, "").await.map(drop),
            None => Ok(()),
        }
    }

    /// Where one stands in a room: keep it to go on from there in another run.
    pub fn position(&self, room: &str) -> Option<&Since> {
        self.rooms.get(room)?.since.as_ref()
    }

    /// Connects, sends and listens until there is something to tell. Dropping the future loses
    /// nothing but an attempt to connect.
    ///
    /// # Errors
    /// What another try would not mend: a close code that says so, an address that is none, a
    /// server that does not speak the protocol.
    pub async fn next(&mut self) -> Result<Event, Error> {
        loop {
            let outcome = match self.link.is_some() {
                false => self.connect().await.map(Some),
                true => self.turn().await,
            };
            match outcome {
                Ok(Some(event)) => return Ok(event),
                Ok(None) => {}
                Err(error) => return self.interrupted(error),
            }
        }
    }

    async fn connect(&mut self) -> Result<Event, Error> {
        if let Some(at) = self.retry.at {
            sleep_until(at).await;
        }
        let token = (self.tokens)().await.map_err(Error::Token)?;
        let mut link = Client::connect(&self.url, &self.options).await?;
        let welcome = link.authenticate(&token).await?;
        self.link = Some(link);
        self.retry.signed_in();
        self.message_bytes = self.options.message_bytes.min(welcome.limits.message_bytes as usize);
        let rooms: Vec<String> = self.rooms.keys().cloned().collect();
        rooms.iter().for_each(|room| self.ask_to_join(room));
        Ok(Event::SignedIn(Box::new(welcome)))
    }

    /// Sends what waits, then takes one message.
    async fn turn(&mut self) -> Result<Option<Event>, Error> {
        let Some(link) = &mut self.link else { return Ok(None) };
        // A text leaves the queue when it is sent: sent twice is harmless, lost is not.
        while let Some(text) = self.outgoing.front() {
            if link.sender().text(text.clone()).await.is_err() {
                break;
            }
            self.outgoing.pop_front();
        }
        match link.next().await? {
            Received::Joined(joined) => Ok(Some(self.joined(joined))),
            Received::Message(message) => {
                Ok(self.fresh(&message).then_some(Event::Message(message)))
            }
            Received::Ack(ack) => {
                let at = self.unacked.iter().position(|message| message.key == ack.id);
                // A second `ack` of what was sent twice is no news.
                Ok(at.and_then(|at| self.unacked.remove(at)).map(|_| Event::Published(ack)))
            }
            Received::Left(left) => Ok(self.left(left.room, left.code)),
            Received::History(history) => Ok(Some(Event::History(history))),
            Received::Error(fault) if !fault.fatal => Ok(self.refused(*fault)),
            Received::AuthExpiring { .. } => {
                // Without a newer token the session ends with 4412, and the next one asks again.
                if let Ok(token) = (self.tokens)().await {
                    // Not by way of the queue: a token is kept nowhere.
                    link.sender().auth(&token, None).await?;
                }
                Ok(None)
            }
            Received::Reconnect(reconnect) => {
                self.retry.told = Some(Duration::from_millis(reconnect.after_ms));
                Ok(None)
            }
            Received::Error(_)
            | Received::AuthOk(_)
            | Received::Ping
            | Received::Pong(_)
            | Received::Unknown(_) => Ok(None),
        }
    }

    /// Queues a `join` where there is a connection; `connect` does it for all rooms otherwise.
    fn ask_to_join(&mut self, room: &str) {
        if let (Some(place), Some(_)) = (self.rooms.get_mut(room), &self.link) {
            self.last_id += 1;
            place.request = format!("join-{}", self.last_id);
            let text = request::join(room, place.since.as_ref(), Some(&place.request));
            self.outgoing.extend(text.ok());
        }
    }

    /// Notes where the room stands, and publishes there what has no `ack` yet.
    fn joined(&mut self, joined: JoinedReceived) -> Event {
        if let Some(place) = self.rooms.get_mut(&joined.room) {
            place.joined = true;
            if joined.recovered != Some(true) {
                place.since = Some(Since { epoch: joined.epoch.clone(), seq: joined.seq });
            }
            let again = self.unacked.iter().filter(|message| message.room == joined.room);
            // They were encoded once already.
            self.outgoing.extend(again.filter_map(|message| message.to_json().ok()));
        }
        Event::Joined(joined)
    }

    /// Whether a message is new; if so it is the latest of its room.
    fn fresh(&mut self, message: &MessageReceived) -> bool {
        let place = self.rooms.get_mut(&message.room);
        match (place.and_then(|place| place.since.as_mut()), message.seq) {
            (Some(since), Some(seq)) if seq > since.seq => {
                since.seq = seq;
                true
            }
            (Some(_), Some(_)) => false,
            // An ephemeral message has no number; a room that was left is of no interest.
            (Some(_), None) => true,
            (None, _) => false,
        }
    }

    /// A `left` without a code answers our own `leave`.
    fn left(&mut self, room: String, code: Option<String>) -> Option<Event> {
        let code = code?;
        self.forget(&room);
        Some(Event::Removed { room, code })
    }

    fn refused(&mut self, fault: ErrorReceived) -> Option<Event> {
        let id = fault.id.clone()?;
        if id.starts_with(HISTORY) {
            let room = fault.room.clone()?;
            return Some(Event::HistoryRefused { room, refused: Refused::from(&fault) });
        }
        if let Some(at) = self.unacked.iter().position(|message| message.key == id) {
            let message = self.unacked.remove(at)?;
            return Some(Event::Unpublished { room: message.room, refused: Refused::from(&fault) });
        }
        let (room, _) = self.rooms.iter().find(|(_, place)| place.request == id)?;
        let room = room.clone();
        self.forget(&room);
        Some(Event::Removed { room, code: fault.code })
    }

    fn forget(&mut self, room: &str) {
        self.rooms.remove(room);
        self.unacked.retain(|message| message.room != room);
    }

    /// The connection is gone: when to try again, if at all.
    fn interrupted(&mut self, error: Error) -> Result<Event, Error> {
        self.link = None;
        self.outgoing.clear();
        self.rooms.values_mut().for_each(|place| place.joined = false);
        match self.retry.after(&error) {
            Some(wait) => Ok(Event::Interrupted { error, wait }),
            None => Err(error),
        }
    }
}

impl Unacked {
    fn to_json(&self) -> Result<String, Error> {
        let message = Publish {
            id: Some(&self.key),
            idempotency_key: Some(&self.key),
            ..Publish::new(&self.room, &self.payload)
        };
        message.to_json().map_err(|error| Error::Unintelligible { why: error.to_string() })
    }
}
