//! Who is inside is looked at again: how often, how evenly, and what does not stop it.

use super::{
    verdicts::{checked, judged},
    *,
};

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
