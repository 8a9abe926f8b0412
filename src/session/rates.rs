//! Rates of requests: one bucket for each kind, and how often in a row they refused; and one for
//! each room whose rules say how fast a member may publish.

use crate::protocol::{room_name::RoomName, time::Time};
use std::collections::BTreeMap;

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

/// The buckets of rooms that have a rate of their own. A bucket outlives the membership until it
/// is empty, so that leaving and joining again fills nothing up; each takes in at most what the
/// rate of the connection let through, which bounds how many there are.
#[derive(Debug, Default)]
#[expect(clippy::box_collection, reason = "a pointer for the many that never need it")]
pub(super) struct RoomRates(Option<Box<BTreeMap<RoomName, Bucket>>>);

impl RoomRates {
    /// Takes one in `room`, or says in how many milliseconds there will be one.
    pub(super) fn take(&mut self, room: &RoomName, now: Time, rate: Rate) -> Result<(), u64> {
        let buckets = self.0.get_or_insert_default();
        if !buckets.contains_key(room) {
            buckets.retain(|_, bucket| !bucket.is_empty(now));
        }
        buckets.entry(room.clone()).or_default().take(now, rate)
    }
}

/// A leaky bucket as one number (GCRA): when it will be empty, in microseconds.
#[derive(Debug, Default)]
struct Bucket(u64);

impl Bucket {
    fn is_empty(&self, now: Time) -> bool {
        self.0 <= now.as_ms().saturating_mul(1_000)
    }

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

    #[test]
    fn rooms_have_buckets_of_their_own_until_these_are_empty() {
        let mut rates = RoomRates::default();
        let (at, rate) = (Time::from_ms, Rate { per_s: 1, burst: 2 });
        let name = |number: u64| RoomName::parse(&format!("room:{number}")).unwrap();
        for number in 0..3 {
            assert_eq!(rates.take(&name(number), at(0), rate), Ok(()));
            assert_eq!(rates.take(&name(number), at(0), rate), Ok(()));
            assert_eq!(rates.take(&name(number), at(0), rate), Err(1_000));
        }
        assert_eq!(rates.take(&name(0), at(1_000), rate), Ok(()));
        // The others are empty at 2 s, the first one at 3 s.
        assert_eq!(rates.take(&name(9), at(2_000), rate), Ok(()));
        let left: Vec<_> = rates.0.unwrap().into_keys().collect();
        assert_eq!(left, [name(0), name(9)]);
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
