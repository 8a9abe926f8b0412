//! From a new socket to the 101, or to a plain HTTP answer.

use super::{
    doubts::Doubts,
    entropy,
    guest_book::GuestBook,
    http::{Reception as Judgement, Refusal, Site, Subprotocol, Upgrade, receive, serve_plain},
    introduction::{Introduction, introduction},
    standing::Standing,
};
use crate::{
    connection::{Entrance, Slot, Stream, Visitor},
    gate::{
        forwarded::{Finding, proxy_v2},
        guest::Gate,
        refusals::Agent,
    },
    metrics::Handshake,
    session::Arrival,
    worker::{Receiving, Reception, clock::Clock},
};
use futures_util::TryFutureExt;
use parking_lot::RwLock;
use socket2::SockRef;
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
/// The same for a socket that can only be answered with 503.
const HOPELESS_MS: u64 = 100;
/// Bytes read and forgotten behind a refusal.
const DISCARD_BYTES: u64 = 64 * 1024;
/// How long they are waited for, in milliseconds.
const DISCARD_MS: u64 = 1_000;
/// What most requests take, in bytes.
const REQUEST_BYTES: usize = 1_024;

/// What every handshake needs.
#[derive(Clone, Debug)]
struct House {
    site: Arc<Site>,
    doubts: Arc<Doubts>,
    book: GuestBook,
    gate: Arc<Gate>,
    clock: Clock,
}

/// Receives new sockets for all workers.
#[derive(Debug)]
pub(super) struct FrontDoor {
    /// Its site is replaced by a reload; each handshake is judged by one.
    house: RwLock<House>,
    open: Arc<AtomicUsize>,
    capacity: usize,
}

impl FrontDoor {
    pub(super) fn new(
        site: Arc<Site>,
        gate: Arc<Gate>,
        open: Arc<AtomicUsize>,
        capacity: usize,
        book: GuestBook,
    ) -> Self {
        let (doubts, clock) = (Arc::new(Doubts::new()), Clock::system());
        let house = RwLock::new(House { site, doubts, book, gate, clock });
        Self { house, open, capacity }
    }

    /// Where handshakes are written down.
    pub(super) fn book(&self) -> GuestBook {
        self.house.read().book.clone()
    }

    /// What judges handshakes.
    pub(super) fn site(&self) -> Arc<Site> {
        Arc::clone(&self.house.read().site)
    }

    /// From the next handshake on `site` judges.
    pub(super) fn move_to(&self, site: Arc<Site>) {
        self.house.write().site = site;
    }

    /// Serves a socket up to its 101 or its plain answer; once the site drains every handshake is
    /// refused.
    pub(super) fn handshake(
        &self,
        stream: std::net::TcpStream,
        peer: SocketAddr,
    ) -> impl Future<Output = io::Result<Option<Box<Entrance>>>> + Send + use<> {
        let house = self.house.read().clone();
        let (slot, others) = Slot::take(&self.open);
        let full = others >= self.capacity;
        async move {
            let stream = TcpStream::from_std(stream)?;
            let book = house.book.clone();
            let standing = if full { Standing::Full } else { house.standing(peer.ip()) };
            let patience = if standing.is_hopeless() { HOPELESS_MS } else { HANDSHAKE_MS };
            let deadline = Instant::now() + Duration::from_millis(patience);
            let newcomer = Newcomer { stream, peer, house, slot, standing };
            let received = time::timeout_at(deadline, newcomer.shake_hands()).await;
            let farewell = match book.note(peer.ip(), received)? {
                Next::Serve(entrance) => return Ok(Some(entrance)),
                Next::Leave => return Ok(None),
                Next::TurnAway(farewell) => farewell,
            };
            Box::pin(farewell.say(deadline)).await?;
            Ok(None)
        }
    }
}

impl Reception for FrontDoor {
    fn receive(&self, stream: std::net::TcpStream, peer: SocketAddr) -> Receiving {
        // An async block would hold the handshake twice: once to begin with, once to wait for.
        Box::pin(self.handshake(stream, peer).unwrap_or_else(move |error| {
            tracing::debug!(%peer, %error, "handshake ended");
            None
        }))
    }
}

impl House {
    /// How a socket stands that came from `peer`.
    fn standing(&self, peer: IpAddr) -> Standing {
        let peer = peer.to_canonical();
        if self.site.proxies().trusts(peer) {
            return Standing::unnamed(&self.gate);
        }
        self.standing_of(peer)
    }

    fn standing_of(&self, client: IpAddr) -> Standing {
        Standing::of(client, &self.gate, self.clock.now().time)
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
    /// It counts in the vestibule until it is gone,
    standing: Standing,
    /// and among the connections.
    _slot: Slot,
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
    standing: Standing,
}

impl Newcomer {
    async fn shake_hands(mut self) -> io::Result<Received> {
        // Who says nothing costs no buffer.
        let mut head = Vec::new();
        let ip = self.peer.ip().to_canonical();
        let introduced = tokio::select! {
            biased;
            made = introduction(&mut self.stream, &mut head, &self.house.site, ip) => made?,
            () = self.standing.lost() => return Ok(Received::Answered(Handshake::Evicted)),
        };
        let introduced = match introduced {
            Introduction::Made(client) => client,
            Introduction::Refused(fault) => {
                self.house.doubts.about_introduction(ip, fault);
                let why = Refusal::ProxyHeader;
                return Ok(self.refuse(ip, why, why.response(), None));
            }
            Introduction::Gone => return Ok(Received::Answered(Handshake::Gone)),
        };
        if let Some(client) = introduced {
            // From here on it counts to its own share, however slow its request is.
            self.standing = self.standing.named(|| self.house.standing_of(client));
        }
        let heard = tokio::select! {
            biased;
            heard = self.house.listen(&mut self.stream, &mut head, ip, introduced) => heard?,
            // Nothing can be explained to it yet.
            () = self.standing.lost() => return Ok(Received::Answered(Handshake::Evicted)),
        };
        match heard {
            Heard::Upgrade(client, upgrade) => self.welcome(client, upgrade, head).await,
            Heard::Refuse { client, why, response, agent } => {
                Ok(self.refuse(client, why, response, agent))
            }
            // Boxed: few sockets need it, and all would pay for its size.
            Heard::Plain => Box::pin(self.answer(head)).await,
            Heard::Gone => Ok(Received::Answered(Handshake::Gone)),
        }
    }

    /// Answers a request that is no handshake, as long as it has a place for that.
    async fn answer(self, head: Vec<u8>) -> io::Result<Received> {
        let Self { stream, house, slot: _slot, standing, .. } = self;
        tokio::select! {
            biased;
            served = serve_plain(stream, head, house.site) => served.map_err(io::Error::other)?,
            () = standing.lost() => return Ok(Received::Answered(Handshake::Evicted)),
        }
        Ok(Received::Answered(Handshake::Plain))
    }

    /// Lets a handshake in that is in order, if there is room: says 101. What was read behind the
    /// request in `head` belongs to the frames.
    async fn welcome(
        self,
        client: IpAddr,
        upgrade: Upgrade,
        mut head: Vec<u8>,
    ) -> io::Result<Received> {
        let Self { mut stream, peer, house, slot, standing } = self;
        let standing = standing.named(|| house.standing_of(client));
        let guest = match standing.guest() {
            Ok(guest) => guest,
            Err(why) => {
                house.book.refused(why, client, upgrade.agent);
                let response = why.response();
                let standing = Standing::Crowded;
                let farewell = Farewell { stream, response, standing, _slot: slot };
                return Ok(Received::Refused { why, farewell });
            }
        };
        stream.write_all(&upgrade.response).await?;
        let id = entropy::connection_id()?;
        let other = (client != peer.ip().to_canonical()).then(|| field::display(client));
        tracing::debug!(connection = %id, %peer, client = other, "open");
        let mut visitor = Visitor::new(client, upgrade.agent);
        visitor.guest = Some(Box::new(guest));
        Ok(Received::Entered(Box::new(Entrance {
            stream: Stream::Tcp(stream),
            early: head.split_off(upgrade.consumed.min(head.len())).into(),
            unknown_subprotocol: upgrade.subprotocol == Subprotocol::Unknown,
            arrival: Arrival::new(id, u32::from_ne_bytes(entropy::draw()?)),
            login: None,
            origin: None,
            slot,
            visitor: Box::new(visitor),
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
        let Self { stream, slot, standing, .. } = self;
        // It waits for no verdict any more.
        standing.leave();
        Received::Refused { why, farewell: Farewell { stream, response, standing, _slot: slot } }
    }
}

/// What a socket says first.
enum Heard {
    /// It wants a WebSocket, for this client.
    Upgrade(IpAddr, Upgrade),
    /// Something that is refused.
    Refuse { client: IpAddr, why: Refusal, response: Vec<u8>, agent: Option<Agent> },
    /// Any other request.
    Plain,
    /// Nothing more.
    Gone,
}

impl House {
    /// Reads the head of the request that `ip` sends, for itself or for whom it introduced.
    async fn listen(
        &self,
        stream: &mut TcpStream,
        head: &mut Vec<u8>,
        ip: IpAddr,
        introduced: Option<IpAddr>,
    ) -> io::Result<Heard> {
        loop {
            if head.is_empty() {
                // A buffer for whoever speaks; most requests fit.
                stream.readable().await?;
                head.reserve(REQUEST_BYTES);
            } else {
                match receive(head, &self.site, ip) {
                    Judgement::NeedMore => {}
                    Judgement::Refuse { why, response, agent } => {
                        if proxy_v2::is_header(head) {
                            self.doubts.about_uncalled_header(ip);
                        }
                        let client = introduced.unwrap_or(ip);
                        return Ok(Heard::Refuse { client, why, response, agent });
                    }
                    Judgement::Plain => return Ok(Heard::Plain),
                    Judgement::Upgrade(upgrade) => {
                        let Finding { client, doubt } = upgrade.finding;
                        if let Some(doubt) = doubt {
                            self.doubts.about(ip, doubt);
                        }
                        return Ok(Heard::Upgrade(introduced.unwrap_or(client), upgrade));
                    }
                }
            }
            if stream.read_buf(head).await? == 0 {
                return Ok(Heard::Gone);
            }
        }
    }
}

impl Farewell {
    /// Answers, and resets a peer that has not hung up in time: by `deadline` at the latest, and
    /// sooner when too many are on their way out.
    async fn say(mut self, deadline: Instant) -> io::Result<()> {
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
    let (mut rest, mut nowhere) = (stream.take(DISCARD_BYTES), tokio::io::sink());
    tokio::io::copy(&mut rest, &mut nowhere).await?;
    Ok(rest.limit() > 0)
}
