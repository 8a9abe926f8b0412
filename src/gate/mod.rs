//! Who may come in: caps that are judged at the door, and whom a newcomer speaks for.

pub(crate) mod admission;
pub(crate) mod forwarded;
pub(crate) mod gone;
pub(crate) mod guest;
pub(crate) mod refusals;
pub(crate) mod seldom;
mod turns;
pub(crate) mod users;
pub(crate) mod verifications;
