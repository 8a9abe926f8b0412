//! A committed message as the frames that members get: what broker and rooms exchange.

use super::Frame;
use std::sync::Arc;

/// A committed message as it goes to members; clones share the bytes.
#[derive(Clone, Debug)]
pub struct Delivery {
    /// The number of the message in its epoch.
    pub seq: u64,
    /// The `message` for everybody but its author.
    pub frame: Frame,
    /// The `message` for its author's connections, if it differs.
    pub author: Option<AuthorCopy>,
}

/// A message as its author sees it: with the `idempotency_key`.
#[derive(Clone, Debug)]
pub struct AuthorCopy {
    /// The author's public id.
    pub user: Arc<str>,
    /// The `message` with the key.
    pub frame: Frame,
}

impl Delivery {
    /// The frame that `user` gets.
    pub fn frame_for(&self, user: &str) -> &Frame {
        match &self.author {
            Some(author) if *author.user == *user => &author.frame,
            _ => &self.frame,
        }
    }

    /// The size of its larger frame, in bytes: what it takes of a member's budget at most.
    pub fn max_frame_bytes(&self) -> usize {
        self.author.as_ref().map_or(0, |author| author.frame.len()).max(self.frame.len())
    }
}
