//! Room tokens: what they open, what they refuse, and how they end.

use super::*;
use crate::protocol::grant::Permissions;

const JOIN: &str = r#"{"type":"join","room":"den","token":"p","id":"j"}"#;
const JOIN_WITHOUT: &str = r#"{"type":"join","room":"den","id":"w"}"#;
const LEAVE: &str = r#"{"type":"leave","room":"den","id":"l"}"#;
const POST: &str = r#"{"type":"message","room":"den","payload":1}"#;
const AUTH: &str = r#"{"type":"auth","payload":"t","id":"r"}"#;

fn allow(words: &str) -> Permissions {
    let value = crate::protocol::json::Raw::parse(words).unwrap();
    Permissions::parse(value).unwrap()
}

/// A room token of `ann` for the den: ten minutes, 5 s of leeway, everything.
fn pass() -> Pass {
    Pass {
        identity: ann().identity,
        room: RoomRef::parse("den").unwrap().to_name(),
        allow: Permissions::ALL,
        expires_at: START.wall + 600_000,
        leeway_ms: 5_000,
        signer: Signer::from_number(9),
    }
}

/// A session whose login opens no room.
fn stranger() -> Rig {
    with_grant("{}")
}

fn with_grant(grant: &str) -> Rig {
    Rig::ready(Rules { rooms: RoomRules::granted(), ..rules() }, granting(grant))
}

impl Rig {
    fn show(&mut self, pass: Pass) -> Vec<String> {
        assert_eq!(self.text(JOIN), ["verify pass p"]);
        self.event(Event::PassVerified(Box::new(pass)))
    }

    /// Joined with this room token.
    fn entered(mut self, pass: Pass) -> Self {
        assert_eq!(self.show(pass), ["join den"]);
        assert_eq!(self.joined(0), ["joined den e/0 id=j"]);
        self
    }

    /// Both clocks move on without heartbeat.
    fn sleep(&mut self, ms: u64) -> Vec<String> {
        self.wait(ms);
        self.event(Event::Delivery)
    }

    fn is_in_den(&self) -> bool {
        self.session.is_member(RoomRef::parse("den").unwrap())
    }

    fn leaves(&mut self) -> Vec<String> {
        let key = self.last_key();
        self.event(Event::Left { key })
    }
}

#[test]
fn a_room_token_opens_its_room_and_gives_what_it_allows() {
    let mut rig = stranger();
    assert_eq!(rig.text(JOIN_WITHOUT), ["error forbidden room=den id=w"]);
    let mut rig = rig.entered(Pass { allow: allow(r#"["join"]"#), ..pass() });
    assert_eq!(rig.text(POST), ["error forbidden room=den"]);
    let elsewhere = r#"{"type":"join","room":"hall","id":"w"}"#;
    assert_eq!(rig.text(elsewhere), ["error forbidden room=hall id=w"]);
    let mut rig = rig.entered(pass());
    assert_eq!(rig.text(POST), ["publish den 1"]);
    // What the login allows is there as well.
    let mut rig =
        with_grant(r#"{"den":["send"]}"#).entered(Pass { allow: allow(r#"["join"]"#), ..pass() });
    assert_eq!(rig.text(POST), ["publish den 1"]);
}

#[test]
fn a_room_token_must_fit_the_session_the_room_and_the_join() {
    let bob = Identity { subject: "bob".into(), ..Identity::clone(&ann().identity) };
    let nobodys = Identity { issuer: None, ..Identity::clone(&ann().identity) };
    let hall = RoomRef::parse("hall").unwrap().to_name();
    for wrong in [
        Pass { identity: Arc::new(bob), ..pass() },
        Pass { identity: Arc::new(nobodys), ..pass() },
        Pass { room: hall, ..pass() },
        Pass { allow: allow(r#"["send","history"]"#), ..pass() },
    ] {
        // Also where the login could join by itself.
        for mut rig in [stranger(), with_grant(r#"{"**":"*"}"#)] {
            assert_eq!(rig.show(wrong.clone()), ["error forbidden room=den id=j"]);
            assert!(rig.session.wants_input() && !rig.is_in_den());
        }
    }
    let mut rig = stranger();
    let late = Pass { room: RoomRef::parse("hall").unwrap().to_name(), ..pass() };
    let late = Pass { expires_at: START.wall, leeway_ms: 0, ..late };
    assert_eq!(rig.show(late), ["error token_expired room=den id=j"], "time before all else");
}

#[test]
fn a_refused_room_token_ends_neither_the_session_nor_a_membership() {
    for (outcome, code) in [
        (Event::PassRefused(Refusal::Invalid), "token_invalid"),
        (Event::PassRefused(Refusal::Revoked), "token_invalid"),
        (Event::PassRefused(Refusal::Expired), "token_expired"),
        (Event::PassRefused(Refusal::NotYetValid), "token_not_yet_valid"),
        (Event::PassRefused(Refusal::Forbidden), "forbidden"),
        (Event::PassUndecided, "internal"),
    ] {
        let mut rig = stranger().entered(pass());
        rig.text(JOIN);
        assert_eq!(rig.event(outcome), [format!("error {code} room=den id=j")]);
        assert_eq!(rig.text(POST), ["publish den 1"]);
    }
    let mut rig = stranger();
    let long = format!(r#"{{"type":"join","room":"den","token":"{}"}}"#, "x".repeat(8_193));
    assert_eq!(rig.text(&long), ["error token_invalid room=den"]);
    assert!(rig.session.wants_input());
}

#[test]
fn a_full_table_of_rooms_is_judged_before_the_token_is_looked_at() {
    let quotas = Quotas { rooms: Some(1), ..Quotas::default() };
    let mut rig = Rig::ready(rules(), Login { quotas, ..ann() });
    rig.join("hall");
    rig.wait(1_000);
    assert_eq!(rig.text(JOIN), ["error too_many_rooms room=den id=j"]);
}

#[test]
fn while_a_room_token_is_judged_nothing_is_read_and_silence_proves_nothing() {
    let mut rig = stranger();
    rig.text(JOIN);
    assert!(!rig.session.wants_input() && rig.session.reads_ahead());
    assert_eq!(rig.text(POST), ["error overloaded room=den"], "a driver that reads all the same");
    assert_eq!(rig.text(JOIN), ["error duplicate_id room=den id=j"]);
    let silent = |rig: &mut Rig| {
        let pulse = Pulse { heard: START.time, spoke: START.time, backlog: false };
        rig.event(Event::Timer(pulse))
    };
    rig.event(Event::PassUndecided);
    rig.wait(27_500);
    assert_eq!(silent(&mut rig), ["Ping and ping"]);
    rig.wait(1_000);
    rig.text(r#"{"type":"join","room":"den","token":"p","id":"k"}"#);
    rig.wait(9_000);
    assert!(silent(&mut rig).is_empty());
    assert_eq!(rig.event(Event::PassUndecided), ["error internal room=den id=k"]);
    rig.wait(1_000);
    assert!(silent(&mut rig).is_empty(), "what arrived meanwhile is not read yet");
}

#[test]
fn a_room_token_without_a_verdict_is_given_up_after_ten_seconds() {
    let mut rig = stranger();
    rig.text(JOIN);
    assert_eq!(rig.deadline(), Some(10_000));
    assert!(rig.pass(9_999).is_empty());
    assert_eq!(rig.pass(1), ["cancel verify pass", "error internal room=den id=j"]);
    assert!(rig.session.wants_input());
    assert!(rig.event(Event::PassVerified(Box::new(pass()))).is_empty(), "it answers nobody");
}

#[test]
fn the_membership_ends_with_its_room_token_and_not_the_session() {
    for open in [false, true] {
        let rig = if open { Rig::default() } else { stranger() };
        let mut rig = rig.entered(pass());
        rig.wait(600_000 + 4_999);
        assert!(!rig.session.has_expired_part(rig.now));
        assert_eq!(rig.deadline(), Some(0), "the heartbeat, long due");
        assert!(rig.sleep(0).is_empty());
        rig.wait(1);
        assert!(rig.session.has_expired_part(rig.now));
        assert_eq!(
            rig.text(POST),
            ["evict den", "left den token_expired", "error not_joined room=den"]
        );
        assert!(!rig.session.has_expired_part(rig.now));
        // Whoever may come back without one may do so at once.
        let again = rig.text(JOIN_WITHOUT);
        assert_eq!(again, if open { ["join den"] } else { ["error forbidden room=den id=w"] });
    }
}

#[test]
fn the_end_of_a_room_token_is_a_deadline_on_the_wall_clock() {
    let mut rig = stranger().entered(Pass { expires_at: START.wall + 1_000, ..pass() });
    assert_eq!(rig.deadline(), Some(6_000));
    rig.now.wall = rig.now.wall + 5_500;
    assert_eq!(rig.deadline(), Some(500), "a jump ahead");
    rig.now.wall = START.wall;
    assert_eq!(rig.deadline(), Some(6_000), "and back");
    assert!(rig.pass(5_999).is_empty());
    assert_eq!(rig.pass(1), ["evict den", "left den token_expired"]);
}

#[test]
fn the_newest_room_token_counts_and_a_join_without_one_keeps_it() {
    let ends = |ms| Pass { expires_at: START.wall + ms, leeway_ms: 0, ..pass() };
    let mut rig = stranger().entered(ends(1_000)).entered(ends(9_000));
    assert_eq!(rig.text(JOIN_WITHOUT), ["join den"]);
    assert_eq!(rig.joined(0), ["joined den e/0 id=w"]);
    assert!(rig.sleep(8_999).is_empty());
    assert_eq!(rig.sleep(1), ["evict den", "left den token_expired"]);
    let mut rig = stranger().entered(ends(9_000)).entered(ends(1_000));
    assert_eq!(
        rig.sleep(1_000),
        ["evict den", "left den token_expired"],
        "also if it ends earlier"
    );
}

#[test]
fn a_leave_gives_the_room_token_up_at_once() {
    let mut rig = stranger().entered(pass());
    assert_eq!(rig.text(LEAVE), ["leave den"]);
    assert_eq!(rig.text(JOIN_WITHOUT), ["error forbidden room=den id=w"]);
    assert_eq!(rig.leaves(), ["left den id=l"]);
    assert_eq!(rig.text(JOIN_WITHOUT), ["error forbidden room=den id=w"]);
    assert!(rig.sleep(605_000).is_empty(), "nothing is left to end");
}

#[test]
fn what_is_pipelined_behind_a_join_with_a_room_token_keeps_its_order() {
    let mut rig = stranger();
    assert_eq!(rig.show(pass()), ["join den"]);
    let join = rig.last_key();
    assert_eq!(rig.text(POST), ["publish den 1"]);
    assert_eq!(rig.text(LEAVE), ["leave den"]);
    let leave = rig.last_key();
    // A newer one for a newer membership.
    let again = r#"{"type":"join","room":"den","token":"p","id":"k"}"#;
    rig.text(again);
    assert_eq!(rig.event(Event::PassVerified(Box::new(pass()))), ["join den"]);
    let rejoin = rig.last_key();
    let took_effect = |key| Event::Joined { key, epoch: "e", seq: 0, recovered: None };
    assert_eq!(rig.event(took_effect(join)), ["joined den e/0 id=j"]);
    assert_eq!(rig.event(Event::Left { key: leave }), ["left den id=l"]);
    assert_eq!(rig.event(took_effect(rejoin)), ["joined den e/0 id=k"]);
    assert!(rig.is_in_den());
}

#[test]
fn a_join_that_takes_effect_after_its_room_token_ended_is_refused() {
    let short = || Pass { expires_at: START.wall + 1_000, leeway_ms: 0, ..pass() };
    for grant in ["{}", r#"{"**":"*"}"#] {
        let mut rig = with_grant(grant);
        rig.show(short());
        rig.wait(1_000);
        assert!(rig.event(Event::Delivery).is_empty(), "there is no membership to end");
        assert_eq!(rig.joined(0), ["evict den", "error token_expired room=den id=j"]);
        assert!(!rig.is_in_den());
    }
    // One that only confirms a membership that is lost meanwhile has the same answer.
    let mut rig = stranger().entered(short());
    rig.text(JOIN_WITHOUT);
    assert_eq!(rig.sleep(1_000), ["evict den", "left den token_expired"]);
    let key = rig.last_key();
    let refused = Event::JoinRefused { key, why: RoomRefusal::Internal };
    assert_eq!(rig.event(refused), ["error token_expired room=den id=w"]);
}

#[test]
fn the_end_of_a_room_token_on_its_way_leaves_a_membership_by_the_login_alone() {
    let mut rig = with_grant(r#"{"**":"*"}"#);
    rig.text(JOIN_WITHOUT);
    let by_login = rig.last_key();
    rig.show(Pass { expires_at: START.wall + 1_000, leeway_ms: 0, ..pass() });
    rig.wait(1_000);
    let joined = Event::Joined { key: by_login, epoch: "e", seq: 0, recovered: None };
    assert_eq!(rig.event(joined), ["joined den e/0 id=w"]);
    assert_eq!(rig.joined(0), ["error token_expired room=den id=j"]);
    assert_eq!(rig.text(POST), ["publish den 1"]);
}

#[test]
fn a_leave_on_its_way_is_answered_when_the_room_token_ends_before_it() {
    let mut rig = stranger().entered(pass());
    rig.text(LEAVE);
    assert_eq!(rig.sleep(605_000), ["evict den"], "nothing of the room, and one answer");
    assert_eq!(rig.leaves(), ["left den id=l"]);
}

#[test]
fn a_room_token_outlasts_a_refresh_and_rights_of_the_login_come_and_go_around_it() {
    let mut rig =
        with_grant(r#"{"**":"*"}"#).entered(Pass { allow: allow(r#"["join"]"#), ..pass() });
    rig.join("hall");
    assert_eq!(rig.text(POST), ["publish den 1"]);
    rig.text(AUTH);
    let said = rig.event(Event::Verified(Box::new(granting("{}"))));
    assert_eq!(said, ["auth_ok refreshed id=r", "evict hall", "left hall forbidden"]);
    assert!(rig.is_in_den());
    assert_eq!(rig.text(POST), ["error forbidden room=den"], "by the newest grant");
    rig.text(AUTH);
    rig.event(Event::Verified(Box::new(granting(r#"{"den":["send"]}"#))));
    assert_eq!(rig.text(POST), ["publish den 1"]);
    assert_eq!(rig.sleep(605_000), ["evict den", "left den token_expired"]);
}

#[test]
fn the_removal_of_its_key_ends_a_room_token_and_what_rests_on_it() {
    let mut rig = stranger().entered(pass());
    assert!(rig.event(Event::KeyRemoved(Signer::from_number(8))).is_empty());
    let removed = || Event::KeyRemoved(Signer::from_number(9));
    assert_eq!(rig.event(removed()), ["evict den", "left den token_invalid"]);
    rig.show(pass());
    assert!(rig.event(removed()).is_empty());
    assert_eq!(rig.joined(0), ["evict den", "error token_invalid room=den id=j"]);
    let login = Login { signer: Signer::from_number(9), ..ann() };
    let mut rig = Rig::ready(rules(), login).entered(pass());
    assert_eq!(rig.event(removed()), ["fatal token_invalid", "close 4411"]);
}

#[test]
fn the_position_of_a_join_waits_with_it() {
    let mut rig = stranger();
    let join = r#"{"type":"join","room":"den","token":"p","since":{"epoch":"e","seq":4}}"#;
    assert_eq!(rig.text(join), ["verify pass p"]);
    assert_eq!(rig.event(Event::PassVerified(Box::new(pass()))), ["join den since e/4"]);
}

#[test]
fn a_flood_of_room_tokens_has_the_rate_of_joins() {
    let session = SessionLimits { rooms: 2, ..SessionLimits::default() };
    let mut rig = Rig::ready(Rules { session, ..rules() }, ann());
    for _ in 0..2 {
        rig.text(JOIN);
        rig.event(Event::PassRefused(Refusal::Invalid));
    }
    assert_eq!(rig.text(JOIN), ["error rate_limited room=den after=100 id=j"]);
}
