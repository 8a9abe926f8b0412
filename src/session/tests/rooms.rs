//! Memberships: what a join, a leave and their outcomes make of each other.

use super::*;
use crate::protocol::{
    grant::{Pattern, Permissions},
    room_name::RoomName,
    room_rules::{RoomRate, RoomRule, RoomTerms},
};

fn text(kind: &str, room: &str) -> String {
    format!(r#"{{"type":"{kind}","room":"{room}","id":"{kind}"}}"#)
}

const POST: &str = r#"{"type":"message","room":"den","payload":1}"#;

fn member(rig: &Rig) -> bool {
    rig.session.is_member(RoomRef::parse("den").unwrap())
}

#[test]
fn requests_of_one_room_take_effect_in_the_order_sent() {
    let mut rig = Rig::default();
    assert_eq!(rig.text(&text("join", "den")), ["join den"]);
    let join = rig.last_key();
    assert!(member(&rig));
    assert_eq!(rig.text(POST), ["publish den 1"], "a join on its way is membership enough");
    assert_eq!(rig.text(&text("leave", "den")), ["leave den"]);
    let leave = rig.last_key();
    assert_eq!(rig.text(POST), ["error not_joined room=den"]);
    let again = r#"{"type":"leave","room":"den","id":"again"}"#;
    assert_eq!(rig.text(again), ["leave den"], "not answered before the one that is on its way");
    let leave_again = rig.last_key();
    let joined = Event::Joined { key: join, epoch: "e", seq: 3, recovered: None };
    assert_eq!(rig.event(joined), ["joined den e/3 id=join"]);
    assert!(!member(&rig));
    assert_eq!(rig.event(Event::Left { key: leave }), ["left den id=leave"]);
    assert_eq!(rig.event(Event::Left { key: leave_again }), ["left den id=again"]);
    assert_eq!(rig.text(&text("leave", "den")), ["left den id=leave"], "nothing to leave");
}

#[test]
fn a_rejoin_behind_a_leave_stays() {
    let mut rig = Rig::default();
    rig.join("den");
    rig.text(&text("leave", "den"));
    let leave = rig.last_key();
    rig.text(&text("join", "den"));
    assert_eq!(rig.text(POST), ["publish den 1"]);
    let publish = rig.keys.pop().unwrap();
    rig.event(Event::Left { key: leave });
    assert!(member(&rig));
    assert_eq!(rig.joined(9), ["joined den e/9 id=join"]);
    assert!(member(&rig));
    let failed = Event::PublishFailed { key: publish, why: RoomRefusal::NotJoined };
    assert_eq!(rig.event(failed), ["error not_joined room=den"]);
}

#[test]
fn a_refused_join_leaves_what_was_before() {
    let mut rig = Rig::default();
    rig.text(&text("join", "den"));
    let refused =
        |rig: &Rig| Event::JoinRefused { key: rig.last_key(), why: RoomRefusal::Overloaded };
    let event = refused(&rig);
    assert_eq!(rig.event(event), ["error overloaded room=den id=join"]);
    assert!(!member(&rig));
    rig.join("den");
    assert_eq!(rig.text(&text("join", "den")), ["join den"], "the room knows the newest position");
    let event = refused(&rig);
    rig.event(event);
    assert!(member(&rig));
}

#[test]
fn joining_and_joined_rooms_count_to_the_cap_and_left_ones_do_not() {
    let quotas = Quotas { rooms: Some(2), ..Quotas::default() };
    let mut rig = Rig::ready(rules(), Login { quotas, ..ann() });
    rig.join("a");
    rig.text(&text("join", "b"));
    assert_eq!(
        rig.text(&text("join", "c")),
        ["error rate_limited room=c after=100 id=join"],
        "the burst of joins is the cap on rooms"
    );
    rig.wait(1_000);
    let full = "error too_many_rooms room=c id=c";
    let join_c = r#"{"type":"join","room":"c","id":"c"}"#;
    assert_eq!(rig.text(join_c), [full]);
    assert_eq!(rig.text(r#"{"type":"join","room":"a"}"#), ["join a"], "held already");
    rig.wait(1_000);
    rig.text(&text("leave", "a"));
    assert_eq!(rig.text(join_c), ["join c"]);
}

#[test]
fn granted_rooms_need_the_grant_for_each_right() {
    let granted = || Rules { rooms: RoomRules::granted(), ..rules() };
    let mut rig = Rig::ready(granted(), granting(r#"{"den":["join"],"hall":["send"]}"#));
    assert_eq!(rig.text(&text("join", "hall")), ["error forbidden room=hall id=join"]);
    rig.join("den");
    assert_eq!(rig.text(POST), ["error forbidden room=den"]);
    let elsewhere = r#"{"type":"message","room":"x","payload":1}"#;
    assert_eq!(rig.text(elsewhere), ["error not_joined room=x"], "membership before right");
}

#[test]
fn a_position_goes_to_the_room_only_where_recovery_is_offered() {
    let join = r#"{"type":"join","room":"den","since":{"epoch":"e","seq":4}}"#;
    let outcome = |rig: &mut Rig, recovered| {
        let key = rig.last_key();
        rig.event(Event::Joined { key, epoch: "e", seq: 6, recovered })
    };
    let mut rig = Rig::default();
    assert_eq!(rig.text(join), ["join den since e/4"]);
    assert_eq!(outcome(&mut rig, Some(true)), ["joined den e/6 recovered=true"]);
    let mut rig = Rig::ready(Rules { features: &[], ..rules() }, ann());
    assert_eq!(rig.text(join), ["join den"]);
    assert_eq!(outcome(&mut rig, None), ["joined den e/6 recovered=false"]);
    rig.text(r#"{"type":"join","room":"hall"}"#);
    assert_eq!(outcome(&mut rig, None), ["joined hall e/6"]);
}

/// Rules that say `terms` about `den` alone.
fn terms_of_den(change: impl FnOnce(&mut RoomTerms)) -> Rules {
    let mut terms = RoomTerms::new(Access::Open);
    change(&mut terms);
    let rule = RoomRule { pattern: Pattern::parse("den").unwrap(), terms };
    Rules { rooms: RoomRules::new(vec![rule], RoomTerms::new(Access::Open)), ..rules() }
}

#[test]
fn a_room_takes_messages_up_to_its_size() {
    let most = u32::try_from(POST.len()).unwrap();
    let mut rig =
        Rig::ready(terms_of_den(|terms| terms.message_bytes = Some(most)), granting("{}"));
    rig.join("den");
    rig.join("hall");
    assert_eq!(rig.text(POST), ["publish den 1"]);
    let longer = r#"{"type":"message","room":"den","payload":1,"id":"p"}"#;
    assert_eq!(rig.text(longer), ["error too_big room=den id=p"]);
    assert_eq!(rig.text(r#"{"type":"message","room":"hall","payload":"long"}"#).len(), 1);
    let ping = r#"{"type":"ping","payload":"longer than a message of the room may be"}"#;
    assert!(rig.text(ping)[0].starts_with("pong"), "only what is published there");
}

#[test]
fn a_room_has_a_rate_that_leaving_does_not_fill_up() {
    let rate = RoomRate { messages_per_s: 2, burst: 2 };
    let mut rig = Rig::ready(terms_of_den(|terms| terms.rate = Some(rate)), ann());
    rig.join("den");
    rig.join("hall");
    let refused = ["error rate_limited room=den after=500"];
    for said in [["publish den 1"], ["publish den 1"], refused] {
        assert_eq!(rig.text(POST), said);
    }
    let elsewhere = r#"{"type":"message","room":"hall","payload":1}"#;
    assert_eq!(rig.text(elsewhere), ["publish hall 1"]);
    rig.text(&text("leave", "den"));
    rig.event(Event::Left { key: rig.last_key() });
    rig.join("den");
    assert_eq!(rig.text(POST), refused);
    rig.wait(500);
    assert_eq!(rig.text(POST), ["publish den 1"]);
}

#[test]
fn refusals_by_the_rate_of_a_room_end_no_session() {
    let rate = RoomRate { messages_per_s: 1, burst: 1 };
    let mut rig = Rig::ready(terms_of_den(|terms| terms.rate = Some(rate)), ann());
    rig.join("den");
    rig.text(POST);
    for _ in 0..3 * rules().session.refusals {
        rig.wait(100);
        let said = rig.text(POST);
        let fatal = said.iter().any(|said| said.starts_with("fatal"));
        assert!(!fatal, "{said:?}");
    }
}

#[test]
fn what_is_no_right_is_no_matter_of_size_or_rate() {
    let mut rules = terms_of_den(|terms| {
        terms.access = Access::Granted;
        terms.message_bytes = Some(1);
        terms.rate = Some(RoomRate { messages_per_s: 1, burst: 1 });
    });
    rules.session.burst = 5;
    let mut rig = Rig::ready(rules, granting(r#"{"den":["join"]}"#));
    assert_eq!(rig.text(POST), ["error not_joined room=den"]);
    rig.join("den");
    assert_eq!(rig.text(POST), ["error forbidden room=den"]);
}

/// The rules of the rig with other rules of rooms.
fn changed(rig: &mut Rig, rooms: RoomRules) -> Vec<String> {
    rig.event(Event::RulesChanged(Arc::new(Rules { rooms, ..rules() })))
}

#[test]
fn other_rules_end_memberships_without_the_right_to_stay_and_judge_what_is_on_its_way() {
    let mut rig = Rig::ready(rules(), granting(r#"{"den":"*"}"#));
    for room in ["den", "hall"] {
        rig.join(room);
    }
    rig.text(&text("join", "attic"));
    let said = changed(&mut rig, RoomRules::granted());
    assert_eq!(said, ["evict hall", "left hall forbidden"]);
    assert_eq!(rig.text(POST), ["publish den 1"]);
    rig.keys.pop();
    assert_eq!(rig.joined(3), ["evict attic", "error forbidden room=attic id=join"]);
    assert_eq!(rig.text(&text("join", "hall")), ["error forbidden room=hall id=join"]);
    assert!(changed(&mut rig, RoomRules::open()).is_empty());
    rig.join("hall");
}

#[test]
fn other_rules_say_at_once_how_large_and_how_fast_messages_are() {
    let mut rig = Rig::default();
    rig.join("den");
    assert_eq!(rig.text(POST), ["publish den 1"]);
    let rate = Some(RoomRate { messages_per_s: 1, burst: 1 });
    let terms = RoomTerms { rate, ..RoomTerms::new(Access::Open) };
    assert!(changed(&mut rig, RoomRules::everywhere(terms)).is_empty());
    assert_eq!(rig.text(POST), ["publish den 1"]);
    assert_eq!(rig.text(POST), ["error rate_limited room=den after=1000"]);
    let terms = RoomTerms { message_bytes: Some(1), ..RoomTerms::new(Access::Open) };
    changed(&mut rig, RoomRules::everywhere(terms));
    assert_eq!(rig.text(POST), ["error too_big room=den"]);
}

#[test]
fn other_rules_before_the_verdict_count_behind_it() {
    let mut rig = Rig::new(rules());
    assert!(changed(&mut rig, RoomRules::granted()).is_empty());
    rig.text(r#"{"type":"auth","payload":"t"}"#);
    assert!(changed(&mut rig, RoomRules::granted()).is_empty());
    rig.event(Event::Verified(Box::new(ann())));
    assert_eq!(rig.text(&text("join", "den")), ["error forbidden room=den id=join"]);
}

#[test]
fn a_room_token_outlives_other_rules() {
    let mut rig = Rig::default();
    rig.text(r#"{"type":"join","room":"den","token":"p"}"#);
    let pass = Pass {
        identity: ann().identity,
        room: RoomName::parse("den").unwrap(),
        allow: Permissions::ALL,
        expires_at: START.wall + 60_000,
        leeway_ms: 0,
        signer: Signer::default(),
    };
    rig.event(Event::PassVerified(Box::new(pass)));
    rig.joined(0);
    assert!(changed(&mut rig, RoomRules::granted()).is_empty());
    assert_eq!(rig.text(POST), ["publish den 1"]);
}
