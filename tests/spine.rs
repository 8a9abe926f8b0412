//! The spine over real sockets: sign in, join, chat, come back, with two workers.
#![expect(clippy::expect_used, reason = "a test says what it expected")]

use std::{net::SocketAddr, sync::Arc};
use tokio::{sync::oneshot, task::JoinHandle};
use vestibule::{
    client::{Client, Options, Received, Since},
    protocol::{
        client_message::Token,
        grant::Grant,
        identity::{Identity, Login, Quotas},
        time::Wall,
    },
    server::{RunError, Server, Settings},
    token::{Rejection, Verification, Verifier},
};

struct ByName;

impl Verifier for ByName {
    fn verify(&self, token: Token<'_>, now: Wall) -> Verification {
        if token.reveal() == "bad" {
            return Verification::Done(Err(Rejection::Signature));
        }
        let user: Arc<str> = token.reveal().into();
        Verification::Done(Ok(Box::new(Login {
            identity: Arc::new(Identity { issuer: None, subject: (*user).into(), user }),
            grant: Arc::new(Grant::default()),
            info: None,
            quotas: Quotas::default(),
            expires_at: now + 3_600_000,
            leeway_ms: 0,
            issued_at: None,
            mark: 1,
        })))
    }
}

async fn start(
    workers: usize,
) -> (SocketAddr, oneshot::Sender<()>, JoinHandle<Result<(), RunError>>) {
    let mut settings = Settings::new(Arc::new(ByName));
    settings.workers = workers;
    settings.drain_ms = 300;
    let server = Server::bind(settings).expect("bind");
    let addr = server.local_addr().expect("addr");
    let (stop, stopped) = oneshot::channel();
    let running = tokio::spawn(server.run(async { drop(stopped.await) }));
    (addr, stop, running)
}

async fn enter(addr: SocketAddr, user: &str) -> Client {
    let mut client =
        Client::connect(&format!("ws://{addr}/ws"), &Options::default()).await.expect("connect");
    client.authenticate(user).await.expect("auth");
    client
}

#[tokio::test]
async fn two_chat_and_one_comes_back() {
    let (addr, stop, running) = start(2).await;
    let mut alice = enter(addr, "alice").await;
    let mut bob = enter(addr, "bob").await;
    let joined = alice.join("lobby", None).await.expect("join");
    assert_eq!(joined.seq, 0);
    bob.join("lobby", None).await.expect("join");
    for n in 0..10 {
        alice.publish("lobby", &n).await.expect("publish");
    }
    for n in 0..10 {
        for client in [&mut alice, &mut bob] {
            let Received::Message(message) = client.next().await.expect("next") else {
                panic!("no message")
            };
            assert_eq!(message.payload.get(), n.to_string());
            assert_eq!(message.seq, Some(n + 1));
        }
    }
    drop(bob);
    alice.publish("lobby", &"missed").await.expect("publish");
    let mut bob = enter(addr, "bob").await;
    let since = Since { epoch: joined.epoch.clone(), seq: 10 };
    let back = bob.join("lobby", Some(&since)).await.expect("join");
    assert_eq!(back.recovered, Some(true));
    let Received::Message(message) = bob.next().await.expect("next") else { panic!("no message") };
    assert_eq!((message.seq, message.payload.get()), (Some(11), "\"missed\""));
    stop.send(()).expect("running");
    running.await.expect("join").expect("run");
}
