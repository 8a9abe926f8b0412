//! One listener feeds all workers: sockets are handed out unregistered, in turn. Once the server
//! drains it answers them itself, because a worker without connections is gone at once.

use super::{guest_book::GuestBook, handshake::FrontDoor, http::Site};
use crate::{metrics::AcceptFault, worker::Control};
use futures_util::future::select_all;
use rustix::io::Errno;
use socket2::{Domain, Protocol, Socket, Type};
use std::{
    io,
    net::{SocketAddr, TcpListener, TcpStream},
    sync::Arc,
    time::Duration,
};
use tokio::{
    io::{Interest, unix::AsyncFd},
    sync::mpsc::{self, error::TrySendError},
    task::{JoinSet, coop::consume_budget},
    time::Instant,
};

/// Connections that the kernel keeps for us.
const BACKLOG: i32 = 4_096;
/// How long to wait when nobody can be accepted, in milliseconds.
pub(super) const EXHAUSTED_MS: u64 = 50;

/// Bytes that the kernel takes for a socket beyond what is under way to the peer. More of it would
/// grow old there, out of our reach, and count in no bound.
const NOTSENT_BYTES: u32 = 64 * 1024;

/// Opens the public port. Accepted sockets inherit its options, which saves calls for each.
pub(super) fn listen(addr: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(addr), Type::STREAM, Some(Protocol::TCP))?;
    // A restart must not wait for old connections in TIME_WAIT.
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.set_tcp_nodelay(true)?;
    #[cfg(target_os = "linux")]
    socket.set_tcp_notsent_lowat(NOTSENT_BYTES)?;
    socket.bind(&addr.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

/// Accepts for all workers.
#[derive(Debug)]
pub(super) struct Acceptor {
    listener: AsyncFd<TcpListener>,
    controls: Arc<[mpsc::Sender<Control>]>,
    next: usize,
    site: Arc<Site>,
    door: Arc<FrontDoor>,
    pace: Pace,
    /// Sockets that came during the drain; each has the time of a handshake.
    turned_away: JoinSet<()>,
    book: GuestBook,
}

impl Acceptor {
    pub(super) fn new(
        listener: TcpListener,
        controls: Arc<[mpsc::Sender<Control>]>,
        site: Arc<Site>,
        door: Arc<FrontDoor>,
        accepts_per_s: u32,
    ) -> io::Result<Self> {
        #[expect(deprecated, reason = "its successor is unsafe; a listener owns its descriptor")]
        let listener = AsyncFd::with_interest(listener, Interest::READABLE)?;
        let (pace, turned_away, book) = (Pace::new(accepts_per_s), JoinSet::new(), door.book());
        Ok(Self { listener, controls, next: 0, site, door, pace, turned_away, book })
    }

    /// Accepts until the listener is broken.
    pub(super) async fn run(mut self) -> io::Error {
        loop {
            if let Some(until) = self.pace.wait(Instant::now()) {
                tokio::time::sleep_until(until).await;
            }
            match self.accept().await {
                Ok((stream, peer)) => {
                    self.pace.step(Instant::now());
                    self.take_in(stream, peer).await;
                }
                Err(error) => match Trouble::of(&error) {
                    Trouble::OneSocket => self.book.missed(AcceptFault::Socket, &error),
                    Trouble::Broken => return error,
                    Trouble::Exhausted => {
                        self.book.missed(AcceptFault::Exhausted, &error);
                        let until = Instant::now() + Duration::from_millis(EXHAUSTED_MS);
                        tokio::time::sleep_until(until).await;
                    }
                },
            }
        }
    }

    /// The next socket, which no runtime knows yet: its worker registers it.
    async fn accept(&self) -> io::Result<(TcpStream, SocketAddr)> {
        // A backlog must not keep the signals waiting that this task hears too.
        consume_budget().await;
        loop {
            let mut ready = self.listener.readable().await?;
            if let Ok(accepted) = ready.try_io(|listener| listener.get_ref().accept()) {
                return accepted;
            }
        }
    }

    async fn take_in(&mut self, stream: TcpStream, peer: SocketAddr) {
        match stream.set_nonblocking(true) {
            Ok(()) if self.site.is_draining() => self.turn_away(stream, peer),
            Ok(()) => self.hand_out(Control::Accept(stream, peer)).await,
            Err(error) => tracing::debug!(%peer, %error, "a socket broke at once"),
        }
    }

    /// Gives the socket to the next worker that has time. Waits if none has, so that the kernel's
    /// queue holds newcomers back.
    async fn hand_out(&mut self, mut accept: Control) {
        for _ in 0..self.controls.len() {
            self.next = (self.next + 1) % self.controls.len();
            let Some(control) = self.controls.get(self.next) else { return };
            match control.try_send(accept) {
                // A worker that is gone has ended the server.
                Ok(()) | Err(TrySendError::Closed(_)) => return,
                Err(TrySendError::Full(back)) => accept = back,
            }
        }
        let places = self.controls.iter().map(|control| Box::pin(control.reserve()));
        if let (Ok(place), _, _) = select_all(places).await {
            place.send(accept);
        }
    }

    /// Answers a socket of a server that drains.
    fn turn_away(&mut self, stream: TcpStream, peer: SocketAddr) {
        while self.turned_away.try_join_next().is_some() {}
        let handshake = self.door.handshake(stream, peer);
        // A site that drains lets nobody enter.
        self.turned_away.spawn(async move { drop(handshake.await) });
    }
}

/// How far sockets may come ahead of the rate, in milliseconds: what a short crowd does not feel.
const AHEAD_MS: u64 = 100;

/// The rate at which sockets are accepted.
#[derive(Debug)]
struct Pace {
    each: Duration,
    /// When the next socket would be due if all came evenly.
    due: Option<Instant>,
}

impl Pace {
    fn new(per_s: u32) -> Self {
        Self { each: Duration::from_secs(1) / per_s.max(1), due: None }
    }

    /// Until when the listener has to wait, if it has to.
    fn wait(&self, now: Instant) -> Option<Instant> {
        let until = self.due? - Duration::from_millis(AHEAD_MS);
        (until > now).then_some(until)
    }

    /// A socket was accepted.
    fn step(&mut self, now: Instant) {
        let due = self.due.map_or(now, |due| due.max(now));
        self.due = Some(due + self.each);
    }
}

/// What a failed accept means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Trouble {
    /// The newcomer is gone; the next one may be fine (accept(2), "Error handling").
    OneSocket,
    /// No descriptors or no memory, or an error nobody expected: it is better to wait.
    Exhausted,
    /// The listener itself: this will not get better.
    Broken,
}

impl Trouble {
    pub(super) fn of(error: &io::Error) -> Self {
        match error.raw_os_error().map(Errno::from_raw_os_error) {
            Some(Errno::BADF | Errno::INVAL | Errno::NOTSOCK) => Self::Broken,
            Some(
                Errno::CONNABORTED
                | Errno::CONNRESET
                | Errno::INTR
                | Errno::PROTO
                | Errno::NETDOWN
                | Errno::NETUNREACH
                | Errno::HOSTUNREACH
                | Errno::OPNOTSUPP
                | Errno::NOPROTOOPT,
            ) => Self::OneSocket,
            Some(_) | None => Self::Exhausted,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::server::handshake::House;

    #[test]
    fn sockets_above_the_rate_wait() {
        let mut pace = Pace::new(1_000);
        let now = Instant::now();
        for ahead in 0..=AHEAD_MS {
            assert_eq!(pace.wait(now), None, "{ahead}");
            pace.step(now);
        }
        assert_eq!(pace.wait(now), Some(now + Duration::from_millis(1)));
        assert_eq!(pace.wait(now + Duration::from_millis(1)), None);
        pace.step(now + Duration::from_secs(60));
        assert_eq!(pace.wait(now + Duration::from_secs(60)), None, "silence saves nothing up");
    }

    fn trouble(errno: Errno) -> Trouble {
        Trouble::of(&io::Error::from_raw_os_error(errno.raw_os_error()))
    }

    #[test]
    fn only_a_broken_listener_ends_the_server() {
        assert_eq!(trouble(Errno::CONNABORTED), Trouble::OneSocket);
        assert_eq!(trouble(Errno::MFILE), Trouble::Exhausted);
        assert_eq!(trouble(Errno::NOMEM), Trouble::Exhausted);
        assert_eq!(trouble(Errno::BADF), Trouble::Broken);
        assert_eq!(Trouble::of(&io::ErrorKind::Other.into()), Trouble::Exhausted);
    }

    #[tokio::test]
    async fn a_busy_worker_does_not_hold_newcomers_back() {
        let (controls, mut workers): (Vec<_>, Vec<_>) = (0..2).map(|_| mpsc::channel(1)).unzip();
        let listener = listen(SocketAddr::from(([127, 0, 0, 1], 0))).expect("a port");
        let addr = listener.local_addr().expect("an address");
        let site = Arc::new(Site::new(Vec::new()));
        let house = House::empty(Arc::clone(&site));
        let door = Arc::new(FrontDoor::new(house, Arc::default(), 8));
        let acceptor = Acceptor::new(listener, controls.into(), site, door, 5_000);
        let acceptor = acceptor.expect("a listener");
        let accepting = tokio::spawn(acceptor.run());
        let mut peers = Vec::new();
        let mut idle = workers.pop().expect("a worker");
        // The other worker takes one and is busy from then on.
        for _ in 0..5 {
            peers.push(tokio::net::TcpStream::connect(addr).await.expect("a connection"));
        }
        for _ in 0..4 {
            let Some(Control::Accept(stream, _)) = idle.recv().await else { panic!("a socket") };
            assert!(stream.nodelay().expect("an option"), "inherited");
            #[cfg(target_os = "linux")]
            assert_eq!(
                socket2::SockRef::from(&stream).tcp_notsent_lowat().ok(),
                Some(NOTSENT_BYTES)
            );
        }
        accepting.abort();
    }
}
