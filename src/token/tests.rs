//! Whole tokens against the verifier: what passes, and a table of what must not.

use super::fixtures::{NOW, NOW_S, P256, RSA, SECRET, keys, pem, signer, verifier};
use super::*;
use crate::protocol::json::Kind;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use proptest::prelude::*;
use serde_json::json;

/// RFC 7515 A.1: HS256, with CRLF inside header and claims; `exp` is in 2011.
const RFC_7515_A1: &str = concat!(
    "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9",
    ".eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFt",
    "cGxlLmNvbS9pc19yb290Ijp0cnVlfQ",
    ".dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk",
);
const RFC_7515_A1_SECRET: &str =
    "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow";

#[test]
fn the_example_of_rfc_7515_is_judged_by_its_time() {
    let secret = URL_SAFE_NO_PAD.decode(RFC_7515_A1_SECRET).unwrap();
    // It has no `sub`.
    let rules = IssuerRules { subject_claim: "iss".into(), ..IssuerRules::default() };
    let verifier = IssuerVerifier::new(rules, Key::from_secret(&secret, None).unwrap());
    let login = verifier.judge(RFC_7515_A1, Wall::from_ms(1_300_819_379_999)).unwrap();
    assert_eq!(&*login.identity.subject, "joe");
    assert_eq!(login.expires_at, Wall::from_ms(1_300_819_380_000));
    let fault = verifier.judge(RFC_7515_A1, NOW).unwrap_err();
    assert_eq!(fault, Rejection::Expired { late_ms: 491_180_620_000 });
}

#[test]
fn every_algorithm_signs_somebody_in() {
    for algorithm in Algorithm::ALL {
        let (signing, key) = keys(*algorithm);
        let token = Mint::new("ann", 60_000).sign(&signing, NOW).unwrap();
        let verifier = IssuerVerifier::new(IssuerRules::default(), key);
        let Verification::Done(verdict) = verifier.verify(Token::new(token.as_str()), NOW) else {
            panic!("{algorithm}: nothing to look up");
        };
        let login = verdict.unwrap_or_else(|fault| panic!("{algorithm}: {fault}"));
        assert_eq!(&*login.identity.user, "ann");
    }
}

/// Signs good claims for `ann` under `header`.
fn under(header: &str) -> String {
    signer().sign_with_header(header, &claims(access(json!({})))).unwrap()
}

/// Signs the claims of a good token with `more` put in.
fn saying(more: serde_json::Value) -> String {
    signer().sign(&claims(more)).unwrap()
}

fn claims(more: serde_json::Value) -> String {
    let mut mint = Mint::new("ann", 60_000);
    mint.extra = more.as_object().expect("an object").clone();
    serde_json::Value::Object(mint.claims(NOW)).to_string()
}

/// A token of any text with an HS256 signature by `secret`.
fn hs256(secret: &[u8], header: &str) -> String {
    hs256_over(secret, header, &claims(access(json!({}))))
}

fn hs256_over(secret: &[u8], header: &str, claims: &str) -> String {
    let input = [header, claims].map(|part| URL_SAFE_NO_PAD.encode(part)).join(".");
    let key = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, secret);
    let tag = aws_lc_rs::hmac::sign(&key, input.as_bytes());
    format!("{input}.{}", URL_SAFE_NO_PAD.encode(tag))
}

fn with_parts(change: impl FnOnce(&mut Vec<String>)) -> String {
    let mut parts: Vec<String> = signed(json!({})).split('.').map(str::to_owned).collect();
    change(&mut parts);
    parts.join(".")
}

fn kind(claim: &'static str, expected: &'static str, found: Kind) -> Rejection {
    ClaimFault::Kind { claim: claim.into(), expected, found }.into()
}

/// Tokens that do not even have the form of one.
fn bad_forms() -> Vec<(&'static str, String, Rejection)> {
    let good = saying(json!({}));
    let row = |name, token: String, fault: FormFault| (name, token, fault.into());
    let signature = Part::Signature;
    vec![
        row("nothing", String::new(), FormFault::Parts { found: 1 }),
        row("a word", "token".into(), FormFault::Parts { found: 1 }),
        row("dots", ".".repeat(8_192), FormFault::Parts { found: 8_193 }),
        row("two parts", with_parts(|parts| parts.truncate(2)), FormFault::Parts { found: 2 }),
        row("four parts", format!("{good}.AAAA"), FormFault::Parts { found: 4 }),
        row("a JWE", format!("{good}.AAAA.AAAA"), FormFault::Encrypted),
        row("JSON", json!({"payload": "e30"}).to_string(), FormFault::JsonSerialization),
        row("no signature", with_parts(|parts| parts[2].clear()), FormFault::EmptyPart(signature)),
        row("a prefix", format!("Bearer {good}"), FormFault::Alphabet(Part::Header)),
        row("a line break", format!("{good}\n"), FormFault::Alphabet(signature)),
        row("quotes", format!("\"{good}\""), FormFault::Alphabet(Part::Header)),
        row("padding", format!("{good}="), FormFault::Padding(signature)),
        row("plain base64", with_parts(|parts| parts[1] = "a+/a".into()), {
            FormFault::Alphabet(Part::Claims)
        }),
        row("cut off", with_parts(|parts| parts[2].truncate(41)), FormFault::Length(signature)),
        row("8,193 bytes", "a".repeat(8_193), FormFault::TooLong { bytes: 8_193, limit: 8_192 }),
    ]
}

/// Tokens whose header alone refuses them; every one is signed with the right key.
fn bad_headers() -> Vec<(&'static str, String, Rejection)> {
    let row = |name, token: String, fault: HeaderFault| (name, token, fault.into());
    let key = Algorithm::Hs256;
    let mut rows = vec![
        row("no alg", under(r#"{"typ":"JWT"}"#), HeaderFault::AlgorithmMissing),
        row("an unknown alg", under(r#"{"alg":"HS257"}"#), HeaderFault::AlgorithmUnknown),
        row("small letters", under(r#"{"alg":"hs256"}"#), HeaderFault::AlgorithmUnknown),
        row("alg is a number", under(r#"{"alg":256}"#), {
            HeaderFault::NotAString { member: "alg", found: Kind::Number }
        }),
        row("kid is an array", under(r#"{"alg":"HS256","kid":["a"]}"#), {
            HeaderFault::NotAString { member: "kid", found: Kind::Array }
        }),
        row("a nested token", under(r#"{"alg":"HS256","cty":"JWT"}"#), HeaderFault::Nested),
        row("an ID token", under(r#"{"alg":"HS256","typ":"id+jwt"}"#), HeaderFault::Type),
        row("a DPoP proof", under(r#"{"alg":"HS256","typ":"dpop+jwt"}"#), HeaderFault::Type),
    ];
    for name in ["none", "None", "NONE", "nOnE"] {
        let header = format!(r#"{{"alg":"{name}"}}"#);
        rows.push(row("none", under(&header), HeaderFault::AlgorithmNone));
    }
    for (name, member) in [
        (r#""crit":[]"#, "crit"),
        (r#""crit":["exp"]"#, "crit"),
        (r#""crit":["b64"],"b64":false"#, "crit"),
        (r#""b64":false"#, "b64"),
        (r#""zip":"DEF""#, "zip"),
        (r#""enc":"A256GCM""#, "enc"),
        (r#""epk":{}"#, "epk"),
    ] {
        let header = format!(r#"{{"alg":"HS256",{name}}}"#);
        rows.push(row(name, under(&header), HeaderFault::Forbidden(member)));
    }
    for other in Algorithm::ALL.iter().filter(|other| **other != key) {
        // The right key under another name, and a true signature of the other algorithm.
        let fault = HeaderFault::AlgorithmMismatch { key, token: *other };
        rows.push(row("renamed", under(&format!(r#"{{"alg":"{other}"}}"#)), fault));
        let foreign = keys(*other).0.sign(&claims(access(json!({})))).unwrap();
        rows.push(row("another algorithm", foreign, fault));
    }
    rows
}

/// Tokens whose signature is not the key's.
fn bad_signatures() -> Vec<(&'static str, String, Rejection)> {
    const HEADER: &str = r#"{"alg":"HS256"}"#;
    let jwk =
        r#"{"alg":"HS256","jwk":{"kty":"oct","k":"YXR0YWNrZXItYXR0YWNrZXItYXR0YWNrZXItYXQ"}}"#;
    vec![
        ("another secret", hs256(&[7; 64], HEADER), Rejection::Signature),
        ("an empty secret", hs256(b"", HEADER), Rejection::Signature),
        ("a shorter secret", hs256(&SECRET[..32], HEADER), Rejection::Signature),
        ("its own key", hs256(b"attacker-attacker-attacker-at", jwk), Rejection::Signature),
        ("half a MAC", with_parts(|parts| parts[2].truncate(20)), Rejection::Signature),
        ("a longer MAC", with_parts(|parts| parts[2].insert(0, 'A')), Rejection::Signature),
        ("zeros", with_parts(|parts| parts[2] = "A".repeat(43)), Rejection::Signature),
        (
            "other claims",
            with_parts(|parts| parts[1] = URL_SAFE_NO_PAD.encode(r#"{"iss":"a"}"#)),
            { Rejection::Signature },
        ),
        ("another header", with_parts(|parts| parts[0] = URL_SAFE_NO_PAD.encode(HEADER)), {
            Rejection::Signature
        }),
        ("expired and forged", hs256_over(&[7; 64], HEADER, &claims(access(json!({"exp": 0})))), {
            Rejection::Signature
        }),
    ]
}

/// Tokens with a good signature and bad claims.
fn bad_claims() -> Vec<(&'static str, String, Rejection)> {
    let early = |claim, early_ms| Rejection::NotYetValid { claim, early_ms };
    vec![
        ("exp is a string", signed(json!({"exp": "1"})), kind("exp", "a number", Kind::String)),
        ("exp is null", signed(json!({"exp": null})), kind("exp", "a number", Kind::Null)),
        ("exp is negative", signed(json!({"exp": -1})), ClaimFault::Time("exp").into()),
        ("exp is huge", signed(json!({"exp": 1e300})), ClaimFault::Time("exp").into()),
        ("exp in ms", signed(json!({"exp": NOW.as_ms() * 1_000})), ClaimFault::Time("exp").into()),
        ("nbf is a boolean", signed(json!({"nbf": true})), kind("nbf", "a number", Kind::Bool)),
        ("iat is an object", signed(json!({"iat": {}})), kind("iat", "a number", Kind::Object)),
        ("sub is a number", signed(json!({"sub": 7})), kind("sub", "a string", Kind::Number)),
        ("sub is empty", signed(json!({"sub": ""})), {
            ClaimFault::SubjectLength { bytes: 0 }.into()
        }),
        ("sub with a NUL", signed(json!({"sub": "a\0"})), ClaimFault::SubjectControl.into()),
        ("iss is an array", signed(json!({"iss": ["a"]})), kind("iss", "a string", Kind::Array)),
        ("no issuer", saying(json!({"aud": "chat"})), ClaimFault::Issuer.into()),
        ("another issuer", signed(json!({"iss": "b"})), ClaimFault::Issuer.into()),
        ("another audience", signed(json!({"aud": ["x"]})), { ClaimFault::Audience.into() }),
        ("a refresh token", signed(json!({"use": "refresh"})), {
            ClaimFault::Required("use".into()).into()
        }),
        ("rooms is text", signed(json!({"rooms": "*"})), kind("rooms", "an object", Kind::String)),
        (
            "no room pattern",
            signed(json!({"rooms": {"a b": "*"}})),
            ClaimFault::Rooms("rooms".into()).into(),
        ),
        ("limits", signed(json!({"limits": {"rooms": 1.5}})), {
            ClaimFault::Limits { claim: "limits".into(), member: "rooms" }.into()
        }),
        ("info is text", signed(json!({"info": "x"})), kind("info", "an object", Kind::String)),
        ("a room token", signed(json!({"room": "a", "allow": "*"})), ClaimFault::RoomToken.into()),
        ("early", signed(json!({"nbf": NOW_S + 6})), early("nbf", 6_000)),
        ("issued ahead", signed(json!({"iat": NOW_S + 60, "exp": 0})), early("iat", 60_000)),
        ("expired", signed(json!({"exp": NOW_S - 5})), Rejection::Expired { late_ms: 5_000 }),
        ("exp 0", signed(json!({"exp": 0})), Rejection::Expired { late_ms: NOW.as_ms() }),
    ]
}

/// Signs what `strict` accepts, with `more` put in.
fn signed(more: serde_json::Value) -> String {
    saying(access(more))
}

/// What `strict` asks for, and `more`.
fn access(more: serde_json::Value) -> serde_json::Value {
    let mut all = json!({"iss": "a", "aud": "chat", "use": "access"});
    all.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
    all
}

fn strict() -> IssuerVerifier<Key> {
    verifier(IssuerRules {
        iss: Some("a".into()),
        aud: vec!["chat".into()],
        required_claims: [("use".into(), json!("access"))].into(),
        ..IssuerRules::default()
    })
}

#[test]
fn every_hostile_token_meets_its_rule() {
    let verifier = strict();
    verifier.judge(&signed(json!({})), NOW).expect("the good one");
    for table in [bad_forms(), bad_headers(), bad_signatures(), bad_claims()] {
        for (name, token, expected) in table {
            let fault = verifier.judge(&token, NOW).expect_err(name);
            assert_eq!(fault, expected, "{name}");
            let words = fault.to_string();
            assert!(
                !token.split('.').any(|part| part.len() > 8 && words.contains(part)),
                "{words}"
            );
        }
    }
}

#[test]
fn a_public_key_is_no_secret() {
    let rows = [(&RSA, Algorithm::Rs256), (&P256, Algorithm::Es256)];
    for (pair, algorithm) in rows {
        let (_, key) = keys(algorithm);
        let verifier = IssuerVerifier::new(IssuerRules::default(), key);
        let secrets = [
            pair.public.as_bytes(),
            pair.public.trim_end().as_bytes(),
            &pair.public_der,
            &pem("RSA PUBLIC KEY", &pair.public_der).into_bytes(),
        ];
        for secret in secrets {
            let fault = verifier.judge(&hs256(secret, r#"{"alg":"HS256"}"#), NOW).unwrap_err();
            let token = Algorithm::Hs256;
            assert_eq!(fault, HeaderFault::AlgorithmMismatch { key: algorithm, token }.into());
            let named = hs256(secret, &format!(r#"{{"alg":"{algorithm}"}}"#));
            assert_eq!(verifier.judge(&named, NOW).unwrap_err(), Rejection::Signature);
        }
    }
}

#[test]
fn keys_inside_a_token_are_counted_and_ignored() {
    let verifier = verifier(IssuerRules::default());
    for member in ["jwk", "jku", "x5c", "x5u"] {
        let header = format!(r#"{{"alg":"HS256","{member}":"https://evil.example","kid":"../x"}}"#);
        assert!(verifier.judge(&under(&header), NOW).is_ok(), "{member}");
    }
    assert_eq!(verifier.brought_keys(), 4);
}

#[test]
fn the_same_token_has_the_same_mark() {
    let verifier = verifier(IssuerRules::default());
    let mark = |more| verifier.judge(&saying(more), NOW).unwrap().mark;
    assert_eq!(mark(json!({})), mark(json!({})));
    assert_ne!(mark(json!({})), mark(json!({"jti": "2"})));
}

#[test]
fn the_cap_can_be_moved() {
    let token = saying(json!({}));
    let verifier = verifier(IssuerRules::default()).with_token_bytes(token.len());
    assert!(verifier.judge(&token, NOW).is_ok());
    let longer = verifier.judge(&format!("{token}A"), NOW).unwrap_err();
    let (bytes, limit) = (token.len() + 1, token.len());
    assert_eq!(longer, FormFault::TooLong { bytes, limit }.into());
}

#[test]
fn no_changed_byte_verifies() {
    for algorithm in [Algorithm::Hs256, Algorithm::Rs256, Algorithm::Es256, Algorithm::EdDsa] {
        let (signing, key) = keys(algorithm);
        let verifier = IssuerVerifier::new(IssuerRules::default(), key);
        let token = Mint::new("ann", 60_000).sign(&signing, NOW).unwrap();
        for at in 0..token.len() {
            for with in
                [b'A', b'B', b'.', b'-'].iter().filter(|with| **with != token.as_bytes()[at])
            {
                let mut changed = token.clone().into_bytes();
                changed[at] = *with;
                let changed = String::from_utf8(changed).unwrap();
                let fault = verifier.judge(&changed, NOW).expect_err("changed");
                assert_eq!(fault.class(), Class::Invalid, "{algorithm} at {at}: {fault}");
            }
        }
    }
}

#[test]
fn the_older_envelopes_of_rsa_keys_are_read() {
    // PKCS #1 is what remains of SPKI and PKCS #8 without their fixed heads.
    let private = pem("RSA PRIVATE KEY", &super::pem::Pem::parse(&RSA.private).unwrap().der[26..]);
    let public = pem("RSA PUBLIC KEY", &RSA.public_der[24..]);
    let algorithm = Some(Algorithm::Ps256);
    let signing = SigningKey::from_private_pem(&private, algorithm).unwrap();
    let key = Key::from_public_pem(&public, algorithm).unwrap();
    let token = Mint::new("ann", 60_000).sign(&signing, NOW).unwrap();
    assert!(IssuerVerifier::new(IssuerRules::default(), key).judge(&token, NOW).is_ok());
}

#[test]
fn nothing_prints_a_secret() {
    let printed = format!("{:?}", strict());
    assert!(printed.contains("chat") && !printed.contains("0123456789"), "{printed}");
}

proptest! {
    #[test]
    fn arbitrary_text_never_verifies(token: String) {
        prop_assert!(strict().judge(&token, NOW).is_err());
    }

    #[test]
    fn arbitrary_parts_never_verify(
        header in prop_oneof![Just(r#"{"alg":"HS256"}"#.to_owned()), any::<String>()],
        claims in prop_oneof![Just(claims(json!({}))), any::<String>()],
        signature in prop::collection::vec(any::<u8>(), 0..80),
    ) {
        let parts = [header.as_bytes(), claims.as_bytes(), &signature];
        let token = parts.map(|part| URL_SAFE_NO_PAD.encode(part)).join(".");
        let fault = verifier(IssuerRules::default()).judge(&token, NOW).expect_err("no signature");
        prop_assert_eq!(fault.class(), Class::Invalid);
    }

    #[test]
    fn arbitrary_signed_claims_have_an_answer(claims: String, more in "[ -~]{0,40}") {
        let verifier = strict();
        let _ = verifier.judge(&signer().sign(&claims).unwrap(), NOW);
        let near = format!(r#"{{"sub":"ann","exp":1,{more}}}"#);
        prop_assert!(verifier.judge(&signer().sign(&near).unwrap(), NOW).is_err());
    }
}
