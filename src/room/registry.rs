//! Every room of the process by name, on `dashmap`. It hands out `Arc`s and never a guard.

use super::{Room, RoomId};
use crate::protocol::room_name::{RoomName, RoomRef};
use dashmap::{DashMap, Entry};
use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

/// The process is full of rooms (`overloaded`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Full;

/// All rooms by name.
#[derive(Debug)]
pub(crate) struct Registry<L> {
    rooms: DashMap<RoomName, Arc<Room<L>>>,
    next_id: AtomicU64,
    capacity: usize,
}

impl<L> Registry<L> {
    /// An empty registry for at most about `capacity` rooms (races may overshoot by a few).
    pub(crate) fn new(capacity: usize) -> Self {
        Self { rooms: DashMap::new(), next_id: AtomicU64::new(0), capacity }
    }

    /// The room called `name`, made by `open` if there is none.
    ///
    /// # Errors
    /// [`Full`] if it would have to be made and there is no place.
    pub(crate) fn obtain(
        &self,
        name: &RoomName,
        open: impl FnOnce() -> L,
    ) -> Result<Arc<Room<L>>, Full> {
        if let Some(room) = self.get(name.borrowed()) {
            return Ok(room);
        }
        // Counted before the entry is held: `len` locks every shard.
        if self.rooms.len() >= self.capacity {
            return Err(Full);
        }
        match self.rooms.entry(name.clone()) {
            Entry::Occupied(entry) => Ok(Arc::clone(entry.get())),
            Entry::Vacant(entry) => {
                let id = RoomId(self.next_id.fetch_add(1, Ordering::Relaxed));
                let room = Arc::new(Room::new(id, name.clone(), open()));
                entry.insert(Arc::clone(&room));
                Ok(room)
            }
        }
    }

    /// The room called `name`, if there is one.
    pub(crate) fn get(&self, name: RoomRef<'_>) -> Option<Arc<Room<L>>> {
        self.rooms.get(name.as_str()).map(|entry| Arc::clone(entry.value()))
    }

    /// The rooms that there are now. One that is made meanwhile may be missing.
    pub(crate) fn all(&self) -> Vec<Arc<Room<L>>> {
        self.rooms.iter().map(|entry| Arc::clone(entry.value())).collect()
    }

    /// Forgets `room`, but not a later incarnation of the same name.
    pub(crate) fn remove(&self, room: &Room<L>) {
        self.rooms.remove_if(room.name().as_str(), |_, found| found.id() == room.id());
    }

    /// How many rooms there are, the resting ones included.
    pub(crate) fn len(&self) -> usize {
        self.rooms.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> RoomName {
        RoomName::parse(text).expect("a room name")
    }

    #[test]
    fn a_name_is_one_room_until_it_is_removed() {
        let registry = Registry::new(2);
        let first = registry.obtain(&name("a"), || 1).expect("room");
        let again = registry.obtain(&name("a"), || 2).expect("room");
        assert_eq!(first.id(), again.id());
        registry.remove(&first);
        let later = registry.obtain(&name("a"), || 3).expect("room");
        assert_ne!(first.id(), later.id());
        registry.remove(&first);
        assert_eq!(registry.get(name("a").borrowed()).expect("room").id(), later.id());
    }

    #[test]
    fn a_full_registry_takes_no_new_room_but_finds_the_old_ones() {
        let registry = Registry::new(1);
        registry.obtain(&name("a"), || ()).expect("room");
        assert_eq!(registry.obtain(&name("b"), || ()).expect_err("no place"), Full);
        assert!(registry.obtain(&name("a"), || ()).is_ok());
        assert_eq!(registry.len(), 1);
    }
}
