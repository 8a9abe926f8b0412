//! The connections of a worker, as a room sees them.

use super::{
    Room, WorkerIndex,
    inbox::Credit,
    member::{ConnKey, JoinTicket, RoomPlace, Ticket},
};
use crate::outbox::{Delivery, Frame, Joined};
use std::sync::Arc;

/// The history no longer covers a member.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Gap;

/// Messages for one member.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Offer<'a> {
    /// One by one, ascending.
    pub(crate) deliveries: &'a [Delivery],
    /// All of them as one piece.
    pub(crate) joined: Option<&'a Joined>,
    /// The room has nothing else to say for now.
    pub(crate) is_last: bool,
}

/// What becomes of a connection whose join took effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Seating {
    /// It gets a place.
    New,
    /// It has one already, or has gone meanwhile.
    None,
}

/// The connections of a worker, as a room sees them.
pub(crate) trait Audience<L> {
    /// Which worker's.
    fn worker(&self) -> WorkerIndex;
    /// Queues as many messages as fit for `to`, the member at `at`, in order, and returns how many.
    fn offer(&mut self, to: ConnKey, at: RoomPlace, offer: Offer<'_>) -> usize;
    /// Queues a message for `to` that may be lost, if it fits.
    fn tell(&mut self, to: ConnKey, at: RoomPlace, frame: &Frame);
    /// Whether the outbox of `to` is below its low mark.
    fn is_hungry(&self, to: ConnKey) -> bool;
    /// `member` catches up: serve its room again once it [`is_hungry`](Self::is_hungry).
    fn wait(&mut self, member: ConnKey);

    /// The same, for a member that was live until now.
    fn fell_behind(&mut self, member: ConnKey) {
        self.wait(member);
    }
    /// Reads a piece of history: the messages from `from` on that come before `until`.
    ///
    /// # Errors
    /// [`Gap`] if `from` is no longer remembered.
    fn read(
        &mut self,
        room: &Room<L>,
        from: u64,
        until: u64,
        into: &mut Vec<Delivery>,
    ) -> Result<(), Gap>;
    /// A join took effect: answers it, and says what becomes of the member.
    fn joined(&mut self, ticket: &JoinTicket, room: &Room<L>) -> Seating;
    /// The member has its place.
    fn seated(&mut self, member: ConnKey, room: &Room<L>, place: usize);
    /// A leave took effect, everything of the room is queued: answers it and returns the place
    /// that becomes free.
    fn left(&mut self, ticket: Ticket, room: &Arc<Room<L>>) -> Option<usize>;
    /// Somebody asked for history, and everything before that has taken effect. Returns how many
    /// messages the answer has.
    fn look_back(&mut self, ticket: Ticket, room: &Room<L>) -> usize;
    /// `member`, which is at `at`, does not keep up, and nothing is left to bridge that: it has to
    /// go.
    fn lost(&mut self, member: ConnKey, at: RoomPlace);
    /// Gives the credit of a served message back.
    fn release(&mut self, credit: Credit);
}
