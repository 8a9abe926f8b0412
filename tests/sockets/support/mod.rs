//! What the tests stand on: a server in this process, a peer made of bytes, tokens.

pub(crate) mod frame;
pub(crate) mod host;
pub(crate) mod peer;
pub(crate) mod token;

pub(crate) use frame::{Frame, Opcode};
pub(crate) use host::Host;
pub(crate) use peer::{Heard, Peer};

use std::{future::Future, time::Duration};

/// How long anything that must happen may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// Waits for what must happen.
pub(crate) async fn soon<T>(what: &str, happens: impl Future<Output = T>) -> T {
    match tokio::time::timeout(PATIENCE, happens).await {
        Ok(happened) => happened,
        Err(_) => panic!("{what} did not happen within {PATIENCE:?}"),
    }
}
