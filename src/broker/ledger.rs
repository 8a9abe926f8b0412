//! What all rooms of a process remember together, and how much of it each user wrote.

use crate::outbox::{Delivery, Frame};
use std::{
    fmt,
    hash::{BuildHasher, RandomState},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

/// Users are told apart by so many cells. Two that share one share their fate, which no stranger
/// can arrange: the hash is keyed.
const ACCOUNTS: usize = 16_384;

/// What an allocation takes beside its content, in bytes: its two reference counts, the
/// allocator's own word and its rounding.
const ALLOCATION_BYTES: usize = 32;

/// Bytes and messages that the rings of one broker hold, and the cap on them.
///
/// Every ring books each change of its own here, under its room's lock: plain additions.
pub(super) struct Ledger {
    cap: usize,
    bytes: AtomicUsize,
    messages: AtomicUsize,
    accounts: Box<[AtomicUsize]>,
    hasher: RandomState,
}

/// The account of a user: what it wrote and is remembered, over all rooms.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Account(u16);

const _: () = assert!(ACCOUNTS <= 1 << 16, "an account has 16 bits");

/// What logs hold in the memory of the process.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Memory {
    /// Bytes: frames, keys, and all that is kept to find them.
    pub bytes: usize,
    /// The most that there should be, in bytes.
    pub cap: usize,
    /// Messages.
    pub messages: usize,
}

impl Memory {
    /// By how many bytes it is over its cap.
    pub const fn excess(&self) -> usize {
        self.bytes.saturating_sub(self.cap)
    }
}

impl fmt::Debug for Ledger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ledger").field("memory", &self.memory()).finish_non_exhaustive()
    }
}

impl Ledger {
    /// An empty ledger for about `cap` bytes.
    pub(super) fn new(cap: usize) -> Arc<Self> {
        Arc::new(Self {
            cap,
            bytes: AtomicUsize::new(0),
            messages: AtomicUsize::new(0),
            accounts: (0..ACCOUNTS).map(|_| AtomicUsize::new(0)).collect(),
            hasher: RandomState::new(),
        })
    }

    /// What there is now.
    pub(super) fn memory(&self) -> Memory {
        Memory {
            bytes: self.bytes.load(Ordering::Relaxed),
            cap: self.cap,
            messages: self.messages.load(Ordering::Relaxed),
        }
    }

    /// The account of `user`.
    #[expect(clippy::cast_possible_truncation, reason = "the remainder has 16 bits")]
    pub(super) fn account(&self, user: &str) -> Account {
        Account((self.hasher.hash_one(user) % ACCOUNTS as u64) as u16)
    }

    /// What `account` wrote and is remembered, in bytes.
    pub(super) fn balance(&self, account: Account) -> usize {
        self.cell(account).map_or(0, |cell| cell.load(Ordering::Relaxed))
    }

    /// A message of `bytes` is remembered.
    pub(super) fn remember(&self, account: Account, bytes: usize) {
        self.messages.fetch_add(1, Ordering::Relaxed);
        if let Some(cell) = self.cell(account) {
            cell.fetch_add(bytes, Ordering::Relaxed);
        }
    }

    /// A message of `bytes` is forgotten.
    pub(super) fn forget(&self, account: Account, bytes: usize) {
        self.messages.fetch_sub(1, Ordering::Relaxed);
        if let Some(cell) = self.cell(account) {
            cell.fetch_sub(bytes, Ordering::Relaxed);
        }
    }

    /// A ring held `before` bytes and holds `now`.
    pub(super) fn book(&self, before: usize, now: usize) {
        if now > before {
            self.bytes.fetch_add(now - before, Ordering::Relaxed);
        } else if now < before {
            self.bytes.fetch_sub(before - now, Ordering::Relaxed);
        }
    }

    fn cell(&self, account: Account) -> Option<&AtomicUsize> {
        self.accounts.get(usize::from(account.0))
    }
}

/// What the parts of a message take on the heap, in bytes. The author's id counts for each
/// message that keeps it, though those of one connection share it.
pub(super) fn heap_bytes(delivery: &Delivery, key: Option<&str>) -> usize {
    let frame = |frame: &Frame| frame.len() + ALLOCATION_BYTES;
    let author = |author: &crate::outbox::AuthorCopy| {
        frame(&author.frame) + author.user.len() + ALLOCATION_BYTES
    };
    frame(&delivery.frame)
        + delivery.author.as_ref().map_or(0, author)
        + key.map_or(0, |key| key.len() + ALLOCATION_BYTES)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_booked_is_what_there_is() {
        let ledger = Ledger::new(100);
        let [ann, bob] = ["ann", "bob"].map(|user| ledger.account(user));
        ledger.remember(ann, 70);
        ledger.remember(bob, 50);
        ledger.book(0, 120);
        assert_eq!(ledger.memory(), Memory { bytes: 120, cap: 100, messages: 2 });
        assert_eq!(ledger.memory().excess(), 20);
        ledger.forget(ann, 70);
        ledger.book(120, 50);
        assert_eq!((ledger.memory().excess(), ledger.memory().messages), (0, 1));
        if ann != bob {
            assert_eq!((ledger.balance(ann), ledger.balance(bob)), (0, 50));
        }
    }
}
