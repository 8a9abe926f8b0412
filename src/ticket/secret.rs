//! The text of a ticket, and the key under which a store keeps it.

use aws_lc_rs::digest::{SHA256, digest};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use std::{fmt, io};
use zeroize::Zeroizing;

/// What every ticket begins with. There is no dot in a ticket, so that none is a JWT.
const PREFIX: &str = "vt_";
/// Randomness of a ticket, in bytes.
const SECRET_BYTES: usize = 32;
/// The same in base64url, in characters.
const SECRET_CHARS: usize = 43;

/// The text of a ticket: whoever shows it first is let in. It is wiped when it is dropped.
pub struct TicketText(Zeroizing<String>);

impl TicketText {
    /// A new one.
    ///
    /// # Errors
    /// The system has no random bytes.
    pub fn draw() -> io::Result<Self> {
        let mut secret = Zeroizing::new([0; SECRET_BYTES]);
        getrandom::fill(&mut *secret).map_err(io::Error::other)?;
        // Large enough from the beginning: what grows leaves a copy behind.
        let mut text = Zeroizing::new(String::with_capacity(PREFIX.len() + SECRET_CHARS));
        text.push_str(PREFIX);
        URL_SAFE_NO_PAD.encode_string(secret.as_slice(), &mut text);
        Ok(Self(text))
    }

    /// The text. Keep it out of logs, errors and metrics.
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// The key under which it is kept.
    pub fn key(&self) -> TicketKey {
        TicketKey::of_text(&self.0)
    }
}

impl fmt::Debug for TicketText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TicketText(..)")
    }
}

/// What a store knows of the text of a ticket: its SHA-256. It opens nothing.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TicketKey([u8; 32]);

impl TicketKey {
    /// The key of `text`, if it has the shape of a ticket: `vt_` and 43 characters of base64url.
    pub fn of(text: &str) -> Option<Self> {
        let secret = text.strip_prefix(PREFIX)?;
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
        (secret.len() == SECRET_CHARS && secret.bytes().all(plain)).then(|| Self::of_text(text))
    }

    /// The key with these bytes, for stores that keep them elsewhere.
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// Its bytes.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    fn of_text(text: &str) -> Self {
        let mut key = [0; 32];
        // A SHA-256 has as many bytes.
        for (to, from) in key.iter_mut().zip(digest(&SHA256, text.as_bytes()).as_ref()) {
            *to = *from;
        }
        Self(key)
    }
}

impl fmt::Debug for TicketKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TicketKey(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn a_ticket_has_256_random_bits_and_one_key() {
        let drawn: Vec<_> = (0..1_000).map(|_| TicketText::draw().unwrap()).collect();
        for ticket in &drawn {
            let text = ticket.reveal();
            assert_eq!(text.len(), 46, "{text}");
            assert_eq!(TicketKey::of(text), Some(ticket.key()));
            let secret = URL_SAFE_NO_PAD.decode(text.strip_prefix("vt_").unwrap()).unwrap();
            assert_eq!(secret.len(), SECRET_BYTES);
        }
        let keys: HashSet<_> = drawn.iter().map(TicketText::key).collect();
        assert_eq!(keys.len(), drawn.len());
    }

    #[test]
    fn a_key_is_the_sha_256_of_the_text() {
        let text = format!("vt_{}", "A".repeat(43));
        let key = TicketKey::of(&text).unwrap();
        // printf 'vt_AAA...' | sha256sum
        assert_eq!(
            key.as_bytes().iter().map(|byte| format!("{byte:02x}")).collect::<String>(),
            "d47ca28b1a74a3e2f31d61b700d6e56e300dd6995e78128f6ee29c464791cf37"
        );
        assert_eq!(TicketKey::from_bytes(*key.as_bytes()), key);
    }

    #[test]
    fn nothing_else_has_the_shape_of_a_ticket() {
        let (good, short) = ("A".repeat(43), "A".repeat(42));
        let others = [
            String::new(),
            "vt_".to_owned(),
            good.clone(),
            format!("vt_{good}A"),
            format!("vt_{short}"),
            format!("VT_{good}"),
            format!(" vt_{good}"),
            format!("vt_{short}."),
            format!("vt_{short}="),
            format!("vt_{short}+"),
            format!("vt_{}é", "A".repeat(41)),
            "eyJhbGciOiJIUzI1NiJ9.e30.AA".to_owned(),
        ];
        for text in others {
            assert_eq!(TicketKey::of(&text), None, "{text:?}");
        }
    }

    #[test]
    fn neither_can_be_printed() {
        let ticket = TicketText::draw().unwrap();
        let printed = format!("{ticket:?} {:?}", ticket.key());
        assert_eq!(printed, "TicketText(..) TicketKey(..)");
    }
}
