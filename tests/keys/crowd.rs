//! A crowd whose keys have to be asked for, of a source that hangs: nobody else waits for it.

use super::{
    Authority, CALM, KeyServer, Pair, Reply,
    pair::set,
    sockets::readyz,
    soon,
    support::{
        Host,
        peer::{Peer, token_message},
    },
    town::{settings, stranger},
};
use std::sync::Arc;
use tokio::sync::watch;
use vestibule::{
    protocol::{
        client_message::Token,
        identity::{Login, Pass},
        time::Wall,
    },
    token::{
        House, IssuerRules, Issuers, Upkeep, Verification, Verifier,
        source::{Bounds, KeySource, Location, SourceSettings},
    },
};

const CROWD: usize = 200;
/// Longer than this test may take.
const LATER_MS: u64 = 60_000;

/// The issuers of a test, and how many tokens came for a verdict.
struct Counting {
    issuers: Arc<Issuers<KeySource>>,
    asked: Arc<watch::Sender<usize>>,
}

impl Verifier for Counting {
    fn verify(&self, token: Token<'_>, now: Wall) -> Verification<Box<Login>> {
        self.asked.send_modify(|asked| *asked += 1);
        self.issuers.verify(token, now)
    }

    fn verify_pass(&self, token: Token<'_>, now: Wall) -> Verification<Box<Pass>> {
        self.issuers.verify_pass(token, now)
    }

    fn upkeep(self: Arc<Self>, house: Arc<dyn House>) -> Upkeep {
        Arc::clone(&self.issuers).upkeep(house)
    }
}

fn issuer(name: &str, server: &KeyServer, authority: &Authority) -> (IssuerRules, KeySource) {
    let rules = IssuerRules {
        name: name.into(),
        iss: Some(name.into()),
        user_prefix: format!("{name}:").into(),
        leeway_ms: 0,
        ..IssuerRules::default()
    };
    let bounds = Bounds { fetch_ms: LATER_MS, ..CALM };
    let location = Location::set(&server.keys()).expect("an address");
    let settings = SourceSettings { issuer: name.into(), ..settings(location, authority, bounds) };
    (rules, KeySource::new(settings))
}

/// A peer behind the 101, from another address.
async fn from(host: &Host, last: u8) -> Peer {
    let mut peer = Peer::dial_from(host.addr, [127, 0, 0, last].into()).await;
    peer.upgrade("").await;
    peer
}

#[tokio::test]
async fn a_crowd_of_one_address_at_a_source_that_hangs_delays_no_other() {
    let (authority, pair, eve) = (Authority::new(), Pair::new("a"), stranger());
    let (slow, quick) = (KeyServer::start(&authority).await, KeyServer::start(&authority).await);
    slow.reply(Reply::text(set(&[&pair])));
    quick.reply(Reply::text(set(&[&pair])));
    let issuers = [issuer("slow", &slow, &authority), issuer("quick", &quick, &authority)];
    let issuers = Arc::new(Issuers::several(issuers).expect("two issuers"));
    let asked = Arc::new(watch::Sender::new(0));
    let verifier = Counting { issuers, asked: Arc::clone(&asked) };
    let host = Host::start(2, |settings| {
        settings.verifier = Arc::new(verifier);
        settings.rules.auth.deadline_ms = LATER_MS;
    });
    readyz(host.addr, "200").await;
    slow.reply(Reply::Hang);
    let mut crowd = Vec::new();
    for number in 0..CROWD {
        let mut peer = host.peer().await;
        peer.say(token_message(&eve.token_of("slow", &format!("bogus-{number}"), "eve"))).await;
        crowd.push(peer);
    }
    let mut count = asked.subscribe();
    soon("the crowd", count.wait_for(|asked| *asked == CROWD)).await.expect("it counts");
    // Of a source that answers, and under a name that it has just learned.
    let new = Pair::new("new");
    quick.reply(Reply::text(set(&[&pair, &new])));
    let mut bob = from(&host, 2).await;
    bob.sign_in(&new.token_of("quick", "new", "bob")).await;
    // The next unknown name meets the pause between questions: that is a verdict too.
    let mut mallory = from(&host, 3).await;
    mallory.say(token_message(&eve.token_of("quick", "bogus", "mallory"))).await;
    let verdict = mallory.hear().await;
    assert_eq!((&verdict["type"], &verdict["fatal"]), (&"error".into(), &true.into()));
    drop(crowd);
    host.stop().await;
}
