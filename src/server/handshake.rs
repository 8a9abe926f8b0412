//! From a new socket to the 101, or to a plain HTTP answer.

use super::{
    court::Court,
    doubts::Doubts,
    entropy,
    farewell::Farewell,
    guest_book::GuestBook,
    head::Head,
    heard::Heard,
    http::{Accepted, Refusal, Site, Subprotocol, Upgrade, serve_plain},
    introduction::{Introduction, introduction},
    standing::Standing,
};
use crate::{
    connection::{Entrance, Judged, Origin, Slot, Stream, Visitor},
    gate::{guest::Gate, refusals::Agent},
    metrics::Handshake,
    protocol::credential::Presentation,
    session::{Arrival, Opening},
    token::{Class, Rejection},
    worker::{Receiving, Reception, clock::Clock},
};
use futures_util::TryFutureExt;
use parking_lot::RwLock;
use std::{
    future::Future,
    io,
    net::{IpAddr, SocketAddr},
    sync::{Arc, atomic::AtomicUsize},
    time::Duration,
};
use tokio::{
    io::AsyncWriteExt,
    net::TcpStream,
    time::{self, Instant, error::Elapsed},
};
use tracing::field;

/// From accept to the 101, in milliseconds.
const HANDSHAKE_MS: u64 = 5_000;
/// The same for a socket that can only be answered with 503.
const HOPELESS_MS: u64 = 100;

/// What is kept of a handshake's time for an answer, in milliseconds.
const ANSWER_MS: u64 = 250;

/// What every handshake needs.
#[derive(Clone, Debug)]
pub(super) struct House {
    /// What judges requests.
    pub(super) site: Arc<Site>,
    /// What judges credentials.
    pub(super) court: Court,
    pub(super) doubts: Arc<Doubts>,
    /// Where handshakes are written down.
    pub(super) book: GuestBook,
    /// The vestibule.
    pub(super) gate: Arc<Gate>,
    pub(super) clock: Clock,
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
    pub(super) fn new(house: House, open: Arc<AtomicUsize>, capacity: usize) -> Self {
        Self { house: RwLock::new(house), open, capacity }
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
            let newcomer = Newcomer { stream, peer, house, slot, standing, deadline };
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

#[cfg(test)]
impl House {
    /// One that was never entered.
    pub(super) fn empty(site: Arc<Site>) -> Self {
        let clock = Clock::system();
        Self {
            site,
            court: Court::empty(clock),
            doubts: Arc::new(Doubts::new()),
            book: GuestBook::new(&Arc::default(), &Arc::default(), clock),
            gate: Arc::new(Gate::new(crate::config::Places::default())),
            clock,
        }
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
    deadline: Instant,
}

impl Newcomer {
    async fn shake_hands(mut self) -> io::Result<Received> {
        let mut head = Head::default();
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
            Heard::Upgrade(client, upgrade) => {
                self.standing = self.standing.named(|| self.house.standing_of(client));
                self.receive(client, *upgrade, head).await
            }
            Heard::Refuse { client, why, response, agent } => {
                self.standing = self.standing.named(|| self.house.standing_of(client));
                Ok(self.refuse(client, why, response, agent))
            }
            // Boxed: few sockets need it, and all would pay for its size.
            Heard::Plain => {
                let peer = introduced.unwrap_or(ip);
                Box::pin(self.answer(peer, head.into_bytes())).await
            }
            Heard::Gone => Ok(Received::Answered(Handshake::Gone)),
        }
    }

    /// Answers a request of `peer` that is no handshake, as long as it has a place for that.
    async fn answer(self, peer: IpAddr, head: Vec<u8>) -> io::Result<Received> {
        let Self { stream, house, slot: _slot, standing, .. } = self;
        tokio::select! {
            biased;
            served = serve_plain(stream, head, house.site, peer) => {
                served.map_err(io::Error::other)?;
            }
            () = standing.lost() => return Ok(Received::Answered(Handshake::Evicted)),
        }
        Ok(Received::Answered(Handshake::Plain))
    }

    /// Takes a handshake that is in order, once its credential was found good if that comes first.
    async fn receive(
        self,
        client: IpAddr,
        mut upgrade: Upgrade,
        head: Head,
    ) -> io::Result<Received> {
        let accepted = &mut upgrade.accepted;
        // Whoever has no place hears that, and shows its credential again.
        let judged = accepted.verdict_first && !self.standing.is_hopeless();
        let first = accepted.credential.take_if(|_| judged);
        let Some(credential) = first else {
            return self.welcome(client, upgrade, head, None).await;
        };
        let shown = Presentation { credential, origin: accepted.origin.as_deref() };
        let verdict = tokio::select! {
            biased;
            // Boxed: few handshakes need it, and all would pay for its size.
            verdict = Box::pin(self.house.court.judge(shown, client, self.patience())) => verdict,
            () = self.standing.lost() => {
                // Its last word, if the socket takes it at once: it has no place to wait in.
                let _ = self.stream.try_write(&Refusal::Crowded.response());
                return Ok(Received::Answered(Handshake::Evicted));
            }
        };
        match verdict {
            Err(Rejection::Unavailable) if self.standing.until().is_some() => {
                let why = Refusal::Crowded;
                Ok(self.refuse(client, why, why.response(), upgrade.agent))
            }
            Ok(judged) => self.welcome(client, upgrade, head, Some(judged)).await,
            Err(rejection) => Ok(self.reject(client, &rejection, upgrade.agent)),
        }
    }

    /// How long a verdict may take: less than the handshake, and than the moment of somebody
    /// without a place, so that it can be said that there is none.
    fn patience(&self) -> Duration {
        let left = self.deadline.saturating_duration_since(Instant::now());
        let left = left.saturating_sub(Duration::from_millis(ANSWER_MS));
        let now = self.house.clock.now().time;
        let moment = self.standing.until().map(|until| Duration::from_millis(until.since(now)));
        moment.map_or(left, |moment| moment.min(left))
    }

    /// Lets it in, if there is room: says 101. What was read behind the request in `head` belongs
    /// to the frames.
    async fn welcome(
        self,
        client: IpAddr,
        upgrade: Upgrade,
        head: Head,
        judged: Option<Judged>,
    ) -> io::Result<Received> {
        let Self { mut stream, peer, house, slot, standing, .. } = self;
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
        let Accepted { response, subprotocol, credential, origin, room, .. } = upgrade.accepted;
        let unknown_subprotocol = subprotocol == Subprotocol::Unknown;
        // Nothing counts beside an unknown subprotocol (NEG-15).
        let judged = judged.filter(|_| !unknown_subprotocol);
        let opening = match (&judged, credential) {
            (Some(_), _) => Opening::Judged,
            (None, Some(credential)) if !unknown_subprotocol => Opening::Presented(credential),
            (None, _) => Opening::FirstMessage,
        };
        stream.write_all(&response).await?;
        let id = entropy::connection_id()?;
        let other = (client != peer.ip().to_canonical()).then(|| field::display(client));
        tracing::debug!(connection = %id, %peer, client = other, "open");
        let mut visitor = Visitor::new(client, upgrade.agent);
        visitor.guest = Some(Box::new(guest));
        Ok(Received::Entered(Box::new(Entrance {
            stream: Stream::Tcp(stream),
            early: head.behind(upgrade.consumed).into(),
            unknown_subprotocol,
            arrival: Arrival { opening, room, ..Arrival::new(id, entropy::seed()?) },
            judged,
            origin: house.site.origin_to_keep(origin).map(|it| Box::new(Origin(it))),
            slot,
            visitor: Box::new(visitor),
        })))
    }

    /// Says no to its credential.
    fn reject(self, client: IpAddr, rejection: &Rejection, agent: Option<Agent>) -> Received {
        self.house.book.rejected(rejection, client, agent);
        let class = rejection.class();
        if class != Class::Unavailable {
            self.standing.failed(self.house.clock.now().time);
        }
        let why = Refusal::Refused(class);
        let Self { stream, slot, standing, .. } = self;
        standing.leave();
        let response = why.response();
        Received::Refused { why, farewell: Farewell { stream, response, standing, _slot: slot } }
    }

    fn refuse(
        self,
        client: IpAddr,
        why: Refusal,
        response: Vec<u8>,
        agent: Option<Agent>,
    ) -> Received {
        self.house.book.refused(why, client, agent);
        if why == Refusal::NoCredential {
            self.standing.failed(self.house.clock.now().time);
        }
        let Self { stream, slot, standing, .. } = self;
        // It waits for no verdict any more.
        standing.leave();
        Received::Refused { why, farewell: Farewell { stream, response, standing, _slot: slot } }
    }
}
