//! A row for every claim rule and kind of value.

use super::*;
use crate::protocol::{grant::Permission, room_name::RoomRef};
use serde_json::json;

/// `NOW` as NumericDate.
const NOW_S: u64 = 1_792_000_000;
const NOW: Wall = Wall::from_ms(NOW_S * 1_000);

fn judge_text(text: &str, rules: &IssuerRules) -> Result<Box<Login>, Rejection> {
    judge(text, rules, NOW, 7)
}

/// Claims of a good token, with `more` put in (or over).
fn text(more: &str) -> String {
    let mut claims = json!({"sub": "ann", "exp": NOW_S + 60});
    let more: serde_json::Value = serde_json::from_str(&format!("{{{more}}}")).expect(more);
    for (name, value) in more.as_object().expect("an object") {
        claims[name] = value.clone();
    }
    claims.to_string()
}

fn good(more: &str) -> Box<Login> {
    judge_text(&text(more), &IssuerRules::default())
        .unwrap_or_else(|fault| panic!("{more}: {fault}"))
}

fn fault(more: &str, rules: &IssuerRules) -> Rejection {
    judge_text(&text(more), rules).expect_err(more)
}

fn wrong(claim: &'static str, expected: &'static str, found: Kind) -> Rejection {
    ClaimFault::Kind { claim: claim.into(), expected, found }.into()
}

/// One value of each kind, without those in `but`.
fn kinds(but: &[Kind]) -> impl Iterator<Item = (&'static str, Kind)> {
    let all = [
        ("{}", Kind::Object),
        ("[]", Kind::Array),
        (r#""1""#, Kind::String),
        ("1", Kind::Number),
        ("true", Kind::Bool),
        ("null", Kind::Null),
    ];
    all.into_iter().filter(|(_, kind)| !but.contains(kind))
}

#[test]
fn a_plain_token_is_a_login() {
    let login = good("");
    assert_eq!(login.identity.issuer, None);
    assert_eq!((&*login.identity.subject, &*login.identity.user), ("ann", "ann"));
    assert_eq!(login.expires_at, NOW + 60_000);
    assert_eq!((login.leeway_ms, login.issued_at, login.mark), (5_000, None, 7));
    assert_eq!((login.quotas, *login.grant == Grant::default()), (Quotas::default(), true));
    assert!(login.info.is_none());
}
