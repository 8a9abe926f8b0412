//! Who may come in: caps that are judged at the door.

pub(crate) mod users;
