//! Tickets in the memory of the process: bounded, for all and for each user.

use super::{Answer, Kept, Purge, StoreFault, Ticket, TicketKey, TicketStore};
use crate::protocol::{identity::Identity, time::Wall};
use parking_lot::Mutex;
use slab::Slab;
use std::{
    collections::{BTreeSet, HashMap, VecDeque, hash_map::Entry},
    fmt,
    hash::{Hash, Hasher},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

/// Tickets of one user at a time; for another one its oldest goes, and opens nothing any more.
pub(super) const HELD_OF_USER: usize = 32;
/// Tickets whose time is over that one call throws away: more than it adds, so that none pile up.
const SWEPT: usize = 8;
/// Slots that a purge looks at before other threads have their turn.
const PURGED_AT_ONCE: usize = 1_024;

/// A [`TicketStore`] for one process. What it holds is gone with it.
pub struct MemoryStore {
    /// A leaf: nothing else is locked under it.
    table: Mutex<Table>,
    bound: AtomicUsize,
}

#[derive(Default)]
struct Table {
    slots: Slab<(TicketKey, Ticket)>,
    by_key: HashMap<TicketKey, u32>,
    /// Whose time is over first.
    by_end: BTreeSet<(Wall, u32)>,
    /// Of each user, the oldest first.
    users: HashMap<User, VecDeque<u32>>,
}

/// A user as the key of a map: (`iss`, `sub`).
struct User(Arc<Identity>);

impl User {
    fn principal(&self) -> (Option<&str>, &str) {
        (self.0.issuer.as_deref(), &self.0.subject)
    }
}

impl PartialEq for User {
    fn eq(&self, other: &Self) -> bool {
        self.principal() == other.principal()
    }
}

impl Eq for User {}

impl Hash for User {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.principal().hash(state);
    }
}

impl MemoryStore {
    /// An empty store for `bound` tickets at a time.
    pub fn new(bound: usize) -> Self {
        Self { table: Mutex::default(), bound: AtomicUsize::new(bound) }
    }

    /// Holds up to `bound` tickets from now on; what it has beyond that, it keeps to its end.
    pub fn set_bound(&self, bound: usize) {
        self.bound.store(bound, Ordering::Relaxed);
    }
}

impl fmt::Debug for MemoryStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryStore").field("held", &self.held()).finish_non_exhaustive()
    }
}

impl TicketStore for MemoryStore {
    fn issue(&self, key: TicketKey, ticket: Ticket, now: Wall) -> Answer<Result<Kept, StoreFault>> {
        let bound = self.bound.load(Ordering::Relaxed);
        Answer::Now(self.table.lock().issue(key, ticket, now, bound))
    }

    fn redeem(&self, key: &TicketKey, now: Wall) -> Answer<Result<Option<Ticket>, StoreFault>> {
        let taken = {
            let mut table = self.table.lock();
            table.sweep(now);
            table.by_key.get(key).copied().and_then(|at| table.take(at))
        };
        Answer::Now(Ok(taken.filter(|ticket| now < ticket.expires_at)))
    }

    fn purge(&self, which: Purge) -> Answer<Result<(), StoreFault>> {
        let mut next = 0;
        // Ends: what is issued meanwhile was issued behind the call, wherever it stands.
        let end = self.table.lock().slots.capacity();
        while next < end {
            let until = end.min(next + PURGED_AT_ONCE);
            let mut table = self.table.lock();
            for at in next..until {
                table.purge(at, which);
            }
            next = until;
        }
        Answer::Now(Ok(()))
    }

    fn held(&self) -> usize {
        self.table.lock().slots.len()
    }
}

impl Table {
    fn issue(
        &mut self,
        key: TicketKey,
        ticket: Ticket,
        now: Wall,
        bound: usize,
    ) -> Result<Kept, StoreFault> {
        self.sweep(now);
        let user = User(Arc::clone(&ticket.login.identity));
        let of_user = self.users.get(&user);
        let oldest =
            of_user.filter(|of_user| of_user.len() >= HELD_OF_USER || self.slots.len() >= bound);
        let oldest = oldest.and_then(|of_user| of_user.front().copied());
        let kept = match oldest.and_then(|at| self.take(at)) {
            Some(_) => Kept::InPlaceOfOldest,
            None if self.slots.len() >= bound => return Err(StoreFault::Full),
            None => Kept::Added,
        };
        let end = ticket.expires_at;
        let slot = self.slots.vacant_entry();
        // The configured bound is far below.
        let at = u32::try_from(slot.key()).map_err(|_| StoreFault::Full)?;
        slot.insert((key, ticket));
        self.by_key.insert(key, at);
        self.by_end.insert((end, at));
        self.users.entry(user).or_default().push_back(at);
        Ok(kept)
    }

    fn take(&mut self, at: u32) -> Option<Ticket> {
        let (key, ticket) = self.slots.try_remove(at as usize)?;
        self.by_key.remove(&key);
        self.by_end.remove(&(ticket.expires_at, at));
        if let Entry::Occupied(mut of_user) =
            self.users.entry(User(Arc::clone(&ticket.login.identity)))
        {
            of_user.get_mut().retain(|it| *it != at);
            if of_user.get().is_empty() {
                of_user.remove();
            }
        }
        Some(ticket)
    }

    /// Throws a few of those away whose time is over.
    fn sweep(&mut self, now: Wall) {
        for _ in 0..SWEPT {
            match self.by_end.first() {
                Some((end, at)) if *end <= now => {
                    let at = *at;
                    self.take(at);
                }
                Some(_) | None => return,
            }
        }
    }

    fn purge(&mut self, at: usize, which: Purge) {
        let Some((_, ticket)) = self.slots.get(at) else { return };
        let goes = match which {
            Purge::Signer(signer) => ticket.login.signer == signer,
            Purge::All => true,
        };
        if let (true, Ok(at)) = (goes, u32::try_from(at)) {
            self.take(at);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::contract::ticket_contract;
    use super::*;

    ticket_contract!(MemoryStore::new);

    #[test]
    fn nothing_is_left_of_what_is_gone() {
        let store = MemoryStore::new(100);
        super::super::contract::fill_and_empty(&store);
        let table = store.table.lock();
        assert!(table.slots.is_empty() && table.by_key.is_empty());
        assert!(table.by_end.is_empty() && table.users.is_empty());
    }
}
