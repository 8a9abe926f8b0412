//! The verifier: form, header, issuer, signature, claims, in this order, by the rules and with the
//! keys of the one issuer that the token names.

mod conflict;
mod upkeep;

pub use conflict::{IssuerConflict, check_issuers};

use super::{
    Figures, House, SourceFigures, Upkeep, Verification, Verifier,
    claims::{self, IssuerRules},
    compact::{Compact, TOKEN_BYTES},
    header::Header,
    rejection::{ClaimFault, KeyRefusal, Rejection},
    verifier::{Consultation, Keys},
};
use crate::protocol::{
    client_message::Token,
    identity::{Login, Pass, Signer},
    time::Wall,
};
use std::{
    fmt,
    hash::{BuildHasher, RandomState},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

/// Verifies the tokens of one issuer or of several; a clone shares keys and counters.
///
/// Pure, given the keys and the time. Of a token that is refused nothing is kept or logged.
pub struct Issuers<K> {
    shared: Arc<Shared<K>>,
    token_bytes: usize,
}

struct Shared<K> {
    issuers: Box<[Issuer<K>]>,
    /// Keyed at random, so that nobody can choose tokens that share a mark.
    marks: RandomState,
    brought_keys: AtomicU64,
}

struct Issuer<K> {
    rules: IssuerRules,
    keys: K,
}

/// A token whose signature is good, before its claims are judged.
struct Signed<'a> {
    claims: &'a str,
    rules: &'a IssuerRules,
    now: Wall,
    mark: u64,
    signer: Signer,
}

/// Turns claims into what they are good for.
type Judge<T> = fn(Signed<'_>) -> Result<T, Rejection>;

impl<K: Keys> Issuers<K> {
    /// One issuer: its tokens obey `rules` and are signed with one of `keys`.
    pub fn new(rules: IssuerRules, keys: K) -> Self {
        Self::of(Box::new([Issuer { rules, keys }]))
    }

    /// Several issuers, each with its own rules and keys.
    ///
    /// # Errors
    /// See [`check_issuers`].
    pub fn several(
        issuers: impl IntoIterator<Item = (IssuerRules, K)>,
    ) -> Result<Self, IssuerConflict> {
        let issuers = issuers.into_iter().map(|(rules, keys)| Issuer { rules, keys });
        let issuers: Box<[_]> = issuers.collect();
        check_issuers(issuers.iter().map(|issuer| &issuer.rules))?;
        Ok(Self::of(issuers))
    }

    fn of(issuers: Box<[Issuer<K>]>) -> Self {
        let (marks, brought_keys) = (RandomState::new(), AtomicU64::new(0));
        let shared = Arc::new(Shared { issuers, marks, brought_keys });
        Self { shared, token_bytes: TOKEN_BYTES }
    }

    /// Takes tokens of up to `bytes` bytes instead of [`TOKEN_BYTES`].
    #[must_use]
    pub fn with_token_bytes(self, bytes: usize) -> Self {
        Self { token_bytes: bytes, ..self }
    }

    /// What each issuer's tokens must say, and its keys.
    pub fn iter(&self) -> impl Iterator<Item = (&IssuerRules, &K)> {
        self.shared.issuers.iter().map(|issuer| (&issuer.rules, &issuer.keys))
    }

    /// How many tokens brought or named a key (`jwk`, `jku`, `x5c`, `x5u`), which was ignored.
    pub fn brought_keys(&self) -> u64 {
        self.shared.brought_keys.load(Ordering::Relaxed)
    }

    /// Judges a login token at wall-clock time `now`, with the keys that are there.
    ///
    /// # Errors
    /// The first rule that it breaks.
    pub fn judge(&self, token: &str, now: Wall) -> Result<Box<Login>, Rejection> {
        self.try_keys(token, now, login, |_, why, _| why.into())
    }

    /// Judges a room token at wall-clock time `now`, with the keys that are there.
    ///
    /// # Errors
    /// The first rule that it breaks.
    pub fn judge_pass(&self, token: &str, now: Wall) -> Result<Box<Pass>, Rejection> {
        self.try_keys(token, now, pass, |_, why, _| why.into())
    }

    /// `missing` says what becomes of a token whose key is not there, given its `kid`.
    fn try_keys<T>(
        &self,
        token: &str,
        now: Wall,
        judge: Judge<T>,
        missing: impl FnOnce(&K, KeyRefusal, Option<&str>) -> Rejection,
    ) -> Result<T, Rejection> {
        let compact = Compact::parse(token, self.token_bytes)?;
        let header = Header::parse(compact.header())?;
        if header.brings_key {
            self.shared.brought_keys.fetch_add(1, Ordering::Relaxed);
        }
        let Issuer { rules, keys } = self.select(compact.claims())?;
        rules.types.judge(header.typ)?;
        let signer = match keys.check(&header, &compact, now) {
            Err(Rejection::Key(why)) => return Err(missing(keys, why, header.key_id.as_deref())),
            checked => checked?,
        };
        let mark = self.shared.marks.hash_one(token);
        judge(Signed { claims: compact.claims(), rules, now, mark, signer })
    }

    /// The issuer that the token names. A signature can vouch for this name only if nothing but
    /// that issuer's keys ever sees it.
    fn select(&self, claims: &str) -> Result<&Issuer<K>, Rejection> {
        if let [only] = &*self.shared.issuers
            && only.rules.iss.is_none()
        {
            return Ok(only);
        }
        let iss = claims::issuer(claims)?.ok_or(ClaimFault::Issuer)?;
        let mut issuers = self.shared.issuers.iter();
        let named = issuers.find(|issuer| issuer.rules.iss.as_deref() == Some(&*iss));
        named.ok_or_else(|| ClaimFault::Issuer.into())
    }
}

impl<K: Keys> Issuers<K> {
    /// Judges, asks the source of keys if that may help, and judges once more.
    fn verify_as<T: Send + 'static>(
        &self,
        token: Token<'_>,
        now: Wall,
        judge: Judge<T>,
    ) -> Verification<T> {
        let mut asked = None;
        let verdict = self.try_keys(token.reveal(), now, judge, |keys, why, key_id| {
            match keys.consult(why, key_id) {
                Consultation::Settled(why) => why.into(),
                Consultation::Asked(answer) => {
                    asked = Some(answer);
                    why.into()
                }
            }
        });
        let Some(answer) = asked else { return Verification::Done(verdict) };
        let (issuers, token) = (self.clone(), token.into_owned());
        Verification::Pending(Box::pin(async move {
            answer.await;
            // The time of the question will do: the wait is bounded by the deadline of the `auth`,
            // and whoever receives the verdict looks at the expiry again.
            issuers.try_keys(token.reveal(), now, judge, |_, why, _| why.into())
        }))
    }
}

fn login(signed: Signed<'_>) -> Result<Box<Login>, Rejection> {
    let mut login = claims::judge(signed.claims, signed.rules, signed.now, signed.mark)?;
    login.signer = signed.signer;
    Ok(login)
}

fn pass(signed: Signed<'_>) -> Result<Box<Pass>, Rejection> {
    let mut pass = claims::judge_pass(signed.claims, signed.rules, signed.now)?;
    pass.signer = signed.signer;
    Ok(pass)
}

impl<K: Keys> Verifier for Issuers<K> {
    fn verify(&self, token: Token<'_>, now: Wall) -> Verification<Box<Login>> {
        self.verify_as(token, now, login)
    }

    fn verify_pass(&self, token: Token<'_>, now: Wall) -> Verification<Box<Pass>> {
        self.verify_as(token, now, pass)
    }

    fn figures(&self) -> Figures {
        let sources = self.shared.issuers.iter().filter_map(|issuer| issuer.keys.figures());
        Figures {
            brought_keys: Some(self.brought_keys()),
            sources: sources.reduce(SourceFigures::and),
            directory: None,
        }
    }

    fn upkeep(self: Arc<Self>, house: Arc<dyn House>) -> Upkeep {
        upkeep::all(self.shared.issuers.iter().map(|issuer| &issuer.keys), &house)
    }
}

impl<K> Clone for Issuers<K> {
    fn clone(&self) -> Self {
        Self { shared: Arc::clone(&self.shared), token_bytes: self.token_bytes }
    }
}

impl<K> fmt::Debug for Issuers<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.shared.issuers.iter().map(|issuer| &issuer.rules)).finish()
    }
}

#[cfg(test)]
#[cfg(feature = "server")]
mod tests;
