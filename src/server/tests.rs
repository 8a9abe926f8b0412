//! What ends a server before it is told to, and what ends with it.

use super::{Crew, NotServing, RunError, Server, Settings};
use crate::{
    protocol::{
        client_message::Token,
        identity::{Identity, Login, Signer},
        time::Wall,
    },
    token::{ClaimFault, House, Upkeep, Verification, Verifier},
};
use futures_util::{SinkExt, StreamExt};
use std::{future::pending, net::SocketAddr, sync::Arc, time::Duration};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    sync::{Semaphore, oneshot},
    task::{JoinHandle, yield_now},
    time::timeout,
};
use tokio_tungstenite::{client_async, tungstenite::Message};

/// How long anything that must happen may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// An embedder's verifier with a bug.
struct Faulty;

impl Verifier for Faulty {
    fn verify(&self, _: Token<'_>, _: Wall) -> Verification {
        panic!("a verifier with a bug, on purpose");
    }
}

#[tokio::test]
async fn a_task_that_panics_ends_the_server() {
    let mut settings = Settings::new(Arc::new(Faulty));
    settings.workers = 2;
    let server = Server::bind(settings).expect("a port");
    let addr = server.local_addr().expect("an address");
    let running = tokio::spawn(server.run(pending()));
    let stream = TcpStream::connect(addr).await.expect("a connection");
    let url = format!("ws://{addr}/ws");
    let (mut socket, _) = client_async(url, stream).await.expect("the 101");
    let auth = Message::text(r#"{"type":"auth","payload":"token"}"#);
    socket.send(auth).await.expect("sent");
    let ended = timeout(PATIENCE, running).await.expect("the end in time").expect("no panic here");
    assert!(matches!(ended, Err(RunError::WorkerDied)), "{ended:?}");
}

/// A verifier whose upkeep is what a test makes of it.
struct Keeper(Box<dyn Fn(Arc<dyn House>) -> Upkeep + Send + Sync>);

impl Verifier for Keeper {
    fn verify(&self, _: Token<'_>, now: Wall) -> Verification {
        let identity = Identity { issuer: None, subject: "ann".into(), user: "ann".into() };
        let signer = Signer::from_number(7);
        let login = Login { signer, ..Login::new(identity, now + 3_600_000) };
        Verification::Done(Ok(Box::new(login)))
    }

    fn upkeep(self: Arc<Self>, house: Arc<dyn House>) -> Upkeep {
        (self.0)(house)
    }
}

/// A server that runs, whose verifier has this upkeep.
fn kept(
    upkeep: impl Fn(Arc<dyn House>) -> Upkeep + Send + Sync + 'static,
) -> (SocketAddr, JoinHandle<Result<(), RunError>>) {
    let settings = Settings::new(Arc::new(Keeper(Box::new(upkeep))));
    let server = Server::bind(Settings { workers: 2, ..settings }).expect("a port");
    let addr = server.local_addr().expect("an address");
    (addr, tokio::spawn(server.run(pending())))
}

#[tokio::test]
async fn a_server_without_upkeep_ends() {
    let panics: fn(Arc<dyn House>) -> Upkeep =
        |_| Box::pin(async { panic!("an upkeep with a bug, on purpose") });
    let returns: fn(Arc<dyn House>) -> Upkeep = |_| Box::pin(async {});
    for upkeep in [panics, returns] {
        let (_, running) = kept(upkeep);
        let ended = timeout(PATIENCE, running).await.expect("in time").expect("no panic here");
        assert!(matches!(ended, Err(RunError::Upkeep)), "{ended:?}");
    }
}

async fn is_ready(addr: SocketAddr) -> bool {
    let mut stream = TcpStream::connect(addr).await.expect("a connection");
    stream.write_all(b"GET /readyz HTTP/1.1\r\nHost: test\r\n\r\n").await.expect("sent");
    let mut said = String::new();
    stream.read_to_string(&mut said).await.expect("an answer");
    said.starts_with("HTTP/1.1 200 ")
}

#[tokio::test]
async fn a_server_is_ready_when_its_verifier_says_so() {
    let gate = Arc::new(Semaphore::new(0));
    let opens = Arc::clone(&gate);
    let (addr, running) = kept(move |house| {
        let opens = Arc::clone(&opens);
        Box::pin(async move {
            opens.acquire().await.expect("never closed").forget();
            house.ready();
            pending().await
        })
    });
    assert!(!is_ready(addr).await);
    gate.add_permits(1);
    let ready = async {
        while !is_ready(addr).await {
            yield_now().await;
        }
    };
    timeout(PATIENCE, ready).await.expect("in time");
    running.abort();
}

#[tokio::test]
async fn a_key_that_is_gone_ends_its_sessions_on_every_worker() {
    let gate = Arc::new(Semaphore::new(0));
    let opens = Arc::clone(&gate);
    let (addr, running) = kept(move |house| {
        let opens = Arc::clone(&opens);
        Box::pin(async move {
            opens.acquire().await.expect("never closed").forget();
            for number in [1, 7, 7] {
                house.key_removed(Signer::from_number(number));
            }
            pending().await
        })
    });
    let mut sockets = Vec::new();
    for _ in 0..4 {
        let stream = TcpStream::connect(addr).await.expect("a connection");
        let (mut socket, _) = client_async(format!("ws://{addr}/ws"), stream).await.expect("101");
        socket.send(Message::text(r#"{"type":"auth","payload":"t"}"#)).await.expect("sent");
        let hello = socket.next().await.expect("a message").expect("no fault");
        assert!(hello.to_text().is_ok_and(|text| text.contains("auth_ok")), "{hello}");
        sockets.push(socket);
    }
    gate.add_permits(1);
    for socket in &mut sockets {
        let error = timeout(PATIENCE, socket.next()).await.expect("in time");
        let error = error.expect("a message").expect("no fault");
        assert!(error.to_text().is_ok_and(|text| text.contains("token_invalid")), "{error}");
    }
    running.abort();
}

#[tokio::test]
async fn a_server_that_is_dropped_leaves_no_workers_behind() {
    let mut settings = Settings::new(Arc::new(Faulty));
    settings.workers = 2;
    let addr = settings.listen;
    let crew = Crew::start(settings, 2, addr, 10).expect("workers");
    let Crew { controls, ends, .. } = crew;
    drop(controls);
    let ends = timeout(PATIENCE, ends.collect::<Vec<_>>()).await.expect("their end in time");
    assert_eq!(ends, [Ok(()), Ok(())]);
}

/// Gives a permit when it is dropped.
struct Leaving(Arc<Semaphore>);

impl Drop for Leaving {
    fn drop(&mut self) {
        self.0.add_permits(1);
    }
}

#[tokio::test]
async fn a_handle_exchanges_the_verifier_and_its_upkeep_and_drops_nobody() {
    let over = Arc::new(Semaphore::new(0));
    let ends = Arc::clone(&over);
    let first = Keeper(Box::new(move |house| {
        let leaving = Leaving(Arc::clone(&ends));
        Box::pin(async move {
            let _leaving = leaving;
            house.ready();
            pending().await
        })
    }));
    let server = Server::bind(Settings { workers: 2, ..Settings::new(Arc::new(first)) });
    let server = server.expect("a port");
    let (addr, handle) = (server.local_addr().expect("an address"), server.handle());
    let (stop, stopped) = oneshot::channel::<()>();
    let running = tokio::spawn(server.run(async move {
        let _ = stopped.await;
    }));
    let enter = async || {
        let stream = TcpStream::connect(addr).await.expect("a connection");
        let (mut socket, _) = client_async(format!("ws://{addr}/ws"), stream).await.expect("101");
        socket.send(Message::text(r#"{"type":"auth","payload":"t"}"#)).await.expect("sent");
        let hello = socket.next().await.expect("a message").expect("no fault");
        (socket, hello.to_text().is_ok_and(|text| text.contains("auth_ok")))
    };
    let (mut old, let_in) = enter().await;
    assert!(let_in);
    // Nobody passes the second one, which is ready, too.
    handle.reload(Settings::new(Arc::new(Closed))).await.expect("a server that serves");
    let gone = timeout(PATIENCE, over.acquire()).await.expect("the old upkeep ends in time");
    gone.expect("never closed").forget();
    assert!(is_ready(addr).await);
    assert!(!enter().await.1, "the new verifier judges");
    old.send(Message::text(r#"{"type":"ping"}"#)).await.expect("sent");
    let pong = timeout(PATIENCE, old.next()).await.expect("in time").expect("a message");
    assert!(pong.expect("no fault").to_text().is_ok_and(|text| text.contains("pong")));
    handle.end_sessions(vec![Signer::from_number(7)]).await.expect("a server that serves");
    let error = timeout(PATIENCE, old.next()).await.expect("in time").expect("a message");
    assert!(error.expect("no fault").to_text().is_ok_and(|text| text.contains("token_invalid")));
    stop.send(()).expect("a server that runs");
    let ended = timeout(PATIENCE, running).await.expect("in time").expect("no panic");
    assert!(ended.is_ok(), "{ended:?}");
    let late = handle.reload(Settings::new(Arc::new(Closed))).await;
    assert_eq!(late, Err(NotServing));
}

/// Lets nobody in.
pub(super) struct Closed;

impl Verifier for Closed {
    fn verify(&self, _: Token<'_>, _: Wall) -> Verification {
        Verification::Done(Err(ClaimFault::Issuer.into()))
    }
}
