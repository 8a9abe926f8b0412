//! Credit, numbers and the life of rooms, with several workers at once.

mod memory;

use super::*;
use crate::{
    broker::{Epochs, HistoryBounds, MemoryBroker},
    protocol::limits::INTEGER_MAX,
};
use std::{collections::HashSet, thread};

const NOW: Wall = Wall::from_ms(1_000);

fn relay(workers: usize, history: HistoryBounds) -> Relay {
    Relay::new(MemoryBroker::new(history, Epochs::seeded(1)), workers, 100)
}

/// Rooms that are freed as soon as they are empty.
fn forgetful(workers: usize) -> Relay {
    relay(workers, HistoryBounds { count: 0, ..HistoryBounds::default() })
}

fn room(name: &str) -> RoomName {
    RoomName::parse(name).unwrap()
}

fn caller(worker: WorkerIndex, index: u32) -> Caller {
    let connection = ConnKey { index, generation: 1 };
    Caller { worker, connection, request: RequestKey(index), now: NOW }
}

fn publish(
    relay: &Relay,
    room: &Arc<SharedRoom>,
    payload: &str,
    key: Option<&str>,
) -> Result<Published, RoomRefusal> {
    let user = "ann".into();
    let draft = Draft {
        room: room.name().borrowed(),
        user: &user,
        info: None,
        payload,
        idempotency_key: key,
    };
    relay.publish(room, &draft, NOW)
}

fn drain(relay: &Relay, worker: WorkerIndex) -> Vec<Item> {
    let mut items = VecDeque::new();
    relay.drain(worker, &mut items);
    items.into_iter().map(|(_, item)| item).collect()
}

/// Serves what waits as a worker without members does.
fn discard(relay: &Relay, worker: WorkerIndex) {
    for item in drain(relay, worker) {
        if let Item::Deliver(_, credit) = item {
            relay.give_back(worker, credit);
        }
    }
}

fn waiting(relay: &Relay) -> Vec<usize> {
    (0..relay.inboxes.len()).map(|worker| relay.waiting_bytes(worker as u16)).collect()
}

#[test]
fn without_credit_in_one_worker_nothing_is_reserved_or_committed() {
    let relay = relay(3, HistoryBounds::default());
    let both = relay.join(caller(0, 1), &room("both"), None).unwrap();
    relay.join(caller(1, 1), &room("both"), None).unwrap();
    let second = relay.join(caller(1, 2), &room("second"), None).unwrap();
    let large = format!("\"{}\"", "x".repeat(60_000));
    let mut fits = 0;
    while publish(&relay, &second, &large, None).is_ok() {
        fits += 1;
    }
    assert!((260..290).contains(&fits), "{fits} messages of 60 KB in 16 MiB");
    assert_eq!(publish(&relay, &both, &large, None), Err(RoomRefusal::Overloaded));
    assert_eq!(waiting(&relay)[0], 0, "nothing stays reserved");
    assert_eq!(both.lock().log.head(), 0, "no number was given");
    assert!(publish(&relay, &both, "1", None).is_ok(), "a small one still fits");
    discard(&relay, 1);
    assert_eq!(publish(&relay, &both, &large, None).map(|published| published.seq), Ok(2));
    discard(&relay, 0);
    discard(&relay, 1);
    assert_eq!(waiting(&relay), [0, 0, 0]);
}

#[test]
fn a_duplicate_gives_its_credit_back_and_is_not_delivered() {
    let relay = relay(2, HistoryBounds::default());
    let den = relay.join(caller(0, 1), &room("den"), None).unwrap();
    relay.join(caller(1, 1), &room("den"), None).unwrap();
    let first = publish(&relay, &den, "1", Some("k")).unwrap();
    let waiting_before = waiting(&relay);
    let again = publish(&relay, &den, "2", Some("k")).unwrap();
    assert_eq!(again, Published { duplicate: true, ..first });
    assert_eq!(waiting(&relay), waiting_before);
    for worker in [0, 1] {
        let deliveries = drain(&relay, worker);
        assert_eq!(deliveries.len(), 2, "a join and one message");
    }
}

#[test]
fn messages_go_to_the_workers_that_have_members() {
    let relay = relay(3, HistoryBounds::default());
    let den = relay.join(caller(0, 1), &room("den"), None).unwrap();
    relay.join(caller(2, 1), &room("den"), None).unwrap();
    publish(&relay, &den, "1", None).unwrap();
    relay.leave(caller(2, 1), &den);
    relay.exit(2, &den, NOW);
    publish(&relay, &den, "2", None).unwrap();
    let counts = [0, 1, 2].map(|worker| drain(&relay, worker).len());
    assert_eq!(counts, [3, 0, 3], "join and two messages; none; join, message and leave");
}

#[test]
fn a_quiet_room_with_members_promises_nothing_beyond_its_age() {
    let relay = relay(1, HistoryBounds { age_ms: 500, ..HistoryBounds::default() });
    let den = relay.join(caller(0, 1), &room("den"), None).unwrap();
    publish(&relay, &den, "1", None).unwrap();
    let epoch: String = den.lock().log.epoch().as_str().into();
    let restart_at = |ms, index| {
        drain(&relay, 0);
        let since = Since { epoch: epoch.as_str().into(), seq: 0 };
        let late = Caller { now: NOW + ms, ..caller(0, index) };
        relay.join(late, &room("den"), Some(&since)).unwrap();
        let items = drain(&relay, 0);
        let [Item::Join(ticket)] = items.as_slice() else { panic!("{items:?}") };
        ticket.restart
    };
    assert_eq!(restart_at(499, 2), Restart::Covered(0));
    assert_eq!(restart_at(500, 3), Restart::Lost);
}

#[test]
fn a_ticket_names_the_position_in_the_order_of_its_worker() {
    let relay = relay(1, HistoryBounds::default());
    let den = relay.join(caller(0, 1), &room("den"), None).unwrap();
    publish(&relay, &den, "1", None).unwrap();
    let epoch: String = den.lock().log.epoch().as_str().into();
    let since = |seq| Since { epoch: epoch.as_str().into(), seq };
    relay.join(caller(0, 2), &room("den"), Some(&since(0))).unwrap();
    publish(&relay, &den, "2", None).unwrap();
    relay.rejoin(caller(0, 1), &den, Some(&since(2)));
    relay.join(caller(0, 3), &room("den"), Some(&since(INTEGER_MAX))).unwrap();
    let mut seen = 0;
    for item in drain(&relay, 0) {
        match item {
            Item::Deliver(delivery, _) => {
                seen += 1;
                assert_eq!(delivery.seq, seen);
            }
            Item::Join(ticket) => {
                let restart = match ticket.connection.index {
                    1 if seen == 0 => Restart::Fresh,
                    1 => Restart::Covered(2),
                    2 => Restart::Covered(0),
                    _ => Restart::Lost,
                };
                assert_eq!((ticket.seq, ticket.restart), (seen, restart));
            }
            Item::Leave(_) | Item::LookBack(_) | Item::Ephemeral(..) => panic!("not asked for"),
        }
    }
    assert_eq!(den.lock().workers().collect::<Vec<_>>(), [0]);
}

#[test]
fn an_empty_room_that_remembers_nothing_is_freed_and_comes_back_as_another() {
    let relay = forgetful(1);
    let first = relay.join(caller(0, 1), &room("den"), None).unwrap();
    let second = relay.join(caller(0, 2), &room("den"), None).unwrap();
    assert_eq!(first.id(), second.id());
    relay.leave(caller(0, 1), &first);
    relay.exit(0, &first, NOW);
    assert_eq!(relay.rooms(), (1, 0), "one is still in");
    relay.exit(0, &first, NOW);
    assert_eq!(relay.rooms(), (0, 0));
    let third = relay.join(caller(0, 3), &room("den"), None).unwrap();
    assert_ne!(third.id(), first.id());
    assert_ne!(third.lock().log.epoch(), first.lock().log.epoch());
}

#[test]
fn an_empty_room_rests_as_long_as_it_remembers() {
    let relay = relay(1, HistoryBounds { age_ms: 500, ..HistoryBounds::default() });
    let den = relay.join(caller(0, 1), &room("den"), None).unwrap();
    publish(&relay, &den, "1", None).unwrap();
    relay.exit(0, &den, NOW);
    assert_eq!(relay.rooms(), (1, 1));
    // It is joined, published to and left while it rests: it rests once, and longer.
    let again = relay.join(caller(0, 2), &room("den"), None).unwrap();
    assert_eq!((again.id(), again.lock().log.head()), (den.id(), 1));
    relay.exit(0, &again, NOW + 100);
    assert_eq!(relay.rooms(), (1, 1));
    relay.sweep(NOW + 499);
    assert_eq!(relay.rooms(), (1, 1));
    let member = relay.join(caller(0, 3), &room("den"), None).unwrap();
    relay.sweep(NOW + 500);
    assert_eq!(relay.rooms(), (1, 0), "somebody is in");
    relay.exit(0, &member, NOW + 600);
    assert_eq!(relay.rooms(), (0, 0), "what it remembered is over");
}

#[test]
fn a_full_process_takes_no_new_room() {
    let relay = relay(1, HistoryBounds::default());
    for n in 0..100 {
        relay.join(caller(0, n), &room(&format!("room{n}")), None).unwrap();
    }
    let refused = relay.join(caller(0, 100), &room("one_more"), None);
    assert_eq!(refused.map(|room| room.id()), Err(RoomRefusal::Overloaded));
    assert!(relay.join(caller(0, 101), &room("room7"), None).is_ok());
}

#[test]
fn a_join_that_races_with_freeing_never_enters_a_dead_room() {
    const ROUNDS: u32 = 3_000;
    const WORKERS: WorkerIndex = 4;
    let relay = forgetful(usize::from(WORKERS));
    let den = room("den");
    let epochs: HashSet<String> = thread::scope(|scope| {
        let play = |worker| {
            let (relay, den) = (&relay, &den);
            scope.spawn(move || {
                let mut epochs = HashSet::new();
                for n in 0..ROUNDS {
                    let room = relay.join(caller(worker, n), den, None).unwrap();
                    let core = room.lock();
                    assert!(!core.is_dead() && core.workers().any(|it| it == worker));
                    epochs.insert(core.log.epoch().as_str().to_owned());
                    drop(core);
                    // While somebody is in, the name leads to this room and no other.
                    let found = relay.registry.get(den.borrowed()).expect("the room");
                    assert_eq!(found.id(), room.id());
                    publish(relay, &room, "1", None).unwrap();
                    relay.leave(caller(worker, n), &room);
                    relay.exit(worker, &room, NOW);
                    discard(relay, worker);
                }
                epochs
            })
        };
        let players: Vec<_> = (0..WORKERS).map(play).collect();
        players.into_iter().flat_map(|player| player.join().unwrap()).collect()
    });
    assert!(epochs.len() > 1, "the room was freed on the way");
    (0..WORKERS).for_each(|worker| discard(&relay, worker));
    assert_eq!(relay.rooms(), (0, 0));
    assert_eq!(waiting(&relay), [0; 4]);
}

#[test]
fn sweeping_races_with_joining_and_no_room_rests_twice_or_never() {
    let relay = relay(4, HistoryBounds { age_ms: 5, ..HistoryBounds::default() });
    thread::scope(|scope| {
        for worker in 0..4_u16 {
            let relay = &relay;
            scope.spawn(move || {
                for n in 0..2_000_u32 {
                    let now = NOW + u64::from(n);
                    let name = room(&format!("room{}", n % 3));
                    let joined = relay.join(caller(worker, n), &name, None).unwrap();
                    publish(relay, &joined, "1", None).unwrap();
                    relay.leave(Caller { now, ..caller(worker, n) }, &joined);
                    relay.exit(worker, &joined, now);
                    discard(relay, worker);
                    relay.sweep(now);
                }
            });
        }
    });
    let (rooms, resting) = relay.rooms();
    assert_eq!(rooms, resting);
    relay.sweep(NOW + 1_000_000);
    (0..4).for_each(|worker| discard(&relay, worker));
    assert_eq!((relay.rooms(), waiting(&relay)), ((0, 0), vec![0; 4]));
}

#[test]
fn every_worker_sees_the_order_of_the_log() {
    const EACH: usize = 500;
    let relay = relay(3, HistoryBounds::default());
    let den: Vec<_> =
        (0..3).map(|worker| relay.join(caller(worker, 1), &room("den"), None).unwrap()).collect();
    thread::scope(|scope| {
        for den in &den {
            let relay = &relay;
            scope.spawn(move || {
                for _ in 0..EACH {
                    publish(relay, den, "1", None).unwrap();
                }
            });
        }
    });
    for worker in 0..3 {
        let seqs: Vec<u64> = drain(&relay, worker)
            .into_iter()
            .filter_map(|item| match item {
                Item::Deliver(delivery, _) => Some(delivery.seq),
                Item::Join(_) | Item::Leave(_) | Item::LookBack(_) | Item::Ephemeral(..) => None,
            })
            .collect();
        assert_eq!(seqs, (1..=3 * EACH as u64).collect::<Vec<_>>());
    }
}
