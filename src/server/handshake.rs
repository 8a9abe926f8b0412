//! From a new socket to the 101, or to a plain HTTP answer.

use super::{
    doubts::Doubts,
    http::{Reception as Judgement, Refusal, Site, Subprotocol, receive, serve_plain},
};
use crate::{
    connection::{Entrance, Slot, Stream},
    gate::forwarded::{
        Finding, must_introduce,
        proxy_v2::{self, Fault, Progress},
    },
    worker::{Receiving, Reception},
};
use std::{
    future::Future,
    io,
    net::IpAddr,
    sync::{Arc, atomic::AtomicUsize},
    time::Duration,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time,
};
use tracing::field;

/// From accept to the 101, in milliseconds.
const HANDSHAKE_MS: u64 = 5_000;
/// Bytes read and forgotten behind a refusal.
const DISCARD_BYTES: u64 = 64 * 1024;
/// How long they are waited for, in milliseconds.
const DISCARD_MS: u64 = 1_000;
/// Random bytes of a connection id; it is written in hexadecimal.
const ID_BYTES: usize = 12;

/// What every handshake needs.
#[derive(Clone, Debug)]
struct House {
    site: Arc<Site>,
    doubts: Arc<Doubts>,
}

/// Receives new sockets for all workers.
#[derive(Debug)]
pub(super) struct FrontDoor {
    house: House,
    open: Arc<AtomicUsize>,
    capacity: usize,
}

impl FrontDoor {
    pub(super) fn new(site: Arc<Site>, open: Arc<AtomicUsize>, capacity: usize) -> Self {
        Self { house: House { site, doubts: Arc::new(Doubts::new()) }, open, capacity }
    }

    /// Serves a socket up to its 101 or its plain answer; once the site drains every handshake is
    /// refused.
    pub(super) fn handshake(
        &self,
        stream: std::net::TcpStream,
    ) -> impl Future<Output = io::Result<Option<Entrance>>> + Send + use<> {
        let house = self.house.clone();
        let (slot, others) = Slot::take(&self.open);
        let full = others >= self.capacity;
        async move {
            let stream = TcpStream::from_std(stream)?;
            let patience = Duration::from_millis(HANDSHAKE_MS);
            match time::timeout(patience, shake_hands(stream, house, slot, full)).await {
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
    house: House,
    slot: Slot,
    full: bool,
) -> io::Result<Option<Entrance>> {
    let House { site, doubts } = house;
    let peer = stream.peer_addr()?;
    let ip = peer.ip().to_canonical();
    let mut head = Vec::with_capacity(1_024);
    let introduced = match introduction(&mut stream, &mut head, &site, ip).await? {
        Introduction::Made(client) => client,
        Introduction::Refused(fault) => {
            doubts.about_introduction(ip, fault);
            return turn_away(stream, &Refusal::ProxyHeader.response()).await;
        }
        Introduction::Gone => return Ok(None),
    };
    loop {
        match receive(&head, &site, ip) {
            Judgement::NeedMore => {}
            Judgement::Refuse(response) => {
                if proxy_v2::is_header(&head) {
                    doubts.about_uncalled_header(ip);
                }
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
                let id = connection_id()?;
                let Finding { client, doubt } = upgrade.finding;
                if let Some(doubt) = doubt {
                    doubts.about(ip, doubt);
                }
                let client = introduced.unwrap_or(client);
                let other = (client != ip).then(|| field::display(client));
                tracing::debug!(connection = %id, %peer, client = other, "open");
                return Ok(Some(Entrance {
                    stream: Stream::Tcp(stream),
                    early: head.split_off(upgrade.consumed.min(head.len())),
                    unknown_subprotocol: upgrade.subprotocol == Subprotocol::Unknown,
                    id,
                    slot,
                    seed: getrandom::u32().map_err(io::Error::other)?,
                }));
            }
        }
        if stream.read_buf(&mut head).await? == 0 {
            return Ok(None);
        }
    }
}

/// How a connection begins.
enum Introduction {
    /// With this client; with `None` somebody speaks for itself, or a header will tell.
    Made(Option<IpAddr>),
    /// With something else than the PROXY header that is due.
    Refused(Fault),
    /// Not at all.
    Gone,
}

/// Reads the PROXY header, if one is due; what follows it is left in `head`.
async fn introduction(
    stream: &mut TcpStream,
    head: &mut Vec<u8>,
    site: &Site,
    peer: IpAddr,
) -> io::Result<Introduction> {
    if !must_introduce(site.proxies(), peer) {
        return Ok(Introduction::Made(None));
    }
    while stream.read_buf(head).await? > 0 {
        match proxy_v2::parse(head) {
            Progress::NeedMore => {}
            Progress::Done { client, length } => {
                head.drain(..length.min(head.len()));
                return Ok(Introduction::Made(client));
            }
            Progress::Refuse(fault) => return Ok(Introduction::Refused(fault)),
        }
    }
    Ok(Introduction::Gone)
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
