//! Two issuers side by side: a name opens nothing that its own key does not.

use super::{
    Row,
    making::{app_rules, claims_with, claims_without, hs256, kind, signed, under},
};
use crate::{
    protocol::json::Kind,
    token::{
        Algorithm, ClaimFault, HeaderFault, IssuerRules, Issuers, KeyRing, Rejection, TypePolicy,
        fixtures::{OTHER_SECRET, SECRET, keys},
    },
};

/// The application with HS256; a partner with ES256 and the strict policy; a second partner with
/// HS256 and a secret of its own.
fn house() -> Issuers<KeyRing> {
    let partner = IssuerRules {
        iss: Some("https://partner.example".into()),
        aud: vec!["partner-chat".into()],
        types: TypePolicy::Strict,
        user_prefix: "partner:".into(),
        max_lifetime_ms: Some(60_000),
        ..IssuerRules::default()
    };
    let second = IssuerRules {
        iss: Some("https://second.example".into()),
        user_prefix: "second:".into(),
        ..IssuerRules::default()
    };
    let app = IssuerRules { user_prefix: "app:".into(), ..app_rules() };
    Issuers::several([
        (app, keys(Algorithm::Hs256).1.into()),
        (partner, keys(Algorithm::Es256).1.into()),
        (second, KeyRing::secret(OTHER_SECRET, None).expect("a secret")),
    ])
    .expect("three issuers")
}

const PARTNER: (&str, &str) = ("iss", r#""https://partner.example""#);
const SECOND: (&str, &str) = ("iss", r#""https://second.example""#);
const FOR_PARTNER: (&str, &str) = ("aud", r#""partner-chat""#);

/// Signed with the partner's key.
fn by_partner(header: &str, claims: &str) -> String {
    keys(Algorithm::Es256).0.sign_with_header(header, claims).expect("a token")
}

pub(super) fn rows() -> Vec<Row> {
    let house = house();
    let row = |name: &str, token: String, expected: Rejection| {
        Row::new(&house, format!("of several: {name}"), token, expected)
    };
    let access = r#"{"alg":"ES256","typ":"at+jwt"}"#;
    let second = |claims: &str| hs256(OTHER_SECRET, br#"{"alg":"HS256"}"#, claims.as_bytes());
    let mismatch = |key, token| HeaderFault::AlgorithmMismatch { key, token }.into();
    let (hs256_name, es256_name) = (Algorithm::Hs256, Algorithm::Es256);
    let partner = claims_with(&[PARTNER, FOR_PARTNER]);
    vec![
        row(
            "the app's key in the partner's name",
            under(r#"{"alg":"HS256","typ":"at+jwt"}"#, &partner),
            mismatch(es256_name, hs256_name),
        ),
        row("the partner's key in the app's name", by_partner(access, &claims_with(&[])), {
            mismatch(hs256_name, es256_name)
        }),
        row("the app's secret in the second's name", signed(&claims_with(&[SECOND])), {
            Rejection::Signature
        }),
        row(
            "the second's secret in the app's name",
            second(&claims_with(&[])),
            Rejection::Signature,
        ),
        row("the app's secret under the partner's algorithm", under(access, &partner), {
            Rejection::Signature
        }),
        row("no name", signed(&claims_without("iss")), ClaimFault::Issuer.into()),
        row("an empty name", signed(&claims_with(&[("iss", r#""""#)])), ClaimFault::Issuer.into()),
        row("a stranger", signed(&claims_with(&[("iss", r#""https://evil.example""#)])), {
            ClaimFault::Issuer.into()
        }),
        row(
            "a stranger, forged",
            hs256(b"x", br#"{"alg":"HS256"}"#, claims_with(&[("iss", r#""x""#)]).as_bytes()),
            ClaimFault::Issuer.into(),
        ),
        row(
            "both names",
            {
                signed(&claims_with(&[(
                    "iss",
                    r#"["https://app.example","https://partner.example"]"#,
                )]))
            },
            kind("iss", "a string", Kind::Array),
        ),
        row(
            "a number",
            signed(&claims_with(&[("iss", "1")])),
            kind("iss", "a string", Kind::Number),
        ),
        row("null", signed(&claims_with(&[("iss", "null")])), kind("iss", "a string", Kind::Null)),
        row(
            "an object",
            signed(&claims_with(&[("iss", "{}")])),
            kind("iss", "a string", Kind::Object),
        ),
        row("true", signed(&claims_with(&[("iss", "true")])), kind("iss", "a string", Kind::Bool)),
        row(
            "the name in the header",
            {
                let header = r#"{"alg":"HS256","iss":"https://app.example"}"#;
                under(header, &claims_without("iss"))
            },
            ClaimFault::Issuer.into(),
        ),
        row(
            "the name in disguise of a path",
            signed(&claims_with(&[("iss", r#""https://app.example/../partner.example""#)])),
            ClaimFault::Issuer.into(),
        ),
        row("the partner for the app's audience", by_partner(access, &claims_with(&[PARTNER])), {
            ClaimFault::Audience.into()
        }),
        row("the partner, not strict", by_partner(r#"{"alg":"ES256","typ":"JWT"}"#, &partner), {
            HeaderFault::NotAnAccessToken.into()
        }),
        row(
            "the partner, for too long",
            by_partner(access, &claims_with(&[PARTNER, FOR_PARTNER, ("exp", "1792000066")])),
            ClaimFault::Lifetime { ms: 66_000, limit_ms: 60_000 }.into(),
        ),
        row("the app without what it requires", signed(&claims_without("token_type")), {
            ClaimFault::Required("token_type".into()).into()
        }),
        row(
            "the app's room token in the second's name",
            signed(&claims_with(&[SECOND, ("room", r#""a""#), ("allow", r#""*""#)])),
            Rejection::Signature,
        )
        .in_join(),
        row(
            "a room token without a name",
            {
                let claims = claims_without("iss").replace('}', r#","room":"a","allow":"*"}"#);
                signed(&claims)
            },
            ClaimFault::Issuer.into(),
        )
        .in_join(),
        row(
            "another algorithm of the app",
            {
                let claims = claims_with(&[]);
                let header = r#"{"alg":"HS512"}"#;
                hs256(SECRET, header.as_bytes(), claims.as_bytes())
            },
            mismatch(hs256_name, Algorithm::Hs512),
        ),
    ]
}

#[test]
fn each_issuer_opens_the_door_to_its_own() {
    let house = house();
    let access = r#"{"alg":"ES256","typ":"at+jwt"}"#;
    let tokens = [
        ("app:ann", signed(&claims_with(&[]))),
        ("partner:ann", by_partner(access, &claims_with(&[PARTNER, FOR_PARTNER]))),
        ("second:ann", {
            hs256(OTHER_SECRET, br#"{"alg":"HS256"}"#, claims_with(&[SECOND]).as_bytes())
        }),
    ];
    let mut issuers = Vec::new();
    for (user, token) in tokens {
        let login = house.judge(&token, crate::token::fixtures::NOW).expect(user);
        assert_eq!((&*login.identity.user, &*login.identity.subject), (user, "ann"));
        issuers.push(login.identity.issuer.clone());
    }
    issuers.dedup();
    assert_eq!(issuers.len(), 3, "the same subject of two issuers is two principals");
}
