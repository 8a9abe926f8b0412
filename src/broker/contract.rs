//! What every broker must do, as tests over a factory of brokers.

use super::{
    Broker, Delivery, Draft, Gap, HistoryBounds, KEY_WINDOW_MS, Log, Publishing, ReadBudget,
    Receipt,
};
use crate::protocol::{limits::EPOCH_CHARS, room_name::RoomName, time::Wall};
use serde_json::{Value, json};
use std::{collections::HashSet, sync::Arc};

mod model;

pub(super) use model::behaves_like_a_list;

/// Runs the suite on the brokers that `$make` makes, a `Fn(HistoryBounds) -> impl Broker`.
macro_rules! broker_contract {
    ($make:expr) => {
        $crate::broker::contract::broker_contract! { $make =>
            numbers_have_no_gap
            time_never_decreases
            every_opening_has_an_epoch_of_its_own
            forgetting_keeps_epoch_and_head
            the_frame_is_the_message_of_the_protocol
            only_the_author_sees_the_key
            a_key_counts_once
            keys_of_users_and_rooms_are_apart
            a_key_is_forgotten_with_its_message
            a_key_counts_five_minutes_at_most
            covers_what_can_be_read_to_the_head
            reads_are_whole_or_a_gap
            reads_keep_to_the_budget
            age_forgets
            size_forgets
            nothing_is_remembered_without_bounds
            an_empty_room_is_kept_for_its_window
            what_is_held_is_booked_and_given_back
            shedding_is_only_trimming
            the_oldest_message_says_when_there_is_something_to_forget
            pages_go_back_without_a_gap
            what_is_dated_takes_no_number_and_holds_time_back
            behaves_like_a_list
        }
    };
    ($make:expr => $($name:ident)*) => {
        mod contract {
            use super::*;
            $(#[test]
            fn $name() {
                $crate::broker::contract::$name(&$make);
            })*
        }
    };
}
pub(super) use broker_contract;

const AMPLE: ReadBudget = ReadBudget { frames: 10_000, bytes: 100_000_000 };

/// One open room and what is needed to talk to it.
struct Room<L> {
    log: L,
    name: RoomName,
}

fn bounds(count: usize, age_ms: u64, bytes: usize) -> HistoryBounds {
    HistoryBounds { count, age_ms, bytes }
}

fn wall(ms: u64) -> Wall {
    Wall::from_ms(ms)
}

impl<L: Log> Room<L> {
    fn open<B: Broker<Log = L>>(broker: &B) -> Self {
        Self::named(broker, "lobby")
    }

    fn named<B: Broker<Log = L>>(broker: &B, name: &str) -> Self {
        let name = RoomName::parse(name).unwrap();
        Self { log: broker.open(&name), name }
    }

    fn publish(&mut self, user: &str, key: Option<&str>, payload: &str, now: u64) -> Publishing {
        let user: Arc<str> = user.into();
        let draft = Draft {
            room: self.name.borrowed(),
            user: &user,
            info: Some(r#"{"name":"Ada"}"#),
            payload,
            idempotency_key: key,
        };
        let publishing = self.log.publish(&draft, wall(now));
        if let Publishing::Committed { delivery, .. } = &publishing {
            assert!(delivery.max_frame_bytes() <= draft.max_frame_bytes());
        }
        publishing
    }

    /// Publishes what must be committed.
    fn commit(&mut self, now: u64) -> Delivery {
        committed(self.publish("ada", None, "1", now)).1
    }

    fn fill(&mut self, count: u64, now: u64) {
        for _ in 0..count {
            self.commit(now);
        }
    }

    fn read(&self, seq: u64, until: u64, budget: ReadBudget) -> Result<Vec<u64>, Gap> {
        let mut out = Vec::new();
        self.log.after(seq, until, budget, &mut out)?;
        Ok(out.iter().map(|delivery| delivery.seq).collect())
    }

    fn page(&self, before: Option<u64>, budget: ReadBudget) -> (Vec<u64>, bool) {
        let mut out = Vec::new();
        let more = self.log.before(before, budget, &mut out);
        (out.iter().map(|delivery| delivery.seq).collect(), more)
    }

    fn covers(&self, seq: u64) -> bool {
        self.log.covers(self.log.epoch().as_str(), seq)
    }
}

fn committed(publishing: Publishing) -> (Receipt, Delivery) {
    match publishing {
        Publishing::Committed { receipt, delivery } => (receipt, delivery),
        Publishing::Duplicate(receipt) => panic!("a duplicate of {receipt:?}"),
    }
}

fn duplicate(publishing: Publishing) -> Receipt {
    match publishing {
        Publishing::Duplicate(receipt) => receipt,
        Publishing::Committed { receipt, .. } => panic!("committed as {receipt:?}"),
    }
}

fn json(frame: &crate::outbox::Frame) -> Value {
    serde_json::from_slice(frame.payload()).unwrap()
}

pub(super) fn numbers_have_no_gap<B: Broker>(make: &impl Fn(HistoryBounds) -> B) {
    let mut room = Room::open(&make(HistoryBounds::default()));
    assert_eq!(room.log.head(), 0);
    for seq in 1..=50 {
        let (receipt, delivery) = committed(room.publish("ada", None, "1", 1_000 + seq));
        assert_eq!(receipt, Receipt { seq, at_ms: 1_000 + seq });
        assert_eq!((delivery.seq, room.log.head()), (seq, seq));
        assert_eq!(json(&delivery.frame)["seq"], seq);
    }
    assert_eq!(room.read(0, u64::MAX, AMPLE), Ok((1..=50).collect()));
}

pub(super) fn time_never_decreases<B: Broker>(make: &impl Fn(HistoryBounds) -> B) {
    let mut room = Room::open(&make(bounds(10, 1_000, 100_000)));
    let times: Vec<u64> = [5_000, 4_000, 5_500, 1, 9_000]
        .map(|now| committed(room.publish("ada", None, "1", now)).0.at_ms)
        .to_vec();
    assert_eq!(times, [5_000, 5_000, 5_500, 5_500, 9_000]);
    assert_eq!(json(&room.commit(0).frame)["at_ms"], 9_000);
}

pub(super) fn every_opening_has_an_epoch_of_its_own<B: Broker>(make: &impl Fn(HistoryBounds) -> B) {
    let broker = make(HistoryBounds::default());
    let epochs: Vec<String> = (0..100)
        .map(|index| ["lobby", "team:a"][index % 2])
        .map(|name| Room::named(&broker, name).log.epoch().to_string())
        .collect();
    assert!(epochs.iter().all(|epoch| (1..=EPOCH_CHARS).contains(&epoch.chars().count())));
    assert_eq!(epochs.iter().collect::<HashSet<_>>().len(), 100);
}

pub(super) fn forgetting_keeps_epoch_and_head<B: Broker>(make: &impl Fn(HistoryBounds) -> B) {
    let mut room = Room::open(&make(bounds(3, 1_000, 100_000)));
    let epoch = room.log.epoch().clone();
    room.fill(10, 0);
    room.log.expire(wall(50_000));
    assert_eq!((room.log.epoch(), room.log.head()), (&epoch, 10));
    assert!(room.covers(10) && !room.covers(9));
    assert_eq!(room.commit(50_000).seq, 11);
    assert_eq!(room.read(10, 11, AMPLE), Ok(vec![11]));
    assert_eq!(room.log.epoch(), &epoch);
}

pub(super) fn the_frame_is_the_message_of_the_protocol<B: Broker>(
    make: &impl Fn(HistoryBounds) -> B,
) {
    let mut room = Room::open(&make(HistoryBounds::default()));
    let (_, delivery) = committed(room.publish("a\"b", None, r#"{"n": 1e400}"#, 7));
    let text = std::str::from_utf8(delivery.frame.payload()).unwrap();
    assert!(text.contains(r#""payload":{"n": 1e400}"#), "byte for byte: {text}");
    let (_, delivery) = committed(room.publish("a\"b", None, "[null]", 7));
    let expected = json!({
        "type": "message", "room": "lobby", "seq": 2, "at_ms": 7, "payload": [null],
        "from": {"user": "a\"b", "info": {"name": "Ada"}},
    });
    assert_eq!(json(&delivery.frame), expected);
}

pub(super) fn only_the_author_sees_the_key<B: Broker>(make: &impl Fn(HistoryBounds) -> B) {
    let mut room = Room::open(&make(HistoryBounds::default()));
    let (_, plain) = committed(room.publish("ada", None, "1", 1));
    assert!(plain.author.is_none());
    let (_, live) = committed(room.publish("ada", Some("k"), "1", 1));
    let mut replayed = Vec::new();
    room.log.after(1, 2, AMPLE, &mut replayed).unwrap();
    for delivery in [&live, &replayed[0]] {
        let mut expected = json(delivery.frame_for("bob"));
        assert_eq!(expected.get("idempotency_key"), None);
        expected["idempotency_key"] = "k".into();
        assert_eq!(json(delivery.frame_for("ada")), expected);
    }
}

pub(super) fn a_key_counts_once<B: Broker>(make: &impl Fn(HistoryBounds) -> B) {
    let mut room = Room::open(&make(HistoryBounds::default()));
    let (first, _) = committed(room.publish("ada", Some("k"), "1", 1_000));
    room.commit(2_000);
    assert_eq!(duplicate(room.publish("ada", Some("k"), "2", 3_000)), first);
    assert_eq!(duplicate(room.publish("ada", Some("k"), "1", 0)), first, "the clock went back");
    assert_eq!(room.log.head(), 2, "a duplicate takes no number");
    committed(room.publish("ada", Some("K"), "1", 3_000));
    assert_eq!(room.read(0, 9, AMPLE), Ok(vec![1, 2, 3]));
}

pub(super) fn keys_of_users_and_rooms_are_apart<B: Broker>(make: &impl Fn(HistoryBounds) -> B) {
    let broker = make(HistoryBounds::default());
    let [mut lobby, mut other] = ["lobby", "other"].map(|name| Room::named(&broker, name));
    committed(lobby.publish("ada", Some("k"), "1", 1));
    committed(lobby.publish("bob", Some("k"), "1", 1));
    committed(lobby.publish("adak", Some("-"), "1", 1));
    committed(lobby.publish("ada", Some("k-"), "1", 1));
    committed(other.publish("ada", Some("k"), "1", 1));
    assert_eq!(duplicate(lobby.publish("bob", Some("k"), "1", 1)).seq, 2);
}

pub(super) fn a_key_is_forgotten_with_its_message<B: Broker>(make: &impl Fn(HistoryBounds) -> B) {
    let mut room = Room::open(&make(bounds(3, 1_000, 100_000)));
    committed(room.publish("ada", Some("k"), "1", 1));
    room.fill(2, 1);
    assert_eq!(duplicate(room.publish("ada", Some("k"), "1", 1)).seq, 1);
    room.commit(1);
    assert_eq!(committed(room.publish("ada", Some("k"), "1", 1)).0.seq, 5);
    assert_eq!(duplicate(room.publish("ada", Some("k"), "1", 1_000)).seq, 5);
    assert_eq!(committed(room.publish("ada", Some("k"), "1", 1_001)).0.seq, 6);
}

pub(super) fn a_key_counts_five_minutes_at_most<B: Broker>(make: &impl Fn(HistoryBounds) -> B) {
    let mut room = Room::open(&make(bounds(10, 10 * KEY_WINDOW_MS, 100_000)));
    committed(room.publish("ada", Some("k"), "1", 0));
    assert_eq!(duplicate(room.publish("ada", Some("k"), "1", KEY_WINDOW_MS - 1)).seq, 1);
    let (second, _) = committed(room.publish("ada", Some("k"), "1", KEY_WINDOW_MS));
    assert_eq!(duplicate(room.publish("ada", Some("k"), "1", KEY_WINDOW_MS)), second);
    assert_eq!(room.read(0, 9, AMPLE), Ok(vec![1, 2]), "the message itself is remembered");
}

pub(super) fn covers_what_can_be_read_to_the_head<B: Broker>(make: &impl Fn(HistoryBounds) -> B) {
    let broker = make(bounds(3, 1_000, 100_000));
    let mut room = Room::open(&broker);
    assert!(room.covers(0) && !room.covers(1), "an empty room has its head only");
    room.fill(5, 0);
    let covered: Vec<u64> = (0..8).chain([u64::MAX]).filter(|&seq| room.covers(seq)).collect();
    assert_eq!(covered, [2, 3, 4, 5]);
    let mut other = Room::open(&broker);
    other.fill(5, 0);
    assert!(!room.log.covers(other.log.epoch().as_str(), 5));
    assert!(!room.log.covers("", 5));
}

pub(super) fn reads_are_whole_or_a_gap<B: Broker>(make: &impl Fn(HistoryBounds) -> B) {
    let mut room = Room::open(&make(bounds(3, 1_000, 100_000)));
    assert_eq!(room.read(0, 10, AMPLE), Ok(vec![]));
    room.fill(5, 0);
    assert_eq!(room.read(1, 5, AMPLE), Err(Gap));
    assert_eq!(room.read(0, 1, AMPLE), Err(Gap));
    assert_eq!(room.read(2, 5, AMPLE), Ok(vec![3, 4, 5]));
    assert_eq!(room.read(2, 4, AMPLE), Ok(vec![3, 4]));
    assert_eq!(room.read(4, u64::MAX, AMPLE), Ok(vec![5]));
    for (seq, until) in [(5, 5), (5, 9), (9, 20), (4, 3), (1, 1), (u64::MAX, u64::MAX)] {
        assert_eq!(room.read(seq, until, AMPLE), Ok(vec![]), "{seq} to {until}");
    }
    let mut out = vec![room.commit(0)];
    assert_eq!(room.log.after(0, 6, AMPLE, &mut out), Err(Gap));
    room.log.after(5, 6, AMPLE, &mut out).unwrap();
    assert_eq!(out.len(), 2, "appended, and nothing by the gap");
    assert_eq!(out[0].frame, out[1].frame);
}

pub(super) fn reads_keep_to_the_budget<B: Broker>(make: &impl Fn(HistoryBounds) -> B) {
    let mut room = Room::open(&make(HistoryBounds::default()));
    let frame = room.commit(1_000).frame.len();
    room.fill(8, 1_000);
    let read = |frames, bytes| room.read(0, 9, ReadBudget { frames, bytes }).unwrap().len();
    assert_eq!(read(0, 0), 1, "one at least");
    assert_eq!(read(4, usize::MAX), 4);
    assert_eq!(read(usize::MAX, frame * 3), 3);
    assert_eq!(read(usize::MAX, frame * 3 - 1), 2);
    assert_eq!(read(1, frame * 3), 1);
}

pub(super) fn age_forgets<B: Broker>(make: &impl Fn(HistoryBounds) -> B) {
    let mut room = Room::open(&make(bounds(10, 1_000, 100_000)));
    for now in [0, 400, 800] {
        room.commit(now);
    }
    room.log.expire(wall(999));
    assert!(room.covers(0));
    room.log.expire(wall(1_000));
    assert!(room.covers(1) && !room.covers(0));
    room.log.expire(wall(0));
    assert!(room.covers(1), "a clock that goes back forgets nothing");
    room.commit(1_500);
    assert!(room.covers(2) && !room.covers(1), "publishing forgets too");
}

pub(super) fn size_forgets<B: Broker>(make: &impl Fn(HistoryBounds) -> B) {
    let frame = Room::open(&make(HistoryBounds::default())).commit(1_000).frame.len();
    let mut room = Room::open(&make(bounds(100, 1_000, frame * 4)));
    room.fill(6, 1_000);
    assert!(room.covers(2) && !room.covers(1));
    let large = format!("\"{}\"", "x".repeat(frame * 4));
    committed(room.publish("ada", None, &large, 1_000));
    assert!(room.covers(7) && !room.covers(6), "larger than all that may be remembered");
    room.fill(2, 1_000);
    assert_eq!(room.read(7, 9, AMPLE), Ok(vec![8, 9]));
}

pub(super) fn nothing_is_remembered_without_bounds<B: Broker>(make: &impl Fn(HistoryBounds) -> B) {
    for none in [bounds(0, 1_000, 10_000), bounds(9, 0, 10_000), bounds(9, 1_000, 0)] {
        let mut room = Room::open(&make(none));
        for seq in 1..=3 {
            assert_eq!(committed(room.publish("ada", Some("k"), "1", 5)).0.seq, seq);
        }
        let covered: Vec<u64> = (0..5).filter(|&seq| room.covers(seq)).collect();
        assert_eq!(covered, [3], "{none:?}");
        assert_eq!(room.read(2, 3, AMPLE), Err(Gap));
        assert_eq!(room.log.remembers(wall(5)), None);
    }
}

pub(super) fn an_empty_room_is_kept_for_its_window<B: Broker>(make: &impl Fn(HistoryBounds) -> B) {
    for (age_ms, window) in [(1_000, 1_000), (10 * KEY_WINDOW_MS, KEY_WINDOW_MS)] {
        let mut room = Room::open(&make(bounds(10, age_ms, 100_000)));
        assert_eq!(room.log.remembers(wall(0)), None);
        room.commit(0);
        room.commit(100);
        let until = wall(100 + window);
        assert_eq!(room.log.remembers(wall(100)), Some(until));
        assert_eq!(room.log.remembers(wall(99 + window)), Some(until));
        assert_eq!(room.log.remembers(until), None);
    }
}

pub(super) fn what_is_held_is_booked_and_given_back<B: Broker>(make: &impl Fn(HistoryBounds) -> B) {
    let broker = make(HistoryBounds::default());
    let [mut lobby, mut other] = ["lobby", "other"].map(|name| Room::named(&broker, name));
    assert_eq!((broker.memory().bytes, broker.memory().messages), (0, 0));
    lobby.fill(20, 1_000);
    committed(other.publish("bob", Some("k"), "1", 1_000));
    let frames: usize = lobby.commit(1_000).frame.len() * 21;
    if broker.memory().bytes == 0 {
        // It remembers elsewhere.
        return assert_eq!((lobby.log.held(), other.log.shed(usize::MAX)), (0, 0));
    }
    assert!(lobby.log.held() > frames, "more than the frames alone");
    assert_eq!(broker.memory().bytes, lobby.log.held() + other.log.held());
    assert_eq!(broker.memory().messages, 22);
    assert!(lobby.log.claim() > frames && other.log.claim() < frames);
    lobby.log.expire(wall(1_000_000));
    assert_eq!((lobby.log.held(), broker.memory().messages), (0, 1));
    drop(other);
    assert_eq!((broker.memory().bytes, broker.memory().messages), (0, 0));
}

pub(super) fn shedding_is_only_trimming<B: Broker>(make: &impl Fn(HistoryBounds) -> B) {
    let mut room = Room::open(&make(HistoryBounds::default()));
    let epoch = room.log.epoch().clone();
    for key in ["a", "b", "c", "d"] {
        committed(room.publish("ada", Some(key), "1", 1_000));
    }
    let held = room.log.held();
    if held == 0 {
        return;
    }
    assert_eq!(room.log.shed(0), 0);
    assert_eq!(room.log.shed(1), 1, "no more than it must");
    assert!(room.log.held() < held);
    assert!(room.covers(1) && !room.covers(0));
    assert_eq!(room.read(1, 9, AMPLE), Ok(vec![2, 3, 4]));
    assert_eq!(duplicate(room.publish("ada", Some("b"), "1", 1_000)).seq, 2);
    assert_eq!(committed(room.publish("ada", Some("a"), "1", 1_000)).0.seq, 5);
    assert_eq!(room.log.shed(usize::MAX), 4);
    assert_eq!((room.log.held(), room.log.head(), room.log.claim()), (0, 5, 0));
    assert!(room.covers(5) && !room.covers(4));
    assert_eq!(room.log.remembers(wall(1_000)), None);
    assert_eq!(room.log.epoch(), &epoch);
    assert_eq!(room.commit(900).seq, 6);
    assert_eq!(room.read(5, 6, AMPLE), Ok(vec![6]));
}

pub(super) fn the_oldest_message_says_when_there_is_something_to_forget<B: Broker>(
    make: &impl Fn(HistoryBounds) -> B,
) {
    let mut room = Room::open(&make(bounds(10, 1_000, 100_000)));
    assert_eq!(room.log.forgets_at(), None);
    room.commit(100);
    room.commit(600);
    assert_eq!(room.log.forgets_at(), Some(wall(1_100)));
    room.log.expire(wall(1_099));
    assert_eq!(room.log.forgets_at(), Some(wall(1_100)));
    room.log.expire(wall(1_100));
    assert_eq!(room.log.forgets_at(), Some(wall(1_600)));
    room.log.expire(wall(1_600));
    assert_eq!(room.log.forgets_at(), None);
}

pub(super) fn pages_go_back_without_a_gap<B: Broker>(make: &impl Fn(HistoryBounds) -> B) {
    let mut room = Room::open(&make(bounds(5, 1_000_000, 100_000)));
    assert_eq!(room.page(None, AMPLE), (vec![], false));
    let frame = room.commit(1_000).frame.len();
    room.fill(8, 1_000);
    assert_eq!(room.page(None, AMPLE), (vec![5, 6, 7, 8, 9], false));
    for (before, seqs) in [(9, vec![5, 6, 7, 8]), (6, vec![5]), (5, vec![]), (0, vec![])] {
        assert_eq!(room.page(Some(before), AMPLE), (seqs, false), "before {before}");
    }
    assert_eq!(room.page(Some(u64::MAX), AMPLE).0.len(), 5, "above the head is the newest");
    let few = ReadBudget { frames: 2, ..AMPLE };
    assert_eq!(room.page(None, few), (vec![8, 9], true));
    assert_eq!(room.page(Some(8), few), (vec![6, 7], true));
    assert_eq!(room.page(Some(6), few), (vec![5], false));
    assert_eq!(room.page(Some(7), few), (vec![5, 6], false), "exactly all that is left");
    let bytes = |bytes| room.page(None, ReadBudget { frames: 9, bytes });
    assert_eq!(bytes(frame * 3), (vec![7, 8, 9], true));
    assert_eq!(bytes(frame * 3 - 1), (vec![8, 9], true));
    assert_eq!(bytes(0), (vec![9], true), "one at least");
    assert_eq!(bytes(frame * 5), (vec![5, 6, 7, 8, 9], false));
    let mut out = vec![room.commit(1_000)];
    assert!(room.log.before(Some(9), few, &mut out));
    assert_eq!(out.iter().map(|it| it.seq).collect::<Vec<_>>(), [10, 7, 8], "appended");
}

pub(super) fn what_is_dated_takes_no_number_and_holds_time_back<B: Broker>(
    make: &impl Fn(HistoryBounds) -> B,
) {
    let mut room = Room::open(&make(HistoryBounds::default()));
    assert_eq!(room.log.date(wall(500)), wall(500));
    assert_eq!((room.log.head(), room.log.remembers(wall(500))), (0, None));
    assert_eq!(committed(room.publish("ada", None, "1", 400)).0, Receipt { seq: 1, at_ms: 500 });
    assert_eq!(room.log.date(wall(450)), wall(500));
    assert_eq!(committed(room.publish("ada", None, "1", 600)).0.at_ms, 600);
    assert_eq!(room.log.date(wall(550)), wall(600));
    assert_eq!(room.read(0, 9, AMPLE), Ok(vec![1, 2]));
}
