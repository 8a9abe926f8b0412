//! Keys are exchanged while people sign in: nobody with a good token is sent away.

use super::{
    Authority, BRISK, CALM, KeyServer, Pair, Reply, Town,
    pair::set,
    soon,
    town::{is, refusal, settings, stranger},
};
use std::{sync::Arc, time::Duration};
use tokio::{sync::watch, time::Instant};
use vestibule::token::{
    KeyRefusal, Rejection,
    source::{Bounds, Location, SourceSettings},
};

#[tokio::test]
async fn an_old_key_both_and_the_new_one() {
    let (authority, old, new) = (Authority::new(), Pair::new("old"), Pair::new("new"));
    let server = KeyServer::start(&authority).await;
    server.reply(Reply::text(set(&[&old])));
    let town = Town::start(&server, &authority, BRISK);
    town.open().await;
    let signer = is(town.judge(&old.token("ann")), "ann");
    server.reply(Reply::text(set(&[&old, &new])));
    town.until(&new.token("bob"), None).await;
    assert_eq!(is(town.judge(&old.token("ann")), "ann"), signer, "the same key, the same signer");
    assert_ne!(is(town.judge(&new.token("bob")), "bob"), signer);
    server.reply(Reply::text(set(&[&new])));
    town.until(&old.token("ann"), Some(KeyRefusal::Unsettled)).await;
    let verdict = town.verify(&old.token("ann")).await;
    assert!(
        matches!(refusal(verdict), KeyRefusal::Unknown | KeyRefusal::Unsettled),
        "unsettled if the cool-down was running"
    );
    town.until(&old.token("ann"), Some(KeyRefusal::Unknown)).await;
    is(town.judge(&new.token("bob")), "bob");
}

#[tokio::test]
async fn the_first_token_of_a_new_key_fetches_it() {
    let (authority, old, new) = (Authority::new(), Pair::new("old"), Pair::new("new"));
    let server = KeyServer::start(&authority).await;
    server.reply(Reply::text(set(&[&old])));
    let town = Town::start(&server, &authority, CALM);
    town.open().await;
    server.reply(Reply::text(set(&[&old, &new])));
    is(town.verify(&new.token("ann")).await, "ann");
    assert_eq!(server.count(), 2);
    // A name is no key: who signs with another is refused, and nobody is asked about it.
    let forged = stranger().token_as("new", "ann");
    assert_eq!(town.verify(&forged).await.expect_err("forged"), Rejection::Signature);
    assert_eq!(server.count(), 2);
}

#[tokio::test]
async fn all_that_ask_at_once_share_a_fetch() {
    let (authority, old, new) = (Authority::new(), Pair::new("old"), Pair::new("new"));
    let server = KeyServer::start(&authority).await;
    server.reply(Reply::text(set(&[&old])));
    let town = Arc::new(Town::start(&server, &authority, CALM));
    town.open().await;
    let (release, go) = watch::channel(false);
    server.reply(Reply::Held { text: set(&[&new]), go });
    let waiting: Vec<_> = (0..200)
        .map(|number| {
            let (town, user) = (Arc::clone(&town), format!("user-{number}"));
            let token = new.token(&user);
            tokio::spawn(async move { is(town.verify(&token).await, &user) })
        })
        .collect();
    server.asked(2).await;
    release.send(true).expect("the server waits");
    for verdict in waiting {
        soon("a verdict", verdict).await.expect("let in");
    }
    assert_eq!(server.count(), 2, "one fetch for two hundred");
}

#[tokio::test]
async fn a_key_that_is_gone_ends_its_sessions_where_that_is_wanted() {
    let (authority, old, new) = (Authority::new(), Pair::new("old"), Pair::new("new"));
    let server = KeyServer::start(&authority).await;
    server.reply(Reply::text(set(&[&old, &new])));
    let location = Location::set(&server.keys()).expect("an address");
    let settings = settings(location, &authority, BRISK);
    let town = Town::of(SourceSettings { end_sessions: true, ..settings });
    town.open().await;
    let signer = is(town.judge(&old.token("ann")), "ann");
    let missed = Instant::now();
    server.reply(Reply::text(set(&[&new])));
    server.asked_again().await;
    // Outages are no looks: only a set without the key counts.
    server.reply(Reply::status("500 Oh"));
    server.asked_again().await;
    server.reply(Reply::text(set(&[&new])));
    assert_eq!(town.removed(1).await, [signer]);
    let ms = missed.elapsed().as_millis() as u64;
    assert!(ms >= BRISK.absence_ms, "{ms} ms after it was taken away");
}

#[tokio::test]
async fn cache_headers_count_within_their_bounds() {
    let (authority, pair) = (Authority::new(), Pair::new("a"));
    let server = KeyServer::start(&authority).await;
    server.reply(Reply::cached(set(&[&pair]), "public, max-age=1"));
    let bounds = Bounds { least_fresh_ms: 100, silent_fresh_ms: 3_600_000, ..BRISK };
    let _town = Town::start(&server, &authority, bounds);
    // Instants are taken before what they measure, so that a slow machine measures more.
    let first = Instant::now();
    server.asked(2).await;
    assert!(first.elapsed() >= Duration::from_millis(850), "{:?}", first.elapsed());
    let third = Instant::now();
    server.reply(Reply::cached(set(&[&pair]), "no-store"));
    server.asked(8).await;
    assert!(third.elapsed() >= Duration::from_millis(5 * 85), "{:?}", third.elapsed());
}
