//! When the next look at a user is due whom an answer wants to be asked about again: one time for
//! each user, for as long as the user is here.

use super::profile::RECHECK_MIN_MS;
use crate::protocol::identity::Principal;
use std::{
    collections::{BTreeMap, HashMap},
    time::Duration,
};
use tokio::time::Instant;

/// Users whose next look an answer may have hastened at a time: more than a server has places
/// for. Those beyond are looked at once a minute.
pub const EARLY: usize = 2_097_152;
/// Whoever is not here so long after the answer does not come in with it: the deadlines of
/// sign-ins are shorter.
const GRACE: Duration = Duration::from_secs(600);
/// In so long at the most everybody is looked at once whom the agenda does not know yet.
pub(super) const SPREAD: Duration = Duration::from_mins(1);
/// No look comes sooner after the one before.
pub(super) const LEAST: Duration = Duration::from_millis(RECHECK_MIN_MS);

/// The users with a time of their own.
#[derive(Debug)]
pub(super) struct Agenda {
    entries: HashMap<Principal, Entry>,
    /// Of every entry that is due at a time.
    due: BTreeMap<Due, Principal>,
    /// Tells apart what is due at the same time.
    number: u64,
    bound: usize,
    /// Somebody found no place since the last [`Self::sow`].
    turned_away: bool,
    sown: Option<Instant>,
}

type Due = (Instant, u64);

#[derive(Debug)]
struct Entry {
    /// `None` while the look is under way.
    at: Option<Due>,
    every: Duration,
    /// When there was an answer, or none could be had.
    since: Instant,
}

impl Agenda {
    pub(super) fn new(bound: usize) -> Self {
        Self {
            entries: HashMap::new(),
            due: BTreeMap::new(),
            number: 0,
            bound,
            turned_away: false,
            sown: None,
        }
    }

    /// An answer of `now` wants to be asked for again after `every`. Returns whether that is news for
    /// whoever waits for [`Self::next`].
    pub(super) fn set(&mut self, user: &Principal, now: Instant, every: Duration) -> bool {
        let at = now + every;
        self.put(user, at, Entry { at: None, every, since: now });
        self.turned_away || self.next() == Some(at)
    }

    /// As [`Self::set`], unless the user is due before that.
    pub(super) fn set_sooner(&mut self, user: &Principal, now: Instant, every: Duration) -> bool {
        !self.is_due_by(user, now + every) && self.set(user, now, every)
    }

    /// There was no answer: tries again after the time of the user, and no later than `usual`.
    pub(super) fn again(&mut self, user: &Principal, now: Instant, usual: Option<Duration>) {
        let entry = self.entries.get(user);
        if entry.is_some_and(|entry| entry.at.is_some()) {
            // A newer answer has come meanwhile.
            return;
        }
        let every = entry.map(|entry| entry.every).or(usual).unwrap_or(SPREAD);
        let wait = every.min(usual.unwrap_or(every)).max(LEAST);
        self.put(user, now + wait, Entry { at: None, every, since: now });
    }

    /// The user is looked at as usual from now on.
    pub(super) fn forget(&mut self, user: &Principal) {
        if let Some(at) = self.entries.remove(user).and_then(|entry| entry.at) {
            self.due.remove(&at);
        }
    }

    /// Whether the look at a user is under way, or due no later than `by`.
    pub(super) fn is_due_by(&self, user: &Principal, by: Instant) -> bool {
        let entry = self.entries.get(user);
        entry.is_some_and(|entry| entry.at.is_none_or(|(at, _)| at <= by))
    }

    /// Whether a user is being looked at whom [`Self::take`] gave out.
    pub(super) fn is_under_way(&self, user: &Principal) -> bool {
        self.entries.get(user).is_some_and(|entry| entry.at.is_none())
    }

    /// Who is due now: under way from now on.
    pub(super) fn take(&mut self, now: Instant) -> Option<Principal> {
        self.due.first_key_value().filter(|((at, _), _)| *at <= now)?;
        let (_, user) = self.due.pop_first()?;
        if let Some(entry) = self.entries.get_mut(&user) {
            entry.at = None;
        }
        Some(user)
    }

    /// A user who is due is not here: has left, or is about to come in.
    pub(super) fn absent(&mut self, user: &Principal, now: Instant) {
        let Some(entry) = self.entries.get(user).filter(|entry| entry.at.is_none()) else { return };
        let (every, since) = (entry.every, entry.since);
        if now < since + GRACE {
            self.put(user, now + every.max(LEAST), Entry { at: None, every, since });
        } else {
            self.entries.remove(user);
        }
    }

    /// When there is something to do.
    pub(super) fn next(&self) -> Option<Instant> {
        let first = self.due.first_key_value().map(|((at, _), _)| *at);
        let again = self.sown.filter(|_| self.turned_away).map(|sown| sown + SPREAD);
        first.into_iter().chain(again).min()
    }

    /// Whether there may be users here whom the agenda should know, and does not: at first, and
    /// once in a while if it was full.
    pub(super) fn wants_seed(&self, now: Instant) -> bool {
        self.sown.is_none_or(|sown| self.turned_away && now >= sown + SPREAD)
    }

    /// Users who may have left long ago; nobody as long as there are places.
    pub(super) fn stale(&self, now: Instant) -> Vec<Principal> {
        let stale = |entry: &Entry| self.turned_away && now >= entry.since + GRACE;
        let users = self.entries.iter().filter(|(_, entry)| stale(entry));
        users.map(|(user, _)| user.clone()).collect()
    }

    /// Everybody who is here and has no time yet is looked at once within `span`.
    pub(super) fn sow(&mut self, mut users: Vec<Principal>, now: Instant, span: Duration) {
        (self.sown, self.turned_away) = (Some(now), false);
        users.retain(|user| !self.entries.contains_key(user));
        let share = span / u32::try_from(users.len()).unwrap_or(u32::MAX).max(1);
        let mut at = now;
        for user in users {
            at += share;
            self.put(&user, at, Entry { at: None, every: span, since: now });
        }
    }

    fn put(&mut self, user: &Principal, at: Instant, entry: Entry) {
        self.forget(user);
        if self.entries.len() >= self.bound {
            self.turned_away = true;
            return;
        }
        self.number += 1;
        let at = (at, self.number);
        self.due.insert(at, user.clone());
        self.entries.insert(user.clone(), Entry { at: Some(at), ..entry });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::directory::tests;
    use proptest::prelude::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn user(n: u8) -> Principal {
        tests::user(&n.to_string())
    }

    #[test]
    fn a_newer_answer_takes_the_place_of_the_one_before() {
        let now = Instant::now();
        let mut agenda = Agenda::new(EARLY);
        for s in [1, 9, 2, 3] {
            agenda.set(&user(1), now, s * SECOND);
        }
        assert!(!agenda.set_sooner(&user(1), now, 4 * SECOND));
        assert_eq!((agenda.next(), agenda.take(now + 2 * SECOND)), (Some(now + 3 * SECOND), None));
        assert_eq!(agenda.take(now + 3 * SECOND), Some(user(1)));
        assert_eq!((agenda.next(), agenda.take(now + 99 * SECOND)), (None, None), "under way");
        assert!(agenda.is_due_by(&user(1), now));
        agenda.set(&user(1), now + 3 * SECOND, SECOND);
        agenda.again(&user(1), now + 4 * SECOND, None);
        assert_eq!(agenda.next(), Some(now + 4 * SECOND), "the answer counts, not the failure");
        agenda.forget(&user(1));
        assert_eq!((agenda.next(), agenda.entries.len()), (None, 0));
    }

    #[test]
    fn what_failed_is_tried_again_and_no_later_than_usual() {
        let now = Instant::now();
        for (every, usual, wait) in [(5, None, 5), (5, Some(2), 2), (2, Some(5), 2)] {
            let mut agenda = Agenda::new(EARLY);
            agenda.set(&user(1), now, every * SECOND);
            let at = now + every * SECOND;
            for n in 0..3 {
                assert_eq!(agenda.take(at + n * wait * SECOND), Some(user(1)));
                agenda.again(&user(1), at + n * wait * SECOND, usual.map(|s| s * SECOND));
                assert_eq!(agenda.next(), Some(at + (n + 1) * wait * SECOND));
            }
        }
        let mut agenda = Agenda::new(EARLY);
        agenda.again(&user(1), now, Some(SECOND / 5));
        assert_eq!(agenda.next(), Some(now + SECOND));
    }

    #[test]
    fn who_is_not_here_is_forgotten_after_a_while() {
        let now = Instant::now();
        let mut agenda = Agenda::new(EARLY);
        agenda.set(&user(1), now, 300 * SECOND);
        assert_eq!(agenda.take(now + 300 * SECOND), Some(user(1)));
        agenda.absent(&user(1), now + 300 * SECOND);
        assert_eq!(agenda.take(now + 600 * SECOND), Some(user(1)));
        agenda.absent(&user(1), now + 600 * SECOND);
        assert!(agenda.entries.is_empty() && agenda.due.is_empty());
    }

    #[test]
    fn who_is_here_already_is_looked_at_once_spread_and_those_without_a_place_later() {
        let now = Instant::now();
        let mut agenda = Agenda::new(2);
        assert!(agenda.wants_seed(now));
        agenda.set(&user(9), now, 900 * SECOND);
        agenda.sow(vec![user(9), user(1), user(2)], now, 10 * SECOND);
        assert_eq!(agenda.next(), Some(now + 5 * SECOND));
        assert!(!agenda.wants_seed(now + 59 * SECOND) && agenda.wants_seed(now + 60 * SECOND));
        assert_eq!(agenda.take(now + 5 * SECOND), Some(user(1)));
        agenda.forget(&user(1));
        assert_eq!(agenda.next(), Some(now + SPREAD), "time for those without a place");
        assert!(agenda.stale(now + 599 * SECOND).is_empty());
        assert_eq!(agenda.stale(now + 600 * SECOND), [user(9)]);
        agenda.sow(vec![user(9), user(2)], now + SPREAD, 10 * SECOND);
        assert!(!agenda.wants_seed(now + 999 * SECOND));
        assert_eq!(agenda.next(), Some(now + SPREAD + 10 * SECOND));
    }

    proptest! {
        #[test]
        fn each_user_has_one_time_at_most(
            steps in prop::collection::vec((0..6_u8, 0..8_u8, 0..9_u32), 0..200),
        ) {
            let mut now = Instant::now();
            let mut agenda = Agenda::new(5);
            for (what, n, s) in steps {
                let (user, every) = (user(n), s * SECOND);
                match what {
                    0 => drop(agenda.set(&user, now, every)),
                    1 => drop(agenda.set_sooner(&user, now, every)),
                    2 => agenda.again(&user, now, Some(every)),
                    3 => agenda.forget(&user),
                    4 => agenda.absent(&user, now),
                    _ => drop(agenda.take(now)),
                }
                now += SECOND;
                let dated = agenda.entries.iter().filter_map(|(user, entry)| Some((entry.at?, user)));
                let mut dated: Vec<_> = dated.collect();
                dated.sort_by_key(|(at, _)| *at);
                prop_assert_eq!(dated, agenda.due.iter().map(|(at, it)| (*at, it)).collect::<Vec<_>>());
                prop_assert!(agenda.entries.len() <= 5);
            }
        }
    }
}
