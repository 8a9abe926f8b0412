//! Requests that wait for their outcome, and the ids that they hold.

use super::{
    event::RequestKey,
    turn::{Echo, keep},
};
use crate::protocol::{error_code::ErrorCode, room_name::RoomName};
use smallvec::SmallVec;

/// What was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ask {
    Join {
        /// A position was sent that this server cannot go on from.
        since_lost: bool,
        basis: Basis,
    },
    Leave,
    Publish,
    History,
}

/// What a join on its way rests on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Basis {
    /// The login.
    Login,
    /// A room token.
    Pass,
    /// A room token that ended meanwhile, for this reason.
    Lost(ErrorCode),
}

/// A request without an answer.
#[derive(Debug)]
pub(super) struct Request {
    pub(super) key: RequestKey,
    pub(super) id: Option<Box<str>>,
    pub(super) room: RoomName,
    pub(super) ask: Ask,
}

/// The requests of one session; never more than `SessionLimits::in_flight`.
#[derive(Debug, Default)]
pub(super) struct InFlight {
    /// One after the other needs no memory of its own; what a burst took is given back.
    requests: SmallVec<[Request; 1]>,
    next: u32,
}

impl InFlight {
    pub(super) fn len(&self) -> usize {
        self.requests.len()
    }

    pub(super) fn holds_id(&self, id: &str) -> bool {
        self.requests.iter().any(|request| request.id.as_deref() == Some(id))
    }

    /// Enters a request under a key that no other one in flight has.
    pub(super) fn open(&mut self, id: Echo<'_>, room: RoomName, ask: Ask) -> RequestKey {
        while self.position(RequestKey(self.next)).is_some() {
            self.next = self.next.wrapping_add(1);
        }
        let key = RequestKey(self.next);
        self.next = self.next.wrapping_add(1);
        self.requests.push(Request { key, id: keep(id), room, ask });
        key
    }

    /// Takes out the request whose outcome arrived; `None` if it was asked something else.
    pub(super) fn settle(
        &mut self,
        key: RequestKey,
        fits: impl Fn(Ask) -> bool,
    ) -> Option<Request> {
        let at = self.position(key)?;
        if !self.requests.get(at).is_some_and(|request| fits(request.ask)) {
            return None;
        }
        // In bounds: `position` found it.
        let request = self.requests.swap_remove(at);
        if self.requests.is_empty() {
            self.requests.shrink_to_fit();
        }
        Some(request)
    }

    /// The room token of `room` ended: joins that rest on it do so no more.
    pub(super) fn end_basis(&mut self, room: &RoomName, code: ErrorCode) {
        for request in self.requests.iter_mut().filter(|request| request.room == *room) {
            if let Ask::Join { basis: basis @ Basis::Pass, .. } = &mut request.ask {
                *basis = Basis::Lost(code);
            }
        }
    }

    fn position(&self, key: RequestKey) -> Option<usize> {
        self.requests.iter().position(|request| request.key == key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_stay_unique_across_the_wrap_of_the_counter() {
        let room = RoomName::parse("lobby").unwrap();
        let mut table = InFlight { next: u32::MAX, ..InFlight::default() };
        let old = table.open(None, room.clone(), Ask::Publish);
        let first = table.open(None, room.clone(), Ask::Publish);
        table.next = u32::MAX;
        let after = table.open(None, room, Ask::Leave);
        assert_eq!((old, first, after), (RequestKey(u32::MAX), RequestKey(0), RequestKey(1)));
    }

    #[test]
    fn an_outcome_of_another_kind_settles_nothing() {
        let room = RoomName::parse("lobby").unwrap();
        let mut table = InFlight::default();
        let key = table.open(Some("a".into()), room, Ask::Leave);
        assert!(table.settle(key, |ask| ask == Ask::Publish).is_none());
        assert!(table.holds_id("a"));
        assert!(table.settle(key, |ask| ask == Ask::Leave).is_some());
        assert!(!table.holds_id("a"));
    }
}
