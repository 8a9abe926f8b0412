//! Whose lookup runs next: the one of who has fewest under way, then of who waits longest.
//!
//! Pure: askers go in, and who begins comes out. A lookup may hang until its deadline, so that an
//! order alone would not help a newcomer while one asker holds every place. Therefore only some
//! places are open to all; the others are kept for askers that have nothing under way, one each.

#[cfg(test)]
mod tests;

use std::{
    collections::{BTreeMap, HashMap},
    hash::Hash,
};

/// Stands for one lookup; in the order of arrival.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Ticket(u64);

/// How many lookups may run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Bounds {
    /// At a time.
    pub(super) places: usize,
    /// An asker that has some under way begins another only while fewer than these run.
    pub(super) open: usize,
}

/// The table of lookups. Every operation costs a logarithm of those that wait.
#[derive(Debug)]
pub(super) struct Turns<A, S> {
    bounds: Bounds,
    next: u64,
    running: usize,
    /// Only those that have something under way or waiting.
    askers: HashMap<A, Lookups<S>>,
    /// Who waits, whose turn comes first in front.
    order: BTreeMap<Rank, A>,
}

/// What an asker has under way, and its first lookup that waits.
type Rank = (usize, Ticket);

/// The lookups of one asker.
#[derive(Debug)]
struct Lookups<S> {
    running: usize,
    waiting: BTreeMap<Ticket, S>,
}

impl<A: Clone + Eq + Hash, S> Turns<A, S> {
    /// An empty table.
    pub(super) fn new(bounds: Bounds) -> Self {
        Self { bounds, next: 0, running: 0, askers: HashMap::new(), order: BTreeMap::new() }
    }

    /// A lookup for `asker`; `seat` is where it is told to begin, and comes back at once if it may.
    pub(super) fn ask(&mut self, asker: &A, seat: S) -> (Ticket, Option<S>) {
        let ticket = Ticket(self.next);
        self.next += 1;
        self.change(asker, |lookups| {
            lookups.waiting.insert(ticket, seat);
        });
        (ticket, self.begin())
    }

    /// The lookup is over, or is not wanted any more: to be called once for each ticket. Returns
    /// who begins in its stead.
    pub(super) fn leave(&mut self, asker: &A, ticket: Ticket) -> Option<S> {
        let ran = self.change(asker, |lookups| {
            let ran = lookups.waiting.remove(&ticket).is_none();
            lookups.running -= usize::from(ran);
            ran
        });
        self.running -= usize::from(ran);
        // One place at most became free, and a place for one asker at most: who else waits met
        // a bound that still holds.
        self.begin()
    }

    /// Lookups that run, and those that wait.
    #[cfg(test)]
    pub(super) fn held(&self) -> (usize, usize) {
        (self.running, self.askers.values().map(|lookups| lookups.waiting.len()).sum())
    }

    /// Lets the next one begin whom no bound holds back.
    fn begin(&mut self) -> Option<S> {
        let (&(under_way, _), asker) = self.order.first_key_value()?;
        let bound = if under_way == 0 { self.bounds.places } else { self.bounds.open };
        if self.running >= bound {
            return None;
        }
        let asker = asker.clone();
        self.running += 1;
        self.change(&asker, |lookups| {
            lookups.running += 1;
            lookups.waiting.pop_first().map(|(_, seat)| seat)
        })
    }

    /// Changes the lookups of `asker`, and puts it where it now belongs.
    fn change<R>(&mut self, asker: &A, change: impl FnOnce(&mut Lookups<S>) -> R) -> R {
        let lookups = self.askers.entry(asker.clone()).or_default();
        if let Some(rank) = lookups.rank() {
            self.order.remove(&rank);
        }
        let result = change(lookups);
        match lookups.rank() {
            Some(rank) => {
                self.order.insert(rank, asker.clone());
            }
            None if lookups.running == 0 => {
                self.askers.remove(asker);
            }
            None => {}
        }
        result
    }
}

impl<S> Lookups<S> {
    /// Where its asker stands in the order; nowhere if none waits.
    fn rank(&self) -> Option<Rank> {
        self.waiting.first_key_value().map(|(first, _)| (self.running, *first))
    }
}

impl<S> Default for Lookups<S> {
    fn default() -> Self {
        Self { running: 0, waiting: BTreeMap::new() }
    }
}
