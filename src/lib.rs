//! Vestibule: a realtime room server whose first message is the sign-in.

pub mod protocol;
pub mod session;
pub mod token;
