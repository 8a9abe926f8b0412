//! Messages of the server to JSON text, members in the order of their tables.

use super::{AuthOk, ErrorMessage, RoomMessage, ServerMessage};
use crate::protocol::{VERSION, close_code::CloseCode, room_name::ROOM_NAME_BYTES};
use serde::Serialize;
use std::borrow::Cow;

impl ServerMessage<'_> {
    /// `type` on the wire.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::AuthOk(_) => AuthOk::KIND,
            Self::AuthExpiring { .. } => "auth_expiring",
            Self::Joined { .. } => "joined",
            Self::Left { .. } => "left",
            Self::Ack { .. } => "ack",
            Self::Message(_) => RoomMessage::KIND,
            Self::History { .. } => "history",
            Self::Ping => "ping",
            Self::Pong { .. } => "pong",
            Self::Reconnect { .. } => "reconnect",
            Self::Error(_) | Self::Fatal { .. } => ErrorMessage::KIND,
        }
    }

    /// Appends the JSON text to `out`.
    pub fn encode(&self, out: &mut Vec<u8>) {
        let kind = self.kind();
        match self {
            Self::AuthOk(auth_ok) => auth_ok.encode(out),
            Self::AuthExpiring { expires_in_ms } => {
                Object::message(out, kind).value("expires_in_ms", expires_in_ms).end();
            }
            Self::Joined { id, room, epoch, seq, recovered } => Object::message(out, kind)
                .optional("id", id.as_deref())
                .value("room", room)
                .value("epoch", epoch)
                .value("seq", seq)
                .value("recovered", recovered)
                .end(),
            Self::Left { id, room, code } => Object::message(out, kind)
                .optional("id", id.as_deref())
                .value("room", room)
                .optional("code", code.map(|code| code.as_str()))
                .end(),
            Self::Ack { id, room, position, at_ms, duplicate } => Object::message(out, kind)
                .value("id", id)
                .value("room", room)
                .optional("epoch", position.as_ref().map(|position| &position.epoch))
                .optional("seq", position.as_ref().map(|position| position.seq))
                .value("at_ms", at_ms)
                .optional("duplicate", duplicate.then_some(true))
                .end(),
            Self::Message(message) => message.encode(out),
            Self::History { id, room, epoch, messages, more } => {
                out.reserve(messages.iter().map(|text| text.len() + 1).sum::<usize>());
                Object::message(out, kind)
                    .optional("id", id.as_deref())
                    .value("room", room)
                    .value("epoch", epoch)
                    .texts("messages", messages)
                    .value("more", more)
                    .end();
            }
            Self::Ping => Object::message(out, kind).end(),
            Self::Pong { id, payload } => Object::message(out, kind)
                .optional("id", id.as_deref())
                .optional("payload", payload.as_deref())
                .end(),
            Self::Reconnect { after_ms, reason } => {
                Object::message(out, kind).value("after_ms", after_ms).value("reason", reason).end()
            }
            Self::Error(error) => error.encode(out),
            Self::Fatal { id, code, retry_after_ms } => {
                encode_fatal(out, id.as_deref(), *code, *retry_after_ms);
            }
        }
    }
}

impl AuthOk<'_> {
    const KIND: &'static str = "auth_ok";

    fn encode(&self, out: &mut Vec<u8>) {
        let limits = &self.limits;
        Object::message(out, Self::KIND)
            .optional("id", self.id.as_deref())
            .value("v", VERSION)
            .value("connection", &self.connection)
            .value("user", &self.user)
            .value("expires_in_ms", self.expires_in_ms)
            .value("expires_at_ms", self.expires_at_ms)
            .object("heartbeat", |heartbeat| {
                heartbeat
                    .value("interval_ms", limits.heartbeat_interval_ms)
                    .value("timeout_ms", limits.heartbeat_timeout_ms)
            })
            .object("limits", |object| {
                object
                    .value("message_bytes", limits.message_bytes)
                    .value("messages_per_s", limits.messages_per_s)
                    .value("burst", limits.burst)
                    .value("rooms", limits.rooms)
                    .value("room_name_bytes", ROOM_NAME_BYTES)
                    .value("in_flight", limits.in_flight)
                    .value("leeway_ms", self.leeway_ms)
            })
            .value("features", self.features)
            .value("refreshed", self.refreshed)
            .end();
    }
}

impl ErrorMessage<'_> {
    const KIND: &'static str = "error";

    fn encode(&self, out: &mut Vec<u8>) {
        Object::message(out, Self::KIND)
            .optional("id", self.id.as_deref())
            .optional("room", self.room.as_deref())
            .value("code", self.code.as_str())
            .value("message", &self.message)
            .value("retry", self.code.retry().as_str())
            .optional("retry_after_ms", self.retry_after_ms)
            .value("fatal", false)
            .end();
    }
}

fn encode_fatal(out: &mut Vec<u8>, id: Option<&str>, code: CloseCode, retry_after_ms: Option<u64>) {
    Object::message(out, ErrorMessage::KIND)
        .optional("id", id)
        .value("code", code.name())
        .value("message", code.message())
        .value("retry", code.retry().as_str())
        .optional("retry_after_ms", retry_after_ms)
        .value("fatal", true)
        .end();
}

/// What a message needs beside its texts, in bytes: names, punctuation and two numbers.
const MESSAGE_FRAME_BYTES: usize = 192;

impl RoomMessage<'_> {
    const KIND: &'static str = "message";

    /// Appends the JSON text to `out`.
    pub fn encode(&self, out: &mut Vec<u8>) {
        out.reserve(self.size_hint());
        Object::message(out, Self::KIND)
            .value("room", &self.room)
            .optional("seq", self.seq)
            .optional_object("from", self.user.as_deref(), |from, user| {
                from.value("user", user).optional_text("info", self.info.as_deref())
            })
            .value("at_ms", self.at_ms)
            .text("payload", &self.payload)
            .optional("idempotency_key", self.idempotency_key.as_deref())
            .end();
    }

    /// About the length of the JSON text, in bytes: enough unless much has to be escaped.
    fn size_hint(&self) -> usize {
        let texts = [Some(&self.room), self.user.as_ref(), self.info.as_ref()];
        let texts = texts.into_iter().chain([Some(&self.payload), self.idempotency_key.as_ref()]);
        texts.flatten().map(|text| text.len()).sum::<usize>() + MESSAGE_FRAME_BYTES
    }
}

/// Writes one JSON object member by member.
struct Object<'o> {
    out: &'o mut Vec<u8>,
    empty: bool,
}

impl<'o> Object<'o> {
    fn open(out: &'o mut Vec<u8>) -> Self {
        out.push(b'{');
        Self { out, empty: true }
    }

    fn message(out: &'o mut Vec<u8>, kind: &'static str) -> Self {
        Self::open(out).value("type", kind)
    }

    fn name(&mut self, name: &'static str) {
        if !self.empty {
            self.out.push(b',');
        }
        self.empty = false;
        self.out.push(b'"');
        self.out.extend_from_slice(name.as_bytes());
        self.out.extend_from_slice(b"\":");
    }

    /// A string, an integer, a boolean, a list of strings; `None` is `null`.
    #[expect(clippy::expect_used, reason = "a Vec takes every byte and no value here can fail")]
    fn value(mut self, name: &'static str, value: impl Serialize) -> Self {
        self.name(name);
        serde_json::to_writer(&mut *self.out, &value).expect("plain values into memory");
        self
    }

    /// A value that is left out if there is none.
    fn optional(self, name: &'static str, value: Option<impl Serialize>) -> Self {
        match value {
            Some(value) => self.value(name, value),
            None => self,
        }
    }

    /// JSON text, byte for byte.
    fn text(mut self, name: &'static str, json: &str) -> Self {
        self.name(name);
        self.out.extend_from_slice(json.as_bytes());
        self
    }

    /// An array of JSON texts, byte for byte.
    fn texts(mut self, name: &'static str, texts: &[Cow<'_, str>]) -> Self {
        self.name(name);
        self.out.push(b'[');
        for (at, json) in texts.iter().enumerate() {
            if at > 0 {
                self.out.push(b',');
            }
            self.out.extend_from_slice(json.as_bytes());
        }
        self.out.push(b']');
        self
    }

    fn optional_text(self, name: &'static str, json: Option<&str>) -> Self {
        match json {
            Some(json) => self.text(name, json),
            None => self,
        }
    }

    fn object(
        mut self,
        name: &'static str,
        members: impl for<'i> FnOnce(Object<'i>) -> Object<'i>,
    ) -> Self {
        self.name(name);
        members(Object::open(self.out)).end();
        self
    }

    fn optional_object<T>(
        self,
        name: &'static str,
        subject: Option<T>,
        members: impl for<'i> FnOnce(Object<'i>, T) -> Object<'i>,
    ) -> Self {
        match subject {
            Some(subject) => self.object(name, |object| members(object, subject)),
            None => self,
        }
    }

    fn end(self) {
        self.out.push(b'}');
    }
}
