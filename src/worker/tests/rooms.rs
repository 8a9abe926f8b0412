//! Joins, leaves and lost rights in every order, and requests that wait for their answers.

use super::{
    clerk::wait,
    house::{everywhere, everywhere_with},
    peer::{Peer, auth, join, leave, message, with_id},
};
use crate::{
    protocol::room_rules::{HistoryBounds, RoomRules},
    worker::turn::Pace,
};
use serde_json::{Value, json};

const MEMBER: &str = r#"grant={"den":"*"}"#;

/// The next `n` texts: type, and id or else payload.
async fn words(peer: &mut Peer, n: usize) -> Vec<String> {
    let mut words = Vec::new();
    for _ in 0..n {
        let text = peer.text().await;
        let about = ["id", "payload", "code"].iter().map(|name| &text[name]);
        let about: Vec<_> = about.filter(|value| !value.is_null()).map(Value::to_string).collect();
        words.push(format!("{} {}", text["type"].as_str().unwrap(), about.join(" ")));
    }
    words
}

#[test]
fn pipelined_joins_and_leaves_take_effect_one_after_the_other() {
    everywhere(async |house| {
        let mut ann = house.enter("ann").await;
        let ids = ["1", "2", "3", "4", "5"];
        for (request, id) in [join, leave, join, leave, join].iter().zip(ids) {
            ann.send(&with_id(request("den"), id)).await;
        }
        let heard = words(&mut ann, 5).await;
        assert_eq!(
            heard,
            ["joined \"1\"", "left \"2\"", "joined \"3\"", "left \"4\"", "joined \"5\""]
        );
        let requests: Vec<_> = [join, leave, join, leave, join, message_of]
            .iter()
            .zip(["1", "2", "3", "4", "5", "6"])
            .map(|(request, id)| with_id(request("hall"), id))
            .collect();
        ann.send_all(&requests).await;
        let heard = words(&mut ann, 7).await;
        assert_eq!(heard[0], "ack \"6\"", "published while its join was on the way");
        let rest = [
            "joined \"1\"",
            "left \"2\"",
            "joined \"3\"",
            "left \"4\"",
            "joined \"5\"",
            "message \"hall\"",
        ];
        assert_eq!(heard[1..], rest);
    });
}

#[test]
fn a_room_that_begins_anew_waits_for_the_leave_that_emptied_the_one_before() {
    everywhere_with(
        |plan| {
            let history = HistoryBounds { count: 0, ..HistoryBounds::default() };
            plan.rooms = RoomRules::open().with_history(history);
            plan.pace = Pace { room: 1, turn: 1 };
        },
        async |house| {
            let mut ann = house.enter("ann").await;
            let requests = [join, leave, join, leave, join].iter().zip(["1", "2", "3", "4", "5"]);
            let requests: Vec<_> =
                requests.map(|(request, id)| with_id(request("den"), id)).collect();
            ann.send_all(&requests).await;
            let heard = words(&mut ann, 5).await;
            assert_eq!(
                heard,
                ["joined \"1\"", "left \"2\"", "joined \"3\"", "left \"4\"", "joined \"5\""]
            );
        },
    );
}

fn message_of(room: &str) -> Value {
    message(room, room)
}

#[test]
fn the_last_of_pipelined_joins_recovers_on_its_own() {
    everywhere(async |house| {
        let (mut ann, joined) = house.enter_room("ann", "den").await;
        ann.send(&message("den", "missed")).await;
        ann.expect("message").await;
        let mut back = join("den");
        back["since"] = json!({ "epoch": joined["epoch"], "seq": 0 });
        let requests = [leave("den"), join("den"), leave("den"), join("den"), leave("den"), back];
        ann.send_all(&requests).await;
        for kind in ["left", "joined", "left", "joined", "left"] {
            ann.expect(kind).await;
        }
        assert_eq!(ann.expect("joined").await["recovered"], true);
        assert_eq!(ann.expect("message").await["payload"], "missed");
    });
}

#[test]
fn no_message_comes_between_a_left_and_the_next_joined() {
    everywhere(async |house| {
        let (mut bob, _) = house.enter_room("bob", "den").await;
        let mut ann = house.enter("ann").await;
        // All of it is in the room's queue before the room is served.
        ann.send_all(&[join("den"), leave("den"), join("den"), leave("den")]).await;
        for n in 0..5 {
            bob.send(&message("den", n)).await;
        }
        ann.send(&join("den")).await;
        let mut inside = false;
        let mut joins = 0;
        while joins < 3 {
            let text = ann.text().await;
            match text["type"].as_str().unwrap() {
                "joined" => (inside, joins) = (true, joins + 1),
                "left" => inside = false,
                "message" => assert!(inside, "outside: {text}"),
                other => panic!("{other}"),
            }
        }
        wait(1).await;
        bob.send(&message("den", "last")).await;
        while ann.expect("message").await["payload"] != "last" {}
    });
}

#[test]
fn the_second_leave_is_not_answered_before_the_first() {
    everywhere(async |house| {
        let mut ann = house.enter("ann").await;
        let leaves = ["1", "2"].map(|id| with_id(leave("den"), id));
        let requests = [&[with_id(join("den"), "0"), message("den", "m")], &leaves[..]].concat();
        ann.send_all(&requests).await;
        let heard = words(&mut ann, 4).await;
        assert_eq!(heard, ["joined \"0\"", "message \"m\"", "left \"1\"", "left \"2\""]);
    });
}

#[test]
fn a_second_join_answers_again_and_replays_nothing() {
    everywhere(async |house| {
        let (mut ann, joined) = house.enter_room("ann", "den").await;
        ann.send(&message("den", "m")).await;
        ann.expect("message").await;
        for (seq, recovered) in [(0, false), (1, true), (2, false)] {
            let since = json!({ "epoch": joined["epoch"], "seq": seq });
            let mut again = join("den");
            again["since"] = since;
            ann.send(&again).await;
            let joined = ann.expect("joined").await;
            assert_eq!((&joined["seq"], &joined["recovered"]), (&json!(1), &json!(recovered)));
        }
        ann.send(&leave("den")).await;
        ann.expect("left").await;
        ann.send(&message("den", "n")).await;
        assert_eq!(ann.expect("error").await["code"], "not_joined");
    });
}

#[test]
fn sixty_four_joins_that_fill_the_table_leave_no_deaf_connection() {
    everywhere(async |house| {
        for _ in 0..3 {
            let mut ann = house.enter("ann").await;
            let joins: Vec<_> = (0..64).map(|n| join(&format!("room{n}"))).collect();
            ann.send_all(&joins).await;
            for _ in 0..64 {
                ann.expect("joined").await;
            }
            ann.send(&message("room5", 1)).await;
            ann.expect("message").await;
            assert!(house.now() < 1_000);
        }
    });
}

#[test]
fn a_client_may_pipeline_more_joins_than_fit_into_the_table() {
    everywhere(async |house| {
        let mut ann = house.enter("ann").await;
        let joins: Vec<_> = (0..128).map(|n| join(&format!("room{n}"))).collect();
        ann.send_all(&joins).await;
        for n in 0..128 {
            assert_eq!(ann.expect("joined").await["room"], format!("room{n}"));
        }
        wait(1_000).await;
        ann.send(&join("one more")).await;
        assert_eq!(ann.expect("error").await["code"], "bad_room");
        ann.send(&join("one_more")).await;
        assert_eq!(ann.expect("error").await["code"], "too_many_rooms");
    });
}

#[test]
fn a_refresh_that_loses_a_room_ends_the_membership_at_once() {
    everywhere_with(granted, async |house| {
        let (mut bob, _) = house.enter_room(&format!("bob {MEMBER}"), "den").await;
        let (mut ann, _) = house.enter_room(&format!("ann {MEMBER}"), "den").await;
        ann.send(&auth("ann")).await;
        assert_eq!(words(&mut ann, 2).await, ["auth_ok ", "left \"forbidden\""]);
        bob.send(&message("den", 1)).await;
        bob.expect("message").await;
        ann.send(&json!({ "type": "ping" })).await;
        assert_eq!(words(&mut ann, 1).await, ["pong "], "nothing of the room");
    });
}

#[test]
fn every_request_is_answered_when_rights_come_and_go_around_it() {
    everywhere_with(granted, async |house| {
        let member = format!("ann {MEMBER}");
        // A rejoin whose membership is gone, a join under rights that came back, and leaves.
        let plays: [&[(&str, &str)]; 6] = [
            &[("join", "1"), ("auth", "")],
            &[("leave", "1"), ("join", "2"), ("auth", "")],
            &[("leave", "1"), ("auth", ""), ("auth", "m"), ("join", "2"), ("leave", "3")],
            &[("join", "1"), ("auth", ""), ("auth", "m")],
            &[("auth", ""), ("auth", "m"), ("join", "1"), ("auth", ""), ("auth", "m")],
            &[("leave", "1"), ("join", "2"), ("leave", "3"), ("auth", ""), ("auth", "m")],
        ];
        for play in plays {
            let (mut ann, _) = house.enter_room(&member, "den").await;
            let requests: Vec<_> = (play.iter())
                .map(|&(kind, about)| match kind {
                    "join" => with_id(join("den"), about),
                    "leave" => with_id(leave("den"), about),
                    _ if about.is_empty() => auth("ann"),
                    _ => auth(&member),
                })
                .collect();
            ann.send_all(&requests).await;
            ann.send(&json!({ "type": "ping", "id": "end" })).await;
            wait(5).await;
            let mut open: Vec<&str> =
                play.iter().filter(|(kind, _)| *kind != "auth").map(|&(_, id)| id).collect();
            open.push("end");
            while !open.is_empty() {
                let text = ann.text().await;
                open.retain(|id| text["id"] != *id);
            }
            // The session and the room agree on who is in.
            ann.send(&auth(&member)).await;
            ann.expect("auth_ok").await;
            ann.send(&with_id(join("den"), "again")).await;
            ann.expect("joined").await;
            ann.send(&message("den", "last")).await;
            ann.expect("message").await;
        }
    });
}

fn granted(plan: &mut super::house::Plan) {
    plan.rooms = RoomRules::granted();
}

#[test]
fn who_comes_back_gets_what_was_missed_and_then_what_is_live() {
    everywhere(async |house| {
        let (mut bob, _) = house.enter_room("bob", "den").await;
        let (ann, joined) = house.enter_room("ann", "den").await;
        drop(ann);
        for n in 1..=200 {
            bob.send(&message("den", n)).await;
            bob.expect("message").await;
        }
        let mut ann = house.enter("ann").await;
        let mut back = join("den");
        back["since"] = json!({ "epoch": joined["epoch"], "seq": 0 });
        ann.send(&back).await;
        bob.send(&message("den", 201)).await;
        assert_eq!(ann.expect("joined").await["recovered"], true);
        for n in 1..=201 {
            assert_eq!(ann.expect("message").await["seq"], n);
        }
    });
}

#[test]
fn an_empty_room_keeps_its_place_in_order_until_it_forgets() {
    everywhere(async |house| {
        let (mut ann, first) = house.enter_room("ann", "den").await;
        ann.send(&message("den", 1)).await;
        ann.expect("message").await;
        drop(ann);
        wait(1_000).await;
        let (ann, second) = house.enter_room("ann", "den").await;
        assert_eq!((&second["epoch"], &second["seq"]), (&first["epoch"], &json!(1)));
        drop(ann);
        wait(302_000).await;
        let (_ann, third) = house.enter_room("ann", "den").await;
        assert_eq!(third["seq"], 0);
        assert_ne!(third["epoch"], first["epoch"]);
    });
}
