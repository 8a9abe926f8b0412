//! A small client: connect, sign in with the first message, join, publish, listen.
//!
//! [`Client`] asks and waits for the answer; [`Client::split`] gives the two halves to programs
//! that do both at once; [`Reconnecting`] stays: it comes back after a lost connection, goes on
//! from the last message of each room, and hands over every message once.
//!
//! ```no_run
//! use vestibule::client::{Client, Options, Received};
//!
//! # async fn run(token: &str) -> Result<(), vestibule::client::Error> {
//! let mut client = Client::connect("ws://127.0.0.1:7000/ws", &Options::default()).await?;
//! let welcome = client.authenticate(token).await?;
//! client.join("lobby", None).await?;
//! client.publish("lobby", &format!("{} says hello", welcome.user)).await?;
//! loop {
//!     if let Received::Message(message) = client.next().await? {
//!         println!("{}: {}", message.room, message.payload);
//!     }
//! }
//! # }
//! ```

mod backoff;
mod connection;
mod error;
mod reconnecting;
mod request;
mod retry;
#[cfg(test)]
mod tests;
mod watch;

pub use crate::protocol::server_message::{
    AckReceived, AuthOkReceived, ErrorReceived, HistoryReceived, JoinedReceived, LeftReceived,
    MessageReceived, Received,
};
pub use backoff::{BASE, Backoff, CAP, STABLE};
pub use connection::{Receiver, Sender};
pub use error::{BoxError, Closed, Error, Refused};
pub use reconnecting::{Event, Reconnecting, UNACKED};
pub use request::{Publish, Since};
pub use watch::{Frame, Watch};

use serde::Serialize;
use std::{collections::VecDeque, net::IpAddr, time::Duration};
use tokio::time::timeout;

/// Messages kept for [`Client::next`] while a request waits for its answer.
pub const BACKLOG: usize = 8 * 1024;

/// How to connect.
#[derive(Clone, Debug)]
pub struct Options {
    /// Offers `vestibule.v1`; without an offer the server takes version 1 anyway.
    pub subprotocol: bool,
    /// An `Origin` header, as a browser would send.
    pub origin: Option<String>,
    /// The address to connect from.
    pub local_address: Option<IpAddr>,
    /// The longest message taken and given, in bytes.
    pub message_bytes: usize,
    /// The patience with the connection and its handshake.
    pub connect_timeout: Duration,
    /// The patience with the answer to a request.
    pub answer_timeout: Duration,
    /// Is shown every frame in both directions.
    pub watch: Option<Watch>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            subprotocol: true,
            origin: None,
            local_address: None,
            message_bytes: 512 * 1024,
            connect_timeout: Duration::from_secs(10),
            answer_timeout: Duration::from_secs(15),
            watch: None,
        }
    }
}

/// A connection that asks one thing at a time.
#[derive(Debug)]
pub struct Client {
    sender: Sender,
    receiver: Receiver,
    backlog: VecDeque<Received>,
    answer_timeout: Duration,
    last_id: u64,
    signed_in: bool,
}

impl Client {
    /// Connects to `url` (`ws://HOST:PORT/ws`). The server says nothing until it is told who
    /// comes: go on with [`Client::authenticate`].
    ///
    /// # Errors
    /// [`Error::Address`], [`Error::Connect`], [`Error::Handshake`] or [`Error::Timeout`].
    pub async fn connect(url: &str, options: &Options) -> Result<Self, Error> {
        let (sender, receiver) = connection::open(url, options).await?;
        let answer_timeout = options.answer_timeout;
        let backlog = VecDeque::new();
        Ok(Self { sender, receiver, backlog, answer_timeout, last_id: 0, signed_in: false })
    }

    /// Signs in; later, refreshes the session with a newer token of the same user.
    ///
    /// # Errors
    /// [`Error::Closed`] if the server refuses the sign-in, [`Error::Refused`] if it refuses the
    /// refresh.
    pub async fn authenticate(&mut self, token: &str) -> Result<AuthOkReceived, Error> {
        // The first message is nothing but the sign-in, its answer the first thing heard.
        let id = self.signed_in.then(|| self.next_id());
        let sent = self.sender.auth(token, id.as_deref()).await;
        let received = self.answer(sent, id.as_deref(), "verdict").await?;
        let Received::AuthOk(welcome) = received else {
            return Err(unexpected("auth", &received));
        };
        self.signed_in = true;
        Ok(*welcome)
    }

    /// Joins a room; with `since` what was missed follows, see [`JoinedReceived::recovered`].
    ///
    /// # Errors
    /// [`Error::Refused`] if the server refuses.
    pub async fn join(
        &mut self,
        room: &str,
        since: Option<&Since>,
    ) -> Result<JoinedReceived, Error> {
        let id = self.next_id();
        let sent = self.sender.join(room, since, Some(&id)).await;
        let received = self.answer(sent, Some(&id), "answer to `join`").await?;
        let Received::Joined(joined) = received else {
            return Err(unexpected("join", &received));
        };
        Ok(joined)
    }

    /// Leaves a room; nothing of it arrives afterwards.
    ///
    /// # Errors
    /// [`Error::Refused`] if the server refuses.
    pub async fn leave(&mut self, room: &str) -> Result<LeftReceived, Error> {
        let id = self.next_id();
        let sent = self.sender.leave(room, Some(&id)).await;
        let received = self.answer(sent, Some(&id), "answer to `leave`").await?;
        let Received::Left(left) = received else {
            return Err(unexpected("leave", &received));
        };
        Ok(left)
    }

    /// Publishes `payload` and waits for the server to commit it.
    ///
    /// # Errors
    /// [`Error::Refused`] if the server refuses.
    pub async fn publish(
        &mut self,
        room: &str,
        payload: &(impl Serialize + ?Sized),
    ) -> Result<AckReceived, Error> {
        let payload = serde_json::value::to_raw_value(payload)
            .map_err(|error| Error::Unintelligible { why: error.to_string() })?;
        self.publish_message(Publish::new(room, &payload)).await
    }

    /// Publishes a message with all its members; an absent `id` is filled in.
    ///
    /// # Errors
    /// [`Error::Refused`] if the server refuses.
    pub async fn publish_message(&mut self, message: Publish<'_>) -> Result<AckReceived, Error> {
        let id = message.id.map_or_else(|| self.next_id(), str::to_owned);
        let sent = self.sender.publish(&Publish { id: Some(&id), ..message }).await;
        let received = self.answer(sent, Some(&id), "ack").await?;
        let Received::Ack(ack) = received else {
            return Err(unexpected("message", &received));
        };
        Ok(ack)
    }

    /// What a room remembers: up to `limit` (1 to 100) messages, the newest ones below `before`.
    /// To go further back, ask again before the first one as long as there is `more`.
    ///
    /// # Errors
    /// [`Error::Refused`] if the server refuses.
    pub async fn history(
        &mut self,
        room: &str,
        before: Option<u64>,
        limit: u32,
    ) -> Result<HistoryReceived, Error> {
        let id = self.next_id();
        let sent = self.sender.history(room, before, limit, Some(&id)).await;
        let received = self.answer(sent, Some(&id), "answer to `history`").await?;
        let Received::History(history) = received else {
            return Err(unexpected("history", &received));
        };
        Ok(*history)
    }

    /// The next message, those first that arrived while a request waited for its answer.
    /// Dropping the future loses nothing.
    ///
    /// # Errors
    /// As [`Receiver::next`].
    pub async fn next(&mut self) -> Result<Received, Error> {
        match self.backlog.pop_front() {
            Some(received) => Ok(received),
            None => self.receiver.next().await,
        }
    }

    /// Says goodbye with `code` and waits until the server has hung up.
    ///
    /// # Errors
    /// [`Error::Timeout`] if it does not.
    pub async fn close(mut self, code: u16, reason: &str) -> Result<Closed, Error> {
        let _the_receiver_knows_why = self.sender.close(code, reason).await;
        let after = self.answer_timeout;
        let end = async {
            loop {
                match self.receiver.next().await {
                    Ok(_) => {}
                    Err(Error::Closed(closed)) => return Ok(closed),
                    Err(other) => return Err(other),
                }
            }
        };
        timeout(after, end).await.map_err(|_| Error::Timeout { what: "end", after })?
    }

    /// The sender, for requests whose answer is taken from [`Client::next`].
    pub const fn sender(&mut self) -> &mut Sender {
        &mut self.sender
    }

    /// The two halves, for programs that ask and listen at once, with what is still kept.
    pub fn split(self) -> (Sender, Receiver, VecDeque<Received>) {
        (self.sender, self.receiver, self.backlog)
    }

    fn next_id(&mut self) -> String {
        self.last_id += 1;
        self.last_id.to_string()
    }

    /// Waits for what answers the request `id`; anything else is kept for `next`. A request that
    /// could not be sent still listens: a Close that is under way says why.
    async fn answer(
        &mut self,
        sent: Result<(), Error>,
        id: Option<&str>,
        what: &'static str,
    ) -> Result<Received, Error> {
        let after = self.answer_timeout;
        let answer = timeout(after, self.listen_for(id)).await;
        match (answer, sent) {
            (Ok(Err(Error::Closed(closed))), _) => Err(Error::Closed(closed)),
            (_, Err(unsent)) => Err(unsent),
            (Ok(answer), Ok(())) => answer,
            (Err(_), Ok(())) => Err(Error::Timeout { what, after }),
        }
    }

    async fn listen_for(&mut self, id: Option<&str>) -> Result<Received, Error> {
        loop {
            let received = self.receiver.next().await?;
            if received.answers() == Some(id) {
                return Ok(received);
            }
            if let Received::Error(fault) = &received {
                if fault.fatal {
                    // The Close behind it ends this with `Error::Closed`.
                    continue;
                }
                if fault.id.as_deref() == id {
                    return Err(Error::Refused(Refused::from(&**fault)));
                }
            }
            if self.backlog.len() >= BACKLOG {
                return Err(Error::Backlog { kept: BACKLOG });
            }
            self.backlog.push_back(received);
        }
    }
}

fn unexpected(request: &str, received: &Received) -> Error {
    Error::Unintelligible { why: format!("`{request}` was answered with {received:?}") }
}
