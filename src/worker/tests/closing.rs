//! The close path: it ends in time, whatever the peer does, and nothing follows a Close.

use super::{
    clerk::wait,
    house::{Plan, everywhere, everywhere_with},
    peer::{Heard, auth, join, message, text},
};
use crate::config::OnUserLimit;
use serde_json::json;

/// One connection of a user at a time, the newest.
fn one_each(plan: &mut Plan) {
    plan.on_user_limit = OnUserLimit::ReplaceOldest;
    plan.connections_per_user = 1;
}

#[test]
fn a_close_is_answered_with_its_code_and_a_fin() {
    everywhere(async |house| {
        for code in [1000, 1001, 4900] {
            let (mut peer, _) = house.enter_room("ann", "den").await;
            peer.close(code).await;
            let ending = peer.ending().await;
            assert_eq!(ending.close, Some((code, String::new())));
            assert!(!ending.reset);
        }
        let mut peer = house.connect();
        peer.close(1000).await;
        assert_eq!(peer.ending().await.close, Some((1000, String::new())));
    });
}

#[test]
fn a_silent_peer_holds_the_close_path_a_second_before_the_verdict() {
    everywhere(async |house| {
        let mut peer = house.connect();
        peer.send(&join("den")).await;
        assert_eq!(peer.ending().await.verdict(), ("auth_required", 4401));
        assert_eq!(house.now(), 0, "said at once");
        wait(990).await;
        assert_eq!(house.open(), 1, "waits for the peer's FIN");
        wait(25).await;
        assert_eq!(house.open(), 0);
    });
}

#[test]
fn a_silent_peer_holds_the_close_path_five_seconds_after_the_verdict() {
    everywhere_with(one_each, async |house| {
        let (mut old, _) = house.enter_room("ann", "den").await;
        let (new, _) = house.enter_room("ann", "den").await;
        assert_eq!(old.ending().await.verdict(), ("replaced", 4423));
        wait(4_990).await;
        assert_eq!(house.open(), 2);
        wait(25).await;
        assert_eq!(house.open(), 1);
        drop(new);
    });
}

#[test]
fn a_peer_that_reads_nothing_is_reset_when_the_time_is_up() {
    everywhere_with(
        |plan| {
            one_each(plan);
            plan.wire_bytes = 512;
        },
        async |house| {
            let mut old = house.enter("ann").await;
            let requests: Vec<_> = (0..10).map(|n| join(&format!("room{n}"))).collect();
            old.send_all(&requests[..2]).await;
            old.send_all(&requests[2..]).await;
            wait(1).await;
            let new = house.enter("ann").await;
            wait(4_990).await;
            assert_eq!(house.open(), 2, "the Close waits behind what is not read");
            wait(25).await;
            assert_eq!(house.open(), 1);
            drop((old, new));
        },
    );
}

#[test]
fn a_peer_that_goes_on_talking_is_heard_out_for_64_kib() {
    everywhere(async |house| {
        let mut peer = house.connect();
        peer.send(&auth("bad")).await;
        assert_eq!(peer.ending().await.verdict(), ("token_invalid", 4411));
        peer.write(&[0; 60 * 1024]).await;
        wait(1).await;
        assert_eq!(house.open(), 1, "discards");
        // The server may hang up in the middle of this.
        let _ = peer.try_write(&[0; 8 * 1024]).await;
        wait(1).await;
        assert_eq!(house.open(), 0, "has heard enough");
        assert!(house.now() < 1_000);
    });
}

#[test]
fn every_fault_is_said_in_the_error_in_the_code_and_in_the_reason() {
    let cases: [(&[u8], &str, u16); 4] = [
        (&[0x82, 0x80, 0, 0, 0, 0], "binary", 1003),
        (&[0xC1, 0x80, 0, 0, 0, 0], "protocol", 1002),
        (&[0x81, 0x81, 0, 0, 0, 0, 0xFF], "utf8", 1007),
        (&[0x81, 0xFF, 0, 0, 0, 0, 0, 16, 0, 0, 0, 0, 0, 0], "too_big", 1009),
    ];
    for (bytes, code, number) in cases {
        everywhere(async |house| {
            for token in [None, Some("ann")] {
                let mut peer = match token {
                    None => house.connect(),
                    Some(token) => house.enter_room(token, "den").await.0,
                };
                peer.write(bytes).await;
                assert_eq!(peer.ending().await.verdict(), (code, number));
            }
        });
    }
}

#[test]
fn a_token_that_ends_closes_by_timer() {
    everywhere(async |house| {
        let (mut peer, _) = house.enter_room("ann life=10000", "den").await;
        wait(8_100).await;
        let left = peer.expect("auth_expiring").await["expires_in_ms"].as_u64();
        assert!(left.is_some_and(|left| (1_988..=2_000).contains(&left)), "{left:?}");
        assert_eq!(peer.ending().await.verdict(), ("token_expired", 4412));
        assert!((10_000..=10_012).contains(&house.now()), "at {} ms", house.now());
    });
}

#[test]
fn a_silent_peer_is_pinged_and_then_counts_as_gone() {
    everywhere(async |house| {
        let (mut quiet, _) = house.enter_room("ann", "den").await;
        let mut answers = house.enter("bob").await;
        assert_eq!(quiet.hear().await, Heard::Ping);
        let pinged = house.now();
        assert!((22_500..=27_520).contains(&pinged), "at {pinged} ms");
        assert_eq!(quiet.hear().await, Heard::Text(json!({ "type": "ping" })));
        let lives = async {
            for _ in 0..3 {
                while answers.hear().await != Heard::Ping {}
                answers.pong().await;
            }
        };
        let ((ending, at), ()) = tokio::join!(async { (quiet.ending().await, house.now()) }, lives);
        assert_eq!(ending.verdict(), ("heartbeat_timeout", 4421));
        assert!((10_000..=10_012).contains(&(at - pinged)), "{at} - {pinged}");
        answers.send(&join("den")).await;
        answers.expect("joined").await;
    });
}

#[test]
fn nothing_is_taken_in_behind_a_close() {
    everywhere(async |house| {
        let (mut ann, _) = house.enter_room("ann", "den").await;
        let (mut bob, _) = house.enter_room("bob", "den").await;
        let mut bytes = text(&message("den", "before"));
        bytes.extend([0x88, 0x82, 0, 0, 0, 0, 0x03, 0xE8]);
        bytes.extend(text(&message("den", "behind")));
        ann.write(&bytes).await;
        assert_eq!(bob.expect("message").await["payload"], "before");
        bob.send(&message("den", "mine")).await;
        assert_eq!(bob.expect("message").await["payload"], "mine");
        let ending = ann.ending().await;
        assert_eq!(ending.close, Some((1000, String::new())));
    });
}
