//! The wall clock, read for commands that run once.

use crate::protocol::time::Wall;
use std::time::{SystemTime, UNIX_EPOCH};

/// What the wall clock says, in whole seconds: not every reader of a token knows fractions.
pub(super) fn whole_seconds() -> Wall {
    Wall::from_ms(wall().as_ms() / 1_000 * 1_000)
}

/// What the wall clock says.
#[expect(clippy::disallowed_methods, reason = "the command line is the shell: it reads the clock")]
pub(super) fn wall() -> Wall {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Wall::from_ms(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}
