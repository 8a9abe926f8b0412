//! A wall clock that is set while tokens run: forward it ends them at once, back it lengthens them.

use super::{
    clerk::wait,
    house::everywhere,
    peer::{auth, message},
};
use crate::worker::clock::Clock;

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
