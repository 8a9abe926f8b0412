//! When a source is asked, and what an unknown `kid` means meanwhile: a state machine without
//! clock, randomness or input.

use super::{
    bounds::Bounds,
    questions::{Mark, Questions},
};
use crate::{protocol::time::Time, token::rejection::KeyRefusal};

/// The most of a fresh time that chance takes off, in percent.
const FRESH_JITTER_PERCENT: u64 = 10;
/// The most of a pause that chance takes off, in percent.
const PAUSE_JITTER_PERCENT: u64 = 25;

/// A number that chance chose: a share from 0 up to 1.
#[derive(Clone, Copy, Debug)]
pub(super) struct Jitter(u32);

impl Jitter {
    /// Any number makes one.
    pub(super) const fn from_bits(bits: u32) -> Self {
        Self(bits)
    }

    /// `ms` less a share of up to `percent` of it.
    fn off(self, ms: u64, percent: u64) -> u64 {
        let most = u128::from(ms) * u128::from(percent) / 100;
        let share = (most * u128::from(self.0)) >> 32;
        ms - u64::try_from(share).unwrap_or(ms)
    }
}

/// The number of a fetch, from 1.
pub(super) type Flight = u64;

/// What is to be done about the source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// Fetch: this flight has begun.
    Fetch,
    /// Nothing before this time, unless somebody asks.
    Wait(Time),
}

/// What becomes of a token with an unknown `kid`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Asked {
    /// It is refused, for this reason.
    Settled(KeyRefusal),
    /// It waits for the end of this flight, which may not have begun.
    Wait(Flight),
}

/// The set that the source brought last.
#[derive(Clone, Copy, Debug)]
struct Held {
    /// When the flight began that brought it.
    asked: Time,
    /// When it no longer counts.
    over: Time,
}

/// When a source is asked.
#[derive(Debug)]
pub(super) struct Schedule {
    bounds: Bounds,
    /// When the flight began that is under way.
    flying: Option<Time>,
    /// How many flights have begun.
    flights: Flight,
    /// When the next flight is due by itself.
    next: Time,
    /// Failures since the last success.
    failures: u32,
    /// When a flight last began because somebody asked.
    answered: Option<Time>,
    /// Somebody asks for a flight.
    wanted: bool,
    held: Option<Held>,
    questions: Questions,
}

impl Schedule {
    /// A source that was never asked: it is asked at once.
    pub(super) fn new(bounds: Bounds, now: Time) -> Self {
        Self {
            bounds,
            flying: None,
            flights: 0,
            next: now,
            failures: 0,
            answered: None,
            wanted: false,
            held: None,
            questions: Questions::default(),
        }
    }

    /// What is to be done now.
    pub(super) fn poll(&mut self, now: Time) -> Step {
        if self.flying.is_some() {
            return Step::Wait(Time::from_ms(u64::MAX));
        }
        let by_itself = now >= self.next;
        if !by_itself && now < self.asked_flight() {
            return Step::Wait(self.next.min(self.asked_flight()));
        }
        if !by_itself {
            self.answered = Some(now);
        }
        self.flying = Some(now);
        self.flights += 1;
        self.wanted = false;
        Step::Fetch
    }

    /// Asks for a flight now, whatever was planned; one under way is enough.
    pub(super) fn hurry(&mut self, now: Time) {
        self.next = self.next.min(now);
    }

    /// The flight brought a set that is fresh for `fresh_ms` more, if the source says so.
    /// `is_known` tells which of its keys have a `kid` with this mark.
    pub(super) fn succeeded(
        &mut self,
        now: Time,
        fresh_ms: Option<u64>,
        jitter: Jitter,
        is_known: impl Fn(Mark) -> bool,
    ) {
        let Some(asked) = self.flying.take() else { return };
        let Bounds { least_fresh_ms, most_fresh_ms, silent_fresh_ms, stale_ms, .. } = self.bounds;
        let fresh = fresh_ms.unwrap_or(silent_fresh_ms).min(most_fresh_ms).max(least_fresh_ms);
        self.failures = 0;
        self.next = now + jitter.off(fresh, FRESH_JITTER_PERCENT);
        self.held = Some(Held { asked, over: now + fresh + stale_ms });
        // Who asked during the flight may have asked for what was published during the flight.
        self.wanted = self.questions.settle(asked, is_known);
    }

    /// The flight brought nothing of use.
    pub(super) fn failed(&mut self, now: Time, jitter: Jitter) {
        if self.flying.take().is_none() {
            return;
        }
        let Bounds { first_pause_ms, longest_pause_ms, .. } = self.bounds;
        let doubled = 1_u64.checked_shl(self.failures).unwrap_or(u64::MAX);
        let pause = first_pause_ms.saturating_mul(doubled).min(longest_pause_ms);
        self.failures = self.failures.saturating_add(1);
        self.next = now + jitter.off(pause, PAUSE_JITTER_PERCENT);
    }

    /// A token asks for a key that is not there.
    pub(super) fn ask(&mut self, mark: Mark, now: Time) -> Asked {
        let refusal = self.refusal(mark, now);
        if refusal == KeyRefusal::Unknown {
            return Asked::Settled(refusal);
        }
        self.questions.ask(mark, now, self.bounds.unknown_ms);
        self.wanted = true;
        if self.flying.is_some() {
            return Asked::Wait(self.flights);
        }
        if now >= self.next || now >= self.asked_flight() {
            return Asked::Wait(self.flights + 1);
        }
        Asked::Settled(refusal)
    }

    /// What a missing key means as long as nobody asks for it.
    pub(super) fn refusal(&self, mark: Mark, now: Time) -> KeyRefusal {
        match self.held {
            Some(held) if now < held.over => {
                let life = self.bounds.unknown_ms;
                let answered = self.questions.is_answered(mark, held.asked, now, life);
                if answered { KeyRefusal::Unknown } else { KeyRefusal::Unsettled }
            }
            Some(_) | None => KeyRefusal::SourceDown,
        }
    }

    /// Whether somebody asks for a flight.
    pub(super) const fn is_wanted(&self) -> bool {
        self.wanted
    }

    /// Whether the last flight that ended brought nothing of use.
    pub(super) const fn is_failing(&self) -> bool {
        self.failures > 0
    }

    /// The number of the last flight that has begun.
    pub(super) const fn flights(&self) -> Flight {
        self.flights
    }

    /// Until when the last set counts.
    pub(super) fn over(&self) -> Option<Time> {
        self.held.map(|held| held.over)
    }

    /// When the next flight may begin because somebody asks. While the source fails nobody's
    /// question makes it be asked more often.
    fn asked_flight(&self) -> Time {
        if !self.wanted || self.is_failing() {
            return Time::from_ms(u64::MAX);
        }
        self.answered.map_or(Time::default(), |last| last + self.bounds.cool_down_ms)
    }
}

#[cfg(test)]
mod tests;
