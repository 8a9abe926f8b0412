//! The first message: one attempt, one deadline, nothing before the verdict.

use super::*;
use crate::protocol::close_code::CloseCode;

#[test]
fn anything_but_a_sign_in_closes_at_once() {
    for (text, verdict) in [
        (r#"{"type":"join","room":"a"}"#, "auth_required"),
        (r#"{"type":"join"}"#, "auth_required"),
        (r#"{"type":"join","room":"no room"}"#, "auth_required"),
        (r#"{"type":"ping"}"#, "auth_required"),
        (r#"{"type":"hello"}"#, "auth_required"),
        (r#"{"type":"auth"}"#, "bad_message"),
        (r#"{"type":"auth","payload":{}}"#, "bad_message"),
        (r#"{"payload":"t"}"#, "bad_message"),
        (r#"{"type":"join","id":""}"#, "bad_message"),
        (r#"["auth"]"#, "bad_message"),
        ("hello", "bad_message"),
        ("", "bad_message"),
    ] {
        let mut rig = Rig::new(rules());
        let said = rig.text(text);
        let code = if verdict == "auth_required" { 4401 } else { 4400 };
        assert_eq!(said, [format!("fatal {verdict}"), format!("close {code}")], "{text}");
        assert!(!rig.session.wants_input());
        assert_eq!(rig.session.next_deadline(rig.now), None);
    }
}

#[test]
fn the_first_message_echoes_its_id_whatever_comes_of_it() {
    let mut rig = Rig::new(rules());
    assert_eq!(
        rig.text(r#"{"type":"join","id":"j","room":"a"}"#),
        ["fatal auth_required id=j", "close 4401"]
    );
    for (verdict, words) in [
        (Event::Refused(Refusal::Invalid), ["fatal token_invalid id=a", "close 4411"]),
        (Event::Refused(Refusal::Expired), ["fatal token_expired id=a", "close 4412"]),
        (Event::Refused(Refusal::NotYetValid), ["fatal token_not_yet_valid id=a", "close 4413"]),
        (Event::Refused(Refusal::Forbidden), ["fatal forbidden id=a", "close 4403"]),
        (Event::Refused(Refusal::Revoked), ["fatal revoked id=a", "close 4410"]),
        (
            Event::Refused(Refusal::TooManyConnections),
            ["fatal too_many_connections id=a", "close 4430"],
        ),
        (Event::VerifierDown, ["fatal internal id=a", "close 1011"]),
    ] {
        let mut rig = Rig::new(rules());
        rig.text(r#"{"id":"a","payload":"t","type":"auth"}"#);
        assert_eq!(rig.event(verdict), words);
    }
    let mut rig = Rig::new(rules());
    rig.text(r#"{"id":"a","payload":"t","type":"auth"}"#);
    assert_eq!(rig.event(Event::Verified(Box::new(ann()))), ["auth_ok id=a"]);
}

#[test]
fn the_deadline_spans_both_states_and_is_judged_on_every_event() {
    let mut rig = Rig::new(rules());
    rig.wait(9_999);
    assert_eq!(rig.deadline(), Some(1));
    rig.event(Event::Ping(b""));
    assert_eq!(rig.deadline(), Some(1), "nothing extends it");
    rig.wait(1);
    assert_eq!(
        rig.text(r#"{"type":"auth","payload":"t"}"#),
        ["fatal auth_timeout", "close 4408"],
        "too late"
    );

    let mut rig = Rig::new(rules());
    rig.wait(5_000);
    rig.text(r#"{"type":"auth","payload":"t","id":"a"}"#);
    assert_eq!(rig.deadline(), Some(5_000));
    assert!(!rig.session.wants_input());
    assert_eq!(rig.pass(5_000), ["fatal internal id=a", "close 1011"]);
}

#[test]
fn a_long_token_is_refused_without_a_look() {
    let text = |len| format!(r#"{{"type":"auth","payload":"{}"}}"#, "x".repeat(len));
    let mut rig = Rig::new(rules());
    assert_eq!(rig.text(&text(8 * 1024 + 1)), ["fatal token_invalid", "close 4411"]);
    let mut rig = Rig::new(rules());
    assert_eq!(rig.text(&text(8 * 1024)).len(), 1);
    assert_eq!(rig.session.phase(), Phase::Verifying);
}

#[test]
fn a_presented_credential_starts_in_verification() {
    let open = |token: String| {
        let arrival = Arrival { opening: presented(&token), ..Arrival::new("c1", 7) };
        Session::new(START, Arc::new(rules()), arrival)
    };
    let (mut session, actions) = open("t".into());
    assert_eq!(actions.iter().map(show).collect::<Vec<_>>(), ["verify t"]);
    assert!(!session.wants_input());
    let said = session.handle(START, Event::Verified(Box::new(ann())));
    assert_eq!(said.iter().map(show).collect::<Vec<_>>(), ["auth_ok"]);

    let (session, actions) = open("x".repeat(8 * 1024 + 1));
    let actions: Vec<_> = actions.iter().map(show).collect();
    assert_eq!(actions, ["fatal token_invalid", "close 4411"]);
    assert_eq!(session.phase(), Phase::Closing);
}

#[test]
fn auth_ok_says_the_limits_in_force() {
    let mut rig = Rig::new(rules());
    rig.text(r#"{"type":"auth","payload":"t"}"#);
    rig.wait(1_500);
    let quotas = Quotas { messages_per_s: Some(0), rooms: Some(1_000), connections: None };
    let login = Login { quotas, ..ann() };
    let actions = rig.session.handle(rig.now, Event::Verified(Box::new(login)));
    let Some(Action::Send(ServerMessage::AuthOk(ok))) = actions.first() else {
        panic!("{actions:?}");
    };
    assert_eq!((ok.connection.as_ref(), ok.user.as_ref()), ("c1", "ann"));
    assert_eq!(ok.expires_in_ms, 3_598_500);
    assert_eq!(ok.expires_at_ms, 1_800_003_600_000);
    assert_eq!(ok.leeway_ms, 5_000);
    assert_eq!(ok.limits.messages_per_s, 1, "a quota is never nothing");
    assert_eq!(ok.limits.rooms, 128, "a quota only lowers");
    assert_eq!(ok.limits.burst, 20);
    assert!(!ok.refreshed);
}

#[test]
fn an_end_before_the_verdict_is_said_as_the_server_means_it() {
    for (event, words) in [
        (Event::Eof, vec!["abandon"]),
        (Event::PeerClose(Some(4900)), vec!["echo Some(4900)"]),
        (Event::Draining { after_ms: 7 }, vec!["close 1012 after=7"]),
        (Event::Shutdown { after_ms: 7 }, vec!["close 1012 after=7"]),
        (
            Event::Evicted(CloseCode::TooManyConnections),
            vec!["fatal too_many_connections", "close 4430"],
        ),
        (Event::Fault(TransportFault::Utf8), vec!["fatal utf8", "close 1007"]),
        (Event::UnsupportedProtocol, vec!["fatal unsupported_protocol", "close 4406"]),
    ] {
        let mut rig = Rig::new(rules());
        assert_eq!(rig.event(event), words);
    }
}

#[test]
fn the_room_of_the_path_is_joined_behind_the_verdict() {
    let open = |rules: Rules, room| {
        let arrival = Arrival { room: Some(Box::new(room)), ..Arrival::new("c1", 7) };
        let (session, actions) = Session::new(START, Arc::new(rules), arrival);
        assert!(actions.is_empty(), "nothing happens before the verdict");
        let mut rig = Rig { session, now: START, keys: Vec::new() };
        assert_eq!(rig.text(r#"{"type":"auth","payload":"t","id":"a"}"#), ["verify t"]);
        rig.event(Event::Verified(Box::new(ann())))
    };
    let lobby = || RoomName::parse("lobby");
    assert_eq!(open(rules(), lobby()), ["auth_ok id=a", "join lobby"]);
    let granted = || Rules { rooms: RoomRules::granted(), ..rules() };
    assert_eq!(open(granted(), lobby()), ["auth_ok id=a", "error forbidden room=lobby"]);
    assert_eq!(open(rules(), Err(BadRoomName)), ["auth_ok id=a", "error bad_room"]);
}
