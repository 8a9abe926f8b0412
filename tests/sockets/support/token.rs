//! Tokens: good ones from the crate's own mint, bad ones made by hand.

use aws_lc_rs::hmac;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::UNIX_EPOCH,
};
use tokio::sync::{Notify, Semaphore};
use vestibule::{
    protocol::{
        client_message,
        identity::{Login, Pass},
        time::Wall,
    },
    token::{Algorithm, IssuerRules, Issuers, Key, Mint, SigningKey, Verification, Verifier},
};

/// The secret of the server under test; long enough for every hash.
pub(crate) const SECRET: &[u8] =
    b"a secret of sixty-four bytes, as long as the longest hash of all";
/// Somebody else's.
pub(crate) const FOREIGN: &[u8] =
    b"another one of sixty-four bytes, which no server here believes..";
const HOUR_MS: u64 = 3_600_000;

#[expect(clippy::disallowed_methods, reason = "tokens are dated by the wall clock")]
pub(crate) fn now() -> Wall {
    let since = std::time::SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970");
    Wall::from_ms(since.as_millis() as u64)
}

/// `ms` milliseconds from now, as NumericDate.
pub(crate) fn seconds_from_now(ms: i64) -> f64 {
    (now().as_ms() as i64 + ms) as f64 / 1_000.0
}

pub(crate) fn key() -> SigningKey {
    SigningKey::from_secret(SECRET, None).expect("long enough")
}

/// A token of an hour.
pub(crate) fn token(user: &str) -> String {
    Mint::new(user, HOUR_MS).sign(&key(), now()).expect("signed")
}

/// A token of an hour with more claims.
pub(crate) fn token_with(user: &str, claims: Value) -> String {
    let Value::Object(extra) = claims else { panic!("claims are an object") };
    Mint { extra, ..Mint::new(user, HOUR_MS) }.sign(&key(), now()).expect("signed")
}

/// A token with exactly these claims.
pub(crate) fn sign(claims: &Value) -> String {
    key().sign(&claims.to_string()).expect("signed")
}

/// A token that ends `ms` milliseconds from now, by the millisecond.
pub(crate) fn ending_in(user: &str, ms: i64) -> String {
    sign(&json!({"sub": user, "exp": seconds_from_now(ms)}))
}

/// A token with any header, signed with HMAC-SHA-256 whatever it says.
pub(crate) fn forge(header: &str, claims: &str) -> String {
    let input = [header, claims].map(|part| URL_SAFE_NO_PAD.encode(part)).join(".");
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, SECRET), input.as_bytes());
    format!("{input}.{}", URL_SAFE_NO_PAD.encode(tag.as_ref()))
}

/// The same token with nothing behind the last dot.
pub(crate) fn unsigned(token: &str) -> String {
    let end = token.rfind('.').expect("three parts");
    token[..=end].to_owned()
}

/// A good verifier of this server: HS256, no leeway.
pub(crate) fn verifier() -> Issuers<Key> {
    verifier_with(|_| {})
}

/// The same after `adjust` had its way with the rules.
pub(crate) fn verifier_with(adjust: impl FnOnce(&mut IssuerRules)) -> Issuers<Key> {
    let mut rules = IssuerRules { leeway_ms: 0, ..IssuerRules::default() };
    adjust(&mut rules);
    let key = Key::from_secret(SECRET, Some(Algorithm::Hs256)).expect("long enough");
    Issuers::new(rules, key)
}

/// The good verifier behind a key source that answers when the test lets it.
#[derive(Clone)]
pub(crate) struct Turnstile {
    verifier: Arc<Issuers<Key>>,
    pub(crate) permits: Arc<Semaphore>,
    pub(crate) asked: Arc<AtomicUsize>,
    pub(crate) asking: Arc<Notify>,
}

impl Turnstile {
    /// One that lets nothing pass yet.
    pub(crate) fn shut() -> Self {
        Self {
            verifier: Arc::new(verifier()),
            permits: Arc::new(Semaphore::new(0)),
            asked: Arc::default(),
            asking: Arc::default(),
        }
    }

    pub(crate) fn let_pass(&self, count: usize) {
        self.permits.add_permits(count);
    }

    /// Ready once `count` lookups have begun.
    pub(crate) async fn asked(&self, count: usize) {
        let wait = async {
            while self.asked.load(Ordering::SeqCst) < count {
                self.asking.notified().await;
            }
        };
        super::soon("the lookup", wait).await;
    }
}

impl Turnstile {
    fn look_up<T: Send + 'static>(
        &self,
        token: client_message::Token<'_>,
        verify: fn(&Issuers<Key>, client_message::Token<'_>, Wall) -> Verification<T>,
    ) -> Verification<T> {
        let (this, token) = (self.clone(), token.into_owned());
        Verification::Pending(Box::pin(async move {
            this.asked.fetch_add(1, Ordering::SeqCst);
            this.asking.notify_one();
            this.permits.acquire().await.expect("never closed").forget();
            match verify(&this.verifier, token, now()) {
                Verification::Done(verdict) => verdict,
                Verification::Pending(lookup) => lookup.await,
            }
        }))
    }
}

impl Verifier for Turnstile {
    fn verify(&self, token: client_message::Token<'_>, _: Wall) -> Verification<Box<Login>> {
        self.look_up(token, Issuers::verify)
    }

    fn verify_pass(&self, token: client_message::Token<'_>, _: Wall) -> Verification<Box<Pass>> {
        self.look_up(token, Issuers::verify_pass)
    }
}
