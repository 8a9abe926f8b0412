//! The login in two steps, the cookie, and what is not told to whoever guesses.

use crate::world::{Answer, ORIGIN, World};
use axum::http::{StatusCode, header};
use identity::{
    clock::{DAY, MINUTE},
    codes,
    users::{self, Login},
};
use serde_json::json;

/// What a stranger can tell two answers apart by: all but the random challenge.
fn seen(answer: &Answer) -> (StatusCode, Vec<String>, Vec<String>) {
    let names = answer.headers.keys().map(ToString::to_string).collect();
    let challenge = answer.json()["challenge"].as_str().map(|it| it.len().to_string());
    let expires_in = answer.json()["expires_in"].to_string();
    (answer.status, names, challenge.into_iter().chain([expires_in]).collect())
}

/// The session that a browser with this cookie has.
async fn is_inside(world: &World, cookie: &str) -> bool {
    let page = world.get("/app", &[("cookie", cookie)]).await;
    match page.status {
        StatusCode::OK => true,
        StatusCode::SEE_OTHER => {
            assert_eq!(page.headers[header::LOCATION], "/");
            false
        }
        _ => panic!("{page:?}"),
    }
}

#[tokio::test]
async fn a_code_gives_a_cookie_that_no_script_and_no_other_site_can_use() {
    let world = World::new().await;
    let answer = world.cookie("alice").await;
    let line = answer.headers[header::SET_COOKIE].to_str().expect("ASCII");
    let (pair, attributes) = line.split_once("; ").expect("attributes");
    assert_eq!(attributes, "Max-Age=604800; Path=/; Secure; HttpOnly; SameSite=Lax");
    let (name, value) = pair.split_once('=').expect("a pair");
    assert_eq!((name, value.len()), ("__Host-session", 43));
    assert!(is_inside(&world, &format!("theme=dark; {pair}; lang=en")).await);
    assert!(!is_inside(&world, "__Host-session=guessed").await);
    assert!(!is_inside(&world, "theme=dark").await);
}

#[tokio::test]
async fn an_address_signs_in_too_in_upper_and_lower_case() {
    let world = World::new().await;
    let pair = world.cookie("Alice@Mail.Example").await.cookie();
    assert!(world.outbox().starts_with("To alice@mail.example: your code is "));
    let page = world.get("/app", &[("cookie", &pair)]).await.text;
    assert!(page.contains(">alice</span>"), "{page}");
}

#[tokio::test]
async fn signing_out_takes_the_cookie_and_what_it_stood_for() {
    let world = World::new().await;
    let pair = world.cookie("alice").await.cookie();
    let shown = [("origin", ORIGIN), ("cookie", &*pair)];
    let out = world.post_with("/logout", &shown, json!({})).await;
    assert_eq!(out.status, StatusCode::NO_CONTENT);
    let line = out.headers[header::SET_COOKIE].to_str().expect("ASCII");
    assert_eq!(line, "__Host-session=; Max-Age=0; Path=/; Secure; HttpOnly; SameSite=Lax");
    assert!(!is_inside(&world, &pair).await, "a copy of the cookie opens nothing either");
    assert_eq!(world.standing("alice").await, "disabled");
}

#[tokio::test]
async fn a_cookie_lives_for_seven_days_and_no_longer() {
    let world = World::new().await;
    let pair = world.cookie("alice").await.cookie();
    world.clock.advance(7 * DAY - 1);
    assert!(is_inside(&world, &pair).await);
    world.clock.advance(1);
    assert!(!is_inside(&world, &pair).await);
    let shown = [("origin", ORIGIN), ("cookie", &*pair)];
    let ticket = world.post_with("/app/ticket", &shown, json!({})).await;
    assert_eq!(ticket.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn nobody_learns_who_exists() {
    let world = World::new().await;
    let bob = Login::parse("bob").expect("a name");
    world.store().transact(|tx| users::disable(tx, &bob)).expect("there is a bob");
    let known = world.post("/login/code", json!({ "user": "alice" })).await;
    for other in ["carol", "bob"] {
        let answer = world.post("/login/code", json!({ "user": other })).await;
        assert_eq!(seen(&answer), seen(&known), "{other}");
        // A guess at a code that nobody got is refused as any other one.
        let challenges = [&answer, &known].map(|answer| answer.member("challenge"));
        let mut texts = Vec::new();
        for challenge in challenges {
            let refused = world.verify(&challenge, "not-six").await;
            texts.push((refused.status, refused.text));
        }
        assert_eq!(texts[0], texts[1]);
        assert_eq!(texts[0].0, StatusCode::UNAUTHORIZED);
    }
    // A second letter to alice shows that the post has come by the others.
    world.code("alice").await;
    assert_eq!(world.outbox().matches("To ").count(), 2);
    assert_eq!(world.outbox().matches("To alice").count(), 2);
}

/// Without the password of nobody, an unknown name would be refused a hundred times faster.
#[tokio::test]
#[expect(clippy::disallowed_methods, reason = "the very point is how long it takes")]
async fn a_wrong_name_takes_as_long_as_a_wrong_password() {
    let world = World::new().await;
    let mut fastest = Vec::new();
    for user in ["alice", "carol"] {
        let mut times = Vec::new();
        for _ in 0..5 {
            let began = std::time::Instant::now();
            let body = json!({ "user": user, "password": "not-sesame" });
            let answer = world.post("/login", body).await;
            assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
            times.push(began.elapsed());
        }
        fastest.extend(times.into_iter().min());
    }
    let (known, unknown) = (fastest[0], fastest[1]);
    assert!(unknown * 4 > known && known * 4 > unknown, "{known:?} and {unknown:?}");
}

#[tokio::test]
async fn a_code_works_once_for_its_challenge_for_five_minutes() {
    let world = World::new().await;
    let (challenge, code) = world.code("alice").await;
    let (other_challenge, other_code) = world.code("alice").await;
    if code != other_code {
        assert_eq!(world.verify(&challenge, &other_code).await.status, StatusCode::UNAUTHORIZED);
    }
    let spaced = format!(" {} {} ", &code[..3], &code[3..]);
    assert_eq!(world.verify(&challenge, &spaced).await.status, StatusCode::NO_CONTENT);
    assert_eq!(world.verify(&challenge, &code).await.status, StatusCode::UNAUTHORIZED);
    world.clock.advance(codes::LIFE);
    let late = world.verify(&other_challenge, &other_code).await;
    assert_eq!(late.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn a_code_may_be_guessed_five_times() {
    let world = World::new().await;
    for (wrong, then) in [(4, StatusCode::NO_CONTENT), (5, StatusCode::UNAUTHORIZED)] {
        let (challenge, code) = world.code("alice").await;
        for _ in 0..wrong {
            let refused = world.verify(&challenge, "not-six").await;
            assert_eq!(refused.status, StatusCode::UNAUTHORIZED);
        }
        assert_eq!(world.verify(&challenge, &code).await.status, then, "after {wrong}");
    }
}

#[tokio::test]
async fn whoever_is_disabled_meanwhile_stays_outside() {
    let world = World::new().await;
    let (challenge, code) = world.code("alice").await;
    let alice = Login::parse("alice").expect("a name");
    world.store().transact(|tx| users::disable(tx, &alice)).expect("there is an alice");
    assert_eq!(world.verify(&challenge, &code).await.status, StatusCode::UNAUTHORIZED);
    world.clock.advance(MINUTE);
    assert_eq!(world.standing("alice").await, "disabled");
}
