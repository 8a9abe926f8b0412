//! Names of keys: whatever a `kid` looks like, it is a name in a set, or in none.

use super::{
    Row,
    making::{app_rules, claims, claims_with, hs256},
};
use crate::token::{
    Algorithm, HeaderFault, Issuers, KeyRefusal, KeyRing, Rejection,
    fixtures::{OTHER_SECRET, SECRET, keys},
    ring::{Origin, SetTerms},
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};

/// The application with two secrets, called `a` and `b`.
fn two_keys() -> Issuers<KeyRing> {
    let [a, b] = [SECRET, OTHER_SECRET].map(|secret| URL_SAFE_NO_PAD.encode(secret));
    let set = format!(
        r#"{{"keys":[{{"kty":"oct","kid":"a","k":"{a}"}},{{"kty":"oct","kid":"b","k":"{b}"}}]}}"#
    );
    let (ring, notes) = KeyRing::from_set(&set, &SetTerms::new(Origin::File)).expect("a set");
    assert_eq!(notes, []);
    Issuers::new(app_rules(), ring).with_token_bytes(100_000)
}

/// Signed by the key that is called `a`.
fn by_a(kid: &str) -> String {
    let header = format!(r#"{{"alg":"HS256","kid":"{kid}"}}"#);
    hs256(SECRET, header.as_bytes(), claims_with(&[]).as_bytes())
}

pub(super) fn rows() -> Vec<Row> {
    let verifier = two_keys();
    let row = |name: &str, token, expected: Rejection| {
        Row::new(&verifier, format!("of two keys: {name}"), token, expected)
    };
    assert!(verifier.judge(&by_a("a"), crate::token::fixtures::NOW).is_ok());
    let strangers = [
        ("an empty name", ""),
        ("a capital", "A"),
        ("a space", "a "),
        ("both names", "a,b"),
        ("a path", "../../etc/passwd"),
        ("a path to nothing", "/dev/null"),
        ("a path that ends in a", "./a"),
        ("SQL", "a' OR '1'='1"),
        ("SQL with a key", "x' UNION SELECT 'a"),
        ("a command", "a|id"),
        ("a template", "{{a}}"),
        ("a pattern", "*"),
        ("a NUL", "a\\u0000"),
        ("a NUL in front", "\\u0000a"),
        ("a line break", "a\\n"),
        ("a look-alike", "\\u0430"),
        ("a combining accent", "a\\u0301"),
        ("a zero-width space", "\\u200ba"),
        ("full width", "\\uff41"),
        ("an address", "https://evil.example/jwks.json"),
        ("a member of every object", "__proto__"),
        ("a number", "0"),
        ("beyond the plane", "\\ud83d\\ude00"),
    ];
    let unknown = |(name, kid)| row(name, by_a(kid), KeyRefusal::Unknown.into());
    let long = by_a(&"a".repeat(65_536));
    let plain = hs256(SECRET, br#"{"alg":"HS256"}"#, claims_with(&[]).as_bytes());
    let (key, token) = (Algorithm::Hs256, Algorithm::Es256);
    let es256 = keys(token).0.sign_with_header(r#"{"alg":"ES256","kid":"a"}"#, &claims_with(&[]));
    let expired = hs256(SECRET, br#"{"alg":"HS256","kid":"c"}"#, claims("exp", "0").as_bytes());
    strangers
        .into_iter()
        .map(unknown)
        .chain([
            row("64 KiB", long, KeyRefusal::Unknown.into()),
            row("no name", plain, KeyRefusal::Unnamed.into()),
            row("the other's name", by_a("b"), Rejection::Signature),
            row("another algorithm", es256.expect("a token"), {
                HeaderFault::AlgorithmMismatch { key, token }.into()
            }),
            row("expired, under a strange name", expired, KeyRefusal::Unknown.into()),
        ])
        .collect()
}
