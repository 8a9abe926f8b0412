//! One issuer and several: whom they ask for keys, when they are ready, and who cannot be together.

use super::*;
use crate::{
    protocol::grant::Permission,
    token::{
        Algorithm, HeaderFault, Key, Mint, NameFault, Signatures,
        fixtures::{NOW, keys, signer, verifier},
    },
};
use serde_json::json;
use std::{
    sync::atomic::{AtomicBool, AtomicUsize},
    task::{Context, Poll, Waker},
};

fn named(name: &str, iss: &str, user_prefix: &str) -> IssuerRules {
    IssuerRules {
        name: name.into(),
        iss: Some(iss.into()),
        user_prefix: user_prefix.into(),
        ..IssuerRules::default()
    }
}

fn token(iss: &str) -> String {
    let mut mint = Mint::new("ann", 60_000);
    mint.issuer = Some(iss.to_owned());
    mint.sign(&signer(), NOW).unwrap()
}

/// Keys from a source that has to be asked first, if it is there at all.
struct Distant {
    key: Key,
    here: Arc<AtomicBool>,
    source: Source,
    asked: Arc<AtomicUsize>,
}

/// What asking is good for.
#[derive(Clone, Copy)]
enum Source {
    Silent,
    HasIt,
    HasItNot,
}

impl Distant {
    fn new(source: Source) -> Self {
        let key = keys(Algorithm::Hs256).1;
        Self { key, here: Arc::default(), source, asked: Arc::default() }
    }
}

impl Keys for Distant {
    fn check(
        &self,
        header: &Header<'_>,
        token: &Compact<'_>,
        now: Wall,
    ) -> Result<Signer, Rejection> {
        if !self.here.load(Ordering::Relaxed) {
            return Err(KeyRefusal::Unknown.into());
        }
        Keys::check(&self.key, header, token, now).map(|_| Signer::from_number(7))
    }

    fn consult(&self, refusal: KeyRefusal, key_id: Option<&str>) -> Consultation {
        assert_eq!((refusal, key_id), (KeyRefusal::Unknown, Some("k")));
        self.asked.fetch_add(1, Ordering::Relaxed);
        let (here, found) = (Arc::clone(&self.here), matches!(self.source, Source::HasIt));
        match self.source {
            Source::Silent => Consultation::Settled(KeyRefusal::SourceDown),
            Source::HasIt | Source::HasItNot => Consultation::Asked(Box::pin(async move {
                here.store(found, Ordering::Relaxed);
            })),
        }
    }
}

fn with_kid(claims: &str) -> String {
    signer().sign_with_header(r#"{"alg":"HS256","kid":"k"}"#, claims).unwrap()
}

const LOGIN: &str = r#"{"sub":"ann","exp":1792000060}"#;
const PASS: &str = r#"{"sub":"ann","exp":1792000060,"room":"a","allow":["send"]}"#;

/// The verdict, and whether it took a lookup.
fn finish<T>(verification: Verification<T>) -> (Result<T, Rejection>, bool) {
    match verification {
        Verification::Done(verdict) => (verdict, false),
        Verification::Pending(mut verdict) => {
            let polled = verdict.as_mut().poll(&mut Context::from_waker(Waker::noop()));
            let Poll::Ready(verdict) = polled else { panic!("nothing to wait for") };
            (verdict, true)
        }
    }
}

#[test]
fn a_source_is_asked_for_a_missing_key_and_the_token_judged_again() {
    let issuers = Issuers::new(IssuerRules::default(), Distant::new(Source::HasIt));
    let token = with_kid(LOGIN);
    let (login, waited) = finish(issuers.verify(Token::new(token.as_str()), NOW));
    assert_eq!((login.unwrap().signer, waited), (Signer::from_number(7), true));
    let (login, waited) = finish(issuers.verify(Token::new(token.as_str()), NOW));
    assert!(login.is_ok() && !waited, "the key is there now");

    let issuers = Issuers::new(IssuerRules::default(), Distant::new(Source::HasIt));
    let token = with_kid(PASS);
    let (pass, waited) = finish(issuers.verify_pass(Token::new(token.as_str()), NOW));
    let pass = pass.unwrap();
    assert!(waited && pass.room.as_str() == "a" && pass.allow.contains(Permission::Send));
    assert_eq!(pass.signer, Signer::from_number(7));
}

#[test]
fn what_the_second_look_says_stands() {
    let issuers = Issuers::new(IssuerRules::default(), Distant::new(Source::HasItNot));
    let token = with_kid(LOGIN);
    let (verdict, waited) = finish(issuers.verify(Token::new(token.as_str()), NOW));
    assert_eq!((verdict.unwrap_err(), waited), (KeyRefusal::Unknown.into(), true));
    let asked = issuers.iter().map(|(_, keys)| keys.asked.load(Ordering::Relaxed)).sum::<usize>();
    assert_eq!(asked, 1, "a second look asks nobody");

    let issuers = Issuers::new(IssuerRules::default(), Distant::new(Source::HasIt));
    let token = with_kid(r#"{"sub":"ann","exp":0}"#);
    let (verdict, waited) = finish(issuers.verify(Token::new(token.as_str()), NOW));
    assert_eq!(verdict.unwrap_err(), Rejection::Expired { late_ms: NOW.as_ms() });
    assert!(waited);
}

#[test]
fn a_settled_question_is_answered_on_the_spot() {
    let issuers = Issuers::new(IssuerRules::default(), Distant::new(Source::Silent));
    let token = with_kid(LOGIN);
    let (verdict, waited) = finish(issuers.verify(Token::new(token.as_str()), NOW));
    assert_eq!((verdict.unwrap_err(), waited), (KeyRefusal::SourceDown.into(), false));
    // Who only judges asks nobody.
    assert_eq!(issuers.judge(&token, NOW).unwrap_err(), KeyRefusal::Unknown.into());
    assert_eq!(issuers.judge_pass(&token, NOW).unwrap_err(), KeyRefusal::Unknown.into());
    let asked = issuers.iter().map(|(_, keys)| keys.asked.load(Ordering::Relaxed)).sum::<usize>();
    assert_eq!(asked, 1);
}

#[test]
fn a_token_that_breaks_a_rule_asks_nobody() {
    let rules = IssuerRules { types: super::super::TypePolicy::Strict, ..named("", "a", "") };
    let issuers = Issuers::new(rules, Distant::new(Source::HasIt));
    let stranger = with_kid(r#"{"iss":"b","sub":"ann","exp":1792000060}"#);
    let untyped = with_kid(r#"{"iss":"a","sub":"ann","exp":1792000060}"#);
    for (token, expected) in [
        (stranger.as_str(), Rejection::from(ClaimFault::Issuer)),
        (untyped.as_str(), HeaderFault::TypeMissing.into()),
    ] {
        let (verdict, waited) = finish(issuers.verify(Token::new(token), NOW));
        assert_eq!((verdict.unwrap_err(), waited), (expected, false));
    }
    let asked = issuers.iter().map(|(_, keys)| keys.asked.load(Ordering::Relaxed)).sum::<usize>();
    assert_eq!(asked, 0);
}

/// Keys that note every token that they see.
struct Watched {
    key: Key,
    seen: Arc<AtomicUsize>,
}

impl Signatures for Watched {
    fn algorithm(&self) -> Algorithm {
        self.key.algorithm()
    }

    fn verify(&self, signing_input: &[u8], signature: &[u8]) -> bool {
        self.seen.fetch_add(1, Ordering::Relaxed);
        self.key.verify(signing_input, signature)
    }
}

#[test]
fn keys_never_see_the_tokens_of_another_issuer() {
    let seen = [(); 2].map(|()| Arc::new(AtomicUsize::new(0)));
    let keys = |at: usize| Watched { key: keys(Algorithm::Hs256).1, seen: Arc::clone(&seen[at]) };
    let issuers =
        Issuers::several([(named("one", "a", "a:"), keys(0)), (named("two", "b", "b:"), keys(1))])
            .unwrap();
    let counts = || [0, 1].map(|at: usize| seen[at].load(Ordering::Relaxed));
    assert_eq!(&*issuers.judge(&token("a"), NOW).unwrap().identity.user, "a:ann");
    assert_eq!(counts(), [1, 0]);
    assert_eq!(&*issuers.judge(&token("b"), NOW).unwrap().identity.user, "b:ann");
    assert_eq!(counts(), [1, 1]);
    assert_eq!(issuers.judge(&token("c"), NOW).unwrap_err(), ClaimFault::Issuer.into());
    assert_eq!(counts(), [1, 1]);
    let names: Vec<_> = issuers.iter().map(|(rules, _)| &*rules.name).collect();
    assert_eq!(names, ["one", "two"]);
}

#[test]
fn counters_and_marks_are_shared_by_clones() {
    let issuers = verifier(IssuerRules::default());
    let clone = issuers.clone();
    let token = signer().sign_with_header(r#"{"alg":"HS256","jku":"x"}"#, LOGIN).unwrap();
    let mark = issuers.judge(&token, NOW).unwrap().mark;
    assert_eq!(clone.judge(&token, NOW).unwrap().mark, mark);
    // Counted whatever becomes of the token, and of a room token too.
    clone.judge_pass(&token, NOW).unwrap_err();
    assert_eq!((issuers.brought_keys(), clone.brought_keys()), (3, 3));
}

/// Keys whose upkeep ends when told to, after it said what it was told to say.
struct Tended(Arc<Word>);

#[derive(Default)]
struct Word {
    readies: AtomicUsize,
    removes: AtomicBool,
    ends: AtomicBool,
}

impl Keys for Tended {
    fn check(&self, _: &Header<'_>, _: &Compact<'_>, _: Wall) -> Result<Signer, Rejection> {
        Err(KeyRefusal::SourceDown.into())
    }

    fn upkeep(&self, house: Arc<dyn House>) -> Upkeep {
        let word = Arc::clone(&self.0);
        Box::pin(std::future::poll_fn(move |_| {
            (0..word.readies.load(Ordering::Relaxed)).for_each(|_| house.ready());
            if word.removes.load(Ordering::Relaxed) {
                house.key_removed(Signer::from_number(3));
            }
            if word.ends.load(Ordering::Relaxed) { Poll::Ready(()) } else { Poll::Pending }
        }))
    }
}

#[derive(Default)]
struct Noted {
    readies: AtomicUsize,
    removed: AtomicUsize,
}

impl House for Noted {
    fn ready(&self) {
        self.readies.fetch_add(1, Ordering::Relaxed);
    }

    fn key_removed(&self, signer: Signer) {
        assert_eq!(signer, Signer::from_number(3));
        self.removed.fetch_add(1, Ordering::Relaxed);
    }
}

#[test]
fn the_house_is_ready_once_every_issuer_is() {
    let words = [(); 2].map(|()| Arc::new(Word::default()));
    let tended = |at: usize| Tended(Arc::clone(&words[at]));
    let issuers =
        Issuers::several([(named("", "a", "a:"), tended(0)), (named("", "b", "b:"), tended(1))]);
    let noted = Arc::new(Noted::default());
    let mut upkeep = Arc::new(issuers.unwrap()).upkeep(Arc::clone(&noted) as Arc<dyn House>);
    let mut poll = || upkeep.as_mut().poll(&mut Context::from_waker(Waker::noop()));
    let readies = || noted.readies.load(Ordering::Relaxed);
    assert_eq!((poll(), readies()), (Poll::Pending, 0));
    // One that says it twice speaks for itself alone.
    words[0].readies.store(2, Ordering::Relaxed);
    assert_eq!((poll(), readies()), (Poll::Pending, 0));
    words[1].readies.store(1, Ordering::Relaxed);
    assert_eq!((poll(), readies()), (Poll::Pending, 1));
    assert_eq!((poll(), readies()), (Poll::Pending, 1));
    words[1].removes.store(true, Ordering::Relaxed);
    assert_eq!(poll(), Poll::Pending);
    assert_eq!(noted.removed.load(Ordering::Relaxed), 1);
    // One that ends is missed at once: its keys would grow stale.
    words[1].ends.store(true, Ordering::Relaxed);
    assert_eq!((poll(), readies()), (Poll::Ready(()), 1));
}

#[test]
fn a_single_key_is_ready_at_once() {
    let noted = Arc::new(Noted::default());
    let issuers = Arc::new(verifier(IssuerRules::default()));
    let mut upkeep = issuers.upkeep(Arc::clone(&noted) as Arc<dyn House>);
    assert_eq!(upkeep.as_mut().poll(&mut Context::from_waker(Waker::noop())), Poll::Pending);
    assert_eq!(noted.readies.load(Ordering::Relaxed), 1);
}

#[test]
fn issuers_side_by_side_cannot_be_taken_for_one_another() {
    let nameless = IssuerRules { iss: None, ..named("b", "", "b:") };
    let nobody = named("b", "b", "");
    let badly_named = IssuerRules { info_claim: "exp".into(), ..named("a", "a", "a:") };
    let app = || named("app", "a", "app:");
    let table = [
        (vec![], "there is no issuer: nobody could sign in"),
        (vec![badly_named.clone()], "issuer `a`: `info_claim` is `exp`, a registered claim"),
        (vec![app(), badly_named], "issuer `a`: `info_claim` is `exp`, a registered claim"),
        (vec![app(), nameless.clone()], "issuer `b` has no `iss`: with several issuers"),
        (vec![nameless, app()], "issuer `b` has no `iss`: with several issuers"),
        (vec![app(), nobody.clone()], "issuer `b` has no `user_prefix`: with several issuers"),
        (vec![nobody, app()], "issuer `b` has no `user_prefix`: with several issuers"),
        (vec![app(), named("c", "c", "c:"), named("", "a", "x:")], {
            "issuers `app` and number 3 have the same `iss` \"a\": keep one"
        }),
        (vec![app(), named("b", "b", "app:")], {
            "the `user_prefix` \"app:\" of issuer `b` begins with \"app:\", that of issuer `app`"
        }),
        (vec![app(), named("b", "b", "app")], {
            "the `user_prefix` \"app:\" of issuer `app` begins with \"app\", that of issuer `b`"
        }),
        (vec![app(), named("b", "b", "app:b:")], {
            "the `user_prefix` \"app:b:\" of issuer `b` begins with \"app:\", that of issuer `app`"
        }),
    ];
    for (rules, expected) in table {
        let conflict = check_issuers(&rules).unwrap_err();
        assert!(conflict.to_string().starts_with(expected), "{conflict}");
        let issuers = rules.into_iter().map(|rules| (rules, keys(Algorithm::Hs256).1));
        assert_eq!(Issuers::several(issuers).unwrap_err(), conflict);
    }
    let words = check_issuers(&[app(), named("b", "b", "app")]).unwrap_err().to_string();
    assert!(words.ends_with("end each with a separator, such as \"app:\""), "{words}");
}

#[test]
fn issuers_that_can_be_told_apart_pass() {
    let lone = IssuerRules::default();
    assert_eq!(check_issuers([&lone]), Ok(()));
    assert_eq!(check_issuers([&named("a", "a", "")]), Ok(()));
    let three = [named("a", "a", "a:"), named("b", "a/", "b:"), named("c", "A", "aa:")];
    assert_eq!(check_issuers(&three), Ok(()));
    let fault = NameFault::Empty { setting: "rooms_claim" };
    let conflict = IssuerConflict::Claims { issuer: "number 1".into(), fault };
    let rules = IssuerRules { rooms_claim: "".into(), ..lone };
    assert_eq!(check_issuers([&rules]), Err(conflict));
}

#[test]
fn a_debug_print_shows_rules_and_no_key() {
    let rules = IssuerRules {
        required_claims: [("use".into(), json!("access"))].into(),
        ..named("app", "https://app.example", "app:")
    };
    let printed = format!("{:?}", verifier(rules));
    assert!(
        printed.contains("https://app.example") && !printed.contains("0123456789"),
        "{printed}"
    );
}
