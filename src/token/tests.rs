//! Whole tokens against the verifier: what passes, and a table of what must not.

use super::fixtures::{NOW, RSA, keys, pem, signer, verifier};
use super::*;
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
    let verifier = Issuers::new(rules, Key::from_secret(&secret, None).unwrap());
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
        let verifier = Issuers::new(IssuerRules::default(), key);
        let Verification::Done(verdict) = verifier.verify(Token::new(token.as_str()), NOW) else {
            panic!("{algorithm}: nothing to look up");
        };
        let login = verdict.unwrap_or_else(|fault| panic!("{algorithm}: {fault}"));
        assert_eq!(&*login.identity.user, "ann");
    }
}

/// Signs good claims for `ann` under `header`.
fn under(header: &str) -> String {
    signer().sign_with_header(header, &claims(json!({}))).unwrap()
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

/// A verifier that asks for everything.
fn strict() -> Issuers<Key> {
    verifier(IssuerRules {
        iss: Some("a".into()),
        aud: vec!["chat".into()],
        required_claims: [("use".into(), json!("access"))].into(),
        ..IssuerRules::default()
    })
}

#[test]
fn a_single_key_takes_its_own_algorithm_alone() {
    for key in Algorithm::ALL.iter().copied() {
        let verifier = Issuers::new(IssuerRules::default(), keys(key).1);
        for token in Algorithm::ALL.iter().copied().filter(|token| *token != key) {
            let header = format!(r#"{{"alg":"{token}"}}"#);
            let renamed = keys(key).0.sign_with_header(&header, &claims(json!({}))).unwrap();
            let fault = verifier.judge(&renamed, NOW).unwrap_err();
            assert_eq!(fault, HeaderFault::AlgorithmMismatch { key, token }.into());
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
        let verifier = Issuers::new(IssuerRules::default(), key);
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
    assert!(Issuers::new(IssuerRules::default(), key).judge(&token, NOW).is_ok());
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
