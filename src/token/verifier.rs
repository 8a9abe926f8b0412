//! The verifier of an issuer: form, header, signature, claims, in this order.

use super::{
    House, Upkeep, Verification, Verifier,
    algorithm::Algorithm,
    claims::{self, IssuerRules},
    compact::{Compact, TOKEN_BYTES},
    header::Header,
    rejection::{HeaderFault, KeyRefusal, Rejection},
};
use crate::protocol::{
    client_message::Token,
    identity::{Login, Signer},
    time::Wall,
};
use std::{
    fmt,
    future::{self, Future},
    hash::{BuildHasher, RandomState},
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

/// Checks signatures with one key, pinned to one algorithm.
pub trait Signatures: Send + Sync + 'static {
    /// The only algorithm that passes.
    fn algorithm(&self) -> Algorithm;

    /// Whether `signature` is this key's over `signing_input`.
    fn verify(&self, signing_input: &[u8], signature: &[u8]) -> bool;
}

/// The keys of one issuer.
pub trait Keys: Send + Sync + 'static {
    /// Checks the signature of a token with the key that its header asks for, at wall-clock time
    /// `now`, and says which key it was.
    ///
    /// # Errors
    /// [`HeaderFault::AlgorithmMismatch`], [`Rejection::Key`] or [`Rejection::Signature`].
    fn check(
        &self,
        header: &Header<'_>,
        token: &Compact<'_>,
        now: Wall,
    ) -> Result<Signer, Rejection>;

    /// What can be done about a [`Rejection::Key`] of [`check`](Self::check), for a token with
    /// this `kid`: nothing, unless keys come from somewhere.
    fn consult(&self, refusal: KeyRefusal, _key_id: Option<&str>) -> Consultation {
        Consultation::Settled(refusal)
    }

    /// What there is to do to keep the keys up to date; see [`Verifier::upkeep`].
    fn upkeep(&self, house: Arc<dyn House>) -> Upkeep {
        house.ready();
        Box::pin(future::pending())
    }
}

/// What becomes of a token whose key is not there.
pub enum Consultation {
    /// It is refused, for this reason.
    Settled(KeyRefusal),
    /// Its source is asked: once this is ready the token is judged again, and what
    /// [`Keys::check`] says then stands.
    Asked(Pin<Box<dyn Future<Output = ()> + Send>>),
}

impl fmt::Debug for Consultation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Settled(why) => write!(f, "Settled({why:?})"),
            Self::Asked(_) => f.write_str("Asked"),
        }
    }
}

/// A single key: nothing is to be chosen, `kid` says nothing.
impl<S: Signatures> Keys for S {
    fn check(
        &self,
        header: &Header<'_>,
        token: &Compact<'_>,
        _now: Wall,
    ) -> Result<Signer, Rejection> {
        let key = self.algorithm();
        if header.algorithm != key {
            return Err(HeaderFault::AlgorithmMismatch { key, token: header.algorithm }.into());
        }
        let genuine = self.verify(token.signing_input().as_bytes(), token.signature());
        if genuine { Ok(Signer::default()) } else { Err(Rejection::Signature) }
    }
}

/// Verifies the tokens of one issuer: pure, given its keys and the time.
pub struct IssuerVerifier<K> {
    rules: IssuerRules,
    keys: K,
    token_bytes: usize,
    /// Keyed at random, so that nobody can choose tokens that share a mark.
    marks: RandomState,
    brought_keys: AtomicU64,
}

impl<K: Keys> IssuerVerifier<K> {
    /// A verifier of tokens that obey `rules` and are signed with one of `keys`.
    pub fn new(rules: IssuerRules, keys: K) -> Self {
        let brought_keys = AtomicU64::new(0);
        Self { rules, keys, token_bytes: TOKEN_BYTES, marks: RandomState::new(), brought_keys }
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
        let signer = self.keys.check(&header, &compact, now)?;
        let mark = self.marks.hash_one(token);
        let mut login = claims::judge(compact.claims(), &self.rules, now, mark)?;
        login.signer = signer;
        Ok(login)
    }

    /// How many tokens brought or named a key (`jwk`, `jku`, `x5c`, `x5u`), which was ignored.
    pub fn brought_keys(&self) -> u64 {
        self.brought_keys.load(Ordering::Relaxed)
    }
}

impl<K: Keys> Verifier for IssuerVerifier<K> {
    fn verify(&self, token: Token<'_>, now: Wall) -> Verification<Box<Login>> {
        Verification::Done(self.judge(token.reveal(), now))
    }
}

impl<K> fmt::Debug for IssuerVerifier<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IssuerVerifier").field("rules", &self.rules).finish_non_exhaustive()
    }
}
