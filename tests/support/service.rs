//! A server in the test's own process, with everything of the real one but the command line.

use super::{SECRET, soon};
use std::{net::SocketAddr, sync::Arc};
use tokio::{sync::oneshot, task::JoinHandle};
use vestibule::{
    server::{RunError, Server, Settings},
    token::{IssuerRules, IssuerVerifier, Key},
};

/// A running server.
pub(crate) struct Service {
    /// Where it listens.
    pub(crate) addr: SocketAddr,
    /// `ws://ADDR/ws`.
    pub(crate) url: String,
    stop: oneshot::Sender<()>,
    running: JoinHandle<Result<(), RunError>>,
}

impl Service {
    /// Open rooms, tokens signed with [`SECRET`], two workers, a short drain; `change` has the
    /// last word.
    pub(crate) fn start(change: impl FnOnce(&mut Settings)) -> Self {
        let key = Key::from_secret(SECRET.as_bytes(), None).expect("a long secret");
        let verifier = IssuerVerifier::new(IssuerRules::default(), key);
        let mut settings =
            Settings { workers: 2, drain_ms: 200, ..Settings::new(Arc::new(verifier)) };
        change(&mut settings);
        let server = Server::bind(settings).expect("a free port");
        let addr = server.local_addr().expect("an address");
        let (stop, stopped) = oneshot::channel();
        let running = tokio::spawn(server.run(async { drop(stopped.await) }));
        Self { addr, url: format!("ws://{addr}/ws"), stop, running }
    }

    /// Drains; returns once everything has ended without an error.
    pub(crate) async fn stop(self) {
        self.stop.send(()).expect("a server that runs");
        soon("the end of the server", self.running).await.expect("no panic").expect("no error");
    }
}
