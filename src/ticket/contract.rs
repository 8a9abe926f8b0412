//! What every store of tickets must do, as tests over a factory of stores.

use super::{
    Answer, Kept, Purge, StoreFault, Ticket, TicketKey, TicketStore, memory::HELD_OF_USER,
};
use crate::protocol::{
    identity::{Identity, Login, Signer},
    time::Wall,
};
use futures_util::FutureExt;
use proptest::{
    prelude::*,
    test_runner::{Config, TestRunner},
};
use std::{
    collections::{BTreeMap, HashSet},
    sync::{
        Barrier,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

/// Runs the suite on the stores that `$make` makes, a `Fn(usize) -> impl TicketStore` that is told
/// how many tickets a store holds.
macro_rules! ticket_contract {
    ($make:expr) => {
        $crate::ticket::contract::ticket_contract! { $make =>
            a_ticket_opens_once
            what_was_never_given_out_opens_nothing
            a_ticket_carries_what_it_was_given
            a_ticket_is_over_at_its_end
            one_of_ten_thousand_wins
            a_full_store_says_so_and_has_space_again
            a_user_pushes_out_nobody_else
            a_principal_is_issuer_and_subject
            a_key_takes_its_tickets_along
            all_can_go_at_once
            behaves_like_a_map
        }
    };
    ($make:expr => $($name:ident)*) => {
        mod contract {
            use super::*;
            $(#[test]
            fn $name() {
                $crate::ticket::contract::$name(&$make);
            })*
        }
    };
}
pub(super) use ticket_contract;

const NOW: Wall = Wall::from_ms(1_800_000_000_000);
const LIFE_MS: u64 = 60_000;

fn key(number: u64) -> TicketKey {
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&number.to_be_bytes());
    TicketKey::from_bytes(bytes)
}

fn identity(issuer: Option<&str>, subject: &str) -> Identity {
    Identity { issuer: issuer.map(Into::into), subject: subject.into(), user: subject.into() }
}

fn login(subject: &str, signer: u64) -> Box<Login> {
    let login = Login::new(identity(None, subject), NOW + 3_600_000);
    Box::new(Login { signer: Signer::from_number(signer), ..login })
}

fn ticket(subject: &str) -> Ticket {
    Ticket { login: login(subject, 1), origin: None, expires_at: NOW + LIFE_MS }
}

/// The answer of a store whose answers need nobody else.
fn said<T>(answer: Answer<T>) -> T {
    answer.wait().now_or_never().expect("an answer")
}

fn issue(store: &impl TicketStore, at: u64, ticket: Ticket, now: Wall) -> Result<Kept, StoreFault> {
    said(store.issue(key(at), ticket, now))
}

/// Whom a ticket lets in.
fn redeem(store: &impl TicketStore, at: u64, now: Wall) -> Option<String> {
    let ticket = said(store.redeem(&key(at), now)).unwrap();
    ticket.map(|ticket| ticket.login.identity.subject.to_string())
}

pub(super) fn a_ticket_opens_once<S: TicketStore>(make: &impl Fn(usize) -> S) {
    let store = make(10);
    assert_eq!(issue(&store, 1, ticket("ann"), NOW), Ok(Kept::Added));
    assert_eq!(issue(&store, 2, ticket("bob"), NOW), Ok(Kept::Added));
    assert_eq!(store.held(), 2);
    assert_eq!(redeem(&store, 1, NOW).as_deref(), Some("ann"));
    assert_eq!(redeem(&store, 1, NOW), None);
    assert_eq!(redeem(&store, 2, NOW).as_deref(), Some("bob"));
    assert_eq!((redeem(&store, 2, NOW), store.held()), (None, 0));
}

pub(super) fn what_was_never_given_out_opens_nothing<S: TicketStore>(make: &impl Fn(usize) -> S) {
    let store = make(10);
    assert_eq!(redeem(&store, 1, NOW), None);
    issue(&store, 1, ticket("ann"), NOW).unwrap();
    assert_eq!(redeem(&store, 2, NOW), None);
    assert_eq!(redeem(&store, 1, NOW).as_deref(), Some("ann"));
}

pub(super) fn a_ticket_carries_what_it_was_given<S: TicketStore>(make: &impl Fn(usize) -> S) {
    let store = make(10);
    let given = Ticket {
        login: Box::new(Login { mark: 9, leeway_ms: 7, ..*login("ann", 5) }),
        origin: Some("https://app.example".into()),
        expires_at: NOW + LIFE_MS,
    };
    issue(&store, 1, given.clone(), NOW).unwrap();
    let taken = said(store.redeem(&key(1), NOW)).unwrap().expect("a ticket");
    assert_eq!(taken.login.identity, given.login.identity);
    assert_eq!((taken.login.mark, taken.login.leeway_ms), (9, 7));
    assert_eq!(taken.login.signer, Signer::from_number(5));
    assert_eq!(taken.login.expires_at, given.login.expires_at);
    assert_eq!((taken.origin, taken.expires_at), (given.origin, given.expires_at));
}

pub(super) fn a_ticket_is_over_at_its_end<S: TicketStore>(make: &impl Fn(usize) -> S) {
    let store = make(10);
    for (at, later_ms, opens) in
        [(1, LIFE_MS - 1, true), (2, LIFE_MS, false), (3, 9e9 as u64, false)]
    {
        issue(&store, at, ticket("ann"), NOW).unwrap();
        assert_eq!(redeem(&store, at, NOW + later_ms).is_some(), opens, "{later_ms}");
        assert_eq!(redeem(&store, at, NOW), None, "it is gone, even if the clock is set back");
    }
}

pub(super) fn one_of_ten_thousand_wins<S: TicketStore>(make: &impl Fn(usize) -> S) {
    const THREADS: usize = 16;
    const USES: usize = 10_000 / THREADS;
    let store = make(10);
    for round in 0..5 {
        issue(&store, round, ticket("ann"), NOW).unwrap();
        let (wins, uses, start) = (AtomicUsize::new(0), AtomicUsize::new(0), Barrier::new(THREADS));
        thread::scope(|scope| {
            for _ in 0..THREADS {
                scope.spawn(|| {
                    start.wait();
                    for _ in 0..USES {
                        let won = redeem(&store, round, NOW).is_some();
                        wins.fetch_add(usize::from(won), Ordering::Relaxed);
                        uses.fetch_add(1, Ordering::Relaxed);
                    }
                });
            }
        });
        assert_eq!((uses.into_inner(), wins.into_inner()), (10_000, 1));
    }
}

pub(super) fn a_full_store_says_so_and_has_space_again<S: TicketStore>(make: &impl Fn(usize) -> S) {
    let store = make(100);
    for at in 0..100 {
        assert_eq!(issue(&store, at, ticket(&at.to_string()), NOW), Ok(Kept::Added));
    }
    assert_eq!(issue(&store, 100, ticket("new"), NOW), Err(StoreFault::Full));
    assert_eq!(redeem(&store, 100, NOW), None);
    assert_eq!(issue(&store, 101, ticket("7"), NOW), Ok(Kept::InPlaceOfOldest), "one's own goes");
    assert_eq!((redeem(&store, 7, NOW), store.held()), (None, 100));
    assert_eq!(redeem(&store, 8, NOW).as_deref(), Some("8"));
    assert_eq!(issue(&store, 102, ticket("new"), NOW), Ok(Kept::Added));
    // Everybody's time is over: there is space for as many again, and no call clears it all.
    let later = NOW + LIFE_MS;
    for at in 200..300 {
        let fresh = Ticket { expires_at: later + LIFE_MS, ..ticket(&at.to_string()) };
        assert_eq!(issue(&store, at, fresh, later), Ok(Kept::Added), "{at}");
        assert!(store.held() <= 100);
    }
    assert_eq!(store.held(), 100);
}

pub(super) fn a_user_pushes_out_nobody_else<S: TicketStore>(make: &impl Fn(usize) -> S) {
    let store = make(1_000);
    issue(&store, 1, ticket("bob"), NOW).unwrap();
    let last = 1_000 + 3 * HELD_OF_USER as u64;
    for at in 1_000..last {
        issue(&store, at, ticket("ann"), NOW).unwrap();
    }
    assert_eq!(store.held(), 1 + HELD_OF_USER);
    let newest = last - HELD_OF_USER as u64;
    for at in 1_000..last {
        assert_eq!(redeem(&store, at, NOW).is_some(), at >= newest, "{at}");
    }
    assert_eq!(redeem(&store, 1, NOW).as_deref(), Some("bob"));
}

pub(super) fn a_principal_is_issuer_and_subject<S: TicketStore>(make: &impl Fn(usize) -> S) {
    let store = make(2);
    let of = |issuer| {
        let login = Login::new(identity(issuer, "ann"), NOW + 3_600_000);
        Ticket { login: Box::new(login), ..ticket("ann") }
    };
    assert_eq!(issue(&store, 1, of(None), NOW), Ok(Kept::Added));
    assert_eq!(issue(&store, 2, of(Some("")), NOW), Ok(Kept::Added));
    assert_eq!(issue(&store, 3, of(Some("a")), NOW), Err(StoreFault::Full));
    assert_eq!(issue(&store, 4, of(None), NOW), Ok(Kept::InPlaceOfOldest));
    assert_eq!((redeem(&store, 1, NOW), redeem(&store, 2, NOW).is_some()), (None, true));
}

pub(super) fn a_key_takes_its_tickets_along<S: TicketStore>(make: &impl Fn(usize) -> S) {
    let store = make(10_000);
    for at in 0..4_000 {
        let login = login(&(at / 10).to_string(), at % 3);
        issue(&store, at, Ticket { login, ..ticket("") }, NOW).unwrap();
    }
    said(store.purge(Purge::Signer(Signer::from_number(1)))).unwrap();
    for at in 0..4_000 {
        assert_eq!(redeem(&store, at, NOW).is_some(), at % 3 != 1, "{at}");
    }
}

pub(super) fn all_can_go_at_once<S: TicketStore>(make: &impl Fn(usize) -> S) {
    let store = make(10_000);
    fill_and_empty(&store);
    assert_eq!(store.held(), 0);
    assert!((0..3_000).all(|at| redeem(&store, at, NOW).is_none()));
    assert_eq!(issue(&store, 1, ticket("ann"), NOW), Ok(Kept::Added));
}

/// Gives out what the store takes, and takes it all out again.
pub(super) fn fill_and_empty(store: &impl TicketStore) {
    for at in 0..3_000 {
        let _may_be_full = issue(store, at, ticket(&(at % 70).to_string()), NOW);
    }
    assert!(store.held() > 0);
    said(store.purge(Purge::All)).unwrap();
}

/// One call.
#[derive(Clone, Copy, Debug)]
enum Step {
    Issue { user: u8, signer: u64, life_ms: u64 },
    Redeem(u64),
    Purge(u64),
    Wait(u64),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (0..4_u8, 0..3_u64, 1..50_u64)
            .prop_map(|(user, signer, life_ms)| Step::Issue { user, signer, life_ms }),
        4 => (0..80_u64).prop_map(Step::Redeem),
        1 => (0..3_u64).prop_map(Step::Purge),
        2 => (0..20_u64).prop_map(Step::Wait),
    ]
}

/// What is to be expected, without any of the machinery.
#[derive(Default)]
struct Model {
    /// By number: user, signer and end.
    live: BTreeMap<u64, (u8, u64, Wall)>,
}

pub(super) fn behaves_like_a_map<S: TicketStore>(make: &impl Fn(usize) -> S) {
    const BOUND: usize = 12;
    let steps = prop::collection::vec(step(), 1..120);
    let run = |steps: Vec<Step>| {
        let (store, mut model) = (make(BOUND), Model::default());
        let (mut now, mut next, mut used) = (NOW, 0, HashSet::new());
        for step in steps {
            match step {
                Step::Issue { user, signer, life_ms } => {
                    let given = Ticket {
                        login: login(&user.to_string(), signer),
                        origin: None,
                        expires_at: now + life_ms,
                    };
                    match issue(&store, next, given, now) {
                        Ok(Kept::Added) => {}
                        Ok(Kept::InPlaceOfOldest) => {
                            let own = model.live.iter().find(|(_, of)| of.0 == user);
                            let own = own.map(|(at, _)| *at).expect("one to push out");
                            model.live.remove(&own);
                        }
                        Err(fault) => {
                            prop_assert_eq!(fault, StoreFault::Full);
                            prop_assert!(model.live.len() >= BOUND);
                            prop_assert!(model.live.values().all(|of| of.0 != user));
                            next += 1;
                            continue;
                        }
                    }
                    model.live.insert(next, (user, signer, now + life_ms));
                    next += 1;
                }
                Step::Redeem(at) => {
                    let expected = model.live.remove(&at).map(|(user, ..)| user.to_string());
                    let found = redeem(&store, at, now);
                    prop_assert!(found.is_none() || used.insert(at), "{} opened twice", at);
                    prop_assert_eq!(found, expected);
                }
                Step::Purge(signer) => {
                    said(store.purge(Purge::Signer(Signer::from_number(signer)))).unwrap();
                    model.live.retain(|_, of| of.1 != signer);
                }
                Step::Wait(ms) => now = now + ms,
            }
            model.live.retain(|_, (.., end)| now < *end);
            prop_assert!(store.held() <= BOUND && store.held() >= model.live.len());
        }
        Ok(())
    };
    TestRunner::new(Config { failure_persistence: None, ..Config::default() })
        .run(&steps, run)
        .unwrap();
}
