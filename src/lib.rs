//! Vestibule: a realtime room server whose first message is the sign-in.

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
pub(crate) mod gate;
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
pub mod token;
#[cfg(feature = "server")]
pub(crate) mod worker;
