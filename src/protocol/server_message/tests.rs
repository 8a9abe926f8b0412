//! Tests of the encoding, byte for byte, and of the way back.

use super::*;
use crate::protocol::{
    error_code::Retry,
    json::{self, Raw},
    limits::INTEGER_MAX,
};
use proptest::prelude::*;

fn encoded(message: &ServerMessage<'_>) -> String {
    let mut out = Vec::new();
    message.encode(&mut out);
    String::from_utf8(out).unwrap()
}

fn auth_ok() -> AuthOk<'static> {
    AuthOk {
        id: None,
        connection: "c1".into(),
        user: "ann".into(),
        expires_in_ms: 3_600_000,
        expires_at_ms: 1_790_003_600_000,
        limits: SessionLimits::default(),
        leeway_ms: 5_000,
        features: &["recovery", "refresh"],
        refreshed: false,
    }
}

fn room_message() -> RoomMessage<'static> {
    RoomMessage {
        room: "a".into(),
        seq: Some(42),
        user: Some("ann".into()),
        info: Some(r#"{ "name":"Ann" }"#.into()),
        at_ms: 7,
        payload: r#"{"n":1.50, "b":null}"#.into(),
        idempotency_key: Some("k\"1".into()),
    }
}

#[test]
fn auth_ok_has_everything_that_was_negotiated() {
    let expected = concat!(
        r#"{"type":"auth_ok","id":"r1","v":1,"connection":"c1","user":"ann","#,
        r#""expires_in_ms":3600000,"expires_at_ms":1790003600000,"#,
        r#""heartbeat":{"interval_ms":25000,"timeout_ms":10000},"#,
        r#""limits":{"message_bytes":65536,"messages_per_s":10,"burst":20,"rooms":128,"#,
        r#""room_name_bytes":128,"in_flight":64,"leeway_ms":5000},"#,
        r#""features":["recovery","refresh"],"refreshed":true}"#,
    );
    let message = AuthOk { id: Some("r1".into()), refreshed: true, ..auth_ok() };
    assert_eq!(encoded(&ServerMessage::AuthOk(Box::new(message))), expected);
}

#[test]
fn members_of_room_messages_stand_in_the_order_of_their_tables() {
    let position = Position { epoch: "e".into(), seq: 42 };
    for (message, expected) in [
        (
            ServerMessage::Joined {
                id: Some("7".into()),
                room: "a".into(),
                epoch: "e".into(),
                seq: 0,
                recovered: Some(false),
            },
            r#"{"type":"joined","id":"7","room":"a","epoch":"e","seq":0,"recovered":false}"#,
        ),
        (
            ServerMessage::Left {
                id: Some("7".into()),
                room: "a".into(),
                code: Some(ErrorCode::Forbidden),
            },
            r#"{"type":"left","id":"7","room":"a","code":"forbidden"}"#,
        ),
        (
            ServerMessage::Ack {
                id: "7".into(),
                room: "a".into(),
                position: Some(position),
                at_ms: 5,
                duplicate: true,
            },
            r#"{"type":"ack","id":"7","room":"a","epoch":"e","seq":42,"at_ms":5,"duplicate":true}"#,
        ),
        (
            ServerMessage::Message(Box::new(room_message())),
            concat!(
                r#"{"type":"message","room":"a","seq":42,"#,
                r#""from":{"user":"ann","info":{ "name":"Ann" }},"at_ms":7,"#,
                r#""payload":{"n":1.50, "b":null},"idempotency_key":"k\"1"}"#,
            ),
        ),
    ] {
        assert_eq!(encoded(&message), expected);
    }
}

#[test]
fn members_of_the_rest_stand_in_the_order_of_their_tables() {
    for (message, expected) in [
        (ServerMessage::Ping, r#"{"type":"ping"}"#),
        (
            ServerMessage::AuthExpiring { expires_in_ms: 60_000 },
            r#"{"type":"auth_expiring","expires_in_ms":60000}"#,
        ),
        (
            ServerMessage::Pong { id: Some("7".into()), payload: Some("\u{1}é".into()) },
            r#"{"type":"pong","id":"7","payload":"\u0001é"}"#,
        ),
        (
            ServerMessage::Reconnect { after_ms: 7400, reason: "restart" },
            r#"{"type":"reconnect","after_ms":7400,"reason":"restart"}"#,
        ),
        (
            ServerMessage::Error(ErrorMessage {
                id: Some("7".into()),
                room: Some("a".into()),
                code: ErrorCode::RateLimited,
                message: "Slower.".into(),
                retry_after_ms: Some(100),
            }),
            concat!(
                r#"{"type":"error","id":"7","room":"a","code":"rate_limited","#,
                r#""message":"Slower.","retry":"backoff","retry_after_ms":100,"fatal":false}"#,
            ),
        ),
    ] {
        assert_eq!(encoded(&message), expected);
    }
}

#[test]
fn absent_members_are_left_out() {
    for (message, expected) in [
        (
            ServerMessage::Joined {
                id: None,
                room: "a".into(),
                epoch: "e".into(),
                seq: INTEGER_MAX,
                recovered: None,
            },
            r#"{"type":"joined","room":"a","epoch":"e","seq":9007199254740991,"recovered":null}"#,
        ),
        (
            ServerMessage::Left { id: None, room: "a".into(), code: None },
            r#"{"type":"left","room":"a"}"#,
        ),
        (
            ServerMessage::Ack {
                id: "7".into(),
                room: "a".into(),
                position: None,
                at_ms: 5,
                duplicate: false,
            },
            r#"{"type":"ack","id":"7","room":"a","at_ms":5}"#,
        ),
        (
            ServerMessage::Message(Box::new(RoomMessage {
                seq: None,
                user: None,
                info: None,
                idempotency_key: None,
                payload: "null".into(),
                ..room_message()
            })),
            r#"{"type":"message","room":"a","at_ms":7,"payload":null}"#,
        ),
        (ServerMessage::Pong { id: None, payload: None }, r#"{"type":"pong"}"#),
    ] {
        assert_eq!(encoded(&message), expected);
    }
}

#[test]
fn a_message_is_appended() {
    let mut out = b"head".to_vec();
    ServerMessage::Ping.encode(&mut out);
    assert_eq!(out, b"head{\"type\":\"ping\"}");
}

#[test]
fn every_fatal_error_names_its_close_code() {
    for &code in CloseCode::ALL {
        let text =
            encoded(&ServerMessage::Fatal { id: None, code, retry_after_ms: Some(INTEGER_MAX) });
        let Received::Error(error) = Received::parse(&text).unwrap() else {
            panic!("no error: {text}");
        };
        assert!(error.fatal && !error.message.is_empty());
        assert_eq!(error.close_code(), Some(code));
        assert_eq!(error.retry(), Some(code.retry()));
        assert_eq!(error.retry_after_ms, Some(INTEGER_MAX));
    }
}

#[test]
fn every_error_has_its_retry_class() {
    for &code in ErrorCode::ALL {
        let text = encoded(&ServerMessage::Error(ErrorMessage {
            id: None,
            room: None,
            code,
            message: code.message().into(),
            retry_after_ms: None,
        }));
        let Received::Error(error) = Received::parse(&text).unwrap() else {
            panic!("no error: {text}");
        };
        assert_eq!((error.code.as_str(), error.retry()), (code.as_str(), Some(code.retry())));
        assert_eq!((error.fatal, error.close_code()), (false, None));
    }
}

#[test]
fn a_client_reads_what_a_newer_server_says() {
    let later = r#"{"type":"member_joined","room":"a","user":"bob"}"#;
    assert!(
        matches!(Received::parse(later), Ok(Received::Unknown(kind)) if kind == "member_joined")
    );
    let richer = r#"{"x":[1],"type":"left","room":"a","since":{"y":1}}"#;
    assert!(matches!(Received::parse(richer), Ok(Received::Left(left)) if left.room == "a"));
    let unheard = r#"{"type":"error","code":"odd","message":"","retry":"soon","fatal":true}"#;
    let Ok(Received::Error(error)) = Received::parse(unheard) else { panic!("no error") };
    assert_eq!((error.retry(), error.close_code()), (None::<Retry>, None));
}

#[test]
fn a_client_refuses_what_is_no_message() {
    for text in
        ["", "[]", "{}", r#"{"type":1}"#, r#"{"type":"ack","id":"1"}"#, "{\"type\":\"ping\"} x"]
    {
        let fault = Received::parse(text).unwrap_err();
        assert!(fault.to_string().starts_with("not a message"), "{text}");
    }
}

fn text() -> impl Strategy<Value = Cow<'static, str>> {
    any::<String>().prop_map(Cow::Owned)
}

fn maybe() -> impl Strategy<Value = Option<Cow<'static, str>>> {
    prop::option::of(text())
}

fn integer() -> std::ops::RangeInclusive<u64> {
    0..=INTEGER_MAX
}

fn json() -> impl Strategy<Value = Cow<'static, str>> {
    let texts = ["null", "1e999", "[1, 2]", r#"{"a" :"\ud83d\ude00"}"#, r#""\/""#, "-0.0"];
    prop::sample::select(texts.to_vec()).prop_map(Cow::Borrowed)
}

fn owned(text: Option<&Cow<'_, str>>) -> Option<String> {
    text.map(|text| text.clone().into_owned())
}

/// Every encoding is one strict JSON object with a `type`, whatever the texts hold.
fn parsed(message: &ServerMessage<'_>) -> Received {
    let text = encoded(message);
    let [kind] = json::object(&text, &["type"]).unwrap();
    assert!(kind.and_then(Raw::as_str).is_some());
    Received::parse(&text).unwrap()
}

proptest! {
    #[test]
    fn auth_ok_comes_back(id in maybe(), connection in text(), user in text(), ms in integer()) {
        let sent = AuthOk { id, connection, user, expires_in_ms: ms, ..auth_ok() };
        let Received::AuthOk(got) = parsed(&ServerMessage::AuthOk(Box::new(sent.clone()))) else {
            panic!("not auth_ok");
        };
        prop_assert_eq!(&got.id, &owned(sent.id.as_ref()));
        prop_assert_eq!((&got.connection, &got.user), (&sent.connection.into_owned(), &sent.user.into_owned()));
        prop_assert_eq!((got.expires_in_ms, got.expires_at_ms), (ms, sent.expires_at_ms));
        prop_assert_eq!(got.limits.message_bytes, sent.limits.message_bytes);
    }

    #[test]
    fn joined_comes_back(id in maybe(), room in text(), epoch in text(), seq in integer(), recovered: Option<bool>) {
        let sent = ServerMessage::Joined {
            id: id.clone(), room: room.clone(), epoch: epoch.clone(), seq, recovered,
        };
        let Received::Joined(got) = parsed(&sent) else { panic!("not joined") };
        let expected = JoinedReceived {
            id: owned(id.as_ref()), room: room.into(), epoch: epoch.into(), seq, recovered,
        };
        prop_assert_eq!(got, expected);
    }

    #[test]
    fn ack_comes_back(
        id in text(), room in text(), position in prop::option::of((text(), integer())),
        at_ms in integer(), duplicate: bool,
    ) {
        let sent = ServerMessage::Ack {
            id: id.clone(),
            room: room.clone(),
            position: position.clone().map(|(epoch, seq)| Position { epoch, seq }),
            at_ms,
            duplicate,
        };
        let Received::Ack(got) = parsed(&sent) else { panic!("not ack") };
        let (epoch, seq) = position.map(|(epoch, seq)| (epoch.into_owned(), seq)).unzip();
        let expected =
            AckReceived { id: id.into(), room: room.into(), epoch, seq, at_ms, duplicate };
        prop_assert_eq!(got, expected);
    }

    #[test]
    fn message_comes_back(
        room in text(), seq in prop::option::of(integer()), user in maybe(),
        info in prop::option::of(json()), at_ms in integer(), payload in json(), key in maybe(),
    ) {
        let sent = RoomMessage { room, seq, user, info, at_ms, payload, idempotency_key: key };
        let message = ServerMessage::Message(Box::new(sent.clone()));
        prop_assert!(encoded(&message).len() < 8192);
        let Received::Message(got) = parsed(&message) else { panic!("not message") };
        prop_assert_eq!(&got.room, &sent.room);
        prop_assert_eq!((got.seq, got.at_ms), (sent.seq, at_ms));
        prop_assert_eq!(got.payload.get(), sent.payload);
        prop_assert_eq!(&got.idempotency_key, &owned(sent.idempotency_key.as_ref()));
        let user = got.from.as_ref().map(|from| from.user.clone());
        prop_assert_eq!(user, owned(sent.user.as_ref()));
        let info = got.from.as_ref().and_then(|from| from.info.as_ref()).map(|info| info.get());
        // A JSON null reads as absent; an author's info is always an object.
        let expected = sent.info.as_deref().filter(|info| sent.user.is_some() && *info != "null");
        prop_assert_eq!(info, expected);
    }

    #[test]
    fn errors_and_the_rest_come_back(
        id in maybe(), room in maybe(), message in text(), ms in prop::option::of(integer()),
        code in prop::sample::select(ErrorCode::ALL),
    ) {
        let sent = ErrorMessage {
            id: id.clone(), room: room.clone(), code, message: message.clone(), retry_after_ms: ms,
        };
        let Received::Error(got) = parsed(&ServerMessage::Error(sent)) else { panic!("no error") };
        let expected = ErrorReceived {
            code: code.as_str().to_owned(),
            message: message.clone().into(),
            retry: code.retry().as_str().to_owned(),
            retry_after_ms: ms,
            fatal: false,
            id: owned(id.as_ref()),
            room: owned(room.as_ref()),
        };
        prop_assert_eq!(*got, expected);

        let left = ServerMessage::Left { id: id.clone(), room: message.clone(), code: Some(code) };
        let Received::Left(got) = parsed(&left) else { panic!("not left") };
        let code = Some(code.as_str().to_owned());
        prop_assert_eq!(got, LeftReceived { id: owned(id.as_ref()), room: message.into(), code });

        let pong = ServerMessage::Pong { id: id.clone(), payload: room.clone() };
        let Received::Pong(got) = parsed(&pong) else { panic!("not pong") };
        let payload = owned(room.as_ref());
        prop_assert_eq!(got, PongReceived { id: owned(id.as_ref()), payload });
    }

    #[test]
    fn no_text_panics_a_client(text in any::<String>()) {
        let _ = Received::parse(&text);
    }
}
