//! Secrets: made at random, kept as hashes, compared in constant time, never printed.

use crate::error::Error;
use aws_lc_rs::{constant_time, digest, hmac, rand};
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use serde::{Deserialize, Serialize};
use std::fmt;

/// A text that opens something. It has no way to be printed.
#[derive(Clone, Deserialize, Serialize)]
#[serde(transparent)]
pub struct Secret(String);

/// What is kept of a [`Secret`] of 256 random bits: nobody can go back, so that a plain hash does.
pub type Hash = [u8; 32];

impl Secret {
    /// 256 random bits behind a prefix that says what it is, for people and for scanners.
    pub fn random(prefix: &str) -> Result<Self, Error> {
        Ok(Self(prefix.to_owned() + &random_text::<32>()?))
    }

    /// A text from outside.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text itself: for the answer to its owner, and nothing else.
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// What is kept of it.
    pub fn hash(&self) -> Hash {
        let mut hash = Hash::default();
        let digest = digest::digest(&digest::SHA256, self.0.as_bytes());
        for (to, from) in hash.iter_mut().zip(digest.as_ref()) {
            *to = *from;
        }
        hash
    }

    /// Whether both are the same text, in a time that says nothing about where they differ.
    pub fn is(&self, other: &Self) -> bool {
        constant_time::verify_slices_are_equal(&self.hash(), &other.hash()).is_ok()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

/// `N` random bytes.
pub fn random<const N: usize>() -> Result<[u8; N], Error> {
    let mut bytes = [0; N];
    rand::fill(&mut bytes).map_err(|_| Error::internal("the system gives no random bytes"))?;
    Ok(bytes)
}

/// `N` random bytes as base64url.
pub fn random_text<const N: usize>() -> Result<String, Error> {
    Ok(BASE64_URL_SAFE_NO_PAD.encode(random::<N>()?))
}

/// A key for what is too short to be hashed alone, such as a code of six digits. It lives in
/// memory only: whoever copies the database learns no code, and a restart forgets those under way.
pub struct Pepper(hmac::Key);

impl Pepper {
    /// A new one.
    pub fn random() -> Result<Self, Error> {
        Ok(Self(hmac::Key::new(hmac::HMAC_SHA256, &random::<32>()?)))
    }

    /// The tag of `text`.
    pub fn tag(&self, text: &[u8]) -> Vec<u8> {
        hmac::sign(&self.0, text).as_ref().to_vec()
    }

    /// Whether `tag` belongs to `text`, in constant time.
    pub fn verify(&self, text: &[u8], tag: &[u8]) -> bool {
        hmac::verify(&self.0, text, tag).is_ok()
    }
}
