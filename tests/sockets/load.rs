//! Many at once: every member sees every message once, in one order.

use crate::support::{Host, Peer, soon};
use serde_json::{Value, json};
use std::{collections::HashMap, sync::Arc};
use tokio::sync::Barrier;

const ROOMS: usize = 10;
const MEMBERS: usize = 20;
const POSTS: usize = 5;

/// What a member saw: author and number of each message, in order.
type Seen = Vec<(String, u64)>;

/// Joins, waits for the others, posts and reads everything of its room.
async fn member(mut peer: Peer, room: String, start: Arc<Barrier>) -> (String, Seen) {
    peer.join(&room).await;
    start.wait().await;
    let posts = (0..POSTS)
        .map(|n| json!({"type": "message", "id": n.to_string(), "room": room, "payload": n}));
    peer.say_all(posts).await;
    let (mut seen, mut acks) = (Seen::new(), 0);
    while seen.len() < MEMBERS * POSTS || acks < POSTS {
        let message = peer.hear().await;
        match message["type"].as_str() {
            Some("ack") => acks += 1,
            Some("message") => {
                assert_eq!(
                    (&message["room"], &message["seq"]),
                    (&json!(room), &json!(seen.len() + 1))
                );
                seen.push((author(&message), message["payload"].as_u64().expect("a number")));
            }
            _ => panic!("{message}"),
        }
    }
    peer.nothing_waits().await;
    (room, seen)
}

fn author(message: &Value) -> String {
    message["from"]["user"].as_str().expect("a user").to_owned()
}

#[tokio::test]
async fn two_hundred_in_ten_rooms_lose_nothing() {
    let host = Host::start(2, |_| {});
    let start = Arc::new(Barrier::new(ROOMS * MEMBERS));
    let mut members = Vec::new();
    for n in 0..ROOMS * MEMBERS {
        let peer = host.enter(&format!("user {n}")).await;
        let room = format!("room:{}", n % ROOMS);
        members.push(tokio::spawn(member(peer, room, Arc::clone(&start))));
    }
    let mut orders: HashMap<String, Seen> = HashMap::new();
    for member in members {
        let (room, seen) = soon("a member's end", member).await.expect("it saw everything");
        let order = orders.entry(room).or_insert_with(|| seen.clone());
        assert_eq!(*order, seen, "two orders");
    }
    for order in orders.values() {
        let mut next: HashMap<&str, u64> = HashMap::new();
        for (user, n) in order {
            let next = next.entry(user).or_default();
            assert_eq!(n, next, "{user}: lost, doubled or out of order");
            *next += 1;
        }
        assert_eq!(next.len(), MEMBERS);
    }
    host.stop().await;
}
