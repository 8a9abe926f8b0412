//! How often strangers may try.

use crate::world::{PASSWORD, World};
use axum::http::{StatusCode, header};
use identity::{clock::MINUTE, limits::neighbour};
use serde_json::json;

#[tokio::test]
async fn passwords_are_tried_ten_times_in_a_quarter_of_an_hour() {
    let world = World::new().await;
    for user in ["alice", "carol"] {
        for _ in 0..10 {
            let wrong = json!({ "user": user, "password": "not-sesame" });
            assert_eq!(world.post("/login", wrong).await.status, StatusCode::UNAUTHORIZED);
        }
        let right = json!({ "user": user, "password": PASSWORD });
        let refused = world.post("/login", right).await;
        assert_eq!(refused.status, StatusCode::TOO_MANY_REQUESTS, "{user}");
        assert_eq!(refused.headers[header::RETRY_AFTER], "900");
    }
    world.clock.advance(15 * MINUTE);
    world.login("alice").await;
}

#[tokio::test]
async fn a_good_password_takes_the_wrong_ones_back() {
    let world = World::new().await;
    for _ in 0..3 {
        for _ in 0..6 {
            let wrong = json!({ "user": "alice", "password": "not-sesame" });
            assert_eq!(world.post("/login", wrong).await.status, StatusCode::UNAUTHORIZED);
        }
        world.login("alice").await;
    }
}

#[tokio::test]
async fn codes_are_asked_for_five_times_whoever_they_are_for() {
    let world = World::new().await;
    for user in ["alice", "carol"] {
        for _ in 0..5 {
            let asked = world.post("/login/code", json!({ "user": user })).await;
            assert_eq!(asked.status, StatusCode::ACCEPTED);
        }
        let refused = world.post("/login/code", json!({ "user": user })).await;
        assert_eq!(refused.status, StatusCode::TOO_MANY_REQUESTS, "{user}");
    }
    world.clock.advance(15 * MINUTE);
    let asked = world.post("/login/code", json!({ "user": "alice" })).await;
    assert_eq!(asked.status, StatusCode::ACCEPTED);
}

#[tokio::test]
async fn two_names_of_one_account_are_one_and_do_not_tell() {
    let world = World::new().await;
    let try_with = async |user: &str, password: &str| {
        let shown = json!({ "user": user, "password": password });
        world.post("/login", shown).await.status
    };
    for user in ["alice", "alice@mail.example"] {
        for _ in 0..5 {
            assert_eq!(try_with(user, "not-sesame").await, StatusCode::UNAUTHORIZED);
        }
    }
    for user in ["alice", "alice@mail.example"] {
        assert_eq!(try_with(user, PASSWORD).await, StatusCode::UNAUTHORIZED, "{user}");
    }
    world.clock.advance(15 * MINUTE);
    assert_eq!(try_with("alice", PASSWORD).await, StatusCode::OK);
    for user in ["alice", "alice@mail.example", "alice@mail.example", "alice", "alice"] {
        world.code(user).await;
    }
    let sent = world.outbox();
    let asked = world.post("/login/code", json!({ "user": "alice@mail.example" })).await;
    assert_eq!(asked.status, StatusCode::ACCEPTED, "as if there were a letter");
    world.clock.advance(15 * MINUTE);
    // Behind that one, if it had been sent.
    world.code("alice").await;
    assert_eq!(world.outbox().lines().count(), sent.lines().count() + 1);
}

#[tokio::test]
async fn an_address_behind_the_proxy_is_counted_by_its_own_name() {
    let world = World::new().await;
    let guess = json!({ "challenge": "none", "code": "123456" });
    let from = |address: &'static str| [("x-forwarded-for", address)];
    for _ in 0..100 {
        // The first entry is what the client said itself: nobody believes it.
        let shown = from("10.9.9.9, 192.0.2.1");
        let refused = world.post_with("/login/code/verify", &shown, guess.clone()).await;
        assert_eq!(refused.status, StatusCode::UNAUTHORIZED);
    }
    for (address, status) in [
        ("10.1.1.1, 192.0.2.1", StatusCode::TOO_MANY_REQUESTS),
        ("192.0.2.2", StatusCode::UNAUTHORIZED),
    ] {
        let refused = world.post_with("/login/code/verify", &from(address), guess.clone()).await;
        assert_eq!(refused.status, status, "{address}");
    }
}

#[test]
fn a_household_is_one_address() {
    let neighbour = |text: &str| neighbour(text.parse().expect("an address"));
    assert_eq!(neighbour("2001:db8::1"), neighbour("2001:db8::ffff:2"));
    assert_ne!(neighbour("2001:db8::1"), neighbour("2001:db8:0:1::1"));
    assert_eq!(neighbour("::ffff:192.0.2.1"), neighbour("192.0.2.1"));
    assert_ne!(neighbour("192.0.2.1"), neighbour("192.0.2.2"));
}

#[tokio::test]
async fn a_session_refreshes_a_hundred_times_in_a_quarter_of_an_hour() {
    let world = World::new().await;
    let mut token = world.login("alice").await.member("refresh_token");
    for _ in 0..100 {
        token = world.refresh(&token).await.member("refresh_token");
    }
    assert_eq!(world.refresh(&token).await.status, StatusCode::TOO_MANY_REQUESTS);
    world.clock.advance(15 * MINUTE);
    // What was refused was not spent.
    assert_eq!(world.refresh(&token).await.status, StatusCode::OK);
}
