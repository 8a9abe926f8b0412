//! Rooms: joining, leaving, coming back, and who may.

use crate::support::{Host, Peer, token};
use serde_json::{Value, json};
use vestibule::protocol::room_rules::{HistoryBounds, RoomRules};

/// `count` numbered messages from a member, whose own copies are read.
pub(crate) async fn post_numbers(author: &mut Peer, room: &str, numbers: std::ops::Range<u64>) {
    for n in numbers {
        let ack = author.post(room, json!(n)).await;
        author.expect_post(ack["seq"].as_u64().expect("a number"), json!(n)).await;
    }
}

#[tokio::test]
async fn all_members_see_one_order_and_the_author_its_ack_first() {
    for workers in crate::WORKERS {
        let host = Host::start(workers, |_| {});
        let (mut alice, mut bob) = (host.enter("alice").await, host.enter("bob").await);
        let joined = alice.join("lobby").await;
        assert_eq!((&joined["seq"], &joined["recovered"]), (&json!(0), &Value::Null));
        let epoch = joined["epoch"].as_str().expect("text").to_owned();
        assert!((1..=32).contains(&epoch.len()));
        assert_eq!(bob.join("lobby").await["epoch"], epoch);
        let mut last = 0;
        for seq in 1..=20 {
            let ack = alice.post("lobby", json!({"n": seq})).await;
            assert_eq!(
                (&ack["id"], &ack["room"], &ack["epoch"], &ack["seq"]),
                (&json!("m"), &json!("lobby"), &json!(epoch), &json!(seq))
            );
            assert!(ack.get("duplicate").is_none(), "{ack}");
            for peer in [&mut alice, &mut bob] {
                let message = peer.expect_post(seq, json!({"n": seq})).await;
                assert_eq!(message["from"], json!({"user": "alice"}));
                assert_eq!(message["at_ms"], ack["at_ms"]);
            }
            let at = ack["at_ms"].as_u64().expect("a number");
            assert!(at >= last, "time went back");
            last = at;
        }
        host.stop().await;
    }
}

#[tokio::test]
async fn whoever_left_hears_nothing_more() {
    for workers in crate::WORKERS {
        let host = Host::start(workers, |_| {});
        let mut alice = host.member("alice", "lobby").await;
        let mut bob = host.member("bob", "lobby").await;
        bob.join("other").await;
        // Leaves in the middle of what alice says; nothing of the room may come after `left`.
        post_numbers(&mut alice, "lobby", 0..5).await;
        bob.say(json!({"type": "leave", "id": "l", "room": "lobby"})).await;
        for n in 0..5 {
            bob.expect_post(n + 1, json!(n)).await;
        }
        let left = bob.expect("left").await;
        assert_eq!(left, json!({"type": "left", "id": "l", "room": "lobby"}));
        post_numbers(&mut alice, "lobby", 5..8).await;
        alice.join("other").await;
        alice.post("other", json!("marker")).await;
        bob.expect_post(1, json!("marker")).await;
        let refused =
            bob.ask(json!({"type": "message", "id": "x", "room": "lobby", "payload": 1})).await;
        assert_eq!((&refused["code"], &refused["id"]), (&json!("not_joined"), &json!("x")));
        // A room that was never joined is left all the same.
        let left = bob.ask(json!({"type": "leave", "id": "n", "room": "nowhere"})).await;
        assert_eq!(left, json!({"type": "left", "id": "n", "room": "nowhere"}));
        assert_eq!(bob.join("lobby").await["seq"], 8);
        host.stop().await;
    }
}

#[tokio::test]
async fn who_comes_back_in_time_has_missed_nothing() {
    for workers in crate::WORKERS {
        let host = Host::start(workers, |_| {});
        let mut alice = host.member("alice", "lobby").await;
        let mut bob = host.enter("bob").await;
        let epoch = bob.join("lobby").await["epoch"].clone();
        post_numbers(&mut alice, "lobby", 0..3).await;
        bob.expect_post(1, json!(0)).await;
        bob.reset();
        post_numbers(&mut alice, "lobby", 3..40).await;
        let mut bob = host.enter("bob").await;
        let joined = bob.join_since("lobby", json!({"epoch": epoch, "seq": 1})).await;
        assert_eq!((&joined["recovered"], &joined["seq"]), (&json!(true), &json!(40)));
        alice.post("lobby", json!("live")).await;
        for n in 1..40 {
            bob.expect_post(n + 1, json!(n)).await;
        }
        bob.expect_post(41, json!("live")).await;
        host.stop().await;
    }
}

#[tokio::test]
async fn a_position_that_proves_nothing_is_not_recovered() {
    for workers in crate::WORKERS {
        let host = Host::start(workers, |settings| {
            let history = HistoryBounds { count: 4, ..HistoryBounds::default() };
            settings.rules.rooms = RoomRules::open().with_history(history);
        });
        let mut alice = host.enter("alice").await;
        let epoch = alice.join("lobby").await["epoch"].clone();
        post_numbers(&mut alice, "lobby", 0..10).await;
        for (since, recovered) in [
            (json!({"epoch": epoch, "seq": 10}), true),
            (json!({"epoch": epoch, "seq": 6}), true),
            (json!({"epoch": epoch, "seq": 5}), false),
            (json!({"epoch": epoch, "seq": 11}), false),
            (json!({"epoch": epoch, "seq": 9_007_199_254_740_991_u64}), false),
            (json!({"epoch": "another", "seq": 10}), false),
            (json!({"epoch": "another", "seq": 0}), false),
        ] {
            let mut bob = host.enter("bob").await;
            let joined = bob.join_since("lobby", since.clone()).await;
            assert_eq!((&joined["recovered"], &joined["seq"]), (&json!(recovered), &json!(10)));
            let first = since["seq"].as_u64().expect("a number") + 1;
            for seq in if recovered { first..11 } else { 11..11 } {
                bob.expect_post(seq, json!(seq - 1)).await;
            }
            bob.nothing_waits().await;
        }
        host.stop().await;
    }
}

#[tokio::test]
async fn a_malformed_position_is_a_bad_message() {
    let host = Host::start(1, |_| {});
    let mut alice = host.enter("alice").await;
    for since in [
        json!(null),
        json!(3),
        json!({"seq": 0}),
        json!({"epoch": "e"}),
        json!({"epoch": "e", "seq": -1}),
        json!({"epoch": "e", "seq": 1.5}),
        json!({"epoch": "e", "seq": 9_007_199_254_740_992_u64}),
        json!({"epoch": "", "seq": 0}),
        json!({"epoch": "e".repeat(33), "seq": 0}),
    ] {
        alice.say(json!({"type": "join", "id": "s", "room": "lobby", "since": since})).await;
        assert_eq!(alice.refused("bad_message").await["id"], "s", "{since}");
    }
    host.stop().await;
}

#[tokio::test]
async fn a_second_join_is_answered_and_changes_nothing() {
    for workers in crate::WORKERS {
        let host = Host::start(workers, |_| {});
        let mut alice = host.enter("alice").await;
        let epoch = alice.join("lobby").await["epoch"].clone();
        post_numbers(&mut alice, "lobby", 0..3).await;
        assert_eq!(alice.join("lobby").await["recovered"], Value::Null);
        for (seq, recovered) in [(3, true), (1, false), (4, false)] {
            let joined = alice.join_since("lobby", json!({"epoch": epoch, "seq": seq})).await;
            assert_eq!((&joined["recovered"], &joined["seq"]), (&json!(recovered), &json!(3)));
        }
        alice.post("lobby", json!("once")).await;
        alice.expect_post(4, json!("once")).await;
        alice.nothing_waits().await;
        let left = alice.ask(json!({"type": "leave", "room": "lobby"})).await;
        assert_eq!(left["type"], "left", "one leave ends it");
        alice.say(json!({"type": "message", "room": "lobby", "payload": 1})).await;
        alice.refused("not_joined").await;
        host.stop().await;
    }
}

#[tokio::test]
async fn room_names_have_a_form() {
    let host = Host::start(2, |_| {});
    let mut alice = host.enter("alice").await;
    let longest = "r".repeat(128);
    for room in ["A-z0.9_:|@-", &longest, "c"] {
        alice.join(room).await;
    }
    let too_long = "r".repeat(129);
    for room in ["", "a b", "ä", "a/b", "*", &too_long] {
        alice.say(json!({"type": "join", "id": "n", "room": room})).await;
        assert_eq!(alice.refused("bad_room").await["id"], "n");
    }
    for room in [json!(7), json!(null), json!(["a"])] {
        alice.say(json!({"type": "join", "id": "n", "room": room})).await;
        alice.refused("bad_message").await;
    }
    host.stop().await;
}

#[tokio::test]
async fn one_room_too_many_is_refused_until_another_one_is_left() {
    const ROOMS: u32 = 64;
    for workers in crate::WORKERS {
        let host = Host::start(workers, |settings| {
            settings.rules.session.rooms = ROOMS;
            // As many joins at once as rooms: each round trip earns more than it costs.
            settings.rules.session.joins_per_s = 1_000_000;
        });
        let mut alice = host.enter("alice").await;
        for n in 0..ROOMS {
            alice.join(&format!("r{n}")).await;
        }
        alice.say(json!({"type": "join", "id": "n", "room": "more"})).await;
        let error = alice.refused("too_many_rooms").await;
        assert_eq!((&error["id"], &error["room"]), (&json!("n"), &json!("more")));
        alice.join("r0").await;
        alice.say(json!({"type": "leave", "room": "r0"})).await;
        alice.expect("left").await;
        alice.join("more").await;
        host.stop().await;
    }
}

#[tokio::test]
async fn granted_rooms_open_to_those_who_hold_the_claim() {
    for workers in crate::WORKERS {
        let host = Host::start(workers, |settings| settings.rules.rooms = RoomRules::granted());
        let rooms = json!({"team:red": "*", "team:blue": ["join"], "news:*": ["join", "send"],
            "files:**": ["*"], "mail": ["send"]});
        let token = token::token_with("alice", json!({"rooms": rooms}));
        let (mut alice, _) = host.enter_with(&token).await;
        for room in ["team:red", "team:blue", "news:eu", "files:a", "files:a:b"] {
            alice.join(room).await;
        }
        for room in ["team:green", "news:eu:fr", "news", "files", "mail", "TEAM:red"] {
            alice.say(json!({"type": "join", "id": "f", "room": room})).await;
            let error = alice.refused("forbidden").await;
            assert_eq!((&error["room"], &error["retry"]), (&json!(room), &json!("never")));
        }
        for (room, may) in [("team:red", true), ("news:eu", true), ("team:blue", false)] {
            alice.say(json!({"type": "message", "id": "p", "room": room, "payload": 1})).await;
            if may {
                alice.expect("ack").await;
                alice.expect_post(1, json!(1)).await;
            } else {
                alice.refused("forbidden").await;
            }
        }
        let mut nobody = host.enter("nobody").await;
        nobody.say(json!({"type": "join", "room": "team:red"})).await;
        nobody.refused("forbidden").await;
        host.stop().await;
    }
}

#[tokio::test]
async fn all_rooms_of_a_connection_can_be_joined_in_one_breath() {
    for workers in crate::WORKERS {
        let host = Host::start(workers, |_| {});
        let mut alice = host.enter("alice").await;
        let rooms = 0..128;
        let joins =
            rooms.map(|n| json!({"type": "join", "id": n.to_string(), "room": format!("r{n}")}));
        alice.say_all(joins).await;
        let mut seen = Vec::new();
        for _ in 0..128 {
            let joined = alice.expect("joined").await;
            assert_eq!(json!(format!("r{}", joined["id"].as_str().expect("id"))), joined["room"]);
            seen.push(joined["id"].to_string());
        }
        seen.sort();
        seen.dedup();
        assert_eq!(seen.len(), 128);
        host.stop().await;
    }
}
