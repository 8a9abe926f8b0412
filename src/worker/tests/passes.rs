//! Room tokens on workers: lookups, ends in the middle of deliveries, refreshes around them.

use super::{
    clerk::wait,
    house::{House, Plan, everywhere_with},
    peer::{Heard, Peer, auth, join, join_with, leave, message, with_id},
};
use crate::protocol::{
    grant::Pattern,
    room_rules::{Access, RoomRule, RoomRules, RoomTerms},
};
use serde_json::json;

fn granted(plan: &mut Plan) {
    plan.rooms = RoomRules::granted();
}

async fn enter_with(house: &House, user: &str, room: &str, words: &str) -> Peer {
    let mut peer = house.enter(user).await;
    peer.send(&join_with(room, &format!("{user} room={room} {words}"))).await;
    peer.expect("joined").await;
    peer
}

#[test]
fn a_room_token_that_is_looked_up_keeps_the_order_of_what_is_behind_it() {
    everywhere_with(granted, async |house| {
        let mut ann = house.enter("ann").await;
        ann.send_all(&[
            with_id(join_with("den", "ann room=den after=300"), "1"),
            with_id(message("den", "first"), "2"),
            with_id(leave("den"), "3"),
            with_id(join("den"), "4"),
            with_id(join_with("den", "ann room=den"), "5"),
            with_id(message("den", "second"), "6"),
        ])
        .await;
        let (mut acks, mut rest) = (Vec::new(), Vec::new());
        while acks.len() + rest.len() < 8 {
            let text = ann.text().await;
            let kind = text["type"].as_str().expect("a type").to_owned();
            let about = text["id"].as_str().or(text["payload"].as_str());
            let word = format!("{kind} {}", about.expect("an id or a payload"));
            if kind == "ack" || kind == "error" { acks.push(word) } else { rest.push(word) }
        }
        assert!(house.now() >= 300);
        assert_eq!(acks, ["ack 2", "error 4", "ack 6"]);
        let order = ["joined 1", "message first", "left 3", "joined 5", "message second"];
        assert_eq!(rest, order);
    });
}

#[test]
fn a_peer_that_goes_while_its_room_token_is_looked_up_is_noticed() {
    everywhere_with(granted, async |house| {
        let mut ann = house.enter("ann").await;
        ann.send_all(&[join_with("den", "ann room=den never"), message("den", 1)]).await;
        wait(100).await;
        assert_eq!(house.open(), 1);
        ann.finish().await;
        wait(1).await;
        assert_eq!(house.open(), 0);
        while !matches!(ann.hear().await, Heard::Fin | Heard::Reset) {}
    });
}

#[test]
fn a_lookup_that_hangs_is_given_up_and_its_late_verdict_settles_no_other_one() {
    everywhere_with(granted, async |house| {
        let mut ann = house.enter("ann").await;
        for words in ["never", "after=10500"] {
            let begun = house.now();
            let request = join_with("den", &format!("ann room=den {words}"));
            ann.send(&with_id(request, "j")).await;
            let error = ann.expect("error").await;
            assert_eq!((&error["code"], &error["id"]), (&json!("internal"), &json!("j")));
            assert!((10_000..=10_012).contains(&(house.now() - begun)), "at {} ms", house.now());
            assert_eq!(house.shared.verifications.held(), (0, 0));
        }
        ann.send(&join_with("den", "ann room=den after=2000")).await;
        ann.expect("joined").await;
    });
}

#[test]
fn a_refresh_and_a_room_token_are_looked_up_side_by_side() {
    everywhere_with(granted, async |house| {
        for (refresh_ms, pass_ms) in [(200, 400), (400, 200), (300, 300)] {
            let mut ann = house.enter("ann").await;
            ann.send(&auth(&format!("ann life=900000 after={refresh_ms}"))).await;
            ann.send(&join_with("den", &format!("ann room=den after={pass_ms}"))).await;
            let mut heard = [ann.text().await, ann.text().await];
            heard.sort_by_key(|text| text["type"].to_string());
            assert_eq!(
                (&heard[0]["type"], &heard[0]["refreshed"]),
                (&json!("auth_ok"), &json!(true))
            );
            assert_eq!(heard[1]["type"], "joined");
            // What it gave outlasts a refresh.
            ann.send_all(&[auth("ann"), message("den", 1)]).await;
            ann.expect("auth_ok").await;
            ann.expect("message").await;
        }
    });
}

#[test]
fn a_refresh_to_another_principal_ends_a_session_whose_room_token_is_looked_up() {
    everywhere_with(granted, async |house| {
        let mut ann = house.enter("ann").await;
        ann.send(&auth("bob after=300")).await;
        ann.send(&join_with("den", "ann room=den after=300")).await;
        assert_eq!(ann.ending().await.verdict(), ("principal_mismatch", 4409));
    });
}

#[test]
fn nothing_of_a_room_follows_the_end_of_its_token() {
    everywhere_with(granted, async |house| {
        // One speaks all the time, the others fall out in the middle of it.
        let mut bob = enter_with(house, "bob", "den", "").await;
        let mut leavers = Vec::new();
        for n in 0..20 {
            let words = format!("life={}", 1_000 + n * 7);
            leavers.push((enter_with(house, &format!("user{n}"), "den", &words).await, n));
        }
        for n in 0..400 {
            bob.send(&message("den", n)).await;
            bob.expect("message").await;
            wait(4).await;
        }
        for (leaver, n) in &mut leavers {
            let mut last = loop {
                let text = leaver.text().await;
                if text["type"] == "left" {
                    assert_eq!(text["code"], "token_expired");
                    break text;
                }
            };
            leaver.send(&json!({ "type": "ping", "id": "end" })).await;
            while last["id"] != "end" {
                last = leaver.text().await;
                assert_eq!(last["type"], "pong", "user{n} hears of the room");
            }
        }
        bob.send(&message("den", "alone")).await;
        assert_eq!(bob.expect("message").await["seq"], 401);
    });
}

#[test]
fn a_room_token_ends_by_itself_and_the_same_client_comes_back_with_a_new_one() {
    everywhere_with(granted, async |house| {
        let mut ann = enter_with(house, "ann", "den", "life=5000").await;
        let begun = house.now();
        assert_eq!(ann.expect("left").await["code"], "token_expired");
        assert!((4_990..=5_020).contains(&(house.now() - begun)), "at {} ms", house.now());
        ann.send(&join("den")).await;
        assert_eq!(ann.expect("error").await["code"], "forbidden");
        ann.send(&join_with("den", "ann room=den life=5000")).await;
        let joined = ann.expect("joined").await;
        wait(3_000).await;
        ann.send(&join_with("den", "ann room=den life=5000")).await;
        assert_eq!(ann.expect("joined").await["epoch"], joined["epoch"]);
        wait(3_000).await;
        ann.send(&message("den", "still here")).await;
        ann.expect("message").await;
    });
}

#[test]
fn a_slow_member_that_catches_up_hears_nothing_after_its_token_ended() {
    let small = |plan: &mut Plan| {
        granted(plan);
        plan.limits.outbox_bytes = 64 * 1024;
    };
    everywhere_with(small, async |house| {
        let mut bob = enter_with(house, "bob", "den", "").await;
        let mut ann = enter_with(house, "ann", "den", "life=3000").await;
        for n in 0..60 {
            bob.send(&message("den", format!("{n} {}", "x".repeat(4_000)))).await;
            bob.expect("message").await;
        }
        wait(4_000).await;
        // What was queued before the end is read, then `left`, then nothing of the room.
        let mut heard = 0;
        loop {
            let text = ann.text().await;
            if text["type"] == "left" {
                break;
            }
            heard += 1;
            assert_eq!(text["seq"], heard);
        }
        assert!(heard < 60, "it was behind");
        ann.send(&json!({ "type": "ping" })).await;
        ann.expect("pong").await;
    });
}

#[test]
fn a_refresh_is_judged_room_by_room_with_rules_and_room_tokens() {
    let rules = |plan: &mut Plan| {
        let rule = |pattern, access| RoomRule {
            pattern: Pattern::parse(pattern).expect("a pattern"),
            terms: RoomTerms::new(access),
        };
        let rules = vec![rule("open:*", Access::Open), rule("team:**", Access::Granted)];
        plan.rooms = RoomRules::new(rules, RoomTerms::new(Access::Granted));
    };
    everywhere_with(rules, async |house| {
        let rooms = ["open:a", "team:1", "team:2:x", "den", "attic"];
        let mut bob = house.enter(r#"bob grant={"**":"*"}"#).await;
        for room in rooms {
            bob.send(&join(room)).await;
            bob.expect("joined").await;
        }
        let mut ann = house.enter(r#"ann grant={"**":"*"}"#).await;
        for room in rooms {
            ann.send(&if room == "attic" { join_with(room, "ann room=attic") } else { join(room) })
                .await;
            ann.expect("joined").await;
        }
        // The new login loses all of `team` but one, may no longer send in the den, and needs its
        // room token for the attic.
        ann.send(&auth(r#"ann grant={"team:1":"*","den":["join"]}"#)).await;
        ann.expect("auth_ok").await;
        let left = ann.expect("left").await;
        assert_eq!((&left["room"], &left["code"]), (&json!("team:2:x"), &json!("forbidden")));
        for room in rooms {
            ann.send(&with_id(message(room, room), room)).await;
            let answer = ann.text().await;
            let code = match room {
                "den" => "forbidden",
                "team:2:x" => "not_joined",
                _ => {
                    assert_eq!((&answer["type"], &answer["room"]), (&json!("ack"), &json!(room)));
                    ann.expect("message").await;
                    continue;
                }
            };
            assert_eq!(answer["code"], code, "{room}");
        }
        for room in rooms {
            bob.send(&message(room, "bob")).await;
        }
        let mut heard = Vec::new();
        for _ in 0..4 {
            heard.push(ann.expect("message").await["room"].as_str().expect("a room").to_owned());
        }
        assert_eq!(heard, ["open:a", "team:1", "den", "attic"]);
    });
}
