//! Times, each as near to its border as a number can be. Now is 1792000000, the leeway 5 s.

use super::{
    Row,
    making::{APP, Good, HOUR, app_rules, claims, claims_with, of, signed},
};
use crate::{
    protocol::time::Wall,
    token::{ClaimFault, IssuerRules, Issuers, KeyRing, Rejection, fixtures::NOW},
};

pub(super) fn rows() -> Vec<Row> {
    [expired(), early(), order(), lifetimes()].into_iter().flatten().collect()
}

fn exact() -> Issuers<KeyRing> {
    of(IssuerRules { leeway_ms: 0, ..app_rules() })
}

fn expired() -> Vec<Row> {
    let row = |exp: &str, late_ms| {
        let token = signed(&claims("exp", exp));
        Row::app(format!("exp was {exp}"), token, Rejection::Expired { late_ms })
    };
    let exact_row = |exp: &str, late_ms| {
        let token = signed(&claims("exp", exp));
        Row::new(&exact(), format!("exp was {exp}, exactly"), token, Rejection::Expired { late_ms })
    };
    vec![
        row("0", NOW.as_ms()),
        row("-0", NOW.as_ms()),
        row("0.0", NOW.as_ms()),
        row("0e99", NOW.as_ms()),
        row("1e-9", NOW.as_ms()),
        row("1", NOW.as_ms() - 1_000),
        row("1791999995", 5_000),
        row("1791999995.0", 5_000),
        row("1791999995.0000000001", 5_000),
        row("1791999995.0009999999", 5_000),
        row("1.791999995e9", 5_000),
        row("17919999950e-1", 5_000),
        row("1791999994.9999999999", 5_001),
        exact_row("1792000000", 0),
        exact_row("1792000000.0009", 0),
        exact_row("1791999999.999", 1),
    ]
}

fn early() -> Vec<Row> {
    let mut rows = Vec::new();
    for claim in ["nbf", "iat"] {
        let table = [
            ("1792000005.001", 5_001),
            ("1792000006", 6_000),
            ("1.792000006e9", 6_000),
            ("1792086400", 86_400_000),
            ("9007199254740.991", 9_007_199_254_740_991 - NOW.as_ms()),
            // Milliseconds where seconds belong.
            ("1792000060000", 1_792_000_060_000_000 - NOW.as_ms()),
        ];
        for (value, early_ms) in table {
            let token = signed(&claims(claim, value));
            let fault = Rejection::NotYetValid { claim, early_ms };
            rows.push(Row::app(format!("{claim} is {value}"), token, fault));
        }
        let token = signed(&claims(claim, "1792000000.001"));
        let fault = Rejection::NotYetValid { claim, early_ms: 1 };
        rows.push(Row::new(&exact(), format!("{claim} is a millisecond ahead"), token, fault));
    }
    rows
}

/// `nbf` goes before `iat`, both before `exp`, and everything before time.
fn order() -> Vec<Row> {
    let late = |name: &str, value: &str| signed(&claims_with(&[("exp", "0"), (name, value)]));
    let early = |claim, early_ms| Rejection::NotYetValid { claim, early_ms };
    vec![
        Row::app("expired and early", late("nbf", "1792000010"), early("nbf", 10_000)),
        Row::app("expired and issued ahead", late("iat", "1792000010"), early("iat", 10_000)),
        Row::app(
            "early in both ways",
            signed(&claims_with(&[("nbf", "1792000010"), ("iat", "1792000020")])),
            early("nbf", 10_000),
        ),
        Row::app("expired, of another issuer", late("iss", r#""b""#), ClaimFault::Issuer),
        Row::app("expired, for another", late("aud", r#""b""#), ClaimFault::Audience),
        Row::app("expired, a refresh token", late("token_type", r#""refresh""#), {
            ClaimFault::Required("token_type".into())
        }),
        Row::app("expired, without a user", late("sub", r#""""#), {
            ClaimFault::SubjectLength { bytes: 0 }
        }),
        Row::app("expired, with a bad grant", late("rooms", r#"{"a b":"*"}"#), {
            ClaimFault::Rooms("rooms".into())
        }),
        Row::app(
            "early, with bad quotas",
            signed(&claims_with(&[("nbf", "1792000010"), ("limits", r#"{"rooms":0.5}"#)])),
            ClaimFault::Limits { claim: "limits".into(), member: "rooms" },
        ),
        Row::app(
            "early, for another",
            signed(&claims_with(&[("nbf", "1792000010"), ("aud", r#""b""#)])),
            ClaimFault::Audience,
        ),
    ]
}

/// An hour at most, and five seconds of leeway.
fn lifetimes() -> Vec<Row> {
    let row = |name: &str, exp: &str, iat: Option<&str>, ms| {
        let times: Vec<_> = [("exp", exp)].into_iter().chain(iat.map(|iat| ("iat", iat))).collect();
        let fault = ClaimFault::Lifetime { ms, limit_ms: 3_600_000 };
        Row::new(&HOUR, name, signed(&claims_with(&times)), fault)
    };
    let early = Rejection::NotYetValid { claim: "iat", early_ms: 60_000 };
    vec![
        row("an hour and more to go", "1792003605.001", None, 3_605_001),
        row("a day to go", "1792086400", None, 86_400_000),
        row("until the end of numbers", "9007199254740.991", None, {
            9_007_199_254_740_991 - NOW.as_ms()
        }),
        row("issued for more than an hour", "1792000060", Some("1791996454.999"), 3_605_001),
        row("issued at the beginning of time", "1792000060", Some("0"), NOW.as_ms() + 60_000),
        row("issued for long, and over", "1791999000", Some("1791990000"), 9_000_000),
        row("issued a moment ago, and more to go", "1792003605.001", Some("1792000001"), 3_605_001),
        // Once its time has come it may be short enough.
        Row::new(
            &HOUR,
            "issued ahead for an hour",
            signed(&claims_with(&[("exp", "1792003660"), ("iat", "1792000060")])),
            early,
        ),
    ]
}

pub(super) fn good() -> Vec<Good> {
    let app = |name: &str, value: &str| {
        (format!("{name} {value}"), APP.clone(), signed(&claims(name, value)))
    };
    let hour = |exp: &str, iat: &str| {
        let token = signed(&claims_with(&[("exp", exp), ("iat", iat)]));
        (format!("from {iat} to {exp}"), HOUR.clone(), token)
    };
    assert_eq!(NOW, Wall::from_ms(1_792_000_000_000));
    vec![
        app("exp", "1791999995.001"),
        app("exp", "1791999995.00199"),
        app("exp", "1.791999996e9"),
        app("exp", "9007199254740.991"),
        app("nbf", "1792000005"),
        app("nbf", "1792000005.0009"),
        app("nbf", "0"),
        app("iat", "1792000005"),
        app("iat", "0"),
        ("exp, exactly".into(), exact(), signed(&claims("exp", "1792000000.001"))),
        ("nbf, exactly".into(), exact(), signed(&claims("nbf", "1792000000"))),
        hour("1792003605", "1792000000"),
        hour("1792000060", "1791996455"),
        hour("1792000060", "1792000005"),
        ("an hour to go".into(), HOUR.clone(), signed(&claims("exp", "1792003605"))),
    ]
}
