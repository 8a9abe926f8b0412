//! The PROXY protocol, version 2: what a proxy says in front of a connection that it passes on.

use std::net::IpAddr;

/// The longest header, in bytes; refused as soon as it says that it is longer.
pub(crate) const HEADER_BYTES: usize = 4 * 1024;
/// What every header begins with.
const SIGNATURE: &[u8; 12] = b"\r\n\r\n\0\r\nQUIT\n";
/// What a header of version 1, which is text, begins with.
const VERSION_1: &[u8] = b"PROXY ";
/// Up to the addresses: the signature, version and command, family, length.
const FIXED_BYTES: usize = 16;

/// What the bytes read so far amount to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Progress {
    /// The header is not complete: read on.
    NeedMore,
    /// A whole header.
    Done {
        /// Whom the proxy speaks for; `None` if for itself, or for nobody that has an address.
        client: Option<IpAddr>,
        /// Its length in bytes; the connection proper begins behind it.
        length: usize,
    },
    /// The connection must end.
    Refuse(Fault),
}

/// Why there is no header of version 2.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Something else came.
    Missing,
    /// A header of version 1 came.
    VersionOne,
    /// A version other than 2, or a command or kind of address that the protocol does not have.
    Unknown,
    /// It is too short for the addresses that it announces.
    TooShort,
    /// It is over [`HEADER_BYTES`].
    TooLong,
}

/// Reads the header from the first bytes of a connection. The answer does not depend on how they
/// were split. Extensions (TLVs) are skipped.
pub(crate) fn parse(bytes: &[u8]) -> Progress {
    if !is_begun(bytes, SIGNATURE) {
        return match is_begun(bytes, VERSION_1) {
            true if bytes.len() < VERSION_1.len() => Progress::NeedMore,
            true => Progress::Refuse(Fault::VersionOne),
            false => Progress::Refuse(Fault::Missing),
        };
    }
    let Some((fixed, rest)) = bytes.split_first_chunk::<FIXED_BYTES>() else {
        return Progress::NeedMore;
    };
    let [.., command, family, high, low] = *fixed;
    let announced = usize::from(u16::from_be_bytes([high, low]));
    let length = FIXED_BYTES + announced;
    match Client::of(command, family) {
        None => Progress::Refuse(Fault::Unknown),
        Some(_) if length > HEADER_BYTES => Progress::Refuse(Fault::TooLong),
        Some(client) if announced < client.bytes() => Progress::Refuse(Fault::TooShort),
        Some(client) => match rest.get(..announced) {
            Some(block) => Progress::Done { client: client.read(block), length },
            None => Progress::NeedMore,
        },
    }
}

/// Whether `bytes` begin with a header of either version, from somebody who owes none.
pub(crate) fn is_header(bytes: &[u8]) -> bool {
    bytes.starts_with(SIGNATURE) || bytes.starts_with(VERSION_1)
}

/// Whether `bytes` begin with `beginning`, or are a part of it from its start.
fn is_begun(bytes: &[u8], beginning: &[u8]) -> bool {
    bytes.iter().zip(beginning).all(|(byte, wanted)| byte == wanted)
}

/// How a header tells whose connection it is.
#[derive(Clone, Copy)]
enum Client {
    /// The proxy's own, or of a kind without an IP address: the peer counts.
    Peer {
        bytes: usize,
    },
    V4,
    V6,
}

impl Client {
    /// Version and command, then family and transport. Values that are not assigned end a
    /// connection; LOCAL has a family that nobody looks at.
    fn of(command: u8, family: u8) -> Option<Self> {
        match (command, family) {
            (0x20, _) | (0x21, 0x00) => Some(Self::Peer { bytes: 0 }),
            (0x21, 0x11 | 0x12) => Some(Self::V4),
            (0x21, 0x21 | 0x22) => Some(Self::V6),
            (0x21, 0x31 | 0x32) => Some(Self::Peer { bytes: 216 }),
            _ => None,
        }
    }

    /// What both addresses and ports take.
    fn bytes(self) -> usize {
        match self {
            Self::Peer { bytes } => bytes,
            Self::V4 => 12,
            Self::V6 => 36,
        }
    }

    /// The source address, which stands first.
    fn read(self, block: &[u8]) -> Option<IpAddr> {
        match self {
            Self::Peer { .. } => None,
            Self::V4 => block.first_chunk::<4>().map(|octets| IpAddr::from(*octets)),
            Self::V6 => {
                block.first_chunk::<16>().map(|octets| IpAddr::from(*octets).to_canonical())
            }
        }
    }
}
