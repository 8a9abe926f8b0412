//! The timers of one worker: a hierarchical wheel that fires keys, never early.
//!
//! Three levels of 128 slots: ticks of 10 ms for 1.28 s, then 1.28 s for 164 s, then 164 s for
//! 5.8 hours. What is farther waits in the last slot and is sorted in again. A coarse entry
//! moves down when its slot comes up, so that every timer fires within the 10 ms after its due
//! instant, however far ahead it was set.

use crate::protocol::time::Time;

/// The resolution, in milliseconds.
const TICK_MS: u64 = 10;
/// Slots of a level, as a power of two.
const SLOT_BITS: u32 = 7;
const SLOTS: usize = 1 << SLOT_BITS;
const LEVELS: usize = 3;
/// The end of a list of nodes.
const NIL: u32 = u32::MAX;

/// A timer wheel. Entries are connection keys; nothing is ever removed: whoever gets a key
/// looks at what is due for it, and sets it again if nothing is.
///
/// An entry costs 12 bytes, kept for the next one when it has fired.
#[derive(Debug)]
pub(crate) struct Wheel {
    /// The last tick that was fired; what is on the wheel is due later.
    at: u64,
    levels: [Level; LEVELS],
    nodes: Vec<Node>,
    /// The first unused node.
    free: u32,
    /// Keys that were due when they were set.
    overdue: Vec<u32>,
}

#[derive(Debug)]
struct Level {
    /// The first node of each slot.
    heads: [u32; SLOTS],
    /// A bit for each slot that has nodes.
    occupied: u128,
}

#[derive(Clone, Copy, Debug)]
struct Node {
    key: u32,
    /// The low 32 bits of the tick; it lies less than 2^32 ticks after [`Wheel::at`].
    tick: u32,
    next: u32,
}

impl Wheel {
    /// An empty wheel.
    pub(crate) fn new(now: Time) -> Self {
        let level = || Level { heads: [NIL; SLOTS], occupied: 0 };
        Self {
            at: now.as_ms() / TICK_MS,
            levels: [level(), level(), level()],
            nodes: Vec::new(),
            free: NIL,
            overdue: Vec::new(),
        }
    }

    /// Lets `key` fire at `due`, or at the next [`advance`](Self::advance) if that has passed.
    ///
    /// A key may be set any number of times. Only a `due` more than 497 days ahead fires early.
    pub(crate) fn insert(&mut self, key: u32, due: Time) {
        let tick = due.as_ms().div_ceil(TICK_MS);
        if tick <= self.at {
            return self.overdue.push(key);
        }
        let tick = tick.min(self.at.saturating_add(u64::from(u32::MAX)));
        match self.allocate(Node { key, tick: tick as u32, next: NIL }) {
            Some(node) => self.link(node, tick),
            None => self.overdue.push(key),
        }
    }

    /// Moves on to `now` and appends to `fired` every key that is due, in no particular order.
    ///
    /// It costs at most a look at each slot, however long the host was suspended.
    pub(crate) fn advance(&mut self, now: Time, fired: &mut Vec<u32>) {
        fired.append(&mut self.overdue);
        let from = self.at;
        self.at = from.max(now.as_ms() / TICK_MS);
        let mut early = NIL;
        for level in 0..LEVELS {
            let shift = SLOT_BITS * level as u32;
            let mut due = passed(from >> shift, self.at >> shift);
            due &= self.levels.get(level).map_or(0, |level| level.occupied);
            while due != 0 {
                let slot = due.trailing_zeros() as usize;
                due &= due - 1;
                let head = self.levels.get_mut(level).map_or(NIL, |level| level.take(slot));
                self.sort(head, from, &mut early, fired);
            }
        }
        while let Some(&node) = self.nodes.get(early as usize) {
            self.link(early, from + u64::from(node.tick.wrapping_sub(from as u32)));
            early = node.next;
        }
    }

    /// When to call [`advance`](Self::advance) next: not after the first timer is due, perhaps
    /// before it (a coarse slot comes up). `None` if nothing is set.
    pub(crate) fn next(&self) -> Option<Time> {
        let tick = if self.overdue.is_empty() {
            let starts = self.levels.iter().zip(0..).filter_map(|(level, index)| {
                let shift = SLOT_BITS * index;
                let after = (self.at >> shift) + 1;
                let ahead = level.occupied.rotate_right(after as u32 % SLOTS as u32);
                (ahead != 0).then(|| (after + u64::from(ahead.trailing_zeros())) << shift)
            });
            starts.min()?
        } else {
            self.at
        };
        Some(Time::from_ms(tick.saturating_mul(TICK_MS)))
    }

    /// Takes a list apart: what is due goes to `fired`, the rest in front of the list `early`.
    fn sort(&mut self, mut head: u32, from: u64, early: &mut u32, fired: &mut Vec<u32>) {
        let due = self.at - from;
        while let Some(node) = self.nodes.get_mut(head as usize) {
            let index = std::mem::replace(&mut head, node.next);
            if u64::from(node.tick.wrapping_sub(from as u32)) <= due {
                fired.push(node.key);
                node.next = std::mem::replace(&mut self.free, index);
            } else {
                node.next = std::mem::replace(early, index);
            }
        }
    }

    /// Puts a node into the finest slot that reaches `tick`, which lies after `at`.
    fn link(&mut self, index: u32, tick: u64) {
        const FARTHEST: u64 = SLOTS as u64 - 1;
        let Some(node) = self.nodes.get_mut(index as usize) else { return };
        for (level, order) in self.levels.iter_mut().zip(0..) {
            let shift = SLOT_BITS * order;
            let here = self.at >> shift;
            let ahead = (tick >> shift) - here;
            if ahead <= FARTHEST || order as usize == LEVELS - 1 {
                let slot = (here + ahead.min(FARTHEST)) as usize % SLOTS;
                node.next = level.put(slot, index);
                return;
            }
        }
    }

    /// A place for `node`; `None` if there are 2^32 already.
    fn allocate(&mut self, node: Node) -> Option<u32> {
        let index = self.free;
        if let Some(place) = self.nodes.get_mut(index as usize) {
            self.free = place.next;
            *place = node;
            return Some(index);
        }
        let index = u32::try_from(self.nodes.len()).ok().filter(|&index| index != NIL)?;
        self.nodes.push(node);
        Some(index)
    }
}

impl Level {
    /// Makes `index` the first node of `slot`; returns the one that was.
    fn put(&mut self, slot: usize, index: u32) -> u32 {
        self.occupied |= 1 << slot;
        self.heads.get_mut(slot).map_or(NIL, |head| std::mem::replace(head, index))
    }

    /// Empties `slot`; returns its first node.
    fn take(&mut self, slot: usize) -> u32 {
        self.occupied &= !(1 << slot);
        self.heads.get_mut(slot).map_or(NIL, |head| std::mem::replace(head, NIL))
    }
}

/// The slots after `from` up to `to`, as bits.
fn passed(from: u64, to: u64) -> u128 {
    let count = to - from;
    if count >= SLOTS as u64 {
        return u128::MAX;
    }
    ((1_u128 << count) - 1).rotate_left((from + 1) as u32 % SLOTS as u32)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::{collection::vec, prelude::*};

    const HOUR: u64 = 3_600_000;

    fn at(ms: u64) -> Time {
        Time::from_ms(ms)
    }

    fn fired(wheel: &mut Wheel, now: u64) -> Vec<u32> {
        let mut keys = Vec::new();
        wheel.advance(at(now), &mut keys);
        keys.sort_unstable();
        keys
    }

    #[test]
    fn an_empty_wheel_has_nothing_to_wait_for() {
        let mut wheel = Wheel::new(at(123_456));
        assert_eq!(wheel.next(), None);
        assert!(fired(&mut wheel, HOUR).is_empty());
    }

    #[test]
    fn a_timer_fires_at_its_instant_and_not_before() {
        let mut wheel = Wheel::new(at(5));
        wheel.insert(7, at(1_000));
        assert_eq!(wheel.next(), Some(at(1_000)));
        assert!(fired(&mut wheel, 999).is_empty());
        assert_eq!(fired(&mut wheel, 1_000), [7]);
        assert_eq!(wheel.next(), None);
    }

    #[test]
    fn a_timer_between_two_ticks_waits_for_the_later_one() {
        let mut wheel = Wheel::new(at(0));
        wheel.insert(7, at(1_001));
        assert!(fired(&mut wheel, 1_009).is_empty());
        assert_eq!(fired(&mut wheel, 1_010), [7]);
    }

    #[test]
    fn what_is_due_when_set_fires_next() {
        let mut wheel = Wheel::new(at(1_005));
        wheel.insert(1, at(1_000));
        wheel.insert(2, at(0));
        assert_eq!(wheel.next(), Some(at(1_000)));
        assert_eq!(fired(&mut wheel, 1_005), [1, 2]);
    }

    #[test]
    fn a_clock_that_goes_back_fires_nothing_and_loses_nothing() {
        let mut wheel = Wheel::new(at(10_000));
        wheel.insert(1, at(10_500));
        assert!(fired(&mut wheel, 9_000).is_empty());
        assert_eq!(fired(&mut wheel, 10_500), [1]);
    }

    #[test]
    fn a_key_may_be_set_twice() {
        let mut wheel = Wheel::new(at(0));
        wheel.insert(1, at(50));
        wheel.insert(1, at(50));
        wheel.insert(1, at(90));
        assert_eq!(fired(&mut wheel, 60), [1, 1]);
        assert_eq!(fired(&mut wheel, 90), [1]);
    }

    #[test]
    fn every_distance_fires_within_a_tick() {
        let distances = [1_270, 1_280, 1_290, 163_830, 163_840, 163_850, 5 * HOUR, 7 * HOUR];
        for (key, distance) in (0..).zip(distances.into_iter().chain([400 * 24 * HOUR])) {
            for start in [0, 1_275, 163_835, 99_999_999] {
                let mut wheel = Wheel::new(at(start));
                wheel.insert(key, at(start + distance));
                let mut wakes = 0;
                let woken = loop {
                    let next = wheel.next().expect("it has not fired").as_ms();
                    wakes += 1;
                    if fired(&mut wheel, next) == [key] {
                        break next;
                    }
                };
                assert!((start + distance..start + distance + TICK_MS).contains(&woken));
                assert!(wakes <= 3 + distance / (5 * HOUR), "{distance}: {wakes} wakes");
            }
        }
    }

    #[test]
    fn beyond_the_horizon_is_not_forever() {
        let mut wheel = Wheel::new(at(0));
        wheel.insert(1, at(u64::MAX));
        assert!(fired(&mut wheel, 490 * 24 * HOUR).is_empty());
        assert_eq!(fired(&mut wheel, 498 * 24 * HOUR), [1]);
    }

    #[test]
    fn fired_nodes_are_used_again() {
        let mut wheel = Wheel::new(at(0));
        for round in 1..100 {
            for key in 0..10 {
                wheel.insert(key, at(round * 500));
            }
            assert_eq!(fired(&mut wheel, round * 500).len(), 10);
        }
        assert_eq!(wheel.nodes.len(), 10);
        assert_eq!(size_of::<Node>(), 12);
    }

    fn span() -> impl Strategy<Value = u64> {
        prop_oneof![
            3 => 0..30_u64,
            4 => 0..2_000_u64,
            4 => 0..200_000_u64,
            2 => 0..8 * HOUR,
            1 => 0..60 * 24 * HOUR,
        ]
    }

    #[derive(Clone, Debug)]
    enum Step {
        Insert { after: u64, back: bool },
        Jump(u64),
        Sleep,
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            4 => (span(), prop::bool::weighted(0.05))
                .prop_map(|(after, back)| Step::Insert { after, back }),
            1 => span().prop_map(Step::Jump),
            2 => Just(Step::Sleep),
        ]
    }

    proptest! {
        #[test]
        fn fires_what_a_sorted_list_fires(
            start in prop_oneof![0..100_000_u64, Just(u64::from(u32::MAX) * 10 - 5_000)],
            steps in vec(step(), 1..120),
        ) {
            let mut wheel = Wheel::new(at(start));
            let mut now = start;
            // Due instants with their keys.
            let mut list: Vec<(u64, u32)> = Vec::new();
            for (key, step) in (0..).zip(steps) {
                match step {
                    Step::Insert { after, back } => {
                        let due = if back { now.saturating_sub(after) } else { now + after };
                        wheel.insert(key, at(due));
                        list.push((due, key));
                        continue;
                    }
                    Step::Jump(ms) => now += ms,
                    Step::Sleep => {
                        let next = wheel.next().map(Time::as_ms);
                        prop_assert_eq!(next.is_none(), list.is_empty());
                        now = now.max(next.unwrap_or(now));
                    }
                }
                let keys = fired(&mut wheel, now);
                let mut early = list.iter().filter(|(due, key)| *due > now && keys.contains(key));
                prop_assert_eq!(early.next(), None, "fired early at {}", now);
                list.retain(|(_, key)| !keys.contains(key));
                let late = list.iter().find(|(due, _)| due.next_multiple_of(TICK_MS) <= now);
                prop_assert_eq!(late, None, "not fired at {}", now);
                let first = list.iter().map(|(due, _)| due.next_multiple_of(TICK_MS)).min();
                prop_assert!(wheel.next() <= first.map(at) && wheel.next().is_some() == first.is_some());
            }
            let mut rest: Vec<u32> = list.into_iter().map(|(_, key)| key).collect();
            rest.sort_unstable();
            prop_assert_eq!(fired(&mut wheel, now + 61 * 24 * HOUR), rest, "none is lost");
        }
    }
}
