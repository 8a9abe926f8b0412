//! Keys: published before they sign, until their last token is over, and for nobody else's eyes.

use crate::world::World;
use axum::http::header;
use identity::{
    clock::{DAY, MINUTE},
    keys,
};
use jsonwebtoken::decode_header;
use std::{fs, os::unix::fs::PermissionsExt};

/// The names of the published keys, in the order in which they sign.
async fn published(world: &World) -> Vec<String> {
    let answer = world.get("/.well-known/jwks.json", &[]).await;
    assert_eq!(answer.headers[header::CACHE_CONTROL], "public, max-age=300");
    assert!(!answer.text.contains("\"d\""), "{}", answer.text);
    let keys = answer.json()["keys"].as_array().expect("keys").clone();
    let known = ["P-256", "EC", "ES256", "sig"];
    for key in &keys {
        assert_eq!(["crv", "kty", "alg", "use"].map(|name| &key[name]), known);
    }
    keys.iter().map(|key| key["kid"].as_str().expect("a name").to_owned()).collect()
}

async fn signing(world: &World) -> String {
    let token = world.login("alice").await.member("access_token");
    decode_header(&token).expect("a header").kid.expect("a name")
}

#[tokio::test]
async fn a_key_is_published_before_it_signs_and_until_its_tokens_are_over() {
    let world = World::new().await;
    let old = signing(&world).await;
    assert_eq!(published(&world).await, std::slice::from_ref(&old));

    let rotate = |now| world.store().transact(|tx| keys::rotate(tx, now)).expect("a new key");
    let signs = rotate(world.now());
    assert_eq!(signs, world.now() + 2 * keys::MAX_AGE, "whoever kept the keys has it by then");
    assert_eq!(rotate(world.now()), signs, "one is on its way");
    let both = published(&world).await;
    assert_eq!(both.len(), 2);
    assert_eq!(both[0], old);

    world.clock.advance(2 * keys::MAX_AGE - 1);
    assert_eq!(signing(&world).await, old);
    world.clock.advance(1);
    assert_eq!(signing(&world).await, both[1]);
    world.clock.advance(6 * MINUTE - 1);
    assert_eq!(published(&world).await, both, "tokens of the old one may be about");
    world.clock.advance(1);
    assert_eq!(published(&world).await, both[1..]);
}

#[tokio::test]
async fn a_key_signs_for_thirty_days() {
    let world = World::new().await;
    let first = signing(&world).await;
    world.clock.advance(30 * DAY - 2 * keys::MAX_AGE);
    let both = published(&world).await;
    assert_eq!((both.len(), signing(&world).await), (2, first));
    world.clock.advance(2 * keys::MAX_AGE);
    assert_eq!(signing(&world).await, both[1]);
}

#[tokio::test]
async fn a_clock_that_was_set_back_stops_nobody() {
    let world = World::new().await;
    let key = published(&world).await;
    world.clock.advance(-DAY);
    assert_eq!([signing(&world).await], key[..]);
}

#[tokio::test]
async fn a_leaked_key_is_gone_at_once() {
    let world = World::new().await;
    let leaked = signing(&world).await;
    let now = world.now();
    world.store().transact(|tx| keys::replace_all(tx, now)).expect("a new key");
    let left = published(&world).await;
    assert_eq!(left, [signing(&world).await]);
    assert!(!left.contains(&leaked));
}

#[tokio::test]
async fn what_is_kept_is_for_its_owner_and_opens_nothing() {
    let world = World::new().await;
    let refresh = world.login("alice").await.member("refresh_token");
    let cookie = world.cookie("alice").await.cookie();
    let cookie = cookie.split_once('=').expect("a pair").1;
    let (challenge, _) = world.code("alice").await;
    let mode = |path| fs::metadata(path).expect("a file").permissions().mode() & 0o777;
    assert_eq!(mode(world.folder.0.clone()), 0o700);
    let mut seen = Vec::new();
    for entry in fs::read_dir(&world.folder.0).expect("a folder") {
        let path = entry.expect("an entry").path();
        assert_eq!(mode(path.clone()), 0o600, "{path:?}");
        let bytes = fs::read(&path).expect("a file");
        let has = |text: &str| bytes.windows(text.len()).any(|part| part == text.as_bytes());
        for secret in [&refresh, cookie, &challenge, crate::world::PASSWORD] {
            assert!(!has(secret), "{path:?} has a secret");
        }
        let name = path.file_name().expect("a name").to_string_lossy().into_owned();
        assert!(name == "outbox" || !has("your code is"), "{name}");
        seen.push(name);
    }
    seen.sort();
    assert_eq!(seen, ["identity.db", "identity.db-shm", "identity.db-wal", "outbox"]);
}
