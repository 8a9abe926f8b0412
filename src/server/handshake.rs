//! From a new socket to the 101, or to a plain HTTP answer.

use super::{
    doubts::Doubts,
    guest_book::GuestBook,
    http::{Reception as Judgement, Refusal, Site, Subprotocol, Upgrade, receive, serve_plain},
};
use crate::{
    connection::{Entrance, Slot, Stream, Visitor},
    gate::{
        forwarded::{
            Finding, must_introduce,
            proxy_v2::{self, Fault, Progress},
        },
        refusals::Agent,
    },
    metrics::Handshake,
    worker::{Receiving, Reception},
};
use std::{
    future::Future,
    io,
    net::{IpAddr, SocketAddr},
    sync::{Arc, atomic::AtomicUsize},
    time::Duration,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::{self, Instant, error::Elapsed},
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
    book: GuestBook,
}

/// Receives new sockets for all workers.
#[derive(Debug)]
pub(super) struct FrontDoor {
    house: House,
    open: Arc<AtomicUsize>,
    capacity: usize,
}

impl FrontDoor {
    pub(super) fn new(
        site: Arc<Site>,
        open: Arc<AtomicUsize>,
        capacity: usize,
        book: GuestBook,
    ) -> Self {
        Self { house: House { site, doubts: Arc::new(Doubts::new()), book }, open, capacity }
    }

    /// Where handshakes are written down.
    pub(super) fn book(&self) -> &GuestBook {
        &self.house.book
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
            let book = house.book.clone();
            let peer = stream.peer_addr().inspect_err(|_| book.settled(Handshake::Gone))?;
            let deadline = Instant::now() + Duration::from_millis(HANDSHAKE_MS);
            let newcomer = Newcomer { stream, peer, house, slot, full };
            let received = time::timeout_at(deadline, newcomer.shake_hands()).await;
            let Farewell { stream, response, slot: _slot } = match book.note(peer.ip(), received)? {
                Next::Serve(entrance) => return Ok(Some(*entrance)),
                Next::Leave => return Ok(None),
                Next::TurnAway(farewell) => farewell,
            };
            time::timeout_at(deadline, turn_away(stream, &response)).await??;
            Ok(None)
        }
    }
}

impl Reception for FrontDoor {
    fn receive(&self, stream: std::net::TcpStream) -> Receiving {
        Box::pin(self.handshake(stream))
    }
}

/// What a handshake came to.
enum Received {
    /// A connection.
    Entered(Box<Entrance>),
    /// An answer that is out, or none.
    Answered(Handshake),
    /// An answer that is still to be given.
    Refused { why: Refusal, farewell: Farewell },
}

/// What follows a handshake.
enum Next {
    Serve(Box<Entrance>),
    Leave,
    TurnAway(Farewell),
}

/// A refusal that is still to be said.
struct Farewell {
    stream: TcpStream,
    response: Vec<u8>,
    slot: Slot,
}

impl GuestBook {
    /// Writes down what a handshake came to.
    fn note(
        &self,
        peer: IpAddr,
        received: Result<io::Result<Received>, Elapsed>,
    ) -> io::Result<Next> {
        let (outcome, next) = match received {
            Ok(Ok(Received::Entered(entrance))) => (Handshake::Upgraded, Ok(Next::Serve(entrance))),
            Ok(Ok(Received::Answered(outcome))) => (outcome, Ok(Next::Leave)),
            Ok(Ok(Received::Refused { why, farewell })) => {
                (why.outcome(), Ok(Next::TurnAway(farewell)))
            }
            Ok(Err(error)) => (Handshake::Gone, Err(error)),
            Err(late) => {
                self.timed_out(peer.to_canonical());
                (Handshake::Timeout, Err(late.into()))
            }
        };
        self.settled(outcome);
        next
    }
}

/// A socket before its 101.
struct Newcomer {
    stream: TcpStream,
    peer: SocketAddr,
    house: House,
    slot: Slot,
    full: bool,
}

impl Newcomer {
    async fn shake_hands(mut self) -> io::Result<Received> {
        let ip = self.peer.ip().to_canonical();
        let mut head = Vec::with_capacity(1_024);
        let House { site, doubts, .. } = self.house.clone();
        let introduced = match introduction(&mut self.stream, &mut head, &site, ip).await? {
            Introduction::Made(client) => client,
            Introduction::Refused(fault) => {
                doubts.about_introduction(ip, fault);
                let why = Refusal::ProxyHeader;
                return Ok(self.refuse(ip, why, why.response(), None));
            }
            Introduction::Gone => return Ok(Received::Answered(Handshake::Gone)),
        };
        loop {
            match receive(&head, &site, ip) {
                Judgement::NeedMore => {}
                Judgement::Refuse { why, response, agent } => {
                    if proxy_v2::is_header(&head) {
                        doubts.about_uncalled_header(ip);
                    }
                    return Ok(self.refuse(introduced.unwrap_or(ip), why, response, agent));
                }
                Judgement::Plain => {
                    let served = serve_plain(self.stream, head, site).await;
                    return served
                        .map(|()| Received::Answered(Handshake::Plain))
                        .map_err(io::Error::other);
                }
                Judgement::Upgrade(upgrade) => {
                    let Finding { client, doubt } = upgrade.finding;
                    if let Some(doubt) = doubt {
                        doubts.about(ip, doubt);
                    }
                    let client = introduced.unwrap_or(client);
                    if self.full {
                        let why = Refusal::Full;
                        return Ok(self.refuse(client, why, why.response(), upgrade.agent));
                    }
                    return self.enter(client, upgrade, head).await;
                }
            }
            if self.stream.read_buf(&mut head).await? == 0 {
                return Ok(Received::Answered(Handshake::Gone));
            }
        }
    }

    /// Says 101; what was read behind the request in `head` belongs to the frames.
    async fn enter(
        mut self,
        client: IpAddr,
        upgrade: Upgrade,
        mut head: Vec<u8>,
    ) -> io::Result<Received> {
        self.stream.write_all(&upgrade.response).await?;
        let (id, peer) = (connection_id()?, self.peer);
        let other = (client != peer.ip().to_canonical()).then(|| field::display(client));
        tracing::debug!(connection = %id, %peer, client = other, "open");
        Ok(Received::Entered(Box::new(Entrance {
            stream: Stream::Tcp(self.stream),
            early: head.split_off(upgrade.consumed.min(head.len())).into(),
            unknown_subprotocol: upgrade.subprotocol == Subprotocol::Unknown,
            id,
            slot: self.slot,
            seed: getrandom::u32().map_err(io::Error::other)?,
            visitor: Box::new(Visitor::new(client, upgrade.agent)),
        })))
    }

    fn refuse(
        self,
        client: IpAddr,
        why: Refusal,
        response: Vec<u8>,
        agent: Option<Agent>,
    ) -> Received {
        self.house.book.refused(why, client, agent);
        let Self { stream, slot, .. } = self;
        Received::Refused { why, farewell: Farewell { stream, response, slot } }
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
async fn turn_away(mut stream: TcpStream, response: &[u8]) -> io::Result<()> {
    stream.write_all(response).await?;
    stream.shutdown().await?;
    let (mut rest, mut nowhere) = (stream.take(DISCARD_BYTES), tokio::io::sink());
    let rest = tokio::io::copy(&mut rest, &mut nowhere);
    // The answer is out; how the peer takes it changes nothing.
    let _ = time::timeout(Duration::from_millis(DISCARD_MS), rest).await;
    Ok(())
}

/// A connection's public id: random and loggable, no secret.
fn connection_id() -> io::Result<Box<str>> {
    let mut bytes = [0; ID_BYTES];
    getrandom::fill(&mut bytes).map_err(io::Error::other)?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>().into())
}
