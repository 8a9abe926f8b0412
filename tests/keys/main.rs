//! Keys from a server over TLS that rotates, fails, drips, floods and lies, and what becomes of
//! the people who sign in meanwhile.
#![cfg(feature = "server")]
#![expect(clippy::expect_used, clippy::indexing_slicing, reason = "a test says what it expected")]

mod crowd;
mod discovery;
mod document;
mod flood;
mod hostile;
mod key_server;
mod outage;
mod pair;
mod rotation;
mod sockets;
#[path = "../sockets/support/mod.rs"]
#[expect(
    dead_code,
    unused_imports,
    clippy::string_slice,
    clippy::wildcard_enum_match_arm,
    reason = "these tests need less of it than its own, which have the same terms"
)]
mod support;
mod town;

use key_server::{Authority, KeyServer, Reply};
use pair::Pair;
use support::soon;
use town::Town;

use vestibule::token::source::Bounds;

/// The bounds of an address, with less patience: what takes minutes takes tenths of a second.
const BRISK: Bounds = Bounds {
    fetch_ms: 2_000,
    least_fresh_ms: 300,
    silent_fresh_ms: 300,
    first_pause_ms: 50,
    longest_pause_ms: 200,
    stale_ms: 60_000,
    cool_down_ms: 200,
    unknown_ms: 400,
    absence_ms: 500,
    ..Bounds::REMOTE
};

/// The bounds of an address where nothing is asked twice unless somebody asks.
const CALM: Bounds = Bounds { fetch_ms: 10_000, ..Bounds::REMOTE };
