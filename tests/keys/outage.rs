//! The key server is down: at the start, later, for long.

use super::{
    Authority, BRISK, KeyServer, Pair, Reply, Town,
    pair::set,
    town::{is, refusal, stranger},
};
use vestibule::token::{Class, KeyRefusal, source::Bounds};

#[tokio::test]
async fn a_source_that_is_down_at_the_start_lets_everybody_in_later() {
    let (authority, pair) = (Authority::new(), Pair::new("a"));
    let server = KeyServer::start(&authority).await;
    server.reply(Reply::status("503 Later"));
    let town = Town::start(&server, &authority, BRISK);
    server.asked(3).await;
    let verdict = town.verify(&pair.token("ann")).await;
    assert_eq!(verdict.as_ref().expect_err("no keys").class(), Class::Unavailable);
    assert_eq!(refusal(verdict), KeyRefusal::SourceDown);
    assert!(!town.is_open());
    server.reply(Reply::text(set(&[&pair])));
    town.open().await;
    is(town.verify(&pair.token("ann")).await, "ann");
}

#[tokio::test]
async fn who_comes_before_the_first_answer_waits_for_it() {
    let (authority, pair) = (Authority::new(), Pair::new("a"));
    let server = KeyServer::start(&authority).await;
    server.reply(Reply::text(set(&[&pair])));
    let town = Town::start(&server, &authority, BRISK);
    // No wait for the first set: it is on its way.
    is(town.verify(&pair.token("ann")).await, "ann");
    assert_eq!(server.count(), 1);
}

#[tokio::test]
async fn the_last_keys_outlive_an_outage_for_a_while() {
    let (authority, pair, new) = (Authority::new(), Pair::new("a"), Pair::new("b"));
    let server = KeyServer::start(&authority).await;
    server.reply(Reply::text(set(&[&pair])));
    let bounds = Bounds { stale_ms: 2_000, ..BRISK };
    let town = Town::start(&server, &authority, bounds);
    town.open().await;
    server.reply(Reply::status("500 Oh"));
    // The first failure comes with the end of freshness at the latest: the last keys count on.
    server.asked_again().await;
    is(town.judge(&pair.token("ann")), "ann");
    let unknown = refusal(town.verify(&stranger().token("eve")).await);
    assert_eq!(unknown, KeyRefusal::Unsettled, "a source that fails settles nothing");
    town.until(&pair.token("ann"), Some(KeyRefusal::SourceDown)).await;
    let verdict = town.verify(&stranger().token("eve")).await;
    assert_eq!(verdict.expect_err("no keys").class(), Class::Unavailable);
    server.reply(Reply::text(set(&[&pair, &new])));
    town.until(&pair.token("ann"), None).await;
    is(town.judge(&new.token("bob")), "bob");
}

#[tokio::test]
async fn pauses_grow_while_it_is_down() {
    let authority = Authority::new();
    let server = KeyServer::start(&authority).await;
    server.reply(Reply::status("500 Oh"));
    let bounds = Bounds { first_pause_ms: 40, longest_pause_ms: 160, ..BRISK };
    let first = tokio::time::Instant::now();
    let _town = Town::start(&server, &authority, bounds);
    server.asked(6).await;
    // 40 + 80 + 160 + 160 + 160, less a quarter; the requests themselves take no time off.
    let ms = first.elapsed().as_millis();
    assert!(ms >= 445, "{ms} ms");
}
