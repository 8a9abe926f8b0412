//! Genuine tokens of the same signer, made for something else.

use super::{
    Row,
    making::{APP, Good, app_rules, claims, claims_with, header, of, signed, under},
};
use crate::token::{
    Algorithm, ClaimFault, HeaderFault, IssuerRules, Issuers, KeyRing, TypePolicy, fixtures::keys,
};
use serde_json::json;

/// Django with djangorestframework-simplejwt as it comes: HS256, `user_id`, `token_type`.
fn simplejwt() -> Issuers<KeyRing> {
    of(IssuerRules {
        subject_claim: "user_id".into(),
        subject_integers: true,
        required_claims: [("token_type".into(), json!("access"))].into(),
        ..IssuerRules::default()
    })
}

fn simplejwt_token(kind: &str, user: &str) -> String {
    signed(&format!(
        r#"{{"token_type":"{kind}","exp":1792000300,"iat":1792000000,"jti":"0b3c5f0bb5b24a7f8d6e2b1c9a4d7e8f","user_id":{user}}}"#
    ))
}

pub(super) fn rows() -> Vec<Row> {
    [of_frameworks(), of_openid(), of_rooms(), of_required_claims()].into_iter().flatten().collect()
}

fn of_frameworks() -> Vec<Row> {
    let required = || ClaimFault::Required("token_type".into());
    let claims = |more: &str| format!(r#"{{"exp":1792000300,"user_id":7{more}}}"#);
    vec![
        Row::new(
            &simplejwt(),
            "simplejwt: a refresh token",
            simplejwt_token("refresh", "7"),
            required(),
        ),
        Row::new(
            &simplejwt(),
            "simplejwt: a refresh token, text",
            simplejwt_token("refresh", r#""7""#),
            required(),
        ),
        Row::new(
            &simplejwt(),
            "simplejwt: a sliding token",
            simplejwt_token("sliding", "7"),
            required(),
        ),
        Row::new(&simplejwt(), "simplejwt: Access", simplejwt_token("Access", "7"), required()),
        Row::new(&simplejwt(), "simplejwt: no token_type", signed(&claims("")), required()),
        Row::new(
            &simplejwt(),
            "simplejwt: the refresh token's own exp",
            signed(&claims(r#","token_type":"sliding","refresh_exp":1792086400"#)),
            required(),
        ),
        Row::app(
            "a password reset",
            signed(&claims_with(&[("token_type", r#""reset""#)])),
            required(),
        ),
        Row::app(
            "an invitation",
            signed(&claims_with(&[("token_type", r#"["access"]"#)])),
            required(),
        ),
    ]
}

/// Tokens of OpenID Connect and OAuth, signed with the key of the application.
fn of_openid() -> Vec<Row> {
    let typed =
        |typ: &str, claims: &str| under(&format!(r#"{{"alg":"HS256","typ":"{typ}"}}"#), claims);
    let id_token =
        claims_with(&[("aud", r#""web-client""#), ("nonce", r#""n""#), ("azp", r#""web-client""#)]);
    let logout = claims_with(&[
        ("aud", r#""web-client""#),
        ("events", r#"{"http://schemas.openid.net/event/backchannel-logout":{}}"#),
        ("sid", r#""s""#),
    ]);
    let assertion = claims_with(&[("iss", r#""web-client""#), ("sub", r#""web-client""#)]);
    let strict = of(IssuerRules { types: TypePolicy::Strict, ..app_rules() });
    let proof = keys(Algorithm::Es256)
        .0
        .sign_with_header(
            r#"{"alg":"ES256","typ":"dpop+jwt","jwk":{"kty":"EC"}}"#,
            r#"{"jti":"a","htm":"POST","htu":"https://app.example","iat":1792000000}"#,
        )
        .expect("a proof");
    vec![
        Row::app("an ID token", signed(&id_token), ClaimFault::Audience),
        Row::app("an ID token that says so", typed("id_token+jwt", &id_token), HeaderFault::Type),
        Row::new(&strict, "strictly: an ID token", signed(&claims_with(&[])), {
            HeaderFault::NotAnAccessToken
        }),
        Row::new(&strict, "strictly: an ID token without typ", header(r#"{"alg":"HS256"}"#), {
            HeaderFault::TypeMissing
        }),
        Row::app("a logout token", typed("logout+jwt", &logout), HeaderFault::Type),
        Row::app("a logout token without its typ", signed(&logout), ClaimFault::Audience),
        Row::app("a security event", typed("secevent+jwt", &claims_with(&[])), HeaderFault::Type),
        Row::app("a client's assertion", signed(&assertion), ClaimFault::Issuer),
        Row::app("a proof of possession", proof, ClaimFault::Issuer),
        Row::app(
            "an access token for another",
            typed("at+jwt", &claims("aud", r#""billing""#)),
            ClaimFault::Audience,
        ),
        Row::app("a request object", typed("oauth-authz-req+jwt", &assertion), ClaimFault::Issuer),
    ]
}

fn of_rooms() -> Vec<Row> {
    let room = claims_with(&[("room", r#""a""#), ("allow", r#""*""#)]);
    let both = claims_with(&[("room", r#""a""#), ("allow", r#""*""#), ("rooms", r#"{"**":"*"}"#)]);
    let with =
        |more: (&str, &str)| signed(&claims_with(&[("room", r#""a""#), ("allow", r#""*""#), more]));
    vec![
        Row::app("a room token", signed(&room), ClaimFault::RoomToken),
        Row::app("a room token with a grant", signed(&both), ClaimFault::RoomToken),
        Row::app("a room token that is over", with(("exp", "0")), ClaimFault::RoomToken),
        Row::app("a room token of another issuer", with(("iss", r#""b""#)), ClaimFault::Issuer)
            .in_join(),
        Row::app("a room token for another", with(("aud", r#""b""#)), ClaimFault::Audience)
            .in_join(),
        Row::app("a room token without a user", with(("sub", r#""""#)), {
            ClaimFault::SubjectLength { bytes: 0 }
        })
        .in_join(),
        Row::app("a room token of a wrong type", with(("token_type", r#""refresh""#)), {
            ClaimFault::Required("token_type".into())
        })
        .in_join(),
        Row::app("a room token with a bad jti", with(("jti", "1")), {
            super::making::kind("jti", "a string", crate::protocol::json::Kind::Number)
        })
        .in_join(),
        Row::app("a room token, over", with(("exp", "1791999995")), {
            crate::token::Rejection::Expired { late_ms: 5_000 }
        })
        .in_join(),
        Row::app("a room token, early", with(("nbf", "1792000006")), {
            crate::token::Rejection::NotYetValid { claim: "nbf", early_ms: 6_000 }
        })
        .in_join(),
        Row::new(&super::making::HOUR, "a room token for a day", with(("exp", "1792086400")), {
            ClaimFault::Lifetime { ms: 86_400_000, limit_ms: 3_600_000 }
        })
        .in_join(),
        Row::new(&super::making::STRICT, "strictly: a room token", signed(&room), {
            HeaderFault::NotAnAccessToken
        })
        .in_join(),
        Row::app(
            "a forged room token",
            super::making::hs256(&[7; 64], super::making::HEADER.as_bytes(), room.as_bytes()),
            crate::token::Rejection::Signature,
        )
        .in_join(),
        Row::app("a room token without alg", under("{}", &room), HeaderFault::AlgorithmMissing)
            .in_join(),
        Row::app("a room token in two parts", "e30.e30".into(), {
            crate::token::FormFault::Parts { found: 2 }
        })
        .in_join(),
    ]
}

/// Values that look like the required ones.
fn of_required_claims() -> Vec<Row> {
    let verifier = of(IssuerRules {
        required_claims: [
            ("level".into(), json!(3)),
            ("mfa".into(), json!(true)),
            ("org".into(), json!({"id": "o1", "tags": [null, "x"]})),
        ]
        .into(),
        ..IssuerRules::default()
    });
    let base = [("level", "3"), ("mfa", "true"), ("org", r#"{"id":"o1","tags":[null,"x"]}"#)];
    let table: &[(&'static str, &str)] = &[
        ("level", "3.0"),
        ("level", r#""3""#),
        ("level", "4"),
        ("level", "[3]"),
        ("level", "30e-1"),
        ("level", "null"),
        ("mfa", "false"),
        ("mfa", r#""true""#),
        ("mfa", "1"),
        ("mfa", "null"),
        ("org", r#"{"id":"o1"}"#),
        ("org", r#"{"id":"o1","tags":["x",null]}"#),
        ("org", r#"{"id":"o1","tags":[null,"x"],"more":1}"#),
        ("org", r#""o1""#),
        ("org", "{}"),
        ("org", r#"{"id":"O1","tags":[null,"x"]}"#),
    ];
    table
        .iter()
        .map(|(claim, value)| {
            let kept = base.iter().copied().filter(|(name, _)| name != claim);
            let all: Vec<_> = kept.chain([(*claim, *value)]).collect();
            let fault = ClaimFault::Required((*claim).into());
            Row::new(
                &verifier,
                format!("{claim} must not be {value}"),
                signed(&claims_with(&all)),
                fault,
            )
        })
        .collect()
}

pub(super) fn good() -> Vec<Good> {
    let id_token = claims_with(&[("aud", r#"["web-client","chat"]"#)]);
    vec![
        ("simplejwt: an access token".into(), simplejwt(), simplejwt_token("access", "7")),
        (
            "simplejwt: an access token, text".into(),
            simplejwt(),
            simplejwt_token("access", r#""7""#),
        ),
        ("for two".into(), APP.clone(), signed(&id_token)),
        (
            "required, escaped".into(),
            APP.clone(),
            signed(&claims("token_type", r#""\u0061ccess""#)),
        ),
    ]
}
