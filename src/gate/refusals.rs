//! One log line for each class of refusal and interval, however many there are.
//!
//! Pure: what happened and when go in, lines come out. The first of a class is a line at once, so
//! that a single client in trouble is seen; what follows within the interval is counted and comes
//! as one line at its end, with the first of them as a sample.

use crate::{
    metrics::Handshake,
    protocol::{close_code::CloseCode, time::Time},
};
use parking_lot::Mutex;
use std::{fmt, net::IpAddr};

/// How long refusals of one class are gathered, in milliseconds.
pub(crate) const INTERVAL_MS: u64 = 10_000;
/// What is kept of a `User-Agent`, in characters.
pub(crate) const AGENT_CHARS: usize = 80;

/// A class of refusals before the verdict.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Class {
    /// Before the 101.
    Handshake(Handshake),
    /// By the verdict.
    Verdict(CloseCode),
}

impl Class {
    /// The word for logs.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Handshake(outcome) => outcome.word(),
            Self::Verdict(code) => code.name(),
        }
    }
}

/// What a client calls itself, cut, and harmless in a log: printable ASCII, everything else
/// escaped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Agent(Box<str>);

impl Agent {
    /// The beginning of a `User-Agent`.
    pub(crate) fn of(header: &[u8]) -> Self {
        // One byte is at most four characters, and at least one.
        let head = header.get(..AGENT_CHARS).unwrap_or(header);
        let mut text: String = head.escape_ascii().to_string();
        if text.len() > AGENT_CHARS || head.len() < header.len() {
            text.truncate(AGENT_CHARS);
            text.push_str("...");
        }
        Self(text.into())
    }
}

impl fmt::Display for Agent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// One refusal, as a sample for those of its class.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Sample {
    /// Where the client comes from.
    pub(crate) address: IpAddr,
    /// What it calls itself.
    pub(crate) agent: Option<Agent>,
    /// Its connection, if there was a 101.
    pub(crate) connection: Option<Box<str>>,
    /// The rule, in words of ours.
    pub(crate) why: Option<String>,
}

/// A line for the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Line {
    /// What happened.
    pub(crate) class: Class,
    /// How often.
    pub(crate) count: u64,
    /// To whom first.
    pub(crate) sample: Sample,
}

/// What happened to one class since its last line.
#[derive(Debug)]
struct Interval {
    class: Class,
    began: Time,
    /// What no line has said yet.
    unsaid: Option<(u64, Sample)>,
}

/// The refusals of a server. It holds one interval for each class at most.
#[derive(Debug, Default)]
pub(crate) struct Refusals {
    intervals: Vec<Interval>,
}

impl Refusals {
    /// Somebody was refused; `sample` is made only if it is the first of its line.
    pub(crate) fn note(
        &mut self,
        class: Class,
        now: Time,
        sample: impl FnOnce() -> Sample,
    ) -> Option<Line> {
        let Some(interval) = self.intervals.iter_mut().find(|known| known.class == class) else {
            self.intervals.push(Interval { class, began: now, unsaid: None });
            return Some(Line { class, count: 1, sample: sample() });
        };
        if let Some((count, _)) = &mut interval.unsaid {
            *count += 1;
        } else {
            interval.unsaid = Some((1, sample()));
        }
        interval.over(now)
    }

    /// The lines of intervals that are over. Call it about once a second.
    pub(crate) fn due(&mut self, now: Time) -> Vec<Line> {
        let quiet =
            |known: &Interval| known.unsaid.is_none() && now.since(known.began) >= INTERVAL_MS;
        self.intervals.retain(|known| !quiet(known));
        self.intervals.iter_mut().filter_map(|interval| interval.over(now)).collect()
    }

    /// Everything that no line has said yet: the end has come.
    pub(crate) fn rest(&mut self) -> Vec<Line> {
        self.intervals.drain(..).filter_map(|mut interval| interval.say()).collect()
    }
}

impl Interval {
    /// The line of this interval, if it is over and there is one; the next one begins.
    fn over(&mut self, now: Time) -> Option<Line> {
        if now.since(self.began) < INTERVAL_MS {
            return None;
        }
        let line = self.say()?;
        self.began = now;
        Some(line)
    }

    fn say(&mut self) -> Option<Line> {
        let (count, sample) = self.unsaid.take()?;
        Some(Line { class: self.class, count, sample })
    }
}

/// Writes these lines. All workers share one; the lock is held for a look at a short list.
#[derive(Debug, Default)]
pub(crate) struct RefusalLog(Mutex<Refusals>);

impl RefusalLog {
    /// Somebody was refused.
    pub(crate) fn note(&self, class: Class, now: Time, sample: impl FnOnce() -> Sample) {
        let line = self.0.lock().note(class, now, sample);
        line.iter().for_each(Line::write);
    }

    /// Writes what is due.
    pub(crate) fn sweep(&self, now: Time) {
        let lines = self.0.lock().due(now);
        lines.iter().for_each(Line::write);
    }

    /// Writes what is left, at the end.
    pub(crate) fn finish(&self) {
        let lines = self.0.lock().rest();
        lines.iter().for_each(Line::write);
    }
}

impl Line {
    fn write(&self) {
        let Self { class, count, sample } = self;
        let Sample { address, agent, connection, why } = sample;
        tracing::info!(
            class = class.word(),
            count,
            %address,
            agent = agent.as_ref().map(tracing::field::display),
            connection,
            why,
            "refused"
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::net::Ipv4Addr;

    const BAD: Class = Class::Verdict(CloseCode::TokenInvalid);
    const FULL: Class = Class::Handshake(Handshake::Full);

    fn sample(last: u8) -> Sample {
        let address = Ipv4Addr::new(192, 0, 2, last).into();
        Sample { address, agent: None, connection: None, why: None }
    }

    #[test]
    fn the_first_is_said_at_once_and_the_rest_together() {
        let mut refusals = Refusals::default();
        let mut note = |class, ms, last| {
            refusals.note(class, Time::from_ms(ms), || sample(last)).map(|line| line.count)
        };
        assert_eq!(note(BAD, 0, 1), Some(1));
        assert_eq!(note(BAD, 1, 2), None);
        assert_eq!(note(FULL, 2, 3), Some(1), "each class speaks for itself");
        assert_eq!(note(BAD, 9_999, 4), None);
        assert_eq!(refusals.due(Time::from_ms(9_999)), []);
        let line = Line { class: BAD, count: 2, sample: sample(2) };
        assert_eq!(refusals.due(Time::from_ms(10_000)), [line]);
        assert_eq!(refusals.due(Time::from_ms(20_000)), []);
        let again = refusals.note(BAD, Time::from_ms(20_001), || sample(5));
        assert_eq!(again.map(|line| line.sample), Some(sample(5)), "after a quiet interval");
        assert_eq!(refusals.note(BAD, Time::from_ms(20_002), || sample(6)), None);
        assert_eq!(refusals.rest().iter().map(|line| line.count).collect::<Vec<_>>(), [1]);
    }

    #[test]
    fn an_agent_is_cut_and_harmless() {
        let of = |text: &[u8]| Agent::of(text).to_string();
        assert_eq!(of(b"Mozilla/5.0 (X11)"), "Mozilla/5.0 (X11)");
        assert_eq!(of(b"\x1b[31m\n\"\xff"), r#"\x1b[31m\n\"\xff"#);
        assert_eq!(of(&[b'a'; 80]), "a".repeat(80));
        assert_eq!(of(&[b'a'; 81]), format!("{}...", "a".repeat(80)));
        assert_eq!(of(&[0xFF; 30]).len(), 83);
    }

    proptest! {
        #[test]
        fn nothing_is_forgotten_and_nothing_said_too_often(
            steps in prop::collection::vec((0_u64..4_000, any::<bool>(), any::<bool>()), 1..400),
        ) {
            let mut refusals = Refusals::default();
            let (mut now, mut noted) = (0, [0_u64; 2]);
            let mut lines: Vec<(u64, Line)> = Vec::new();
            for (step, class, sweep) in steps {
                now += step;
                let at = Time::from_ms(now);
                if sweep {
                    lines.extend(refusals.due(at).into_iter().map(|line| (now, line)));
                } else {
                    noted[usize::from(class)] += 1;
                    let class = if class { BAD } else { FULL };
                    let line = refusals.note(class, at, || sample(1));
                    lines.extend(line.map(|line| (now, line)));
                }
                prop_assert!(refusals.intervals.len() <= 2);
            }
            for (class, noted) in [(FULL, noted[0]), (BAD, noted[1])] {
                let of: Vec<_> = lines.iter().filter(|(_, line)| line.class == class).collect();
                for pair in of.windows(2) {
                    prop_assert!(pair[1].0 - pair[0].0 >= INTERVAL_MS);
                }
                let said: u64 = of.iter().map(|(_, line)| line.count).sum();
                let rest: u64 = refusals
                    .intervals
                    .iter()
                    .filter(|interval| interval.class == class)
                    .filter_map(|interval| interval.unsaid.as_ref().map(|(count, _)| *count))
                    .sum();
                prop_assert_eq!(said + rest, noted);
            }
        }
    }
}
