//! A member is a cursor into its room.

use super::RoomId;
use crate::session::RequestKey;

/// A connection on its worker: its place in the table, and which tenant of that place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct ConnKey {
    /// The place.
    pub(crate) index: u32,
    /// Grows with each tenant, so that a late word for an earlier one is recognised.
    pub(crate) generation: u32,
}

/// The place of a member in a room, on its worker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RoomPlace {
    /// The room.
    pub(crate) room: RoomId,
    /// The place.
    pub(crate) place: usize,
}

/// Where a member stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Cursor {
    /// At the worker's position: takes what is delivered next.
    Live,
    /// Reads from history: this is the next message it needs.
    CatchingUp {
        /// The next message it needs.
        next_seq: u64,
    },
}

/// One member of a room on its worker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Member {
    /// Whose cursor this is.
    pub(crate) connection: ConnKey,
    /// Where it stands.
    pub(crate) cursor: Cursor,
}

/// A join on its way through the room's queue.
#[derive(Debug)]
pub(crate) struct JoinTicket {
    /// Who joins.
    pub(crate) connection: ConnKey,
    /// The request to answer.
    pub(crate) request: RequestKey,
    /// The incarnation of the room's history when the member was counted in.
    pub(crate) epoch: Box<str>,
    /// The newest message at that moment.
    pub(crate) seq: u64,
    /// Where the member goes on from.
    pub(crate) restart: Restart,
}

/// What a join asked about missed messages, and what the log said.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Restart {
    /// Nothing was asked.
    Fresh,
    /// Everything after this message is still remembered.
    Covered(u64),
    /// The gap cannot be closed.
    Lost,
}

impl Restart {
    /// `recovered` of the answer.
    pub(crate) fn recovered(self) -> Option<bool> {
        match self {
            Self::Fresh => None,
            Self::Covered(_) => Some(true),
            Self::Lost => Some(false),
        }
    }

    /// `recovered` for a member that joins again: nothing is replayed to it, so only the newest
    /// position has nothing missing.
    pub(crate) fn is_newest(self, head: u64) -> Option<bool> {
        match self {
            Self::Fresh => None,
            Self::Covered(seq) => Some(seq == head),
            Self::Lost => Some(false),
        }
    }

    /// The cursor of a member that joined when `head` was the newest message.
    pub(crate) fn cursor(self, head: u64) -> Cursor {
        match self {
            Self::Covered(seq) if seq < head => Cursor::CatchingUp { next_seq: seq + 1 },
            Self::Fresh | Self::Covered(_) | Self::Lost => Cursor::Live,
        }
    }
}

/// A leave, or a look at the history, on its way through the room's queue.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ticket {
    /// Who asks.
    pub(crate) connection: ConnKey,
    /// The request to answer.
    pub(crate) request: RequestKey,
}

impl From<ConnKey> for u64 {
    fn from(key: ConnKey) -> Self {
        Self::from(key.generation) << 32 | Self::from(key.index)
    }
}

impl From<u64> for ConnKey {
    #[expect(clippy::cast_possible_truncation, reason = "the two halves are taken apart")]
    fn from(key: u64) -> Self {
        Self { index: key as u32, generation: (key >> 32) as u32 }
    }
}
