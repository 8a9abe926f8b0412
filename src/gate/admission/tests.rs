//! The rules one by one, a simulated flood, and what holds whatever happens.

use super::{failures::FAILURE_MS, *};
use proptest::prelude::*;
use std::collections::HashSet;

const SMALL: Places = Places { places: 8, hard_places: 16, share: 2 };

fn at(ms: u64) -> Time {
    Time::from_ms(1_000_000 + ms)
}

fn v4(last: u16) -> Address {
    let [high, low] = last.to_be_bytes();
    Address::of([192, 0, high, low].into())
}

fn v6(site: u8, network: u8) -> Address {
    Address::of([0x2001, 0xdb8, site.into(), network.into(), 0, 0, 0, 1].into())
}

/// Fills every place with one socket of each of as many addresses, from 1,000 on.
fn full(now: Time) -> Admission<u16> {
    let mut gate = Admission::new(SMALL);
    for at in 0..8 {
        assert!(matches!(gate.arrive(v4(1_000 + at), at, now), Decision::Admit(_)));
    }
    gate
}

fn evicted<S: std::fmt::Debug>(decision: Decision<S>) -> S {
    if let Decision::Replace { evicted, .. } = decision { evicted } else { panic!("{decision:?}") }
}

fn refused<S: std::fmt::Debug>(decision: Decision<S>) -> Cap {
    if let Decision::Squeeze { cap, .. } = decision { cap } else { panic!("{decision:?}") }
}

#[test]
fn a_share_is_no_cap_while_half_of_the_places_are_free() {
    let mut gate = Admission::new(SMALL);
    for seat in 0..4 {
        assert!(matches!(gate.arrive(v4(1), seat, at(0)), Decision::Admit(_)), "{seat}");
    }
    assert_eq!(refused(gate.arrive(v4(1), 4, at(0))), Cap::Share);
}

#[test]
fn over_its_share_an_address_loses_its_own_oldest() {
    let mut gate = Admission::new(SMALL);
    gate.arrive(v4(2), 20, at(0));
    for seat in 0..3 {
        gate.arrive(v4(1), seat, at(1));
    }
    assert_eq!(evicted(gate.arrive(v4(1), 3, at(1 + YOUNG_MS))), 0);
    assert_eq!(gate.waiting(), 4);
    assert_eq!(gate.leaving(), 1);
}

#[test]
fn a_site_of_many_networks_has_a_looser_share() {
    let mut gate = Admission::new(Places { places: 16, hard_places: 32, share: 1 });
    for network in 0..8 {
        assert!(matches!(gate.arrive(v6(1, network), network, at(0)), Decision::Admit(_)));
    }
    // It holds nothing in this network, so that it gets in, at the cost of its own site.
    assert_eq!(evicted(gate.arrive(v6(1, 100), 100, at(0))), 0);
    assert!(matches!(gate.arrive(v6(2, 0), 200, at(0)), Decision::Admit(_)));
}

#[test]
fn the_oldest_of_who_holds_most_goes_first() {
    let mut gate = Admission::new(Places { share: 8, ..SMALL });
    gate.arrive(v4(1), 10, at(0));
    for seat in 20..23 {
        gate.arrive(v4(2), seat, at(1));
    }
    for seat in 30..34 {
        gate.arrive(v4(3), seat, at(2));
    }
    assert_eq!(evicted(gate.arrive(v4(4), 40, at(3))), 30);
    // Two hold three now: the one with the older socket is next.
    assert_eq!(evicted(gate.arrive(v4(5), 50, at(3))), 20);
}

#[test]
fn a_newcomer_that_holds_nothing_always_gets_in() {
    let mut gate = full(at(0));
    assert_eq!(evicted(gate.arrive(v4(1), 99, at(0))), 0);
    assert_eq!(gate.waiting(), 8);
}

#[test]
fn who_holds_something_is_refused_only_while_everybody_is_young() {
    let mut gate = full(at(0));
    assert_eq!(refused(gate.arrive(v4(1_003), 99, at(YOUNG_MS - 1))), Cap::Places);
    assert_eq!(evicted(gate.arrive(v4(1_003), 99, at(YOUNG_MS))), 0);
}

#[test]
fn an_address_with_failed_attempts_is_evicted_from_first_for_a_minute() {
    for (later, expected) in [(FAILURE_MS - 1, 5), (FAILURE_MS, 1)] {
        let mut gate = full(at(0));
        let Decision::Replace { ticket, evicted: 0 } = gate.arrive(v4(1_005), 99, at(2_000)) else {
            panic!("the oldest goes");
        };
        gate.failed(ticket, at(2_000));
        gate.arrive(v4(7), 7, at(2_000));
        assert_eq!(evicted(gate.arrive(v4(8), 8, at(2_000 + later))), expected, "{later}");
    }
}

#[test]
fn a_failed_attempt_is_no_ban() {
    let mut gate = Admission::new(SMALL);
    let Decision::Admit(ticket) = gate.arrive(v4(1), 1, at(0)) else { panic!("in") };
    gate.failed(ticket, at(0));
    gate.gone(ticket);
    assert!(matches!(gate.arrive(v4(1), 1, at(1)), Decision::Admit(_)));
}

#[test]
fn at_the_hard_cap_nobody_gets_in() {
    let mut gate = full(at(0));
    let mut tickets = Vec::new();
    for other in 0..8 {
        let Decision::Replace { ticket, .. } = gate.arrive(v4(other), 0, at(0)) else {
            panic!("{other} holds nothing");
        };
        tickets.push(ticket);
    }
    assert_eq!(gate.arrive(v4(99), 0, at(0)), Decision::Full);
    gate.gone(tickets.pop().unwrap());
    assert!(matches!(gate.arrive(v4(99), 0, at(0)), Decision::Admit(_)));
}

#[test]
fn when_too_many_leave_no_more_are_hurried_than_are_too_many() {
    let mut gate = full(at(0));
    let told: Vec<_> = (0..6)
        .filter_map(|other| {
            gate.arrive(v4(other), 100 + other, at(0));
            gate.relieve()
        })
        .collect();
    assert_eq!(told, [0, 1], "room for four is left to them");
    assert_eq!(gate.relieve(), None, "though the two are not gone yet");
    assert_eq!((gate.leaving(), gate.squeezes().hurried), (6, 2));
}

#[test]
fn failures_that_are_remembered_are_bounded() {
    let mut gate = Admission::new(SMALL);
    for last in 0..5_000 {
        let Decision::Admit(ticket) = gate.arrive(v4(last), 0, at(0)) else { panic!("{last}") };
        gate.failed(ticket, at(u64::from(last)));
        gate.gone(ticket);
    }
    gate.arrive(v4(9_999), 0, at(5_000));
    let known = (0..5_000).filter(|last| gate.failures.contains(v4(*last)));
    assert_eq!(known.count(), failures::FAILURES);
}

#[test]
fn says_who_holds_most_and_how_long() {
    let mut gate = Admission::new(SMALL);
    for (address, ms) in [(1, 0), (2, 10), (2, 20), (3, 30)] {
        gate.arrive(v4(address), 0, at(ms));
    }
    assert_eq!(gate.top(2), [(v4(2), 2), (v4(1), 1)]);
    assert_eq!(gate.oldest_ms(at(100)), 100);
}

/// Ten thousand silent sockets against people who need a fifth of a second for their sign-in.
#[test]
fn a_flood_shuts_nobody_from_elsewhere_out() {
    const PER_S: u64 = 5_000;
    const SIGN_IN_MS: u64 = 200;
    for attackers in [1, 32, 64, 256] {
        let places = Places { places: 1_024, hard_places: 2_048, share: 32 };
        let mut gate = Admission::new(places);
        let (mut signing_in, mut lost) = (Vec::new(), HashSet::new());
        // What is evicted or refused is reset after a while.
        let mut closing: Vec<(u64, Ticket)> = Vec::new();
        for hostile in 0..10_000_u64 {
            let ms = hostile * 1_000 / PER_S;
            closing.retain(|(due, ticket)| {
                *due > ms || {
                    gate.gone(*ticket);
                    false
                }
            });
            let newcomer = (hostile % 50 == 0).then(|| v4(10_000 + (hostile / 50) as u16));
            let attacker = v4((hostile % attackers) as u16);
            for (from, good) in
                newcomer.map(|from| (from, true)).into_iter().chain([(attacker, false)])
            {
                let seat = if good { hostile + 1 } else { 0 };
                match gate.arrive(from, (seat, gate.next), at(ms)) {
                    Decision::Admit(ticket) if good => signing_in.push((ms, seat, ticket)),
                    Decision::Admit(_) => {}
                    Decision::Replace { ticket, evicted: (whose, evicted) } => {
                        if good {
                            signing_in.push((ms, seat, ticket));
                        }
                        if whose > 0 {
                            lost.insert(whose);
                        }
                        closing.push((ms + 100, Ticket(evicted)));
                    }
                    Decision::Squeeze { ticket, .. } => {
                        assert!(!good, "{attackers} attackers: refused at {ms} ms");
                        closing.push((ms + 100, ticket));
                    }
                    Decision::Full => panic!("{attackers} attackers: full at {ms} ms"),
                }
            }
            signing_in.retain(|(since, _, ticket)| {
                *since + SIGN_IN_MS > ms || {
                    gate.gone(*ticket);
                    false
                }
            });
        }
        assert_eq!(lost.len(), 0, "{attackers} attackers");
    }
}

/// One thing that happens.
#[derive(Clone, Copy, Debug)]
enum Step {
    Arrive(Address),
    ArriveUnnamed,
    Relieve,
    Fail(usize),
    Close(usize),
    Gone(usize),
    Wait(u64),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (0..6_u16).prop_map(|last| Step::Arrive(v4(last))),
        2 => (0..2_u8, 0..6_u8).prop_map(|(site, network)| Step::Arrive(v6(site, network))),
        1 => Just(Step::ArriveUnnamed),
        2 => Just(Step::Relieve),
        1 => any::<usize>().prop_map(Step::Fail),
        1 => any::<usize>().prop_map(Step::Close),
        2 => any::<usize>().prop_map(Step::Gone),
        1 => (0..3_000_u64).prop_map(Step::Wait),
        1 => Just(Step::Wait(FAILURE_MS)),
    ]
}

/// What every table has to agree on.
fn check(gate: &Admission<usize>, places: Places) {
    assert!(gate.waiting.len() <= places.places);
    assert!(gate.waiting.len() + gate.leaving.len() <= places.hard_places);
    assert!(gate.patient.iter().all(|ticket| gate.leaving.contains_key(ticket)));
    assert!(gate.unnamed.iter().all(|ticket| gate.leaving[ticket].address.is_none()));
    assert!(gate.patient.is_disjoint(&gate.unnamed));
    let held: usize = gate.crowds.values().map(BTreeSet::len).sum();
    assert_eq!(held, gate.waiting.len());
    assert_eq!(gate.ranks.len(), gate.crowds.len());
    for (address, crowd) in &gate.crowds {
        let rank =
            (gate.failures.contains(*address), crowd.len(), Reverse(*crowd.first().unwrap()));
        assert!(gate.ranks.contains(&(rank.0, rank.1, rank.2, *address)));
        for ticket in crowd {
            assert_eq!(gate.waiting[ticket].address, *address);
        }
    }
    for (site, tickets) in &gate.sites {
        assert!(!tickets.is_empty());
        assert!(tickets.iter().all(|t| gate.waiting[t].address.site() == Some(*site)));
    }
}

proptest! {
    #[test]
    fn whatever_happens_the_tables_agree_and_the_promises_hold(
        steps in prop::collection::vec(step(), 0..300),
        share in 1..4_usize,
    ) {
        let places = Places { share, ..SMALL };
        let mut gate = Admission::new(places);
        let (mut now, mut tickets) = (at(0), Vec::<Ticket>::new());
        for (number, step) in steps.into_iter().enumerate() {
            let pick = |at: usize| tickets.get(at % tickets.len().max(1)).copied();
            match step {
                Step::Arrive(address) => {
                    let held = gate.crowds.get(&address).cloned().unwrap_or_default();
                    let young = |t: &Ticket| now.since(gate.waiting[t].since) < YOUNG_MS;
                    let (own_young, all_young) =
                        (held.iter().all(young), gate.waiting.keys().all(young));
                    let room = gate.waiting() + gate.leaving() < places.hard_places;
                    match gate.arrive(address, number, now) {
                        Decision::Admit(ticket) | Decision::Replace { ticket, .. } => {
                            prop_assert!(room);
                            tickets.push(ticket);
                        }
                        Decision::Squeeze { ticket, cap } => {
                            prop_assert!(room && !held.is_empty());
                            let allowed = match cap {
                                Cap::Share => own_young || address.site().is_some(),
                                Cap::Places => all_young,
                            };
                            prop_assert!(allowed, "{:?}", cap);
                            tickets.push(ticket);
                        }
                        Decision::Full => prop_assert!(!room),
                    }
                }
                Step::ArriveUnnamed => tickets.extend(gate.arrive_unnamed(number)),
                Step::Relieve => {
                    let spare = places.hard_places - places.places;
                    let untold = gate.patient.len() + gate.unnamed.len();
                    prop_assert!(gate.relieve().is_none() || untold > spare / 2);
                }
                Step::Fail(at) => pick(at).into_iter().for_each(|t| gate.failed(t, now)),
                Step::Close(at) => pick(at).into_iter().for_each(|t| gate.closing(t)),
                Step::Gone(at) => pick(at).into_iter().for_each(|t| gate.gone(t)),
                Step::Wait(ms) => now = now + ms,
            }
            check(&gate, places);
        }
        for ticket in tickets {
            gate.gone(ticket);
        }
        let evicted: Vec<_> = gate.leaving.keys().copied().collect();
        evicted.into_iter().for_each(|ticket| gate.gone(ticket));
        prop_assert_eq!((gate.waiting(), gate.leaving()), (0, 0));
        prop_assert!(gate.patient.is_empty() && gate.unnamed.is_empty());
        prop_assert!(gate.crowds.is_empty() && gate.sites.is_empty() && gate.ranks.is_empty());
    }
}
