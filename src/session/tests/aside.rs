//! Looking back, and messages that nobody remembers.

use super::*;
use crate::protocol::room_rules::{Access, RoomTerms};

const HISTORY: &str = r#"{"type":"history","id":"h","room":"den","before":9,"limit":2}"#;
const EMIT: &str = r#"{"type":"message","id":"m","room":"den","payload":1,"ephemeral":true}"#;

fn page(rig: &mut Rig, more: bool) -> Vec<String> {
    let key = rig.last_key();
    let messages = vec!["{}".into(), "[]".into()];
    rig.event(Event::History { key, epoch: "e", messages, more })
}

#[test]
fn a_look_back_stops_the_reading_until_it_is_answered() {
    let mut rig = Rig::default();
    rig.join("den");
    assert_eq!(rig.text(HISTORY), ["history den 2 before 9"]);
    assert!(!rig.session.wants_input() && rig.session.reads_ahead());
    assert_eq!(page(&mut rig, true), ["history den e {},[].. id=h"]);
    assert!(rig.session.wants_input() && !rig.session.reads_ahead());
    assert!(page(&mut rig, true).is_empty(), "answered once");
    assert_eq!(rig.text(r#"{"type":"history","room":"den"}"#), ["history den 50"]);
    assert_eq!(page(&mut rig, false), ["history den e {},[]"]);
}

#[test]
fn a_look_back_needs_membership_and_the_right() {
    let rules = || Rules { rooms: RoomRules::granted(), ..rules() };
    let mut rig = Rig::ready(rules(), granting(r#"{"den":["join","send"],"hall":"*"}"#));
    assert_eq!(rig.text(HISTORY), ["error not_joined room=den id=h"]);
    rig.join("den");
    assert_eq!(rig.text(HISTORY), ["error forbidden room=den id=h"]);
    rig.text(r#"{"type":"join","room":"hall"}"#);
    let hall = r#"{"type":"history","id":"h","room":"hall"}"#;
    assert_eq!(rig.text(hall), ["history hall 50"], "a join on its way is enough");
    let key = rig.last_key();
    let refused = Event::HistoryRefused { key, why: RoomRefusal::NotJoined };
    assert_eq!(rig.event(refused), ["error not_joined room=hall id=h"]);
    assert!(rig.session.wants_input());
}

#[test]
fn a_right_that_is_lost_meanwhile_shows_nothing() {
    let rules = Rules { rooms: RoomRules::granted(), ..rules() };
    let mut rig = Rig::ready(rules, granting(r#"{"den":"*"}"#));
    rig.join("den");
    rig.text(r#"{"type":"auth","payload":"t"}"#);
    rig.text(HISTORY);
    let less = granting(r#"{"den":["join","send"]}"#);
    assert_eq!(rig.event(Event::Verified(Box::new(less))), ["auth_ok refreshed"]);
    assert_eq!(page(&mut rig, false), ["error forbidden room=den id=h"]);
}

#[test]
fn an_answer_that_finds_no_space_is_given_up_and_silence_is_judged_meanwhile() {
    let mut rig = Rig::default();
    rig.join("den");
    rig.text(HISTORY);
    assert_eq!(rig.deadline(), Some(10_000));
    assert!(rig.pass(9_999).is_empty());
    assert_eq!(rig.pass(1), ["error overloaded room=den id=h"]);
    assert!(rig.session.wants_input());
    assert!(page(&mut rig, false).is_empty(), "nobody waits for it");
    for _ in 0..3 {
        rig.text(HISTORY);
        rig.wait(9_000);
        let _ = page(&mut rig, false);
    }
    rig.text(HISTORY);
    let silent = Pulse { heard: START.time, spoke: rig.now.time, backlog: true };
    let _ = rig.event(Event::Timer(silent));
    rig.wait(10_000);
    let said = rig.event(Event::Timer(silent));
    assert_eq!(said.last().map(String::as_str), Some("close 4420"), "{said:?}");
}

#[test]
fn what_is_not_offered_is_unsupported_whatever_its_members() {
    let features = &["recovery", "refresh"];
    let mut rig = Rig::ready(Rules { features, ..rules() }, ann());
    for text in [
        r#"{"type":"history"}"#,
        r#"{"type":"history","room":"no room"}"#,
        r#"{"type":"history","room":"den","limit":0}"#,
        r#"{"type":"presence"}"#,
    ] {
        let said = rig.text(text);
        assert!(said[0].starts_with("error unsupported"), "{text}: {said:?}");
    }
    rig.join("den");
    assert_eq!(rig.text(EMIT), ["error unsupported room=den id=m"]);
}

#[test]
fn an_ephemeral_message_is_acknowledged_without_a_number() {
    let mut rig = Rig::default();
    assert_eq!(rig.text(EMIT), ["error not_joined room=den id=m"]);
    rig.join("den");
    assert_eq!(rig.text(EMIT), ["emit den 1"]);
    let key = rig.last_key();
    assert_eq!(rig.event(Event::Emitted { key, at_ms: 7 }), ["ack den at 7 id=m"]);
    let silent = r#"{"type":"message","room":"den","payload":1,"ephemeral":true}"#;
    assert_eq!(rig.text(silent), ["emit den 1"]);
    let key = rig.last_key();
    assert!(rig.event(Event::Emitted { key, at_ms: 7 }).is_empty());
    let keyed = EMIT.replace("\"id\":\"m\"", "\"id\":\"m\",\"idempotency_key\":\"k\"");
    assert_eq!(rig.text(&keyed), ["error bad_message room=den id=m"]);
}

#[test]
fn a_rule_may_refuse_ephemeral_messages() {
    let terms = RoomTerms { ephemeral: false, ..RoomTerms::new(Access::Open) };
    let mut rig = Rig::ready(Rules { rooms: RoomRules::everywhere(terms), ..rules() }, ann());
    rig.join("den");
    assert_eq!(rig.text(EMIT), ["error forbidden room=den id=m"]);
}
