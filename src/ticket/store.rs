//! Where tickets are kept: what a store promises.

use super::TicketKey;
use crate::protocol::{
    identity::{Login, Signer},
    time::Wall,
};
use std::{fmt, future::Future, pin::Pin};

/// What a ticket stands for.
#[derive(Clone, Debug)]
pub struct Ticket {
    /// What its token says.
    pub login: Box<Login>,
    /// The origin whose pages alone may use it (RFC 6454), if it was asked for one.
    pub origin: Option<Box<str>>,
    /// From when on it opens nothing.
    pub expires_at: Wall,
}

/// Keeps tickets by the hash of their text, and gives each out once.
///
/// What every store must do stands in a suite of tests (`src/ticket/contract.rs`). A store may be
/// asked from several threads at once; it is told the time.
pub trait TicketStore: Send + Sync + 'static {
    /// Keeps a new ticket. A store that is bounded makes space among the tickets of the same
    /// principal before it says [`StoreFault::Full`].
    fn issue(&self, key: TicketKey, ticket: Ticket, now: Wall) -> Answer<Result<Kept, StoreFault>>;

    /// Takes a ticket out: of all who ask for the same one, one gets it. `None`: it was never kept,
    /// was taken, or its time is over.
    fn redeem(&self, key: &TicketKey, now: Wall) -> Answer<Result<Option<Ticket>, StoreFault>>;

    /// Takes these tickets out; they open nothing behind the answer.
    fn purge(&self, which: Purge) -> Answer<Result<(), StoreFault>>;

    /// How many it holds, for the metrics; those count whose time is over and that still take space.
    fn held(&self) -> usize;
}

/// How a ticket found its space.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kept {
    /// There was some.
    Added,
    /// The oldest ticket of the same principal went for it.
    InPlaceOfOldest,
}

/// Which tickets are taken out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purge {
    /// Those whose token was signed with this key.
    Signer(Signer),
    /// All of them.
    All,
}

/// Why a store does not do what it is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StoreFault {
    /// There is no space.
    Full,
    /// It cannot be reached.
    Unavailable,
}

impl fmt::Display for StoreFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Full => "there is no space for another ticket",
            Self::Unavailable => "the store of tickets cannot be reached",
        })
    }
}

impl std::error::Error for StoreFault {}

/// What a [`TicketStore`] says.
pub enum Answer<T> {
    /// It is there at once.
    Now(T),
    /// It takes a while: the store is elsewhere.
    Later(Pin<Box<dyn Future<Output = T> + Send>>),
}

impl<T> Answer<T> {
    /// The answer, once it is there.
    pub async fn wait(self) -> T {
        match self {
            Self::Now(answer) => answer,
            Self::Later(answer) => answer.await,
        }
    }
}

impl<T> fmt::Debug for Answer<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Now(_) => "Now(..)",
            Self::Later(_) => "Later(..)",
        })
    }
}
