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
    sync::mpsc::{self, error::TrySendError},
    task::JoinSet,
    time::Instant,
};

/// Connections that the kernel keeps for us.
const BACKLOG: i32 = 4_096;
/// How long to wait when nobody can be accepted, in milliseconds.
pub(super) const EXHAUSTED_MS: u64 = 50;

/// Opens the public port.
pub(super) fn listen(addr: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(addr), Type::STREAM, Some(Protocol::TCP))?;
    // A restart must not wait for old connections in TIME_WAIT.
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&addr.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

/// Accepts for all workers.
#[derive(Debug)]
pub(super) struct Acceptor {
    listener: tokio::net::TcpListener,
    controls: Arc<[mpsc::Sender<Control>]>,
    next: usize,
    site: Arc<Site>,
    door: Arc<FrontDoor>,
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
    ) -> io::Result<Self> {
        let listener = tokio::net::TcpListener::from_std(listener)?;
        let (turned_away, book) = (JoinSet::new(), door.book().clone());
        Ok(Self { listener, controls, next: 0, site, door, turned_away, book })
    }

    /// Accepts until the listener is broken.
    pub(super) async fn run(mut self) -> io::Error {
        let mut in_trouble = false;
        loop {
            match self.listener.accept().await {
                Ok((stream, peer)) => {
                    in_trouble = false;
                    self.take_in(stream, peer).await;
                }
                Err(error) => match Trouble::of(&error) {
                    Trouble::OneSocket => self.book.missed(AcceptFault::Socket),
                    Trouble::Broken => return error,
                    Trouble::Exhausted => {
                        self.book.missed(AcceptFault::Exhausted);
                        if !std::mem::replace(&mut in_trouble, true) {
                            tracing::warn!(%error, "nobody can be accepted, newcomers wait");
                        }
                        let until = Instant::now() + Duration::from_millis(EXHAUSTED_MS);
                        tokio::time::sleep_until(until).await;
                    }
                },
            }
        }
    }

    async fn take_in(&mut self, stream: tokio::net::TcpStream, peer: SocketAddr) {
        match unregister(stream) {
            Ok(stream) if self.site.is_draining() => self.turn_away(stream),
            Ok(stream) => self.hand_out(Control::Accept(stream, peer)).await,
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
    fn turn_away(&mut self, stream: TcpStream) {
        while self.turned_away.try_join_next().is_some() {}
        let handshake = self.door.handshake(stream);
        // A site that drains lets nobody enter.
        self.turned_away.spawn(async move { drop(handshake.await) });
    }
}

/// Takes a socket from the acceptor's runtime, so that its worker can register it.
fn unregister(stream: tokio::net::TcpStream) -> io::Result<TcpStream> {
    stream.set_nodelay(true)?;
    stream.into_std()
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
    use crate::worker::clock::Clock;

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
        let book = GuestBook::new(&Arc::default(), &Arc::default(), Clock::system());
        let door = Arc::new(FrontDoor::new(Arc::clone(&site), Arc::default(), 8, book));
        let acceptor = Acceptor::new(listener, controls.into(), site, door).expect("a listener");
        let accepting = tokio::spawn(acceptor.run());
        let mut peers = Vec::new();
        let mut idle = workers.pop().expect("a worker");
        // The other worker takes one and is busy from then on.
        for _ in 0..5 {
            peers.push(tokio::net::TcpStream::connect(addr).await.expect("a connection"));
        }
        for _ in 0..4 {
            assert!(matches!(idle.recv().await, Some(Control::Accept(..))));
        }
        accepting.abort();
    }
}
