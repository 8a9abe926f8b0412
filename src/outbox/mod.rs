//! The bounded queue of encoded frames of one connection; it seals behind a Close.

mod delivery;
mod frame;
mod joined;
mod pool;
#[cfg(test)]
mod tests;

pub use delivery::{AuthorCopy, Delivery};
pub use frame::Frame;
pub(crate) use joined::Joined;

use pool::Queue;
use std::io::IoSlice;

/// The largest limit, in bytes; a higher one means this.
const LIMIT_MAX_BYTES: u32 = 1 << 31;

/// Everything that a connection is about to send: replies, Pongs, room messages, the Close.
///
/// The limit holds for what is queued and not written yet. An empty outbox takes one frame of
/// any size, so that a small limit delays a large message and never blocks it for good.
///
/// An outbox with one frame or none owns no memory beyond its own few bytes: the queue for more is
/// lent by its thread.
#[derive(Debug)]
pub struct Outbox {
    /// What goes next; mostly there is nothing else.
    first: Option<Frame>,
    /// What comes behind it; `Some` exactly while something does.
    rest: Option<Queue>,
    limit: u32,
    /// Queued and not written yet.
    bytes: u32,
    /// Of the first frame, already written.
    written: u32,
    sealed: bool,
}

const _: () = assert!(size_of::<Outbox>() <= 40, "one per connection: keep it small");

/// Why an outbox did not take a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// A Close is queued or sent: nothing may follow it.
    Sealed,
    /// The frame would pass the limit: the peer is a slow consumer.
    Full,
}

impl Outbox {
    /// An empty outbox for `limit` bytes (at most 2 GiB).
    pub fn new(limit: u32) -> Self {
        let limit = limit.min(LIMIT_MAX_BYTES);
        Self { first: None, rest: None, limit, bytes: 0, written: 0, sealed: false }
    }

    /// Queues `frame` behind the others.
    ///
    /// # Errors
    /// [`Refused`]; the outbox is as it was.
    pub fn push(&mut self, frame: Frame) -> Result<(), Refused> {
        if self.sealed {
            Err(Refused::Sealed)
        } else if self.fits(frame.len(), self.limit) {
            self.append(frame);
            Ok(())
        } else {
            Err(Refused::Full)
        }
    }

    /// Queues the Close, whatever the limit says, and seals. Only the first one counts.
    pub fn close(&mut self, frame: Frame) {
        if !self.sealed {
            self.append(frame);
            self.sealed = true;
        }
    }

    /// Drops the pieces that nothing was written of, to make room for a last word.
    ///
    /// A frame begun must be finished: the peer could not tell where the next one starts. A
    /// sealed outbox stays as it is, with its Close.
    pub fn cut(&mut self) {
        if self.sealed {
            return;
        }
        match &self.first {
            Some(first) if self.written > 0 => {
                self.bytes = size(first).saturating_sub(self.written);
                self.rest.take().into_iter().for_each(pool::give);
            }
            Some(_) | None => self.clear(),
        }
    }

    /// Fills `out` with what is to be written next, in order; returns how many slices it set.
    pub fn slices<'a>(&'a self, out: &mut [IoSlice<'a>]) -> usize {
        let frames = self.first.iter().chain(self.rest.iter().flat_map(|rest| rest.iter()));
        let mut skip = self.written as usize;
        let mut count = 0;
        for (slot, frame) in out.iter_mut().zip(frames) {
            *slot = IoSlice::new(frame.as_bytes().get(skip..).unwrap_or_default());
            skip = 0;
            count += 1;
        }
        count
    }

    /// What is to be written if it is one piece, as it mostly is.
    pub(crate) fn only(&self) -> Option<&[u8]> {
        let only = self.first.as_ref().filter(|_| self.rest.is_none())?;
        only.as_bytes().get(self.written as usize..)
    }

    /// Forgets the next `n` bytes, which were written; more than there are means all of them.
    pub fn advance(&mut self, n: usize) {
        let mut left = u32::try_from(n).unwrap_or(u32::MAX).min(self.bytes);
        self.bytes -= left;
        if self.bytes == 0 {
            return self.clear();
        }
        while let Some(first) = self.first.as_ref().map(size) {
            let rest = first.saturating_sub(self.written);
            if left < rest {
                self.written += left;
                return;
            }
            left -= rest;
            self.written = 0;
            self.first = self.next();
        }
    }

    /// Takes what comes behind the first frame.
    fn next(&mut self) -> Option<Frame> {
        let rest = self.rest.as_mut()?;
        let next = rest.pop_front();
        if rest.is_empty() {
            self.rest.take().into_iter().for_each(pool::give);
        }
        next
    }

    /// Whether nothing waits to be written.
    pub const fn is_empty(&self) -> bool {
        self.bytes == 0
    }

    /// What waits to be written, in bytes.
    pub const fn bytes(&self) -> usize {
        self.bytes as usize
    }

    /// Whether a Close was queued: nothing is taken any more.
    pub const fn is_sealed(&self) -> bool {
        self.sealed
    }

    /// At or below a quarter of the limit: a member that catches up may read on.
    pub const fn below_low_mark(&self) -> bool {
        self.bytes <= self.limit / 4
    }

    /// Whether a room message of `len` bytes may be queued: not above half of the limit, so
    /// that replies find space.
    pub fn takes(&self, len: usize) -> bool {
        !self.sealed && self.fits(len, self.limit / 2)
    }

    /// Whether a message of `len` bytes that may be lost may be queued: not above the low mark, so
    /// that those which may not be lost find space behind any number of them.
    pub fn takes_lightly(&self, len: usize) -> bool {
        self.takes_up_to(len, self.limit / 4)
    }

    /// The share of the limit that room messages may fill, in bytes.
    pub const fn room_share(&self) -> usize {
        (self.limit / 2) as usize
    }

    /// The same for several messages that are one piece. An empty outbox makes no exception: they
    /// can come one by one.
    pub(crate) fn takes_joined(&self, len: usize) -> bool {
        self.takes_up_to(len, self.limit / 2)
    }

    /// Without the exception for an empty outbox.
    fn takes_up_to(&self, len: usize, mark: u32) -> bool {
        let fits = |len| self.bytes.saturating_add(len) <= mark;
        !self.sealed && u32::try_from(len).is_ok_and(fits)
    }

    fn fits(&self, len: usize, mark: u32) -> bool {
        match u32::try_from(len) {
            Ok(len) if self.is_empty() => len <= LIMIT_MAX_BYTES,
            Ok(len) => self.bytes.saturating_add(len) <= mark,
            Err(_) => false,
        }
    }

    fn append(&mut self, frame: Frame) {
        self.bytes = self.bytes.saturating_add(size(&frame));
        match &self.first {
            None => self.first = Some(frame),
            Some(_) => self.rest.get_or_insert_with(pool::take).push_back(frame),
        }
    }

    fn clear(&mut self) {
        self.bytes = 0;
        self.written = 0;
        self.first = None;
        self.rest.take().into_iter().for_each(pool::give);
    }
}

impl Drop for Outbox {
    fn drop(&mut self) {
        self.clear();
    }
}

/// The length of a queued frame: under the limit, so that it has 32 bits.
fn size(frame: &Frame) -> u32 {
    u32::try_from(frame.len()).unwrap_or(u32::MAX)
}
