//! A look at the frames of a connection, for people who want to see what is said.

use std::{fmt, sync::Arc};

/// A frame as it goes by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Frame<'a> {
    /// One message of the protocol. What is sent may hold a token.
    Text(&'a str),
    /// A WebSocket Ping; the answer to one that came goes out by itself and is not shown.
    Ping,
    /// A WebSocket Pong.
    Pong,
    /// A Close; code 1005 stands for one without a code.
    Close {
        /// The close code.
        code: u16,
        /// The reason, possibly empty.
        reason: &'a str,
    },
}

/// Is called with every frame, in order; it must not block.
#[derive(Clone)]
pub struct Watch(Arc<dyn Fn(bool, Frame<'_>) + Send + Sync>);

impl Watch {
    /// A watch that calls `show` with each frame, and with whether we sent it.
    pub fn new(show: impl Fn(bool, Frame<'_>) + Send + Sync + 'static) -> Self {
        Self(Arc::new(show))
    }

    pub(super) fn sent(&self, frame: Frame<'_>) {
        (self.0)(true, frame);
    }

    pub(super) fn received(&self, frame: Frame<'_>) {
        (self.0)(false, frame);
    }
}

impl fmt::Debug for Watch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Watch(..)")
    }
}
