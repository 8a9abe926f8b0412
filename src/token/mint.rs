//! Makes and signs tokens: for `vestibule token mint`, `vestibule dev` and tests.

use super::{
    algorithm::{Algorithm, Family},
    key::{KeyFault, check_rsa_bits, check_secret, choose, library_name},
    pem::{self, Pem},
};
use crate::protocol::time::Wall;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use jsonwebtoken::{EncodingKey, crypto::aws_lc::DEFAULT_PROVIDER as PROVIDER};
use serde_json::{Map, Value, json};
use std::fmt;

/// A key that signs tokens with one algorithm.
pub struct SigningKey {
    algorithm: Algorithm,
    material: EncodingKey,
}

impl SigningKey {
    /// A shared secret; HS256 unless told otherwise.
    ///
    /// # Errors
    /// [`KeyFault`] if a verifier would refuse the secret.
    pub fn from_secret(secret: &[u8], algorithm: Option<Algorithm>) -> Result<Self, KeyFault> {
        let algorithm = check_secret(secret, algorithm)?;
        Ok(Self { algorithm, material: EncodingKey::from_secret(secret) })
    }

    /// A private key in PEM (PKCS #8, or PKCS #1 for RSA, where `algorithm` must choose).
    ///
    /// # Errors
    /// [`KeyFault`] if it is none, too weak, or does not fit `algorithm`.
    pub fn from_private_pem(text: &str, algorithm: Option<Algorithm>) -> Result<Self, KeyFault> {
        let pem = Pem::parse(text)?;
        let family = match pem.label {
            "RSA PRIVATE KEY" => Family::Rsa,
            "PRIVATE KEY" => pem::family(&pem.der).ok_or(KeyFault::Unsupported)?,
            "ENCRYPTED PRIVATE KEY" => return Err(KeyFault::Encrypted),
            "EC PRIVATE KEY" => return Err(KeyFault::Sec1),
            label if label.ends_with("PUBLIC KEY") => return Err(KeyFault::Public),
            _ => return Err(KeyFault::Unsupported),
        };
        let algorithm = choose(family, algorithm)?;
        let material = match family {
            Family::Hmac => return Err(KeyFault::Unsupported),
            Family::Rsa => EncodingKey::from_rsa_pem(text.as_bytes()),
            Family::P256 | Family::P384 => EncodingKey::from_ec_pem(text.as_bytes()),
            Family::Ed25519 => EncodingKey::from_ed_pem(text.as_bytes()),
        };
        let material = material.map_err(|_| KeyFault::Damaged(family))?;
        if family == Family::Rsa {
            let parts =
                (PROVIDER.key_utils.rsa_pub_components_from_private_key)(material.as_bytes());
            check_rsa_bits(&parts.map_err(|_| KeyFault::Damaged(family))?.0)?;
        }
        let key = Self { algorithm, material };
        // The library reads some keys only when it signs: find out now.
        key.signature(b"")?;
        Ok(key)
    }

    /// What it signs with.
    pub const fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// Signs the text of `claims`, which is taken as it stands.
    ///
    /// # Errors
    /// [`KeyFault::Damaged`] if the key cannot sign after all.
    pub fn sign(&self, claims: &str) -> Result<String, KeyFault> {
        self.sign_as("JWT", None, claims)
    }

    /// Signs the text of `claims` as a token of the kind `typ` (such as `at+jwt`), under the name
    /// that this key has in a set (`kid`), if it has one.
    ///
    /// # Errors
    /// See [`sign`](Self::sign).
    pub fn sign_as(
        &self,
        typ: &str,
        key_id: Option<&str>,
        claims: &str,
    ) -> Result<String, KeyFault> {
        let alg = self.algorithm.as_str();
        let header = match key_id {
            Some(key_id) => json!({ "alg": alg, "typ": typ, "kid": key_id }),
            None => json!({ "alg": alg, "typ": typ }),
        };
        self.sign_with_header(&header.to_string(), claims)
    }

    /// Signs under any header.
    pub(super) fn sign_with_header(&self, header: &str, claims: &str) -> Result<String, KeyFault> {
        let parts = [header, claims].map(|part| URL_SAFE_NO_PAD.encode(part));
        let input = parts.join(".");
        let signature = self.signature(input.as_bytes())?;
        Ok(format!("{input}.{}", URL_SAFE_NO_PAD.encode(signature)))
    }

    fn signature(&self, input: &[u8]) -> Result<Vec<u8>, KeyFault> {
        let damaged = KeyFault::Damaged(self.algorithm.family());
        (PROVIDER.signer_factory)(&library_name(self.algorithm), &self.material)
            .ok()
            .and_then(|signer| signer.try_sign(input).ok())
            .ok_or(damaged)
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SigningKey").field("algorithm", &self.algorithm).finish_non_exhaustive()
    }
}

/// What a token shall say.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Mint {
    /// `sub`.
    pub subject: String,
    /// `iss`.
    pub issuer: Option<String>,
    /// `aud`: absent, a string for one, an array for several.
    pub audience: Vec<String>,
    /// How long it lives from now, in milliseconds.
    pub ttl_ms: u64,
    /// `nbf`.
    pub not_before: Option<Wall>,
    /// `rooms`.
    pub rooms: Option<Value>,
    /// `limits`.
    pub limits: Option<Value>,
    /// `info`.
    pub info: Option<Value>,
    /// Any other claims; they win over those above.
    pub extra: Map<String, Value>,
}

impl Mint {
    /// A token for `subject` that lives for `ttl_ms` milliseconds.
    pub fn new(subject: impl Into<String>, ttl_ms: u64) -> Self {
        Self { subject: subject.into(), ttl_ms, ..Self::default() }
    }

    /// The claims of a token made at `now`. `iat` is rounded down to a second, for readers that
    /// know no fractions; `exp` keeps milliseconds where it has some.
    pub fn claims(&self, now: Wall) -> Map<String, Value> {
        let audience = match self.audience.as_slice() {
            [] => None,
            [only] => Some(json!(only)),
            several => Some(json!(several)),
        };
        let claims = [
            ("sub", Some(json!(self.subject))),
            ("iss", self.issuer.as_ref().map(|issuer| json!(issuer))),
            ("aud", audience),
            ("iat", Some(json!(now.as_ms() / 1_000))),
            ("nbf", self.not_before.map(seconds)),
            ("exp", Some(seconds(now + self.ttl_ms))),
            ("rooms", self.rooms.clone()),
            ("limits", self.limits.clone()),
            ("info", self.info.clone()),
        ];
        let named = claims.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?)));
        named.chain(self.extra.clone()).collect()
    }

    /// Signs a token made at `now`.
    ///
    /// # Errors
    /// See [`SigningKey::sign`].
    pub fn sign(&self, key: &SigningKey, now: Wall) -> Result<String, KeyFault> {
        key.sign(&Value::Object(self.claims(now)).to_string())
    }
}

/// NumericDate: whole seconds where it can be.
fn seconds(time: Wall) -> Value {
    let ms = time.as_ms();
    if ms.is_multiple_of(1_000) { json!(ms / 1_000) } else { json!(ms as f64 / 1_000.0) }
}

#[cfg(test)]
mod tests;
