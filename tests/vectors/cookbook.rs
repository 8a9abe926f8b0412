//! The examples of RFC 7520 (JOSE cookbook), RFC 8037 and RFC 7797.

use super::*;
use std::collections::BTreeSet;
use vestibule::token::{Algorithm, HeaderFault, Part};

/// Every file of the folder, so that none is forgotten.
const FILES: [&str; 19] = [
    "curve25519-ecdh-es.json",
    "curve25519-jws.json",
    "jwe-5_1.json",
    "jwk-3_1.ec_public_key.json",
    "jwk-3_2.ec_private_key.json",
    "jwk-3_3.rsa_public_key.json",
    "jwk-3_4.rsa_private_key.json",
    "jwk-3_5.symmetric_key_mac_computation.json",
    "jwk-3_6.symmetric_key_encryption.json",
    "jws-4_1.rsa_v15_signature.json",
    "jws-4_2.rsa-pss_signature.json",
    "jws-4_3.ecdsa_signature.json",
    "jws-4_4.hmac-sha2_integrity_protection.json",
    "jws-4_5.signature_with_detached_content.json",
    "jws-4_6.protecting_specific_header_fields.json",
    "jws-4_7.protecting_content_only.json",
    "jws-4_8.multiple_signatures.json",
    "rfc7797-4.2.hmac-sha2_b64_false.json",
    "rfc7797-hmac-sha2_b64_false.json",
];

fn example(name: &str) -> Value {
    assert!(FILES.contains(&name), "{name}");
    load(&format!("jose-cookbook/{name}"))
}

/// The public ring of an example; what leaves a choice is pinned to `algorithm`.
fn ring_of(example: &Value, algorithm: Option<Algorithm>) -> Result<KeyRing, SetFault> {
    ring_on(&public(&example["input"]["key"]), &SetTerms { algorithm, ..FILE })
}

fn compact(example: &Value) -> &str {
    example["output"]["compact"].as_str().unwrap()
}

#[test]
fn the_folder_is_complete() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors/jose-cookbook");
    let found: BTreeSet<String> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name != "LICENSE")
        .collect();
    assert_eq!(found, FILES.map(str::to_owned).into());
}

#[test]
fn signatures_of_supported_algorithms_pass() {
    let table = [
        ("jws-4_1.rsa_v15_signature.json", Algorithm::Rs256),
        ("jws-4_2.rsa-pss_signature.json", Algorithm::Ps384),
        ("jws-4_4.hmac-sha2_integrity_protection.json", Algorithm::Hs256),
        ("curve25519-jws.json", Algorithm::EdDsa),
    ];
    for (name, algorithm) in table {
        let example = example(name);
        let ring = ring_of(&example, Some(algorithm).filter(|_| name != "curve25519-jws.json"));
        assert_eq!(judge(compact(&example), &ring.unwrap()), Ok(()), "{name}");
    }
    // What a key leaves open is not for the token to choose.
    let example = example("jws-4_2.rsa-pss_signature.json");
    let mismatch =
        HeaderFault::AlgorithmMismatch { key: Algorithm::Rs256, token: Algorithm::Ps384 };
    let ring = ring_of(&example, None).unwrap();
    assert_eq!(judge(compact(&example), &ring), Err(mismatch.into()));
}

#[test]
fn p521_is_not_supported() {
    let example = example("jws-4_3.ecdsa_signature.json");
    let key = public(&example["input"]["key"]);
    assert_eq!(left_out(&key, &FILE), LeftOut::UnknownKind);
    let header = Compact::parse(compact(&example), TOKEN_BYTES).unwrap();
    let fault = Header::parse(header.header()).unwrap_err();
    assert_eq!(fault, HeaderFault::AlgorithmUnknown.into());
}

#[test]
fn detached_content_is_an_empty_part() {
    let example = example("jws-4_5.signature_with_detached_content.json");
    let ring = ring_of(&example, None).unwrap();
    let fault = judge(compact(&example), &ring).unwrap_err();
    assert_eq!(form(&fault), FormFault::EmptyPart(Part::Claims));
}

#[test]
fn no_json_serialization_passes() {
    let mut seen = 0;
    for name in FILES.iter().filter(|name| name.starts_with("jws-") || name.starts_with("rfc")) {
        let example = example(name);
        // The last of several signers has the shared secret.
        let keys = &example["input"]["key"];
        let key = keys.as_array().and_then(|keys| keys.last()).unwrap_or(keys);
        let Ok(ring) = ring(&public(key)) else {
            assert_eq!(*name, "jws-4_3.ecdsa_signature.json");
            continue;
        };
        for form in ["json", "json_flat"] {
            let Some(token) = example["output"].get(form) else { continue };
            let fault = judge(&token.to_string(), &ring);
            assert_eq!(fault, Err(FormFault::JsonSerialization.into()), "{name} {form}");
            seen += 1;
        }
    }
    assert_eq!(seen, 17);
}

#[test]
fn unencoded_payloads_are_refused_by_form_and_by_header() {
    let example = example("rfc7797-hmac-sha2_b64_false.json");
    let ring = ring_of(&example, None).unwrap();
    let fault = judge(compact(&example), &ring).unwrap_err();
    assert_eq!(form(&fault), FormFault::Alphabet(Part::Claims));
    // The same header over a payload that is base64url.
    let (header, _) = compact(&example).split_once('.').unwrap();
    let fault = judge(&format!("{header}.e30.AAAA"), &ring);
    assert_eq!(fault, Err(HeaderFault::Forbidden("crit").into()));
}

#[test]
fn encrypted_tokens_and_their_keys_are_refused() {
    let mac = ring(&example("jwk-3_5.symmetric_key_mac_computation.json")).unwrap();
    for name in ["curve25519-ecdh-es.json", "jwe-5_1.json"] {
        let example = example(name);
        let fault = judge(compact(&example), &mac).unwrap_err();
        assert_eq!(form(&fault), FormFault::Encrypted, "{name}");
        assert_eq!(left_out(&public(&example["input"]["key"]), &FILE), LeftOut::Use, "{name}");
    }
}

#[test]
fn keys_are_taken_or_left_out_with_their_reason() {
    let key = |name| example(name);
    assert_eq!(left_out(&key("jwk-3_1.ec_public_key.json"), &FILE), LeftOut::UnknownKind);
    assert!(ring(&key("jwk-3_3.rsa_public_key.json")).is_ok());
    assert!(ring(&key("jwk-3_5.symmetric_key_mac_computation.json")).is_ok());
    assert_eq!(left_out(&key("jwk-3_6.symmetric_key_encryption.json"), &FILE), LeftOut::Use);
    for name in ["jwk-3_2.ec_private_key.json", "jwk-3_4.rsa_private_key.json"] {
        let set = serde_json::json!({ "keys": [key(name)] });
        let Err(SetFault::Private(note)) = ring(&set) else { panic!("{name}: taken") };
        let sentence = note.to_string();
        assert!(sentence.contains("bilbo") && sentence.contains("private"), "{sentence}");
        assert_eq!(left_out(&set, &REMOTE), LeftOut::Private, "{name}");
    }
    let set = serde_json::json!({ "keys": [key("jwk-3_5.symmetric_key_mac_computation.json")] });
    assert_eq!(left_out(&set, &REMOTE), LeftOut::PublishedSecret);
}
