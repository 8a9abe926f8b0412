//! Why nothing was fetched, in words for people; never with a byte of an answer's body.

use super::{Address, HEAD_LINES};
use std::fmt;

/// Why nothing was fetched: from whom, and what went wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FetchError {
    /// Host and port that were asked.
    pub host: Box<str>,
    /// What went wrong.
    pub fault: FetchFault,
}

impl FetchError {
    pub(super) fn new(address: &Address, fault: FetchFault) -> Self {
        Self { host: address.authority().into(), fault }
    }
}

/// A part of a fetch; all of them share one deadline.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// The resolver is asked for addresses.
    Resolve,
    /// A TCP connection is made.
    Connect,
    /// The TLS handshake.
    Handshake,
    /// Waiting for status and headers.
    Head,
    /// Reading the body.
    Body,
}

/// What went wrong in a fetch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FetchFault {
    /// The deadline of the whole was over.
    Late(Phase),
    /// The resolver knows no address.
    Resolve(Box<str>),
    /// No address took the connection.
    Connect(Box<str>),
    /// The TLS handshake failed.
    Handshake(Box<str>),
    /// Its certificate is not believed.
    Untrusted(Box<str>),
    /// The other side does not speak HTTP/1.1, or broke off.
    Http(Phase, Box<str>),
    /// It leads elsewhere (3xx): redirects are not followed.
    Redirect(u16),
    /// It answers with another status than 200.
    Status(u16),
    /// Status and headers are longer than allowed, or the headers too many.
    HeadSize {
        /// The cap, in bytes.
        limit: usize,
    },
    /// The body is longer than allowed.
    BodySize {
        /// The cap, in bytes.
        limit: usize,
    },
    /// The body is compressed, although that was not asked for.
    Compressed,
}

impl fmt::Display for FetchError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { host, fault } = self;
        match fault {
            FetchFault::Late(phase) => write!(f, "{host} took too long: {phase}"),
            FetchFault::Resolve(why) => write!(f, "the address of {host} is not known: {why}"),
            FetchFault::Connect(why) => write!(f, "{host} cannot be reached: {why}"),
            FetchFault::Handshake(why) => write!(f, "no TLS with {host}: {why}"),
            FetchFault::Untrusted(why) => write!(
                f,
                "{host} is not trusted: {why} (set `ca_file` if an authority of your own signs its \
                 certificates)",
            ),
            FetchFault::Http(phase, why) => write!(f, "{host} broke off while {phase}: {why}"),
            FetchFault::Redirect(status) => write!(
                f,
                "{host} answers {status}, and redirects are not followed: configure the address \
                 that it leads to",
            ),
            FetchFault::Status(status) => write!(f, "{host} answers {status} instead of 200"),
            FetchFault::HeadSize { limit } => {
                write!(f, "{host} answers with more than {limit} bytes or {HEAD_LINES} headers")
            }
            FetchFault::BodySize { limit } => {
                write!(f, "{host} answers with more than {limit} bytes")
            }
            FetchFault::Compressed => {
                write!(f, "{host} compresses its answer, although that was not asked for")
            }
        }
    }
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Resolve => "asking for its address",
            Self::Connect => "connecting",
            Self::Handshake => "the TLS handshake",
            Self::Head => "waiting for the answer",
            Self::Body => "reading the answer",
        })
    }
}

impl std::error::Error for FetchError {}
