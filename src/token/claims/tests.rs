//! A row for every claim rule and kind of value.

use super::*;
use crate::protocol::{
    grant::{Grant, Permission},
    identity::Quotas,
    json::Kind,
    room_name::RoomRef,
};
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

#[test]
fn times_of_a_wrong_kind_are_refused() {
    for claim in ["exp", "nbf", "iat"] {
        for (value, found) in kinds(&[Kind::Number]) {
            let more = format!(r#""{claim}":{value}"#);
            assert_eq!(fault(&more, &IssuerRules::default()), wrong(claim, "a number", found));
        }
        for value in ["-1", "-0.001", "1e300", "9007199254740.992", "1792000000000000000"] {
            let text = format!(r#"{{"sub":"ann","exp":1793000000,"{claim}":{value}}}"#);
            let text = if claim == "exp" { text.replace(r#""exp":1793000000,"#, "") } else { text };
            let fault = judge_text(&text, &IssuerRules::default()).unwrap_err();
            assert_eq!(fault, ClaimFault::Time(claim).into(), "{text}");
        }
    }
    let fault = judge_text(r#"{"sub":"ann"}"#, &IssuerRules::default()).unwrap_err();
    assert_eq!(fault, ClaimFault::Missing("exp".into()).into());
}

#[test]
fn exp_ends_at_the_millisecond_behind_the_leeway() {
    let rules = IssuerRules::default();
    let text = format!(r#"{{"sub":"ann","exp":{NOW_S}.2509}}"#);
    let last = NOW + 5_249;
    assert_eq!(judge(&text, &rules, last, 0).unwrap().expires_at, NOW + 250);
    let fault = judge(&text, &rules, NOW + 5_250, 0).unwrap_err();
    assert_eq!(fault, Rejection::Expired { late_ms: 5_000 });
    let strict = IssuerRules { leeway_ms: 0, ..rules };
    assert!(judge(&text, &strict, NOW + 249, 0).is_ok());
    assert_eq!(judge(&text, &strict, NOW + 250, 0).unwrap_err(), Rejection::Expired { late_ms: 0 });
    let zero = r#"{"sub":"ann","exp":0}"#;
    assert_eq!(judge(zero, &strict, NOW, 0).unwrap_err().class(), super::super::Class::Expired);
}

#[test]
fn nbf_and_iat_may_lie_ahead_by_the_leeway() {
    for claim in ["nbf", "iat"] {
        assert!(
            judge_text(&text(&format!(r#""{claim}":{}"#, NOW_S + 5)), &IssuerRules::default())
                .is_ok()
        );
        let early = fault(&format!(r#""{claim}":{}.001"#, NOW_S + 5), &IssuerRules::default());
        assert_eq!(early, Rejection::NotYetValid { claim, early_ms: 5_001 });
    }
    assert_eq!(good(&format!(r#""iat":{NOW_S}.5"#)).issued_at, Some(NOW + 500));
    assert!(good(r#""iat":0,"nbf":0"#).issued_at.is_some());
}

#[test]
fn time_is_judged_when_nothing_else_is_wrong_and_exp_last() {
    let rules = IssuerRules { iss: Some("a".into()), ..IssuerRules::default() };
    for times in [r#""exp":0"#, r#""exp":0,"nbf":1800000000"#] {
        assert_eq!(fault(times, &rules), ClaimFault::Issuer.into());
        let bad_info = format!(r#"{times},"info":1"#);
        let kind = wrong("info", "an object", Kind::Number);
        assert_eq!(fault(&bad_info, &IssuerRules::default()), kind);
    }
    let both = fault(r#""exp":0,"nbf":1800000000"#, &IssuerRules::default());
    assert_eq!(both, Rejection::NotYetValid { claim: "nbf", early_ms: 8_000_000_000 });
}

#[test]
fn registered_strings_are_strings() {
    for claim in ["iss", "sub", "jti", "sid"] {
        for (value, found) in kinds(&[Kind::String]) {
            let more = format!(r#""{claim}":{value}"#);
            assert_eq!(fault(&more, &IssuerRules::default()), wrong(claim, "a string", found));
        }
        good(&format!(r#""{claim}":"x""#));
    }
}

#[test]
fn the_issuer_is_compared_byte_for_byte_when_configured() {
    assert_eq!(good(r#""iss":"b""#).identity.issuer.as_deref(), Some("b"));
    let rules = IssuerRules { iss: Some("https://a".into()), ..IssuerRules::default() };
    assert!(judge_text(&text(r#""iss":"https://a""#), &rules).is_ok());
    for more in ["", r#""iss":"https://a/""#, r#""iss":"HTTPS://a""#, r#""iss":"""#] {
        assert_eq!(fault(more, &rules), ClaimFault::Issuer.into(), "{more}");
    }
    assert_eq!(fault(r#""iss":["https://a"]"#, &rules), wrong("iss", "a string", Kind::Array));
}

#[test]
fn one_audience_of_several_is_enough() {
    let rules = IssuerRules { aud: vec!["chat".into(), "news".into()], ..IssuerRules::default() };
    for more in [r#""aud":"chat""#, r#""aud":["x","news"]"#, r#""aud":["chat","chat"]"#] {
        assert!(judge_text(&text(more), &rules).is_ok(), "{more}");
        good(more);
    }
    for more in ["", r#""aud":"cha""#, r#""aud":"Chat""#, r#""aud":[]"#, r#""aud":["x"]"#] {
        assert_eq!(fault(more, &rules), ClaimFault::Audience.into(), "{more}");
    }
    for rules in [rules, IssuerRules::default()] {
        let expected = "a string or an array of strings";
        for (value, found) in kinds(&[Kind::String, Kind::Array]) {
            let bare = format!(r#""aud":{value}"#);
            assert_eq!(fault(&bare, &rules), wrong("aud", expected, found));
            let inside = format!(r#""aud":["chat",{value}]"#);
            assert_eq!(fault(&inside, &rules), wrong("aud", expected, found));
        }
        let nested = fault(r#""aud":[["chat"]]"#, &rules);
        assert_eq!(nested, wrong("aud", expected, Kind::Array));
    }
}

#[test]
fn a_subject_is_1_to_255_bytes_without_controls() {
    let sub = |subject: &str| format!(r#""sub":{}"#, json!(subject));
    for subject in ["a", " ", "\u{e9}\u{1f600}", "a".repeat(255).as_str()] {
        assert_eq!(&*good(&sub(subject)).identity.subject, subject);
    }
    for subject in ["", &"a".repeat(256), &"\u{e9}".repeat(128)] {
        let length = ClaimFault::SubjectLength { bytes: subject.len() };
        assert_eq!(fault(&sub(subject), &IssuerRules::default()), length.into());
    }
    for subject in ["a\0", "\n", "a\u{7f}", "\u{85}a"] {
        let control = ClaimFault::SubjectControl.into();
        assert_eq!(fault(&sub(subject), &IssuerRules::default()), control);
    }
    let fault = judge_text(&format!(r#"{{"exp":{NOW_S}}}"#), &IssuerRules::default()).unwrap_err();
    assert_eq!(fault, ClaimFault::Missing("sub".into()).into());
}

#[test]
fn another_claim_can_name_the_user() {
    let rules = IssuerRules {
        subject_claim: "user_id".into(),
        subject_integers: true,
        user_prefix: "app:".into(),
        ..IssuerRules::default()
    };
    let identity = |more: &str| judge_text(&text(more), &rules).expect(more).identity.clone();
    assert_eq!(&*identity(r#""user_id":"bob""#).user, "app:bob");
    assert_eq!(&*identity(r#""user_id":9007199254740991"#).subject, "9007199254740991");
    assert_eq!(&*identity(r#""user_id":0"#).user, "app:0");
    for value in ["-1", "1.0", "1.5", "1e3", "9007199254740992"] {
        let text = format!(r#"{{"exp":{},"user_id":{value}}}"#, NOW_S + 9);
        let expected = "a string or a whole number below 2^53";
        let fault = judge_text(&text, &rules).unwrap_err();
        assert_eq!(fault, wrong("user_id", expected, Kind::Number), "{value}");
    }
    for (value, found) in kinds(&[Kind::String, Kind::Number]) {
        let more = format!(r#""user_id":{value}"#);
        assert_eq!(fault(&more, &rules), wrong("user_id", "a string", found));
    }
    assert_eq!(fault("", &rules), ClaimFault::Missing("user_id".into()).into());
    let strings = IssuerRules { subject_integers: false, ..rules };
    let number = fault(r#""user_id":1"#, &strings);
    assert_eq!(number, wrong("user_id", "a string", Kind::Number));
    let issuer = IssuerRules { subject_claim: "iss".into(), ..IssuerRules::default() };
    assert_eq!(&*judge_text(&text(r#""iss":"joe""#), &issuer).unwrap().identity.subject, "joe");
}

#[test]
fn required_claims_are_equal_as_json() {
    let required = [
        ("token_type".into(), json!("access")),
        ("level".into(), json!(3)),
        ("flags".into(), json!({"a": [true, null]})),
    ];
    let rules = IssuerRules { required_claims: required.into(), ..IssuerRules::default() };
    let right = r#""token_type":"access","level":3,"flags":{"a":[true,null]}"#;
    assert!(judge_text(&text(right), &rules).is_ok());
    let escaped = text(right).replace("access", "\\u0061ccess");
    assert!(judge_text(&escaped, &rules).is_ok());
    let table = [
        ("token_type", right.replace("access", "refresh")),
        ("token_type", right.replace(r#""access""#, r#"["access"]"#)),
        ("token_type", right.replace("token_type", "Token_type")),
        ("level", right.replace('3', "3.0")),
        ("level", right.replace('3', r#""3""#)),
        ("flags", right.replace("null", "null,null")),
    ];
    for (claim, more) in table {
        assert_eq!(fault(&more, &rules), ClaimFault::Required(claim.into()).into(), "{more}");
    }
}

#[test]
fn rooms_are_a_grant() {
    let login = good(r#""rooms":{"team:*":["join","send"],"lobby":"*"}"#);
    let room = |name| RoomRef::parse(name).expect("a room name");
    assert!(login.grant.allows(room("team:a"), Permission::Send));
    assert!(!login.grant.allows(room("team:a"), Permission::History));
    assert!(login.grant.allows(room("lobby"), Permission::History));
    assert!(!login.grant.allows(room("other"), Permission::Join));
    for (value, found) in kinds(&[Kind::Object]) {
        let more = format!(r#""rooms":{value}"#);
        let kind = wrong("rooms", "an object", found);
        assert_eq!(fault(&more, &IssuerRules::default()), kind);
    }
    for value in [r#"{"a b":"*"}"#, r#"{"a":"join"}"#, r#"{"a":["fly"]}"#, r#"{"a":null}"#] {
        let more = format!(r#""rooms":{value}"#);
        assert_eq!(
            fault(&more, &IssuerRules::default()),
            ClaimFault::Rooms("rooms".into()).into(),
            "{more}"
        );
    }
}

#[test]
fn limits_are_whole_numbers_and_less_than_1_counts_as_1() {
    let quotas =
        good(r#""limits":{"messages_per_s":0,"rooms":7,"connections":4294967296,"x":null}"#).quotas;
    let expected = Quotas { messages_per_s: Some(1), rooms: Some(7), connections: Some(u32::MAX) };
    assert_eq!(quotas, expected);
    assert_eq!(good(r#""limits":{}"#).quotas, Quotas::default());
    let text = format!(
        r#"{{"sub":"a","exp":{},"limits":{{"messages_per_s":-1,"rooms":-0,"connections":{}}}}}"#,
        NOW_S + 9,
        "-9007199254740991"
    );
    let least = Quotas { messages_per_s: Some(1), rooms: Some(1), connections: Some(1) };
    assert_eq!(judge_text(&text, &IssuerRules::default()).unwrap().quotas, least);
    for (value, found) in kinds(&[Kind::Object]) {
        let kind = wrong("limits", "an object", found);
        assert_eq!(fault(&format!(r#""limits":{value}"#), &IssuerRules::default()), kind);
    }
    for member in ["messages_per_s", "rooms", "connections"] {
        let values = [
            "1.5",
            "-1.5",
            "1.0",
            "-0.0",
            "1e2",
            "-1e2",
            r#""1""#,
            "null",
            "true",
            "[]",
            "{}",
            "9007199254740992",
            "-9007199254740992",
        ];
        for value in values {
            let text =
                format!(r#"{{"sub":"a","exp":{},"limits":{{"{member}":{value}}}}}"#, NOW_S + 9);
            let fault = judge_text(&text, &IssuerRules::default()).unwrap_err();
            assert_eq!(
                fault,
                ClaimFault::Limits { claim: "limits".into(), member }.into(),
                "{text}"
            );
        }
    }
}

#[test]
fn info_is_a_small_object_and_keeps_its_text() {
    let text = format!(r#"{{"sub":"a","exp":{},"info": {{ "n" : 1.0e+0 }} }}"#, NOW_S + 9);
    let login = judge_text(&text, &IssuerRules::default()).unwrap();
    assert_eq!(login.info.as_ref().map(|info| info.get()), Some(r#"{ "n" : 1.0e+0 }"#));
    let sized = |bytes: usize| format!(r#""info":{{"n":"{}"}}"#, "a".repeat(bytes - 8));
    assert!(good(&sized(1_024)).info.is_some());
    let long = fault(&sized(1_025), &IssuerRules::default());
    assert_eq!(long, ClaimFault::InfoLength { claim: "info".into(), bytes: 1_025 }.into());
    for (value, found) in kinds(&[Kind::Object]) {
        let kind = wrong("info", "an object", found);
        assert_eq!(fault(&format!(r#""info":{value}"#), &IssuerRules::default()), kind);
    }
}

#[test]
fn a_room_token_is_no_login() {
    for more in [r#""room":"a","allow":"*""#, r#""room":null,"allow":null"#] {
        assert_eq!(fault(more, &IssuerRules::default()), ClaimFault::RoomToken.into());
    }
    good(r#""room":"a""#);
    good(r#""allow":["join"]"#);
}

#[test]
fn the_payload_is_one_strict_object() {
    use crate::protocol::json::FaultKind;
    let deep = format!(r#"{{"x":{}{}}}"#, "[".repeat(16), "]".repeat(16));
    let table = [
        (r#"{"sub":"a","sub":"b"}"#, FaultKind::Duplicate),
        (r#"{"private":1,"priv\u0061te":2}"#, FaultKind::Duplicate),
        (r#"{"x":{"y":1,"y":1}}"#, FaultKind::Duplicate),
        ("[1]", FaultKind::NotAnObject),
        (r#""text""#, FaultKind::NotAnObject),
        ("", FaultKind::Syntax),
        (r#"{"sub":"a"}x"#, FaultKind::Syntax),
        (r#"{"exp":NaN}"#, FaultKind::Syntax),
        (r#"{"exp":01}"#, FaultKind::Syntax),
        (r#"{"sub":"\udc00"}"#, FaultKind::String),
        (deep.as_str(), FaultKind::Depth),
    ];
    for (text, kind) in table {
        match judge_text(text, &IssuerRules::default()) {
            Err(Rejection::Form(FormFault::NotJson(Part::Claims, fault))) => {
                assert_eq!(fault.kind, kind, "{text}");
            }
            other => panic!("{text}: {other:?}"),
        }
    }
}

fn judge_pass_text(text: &str, rules: &IssuerRules) -> Result<Box<Pass>, Rejection> {
    judge_pass(text, rules, NOW)
}

const ROOM: &str = r#""room":"team:1","allow":["join","history"]"#;

#[test]
fn a_room_token_is_a_pass() {
    let rules = IssuerRules { user_prefix: "app:".into(), ..IssuerRules::default() };
    let more = format!(r#"{ROOM},"iss":"a","rooms":1,"limits":1,"info":1"#);
    let pass = judge_pass_text(&text(&more), &rules).unwrap();
    assert_eq!((pass.identity.issuer.as_deref(), &*pass.identity.subject), (Some("a"), "ann"));
    assert_eq!((&*pass.identity.user, pass.room.as_str()), ("app:ann", "team:1"));
    let allowed = Permission::ALL.iter().filter(|one| pass.allow.contains(**one));
    assert!(allowed.eq([Permission::Join, Permission::History].iter()));
    assert_eq!((pass.expires_at, pass.leeway_ms), (NOW + 60_000, 5_000));
    let all = judge_pass_text(&text(r#""room":"a","allow":"*""#), &rules).unwrap();
    assert!(Permission::ALL.iter().all(|one| all.allow.contains(*one)));
}

#[test]
fn a_pass_obeys_the_rules_of_logins() {
    let rules = IssuerRules {
        iss: Some("a".into()),
        aud: vec!["chat".into()],
        required_claims: [("use".into(), json!("room"))].into(),
        ..IssuerRules::default()
    };
    let good = format!(r#"{ROOM},"iss":"a","aud":"chat","use":"room""#);
    assert!(judge_pass_text(&text(&good), &rules).is_ok());
    let table = [
        (r#""iss":"b""#, ClaimFault::Issuer.into()),
        (r#""aud":"b""#, ClaimFault::Audience.into()),
        (r#""use":"b""#, ClaimFault::Required("use".into()).into()),
        (r#""sub":"""#, ClaimFault::SubjectLength { bytes: 0 }.into()),
        (r#""sid":1"#, wrong("sid", "a string", Kind::Number)),
        (r#""exp":0"#, Rejection::Expired { late_ms: NOW.as_ms() }),
        (r#""room":"a b""#, ClaimFault::Room("room".into()).into()),
        (r#""allow":["fly"]"#, ClaimFault::Allow("allow".into()).into()),
        (r#""room":"a b","exp":0"#, ClaimFault::Room("room".into()).into()),
    ];
    for (more, expected) in table {
        // The last one of two members counts, before it becomes text.
        let fault = judge_pass_text(&text(&format!("{good},{more}")), &rules).unwrap_err();
        assert_eq!(fault, expected, "{more}");
    }
    for more in ["", r#""room":"a""#, r#""allow":"*""#, r#""rooms":{"a":"*"}"#] {
        let fault = judge_pass_text(&text(more), &IssuerRules::default()).unwrap_err();
        assert_eq!(fault, ClaimFault::NotForRoom.into(), "{more}");
    }
}

#[test]
fn a_mapped_name_replaces_the_default_one() {
    let rules = IssuerRules {
        rooms_claim: "x:rooms".into(),
        limits_claim: "x:limits".into(),
        info_claim: "x:info".into(),
        room_claim: "x:room".into(),
        allow_claim: "x:allow".into(),
        ..IssuerRules::default()
    };
    let old = r#""rooms":1,"limits":1,"info":1,"room":"a","allow":"*""#;
    let new = r#""x:rooms":{"b":"*"},"x:limits":{"rooms":3},"x:info":{}"#;
    let login = judge_text(&text(&format!("{old},{new}")), &rules).unwrap();
    assert!(login.grant.allows(RoomRef::parse("b").unwrap(), Permission::Send));
    assert_eq!((login.quotas.rooms, login.info.is_some()), (Some(3), true));
    let room = r#""x:room":"b","x:allow":["send"]"#;
    let pass = judge_pass_text(&text(&format!("{old},{room}")), &rules).unwrap();
    assert_eq!(pass.room.as_str(), "b");
    assert_eq!(fault(room, &rules), ClaimFault::RoomToken.into());
    assert_eq!(fault(r#""x:info":1"#, &rules), wrong("x:info", "an object", Kind::Number));
}

#[test]
fn a_life_has_a_longest_length() {
    let rules = IssuerRules { max_lifetime_ms: Some(10_000), ..IssuerRules::default() };
    let judge = |exp: u64, iat: Option<u64>| {
        let iat = iat.map(|iat| format!(r#","iat":{iat}"#)).unwrap_or_default();
        let text = format!(r#"{{"sub":"ann","exp":{exp}{iat}}}"#);
        judge_text(&text, &rules).map(drop)
    };
    let lives = |ms| Err(ClaimFault::Lifetime { ms, limit_ms: 10_000 }.into());
    assert_eq!(judge(NOW_S + 15, None), Ok(()));
    assert_eq!(judge(NOW_S + 16, None), lives(16_000));
    assert_eq!(judge(NOW_S + 5, Some(NOW_S - 10)), Ok(()));
    assert_eq!(judge(NOW_S + 5, Some(NOW_S - 11)), lives(16_000));
    assert_eq!(judge(NOW_S + 16, Some(NOW_S + 5)), lives(16_000));
    assert_eq!(judge(NOW_S - 60, Some(NOW_S - 90)), lives(30_000));
    // Too early is said before too long from now, and too long from `iat` before both.
    let early = Err(Rejection::NotYetValid { claim: "iat", early_ms: 60_000 });
    assert_eq!(judge(NOW_S + 70, Some(NOW_S + 60)), early);
    assert_eq!(judge(NOW_S + 90, Some(NOW_S + 60)), lives(30_000));
    let longest = IssuerRules { max_lifetime_ms: Some(u64::MAX), ..rules };
    assert!(judge_text(&text(r#""iat":0"#), &longest).is_ok());
}

#[test]
fn the_ceiling_is_the_issuers() {
    let ceiling = Quotas { messages_per_s: Some(50), rooms: None, connections: Some(1) };
    let rules = IssuerRules { ceiling, ..IssuerRules::default() };
    let login = judge_text(&text(r#""limits":{"messages_per_s":70}"#), &rules).unwrap();
    assert_eq!((login.ceiling, login.quotas.messages_per_s), (ceiling, Some(70)));
}
