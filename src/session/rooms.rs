//! Memberships of one session, as its requests and their outcomes tell.

use crate::protocol::room_name::{RoomName, RoomRef};
use std::collections::BTreeMap;

/// The rooms that a session is in, enters or leaves.
#[derive(Debug, Default)]
pub(super) struct Rooms(BTreeMap<RoomName, Member>);

/// Where one membership stands. Requests of one room take effect in the order sent, so the last
/// one says what is wanted, and the outcomes catch up with it.
#[derive(Debug, Default)]
struct Member {
    /// The last request was a join: joining or joined.
    wanted: bool,
    /// The last outcome was a join.
    joined: bool,
    /// Joins without an outcome.
    joins: u32,
    /// Leaves without an outcome.
    leaves: u32,
}

/// A room that a refresh lost.
#[derive(Debug)]
pub(super) struct Lost {
    pub(super) room: RoomName,
    /// Whether the client is told; a `leave` on its way has its own answer.
    pub(super) tell: bool,
}

impl Rooms {
    /// Rooms that count to the cap: joining and joined.
    pub(super) fn count(&self) -> usize {
        self.0.values().filter(|member| member.wanted).count()
    }

    /// The name under which `room` is held, if the session joins it or has joined it.
    pub(super) fn wanted(&self, room: &str) -> Option<&RoomName> {
        self.0.get_key_value(room).filter(|(_, member)| member.wanted).map(|(name, _)| name)
    }

    /// A join was sent on.
    pub(super) fn join(&mut self, room: RoomRef<'_>) -> RoomName {
        let held = self.0.get_key_value(room.as_str()).map(|(name, _)| name.clone());
        let name = held.unwrap_or_else(|| room.to_name());
        let member = self.0.entry(name.clone()).or_default();
        member.wanted = true;
        member.joins = member.joins.saturating_add(1);
        name
    }

    /// A leave is to be sent on; `None` if there is nothing to leave.
    pub(super) fn leave(&mut self, room: &str) -> Option<RoomName> {
        let name = self.0.get_key_value(room).map(|(name, _)| name.clone())?;
        let member = self.0.get_mut(room)?;
        member.wanted = false;
        member.leaves = member.leaves.saturating_add(1);
        Some(name)
    }

    /// A join took effect; without the right to `stay` the membership ends with it.
    pub(super) fn joined(&mut self, room: &RoomName, stay: bool) {
        self.settle(room, |member| {
            member.joins = member.joins.saturating_sub(1);
            member.joined = stay;
        });
    }

    /// A join did not take effect: what was before it stays.
    pub(super) fn join_refused(&mut self, room: &RoomName) {
        self.settle(room, |member| member.joins = member.joins.saturating_sub(1));
    }

    /// A leave took effect.
    pub(super) fn left(&mut self, room: &RoomName) {
        self.settle(room, |member| {
            member.leaves = member.leaves.saturating_sub(1);
            member.joined = false;
        });
    }

    /// Takes out every joined room without the right to stay. A join on its way is judged again
    /// when it took effect.
    pub(super) fn lose(&mut self, stays: impl Fn(RoomRef<'_>) -> bool) -> Vec<Lost> {
        let gone = |(room, member): &(&RoomName, &Member)| member.joined && !stays(room.borrowed());
        let lost: Vec<Lost> = (self.0.iter())
            .filter(gone)
            .map(|(room, member)| Lost { room: room.clone(), tell: member.wanted })
            .collect();
        for Lost { room, .. } in &lost {
            self.settle(room, |member| member.joined = false);
        }
        lost
    }

    fn settle(&mut self, room: &RoomName, change: impl FnOnce(&mut Member)) {
        let Some(member) = self.0.get_mut(room) else { return };
        change(member);
        if member.joins == 0 && !member.joined {
            member.wanted = false;
            if member.leaves == 0 {
                self.0.remove(room);
            }
        }
    }
}
