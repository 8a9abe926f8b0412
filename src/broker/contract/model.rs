//! A broker against the obvious one: a list of everything, searched from end to end.

use super::{AMPLE, Room, bounds, wall};
use crate::broker::{
    Broker, Gap, HistoryBounds, KEY_WINDOW_MS, Log, Publishing, ReadBudget, Receipt,
};
use proptest::{
    collection::vec,
    prelude::*,
    test_runner::{TestCaseResult, TestRunner},
};

#[derive(Clone, Debug)]
enum Step {
    Publish { user: usize, key: Option<usize>, len: usize },
    Wait(u64),
    SetBack(u64),
    Expire,
    Read { seq: u64, until: u64, budget: ReadBudget },
}

fn step() -> impl Strategy<Value = Step> {
    let key = prop::option::of(0..4_usize);
    let budget = (0..6_usize, 0..2_000_usize);
    prop_oneof![
        8 => (0..2_usize, key, 0..200_usize)
            .prop_map(|(user, key, len)| Step::Publish { user, key, len }),
        3 => prop_oneof![0..400_u64, Just(KEY_WINDOW_MS / 2)].prop_map(Step::Wait),
        1 => (0..2_000_u64).prop_map(Step::SetBack),
        1 => Just(Step::Expire),
        4 => (0..40_u64, 0..40_u64, budget).prop_map(|(seq, until, (frames, bytes))| Step::Read {
            seq,
            until,
            budget: ReadBudget { frames, bytes },
        }),
    ]
}

fn history() -> impl Strategy<Value = HistoryBounds> {
    let age_ms = prop_oneof![0..2_000_u64, Just(3 * KEY_WINDOW_MS)];
    (0..8_usize, age_ms, prop_oneof![0..2_000_usize, Just(100_000)])
        .prop_map(|(count, age_ms, bytes)| bounds(count, age_ms, bytes))
}

struct Entry {
    seq: u64,
    at: u64,
    key: Option<(&'static str, String)>,
    /// Of the larger frame and of both.
    sizes: (usize, usize),
}

/// What the log must be like.
struct Model {
    bounds: HistoryBounds,
    head: u64,
    newest: u64,
    remembered: Vec<Entry>,
}

impl Model {
    fn forget(&mut self, now: u64) {
        let age_ms = self.bounds.age_ms;
        self.remembered.retain(|entry| now.saturating_sub(entry.at) < age_ms);
    }

    fn trim(&mut self) {
        let size = |list: &[Entry]| list.iter().map(|entry| entry.sizes.1).sum::<usize>();
        while self.remembered.len() > self.bounds.count
            || size(&self.remembered) > self.bounds.bytes
        {
            self.remembered.remove(0);
        }
    }

    fn receipt(&self, key: &(&'static str, String), now: u64) -> Option<Receipt> {
        let known = self.remembered.iter().filter(|entry| now - entry.at < KEY_WINDOW_MS);
        let mut same = known.filter(|entry| entry.key.as_ref() == Some(key));
        let receipt = same.next().map(|entry| Receipt { seq: entry.seq, at_ms: entry.at });
        assert!(same.next().is_none(), "a key counts once");
        receipt
    }

    fn read(&self, seq: u64, until: u64, budget: ReadBudget) -> Result<Vec<u64>, Gap> {
        let until = until.min(self.head);
        if seq >= until {
            return Ok(Vec::new());
        }
        if !self.remembered.iter().any(|entry| entry.seq == seq + 1) {
            return Err(Gap);
        }
        let mut bytes = 0;
        let mut read = Vec::new();
        for entry in self.remembered.iter().filter(|entry| entry.seq > seq && entry.seq <= until) {
            bytes += entry.sizes.0;
            if !read.is_empty() && (read.len() >= budget.frames || bytes > budget.bytes) {
                break;
            }
            read.push(entry.seq);
        }
        Ok(read)
    }
}

pub(in crate::broker) fn behaves_like_a_list<B: Broker>(make: &impl Fn(HistoryBounds) -> B) {
    let steps = (history(), vec(step(), 1..80));
    TestRunner::default()
        .run(&steps, |(history, steps)| run(&make(history), history, steps))
        .unwrap_or_else(|failure| panic!("{failure}"));
}

fn run<B: Broker>(broker: &B, bounds: HistoryBounds, steps: Vec<Step>) -> TestCaseResult {
    let mut room = Room::open(broker);
    let mut model = Model { bounds, head: 0, newest: 0, remembered: Vec::new() };
    let mut now = 10_000;
    for step in steps {
        match step {
            Step::Publish { user, key, len } => {
                let user = ["ada", "bob"][user];
                let key = key.map(|key| (user, format!("key-{key}")));
                publish(&mut room, &mut model, key, (user, len), now)?;
            }
            Step::Wait(ms) => now += ms,
            Step::SetBack(ms) => now -= ms.min(now),
            Step::Expire => {
                room.log.expire(wall(now));
                model.forget(now);
            }
            Step::Read { seq, until, budget } => {
                prop_assert_eq!(room.read(seq, until, budget), model.read(seq, until, budget));
            }
        }
        agree(&room, &model, now)?;
    }
    Ok(())
}

fn publish<L: Log>(
    room: &mut Room<L>,
    model: &mut Model,
    key: Option<(&'static str, String)>,
    (user, len): (&'static str, usize),
    now: u64,
) -> TestCaseResult {
    let text = key.as_ref().map(|(_, text)| text.as_str());
    let publishing = room.publish(user, text, &format!("\"{}\"", "x".repeat(len)), now);
    let at = now.max(model.newest);
    model.forget(at);
    let known = key.as_ref().and_then(|key| model.receipt(key, at));
    match publishing {
        Publishing::Duplicate(receipt) => prop_assert_eq!(Some(receipt), known),
        Publishing::Committed { receipt, delivery } => {
            prop_assert_eq!(known, None);
            model.head += 1;
            model.newest = at;
            prop_assert_eq!(receipt, Receipt { seq: model.head, at_ms: at });
            prop_assert_eq!(delivery.seq, receipt.seq);
            let author = delivery.author.as_ref().map_or(0, |author| author.frame.len());
            let sizes = (author.max(delivery.frame.len()), author + delivery.frame.len());
            model.remembered.push(Entry { seq: receipt.seq, at, key, sizes });
            if model.bounds.age_ms == 0 {
                model.remembered.clear();
            }
            model.trim();
        }
    }
    Ok(())
}

fn agree<L: Log>(room: &Room<L>, model: &Model, now: u64) -> TestCaseResult {
    prop_assert_eq!(room.log.head(), model.head);
    for seq in 0..=model.head + 1 {
        let whole = (seq + 1..=model.head)
            .all(|wanted| model.remembered.iter().any(|entry| entry.seq == wanted));
        prop_assert_eq!(room.covers(seq), seq <= model.head && whole, "covers {}", seq);
        prop_assert_eq!(room.read(seq, u64::MAX, AMPLE).is_ok(), whole, "read after {}", seq);
    }
    let window = model.bounds.age_ms.min(KEY_WINDOW_MS);
    let until = model.remembered.last().map(|entry| wall(entry.at + window));
    prop_assert_eq!(room.log.remembers(wall(now)), until.filter(|until| wall(now) < *until));
    Ok(())
}
