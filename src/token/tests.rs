//! Whole tokens against the verifier: what passes, and a table of what must not.

use super::fixtures::{NOW, NOW_S, P256, RSA, SECRET, keys, pem, signer, verifier};
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
