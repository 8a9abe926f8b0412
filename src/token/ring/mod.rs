//! The keys of one issuer, and the choice among them.

mod set;
#[cfg(test)]
mod tests;

pub use super::jwk::KEY_ID_BYTES;
pub use set::{KEYS, LeftOut, Note, Origin, SET_BYTES, SetFault, SetTerms};

use super::{
    algorithm::Algorithm,
    compact::Compact,
    header::Header,
    key::{Key, KeyFault},
    rejection::{HeaderFault, KeyRefusal, Rejection},
    verifier::{Keys, Signatures},
};
use crate::protocol::{identity::Signer, time::Wall};
use std::{
    fmt,
    hash::{BuildHasher, RandomState},
    sync::LazyLock,
};

/// Keyed at random once a process, so that a [`Signer`] says nothing about a secret.
static SIGNERS: LazyLock<RandomState> = LazyLock::new(RandomState::new);

/// The keys of one issuer: a *plain* ring is one key, or a secret and those before it, and does
/// not look at `kid`; in a ring from a set (RFC 7517 5) `kid` selects.
///
/// Every key is pinned to one algorithm (RFC 8725 3.1), and there is always at least one.
pub struct KeyRing {
    keys: Vec<Held>,
    choice: Choice,
}

/// How a ring chooses among its keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Choice {
    /// Each key of the token's algorithm is tried; `kid` says nothing.
    Each,
    /// `kid` selects; without one the algorithm must leave a single key.
    Named,
    /// No key has a name, so that `kid` says nothing: the algorithm must leave a single key.
    Nameless,
}

/// A key in a ring.
struct Held {
    /// `kid`: an opaque name, compared and nothing else.
    key_id: Option<Box<str>>,
    key: Key,
    signer: Signer,
    /// It counts before this time; without one always.
    until: Option<Wall>,
}

impl KeyRing {
    /// A shared secret; HS256 unless told otherwise.
    ///
    /// # Errors
    /// [`KeyFault`] if the secret is shorter than the hash, or is itself a key in text form.
    pub fn secret(secret: &[u8], algorithm: Option<Algorithm>) -> Result<Self, KeyFault> {
        Key::from_secret(secret, algorithm).map(Self::from)
    }

    /// Adds the secret that was used before, which counts for tokens judged before `until`.
    ///
    /// # Errors
    /// [`KeyFault`] as for [`secret`](Self::secret), if it is a secret of this ring already, or if
    /// the ring is none of secrets.
    pub fn with_previous(mut self, secret: &[u8], until: Wall) -> Result<Self, KeyFault> {
        let algorithm = self.keys.first().map(|held| held.key.algorithm());
        let key = Key::from_secret(secret, algorithm)?;
        if self.keys.iter().any(|held| held.key.print() == key.print()) {
            return Err(KeyFault::Repeated);
        }
        self.keys.push(Held { until: Some(until), ..Held::new(None, key) });
        Ok(self)
    }

    /// A public key in PEM: RSA (`algorithm` must choose), EC on P-256 or P-384, Ed25519.
    ///
    /// # Errors
    /// [`KeyFault`] if it is none, too weak, or does not fit `algorithm`.
    pub fn public_pem(text: &str, algorithm: Option<Algorithm>) -> Result<Self, KeyFault> {
        Key::from_public_pem(text, algorithm).map(Self::from)
    }

    /// The keys of a JWK Set (RFC 7517 5), or of a file with a single JWK, which makes a plain
    /// ring. What cannot be used is left out, and the notes say why.
    ///
    /// # Errors
    /// [`SetFault`] if the text is no set, or leaves no key to use.
    pub fn from_set(text: &str, terms: &SetTerms) -> Result<(Self, Vec<Note>), SetFault> {
        set::read(text, terms)
    }

    /// Names the issuer whose keys these are: its [`Signer`]s are then its own, and the same for
    /// every ring of this issuer that holds the same key.
    #[must_use]
    pub fn of_issuer(mut self, name: &str) -> Self {
        for held in &mut self.keys {
            held.signer = signer(name, &held.key);
        }
        self
    }

    /// The signers whose tokens count at wall-clock time `now`.
    pub fn signers(&self, now: Wall) -> impl Iterator<Item = Signer> {
        self.in_force(now).map(|held| held.signer)
    }

    /// The `kid` and the algorithm of every key, for people.
    pub fn keys(&self) -> impl Iterator<Item = (Option<&str>, Algorithm)> {
        self.keys.iter().map(|held| (held.key_id.as_deref(), held.key.algorithm()))
    }

    fn in_force(&self, now: Wall) -> impl Iterator<Item = &Held> + Clone {
        self.keys.iter().filter(move |held| held.until.is_none_or(|until| now < until))
    }
}

impl Keys for KeyRing {
    fn check(
        &self,
        header: &Header<'_>,
        token: &Compact<'_>,
        now: Wall,
    ) -> Result<Signer, Rejection> {
        let name = header.key_id.as_deref().filter(|_| self.choice == Choice::Named);
        let asked_for = |held: &&Held| name.is_none_or(|name| held.key_id.as_deref() == Some(name));
        let mut candidates = self.in_force(now).filter(asked_for);
        let mut fitting =
            candidates.clone().filter(|held| held.key.algorithm() == header.algorithm);
        let Some(one) = fitting.next() else {
            let other = candidates.next().ok_or(KeyRefusal::Unknown)?;
            let key = other.key.algorithm();
            return Err(HeaderFault::AlgorithmMismatch { key, token: header.algorithm }.into());
        };
        let genuine =
            |held: &&Held| held.key.verify(token.signing_input().as_bytes(), token.signature());
        let signed = if self.choice == Choice::Each {
            std::iter::once(one).chain(fitting).find(genuine)
        } else if fitting.next().is_some() {
            return Err(KeyRefusal::Unnamed.into());
        } else {
            Some(one).filter(genuine)
        };
        signed.map(|held| held.signer).ok_or(Rejection::Signature)
    }
}

/// A plain ring with this one key.
impl From<Key> for KeyRing {
    fn from(key: Key) -> Self {
        Self { keys: vec![Held::new(None, key)], choice: Choice::Each }
    }
}

impl Held {
    fn new(key_id: Option<Box<str>>, key: Key) -> Self {
        Self { key_id, signer: signer("", &key), key, until: None }
    }
}

/// Names, algorithms and dates only.
impl fmt::Debug for KeyRing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list()
            .entries(self.keys.iter().map(|held| (&held.key_id, held.key.algorithm(), held.until)))
            .finish()
    }
}

fn signer(issuer: &str, key: &Key) -> Signer {
    Signer::from_number(SIGNERS.hash_one((issuer, key.algorithm(), key.print())))
}
