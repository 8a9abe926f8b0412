//! What clients see through a proxy: the same as without one.

use crate::{
    proxy::Proxy,
    support::{PATIENCE, Program, member},
};
use std::net::SocketAddr;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};
use vestibule::client::{Client, Closed, Error, Options, Received};

/// nginx gives up on a connection after this much silence; long enough for a busy machine.
const SHORT: (&str, &str) = ("proxy_read_timeout 75s;", "proxy_read_timeout 1500ms;");
/// A heartbeat that is shorter, and how many it takes to outlive the proxy's patience: two come
/// no faster than 180 ms.
const HEARTBEAT: &[(&str, &str)] = &[("VESTIBULE_HEARTBEAT__INTERVAL_MS", "200")];
const BEATS: usize = 10;

const PLAIN: &str = "Connection: close\r\n";
const UPGRADE: &str = "Upgrade: websocket\r\nConnection: Upgrade, close\r\nSec-WebSocket-Version: 13\r\n\
                       Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";

/// The whole answer to a GET of `path`, in lower case.
async fn get(addr: SocketAddr, path: &str, headers: &str) -> String {
    let mut stream = TcpStream::connect(addr).await.expect("the proxy");
    let request = format!("GET {path} HTTP/1.1\r\nHost: {addr}\r\n{headers}\r\n");
    stream.write_all(request.as_bytes()).await.expect("a request");
    let mut answer = String::new();
    timeout(PATIENCE, stream.read_to_string(&mut answer)).await.expect("an end").expect("text");
    answer.to_lowercase()
}

async fn hear(client: &mut Client) -> Result<Received, Error> {
    timeout(PATIENCE, client.next()).await.expect("something")
}

/// Listens until the connection ends.
async fn end(client: &mut Client) -> Closed {
    loop {
        match hear(client).await {
            Ok(_) => {}
            Err(Error::Closed(closed)) => return closed,
            Err(other) => panic!("{other}"),
        }
    }
}

async fn sessions_pass(proxy: &Proxy) {
    let mut alice = member(&proxy.url, "alice", "lobby").await;
    let mut bob = member(&proxy.url, "bob", "lobby").await;
    // Near the largest message: no buffer on the way is too small for it.
    let long = "x".repeat(60_000);
    alice.publish("lobby", &long).await.expect("an ack");
    loop {
        if let Received::Message(message) = hear(&mut bob).await.expect("a message") {
            assert_eq!(message.payload.get().len(), long.len() + 2);
            break;
        }
    }
}

async fn verdicts_pass(proxy: &Proxy) {
    let mut client = Client::connect(&proxy.url, &Options::default()).await.expect("a handshake");
    match client.authenticate("no.to.ken").await {
        Err(Error::Closed(Closed { code, reason, message })) => {
            assert_eq!((code, reason.as_str()), (4411, "token_invalid"));
            assert!(message.is_some(), "the `error` before the Close");
        }
        other => panic!("{other:?}"),
    }
    let answer = get(proxy.addr, "/ws", PLAIN).await;
    assert!(answer.starts_with("http/1.1 426 "), "{answer}");
    assert!(answer.contains("upgrade_required"), "{answer}");
    let answer = get(proxy.addr, "/readyz", PLAIN).await;
    assert!(answer.starts_with("http/1.1 200 "), "{answer}");
}

async fn drains_pass(server: Program, proxy: &Proxy) {
    let mut alice = member(&proxy.url, "alice", "lobby").await;
    server.terminate();
    loop {
        if let Received::Reconnect(_) = hear(&mut alice).await.expect("a warning") {
            break;
        }
    }
    for (path, headers) in [("/ws", UPGRADE), ("/readyz", PLAIN)] {
        let answer = get(proxy.addr, path, headers).await;
        assert!(answer.starts_with("http/1.1 503 "), "{path}: {answer}");
        assert!(answer.contains("\r\nretry-after: 5\r\n"), "{path}: {answer}");
    }
    let closed = end(&mut alice).await;
    assert_eq!(closed.code, 1012);
    assert!(closed.after_ms().is_some(), "{closed:?}");
    let (status, _) = server.wait();
    assert!(status.success());
}

/// Sessions are closed between 20 % and 80 % of this: there is time to look at a 503.
const DRAIN: &[(&str, &str)] = &[("VESTIBULE_DRAIN_MS", "3000")];

#[tokio::test]
async fn deploy_nginx_passes_sessions() {
    let server = Program::serve(&[]);
    sessions_pass(&Proxy::nginx(&server, &[])).await;
}

#[tokio::test]
async fn deploy_nginx_passes_verdicts() {
    let server = Program::serve(&[]);
    verdicts_pass(&Proxy::nginx(&server, &[])).await;
}

#[tokio::test]
async fn deploy_nginx_passes_the_drain() {
    let server = Program::serve(DRAIN);
    let proxy = Proxy::nginx(&server, &[]);
    drains_pass(server, &proxy).await;
}

#[tokio::test]
async fn deploy_nginx_never_cuts_an_idle_session() {
    let server = Program::serve(HEARTBEAT);
    let proxy = Proxy::nginx(&server, &[SHORT]);
    let mut alice = member(&proxy.url, "alice", "lobby").await;
    let mut beats = 0;
    while beats < BEATS {
        match hear(&mut alice).await {
            Ok(Received::Ping) => beats += 1,
            Ok(_) => {}
            Err(error) => panic!("after {beats} heartbeats: {error}"),
        }
    }
    alice.publish("lobby", "still here").await.expect("an ack");
}

/// What the test above would show without a heartbeat in time.
#[tokio::test]
async fn deploy_nginx_cuts_a_silent_session() {
    let server = Program::serve(&[]);
    let proxy = Proxy::nginx(&server, &[SHORT]);
    let mut alice = member(&proxy.url, "alice", "lobby").await;
    assert_eq!(end(&mut alice).await.code, 1006);
}

#[tokio::test]
async fn deploy_nginx_caps_the_connections_of_an_address() {
    let server = Program::serve(&[]);
    let cap = ("limit_conn vestibule_address 64;", "limit_conn vestibule_address 2;");
    let proxy = Proxy::nginx(&server, &[cap]);
    let _alice = member(&proxy.url, "alice", "lobby").await;
    let _bob = member(&proxy.url, "bob", "lobby").await;
    let answer = get(proxy.addr, "/ws", UPGRADE).await;
    assert!(answer.starts_with("http/1.1 429 "), "{answer}");
}

#[tokio::test]
async fn deploy_nginx_logs_no_query() {
    let server = Program::serve(&[]);
    let proxy = Proxy::nginx(&server, &[]);
    let answer = get(proxy.addr, "/readyz?token=sesame", PLAIN).await;
    assert!(answer.starts_with("http/1.1 200 "), "{answer}");
    let line = proxy.logged("GET");
    assert!(line.contains("\"GET /readyz\" 200 ") && !line.contains("sesame"), "{line}");
}

#[tokio::test]
async fn deploy_caddy_passes_sessions() {
    let server = Program::serve(&[]);
    sessions_pass(&Proxy::caddy(&server)).await;
}

#[tokio::test]
async fn deploy_caddy_passes_verdicts() {
    let server = Program::serve(&[]);
    verdicts_pass(&Proxy::caddy(&server)).await;
}

#[tokio::test]
async fn deploy_caddy_passes_the_drain() {
    let server = Program::serve(DRAIN);
    let proxy = Proxy::caddy(&server);
    drains_pass(server, &proxy).await;
}
