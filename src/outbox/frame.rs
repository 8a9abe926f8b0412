//! One complete frame from the server to a client, encoded once and shared.

use crate::protocol::{
    limits::REASON_BYTES,
    server_message::{RoomMessage, ServerMessage},
};
use std::{cell::Cell, fmt, sync::Arc};

/// The longest header of an unmasked frame, in bytes (RFC 6455 5.2).
const HEADER_BYTES: usize = 10;
/// The longest payload of a control frame, in bytes (RFC 6455 5.5).
const CONTROL_BYTES: usize = 125;
/// The largest encoding buffer that a thread keeps, in bytes.
const SCRATCH_BYTES: usize = 256 * 1024;

const TEXT: u8 = 0x1;
const BINARY: u8 = 0x2;
const CLOSE: u8 = 0x8;
const PING: u8 = 0x9;
const PONG: u8 = 0xA;

thread_local! {
    /// Where a frame grows before its size is known; taken while in use.
    static SCRATCH: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

/// Header and payload of one unfragmented, unmasked frame (RFC 6455 5.2), or several of them
/// behind each other.
///
/// It is one allocation of exactly its size; clones share it, so that a message costs the same
/// for one member and for ten thousand.
#[derive(Clone, PartialEq, Eq)]
pub struct Frame(Arc<[u8]>);

impl Frame {
    /// A text frame with the JSON text of `message`.
    pub fn text(message: &ServerMessage<'_>) -> Self {
        Self::build(TEXT, |out| message.encode(out))
    }

    /// A text frame with the JSON text of a room's `message`, as [`text`](Self::text) makes it,
    /// without a box around it: this one is made for every publish, under the room's lock.
    pub fn room_message(message: &RoomMessage<'_>) -> Self {
        Self::build(TEXT, |out| message.encode(out))
    }

    /// A text frame with `json`, which the caller knows to be UTF-8.
    pub fn from_json(json: &[u8]) -> Self {
        Self::build(TEXT, |out| out.extend_from_slice(json))
    }

    /// A binary frame with `payload`. The protocol has none; the conformance tests echo them.
    pub fn binary(payload: &[u8]) -> Self {
        Self::build(BINARY, |out| out.extend_from_slice(payload))
    }

    /// A Close (RFC 6455 5.5.1).
    ///
    /// `reason` is cut to 123 bytes at a character; without `code` there is no place for one.
    pub fn close(code: Option<u16>, reason: &str) -> Self {
        let fits = reason.floor_char_boundary(REASON_BYTES);
        Self::build(CLOSE, |out| {
            if let Some(code) = code {
                out.extend_from_slice(&code.to_be_bytes());
                out.extend_from_slice(reason.as_bytes().get(..fits).unwrap_or_default());
            }
        })
    }

    /// A Ping; `payload` is cut to 125 bytes.
    pub fn ping(payload: &[u8]) -> Self {
        Self::control(PING, payload)
    }

    /// A Pong; `payload` is cut to 125 bytes.
    pub fn pong(payload: &[u8]) -> Self {
        Self::control(PONG, payload)
    }

    /// These frames behind each other, which go out as one.
    pub(crate) fn joined<'a>(frames: impl Iterator<Item = &'a Self>) -> Self {
        let mut buffer = SCRATCH.try_with(Cell::take).unwrap_or_default();
        buffer.clear();
        frames.for_each(|frame| buffer.extend_from_slice(frame.as_bytes()));
        let frame = Self(buffer.as_slice().into());
        keep(buffer);
        frame
    }

    /// Header and payload together, in bytes; never 0.
    #[expect(clippy::len_without_is_empty, reason = "a frame has a header and is never empty")]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// What goes on the wire.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The bytes behind the header.
    pub(crate) fn payload(&self) -> &[u8] {
        let header = match self.0.get(1) {
            Some(126) => 4,
            Some(127) => HEADER_BYTES,
            Some(_) | None => 2,
        };
        self.0.get(header..).unwrap_or_default()
    }

    /// The text of a text frame.
    pub(crate) fn as_text(&self) -> Option<&str> {
        std::str::from_utf8(self.payload()).ok()
    }

    fn control(opcode: u8, payload: &[u8]) -> Self {
        let fits = payload.len().min(CONTROL_BYTES);
        Self::build(opcode, |out| out.extend_from_slice(payload.get(..fits).unwrap_or_default()))
    }

    /// Lets `write` append the payload to a reused buffer and copies the result out at its size:
    /// nothing is spare in a frame that a room remembers.
    fn build(opcode: u8, write: impl FnOnce(&mut Vec<u8>)) -> Self {
        let mut buffer = SCRATCH.try_with(Cell::take).unwrap_or_default();
        buffer.clear();
        buffer.extend_from_slice(&[0; HEADER_BYTES]);
        write(&mut buffer);
        let (start, header) = header(opcode, buffer.len().saturating_sub(HEADER_BYTES));
        if let Some(room) = buffer.first_chunk_mut() {
            *room = header;
        }
        let frame = Self(buffer.get(start..).unwrap_or_default().into());
        keep(buffer);
        frame
    }
}

/// Gives a buffer back, unless it grew large.
fn keep(buffer: Vec<u8>) {
    if buffer.capacity() <= SCRATCH_BYTES {
        // Fails only while the thread ends, when nobody needs the buffer again.
        let _ = SCRATCH.try_with(|scratch| scratch.set(buffer));
    }
}

/// The header for `len` bytes of payload, aligned to the right, and where it starts.
fn header(opcode: u8, len: usize) -> (usize, [u8; HEADER_BYTES]) {
    const FIN: u8 = 0x80;
    let first = FIN | opcode;
    let [a, b, c, d, e, f, g, h] = (len as u64).to_be_bytes();
    match len {
        0..=125 => (8, [0, 0, 0, 0, 0, 0, 0, 0, first, h]),
        126..=0xFFFF => (6, [0, 0, 0, 0, 0, 0, first, 126, g, h]),
        _ => (0, [first, 127, a, b, c, d, e, f, g, h]),
    }
}

/// Opcode and size only: a payload is somebody's private message.
impl fmt::Debug for Frame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let opcode = self.0.first().map(|first| first & 0x0F);
        f.debug_struct("Frame").field("opcode", &opcode).field("len", &self.len()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_have_the_three_lengths_of_the_rfc() {
        let cases: [(usize, &[u8]); 6] = [
            (0, &[0x82, 0]),
            (125, &[0x82, 125]),
            (126, &[0x82, 126, 0, 126]),
            (65_535, &[0x82, 126, 0xFF, 0xFF]),
            (65_536, &[0x82, 127, 0, 0, 0, 0, 0, 1, 0, 0]),
            (300_000, &[0x82, 127, 0, 0, 0, 0, 0, 4, 0x93, 0xE0]),
        ];
        for (len, header) in cases {
            let frame = Frame::binary(&vec![7; len]);
            assert_eq!(&frame.as_bytes()[..header.len()], header, "{len} bytes");
            assert_eq!(frame.len(), header.len() + len);
            assert!(frame.payload().iter().all(|&byte| byte == 7), "{len} bytes");
        }
    }

    #[test]
    fn opcodes_tell_the_kinds_apart() {
        let first = |frame: Frame| frame.as_bytes()[0];
        assert_eq!(first(Frame::text(&ServerMessage::Ping)), 0x81);
        assert_eq!(first(Frame::from_json(b"{}")), 0x81);
        assert_eq!(first(Frame::binary(b"")), 0x82);
        assert_eq!(first(Frame::close(None, "")), 0x88);
        assert_eq!(first(Frame::ping(b"")), 0x89);
        assert_eq!(first(Frame::pong(b"")), 0x8A);
    }

    #[test]
    fn a_text_frame_carries_the_encoded_message() {
        let message = ServerMessage::Ping;
        let mut json = Vec::new();
        message.encode(&mut json);
        assert_eq!(Frame::text(&message).payload(), json);
        assert_eq!(Frame::text(&message), Frame::from_json(&json));
    }

    #[test]
    fn a_close_without_code_is_empty() {
        assert_eq!(Frame::close(None, "ignored").as_bytes(), [0x88, 0]);
    }

    #[test]
    fn a_close_has_code_and_reason() {
        assert_eq!(Frame::close(Some(4408), "no").as_bytes(), [0x88, 4, 0x11, 0x38, b'n', b'o']);
    }

    #[test]
    fn a_long_reason_is_cut_between_characters() {
        let frame = Frame::close(Some(1000), &"é".repeat(62));
        assert_eq!(frame.len(), 2 + 2 + 122, "61 characters of 2 bytes fit into 123");
        assert_eq!(std::str::from_utf8(&frame.payload()[2..]), Ok("é".repeat(61).as_str()));
    }

    #[test]
    fn control_payloads_are_cut_to_125_bytes() {
        for frame in [Frame::ping(&[1; 200]), Frame::pong(&[1; 200])] {
            assert_eq!(frame.as_bytes()[1], 125);
            assert_eq!(frame.len(), 127);
        }
    }

    #[test]
    fn clones_share_their_bytes() {
        let frame = Frame::binary(&[0; 1000]);
        assert_eq!(frame.clone().as_bytes().as_ptr(), frame.as_bytes().as_ptr());
    }

    #[test]
    fn debug_does_not_show_the_payload() {
        assert_eq!(
            format!("{:?}", Frame::from_json(b"secret")),
            "Frame { opcode: Some(1), len: 8 }"
        );
    }
}
