//! The worker's pool of WebSocket contexts, driven from memory and shared by its connections.

use crate::session::TransportFault;
use bytes::Bytes;
use std::io::{self, ErrorKind, Read, Write};
use tokio_tungstenite::tungstenite::{
    Error, Message, Utf8Bytes,
    protocol::{Role, WebSocketConfig, WebSocketContext},
};

/// Idle contexts kept, at most: about 2 KiB each.
const IDLE_CONTEXTS: usize = 16;
/// Read buffer of a context, in bytes. It grows with a message and does not shrink.
const READ_BUFFER_BYTES: usize = 1024;
/// A context that saw a message over this many bytes is not kept: its buffer has grown.
const KEPT_BUFFER_BYTES: usize = 16 * 1024;

/// The contexts of one worker that are at a message border, where they hold no state and serve
/// any connection.
#[derive(Debug, Default)]
pub(crate) struct Contexts {
    // Boxed so that a connection that owns one pays a pointer, and one that owns none no more.
    #[expect(clippy::vec_box, reason = "the boxes move in and out of connections")]
    idle: Vec<Box<Context>>,
}

impl Contexts {
    /// An empty pool.
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// A context at a message border.
    pub(super) fn take(&mut self) -> Box<Context> {
        self.idle.pop().unwrap_or_else(|| Box::new(Context::new()))
    }

    /// Takes back a context that is at a message border again.
    pub(super) fn give(&mut self, mut context: Box<Context>) {
        if context.fed <= KEPT_BUFFER_BYTES && self.idle.len() < IDLE_CONTEXTS {
            context.fed = 0;
            self.idle.push(context);
        }
    }

    /// How many contexts wait.
    #[cfg(test)]
    pub(super) fn idle(&self) -> usize {
        self.idle.len()
    }
}

/// Assembles one message: unmasks, joins fragments, checks UTF-8. Order, form and size of the
/// frames are judged before they come here, and control frames never do.
#[derive(Debug)]
pub(super) struct Context {
    websocket: WebSocketContext,
    /// Bytes since the last message border.
    fed: usize,
}

/// What came of feeding a context.
#[derive(Debug)]
pub(super) enum Fed {
    /// The message is not complete.
    Pending,
    /// A complete text.
    Text(Utf8Bytes),
    /// A complete binary message.
    Binary(Bytes),
    /// The context cannot be used again.
    Fault(TransportFault),
}

impl Context {
    fn new() -> Self {
        // No size limits: the header decided. Nothing is ever written.
        let config = WebSocketConfig::default()
            .read_buffer_size(READ_BUFFER_BYTES)
            .write_buffer_size(0)
            .max_write_buffer_size(1)
            .max_message_size(None)
            .max_frame_size(None);
        Self { websocket: WebSocketContext::new(Role::Server, Some(config)), fed: 0 }
    }

    /// Feeds bytes of one data frame: its header, once, and a part of its payload.
    pub(super) fn feed(&mut self, header: &[u8], payload: &[u8]) -> Fed {
        self.fed = self.fed.saturating_add(header.len()).saturating_add(payload.len());
        match self.websocket.read(&mut Feed { header, payload }) {
            Ok(Message::Text(text)) => Fed::Text(text),
            Ok(Message::Binary(bytes)) => Fed::Binary(bytes),
            // A control frame cannot come out, because none goes in.
            Ok(Message::Ping(_) | Message::Pong(_) | Message::Close(_) | Message::Frame(_)) => {
                Fed::Fault(TransportFault::Protocol)
            }
            Err(Error::Io(error)) if error.kind() == ErrorKind::WouldBlock => Fed::Pending,
            Err(Error::Utf8(_)) => Fed::Fault(TransportFault::Utf8),
            Err(Error::Capacity(_)) => Fed::Fault(TransportFault::TooBig),
            Err(_) => Fed::Fault(TransportFault::Protocol),
        }
    }
}

/// The stream that a context reads: what is at hand, then `WouldBlock` (an end of file would end
/// the context).
struct Feed<'a> {
    header: &'a [u8],
    payload: &'a [u8],
}

impl Read for Feed<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let header = self.header.read(into)?;
        let payload = self.payload.read(into.get_mut(header..).unwrap_or_default())?;
        match header + payload {
            0 => Err(ErrorKind::WouldBlock.into()),
            read => Ok(read),
        }
    }
}

impl Write for Feed<'_> {
    /// Only replies to control frames would be written, and a context meets none.
    fn write(&mut self, _: &[u8]) -> io::Result<usize> {
        Err(ErrorKind::Unsupported.into())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
