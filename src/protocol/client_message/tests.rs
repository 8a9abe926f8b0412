//! Tests of the decoding: each rule of each member, and the order in which they are judged.

use super::*;
use crate::protocol::json::FaultKind;
use crate::protocol::limits::ID_CHARS;
use proptest::prelude::*;

fn body(text: &str) -> Body<'_> {
    decode(text).unwrap().body
}

/// The id that a member fault echoes, and the type.
fn member_fault(text: &str) -> Option<(Option<String>, MemberOf)> {
    match decode(text) {
        Err(DecodeFault::Member { id, of, why }) => {
            assert!(!why.is_empty());
            Some((id.map(|id| id.as_str().to_owned()), of))
        }
        _ => None,
    }
}

fn is_frame_fault(text: &str) -> bool {
    matches!(decode(text), Err(DecodeFault::Frame { id: None, .. }))
}

fn room(name: &str) -> RoomText<'_> {
    RoomText::parse(name).unwrap()
}

#[test]
fn auth_takes_any_string() {
    for (text, token) in [
        (r#"{"type":"auth","payload":"a.b.c"}"#, "a.b.c"),
        (r#" { "payload" : "" , "type" : "auth" } "#, ""),
        (r#"{"type":"auth","payload":"\u0061","room":7,"since":null,"x":[]}"#, "a"),
    ] {
        assert_eq!(body(text), Body::Auth { token: Token::new(token) }, "{text}");
    }
    let message = decode(r#"{"type":"auth","payload":"t","id":"refresh 1"}"#).unwrap();
    assert_eq!(message.id.unwrap().as_str(), "refresh 1");
}

#[test]
fn auth_without_a_string_says_that_it_was_auth() {
    for payload in ["", r#","payload":null"#, r#","payload":{"token":"x"}"#, r#","payload":1"#] {
        let text = format!(r#"{{"type":"auth","id":"1"{payload}}}"#);
        assert_eq!(member_fault(&text), Some((Some("1".to_owned()), MemberOf::Auth)), "{text}");
    }
}

#[test]
fn the_type_is_known_before_the_members() {
    // What a session answers with 4401 as a first message, not 4400.
    assert_eq!(member_fault(r#"{"type":"join"}"#), Some((None, MemberOf::Join)));
    assert_eq!(
        decode(r#"{"type":"leave","room":"no room","id":"9"}"#),
        Err(DecodeFault::Room { id: Some(RequestId::parse("9").unwrap()), of: MemberOf::Leave })
    );
}

#[test]
fn json_is_judged_first() {
    for (text, kind) in [
        ("", FaultKind::Syntax),
        ("[]", FaultKind::NotAnObject),
        (r#"{"id":"","id":""}"#, FaultKind::Duplicate),
        (r#"{"type":1,"x":{"y":0,"y":0}}"#, FaultKind::Duplicate),
        (r#"{"id":7,"x":"\ud800"}"#, FaultKind::String),
        (r#"{"type":"message","payload":[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]}"#, FaultKind::Depth),
    ] {
        assert!(
            matches!(decode(text), Err(DecodeFault::Json(fault)) if fault.kind == kind),
            "{text}"
        );
    }
}

#[test]
fn a_frame_needs_a_type_and_a_good_id() {
    for text in [
        "{}",
        r#"{"type":null}"#,
        r#"{"type":["auth"],"payload":"x"}"#,
        r#"{"type":"auth","payload":"x","id":null}"#,
        r#"{"type":"auth","payload":"x","id":7}"#,
        r#"{"type":"auth","payload":"x","id":""}"#,
        r#"{"type":"auth","payload":"x","id":"\n"}"#,
        r#"{"type":"auth","payload":"x","id":"é"}"#,
        r#"{"type":"auth","payload":"x","id":"\u007f"}"#,
        r#"{"type":"no such type","id":{}}"#,
        r#"{"id":{}}"#,
    ] {
        assert!(is_frame_fault(text), "{text}");
    }
    let id = |chars: usize| format!(r#"{{"type":"pong","id":"{}"}}"#, "~".repeat(chars));
    assert!(decode(&id(ID_CHARS)).is_ok());
    assert!(is_frame_fault(&id(ID_CHARS + 1)));
}

#[test]
fn a_missing_type_still_echoes_the_id() {
    let Err(DecodeFault::Frame { id: Some(id), .. }) = decode(r#"{"id":"a b"}"#) else {
        panic!("no fault of the frame");
    };
    assert_eq!(id.as_str(), "a b");
}

#[test]
fn join_reads_its_members() {
    let text = r#"{"type":"join","room":"a:1","since":{"seq":7,"x":0,"epoch":"e"},
                   "token":"t","presence":true}"#;
    let expected = Body::Join {
        room: room("a:1"),
        since: Some(Since { epoch: "e".into(), seq: 7 }),
        token: Some(Token::new("t")),
        presence: true,
    };
    assert_eq!(body(text), expected);
    let plain = Body::Join { room: room("a"), since: None, token: None, presence: false };
    assert_eq!(body(r#"{"type":"join","room":"a","payload":null,"ephemeral":3}"#), plain);
}

#[test]
fn null_is_not_absent() {
    for text in [
        r#"{"type":"join","room":null}"#,
        r#"{"type":"join","room":"a","since":null}"#,
        r#"{"type":"join","room":"a","token":null}"#,
        r#"{"type":"join","room":"a","presence":null}"#,
        r#"{"type":"message","room":"a","payload":1,"idempotency_key":null}"#,
        r#"{"type":"message","room":"a","payload":1,"ephemeral":null}"#,
        r#"{"type":"ping","payload":null}"#,
    ] {
        let of =
            [("join", MemberOf::Join), ("message", MemberOf::Message), ("ping", MemberOf::Ping)];
        let named = of.iter().find(|(name, _)| text.starts_with(&format!(r#"{{"type":"{name}""#)));
        assert_eq!(member_fault(text), named.map(|(_, of)| (None, *of)), "{text}");
    }
}

#[test]
fn since_is_strict() {
    for since in [
        r#""e""#,
        "[]",
        "{}",
        r#"{"epoch":"e"}"#,
        r#"{"seq":1}"#,
        r#"{"epoch":1,"seq":1}"#,
        r#"{"epoch":"e","seq":"1"}"#,
        r#"{"epoch":"e","seq":null}"#,
        r#"{"epoch":"e","seq":-1}"#,
        r#"{"epoch":"e","seq":1.0}"#,
        r#"{"epoch":"e","seq":1e0}"#,
        r#"{"epoch":"e","seq":9007199254740992}"#,
        r#"{"epoch":"","seq":1}"#,
        r#"{"epoch":"012345678901234567890123456789012","seq":1}"#,
        r#"{"epoch":"e","seq":1,"x":1e999}"#,
    ] {
        let text = format!(r#"{{"type":"join","room":"a","id":"i","since":{since}}}"#);
        assert_eq!(member_fault(&text), Some((Some("i".to_owned()), MemberOf::Join)), "{text}");
    }
    // 32 characters are counted, not bytes.
    let epoch = "é".repeat(EPOCH_CHARS);
    let text = format!(
        r#"{{"type":"join","room":"a","since":{{"epoch":"{epoch}","seq":9007199254740991}}}}"#
    );
    assert!(matches!(body(&text), Body::Join { since: Some(Since { seq, .. }), .. }
        if seq == crate::protocol::limits::INTEGER_MAX));
}

#[test]
fn rooms_are_judged_as_rooms() {
    for name in ["", "a b", "a/b", "é", "a\\u0000", &"x".repeat(129)] {
        let text = format!(r#"{{"type":"leave","room":"{name}"}}"#);
        assert_eq!(
            decode(&text),
            Err(DecodeFault::Room { id: None, of: MemberOf::Leave }),
            "{text}"
        );
    }
    for name in ["1", "[]", "{}", "true"] {
        let text = format!(r#"{{"type":"leave","room":{name}}}"#);
        assert_eq!(member_fault(&text), Some((None, MemberOf::Leave)), "{text}");
    }
    let longest = "x".repeat(128);
    let text = format!(r#"{{"type":"leave","room":"{longest}"}}"#);
    assert_eq!(body(&text), Body::Leave { room: room(&longest) });
}

#[test]
fn a_room_may_be_written_with_escapes() {
    assert_eq!(body(r#"{"type":"leave","room":"\u0061:b"}"#), Body::Leave { room: room("a:b") });
}

#[test]
fn a_payload_passes_byte_for_byte() {
    for payload in [
        "null",
        "0",
        "123456789012345678901234567890",
        "1e999",
        "-0.10e+05",
        r#"{ "b" : 1,"a":[ ] , "\u0041":"\/" }"#,
        "\"\"",
    ] {
        let text = format!("{{\"type\":\"message\",\"payload\": {payload} ,\"room\":\"a\"}}");
        let Body::Message { payload: raw, .. } = body(&text) else { panic!("no message") };
        assert_eq!(raw.text(), payload);
    }
    assert_eq!(member_fault(r#"{"type":"message","room":"a"}"#), Some((None, MemberOf::Message)));
}

#[test]
fn a_message_may_have_a_key_or_be_ephemeral() {
    let text = |members: &str| format!(r#"{{"type":"message","room":"a","payload":1,{members}}}"#);
    let keyed = text(r#""idempotency_key":"k 1","ephemeral":false"#);
    let Body::Message { idempotency_key: Some(key), ephemeral: false, .. } = body(&keyed) else {
        panic!("no key");
    };
    assert_eq!(key.as_str(), "k 1");
    let ephemeral = text(r#""ephemeral":true"#);
    assert!(matches!(
        body(&ephemeral),
        Body::Message { idempotency_key: None, ephemeral: true, .. }
    ));
    let both = text(r#""ephemeral":true,"idempotency_key":"k""#);
    assert!(matches!(body(&both), Body::Message { idempotency_key: Some(_), ephemeral: true, .. }));
    for members in [
        r#""ephemeral":1"#,
        r#""idempotency_key":"""#,
        r#""idempotency_key":"é""#,
        r#""idempotency_key":1"#,
    ] {
        assert_eq!(member_fault(&text(members)), Some((None, MemberOf::Message)), "{members}");
    }
}

#[test]
fn a_ping_carries_up_to_64_bytes() {
    let ping = |payload: &str| format!(r#"{{"type":"ping","payload":"{payload}"}}"#);
    let longest = "é".repeat(PING_BYTES / 2);
    assert_eq!(body(&ping(&longest)), Body::Ping { payload: Some(longest.clone().into()) });
    assert_eq!(
        body(&ping(&"\\u0061".repeat(64))),
        Body::Ping { payload: Some("a".repeat(64).into()) }
    );
    assert_eq!(body(r#"{"type":"ping"}"#), Body::Ping { payload: None });
    assert!(member_fault(&ping(&(longest + "x"))).is_some());
    assert!(member_fault(r#"{"type":"ping","payload":{}}"#).is_some());
}

#[test]
fn other_types_judge_no_members() {
    for (kind, expected) in [
        ("pong", Body::Pong),
        ("presence", Body::Presence),
        ("auth_ok", Body::Unknown),
        ("joined", Body::Unknown),
        ("Auth", Body::Unknown),
        ("auth ", Body::Unknown),
        ("", Body::Unknown),
    ] {
        let text = format!(r#"{{"type":"{kind}","room":1,"payload":null,"since":1e999}}"#);
        assert_eq!(body(&text), expected, "{kind}");
    }
}

#[test]
fn names_and_types_may_be_written_with_escapes() {
    let text = r#"{"\u0074ype":"\u0061uth","pay\u006coad":"t"}"#;
    assert_eq!(body(text), Body::Auth { token: Token::new("t") });
}

#[test]
fn a_token_is_never_printed() {
    let message = decode(r#"{"type":"auth","payload":"hunter2"}"#).unwrap();
    assert!(!format!("{message:?}").contains("hunter2"));
    assert_eq!(Token::new("x").into_owned().reveal(), "x");
}

#[test]
fn a_plain_frame_is_borrowed() {
    let text = r#"{"type":"message","id":"1","room":"a","payload":1,"idempotency_key":"k"}"#;
    let message = decode(text).unwrap();
    assert!(matches!(message.id.unwrap().into_text(), Cow::Borrowed(_)));
    let Body::Message { room, .. } = message.body else { panic!("no message") };
    assert!(matches!(room.into_text(), Cow::Borrowed("a")));
}

/// Members of every name with values good and bad.
fn frame() -> impl Strategy<Value = String> {
    let name = prop::sample::select(vec![
        "type",
        "id",
        "room",
        "payload",
        "since",
        "token",
        "presence",
        "idempotency_key",
        "ephemeral",
        "x",
    ]);
    let value = prop::sample::select(vec![
        "\"auth\"",
        "\"join\"",
        "\"leave\"",
        "\"message\"",
        "\"ping\"",
        "\"pong\"",
        "\"x\"",
        "null",
        "true",
        "false",
        "1",
        "\"a b\"",
        "\"\"",
        "{}",
        "[]",
        "{\"epoch\":\"e\",\"seq\":1}",
    ]);
    prop::collection::btree_map(name, value, 1..8).prop_map(|members| {
        let members: Vec<_> =
            members.iter().map(|(name, value)| format!("\"{name}\":{value}")).collect();
        format!("{{{}}}", members.join(","))
    })
}

proptest! {
    #[test]
    fn no_frame_panics(text in prop_oneof![frame(), any::<String>()]) {
        let _ = decode(&text);
    }

    #[test]
    fn a_good_id_is_always_echoed(text in frame(), id in "[ !#-\\[\\]-~]{1,64}") {
        let with_id = text.replacen('{', &format!("{{\"id\":\"{id}\","), 1);
        let echoed = match decode(&with_id) {
            Ok(ClientMessage { id, .. })
            | Err(
                DecodeFault::Frame { id, .. }
                | DecodeFault::Member { id, .. }
                | DecodeFault::Room { id, .. },
            ) => id,
            // The frame had an id of its own.
            Err(DecodeFault::Json(fault)) => {
                prop_assert_eq!(fault.kind, FaultKind::Duplicate);
                return Ok(());
            }
        };
        prop_assert_eq!(echoed.as_ref().map(RequestId::as_str), Some(id.as_str()));
    }
}

#[test]
fn history_names_a_range() {
    let range = |more: &str| {
        let text = format!(r#"{{"type":"history","room":"den"{more}}}"#);
        let Body::History { room, range } = body(&text) else { panic!("{text}") };
        assert_eq!(room.as_str(), "den");
        (range.before, range.limit)
    };
    assert_eq!(range(""), (None, 50));
    assert_eq!(range(r#","before":0,"limit":1"#), (Some(0), 1));
    let most = r#","before":9007199254740991,"limit":100"#;
    assert_eq!(range(most), (Some(9_007_199_254_740_991), 100));
    for limit in ["101", "4294967296", "9007199254740991"] {
        assert_eq!(range(&format!(r#","limit":{limit}"#)), (None, 100), "HIST-2");
    }
    for bad in [
        r#""limit":0"#,
        r#""limit":-1"#,
        r#""limit":1.5"#,
        r#""limit":"5""#,
        r#""limit":null"#,
        r#""limit":9007199254740992"#,
        r#""before":-1"#,
        r#""before":null"#,
        r#""before":"7""#,
        r#""before":1e3"#,
        r#""before":9007199254740992"#,
    ] {
        let text = format!(r#"{{"type":"history","room":"den",{bad}}}"#);
        assert!(member_fault(&text).is_some(), "{bad}");
    }
    assert!(member_fault(r#"{"type":"history"}"#).is_some());
    assert!(member_fault(r#"{"type":"history","room":1}"#).is_some());
}
