//! Other terms while sessions run.

use super::{
    clerk::wait,
    house::{House, everywhere},
    peer::{Peer, join, message, with_id},
};
use crate::protocol::{
    grant::Pattern,
    limits::SessionLimits,
    room_rules::{Access, HistoryBounds, RoomRule, RoomRules, RoomTerms, SlowConsumer},
};
use serde_json::json;

async fn enter_all(house: &House, names: &[&str], rooms: &[&str]) -> Vec<Peer> {
    let mut peers = Vec::new();
    for name in names {
        let mut peer = house.enter(name).await;
        for room in rooms {
            peer.send(&join(room)).await;
            peer.expect("joined").await;
        }
        peers.push(peer);
    }
    peers
}

#[test]
fn everybody_without_the_right_to_stay_is_told_and_nobody_else_notices() {
    everywhere(async |house| {
        let names: Vec<String> = (0..600).map(|number| format!("guest{number}")).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let mut guests = enter_all(house, &names, &["den", "hall"]).await;
        let mut owner = house.enter(r#"owner grant={"den":"*"}"#).await;
        for room in ["den", "hall"] {
            owner.send(&join(room)).await;
            owner.expect("joined").await;
        }
        house
            .reload(|plan| {
                let pattern = Pattern::parse("den").expect("a pattern");
                let rule = RoomRule { pattern, terms: RoomTerms::new(Access::Granted) };
                plan.rooms = RoomRules::new(vec![rule], RoomTerms::new(Access::Open));
            })
            .await;
        owner.send(&message("den", "alone")).await;
        owner.send(&message("hall", "all")).await;
        for guest in &mut guests {
            let left = guest.expect("left").await;
            assert_eq!((&left["room"], &left["code"]), (&json!("den"), &json!("forbidden")));
            assert_eq!(guest.expect("message").await["payload"], "all");
        }
        for payload in ["alone", "all"] {
            assert_eq!(owner.expect("message").await["payload"], payload);
        }
    });
}

#[test]
fn limits_are_those_of_the_sign_in_through_any_number_of_reloads() {
    everywhere(async |house| {
        let mut peers = Vec::new();
        for most in [1_000_u32, 2_000, 4_000] {
            let room = format!("r{most}");
            house
                .reload(|plan| {
                    plan.limits = SessionLimits { message_bytes: most, ..plan.limits.clone() };
                })
                .await;
            peers.push((most, enter_all(house, &["ann"], &[&room]).await.remove(0)));
        }
        house.reload(|_| {}).await;
        for (most, peer) in &mut peers {
            let room = format!("r{most}");
            let post = message(&room, "x".repeat(*most as usize - 100));
            peer.send(&with_id(post, "fits")).await;
            peer.expect("ack").await;
            peer.expect("message").await;
            peer.send(&message(&room, "x".repeat(*most as usize))).await;
            assert_eq!(peer.expect("error").await["code"], "too_big");
        }
    });
}

#[test]
fn slow_readers_are_judged_by_the_newest_rules() {
    everywhere(async |house| {
        let mut peers = enter_all(house, &["slow", "fast"], &["den"]).await;
        let (mut fast, mut slow) = (peers.remove(1), peers.remove(0));
        house
            .reload(|plan| {
                let slow_consumer = SlowConsumer::Close;
                plan.rooms = RoomRules::everywhere(RoomTerms {
                    slow_consumer,
                    ..RoomTerms::new(Access::Open)
                });
            })
            .await;
        for n in 1..=100 {
            fast.send(&message("den", "x".repeat(20_000))).await;
            assert_eq!(fast.expect("message").await["seq"], n);
        }
        assert_eq!(slow.ending().await.verdict(), ("slow_consumer", 4420));
    });
}

#[test]
fn rooms_that_are_open_remember_as_much_as_the_newest_rules_say() {
    everywhere(async |house| {
        let (mut ann, joined) = house.enter_room("ann", "den").await;
        for n in 1..=10 {
            ann.send(&message("den", n)).await;
            ann.expect("message").await;
        }
        let since = |seq: u64| json!({ "epoch": joined["epoch"], "seq": seq });
        let back = async |seq| {
            let mut peer = house.enter("bob").await;
            peer.send(&json!({ "type": "join", "room": "den", "since": since(seq) })).await;
            let recovered = peer.expect("joined").await["recovered"].clone();
            for n in seq + 1..=10 {
                if recovered == true {
                    assert_eq!(peer.expect("message").await["seq"], n);
                }
            }
            recovered
        };
        assert_eq!(back(0).await, true);
        let bounds = |count| HistoryBounds { count, ..HistoryBounds::default() };
        house.reload(|plan| plan.rooms = RoomRules::open().with_history(bounds(3))).await;
        assert_eq!((back(7).await, back(6).await), (true.into(), false.into()));
        house.reload(|plan| plan.rooms = RoomRules::open().with_history(bounds(100))).await;
        assert_eq!((back(7).await, back(6).await), (true.into(), false.into()), "it is gone");
        house.reload(|plan| plan.rooms = RoomRules::open().with_history(bounds(0))).await;
        assert_eq!((back(10).await, back(9).await), (true.into(), false.into()));
        // A room that opens now is one of the newest rules, too.
        let (mut cy, joined) = house.enter_room("cy", "hall").await;
        cy.send(&message("hall", 1)).await;
        cy.expect("message").await;
        let (mut dan, since) =
            (house.enter("dan").await, json!({ "epoch": joined["epoch"], "seq": 0 }));
        dan.send(&json!({ "type": "join", "room": "hall", "since": since })).await;
        assert_eq!(dan.expect("joined").await["recovered"], false);
    });
}

#[test]
fn a_room_that_may_remember_nothing_any_more_is_freed_once_it_is_empty() {
    everywhere(async |house| {
        let (mut ann, _) = house.enter_room("ann", "den").await;
        ann.send(&message("den", 1)).await;
        ann.expect("message").await;
        ann.close(1000).await;
        ann.ending().await;
        wait(1_500).await;
        assert_eq!(house.shared.relay.rooms(), (1, 1), "it rests");
        let none = HistoryBounds { count: 0, ..HistoryBounds::default() };
        house.reload(|plan| plan.rooms = RoomRules::open().with_history(none)).await;
        wait(1_500).await;
        assert_eq!(house.shared.relay.rooms(), (0, 0));
    });
}
