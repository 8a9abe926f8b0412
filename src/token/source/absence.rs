//! Which keys are gone for good: absent in two looks, far enough apart.

use crate::protocol::{identity::Signer, time::Time};
use std::collections::{HashMap, HashSet};

/// The most absent keys of one source that are watched.
const ABSENT: usize = 4_096;

/// Watches the keys of one source. A key is gone when a look does not find it, none between finds
/// it, and another one at least `absence_ms` later does not find it either: a copy of the set that
/// is behind, or a short mistake, ends no session.
#[derive(Debug)]
pub(super) struct Absence {
    absence_ms: u64,
    present: HashSet<Signer>,
    /// When each was first missed.
    absent: HashMap<Signer, Time>,
}

impl Absence {
    pub(super) fn new(absence_ms: u64) -> Self {
        Self { absence_ms, present: HashSet::new(), absent: HashMap::new() }
    }

    /// Takes in what a look at `now` found, and returns the keys that are gone with it.
    pub(super) fn look(&mut self, now: Time, found: impl Iterator<Item = Signer>) -> Vec<Signer> {
        let found: HashSet<Signer> = found.collect();
        self.absent.retain(|signer, _| !found.contains(signer));
        for missed in self.present.difference(&found) {
            // Only a source that makes up keys gets here; what it takes away is worth nothing.
            if self.absent.len() < ABSENT {
                self.absent.insert(*missed, now);
            }
        }
        self.present = found;
        let is_gone = |_: &Signer, first: &mut Time| now >= *first + self.absence_ms;
        self.absent.extract_if(is_gone).map(|(signer, _)| signer).collect()
    }

    /// When the next look can find that a key is gone.
    pub(super) fn next_look(&self) -> Option<Time> {
        self.absent.values().min().map(|first| *first + self.absence_ms)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const ABSENCE_MS: u64 = 600_000;

    fn look(absence: &mut Absence, at_s: u64, found: &[u64]) -> Vec<u64> {
        let signers = found.iter().map(|number| Signer::from_number(*number));
        let gone = absence.look(Time::from_ms(at_s * 1_000), signers);
        (0..=9).filter(|number| gone.contains(&Signer::from_number(*number))).collect()
    }

    #[test]
    fn a_key_is_gone_after_two_looks() {
        let mut absence = Absence::new(ABSENCE_MS);
        assert!(look(&mut absence, 0, &[1, 2]).is_empty());
        assert!(look(&mut absence, 100, &[2]).is_empty());
        assert_eq!(absence.next_look(), Some(Time::from_ms(700_000)));
        assert!(look(&mut absence, 699, &[2]).is_empty());
        assert_eq!(look(&mut absence, 700, &[2]), [1]);
        assert!(look(&mut absence, 9_000, &[2]).is_empty(), "it is said once");
        assert_eq!(absence.next_look(), None);
    }

    #[test]
    fn a_key_that_comes_back_was_never_gone() {
        let mut absence = Absence::new(ABSENCE_MS);
        look(&mut absence, 0, &[1, 2]);
        look(&mut absence, 100, &[2]);
        look(&mut absence, 400, &[1, 2]);
        assert!(look(&mut absence, 700, &[2]).is_empty());
        assert_eq!(look(&mut absence, 1_300, &[2]), [1]);
    }

    #[test]
    fn what_was_never_there_cannot_go() {
        let mut absence = Absence::new(ABSENCE_MS);
        assert!(look(&mut absence, 0, &[]).is_empty());
        assert!(look(&mut absence, 9_000, &[]).is_empty());
    }

    #[test]
    fn a_source_that_makes_up_keys_costs_a_bounded_memory() {
        let mut absence = Absence::new(ABSENCE_MS);
        for round in 0..1_000_u64 {
            let made_up = (0..64).map(|key| Signer::from_number(round * 64 + key));
            absence.look(Time::from_ms(round), made_up);
        }
        assert_eq!((absence.present.len(), absence.absent.len()), (64, ABSENT));
    }

    proptest! {
        /// The same by the rule's own words, over the whole history.
        #[test]
        fn gone_is_what_two_looks_far_apart_did_not_find(
            looks in prop::collection::vec((1_u64..400, prop::collection::vec(0_u64..4, 0..4)), 1..30)
        ) {
            let mut absence = Absence::new(ABSENCE_MS);
            let mut history: Vec<(u64, Vec<u64>)> = Vec::new();
            let mut said: Vec<(u64, usize)> = Vec::new();
            let mut at_s = 0;
            for (pause_s, found) in looks {
                at_s += pause_s;
                history.push((at_s, found.clone()));
                let gone = look(&mut absence, at_s, &found);
                for key in 0..4 {
                    let last = history.iter().rposition(|(_, found)| found.contains(&key));
                    let first_missed = last.and_then(|at| history.get(at + 1));
                    let long = first_missed.is_some_and(|(first, _)| at_s >= first + 600);
                    let told = said.contains(&(key, last.unwrap_or(usize::MAX)));
                    prop_assert_eq!(gone.contains(&key), long && !told, "key {} at {}", key, at_s);
                    if gone.contains(&key) {
                        said.push((key, last.unwrap_or(usize::MAX)));
                    }
                }
            }
        }
    }
}
