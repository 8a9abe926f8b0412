//! Bytes in, messages out: every frame is judged by its header, before its payload arrives.
//!
//! An idle connection owns no buffer. A [`Contexts`] of the worker assembles messages; a
//! connection borrows one of its contexts only while a message of its own is incomplete. Control
//! frames never reach a context, so that a Ping between two fragments is seen at once.

mod close;
mod contexts;
mod header;
#[cfg(test)]
mod tests;

pub(crate) use contexts::Contexts;

use crate::{
    protocol::limits::{AuthLimits, SessionLimits},
    session::TransportFault,
};
use bytes::Bytes;
use contexts::{Context, Fed};
use header::{CONTROL_BYTES, Header, Opcode, Scanner};
use smallvec::SmallVec;
use std::{fmt, mem, sync::Arc};
use tokio_tungstenite::tungstenite::Utf8Bytes;

/// Payload of a Ping or Pong, unmasked.
pub(crate) type ControlPayload = SmallVec<[u8; CONTROL_BYTES]>;

/// How much a peer may send.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Policy {
    /// What applies until the first data message is complete; `None`: the rest applies at once.
    pub(crate) first: Option<FirstBudget>,
    /// The largest message, in bytes; a larger one is skipped ([`Incoming::TooBig`]).
    pub(crate) message_bytes: u32,
    /// The largest message that is skipped, in bytes; over it a fault.
    pub(crate) transport_bytes: u32,
    /// The most frames of one message; over it a fault.
    pub(crate) fragments: u32,
    /// Whether binary messages pass; otherwise a fault.
    pub(crate) binary: bool,
}

/// What a peer may send up to the last byte of its first message, everything counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FirstBudget {
    /// Bytes on the wire, headers and control frames included.
    pub(crate) wire_bytes: u32,
    /// Frames of every kind.
    pub(crate) frames: u32,
}

impl Policy {
    /// Text only, under these limits; `auth` is `None` for a session that opens otherwise than
    /// by its first message.
    pub(crate) fn new(auth: Option<&AuthLimits>, session: &SessionLimits) -> Self {
        Self {
            first: auth
                .map(|auth| FirstBudget { wire_bytes: auth.wire_bytes, frames: auth.frames }),
            message_bytes: session.message_bytes,
            transport_bytes: session.transport_bytes,
            fragments: session.fragments,
            binary: false,
        }
    }
}

/// One thing that arrived.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum Incoming {
    /// A complete text message. It may share a read buffer: copy what is to be kept.
    Text(Utf8Bytes),
    /// A complete binary message, where the policy lets it pass.
    Binary(Bytes),
    /// A message over `message_bytes` has gone by.
    TooBig,
    /// A Ping; a Pong with the same payload is due.
    Ping(ControlPayload),
    /// A Pong.
    Pong(ControlPayload),
    /// The peer's Close with its code, if it has one. Nothing comes after it.
    Close(Option<u16>),
    /// The connection is to be failed. Nothing comes after it.
    Fault(TransportFault),
}

impl fmt::Debug for Incoming {
    /// Shows no content: a text may be an `auth` with its token.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => write!(f, "Text({} bytes)", text.len()),
            Self::Binary(bytes) => write!(f, "Binary({} bytes)", bytes.len()),
            Self::TooBig => f.write_str("TooBig"),
            Self::Ping(payload) => write!(f, "Ping({} bytes)", payload.len()),
            Self::Pong(payload) => write!(f, "Pong({} bytes)", payload.len()),
            Self::Close(code) => write!(f, "Close({code:?})"),
            Self::Fault(fault) => write!(f, "Fault({fault:?})"),
        }
    }
}

/// The reading side of one connection.
#[derive(Debug)]
pub(crate) struct Inbound {
    policy: Arc<Policy>,
    /// Only while a kept message is incomplete.
    context: Option<Box<Context>>,
    /// Only while the payload of a control frame is split over reads.
    control: Option<Box<ControlPayload>>,
    scanner: Scanner,
    stage: Stage,
    /// Bytes of the open message or, before the first is complete, of all frames on the wire.
    bytes: u32,
    /// Frames of the open message or, before the first is complete, of every kind.
    frames: u32,
    open: Open,
    first: bool,
}

const _: () = assert!(size_of::<Inbound>() <= 64);

/// Where in a frame the stream is.
#[derive(Clone, Copy, Debug)]
enum Stage {
    /// In the header.
    Header,
    /// In the payload of a data frame; the message is [`Open`].
    Data { remaining: u32, fin: bool },
    /// In the payload of a control frame.
    Control { opcode: ControlOpcode, len: u8, mask: [u8; 4] },
    /// Behind a Close or a fault.
    Ended,
}

/// The control frames.
#[derive(Clone, Copy, Debug)]
enum ControlOpcode {
    Close,
    Ping,
    Pong,
}

/// The message that is incomplete.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Open {
    /// None: a message border.
    No,
    /// One that is being assembled.
    Kept,
    /// One over `message_bytes`, which is counted but not stored.
    Skipped,
}

/// What one step through the input came to.
enum Step {
    /// Go on.
    Again,
    /// The input is used up.
    Starved,
    /// Something arrived.
    Item(Incoming),
}

impl Inbound {
    /// The state behind the 101.
    pub(crate) fn new(policy: Arc<Policy>) -> Self {
        Self {
            first: policy.first.is_some(),
            policy,
            context: None,
            control: None,
            scanner: Scanner::default(),
            stage: Stage::Header,
            bytes: 0,
            frames: 0,
            open: Open::No,
        }
    }

    /// Consumes `input` up to the end of the next thing and returns it; `None` when the input
    /// is used up. The bytes behind it stay, so that a caller can stop between messages. After
    /// a Close or a fault all input is discarded.
    pub(crate) fn next(&mut self, contexts: &mut Contexts, input: &mut &[u8]) -> Option<Incoming> {
        loop {
            let step = match self.stage {
                Stage::Header => self.header(input),
                Stage::Data { remaining, fin } => self.data(contexts, input, remaining, fin),
                Stage::Control { opcode, len, mask } => self.control(input, opcode, len, mask),
                Stage::Ended => {
                    *input = &[];
                    Step::Starved
                }
            };
            match step {
                Step::Again => {}
                Step::Starved => return None,
                Step::Item(item) => return Some(item),
            }
        }
    }

    fn header(&mut self, input: &mut &[u8]) -> Step {
        let header = match self.scanner.scan(input, self.open != Open::No) {
            Ok(Some(header)) => header,
            Ok(None) => return Step::Starved,
            Err(fault) => return self.fail(fault),
        };
        match self.admit(&header) {
            Ok(stage) => {
                self.stage = stage;
                Step::Again
            }
            Err(fault) => self.fail(fault),
        }
    }

    /// Judges a well-formed header in the order 1003, 1009 and says where it leads.
    fn admit(&mut self, header: &Header) -> Result<Stage, TransportFault> {
        if header.opcode == Opcode::Binary && !self.policy.binary {
            return Err(TransportFault::Binary);
        }
        let len = self.charge(header)?;
        let opcode = match header.opcode {
            Opcode::Text | Opcode::Binary | Opcode::Continuation => {
                return Ok(Stage::Data { remaining: len, fin: header.fin });
            }
            Opcode::Close => ControlOpcode::Close,
            Opcode::Ping => ControlOpcode::Ping,
            Opcode::Pong => ControlOpcode::Pong,
        };
        self.scanner = Scanner::default();
        let len = u8::try_from(len).map_err(|_| TransportFault::Protocol)?;
        Ok(Stage::Control { opcode, len, mask: header.mask })
    }

    /// Counts a frame against the limits in force, opens or skips its message, and returns its
    /// length.
    fn charge(&mut self, header: &Header) -> Result<u32, TransportFault> {
        let begins = match header.opcode {
            Opcode::Text | Opcode::Binary => true,
            Opcode::Continuation => false,
            Opcode::Close | Opcode::Ping | Opcode::Pong if self.first => false,
            // Behind the first message their rate is the session's concern.
            Opcode::Close | Opcode::Ping | Opcode::Pong => return narrow(header.len),
        };
        let (charge, bytes, frames) = match self.policy.first.filter(|_| self.first) {
            Some(budget) => (header.wire, budget.wire_bytes, budget.frames),
            None => (header.len, self.policy.transport_bytes, self.policy.fragments),
        };
        if begins && !self.first {
            (self.bytes, self.frames) = (0, 0);
        }
        self.bytes = narrow(u64::from(self.bytes).saturating_add(charge))?;
        self.frames = self.frames.saturating_add(1);
        if self.bytes > bytes || self.frames > frames {
            return Err(TransportFault::TooBig);
        }
        if begins {
            self.open = Open::Kept;
        }
        if !self.first && self.bytes > self.policy.message_bytes {
            self.open = Open::Skipped;
            self.context = None;
        }
        narrow(header.len)
    }

    fn data(
        &mut self,
        contexts: &mut Contexts,
        input: &mut &[u8],
        remaining: u32,
        fin: bool,
    ) -> Step {
        if remaining > 0 && input.is_empty() {
            return Step::Starved;
        }
        let payload = split_off(input, remaining);
        // `payload` is no longer than `remaining`.
        let remaining = remaining.saturating_sub(u32::try_from(payload.len()).unwrap_or(u32::MAX));
        self.stage = if remaining > 0 { Stage::Data { remaining, fin } } else { Stage::Header };
        // The header waits here for the first byte of the payload.
        let header = mem::take(&mut self.scanner);
        let item = if self.open == Open::Skipped {
            (remaining == 0 && fin).then_some(Incoming::TooBig)
        } else {
            let context = self.context.get_or_insert_with(|| contexts.take());
            match context.feed(header.bytes(), payload) {
                Fed::Pending => None,
                Fed::Text(text) => Some(Incoming::Text(text)),
                Fed::Binary(bytes) => Some(Incoming::Binary(bytes)),
                Fed::Fault(fault) => return self.fail(fault),
            }
        };
        let Some(item) = item else {
            return Step::Again;
        };
        if let Some(context) = self.context.take() {
            contexts.give(context);
        }
        self.open = Open::No;
        self.first = false;
        Step::Item(item)
    }

    fn control(
        &mut self,
        input: &mut &[u8],
        opcode: ControlOpcode,
        len: u8,
        mask: [u8; 4],
    ) -> Step {
        let mut payload = self.control.take().map_or_else(ControlPayload::new, |payload| *payload);
        let missing = usize::from(len).saturating_sub(payload.len());
        payload.extend_from_slice(split_off(input, u32::try_from(missing).unwrap_or(0)));
        if payload.len() < usize::from(len) {
            self.control = Some(Box::new(payload));
            return Step::Starved;
        }
        for (byte, key) in payload.iter_mut().zip(mask.iter().cycle()) {
            *byte ^= key;
        }
        self.stage = Stage::Header;
        match opcode {
            ControlOpcode::Ping => Step::Item(Incoming::Ping(payload)),
            ControlOpcode::Pong => Step::Item(Incoming::Pong(payload)),
            ControlOpcode::Close => match close::parse(&payload) {
                Ok(code) => self.end(Incoming::Close(code)),
                Err(fault) => self.fail(fault),
            },
        }
    }

    fn fail(&mut self, fault: TransportFault) -> Step {
        self.end(Incoming::Fault(fault))
    }

    fn end(&mut self, last: Incoming) -> Step {
        self.stage = Stage::Ended;
        self.context = None;
        Step::Item(last)
    }
}

/// A length or sum that the limits, all 32-bit, can be compared with.
fn narrow(bytes: u64) -> Result<u32, TransportFault> {
    u32::try_from(bytes).map_err(|_| TransportFault::TooBig)
}

/// Cuts at most `len` bytes off the front of `input`.
fn split_off<'a>(input: &mut &'a [u8], len: u32) -> &'a [u8] {
    let len = usize::try_from(len).unwrap_or(usize::MAX).min(input.len());
    let (front, rest) = input.split_at(len);
    *input = rest;
    front
}
