//! Rates of requests: one bucket for each kind, and how often in a row they refused.

use crate::protocol::time::Time;

/// What a request draws on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Message,
    Join,
    Refresh,
    /// Everything else a client sends, control frames included.
    Other,
}

/// A sustained rate and what may come at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Rate {
    pub(super) per_s: u32,
    pub(super) burst: u32,
}

/// A request over its rate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Over {
    pub(super) retry_after_ms: u64,
    /// How many refusals there have been in a row, this one included.
    pub(super) in_a_row: u32,
}

/// The buckets of one session.
#[derive(Debug, Default)]
pub(super) struct Rates {
    message: Bucket,
    join: Bucket,
    refresh: Bucket,
    other: Bucket,
    refused: u32,
}

impl Rates {
    /// Takes one for a request, which ends a row of refusals.
    pub(super) fn request(&mut self, kind: Kind, now: Time, rate: Rate) -> Result<(), Over> {
        self.take(kind, now, rate)?;
        self.refused = 0;
        Ok(())
    }

    /// Takes one for a control frame, which is no request: it can only lengthen the row.
    pub(super) fn control(&mut self, now: Time, rate: Rate) -> Result<(), Over> {
        self.take(Kind::Other, now, rate)
    }

    fn take(&mut self, kind: Kind, now: Time, rate: Rate) -> Result<(), Over> {
        let bucket = match kind {
            Kind::Message => &mut self.message,
            Kind::Join => &mut self.join,
            Kind::Refresh => &mut self.refresh,
            Kind::Other => &mut self.other,
        };
        bucket.take(now, rate).map_err(|retry_after_ms| {
            self.refused = self.refused.saturating_add(1);
            Over { retry_after_ms, in_a_row: self.refused }
        })
    }
}

/// A leaky bucket as one number (GCRA): when it will be empty, in microseconds.
#[derive(Debug, Default)]
struct Bucket(u64);

impl Bucket {
    /// Takes one, or says in how many milliseconds there will be one, rounded up.
    fn take(&mut self, now: Time, rate: Rate) -> Result<(), u64> {
        let now = now.as_ms().saturating_mul(1_000);
        let each = 1_000_000 / u64::from(rate.per_s.max(1));
        let room = each * u64::from(rate.burst.max(1) - 1);
        let empty = self.0.max(now);
        if empty - now > room {
            return Err((empty - now - room).div_ceil(1_000));
        }
        self.0 = empty.saturating_add(each);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const RATE: Rate = Rate { per_s: 10, burst: 20 };

    #[test]
    fn a_burst_passes_and_then_one_each_tenth_of_a_second() {
        let mut bucket = Bucket::default();
        let at = Time::from_ms;
        for _ in 0..20 {
            assert_eq!(bucket.take(at(5_000), RATE), Ok(()));
        }
        assert_eq!(bucket.take(at(5_000), RATE), Err(100));
        assert_eq!(bucket.take(at(5_099), RATE), Err(1));
        assert_eq!(bucket.take(at(5_100), RATE), Ok(()));
        assert_eq!(bucket.take(at(5_100), RATE), Err(100));
    }

    #[test]
    fn an_accepted_request_ends_the_row_and_a_control_frame_does_not() {
        let mut rates = Rates::default();
        let (at, tight) = (Time::from_ms, Rate { per_s: 1, burst: 1 });
        let row = |over: Result<(), Over>| over.map_err(|over| over.in_a_row);
        assert_eq!(row(rates.request(Kind::Message, at(0), tight)), Ok(()));
        assert_eq!(row(rates.request(Kind::Message, at(0), tight)), Err(1));
        assert_eq!(row(rates.control(at(0), tight)), Ok(()));
        assert_eq!(row(rates.control(at(0), tight)), Err(2));
        assert_eq!(row(rates.request(Kind::Join, at(0), tight)), Ok(()));
        assert_eq!(row(rates.request(Kind::Join, at(0), tight)), Err(1));
    }

    proptest! {
        #[test]
        fn no_window_passes_more_than_burst_and_rate(
            per_s in 1_u32..2_000,
            burst in 1_u32..300,
            steps in prop::collection::vec(0_u64..500, 1..300),
        ) {
            let (mut bucket, mut now, mut passed) = (Bucket::default(), 0, 0_u64);
            for step in steps {
                now += step;
                match bucket.take(Time::from_ms(now), Rate { per_s, burst }) {
                    Ok(()) => passed += 1,
                    // What it promises holds.
                    Err(wait) => {
                        prop_assert!(wait >= 1);
                        let mut later = Bucket(bucket.0);
                        prop_assert_eq!(
                            later.take(Time::from_ms(now + wait), Rate { per_s, burst }),
                            Ok(())
                        );
                    }
                }
            }
            // One interval is rounded down to whole microseconds.
            let each = 1_000_000 / u64::from(per_s);
            prop_assert!(passed <= u64::from(burst) + now * 1_000 / each);
        }
    }
}
