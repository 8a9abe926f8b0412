//! Looking back, and messages that nobody remembers, over simulated streams.

use super::{
    clerk::wait,
    house::{House, everywhere, everywhere_with},
    peer::{Peer, join, leave, message, with_id},
};
use crate::protocol::{
    limits::PAGE_BYTES,
    room_rules::{Access, HistoryBounds, RoomRules, RoomTerms},
};
use serde_json::{Value, json};

const MEMBER: &str = r#"grant={"den":["join","send"]}"#;

fn history(room: &str) -> Value {
    json!({ "type": "history", "room": room, "id": "h" })
}

fn before(seq: u64, limit: u64) -> Value {
    let mut request = history("den");
    (request["before"], request["limit"]) = (seq.into(), limit.into());
    request
}

fn ephemeral(payload: impl Into<Value>) -> Value {
    let mut request = with_id(message("den", payload), "e");
    request["ephemeral"] = true.into();
    request
}

fn seqs(page: &Value) -> Vec<u64> {
    let messages = page["messages"].as_array().expect("messages");
    messages.iter().map(|message| message["seq"].as_u64().expect("a number")).collect()
}

async fn fill(peer: &mut Peer, count: usize, len: usize) {
    for _ in 0..count {
        peer.send(&message("den", "x".repeat(len))).await;
        peer.expect("message").await;
    }
}

fn queued_bytes(house: &House) -> usize {
    let cores = house.cores.iter().map(|core| core.borrow());
    cores.map(|core| core.connections.iter().map(|(_, it)| it.queued_bytes()).sum::<usize>()).sum()
}

#[test]
fn pages_lead_back_to_the_first_message_that_is_remembered() {
    everywhere(async |house| {
        let (mut ann, joined) = house.enter_room("ann", "den").await;
        fill(&mut ann, 120, 10).await;
        ann.send(&history("den")).await;
        let page = ann.expect("history").await;
        assert_eq!(
            (&page["id"], &page["room"], &page["epoch"], &page["more"]),
            (&json!("h"), &json!("den"), &joined["epoch"], &json!(true))
        );
        assert_eq!(seqs(&page), (71..=120).collect::<Vec<_>>(), "50 by default");
        ann.send_all(&[before(71, 1_000), before(21, 20), before(2, 5), before(1, 5)]).await;
        let page = ann.expect("history").await;
        assert_eq!((seqs(&page), &page["more"]), ((1..=70).collect(), &json!(false)));
        for (first, more) in [(1, false), (1, false)] {
            let page = ann.expect("history").await;
            assert_eq!((seqs(&page)[0], &page["more"]), (first, &json!(more)));
        }
        assert_eq!(seqs(&ann.expect("history").await), [0; 0]);
        let (mut bob, _) = house.enter_room("bob", "den").await;
        bob.send(&before(10, 2)).await;
        let page = bob.expect("history").await;
        let first = &page["messages"][0];
        assert_eq!((&first["type"], &first["from"]["user"]), (&json!("message"), &json!("ann")));
        assert_eq!((seqs(&page), &page["more"]), (vec![8, 9], &json!(true)));
        assert_eq!(house.shared.metrics.sheet().total(crate::metrics::Metric::Pages), 6);
    });
}

#[test]
fn history_keeps_to_the_order_of_requests() {
    everywhere(async |house| {
        let (mut bob, _) = house.enter_room("bob", "den").await;
        fill(&mut bob, 3, 10).await;
        let mut ann = house.enter("ann").await;
        let own = message("den", "own");
        ann.send_all(&[join("den"), own, history("den"), leave("den"), history("den")]).await;
        assert_eq!(ann.expect("joined").await["seq"], 3);
        let mut heard = Vec::new();
        let page = loop {
            let text = ann.text().await;
            heard.push(text["type"].as_str().unwrap().to_owned());
            if text["type"] == "history" {
                break text;
            }
        };
        assert_eq!(seqs(&page), [1, 2, 3, 4], "with what was published before");
        assert_eq!(heard, ["message", "history"]);
        let mut rest = [ann.text().await, ann.text().await].map(|it| it["type"].to_string());
        rest.sort();
        assert_eq!(rest, [r#""error""#, r#""left""#], "not joined any more");
    });
}

#[test]
fn history_needs_the_right_and_shows_a_key_to_its_author_alone() {
    everywhere_with(
        |plan| plan.rooms = RoomRules::granted(),
        async |house| {
            let (mut ann, _) = house.enter_room(r#"ann grant={"den":"*"}"#, "den").await;
            let mut keyed = message("den", 1);
            keyed["idempotency_key"] = "k".into();
            ann.send(&keyed).await;
            ann.expect("message").await;
            let (mut also_ann, _) = house.enter_room(r#"ann grant={"den":"*"}"#, "den").await;
            let (mut bob, _) = house.enter_room(r#"bob grant={"den":"*"}"#, "den").await;
            for (peer, key) in
                [(&mut ann, json!("k")), (&mut also_ann, json!("k")), (&mut bob, Value::Null)]
            {
                peer.send(&history("den")).await;
                let page = peer.expect("history").await;
                assert_eq!(page["messages"][0]["idempotency_key"], key);
            }
            let (mut eve, _) = house.enter_room(&format!("eve {MEMBER}"), "den").await;
            eve.send(&history("den")).await;
            let error = eve.expect("error").await;
            assert_eq!((&error["code"], &error["id"]), (&json!("forbidden"), &json!("h")));
        },
    );
}

/// A room that remembers much, and peers that can be left to wait.
fn ample(plan: &mut super::house::Plan) {
    let history = HistoryBounds { count: 10_000, bytes: 1 << 30, ..HistoryBounds::default() };
    plan.rooms = RoomRules::open().with_history(history);
    plan.wire_bytes = 4_096;
}

#[test]
fn an_answer_is_bounded_in_bytes_and_one_at_a_time_waits_for_space() {
    everywhere_with(ample, async |house| {
        let (mut bob, _) = house.enter_room("bob", "den").await;
        fill(&mut bob, 20, 60_000).await;
        let (mut ann, _) = house.enter_room("ann", "den").await;
        ann.send_all(&vec![history("den"); 50]).await;
        wait(100).await;
        let queued = queued_bytes(house);
        assert!(queued <= 512 * 1024, "{queued} bytes of pages wait");
        for _ in 0..50 {
            let page = ann.expect("history").await;
            assert_eq!((seqs(&page), &page["more"]), (vec![17, 18, 19, 20], &json!(true)));
            assert!(page.to_string().len() <= PAGE_BYTES);
        }
        fill(&mut bob, 1, 10).await;
        assert_eq!(ann.expect("message").await["seq"], 21, "it hears as before");
    });
}

#[test]
fn a_message_larger_than_a_page_is_a_page_of_its_own() {
    let large = |plan: &mut super::house::Plan| {
        ample(plan);
        plan.limits.message_bytes = 2 * 1024 * 1024;
        plan.limits.transport_bytes = 2 * 1024 * 1024;
    };
    everywhere_with(large, async |house| {
        let (mut ann, _) = house.enter_room("ann", "den").await;
        fill(&mut ann, 1, 10).await;
        fill(&mut ann, 1, 1_200_000).await;
        ann.send_all(&[history("den"), before(2, 9)]).await;
        assert_eq!(seqs(&ann.expect("history").await), [2]);
        assert_eq!(seqs(&ann.expect("history").await), [1]);
    });
}

#[test]
fn who_reads_nothing_gets_no_page_and_is_closed_as_slow() {
    everywhere_with(ample, async |house| {
        let (mut bob, _) = house.enter_room("bob", "den").await;
        fill(&mut bob, 20, 60_000).await;
        let (mut ann, _) = house.enter_room("ann", "den").await;
        ann.send_all(&vec![history("den"); 8]).await;
        wait(60_000).await;
        assert!(queued_bytes(house) == 0, "it was let go");
        let sheet = house.shared.metrics.sheet();
        assert_eq!(sheet.labelled(crate::metrics::Metric::Closes, "slow_consumer"), 1);
        drop((ann, bob));
    });
}

#[test]
fn ephemeral_messages_are_heard_acknowledged_and_forgotten() {
    everywhere(async |house| {
        let (mut ann, _) = house.enter_room("ann", "den").await;
        let (mut bob, joined) = house.enter_room("bob", "den").await;
        ann.send_all(&[message("den", 1), ephemeral("typing"), message("den", 2)]).await;
        let mut ack = Value::Null;
        for (peer, author) in [(&mut ann, true), (&mut bob, false)] {
            let mut heard = Vec::new();
            while heard.len() < 3 {
                let text = peer.text().await;
                if text["type"] == "ack" {
                    ack = text;
                    continue;
                }
                heard.push((text["payload"].clone(), text["seq"].as_u64()));
                assert_eq!(text["from"]["user"], "ann");
            }
            let expected = [(json!(1), Some(1)), (json!("typing"), None), (json!(2), Some(2))];
            assert_eq!(heard, expected, "author: {author}");
        }
        assert_eq!((&ack["epoch"], &ack["seq"]), (&Value::Null, &Value::Null));
        assert!(ack["at_ms"].is_u64());
        bob.send(&history("den")).await;
        assert_eq!(seqs(&bob.expect("history").await), [1, 2]);
        let mut back = join("den");
        back["since"] = json!({ "epoch": joined["epoch"], "seq": 0 });
        let mut late = house.enter("cy").await;
        late.send(&back).await;
        assert_eq!(late.expect("joined").await["recovered"], true);
        for seq in [1, 2] {
            assert_eq!(late.expect("message").await["seq"], seq);
        }
        late.send(&leave("den")).await;
        late.expect("left").await;
    });
}

#[test]
fn nobody_outside_hears_an_ephemeral_message() {
    everywhere(async |house| {
        let (mut bob, _) = house.enter_room("bob", "den").await;
        let mut ann = house.enter("ann").await;
        let mut requests = vec![join("den"), leave("den"), join("den")];
        requests.push(ephemeral("in"));
        requests.extend([leave("den"), join("den"), leave("den")]);
        ann.send_all(&requests).await;
        for n in 0..5 {
            bob.send(&ephemeral(n)).await;
        }
        let (mut inside, mut leaves) = (false, 0);
        while leaves < 3 {
            let text = ann.text().await;
            match text["type"].as_str().unwrap() {
                "joined" => inside = true,
                "left" => (inside, leaves) = (false, leaves + 1),
                "message" => assert!(inside, "outside: {text}"),
                "ack" => {}
                other => panic!("{other}"),
            }
        }
        wait(10).await;
        assert_eq!(ann.hear_now(), None);
    });
}

#[test]
fn a_slow_reader_misses_ephemeral_messages_and_no_others() {
    let tight = |plan: &mut super::house::Plan| {
        ample(plan);
        plan.limits.outbox_bytes = 16 * 1024;
    };
    everywhere_with(tight, async |house| {
        let (mut slow, _) = house.enter_room("slow", "den").await;
        let (mut fast, _) = house.enter_room("fast", "den").await;
        for n in 1..=300 {
            fast.send_all(&[message("den", "x".repeat(100)), ephemeral("y".repeat(100))]).await;
            let (mut numbered, mut others) = (0, 0);
            while (numbered, others) != (1, 2) {
                let text = fast.text().await;
                match text["seq"].as_u64() {
                    Some(seq) => {
                        assert_eq!(seq, n);
                        numbered += 1;
                    }
                    None => others += 1,
                }
            }
        }
        let (mut next, mut ephemerals) = (1, 0);
        while next <= 300 {
            let text = slow.expect("message").await;
            match text["seq"].as_u64() {
                Some(seq) => {
                    assert_eq!(seq, next);
                    next += 1;
                }
                None => ephemerals += 1,
            }
        }
        assert!(ephemerals < 300, "{ephemerals} of 300");
        let sheet = house.shared.metrics.sheet();
        assert_eq!(sheet.total(crate::metrics::Metric::Ephemerals), 300);
        assert!(sheet.total(crate::metrics::Metric::EphemeralsDropped) < 300, "once it is behind");
    });
}

#[test]
fn a_reload_counts_for_what_is_asked_after_it() {
    everywhere(async |house| {
        let (mut ann, _) = house.enter_room("ann", "den").await;
        fill(&mut ann, 10, 10).await;
        ann.send(&ephemeral(1)).await;
        ann.expect("ack").await;
        ann.expect("message").await;
        house
            .reload(|plan| {
                let history = HistoryBounds { count: 2, ..HistoryBounds::default() };
                let terms = RoomTerms { ephemeral: false, ..RoomTerms::new(Access::Open) };
                plan.rooms = RoomRules::everywhere(terms.with_history(history));
            })
            .await;
        ann.send(&history("den")).await;
        let page = ann.expect("history").await;
        assert_eq!((seqs(&page), &page["more"]), (vec![9, 10], &json!(false)));
        ann.send(&ephemeral(2)).await;
        assert_eq!(ann.expect("error").await["code"], "forbidden");
        house.reload(|plan| plan.rooms = RoomRules::open()).await;
        ann.send(&ephemeral(3)).await;
        ann.expect("ack").await;
        assert_eq!(ann.expect("message").await["payload"], 3);
    });
}

#[test]
fn what_is_too_old_is_not_shown_though_nobody_speaks() {
    let brief = |plan: &mut super::house::Plan| {
        let history = HistoryBounds { age_ms: 500, ..HistoryBounds::default() };
        plan.rooms = RoomRules::open().with_history(history);
    };
    everywhere_with(brief, async |house| {
        let (mut ann, _) = house.enter_room("ann", "den").await;
        for expected in [vec![1, 2, 3], vec![]] {
            if !expected.is_empty() {
                fill(&mut ann, 3, 10).await;
            }
            ann.send(&history("den")).await;
            let page = ann.expect("history").await;
            assert_eq!((seqs(&page), &page["more"]), (expected, &json!(false)));
            wait(500).await;
        }
    });
}
