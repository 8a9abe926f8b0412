//! Requests: ids, rates, the bug budget, what is not offered.

use super::*;

fn message(id: &str) -> String {
    format!(r#"{{"type":"message","id":"{id}","room":"den","payload":[1]}}"#)
}

#[test]
fn a_message_is_acknowledged_if_it_has_an_id_and_fails_aloud_in_any_case() {
    let mut rig = Rig::default();
    rig.join("den");
    assert_eq!(rig.text(&message("m")), ["publish den [1]"]);
    let key = rig.last_key();
    let done = Event::Published { key, epoch: "e", seq: 4, at_ms: 99, duplicate: true };
    assert_eq!(rig.event(done), ["ack den e/4 at 99 duplicate id=m"]);

    let silent =
        r#"{"type":"message","room":"den","payload":9007199254740993,"idempotency_key":"k"}"#;
    assert_eq!(rig.text(silent), ["publish den 9007199254740993 key=k"]);
    let key = rig.last_key();
    let done = Event::Published { key, epoch: "e", seq: 5, at_ms: 99, duplicate: false };
    assert!(rig.event(done).is_empty());

    rig.text(silent);
    let key = rig.last_key();
    let why = RoomRefusal::Overloaded;
    let failed = Event::PublishFailed { key, why };
    assert_eq!(rig.event(failed), ["error overloaded room=den"]);
    assert!(rig.event(Event::PublishFailed { key, why }).is_empty(), "answered once");
}

#[test]
fn an_id_in_flight_is_taken_and_free_once_its_answer_is_queued() {
    let mut rig = Rig::default();
    rig.join("den");
    rig.text(&message("m"));
    let key = rig.last_key();
    assert_eq!(rig.text(&message("m")), ["error duplicate_id room=den id=m"]);
    assert_eq!(rig.text(r#"{"type":"ping","id":"m"}"#), ["error duplicate_id id=m"]);
    let _ = rig.event(Event::Published { key, epoch: "e", seq: 1, at_ms: 1, duplicate: false });
    assert_eq!(rig.text(&message("m")), ["publish den [1]"]);
    let _ = rig.text(r#"{"type":"auth","payload":"t","id":"a"}"#);
    assert_eq!(
        rig.text(&message("a")),
        ["error duplicate_id room=den id=a"],
        "a refresh holds its id too"
    );
}

#[test]
fn reading_stops_with_a_full_table_and_goes_on_with_one_answer() {
    let mut rig = Rig::default();
    for room in 0..64 {
        assert!(rig.session.wants_input());
        rig.text(&format!(r#"{{"type":"join","room":"r{room}"}}"#));
    }
    assert!(!rig.session.wants_input());
    assert_eq!(
        rig.text(r#"{"type":"join","room":"x","id":"x"}"#),
        ["error overloaded room=x id=x"]
    );
    rig.joined(0);
    assert!(rig.session.wants_input());
}

#[test]
fn the_twentieth_bug_within_a_minute_is_fatal() {
    let mut rig = Rig::default();
    for _ in 0..19 {
        assert_eq!(rig.text("{"), ["error bad_message"]);
    }
    rig.wait(60_000);
    for _ in 0..18 {
        assert_eq!(rig.text(r#"{"type":"join","id":"j"}"#), ["error bad_message id=j"]);
    }
    assert_eq!(rig.text(r#"{"type":"join","id":"\u0000"}"#), ["error bad_message"], "no id");
    assert_eq!(rig.text(r#"{"type":"join","id":"j"}"#), ["fatal bad_message id=j", "close 4400"]);
}

const EPHEMERAL_WITH_KEY: &str = r#"{"type":"message","room":"den","payload":1,"ephemeral":true,"idempotency_key":"k","id":"1"}"#;

#[test]
fn an_ephemeral_message_with_a_key_is_a_bug_where_it_is_offered() {
    let mut rig = Rig::ready(Rules { features: &["ephemeral"], ..rules() }, ann());
    assert_eq!(rig.text(EPHEMERAL_WITH_KEY), ["error bad_message room=den id=1"]);
}

#[test]
fn unknown_and_unoffered_types_are_no_bugs() {
    let features = &["recovery", "room_token", "refresh"];
    let mut rig = Rig::ready(Rules { features, ..rules() }, ann());
    for _ in 0..30 {
        for (text, code) in [
            (r#"{"type":"joined","id":"1"}"#, "unknown_type"),
            (r#"{"type":"presence","id":"1","room":"den"}"#, "unsupported"),
            (r#"{"type":"history","id":"1"}"#, "unsupported"),
            (r#"{"type":"leave","id":"1","room":"no room"}"#, "bad_room"),
        ] {
            assert_eq!(rig.text(text), [format!("error {code} id=1")]);
        }
    }
    for text in [
        r#"{"type":"message","room":"den","payload":1,"ephemeral":true,"id":"1"}"#,
        EPHEMERAL_WITH_KEY,
    ] {
        assert_eq!(rig.text(text), ["error unsupported room=den id=1"]);
    }
    assert_eq!(rig.text(r#"{"type":"join","room":"den","presence":true}"#), ["join den"]);
    let mut rig = Rig::ready(Rules { features: &[], ..rules() }, ann());
    assert_eq!(rig.text(r#"{"type":"auth","payload":"t"}"#), ["error unsupported"]);
    let with_token = r#"{"type":"join","room":"den","token":"t","id":"1"}"#;
    assert_eq!(rig.text(with_token), ["error unsupported room=den id=1"]);
}

#[test]
fn over_its_rate_a_request_is_refused_first_of_all_and_the_twentieth_time_is_fatal() {
    let mut rig = Rig::default();
    for _ in 0..20 {
        assert_eq!(rig.text(&message("m")), ["error not_joined room=den id=m"]);
    }
    for _ in 0..19 {
        assert_eq!(rig.text(&message("m")), ["error rate_limited room=den after=100 id=m"]);
    }
    assert_eq!(rig.text(r#"{"type":"ping"}"#), ["pong None"], "an accepted request ends the row");
    for _ in 0..19 {
        assert_eq!(rig.text(&message("m")), ["error rate_limited room=den after=100 id=m"]);
    }
    assert_eq!(
        rig.text(&message("m")),
        ["fatal rate_limited after=100 id=m", "close 4429 after=100"]
    );
}

#[test]
fn a_malformed_request_draws_on_the_rate_of_its_type() {
    let mut rig = Rig::default();
    // The payload is missing: a bug each, and one message of the burst each.
    for _ in 0..10 {
        let answers = rig.text(r#"{"type":"message","room":"lobby","id":"m"}"#);
        assert_eq!(answers, ["error bad_message id=m"]);
    }
    for _ in 0..10 {
        let answers = rig.text(r#"{"type":"message","room":"no room","payload":1,"id":"m"}"#);
        assert_eq!(answers, ["error bad_room id=m"]);
    }
    assert_eq!(rig.text(&message("m")), ["error rate_limited room=den after=100 id=m"]);
}

#[test]
fn the_quota_of_a_token_lowers_the_message_rate_and_raises_it_to_the_ceiling() {
    for (asked, ceiling, after) in [(2, None, 500), (100, None, 100), (100, Some(50), 20)] {
        let quotas = Quotas { messages_per_s: Some(asked), ..Quotas::default() };
        let ceiling = Quotas { messages_per_s: ceiling, ..Quotas::default() };
        let mut rig = Rig::ready(rules(), Login { quotas, ceiling, ..ann() });
        // The burst stays.
        for _ in 0..20 {
            rig.text(&message("m"));
        }
        let refused = format!("error rate_limited room=den after={after} id=m");
        assert_eq!(rig.text(&message("m")), [refused]);
    }
}

#[test]
fn control_frames_over_their_rate_are_dropped_and_count() {
    let mut rig = Rig::default();
    for _ in 0..199 {
        assert_eq!(rig.event(Event::Ping(b"hi")), ["Pong hi"]);
    }
    assert!(rig.event(Event::Pong).is_empty());
    for _ in 0..19 {
        assert!(rig.event(Event::Ping(b"hi")).is_empty());
    }
    assert_eq!(rig.event(Event::Pong), ["fatal rate_limited after=20", "close 4429 after=20"]);
}

#[test]
fn a_text_ping_is_answered_with_its_payload() {
    let mut rig = Rig::default();
    let said = rig.text(r#"{"type":"ping","id":"p","payload":"x"}"#);
    assert_eq!(said, [r#"pong Some("x") id=p"#]);
    assert!(rig.text(r#"{"type":"pong"}"#).is_empty());
}

#[test]
fn an_oversized_message_is_refused_without_an_id_and_is_no_bug() {
    let mut rig = Rig::default();
    for _ in 0..100 {
        assert_eq!(rig.event(Event::TooBig), ["error too_big"]);
    }
}
