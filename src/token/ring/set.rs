//! JWK Sets (RFC 7517 5): which of their keys can be used, and why the others cannot.

use super::{Choice, Held, KeyRing};
use crate::{
    protocol::json::{self, JsonFault, Raw},
    token::{
        algorithm::{Algorithm, Family},
        jwk::{self, KEY_ID_BYTES},
        key::{Key, KeyFault},
        verifier::Signatures,
    },
};
use std::fmt;

/// The longest set, in bytes.
pub const SET_BYTES: usize = 256 * 1024;
/// The most keys in a set.
pub const KEYS: usize = 64;
/// The most notes in one sentence.
const NOTES: usize = 4;

/// Where a set comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// A file of the operator's: it may hold shared secrets, or be a single key. A private key
    /// in it is an error of theirs.
    File,
    /// An address: whoever can read it knows what it says, so that a shared secret is none.
    Remote,
}

/// What is asked of the keys of a set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SetTerms {
    /// Where it comes from.
    pub origin: Origin,
    /// What a key that leaves a choice is pinned to: by default RS256 for an RSA key, and HS256
    /// for a shared secret.
    pub algorithm: Option<Algorithm>,
    /// The algorithms that are taken; empty: all.
    pub algorithms: Vec<Algorithm>,
}

impl SetTerms {
    /// The least: all algorithms, and the default where a key leaves a choice.
    pub const fn new(origin: Origin) -> Self {
        Self { origin, algorithm: None, algorithms: Vec::new() }
    }
}

/// Why a text is no set of keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SetFault {
    /// Longer than [`SET_BYTES`].
    TooLong {
        /// Its length, in bytes.
        bytes: usize,
    },
    /// Not one strict JSON object.
    NotJson(JsonFault),
    /// No JWK Set: without an array `keys`, and no single key in a file.
    NotASet,
    /// More than [`KEYS`] keys.
    TooMany {
        /// How many.
        keys: usize,
    },
    /// A file with a private key: it does not belong on a server that only checks.
    Private(Note),
    /// A file with shared secrets beside public keys: who hands the public ones on gives the
    /// secrets away.
    Mixed,
    /// No key that can be used, and why each was left out.
    Empty(Vec<Note>),
}

/// A key of a set that is left out, for people: without a byte of a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// Its place in the set, from 1.
    pub place: usize,
    /// Its `kid`, as far as it could be read.
    pub key_id: Option<Box<str>>,
    /// Why it is left out.
    pub why: LeftOut,
}

/// Why a key of a set is left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LeftOut {
    /// It is no object.
    NotAnObject,
    /// A member that must be there is missing.
    Missing(&'static str),
    /// A member that must be a string is none.
    NotAString(&'static str),
    /// A member is not unpadded, canonical base64url, or has a wrong length.
    Encoding(&'static str),
    /// `kid` is longer than [`KEY_ID_BYTES`].
    KeyIdLength {
        /// Its length, in bytes.
        bytes: usize,
    },
    /// A kind of key or a curve that this server does not know.
    UnknownKind,
    /// `alg` names nothing that this server checks signatures with.
    UnknownAlgorithm,
    /// `use` or `key_ops` says that it is not for checking signatures.
    Use,
    /// `key_ops` is no list of different strings, or does not agree with `use`.
    Operations,
    /// The issuer's tokens may not be signed with its algorithm.
    NotAllowed(Algorithm),
    /// A shared secret at an address.
    PublishedSecret,
    /// A private key; in a file it is a [`SetFault::Private`].
    Private,
    /// The key itself is refused.
    Key(KeyFault),
    /// Another key has the same `kid`, and the same algorithm or a fault: neither is taken, since
    /// which one a token means cannot be told, and trying both would let a name stand for two keys.
    Ambiguous,
    /// It repeats an earlier key under the same name.
    Repeated,
    /// The same key stands further up for another algorithm (RFC 8725 3.1: one for each key).
    SecondAlgorithm {
        /// What it is pinned to.
        first: Algorithm,
    },
}

impl LeftOut {
    /// Whether its issuer should repair it; otherwise it is only none for this server.
    pub const fn is_fault(self) -> bool {
        !matches!(
            self,
            Self::UnknownKind
                | Self::UnknownAlgorithm
                | Self::Use
                | Self::NotAllowed(_)
                | Self::Repeated
                | Self::SecondAlgorithm { .. }
        )
    }
}

/// See [`KeyRing::from_set`].
pub(super) fn read(text: &str, terms: &SetTerms) -> Result<(KeyRing, Vec<Note>), SetFault> {
    if text.len() > SET_BYTES {
        return Err(SetFault::TooLong { bytes: text.len() });
    }
    let [keys, kty] = json::object(text, &["keys", "kty"]).map_err(SetFault::NotJson)?;
    let Some(keys) = keys else {
        let single = kty.is_some() && terms.origin == Origin::File;
        return if single { read_single(text, terms) } else { Err(SetFault::NotASet) };
    };
    let elements = keys.elements().ok_or(SetFault::NotASet)?;
    let count = elements.clone().count();
    if count > KEYS {
        return Err(SetFault::TooMany { keys: count });
    }
    let mut draft = Draft::default();
    for (at, raw) in elements.enumerate() {
        draft.add(at + 1, raw, terms)?;
    }
    draft.finish()
}

/// A file with one key: there is nothing to choose.
fn read_single(text: &str, terms: &SetTerms) -> Result<(KeyRing, Vec<Note>), SetFault> {
    let mut draft = Draft::default();
    draft.add(1, Raw::parse(text).map_err(SetFault::NotJson)?, terms)?;
    let (ring, notes) = draft.finish()?;
    Ok((KeyRing { choice: Choice::Each, ..ring }, notes))
}

/// A ring in the making.
#[derive(Default)]
struct Draft {
    /// Keys and their places.
    keys: Vec<(usize, Held)>,
    notes: Vec<Note>,
}

impl Draft {
    fn add(&mut self, place: usize, raw: Raw<'_>, terms: &SetTerms) -> Result<(), SetFault> {
        let (key_id, key) = jwk::read(raw, terms);
        let key = key.and_then(|key| self.check_against_others(&key_id, &key).map(|()| key));
        match key {
            Ok(key) => self.keys.push((place, Held::new(key_id, key))),
            Err(why) => {
                let note = Note { place, key_id, why };
                if why == LeftOut::Private && terms.origin == Origin::File {
                    return Err(SetFault::Private(note));
                }
                self.notes.push(note);
            }
        }
        Ok(())
    }

    fn check_against_others(&self, key_id: &Option<Box<str>>, key: &Key) -> Result<(), LeftOut> {
        let twin = |held: &&Held| held.key.print() == key.print();
        for held in self.keys.iter().map(|(_, held)| held).filter(twin) {
            let first = held.key.algorithm();
            if first != key.algorithm() {
                return Err(LeftOut::SecondAlgorithm { first });
            }
            if held.key_id == *key_id {
                return Err(LeftOut::Repeated);
            }
        }
        Ok(())
    }

    fn finish(self) -> Result<(KeyRing, Vec<Note>), SetFault> {
        let Self { keys, mut notes } = self;
        let ambiguous: Vec<bool> =
            keys.iter().map(|(place, held)| is_ambiguous(*place, held, &keys, &notes)).collect();
        let mut held = Vec::new();
        for ((place, key), ambiguous) in keys.into_iter().zip(ambiguous) {
            if ambiguous {
                notes.push(Note { place, key_id: key.key_id, why: LeftOut::Ambiguous });
            } else {
                held.push(key);
            }
        }
        notes.sort_by_key(|note| note.place);
        if held.is_empty() {
            return Err(SetFault::Empty(notes));
        }
        let secrets = held.iter().filter(|held| held.key.algorithm().family() == Family::Hmac);
        if (1..held.len()).contains(&secrets.count()) {
            return Err(SetFault::Mixed);
        }
        let named = held.iter().any(|held| held.key_id.is_some());
        let choice = if named { Choice::Named } else { Choice::Nameless };
        Ok((KeyRing { keys: held, choice }, notes))
    }
}

/// Whether a token that names this key could mean another one: one with the same algorithm, or
/// one that is too broken to tell.
fn is_ambiguous(place: usize, held: &Held, keys: &[(usize, Held)], notes: &[Note]) -> bool {
    if held.key_id.is_none() {
        return false;
    }
    let same = |(other, key): &(usize, Held)| {
        *other != place && key.key_id == held.key_id && key.key.algorithm() == held.key.algorithm()
    };
    keys.iter().any(same)
        || notes.iter().any(|note| note.key_id == held.key_id && note.why.is_fault())
}

impl fmt::Display for SetFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLong { bytes } => {
                write!(f, "the key set has {bytes} bytes: {SET_BYTES} are taken at most")
            }
            Self::NotJson(fault) => write!(f, "the key set is not strict JSON: {fault}"),
            Self::NotASet => {
                f.write_str("this is no JWK Set: a JSON object with an array `keys` is needed")
            }
            Self::TooMany { keys } => {
                write!(f, "the key set has {keys} keys: {KEYS} are taken at most")
            }
            Self::Private(note) => {
                write!(f, "{note}; take `d`, `p`, `q`, `dp`, `dq`, `qi` and `oth` out of the file")
            }
            Self::Mixed => f.write_str(
                "the key set holds shared secrets beside public keys, which are made to be handed \
                 on: keep only the kind that the issuer signs with",
            ),
            Self::Empty(notes) => {
                f.write_str("the key set has no key that can be used")?;
                notes.iter().take(NOTES).try_for_each(|note| write!(f, "; {note}"))?;
                match notes.len().saturating_sub(NOTES) {
                    0 => Ok(()),
                    more => write!(f, "; and {more} more"),
                }
            }
        }
    }
}

impl std::error::Error for SetFault {}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "key {}", self.place)?;
        if let Some(key_id) = &self.key_id {
            write!(f, " ({key_id:?})")?;
        }
        write!(f, ": {}", self.why)
    }
}

impl fmt::Display for LeftOut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotAnObject => f.write_str("it is no JSON object"),
            Self::Missing(member) => write!(f, "`{member}` is missing"),
            Self::NotAString(member) => write!(f, "`{member}` is not a string"),
            Self::Encoding(member) => {
                write!(f, "`{member}` is not base64url without padding, or has a wrong length")
            }
            Self::KeyIdLength { bytes } => {
                write!(f, "`kid` has {bytes} bytes: {KEY_ID_BYTES} are taken at most")
            }
            Self::UnknownKind => {
                f.write_str("this kind of key is not supported: RSA, P-256, P-384, Ed25519 are")
            }
            Self::UnknownAlgorithm => f.write_str("`alg` is no supported signature algorithm"),
            Self::Use => f.write_str("it is not for checking signatures (`use`, `key_ops`)"),
            Self::Operations => {
                f.write_str("`key_ops` is no list of different strings that agrees with `use`")
            }
            Self::NotAllowed(algorithm) => {
                write!(f, "{algorithm} is not among the `algorithms` of the issuer")
            }
            Self::PublishedSecret => f.write_str(
                "it is a shared secret, and whoever can read the address could sign with it: \
                 the issuer must withdraw it",
            ),
            Self::Private => f.write_str(
                "it is a private key, and only the public half belongs here: whoever has read it \
                 can sign",
            ),
            Self::Key(KeyFault::Mismatch { algorithm, family }) => {
                write!(f, "{algorithm} does not go with {family}: {} would", family.choices())
            }
            Self::Key(fault) => write!(f, "{fault}"),
            Self::Ambiguous => f.write_str(
                "another key has the same `kid`, and the same algorithm or a fault: which one a token \
                 means cannot be told, and neither is taken",
            ),
            Self::Repeated => f.write_str("it repeats an earlier key"),
            Self::SecondAlgorithm { first } => {
                write!(f, "the same key is taken for {first} already, and each has one algorithm")
            }
        }
    }
}
