//! From a new socket to the 101, or to a plain HTTP answer.

use super::http::{Reception as Judgement, Refusal, Site, Subprotocol, receive, serve_plain};
use crate::{
    connection::{Entrance, Slot, Stream},
    worker::{Receiving, Reception},
};
use std::{
    future::Future,
    io,
    sync::{Arc, atomic::AtomicUsize},
    time::Duration,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time,
};

/// From accept to the 101, in milliseconds.
const HANDSHAKE_MS: u64 = 5_000;
/// Bytes read and forgotten behind a refusal.
const DISCARD_BYTES: u64 = 64 * 1024;
/// How long they are waited for, in milliseconds.
const DISCARD_MS: u64 = 1_000;
/// Random bytes of a connection id; it is written in hexadecimal.
const ID_BYTES: usize = 12;

/// Receives new sockets for all workers.
#[derive(Debug)]
pub(super) struct FrontDoor {
    site: Arc<Site>,
    open: Arc<AtomicUsize>,
    capacity: usize,
}

impl FrontDoor {
    pub(super) fn new(site: Arc<Site>, open: Arc<AtomicUsize>, capacity: usize) -> Self {
        Self { site, open, capacity }
    }

    /// Serves a socket up to its 101 or its plain answer; once the site drains every handshake is
    /// refused.
    pub(super) fn handshake(
        &self,
        stream: std::net::TcpStream,
    ) -> impl Future<Output = io::Result<Option<Entrance>>> + Send + use<> {
        let site = Arc::clone(&self.site);
        let (slot, others) = Slot::take(&self.open);
        let full = others >= self.capacity;
        async move {
            let stream = TcpStream::from_std(stream)?;
            let patience = Duration::from_millis(HANDSHAKE_MS);
            match time::timeout(patience, shake_hands(stream, site, slot, full)).await {
                Ok(entrance) => entrance,
                Err(_) => Err(io::ErrorKind::TimedOut.into()),
            }
        }
    }
}

impl Reception for FrontDoor {
    fn receive(&self, stream: std::net::TcpStream) -> Receiving {
        Box::pin(self.handshake(stream))
    }
}

async fn shake_hands(
    mut stream: TcpStream,
    site: Arc<Site>,
    slot: Slot,
    full: bool,
) -> io::Result<Option<Entrance>> {
    let mut head = Vec::with_capacity(1_024);
    loop {
        if stream.read_buf(&mut head).await? == 0 {
            return Ok(None);
        }
        match receive(&head, &site) {
            Judgement::NeedMore => {}
            Judgement::Refuse(response) => {
                return turn_away(stream, &response).await;
            }
            Judgement::Plain => {
                return serve_plain(stream, head, site)
                    .await
                    .map(|()| None)
                    .map_err(io::Error::other);
            }
            Judgement::Upgrade(_) if full => {
                return turn_away(stream, &Refusal::Full.response()).await;
            }
            Judgement::Upgrade(upgrade) => {
                stream.write_all(&upgrade.response).await?;
                return Ok(Some(Entrance {
                    stream: Stream::Tcp(stream),
                    early: head.split_off(upgrade.consumed.min(head.len())),
                    unknown_subprotocol: upgrade.subprotocol == Subprotocol::Unknown,
                    id: connection_id()?,
                    slot,
                    seed: getrandom::u32().map_err(io::Error::other)?,
                }));
            }
        }
    }
}

/// Answers, half-closes, and reads what is still on its way: bytes that nobody reads would turn
/// the answer into a reset.
async fn turn_away(mut stream: TcpStream, response: &[u8]) -> io::Result<Option<Entrance>> {
    stream.write_all(response).await?;
    stream.shutdown().await?;
    let (mut rest, mut nowhere) = (stream.take(DISCARD_BYTES), tokio::io::sink());
    let rest = tokio::io::copy(&mut rest, &mut nowhere);
    // The answer is out; how the peer takes it changes nothing.
    let _ = time::timeout(Duration::from_millis(DISCARD_MS), rest).await;
    Ok(None)
}

/// A connection's public id: random and loggable, no secret.
fn connection_id() -> io::Result<Box<str>> {
    let mut bytes = [0; ID_BYTES];
    getrandom::fill(&mut bytes).map_err(io::Error::other)?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>().into())
}
