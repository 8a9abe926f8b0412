//! Properties: any text has an answer, and a ring verifies what its keys sign and nothing else.

use super::*;
use proptest::{collection::vec, option, prelude::*, sample::select};

const FAMILIES: [Family; 5] =
    [Family::Hmac, Family::Rsa, Family::P256, Family::P384, Family::Ed25519];

const MEMBERS: [&str; 14] =
    ["kty", "kid", "use", "key_ops", "alg", "crv", "k", "n", "e", "x", "y", "d", "oth", "x5c"];

/// Whatever was read holds together.
fn read(text: &str, terms: &SetTerms) -> Result<(usize, usize), SetFault> {
    let (ring, notes) = KeyRing::from_set(text, terms)?;
    let keys = ring.keys().count();
    assert!(keys > 0 && keys + notes.len() <= KEYS);
    assert!(notes.iter().map(|note| note.place).is_sorted());
    for (key_id, algorithm) in ring.keys() {
        assert!(key_id.is_none_or(|key_id| key_id.len() <= KEY_ID_BYTES));
        assert!(terms.origin == Origin::File || algorithm.family() != Family::Hmac);
    }
    Ok((keys, notes.len()))
}

fn member() -> impl Strategy<Value = (String, Value)> {
    let values = [
        json!("oct"),
        json!("RSA"),
        json!("EC"),
        json!("OKP"),
        json!("P-256"),
        json!("Ed25519"),
        json!("sig"),
        json!(["verify"]),
        json!("ES256"),
        json!("HS256"),
        json!("AQAB"),
        json!(""),
        json!(URL_SAFE_NO_PAD.encode([1; 32])),
        json!(URL_SAFE_NO_PAD.encode([255; 256])),
        json!(null),
        json!(1e300),
        json!({}),
    ];
    (select(&MEMBERS[..]).prop_map(str::to_owned), select(values.to_vec()))
}

/// Some key, with some members changed.
fn any_key() -> impl Strategy<Value = Value> {
    let base = option::of(select(&FAMILIES[..]));
    (base, vec(member(), 0..4)).prop_map(|(family, members)| {
        let mut key = family.map_or_else(|| json!({}), jwk);
        for (name, value) in members {
            key[name] = value;
        }
        key
    })
}

fn terms() -> impl Strategy<Value = SetTerms> {
    let algorithm = || select(Algorithm::ALL);
    let origin = select(&[Origin::File, Origin::Remote][..]);
    (origin, option::of(algorithm()), vec(algorithm(), 0..3))
        .prop_map(|(origin, algorithm, algorithms)| SetTerms { origin, algorithm, algorithms })
}

proptest! {
    #[test]
    fn any_bytes_have_an_answer(bytes in vec(any::<u8>(), 0..200), terms in terms()) {
        let text = String::from_utf8_lossy(&bytes);
        let _ = read(&text, &terms);
        let _ = read(&format!("{{\"keys\":[{text}]}}"), &terms);
        let _ = Key::from_jwk(&text, &terms);
    }

    #[test]
    fn a_damaged_set_has_an_answer(
        at in any::<prop::sample::Index>(),
        byte in any::<u8>(),
        terms in terms(),
    ) {
        let keys: Vec<_> = FAMILIES.iter().skip(1).map(|family| jwk(*family)).collect();
        let mut bytes = set(&keys).into_bytes();
        let at = at.index(bytes.len());
        bytes[at] = byte;
        let _ = read(&String::from_utf8_lossy(&bytes), &terms);
    }

    #[test]
    fn every_key_is_taken_or_noted(keys in vec(any_key(), 0..8), terms in terms()) {
        match read(&set(&keys), &terms) {
            Ok((taken, noted)) => prop_assert_eq!(taken + noted, keys.len()),
            Err(SetFault::Empty(notes)) => prop_assert_eq!(notes.len(), keys.len()),
            Err(SetFault::Private(_) | SetFault::Mixed) => {
                prop_assert_eq!(terms.origin, Origin::File);
            }
            Err(fault) => prop_assert!(false, "{}", fault),
        }
    }

    #[test]
    fn a_ring_verifies_what_its_keys_sign_and_nothing_else(
        held in vec((select(&FAMILIES[1..]), option::of(select(&["a", "b", ""][..]))), 1..5),
        algorithm in select(Algorithm::ALL),
        asked in option::of(select(&["a", "b", "", "c"][..])),
        flip in any::<prop::sample::Index>(),
    ) {
        let keys: Vec<_> = held
            .iter()
            .map(|(family, name)| name.map_or_else(
                || jwk(*family),
                |name| with(jwk(*family), json!({ "kid": name })),
            ))
            .collect();
        let (ring, _) = KeyRing::from_set(&set(&keys), &FILE).unwrap();
        // The model: which keys a token with this name can mean, then which its algorithm leaves.
        let mut held = held;
        held.sort_by_key(|(family, name)| (family.choices(), *name));
        held.dedup();
        let asked_for = asked.filter(|_| held.iter().any(|(_, name)| name.is_some()));
        let meant = held.iter().filter(|(_, name)| asked_for.is_none() || *name == asked_for);
        let families: Vec<_> = meant.map(|(family, _)| *family).collect();
        let pinned = [Algorithm::Rs256, Algorithm::Es256, Algorithm::Es384, Algorithm::EdDsa];
        let fitting = families.iter().filter(|family| {
            pinned.contains(&algorithm) && algorithm.family() == **family
        });
        let header = json!({ "alg": algorithm.as_str(), "kid": asked });
        let header = if asked.is_some() { header } else { with(header, json!({ "kid": null })) };
        let found = check_at(&ring, &super::keys(algorithm).0, &header.to_string(), NOW);
        match (families.is_empty(), fitting.count()) {
            (true, _) => prop_assert_eq!(found, Err(KeyRefusal::Unknown.into())),
            (false, 0) => {
                let Err(Rejection::Header(HeaderFault::AlgorithmMismatch { token, .. })) = found
                else {
                    panic!("{found:?}");
                };
                prop_assert_eq!(token, algorithm);
            }
            (false, 1) => {
                prop_assert!(found.is_ok());
                let token = super::keys(algorithm)
                    .0
                    .sign_with_header(&header.to_string(), "{}")
                    .unwrap();
                let (input, signature) = token.rsplit_once('.').unwrap();
                let mut signature = URL_SAFE_NO_PAD.decode(signature).unwrap();
                let at = flip.index(signature.len());
                signature[at] ^= 1;
                let token = format!("{input}.{}", URL_SAFE_NO_PAD.encode(signature));
                let compact = Compact::parse(&token, 65_536).unwrap();
                let header = Header::parse(compact.header()).unwrap();
                prop_assert_eq!(ring.check(&header, &compact, NOW), Err(Rejection::Signature));
            }
            (false, _) => prop_assert_eq!(found, Err(KeyRefusal::Unnamed.into())),
        }
    }
}
