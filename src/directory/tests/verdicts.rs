//! The token first, then its user; and passwords, which the directory alone judges.

use super::*;

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

pub(super) async fn judged(
    checked: &Checked,
    credential: impl Into<Credential<'static>>,
) -> Result<Box<Login>, Rejection> {
    match checked.judge(Presentation::new(credential), Wall::from_ms(5)) {
        Verification::Done(result) => result,
        Verification::Pending(lookup) => lookup.await,
    }
}

pub(super) fn checked(register: &Register) -> Checked {
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
