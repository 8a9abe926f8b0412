//! Passwords, access tokens, and refresh tokens that work once.

use crate::world::{Answer, BEGAN, ORIGIN, PASSWORD, World};
use axum::http::StatusCode;
use identity::{
    clock::{DAY, MINUTE},
    sessions,
    users::{self, Login},
};
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header, jwk::JwkSet};
use serde_json::{Value, json};
use tokio::task::JoinSet;

/// The claims of an access token, whose signature the published keys confirm.
async fn claims(world: &World, answer: &Answer) -> Value {
    let token = answer.member("access_token");
    let header = decode_header(&token).expect("a header");
    assert_eq!((header.alg, header.typ.as_deref()), (Algorithm::ES256, Some("at+jwt")));
    let keys = world.get("/.well-known/jwks.json", &[]).await.text;
    let keys: JwkSet = serde_json::from_str(&keys).expect("a set of keys");
    let key = keys.find(&header.kid.expect("a name")).expect("its key is published");
    let mut rules = Validation::new(Algorithm::ES256);
    rules.validate_exp = false;
    rules.set_audience(&["chat"]);
    rules.set_issuer(&[ORIGIN]);
    let key = DecodingKey::from_jwk(key).expect("a good key");
    decode::<Value>(&token, &key, &rules).expect("a good signature").claims
}

#[tokio::test]
async fn a_login_gives_a_token_of_five_minutes_and_a_refresh_the_next() {
    let world = World::new().await;
    let pair = world.login("alice").await;
    let first = claims(&world, &pair).await;
    assert_eq!(first["sub"], "alice");
    assert_eq!(first["rooms"], json!({ "lobby": "*" }));
    assert_eq!(pair.json()["expires_in"], 5 * MINUTE);
    assert_eq!((&first["iat"], &first["exp"]), (&json!(BEGAN), &json!(BEGAN + 5 * MINUTE)));
    world.clock.advance(4 * MINUTE);
    let next = world.refresh(&pair.member("refresh_token")).await;
    assert_eq!(next.status, StatusCode::OK);
    let second = claims(&world, &next).await;
    assert_eq!(second["iat"], BEGAN + 4 * MINUTE);
    assert_eq!(second["orig_iat"], BEGAN, "since the login");
    assert_eq!(second["sid"], first["sid"]);
    assert_ne!(second["jti"], first["jti"]);
    assert_ne!(next.member("refresh_token"), pair.member("refresh_token"));
}

#[tokio::test]
async fn a_refresh_token_that_comes_twice_ends_its_family_and_no_other() {
    let world = World::new().await;
    let first = world.login("alice").await.member("refresh_token");
    assert_eq!(world.standing("alice").await, "active");
    let stolen = first.clone();
    let second = world.refresh(&first).await.member("refresh_token");
    let third = world.refresh(&second).await.member("refresh_token");
    assert_eq!(world.refresh(&stolen).await.status, StatusCode::UNAUTHORIZED);
    for late in [&first, &second, &third] {
        assert_eq!(world.refresh(late).await.status, StatusCode::UNAUTHORIZED);
    }
    assert_eq!(world.standing("alice").await, "disabled", "Vestibule hears of it");
    let other = world.login("alice").await.member("refresh_token");
    assert_eq!(world.refresh(&stolen).await.status, StatusCode::UNAUTHORIZED);
    assert_eq!(world.refresh(&other).await.status, StatusCode::OK, "another session goes on");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_many_refreshes_at_once_one_wins_and_the_family_ends() {
    let world = std::sync::Arc::new(World::new().await);
    let token = world.login("alice").await.member("refresh_token");
    let mut racers = JoinSet::new();
    for _ in 0..20 {
        let (world, token) = (world.clone(), token.clone());
        racers.spawn(async move { world.refresh(&token).await });
    }
    let answers = racers.join_all().await;
    let (won, lost): (Vec<_>, Vec<_>) =
        answers.into_iter().partition(|answer| answer.status == StatusCode::OK);
    assert_eq!(won.len(), 1);
    assert!(lost.iter().all(|answer| answer.status == StatusCode::UNAUTHORIZED), "{lost:?}");
    let next = won[0].member("refresh_token");
    assert_eq!(world.refresh(&next).await.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn seven_days_after_the_login_it_is_over_whatever_was_refreshed() {
    let world = World::new().await;
    let mut token = world.login("alice").await.member("refresh_token");
    for _ in 0..6 {
        world.clock.advance(DAY);
        token = world.refresh(&token).await.member("refresh_token");
    }
    world.clock.advance(DAY - MINUTE);
    let last = world.refresh(&token).await;
    assert_eq!(last.json()["expires_in"], MINUTE, "no token outlives its session");
    let claims = claims(&world, &last).await;
    assert_eq!(claims["exp"], BEGAN + sessions::LIFE);
    assert_eq!(world.standing("alice").await, "active");
    world.clock.advance(MINUTE);
    let late = world.refresh(&last.member("refresh_token")).await;
    assert_eq!(late.status, StatusCode::UNAUTHORIZED);
    assert_eq!(world.standing("alice").await, "disabled");
}

#[tokio::test]
async fn signing_out_ends_the_family() {
    let world = World::new().await;
    let first = world.login("alice").await.member("refresh_token");
    let second = world.refresh(&first).await.member("refresh_token");
    for _ in 0..2 {
        let out = world.post("/logout", json!({ "refresh_token": second })).await;
        assert_eq!(out.status, StatusCode::NO_CONTENT);
    }
    assert_eq!(world.refresh(&second).await.status, StatusCode::UNAUTHORIZED);
    assert_eq!(world.standing("alice").await, "disabled");
}

#[tokio::test]
async fn the_disabled_are_out_at_once_and_their_passwords_are_wrong() {
    let world = World::new().await;
    let token = world.login("alice").await.member("refresh_token");
    let bob = world.login("bob").await.member("refresh_token");
    let alice = Login::parse("alice").expect("a name");
    world.store().transact(|tx| users::disable(tx, &alice)).expect("there is an alice");
    assert_eq!(world.refresh(&token).await.status, StatusCode::UNAUTHORIZED);
    assert_eq!(world.standing("alice").await, "disabled");
    let login = json!({ "user": "alice", "password": PASSWORD });
    let refused = world.post("/login", login.clone()).await;
    let unknown = world.post("/login", json!({ "user": "carol", "password": PASSWORD })).await;
    let wrong = world.post("/login", json!({ "user": "bob", "password": "not-sesame" })).await;
    for other in [&unknown, &wrong] {
        assert_eq!((refused.status, &refused.text), (other.status, &other.text));
    }
    assert_eq!(refused.status, StatusCode::UNAUTHORIZED);
    assert_eq!(world.refresh(&bob).await.status, StatusCode::OK);
    world.store().transact(|tx| users::enable(tx, &alice)).expect("there is an alice");
    assert_eq!(world.post("/login", login).await.status, StatusCode::OK);
}

#[tokio::test]
async fn the_directory_knows_its_users_and_nobody_else() {
    let world = World::new().await;
    assert_eq!(world.standing("alice").await, "disabled", "nobody has signed in");
    world.login("alice").await;
    assert_eq!(world.standing("alice").await, "active");
    for unknown in ["carol", "alice@mail.example", "ALICE", "", "a b", &"a".repeat(300)] {
        assert_eq!(world.standing(unknown).await, "unknown", "{unknown}");
    }
}
