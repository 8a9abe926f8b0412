//! What a client asks, encoded as one JSON object.

use serde::Serialize;
use serde_json::value::RawValue;

/// Where one stopped in a room: `since` of a `join`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Since {
    /// The incarnation of the room's history.
    pub epoch: String,
    /// The last message that one has.
    pub seq: u64,
}

/// A `message` to publish.
///
/// ```
/// use vestibule::client::Publish;
///
/// let payload = serde_json::value::to_raw_value("hello")?;
/// let message = Publish { id: Some("1"), ..Publish::new("lobby", &payload) };
/// assert_eq!(message.to_json()?, r#"{"type":"message","id":"1","room":"lobby","payload":"hello"}"#);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Publish<'a> {
    /// Which room; one must be a member.
    pub room: &'a str,
    /// Any JSON, passed on byte for byte.
    pub payload: &'a RawValue,
    /// Asks for an `ack`, which echoes it.
    pub id: Option<&'a str>,
    /// Makes a retry safe: published once, however often it is sent.
    pub idempotency_key: Option<&'a str>,
    /// Not remembered by the room, may be dropped.
    pub ephemeral: bool,
}

impl<'a> Publish<'a> {
    /// A plain message, without `id` and key.
    pub const fn new(room: &'a str, payload: &'a RawValue) -> Self {
        Self { room, payload, id: None, idempotency_key: None, ephemeral: false }
    }

    /// The text of the frame.
    ///
    /// # Errors
    /// None in practice: every member is a string, a boolean or JSON text already.
    pub fn to_json(self) -> serde_json::Result<String> {
        serde_json::to_string(&Frame {
            id: self.id,
            room: Some(self.room),
            payload: Some(self.payload),
            idempotency_key: self.idempotency_key,
            ephemeral: self.ephemeral.then_some(true),
            ..Frame::new("message")
        })
    }
}

/// Every member that a request can have, in the order of the wire.
#[derive(Serialize)]
struct Frame<'a> {
    r#type: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    room: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    since: Option<&'a Since>,
    #[serde(skip_serializing_if = "Option::is_none")]
    payload: Option<&'a RawValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    idempotency_key: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ephemeral: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    before: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    limit: Option<u32>,
}

impl Frame<'_> {
    const fn new(r#type: &'static str) -> Self {
        Self {
            r#type,
            id: None,
            room: None,
            since: None,
            payload: None,
            idempotency_key: None,
            ephemeral: None,
            before: None,
            limit: None,
        }
    }
}

/// `{"type":"auth","payload":"<JWT>"}`.
pub(super) fn auth(token: &str, id: Option<&str>) -> serde_json::Result<String> {
    let payload = serde_json::value::to_raw_value(token)?;
    serde_json::to_string(&Frame { id, payload: Some(&payload), ..Frame::new("auth") })
}

pub(super) fn join(
    room: &str,
    since: Option<&Since>,
    id: Option<&str>,
) -> serde_json::Result<String> {
    serde_json::to_string(&Frame { id, room: Some(room), since, ..Frame::new("join") })
}

pub(super) fn leave(room: &str, id: Option<&str>) -> serde_json::Result<String> {
    serde_json::to_string(&Frame { id, room: Some(room), ..Frame::new("leave") })
}

pub(super) fn history(
    room: &str,
    before: Option<u64>,
    limit: u32,
    id: Option<&str>,
) -> serde_json::Result<String> {
    let (room, limit) = (Some(room), Some(limit));
    serde_json::to_string(&Frame { id, room, before, limit, ..Frame::new("history") })
}

pub(super) fn ping(id: Option<&str>) -> serde_json::Result<String> {
    serde_json::to_string(&Frame { id, ..Frame::new("ping") })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_message_is_exactly_the_sign_in() {
        assert_eq!(auth("a.b.c", None).unwrap(), r#"{"type":"auth","payload":"a.b.c"}"#);
    }

    #[test]
    fn requests_have_only_the_members_that_they_need() {
        let since = Since { epoch: "e\"1".into(), seq: 7 };
        assert_eq!(
            join("lobby", Some(&since), Some("1")).unwrap(),
            r#"{"type":"join","id":"1","room":"lobby","since":{"epoch":"e\"1","seq":7}}"#
        );
        assert_eq!(join("lobby", None, None).unwrap(), r#"{"type":"join","room":"lobby"}"#);
        assert_eq!(leave("lobby", None).unwrap(), r#"{"type":"leave","room":"lobby"}"#);
        assert_eq!(
            history("lobby", Some(7), 20, Some("1")).unwrap(),
            r#"{"type":"history","id":"1","room":"lobby","before":7,"limit":20}"#
        );
        assert_eq!(ping(Some("2")).unwrap(), r#"{"type":"ping","id":"2"}"#);
    }

    #[test]
    fn a_payload_passes_byte_for_byte() {
        let text = r#"{"b":1.0e2, "a":[12345678901234567890]}"#;
        let payload: Box<RawValue> = serde_json::from_str(text).unwrap();
        let message = Publish {
            idempotency_key: Some("k"),
            ephemeral: true,
            ..Publish::new("lobby", &payload)
        };
        let wanted = format!(
            r#"{{"type":"message","room":"lobby","payload":{text},"idempotency_key":"k","ephemeral":true}}"#
        );
        assert_eq!(message.to_json().unwrap(), wanted);
    }
}
