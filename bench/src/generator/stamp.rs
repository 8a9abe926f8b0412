//! The stamp at the front of every payload: which publication it is, and when it was due.

/// The length of a stamp; no payload is shorter.
pub const STAMP_BYTES: usize = 16;
/// What a stamp begins with, and what no server writes on its own account.
pub const MARK: u8 = b'~';
/// Rooms that a stamp can tell apart.
pub const MAX_ROOMS: u32 = 1 << 12;
/// Authors of a room that a stamp can tell apart.
pub const MAX_AUTHORS: u32 = 1 << 6;

const DIGITS: &[u8; 64] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz-_";
const NONE: u8 = 0x80;
const VALUES: [u8; 256] = values();

const fn values() -> [u8; 256] {
    let mut table = [NONE; 256];
    let mut value = 0;
    while value < 64 {
        #[expect(clippy::indexing_slicing, reason = "64 digits, each a byte")]
        {
            table[DIGITS[value] as usize] = value as u8;
        }
        value += 1;
    }
    table
}

/// Says which publication a payload is of, in text that is the same in every JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp {
    /// The room, below [`MAX_ROOMS`].
    pub room: u32,
    /// The author within the room, below [`MAX_AUTHORS`].
    pub author: u32,
    /// The number of the author's publication, from 0; 30 bits count.
    pub number: u32,
    /// When it was due, in nanoseconds since the generator began; 42 bits (73 minutes) count.
    pub due_ns: u64,
}

impl Stamp {
    /// The stamp as text.
    #[must_use]
    pub fn write(&self) -> [u8; STAMP_BYTES] {
        let mut text = [MARK; STAMP_BYTES];
        let bits = (u128::from(self.room) << 78)
            | (u128::from(self.author) << 72)
            | (u128::from(self.number & 0x3fff_ffff) << 42)
            | u128::from(self.due_ns & ((1 << 42) - 1));
        for (place, byte) in text.iter_mut().skip(1).rev().enumerate() {
            let digit = (bits >> (6 * place)) as usize & 63;
            *byte = DIGITS.get(digit).copied().unwrap_or(MARK);
        }
        text
    }

    /// The stamp at the front of `text`.
    #[inline]
    #[must_use]
    pub fn read(text: &[u8]) -> Option<Self> {
        let text = text.first_chunk::<STAMP_BYTES>()?;
        let [mark, digits @ ..] = text;
        if *mark != MARK {
            return None;
        }
        let mut faults = 0;
        let mut value = |digits: &[u8]| {
            digits.iter().fold(0u64, |sum, digit| {
                let value = VALUES.get(usize::from(*digit)).copied().unwrap_or(NONE);
                faults |= value;
                (sum << 6) | u64::from(value & 63)
            })
        };
        let (place, rest) = digits.split_at_checked(3)?;
        let (number, due) = rest.split_at_checked(5)?;
        let (place, number, due_ns) = (value(place), value(number), value(due));
        let stamp = Self {
            room: (place >> 6) as u32,
            author: (place & 63) as u32,
            number: number as u32,
            due_ns,
        };
        (faults & NONE == 0).then_some(stamp)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_is_written_is_read(
            room in 0..MAX_ROOMS,
            author in 0..MAX_AUTHORS,
            number in 0u32..1 << 30,
            due_ns in 0u64..1 << 42,
        ) {
            let stamp = Stamp { room, author, number, due_ns };
            let mut text = stamp.write().to_vec();
            text.extend_from_slice(b"and more");
            prop_assert_eq!(Stamp::read(&text), Some(stamp));
            prop_assert_eq!(serde_json::to_string(std::str::from_utf8(&text).unwrap()).unwrap().len(),
                text.len() + 2);
        }

        #[test]
        fn other_text_is_no_stamp(at in 0usize..STAMP_BYTES) {
            let mut text = Stamp { room: 1, author: 2, number: 3, due_ns: 4 }.write();
            text[at] = b'"';
            prop_assert_eq!(Stamp::read(&text), None);
            prop_assert_eq!(Stamp::read(&text[..at]), None);
        }
    }
}
