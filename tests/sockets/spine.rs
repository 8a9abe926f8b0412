//! The way of a client that was written for this protocol: sign in, join, chat, come back.

use crate::support::{Host, token};
use vestibule::client::{Client, Error, Options, Received, Since};

async fn enter(host: &Host, user: &str) -> Client {
    let url = format!("ws://{}/ws", host.addr);
    let mut client = Client::connect(&url, &Options::default()).await.expect("a connection");
    client.authenticate(&token::token(user)).await.expect("a sign-in");
    client
}

#[tokio::test]
async fn two_chat_and_one_comes_back() {
    for workers in crate::WORKERS {
        let host = Host::start(workers, |_| {});
        let (mut alice, mut bob) = (enter(&host, "alice").await, enter(&host, "bob").await);
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
        let mut bob = enter(&host, "bob").await;
        let since = Since { epoch: joined.epoch.clone(), seq: 10 };
        let back = bob.join("lobby", Some(&since)).await.expect("join");
        assert_eq!(back.recovered, Some(true));
        let Received::Message(message) = bob.next().await.expect("next") else {
            panic!("no message")
        };
        assert_eq!((message.seq, message.payload.get()), (Some(11), "\"missed\""));
        host.stop().await;
    }
}

#[tokio::test]
async fn a_client_reads_all_that_a_room_remembers() {
    let host = Host::start(1, |_| {});
    let mut alice = enter(&host, "alice").await;
    let joined = alice.join("lobby", None).await.expect("join");
    for n in 1..=25 {
        alice.publish("lobby", &n).await.expect("publish");
    }
    let (mut found, mut before) = (Vec::new(), None);
    loop {
        let page = alice.history("lobby", before, 10).await.expect("history");
        assert_eq!((page.room.as_str(), &page.epoch), ("lobby", &joined.epoch));
        before = page.messages.first().and_then(|message| message.seq);
        found.extend(page.messages.iter().rev().map(|message| message.payload.get().to_owned()));
        if !page.more {
            break;
        }
    }
    assert_eq!(found, (1..=25).rev().map(|n| n.to_string()).collect::<Vec<_>>());
    let refused = alice.history("attic", None, 10).await.expect_err("not a member");
    assert!(matches!(refused, Error::Refused(why) if why.code == "not_joined"));
    host.stop().await;
}
