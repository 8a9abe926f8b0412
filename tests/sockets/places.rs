//! Who may wait for a verdict when many do: shares, evictions, refusals, and who always gets in.

use crate::support::{
    Frame, Heard, Host, Peer,
    peer::{auth, handshake, token_message},
    soon,
};
use std::{net::Ipv4Addr, sync::Arc};
use vestibule::{
    config::{AddressSource, Places, TrustedProxies},
    server::{Demo, DemoTokens},
};

/// An address of one stranger.
fn stranger(number: u8) -> Ipv4Addr {
    Ipv4Addr::new(127, 0, 7, number)
}

/// Few places, and one worker, so that things happen in the order of the test.
fn cramped(places: usize, hard_places: usize, share: usize) -> Host {
    Host::start(1, |settings| {
        settings.places = Places { places, hard_places, share };
    })
}

/// A silent peer of this stranger, behind the 101.
async fn silent(host: &Host, number: u8) -> Peer {
    let mut peer = Peer::dial_from(host.addr, stranger(number)).await;
    peer.upgrade("").await;
    peer
}

/// It is still there: the server pings back, and has said nothing else.
async fn still_waits(peer: &mut Peer) {
    peer.send(&Frame::ping(b"there?")).await;
    assert_eq!(peer.listen().await, Heard::Pong(b"there?".to_vec()));
}

#[tokio::test]
async fn one_address_may_fill_half_of_the_places_and_then_its_share_counts() {
    let host = cramped(8, 16, 2);
    let mut crowd = Vec::new();
    for _ in 0..4 {
        crowd.push(silent(&host, 1).await);
    }
    // All of them are young: who comes fifth and is silent too is told to come back later.
    silent(&host, 1).await.closed(4430, "too_many_connections", "backoff").await;
    // But who signs in at once is let in.
    let mut quick = silent(&host, 1).await;
    quick.say(auth("bob")).await;
    quick.expect("auth_ok").await;
    // A neighbour who holds nothing gets in as if nobody were there.
    let mut neighbour = silent(&host, 2).await;
    neighbour.say(auth("alice")).await;
    neighbour.expect("auth_ok").await;
    for peer in &mut crowd {
        still_waits(peer).await;
    }
    host.stop().await;
}

#[tokio::test]
async fn over_its_share_an_address_loses_its_own_oldest_socket_once_it_is_not_young() {
    let host = cramped(8, 16, 2);
    let mut other = silent(&host, 2).await;
    let mut crowd = Vec::new();
    for _ in 0..3 {
        crowd.push(silent(&host, 1).await);
    }
    // It knocks until its oldest is a second old.
    let mut eldest = crowd.remove(0);
    let last = soon("an eviction", async {
        loop {
            let mut peer = silent(&host, 1).await;
            tokio::select! {
                biased;
                said = eldest.hear() => {
                    assert_eq!(said["code"], "overloaded", "{said}");
                    return peer;
                }
                said = peer.hear() => assert_eq!(said["code"], "too_many_connections", "{said}"),
            }
        }
    });
    crowd.push(last.await);
    eldest.close_frame(1013, "overloaded").await;
    for peer in crowd.iter_mut().chain([&mut other]) {
        still_waits(peer).await;
    }
    host.stop().await;
}

#[tokio::test]
async fn who_holds_nothing_pushes_out_the_oldest_of_whoever_holds_most() {
    let host = cramped(4, 16, 8);
    let mut alone = silent(&host, 1).await;
    let mut crowd = Vec::new();
    for _ in 0..3 {
        crowd.push(silent(&host, 2).await);
    }
    let mut newcomer = silent(&host, 3).await;
    crowd.remove(0).closed(1013, "overloaded", "backoff").await;
    newcomer.say(auth("alice")).await;
    newcomer.expect("auth_ok").await;
    for peer in crowd.iter_mut().chain([&mut alone]) {
        still_waits(peer).await;
    }
    // Its verdict freed the place: three wait again, and the crowd may grow by one.
    crowd.push(silent(&host, 2).await);
    silent(&host, 2).await.closed(1013, "overloaded", "backoff").await;
    newcomer.nothing_waits().await;
    host.stop().await;
}

#[tokio::test]
async fn an_address_with_a_failed_attempt_goes_first() {
    let host = cramped(4, 16, 8);
    let mut elders = Vec::new();
    for number in [1, 2, 3] {
        elders.push(silent(&host, number).await);
    }
    let mut liar = silent(&host, 4).await;
    liar.say(token_message("not.a.token")).await;
    liar.closed(4411, "token_invalid", "refresh").await;
    // It is not shut out, but the last to come is the first to go.
    let mut again = silent(&host, 4).await;
    let mut newcomer = silent(&host, 5).await;
    again.closed(1013, "overloaded", "backoff").await;
    for peer in elders.iter_mut().chain([&mut newcomer]) {
        still_waits(peer).await;
    }
    host.stop().await;
}

#[tokio::test]
async fn who_loses_its_place_and_does_not_go_is_reset() {
    let host = cramped(1, 8, 1);
    let mut deaf = silent(&host, 1).await;
    let mut newcomer = silent(&host, 2).await;
    // It neither reads its Close nor leaves.
    deaf.was_reset().await;
    still_waits(&mut newcomer).await;
    host.stop().await;
}

#[tokio::test]
async fn who_loses_its_place_while_it_shakes_hands_is_cut_off() {
    let host = cramped(1, 8, 1);
    let mut slow = Peer::dial_from(host.addr, stranger(1)).await;
    slow.write(b"GET /ws HTTP/1.1\r\nHost: t").await;
    // Its place is taken once its first bytes were read: the newcomer comes later.
    let mut newcomer = silent(&host, 2).await;
    assert!(slow.rest().await.is_empty());
    newcomer.say(auth("alice")).await;
    newcomer.expect("auth_ok").await;
    host.stop().await;
}

#[tokio::test]
async fn at_the_hard_cap_the_answer_is_503_until_somebody_goes() {
    let host = cramped(2, 2, 2);
    let mut first = silent(&host, 1).await;
    let _second = silent(&host, 2).await;
    let mut late = Peer::dial_from(host.addr, stranger(3)).await;
    late.write(handshake("").as_bytes()).await;
    let head = late.head().await;
    assert!(head.starts_with("HTTP/1.1 503 ") && head.contains("\r\nRetry-After: "), "{head}");
    // What is no handshake is answered all the same.
    let mut probe = Peer::dial_from(host.addr, stranger(3)).await;
    probe.write(b"GET /healthz HTTP/1.1\r\nHost: test\r\n\r\n").await;
    assert!(probe.head().await.starts_with("HTTP/1.1 200 "));
    first.say(auth("alice")).await;
    first.expect("auth_ok").await;
    let mut third = silent(&host, 3).await;
    still_waits(&mut third).await;
    host.stop().await;
}

#[tokio::test]
async fn a_crowd_that_signs_in_needs_no_more_than_one_place() {
    let host = cramped(1, 2, 1);
    let mut inside = Vec::new();
    for user in 0..20 {
        let mut peer = silent(&host, 1).await;
        peer.say(auth(&format!("user{user}"))).await;
        peer.expect("auth_ok").await;
        inside.push(peer);
    }
    host.stop().await;
}

/// A request that is refused before the 101 and then neither reads nor leaves.
#[tokio::test]
async fn refused_requests_that_linger_shut_nobody_out() {
    let host = cramped(2, 10, 1);
    let mut crowd = Vec::new();
    for _ in 0..20 {
        let mut peer = Peer::dial_from(host.addr, stranger(1)).await;
        peer.write(b"nonsense\r\n\r\n").await;
        assert!(peer.head().await.starts_with("HTTP/1.1 400 "), "it is told why");
        crowd.push(peer);
    }
    // They hold no place: one address would have no more than half of them.
    let mut waiting = [silent(&host, 1).await, silent(&host, 2).await];
    let mut newcomer = silent(&host, 3).await;
    newcomer.say(auth("alice")).await;
    newcomer.expect("auth_ok").await;
    waiting[0].closed(1013, "overloaded", "backoff").await;
    crowd[0].was_reset().await;
    still_waits(&mut waiting[1]).await;
    host.stop().await;
}

/// Gives nothing; who asks does not finish its question.
struct NoTokens;

impl DemoTokens for NoTokens {
    fn token(&self, _: &str, _: i64) -> Option<String> {
        None
    }
}

#[tokio::test]
async fn a_plain_request_loses_its_place_like_any_other_socket() {
    let host = Host::start(1, |settings| {
        settings.places = Places { places: 1, hard_places: 2, share: 1 };
        settings.demo = Demo::PageWithTokens(Arc::new(NoTokens));
    });
    let mut slow = Peer::dial_from(host.addr, stranger(1)).await;
    let head = "POST /demo/token HTTP/1.1\r\nHost: test\r\nContent-Length: 9\r\n";
    slow.write(format!("{head}Expect: 100-continue\r\n\r\n").as_bytes()).await;
    assert!(slow.head().await.starts_with("HTTP/1.1 100 "), "its body is waited for");
    let mut second = silent(&host, 2).await;
    // All room is taken, had the first one stayed.
    let mut third = silent(&host, 3).await;
    assert!(slow.rest().await.is_empty());
    second.closed(1013, "overloaded", "backoff").await;
    still_waits(&mut third).await;
    host.stop().await;
}

#[tokio::test]
async fn slow_requests_from_a_proxy_shut_its_other_clients_not_out() {
    let host = Host::start(1, |settings| {
        settings.places = Places { places: 1, hard_places: 9, share: 1 };
        let networks = vec!["127.0.0.1".parse().expect("a network")];
        settings.trusted_proxies =
            TrustedProxies::new(networks, AddressSource::XForwardedFor).expect("few networks");
    });
    let mut crowd = Vec::new();
    for _ in 0..20 {
        let mut slow = Peer::dial(host.addr).await;
        slow.write(b"GET /ws HTTP/1.1\r\n").await;
        crowd.push(slow);
    }
    // Its answer shows that all of them have arrived.
    let mut probe = Peer::dial_from(host.addr, stranger(1)).await;
    probe.write(b"GET /healthz HTTP/1.1\r\nHost: test\r\n\r\n").await;
    assert!(probe.head().await.starts_with("HTTP/1.1 200 "));
    for client in 1..=20 {
        let mut peer = Peer::dial(host.addr).await;
        peer.upgrade(&format!("X-Forwarded-For: 203.0.113.{client}\r\n")).await;
        peer.say(auth("alice")).await;
        peer.expect("auth_ok").await;
    }
    assert!(crowd[0].rest().await.is_empty(), "the oldest is cut off");
    host.stop().await;
}
