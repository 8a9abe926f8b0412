//! Refresh: a newer token in a running session.

use super::*;

const AUTH: &str = r#"{"type":"auth","payload":"t","id":"r"}"#;

fn granted(grant: &str) -> Rig {
    Rig::ready(Rules { rooms: RoomRules::granted(), ..rules() }, granting(grant))
}

#[test]
fn a_refresh_goes_on_with_the_newer_token_and_loses_only_the_lost_rooms() {
    let mut rig = granted(r#"{"**":"*"}"#);
    for room in ["den", "hall", "attic"] {
        rig.join(room);
    }
    rig.text(r#"{"type":"leave","room":"attic","id":"l"}"#);
    let leave = rig.last_key();
    assert_eq!(rig.text(AUTH), ["verify t"]);
    assert_eq!(rig.session.phase(), Phase::Refreshing);
    assert!(rig.session.wants_input());
    let post = r#"{"type":"message","room":"hall","payload":1}"#;
    assert_eq!(rig.text(post), ["publish hall 1"], "the old token counts until the verdict");
    let said = rig.event(Event::Verified(Box::new(granting(r#"{"den":"*"}"#))));
    assert_eq!(
        said,
        ["auth_ok refreshed id=r", "evict attic", "evict hall", "left hall forbidden"]
    );
    assert_eq!(rig.text(post), ["error not_joined room=hall"]);
    assert_eq!(rig.event(Event::Left { key: leave }), ["left attic id=l"]);
    assert_eq!(rig.session.phase(), Phase::Ready);
}

#[test]
fn a_join_on_its_way_is_judged_again_when_it_took_effect() {
    let mut rig = granted(r#"{"**":"*"}"#);
    rig.text(r#"{"type":"join","room":"hall","id":"j"}"#);
    rig.text(AUTH);
    rig.event(Event::Verified(Box::new(granting(r#"{"den":"*"}"#))));
    assert_eq!(rig.joined(5), ["evict hall", "error forbidden room=hall id=j"]);
    assert!(!rig.session.is_member(RoomRef::parse("hall").unwrap()));
}

#[test]
fn one_refresh_at_a_time() {
    let mut rig = Rig::default();
    rig.text(AUTH);
    let other = r#"{"type":"auth","payload":"u","id":"s"}"#;
    assert_eq!(rig.text(other), ["error refresh_in_progress id=s"]);
    rig.event(Event::VerifierDown);
    assert_eq!(rig.text(other), ["verify u"]);
}

#[test]
fn the_principal_is_the_issuer_and_the_subject_and_nothing_else() {
    let refresh = |change: fn(&mut Identity)| {
        let mut rig = Rig::default();
        rig.text(AUTH);
        let mut identity = Identity::clone(&ann().identity);
        change(&mut identity);
        rig.event(Event::Verified(Box::new(Login { identity: Arc::new(identity), ..ann() })))
    };
    let mismatch = ["fatal principal_mismatch id=r", "close 4409"];
    assert_eq!(refresh(|identity| identity.issuer = None), mismatch);
    assert_eq!(refresh(|identity| identity.subject = "bob".into()), mismatch);
    let same = refresh(|identity| identity.user = "x:ann".into());
    assert_eq!(same, ["auth_ok refreshed id=r"]);
}

#[test]
fn a_token_of_another_principal_that_expired_meanwhile_is_an_expired_one() {
    let mut rig = Rig::default();
    rig.text(AUTH);
    rig.wait(2_000);
    let bob = Identity { subject: "bob".into(), ..Identity::clone(&ann().identity) };
    let login = Login {
        identity: Arc::new(bob),
        expires_at: START.wall + 1_000,
        leeway_ms: 1_000,
        ..ann()
    };
    let said = rig.event(Event::Verified(Box::new(login)));
    assert_eq!(said, ["error token_expired id=r"]);
}

#[test]
fn an_invalid_refresh_ends_nothing_until_the_fourth_in_a_minute() {
    let mut rig = Rig::default();
    for (why, code) in [
        (Refusal::Invalid, "token_invalid"),
        (Refusal::Expired, "token_expired"),
        (Refusal::NotYetValid, "token_not_yet_valid"),
    ] {
        rig.text(AUTH);
        assert_eq!(rig.event(Event::Refused(why)), [format!("error {code} id=r")]);
        rig.pass(1_000);
    }
    rig.text(AUTH);
    assert_eq!(rig.event(Event::VerifierDown), ["error internal id=r"], "our fault is not counted");
    let long = format!(r#"{{"type":"auth","payload":"{}","id":"r"}}"#, "x".repeat(8_193));
    assert_eq!(rig.text(&long), ["fatal rate_limited after=57000 id=r", "close 4429 after=57000"]);
}

#[test]
fn a_valid_refresh_that_is_not_allowed_is_no_invalid_one() {
    let mut rig = Rig::default();
    for _ in 0..10 {
        rig.text(AUTH);
        let said = rig.event(Event::Refused(Refusal::Forbidden));
        assert_eq!(said, ["error forbidden id=r"], "the session stays");
    }
    rig.text(AUTH);
    assert_eq!(rig.event(Event::Refused(Refusal::Invalid)), ["error token_invalid id=r"]);
}

#[test]
fn a_revoked_refresh_is_fatal() {
    let mut rig = Rig::default();
    rig.text(AUTH);
    assert_eq!(rig.event(Event::Refused(Refusal::Revoked)), ["fatal revoked id=r", "close 4410"]);
}

#[test]
fn floods_of_refreshes_have_a_rate_of_their_own() {
    let mut rig = Rig::default();
    for _ in 0..20 {
        rig.text(AUTH);
        rig.event(Event::Verified(Box::new(ann())));
    }
    assert_eq!(rig.text(AUTH), ["error rate_limited after=1000 id=r"]);
}

#[test]
fn a_refresh_holds_the_expiry_back_until_its_verdict_and_ten_seconds_at_most() {
    let mut rig = Rig::default();
    rig.wait(3_604_999);
    rig.text(AUTH);
    rig.wait(9_999);
    assert!(!rig.session.is_expired(rig.now));
    let newer = Login { expires_at: rig.now.wall + 60_000, mark: 2, ..ann() };
    assert_eq!(rig.event(Event::Verified(Box::new(newer))), ["auth_ok refreshed id=r"]);

    let mut rig = Rig::default();
    rig.wait(3_604_999);
    rig.text(AUTH);
    rig.wait(10_000);
    assert!(rig.session.is_expired(rig.now));
    let newer = Login { expires_at: rig.now.wall + 60_000, mark: 2, ..ann() };
    let said = rig.event(Event::Verified(Box::new(newer)));
    assert_eq!(said, ["fatal token_expired id=r", "close 4412"]);

    let forbidden = Event::Refused(Refusal::Forbidden);
    for outcome in [Event::Refused(Refusal::Invalid), forbidden, Event::VerifierDown] {
        let mut rig = Rig::default();
        rig.wait(3_604_999);
        rig.text(AUTH);
        rig.wait(1);
        assert_eq!(rig.event(outcome), ["fatal token_expired id=r", "close 4412"]);
    }
}

#[test]
fn a_refresh_without_a_verdict_is_given_up_when_its_hold_is_over() {
    let mut rig = Rig::default();
    rig.text(AUTH);
    assert_eq!(rig.deadline(), Some(10_000));
    assert!(rig.pass(9_999).is_empty());
    assert_eq!(rig.pass(1), ["cancel verify", "error internal id=r"]);
    assert_eq!(rig.session.phase(), Phase::Ready);
    assert!(rig.deadline().is_some_and(|ms| ms > 0));
    assert_eq!(rig.text(AUTH), ["verify t"]);
    assert_eq!(rig.event(Event::VerifierDown), ["error internal id=r"]);

    // A verdict that is there before the timer looks still counts.
    let mut rig = Rig::default();
    rig.text(AUTH);
    rig.wait(10_000);
    let said = rig.event(Event::Verified(Box::new(ann())));
    assert_eq!(said.last().map(String::as_str), Some("auth_ok refreshed id=r"));
}

#[test]
fn the_newest_token_counts_even_if_it_ends_earlier() {
    let mut rig = Rig::default();
    rig.text(AUTH);
    let shorter = Login { expires_at: START.wall + 100_000, mark: 2, ..ann() };
    rig.event(Event::Verified(Box::new(shorter)));
    assert_eq!(rig.pass(80_000), ["auth_expiring 20000", "Ping"]);
    rig.event(Event::Pong);
    assert_eq!(rig.pass(25_000), ["fatal token_expired", "close 4412"]);
}
