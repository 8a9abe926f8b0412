//! Looking back: pages of what a room remembers, and who gets them.

use crate::{
    rooms::post_numbers,
    support::{Host, Peer, token},
};
use serde_json::{Value, json};
use vestibule::protocol::{
    limits::PAGE_BYTES,
    room_rules::{HistoryBounds, RoomRules},
};

/// A look at `room`; the members of `more` go along.
fn history(room: &str, more: &Value) -> Value {
    let mut request = json!({"type": "history", "room": room, "id": "h"});
    for (name, value) in more.as_object().expect("an object") {
        request[name] = value.clone();
    }
    request
}

/// A page of the lobby: its numbers, whether there are more, and all of it.
async fn page(peer: &mut Peer, more: &Value) -> (Vec<u64>, bool, Value) {
    let page = peer.ask(history("lobby", more)).await;
    assert_eq!((&page["type"], &page["id"]), (&json!("history"), &json!("h")), "{page}");
    let messages = page["messages"].as_array().expect("messages");
    let seqs = messages.iter().map(|it| it["seq"].as_u64().expect("a number")).collect();
    (seqs, page["more"].as_bool().expect("more"), page)
}

fn remembering(history: HistoryBounds) -> RoomRules {
    RoomRules::open().with_history(history)
}

#[tokio::test]
async fn history_is_paged_back_to_its_beginning() {
    for workers in crate::WORKERS {
        let host = Host::start(workers, |_| {});
        let mut alice = host.member("alice", "lobby").await;
        post_numbers(&mut alice, "lobby", 0..120).await;
        let mut bob = host.enter("bob").await;
        let joined = bob.join("lobby").await;
        let (seqs, more, newest) = page(&mut bob, &json!({})).await;
        assert_eq!((seqs, more), ((71..=120).collect(), true), "50 by default");
        assert_eq!((&newest["room"], &newest["epoch"]), (&json!("lobby"), &joined["epoch"]));
        let (seqs, ..) = page(&mut bob, &json!({"limit": 1_000})).await;
        assert_eq!(seqs.len(), 100, "cut");
        let (mut all, mut before) = (Vec::new(), json!({"limit": 7}));
        loop {
            let (seqs, more, page) = page(&mut bob, &before).await;
            for (message, seq) in page["messages"].as_array().expect("messages").iter().zip(&seqs) {
                let expected = json!({"type": "message", "room": "lobby", "seq": seq,
                    "from": {"user": "alice"}, "at_ms": message["at_ms"], "payload": seq - 1});
                assert_eq!(*message, expected);
            }
            before["before"] = json!(seqs[0]);
            all.splice(0..0, seqs);
            if !more {
                break;
            }
        }
        assert_eq!(all, (1..=120).collect::<Vec<_>>());
        for (before, expected) in [(1, vec![]), (0, vec![]), (3, vec![1, 2]), (121, vec![119, 120])]
        {
            let (seqs, more, _) = page(&mut bob, &json!({"before": before, "limit": 2})).await;
            assert_eq!((seqs, more), (expected, before > 100), "before {before}");
        }
        bob.nothing_waits().await;
        host.stop().await;
    }
}

#[tokio::test]
async fn an_empty_room_has_an_epoch_and_no_messages() {
    for workers in crate::WORKERS {
        let host = Host::start(workers, |_| {});
        let mut alice = host.enter("alice").await;
        let epoch = alice.join("lobby").await["epoch"].clone();
        let expected = json!({"type": "history", "id": "h", "room": "lobby", "epoch": epoch,
            "messages": [], "more": false});
        assert_eq!(alice.ask(history("lobby", &json!({}))).await, expected);
        let mut silent = expected;
        silent.as_object_mut().expect("an object").remove("id");
        assert_eq!(alice.ask(json!({"type": "history", "room": "lobby"})).await, silent);
        host.stop().await;
    }
}

#[tokio::test]
async fn what_is_malformed_is_refused() {
    let host = Host::start(1, |_| {});
    let mut alice = host.member("alice", "lobby").await;
    for member in [
        json!({"limit": 0}),
        json!({"limit": -3}),
        json!({"limit": "5"}),
        json!({"limit": null}),
        json!({"limit": 1.5}),
        json!({"before": -1}),
        json!({"before": null}),
        json!({"before": "9"}),
        json!({"before": 9_007_199_254_740_992_u64}),
        json!({"before": {"seq": 3}}),
        json!({"room": 7}),
    ] {
        alice.say(history("lobby", &member)).await;
        assert_eq!(alice.refused("bad_message").await["id"], "h", "{member}");
    }
    alice.say(r#"{"type":"history","id":"h"}"#).await;
    assert_eq!(alice.refused("bad_message").await["id"], "h");
    alice.say(history("no room", &json!({}))).await;
    assert_eq!(alice.refused("bad_room").await["id"], "h");
    let (seqs, ..) = page(&mut alice, &json!({"before": 9_007_199_254_740_991_u64})).await;
    assert_eq!(seqs, [0; 0]);
    host.stop().await;
}

#[tokio::test]
async fn only_members_with_the_right_look_back() {
    for workers in crate::WORKERS {
        let host = Host::start(workers, |settings| settings.rules.rooms = RoomRules::granted());
        let grant = |rights: Value| json!({"rooms": {"lobby": rights}});
        let (mut alice, _) =
            host.enter_with(&token::token_with("alice", grant(json!(["*"])))).await;
        alice.say(history("lobby", &json!({}))).await;
        let error = alice.refused("not_joined").await;
        assert_eq!((&error["id"], &error["room"]), (&json!("h"), &json!("lobby")));
        alice.join("lobby").await;
        post_numbers(&mut alice, "lobby", 0..3).await;
        assert_eq!(page(&mut alice, &json!({})).await.0, [1, 2, 3]);
        let less = token::token_with("bob", grant(json!(["join", "send"])));
        let (mut bob, _) = host.enter_with(&less).await;
        bob.join("lobby").await;
        bob.say(history("lobby", &json!({}))).await;
        let error = bob.refused("forbidden").await;
        assert_eq!((&error["id"], &error["room"]), (&json!("h"), &json!("lobby")));
        alice.say(json!({"type": "leave", "room": "lobby"})).await;
        alice.say(history("lobby", &json!({}))).await;
        let mut kinds = [alice.hear().await, alice.hear().await].map(|it| it["type"].clone());
        kinds.sort_by_key(Value::to_string);
        assert_eq!(kinds, [json!("error"), json!("left")]);
        host.stop().await;
    }
}

#[tokio::test]
async fn a_page_is_bounded_in_bytes_and_leads_on() {
    for workers in crate::WORKERS {
        let host = Host::start(workers, |settings| {
            let history = HistoryBounds { bytes: 1 << 24, ..HistoryBounds::default() };
            settings.rules.rooms = remembering(history);
        });
        let mut alice = host.member("alice", "lobby").await;
        let text = "ä".repeat(30_000);
        for n in 1..=20 {
            alice.post("lobby", json!([n, text])).await;
            alice.expect("message").await;
        }
        let (mut all, mut before) = (Vec::new(), json!({}));
        loop {
            let (seqs, more, page) = page(&mut alice, &before).await;
            assert!(page.to_string().len() <= PAGE_BYTES);
            assert_eq!(seqs.len(), 4, "as many as there is space for");
            before = json!({"before": seqs[0]});
            all.splice(0..0, seqs);
            if !more {
                break;
            }
        }
        assert_eq!(all, (1..=20).collect::<Vec<_>>());
        host.stop().await;
    }
}

#[tokio::test]
async fn a_small_queue_makes_small_pages_and_has_space_for_replies() {
    for workers in crate::WORKERS {
        let host = Host::start(workers, |settings| settings.rules.session.outbox_bytes = 16_384);
        let mut alice = host.member("alice", "lobby").await;
        for n in 1..=100 {
            alice.post("lobby", json!([n, "x".repeat(1_000)])).await;
            alice.expect("message").await;
        }
        let (seqs, more, page) = page(&mut alice, &json!({"limit": 100})).await;
        assert!(page.to_string().len() <= 8_192 && more, "{seqs:?}");
        // All at once: behind each page there is space for a pong.
        let one = [history("lobby", &json!({})), json!({"type": "ping"})];
        alice.say_all(one.iter().cycle().take(100)).await;
        let mut heard = [0, 0];
        while heard != [50, 50] {
            match alice.hear().await["type"].as_str() {
                Some("history") => heard[0] += 1,
                Some("pong") => heard[1] += 1,
                other => panic!("{other:?} after {heard:?}"),
            }
        }
        host.stop().await;
    }
}

#[tokio::test]
async fn what_is_forgotten_is_not_shown() {
    for workers in crate::WORKERS {
        let history = HistoryBounds { count: 3, age_ms: 60_000, ..HistoryBounds::default() };
        let host = Host::start(workers, |settings| settings.rules.rooms = remembering(history));
        let mut alice = host.member("alice", "lobby").await;
        post_numbers(&mut alice, "lobby", 0..10).await;
        for (before, seqs) in [(99, vec![8, 9, 10]), (10, vec![8, 9]), (8, vec![]), (3, vec![])] {
            let (found, more, _) = page(&mut alice, &json!({"before": before})).await;
            assert_eq!((found, more), (seqs, false), "before {before}");
        }
        let (found, more, _) = page(&mut alice, &json!({"limit": 2})).await;
        assert_eq!((found, more), (vec![9, 10], true));
        host.stop().await;
        // A room may remember nothing at all.
        let history = HistoryBounds { count: 0, ..HistoryBounds::default() };
        let host = Host::start(workers, |settings| settings.rules.rooms = remembering(history));
        let mut alice = host.member("alice", "lobby").await;
        post_numbers(&mut alice, "lobby", 0..2).await;
        let (found, more, _) = page(&mut alice, &json!({})).await;
        assert_eq!((found, more), (vec![], false));
        host.stop().await;
    }
}

#[tokio::test]
async fn looking_back_draws_on_the_rate_of_other_requests() {
    let host = Host::start(1, |settings| {
        settings.rules.session.others_per_s = 1;
        settings.rules.session.others_burst = 3;
        settings.rules.session.messages_per_s = 1;
        settings.rules.session.burst = 1;
    });
    let mut alice = host.member("alice", "lobby").await;
    for _ in 0..3 {
        page(&mut alice, &json!({})).await;
    }
    alice.say(history("lobby", &json!({}))).await;
    let error = alice.refused("rate_limited").await;
    assert_eq!((&error["id"], error["retry_after_ms"].is_u64()), (&json!("h"), true));
    assert_eq!(alice.post("lobby", json!(1)).await["seq"], 1, "messages have a rate of their own");
    host.stop().await;
}
