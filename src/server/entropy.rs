//! Random bytes for public ids: asked of the system for many connections at once.

use std::{cell::RefCell, io};

/// Random bytes of a connection id; it is written in hexadecimal.
const ID_BYTES: usize = 12;
/// Bytes that a thread keeps ahead.
const POOL_BYTES: usize = 512;

thread_local! {
    static POOL: RefCell<Pool> = const { RefCell::new(Pool { bytes: [0; POOL_BYTES], used: POOL_BYTES }) };
}

struct Pool {
    bytes: [u8; POOL_BYTES],
    /// Up to here they were handed out, each once.
    used: usize,
}

impl Pool {
    fn draw<const N: usize>(&mut self) -> io::Result<[u8; N]> {
        const { assert!(N <= POOL_BYTES) };
        if self.used + N > POOL_BYTES {
            getrandom::fill(&mut self.bytes).map_err(io::Error::other)?;
            self.used = 0;
        }
        let drawn = self.bytes.get(self.used..).and_then(|rest| rest.first_chunk());
        self.used += N;
        drawn.copied().ok_or_else(|| io::Error::other("the pool is too small"))
    }
}

/// Random bytes that nobody got before.
///
/// # Errors
/// The system has none.
fn draw<const N: usize>() -> io::Result<[u8; N]> {
    POOL.with_borrow_mut(Pool::draw)
}

/// What spreads the timers of a connection.
pub(super) fn seed() -> io::Result<u32> {
    draw().map(u32::from_ne_bytes)
}

/// A connection's public id: random and loggable, no secret.
pub(super) fn connection_id() -> io::Result<Box<str>> {
    let bytes: [u8; ID_BYTES] = draw()?;
    let digits = bytes.iter().flat_map(|byte| [byte >> 4, byte & 0xF]);
    let digits = digits.filter_map(|digit| char::from_digit(digit.into(), 16));
    let mut id = String::with_capacity(2 * ID_BYTES);
    id.extend(digits);
    Ok(id.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn nothing_is_drawn_twice() {
        let draws = (0..1_000).map(|_| draw::<12>().expect("random bytes"));
        assert_eq!(draws.collect::<HashSet<_>>().len(), 1_000);
    }
}
