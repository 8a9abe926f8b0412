//! Where real time enters: both clocks of a process.

use crate::protocol::time::{Now, Time, Wall};
use std::time::{Duration, SystemTime};
use tokio::time::Instant;

/// Reads the clocks. The monotonic one is tokio's, so that a paused runtime pauses it too.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    origin: Instant,
    /// The wall clock, told how long after the origin it is asked.
    wall: fn(Duration) -> Wall,
}

impl Clock {
    /// A clock whose monotonic time begins now.
    #[expect(clippy::disallowed_methods, reason = "real time enters here")]
    pub(crate) fn system() -> Self {
        Self { origin: Instant::now(), wall: |_| wall_at(SystemTime::now()) }
    }

    /// A clock whose wall time runs with the monotonic one, from 1.8 * 10^12 ms on.
    #[cfg(test)]
    pub(crate) fn simulated() -> Self {
        JUMPED_MS.set(0);
        SET_BACK_MS.set(0);
        let wall = |elapsed| {
            let ms = 1_800_000_000_000 + millis(elapsed);
            Wall::from_ms(ms.saturating_add_signed(JUMPED_MS.get()))
        };
        Self { origin: Instant::now(), wall }
    }

    /// Sets the wall clock of simulated clocks forward, or back, by `ms`.
    #[cfg(test)]
    pub(crate) fn jump(ms: i64) {
        JUMPED_MS.set(JUMPED_MS.get() + ms);
        SET_BACK_MS.set(SET_BACK_MS.get() + ms.min(0).unsigned_abs());
    }

    /// How far simulated clocks may be behind what they showed before.
    #[cfg(test)]
    pub(crate) fn set_back_ms() -> u64 {
        SET_BACK_MS.get()
    }

    /// What time it is.
    pub(crate) fn now(&self) -> Now {
        let elapsed = Instant::now().saturating_duration_since(self.origin);
        Now { time: Time::from_ms(millis(elapsed)), wall: (self.wall)(elapsed) }
    }

    /// When a timer for `time` has to fire: at it or up to a millisecond later, never before.
    pub(crate) fn instant(&self, time: Time) -> Instant {
        self.origin + Duration::from_millis(time.as_ms()) + Duration::from_millis(1)
    }
}

#[cfg(test)]
thread_local! {
    /// How far the simulated wall clock of this thread has jumped, in milliseconds.
    static JUMPED_MS: std::cell::Cell<i64> = const { std::cell::Cell::new(0) };
    /// The same, of its steps back.
    static SET_BACK_MS: std::cell::Cell<u64> = const { std::cell::Cell::new(0) };
}

fn wall_at(time: SystemTime) -> Wall {
    // A host whose clock stands before 1970 is treated as if it stood there.
    Wall::from_ms(time.duration_since(SystemTime::UNIX_EPOCH).map_or(0, millis))
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
