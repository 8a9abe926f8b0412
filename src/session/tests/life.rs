//! Time after the verdict: token life, wall clocks that jump, heartbeat, the ends of the server.

use super::*;

#[test]
fn the_token_ends_at_exp_and_leeway_on_every_event() {
    let mut rig = Rig::default();
    rig.wait(3_604_999);
    assert!(!rig.session.is_expired(rig.now));
    rig.wait(1);
    assert!(rig.session.is_expired(rig.now));
    let auth = r#"{"type":"auth","payload":"t","id":"r"}"#;
    assert_eq!(rig.text(auth), ["fatal token_expired", "close 4412"], "too late for a refresh");
    let mut rig = Rig::default();
    rig.wait(3_605_000);
    assert_eq!(rig.event(Event::PeerClose(None)), ["echo None"]);
}

#[test]
fn a_jump_of_the_wall_clock_moves_the_end_of_the_token() {
    let mut rig = Rig::default();
    rig.now.wall = rig.now.wall + 3_600_000;
    assert_eq!(rig.deadline(), Some(0), "the warning");
    assert_eq!(rig.pass(0), ["auth_expiring 0"]);
    assert_eq!(rig.deadline(), Some(5_000));
    rig.now.wall = START.wall;
    assert!(rig.deadline() > Some(20_000), "the heartbeat comes first again");
    assert!(!rig.session.is_expired(rig.now));
}

#[test]
fn the_warning_comes_once_at_the_smaller_of_a_minute_and_a_fifth_of_the_life() {
    for (life, lead) in [(3_600_000, 60_000), (300_000, 60_000), (100_000, 20_000)] {
        let login = Login { expires_at: START.wall + life, ..ann() };
        let mut rig = Rig::ready(rules(), login);
        let quiet = rig.pass(life - lead - 1);
        assert!(!quiet.iter().any(|said| said.starts_with("auth_expiring")), "{quiet:?}");
        rig.event(Event::Pong);
        assert_eq!(rig.pass(1), [format!("auth_expiring {lead}")]);
        assert!(rig.pass(1).is_empty());
    }
}

#[test]
fn the_life_of_a_token_begins_at_iat_and_a_due_warning_comes_behind_auth_ok() {
    let issued_at = Some(Wall::from_ms(START.wall.as_ms() - 100_000));
    let old = Login { issued_at, expires_at: START.wall + 10_000, ..ann() };
    let mut rig = Rig::new(rules());
    rig.text(r#"{"type":"auth","payload":"t"}"#);
    let said = rig.event(Event::Verified(Box::new(old.clone())));
    assert_eq!(said, ["auth_ok", "auth_expiring 10000"]);
    // The same token again warns no more; another one does.
    for (mark, words) in [(1, 1), (2, 2)] {
        rig.text(r#"{"type":"auth","payload":"t"}"#);
        let said = rig.event(Event::Verified(Box::new(Login { mark, ..old.clone() })));
        assert_eq!(said.len(), words, "{said:?}");
    }
}

#[test]
fn a_silent_peer_is_closed_and_a_slow_one_told_apart() {
    for (backlog, end) in [
        (false, vec!["fatal heartbeat_timeout", "close 4421"]),
        (true, vec!["cut", "fatal slow_consumer", "close 4420"]),
    ] {
        let mut rig = Rig::default();
        rig.wait(rig.deadline().unwrap());
        let heard = START.time;
        let pulse = Pulse { heard, spoke: START.time, backlog };
        assert_eq!(rig.event(Event::Timer(pulse)), ["Ping and ping"]);
        assert_eq!(rig.deadline(), Some(10_000));
        rig.wait(9_999);
        assert!(rig.event(Event::Timer(pulse)).is_empty());
        rig.wait(1);
        assert_eq!(rig.event(Event::Timer(pulse)), end);
    }
}

#[test]
fn silence_of_a_session_that_does_not_read_proves_nothing() {
    let mut rig = Rig::default();
    for room in 0..64 {
        rig.text(&format!(r#"{{"type":"join","room":"r{room}"}}"#));
    }
    let pulse = Pulse { heard: START.time, spoke: START.time, backlog: false };
    rig.wait(27_500);
    assert_eq!(rig.event(Event::Timer(pulse)), ["Ping and ping"]);
    rig.wait(10_000);
    assert!(rig.event(Event::Timer(pulse)).is_empty());
}

#[test]
fn the_server_ends_a_session_in_its_own_words() {
    for (event, words) in [
        (Event::Shutdown { after_ms: 7 }, vec!["close 1012 after=7"]),
        (Event::Slow, vec!["cut", "fatal slow_consumer", "close 4420"]),
        (Event::Revoked, vec!["fatal revoked", "close 4410"]),
        (Event::Replaced, vec!["fatal replaced", "close 4423"]),
        (Event::Fault(TransportFault::Binary), vec!["fatal binary", "close 1003"]),
    ] {
        let mut rig = Rig::default();
        assert_eq!(rig.event(Event::Draining { after_ms: 9 }), ["reconnect restart 9"]);
        rig.join("den");
        assert_eq!(rig.event(event), words);
        assert!(rig.event(Event::Slow).is_empty(), "nothing behind a Close");
        assert!(rig.event(Event::Eof).is_empty());
        assert_eq!(rig.session.phase(), Phase::Closed);
    }
}

#[test]
fn a_session_ends_at_its_age_or_up_to_a_tenth_sooner() {
    let aged = || {
        let session = SessionLimits { session_age_ms: 1_000_000, ..SessionLimits::default() };
        Arc::new(Rules { session, ..rules() })
    };
    let mut ends = Vec::new();
    for seed in 0..100 {
        let arrival = Arrival { opening: presented("t"), ..Arrival::new("c", seed) };
        let (session, _) = Session::new(START, aged(), arrival);
        let mut rig = Rig { session, now: START, keys: Vec::new() };
        rig.event(Event::Verified(Box::new(ann())));
        let said = loop {
            let said = rig.pass(rig.deadline().unwrap());
            if said.last().is_some_and(|last| last.starts_with("close")) {
                break said;
            }
        };
        let after = said.last().unwrap().strip_prefix("close 1012 after=").unwrap();
        assert_eq!(said[0], format!("reconnect session_age {after}"), "{said:?}");
        assert!(after.parse::<u64>().unwrap() <= 1_000);
        ends.push(rig.now.time.since(START.time));
    }
    assert!(ends.iter().all(|end| (900_000..=1_000_000).contains(end)), "{ends:?}");
    ends.sort_unstable();
    ends.dedup();
    assert!(ends.len() > 90, "spread: {ends:?}");
}

#[test]
fn a_refresh_makes_no_session_younger_and_a_drain_ends_it_first() {
    let session = SessionLimits { session_age_ms: 20_000, ..SessionLimits::default() };
    let mut rig = Rig::ready(Rules { session: session.clone(), ..rules() }, ann());
    rig.wait(15_000);
    rig.text(r#"{"type":"auth","payload":"t"}"#);
    rig.event(Event::Verified(Box::new(ann())));
    let said = rig.pass(5_000);
    assert!(said[0].starts_with("reconnect session_age "), "{said:?}");

    let mut rig = Rig::ready(Rules { session, ..rules() }, ann());
    assert_eq!(rig.event(Event::Draining { after_ms: 9 }), ["reconnect restart 9"]);
    assert!(rig.pass(20_000).is_empty());
}
