//! Issuers that say themselves where their set is.

use super::{
    Authority, BRISK, CALM, KeyServer, Pair, Reply, Town,
    pair::set,
    soon,
    town::{is, settings},
};
use serde_json::json;
use vestibule::token::source::{DiscoveryFault, KeySource, Location, SourceFault};

const DOCUMENT: &str = "/.well-known/openid-configuration";

fn description(issuer: &str, jwks_uri: &str) -> Reply {
    Reply::text(json!({"issuer": issuer, "jwks_uri": jwks_uri, "extra": [1, 2]}).to_string())
}

#[tokio::test]
async fn the_description_leads_to_the_set() {
    let (authority, pair, new) = (Authority::new(), Pair::new("a"), Pair::new("b"));
    let server = KeyServer::start(&authority).await;
    let elsewhere = KeyServer::start(&authority).await;
    server.reply_at(DOCUMENT, description(&server.base(), &elsewhere.keys()));
    elsewhere.reply(Reply::text(set(&[&pair])));
    let location = Location::discovery(&server.base()).expect("an issuer");
    let town = Town::of(settings(location, &authority, CALM));
    town.open().await;
    is(town.judge(&pair.token("ann")), "ann");
    assert_eq!((server.count(), elsewhere.count()), (1, 1));
    // Both are asked again together, and the set may have moved.
    server.reply_at(DOCUMENT, description(&server.base(), &server.keys()));
    server.reply(Reply::text(set(&[&pair, &new])));
    is(town.verify(&new.token("bob")).await, "bob");
    assert_eq!((server.count(), elsewhere.count()), (3, 1));
}

#[tokio::test]
async fn a_path_and_a_slash_belong_to_the_issuer() {
    let (authority, pair) = (Authority::new(), Pair::new("a"));
    let server = KeyServer::start(&authority).await;
    server.reply(Reply::text(set(&[&pair])));
    for (tail, path) in [("/", DOCUMENT), ("/t/v2.0", &*format!("/t/v2.0{DOCUMENT}"))] {
        let issuer = format!("{}{tail}", server.base());
        server.reply_at(path, description(&issuer, &server.keys()));
        let location = Location::discovery(&issuer).expect("an issuer");
        let source = KeySource::new(settings(location, &authority, BRISK));
        soon("a look", source.look()).await.expect("keys");
    }
}

#[tokio::test]
async fn a_description_that_is_wrong_leads_nowhere() {
    let (authority, pair) = (Authority::new(), Pair::new("a"));
    let (server, evil) = (KeyServer::start(&authority).await, KeyServer::plain().await);
    evil.reply(Reply::text(set(&[&pair])));
    server.reply(Reply::text(set(&[&pair])));
    let issuer = server.base();
    let other = issuer.replace("localhost", "127.0.0.1");
    let wrong = |fault| Err(SourceFault::Discovery(fault));
    let table = [
        (description(&other, &server.keys()), DiscoveryFault::OtherIssuer),
        (description(&format!("{issuer}/"), &server.keys()), DiscoveryFault::OtherIssuer),
        (description("", &server.keys()), DiscoveryFault::OtherIssuer),
        (Reply::text(json!({"jwks_uri": server.keys()}).to_string()), DiscoveryFault::NoIssuer),
        (Reply::text(json!({"issuer": issuer}).to_string()), DiscoveryFault::NoSet),
        (Reply::text("<html>"), DiscoveryFault::NotJson),
    ];
    let look = async || {
        let location = Location::discovery(&issuer).expect("an issuer");
        soon("a look", KeySource::new(settings(location, &authority, BRISK)).look()).await
    };
    for (reply, fault) in table {
        server.reply_at(DOCUMENT, reply);
        assert_eq!(look().await, wrong(fault));
    }
    // Over TLS nobody is led to what is not.
    for uri in [evil.keys(), "http://keys.example/".to_owned(), "keys".to_owned()] {
        server.reply_at(DOCUMENT, description(&issuer, &uri));
        let fault = look().await;
        let address = matches!(fault, Err(SourceFault::Discovery(DiscoveryFault::Address(_))));
        assert!(address, "{uri}: {fault:?}");
    }
    assert_eq!(evil.count(), 0, "it was asked");
    for reply in [Reply::status("404 No"), Reply::status("302 Found\r\nLocation: /keys")] {
        server.reply_at(DOCUMENT, reply);
        assert!(matches!(look().await, Err(SourceFault::Fetch(_))));
    }
}
