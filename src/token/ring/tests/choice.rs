//! Plain rings, rings from sets, and who signed.

use super::*;

#[test]
fn a_plain_ring_does_not_look_at_names() {
    let ring = KeyRing::secret(SECRET, None).unwrap();
    for key_id in [None, Some("a"), Some(""), Some("../../etc/passwd")] {
        assert!(check(&ring, Algorithm::Hs256, key_id).is_ok(), "{key_id:?}");
    }
    let other = KeyRing::secret(OTHER_SECRET, None).unwrap();
    assert_eq!(check(&other, Algorithm::Hs256, None), Err(Rejection::Signature));
}

#[test]
fn the_algorithm_belongs_to_the_key() {
    let secret = KeyRing::secret(SECRET, Some(Algorithm::Hs384)).unwrap();
    let public = KeyRing::public_pem(&RSA.public, Some(Algorithm::Ps256)).unwrap();
    for token in Algorithm::ALL.iter().copied() {
        for (ring, key) in [(&secret, Algorithm::Hs384), (&public, Algorithm::Ps256)] {
            let expected = mismatch(key, token);
            let found = check(ring, token, None);
            assert!(if token == key { found.is_ok() } else { found == expected }, "{token} {key}");
        }
    }
}

#[test]
fn a_previous_secret_counts_until_its_date() {
    let ring = KeyRing::secret(OTHER_SECRET, None).unwrap().with_previous(SECRET, NOW).unwrap();
    let (signing, _) = keys(Algorithm::Hs256);
    let at = |ms| check_at(&ring, &signing, r#"{"alg":"HS256","kid":"x"}"#, Wall::from_ms(ms));
    let before = at(NOW.as_ms() - 1).unwrap();
    assert_eq!(at(NOW.as_ms()), Err(Rejection::Signature));
    let mut signers = ring.signers(Wall::from_ms(0));
    let current = signers.next().unwrap();
    assert_eq!((signers.next(), signers.next()), (Some(before), None));
    assert_ne!(current, before);
    assert_eq!(ring.signers(NOW).collect::<Vec<_>>(), [current]);
}

#[test]
fn a_previous_secret_obeys_the_rules_of_secrets() {
    let ring = |previous: &[u8]| {
        KeyRing::secret(SECRET, Some(Algorithm::Hs512)).unwrap().with_previous(previous, NOW)
    };
    let short = KeyFault::Short { bytes: 63, needed: 64, algorithm: Algorithm::Hs512 };
    assert_eq!(ring(&OTHER_SECRET[..63]).unwrap_err(), short);
    assert_eq!(ring(SECRET).unwrap_err(), KeyFault::Repeated);
    assert_eq!(ring(RSA.public.as_bytes()).unwrap_err(), KeyFault::SecretIsKey);
    let public = KeyRing::public_pem(&P256.public, None).unwrap();
    let mismatch = KeyFault::Mismatch { algorithm: Algorithm::Es256, family: Family::Hmac };
    assert_eq!(public.with_previous(SECRET, NOW).unwrap_err(), mismatch);
}

#[test]
fn a_name_selects_its_key() {
    let ring = ring(&[
        with(jwk(Family::P256), json!({ "kid": "a" })),
        with(jwk(Family::P384), json!({ "kid": "b" })),
        with(jwk(Family::Rsa), json!({ "kid": "b" })),
        with(jwk(Family::Ed25519), json!({})),
    ]);
    let a = check(&ring, Algorithm::Es256, Some("a")).unwrap();
    let b = check(&ring, Algorithm::Es384, Some("b")).unwrap();
    let c = check(&ring, Algorithm::Rs256, Some("b")).unwrap();
    assert!(a != b && b != c && a != c);
    let swapped = check(&ring, Algorithm::Es256, Some("b"));
    assert_eq!(swapped, mismatch(Algorithm::Es384, Algorithm::Es256));
    let long = "a".repeat(KEY_ID_BYTES + 1);
    for unknown in ["", "A", "a ", "c", "a\0", "../a", &long] {
        let found = check(&ring, Algorithm::Es256, Some(unknown));
        assert_eq!(found, Err(KeyRefusal::Unknown.into()), "{unknown:?}");
    }
    // The key without a name is not the key of every name.
    assert_eq!(check(&ring, Algorithm::EdDsa, Some("c")), Err(KeyRefusal::Unknown.into()));
}

#[test]
fn names_are_compared_as_they_are_meant() {
    let ring = ring(&[with(jwk(Family::P256), json!({ "kid": "a\"é\u{1F600}" }))]);
    let (signing, _) = keys(Algorithm::Es256);
    let header = r#"{"alg":"ES256","kid":"\u0061\"\u00e9\ud83d\ude00"}"#;
    assert!(check_at(&ring, &signing, header, NOW).is_ok());
    // The same letter, composed otherwise.
    let header = r#"{"alg":"ES256","kid":"a\"e\u0301\ud83d\ude00"}"#;
    assert_eq!(check_at(&ring, &signing, header, NOW), Err(KeyRefusal::Unknown.into()));
}

/// The key of RFC 7515, appendix A.3.
fn other_p256() -> Value {
    let x = "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU";
    let y = "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0";
    json!({ "kty": "EC", "crv": "P-256", "x": x, "y": y })
}

#[test]
fn without_a_name_one_key_must_be_left() {
    let one = ring(&[with(jwk(Family::P256), json!({ "kid": "a" }))]);
    assert!(check(&one, Algorithm::Es256, None).is_ok());
    assert_eq!(check(&one, Algorithm::Es384, None), mismatch(Algorithm::Es256, Algorithm::Es384));
    let several = ring(&[
        with(jwk(Family::P256), json!({ "kid": "a" })),
        with(other_p256(), json!({ "kid": "b" })),
        with(jwk(Family::P384), json!({ "kid": "c" })),
    ]);
    assert_eq!(check(&several, Algorithm::Es256, None), Err(KeyRefusal::Unnamed.into()));
    assert!(check(&several, Algorithm::Es256, Some("a")).is_ok());
    assert_eq!(check(&several, Algorithm::Es256, Some("b")), Err(Rejection::Signature));
    assert!(check(&several, Algorithm::Es384, None).is_ok());
    let mismatch = mismatch(Algorithm::Es256, Algorithm::Hs256);
    assert_eq!(check(&several, Algorithm::Hs256, None), mismatch);
}

#[test]
fn in_a_set_without_names_the_name_of_a_token_says_nothing() {
    let ring = ring(&[jwk(Family::P384), jwk(Family::P256), other_p256()]);
    assert!(check(&ring, Algorithm::Es384, Some("x")).is_ok());
    assert!(check(&ring, Algorithm::Es384, None).is_ok());
    assert_eq!(check(&ring, Algorithm::Es256, Some("x")), Err(KeyRefusal::Unnamed.into()));
}

#[test]
fn a_file_with_a_single_key_is_a_plain_ring() {
    let text = with(jwk(Family::Ed25519), json!({ "kid": "a" })).to_string();
    let (ring, notes) = KeyRing::from_set(&text, &FILE).unwrap();
    assert_eq!(notes, []);
    for key_id in [None, Some("a"), Some("b")] {
        assert!(check(&ring, Algorithm::EdDsa, key_id).is_ok());
    }
    assert_eq!(KeyRing::from_set(&text, &REMOTE).unwrap_err(), SetFault::NotASet);
}

#[test]
fn a_signer_is_one_key_of_one_issuer() {
    let signer = |ring: KeyRing, issuer: &str| {
        let ring = ring.of_issuer(issuer);
        let mut signers = ring.signers(NOW);
        let signer = signers.next().unwrap();
        assert_eq!(signers.next(), None);
        signer
    };
    let secret = |algorithm| KeyRing::secret(SECRET, algorithm).unwrap();
    let in_set = |more: Value| ring(&[with(jwk(Family::Hmac), more)]);
    let one = signer(secret(None), "a");
    // The form, the name and a reload make no difference.
    assert_eq!(one, signer(secret(Some(Algorithm::Hs256)), "a"));
    assert_eq!(one, signer(in_set(json!({ "kid": "x" })), "a"));
    assert_eq!(one, signer(in_set(json!({ "kid": "y", "alg": "HS256" })), "a"));
    let pem = KeyRing::public_pem(&RSA.public, Some(Algorithm::Rs256)).unwrap();
    assert_eq!(signer(pem, "a"), signer(ring(&[jwk(Family::Rsa)]), "a"));
    // Issuer, algorithm and key do.
    assert_ne!(one, signer(secret(None), "b"));
    assert_ne!(one, signer(secret(None), ""));
    assert_ne!(one, signer(secret(Some(Algorithm::Hs384)), "a"));
    assert_ne!(one, signer(KeyRing::secret(&SECRET[1..], None).unwrap(), "a"));
    assert_ne!(signer(ring(&[jwk(Family::P256)]), "a"), signer(ring(&[jwk(Family::P384)]), "a"));
    assert_ne!(one, Signer::default());
}

#[test]
fn the_signer_of_a_token_is_among_those_in_force() {
    let ring = ring(&[
        with(jwk(Family::P256), json!({ "kid": "a" })),
        with(jwk(Family::P384), json!({ "kid": "b" })),
    ])
    .of_issuer("app");
    let signers: Vec<_> = ring.signers(NOW).collect();
    assert_eq!(check(&ring, Algorithm::Es256, Some("a")), Ok(signers[0]));
    assert_eq!(check(&ring, Algorithm::Es384, Some("b")), Ok(signers[1]));
    let listed: Vec<_> = ring.keys().collect();
    assert_eq!(listed, [(Some("a"), Algorithm::Es256), (Some("b"), Algorithm::Es384)]);
}

#[test]
fn rings_do_not_print_their_keys() {
    let ring = KeyRing::secret(SECRET, None).unwrap().with_previous(OTHER_SECRET, NOW).unwrap();
    let printed = format!("{ring:?}");
    assert!(printed.contains("Hs256") && printed.contains("1792000000000"), "{printed}");
    for secret in [SECRET, OTHER_SECRET] {
        let text = String::from_utf8_lossy(&secret[..12]);
        assert!(!printed.contains(&*text), "{printed}");
        assert!(!printed.contains(&format!("{}, {}", secret[0], secret[1])), "{printed}");
    }
}
