//! A wall clock that is set while tokens run: forward it ends them at once, back it lengthens them.

use super::{
    clerk::wait,
    house::everywhere,
    peer::{auth, join_with, message},
};
use crate::worker::clock::Clock;
use serde_json::json;
use std::time::Duration;
use tokio::time::advance;

/// How soon a jump is noticed, in milliseconds.
const NOTICED_MS: u64 = 1_100;

#[test]
fn a_jump_past_the_end_of_tokens_ends_their_sessions_without_any_traffic() {
    everywhere(async |house| {
        let (mut bob, _) = house.enter_room("bob", "den").await;
        // More than are looked at together.
        let mut peers = Vec::new();
        for n in 0..600 {
            let mut peer = house.connect();
            peer.send(&auth(&format!("user{n} life={}", 20_000 + n))).await;
            peer.expect("auth_ok").await;
            peers.push(peer);
        }
        Clock::jump(21_000);
        wait(NOTICED_MS).await;
        for peer in &mut peers {
            assert_eq!(peer.ending().await.verdict(), ("token_expired", 4412));
        }
        bob.send(&message("den", 1)).await;
        bob.expect("message").await;
    });
}

#[test]
fn a_jump_into_the_last_fifth_of_a_token_warns() {
    everywhere(async |house| {
        let mut ann = house.connect();
        ann.send(&auth("ann life=20000")).await;
        ann.expect("auth_ok").await;
        Clock::jump(17_000);
        wait(NOTICED_MS).await;
        let warning = ann.expect("auth_expiring").await;
        let left_ms = warning["expires_in_ms"].as_u64().expect("a number");
        assert!((1_900..=3_000).contains(&left_ms), "{left_ms}");
        wait(3_000).await;
        assert_eq!(ann.ending().await.verdict(), ("token_expired", 4412));
    });
}

#[test]
fn a_jump_back_neither_ends_a_session_nor_keeps_it_for_ever() {
    everywhere(async |house| {
        let (mut ann, _) = house.enter_room("ann life=20000", "den").await;
        Clock::jump(-4_000);
        wait(21_000).await;
        // The token's last fifth began at 16 s of the wall clock, at 20 s of the other one.
        ann.expect("auth_expiring").await;
        ann.send(&message("den", 1)).await;
        ann.expect("message").await;
        wait(4_000).await;
        assert_eq!(ann.ending().await.verdict(), ("token_expired", 4412));
    });
}

#[test]
fn a_jump_past_the_end_of_a_room_token_ends_its_membership_alone() {
    everywhere(async |house| {
        let mut ann = house.enter("ann").await;
        ann.send(&join_with("den", "ann room=den life=20000")).await;
        ann.expect("joined").await;
        ann.send(&join_with("hall", "ann room=hall life=90000")).await;
        ann.expect("joined").await;
        Clock::jump(-4_000);
        wait(21_000).await;
        ann.send(&message("den", 1)).await;
        ann.expect("message").await;
        Clock::jump(4_000);
        wait(NOTICED_MS).await;
        let left = ann.expect("left").await;
        assert_eq!((&left["room"], &left["code"]), (&json!("den"), &json!("token_expired")));
        ann.send(&message("hall", 1)).await;
        ann.expect("message").await;
    });
}

#[test]
fn what_a_jump_ended_is_not_revived_by_a_jump_back() {
    everywhere(async |house| {
        let mut ann = house.enter("ann").await;
        ann.send(&join_with("den", "ann room=den life=20000")).await;
        ann.expect("joined").await;
        let mut bob = house.enter("bob life=20000").await;
        Clock::jump(20_000);
        wait(NOTICED_MS).await;
        Clock::jump(-20_000);
        wait(NOTICED_MS).await;
        assert_eq!(ann.expect("left").await["code"], "token_expired");
        ann.send(&message("den", 1)).await;
        assert_eq!(ann.expect("error").await["code"], "not_joined");
        assert_eq!(bob.ending().await.verdict(), ("token_expired", 4412));
    });
}

#[test]
fn many_tokens_that_end_at_once_end_in_time() {
    everywhere(async |house| {
        let mut peers = Vec::new();
        for _ in 0..1_000 {
            let mut peer = house.connect();
            let n = peers.len();
            peer.send(&auth(&format!("user{n} life={}", 20_000 - house.now()))).await;
            peer.expect("auth_ok").await;
            peers.push(peer);
        }
        let mut bob = house.enter("bob").await;
        wait(20_020 - house.now()).await;
        for peer in &mut peers {
            assert_eq!(peer.ending().await.verdict(), ("token_expired", 4412));
        }
        assert!(house.now() < 20_030, "at {} ms", house.now());
        bob.send(&json!({ "type": "ping" })).await;
        bob.expect("pong").await;
    });
}

#[test]
fn a_standstill_ends_what_ran_out_meanwhile_and_nothing_else() {
    everywhere(async |house| {
        let mut short = house.enter("ann life=30000").await;
        let (mut healthy, _) = house.enter_room("bob", "den").await;
        let mut guest = house.enter("eve").await;
        guest.send(&join_with("den", "eve room=den life=30000")).await;
        guest.expect("joined").await;
        // A Ping is out, its answer is on the way, and then the process is stopped for 40 s.
        wait(25_000).await;
        for peer in [&mut healthy, &mut guest] {
            peer.pong().await;
        }
        advance(Duration::from_secs(40)).await;
        // Whoever talks first is told the truth, whatever its timer would have said.
        healthy.send(&message("den", "awake")).await;
        assert_eq!(healthy.expect("message").await["payload"], "awake");
        let mut ending = short.ending().await;
        ending.texts.retain(|text| text["type"] != "ping" && text["type"] != "auth_expiring");
        assert_eq!((ending.verdict(), ending.texts.len()), (("token_expired", 4412), 1));
        let left = guest.expect("left").await;
        assert_eq!(left["code"], "token_expired", "the message was not for it any more");
        wait(5_000).await;
        for peer in [&mut healthy, &mut guest] {
            peer.send(&json!({ "type": "ping" })).await;
            peer.expect("pong").await;
        }
    });
}
