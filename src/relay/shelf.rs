//! The rooms that remember something: by how much that is, and by when to look at them again.
//!
//! A room stands here once, from its first message until somebody finds that it remembers
//! nothing; `Core::shelved` says so. Whoever takes it off the shelf to look at it puts it back.
//! The shelf's lock is a leaf of its own: nobody holds a room while they ask it.

use super::SharedRoom;
use crate::protocol::time::Wall;
use parking_lot::Mutex;
use slab::Slab;
use smallvec::SmallVec;
use std::{
    collections::BTreeSet,
    sync::{Arc, atomic::Ordering},
};

/// Sizes are told apart by powers of two; the last one holds all that is larger.
const SIZES: usize = 40;
/// Rooms that are looked at to find the one that has to forget.
const SAMPLES: usize = 8;
/// What a room knows that stands nowhere.
const NOWHERE: u32 = u32::MAX;

/// Some rooms, larger ones more likely.
pub(super) type Sample = SmallVec<[Arc<SharedRoom>; SAMPLES]>;

/// All rooms that remember something.
#[derive(Debug, Default)]
pub(super) struct Shelf(Mutex<Places>);

#[derive(Debug)]
struct Places {
    entries: Slab<Entry>,
    /// The keys of the entries of each size.
    sizes: [Vec<u32>; SIZES],
    /// When to look at which entry.
    due: BTreeSet<(Wall, u32)>,
    seed: u64,
}

#[derive(Debug)]
struct Entry {
    room: Arc<SharedRoom>,
    size: u8,
    /// Its place among the entries of this size.
    at: u32,
    due: Wall,
}

impl Default for Places {
    fn default() -> Self {
        let sizes = [const { Vec::new() }; SIZES];
        // The same dice in every process: what matters is that they know nothing of the rooms.
        Self { entries: Slab::new(), sizes, due: BTreeSet::new(), seed: 0x9E37_79B9_7F4A_7C15 }
    }
}

/// The size of a room that holds `bytes`.
pub(super) fn size_of_room(bytes: usize) -> u8 {
    let size = bytes.checked_ilog2().unwrap_or(0).min(SIZES as u32 - 1);
    u8::try_from(size).unwrap_or(u8::MAX)
}

/// The size under which a room should stand that stands under `size` and holds `bytes`, if that
/// is another one. One that shrinks a little stays, so that it does not move to and fro.
pub(super) fn moves(size: u8, bytes: usize) -> Option<u8> {
    let now = size_of_room(bytes);
    (now > size || now + 1 < size).then_some(now)
}

impl Shelf {
    /// Puts a room on the shelf, to be looked at when it is `due`.
    pub(super) fn put(&self, room: Arc<SharedRoom>, size: u8, due: Wall) {
        let mut places = self.0.lock();
        let key = u32::try_from(places.entries.vacant_key()).unwrap_or(NOWHERE);
        room.shelved_at.store(key, Ordering::Relaxed);
        let at = places.enter(size, key);
        places.due.insert((due, key));
        places.entries.insert(Entry { room, size, at, due });
    }

    /// Puts a room elsewhere that grew or shrank. Somebody may just be looking at it: they put it
    /// back where it stood, and the next one who looks finds it in the wrong place.
    pub(super) fn resize(&self, room: &Arc<SharedRoom>, size: u8) {
        let mut places = self.0.lock();
        if let Some(key) = places.key_of(room) {
            places.leave_size(key);
            let at = places.enter(size, key);
            if let Some(entry) = places.entries.get_mut(key as usize) {
                (entry.size, entry.at) = (size, at);
            }
        }
    }

    /// Lets a room be looked at by `due` at the latest.
    pub(super) fn hasten(&self, room: &Arc<SharedRoom>, due: Wall) {
        let mut places = self.0.lock();
        let Some(key) = places.key_of(room) else { return };
        let Some(entry) = places.entries.get_mut(key as usize) else { return };
        if due < entry.due {
            let before = std::mem::replace(&mut entry.due, due);
            places.due.remove(&(before, key));
            places.due.insert((due, key));
        }
    }

    /// Takes a room off that nobody needs any more.
    pub(super) fn remove(&self, room: &Arc<SharedRoom>) {
        let mut places = self.0.lock();
        if let Some(key) = places.key_of(room) {
            places.take(key);
        }
    }

    /// Takes off a room that is due, with the size that it stood under.
    pub(super) fn next_due(&self, now: Wall) -> Option<Arc<SharedRoom>> {
        let mut places = self.0.lock();
        let &(due, key) = places.due.first()?;
        if due > now {
            return None;
        }
        places.take(key)
    }

    /// Draws some rooms, each in proportion to what it holds (within a factor of two), perhaps
    /// the same one twice.
    pub(super) fn sample(&self) -> Sample {
        let mut places = self.0.lock();
        (0..SAMPLES).map_while(|_| places.draw()).collect()
    }

    /// How many rooms stand here.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.0.lock().entries.len()
    }
}

impl Places {
    fn key_of(&self, room: &Arc<SharedRoom>) -> Option<u32> {
        let key = room.shelved_at.load(Ordering::Relaxed);
        let entry = self.entries.get(key as usize)?;
        Arc::ptr_eq(&entry.room, room).then_some(key)
    }

    fn take(&mut self, key: u32) -> Option<Arc<SharedRoom>> {
        self.leave_size(key);
        let Entry { room, due, .. } = self.entries.try_remove(key as usize)?;
        self.due.remove(&(due, key));
        room.shelved_at.store(NOWHERE, Ordering::Relaxed);
        Some(room)
    }

    /// Enters `key` under `size` and returns its place there.
    fn enter(&mut self, size: u8, key: u32) -> u32 {
        let Some(keys) = self.sizes.get_mut(usize::from(size)) else { return NOWHERE };
        keys.push(key);
        u32::try_from(keys.len() - 1).unwrap_or(NOWHERE)
    }

    /// Takes `key` out of its size; the last one there takes its place.
    fn leave_size(&mut self, key: u32) {
        let Some(&Entry { size, at, .. }) = self.entries.get(key as usize) else { return };
        let Some(keys) = self.sizes.get_mut(usize::from(size)) else { return };
        if keys.get(at as usize) == Some(&key) {
            keys.swap_remove(at as usize);
            if let Some(&moved) = keys.get(at as usize)
                && let Some(entry) = self.entries.get_mut(moved as usize)
            {
                entry.at = at;
            }
        }
    }

    fn draw(&mut self) -> Option<Arc<SharedRoom>> {
        let weight = |size: usize, keys: &Vec<u32>| (keys.len() as u128) << size;
        let all: u128 = self.sizes.iter().enumerate().map(|(size, keys)| weight(size, keys)).sum();
        let mut ticket = (u128::from(self.random()) * all) >> 64;
        let random = self.random();
        let (_, keys) = self.sizes.iter().enumerate().find(|&(size, keys)| {
            let weight = weight(size, keys);
            let here = ticket < weight;
            ticket = ticket.saturating_sub(weight);
            here
        })?;
        let at = (u128::from(random) * keys.len() as u128) >> 64;
        let key = *keys.get(usize::try_from(at).ok()?)?;
        self.entries.get(key as usize).map(|entry| Arc::clone(&entry.room))
    }

    fn random(&mut self) -> u64 {
        // Xorshift (Marsaglia 2003).
        self.seed ^= self.seed << 13;
        self.seed ^= self.seed >> 7;
        self.seed ^= self.seed << 17;
        self.seed
    }
}
