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
    let shown = |(name, token, expected): Case| {
        Row::new(&house, format!("of several: {name}"), token, expected)
    };
    let in_join = |case: Case| shown(case).in_join();
    let logins = [keys_of_others(), names(), rules()].into_iter().flatten().map(shown);
    logins.chain(room_tokens().into_iter().map(in_join)).collect()
}

/// A name, a token, and the rule that refuses it.
type Case = (&'static str, String, Rejection);

const ACCESS: &str = r#"{"alg":"ES256","typ":"at+jwt"}"#;

fn mismatch(key: Algorithm, token: Algorithm) -> Rejection {
    HeaderFault::AlgorithmMismatch { key, token }.into()
}

fn by_second(claims: &str) -> String {
    hs256(OTHER_SECRET, br#"{"alg":"HS256"}"#, claims.as_bytes())
}

fn keys_of_others() -> Vec<Case> {
    let (app, partner) = (Algorithm::Hs256, Algorithm::Es256);
    let for_partner = claims_with(&[PARTNER, FOR_PARTNER]);
    let access = r#"{"alg":"HS256","typ":"at+jwt"}"#;
    let plain = claims_with(&[]);
    let sibling = hs256(SECRET, br#"{"alg":"HS512"}"#, plain.as_bytes());
    vec![
        ("the app in the partner's name", under(access, &for_partner), mismatch(partner, app)),
        ("the app as ES256", under(ACCESS, &for_partner), Rejection::Signature),
        ("the partner in the app's name", by_partner(ACCESS, &plain), mismatch(app, partner)),
        ("the app in the second's name", signed(&claims_with(&[SECOND])), Rejection::Signature),
        ("the second in the app's name", by_second(&plain), Rejection::Signature),
        ("another algorithm of the app", sibling, mismatch(app, Algorithm::Hs512)),
    ]
}

fn names() -> Vec<Case> {
    let iss = |value: &str| signed(&claims_with(&[("iss", value)]));
    let nobody = || ClaimFault::Issuer.into();
    let no_string = |found| kind("iss", "a string", found);
    let both = r#"["https://app.example","https://partner.example"]"#;
    // No key looks at what nobody here has issued.
    let forged =
        |iss: &str| hs256(b"x", br#"{"alg":"HS256"}"#, claims_with(&[("iss", iss)]).as_bytes());
    let in_header = r#"{"alg":"HS256","iss":"https://app.example"}"#;
    vec![
        ("no name", signed(&claims_without("iss")), nobody()),
        ("an empty name", iss(r#""""#), nobody()),
        ("a stranger", iss(r#""https://evil.example""#), nobody()),
        ("a stranger, forged", forged(r#""x""#), nobody()),
        ("capitals, forged", forged(r#""https://APP.example""#), nobody()),
        ("a slash more, forged", forged(r#""https://app.example/""#), nobody()),
        ("the beginning of a name, forged", forged(r#""https://app""#), nobody()),
        ("a name behind a path", iss(r#""https://app.example/../partner.example""#), nobody()),
        ("the name in the header", under(in_header, &claims_without("iss")), nobody()),
        ("two names", iss(both), no_string(Kind::Array)),
        ("a number", iss("1"), no_string(Kind::Number)),
        ("null", iss("null"), no_string(Kind::Null)),
        ("an object", iss("{}"), no_string(Kind::Object)),
        ("true", iss("true"), no_string(Kind::Bool)),
    ]
}

/// The rules of one issuer are not those of another.
fn rules() -> Vec<Case> {
    let late = claims_with(&[PARTNER, FOR_PARTNER, ("exp", "1792000066")]);
    let plain = by_partner(r#"{"alg":"ES256","typ":"JWT"}"#, &claims_with(&[PARTNER, FOR_PARTNER]));
    let unlike = signed(&claims_without("token_type"));
    vec![
        ("the partner for the app", by_partner(ACCESS, &claims_with(&[PARTNER])), {
            ClaimFault::Audience.into()
        }),
        ("the partner, not strict", plain, HeaderFault::NotAnAccessToken.into()),
        ("the partner, for too long", by_partner(ACCESS, &late), {
            ClaimFault::Lifetime { ms: 66_000, limit_ms: 60_000 }.into()
        }),
        ("the app without what it requires", unlike, {
            ClaimFault::Required("token_type".into()).into()
        }),
    ]
}

fn room_tokens() -> Vec<Case> {
    let room = [("room", r#""a""#), ("allow", r#""*""#)];
    let nameless = claims_without("iss").replace('}', r#","room":"a","allow":"*"}"#);
    vec![
        (
            "a room token in the second's name",
            { signed(&claims_with(&[SECOND, room[0], room[1]])) },
            Rejection::Signature,
        ),
        ("a room token without a name", signed(&nameless), ClaimFault::Issuer.into()),
    ]
}

#[test]
fn each_issuer_opens_the_door_to_its_own() {
    let house = house();
    let tokens = [
        ("app:ann", signed(&claims_with(&[]))),
        ("partner:ann", by_partner(ACCESS, &claims_with(&[PARTNER, FOR_PARTNER]))),
        ("second:ann", by_second(&claims_with(&[SECOND]))),
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
