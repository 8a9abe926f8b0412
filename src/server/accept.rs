//! One listener feeds all workers: sockets are handed out unregistered, in turn. Once the server
//! drains it answers them itself, because a worker without connections is gone at once.

use super::{handshake::FrontDoor, http::Site};
use crate::worker::Control;
use socket2::{Domain, Protocol, Socket, Type};
use std::{
    io,
    net::{SocketAddr, TcpListener, TcpStream},
    sync::Arc,
    time::Duration,
};
use tokio::{sync::mpsc, task::JoinSet};

/// Connections that the kernel keeps for us.
const BACKLOG: i32 = 4_096;
/// How long to wait when the process is out of descriptors, in milliseconds.
const EXHAUSTED_MS: u64 = 50;

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
}

impl Acceptor {
    pub(super) fn new(
        listener: TcpListener,
        controls: Arc<[mpsc::Sender<Control>]>,
        site: Arc<Site>,
        door: Arc<FrontDoor>,
    ) -> io::Result<Self> {
        let listener = tokio::net::TcpListener::from_std(listener)?;
        Ok(Self { listener, controls, next: 0, site, door, turned_away: JoinSet::new() })
    }

    /// Accepts until the listener is broken.
    pub(super) async fn run(mut self) -> io::Error {
        loop {
            let accepted = self.listener.accept().await;
            let handed_out =
                match accepted.and_then(|(stream, peer)| Ok((unregister(stream)?, peer))) {
                    Ok((stream, _)) if self.site.is_draining() => {
                        self.turn_away(stream);
                        Ok(())
                    }
                    Ok((stream, peer)) => {
                        self.hand_out(stream, peer).await;
                        Ok(())
                    }
                    Err(error) => pause_if_exhausted(error).await,
                };
            if let Err(error) = handed_out {
                return error;
            }
        }
    }

    /// Gives the socket to the next worker; waits while that worker is too busy, so that the
    /// kernel's queue holds newcomers back.
    async fn hand_out(&mut self, stream: TcpStream, peer: SocketAddr) {
        self.next = (self.next + 1) % self.controls.len().max(1);
        if let Some(control) = self.controls.get(self.next) {
            // A worker that is gone has ended the server.
            let _ = control.send(Control::Accept(stream, peer)).await;
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

/// Errors of one socket are passed over; without descriptors it is better to wait.
async fn pause_if_exhausted(error: io::Error) -> io::Result<()> {
    match error.raw_os_error() {
        // ENFILE, EMFILE, ENOBUFS, ENOMEM
        Some(23 | 24 | 105 | 12) => {
            tracing::warn!(%error, "out of descriptors or memory, newcomers wait");
            tokio::time::sleep_until(
                tokio::time::Instant::now() + Duration::from_millis(EXHAUSTED_MS),
            )
            .await;
            Ok(())
        }
        // EBADF, EINVAL, ENOTSOCK: this will not get better.
        Some(9 | 22 | 88) => Err(error),
        _ => Ok(()),
    }
}
