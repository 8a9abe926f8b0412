//! What time it is: the system's word, or a test's.

use std::{
    fs,
    path::PathBuf,
    sync::atomic::{AtomicI64, Ordering},
    time::SystemTime,
};

/// Seconds since 1970, as in a JWT.
pub type Seconds = i64;

/// A minute.
pub const MINUTE: Seconds = 60;
/// A day.
pub const DAY: Seconds = 24 * 60 * MINUTE;

/// Says what time it is.
pub trait Clock: Send + Sync {
    /// Now.
    fn now(&self) -> Seconds;
}

/// The clock of the machine.
pub struct SystemClock;

/// For tests of a whole program: the clock of the machine, and so many seconds as a file says
/// (`-604800`: a week ago). A file that says nothing changes nothing.
pub struct ShiftedClock(pub PathBuf);

/// For tests within a program: it stands still until it is moved.
pub struct ManualClock(AtomicI64);

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the clock")]
    fn now(&self) -> Seconds {
        let since_1970 =
            SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        Seconds::try_from(since_1970.as_secs()).unwrap_or(Seconds::MAX)
    }
}

impl Clock for ShiftedClock {
    fn now(&self) -> Seconds {
        let shift = fs::read_to_string(&self.0).ok().and_then(|text| text.trim().parse().ok());
        SystemClock.now().saturating_add(shift.unwrap_or(0))
    }
}

impl ManualClock {
    /// Stands at `now`.
    pub fn at(now: Seconds) -> Self {
        Self(AtomicI64::new(now))
    }

    /// Moves on, or back.
    pub fn advance(&self, by: Seconds) {
        self.0.fetch_add(by, Ordering::SeqCst);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Seconds {
        self.0.load(Ordering::SeqCst)
    }
}
