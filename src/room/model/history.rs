//! The log of a room as a list: what was committed, and what of it is remembered.

use super::{Asked, Objection};
use crate::{
    broker::{HistoryBounds, KEY_WINDOW_MS},
    protocol::time::Wall,
};
use std::collections::VecDeque;

/// More than there is in an answer beside its messages.
const ENVELOPE_BYTES: usize = 1_024;

/// How much is remembered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Bounds {
    /// Messages.
    pub(crate) count: usize,
    /// Their age, in milliseconds.
    pub(crate) age_ms: u64,
    /// Their size, in bytes.
    pub(crate) bytes: usize,
    /// Whether more may be forgotten because other rooms need the memory.
    pub(crate) capped: bool,
}

/// What is remembered: the newest messages, without a gap.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct History {
    bounds: Bounds,
    pub(crate) head: u64,
    newest: Wall,
    entries: VecDeque<Entry>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Entry {
    at: Wall,
    bytes: usize,
    key: Option<u64>,
}

impl History {
    pub(super) fn new(bounds: Bounds) -> Self {
        Self { bounds, head: 0, newest: Wall::default(), entries: VecDeque::new() }
    }

    /// The oldest number that is remembered, or the next one.
    pub(crate) fn from(&self) -> u64 {
        self.head + 1 - self.entries.len() as u64
    }

    /// Remembers within these bounds from now on.
    pub(super) fn rebound(&mut self, bounds: HistoryBounds) {
        let HistoryBounds { count, age_ms, bytes } = bounds;
        self.bounds = Bounds { count, age_ms, bytes, ..self.bounds };
        self.trim();
    }

    /// Forgets what is too old.
    pub(super) fn expire(&mut self, now: Wall) {
        let age_ms = self.bounds.age_ms;
        while self.entries.front().is_some_and(|entry| now.since(entry.at) >= age_ms) {
            self.entries.pop_front();
        }
    }

    /// Forgets what comes before `from` because memory is short.
    pub(super) fn shed(&mut self, from: u64) -> Result<(), Objection> {
        let count = from.checked_sub(self.from()).and_then(|count| usize::try_from(count).ok());
        match count.filter(|count| self.bounds.capped && *count <= self.entries.len()) {
            Some(count) => drop(self.entries.drain(..count)),
            None => return Err(Objection::Impossible("memory is not short, or not so short")),
        }
        Ok(())
    }

    /// What happens at `now` and is not remembered counts for the time of what follows.
    pub(super) fn date(&mut self, now: Wall) -> Wall {
        self.newest = self.newest.max(now);
        self.newest
    }

    /// The newest messages below `before`, and whether older ones are remembered. `count` says how
    /// many did fit; here their size is known about.
    pub(super) fn page(
        &self,
        (before, limit, most): (Option<u64>, u32, usize),
        count: usize,
    ) -> Result<(Vec<u64>, bool), Objection> {
        let end = before.unwrap_or(u64::MAX).min(self.head + 1).max(self.from());
        let there = usize::try_from(end - self.from()).expect("a few");
        let wanted = there.min(limit as usize);
        let count = count.min(wanted);
        let bytes = self.entries.range(there.saturating_sub(count + 1)..there);
        let bytes: usize = bytes.map(|entry| entry.bytes).sum();
        if count < wanted && (count == 0 || bytes + ENVELOPE_BYTES < most) {
            return Err(Objection::Broken(format!("a page of {count}, and {wanted} would fit")));
        }
        Ok(((end - count as u64..end).collect(), count < there))
    }

    /// A publish: what time it counts for.
    pub(super) fn begin(&mut self, now: Wall) -> Wall {
        let at = now.max(self.newest);
        self.expire(at);
        at
    }

    /// The number that the message with this key has got.
    pub(super) fn find(&self, key: u64, at: Wall) -> Option<u64> {
        let counts = |entry: &Entry| at.since(entry.at) < KEY_WINDOW_MS;
        let same = |entry: &Entry| entry.key == Some(key) && counts(entry);
        self.entries.iter().position(same).map(|at| self.from() + at as u64)
    }

    pub(super) fn commit(&mut self, at: Wall, bytes: usize, key: Option<u64>) -> u64 {
        self.head += 1;
        self.newest = at;
        self.entries.push_back(Entry { at, bytes, key });
        self.trim();
        self.head
    }

    fn trim(&mut self) {
        if self.bounds.age_ms == 0 {
            self.entries.clear();
        }
        while self.entries.len() > self.bounds.count || self.bytes() > self.bounds.bytes {
            self.entries.pop_front();
        }
    }

    /// Whether a client at this position can be brought to the head; `slack` is a mistake.
    pub(super) fn covers(&self, since: Asked, slack: u64) -> bool {
        let reaches = since.seq + 1 + slack >= self.from();
        since.same_epoch && since.seq <= self.head && (since.seq == self.head || reaches)
    }

    /// Whether an empty room has to be kept.
    pub(super) fn is_remembered(&self, now: Wall) -> bool {
        let window_ms = self.bounds.age_ms.min(KEY_WINDOW_MS);
        self.entries.back().is_some_and(|last| now < last.at + window_ms)
    }

    /// Within its window a key names one message.
    pub(super) fn has_every_key_once(&self) -> Result<(), String> {
        for (entry, n) in self.entries.iter().zip(self.from()..) {
            if let Some(key) = entry.key
                && self.find(key, entry.at).is_some_and(|first| first < n)
            {
                return Err(format!("{n} repeats the key of a message that is remembered"));
            }
        }
        Ok(())
    }

    fn bytes(&self) -> usize {
        self.entries.iter().map(|entry| entry.bytes).sum()
    }
}
