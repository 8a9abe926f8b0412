//! What a verifier needs of keys: a signature check, the choice of a key, a word with its source.

use super::{
    House, SourceFigures, Upkeep,
    algorithm::Algorithm,
    compact::Compact,
    header::Header,
    rejection::{HeaderFault, KeyRefusal, Rejection},
};
use crate::protocol::{identity::Signer, time::Wall};
use std::{
    fmt,
    future::{self, Future},
    pin::Pin,
    sync::Arc,
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

    /// What their source tells of itself, if they have one.
    fn figures(&self) -> Option<SourceFigures> {
        None
    }

    /// What there is to do to keep the keys up to date; see [`Verifier::upkeep`](super::Verifier::upkeep).
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
