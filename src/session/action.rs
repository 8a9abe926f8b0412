//! What a session wants done.

use super::event::RequestKey;
use crate::protocol::{
    client_message::{IdempotencyKey, Range, Since, Token},
    close_code::CloseCode,
    credential::Credential,
    json::Raw,
    room_name::RoomName,
    server_message::ServerMessage,
};
use smallvec::SmallVec;

/// Actions of one event, to be carried out in order. Most events have one or two; a refresh
/// that loses rooms has one more for each.
pub type Actions<'a> = SmallVec<[Action<'a>; 2]>;

/// One thing to do.
#[derive(Debug)]
pub enum Action<'a> {
    /// Verify a credential; the outcome is `Verified`, `Refused` or `VerifierDown`.
    Verify(Credential<'a>),
    /// Give the verification under way up: its outcome must not come any more, because it would
    /// be taken for that of the next one.
    CancelVerify,
    /// Verify the room token of a join; the outcome is `PassVerified`, `PassRefused` or
    /// `PassUndecided`.
    VerifyPass(Token<'a>),
    /// Give that verification up; what holds for [`CancelVerify`](Self::CancelVerify) holds here.
    CancelVerifyPass,
    /// Queue a message.
    Send(ServerMessage<'a>),
    /// Queue a Ping frame; with `text` also the text `ping`.
    Ping {
        /// Whether a text `ping` goes too.
        text: bool,
    },
    /// Answer a Ping frame with its payload.
    Pong(&'a [u8]),
    /// Enter a room; the outcome is `Joined` or `JoinRefused`. For a room that the connection is
    /// in already it asks for the newest position: one membership, no replay, and with `since`
    /// the outcome says whether that is the newest.
    Join {
        /// The request.
        key: RequestKey,
        /// Which room.
        room: RoomName,
        /// Where to go on from.
        since: Option<Since<'a>>,
    },
    /// Leave a room; the outcome is `Left`, also where a join before it was refused.
    Leave {
        /// The request.
        key: RequestKey,
        /// Which room.
        room: RoomName,
    },
    /// Leave a room at once: nothing of it may be queued any more. No outcome.
    Evict {
        /// Which room.
        room: RoomName,
    },
    /// Publish; the outcome is `Published`, `Emitted` for an ephemeral message, or `PublishFailed`.
    Publish {
        /// The request.
        key: RequestKey,
        /// Which room.
        room: RoomName,
        /// JSON, passed on byte for byte.
        payload: Raw<'a>,
        /// Makes a retry safe.
        idempotency_key: Option<IdempotencyKey<'a>>,
        /// Not remembered, may be dropped; has no key.
        ephemeral: bool,
    },
    /// Look up what a room remembers, behind everything that was asked of it before; the outcome
    /// is `History` or `HistoryRefused`. Nothing is read from the socket meanwhile, so there is
    /// one at a time. The session may give it up: a later outcome is ignored.
    History {
        /// The request.
        key: RequestKey,
        /// Which room.
        room: RoomName,
        /// Which part.
        range: Range,
    },
    /// Drop every whole queued frame (a slow consumer): what follows finds room and goes next.
    Cut,
    /// Queue the Close and seal the outbox, leave every room, then run the close path.
    Close {
        /// The code.
        code: CloseCode,
        /// Stands in the reason.
        retry_after_ms: Option<u64>,
    },
    /// Answer the peer's Close with its own code (none: an empty Close), leave every room, then
    /// run the close path.
    EchoClose(Option<u16>),
    /// The peer is gone: give everything back without a word.
    Abandon,
}
