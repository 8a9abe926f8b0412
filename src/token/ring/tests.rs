//! Which key checks a token, and which keys of a set are taken.

use super::{
    super::{
        Family, SigningKey,
        fixtures::{ED25519, NOW, P256, P384, Pair, RSA, SECRET, keys},
    },
    *,
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use jsonwebtoken::crypto::aws_lc::DEFAULT_PROVIDER;
use serde_json::{Value, json};

mod choice;
mod fuzz;
mod sets;

const OTHER_SECRET: &[u8] = b"another-secret-of-64-bytes-0123456789abcdef0123456789abcdef01234";

const FILE: SetTerms = SetTerms::new(Origin::File);
const REMOTE: SetTerms = SetTerms::new(Origin::Remote);

/// The public JWK of a pair, without optional members.
fn jwk(family: Family) -> Value {
    let text = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
    let tail = |pair: &Pair, bytes: usize| {
        text(&pair.public_der[pair.public_der.len() - bytes..][..bytes])
    };
    let x = |pair: &Pair, bytes: usize| {
        text(&pair.public_der[pair.public_der.len() - 2 * bytes..][..bytes])
    };
    match family {
        Family::Hmac => json!({ "kty": "oct", "k": text(SECRET) }),
        Family::Rsa => {
            let (n, e) =
                (DEFAULT_PROVIDER.key_utils.rsa_pub_components_from_public_key)(&RSA.public_der)
                    .unwrap();
            json!({ "kty": "RSA", "n": text(&n), "e": text(&e) })
        }
        Family::P256 => {
            json!({ "kty": "EC", "crv": "P-256", "x": x(&P256, 32), "y": tail(&P256, 32) })
        }
        Family::P384 => {
            json!({ "kty": "EC", "crv": "P-384", "x": x(&P384, 48), "y": tail(&P384, 48) })
        }
        Family::Ed25519 => json!({ "kty": "OKP", "crv": "Ed25519", "x": tail(&ED25519, 32) }),
    }
}

/// `base` with the members of `more`; a `null` takes a member away.
fn with(mut base: Value, more: Value) -> Value {
    for (name, value) in more.as_object().unwrap() {
        if value.is_null() {
            base.as_object_mut().unwrap().remove(name);
        } else {
            base[name] = value.clone();
        }
    }
    base
}

fn set(keys: &[Value]) -> String {
    json!({ "keys": keys }).to_string()
}

fn ring(keys: &[Value]) -> KeyRing {
    let (ring, notes) = KeyRing::from_set(&set(keys), &FILE).unwrap();
    assert_eq!(notes, []);
    ring
}

/// What `ring` says of a token with this header, signed by `signing`.
fn check_at(
    ring: &KeyRing,
    signing: &SigningKey,
    header: &str,
    now: Wall,
) -> Result<Signer, Rejection> {
    let token = signing.sign_with_header(header, "{}").unwrap();
    let compact = Compact::parse(&token, 65_536).unwrap();
    let header = Header::parse(compact.header()).unwrap();
    ring.check(&header, &compact, now)
}

fn check(ring: &KeyRing, algorithm: Algorithm, key_id: Option<&str>) -> Result<Signer, Rejection> {
    let header = match key_id {
        Some(key_id) => json!({ "alg": algorithm.as_str(), "kid": key_id }),
        None => json!({ "alg": algorithm.as_str() }),
    };
    check_at(ring, &keys(algorithm).0, &header.to_string(), NOW)
}

fn mismatch(key: Algorithm, token: Algorithm) -> Result<Signer, Rejection> {
    Err(HeaderFault::AlgorithmMismatch { key, token }.into())
}
