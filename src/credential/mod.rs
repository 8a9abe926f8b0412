//! Where credentials come from: each source turns a handshake into what the verifier judges.
//!
//! A source is a file here and a row of [`SOURCES`]; nothing else knows which one it was. The
//! first message is no row: it is always open to whoever has shown nothing yet.

mod authorization;
mod basic;
mod cookie;
mod header;
mod query_scheme;
mod query_ticket;
mod query_token;
mod request;
mod sources;
mod subprotocol;
#[cfg(test)]
mod tests;

pub use request::{Page, Request};
pub use sources::{Choice, Mode, ModesMixed, SourceFault, Sources};
pub use subprotocol::carries_token;

use crate::protocol::credential::{Credential, Unreadable};
use base64::{Engine, decoded_len_estimate};
use std::fmt;
use zeroize::Zeroizing;

/// Every source, in the order of the documents.
pub const SOURCES: &[Source] = &[
    authorization::ROW,
    basic::ROW,
    cookie::ROW,
    subprotocol::ROW,
    query_ticket::ROW,
    query_token::ROW,
    query_scheme::ROW,
];

/// One way for a credential to come with the handshake.
#[derive(Clone, Copy)]
pub struct Source {
    /// Its name, and that of its page in the documents.
    pub name: &'static str,
    /// The key of the configuration that switches it.
    pub key: &'static str,
    /// What it reads, for people.
    pub meaning: &'static str,
    /// In what it is weaker than the first message, as a warning at the start; `None`: in nothing.
    pub weakness: Option<&'static str>,
    /// From which pages it is taken.
    pub pages: Pages,
    /// What must be there to judge it.
    pub needs: Needs,
    /// What else can be chosen about it.
    pub detail: Option<Detail>,
    /// Reads it; the text is that of the detail.
    read: fn(&Request<'_>, &str) -> Reading,
}

/// From which pages a credential is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pages {
    /// From all that may connect: no browser adds it by itself.
    Any,
    /// From pages on the list alone; clients that are no browsers name none and pass.
    ListedOrNone,
    /// From pages on the list alone, and from nobody who names none.
    Listed,
}

/// What must be configured to judge the credentials of a source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Needs {
    /// Nothing beside the issuers.
    Issuers,
    /// Tickets.
    Tickets,
    /// A user directory that checks passwords.
    Passwords,
}

/// One word that a source can be told.
#[derive(Clone, Copy, Debug)]
pub struct Detail {
    /// The key of the configuration.
    pub key: &'static str,
    /// What holds without it.
    pub unset: &'static str,
    /// What it cannot be: that is another source's.
    pub taken: Option<&'static str>,
    /// What it is, for people.
    pub meaning: &'static str,
}

/// What a source finds in a handshake.
#[derive(Debug, PartialEq, Eq)]
enum Reading {
    /// Nothing.
    Absent,
    /// This.
    Shown(Credential<'static>),
    /// Several that differ: whoever else read this request may have believed another one.
    Several,
}

impl Source {
    /// The source of this name.
    pub fn named(name: &str) -> Option<&'static Self> {
        SOURCES.iter().find(|source| source.name == name)
    }
}

impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

impl PartialEq for Source {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for Source {}

/// Decodes a secret; what was decoded of a broken one is wiped, too.
fn base64(engine: &impl Engine, text: &[u8]) -> Result<Zeroizing<Vec<u8>>, Unreadable> {
    let mut decoded = Zeroizing::new(vec![0; decoded_len_estimate(text.len())]);
    let length = engine.decode_slice(text, &mut decoded).map_err(|_| Unreadable::Base64)?;
    decoded.truncate(length);
    Ok(decoded)
}

impl Reading {
    /// The one of these that was found, or that it is not one.
    fn one_of(found: impl IntoIterator<Item = Credential<'static>>) -> Self {
        let mut found = found.into_iter();
        match found.next() {
            None => Self::Absent,
            Some(first) if found.all(|other| other == first) => Self::Shown(first),
            Some(_) => Self::Several,
        }
    }
}
