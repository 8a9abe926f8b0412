//! Every step that the rooms of a house take, held against the model of delivery.

use crate::{
    protocol::{
        room_name::RoomName,
        room_rules::{HistoryBounds, RoomRules},
    },
    room::{
        RoomId,
        model::{Bounds, Model},
        trace::{Step, Who},
    },
};
use std::collections::{HashMap, HashSet, VecDeque};

/// The last steps of a room that are shown when one is wrong.
const SHOWN: usize = 40;

/// All rooms that there were.
#[derive(Debug)]
pub(super) struct Replay {
    workers: usize,
    /// Of rooms that open from now on.
    pub(super) rules: RoomRules,
    capped: bool,
    rooms: HashMap<RoomId, Room>,
    by_name: HashMap<RoomName, RoomId>,
    epochs: HashSet<Box<str>>,
    /// What stands or stood in the outbox of each connection.
    pub(super) queued: HashMap<Who, Vec<(RoomName, u64)>>,
    /// Connections that had to go because they did not keep up with a room.
    pub(super) lost: HashSet<Who>,
    pub(super) steps: usize,
    /// How many of them forgot because memory was short.
    pub(super) shed: usize,
}

#[derive(Debug)]
struct Room {
    name: RoomName,
    epoch: Box<str>,
    model: Model,
    last: VecDeque<Step>,
    /// Who sits where.
    seats: HashMap<(u16, usize), Who>,
}

impl Replay {
    pub(super) fn new(workers: usize, rules: RoomRules, capped: bool) -> Self {
        Self {
            workers,
            rules,
            capped,
            rooms: HashMap::new(),
            by_name: HashMap::new(),
            epochs: HashSet::new(),
            queued: HashMap::new(),
            lost: HashSet::new(),
            steps: 0,
            shed: 0,
        }
    }

    /// Takes steps in the order in which they were done.
    pub(super) fn take(&mut self, steps: Vec<(RoomId, Step)>) {
        self.steps += steps.len();
        for (id, step) in steps {
            self.shed += usize::from(matches!(step, Step::Shed { .. }));
            if let Step::AskedToJoin { name, epoch, .. } = &step {
                self.open(id, name, epoch);
            }
            match self.rooms.get_mut(&id) {
                Some(room) => room.take(&step),
                // A room is looked at before the first join is queued.
                None => assert!(
                    matches!(step, Step::Expired { .. } | Step::Remembers { from: 1 }),
                    "in a room that nobody joined: {step:?}"
                ),
            }
            self.note(id, &step);
        }
    }

    /// Nothing waits anywhere, and whoever is inside has everything.
    pub(super) fn is_complete(&self) {
        for room in self.rooms.values() {
            if let Err(why) = room.model.is_complete() {
                room.fail(format_args!("{why:?}"));
            }
        }
    }

    /// One incarnation of a room at a time, each with an epoch of its own.
    fn open(&mut self, id: RoomId, name: &RoomName, epoch: &str) {
        if let Some(room) = self.rooms.get(&id) {
            assert_eq!((&room.name, &*room.epoch), (name, epoch), "a room changed its name");
            return;
        }
        if let Some(before) = self.by_name.insert(name.clone(), id) {
            assert!(self.rooms[&before].model.is_freed(), "two rooms are called {name:?}");
        }
        assert!(self.epochs.insert(epoch.into()), "the epoch {epoch} came back");
        let terms = self.rules.terms(name.borrowed());
        let HistoryBounds { count, age_ms, bytes } = terms.history;
        let bounds = Bounds { count, age_ms, bytes, capped: self.capped };
        let model = Model::new(self.workers, bounds, terms.slow_consumer);
        let (epoch, name) = (epoch.into(), name.clone());
        let (last, seats) = (VecDeque::new(), HashMap::new());
        self.rooms.insert(id, Room { name, epoch, model, last, seats });
    }

    fn note(&mut self, id: RoomId, step: &Step) {
        let Some(room) = self.rooms.get_mut(&id) else { return };
        if let Step::Joined { who, seat: Some((place, _)), .. } = *step {
            room.seats.insert((who.worker, place), who);
        }
        if let Step::Queued { who, seq, .. } = *step {
            self.queued.entry(who).or_default().push((room.name.clone(), seq));
        }
        if let Step::Lost { member } = *step {
            self.lost.insert(room.seats[&(member.worker, member.place)]);
        }
    }
}

impl Room {
    fn take(&mut self, step: &Step) {
        if self.last.len() == SHOWN {
            self.last.pop_front();
        }
        self.last.push_back(step.clone());
        match self.model.take(step) {
            Ok(made) if made == *step => {}
            Ok(made) => self.fail(format_args!("the last step should have been {made:?}")),
            Err(why) => self.fail(format_args!("{why:?}")),
        }
    }

    fn fail(&self, why: std::fmt::Arguments<'_>) -> ! {
        println!("the last steps of {:?}:", self.name);
        self.last.iter().for_each(|step| println!("  {step:?}"));
        panic!("{why}");
    }
}
