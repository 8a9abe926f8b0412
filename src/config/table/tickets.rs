//! The part of the table that says whether tickets are given out, and how long they live.

use super::{super::keys::Key, MS, number, truth};

/// The keys of tickets.
pub(super) const KEYS: &[Key] = &[
    truth(
        "tickets.enabled",
        "Whether `POST /ticket` exchanges a token for a ticket: an opaque value that signs in once, \
         in its place.",
    ),
    number(
        "tickets.life_ms",
        (1_000, 600_000),
        MS,
        60_000,
        "How long a ticket lives; never longer than its token.",
    ),
    number(
        "tickets.held",
        (32, 1_000_000),
        "tickets",
        65_536,
        "Tickets that wait to be used, at most; over it the answer is 503. About a KiB of memory \
         each.",
    ),
];
