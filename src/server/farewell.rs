//! A refusal on its way out: said, and waited for a moment.

use super::standing::Standing;
use crate::connection::Slot;
use socket2::SockRef;
use std::{io, time::Duration};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::{self, Instant},
};
use zeroize::Zeroizing;

/// Bytes read and forgotten behind a refusal.
const DISCARD_BYTES: u64 = 64 * 1024;
/// Bytes of one read of them.
const READ_BYTES: usize = 1_024;
/// How long they are waited for, in milliseconds.
const DISCARD_MS: u64 = 1_000;

/// A refusal that is still to be said.
pub(super) struct Farewell {
    pub(super) stream: TcpStream,
    pub(super) response: Vec<u8>,
    /// It counts in the vestibule until it is gone,
    pub(super) standing: Standing,
    /// and among the connections.
    pub(super) _slot: Slot,
}

impl Farewell {
    /// Answers, and resets a peer that has not hung up in time: by `deadline` at the latest, and
    /// sooner when too many are on their way out.
    pub(super) async fn say(mut self, deadline: Instant) -> io::Result<()> {
        let patience = Instant::now() + Duration::from_millis(DISCARD_MS);
        let Self { stream, response, standing, _slot } = &mut self;
        let hung_up = tokio::select! {
            biased;
            hung_up = time::timeout_at(deadline.min(patience), speak(stream, response)) => hung_up,
            () = standing.lost() => Ok(Ok(false)),
        };
        if !matches!(hung_up, Ok(Ok(true))) {
            SockRef::from(&self.stream).set_linger(Some(Duration::ZERO))?;
        }
        Ok(())
    }
}

/// Answers, half-closes, and reads what is still on its way: bytes that nobody reads would turn
/// the answer into a reset. Returns whether the peer hung up behind them.
async fn speak(stream: &mut TcpStream, response: &[u8]) -> io::Result<bool> {
    stream.write_all(response).await?;
    stream.shutdown().await?;
    // What was refused before it was whole may end in a secret, so nothing of it stays behind.
    let mut rest = stream.take(DISCARD_BYTES);
    let mut bytes = Zeroizing::new(vec![0; READ_BYTES]);
    while rest.read(&mut bytes).await? > 0 {}
    Ok(rest.limit() > 0)
}
