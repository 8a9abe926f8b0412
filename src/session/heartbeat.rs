//! Signs of life: when to send a Ping, and when the peer counts as gone.

use super::{dice::Dice, event::Pulse};
use crate::protocol::{limits::SessionLimits, time::Time};

/// The moments of an interval at which Pings are sent.
const STEPS: u64 = 100;

/// The heartbeat of one session.
#[derive(Debug)]
pub(super) struct Heartbeat {
    /// When to send the next Ping.
    due: Time,
    /// When the Ping was sent that nothing answered yet.
    unanswered: Option<Time>,
    /// When the running interval began.
    since: Time,
    /// Spreads the intervals.
    dice: Dice,
}

/// What a look at the clock asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Beat {
    Nothing,
    /// Send a Ping, with `text` also one that scripts can see.
    Ping {
        text: bool,
    },
    /// No sign of life in time.
    Lost,
}

impl Heartbeat {
    pub(super) fn begin(now: Time, seed: u32, limits: &SessionLimits) -> Self {
        let mut heartbeat = Self { due: now, unanswered: None, since: now, dice: Dice::new(seed) };
        heartbeat.plan(now, limits);
        heartbeat
    }

    /// Something arrived.
    pub(super) fn life(&mut self) {
        self.unanswered = None;
    }

    /// When to look again.
    pub(super) fn deadline(&self, limits: &SessionLimits) -> Time {
        self.unanswered.map_or(self.due, |sent| sent + limits.heartbeat_timeout_ms)
    }

    /// Looks at the clock. While the driver does not read, silence proves nothing (`reads`).
    pub(super) fn look(
        &mut self,
        now: Time,
        pulse: Pulse,
        reads: bool,
        limits: &SessionLimits,
    ) -> Beat {
        if let Some(sent) = self.unanswered {
            // Milliseconds are coarse: a byte of the same one may have come after the Ping.
            if reads && pulse.heard < sent {
                let lost = now >= sent + limits.heartbeat_timeout_ms;
                return if lost { Beat::Lost } else { Beat::Nothing };
            }
            self.unanswered = None;
        }
        if now < self.due {
            return Beat::Nothing;
        }
        let text = pulse.spoke <= self.since;
        self.unanswered = Some(now);
        self.plan(now, limits);
        Beat::Ping { text }
    }

    /// The next Ping is due one interval from `now`, give or take a tenth, at a moment that sessions
    /// share: a server with many idle ones wakes up for some hundred of them together.
    fn plan(&mut self, now: Time, limits: &SessionLimits) {
        let interval = limits.heartbeat_interval_ms;
        let (tenth, step) = (interval / 10, (interval / STEPS).max(1));
        let spread = self.dice.up_to((2 * tenth).saturating_sub(step));
        self.since = now;
        let due = now + (interval - tenth + spread);
        self.due = Time::from_ms(due.as_ms().next_multiple_of(step));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn limits() -> SessionLimits {
        SessionLimits::default()
    }

    fn heard(heard: Time) -> Pulse {
        Pulse { heard, ..Pulse::default() }
    }

    proptest! {
        #[test]
        fn every_ping_comes_within_a_tenth_of_its_interval(seed: u32, start in 0_u64..1 << 40) {
            let start = Time::from_ms(start);
            let mut heartbeat = Heartbeat::begin(start, seed, &limits());
            let mut last = start;
            for _ in 0..20 {
                let due = heartbeat.deadline(&limits());
                prop_assert!((22_500..=27_500).contains(&due.since(last)));
                let beat = heartbeat.look(due, heard(due), true, &limits());
                prop_assert_eq!(beat, Beat::Ping { text: last > Time::default() });
                heartbeat.life();
                last = due;
            }
        }
    }

    #[test]
    fn silence_for_the_whole_timeout_is_lost_and_any_byte_is_life() {
        let mut heartbeat = Heartbeat::begin(Time::default(), 7, &limits());
        let sent = heartbeat.deadline(&limits());
        let silent = heard(Time::default());
        assert_eq!(heartbeat.look(sent, silent, true, &limits()), Beat::Ping { text: true });
        let end = sent + 10_000;
        assert_eq!(heartbeat.deadline(&limits()), end);
        assert_eq!(
            heartbeat.look(sent + 9_999, silent, true, &limits()),
            Beat::Nothing,
            "the timeout is not over"
        );
        assert_eq!(heartbeat.look(end, silent, true, &limits()), Beat::Lost);
        assert_eq!(heartbeat.look(end, heard(sent), true, &limits()), Beat::Nothing);
    }

    #[test]
    fn silence_proves_nothing_while_nobody_reads() {
        let mut heartbeat = Heartbeat::begin(Time::default(), 7, &limits());
        let sent = heartbeat.deadline(&limits());
        let _ = heartbeat.look(sent, Pulse::default(), true, &limits());
        assert_eq!(
            heartbeat.look(sent + 10_000, Pulse::default(), false, &limits()),
            Beat::Nothing
        );
    }

    #[test]
    fn the_text_ping_stays_away_when_something_else_went_out() {
        let mut heartbeat = Heartbeat::begin(Time::default(), 7, &limits());
        let due = heartbeat.deadline(&limits());
        let pulse = Pulse { heard: due, spoke: Time::from_ms(1), backlog: false };
        assert_eq!(heartbeat.look(due, pulse, true, &limits()), Beat::Ping { text: false });
    }
}
