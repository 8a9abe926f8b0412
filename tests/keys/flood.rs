//! Thousands of tokens under names that nobody published: the source hears of it now and then.

use super::{
    Authority, BRISK, CALM, KeyServer, Pair, Reply, Town,
    pair::set,
    soon,
    support::token::forge,
    town::{is, refusal, stranger},
};
use futures_util::{StreamExt, stream::FuturesUnordered};
use std::time::Duration;
use tokio::{sync::watch, time::Instant};
use vestibule::{
    protocol::{client_message::Token, time::Wall},
    token::{KeyRefusal, Verification, Verifier, source::ASKERS, source::UNKNOWN_KEY_IDS},
};

const FLOOD: usize = 5_000;
/// The least of a flood that goes on for a while.
const FLOOD_WHILE: usize = 1_000;

#[tokio::test]
async fn a_flood_waits_for_one_fetch_and_delays_nobody() {
    let (authority, pair, stranger) = (Authority::new(), Pair::new("a"), stranger());
    let server = KeyServer::start(&authority).await;
    server.reply(Reply::text(set(&[&pair])));
    let town = Town::start(&server, &authority, CALM);
    town.open().await;
    let (release, go) = watch::channel(false);
    server.reply(Reply::Held { text: set(&[&pair]), go });
    let bogus: Vec<_> =
        (0..FLOOD).map(|number| stranger.token_as(&format!("bogus-{number}"), "eve")).collect();
    let mut waiting = FuturesUnordered::new();
    let mut sent_away = 0;
    for token in &bogus {
        match town.ask(token) {
            Verification::Pending(lookup) => waiting.push(lookup),
            Verification::Done(verdict) => {
                assert_eq!(refusal(verdict), KeyRefusal::Unsettled);
                sent_away += 1;
            }
        }
    }
    assert_eq!((waiting.len(), sent_away), (ASKERS, FLOOD - ASKERS));
    server.asked(2).await;
    // A key that is known is judged on the spot, whoever waits.
    assert!(matches!(town.ask(&pair.token("ann")), Verification::Done(Ok(_))));
    release.send(true).expect("the server waits");
    let (mut unknown, mut unsettled) = (0, 0);
    while let Some(verdict) = soon("a verdict", waiting.next()).await {
        match refusal(verdict) {
            KeyRefusal::Unknown => unknown += 1,
            KeyRefusal::Unsettled => unsettled += 1,
            other @ (KeyRefusal::Unnamed | KeyRefusal::SourceDown) => panic!("{other:?}"),
        }
    }
    assert_eq!((unknown, unsettled), (UNKNOWN_KEY_IDS, ASKERS - UNKNOWN_KEY_IDS));
    // The next wave finds the answer there, or the cool-down.
    for token in &bogus {
        assert!(matches!(town.ask(token), Verification::Done(Err(_))));
    }
    assert_eq!(server.count(), 2, "the first set, and one fetch for all of them");
}

#[tokio::test]
async fn the_requests_stay_within_the_documented_bound() {
    let (authority, pair, stranger) = (Authority::new(), Pair::new("a"), stranger());
    let server = KeyServer::start(&authority).await;
    server.reply(Reply::text(set(&[&pair])));
    let began = Instant::now();
    let town = Town::start(&server, &authority, BRISK);
    town.open().await;
    let mut number = 0;
    // On a slow machine the flood takes longer, and the bound grows with it.
    while number < FLOOD_WHILE || began.elapsed() < Duration::from_millis(1_500) {
        let wave: FuturesUnordered<_> = (0..50)
            .map(|_| {
                number += 1;
                stranger.token_as(&format!("bogus-{number}"), "eve")
            })
            .map(async |token| refusal(town.verify(&token).await))
            .collect();
        let verdicts: Vec<_> = wave.collect().await;
        assert!(!verdicts.contains(&KeyRefusal::SourceDown));
        is(town.judge(&pair.token("ann")), "ann");
    }
    let count = server.count() as u64;
    let ms = began.elapsed().as_millis() as u64;
    let fresh = BRISK.least_fresh_ms * 9 / 10;
    // docs/keys.md: 2 + T / cool-down + T / (0.9 * freshness).
    let bound = 2 + ms / BRISK.cool_down_ms + ms / fresh;
    assert!(count <= bound, "{count} requests in {ms} ms, at most {bound}");
    assert!(count >= 4, "{count} requests: the flood was not felt at all");
}

#[tokio::test]
async fn nothing_in_a_token_chooses_an_address() {
    let (authority, pair) = (Authority::new(), Pair::new("a"));
    let (server, evil) = (KeyServer::start(&authority).await, KeyServer::start(&authority).await);
    server.reply(Reply::text(set(&[&pair])));
    evil.reply(Reply::text(set(&[&pair])));
    let town = Town::start(&server, &authority, BRISK);
    town.open().await;
    let there = evil.keys();
    let long = "k".repeat(3_000);
    let kids = [&*there, "../../etc/passwd", "/keys?x=", "' OR 1=1 --", "\\u0000", "", &long];
    for kid in kids {
        let header = format!(
            r#"{{"alg":"ES256","kid":"{kid}","jku":"{there}","x5u":"{there}","jwk":{},"iss":"{there}"}}"#,
            pair.jwk()
        );
        let claims = format!(r#"{{"sub":"eve","iss":"{there}","exp":99999999999}}"#);
        town.verify(&forge(&header, &claims)).await.expect_err("no such key");
    }
    server.asked_again().await;
    assert_eq!(evil.count(), 0, "it was asked");
}

impl Town {
    /// The verdict as a server gets it, before anything is waited for.
    fn ask(&self, token: &str) -> Verification {
        let now = super::support::token::now();
        self.verifier().verify(Token::new(token.to_owned()), Wall::from_ms(now.as_ms()))
    }
}
