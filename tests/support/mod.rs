//! What tests of whole programs share: the server as a program, tokens that it takes.
//!
//! Nothing here waits for time to pass: every call waits for an event, under [`PATIENCE`].

#![allow(dead_code, unused_imports, reason = "each program of tests uses its part")]
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test's tools fail by panicking"
)]

mod line;
mod program;

pub(crate) use line::line;
pub(crate) use program::{Program, example, installed, lines, quiet};

use std::time::{Duration, SystemTime, UNIX_EPOCH};
use vestibule::{
    client::{Client, Options},
    protocol::time::Wall,
    token::{Mint, SigningKey},
};

/// How long an event may take before the test fails; far beyond what it takes.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);
/// The secret that every server of these tests knows.
pub(crate) const SECRET: &str = "sesame-sesame-sesame-sesame-sesame";
/// How long a token lives, in milliseconds.
const TOKEN_MS: u64 = 600_000;

/// A good token for `user`.
pub(crate) fn token(user: &str) -> String {
    let key = SigningKey::from_secret(SECRET.as_bytes(), None).expect("a long secret");
    Mint::new(user, TOKEN_MS).sign(&key, now()).expect("a signature")
}

#[expect(clippy::disallowed_methods, reason = "tokens are made at real time")]
fn now() -> Wall {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).expect("a clock after 1970");
    Wall::from_ms(u64::try_from(since_epoch.as_millis()).expect("a clock before the year 2^53"))
}

/// A connection that has signed in as `user` and joined `room`.
pub(crate) async fn member(url: &str, user: &str, room: &str) -> Client {
    let mut client = Client::connect(url, &Options::default()).await.expect("a connection");
    let welcome = client.authenticate(&token(user)).await.expect("a sign-in");
    assert_eq!(welcome.user, user);
    client.join(room, None).await.expect("a join");
    client
}
