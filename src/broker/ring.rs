//! The newest messages of a room, bounded by number, age and size, and the keys among them.

use super::{
    Delivery, HistoryBounds, KEY_WINDOW_MS, Receipt,
    ledger::{Account, Ledger, heap_bytes},
};
use crate::protocol::time::Wall;
use std::{
    collections::{HashMap, VecDeque},
    hash::{BuildHasher, RandomState},
    sync::Arc,
};

/// A ring with room for more than so many times what it holds gives memory back.
const SPARE: usize = 4;

/// Messages with consecutive numbers, oldest first; the last one is the head of the room, or
/// nothing is remembered at all.
///
/// A key lives in the record of its message. The index leads from the hash of (user, key) to the
/// newest record that has it, and each record to the one before: it owns no text and cannot
/// outlive a record, and two pairs that share a hash are still told apart.
#[derive(Debug)]
pub(super) struct Ring<S = RandomState> {
    bounds: HistoryBounds,
    records: VecDeque<Record>,
    /// Bytes of all frames in `records`.
    bytes: usize,
    /// What `records` own on the heap.
    heap: usize,
    /// What the ledger knows of.
    booked: usize,
    ledger: Arc<Ledger>,
    /// The newest number with this hash of (user, key).
    newest: HashMap<u64, u64, S>,
}

#[derive(Debug)]
pub(super) struct Record {
    pub(super) at: Wall,
    pub(super) delivery: Delivery,
    key: Option<Key>,
    /// Of its author.
    account: Account,
}

const _: () = assert!(size_of::<Record>() <= 120, "there are many: keep it small");

/// The idempotency key of a record; its user is the delivery's author.
#[derive(Debug)]
struct Key {
    text: Box<str>,
    hash: u64,
    /// The newest earlier number with the same hash.
    older: Option<u64>,
}

impl<S: BuildHasher> Ring<S> {
    /// Allocates nothing before the first message.
    pub(super) fn new(bounds: HistoryBounds, hasher: S, ledger: Arc<Ledger>) -> Self {
        let newest = HashMap::with_hasher(hasher);
        Self { bounds, records: VecDeque::new(), bytes: 0, heap: 0, booked: 0, ledger, newest }
    }

    /// Remembers `delivery` of `user`, which follows the newest one, as far as the bounds allow.
    pub(super) fn push(&mut self, at: Wall, delivery: Delivery, user: &str, key: Option<&str>) {
        let HistoryBounds { count, age_ms, bytes } = self.bounds;
        if count == 0 || age_ms == 0 {
            return;
        }
        let seq = delivery.seq;
        let key = delivery.author.as_ref().zip(key).map(|(author, text)| {
            let hash = self.newest.hasher().hash_one((&*author.user, text));
            Key { text: text.into(), hash, older: self.newest.insert(hash, seq) }
        });
        let record = Record { at, delivery, key, account: self.ledger.account(user) };
        self.bytes += record.bytes();
        self.heap += record.heap();
        self.ledger.remember(record.account, record.cost());
        if self.records.len() == self.records.capacity() {
            // By halves: most rooms are small, and there are many.
            self.records.reserve_exact(1 + self.records.len() / 2);
        }
        self.records.push_back(record);
        self.trim(count, bytes);
    }

    /// Remembers within these bounds from now on. What is too old is for [`expire`](Self::expire).
    pub(super) fn rebound(&mut self, bounds: HistoryBounds) {
        self.bounds = bounds;
        let HistoryBounds { count, age_ms, bytes } = bounds;
        self.trim(if age_ms == 0 { 0 } else { count }, bytes);
    }

    fn trim(&mut self, count: usize, bytes: usize) {
        while self.records.len() > count || self.bytes > bytes {
            self.pop();
        }
        self.book();
    }

    /// Forgets what is `age_ms` old at `now`; gives the memory back when nothing is left.
    pub(super) fn expire(&mut self, now: Wall) {
        while self.records.front().is_some_and(|first| now.since(first.at) >= self.bounds.age_ms) {
            self.pop();
        }
        self.book();
    }

    /// Forgets the oldest messages until `bytes` of memory are free, or nothing is left; returns
    /// how many.
    pub(super) fn shed(&mut self, bytes: usize) -> usize {
        let (before, count) = (self.booked, self.records.len());
        while !self.records.is_empty() && before.saturating_sub(self.heap + self.slots()) < bytes {
            self.pop();
            self.give_back();
        }
        self.book();
        count - self.records.len()
    }

    /// What it holds of the memory of the process, in bytes.
    pub(super) const fn held(&self) -> usize {
        self.booked
    }

    /// What the author of its oldest message has written that is remembered, over all rooms.
    pub(super) fn claim(&self) -> usize {
        self.records.front().map_or(0, |record| self.ledger.balance(record.account))
    }

    /// When the oldest message is too old.
    pub(super) fn forgets_at(&self) -> Option<Wall> {
        self.records.front().map(|record| record.at + self.bounds.age_ms)
    }

    /// The receipt of the message that `user` published with `key`, if the key still counts.
    pub(super) fn find(&self, user: &str, key: &str, now: Wall) -> Option<Receipt> {
        let mut seq = *self.newest.get(&self.newest.hasher().hash_one((user, key)))?;
        loop {
            let record = self.get(seq)?;
            let (author, stored) = record.delivery.author.as_ref().zip(record.key.as_ref())?;
            if *author.user == *user && *stored.text == *key {
                let counts = now.since(record.at) < KEY_WINDOW_MS;
                return counts.then_some(Receipt { seq, at_ms: record.at.as_ms() });
            }
            seq = stored.older?;
        }
    }

    /// The oldest number; `None` if nothing is remembered.
    pub(super) fn oldest(&self) -> Option<u64> {
        self.records.front().map(|record| record.delivery.seq)
    }

    /// The newest record.
    pub(super) fn last(&self) -> Option<&Record> {
        self.records.back()
    }

    /// The records from number `seq` on, which is not below the oldest one.
    pub(super) fn from(&self, seq: u64) -> impl Iterator<Item = &Record> {
        let skip = seq.saturating_sub(self.oldest().unwrap_or(seq));
        self.records.iter().skip(usize::try_from(skip).unwrap_or(usize::MAX))
    }

    /// The records below number `seq`, the newest first.
    pub(super) fn below(&self, seq: u64) -> impl Iterator<Item = &Record> {
        let count = seq.saturating_sub(self.oldest().unwrap_or(seq));
        let count = usize::try_from(count).unwrap_or(usize::MAX).min(self.records.len());
        self.records.range(..count).rev()
    }

    fn get(&self, seq: u64) -> Option<&Record> {
        let index = seq.checked_sub(self.oldest()?)?;
        self.records.get(usize::try_from(index).ok()?)
    }

    /// Tells the ledger what changed, after giving back what is not needed.
    fn book(&mut self) {
        self.give_back();
        let held = self.heap + self.slots();
        self.ledger.book(self.booked, held);
        self.booked = held;
    }

    /// What is set aside for records and for the index of keys, in bytes.
    fn slots(&self) -> usize {
        // The table of std: one byte of control for each bucket, seven of eight of them usable.
        let buckets = self.newest.capacity() * 8 / 7;
        self.records.capacity() * size_of::<Record>() + buckets * (size_of::<(u64, u64)>() + 1)
    }

    fn give_back(&mut self) {
        let records = self.records.len();
        if self.records.capacity() > SPARE * records {
            self.records.shrink_to(records);
        }
        let keys = self.newest.len();
        if self.newest.capacity() > SPARE * 2 * keys {
            self.newest.shrink_to(keys);
        }
    }

    fn pop(&mut self) {
        let Some(record) = self.records.pop_front() else { return };
        self.bytes = self.bytes.saturating_sub(record.bytes());
        self.heap = self.heap.saturating_sub(record.heap());
        self.ledger.forget(record.account, record.cost());
        if let Some(key) = record.key
            && self.newest.get(&key.hash) == Some(&record.delivery.seq)
        {
            self.newest.remove(&key.hash);
        }
    }
}

impl<S> Drop for Ring<S> {
    fn drop(&mut self) {
        for record in &self.records {
            self.ledger.forget(record.account, record.cost());
        }
        self.ledger.book(self.booked, 0);
    }
}

impl Record {
    /// What its frames take.
    fn bytes(&self) -> usize {
        let author = self.delivery.author.as_ref().map_or(0, |author| author.frame.len());
        self.delivery.frame.len() + author
    }

    /// What it owns on the heap, in bytes.
    fn heap(&self) -> usize {
        heap_bytes(&self.delivery, self.key.as_ref().map(|key| &*key.text))
    }

    /// What its author answers for, in bytes.
    fn cost(&self) -> usize {
        self.heap() + size_of::<Self>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        broker::{AuthorCopy, Memory},
        outbox::Frame,
    };
    use std::hash::Hasher;

    /// Gives every key the same hash.
    #[derive(Clone, Default)]
    struct Colliding;

    impl BuildHasher for Colliding {
        type Hasher = Self;

        fn build_hasher(&self) -> Self {
            Self
        }
    }

    impl Hasher for Colliding {
        fn finish(&self) -> u64 {
            7
        }

        fn write(&mut self, _: &[u8]) {}
    }

    fn bounds(count: usize) -> HistoryBounds {
        HistoryBounds { count, age_ms: 1_000, bytes: 10_000 }
    }

    fn push<S: BuildHasher>(ring: &mut Ring<S>, seq: u64, user: &str, key: &str) {
        let frame = Frame::binary(b"12345678");
        let author = Some(AuthorCopy { user: user.into(), frame: frame.clone() });
        ring.push(Wall::from_ms(seq), Delivery { seq, frame, author }, user, Some(key));
    }

    fn find<S: BuildHasher>(ring: &Ring<S>, user: &str, key: &str) -> Option<u64> {
        ring.find(user, key, Wall::from_ms(10)).map(|receipt| receipt.seq)
    }

    #[test]
    fn keys_with_one_hash_are_told_apart() {
        let mut ring = Ring::new(bounds(3), Colliding, Ledger::new(0));
        for (seq, user, key) in [(1, "ada", "k"), (2, "bob", "k"), (3, "ada", "l")] {
            push(&mut ring, seq, user, key);
        }
        assert_eq!(find(&ring, "ada", "k"), Some(1));
        assert_eq!(find(&ring, "bob", "k"), Some(2));
        assert_eq!(find(&ring, "ada", "l"), Some(3));
        assert_eq!(find(&ring, "bob", "l"), None);
        push(&mut ring, 4, "cy", "k");
        assert_eq!(find(&ring, "ada", "k"), None, "forgotten with its message");
        assert_eq!(find(&ring, "bob", "k"), Some(2));
        assert_eq!(find(&ring, "cy", "k"), Some(4));
    }

    #[test]
    fn user_and_key_do_not_run_together() {
        let mut ring = Ring::new(bounds(3), RandomState::new(), Ledger::new(0));
        push(&mut ring, 1, "ab", "c");
        assert_eq!(find(&ring, "a", "bc"), None);
        assert_eq!(find(&ring, "ab", "c"), Some(1));
    }

    #[test]
    fn the_index_holds_no_more_than_the_ring() {
        let ledger = Ledger::new(0);
        let mut ring = Ring::new(bounds(4), RandomState::new(), Arc::clone(&ledger));
        for seq in 1..=100 {
            push(&mut ring, seq, "ada", &seq.to_string());
        }
        assert_eq!((ring.records.len(), ring.newest.len()), (4, 4));
        assert_eq!(ring.bytes, 4 * 20);
        ring.expire(Wall::from_ms(2_000));
        assert_eq!((ring.records.len(), ring.newest.len(), ring.bytes), (0, 0, 0));
        assert_eq!((ring.records.capacity(), ring.newest.capacity()), (0, 0));
        assert_eq!((ledger.memory(), ring.held()), (Memory::default(), 0));
    }

    #[test]
    fn a_ring_that_was_large_gives_its_memory_back() {
        let ledger = Ledger::new(0);
        let large = HistoryBounds { count: 10_000, age_ms: 1_000, bytes: 1 << 30 };
        let mut ring = Ring::new(large, RandomState::new(), Arc::clone(&ledger));
        for seq in 1..=4_000 {
            push(&mut ring, seq, "ada", &seq.to_string());
        }
        let full = ring.held();
        assert!(full > 4_000 * size_of::<Record>(), "{full}");
        ring.shed(full - full / 20);
        assert!((1..300).contains(&ring.records.len()), "{}", ring.records.len());
        assert!(ring.held() <= full / 20 && ring.records.capacity() < 1_200);
        assert_eq!(ledger.memory().bytes, ring.held());
        let account = ledger.account("ada");
        assert!(ledger.balance(account) <= ring.held());
        drop(ring);
        assert_eq!((ledger.memory(), ledger.balance(account)), (Memory::default(), 0));
    }

    #[test]
    fn shedding_takes_the_oldest_and_no_more_than_it_must() {
        let ledger = Ledger::new(0);
        let mut ring = Ring::new(bounds(100), RandomState::new(), Arc::clone(&ledger));
        (1..=20).for_each(|seq| push(&mut ring, seq, "ada", &seq.to_string()));
        assert_eq!(ring.shed(0), 0);
        assert_eq!((ring.shed(1), ring.oldest()), (1, Some(2)));
        assert_eq!(find(&ring, "ada", "1"), None);
        assert_eq!(find(&ring, "ada", "2"), Some(2));
        assert_eq!((ring.shed(usize::MAX), ring.oldest()), (19, None));
        assert_eq!(ledger.memory(), Memory::default());
    }
}
