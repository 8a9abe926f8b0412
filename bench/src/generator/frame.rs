//! WebSocket frames as a client reads and writes them: scanned in place, masked by hand.

use std::fmt;

/// The longest frame that a server may send here; beyond it, the stream is not what it seems.
const MAX_FRAME_BYTES: u64 = 64 << 20;

/// A frame of a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Frame<'a> {
    /// A whole text message.
    Text(&'a [u8]),
    /// A Ping, which wants its payload back.
    Ping(&'a [u8]),
    /// A Pong.
    Pong,
    /// A Close, with its code and reason as they stand.
    Close(&'a [u8]),
}

/// What a server may not send here: no extension, no fragment, no mask.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unreadable(pub u8);

impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the server sent a frame that cannot be read here (first byte {:#04x})", self.0)
    }
}

impl std::error::Error for Unreadable {}

/// The first frame of `bytes` and its length with its header; `None` while it is not all there.
///
/// # Errors
/// Binary, fragmented, masked and enormous frames.
#[inline]
pub fn next(bytes: &[u8]) -> Result<Option<(Frame<'_>, usize)>, Unreadable> {
    let [first, second, rest @ ..] = bytes else { return Ok(None) };
    let (header, length) = match *second {
        short @ 0..=125 => (2, u64::from(short)),
        126 => match rest {
            [a, b, ..] => (4, u64::from(u16::from_be_bytes([*a, *b]))),
            _ => return Ok(None),
        },
        127 => match rest.first_chunk::<8>() {
            Some(length) => (10, u64::from_be_bytes(*length)),
            None => return Ok(None),
        },
        _ => return Err(Unreadable(*first)),
    };
    if length > MAX_FRAME_BYTES {
        return Err(Unreadable(*first));
    }
    let end = header + usize::try_from(length).map_err(|_| Unreadable(*first))?;
    let Some(payload) = bytes.get(header..end) else { return Ok(None) };
    let frame = match *first {
        0x81 => Frame::Text(payload),
        0x89 => Frame::Ping(payload),
        0x8a => Frame::Pong,
        0x88 => Frame::Close(payload),
        other => return Err(Unreadable(other)),
    };
    Ok(Some((frame, end)))
}

/// What a client may send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Opcode {
    /// A whole text message.
    Text = 0x81,
    /// A Close.
    Close = 0x88,
    /// The answer to a Ping.
    Pong = 0x8a,
}

/// Appends a masked frame to `out`.
pub fn write(out: &mut Vec<u8>, opcode: Opcode, payload: &[u8], mask: [u8; 4]) {
    out.push(opcode as u8);
    match payload.len() {
        short @ 0..=125 => out.push(0x80 | u8::try_from(short).unwrap_or(0)),
        length => match u16::try_from(length) {
            Ok(length) => {
                out.push(0x80 | 126);
                out.extend_from_slice(&length.to_be_bytes());
            }
            Err(_) => {
                out.push(0x80 | 127);
                out.extend_from_slice(&(length as u64).to_be_bytes());
            }
        },
    }
    out.extend_from_slice(&mask);
    out.extend(payload.iter().zip(mask.iter().cycle()).map(|(byte, mask)| byte ^ mask));
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// A frame as a server writes it.
    fn of_server(first: u8, payload: &[u8]) -> Vec<u8> {
        let mut frame = Vec::new();
        write(&mut frame, Opcode::Text, payload, [0; 4]);
        frame[0] = first;
        frame[1] &= 0x7f;
        let header = frame.len() - payload.len();
        frame.drain(header - 4..header);
        frame
    }

    proptest! {
        #[test]
        fn a_frame_is_read_once_it_is_whole(
            length in prop_oneof![0usize..300, 65_500usize..65_600],
            more in proptest::collection::vec(any::<u8>(), 0..20),
        ) {
            let payload = vec![b'x'; length];
            let mut bytes = of_server(0x81, &payload);
            let whole = bytes.len();
            for cut in [0, 1, 2, 3, 9, whole / 2, whole - 1] {
                if cut < whole {
                    prop_assert_eq!(next(&bytes[..cut]), Ok(None));
                }
            }
            bytes.extend(more);
            prop_assert_eq!(next(&bytes), Ok(Some((Frame::Text(&payload), whole))));
        }

        #[test]
        fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
            if let Ok(Some((_, end))) = next(&bytes) {
                prop_assert!(end <= bytes.len());
            }
        }
    }

    #[test]
    fn control_frames_are_told_apart() {
        assert_eq!(next(&of_server(0x89, b"hi")), Ok(Some((Frame::Ping(b"hi"), 4))));
        assert_eq!(next(&of_server(0x8a, b"")), Ok(Some((Frame::Pong, 2))));
        assert_eq!(next(&of_server(0x88, b"\x03\xe8")), Ok(Some((Frame::Close(b"\x03\xe8"), 4))));
    }

    #[test]
    fn what_was_not_agreed_on_is_unreadable() {
        for first in [0x82, 0x01, 0x80, 0xc1] {
            assert_eq!(next(&of_server(first, b"x")), Err(Unreadable(first)));
        }
        assert_eq!(next(&[0x81, 0x81, 0, 0, 0, 0, b'x']), Err(Unreadable(0x81)), "masked");
        let enormous = [0x81, 127, 0, 0, 1, 0, 0, 0, 0, 0];
        assert_eq!(next(&enormous), Err(Unreadable(0x81)));
    }

    #[test]
    fn a_client_masks() {
        // RFC 6455, section 5.7.
        let mut out = Vec::new();
        write(&mut out, Opcode::Text, b"Hello", [0x37, 0xfa, 0x21, 0x3d]);
        let said = [0x81, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58];
        assert_eq!(out, said);
    }
}
