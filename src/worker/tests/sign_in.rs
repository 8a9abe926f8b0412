//! From the 101 to the verdict.

use super::{
    clerk::wait,
    house::everywhere,
    peer::{Heard, auth, join, message, text, with_id},
};
use serde_json::json;

#[test]
fn two_sign_in_and_chat_in_order() {
    everywhere(async |house| {
        let (mut ann, joined) = house.enter_room("ann", "den").await;
        assert_eq!((&joined["seq"], &joined["recovered"]), (&json!(0), &json!(null)));
        let (mut bob, _) = house.enter_room("bob", "den").await;
        for n in 0..100 {
            let (author, user) = if n % 3 == 0 { (&mut bob, "bob") } else { (&mut ann, "ann") };
            author.send(&message("den", n)).await;
            for peer in [&mut ann, &mut bob] {
                let heard = peer.expect("message").await;
                assert_eq!((&heard["seq"], &heard["payload"]), (&json!(n + 1), &json!(n)));
                assert_eq!(heard["from"]["user"], user);
            }
        }
    });
}

#[test]
fn an_ack_goes_before_the_own_copy() {
    everywhere(async |house| {
        let (mut ann, _) = house.enter_room("ann", "den").await;
        for n in 0..10 {
            let request = with_id(message("den", n), "m");
            ann.send(&request).await;
            let ack = ann.expect("ack").await;
            assert_eq!((&ack["id"], &ack["seq"]), (&json!("m"), &json!(n + 1)));
            assert_eq!(ann.expect("message").await["seq"], json!(n + 1));
        }
    });
}

#[test]
fn without_a_first_message_the_deadline_closes() {
    everywhere(async |house| {
        let ending = house.connect().ending().await;
        assert_eq!(ending.verdict(), ("auth_timeout", 4408));
        assert!((10_000..=10_012).contains(&house.now()), "at {} ms", house.now());
    });
}

#[test]
fn a_dribble_does_not_move_the_deadline() {
    everywhere(async |house| {
        let mut peer = house.connect();
        for &byte in &text(&auth("ann"))[..12] {
            peer.write(&[byte]).await;
            wait(800).await;
        }
        assert_eq!(peer.ending().await.verdict(), ("auth_timeout", 4408));
        assert!((10_000..=10_012).contains(&house.now()), "at {} ms", house.now());
    });
}

#[test]
fn a_verifier_slower_than_the_deadline_is_our_fault() {
    for token in ["ann after=12000", "ann never"] {
        everywhere(async |house| {
            let mut peer = house.connect();
            wait(3_000).await;
            peer.send(&auth(token)).await;
            assert_eq!(peer.ending().await.verdict(), ("internal", 1011));
            assert!((10_000..=10_012).contains(&house.now()), "at {} ms", house.now());
        });
    }
}

#[test]
fn what_is_pipelined_behind_auth_waits_for_the_verdict() {
    everywhere(async |house| {
        let mut peer = house.connect();
        let mut requests = vec![auth("ann after=500"), join("den")];
        requests.extend((0..600).map(|n| with_id(message("den", n), &n.to_string())));
        let bytes: Vec<u8> = requests.iter().flat_map(text).collect();
        assert!(bytes.len() > 2 * 16 * 1024, "more than is read ahead and fits into the wire");
        peer.write(&bytes).await;
        assert!(house.now() >= 500);
        peer.expect("auth_ok").await;
        let (mut acks, mut joined, mut messages) = (0, false, 0);
        while messages < 600 {
            let text = peer.text().await;
            match text["type"].as_str().unwrap() {
                "ack" => {
                    assert_eq!(text["id"], acks.to_string());
                    acks += 1;
                }
                "joined" => joined = true,
                "message" => {
                    assert!(joined, "no message before `joined`");
                    assert_eq!(text["payload"], messages);
                    messages += 1;
                }
                other => panic!("{other}: {text}"),
            }
        }
        assert_eq!(acks, 600);
    });
}

#[test]
fn what_is_pipelined_behind_a_bad_token_is_discarded() {
    for token in ["bad", "bad after=300"] {
        everywhere(async |house| {
            let mut peer = house.connect();
            peer.send_all(&[auth(token), join("den"), message("den", 1)]).await;
            let ending = peer.ending().await;
            assert_eq!(ending.verdict(), ("token_invalid", 4411));
            assert_eq!(ending.texts.len(), 1, "{:?}", ending.texts);
        });
    }
}

#[test]
fn bytes_that_came_with_the_handshake_are_read_first() {
    everywhere(async |house| {
        let mut early = text(&auth("ann"));
        let rest = early.split_off(9);
        let mut peer = house.connect_with(early, false);
        peer.write(&rest).await;
        peer.expect("auth_ok").await;
    });
}

#[test]
fn an_unknown_subprotocol_is_refused_without_a_look_at_what_was_sent() {
    everywhere(async |house| {
        let ending = house.connect_with(text(&auth("ann")), true).ending().await;
        assert_eq!(ending.verdict(), ("unsupported_protocol", 4406));
    });
}

#[test]
fn a_fin_ends_a_connection_in_every_state() {
    for state in ["awaiting", "half a message", "verifying", "ready", "in a room", "closing"] {
        everywhere(async |house| {
            let mut peer = house.connect();
            match state {
                "awaiting" => {}
                "half a message" => peer.write(&text(&auth("ann"))[..9]).await,
                "verifying" => peer.send_all(&[auth("ann never"), join("den")]).await,
                "ready" => peer.send(&auth("ann")).await,
                "in a room" => peer.send_all(&[auth("ann"), join("den")]).await,
                _ => peer.send(&auth("bad")).await,
            }
            wait(100).await;
            assert_eq!(house.open(), 1, "{state}");
            peer.finish().await;
            wait(1).await;
            assert_eq!(house.open(), 0, "{state}");
            while !matches!(peer.hear().await, Heard::Fin | Heard::Reset) {}
            let last = house.now();
            assert!(last < 200, "{state}: {last}");
        });
    }
}

#[test]
fn a_ping_is_answered_before_the_verdict_too() {
    everywhere(async |house| {
        let mut peer = house.connect();
        peer.ping(b"one").await;
        assert_eq!(peer.hear().await, Heard::Pong(b"one".to_vec()));
        peer.send(&auth("ann after=100")).await;
        peer.ping(b"two").await;
        peer.expect("auth_ok").await;
        assert_eq!(peer.hear().await, Heard::Pong(b"two".to_vec()));
    });
}

#[test]
fn sixty_four_verifications_run_at_a_time() {
    everywhere(async |house| {
        let mut peers: Vec<_> =
            (0..100).map(|n| house.connect_from([192, 0, 2, n].into())).collect();
        for (peer, n) in peers.iter_mut().zip(0..) {
            peer.send(&auth(&format!("user{n} after=1000"))).await;
        }
        let mut times = Vec::new();
        for peer in &mut peers {
            peer.expect("auth_ok").await;
            times.push(house.now());
        }
        let first = times.iter().filter(|&&time| time < 1_100).count();
        assert_eq!((first, times.iter().filter(|&&time| time < 2_100).count()), (64, 100));
    });
}

#[test]
fn a_refresh_that_hangs_is_answered_and_its_late_verdict_settles_no_other_one() {
    everywhere(async |house| {
        let mut ann = house.enter("ann").await;
        for token in ["ann never", "ann after=10500"] {
            let begun = house.now();
            ann.send(&with_id(auth(token), "r")).await;
            let error = ann.expect("error").await;
            assert_eq!((&error["code"], &error["id"]), (&json!("internal"), &json!("r")));
            assert!((10_000..=10_012).contains(&(house.now() - begun)), "at {} ms", house.now());
            assert_eq!(house.shared.verifications.held(), (0, 0));
        }
        ann.send(&with_id(auth("ann after=2000 life=77000"), "s")).await;
        let ok = ann.expect("auth_ok").await;
        assert_eq!((&ok["id"], &ok["refreshed"]), (&json!("s"), &json!(true)));
    });
}
