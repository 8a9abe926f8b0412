//! Messages of both sides: what is read, told again, is read as the same.

use super::json;
use serde_json::{Map, Value, value::RawValue};
use vestibule::protocol::{
    client_message::{Body, ClientMessage, DecodeFault, decode},
    error_code::ErrorCode,
    server_message::{Position, Received, RoomMessage, ServerMessage},
};

/// A text of a client: JSON is judged as the reference does, the order of members does not
/// matter, and a message in canonical form is the same message.
pub fn client_message(data: &[u8]) {
    let Ok(text) = str::from_utf8(data) else { return };
    let decoded = decode(text);
    let members = json::members(text);
    let no_json = matches!(decoded, Err(DecodeFault::Json(_)));
    assert_eq!(no_json, members.is_none(), "{decoded:?}");
    let Some(members) = members else { return };
    let reversed = json::text(members.iter().rev());
    assert_eq!(decode(&reversed), decoded, "told in another order");
    if let Ok(message) = decoded {
        let canonical = told(&message);
        assert_eq!(decode(&canonical), Ok(message), "{canonical}");
    }
}

/// The message in canonical form.
fn told(message: &ClientMessage<'_>) -> String {
    let mut members: Map<String, Value> = Map::new();
    let mut raw_payload = None;
    let mut set = |name: &str, value: Value| members.insert(name.to_owned(), value);
    if let Some(id) = &message.id {
        set("id", id.as_str().into());
    }
    let kind = match &message.body {
        Body::Auth { token } => {
            set("payload", token.reveal().into());
            "auth"
        }
        Body::Join { room, since, token, presence } => {
            set("room", room.as_str().into());
            if let Some(since) = since {
                set("since", serde_json::json!({"epoch": since.epoch, "seq": since.seq}));
            }
            if let Some(token) = token {
                set("token", token.reveal().into());
            }
            set("presence", (*presence).into());
            "join"
        }
        Body::Leave { room } => {
            set("room", room.as_str().into());
            "leave"
        }
        Body::Message { room, payload, idempotency_key, ephemeral } => {
            set("room", room.as_str().into());
            if let Some(key) = idempotency_key {
                set("idempotency_key", key.as_str().into());
            }
            set("ephemeral", (*ephemeral).into());
            raw_payload = Some(payload.text().to_owned());
            "message"
        }
        Body::Ping { payload } => {
            if let Some(payload) = payload {
                set("payload", payload.as_ref().into());
            }
            "ping"
        }
        Body::Pong => "pong",
        Body::History { room, range } => {
            set("room", room.as_str().into());
            if let Some(before) = range.before {
                set("before", before.into());
            }
            set("limit", range.limit.into());
            "history"
        }
        Body::Presence => "presence",
        Body::Unknown => "none that is known",
    };
    set("type", kind.into());
    let text = Value::Object(members).to_string();
    match raw_payload {
        Some(payload) => format!(r#"{},"payload":{payload}}}"#, text.trim_end_matches('}')),
        None => text,
    }
}

/// A text of a server: whatever a client reads from it, encoded by the server, is read as the
/// same, and is strict JSON.
pub fn server_message(data: &[u8]) {
    let Ok(text) = str::from_utf8(data) else { return };
    let Ok(received) = Received::parse(text) else { return };
    let Some(message) = as_sent(&received) else { return };
    let mut bytes = Vec::new();
    message.encode(&mut bytes);
    let encoded = String::from_utf8(bytes).expect("UTF-8");
    assert!(serde_json::from_str::<&RawValue>(&encoded).is_ok(), "{encoded}");
    let again = Received::parse(&encoded).expect("what the server says");
    assert_eq!(format!("{again:?}"), format!("{received:?}"), "{encoded}");
}

/// What a server would have said; `None` where a client keeps more or less than was said.
#[allow(clippy::wildcard_enum_match_arm, reason = "a client's view may grow")]
fn as_sent(received: &Received) -> Option<ServerMessage<'_>> {
    let text = |text: &Option<String>| text.as_ref().map(|text| text.clone().into());
    Some(match received {
        Received::AuthExpiring { expires_in_ms } => {
            ServerMessage::AuthExpiring { expires_in_ms: *expires_in_ms }
        }
        Received::Joined(joined) => ServerMessage::Joined {
            id: text(&joined.id),
            room: joined.room.as_str().into(),
            epoch: joined.epoch.as_str().into(),
            seq: joined.seq,
            recovered: joined.recovered,
        },
        Received::Left(left) => ServerMessage::Left {
            id: text(&left.id),
            room: left.room.as_str().into(),
            code: match &left.code {
                Some(word) => Some(*ErrorCode::ALL.iter().find(|code| code.as_str() == word)?),
                None => None,
            },
        },
        Received::Ack(ack) => ServerMessage::Ack {
            id: ack.id.as_str().into(),
            room: ack.room.as_str().into(),
            position: match (text(&ack.epoch), ack.seq) {
                (Some(epoch), Some(seq)) => Some(Position { epoch, seq }),
                (None, None) => None,
                (Some(_), None) | (None, Some(_)) => return None,
            },
            at_ms: ack.at_ms,
            duplicate: ack.duplicate,
        },
        Received::Message(message) => ServerMessage::Message(Box::new(RoomMessage {
            room: message.room.as_str().into(),
            seq: message.seq,
            user: message.from.as_ref().map(|from| from.user.as_str().into()),
            info: message.from.as_ref().and_then(|from| Some(from.info.as_ref()?.get().into())),
            at_ms: message.at_ms,
            payload: message.payload.get().into(),
            idempotency_key: text(&message.idempotency_key),
        })),
        Received::Ping => ServerMessage::Ping,
        Received::Pong(pong) => {
            ServerMessage::Pong { id: text(&pong.id), payload: text(&pong.payload) }
        }
        _ => return None,
    })
}
