//! Many peers that do anything at any time: what each one hears of a room is still in order.

use super::{
    clerk::wait,
    house::{Egress, House, Plan, play},
    peer::{Heard, Peer, auth, join, leave, message, text, with_id},
};
use crate::protocol::room_rules::{HistoryBounds, RoomRules};
use proptest::prelude::*;
use serde_json::{Value, json};
use std::collections::HashMap;

const ROOMS: [&str; 3] = ["a", "b", "c"];

#[derive(Clone, Debug)]
enum Step {
    Connect { after_ms: u64 },
    Join { room: usize, since: Option<u64> },
    Leave { room: usize },
    Publish { room: usize, bytes: usize },
    Pipeline { room: usize },
    Read,
    Close,
    Vanish,
    Wait { ms: u64 },
}

fn step() -> impl Strategy<Value = (usize, Step)> {
    let room = || 0..ROOMS.len();
    let step = prop_oneof![
        2 => prop_oneof![Just(0_u64), 1_u64..50].prop_map(|after_ms| Step::Connect { after_ms }),
        4 => (room(), proptest::option::of(0_u64..40))
            .prop_map(|(room, since)| Step::Join { room, since }),
        2 => room().prop_map(|room| Step::Leave { room }),
        8 => (room(), 0_usize..400).prop_map(|(room, bytes)| Step::Publish { room, bytes }),
        1 => room().prop_map(|room| Step::Pipeline { room }),
        4 => Just(Step::Read),
        1 => Just(Step::Close),
        1 => Just(Step::Vanish),
        4 => (0_u64..20).prop_map(|ms| Step::Wait { ms }),
    ];
    (0_usize..100, step)
}

/// A peer and what it may hear next.
struct Guest {
    peer: Peer,
    /// The next message of each room it is in.
    inside: HashMap<String, u64>,
    /// The position that each join asked for.
    asked: HashMap<String, u64>,
    over: bool,
}

impl Guest {
    async fn send(&mut self, request: &Value) {
        if self.peer.try_write(&text(request)).await.is_err() {
            self.over = true;
        }
    }

    fn read(&mut self) {
        while !self.over
            && let Some(heard) = self.peer.hear_now()
        {
            match heard {
                Heard::Text(text) => self.judge(&text),
                Heard::Ping | Heard::Pong(_) => {}
                Heard::Close(..) | Heard::Fin | Heard::Reset => self.over = true,
            }
        }
    }

    fn judge(&mut self, text: &Value) {
        let room = text["room"].as_str().unwrap_or_default().to_owned();
        let seq = text["seq"].as_u64();
        match text["type"].as_str().expect("a type") {
            "message" => {
                let next = self.inside.get_mut(&room);
                let next = next.unwrap_or_else(|| panic!("outside of the room: {text}"));
                assert_eq!(seq, Some(*next), "{text}");
                *next += 1;
            }
            "joined" => {
                let asked = text["id"].as_str().and_then(|id| self.asked.remove(id));
                let after = match (&text["recovered"], asked) {
                    (Value::Bool(true), Some(since)) => since,
                    _ => seq.expect("a position"),
                };
                self.inside.entry(room).or_insert(after + 1);
            }
            "left" => drop(self.inside.remove(&room)),
            "error" => {
                let expected = ["not_joined", "slow_consumer", "duplicate_id"];
                assert!(expected.contains(&text["code"].as_str().unwrap()), "{text}");
            }
            "auth_ok" | "ack" | "ping" => {}
            other => panic!("{other}"),
        }
    }
}

struct Party<'a> {
    house: &'a House,
    guests: Vec<Guest>,
    epochs: HashMap<usize, String>,
    requests: u64,
}

impl Party<'_> {
    async fn act(&mut self, at: usize, step: &Step) {
        match *step {
            Step::Connect { after_ms } => {
                let mut peer = self.house.connect();
                let lookup =
                    if after_ms > 0 { format!(" after={after_ms}") } else { String::new() };
                peer.send(&auth(&format!("user{}{lookup}", self.guests.len() % 5))).await;
                let (inside, asked) = (HashMap::new(), HashMap::new());
                self.guests.push(Guest { peer, inside, asked, over: false });
            }
            Step::Wait { ms } => wait(ms).await,
            Step::Join { .. }
            | Step::Leave { .. }
            | Step::Publish { .. }
            | Step::Pipeline { .. }
            | Step::Read
            | Step::Close
            | Step::Vanish => {
                let Some(at) = at.checked_rem(self.guests.len()) else { return };
                self.act_as(at, step).await;
                if self.guests[at].over {
                    self.guests.remove(at);
                }
            }
        }
    }

    async fn act_as(&mut self, at: usize, step: &Step) {
        self.requests += 1;
        let id = self.requests.to_string();
        let guest = &mut self.guests[at];
        match *step {
            Step::Join { room, since } => {
                let mut request = with_id(join(ROOMS[room]), &id);
                if let (Some(seq), Some(epoch)) = (since, self.epochs.get(&room)) {
                    request["since"] = json!({ "epoch": epoch, "seq": seq });
                    guest.asked.insert(id, seq);
                }
                guest.send(&request).await;
            }
            Step::Leave { room } => guest.send(&with_id(leave(ROOMS[room]), &id)).await,
            Step::Publish { room, bytes } => {
                guest.send(&message(ROOMS[room], "x".repeat(bytes))).await;
            }
            Step::Pipeline { room } => {
                let room = ROOMS[room];
                for request in [join(room), message(room, 1), leave(room), join(room), leave(room)]
                {
                    guest.send(&request).await;
                }
                guest.send(&join(room)).await;
            }
            Step::Read => guest.read(),
            Step::Close => {
                guest.peer.close(1000).await;
                guest.over = true;
            }
            Step::Vanish => guest.over = true,
            Step::Connect { .. } | Step::Wait { .. } => {}
        }
    }

    /// Everybody reads on until it is quiet; whoever is in a room has all of it.
    async fn settle(&mut self) {
        // Less than a second: the sweep wakes workers that nobody else woke.
        for _ in 0..400 {
            wait(1).await;
            self.guests.iter_mut().for_each(Guest::read);
        }
        for room in ROOMS {
            let (_witness, joined) = self.house.enter_room("witness", room).await;
            let head = joined["seq"].as_u64().expect("a position");
            for guest in self.guests.iter().filter(|guest| !guest.over) {
                if let Some(next) = guest.inside.get(room) {
                    assert_eq!(*next, head + 1, "room {room}");
                }
            }
        }
    }
}

async fn party(house: &House, steps: &[(usize, Step)]) {
    let mut epochs = HashMap::new();
    for (at, room) in ROOMS.iter().enumerate() {
        let (mut host, joined) = house.enter_room("host", room).await;
        epochs.insert(at, joined["epoch"].as_str().expect("an epoch").to_owned());
        // So that the room rests and keeps its epoch.
        host.send(&message(room, "welcome")).await;
        host.expect("message").await;
    }
    let mut party = Party { house, guests: Vec::new(), epochs, requests: 0 };
    for (at, step) in steps {
        party.act(*at, step).await;
    }
    party.settle().await;
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]
    #[test]
    fn whatever_peers_do_a_room_is_heard_in_order_and_nothing_is_left(
        queued: bool,
        workers in 1_usize..=3,
        wire_bytes in 300_usize..4_000,
        outbox_bytes in 2_000_u32..20_000,
        steps in prop::collection::vec(step(), 0..120),
    ) {
        let egress = if queued { Egress::Queued } else { Egress::Direct };
        let mut plan = Plan::new(egress, workers);
        plan.wire_bytes = wire_bytes;
        plan.limits.outbox_bytes = outbox_bytes;
        let history = HistoryBounds { count: 10_000, ..HistoryBounds::default() };
        plan.rooms = RoomRules::open().with_history(history);
        play(plan, async |house| party(house, &steps).await);
    }
}
