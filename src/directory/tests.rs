//! The register, the verifier and the rounds against a directory that a test holds in its hand.

use super::*;
use crate::{
    protocol::{
        client_message::Token,
        credential::{Credential, Presentation},
        grant::{Grant, Permission},
        identity::{Login, Principal, Quotas, Signer},
        room_name::RoomRef,
        time::Wall,
    },
    token::{House, Rejection, Verification, Verifier},
};
use parking_lot::Mutex;
use std::{collections::HashMap, time::Duration};
use tokio::{
    runtime::Handle,
    sync::{Semaphore, mpsc},
    time::{self, Instant},
};

/// A directory that says what it is told to, when it is let to, and counts.
#[derive(Default)]
struct Book {
    standings: Mutex<HashMap<String, Outcome>>,
    asked: Mutex<Vec<String>>,
    /// Answers that may go out; `None` lets all.
    gate: Option<Arc<Semaphore>>,
    /// The most questions there were at a time, and how many there are.
    crowd: Arc<Mutex<(usize, usize)>>,
}

impl Book {
    fn held() -> Self {
        Self { gate: Some(Arc::new(Semaphore::new(0))), ..Self::default() }
    }

    fn say(&self, user: &str, outcome: Outcome) {
        self.standings.lock().insert(user.to_owned(), outcome);
    }

    fn asked(&self) -> usize {
        self.asked.lock().len()
    }

    fn let_go(&self, answers: usize) {
        self.gate.as_ref().expect("it is held").add_permits(answers);
    }

    fn answer(&self, user: &str) -> Lookup {
        self.asked.lock().push(user.to_owned());
        let outcome = self.standings.lock().get(user).cloned().unwrap_or(Ok(Standing::Unknown));
        let gate = self.gate.clone();
        let presence = Presence::enter(&self.crowd);
        Box::pin(async move {
            let _presence = presence;
            if let Some(gate) = gate {
                gate.acquire().await.expect("never closed").forget();
            }
            outcome
        })
    }
}

struct Presence(Arc<Mutex<(usize, usize)>>);

impl Presence {
    fn enter(crowd: &Arc<Mutex<(usize, usize)>>) -> Self {
        let mut count = crowd.lock();
        count.1 += 1;
        count.0 = count.0.max(count.1);
        Self(Arc::clone(crowd))
    }
}

impl Drop for Presence {
    fn drop(&mut self) {
        self.0.lock().1 -= 1;
    }
}

impl Directory for Book {
    fn find(&self, user: Arc<Identity>) -> Lookup {
        self.answer(&user.subject)
    }

    fn check(&self, password: Password) -> Lookup {
        self.answer(&format!("{}:{}", password.user(), password.reveal()))
    }
}

fn user(name: &str) -> Principal {
    Principal(Arc::new(Identity { issuer: None, subject: name.into(), user: name.into() }))
}

fn active() -> Outcome {
    Ok(Standing::Active(Arc::default()))
}

fn with(change: impl FnOnce(&mut Profile)) -> Outcome {
    let mut profile = Profile::default();
    change(&mut profile);
    Ok(Standing::Active(Arc::new(profile)))
}

fn down() -> Outcome {
    Err(Unavailable::new("down"))
}

fn register(book: &Arc<Book>, bounds: Bounds) -> Register {
    let register = Register::new(Arc::clone(book) as _, bounds);
    register.run_on(Handle::current());
    register
}

const NO_CACHE: Bounds =
    Bounds { timeout_ms: 5_000, concurrency: 16, cache_ms: 0, cache_users: 100, recheck_ms: 0 };

/// Lets every task run that can.
async fn settle() {
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_thousand_questions_about_one_user_are_one() {
    let book = Arc::new(Book::held());
    book.say("ann", active());
    let register = register(&book, Bounds::default());
    let ask = || {
        let register = register.clone();
        tokio::spawn(async move { register.ask(user("ann")).await })
    };
    let asked: Vec<_> = (0..1_000).map(|_| ask()).collect();
    settle().await;
    assert_eq!((book.asked(), register.figures().running), (1, 1));
    book.let_go(1);
    for one in asked {
        assert_eq!(one.await.expect("no panic"), active());
    }
    // And for a moment nobody asks again, not for one millisecond more.
    time::advance(Duration::from_millis(9_999)).await;
    assert_eq!(register.known(&user("ann")), active().ok());
    assert_eq!(register.ask(user("ann")).await, active());
    time::advance(Duration::from_millis(1)).await;
    assert_eq!(register.known(&user("ann")), None);
    book.let_go(1);
    assert_eq!(register.ask(user("ann")).await, active());
    let figures = register.figures();
    assert_eq!((book.asked(), figures.active, figures.shared, figures.cached), (2, 2, 999, 2));
    assert_eq!(figures.running, 0);
}

#[tokio::test(start_paused = true)]
async fn a_bad_answer_counts_for_less_and_none_for_nothing() {
    let book = Arc::new(Book::default());
    let register = register(&book, Bounds::default());
    for standing in [Standing::Disabled, Standing::Unknown] {
        let name = format!("{standing:?}");
        book.say(&name, Ok(standing.clone()));
        assert_eq!(register.ask(user(&name)).await, Ok(standing.clone()));
        time::advance(Duration::from_millis(NEGATIVE_MS - 1)).await;
        assert_eq!(register.known(&user(&name)), Some(standing));
        time::advance(Duration::from_millis(1)).await;
        assert_eq!(register.known(&user(&name)), None);
    }
    book.say("ann", down());
    assert_eq!(register.ask(user("ann")).await, down());
    book.say("ann", active());
    assert_eq!(register.ask(user("ann")).await, active());
}

#[tokio::test(start_paused = true)]
async fn no_more_are_asked_at_a_time_than_may_be_and_who_leaves_the_queue_is_not_asked() {
    let book = Arc::new(Book::held());
    let register = register(&book, Bounds { concurrency: 3, ..NO_CACHE });
    let mut asked: Vec<_> = (0..20)
        .map(|n| {
            let register = register.clone();
            tokio::spawn(async move { register.ask(user(&n.to_string())).await })
        })
        .collect();
    settle().await;
    assert_eq!((book.asked(), register.figures().running), (3, 3));
    // Ten give up: seven of them waited, three go on without anybody.
    for one in asked.drain(..10) {
        one.abort();
    }
    settle().await;
    book.let_go(20);
    for one in asked {
        assert_eq!(one.await.expect("no panic"), Ok(Standing::Unknown));
    }
    assert_eq!((book.asked(), book.crowd.lock().0), (13, 3));
    assert_eq!(register.figures().unknown, 13);
}

#[tokio::test(start_paused = true)]
async fn a_question_that_hangs_ends_and_frees_its_place() {
    let book = Arc::new(Book::held());
    let register = register(&book, Bounds { concurrency: 1, ..NO_CACHE });
    let began = Instant::now();
    let one = register.ask(user("ann"));
    let other = register.ask(user("bob"));
    let (one, other) = tokio::join!(one, other);
    assert!(one.is_err() && other.is_err());
    assert_eq!(began.elapsed().as_secs(), 10, "one after the other");
    book.say("ann", active());
    book.let_go(1);
    assert_eq!(register.ask(user("ann")).await, active());
    assert_eq!((register.figures().failed, register.figures().running), (2, 0));
}

#[tokio::test(start_paused = true)]
async fn passwords_keep_no_token_waiting() {
    let book = Arc::new(Book::held());
    book.say("ann", active());
    let register = register(&book, Bounds { concurrency: 8, ..NO_CACHE });
    let guess = |number: usize| {
        let register = register.clone();
        let password = Password::new("ann", format!("guess {number}"));
        tokio::spawn(async move { register.check(password).await })
    };
    let mut guesses: Vec<_> = (0..PASSWORDS).map(guess).collect();
    settle().await;
    assert_eq!((book.asked(), register.figures().running), (8 / PASSWORD_SHARE, 2));
    // Beyond those that may wait there is no answer, at once.
    let began = Instant::now();
    assert!(guess(PASSWORDS).await.expect("no panic").is_err());
    assert_eq!((began.elapsed(), register.figures().failed), (Duration::ZERO, 1));
    let asked: Vec<_> = (0..8)
        .map(|number| {
            let register = register.clone();
            tokio::spawn(async move { register.ask(user(&format!("user {number}"))).await })
        })
        .collect();
    settle().await;
    assert_eq!((book.asked(), register.figures().running), (2 + 8, 10), "none waits");
    // Who has left waits no more, and the next one does.
    guesses.pop().expect("one").abort();
    settle().await;
    guesses.push(guess(PASSWORDS));
    settle().await;
    book.let_go(8 + PASSWORDS);
    for one in asked.into_iter().chain(guesses) {
        assert_eq!(one.await.expect("no panic"), Ok(Standing::Unknown));
    }
    assert_eq!(register.figures().running, 0);
}

#[tokio::test(start_paused = true)]
async fn a_directory_that_panics_is_down() {
    struct Broken;
    impl Directory for Broken {
        fn find(&self, _: Arc<Identity>) -> Lookup {
            Box::pin(async { panic!("a bug of somebody else's") })
        }
    }
    let register = Register::new(Arc::new(Broken), NO_CACHE);
    assert!(register.ask(user("ann")).await.is_err(), "no runtime yet");
    register.run_on(Handle::current());
    for _ in 0..3 {
        assert!(register.ask(user("ann")).await.is_err());
    }
    assert_eq!(register.check(Password::new("a", "b")).await, Ok(Standing::Unknown));
    assert_eq!(register.figures().running, 0);
}

/// Takes tokens that say who they are for.
struct Believing;

impl Verifier for Believing {
    fn verify(&self, token: Token<'_>, _: Wall) -> Verification<Box<Login>> {
        let name = token.reveal().to_owned();
        if name == "forged" {
            return Verification::Done(Err(Rejection::Signature));
        }
        let identity = Identity {
            issuer: None,
            subject: name.trim_start_matches("slow ").into(),
            user: name.as_str().into(),
        };
        let mut login = Box::new(Login::new(identity, Wall::from_ms(9)));
        login.grant = Arc::new(Grant::parse(r#"{"a":["join"]}"#).expect("a grant"));
        if name.starts_with("slow ") {
            return Verification::Pending(Box::pin(async { Ok(login) }));
        }
        Verification::Done(Ok(login))
    }
}

async fn judged(
    checked: &Checked,
    credential: impl Into<Credential<'static>>,
) -> Result<Box<Login>, Rejection> {
    match checked.judge(Presentation::new(credential), Wall::from_ms(5)) {
        Verification::Done(result) => result,
        Verification::Pending(lookup) => lookup.await,
    }
}

fn checked(register: &Register) -> Checked {
    let passwords = Passwords {
        issuer: Some("https://app.example".into()),
        prefix: "app-".into(),
        ceiling: Quotas { rooms: Some(7), ..Quotas::default() },
        session_ms: 1_000,
    };
    let checks = Checks { register: register.clone(), passwords: Some(passwords) };
    Checked::new(Arc::new(Believing), checks)
}

#[tokio::test]
async fn the_token_is_judged_first_and_then_its_user() {
    let book = Arc::new(Book::default());
    book.say("ann", active());
    book.say("eve", Ok(Standing::Disabled));
    book.say("far", down());
    let register = register(&book, Bounds::default());
    let checked = checked(&register);
    for way in ["", "slow "] {
        let shown = |name: &str| Token::new(format!("{way}{name}")).into_owned();
        assert!(judged(&checked, shown("ann")).await.is_ok());
        assert_eq!(judged(&checked, shown("bob")).await.err(), Some(Rejection::UnknownUser));
        assert_eq!(judged(&checked, shown("eve")).await.err(), Some(Rejection::Revoked));
        assert_eq!(judged(&checked, shown("far")).await.err(), Some(Rejection::Unavailable));
    }
    let before = book.asked();
    let forged = judged(&checked, Token::new("forged")).await;
    assert_eq!(forged.err(), Some(Rejection::Signature));
    assert_eq!(book.asked(), before, "nobody is asked about a forgery");
    // What is known is judged on the spot.
    let shown = Presentation::new(Token::new("ann"));
    assert!(matches!(checked.judge(shown, Wall::default()), Verification::Done(Ok(_))));
    assert!(checked.figures().directory.is_some_and(|it| it.active > 0));
}

#[tokio::test]
async fn rooms_are_added_and_info_is_replaced() {
    let book = Arc::new(Book::default());
    book.say(
        "ann",
        with(|profile| {
            profile.set_rooms(r#"{"b":"*"}"#).expect("a grant");
            profile.set_info(r#" {"name":"Ann"} "#).expect("info");
            profile.subject = Some("somebody else".into());
        }),
    );
    let register = register(&book, Bounds::default());
    let login = judged(&checked(&register), Token::new("ann")).await.expect("a login");
    let may = |room| login.grant.allows(RoomRef::parse(room).expect("a room"), Permission::Join);
    assert!(may("a") && may("b") && !may("c"));
    assert_eq!(login.info.as_ref().map(|it| it.get()), Some(r#"{"name":"Ann"}"#));
    assert_eq!(&*login.identity.subject, "ann", "the token says who it is");
}

#[tokio::test]
async fn a_password_opens_a_session_of_the_issuers_user() {
    let book = Arc::new(Book::default());
    book.say("ann:right", with(|profile| profile.subject = Some("42".into())));
    book.say("bob:right", active());
    book.say("eve:right", Ok(Standing::Disabled));
    book.say("far:right", down());
    let register = register(&book, Bounds::default());
    let checked = checked(&register);
    let login = judged(&checked, Credential::Password(Password::new("ann", "right"))).await;
    let login = login.expect("a login");
    assert_eq!((&*login.identity.subject, &*login.identity.user), ("42", "app-42"));
    assert_eq!(login.identity.issuer.as_deref(), Some("https://app.example"));
    assert_eq!((login.expires_at, login.issued_at), (Wall::from_ms(1_005), Some(Wall::from_ms(5))));
    assert_eq!(login.ceiling.rooms, Some(7));
    let long = "x".repeat(300);
    for (name, expected) in [
        ("eve", Rejection::Revoked),
        ("far", Rejection::Unavailable),
        ("nobody", Rejection::Password),
        ("", Rejection::Password),
        ("a\u{7}b", Rejection::Password),
        (&long, Rejection::Password),
    ] {
        let shown = Credential::Password(Password::new(name, "right"));
        assert_eq!(judged(&checked, shown).await.err(), Some(expected), "{name}");
    }
    let bob = judged(&checked, Credential::Password(Password::new("bob", "right"))).await;
    assert_eq!(&*bob.expect("a login").identity.subject, "bob");
    // The answer to one password says nothing about another one.
    let wrong = judged(&checked, Credential::Password(Password::new("bob", "wrong"))).await;
    assert_eq!(wrong.err(), Some(Rejection::Password));
    let without = Checked::new(Arc::new(Believing), Checks { register, passwords: None });
    let before = book.asked();
    let shown = Credential::Password(Password::new("bob", "right"));
    assert_eq!(judged(&without, shown).await.err(), Some(Rejection::Password));
    assert_eq!(book.asked(), before);
}

/// A server with these users, which tells whom it puts out.
struct Full {
    users: Mutex<Vec<Principal>>,
    out: mpsc::Sender<String>,
}

impl House for Full {
    fn ready(&self) {}

    fn key_removed(&self, _: Signer) {}

    fn users(&self, wanted: &dyn Fn(&Principal) -> bool) -> Vec<Principal> {
        self.users.lock().iter().filter(|user| wanted(user)).cloned().collect()
    }

    fn is_here(&self, user: &Principal) -> bool {
        self.users.lock().contains(user)
    }

    fn revoke(&self, user: &Principal) {
        self.users.lock().retain(|it| it != user);
        self.out.try_send(user.0.subject.to_string()).expect("room for all");
    }
}

fn full(names: impl IntoIterator<Item = String>) -> (Arc<Full>, mpsc::Receiver<String>) {
    let (out, put_out) = mpsc::channel(100);
    let users = names.into_iter().map(|name| user(&name)).collect();
    (Arc::new(Full { users: Mutex::new(users), out }), put_out)
}

#[tokio::test(start_paused = true)]
async fn every_user_is_looked_at_once_in_the_time_and_never_all_at_once() {
    let book = Arc::new(Book::default());
    let names: Vec<_> = (0..300).map(|n| n.to_string()).collect();
    for name in &names {
        book.say(name, active());
    }
    let register = register(&book, Bounds { recheck_ms: 60_000, ..NO_CACHE });
    let (house, mut put_out) = full(names.clone());
    let looks = tokio::spawn(rounds::run(register.clone(), Arc::clone(&house) as _));
    let mut most = 0;
    for _ in 0..60 {
        let before = book.asked();
        time::advance(Duration::from_secs(1)).await;
        settle().await;
        most = most.max(book.asked() - before);
    }
    // In a minute everybody once, and the first part a second time.
    let mut heard = book.asked.lock().clone();
    assert!((300..=345).contains(&heard.len()), "{}", heard.len());
    heard.sort();
    heard.dedup();
    assert_eq!(heard.len(), 300);
    assert!(most <= 30, "{most} in one second, of 300 in a minute");
    assert_eq!(register.figures().rechecked, book.asked() as u64);
    // An outage ends nobody, a user who is gone or disabled goes.
    for name in &names {
        book.say(name, down());
    }
    book.say("7", Ok(Standing::Disabled));
    book.say("8", Ok(Standing::Unknown));
    for _ in 0..61 {
        time::advance(Duration::from_secs(1)).await;
        settle().await;
    }
    let mut out = vec![put_out.try_recv().expect("one"), put_out.try_recv().expect("another")];
    out.sort();
    assert_eq!(out, ["7", "8"]);
    assert!(put_out.try_recv().is_err());
    assert_eq!(register.figures().revoked, 2);
    looks.abort();
}

#[tokio::test(start_paused = true)]
async fn an_answer_can_ask_to_be_asked_again_soon() {
    let book = Arc::new(Book::default());
    let soon = |ms| with(|profile| profile.recheck_ms = Some(ms));
    book.say("ann", soon(5_000));
    book.say("bob", soon(0));
    book.say("gone", soon(2_000));
    let bounds = Bounds { cache_ms: 60_000, recheck_ms: 600_000, ..NO_CACHE };
    let register = register(&book, bounds);
    let (house, mut put_out) = full(["ann", "bob"].map(String::from));
    let looks = tokio::spawn(rounds::run(register.clone(), Arc::clone(&house) as _));
    for name in ["ann", "bob", "gone"] {
        assert!(register.ask(user(name)).await.is_ok());
    }
    settle().await;
    // Each user's turn in the usual round may come in between; the cache answers then.
    let count = |name: &str| book.asked.lock().iter().filter(|it| *it == name).count();
    for s in 1..=20 {
        time::advance(Duration::from_secs(1)).await;
        settle().await;
        assert_eq!(count("ann"), 1 + s / 5, "after {s} s");
        assert_eq!(count("bob"), 1 + s, "0 is as soon as may be, a second");
    }
    assert_eq!(count("gone"), 1, "nobody asks about who is not here");
    book.say("ann", Ok(Standing::Disabled));
    for _ in 0..5 {
        time::advance(Duration::from_secs(1)).await;
        settle().await;
    }
    assert_eq!(put_out.try_recv().expect("out"), "ann");
    looks.abort();
}

/// As often as time and the runtime let it in so many seconds.
async fn pass(seconds: u64) {
    for _ in 0..seconds {
        time::advance(Duration::from_secs(1)).await;
        settle().await;
    }
}

fn every(ms: u64) -> Outcome {
    with(|profile| profile.recheck_ms = Some(ms))
}

fn looking(register: &Register, house: &Arc<Full>) -> tokio::task::JoinHandle<()> {
    tokio::spawn(rounds::run(register.clone(), Arc::clone(house) as _))
}

#[tokio::test(start_paused = true)]
async fn a_look_that_fails_comes_again_and_many_answers_are_one_time() {
    let book = Arc::new(Book::default());
    book.say("ann", every(1_000));
    let register = register(&book, NO_CACHE);
    let (house, mut put_out) = full(["ann".to_owned()]);
    let _looks = looking(&register, &house);
    for _ in 0..15 {
        assert!(register.ask(user("ann")).await.is_ok());
    }
    settle().await;
    pass(5).await;
    assert_eq!(book.asked(), 15 + 5);
    book.say("ann", down());
    pass(5).await;
    assert_eq!(book.asked(), 15 + 10);
    book.say("ann", Ok(Standing::Disabled));
    pass(1).await;
    assert_eq!(put_out.try_recv().expect("out"), "ann");
    // Nobody is asked about who is gone, also with an answer that comes late.
    pass(700).await;
    assert_eq!(book.asked(), 15 + 11);
    assert!(!register.shared.agenda.lock().is_due_by(&user("ann"), Instant::now() + LONG));
}

const LONG: Duration = Duration::from_secs(1 << 30);

#[tokio::test(start_paused = true)]
async fn a_reload_in_the_middle_of_a_look_forgets_nobody() {
    for recheck_ms in [0, 600_000] {
        let book = Arc::new(Book::held());
        book.say("ann", every(1_000));
        let register = register(&book, Bounds { concurrency: 1, recheck_ms, ..NO_CACHE });
        let (house, _put_out) = full(Vec::new());
        let mut looks = looking(&register, &house);
        settle().await;
        book.let_go(1);
        assert!(register.ask(user("ann")).await.is_ok());
        house.users.lock().push(user("ann"));
        for n in 0..5 {
            pass(1).await;
            assert_eq!(book.asked(), 2 + n, "one is under way");
            looks.abort();
            settle().await;
            looks = looking(&register, &house);
            settle().await;
            // The question that nobody waits for ends with its time, or with an answer.
            book.let_go(1);
            settle().await;
        }
        looks.abort();
    }
}

#[tokio::test(start_paused = true)]
async fn who_was_here_before_the_register_is_looked_at_within_a_minute() {
    for recheck_ms in [0, 30_000, 60_000, 3_600_000] {
        let book = Arc::new(Book::default());
        let names: Vec<_> = (0..60).map(|n| n.to_string()).collect();
        for name in &names {
            book.say(name, active());
        }
        book.say("7", every(1_000));
        let register = register(&book, Bounds { recheck_ms, ..NO_CACHE });
        let (house, _put_out) = full(names);
        let _looks = looking(&register, &house);
        settle().await;
        assert!(book.asked() <= 6, "all at once");
        pass(61).await;
        let heard: std::collections::HashSet<_> = book.asked.lock().iter().cloned().collect();
        assert_eq!(heard.len(), 60);
        let count = || book.asked.lock().iter().filter(|it| *it == "7").count();
        let before = count();
        pass(10).await;
        assert_eq!(count(), before + 10);
    }
}

#[tokio::test(start_paused = true)]
async fn the_answer_to_a_password_hastens_the_next_look() {
    let book = Arc::new(Book::default());
    let profile = |profile: &mut Profile| {
        (profile.subject, profile.recheck_ms) = (Some("42".into()), Some(2_000));
    };
    book.say("ann:right", with(profile));
    book.say("42", every(2_000));
    let register = register(&book, NO_CACHE);
    let (house, mut put_out) = full(Vec::new());
    let _looks = looking(&register, &house);
    let shown = Credential::Password(Password::new("ann", "right"));
    let login = judged(&checked(&register), shown).await.expect("a login");
    house.users.lock().push(Principal(Arc::clone(&login.identity)));
    settle().await;
    pass(1).await;
    assert_eq!(book.asked(), 1);
    pass(1).await;
    assert_eq!(*book.asked.lock(), ["ann:right", "42"]);
    book.say("42", Ok(Standing::Disabled));
    pass(2).await;
    assert_eq!(put_out.try_recv().expect("out"), "42");
}

#[tokio::test(start_paused = true)]
async fn reloads_do_not_make_the_rounds_longer() {
    let book = Arc::new(Book::default());
    let names: Vec<_> = (0..100).map(|n| n.to_string()).collect();
    for name in &names {
        book.say(name, active());
    }
    let register = register(&book, Bounds { recheck_ms: 60_000, ..NO_CACHE });
    let (house, _put_out) = full(names);
    for _ in 0..60 {
        let looks = looking(&register, &house);
        pass(1).await;
        looks.abort();
        settle().await;
    }
    let mut heard = book.asked.lock().clone();
    assert!((100..=120).contains(&heard.len()), "{}", heard.len());
    heard.sort();
    heard.dedup();
    assert_eq!(heard.len(), 100);
}

#[test]
fn answers_are_read_strictly() {
    let subject = "x".repeat(255);
    for (text, expected) in [
        (r#"{"status":"disabled","rooms":1}"#.to_owned(), Standing::Disabled),
        (r#"{"status":"unknown"}"#.to_owned(), Standing::Unknown),
        (r#"{"status":"active","more":[1]}"#.to_owned(), active().expect("active")),
        (
            r#"{"status":"active","subject":null,"rooms":null,"info":null,"recheck_ms":null}"#
                .to_owned(),
            active().expect("active"),
        ),
        (
            format!(r#"{{"status":"active","subject":"{subject}","recheck_ms":9}}"#),
            with(|profile| {
                profile.subject = Some(subject.clone().into());
                profile.recheck_ms = Some(9);
            })
            .expect("active"),
        ),
    ] {
        assert_eq!(Standing::parse(&text), Ok(expected), "{text}");
    }
    for (text, fault) in [
        (r#"{}"#.to_owned(), ProfileFault::Status),
        (r#"{"status":"Active"}"#.to_owned(), ProfileFault::Status),
        (r#"{"status":true}"#.to_owned(), ProfileFault::Status),
        (r#"{"status":"active","subject":""}"#.to_owned(), ProfileFault::Subject),
        (r#"{"status":"active","subject":42}"#.to_owned(), ProfileFault::Subject),
        (r#"{"status":"active","subject":"a\u0007"}"#.to_owned(), ProfileFault::Subject),
        (format!(r#"{{"status":"active","subject":"{subject}x"}}"#), ProfileFault::Subject),
        (r#"{"status":"active","rooms":["a"]}"#.to_owned(), ProfileFault::Rooms),
        (r#"{"status":"active","rooms":{"a":"join"}}"#.to_owned(), ProfileFault::Rooms),
        (r#"{"status":"active","info":"x"}"#.to_owned(), ProfileFault::Info),
        (
            format!(r#"{{"status":"active","info":{{"a":"{}"}}}}"#, "x".repeat(1_024)),
            ProfileFault::Info,
        ),
        (r#"{"status":"active","recheck_ms":-1}"#.to_owned(), ProfileFault::Recheck),
        (r#"{"status":"active","recheck_ms":"9"}"#.to_owned(), ProfileFault::Recheck),
    ] {
        assert_eq!(Standing::parse(&text), Err(fault), "{text}");
    }
    for text in ["", "null", "[]", "ok", r#"{"status":"active","status":"active"}"#, "{} {}"] {
        assert!(matches!(Standing::parse(text), Err(ProfileFault::Json(_))), "{text}");
    }
}

proptest::proptest! {
    #[test]
    fn no_answer_panics(text in ".{0,100}", status in "[a-z]{0,8}", rest in ".{0,40}") {
        let _ = Standing::parse(&text);
        let _ = Standing::parse(&format!(r#"{{"status":"{status}","rooms":{rest}}}"#));
    }
}
