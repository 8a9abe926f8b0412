//! Vestibule: a realtime room server whose first message is the sign-in.
//!
//! A browser cannot set headers on a WebSocket, so the token goes where it is safe: into the first
//! message, `{"type":"auth","payload":"<JWT>"}`. The wire contract is [`specification`].
//!
//! Bottom up, each row knows only the rows before it:
//!
//! | room | what lives there |
//! |---|---|
//! | [`protocol`], `fetch` | the wire vocabulary: messages, codes, names, limits; bounded HTTPS |
//! | `credential` | what a handshake shows to sign in, and how |
//! | [`session`], [`token`] | the state machine of one connection; who a token speaks for |
//! | `outbox`, `config`, `metrics` | frames that wait for one connection; the checked configuration; what is counted |
//! | `gate`, `directory` | who may come in; the user behind the token |
//! | `room`, `broker`, [`ticket`] | who is here; what was said, in order; tokens in exchange |
//! | `relay` | joins rooms and broker: publish, commit, deliver |
//! | `connection`, `worker` | one socket; one thread with its connections and timers |
//! | `server` | accept, handshake, plain HTTP, drain |
//! | `cli` | the subcommands |
//!
//! `client` is a small client for programs and tests. Without default features only the pure core
//! is left: `protocol`, `session` and the claim rules of `token`, with no socket and no clock.

#[cfg(feature = "server")]
pub mod broker;
#[cfg(feature = "server")]
pub mod cli;
#[cfg(feature = "client")]
pub mod client;
#[cfg(feature = "server")]
pub mod config;
#[cfg(feature = "server")]
pub(crate) mod connection;
#[cfg(feature = "server")]
pub mod credential;
#[cfg(feature = "server")]
pub mod directory;
#[cfg(feature = "server")]
pub mod fetch;
#[cfg(feature = "server")]
pub(crate) mod gate;
#[cfg(feature = "server")]
pub mod metrics;
#[cfg(feature = "server")]
pub mod outbox;
pub mod protocol;
#[cfg(feature = "server")]
pub(crate) mod relay;
#[cfg(feature = "server")]
pub(crate) mod room;
#[cfg(feature = "server")]
pub mod server;
pub mod session;
#[cfg(feature = "server")]
pub mod ticket;
pub mod token;
#[cfg(feature = "server")]
pub(crate) mod worker;

/// The wire contract, version 1.
#[doc = include_str!("../protocol.md")]
pub mod specification {}
