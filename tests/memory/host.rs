//! The server under test, and what it holds.

use crate::{ALLOCATOR, peer::Peer, support::token};
use std::{
    fs,
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};
use tokio::{runtime::Builder, sync::oneshot};
use vestibule::{
    config::Places,
    protocol::room_rules::{HistoryBounds, RoomRules},
    server::{Server, Settings},
};

/// How long anything that must happen may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// How long to wait before asking again.
const PACE: Duration = Duration::from_millis(2);

/// One test at a time: they share an allocator and a table of descriptors.
pub(crate) fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Bytes of the heap that are in use.
pub(crate) fn live_bytes() -> usize {
    let stats = ALLOCATOR.stats();
    stats.bytes_allocated.saturating_sub(stats.bytes_deallocated)
}

/// Open descriptors of this process.
pub(crate) fn descriptors() -> usize {
    fs::read_dir("/proc/self/fd").expect("Linux").count()
}

/// Asks again until it is so; returns how long that took.
pub(crate) fn soon(what: &str, is_so: impl Fn() -> bool) -> Duration {
    let begun = now();
    while !is_so() {
        assert!(begun.elapsed() < PATIENCE, "{what} did not happen within {PATIENCE:?}");
        thread::park_timeout(PACE);
    }
    begun.elapsed()
}

#[expect(clippy::disallowed_methods, reason = "patience is measured in real time")]
fn now() -> Instant {
    Instant::now()
}

/// A server with one worker.
pub(crate) struct Host {
    addr: SocketAddr,
    stop: oneshot::Sender<()>,
    running: JoinHandle<()>,
}

impl Host {
    /// Starts one that lets crowds in, and whose rooms remember one message.
    pub(crate) fn start() -> Self {
        let mut settings = Settings::new(Arc::new(token::verifier()));
        settings.workers = 1;
        settings.drain_ms = 50;
        settings.places = Places { places: 4_096, hard_places: 8_192, share: 32 };
        settings.rules.auth.deadline_ms = 600_000;
        settings.rules.session.heartbeat_interval_ms = 600_000;
        settings.rules.session.messages_per_s = 1_000_000;
        settings.rules.session.burst = 1_000_000;
        let history = HistoryBounds { count: 1, ..HistoryBounds::default() };
        settings.rules.rooms = RoomRules::open().with_history(history);
        let server = Server::bind(settings).expect("a port");
        let addr = server.local_addr().expect("an address");
        let (stop, stopped) = oneshot::channel();
        let running = thread::spawn(move || {
            let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
            runtime.block_on(server.run(async { drop(stopped.await) })).expect("no failure");
        });
        Self { addr, stop, running }
    }

    /// A TCP connection, nothing said yet.
    pub(crate) fn dial(&self) -> Peer {
        Peer::dial(self.addr)
    }

    /// A peer behind the 101.
    pub(crate) fn open(&self) -> Peer {
        let mut peer = self.dial();
        peer.upgrade();
        peer
    }

    /// A peer that is signed in.
    pub(crate) fn enter(&self, user: &str) -> Peer {
        let mut peer = self.open();
        peer.write(&crate::message(&crate::support::peer::auth(user)));
        peer.expect("auth_ok");
        peer
    }

    /// Ends the server behind the last peer.
    pub(crate) fn stop(self, last: Peer) {
        drop(last);
        self.stop.send(()).expect("it runs");
        self.running.join().expect("no panic");
    }
}
