//! The same through a server and its sockets: readiness, verdicts, sessions that go on.

use super::{
    Authority, BRISK, KeyServer, Pair, Reply,
    pair::set,
    soon,
    support::{
        Host,
        peer::{Peer, token_message},
    },
    town::{settings, stranger},
};
use std::{net::SocketAddr, sync::Arc, time::Duration};
use vestibule::token::{
    IssuerRules, Issuers,
    source::{Bounds, KeySource, Location, SourceSettings},
};

/// A server whose keys come from this one.
fn host(server: &KeyServer, authority: &Authority, bounds: Bounds, end_sessions: bool) -> Host {
    let location = Location::set(&server.keys()).expect("an address");
    let settings = SourceSettings { end_sessions, ..settings(location, authority, bounds) };
    let rules = IssuerRules { leeway_ms: 0, ..IssuerRules::default() };
    let verifier = Issuers::new(rules, KeySource::new(settings));
    Host::start(2, |settings| settings.verifier = Arc::new(verifier))
}

async fn status(addr: SocketAddr) -> String {
    let mut peer = Peer::dial(addr).await;
    peer.write(b"GET /readyz HTTP/1.1\r\nHost: test\r\n\r\n").await;
    peer.head().await.lines().next().unwrap_or_default().to_owned()
}

/// Asks again until `/readyz` answers with this status.
pub(super) async fn readyz(addr: SocketAddr, code: &str) {
    let mut pace = tokio::time::interval(Duration::from_millis(5));
    let change = async {
        while !status(addr).await.contains(code) {
            pace.tick().await;
        }
    };
    soon("another readiness", change).await;
}

/// Signs in again until the server lets this token in.
async fn enter(host: &Host, token: &str) -> Peer {
    let mut pace = tokio::time::interval(Duration::from_millis(20));
    let entry = async {
        loop {
            let mut peer = host.peer().await;
            let verdict = peer.ask(token_message(token)).await;
            if verdict["type"] == "auth_ok" {
                return peer;
            }
            pace.tick().await;
        }
    };
    soon("an entry", entry).await
}

#[tokio::test]
async fn a_server_starts_without_keys_and_lets_everybody_in_once_it_has_them() {
    let (authority, pair) = (Authority::new(), Pair::new("a"));
    let server = KeyServer::start(&authority).await;
    server.reply(Reply::status("503 Later"));
    let host = host(&server, &authority, BRISK, false);
    server.asked(2).await;
    assert!(status(host.addr).await.contains("503"));
    let mut early = host.peer().await;
    early.say(token_message(&pair.token("ann"))).await;
    early.closed(1011, "internal", "backoff").await;
    server.reply(Reply::text(set(&[&pair])));
    readyz(host.addr, "200").await;
    for user in ["ann", "bob", "cleo"] {
        host.enter_with(&pair.token(user)).await;
    }
    host.stop().await;
}

#[tokio::test]
async fn sessions_outlive_rotation_and_outage() {
    let (authority, old, new) = (Authority::new(), Pair::new("old"), Pair::new("new"));
    let server = KeyServer::start(&authority).await;
    server.reply(Reply::text(set(&[&old])));
    let host = host(&server, &authority, Bounds { stale_ms: 300, ..BRISK }, false);
    readyz(host.addr, "200").await;
    let (mut ann, _) = host.enter_with(&old.token("ann")).await;
    ann.join("lobby").await;
    server.reply(Reply::text(set(&[&new])));
    let (mut bob, _) = (enter(&host, &new.token("bob")).await, ());
    bob.join("lobby").await;
    // The old key lets nobody in any more; its session stays.
    let mut late = host.peer().await;
    late.say(token_message(&old.token("eve"))).await;
    let verdict = late.hear().await;
    assert!(["token_invalid", "internal"].contains(&verdict["code"].as_str().expect("a code")));
    ann.post("lobby", serde_json::json!(1)).await;
    bob.expect_post(1, serde_json::json!(1)).await;
    // The source fails for longer than its last keys count.
    server.reply(Reply::status("500 Oh"));
    let refused = async {
        loop {
            let mut peer = host.peer().await;
            let verdict = peer.ask(token_message(&new.token("cleo"))).await;
            if verdict["type"] == "error" {
                return verdict;
            }
        }
    };
    let verdict = soon("a refusal", refused).await;
    assert_eq!((&verdict["code"], &verdict["retry"]), (&"internal".into(), &"backoff".into()));
    bob.post("lobby", serde_json::json!(2)).await;
    server.reply(Reply::text(set(&[&new])));
    enter(&host, &new.token("cleo")).await;
    host.stop().await;
}

#[tokio::test]
async fn a_name_that_nobody_published_is_an_invalid_token() {
    let (authority, pair) = (Authority::new(), Pair::new("a"));
    let server = KeyServer::start(&authority).await;
    server.reply(Reply::text(set(&[&pair])));
    let host = host(
        &server,
        &authority,
        Bounds { least_fresh_ms: 60_000, silent_fresh_ms: 60_000, ..BRISK },
        false,
    );
    readyz(host.addr, "200").await;
    let mut eve = host.peer().await;
    eve.say(token_message(&stranger().token("eve"))).await;
    eve.closed(4411, "token_invalid", "refresh").await;
    assert_eq!(server.count(), 2, "it was asked for");
    host.stop().await;
}

#[tokio::test]
async fn the_sessions_of_a_key_that_is_gone_end_where_that_is_wanted() {
    let (authority, old, new) = (Authority::new(), Pair::new("old"), Pair::new("new"));
    let server = KeyServer::start(&authority).await;
    server.reply(Reply::text(set(&[&old, &new])));
    let host = host(&server, &authority, BRISK, true);
    readyz(host.addr, "200").await;
    let (mut ann, _) = host.enter_with(&old.token("ann")).await;
    let (mut bob, _) = host.enter_with(&new.token("bob")).await;
    server.reply(Reply::text(set(&[&new])));
    let farewell = ann.hear().await;
    assert_eq!((&farewell["type"], &farewell["fatal"]), (&"error".into(), &true.into()));
    bob.nothing_waits().await;
    host.stop().await;
}
