//! What a source may look at: a handshake, already parsed.

use crate::protocol::{client_message::Token, credential::Unreadable};
use percent_encoding::percent_decode_str;
use smallvec::SmallVec;
use std::{fmt, mem};
use zeroize::{Zeroize, Zeroizing};

/// A handshake as sources see it.
#[derive(Clone)]
pub struct Request<'r> {
    query: Option<&'r str>,
    page: Page,
    headers: SmallVec<[(&'r str, &'r [u8]); 16]>,
}

/// The page that a handshake comes from, by its `Origin`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Page {
    /// It names none: no browser.
    None,
    /// One of the list of origins.
    Listed,
    /// Any, because there is no list.
    Unlisted,
}

impl<'r> Request<'r> {
    /// The request with this query (what stands behind `?`) and these header lines.
    pub fn new(
        query: Option<&'r str>,
        page: Page,
        headers: impl IntoIterator<Item = (&'r str, &'r [u8])>,
    ) -> Self {
        Self { query, page, headers: headers.into_iter().collect() }
    }

    /// The same from another page.
    #[cfg(test)]
    pub(super) fn at(&self, page: Page) -> Self {
        Self { page, ..self.clone() }
    }

    /// The page that it comes from.
    pub fn page(&self) -> Page {
        self.page
    }

    /// The values of all header lines of this name, in order.
    pub(super) fn all(&self, name: &str) -> impl Iterator<Item = &'r [u8]> {
        self.headers
            .iter()
            .filter(move |(known, _)| known.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.trim_ascii())
    }

    /// The query as it stands.
    pub(super) fn query(&self) -> Option<&'r str> {
        self.query
    }

    /// The values of all parameters of this name, decoded.
    pub(super) fn parameters(
        &self,
        name: &str,
    ) -> impl Iterator<Item = Result<Token<'static>, Unreadable>> {
        let pairs = self.query.unwrap_or_default().split('&');
        let pairs = pairs.map(|pair| pair.split_once('=').unwrap_or((pair, "")));
        pairs
            .filter(move |(known, _)| decode(known).is_ok_and(|known| known.reveal() == name))
            .map(|(_, value)| decode(value))
    }
}

/// What a part of a query says (WHATWG URL 5.1). One buffer holds it from the beginning to the
/// end: another one would leave a copy of the secret where it was.
pub(super) fn decode(text: &str) -> Result<Token<'static>, Unreadable> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(text.len()));
    for (at, words) in text.split('+').enumerate() {
        if at > 0 {
            bytes.push(b' ');
        }
        bytes.extend(percent_decode_str(words));
    }
    let text = String::from_utf8(mem::take(&mut bytes));
    text.map(Token::new).map_err(|broken| {
        broken.into_bytes().zeroize();
        Unreadable::Utf8
    })
}

impl fmt::Debug for Request<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Request").field("page", &self.page).finish_non_exhaustive()
    }
}
