//! What is minted, and which private keys are taken.

use super::super::{
    Family,
    fixtures::{ED25519, NOW, NOW_S, P256, RSA, SECRET, pem},
};
use super::*;

#[test]
fn claims_are_what_was_asked() {
    let mut mint = Mint::new("ann", 60_000);
    assert_eq!(
        Value::Object(mint.claims(NOW)),
        json!({"sub": "ann", "iat": NOW_S, "exp": NOW_S + 60}),
    );
    mint.issuer = Some("https://a".into());
    mint.audience = vec!["chat".into()];
    mint.not_before = Some(NOW + 1_500);
    mint.rooms = Some(json!({"team:*": "*"}));
    mint.limits = Some(json!({"rooms": 3}));
    mint.info = Some(json!({"name": "Ann"}));
    mint.extra.insert("token_type".into(), json!("access"));
    mint.extra.insert("exp".into(), json!(0));
    assert_eq!(
        Value::Object(mint.claims(NOW + 999)),
        json!({
            "sub": "ann", "iss": "https://a", "aud": "chat", "iat": NOW_S,
            "nbf": NOW_S as f64 + 1.5, "exp": 0, "rooms": {"team:*": "*"}, "limits": {"rooms": 3},
            "info": {"name": "Ann"}, "token_type": "access",
        }),
    );
    mint.audience.push("news".into());
    assert_eq!(mint.claims(NOW)["aud"], json!(["chat", "news"]));
}

#[test]
fn a_secret_signs_as_a_verifier_expects() {
    let key = SigningKey::from_secret(SECRET, None).unwrap();
    assert_eq!(key.algorithm(), Algorithm::Hs256);
    let token = key.sign("{}").unwrap();
    assert!(token.starts_with("eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.e30."), "{token}");
    assert_eq!(token, key.sign("{}").unwrap());
}

#[test]
fn private_keys_are_told_apart() {
    let load = |text: &str, algorithm| {
        SigningKey::from_private_pem(text, algorithm).map(|key| key.algorithm())
    };
    assert_eq!(load(&P256.private, None), Ok(Algorithm::Es256));
    assert_eq!(load(&ED25519.private, None), Ok(Algorithm::EdDsa));
    assert_eq!(load(&RSA.private, None), Err(KeyFault::Choice(Family::Rsa)));
    assert_eq!(load(&RSA.private, Some(Algorithm::Ps384)), Ok(Algorithm::Ps384));
    assert_eq!(
        load(&P256.private, Some(Algorithm::Es384)),
        Err(KeyFault::Mismatch { algorithm: Algorithm::Es384, family: Family::P256 }),
    );
    assert_eq!(load(&P256.public, None), Err(KeyFault::Public));
    assert_eq!(load("no key", None), Err(KeyFault::NotPem));
    assert_eq!(load(&pem("EC PRIVATE KEY", b"x"), None), Err(KeyFault::Sec1));
    assert_eq!(load(&pem("ENCRYPTED PRIVATE KEY", b"x"), None), Err(KeyFault::Encrypted));
    assert_eq!(load(&pem("CERTIFICATE", b"x"), None), Err(KeyFault::Unsupported));
    assert_eq!(load(&pem("PRIVATE KEY", b"x"), None), Err(KeyFault::Unsupported));
    let cut = Pem::parse(&P256.private).unwrap().der[..40].to_vec();
    assert_eq!(load(&pem("PRIVATE KEY", &cut), None), Err(KeyFault::Damaged(Family::P256)));
    let cut = Pem::parse(&RSA.private).unwrap().der[..400].to_vec();
    let damaged = Err(KeyFault::Damaged(Family::Rsa));
    assert_eq!(load(&pem("PRIVATE KEY", &cut), Some(Algorithm::Rs256)), damaged);
    assert_eq!(load(&pem("RSA PRIVATE KEY", b"x"), Some(Algorithm::Rs256)), damaged);
}

#[test]
fn keys_do_not_print() {
    let key = SigningKey::from_secret(SECRET, None).unwrap();
    assert_eq!(format!("{key:?}"), "SigningKey { algorithm: Hs256, .. }");
}
