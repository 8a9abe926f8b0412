//! One thread: its runtime, its connections, its timers.

#[cfg_attr(not(test), expect(dead_code, reason = "the loop that turns it is not in yet"))]
pub(crate) mod wheel;
