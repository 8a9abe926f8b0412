//! The server over real sockets: real tokens, frames made by hand, one and two workers.
#![cfg(feature = "server")]
#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::wildcard_enum_match_arm,
    reason = "a test says what it expected"
)]

mod abuse;
mod drain;
mod ephemeral;
mod forwarded;
mod handshake;
mod history;
mod life;
mod limits;
mod load;
mod metrics;
mod places;
mod publish;
mod room_tokens;
mod rooms;
mod slow;
mod sources;
#[cfg(feature = "client")]
mod spine;
mod support;
mod tickets;
mod tokens;
mod users;
mod verdict;

/// Every contract holds with one worker and with two.
const WORKERS: [usize; 2] = [1, 2];

/// Runs a test that has to wait for time to pass with both at once.
async fn at_once(test: impl AsyncFn(usize)) {
    let [one, two] = WORKERS;
    tokio::join!(test(one), test(two));
}
