//! Tickets: opaque values that stand for a token once, for a minute.
//!
//! Whoever has a token exchanges it for a ticket over HTTP, and spends the ticket where a token
//! should not be seen. A ticket carries the login of its token: identity, grant, limits, expiry.
//! Only the SHA-256 of its text is kept, in a [`TicketStore`].

mod memory;
mod office;
mod secret;
mod store;
mod ticketed;

pub use memory::MemoryStore;
pub(crate) use office::{Issued, Office};
pub use secret::{TicketKey, TicketText};
pub use store::{Answer, Kept, Purge, StoreFault, Ticket, TicketStore};
pub(crate) use ticketed::Ticketed;

#[cfg(test)]
mod contract;
#[cfg(test)]
mod tests;
