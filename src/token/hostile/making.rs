//! The issuers that hostile tokens are made against, and ways to make tokens.

use crate::{
    protocol::json::{FaultKind, JsonFault, Kind},
    token::{
        Algorithm, ClaimFault, FormFault, IssuerRules, Issuers, KeyRing, Part, Rejection,
        TypePolicy,
        fixtures::{SECRET, keys},
    },
};
use aws_lc_rs::hmac;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::json;
use std::sync::LazyLock;

/// A name, to whom it is shown, and a token that passes.
pub(super) type Good = (String, Issuers<KeyRing>, String);

/// What the application asks of its tokens.
pub(super) fn app_rules() -> IssuerRules {
    IssuerRules {
        iss: Some("https://app.example".into()),
        aud: vec!["chat".into()],
        required_claims: [("token_type".into(), json!("access"))].into(),
        ..IssuerRules::default()
    }
}

/// The application that most tokens are shown to: HS256, the lax policy.
pub(super) static APP: LazyLock<Issuers<KeyRing>> = LazyLock::new(|| of(app_rules()));
/// The same with the strict policy.
pub(super) static STRICT: LazyLock<Issuers<KeyRing>> =
    LazyLock::new(|| of(IssuerRules { types: TypePolicy::Strict, ..app_rules() }));
/// The same with tokens of an hour at most.
pub(super) static HOUR: LazyLock<Issuers<KeyRing>> =
    LazyLock::new(|| of(IssuerRules { max_lifetime_ms: Some(3_600_000), ..app_rules() }));

pub(super) fn of(rules: IssuerRules) -> Issuers<KeyRing> {
    Issuers::new(rules, keys(Algorithm::Hs256).1.into())
}

/// Nothing is asked but a signature with the key for `algorithm`, a user and a time.
pub(super) fn bare(algorithm: Algorithm) -> Issuers<KeyRing> {
    Issuers::new(IssuerRules::default(), keys(algorithm).1.into())
}

/// The header of good tokens.
pub(super) const HEADER: &str = r#"{"alg":"HS256","typ":"JWT"}"#;

/// Members of good claims; `exp` is a minute ahead.
const CLAIMS: &[(&str, &str)] = &[
    ("iss", r#""https://app.example""#),
    ("aud", r#""chat""#),
    ("sub", r#""ann""#),
    ("exp", "1792000060"),
    ("token_type", r#""access""#),
];

/// Good claims with a member put in or over; the value is JSON text.
pub(super) fn claims(name: &str, value: &str) -> String {
    claims_with(&[(name, value)])
}

/// Good claims with members put in or over, a later one over an earlier; the values are JSON text.
pub(super) fn claims_with(more: &[(&str, &str)]) -> String {
    let all = [CLAIMS, more].concat();
    let last = |at: usize| !all.iter().skip(at + 1).any(|(name, _)| *name == all[at].0);
    object(all.iter().enumerate().filter(|(at, _)| last(*at)).map(|(_, member)| member))
}

/// Good claims without a member.
pub(super) fn claims_without(name: &str) -> String {
    object(CLAIMS.iter().filter(|(other, _)| *other != name))
}

/// Good claims with a text before the last brace.
pub(super) fn claims_and(tail: &str) -> String {
    let whole = claims_with(&[]);
    whole.strip_suffix('}').expect("an object").to_owned() + tail + "}"
}

fn object<'a>(members: impl Iterator<Item = &'a (&'a str, &'a str)>) -> String {
    let members: Vec<_> = members.map(|(name, value)| format!(r#""{name}":{value}"#)).collect();
    format!("{{{}}}", members.join(","))
}

/// Signs claims with the secret of the application.
pub(super) fn signed(claims: &str) -> String {
    under(HEADER, claims)
}

/// Signs claims under a header with the secret of the application.
pub(super) fn under(header: &str, claims: &str) -> String {
    hs256(SECRET, header.as_bytes(), claims.as_bytes())
}

/// Signs good claims under a header with the secret of the application.
pub(super) fn header(header: &str) -> String {
    under(header, &claims_with(&[]))
}

/// Signs any bytes with any secret.
pub(super) fn hs256(secret: &[u8], header: &[u8], claims: &[u8]) -> String {
    let input = [header, claims].map(|part| URL_SAFE_NO_PAD.encode(part)).join(".");
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret), input.as_bytes());
    format!("{input}.{}", URL_SAFE_NO_PAD.encode(tag))
}

/// Puts any bytes together; nothing is signed.
pub(super) fn put_together(header: &str, claims: &str, signature: &[u8]) -> String {
    let parts = [header.as_bytes(), claims.as_bytes(), signature];
    parts.map(|part| URL_SAFE_NO_PAD.encode(part)).join(".")
}

/// A good token, its parts changed.
pub(super) fn changed(change: impl FnOnce(&mut [String; 3])) -> String {
    let good = signed(&claims_with(&[]));
    let mut parts: Vec<String> = good.split('.').map(str::to_owned).collect();
    change(parts.as_mut_slice().try_into().expect("three parts"));
    parts.join(".")
}

/// A text with `¶` before the byte that makes it no strict JSON: the text, and the fault.
pub(super) fn faulty(part: Part, text: &str, kind: FaultKind) -> (String, Rejection) {
    let at = text.find('¶').expect("a mark");
    (text.replace('¶', ""), FormFault::NotJson(part, JsonFault { kind, at }).into())
}

pub(super) fn kind(claim: &str, expected: &'static str, found: Kind) -> Rejection {
    ClaimFault::Kind { claim: claim.to_owned().into(), expected, found }.into()
}

/// A value of every kind.
pub(super) const KINDS: [(&str, Kind); 10] = [
    (r#""1""#, Kind::String),
    (r#""NaN""#, Kind::String),
    ("1", Kind::Number),
    ("1.5", Kind::Number),
    ("true", Kind::Bool),
    ("false", Kind::Bool),
    ("null", Kind::Null),
    ("[]", Kind::Array),
    ("[1]", Kind::Array),
    ("{}", Kind::Object),
];

/// The tokens that hostile ones are made from.
pub(super) fn good() -> Vec<Good> {
    let plain = signed(&claims_with(&[]));
    let access = header(r#"{"alg":"HS256","typ":"at+jwt"}"#);
    vec![
        ("plain".into(), APP.clone(), plain.clone()),
        ("plain, of an hour".into(), HOUR.clone(), plain),
        ("an access token".into(), STRICT.clone(), access),
        ("put together".into(), APP.clone(), changed(|_| ())),
    ]
}
