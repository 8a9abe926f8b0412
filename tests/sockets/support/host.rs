//! A server in this process, on a port that the system picks.

use super::{Peer, soon, token};
use serde_json::Value;
use std::{
    net::SocketAddr,
    panic,
    sync::{
        Arc, Once,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};
use tokio::{sync::oneshot, task::JoinHandle};
use vestibule::server::{RunError, Server, ServerHandle, Settings};

/// Panics on worker threads, all servers of this process together.
static PANICS: AtomicUsize = AtomicUsize::new(0);

/// A running server.
pub(crate) struct Host {
    pub(crate) addr: SocketAddr,
    stop: oneshot::Sender<()>,
    running: JoinHandle<Result<(), RunError>>,
}

impl Host {
    /// Starts a server with the real verifier, after `adjust` had its way with the settings.
    pub(crate) fn start(workers: usize, adjust: impl FnOnce(&mut Settings)) -> Self {
        Self::start_with_handle(workers, adjust).0
    }

    /// The same, and what changes it while it runs.
    pub(crate) fn start_with_handle(
        workers: usize,
        adjust: impl FnOnce(&mut Settings),
    ) -> (Self, ServerHandle) {
        count_panics();
        let mut settings = Settings::new(Arc::new(token::verifier()));
        settings.workers = workers;
        settings.drain_ms = 50;
        // Nobody here minds a rate unless the test is about it.
        settings.rules.session.messages_per_s = 1_000_000;
        settings.rules.session.burst = 1_000_000;
        adjust(&mut settings);
        let server = Server::bind(settings).expect("a port");
        let addr = server.local_addr().expect("an address");
        let handle = server.handle();
        let (stop, stopped) = oneshot::channel();
        let running = tokio::spawn(server.run(async { drop(stopped.await) }));
        (Self { addr, stop, running }, handle)
    }

    /// A peer behind the 101.
    pub(crate) async fn peer(&self) -> Peer {
        Peer::connect(self.addr).await
    }

    /// A peer that is signed in.
    pub(crate) async fn enter(&self, user: &str) -> Peer {
        self.enter_with(&token::token(user)).await.0
    }

    /// A peer that is signed in with this token, and its `auth_ok`.
    pub(crate) async fn enter_with(&self, token: &str) -> (Peer, Value) {
        let mut peer = self.peer().await;
        let auth_ok = peer.sign_in(token).await;
        (peer, auth_ok)
    }

    /// A peer that is signed in and in `room`.
    pub(crate) async fn member(&self, user: &str, room: &str) -> Peer {
        let mut peer = self.enter(user).await;
        peer.join(room).await;
        peer
    }

    /// Begins the drain and hands over the end of the server.
    pub(crate) fn shut_down(self) -> JoinHandle<Result<(), RunError>> {
        self.stop.send(()).expect("it runs");
        self.running
    }

    /// Ends the server: it must still run, and no worker may have panicked.
    pub(crate) async fn stop(self) {
        let running = self.shut_down();
        soon("the end of the server", running).await.expect("no panic").expect("no failure");
        assert_eq!(PANICS.load(Ordering::SeqCst), 0, "a worker panicked");
    }
}

fn count_panics() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let usual = panic::take_hook();
        panic::set_hook(Box::new(move |panic| {
            if thread::current().name().is_some_and(|name| name.starts_with("worker-")) {
                PANICS.fetch_add(1, Ordering::SeqCst);
            }
            usual(panic);
        }));
    });
}
