//! Readers that are slow, and readers that never read.

use super::{
    clerk::wait,
    house::{House, Plan, everywhere_with},
    peer::{join, message},
};
use crate::{
    protocol::{
        grant::Pattern,
        room_rules::{Access, HistoryBounds, RoomRule, RoomRules, RoomTerms, SlowConsumer},
    },
    worker::turn::Pace,
};
use serde_json::json;

/// A room that remembers everything, and little space in the outbox.
fn tight(plan: &mut Plan) {
    plan.wire_bytes = 2_048;
    plan.limits.outbox_bytes = 16 * 1024;
    let history = HistoryBounds { count: 100_000, age_ms: 300_000, bytes: 1 << 30 };
    plan.rooms = RoomRules::open().with_history(history);
}

fn queued_bytes(house: &House) -> usize {
    let sum = |core: &std::cell::RefCell<crate::worker::core::Core>| -> usize {
        let core = core.borrow();
        core.connections.iter().map(|(_, connection)| connection.queued_bytes()).sum()
    };
    house.cores.iter().map(|core| sum(core)).sum()
}

#[test]
fn a_slow_reader_gets_everything_in_order() {
    everywhere_with(tight, async |house| {
        let (mut slow, _) = house.enter_room("slow", "den").await;
        let (mut fast, _) = house.enter_room("fast", "den").await;
        for n in 1..=1_000 {
            fast.send(&message("den", "x".repeat(n % 200))).await;
            assert_eq!(fast.expect("message").await["seq"], n);
        }
        assert!(queued_bytes(house) <= 16 * 1024, "{} bytes", queued_bytes(house));
        for n in 1..=1_000 {
            if n % 50 == 0 {
                wait(10).await;
            }
            assert_eq!(slow.expect("message").await["seq"], n);
        }
        fast.send(&message("den", "live")).await;
        assert_eq!(slow.expect("message").await["payload"], "live");
        assert_eq!(fast.expect("message").await["payload"], "live");
    });
}

#[test]
fn one_outbox_serves_several_rooms_that_wait_for_it() {
    everywhere_with(tight, async |house| {
        let rooms = ["a", "b", "c"];
        let (mut slow, mut fast) = (house.enter("slow").await, house.enter("fast").await);
        for room in rooms {
            for peer in [&mut slow, &mut fast] {
                peer.send(&join(room)).await;
                peer.expect("joined").await;
            }
        }
        for n in 1..=300 {
            for room in rooms {
                fast.send(&message(room, "x".repeat(100))).await;
                assert_eq!(fast.expect("message").await["seq"], n);
            }
        }
        let mut heard = [0; 3];
        for _ in 0..900 {
            let text = slow.expect("message").await;
            let at = rooms.iter().position(|room| text["room"] == *room).expect("a room");
            heard[at] += 1;
            assert_eq!(text["seq"], heard[at]);
        }
    });
}

#[test]
fn messages_larger_than_the_space_that_is_left_wait_for_it() {
    // A frame does not fit behind even a little: it waits until all before it is written, and
    // who waits takes nobody's turn meanwhile.
    everywhere_with(
        |plan| {
            tight(plan);
            plan.pace = Pace { room: 1, turn: 2 };
            plan.limits.outbox_bytes = 4_096;
            plan.wire_bytes = 5_600;
        },
        async |house| {
            let (mut slow, _) = house.enter_room("slow", "den").await;
            let (mut fast, _) = house.enter_room("fast", "den").await;
            for n in 1..=20 {
                fast.send(&message("den", "x".repeat(3_000))).await;
                assert_eq!(fast.expect("message").await["seq"], n);
                wait(1).await;
            }
            for n in 1..=20 {
                wait(10).await;
                assert_eq!(slow.expect("message").await["seq"], n);
            }
        },
    );
}

#[test]
fn a_reader_that_never_reads_is_a_slow_consumer_and_holds_nobody_up() {
    everywhere_with(
        |plan| {
            tight(plan);
            plan.rooms = RoomRules::open();
        },
        async |house| {
            let (mut deaf, _) = house.enter_room("deaf", "den").await;
            let (mut fast, _) = house.enter_room("fast", "den").await;
            let mut n = 0;
            while house.now() < 36_000 {
                n += 1;
                fast.send(&message("den", "x".repeat(500))).await;
                assert_eq!(fast.expect("message").await["seq"], n);
                assert!(queued_bytes(house) <= 32 * 1024);
                wait(20).await;
            }
            assert_eq!(deaf.ending().await.verdict(), ("slow_consumer", 4420));
            fast.send(&json!({ "type": "ping" })).await;
            fast.expect("pong").await;
        },
    );
}

#[test]
fn a_reader_behind_what_is_remembered_is_told_so() {
    everywhere_with(
        |plan| {
            tight(plan);
            let history = HistoryBounds { count: 10, ..HistoryBounds::default() };
            plan.rooms = RoomRules::open().with_history(history);
        },
        async |house| {
            let (mut slow, _) = house.enter_room("slow", "den").await;
            let (mut fast, _) = house.enter_room("fast", "den").await;
            for n in 1..=100 {
                fast.send(&message("den", "x".repeat(500))).await;
                assert_eq!(fast.expect("message").await["seq"], n);
            }
            let ending = slow.ending().await;
            assert_eq!(ending.verdict(), ("slow_consumer", 4420));
            let heard = ending.texts.len() - 1;
            assert!((3..40).contains(&heard), "{heard} messages");
        },
    );
}

#[test]
fn answers_that_nobody_reads_end_the_connection_and_not_the_memory() {
    everywhere_with(tight, async |house| {
        let mut deaf = house.enter("deaf").await;
        for _ in 0..300 {
            let ping = json!({ "type": "ping", "payload": "x".repeat(60) });
            let frame = super::peer::text(&ping);
            if deaf.try_write(&frame).await.is_err() {
                break;
            }
            assert!(queued_bytes(house) <= 17 * 1024, "{} bytes", queued_bytes(house));
        }
        assert_eq!(deaf.ending().await.verdict(), ("slow_consumer", 4420));
    });
}

#[test]
fn a_room_that_waits_for_nobody_closes_who_does_not_keep_up() {
    everywhere_with(
        |plan| {
            tight(plan);
            let everywhere = *plan.rooms.otherwise();
            let terms = RoomTerms { slow_consumer: SlowConsumer::Close, ..everywhere };
            let rule = RoomRule { pattern: Pattern::parse("live:*").expect("a pattern"), terms };
            plan.rooms = RoomRules::new(vec![rule], RoomTerms::new(Access::Open));
        },
        async |house| {
            let (mut slow, joined) = house.enter_room("slow", "live:1").await;
            let (mut fast, _) = house.enter_room("fast", "live:1").await;
            for n in 1..=100 {
                fast.send(&message("live:1", "x".repeat(500))).await;
                assert_eq!(fast.expect("message").await["seq"], n, "others lose nothing");
            }
            let ending = slow.ending().await;
            assert_eq!(ending.verdict(), ("slow_consumer", 4420));
            let heard = ending.texts.len() as u64 - 1;
            assert!((3..40).contains(&heard), "{heard} messages, though all are remembered");
            // Who comes back reads what it missed, however much that is.
            let mut back = house.enter("slow").await;
            let since = json!({ "epoch": joined["epoch"], "seq": heard });
            back.send(&json!({ "type": "join", "room": "live:1", "since": since })).await;
            assert_eq!(back.expect("joined").await["recovered"], true);
            for n in heard + 1..=100 {
                assert_eq!(back.expect("message").await["seq"], n);
            }
        },
    );
}
