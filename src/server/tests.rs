//! What ends a server before it is told to, and what ends with it.

use super::{Crew, RunError, Server, Settings, Site};
use crate::{
    protocol::{client_message::Token, time::Wall},
    token::{Verification, Verifier},
};
use futures_util::{SinkExt, StreamExt};
use std::{future::pending, sync::Arc, time::Duration};
use tokio::{net::TcpStream, time::timeout};
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

#[tokio::test]
async fn a_server_that_is_dropped_leaves_no_workers_behind() {
    let mut settings = Settings::new(Arc::new(Faulty));
    settings.workers = 2;
    let crew = Crew::start(settings, 2, &Arc::new(Site::new(Vec::new())), 10).expect("workers");
    let Crew { controls, ends, .. } = crew;
    drop(controls);
    let ends = timeout(PATIENCE, ends.collect::<Vec<_>>()).await.expect("their end in time");
    assert_eq!(ends, [Ok(()), Ok(())]);
}
