//! The verifier of an issuer: form, header, signature, claims, in this order.

use super::{
    Verification, Verifier,
    algorithm::Algorithm,
    claims::{self, IssuerRules},
    compact::{Compact, TOKEN_BYTES},
    header::Header,
    rejection::{HeaderFault, Rejection},
};
use crate::protocol::{client_message::Token, identity::Login, time::Wall};
use std::{
    fmt,
    hash::{BuildHasher, RandomState},
    sync::atomic::{AtomicU64, Ordering},
};

/// Checks signatures with one key, pinned to one algorithm.
pub trait Signatures: Send + Sync + 'static {
    /// The only algorithm that passes.
    fn algorithm(&self) -> Algorithm;

    /// Whether `signature` is this key's over `signing_input`.
    fn verify(&self, signing_input: &[u8], signature: &[u8]) -> bool;
}

/// Verifies the tokens of one issuer: pure, given its key and the time.
pub struct IssuerVerifier<S> {
    rules: IssuerRules,
    key: S,
    token_bytes: usize,
    /// Keyed at random, so that nobody can choose tokens that share a mark.
    marks: RandomState,
    brought_keys: AtomicU64,
}

impl<S: Signatures> IssuerVerifier<S> {
    /// A verifier of tokens that obey `rules` and are signed with `key`.
    pub fn new(rules: IssuerRules, key: S) -> Self {
        let brought_keys = AtomicU64::new(0);
        Self { rules, key, token_bytes: TOKEN_BYTES, marks: RandomState::new(), brought_keys }
    }

    /// Takes tokens of up to `bytes` bytes instead of [`TOKEN_BYTES`].
    #[must_use]
    pub fn with_token_bytes(self, bytes: usize) -> Self {
        Self { token_bytes: bytes, ..self }
    }

    /// What the issuer's tokens must say.
    pub const fn rules(&self) -> &IssuerRules {
        &self.rules
    }

    /// Judges `token` at wall-clock time `now`.
    ///
    /// # Errors
    /// The first rule that it breaks.
    pub fn judge(&self, token: &str, now: Wall) -> Result<Box<Login>, Rejection> {
        let compact = Compact::parse(token, self.token_bytes)?;
        let header = Header::parse(compact.header())?;
        if header.brings_key {
            self.brought_keys.fetch_add(1, Ordering::Relaxed);
        }
        let key = self.key.algorithm();
        if header.algorithm != key {
            return Err(HeaderFault::AlgorithmMismatch { key, token: header.algorithm }.into());
        }
        if !self.key.verify(compact.signing_input().as_bytes(), compact.signature()) {
            return Err(Rejection::Signature);
        }
        claims::judge(compact.claims(), &self.rules, now, self.marks.hash_one(token))
    }

    /// How many tokens brought or named a key (`jwk`, `jku`, `x5c`, `x5u`), which was ignored.
    pub fn brought_keys(&self) -> u64 {
        self.brought_keys.load(Ordering::Relaxed)
    }
}

impl<S: Signatures> Verifier for IssuerVerifier<S> {
    fn verify(&self, token: Token<'_>, now: Wall) -> Verification {
        Verification::Done(self.judge(token.reveal(), now))
    }
}

impl<S: Signatures> fmt::Debug for IssuerVerifier<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IssuerVerifier")
            .field("rules", &self.rules)
            .field("algorithm", &self.key.algorithm())
            .finish_non_exhaustive()
    }
}
