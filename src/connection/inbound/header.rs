//! Reads frame headers (RFC 6455 5.2) out of any split of the stream and judges their form.

use crate::session::TransportFault;
use std::io::Read;

/// The longest header: two bytes, a 64-bit length and the mask.
const HEADER_BYTES: usize = 14;
/// Bytes of a mask; a client must mask every frame (RFC 6455 5.1).
const MASK_BYTES: usize = 4;
/// The longest payload of a control frame, in bytes (RFC 6455 5.5).
pub(super) const CONTROL_BYTES: usize = 125;

/// What a frame is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Opcode {
    /// The next fragment of the open message.
    Continuation,
    /// Begins a text message.
    Text,
    /// Begins a binary message.
    Binary,
    /// The peer ends the connection.
    Close,
    /// Wants a Pong.
    Ping,
    /// A sign of life.
    Pong,
}

impl Opcode {
    /// The opcode of a first byte; `None` for the reserved ones.
    fn parse(first: u8) -> Option<Self> {
        match first & 0x0F {
            0 => Some(Self::Continuation),
            1 => Some(Self::Text),
            2 => Some(Self::Binary),
            8 => Some(Self::Close),
            9 => Some(Self::Ping),
            10 => Some(Self::Pong),
            _ => None,
        }
    }

    /// Whether this is a control frame.
    fn is_control(self) -> bool {
        match self {
            Self::Continuation | Self::Text | Self::Binary => false,
            Self::Close | Self::Ping | Self::Pong => true,
        }
    }
}

/// A whole, well-formed header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Header {
    /// What the frame is.
    pub(super) opcode: Opcode,
    /// Whether it is the last of its message.
    pub(super) fin: bool,
    /// Payload, in bytes.
    pub(super) len: u64,
    /// Every payload byte is XORed with these in turn.
    pub(super) mask: [u8; MASK_BYTES],
    /// Header and payload, in bytes (saturating).
    pub(super) wire: u64,
}

/// Collects one header; empty between frames.
#[derive(Debug, Default)]
pub(super) struct Scanner {
    bytes: [u8; HEADER_BYTES],
    len: u8,
}

impl Scanner {
    /// Takes header bytes from `input` and nothing behind them. `None` when the input ran out.
    /// Faults are reported at the byte that shows them: the wait for the rest of a frame that
    /// can only be refused is a gift to its sender.
    pub(super) fn scan(
        &mut self,
        input: &mut &[u8],
        in_message: bool,
    ) -> Result<Option<Header>, TransportFault> {
        if !self.fill(input, 1) {
            return Ok(None);
        }
        let [first, ..] = self.bytes;
        let opcode = judge_first(first, in_message)?;
        if !self.fill(input, 2) {
            return Ok(None);
        }
        let [_, second, ..] = self.bytes;
        let extended = judge_second(second, opcode)?;
        if !self.fill(input, 2 + extended + MASK_BYTES) {
            return Ok(None);
        }
        let (len, mask) = length_and_mask(self.bytes)?;
        let wire = len.saturating_add(u64::from(self.len));
        Ok(Some(Header { opcode, fin: first & 0x80 != 0, len, mask, wire }))
    }

    /// The bytes collected so far.
    pub(super) fn bytes(&self) -> &[u8] {
        self.bytes.get(..usize::from(self.len)).unwrap_or_default()
    }

    /// Collects up to `upto` bytes and tells whether they are there.
    fn fill(&mut self, input: &mut &[u8], upto: usize) -> bool {
        if let Some(space) = self.bytes.get_mut(usize::from(self.len)..upto) {
            // Reading from a slice cannot fail, and 14 bytes fit a u8.
            let taken = input.read(space).unwrap_or(0);
            self.len = self.len.saturating_add(u8::try_from(taken).unwrap_or(0));
        }
        usize::from(self.len) >= upto
    }
}

/// Reserved bits, reserved opcodes, fragmented control frames, continuation order.
fn judge_first(first: u8, in_message: bool) -> Result<Opcode, TransportFault> {
    let opcode = Opcode::parse(first).ok_or(TransportFault::Protocol)?;
    let reserved = first & 0x70 != 0;
    let fin = first & 0x80 != 0;
    let in_order = match opcode {
        Opcode::Continuation => in_message,
        Opcode::Text | Opcode::Binary => !in_message,
        Opcode::Close | Opcode::Ping | Opcode::Pong => fin,
    };
    if reserved || !in_order { Err(TransportFault::Protocol) } else { Ok(opcode) }
}

/// Masking and the length of control frames; returns the bytes of the extended length.
fn judge_second(second: u8, opcode: Opcode) -> Result<usize, TransportFault> {
    let len = second & 0x7F;
    let masked = second & 0x80 != 0;
    if !masked || opcode.is_control() && usize::from(len) > CONTROL_BYTES {
        return Err(TransportFault::Protocol);
    }
    Ok(match len {
        126 => 2,
        127 => 8,
        _ => 0,
    })
}

/// The length, which must be in its shortest form and below 2^63, and the mask behind it.
fn length_and_mask(bytes: [u8; HEADER_BYTES]) -> Result<(u64, [u8; MASK_BYTES]), TransportFault> {
    let [_, second, ..] = bytes;
    let (len, mask, range) = match second & 0x7F {
        126 => {
            let [_, _, high, low, a, b, c, d, ..] = bytes;
            (u64::from(u16::from_be_bytes([high, low])), [a, b, c, d], 126..=0xFFFF)
        }
        127 => {
            let [_, _, length @ .., a, b, c, d] = bytes;
            (u64::from_be_bytes(length), [a, b, c, d], 0x1_0000..=u64::MAX >> 1)
        }
        short => {
            let [_, _, a, b, c, d, ..] = bytes;
            (u64::from(short), [a, b, c, d], 0..=125)
        }
    };
    if range.contains(&len) { Ok((len, mask)) } else { Err(TransportFault::Protocol) }
}
