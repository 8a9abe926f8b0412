//! The `kid`s that were asked for and are not there: a bounded memory, by hash.

use super::bounds::UNKNOWN_KEY_IDS;
use crate::protocol::time::Time;
use std::collections::{HashMap, VecDeque};

/// The keyed hash of a `kid`.
pub(super) type Mark = u64;

/// When each unknown `kid` was first asked for. An entry lives for a while from then; where
/// [`UNKNOWN_KEY_IDS`] live, no further one is taken in, so that a flood pushes nobody out.
#[derive(Debug, Default)]
pub(super) struct Questions {
    asked: HashMap<Mark, Time>,
    order: VecDeque<(Time, Mark)>,
}

impl Questions {
    /// Notes that `mark` is asked for, unless that is known already.
    pub(super) fn ask(&mut self, mark: Mark, now: Time, life_ms: u64) {
        self.forget(now, life_ms);
        if self.asked.len() < UNKNOWN_KEY_IDS && !self.asked.contains_key(&mark) {
            self.asked.insert(mark, now);
            self.order.push_back((now, mark));
        }
    }

    /// Whether `mark` was first asked for at `answered` or before, and still counts.
    pub(super) fn is_answered(&self, mark: Mark, answered: Time, now: Time, life_ms: u64) -> bool {
        let asked = self.asked.get(&mark);
        asked.is_some_and(|asked| *asked <= answered && now < *asked + life_ms)
    }

    /// Drops what there is a key for, and tells whether anything was asked for after `answered`.
    pub(super) fn settle(&mut self, answered: Time, is_known: impl Fn(Mark) -> bool) -> bool {
        self.order.retain(|(_, mark)| !is_known(*mark));
        self.asked.retain(|mark, _| !is_known(*mark));
        self.order.back().is_some_and(|(asked, _)| *asked > answered)
    }

    fn forget(&mut self, now: Time, life_ms: u64) {
        while let Some((asked, mark)) = self.order.front().copied()
            && asked + life_ms <= now
        {
            self.order.pop_front();
            self.asked.remove(&mark);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIFE_MS: u64 = 100;

    fn at(ms: u64) -> Time {
        Time::from_ms(ms)
    }

    #[test]
    fn an_answer_is_younger_than_its_question() {
        let mut questions = Questions::default();
        questions.ask(7, at(10), LIFE_MS);
        questions.ask(7, at(50), LIFE_MS);
        assert!(!questions.is_answered(7, at(9), at(20), LIFE_MS));
        assert!(questions.is_answered(7, at(10), at(20), LIFE_MS));
        assert!(questions.is_answered(7, at(10), at(109), LIFE_MS), "the first question counts");
        assert!(!questions.is_answered(7, at(10), at(110), LIFE_MS), "its life is over");
        assert!(!questions.is_answered(8, at(10), at(20), LIFE_MS));
        questions.ask(7, at(110), LIFE_MS);
        assert!(!questions.is_answered(7, at(109), at(110), LIFE_MS), "asked again");
    }

    #[test]
    fn what_is_found_is_forgotten() {
        let mut questions = Questions::default();
        questions.ask(1, at(10), LIFE_MS);
        questions.ask(2, at(20), LIFE_MS);
        assert!(questions.settle(at(10), |mark| mark == 1), "2 was asked for later");
        assert!(!questions.settle(at(20), |_| false));
        assert!(!questions.is_answered(1, at(50), at(50), LIFE_MS));
        assert!(!questions.settle(at(0), |_| true));
    }

    #[test]
    fn a_flood_is_bounded_and_pushes_nobody_out() {
        let mut questions = Questions::default();
        for mark in 0..5_000 {
            questions.ask(mark, at(10), LIFE_MS);
        }
        assert_eq!(questions.asked.len(), UNKNOWN_KEY_IDS);
        assert_eq!(questions.order.len(), UNKNOWN_KEY_IDS);
        assert!(questions.is_answered(0, at(10), at(20), LIFE_MS));
        questions.ask(9_999, at(110), LIFE_MS);
        assert_eq!((questions.asked.len(), questions.order.len()), (1, 1));
    }
}
