//! Which texts are sets, and which of their keys are taken.

use super::*;

/// What becomes of one key in a file.
fn fate(key: Value) -> Result<Algorithm, LeftOut> {
    fate_on(key, &FILE)
}

fn fate_on(key: Value, terms: &SetTerms) -> Result<Algorithm, LeftOut> {
    match KeyRing::from_set(&set(&[key]), terms) {
        Ok((ring, notes)) => {
            assert_eq!(notes, []);
            Ok(ring.keys().next().unwrap().1)
        }
        Err(SetFault::Empty(notes)) => Err(notes[0].why),
        Err(SetFault::Private(note)) => Err(note.why),
        Err(fault) => panic!("{fault}"),
    }
}

fn fault(text: &str) -> SetFault {
    KeyRing::from_set(text, &FILE).expect_err(text)
}

#[test]
fn only_a_strict_object_with_keys_is_a_set() {
    use crate::protocol::json::FaultKind;
    let table = [
        ("", FaultKind::Syntax),
        ("\u{FEFF}{\"keys\":[]}", FaultKind::Syntax),
        ("[]", FaultKind::NotAnObject),
        ("null", FaultKind::NotAnObject),
        (r#"{"keys":[],"keys":[]}"#, FaultKind::Duplicate),
        (r#"{"keys":[],"k\u0065ys":[]}"#, FaultKind::Duplicate),
        (r#"{"keys":[{"kty":"RSA","kty":"oct"}]}"#, FaultKind::Duplicate),
    ];
    for (text, kind) in &table {
        assert!(matches!(fault(text), SetFault::NotJson(found) if found.kind == *kind), "{text}");
    }
    for text in ["{}", r#"{"Keys":[]}"#, r#"{"keys":{}}"#, r#"{"keys":null,"kty":"oct"}"#] {
        assert_eq!(fault(text), SetFault::NotASet, "{text}");
    }
    assert_eq!(fault(r#" {"keys":[ ]} "#), SetFault::Empty(vec![]));
    // Other members say nothing (RFC 7517 5).
    let text = json!({ "keys": [jwk(Family::P256)], "kty": 1, "x": [{}] }).to_string();
    assert!(KeyRing::from_set(&text, &REMOTE).is_ok());
}

#[test]
fn size_and_count_are_capped() {
    let keys = vec![json!(1); KEYS + 1];
    assert_eq!(fault(&set(&keys)), SetFault::TooMany { keys: KEYS + 1 });
    let SetFault::Empty(notes) = fault(&set(&keys[1..])) else { panic!("not empty") };
    assert_eq!((notes.len(), notes[KEYS - 1].place), (KEYS, KEYS));
    let sentence = SetFault::Empty(notes).to_string();
    assert!(sentence.ends_with("; and 60 more") && sentence.len() < 300, "{sentence}");
    let padded = |bytes: usize| {
        let text = set(&[jwk(Family::P256)]);
        text.clone() + &" ".repeat(bytes - text.len())
    };
    assert!(KeyRing::from_set(&padded(SET_BYTES), &FILE).is_ok());
    assert_eq!(fault(&padded(SET_BYTES + 1)), SetFault::TooLong { bytes: SET_BYTES + 1 });
}

#[test]
fn a_key_is_pinned_by_itself_or_by_the_terms() {
    let defaults = [
        (Family::Hmac, Algorithm::Hs256),
        (Family::Rsa, Algorithm::Rs256),
        (Family::P256, Algorithm::Es256),
        (Family::P384, Algorithm::Es384),
        (Family::Ed25519, Algorithm::EdDsa),
    ];
    for (family, default) in defaults {
        assert_eq!(fate(jwk(family)), Ok(default));
        for algorithm in Algorithm::ALL.iter().copied() {
            let mismatch = Err(LeftOut::Key(KeyFault::Mismatch { algorithm, family }));
            let fits = algorithm.family() == family;
            let said = with(jwk(family), json!({ "alg": algorithm.as_str() }));
            assert_eq!(fate(said), if fits { Ok(algorithm) } else { mismatch });
            // The terms are asked only where the key leaves a choice.
            let terms = SetTerms { algorithm: Some(algorithm), ..FILE };
            let choice = matches!(family, Family::Hmac | Family::Rsa);
            let expected = match (choice, fits) {
                (true, true) => Ok(algorithm),
                (true, false) => mismatch,
                (false, _) => Ok(default),
            };
            assert_eq!(fate_on(jwk(family), &terms), expected, "{family} {algorithm}");
        }
    }
    for alg in ["none", "ES512", "RSA-OAEP", "A256KW", "es256", ""] {
        let key = with(jwk(Family::P256), json!({ "alg": alg }));
        assert_eq!(fate(key), Err(LeftOut::UnknownAlgorithm), "{alg}");
    }
}

#[test]
fn algorithms_can_be_kept_out() {
    let terms = SetTerms { algorithms: vec![Algorithm::Ps256, Algorithm::Es256], ..REMOTE };
    let refused = Err(LeftOut::NotAllowed(Algorithm::Rs256));
    assert_eq!(fate_on(jwk(Family::Rsa), &terms), refused);
    let key = with(jwk(Family::Rsa), json!({ "alg": "PS256" }));
    assert_eq!(fate_on(key, &terms), Ok(Algorithm::Ps256));
    assert_eq!(fate_on(jwk(Family::P256), &terms), Ok(Algorithm::Es256));
}

#[test]
fn a_key_must_be_for_checking_signatures() {
    let fate = |more| fate(with(jwk(Family::P256), more));
    let passes = [
        json!({}),
        json!({ "use": "sig" }),
        json!({ "key_ops": ["verify"] }),
        json!({ "key_ops": ["sign", "verify"], "use": "sig" }),
        json!({ "key_ops": ["verify", "x"] }),
    ];
    for more in passes {
        assert_eq!(fate(more.clone()), Ok(Algorithm::Es256), "{more}");
    }
    let table = [
        (json!({ "use": "enc" }), LeftOut::Use),
        (json!({ "use": "" }), LeftOut::Use),
        (json!({ "use": "SIG" }), LeftOut::Use),
        (json!({ "use": ["sig"] }), LeftOut::NotAString("use")),
        (json!({ "use": 1, "key_ops": ["verify"] }), LeftOut::NotAString("use")),
        (json!({ "use": "enc", "key_ops": ["verify"] }), LeftOut::Use),
        (json!({ "key_ops": [] }), LeftOut::Use),
        (json!({ "key_ops": ["sign"] }), LeftOut::Use),
        (json!({ "key_ops": ["VERIFY"] }), LeftOut::Use),
        (json!({ "key_ops": "verify" }), LeftOut::Operations),
        (json!({ "key_ops": {} }), LeftOut::Operations),
        (json!({ "key_ops": ["verify", 1] }), LeftOut::Operations),
        (json!({ "key_ops": ["verify", "verify"] }), LeftOut::Operations),
        (json!({ "key_ops": ["verify", "encrypt"], "use": "sig" }), LeftOut::Operations),
        (
            json!({ "key_ops": (0..9).map(|n| n.to_string()).collect::<Vec<_>>() }),
            LeftOut::Operations,
        ),
    ];
    for (more, why) in table {
        assert_eq!(fate(more.clone()), Err(why), "{more}");
    }
}

#[test]
fn members_are_what_they_must_be() {
    let absent = |family, member: &'static str| {
        let key = jwk(family);
        let mut members = key.as_object().unwrap().clone();
        members.remove(member);
        fate(members.into())
    };
    let of_families = [
        (Family::Hmac, &["kty", "k"][..]),
        (Family::Rsa, &["kty", "n", "e"]),
        (Family::P256, &["kty", "crv", "x", "y"]),
        (Family::P384, &["kty", "crv", "x", "y"]),
        (Family::Ed25519, &["kty", "crv", "x"]),
    ];
    for (family, members) in of_families {
        for member in members.iter().copied() {
            assert_eq!(absent(family, member), Err(LeftOut::Missing(member)));
            for value in [json!(1), json!(true), json!([]), json!({})] {
                let key = with(jwk(family), json!({ member: value }));
                assert_eq!(fate(key), Err(LeftOut::NotAString(member)), "{family} {member}");
            }
            let mut null = jwk(family);
            null[member] = Value::Null;
            assert_eq!(fate(null), Err(LeftOut::NotAString(member)));
            if matches!(member, "kty" | "crv") {
                let key = with(jwk(family), json!({ member: "X" }));
                assert_eq!(fate(key), Err(LeftOut::UnknownKind));
                continue;
            }
            let good = jwk(family)[member].as_str().unwrap().to_owned();
            for bad in [format!("{good}="), format!(" {good}"), format!("{good}\n"), "+/+/".into()]
            {
                let key = with(jwk(family), json!({ member: bad }));
                assert_eq!(fate(key), Err(LeftOut::Encoding(member)), "{bad:?}");
            }
        }
    }
    for key in [json!(1), json!(null), json!([]), json!("x")] {
        assert_eq!(fate(key), Err(LeftOut::NotAnObject));
    }
    for crv in ["P-521", "secp256k1", "Ed25519", "p-256"] {
        let key = with(jwk(Family::P256), json!({ "crv": crv }));
        assert_eq!(fate(key), Err(LeftOut::UnknownKind), "{crv}");
    }
}

#[test]
fn a_second_spelling_of_the_same_bytes_is_refused() {
    // 32 bytes leave four bits of the last character, which must be zero.
    let k = URL_SAFE_NO_PAD.encode(&SECRET[..32]);
    let last = k.chars().last().unwrap();
    let next = char::from(u8::try_from(last).unwrap() + 1);
    let spelled = format!("{}{next}", k.strip_suffix(last).unwrap());
    assert_eq!(fate(json!({ "kty": "oct", "k": k })), Ok(Algorithm::Hs256));
    assert_eq!(fate(json!({ "kty": "oct", "k": spelled })), Err(LeftOut::Encoding("k")));
}

#[test]
fn names_are_bounded_strings() {
    for key_id in [String::new(), "a".repeat(KEY_ID_BYTES), "\u{1F600}\0\n/..".into()] {
        assert!(fate(with(jwk(Family::P256), json!({ "kid": key_id }))).is_ok());
    }
    let long = with(jwk(Family::P256), json!({ "kid": "a".repeat(KEY_ID_BYTES + 1) }));
    assert_eq!(fate(long), Err(LeftOut::KeyIdLength { bytes: KEY_ID_BYTES + 1 }));
    for value in [json!(1), json!(["a"]), json!(false)] {
        let key = with(jwk(Family::P256), json!({ "kid": value }));
        assert_eq!(fate(key), Err(LeftOut::NotAString("kid")));
    }
}

#[test]
fn private_keys_are_an_error_in_a_file_and_left_out_elsewhere() {
    for family in [Family::Rsa, Family::P256, Family::P384, Family::Ed25519] {
        for member in ["d", "p", "q", "dp", "dq", "qi", "oth"] {
            for more in [json!({ member: "AA" }), json!({ member: 1, "use": "enc" })] {
                let key = with(with(jwk(family), json!({ "kid": "mine" })), more);
                let text = set(&[jwk(Family::Ed25519), key]);
                let note = Note { place: 2, key_id: Some("mine".into()), why: LeftOut::Private };
                assert_eq!(fault(&text), SetFault::Private(note.clone()));
                let (ring, notes) = KeyRing::from_set(&text, &REMOTE).unwrap();
                assert_eq!((ring.keys().count(), notes), (1, vec![note]));
            }
        }
    }
    // What is not for EC keys says nothing about a secret.
    assert!(fate(with(jwk(Family::Hmac), json!({ "d": "AA" }))).is_ok());
}

#[test]
fn secrets_come_from_files_only_and_obey_the_rules() {
    assert_eq!(fate_on(jwk(Family::Hmac), &REMOTE), Err(LeftOut::PublishedSecret));
    let secret = |bytes: &[u8], alg: &str| {
        fate(json!({ "kty": "oct", "alg": alg, "k": URL_SAFE_NO_PAD.encode(bytes) }))
    };
    let short = KeyFault::Short { bytes: 47, needed: 48, algorithm: Algorithm::Hs384 };
    assert_eq!(secret(&SECRET[..47], "HS384"), Err(LeftOut::Key(short)));
    assert_eq!(secret(&SECRET[..48], "HS384"), Ok(Algorithm::Hs384));
    let key_text = Err(LeftOut::Key(KeyFault::SecretIsKey));
    assert_eq!(secret(RSA.public.as_bytes(), "HS256"), key_text);
    assert_eq!(secret(jwk(Family::P256).to_string().as_bytes(), "HS256"), key_text);
}

#[test]
fn secrets_and_public_keys_do_not_share_a_file() {
    let text = set(&[jwk(Family::Hmac), jwk(Family::P256)]);
    assert_eq!(fault(&text), SetFault::Mixed);
    // Unless one kind is not used at all.
    let terms = SetTerms { algorithms: vec![Algorithm::Es256], ..FILE };
    let (ring, notes) = KeyRing::from_set(&text, &terms).unwrap();
    assert_eq!((ring.keys().count(), notes.len()), (1, 1));
}

#[test]
fn weak_public_keys_are_left_out() {
    let text = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
    let rsa = |more| fate(with(jwk(Family::Rsa), more));
    let modulus = URL_SAFE_NO_PAD.decode(jwk(Family::Rsa)["n"].as_str().unwrap()).unwrap();
    let size = |bits| Err(LeftOut::Key(KeyFault::RsaSize { bits }));
    assert_eq!(rsa(json!({ "n": text(&modulus[..128]) })), size(1_024));
    assert_eq!(rsa(json!({ "n": text(&[&modulus[..], &[1; 769]].concat()) })), size(8_200));
    assert_eq!(rsa(json!({ "n": "" })), size(0));
    let even = [&modulus[..255], &[0]].concat();
    assert_eq!(rsa(json!({ "n": text(&even) })), Err(LeftOut::Key(KeyFault::Damaged(Family::Rsa))));
    let exponents: [&[u8]; 6] = [&[], &[0], &[1], &[2], &[1, 0, 0], &[2, 0, 0, 0, 1]];
    for exponent in exponents {
        let found = rsa(json!({ "e": text(exponent) }));
        assert_eq!(found, Err(LeftOut::Key(KeyFault::RsaExponent)), "{exponent:?}");
    }
    for exponent in [&[3][..], &[17], &[0, 0, 3], &[1, 0, 0, 0, 1]] {
        assert_eq!(rsa(json!({ "e": text(exponent) })), Ok(Algorithm::Rs256), "{exponent:?}");
    }
    let padded = [&[0, 0], &modulus[..]].concat();
    assert_eq!(rsa(json!({ "n": text(&padded) })), Ok(Algorithm::Rs256));
    for (family, bytes) in [(Family::P256, 32), (Family::P384, 48)] {
        let off = Err(LeftOut::Key(KeyFault::OffCurve(family)));
        for zero in ["x", "y"] {
            let key = with(jwk(family), json!({ zero: text(&vec![0; bytes]) }));
            assert_eq!(fate(key), off, "{family}");
        }
        let cut = text(&vec![1; bytes - 1]);
        let damaged = Err(LeftOut::Key(KeyFault::Damaged(family)));
        assert_eq!(fate(with(jwk(family), json!({ "x": cut, "y": cut }))), damaged);
        let moved = with(jwk(family), json!({ "x": text(&vec![1; bytes + 1]), "y": cut }));
        assert_eq!(fate(moved), Err(LeftOut::Encoding("y")));
    }
    let ed = |bytes: &[u8]| fate(with(jwk(Family::Ed25519), json!({ "x": text(bytes) })));
    assert_eq!(ed(&[1; 31]), Err(LeftOut::Key(KeyFault::Damaged(Family::Ed25519))));
    let mut one = [0; 32];
    one[0] = 1;
    assert_eq!(ed(&one), Err(LeftOut::Key(KeyFault::SmallOrder)));
}

#[test]
fn a_name_stands_for_one_key_of_an_algorithm() {
    let k = URL_SAFE_NO_PAD.encode(OTHER_SECRET);
    let a = with(jwk(Family::Hmac), json!({ "kid": "a" }));
    let also_a = with(a.clone(), json!({ "k": k }));
    let b = with(also_a.clone(), json!({ "kid": "b" }));
    let note = |place, why| Note { place, key_id: Some("a".into()), why };
    let read = |keys: &[Value]| {
        let (ring, notes) = KeyRing::from_set(&set(keys), &FILE).unwrap();
        (ring.keys().map(|(name, _)| name.map(str::to_owned)).collect::<Vec<_>>(), notes)
    };
    let (names, notes) = read(&[a.clone(), b.clone(), also_a]);
    assert_eq!(names, [Some("b".to_owned())]);
    assert_eq!(notes, [note(1, LeftOut::Ambiguous), note(3, LeftOut::Ambiguous)]);
    // A broken key under the same name is another one as well; one for something else is not.
    let broken = with(a.clone(), json!({ "k": "AA" }));
    let (names, notes) = read(&[broken, a.clone(), b.clone()]);
    assert_eq!(names, [Some("b".to_owned())]);
    assert_eq!((notes[0].place, notes[1].clone()), (1, note(2, LeftOut::Ambiguous)));
    let foreign = with(jwk(Family::P256), json!({ "kid": "a", "use": "enc" }));
    let (names, notes) = read(&[foreign, a.clone(), b.clone()]);
    assert_eq!((names.len(), notes), (2, vec![note(1, LeftOut::Use)]));
    // The same key again changes nothing, and under another name it is found by both.
    let (names, notes) = read(&[a.clone(), a.clone(), with(a.clone(), json!({ "kid": "c" }))]);
    assert_eq!(names, [Some("a".to_owned()), Some("c".to_owned())]);
    assert_eq!(notes, [note(2, LeftOut::Repeated)]);
    let second = LeftOut::SecondAlgorithm { first: Algorithm::Hs256 };
    let (names, notes) = read(&[a.clone(), with(a, json!({ "alg": "HS512" }))]);
    assert_eq!((names.len(), notes), (1, vec![note(2, second)]));
}

#[test]
fn what_is_said_of_keys_has_no_byte_of_them() {
    let keys = [
        with(jwk(Family::Rsa), json!({ "kid": "a\nb", "d": "SECRET-d" })),
        with(jwk(Family::Hmac), json!({ "alg": "SECRET-alg", "k": "SECRET-k" })),
        with(jwk(Family::Hmac), json!({ "k": "SECRET-k=" })),
        with(jwk(Family::P256), json!({ "x": "SECRET-x" })),
        json!({ "kty": "SECRET-kty" }),
        json!("SECRET"),
    ];
    for terms in [&FILE, &REMOTE] {
        for text in [set(&keys), set(&keys[1..]), format!("{{\"keys\":[SECRET {}", keys[1])] {
            let fault = KeyRing::from_set(&text, terms).unwrap_err();
            for said in [fault.to_string(), format!("{fault:?}")] {
                assert!(!said.contains("SECRET") && !said.contains('\n'), "{said}");
            }
        }
    }
    let fault = fault(&set(&keys)).to_string();
    assert!(fault.starts_with(r#"key 1 ("a\nb"): it is a private key"#), "{fault}");
}

#[test]
fn foreign_keys_are_no_faults() {
    let harmless = [
        LeftOut::UnknownKind,
        LeftOut::UnknownAlgorithm,
        LeftOut::Use,
        LeftOut::NotAllowed(Algorithm::Rs256),
        LeftOut::Repeated,
        LeftOut::SecondAlgorithm { first: Algorithm::Rs256 },
    ];
    assert!(harmless.iter().all(|why| !why.is_fault()));
    let faults = [LeftOut::Private, LeftOut::PublishedSecret, LeftOut::Key(KeyFault::RsaRoca)];
    assert!(faults.iter().all(|why| why.is_fault()));
}
