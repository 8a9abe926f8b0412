//! Other terms while sessions run.

use super::{
    house::{House, Plan, everywhere},
    peer::{Peer, join, message, with_id},
};
use crate::{
    protocol::{
        grant::Pattern,
        limits::SessionLimits,
        room_rules::{Access, RoomRule, RoomRules, RoomTerms, SlowConsumer},
    },
    worker::{Control, reload::Reload},
};
use serde_json::json;
use std::sync::Arc;
use tokio::sync::mpsc;

/// Puts other terms into force; back once every session goes by them.
async fn reload(house: &House, change: impl FnOnce(&mut Plan)) {
    let mut plan = house.plan.clone();
    change(&mut plan);
    let terms = plan.terms();
    let (done, mut all_done) = mpsc::channel(1);
    for control in house.controls.iter() {
        let reload = Reload { terms: Arc::clone(&terms), done: done.clone() };
        control.send(Control::Reload(reload)).await.expect("a worker");
    }
    drop(done);
    assert_eq!(all_done.recv().await, None);
}

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
        reload(house, |plan| {
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
            reload(house, |plan| {
                plan.limits = SessionLimits { message_bytes: most, ..plan.limits.clone() };
            })
            .await;
            peers.push((most, enter_all(house, &["ann"], &[&room]).await.remove(0)));
        }
        reload(house, |_| {}).await;
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
        reload(house, |plan| {
            let slow_consumer = SlowConsumer::Close;
            plan.rooms =
                RoomRules::everywhere(RoomTerms { slow_consumer, ..RoomTerms::new(Access::Open) });
        })
        .await;
        for n in 1..=100 {
            fast.send(&message("den", "x".repeat(20_000))).await;
            assert_eq!(fast.expect("message").await["seq"], n);
        }
        assert_eq!(slow.ending().await.verdict(), ("slow_consumer", 4420));
    });
}
