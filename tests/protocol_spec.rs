//! `protocol.md` and the code say the same: requirements, tables, limits, examples, states.
//!
//! The state table is written by the code: `UPDATE_SPEC=1 cargo test --test protocol_spec`
//! puts the current one into the file.
#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking, with the place in its message"
)]

mod spec;

use serde_json::{Map, Value, json};
use spec::{Page, Row, Side, Spec};
use std::{
    borrow::Cow,
    collections::{BTreeMap, BTreeSet},
};
use vestibule::protocol::{
    client_message::{self, Body, ClientMessage},
    close_code::{Advice, CloseCode, advice},
    error_code::{ErrorCode, Retry},
    limits::{self, AuthLimits, SessionLimits},
    room_name::{ROOM_NAME_BYTES, RoomRef},
    server_message::{AuthOk, ErrorMessage, Position, RoomMessage, ServerMessage},
};

/// The words of RFC 2119 that this specification uses; the longer ones first.
const KEYWORDS: [&str; 5] = ["MUST NOT", "SHOULD NOT", "MUST", "SHOULD", "MAY"];

fn keywords(text: &str) -> Vec<&'static str> {
    let mut found = Vec::new();
    let mut rest = text.to_owned();
    for word in KEYWORDS {
        let count = rest.matches(word).count();
        found.extend(std::iter::repeat_n(word, count));
        rest = rest.replace(word, "");
    }
    found
}

#[test]
fn a_requirement_is_one_sentence_with_one_keyword_and_an_id_of_its_own() {
    let mut ids = BTreeSet::new();
    let mut last: BTreeMap<String, u32> = BTreeMap::new();
    for requirement in Spec::read().requirements() {
        let spec::Requirement { id, text } = &requirement;
        assert!(ids.insert(id.clone()), "{id} stands twice");
        let (family, number) = id.rsplit_once('-').expect("an id is FAMILY-number");
        let number: u32 = number.parse().expect("an id ends in a number");
        let before = last.insert(family.to_owned(), number).unwrap_or(0);
        assert!(number > before, "{id} stands after {family}-{before}");
        assert_eq!(keywords(text).len(), 1, "{id} has {:?}", keywords(text));
        assert!(text.ends_with('.') && !text.contains(". "), "{id} is not one sentence: {text}");
    }
    assert!(ids.len() > 250, "only {} requirements were found", ids.len());
}

#[test]
fn keywords_stand_in_requirements_alone() {
    for line in Spec::read().lines() {
        let explains = line.starts_with("The words MUST, ");
        assert!(
            explains || line.starts_with("- **") || keywords(line).is_empty(),
            "a keyword outside of a requirement: {line}"
        );
    }
}

#[test]
fn references_lead_to_requirements_and_headings() {
    let spec = Spec::read();
    let ids: BTreeSet<_> = spec.requirements().into_iter().map(|it| it.id).collect();
    let families: BTreeSet<_> = ids.iter().filter_map(|id| id.split('-').next()).collect();
    let anchors: BTreeSet<_> = spec.lines().filter_map(anchor).collect();
    for line in spec.lines() {
        for word in line.split(|c: char| !c.is_ascii_alphanumeric() && c != '-') {
            let known = word.split_once('-').is_some_and(|(family, _)| families.contains(family));
            assert!(!known || ids.contains(word), "{word} is no requirement: {line}");
        }
        for link in line.split("](#").skip(1) {
            let target = link.split(')').next().unwrap_or_default();
            assert!(anchors.contains(target), "#{target} is no heading: {line}");
        }
    }
}

/// The anchor that Markdown makes of a heading.
fn anchor(line: &str) -> Option<String> {
    let title = line.strip_prefix('#')?.trim_start_matches('#').trim();
    let kept = title.chars().filter(|c| c.is_alphanumeric() || " -_".contains(*c));
    Some(kept.collect::<String>().to_lowercase().replace(' ', "-"))
}

#[test]
fn close_codes_are_those_of_the_code() {
    let expected: Vec<Row> = CloseCode::ALL
        .iter()
        .map(|code| vec![code.code().to_string(), code.name().into(), retry(code.retry())])
        .collect();
    let mut rows = Spec::read().table("## Close codes");
    rows.iter_mut().for_each(|row| drop(row.remove(2)));
    let reconnect: Vec<_> = rows.iter_mut().map(|row| row.remove(3)).collect();
    assert_eq!(rows, expected);
    for (row, words) in rows.iter().zip(reconnect) {
        let code = row[0].parse().expect("a close code is a number");
        let expected = match advice(code) {
            Advice::Never | Advice::SignIn => "no",
            Advice::NewCredential(_) => "with a new token",
            Advice::Backoff(_) if code == CloseCode::RateLimited.code() => {
                "yes, after `retry_after"
            }
            Advice::Backoff(_) => "yes, with backoff",
            Advice::Now => "yes, after 0 to 1 s",
            Advice::Restart => "yes, after `after_ms`, or 5 to 30 s",
        };
        assert!(words.starts_with(expected), "{code}: {words}, but the code says {expected}");
    }
}

#[test]
fn the_rules_for_unknown_close_codes_are_those_of_the_code() {
    let known: BTreeSet<_> = CloseCode::ALL.iter().map(|code| code.code()).collect();
    for code in (1000..4900).filter(|code| !known.contains(code)) {
        let expected = match code {
            4400..=4409 => Advice::Never,
            4410..=4419 => Advice::NewCredential(None),
            1005 | 1006 | 4420..=4599 => Advice::Backoff(None),
            _ => Advice::Backoff(Some(5)),
        };
        assert_eq!(advice(code), expected, "{code}");
    }
}

#[test]
fn error_codes_are_those_of_the_code() {
    let expected: Vec<Row> =
        ErrorCode::ALL.iter().map(|code| vec![code.as_str().into(), retry(code.retry())]).collect();
    let mut rows = Spec::read().table("## Error codes");
    rows.iter_mut().for_each(|row| drop(row.remove(1)));
    assert_eq!(rows, expected);
}

#[test]
fn retry_words_are_those_of_the_code() {
    let all = [Retry::Never, Retry::Refresh, Retry::SignIn, Retry::Backoff, Retry::Now];
    let rows = Spec::read().table("### Words of `retry`");
    let words: Vec<_> = rows.into_iter().map(|mut row| row.remove(0)).collect();
    assert_eq!(words, all.map(retry));
}

fn retry(word: Retry) -> String {
    word.as_str().to_owned()
}

/// Name to value of every limit that the pure core knows.
fn limits_of_the_core() -> BTreeMap<&'static str, u64> {
    let AuthLimits { deadline_ms, wire_bytes, frames, token_bytes } = AuthLimits::default();
    let mut all = BTreeMap::from([
        ("deadline_ms", deadline_ms),
        ("wire_bytes", wire_bytes.into()),
        ("frames", frames.into()),
        ("token_bytes", token_bytes as u64),
        ("json_depth", limits::JSON_DEPTH as u64),
        ("id_chars", limits::ID_CHARS as u64),
        ("room_name_bytes", ROOM_NAME_BYTES as u64),
        ("epoch_chars", limits::EPOCH_CHARS as u64),
        ("ping_bytes", limits::PING_BYTES as u64),
        ("info_bytes", limits::INFO_BYTES as u64),
        ("page_messages", limits::PAGE_MESSAGES.into()),
        ("page_messages_max", limits::PAGE_MESSAGES_MAX.into()),
        ("page_bytes", limits::PAGE_BYTES as u64),
        ("integer_max", limits::INTEGER_MAX),
        ("reason_bytes", limits::REASON_BYTES as u64),
    ]);
    all.extend(limits_of_a_session());
    all
}

fn limits_of_a_session() -> [(&'static str, u64); 21] {
    let it = SessionLimits::default();
    let SessionLimits { message_bytes, transport_bytes, fragments, messages_per_s, burst, .. } = it;
    let SessionLimits { joins_per_s, others_per_s, others_burst, rooms, in_flight, .. } = it;
    let SessionLimits { refreshes_per_s, refreshes_burst, .. } = it;
    let SessionLimits { outbox_bytes, refusals, bugs, bug_window_ms, .. } = it;
    let SessionLimits { invalid_refreshes, refresh_grace_ms, session_age_ms, .. } = it;
    let SessionLimits { heartbeat_interval_ms, heartbeat_timeout_ms, .. } = it;
    [
        ("message_bytes", message_bytes.into()),
        ("transport_bytes", transport_bytes.into()),
        ("fragments", fragments.into()),
        ("messages_per_s", messages_per_s.into()),
        ("burst", burst.into()),
        ("joins_per_s", joins_per_s.into()),
        ("others_per_s", others_per_s.into()),
        ("others_burst", others_burst.into()),
        ("refreshes_per_s", refreshes_per_s.into()),
        ("refreshes_burst", refreshes_burst.into()),
        ("rooms", rooms.into()),
        ("in_flight", in_flight.into()),
        ("outbox_bytes", outbox_bytes.into()),
        ("refusals", refusals.into()),
        ("bugs", bugs.into()),
        ("bug_window_ms", bug_window_ms),
        ("invalid_refreshes", invalid_refreshes.into()),
        ("refresh_grace_ms", refresh_grace_ms),
        ("session_age_ms", session_age_ms),
        ("heartbeat_interval_ms", heartbeat_interval_ms),
        ("heartbeat_timeout_ms", heartbeat_timeout_ms),
    ]
}

/// Name to value of every limit in the tables.
fn shown_limits() -> BTreeMap<String, u64> {
    let spec = Spec::read();
    let headings =
        ["### Before the verdict", "### In a session", "### Of a room", "### Fixed by version 1"];
    let mut shown = BTreeMap::new();
    for row in headings.iter().flat_map(|heading| spec.table(heading)) {
        let value: u64 = row[1].parse().unwrap_or_else(|_| panic!("{} has no number", row[0]));
        assert!(shown.insert(row[0].clone(), value).is_none(), "{} stands twice", row[0]);
    }
    shown
}

#[test]
fn limits_are_those_of_the_code() {
    let shown = shown_limits();
    for (name, value) in limits_of_the_core() {
        assert_eq!(shown.get(name), Some(&value), "{name} of the code and of protocol.md");
    }
}

#[test]
fn the_alphabet_of_room_names_is_that_of_the_code() {
    let spec = Spec::read();
    let rule = spec.requirements().into_iter().find(|it| it.id == "ROOM-1").expect("ROOM-1");
    let (_, class) = rule.text.split_once("`[").expect("an alphabet in brackets");
    let (class, _) = class.split_once("]`").expect("an alphabet in brackets");
    assert!(rule.text.contains(&format!("1 to {ROOM_NAME_BYTES} bytes")), "{}", rule.text);
    let rest = class.replace("A-Z", "").replace("a-z", "").replace("0-9", "");
    for byte in 0..=127_u8 {
        let name = char::from(byte).to_string();
        let shown = byte.is_ascii_alphanumeric() || rest.contains(&name);
        assert_eq!(RoomRef::parse(&name).is_ok(), shown, "{name:?}");
    }
}

#[test]
fn the_state_table_is_that_of_the_code() {
    let spec = Spec::read();
    let table = vestibule::session::matrix::markdown();
    if std::env::var_os("UPDATE_SPEC").is_some() {
        spec.write_state_table(&table);
        return;
    }
    assert!(
        spec.state_table() == table.trim(),
        "the session has changed; `UPDATE_SPEC=1 cargo test --test protocol_spec` writes its table \
         into protocol.md:\n{table}"
    );
}

/// Types of optional features that this version of the server does not speak yet.
const NOT_SPOKEN: [&str; 3] = ["presence", "member_joined", "member_left"];

#[test]
fn the_index_of_messages_and_the_pages_agree() {
    let spec = Spec::read();
    let side = |word: &str| if word == "client" { Side::Client } else { Side::Server };
    let index: Vec<_> =
        spec.table("## Messages").iter().map(|row| (row[0].clone(), side(&row[1]))).collect();
    let pages: Vec<_> = spec.pages().into_iter().map(|page| (page.kind, page.side)).collect();
    assert_eq!(index, pages);
    assert!(spec.pages().iter().all(|page| !page.examples.is_empty()), "a page has no example");
}

#[test]
fn examples_have_the_members_of_their_page() {
    let spec = Spec::read();
    let pages = spec.pages();
    for example in spec.examples() {
        let object = object(&example.text);
        let kind = object["type"].as_str().expect("a type is a string");
        let page = pages.iter().find(|page| page.kind == kind && page.side == example.side);
        let page = page.unwrap_or_else(|| panic!("line {}: no page for {kind}", example.line));
        for name in object.keys().filter(|name| *name != "type") {
            let row = page.members.iter().find(|row| row[0] == *name);
            let row = row.unwrap_or_else(|| panic!("line {}: no {name}", example.line));
            assert!(
                has_type(&object[name], &row[1]),
                "line {}: {name} is {}",
                example.line,
                row[1]
            );
        }
        for name in always(page) {
            assert!(object.contains_key(name), "line {}: {name} is missing", example.line);
        }
    }
}

fn object(text: &str) -> Map<String, Value> {
    serde_json::from_str(text).unwrap_or_else(|fault| panic!("{fault}: {text}"))
}

fn always(page: &Page) -> impl Iterator<Item = &String> {
    page.members.iter().filter(|row| row[2] == "always").map(|row| &row[0])
}

/// Whether a value is of the type that a table of members names.
fn has_type(value: &Value, name: &str) -> bool {
    match name {
        "any JSON" => true,
        "array" => value.is_array(),
        "boolean" => value.is_boolean(),
        "boolean or null" => value.is_boolean() || value.is_null(),
        "integer" => value.is_u64(),
        "object" => value.is_object(),
        "id" | "room" | "string" => value.is_string(),
        other => panic!("a table of members has the unknown type {other}"),
    }
}

#[test]
fn client_examples_are_read_as_what_they_say() {
    for example in Spec::read().examples().iter().filter(|example| example.side == Side::Client) {
        let read = client_message::decode(&example.text);
        let read = read.unwrap_or_else(|fault| panic!("line {}: {fault:?}", example.line));
        let said = object(&example.text);
        assert_eq!(understood(&read, &said), said, "line {}", example.line);
    }
}

/// What was read, as members again; what the code does not keep is taken from `said`.
fn understood(message: &ClientMessage<'_>, said: &Map<String, Value>) -> Map<String, Value> {
    let kept = |names: &[&'static str]| {
        let kept = names.iter().map(|&name| (name, said.get(name).cloned()));
        kept.collect::<Vec<_>>()
    };
    let (kind, mut members) = match &message.body {
        Body::Auth { token } => ("auth", vec![("payload", some(token.reveal()))]),
        Body::Join { room, since, token, presence } => {
            let since = since.as_ref().map(|it| json!({"epoch": it.epoch, "seq": it.seq}));
            let token = token.as_ref().map(|token| token.reveal().into());
            let presence = presence.then(|| true.into());
            let room = some(room.as_str());
            (
                "join",
                vec![("room", room), ("since", since), ("token", token), ("presence", presence)],
            )
        }
        Body::Leave { room } => ("leave", vec![("room", some(room.as_str()))]),
        Body::Message { room, payload, idempotency_key, ephemeral } => {
            let payload = serde_json::from_str(payload.text()).ok();
            let key = idempotency_key.as_ref().map(|key| key.as_str().into());
            let ephemeral = ephemeral.then(|| true.into());
            let (room, key) = (("room", some(room.as_str())), ("idempotency_key", key));
            ("message", vec![room, ("payload", payload), key, ("ephemeral", ephemeral)])
        }
        Body::Ping { payload } => {
            ("ping", vec![("payload", payload.as_ref().map(|text| text.as_ref().into()))])
        }
        Body::Pong => ("pong", vec![]),
        Body::History { room, range } => {
            let before = range.before.map(Value::from);
            // Absent is a number, too.
            let limit = said.get("limit").map(|_| range.limit.into());
            ("history", vec![("room", some(room.as_str())), ("before", before), ("limit", limit)])
        }
        Body::Presence => ("presence", kept(&["room"])),
        Body::Unknown => ("unknown", vec![]),
    };
    members.push(("type", some(kind)));
    members.push(("id", message.id.as_ref().map(|id| id.as_str().into())));
    let present = |(name, value): (&str, Option<Value>)| Some((name.to_owned(), value?));
    members.into_iter().filter_map(present).collect()
}

fn some(text: &str) -> Option<Value> {
    Some(text.into())
}

#[test]
fn what_a_page_calls_always_cannot_be_left_out_and_null_is_not_absent() {
    for page in Spec::read().pages().iter().filter(|page| page.side == Side::Client) {
        let judged = !NOT_SPOKEN.contains(&page.kind.as_str()) && page.kind != "pong";
        for example in page.examples.iter().filter(|_| judged) {
            for name in always(page) {
                let mut without = object(&example.text);
                without.remove(name);
                refused(&without, name);
            }
            for row in page.members.iter().filter(|row| row[1] != "any JSON") {
                let mut with_null = object(&example.text);
                with_null.insert(row[0].clone(), Value::Null);
                refused(&with_null, &row[0]);
            }
            let mut with_more = object(&example.text);
            with_more.insert("a_member_of_the_future".to_owned(), json!([1, {"x": null}]));
            let text = Value::Object(with_more).to_string();
            assert!(client_message::decode(&text).is_ok(), "FRAME-6: {text}");
        }
    }
}

fn refused(message: &Map<String, Value>, about: &str) {
    let text = Value::Object(message.clone()).to_string();
    assert!(client_message::decode(&text).is_err(), "{about}: {text} was accepted");
}

#[test]
fn server_examples_are_what_the_server_writes() {
    let encoded = |message: &ServerMessage<'_>| {
        let mut out = Vec::new();
        message.encode(&mut out);
        String::from_utf8(out).expect("messages are UTF-8")
    };
    let written: BTreeMap<_, _> =
        said_by_the_server().iter().map(|message| (encoded(message), message.kind())).collect();
    for (text, kind) in &written {
        assert_eq!(object(text)["type"], *kind, "{text}");
    }
    let written: BTreeSet<_> = written.into_keys().collect();
    let spoken = |text: &String| {
        let kind = object(text)["type"].as_str().expect("a type is a string").to_owned();
        !NOT_SPOKEN.contains(&kind.as_str())
    };
    let examples = Spec::read().examples();
    let examples = examples.into_iter().filter(|example| example.side == Side::Server);
    let shown: BTreeSet<_> = examples.map(|example| example.text).filter(spoken).collect();
    let invented: Vec<_> = shown.difference(&written).collect();
    assert!(invented.is_empty(), "protocol.md shows what the server does not write: {invented:#?}");
    let unseen: Vec<_> = written.difference(&shown).collect();
    assert!(unseen.is_empty(), "protocol.md does not show: {unseen:#?}");
}

#[test]
fn every_message_of_the_server_has_a_page() {
    let written: BTreeSet<_> = said_by_the_server().iter().map(|message| message.kind()).collect();
    let pages = Spec::read().pages();
    let pages = pages.iter().filter(|page| page.side == Side::Server);
    let pages: BTreeSet<_> = pages.map(|page| page.kind.as_str()).collect();
    let spoken: BTreeSet<_> = pages.difference(&BTreeSet::from(NOT_SPOKEN)).copied().collect();
    assert_eq!(written, spoken);
}

/// When the examples were written, Unix milliseconds.
const AT_MS: u64 = 1_790_000_000_000;

/// The values behind the examples of the server's messages.
fn said_by_the_server() -> Vec<ServerMessage<'static>> {
    let (red, white) = ("k3Jd9aQx", "w0Pz7mVb");
    let left = |id, code| ServerMessage::Left { id, room: ROOM.into(), code };
    let (bob, info) = (text("bob"), text(r#"{"name":"Bob"}"#));
    let bob_again = bob.clone();
    vec![
        auth_ok(None, "bXq0wK5sT2mYv8Zr", 3_600_000, AT_MS + 3_600_000),
        auth_ok(None, "Zp7LrW1cN4uHd6Ef", 3_590_000, AT_MS + 3_600_000),
        auth_ok(text("refresh-1"), "bXq0wK5sT2mYv8Zr", 3_600_000, AT_MS + 7_200_000),
        ServerMessage::AuthExpiring { expires_in_ms: 60_000 },
        joined(text("1"), red, 41, None),
        joined(text("1"), red, 43, Some(true)),
        joined(text("7"), red, 41, None),
        joined(None, white, 3, Some(false)),
        left(text("9"), None),
        left(None, Some(ErrorCode::Forbidden)),
        left(None, Some(ErrorCode::TokenExpired)),
        ack("2", false),
        ack("3", true),
        message(42, text("ann"), 123, r#"{"text":"hello"}"#, |it| it.idempotency_key = text("m-1")),
        message(43, bob.clone(), 9_000, r#"{"text":"are you still there?"}"#, |_| ()),
        message(43, bob, 200, "[1,2.50,null]", |it| it.info = info),
        message(44, None, 300, r#""maintenance at noon""#, |_| ()),
        emitted("13"),
        message(0, bob_again, 400, r#"{"typing":true}"#, |it| it.seq = None),
        ServerMessage::History {
            id: text("11"),
            room: ROOM.into(),
            epoch: red.into(),
            messages: vec![remembered()],
            more: false,
        },
        ServerMessage::Ping,
        ServerMessage::Pong { id: None, payload: text("awake?") },
        ServerMessage::Reconnect { after_ms: 7_400, reason: CloseCode::Restart.name() },
        ServerMessage::Reconnect { after_ms: 310, reason: "session_age" },
        error(ErrorCode::NotJoined, None),
        error(ErrorCode::RateLimited, Some(100)),
        ServerMessage::Fatal { id: None, code: CloseCode::AuthRequired, retry_after_ms: None },
        ServerMessage::Fatal { id: None, code: CloseCode::TokenExpired, retry_after_ms: None },
    ]
}

type Text = Option<Cow<'static, str>>;

/// The room of the examples.
const ROOM: &str = "team:red";

fn text(text: &'static str) -> Text {
    Some(text.into())
}

fn auth_ok(
    id: Text,
    connection: &'static str,
    expires_in_ms: u64,
    expires_at_ms: u64,
) -> ServerMessage<'static> {
    ServerMessage::AuthOk(Box::new(AuthOk {
        refreshed: id.is_some(),
        id,
        connection: connection.into(),
        user: "ann".into(),
        expires_in_ms,
        expires_at_ms,
        limits: SessionLimits::default(),
        leeway_ms: 5_000,
        features: &["recovery", "history", "ephemeral", "room_token", "refresh"],
    }))
}

fn joined(
    id: Text,
    epoch: &'static str,
    seq: u64,
    recovered: Option<bool>,
) -> ServerMessage<'static> {
    ServerMessage::Joined { id, room: ROOM.into(), epoch: epoch.into(), seq, recovered }
}

fn ack(id: &'static str, duplicate: bool) -> ServerMessage<'static> {
    let position = Some(Position { epoch: "k3Jd9aQx".into(), seq: 42 });
    ServerMessage::Ack { id: id.into(), room: ROOM.into(), position, at_ms: AT_MS + 123, duplicate }
}

fn emitted(id: &'static str) -> ServerMessage<'static> {
    let (id, room) = (id.into(), ROOM.into());
    ServerMessage::Ack { id, room, position: None, at_ms: AT_MS + 400, duplicate: false }
}

/// A message as a `history` holds it.
fn remembered() -> Cow<'static, str> {
    let mut json = Vec::new();
    message(41, text("bob"), 0, r#""hi""#, |_| ()).encode(&mut json);
    String::from_utf8(json).expect("messages are UTF-8").into()
}

fn message(
    seq: u64,
    user: Text,
    after_ms: u64,
    payload: &'static str,
    more: impl FnOnce(&mut RoomMessage<'static>),
) -> ServerMessage<'static> {
    let mut message = RoomMessage {
        room: ROOM.into(),
        seq: Some(seq),
        user,
        info: None,
        at_ms: AT_MS + after_ms,
        payload: payload.into(),
        idempotency_key: None,
    };
    more(&mut message);
    ServerMessage::Message(Box::new(message))
}

fn error(code: ErrorCode, retry_after_ms: Option<u64>) -> ServerMessage<'static> {
    let (id, room, message) = (text("10"), text(ROOM), code.message().into());
    ServerMessage::Error(ErrorMessage { id, room, code, message, retry_after_ms })
}

/// Limits that only the server has.
#[cfg(feature = "server")]
mod of_the_server {
    use super::{AuthLimits, BTreeMap, SessionLimits, limits_of_the_core, shown_limits};
    use vestibule::config::Config;

    fn limits_of_the_configuration() -> BTreeMap<&'static str, u64> {
        let text = "rooms.default = \"open\"\n[[issuer]]\nname = \"app\"\nalgorithm = \"HS256\"\n\
                    secret = \"at least thirty-two bytes of secret\"\n";
        let config = Config::from_toml("test", text, vec![]).expect("a small configuration");
        assert_eq!(config.auth, AuthLimits::default());
        assert_eq!(config.session, SessionLimits::default());
        let history = config.rooms.otherwise().history;
        BTreeMap::from([
            ("connections_per_user", config.connections_per_user.into()),
            ("leeway_ms", config.issuers[0].leeway_ms),
            ("history_count", u64::try_from(history.count).expect("a bound")),
            ("history_age_ms", history.age_ms),
            ("history_bytes", u64::try_from(history.bytes).expect("a bound")),
            ("places", config.places.places as u64),
            ("hard_places", config.places.hard_places as u64),
            ("share", config.places.share as u64),
            ("accept_rate", config.accepts_per_s.into()),
        ])
    }

    /// Limits that are constants inside of the server: where each one stands.
    const CONSTANTS: [(&str, &str, &str); 9] = [
        ("handshake_ms", "src/server/handshake.rs", "HANDSHAKE_MS"),
        ("header_bytes", "src/server/http/request.rs", "HEAD_BYTES"),
        ("header_lines", "src/server/http/request.rs", "HEADER_LINES"),
        ("squeezed_ms", "src/gate/guest.rs", "SQUEEZED_MS"),
        ("verifications", "src/gate/verifications.rs", "VERIFICATIONS"),
        ("close_drain_bytes", "src/connection/transport.rs", "DRAIN_BYTES"),
        ("close_auth_ms", "src/connection/transport.rs", "CLOSE_BEFORE_AUTH_MS"),
        ("close_ready_ms", "src/connection/transport.rs", "CLOSE_AFTER_AUTH_MS"),
        ("idempotency_ms", "src/broker/mod.rs", "KEY_WINDOW_MS"),
    ];

    /// The value of `const NAME: T = 64 * 1024;` in a file of the source.
    fn constant(path: &str, name: &str) -> u64 {
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
        let text = std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{path:?}: {e}"));
        let (_, rest) = text.split_once(&format!("const {name}: ")).unwrap_or_else(|| {
            panic!("{path:?} has no constant {name}");
        });
        let (_, rest) = rest.split_once(" = ").expect("a constant has a value");
        let (product, _) = rest.split_once(';').expect("a constant ends");
        let factors = product.split('*').map(|factor| factor.trim().replace('_', ""));
        factors.map(|factor| factor.parse::<u64>().expect("a factor is a number")).product()
    }

    #[test]
    fn every_limit_is_held_by_the_code() {
        let constants = CONSTANTS.map(|(limit, path, name)| (limit, constant(path, name)));
        let mut held = limits_of_the_core();
        held.extend(limits_of_the_configuration());
        held.extend(constants);
        let shown = shown_limits();
        let held: BTreeMap<_, _> = held.into_iter().map(|(name, n)| (name.to_owned(), n)).collect();
        assert_eq!(shown, held);
    }
}
