//! How often a directory is asked, how many questions there are at a time, and who waits.

use super::*;

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
