//! The cap on all history together, who has to forget, and what is too old.

use super::*;
use crate::room::Core;
use proptest::prelude::*;

const CAP: usize = 1024 * 1024;
/// A payload of about a KiB, and what the message takes of the memory at most.
const KIB: usize = 1_000;
const RECORD: usize = 1_500;

fn capped(history: HistoryBounds, workers: usize) -> Relay {
    let broker = MemoryBroker::new(history, Epochs::seeded(1)).capped(CAP);
    Relay::new(broker, workers, 1_000_000)
}

fn ample() -> HistoryBounds {
    HistoryBounds { count: 1_000_000, bytes: 1 << 30, ..HistoryBounds::default() }
}

fn enter(relay: &Relay, name: &str) -> Arc<SharedRoom> {
    let joined = relay.join(caller(0, 1), &room(name), None).unwrap();
    discard(relay, 0);
    joined
}

fn say(relay: &Relay, room: &Arc<SharedRoom>, user: &str, len: usize, now: Wall) -> Published {
    let payload = format!("\"{}\"", "x".repeat(len));
    let draft = Draft {
        room: room.name().borrowed(),
        user: &user.into(),
        info: None,
        payload: &payload,
        idempotency_key: None,
    };
    let published = relay.publish(room, &draft, now).unwrap();
    discard(relay, 0);
    published
}

fn held(room: &SharedRoom) -> usize {
    room.lock().log.held()
}

/// What is remembered: first and last number, or nothing.
fn remembered(core: &mut Core<RoomLog>) -> Option<(u64, u64)> {
    let head = core.log.head();
    let epoch = core.log.epoch().as_str().to_owned();
    let first = (0..head).find(|&seq| core.log.covers(&epoch, seq))?;
    Some((first + 1, head))
}

#[test]
fn a_room_that_holds_most_forgets_first_and_the_quiet_ones_nothing() {
    let relay = capped(ample(), 1);
    let quiet: Vec<_> = (0..50).map(|n| enter(&relay, &format!("quiet{n}"))).collect();
    for room in &quiet {
        (0..2).for_each(|_| drop(say(&relay, room, "ann", KIB, NOW)));
    }
    let busy = enter(&relay, "busy");
    for n in 1..=3_000 {
        assert_eq!(say(&relay, &busy, "ann", KIB, NOW).seq, n);
        assert!(relay.memory().0.bytes <= CAP, "after message {n}");
    }
    for room in &quiet {
        assert_eq!(remembered(&mut room.lock()), Some((1, 2)), "{}", room.name().as_str());
    }
    let (first, last) = remembered(&mut busy.lock()).unwrap();
    assert_eq!(last, 3_000);
    assert!((2_100..2_700).contains(&first), "{first}");
    let (memory, evicted) = relay.memory();
    assert_eq!(memory.messages as u64, 100 + last - first + 1);
    assert_eq!(evicted, first - 1);
}

#[test]
fn a_newcomer_finds_space_where_others_hold_it_all() {
    let relay = capped(ample(), 1);
    let hoard = enter(&relay, "hoard");
    (0..2_000).for_each(|_| drop(say(&relay, &hoard, "mallory", KIB, NOW)));
    let den = enter(&relay, "den");
    (0..50).for_each(|_| drop(say(&relay, &den, "bob", KIB, NOW)));
    assert_eq!(remembered(&mut den.lock()), Some((1, 50)));
}

#[test]
fn who_fills_a_thousand_rooms_pays_for_them_all() {
    let relay = capped(ample(), 1);
    let club = enter(&relay, "club");
    for n in 0..200 {
        say(&relay, &club, &format!("member{}", n % 20), KIB, NOW);
    }
    let honest = held(&club);
    assert!(honest > CAP / 5, "the largest room by far: {honest}");
    let mut taken = Vec::new();
    for n in 0..3_000 {
        let spam = enter(&relay, &format!("spam{n}"));
        say(&relay, &spam, "mallory", KIB, NOW);
        taken.push(spam);
        assert!(relay.memory().0.bytes <= CAP);
    }
    let left = remembered(&mut club.lock()).map(|(first, last)| last - first + 1);
    assert!(left >= Some(190), "the club remembers {left:?} of 200");
    let newest = taken.last().unwrap();
    assert!(held(newest) > 0 || taken.iter().filter(|room| held(room) > 0).count() > 300);
}

#[test]
fn a_message_larger_than_the_cap_is_delivered_and_not_remembered() {
    let relay = capped(ample(), 1);
    let den = enter(&relay, "den");
    say(&relay, &den, "ann", KIB, NOW);
    let joined = relay.join(caller(0, 2), &room("den"), None).unwrap();
    let large = say(&relay, &joined, "ann", 2 * CAP, NOW);
    assert_eq!((large.seq, remembered(&mut den.lock())), (2, None));
    assert_eq!(relay.memory().0.bytes, 0);
    assert_eq!(say(&relay, &den, "ann", KIB, NOW).epoch, large.epoch, "only trimmed");
    assert_eq!(remembered(&mut den.lock()), Some((3, 3)));
}

#[test]
fn a_key_that_was_evicted_counts_no_more_and_one_that_was_not_does() {
    let relay = capped(ample(), 1);
    let [den, busy] = ["den", "busy"].map(|name| enter(&relay, name));
    let first = publish(&relay, &den, "1", Some("k")).unwrap();
    let gone = publish(&relay, &busy, "1", Some("k")).unwrap();
    (0..2_000).for_each(|_| drop(say(&relay, &busy, "ann", KIB, NOW)));
    let again = publish(&relay, &den, "1", Some("k")).unwrap();
    assert_eq!(again, Published { duplicate: true, ..first });
    let again = publish(&relay, &busy, "1", Some("k")).unwrap();
    assert_eq!((again.seq, again.duplicate, &again.epoch), (2_002, false, &gone.epoch));
}

#[test]
fn a_room_that_rests_and_was_trimmed_to_nothing_is_freed() {
    let relay = capped(ample(), 1);
    let den = enter(&relay, "den");
    say(&relay, &den, "mallory", CAP / 4, NOW);
    relay.exit(0, &den, NOW);
    assert_eq!(relay.rooms(), (1, 1));
    let busy = enter(&relay, "busy");
    (0..4).for_each(|_| drop(say(&relay, &busy, "mallory", CAP / 4, NOW)));
    den.lock().log.shed(usize::MAX);
    relay.sweep(NOW + 300_000);
    assert_eq!(relay.rooms(), (1, 0), "its window ended with what it remembered");
}

#[test]
fn a_quiet_room_with_members_forgets_what_is_too_old() {
    let relay = capped(HistoryBounds { age_ms: 1_000, ..ample() }, 1);
    let den = enter(&relay, "den");
    say(&relay, &den, "ann", KIB, NOW);
    say(&relay, &den, "ann", KIB, NOW + 500);
    relay.sweep(NOW + 999);
    assert_eq!(relay.memory().0.messages, 2);
    relay.sweep(NOW + 1_000);
    assert_eq!(relay.memory().0.messages, 1);
    relay.sweep(NOW + 10_999);
    assert_eq!(relay.memory().0.messages, 1, "looked at lately");
    relay.sweep(NOW + 11_000);
    assert_eq!((relay.memory().0.bytes, relay.shelf.len()), (0, 0));
    assert_eq!(relay.rooms(), (1, 0));
    assert_eq!(say(&relay, &den, "ann", KIB, NOW + 12_000).seq, 3);
    assert_eq!(relay.shelf.len(), 1);
}

#[test]
fn a_sweep_looks_at_a_bounded_number_of_rooms() {
    let broker = MemoryBroker::new(HistoryBounds { age_ms: 1_000, ..ample() }, Epochs::seeded(1));
    let relay = Relay::new(broker, 1, 10_000);
    let rooms: Vec<_> = (0..5_000).map(|n| enter(&relay, &format!("room{n}"))).collect();
    rooms.iter().for_each(|room| drop(say(&relay, room, "ann", 1, NOW)));
    let forgot = || rooms.iter().filter(|room| held(room) == 0).count();
    relay.sweep(NOW + 1_000);
    assert_eq!(forgot(), upkeep::SWEEP_ROOMS);
    relay.sweep(NOW + 1_000);
    assert_eq!((forgot(), relay.shelf.len()), (5_000, 0));
}

#[test]
fn several_workers_overshoot_by_a_message_each_at_most() {
    const WORKERS: u16 = 4;
    let relay = capped(ample(), usize::from(WORKERS));
    let most = thread::scope(|scope| {
        let play = |worker: u16| {
            let relay = &relay;
            scope.spawn(move || {
                let mut most = 0;
                for n in 0..1_500_u32 {
                    let name = room(&format!("room{}", (n * 7 + u32::from(worker)) % 40));
                    let joined = relay.join(caller(worker, n), &name, None).unwrap();
                    let payload = format!("\"{}\"", "x".repeat(KIB));
                    let draft = Draft {
                        room: name.borrowed(),
                        user: &format!("user{worker}").into(),
                        info: None,
                        payload: &payload,
                        idempotency_key: None,
                    };
                    relay.publish(&joined, &draft, NOW).unwrap();
                    most = most.max(relay.memory().0.bytes);
                    relay.leave(caller(worker, n), &joined);
                    relay.exit(worker, &joined, NOW);
                    (0..WORKERS).for_each(|worker| discard(relay, worker));
                    relay.sweep(NOW + u64::from(n));
                }
                most
            })
        };
        let players: Vec<_> = (0..WORKERS).map(play).collect();
        players.into_iter().map(|player| player.join().unwrap()).max().unwrap()
    });
    // A ring that grows sets half as much aside as it has, beside the message.
    let overshoot = usize::from(WORKERS) * (RECORD + CAP / 16);
    assert!((CAP / 2..CAP + overshoot).contains(&most), "{most}");
    relay.sweep(NOW + 400_000);
    assert_eq!((relay.rooms(), relay.memory().0.bytes), ((0, 0), 0));
    assert_eq!((relay.memory().0.messages, relay.shelf.len()), (0, 0));
}

#[derive(Clone, Debug)]
enum Step {
    Say { room: usize, user: usize, len: usize },
    Leave(usize),
    Sweep(u64),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        10 => (0..12_usize, 0..4_usize, prop_oneof![0..3_000_usize, 100_000..300_000_usize])
            .prop_map(|(room, user, len)| Step::Say { room, user, len }),
        2 => (0..12_usize).prop_map(Step::Leave),
        2 => (0..200_000_u64).prop_map(Step::Sweep),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn the_books_are_right_whatever_happens(steps in prop::collection::vec(step(), 1..200)) {
        let relay = capped(ample(), 1);
        let mut now = NOW;
        let mut inside: Vec<Option<Arc<SharedRoom>>> = vec![None; 12];
        let mut seen: Vec<Arc<SharedRoom>> = Vec::new();
        for step in steps {
            match step {
                Step::Say { room, user, len } => {
                    let joined = inside[room].get_or_insert_with(|| enter(&relay, &room.to_string()));
                    seen.push(Arc::clone(joined));
                    say(&relay, joined, &user.to_string(), len, now);
                }
                Step::Leave(room) => {
                    if let Some(left) = inside[room].take() {
                        relay.exit(0, &left, now);
                    }
                }
                Step::Sweep(ms) => {
                    now = now + ms;
                    relay.sweep(now);
                }
            }
            seen.sort_by_key(|room| room.id());
            seen.dedup_by_key(|room| room.id());
            let (memory, _) = relay.memory();
            prop_assert!(memory.bytes <= CAP);
            prop_assert_eq!(memory.bytes, seen.iter().map(|room| held(room)).sum::<usize>());
            let mut messages = 0;
            for room in &seen {
                let mut core = room.lock();
                // What remembers something can be found, to be looked at and to forget.
                prop_assert!(core.log.held() == 0 || core.shelved.is_some());
                let kept = remembered(&mut core).map_or(0, |(first, last)| last - first + 1);
                prop_assert_eq!(kept == 0, core.log.held() == 0);
                messages += kept;
            }
            prop_assert_eq!(memory.messages as u64, messages);
            let shelved = seen.iter().filter(|room| room.lock().shelved.is_some()).count();
            prop_assert_eq!(relay.shelf.len(), shelved);
        }
    }
}
