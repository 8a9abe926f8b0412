//! Answers that must not be believed, and that must not cost more than they may.

use super::{
    Authority, BRISK, KeyServer, Pair, Reply, Town,
    pair::set,
    soon,
    town::{is, settings},
};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};
use vestibule::{
    fetch::{AddressFault, FetchFault, HEAD_BYTES, Phase, TrustFault},
    token::{
        ring::{KEYS, SET_BYTES, SetFault},
        source::{Bounds, KeySource, Location, SourceFault, SourceSettings},
    },
};

/// What one look at this address brings.
async fn look(address: &str, authority: &Authority, fetch_ms: u64) -> Result<usize, SourceFault> {
    let location = Location::set(address).expect("an address");
    let source = KeySource::new(settings(location, authority, Bounds { fetch_ms, ..BRISK }));
    soon("a look", source.look()).await?;
    Ok(source.ring().expect("a set").keys().count())
}

/// The same, for an answer that is refused when it is fetched.
async fn fetch_fault(server: &KeyServer, authority: &Authority) -> FetchFault {
    match look(&server.keys(), authority, 5_000).await {
        Err(SourceFault::Fetch(error)) => {
            assert!(error.to_string().contains(&format!("localhost:{}", server.addr.port())));
            error.fault
        }
        other => panic!("{other:?}"),
    }
}

fn raw(head: &str, body: &[u8]) -> Reply {
    Reply::Raw([head.as_bytes(), b"\r\n\r\n", body].concat())
}

#[tokio::test]
async fn answers_that_are_not_read() {
    let (authority, pair) = (Authority::new(), Pair::new("a"));
    let server = KeyServer::start(&authority).await;
    let elsewhere = KeyServer::start(&authority).await;
    elsewhere.reply(Reply::text(set(&[&pair])));
    let location = format!("302 Found\r\nLocation: {}", elsewhere.keys());
    // Ten megabytes of nothing, as a bomb would unpack them.
    let bomb = vec![0_u8; 10_000_000];
    let gzip = "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 10000000";
    let endless = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked";
    let chunks = format!("10000\r\n{}\r\n", " ".repeat(0x1_0000)).repeat(100);
    let long_head = format!("HTTP/1.1 200 OK\r\nX: {}", "x".repeat(100_000));
    let limit = SET_BYTES;
    let table = [
        (Reply::status(&location), FetchFault::Redirect(302)),
        (Reply::status("301 Moved\r\nLocation: /other"), FetchFault::Redirect(301)),
        (Reply::status("500 Oh"), FetchFault::Status(500)),
        (Reply::status("401 No\r\nWWW-Authenticate: Basic"), FetchFault::Status(401)),
        (raw(gzip, &bomb), FetchFault::Compressed),
        (raw("HTTP/1.1 200 OK\r\nContent-Length: 10000000", &bomb), FetchFault::BodySize { limit }),
        (raw("HTTP/1.1 200 OK", &bomb), FetchFault::BodySize { limit }),
        (raw(endless, chunks.as_bytes()), FetchFault::BodySize { limit }),
        (raw(&long_head, b""), FetchFault::HeadSize { limit: HEAD_BYTES }),
    ];
    for (reply, expected) in table {
        server.reply(reply);
        assert_eq!(fetch_fault(&server, &authority).await, expected);
    }
    assert_eq!(elsewhere.count(), 0, "no redirect is followed");
}

#[tokio::test]
async fn sets_that_are_none() {
    let (authority, pair) = (Authority::new(), Pair::new("a"));
    let server = KeyServer::start(&authority).await;
    let many = |count: usize| -> Vec<Value> {
        let named = |number| {
            let mut jwk = pair.jwk();
            jwk["kid"] = json!(format!("k{number}"));
            jwk
        };
        (0..count).map(named).collect()
    };
    let keys = |keys: Vec<Value>| json!({"keys": keys}).to_string();
    let secret =
        json!({"kty": "oct", "kid": "s", "k": "c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0LXNlY3I"});
    type Expected = fn(&SetFault) -> bool;
    let table: [(String, Expected); 8] = [
        ("<!doctype html><title>Sign in</title>".into(), |it| matches!(it, SetFault::NotJson(_))),
        (String::new(), |it| matches!(it, SetFault::NotJson(_))),
        (r#"{"keys":[],"keys":[]}"#.into(), |it| matches!(it, SetFault::NotJson(_))),
        ("{}".into(), |it| matches!(it, SetFault::NotASet)),
        (pair.jwk().to_string(), |it| matches!(it, SetFault::NotASet)),
        (keys(vec![]), |it| matches!(it, SetFault::Empty(_))),
        (keys(vec![secret]), |it| matches!(it, SetFault::Empty(_))),
        (keys(many(KEYS + 1)), |it| matches!(it, SetFault::TooMany { keys: 65 })),
    ];
    for (text, expected) in table {
        server.reply(Reply::text(text.as_str()));
        match look(&server.keys(), &authority, 5_000).await {
            Err(SourceFault::Set(fault)) => assert!(expected(&fault), "{text}: {fault}"),
            other => panic!("{text}: {other:?}"),
        }
    }
    server.reply(raw("HTTP/1.1 200 OK", b"{\"keys\":\xff}"));
    assert_eq!(look(&server.keys(), &authority, 5_000).await, Err(SourceFault::NotUtf8));
    // Two keys under one name stand for neither; a third one does.
    let (twin, third) = (Pair::new("a"), Pair::new("c"));
    server.reply(Reply::text(set(&[&pair, &twin, &third])));
    assert_eq!(look(&server.keys(), &authority, 5_000).await, Ok(1));
}

#[tokio::test]
async fn one_deadline_holds_for_a_look() {
    let authority = Authority::new();
    let server = KeyServer::start(&authority).await;
    for (reply, phase) in [(Reply::Hang, Phase::Head), (Reply::Drip, Phase::Body)] {
        server.reply(reply);
        match look(&server.keys(), &authority, 400).await {
            Err(SourceFault::Fetch(error)) => assert_eq!(error.fault, FetchFault::Late(phase)),
            other => panic!("{other:?}"),
        }
    }
    // Somebody who takes the connection and says nothing.
    let mute = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = format!("https://{}/keys", mute.local_addr().expect("an address"));
    match look(&address, &authority, 400).await {
        Err(SourceFault::Fetch(error)) => {
            assert_eq!(error.fault, FetchFault::Late(Phase::Handshake));
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_server_is_believed_on_the_word_of_its_authority_alone() {
    let (authority, other, pair) = (Authority::new(), Authority::new(), Pair::new("a"));
    let server = KeyServer::start(&authority).await;
    server.reply(Reply::text(set(&[&pair])));
    assert_eq!(look(&server.keys(), &authority, 5_000).await, Ok(1));
    let literal = format!("https://127.0.0.1:{}/keys", server.addr.port());
    assert_eq!(look(&literal, &authority, 5_000).await, Ok(1));
    let untrusted = |fault: FetchFault| matches!(fault, FetchFault::Untrusted(_));
    assert!(untrusted(fetch_fault(&server, &other).await), "another authority");
    let misnamed = KeyServer::named(&authority, "a.example").await;
    misnamed.reply(Reply::text(set(&[&pair])));
    assert!(untrusted(fetch_fault(&misnamed, &authority).await), "another name");
    assert_eq!(misnamed.count(), 0, "nothing is asked of a stranger");
    // The system's authorities vouch for none of them; where there are none, that is said.
    let location = Location::set(&server.keys()).expect("an address");
    let system = KeySource::new(SourceSettings::new("app", location));
    match soon("a look", system.look()).await {
        Err(SourceFault::Fetch(error)) => assert!(untrusted(error.fault)),
        Err(SourceFault::Trust(TrustFault::NoAuthorities)) => {}
        other => panic!("{other:?}"),
    }
    // And who does not speak TLS is no key server.
    let plain = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = format!("https://{}/keys", plain.local_addr().expect("an address"));
    tokio::spawn(async move {
        let (mut tcp, _) = plain.accept().await.expect("a client");
        tcp.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await.expect("sent");
        let _ = tcp.read_to_end(&mut Vec::new()).await;
    });
    match look(&address, &authority, 5_000).await {
        Err(SourceFault::Fetch(error)) => {
            assert!(matches!(error.fault, FetchFault::Handshake(_)), "{error}");
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn without_tls_only_this_host_is_asked() {
    let (authority, pair) = (Authority::new(), Pair::new("a"));
    let server = KeyServer::plain().await;
    server.reply(Reply::text(set(&[&pair])));
    assert_eq!(look(&server.keys(), &authority, 5_000).await, Ok(1));
    for address in ["http://keys.example/", "http://192.0.2.1/", "http://0.0.0.0/"] {
        assert_eq!(Location::set(address), Err(AddressFault::Plain), "{address}");
    }
}

#[tokio::test]
async fn whatever_a_source_says_the_last_good_keys_count() {
    let (authority, pair) = (Authority::new(), Pair::new("a"));
    let server = KeyServer::start(&authority).await;
    server.reply(Reply::text(set(&[&pair])));
    let town = Town::start(&server, &authority, Bounds { fetch_ms: 150, ..BRISK });
    town.open().await;
    let replies = [
        Reply::text(""),
        Reply::text(r#"{"keys":[]}"#),
        Reply::text("<html>"),
        Reply::status("404 Gone"),
        Reply::status("302 Found\r\nLocation: /keys"),
        Reply::Raw(b"nonsense".to_vec()),
        Reply::Hang,
        Reply::Drip,
    ];
    for reply in replies {
        server.reply(reply);
        let asked = server.count();
        // The second request begins after the first answer was judged.
        server.asked(asked + 2).await;
        is(town.judge(&pair.token("ann")), "ann");
    }
    let new = Pair::new("b");
    server.reply(Reply::text(set(&[&new])));
    town.until(&new.token("bob"), None).await;
}
