//! What socket tests share: a server to talk to, tokens that it takes, sockets that misbehave.
//!
//! Nothing here waits for time to pass: every call waits for an event, under [`PATIENCE`].

#![allow(dead_code, unused_imports, reason = "each test uses its part")]
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test's tools fail by panicking"
)]

mod program;
mod raw;
mod service;

pub(crate) use program::{Program, example, installed, lines, quiet};
pub(crate) use raw::{Frame, Opcode, Raw};
pub(crate) use service::Service;

use std::{
    future::Future,
    time::{Duration, SystemTime, UNIX_EPOCH},
};
use vestibule::{
    client::{Client, Options},
    protocol::time::Wall,
    token::{Mint, SigningKey},
};

/// How long an event may take before the test fails; far beyond what it takes.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);
/// The secret that every server of these tests knows.
pub(crate) const SECRET: &str = "sesame-sesame-sesame-sesame-sesame";

/// Waits for an event that must come.
pub(crate) async fn soon<T>(what: &str, event: impl Future<Output = T>) -> T {
    match tokio::time::timeout(PATIENCE, event).await {
        Ok(value) => value,
        Err(_) => panic!("{what} did not come within {PATIENCE:?}"),
    }
}

/// A good token for `user`, valid for ten minutes.
pub(crate) fn token(user: &str) -> String {
    sign(&Mint::new(user, 600_000))
}

/// Signs with [`SECRET`].
pub(crate) fn sign(mint: &Mint) -> String {
    sign_with(SECRET, mint)
}

/// Signs with any secret of at least 32 bytes.
pub(crate) fn sign_with(secret: &str, mint: &Mint) -> String {
    let key = SigningKey::from_secret(secret.as_bytes(), None).expect("a long secret");
    mint.sign(&key, now()).expect("a signature")
}

/// The wall clock.
#[expect(clippy::disallowed_methods, reason = "tokens are made at real time")]
pub(crate) fn now() -> Wall {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).expect("a clock after 1970");
    Wall::from_ms(u64::try_from(since_epoch.as_millis()).expect("a clock before the year 2^53"))
}

/// A connection that has signed in as `user`.
pub(crate) async fn enter(url: &str, user: &str) -> Client {
    let mut client = soon("the connection", Client::connect(url, &Options::default()))
        .await
        .expect("a connection");
    let welcome = client.authenticate(&token(user)).await.expect("a sign-in");
    assert_eq!(welcome.user, user);
    client
}

/// One that has joined `room` too.
pub(crate) async fn member(url: &str, user: &str, room: &str) -> Client {
    let mut client = enter(url, user).await;
    client.join(room, None).await.expect("a join");
    client
}
