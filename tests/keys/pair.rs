//! Pairs of keys: the private half signs tokens, the public one stands in sets.

use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
use base64::{
    Engine,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use serde_json::{Value, json};
use vestibule::token::SigningKey;

/// A pair on P-256 with a name.
pub(crate) struct Pair {
    pub(crate) name: String,
    signing: SigningKey,
    jwk: Value,
}

impl Pair {
    pub(crate) fn new(name: &str) -> Self {
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).expect("a pair");
        let der = pair.to_pkcs8v1().expect("PKCS #8");
        let signing = SigningKey::from_private_pem(&pem("PRIVATE KEY", der.as_ref()), None);
        let point = pair.public_key().as_ref();
        let [x, y] = [&point[1..33], &point[33..65]].map(|half| URL_SAFE_NO_PAD.encode(half));
        let jwk = json!({"kty": "EC", "crv": "P-256", "kid": name, "alg": "ES256", "x": x, "y": y});
        Self { name: name.to_owned(), signing: signing.expect("a private key"), jwk }
    }

    /// A token of an hour, with these members beside `sub`.
    pub(crate) fn token(&self, user: &str) -> String {
        self.token_as(&self.name, user)
    }

    /// The same under any name of a key.
    pub(crate) fn token_as(&self, key_id: &str, user: &str) -> String {
        self.sign(key_id, &json!({"sub": user, "exp": soon()}))
    }

    /// A token of this issuer under any name of a key.
    pub(crate) fn token_of(&self, issuer: &str, key_id: &str, user: &str) -> String {
        self.sign(key_id, &json!({"iss": issuer, "sub": user, "exp": soon()}))
    }

    fn sign(&self, key_id: &str, claims: &Value) -> String {
        self.signing.sign_as("JWT", Some(key_id), &claims.to_string()).expect("signed")
    }

    pub(crate) fn jwk(&self) -> Value {
        self.jwk.clone()
    }
}

fn soon() -> f64 {
    crate::support::token::seconds_from_now(3_600_000)
}

/// The text of a set of these.
pub(crate) fn set(pairs: &[&Pair]) -> String {
    json!({"keys": pairs.iter().map(|pair| pair.jwk()).collect::<Vec<_>>()}).to_string()
}

pub(crate) fn pem(label: &str, der: &[u8]) -> String {
    let body = STANDARD.encode(der);
    let lines = body.as_bytes().chunks(64).map(|line| String::from_utf8_lossy(line).into_owned());
    let lines: Vec<_> = lines.collect();
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", lines.join("\n"))
}
