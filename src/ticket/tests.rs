//! Tickets beside the credentials of another verifier.

use super::{contract::ticket_contract, office::Issued, *};
use crate::{
    metrics::{Metric, Metrics},
    protocol::{
        client_message::Token,
        credential::{Credential, Password, Presentation},
        grant::Grant,
        identity::{Identity, Login, Pass, Signer},
        time::Wall,
    },
    token::{ClaimFault, Rejection, TicketFault, Verification, Verifier},
};
use futures_util::FutureExt;
use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

const NOW: Wall = Wall::from_ms(1_800_000_000_000);
const APP: &str = "https://app.example";

/// A store that is elsewhere: it answers when it is looked at again.
struct Remote(Arc<MemoryStore>);

fn later<T: Send + 'static>(answer: impl FnOnce() -> Answer<T> + Send + 'static) -> Answer<T> {
    Answer::Later(Box::pin(async move { answer().wait().await }))
}

impl TicketStore for Remote {
    fn issue(&self, key: TicketKey, ticket: Ticket, now: Wall) -> Answer<Result<Kept, StoreFault>> {
        let store = Arc::clone(&self.0);
        later(move || store.issue(key, ticket, now))
    }

    fn redeem(&self, key: &TicketKey, now: Wall) -> Answer<Result<Option<Ticket>, StoreFault>> {
        let (store, key) = (Arc::clone(&self.0), *key);
        later(move || store.redeem(&key, now))
    }

    fn purge(&self, which: Purge) -> Answer<Result<(), StoreFault>> {
        let store = Arc::clone(&self.0);
        later(move || store.purge(which))
    }

    fn held(&self) -> usize {
        self.0.held()
    }
}

ticket_contract!(|bound| Remote(Arc::new(MemoryStore::new(bound))));

/// A store that cannot be reached.
struct Gone;

impl TicketStore for Gone {
    fn issue(&self, _: TicketKey, _: Ticket, _: Wall) -> Answer<Result<Kept, StoreFault>> {
        Answer::Now(Err(StoreFault::Unavailable))
    }

    fn redeem(&self, _: &TicketKey, _: Wall) -> Answer<Result<Option<Ticket>, StoreFault>> {
        Answer::Now(Err(StoreFault::Unavailable))
    }

    fn purge(&self, _: Purge) -> Answer<Result<(), StoreFault>> {
        Answer::Now(Err(StoreFault::Unavailable))
    }

    fn held(&self) -> usize {
        0
    }
}

/// Lets everybody in as `inner`, and counts.
#[derive(Default)]
struct Inner(AtomicUsize);

impl Verifier for Inner {
    fn verify(&self, _: Token<'_>, now: Wall) -> Verification {
        self.0.fetch_add(1, Ordering::Relaxed);
        Verification::Done(Ok(Box::new(Login::new(identity("inner"), now + 1_000))))
    }

    fn verify_pass(&self, _: Token<'_>, _: Wall) -> Verification<Box<Pass>> {
        self.0.fetch_add(1, Ordering::Relaxed);
        Verification::Done(Err(ClaimFault::NotForRoom.into()))
    }
}

fn identity(subject: &str) -> Identity {
    Identity { issuer: Some("iss".into()), subject: subject.into(), user: subject.into() }
}

/// A login with something in each place.
fn login() -> Box<Login> {
    Box::new(Login {
        grant: Arc::new(Grant::default()),
        leeway_ms: 5_000,
        issued_at: Some(NOW),
        mark: 0xA11CE,
        signer: Signer::from_number(7),
        ..Login::new(identity("ann"), NOW + 3_600_000)
    })
}

struct Bench {
    office: Arc<Office>,
    metrics: Arc<Metrics>,
    inner: Arc<Inner>,
    verifier: Ticketed,
}

impl Bench {
    fn new(store: impl TicketStore) -> Self {
        let (metrics, inner) = (Arc::<Metrics>::default(), Arc::<Inner>::default());
        let office = Arc::new(Office::new(Arc::new(store), Arc::clone(&metrics)));
        let verifier = Ticketed::new(Arc::clone(&inner) as Arc<_>, Arc::clone(&office));
        Self { office, metrics, inner, verifier }
    }

    /// On both kinds of store.
    fn both() -> [Self; 2] {
        let store = || MemoryStore::new(100);
        [Self::new(store()), Self::new(Remote(Arc::new(store())))]
    }

    fn issue(&self, login: Box<Login>, origin: Option<&str>) -> Result<Issued, StoreFault> {
        let given = (login, origin.map(Into::into));
        let issuing = self.office.issue(self.office.moment(), given, 60_000, NOW);
        issuing.now_or_never().expect("an answer")
    }

    fn show(
        &self,
        credential: Credential<'_>,
        origin: Option<&str>,
        now: Wall,
    ) -> Result<Box<Login>, Rejection> {
        match self.verifier.judge(Presentation { credential, origin }, now) {
            Verification::Done(verdict) => verdict,
            Verification::Pending(lookup) => lookup.now_or_never().expect("an answer"),
        }
    }

    fn spend(&self, ticket: &Issued) -> Result<Box<Login>, Rejection> {
        self.show(Credential::Ticket(Token::new(ticket.text.reveal())), None, NOW)
    }

    fn count(&self, event: &str) -> u64 {
        self.metrics.sheet().labelled(Metric::Tickets, event)
    }
}

fn fault<T>(verdict: Result<T, Rejection>) -> Rejection {
    verdict.err().expect("a refusal")
}

const UNKNOWN: Rejection = Rejection::Ticket(TicketFault::Unknown);
const ORIGIN: Rejection = Rejection::Ticket(TicketFault::Origin);

#[test]
fn a_ticket_lets_in_as_its_token_would_and_once() {
    for bench in Bench::both() {
        for alone in [false, true] {
            let given = login();
            let ticket = bench.issue(given.clone(), None).unwrap();
            assert_eq!(ticket.expires_in_ms, 60_000);
            let show = || {
                let text = Token::new(ticket.text.reveal());
                let shown = if alone { Credential::Ticket(text) } else { Credential::Token(text) };
                bench.show(shown, Some(APP), NOW)
            };
            let found = show().unwrap();
            assert!(Arc::ptr_eq(&found.identity, &given.identity));
            assert!(Arc::ptr_eq(&found.grant, &given.grant));
            assert_eq!((found.expires_at, found.leeway_ms), (given.expires_at, given.leeway_ms));
            assert_eq!((found.mark, found.signer), (given.mark, given.signer));
            assert_eq!((found.issued_at, found.quotas), (given.issued_at, given.quotas));
            assert_eq!(fault(show()), UNKNOWN);
        }
        assert_eq!(bench.inner.0.load(Ordering::Relaxed), 0, "no token was verified");
        assert_eq!((bench.count("issued"), bench.count("redeemed")), (2, 2));
        assert_eq!((bench.count("unknown"), bench.office.held()), (2, 0));
    }
}

#[test]
fn where_only_tickets_pass_no_token_passes() {
    let bench = Bench::new(MemoryStore::new(10));
    let ticket = bench.issue(login(), None).unwrap();
    let long = format!("{}A", ticket.text.reveal());
    for text in ["", "eyJhbGciOiJIUzI1NiJ9.e30.AA", "vt_", &long] {
        assert_eq!(fault(bench.show(Credential::Ticket(Token::new(text)), None, NOW)), UNKNOWN);
    }
    assert_eq!(bench.inner.0.load(Ordering::Relaxed), 0);
    assert_eq!(bench.count("unknown"), 4);
}

#[test]
fn everything_else_is_for_the_verifier_within() {
    let bench = Bench::new(MemoryStore::new(10));
    for text in ["", "a.b.c", "vt_short"] {
        let found = bench.show(Credential::Token(Token::new(text)), None, NOW).unwrap();
        assert_eq!(&*found.identity.subject, "inner");
    }
    let password = Credential::Password(Password::new("ann", "sesame"));
    assert_eq!(fault(bench.show(password, None, NOW)), Rejection::Password);
    assert!(matches!(bench.verifier.verify_pass(Token::new("x"), NOW), Verification::Done(Err(_))));
    assert_eq!(bench.inner.0.load(Ordering::Relaxed), 4);
}

#[test]
fn a_ticket_is_not_verified_as_a_token() {
    let bench = Bench::new(MemoryStore::new(10));
    let ticket = bench.issue(login(), None).unwrap();
    let verdict = bench.verifier.verify(Token::new(ticket.text.reveal()), NOW);
    let Verification::Done(Ok(found)) = verdict else { panic!("{verdict:?}") };
    assert_eq!(&*found.identity.subject, "inner", "whatever the verifier within makes of it");
    assert!(bench.spend(&ticket).is_ok(), "it was not used");
}

#[test]
fn a_ticket_of_an_origin_is_for_its_pages_alone_and_used_up_by_others() {
    for bench in Bench::both() {
        for shown in [None, Some("https://evil.example"), Some("https://app.example:443"), Some("")]
        {
            let ticket = bench.issue(login(), Some(APP)).unwrap();
            let show = |origin| {
                bench.show(Credential::Ticket(Token::new(ticket.text.reveal())), origin, NOW)
            };
            assert_eq!(fault(show(shown)), ORIGIN, "{shown:?}");
            assert_eq!(fault(show(Some(APP))), UNKNOWN, "it is used up");
        }
        let ticket = bench.issue(login(), Some(APP)).unwrap();
        let shown = Credential::Token(Token::new(ticket.text.reveal()));
        assert!(bench.show(shown, Some(APP), NOW).is_ok());
        assert_eq!((bench.count("origin"), bench.count("redeemed")), (4, 1));
    }
}

#[test]
fn a_ticket_ends_with_its_time_and_with_its_token() {
    // Of the token, leeway included: what is left, and what the ticket gets.
    for (left_ms, life_ms) in
        [(-4_999, 1), (-1, 4_999), (0, 5_000), (7, 5_007), (9e6 as i64, 60_000)]
    {
        for (after_ms, opens) in [(life_ms - 1, true), (life_ms, false), (life_ms + 1, false)] {
            let bench = Bench::new(MemoryStore::new(10));
            let expires_at = Wall::from_ms(NOW.as_ms().saturating_add_signed(left_ms));
            let ticket = bench.issue(Box::new(Login { expires_at, ..*login() }), None).unwrap();
            assert_eq!(ticket.expires_in_ms, life_ms);
            let shown = Credential::Token(Token::new(ticket.text.reveal()));
            let verdict = bench.show(shown, None, NOW + after_ms);
            assert_eq!(verdict.is_ok(), opens, "{left_ms} {after_ms}");
        }
    }
}

#[test]
fn a_store_that_forgets_no_time_does_not_let_an_expired_token_in() {
    let bench = Bench::new(MemoryStore::new(10));
    let text = TicketText::draw().unwrap();
    let store = MemoryStore::new(10);
    let kept = Ticket { login: login(), origin: None, expires_at: NOW + 9_000_000_000 };
    let _kept = store.issue(text.key(), kept, NOW);
    let office = Office::new(Arc::new(store), Arc::clone(&bench.metrics));
    let end = NOW + 3_605_000;
    let verdict = office.redeem(&text.key(), None, end);
    let Verification::Done(Err(why)) = verdict else { panic!("{verdict:?}") };
    assert_eq!(why, Rejection::Expired { late_ms: 5_000 });
    assert_eq!(bench.count("expired"), 1);
}

#[test]
fn a_key_that_goes_while_its_token_is_exchanged_takes_the_ticket_along() {
    for bench in Bench::both() {
        let began = bench.office.moment();
        let purge = bench.office.purge(Purge::Signer(Signer::from_number(7)));
        purge.now_or_never().expect("done");
        let issuing = bench.office.issue(began, (login(), None), 60_000, NOW);
        let issued = issuing.now_or_never().expect("an answer");
        assert_eq!(issued.err(), Some(StoreFault::Unavailable));
        assert_eq!(bench.office.held(), 0);
        assert!(bench.issue(login(), None).is_ok(), "who begins behind it gets one");
    }
}

#[test]
fn what_happens_is_counted() {
    let bench = Bench::new(MemoryStore::new(1));
    bench.issue(login(), None).unwrap();
    bench.issue(login(), None).unwrap();
    let other = Box::new(Login::new(identity("bob"), NOW + 1_000));
    assert_eq!(bench.issue(other, None).err(), Some(StoreFault::Full));
    let counts = ["issued", "displaced", "full", "unavailable"].map(|event| bench.count(event));
    assert_eq!(counts, [2, 1, 1, 0]);
    let bench = Bench::new(Gone);
    assert_eq!(bench.issue(login(), None).err(), Some(StoreFault::Unavailable));
    let text = TicketText::draw().unwrap();
    let shown = Credential::Ticket(Token::new(text.reveal()));
    assert_eq!(fault(bench.show(shown, None, NOW)), Rejection::Unavailable);
    bench.office.purge(Purge::All).now_or_never().expect("done");
    assert_eq!((bench.count("unavailable"), bench.count("issued")), (2, 0));
}

#[test]
fn nothing_of_a_ticket_is_printed() {
    let bench = Bench::new(MemoryStore::new(10));
    let ticket = bench.issue(login(), Some(APP)).unwrap();
    let secret: String = ticket.text.reveal().chars().skip(3).take(12).collect();
    let printed = format!("{ticket:?} {:?} {:?}", bench.verifier, bench.office);
    assert!(!printed.contains(&secret), "{printed}");
}
