//! What goes wrong between a client and its server, said for people.

use crate::protocol::{
    close_code::{Advice, advice},
    server_message::ErrorReceived,
};
use std::{error, fmt, io, time::Duration};
use tokio_tungstenite::tungstenite;

/// Any cause a program may give for having no token.
pub type BoxError = Box<dyn error::Error + Send + Sync>;

/// Why a call of the client failed.
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// The address is no `ws://` address.
    Address {
        /// What was given.
        url: String,
        /// What is wrong with it.
        why: String,
    },
    /// No TCP connection.
    Connect {
        /// Where to.
        url: String,
        /// Why not.
        source: io::Error,
    },
    /// The server answered the handshake with an HTTP status.
    Handshake {
        /// The status.
        status: u16,
    },
    /// No answer in time.
    Timeout {
        /// What was waited for.
        what: &'static str,
        /// How long.
        after: Duration,
    },
    /// No frame at all for longer than the server's heartbeat allows: the line is dead.
    Silent {
        /// How long.
        after: Duration,
    },
    /// The connection has ended.
    Closed(Closed),
    /// The server refused a request and goes on.
    Refused(Refused),
    /// The server said something that is no message of the protocol.
    Unintelligible {
        /// What is wrong with it.
        why: String,
    },
    /// The message to send is over [`Options::message_bytes`](super::Options::message_bytes).
    Oversize {
        /// Its length, in bytes.
        bytes: usize,
        /// The longest that is sent, in bytes.
        most: usize,
    },
    /// More arrived during a request than is kept for `next`.
    Backlog {
        /// How many messages are kept.
        kept: usize,
    },
    /// The transport failed.
    Transport(Box<tungstenite::Error>),
    /// The source of tokens has none.
    Token(BoxError),
}

/// How a connection ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Closed {
    /// The close code; 1005 for a Close without one, 1006 if no Close came.
    pub code: u16,
    /// The reason of the Close, possibly empty.
    pub reason: String,
    /// `message` of the fatal `error` before it, if one came.
    pub message: Option<String>,
}

impl Closed {
    /// What the code advises to do next.
    pub const fn advice(&self) -> Advice {
        advice(self.code)
    }

    /// The delay that the reason names (`restart after=1500`), in milliseconds.
    pub fn after_ms(&self) -> Option<u64> {
        self.reason
            .split_ascii_whitespace()
            .find_map(|word| word.strip_prefix("after="))?
            .parse()
            .ok()
    }
}

/// A refusal that does not end the connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// The stable code.
    pub code: String,
    /// For people.
    pub message: String,
    /// How long to wait before trying again, in milliseconds.
    pub retry_after_ms: Option<u64>,
}

impl From<&ErrorReceived> for Refused {
    fn from(error: &ErrorReceived) -> Self {
        Self {
            code: error.code.clone(),
            message: error.message.clone(),
            retry_after_ms: error.retry_after_ms,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address { url, why } => {
                write!(
                    f,
                    "'{url}' is no address to connect to ({why}); it looks like ws://HOST:PORT/ws"
                )
            }
            Self::Connect { url, source } => {
                write!(f, "cannot reach {url}: {source}; is the server up?")
            }
            Self::Handshake { status } => {
                write!(
                    f,
                    "the server answered HTTP {status} instead of opening a WebSocket; is the path /ws?"
                )
            }
            Self::Timeout { what, after } => {
                write!(f, "no {what} within {} ms", after.as_millis())
            }
            Self::Silent { after } => {
                write!(f, "no sign of life from the server for {} ms", after.as_millis())
            }
            Self::Closed(closed) => closed.fmt(f),
            Self::Refused(refused) => refused.fmt(f),
            Self::Unintelligible { why } => {
                write!(f, "the server sent something that is no message of the protocol: {why}")
            }
            Self::Oversize { bytes, most } => {
                write!(f, "a message of {bytes} bytes is too long to send, {most} are allowed")
            }
            Self::Backlog { kept } => {
                write!(f, "more than {kept} messages are waiting: call next() between requests")
            }
            Self::Transport(source) => write!(f, "the connection failed: {source}"),
            Self::Token(source) => write!(f, "no token to sign in with: {source}"),
        }
    }
}

impl error::Error for Error {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        match self {
            Self::Connect { source, .. } => Some(source),
            Self::Transport(source) => Some(source),
            Self::Token(source) => Some(&**source),
            Self::Address { .. }
            | Self::Handshake { .. }
            | Self::Timeout { .. }
            | Self::Silent { .. }
            | Self::Closed(_)
            | Self::Refused(_)
            | Self::Unintelligible { .. }
            | Self::Oversize { .. }
            | Self::Backlog { .. } => None,
        }
    }
}

impl fmt::Display for Closed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the connection was closed with {}", self.code)?;
        if !self.reason.is_empty() {
            write!(f, " ({})", self.reason)?;
        }
        self.message.as_ref().map_or(Ok(()), |message| write!(f, ": {message}"))
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "refused ({}): {}", self.code, self.message)?;
        self.retry_after_ms.map_or(Ok(()), |ms| write!(f, "; try again after {ms} ms"))
    }
}
