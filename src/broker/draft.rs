//! A message that is about to be published, and its encoding.

use crate::{
    outbox::Frame,
    protocol::{room_name::RoomRef, server_message::RoomMessage},
};
use std::{borrow::Cow, sync::Arc};

/// Everything of a `message` that is not member text of somebody: header, member names,
/// punctuation and numbers, in bytes and rounded up.
const FRAME_OVERHEAD: usize = 192;

/// A message without a number: what its author sent, judged and accepted.
#[derive(Clone, Copy)]
pub struct Draft<'a> {
    /// Where it goes.
    pub room: RoomRef<'a>,
    /// The author's public id.
    pub user: &'a Arc<str>,
    /// The author's `info`, JSON text.
    pub info: Option<&'a str>,
    /// JSON text, passed on byte for byte.
    pub payload: &'a str,
    /// Makes trying again safe; 1 to 64 printable ASCII characters.
    pub idempotency_key: Option<&'a str>,
}

impl Draft<'_> {
    /// No frame of this message is larger, in bytes: the credit to reserve before it has a
    /// number.
    pub fn max_frame_bytes(&self) -> usize {
        FRAME_OVERHEAD
            + self.room.as_str().len()
            + escaped_bytes(self.user)
            + self.info.map_or(0, str::len)
            + self.payload.len()
            + self.idempotency_key.map_or(0, escaped_bytes)
    }

    /// The `message` for everybody but the author; without `seq` it is an ephemeral one.
    pub fn frame(&self, seq: Option<u64>, at_ms: u64) -> Frame {
        self.encode(seq, at_ms, None)
    }

    /// The `message` for the author's connections; `None` if it is the same for all.
    pub fn author_frame(&self, seq: u64, at_ms: u64) -> Option<Frame> {
        self.idempotency_key.map(|key| self.encode(Some(seq), at_ms, Some(key)))
    }

    fn encode(&self, seq: Option<u64>, at_ms: u64, key: Option<&str>) -> Frame {
        Frame::room_message(&RoomMessage {
            room: Cow::Borrowed(self.room.as_str()),
            seq,
            user: Some(Cow::Borrowed(self.user)),
            info: self.info.map(Cow::Borrowed),
            at_ms,
            payload: Cow::Borrowed(self.payload),
            idempotency_key: key.map(Cow::Borrowed),
        })
    }
}

/// The most bytes of `text` within a JSON string (RFC 8259 7), without its quotes.
fn escaped_bytes(text: &str) -> usize {
    let escaped = |byte| match byte {
        0..0x20 | 0x7F => 6,
        b'"' | b'\\' => 2,
        _ => 1,
    };
    text.bytes().map(escaped).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::limits::INTEGER_MAX;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn no_frame_passes_the_bound(
            user in "[\"\\\\a-zé\u{7f}\u{1}\u{2028}]{1,40}",
            key in proptest::option::of("[ -~]{1,64}"),
            payload in "\"[a-z]{0,300}\"",
            info in any::<bool>(),
        ) {
            let user: Arc<str> = user.into();
            let draft = Draft {
                room: RoomRef::parse("team:lobby").unwrap(),
                user: &user,
                info: info.then_some(r#"{"name":"Ada"}"#),
                payload: &payload,
                idempotency_key: key.as_deref(),
            };
            let bound = draft.max_frame_bytes();
            for frame in [
                Some(draft.frame(Some(INTEGER_MAX), INTEGER_MAX)),
                Some(draft.frame(None, INTEGER_MAX)),
                draft.author_frame(INTEGER_MAX, INTEGER_MAX),
            ].into_iter().flatten() {
                prop_assert!(frame.len() <= bound, "{} > {bound}", frame.len());
            }
        }
    }
}
