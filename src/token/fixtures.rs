//! Keys made for the test run, and a time to judge at.

use super::{Algorithm, Family, IssuerRules, Issuers, Key, SigningKey};
use crate::protocol::time::Wall;
use aws_lc_rs::{
    encoding::{AsDer, Pkcs8V1Der, PublicKeyX509Der},
    rsa,
    signature::{
        ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair,
        EcdsaSigningAlgorithm, Ed25519KeyPair, KeyPair,
    },
};
use base64::{Engine, engine::general_purpose::STANDARD};
use std::sync::LazyLock;

/// The time of the tests.
pub(super) const NOW: Wall = Wall::from_ms(1_792_000_000_000);
/// `NOW` as NumericDate.
pub(super) const NOW_S: i64 = 1_792_000_000;
pub(super) const SECRET: &[u8] =
    b"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

/// A secret of somebody else's.
pub(super) const OTHER_SECRET: &[u8] =
    b"another-secret-another-secret-another-secret-another-secret-0123";

/// A key pair in PEM.
pub(super) struct Pair {
    pub(super) private: String,
    pub(super) public: String,
    pub(super) public_der: Vec<u8>,
}

pub(super) static RSA: LazyLock<Pair> = LazyLock::new(|| {
    let pair = rsa::KeyPair::generate(rsa::KeySize::Rsa2048).expect("an RSA key");
    let private: Pkcs8V1Der<'_> = pair.as_der().expect("PKCS #8");
    let public: PublicKeyX509Der<'_> = pair.public_key().as_der().expect("SPKI");
    Pair::new(private.as_ref(), public.as_ref())
});
pub(super) static P256: LazyLock<Pair> = LazyLock::new(|| ec(&ECDSA_P256_SHA256_FIXED_SIGNING));
pub(super) static P384: LazyLock<Pair> = LazyLock::new(|| ec(&ECDSA_P384_SHA384_FIXED_SIGNING));
pub(super) static ED25519: LazyLock<Pair> = LazyLock::new(|| {
    let pair = Ed25519KeyPair::generate().expect("an Ed25519 key");
    let public: PublicKeyX509Der<'_> = pair.public_key().as_der().expect("SPKI");
    Pair::new(pair.to_pkcs8v1().expect("PKCS #8").as_ref(), public.as_ref())
});

fn ec(curve: &'static EcdsaSigningAlgorithm) -> Pair {
    let pair = EcdsaKeyPair::generate(curve).expect("an EC key");
    let public: PublicKeyX509Der<'_> = pair.public_key().as_der().expect("SPKI");
    Pair::new(pair.to_pkcs8v1().expect("PKCS #8").as_ref(), public.as_ref())
}

impl Pair {
    fn new(private: &[u8], public: &[u8]) -> Self {
        Self {
            private: pem("PRIVATE KEY", private),
            public: pem("PUBLIC KEY", public),
            public_der: public.to_vec(),
        }
    }
}

/// A PEM block with lines of 64 characters (RFC 7468 2).
pub(super) fn pem(label: &str, der: &[u8]) -> String {
    let body = STANDARD.encode(der);
    let lines: Vec<_> =
        body.as_bytes().chunks(64).map(|line| String::from_utf8_lossy(line)).collect();
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", lines.join("\n"))
}

/// Both sides of a key for `algorithm`.
pub(super) fn keys(algorithm: Algorithm) -> (SigningKey, Key) {
    let pair: &Pair = match algorithm.family() {
        Family::Hmac => {
            let signing = SigningKey::from_secret(SECRET, Some(algorithm)).expect("a secret");
            return (signing, Key::from_secret(SECRET, Some(algorithm)).expect("a secret"));
        }
        Family::Rsa => &RSA,
        Family::P256 => &P256,
        Family::P384 => &P384,
        Family::Ed25519 => &ED25519,
    };
    let signing = SigningKey::from_private_pem(&pair.private, Some(algorithm));
    let key = Key::from_public_pem(&pair.public, Some(algorithm));
    (signing.expect("a private key"), key.expect("a public key"))
}

/// The signing half of the HS256 key.
pub(super) fn signer() -> SigningKey {
    keys(Algorithm::Hs256).0
}

/// A verifier with the HS256 key.
pub(super) fn verifier(rules: IssuerRules) -> Issuers<Key> {
    Issuers::new(rules, keys(Algorithm::Hs256).1)
}
