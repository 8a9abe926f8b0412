//! JWK Sets: which keys of a text are taken, against a reading of the same text by `serde_json`.

use super::json;
use serde_json::Value;
use vestibule::token::{
    Algorithm, Family, KeyRing,
    ring::{KEYS, Note, Origin, SET_BYTES, SetFault, SetTerms},
};

/// Whatever is taken was offered, may be used and is strong; nothing published is a secret, and
/// what is taken from an address is taken from a file; what is said of the rest holds no key.
pub fn jwks(data: &[u8]) {
    let Ok(text) = str::from_utf8(data) else { return };
    let read = |origin| KeyRing::from_set(text, &SetTerms::new(origin));
    let [file, remote] = [Origin::File, Origin::Remote].map(read);
    for verdict in [&file, &remote] {
        match verdict {
            Ok((ring, notes)) => taken(text, ring, notes),
            Err(SetFault::NotJson(_)) => assert!(json::members(text).is_none()),
            Err(fault) => {
                assert!(json::members(text).is_some() || text.len() > SET_BYTES, "{fault}")
            }
        }
        discreet(text, verdict);
    }
    let secret = |(_, algorithm): (_, Algorithm)| algorithm.family() == Family::Hmac;
    if let Ok((remote, _)) = &remote {
        assert!(!remote.keys().any(secret), "a published secret");
    }
    if let Ok((file, _)) = &file {
        assert!(file.keys().all(secret) || !file.keys().any(secret), "secrets beside public keys");
    }
    if let (Ok((file, _)), Ok((remote, _))) = (&file, &remote) {
        // A secret that is published also spoils the keys that have its name.
        let mut remote = remote.keys();
        assert!(remote.all(|key| file.keys().any(|other| other == key)), "only from afar");
    }
    if let Ok((ring, _)) = &file {
        let terms = SetTerms { algorithms: vec![Algorithm::Rs256], ..SetTerms::new(Origin::File) };
        let expected: Vec<_> =
            ring.keys().filter(|(_, algorithm)| *algorithm == Algorithm::Rs256).collect();
        if let Ok((narrow, _)) = KeyRing::from_set(text, &terms) {
            assert!(expected.iter().all(|key| narrow.keys().any(|other| other == *key)));
            assert!(narrow.keys().all(|(_, algorithm)| algorithm == Algorithm::Rs256));
        } else {
            assert!(expected.is_empty(), "a narrower choice refuses {expected:?}");
        }
    }
}

/// The keys of a ring are some of those in the text, each once.
fn taken(text: &str, ring: &KeyRing, notes: &[Note]) {
    // Numbers beyond a double are JSON, and nothing of a key.
    let Ok(document) = serde_json::from_str::<Value>(text) else { return };
    let mut offered = match document.get("keys") {
        Some(Value::Array(keys)) => keys.clone(),
        _ => vec![document],
    };
    let count = ring.keys().count();
    assert!(count > 0 && offered.len() <= KEYS);
    assert_eq!(count + notes.len(), offered.len(), "a key is taken, or a note says why not");
    for (key_id, algorithm) in ring.keys() {
        let named = |key: &Value| key.get("kid").and_then(Value::as_str) == key_id;
        let at = offered.iter().position(|key| named(key) && is(key, algorithm));
        offered.swap_remove(at.unwrap_or_else(|| panic!("nobody offered {key_id:?}, {algorithm}")));
    }
}

/// Whether a JWK may be used with an algorithm, by its kind, its size and what it is for.
fn is(key: &Value, algorithm: Algorithm) -> bool {
    let member = |name: &str| key.get(name).and_then(Value::as_str);
    let rsa = algorithm.family() == Family::Rsa;
    // 2,048 bits are 342 characters.
    let weak = rsa && member("n").is_none_or(|modulus| modulus.len() < 342);
    let private = algorithm.family() != Family::Hmac && key.get("d").is_some();
    let other_use = key.get("use").is_some_and(|usage| usage != "sig");
    if weak || private || other_use {
        return false;
    }
    let kind = match algorithm.family() {
        Family::Hmac => [Some("oct"), None],
        Family::Rsa => [Some("RSA"), None],
        Family::P256 => [Some("EC"), Some("P-256")],
        Family::P384 => [Some("EC"), Some("P-384")],
        Family::Ed25519 => [Some("OKP"), Some("Ed25519")],
    };
    let named = member("alg").is_none_or(|alg| alg == algorithm.as_str());
    named && member("kty") == kind[0] && (kind[1].is_none() || member("crv") == kind[1])
}

/// Nothing that is said about a set repeats its values, names and numbers apart.
fn discreet(text: &str, verdict: &Result<(KeyRing, Vec<Note>), SetFault>) {
    let said = match verdict {
        Ok((ring, notes)) => {
            let notes: Vec<_> = notes.iter().map(Note::to_string).collect();
            format!("{ring:?}{notes:?}")
        }
        Err(fault) => format!("{fault} {fault:?}"),
    };
    let Ok(document) = serde_json::from_str::<Value>(text) else { return };
    let keys = document.get("keys").and_then(Value::as_array).cloned().unwrap_or_default();
    for key in keys.iter().chain([&document]) {
        for secret in ["k", "d", "p", "q", "n", "x"] {
            let value = key.get(secret).and_then(Value::as_str).unwrap_or_default();
            let kid = key.get("kid").and_then(Value::as_str).unwrap_or_default();
            let long = value.len() >= 12 && !kid.contains(value);
            assert!(!long || !said.contains(value), "{secret} in {said}");
        }
    }
}
