//! Whom the server takes a connection for, behind a real proxy: the client, whatever it claims.

use crate::{
    proxy::Proxy,
    support::{PATIENCE, Program},
};
use std::net::{IpAddr, SocketAddr};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpSocket, TcpStream},
    time::timeout,
};

/// The proxies connect from 127.0.0.1; all other addresses of the loopback network are clients.
const TRUSTED: &[(&str, &str)] = &[
    ("VESTIBULE_GATE__TRUSTED_PROXIES__0", "127.0.0.1"),
    ("VESTIBULE_LOG__LEVEL", "debug"),
    ("VESTIBULE_WORKERS", "1"),
];
/// The client claims to be somebody else, or one of the proxies.
const CLAIMS: &[&str] = &["", "X-Forwarded-For: 6.6.6.6\r\n", "X-Forwarded-For: 127.0.0.1\r\n"];
/// nginx takes the address of a client from a header of this test.
const PRETEND: (&str, &str) = (
    "proxy_connect_timeout 5s;",
    "proxy_connect_timeout 5s; set_real_ip_from 127.0.0.0/8; real_ip_header X-Test;",
);

/// Opens a connection from `client`, up to the answer.
async fn open(proxy: SocketAddr, client: [u8; 4], lines: &str) -> TcpStream {
    let socket = TcpSocket::new_v4().expect("a socket");
    socket.bind((client, 0).into()).expect("a loopback address");
    let mut stream: TcpStream = socket.connect(proxy).await.expect("the proxy");
    let request = format!(
        "GET /ws HTTP/1.1\r\nHost: {proxy}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n{lines}\r\n"
    );
    stream.write_all(request.as_bytes()).await.expect("a request");
    let mut answer = [0; 12];
    timeout(PATIENCE, stream.read_exact(&mut answer)).await.expect("an answer").expect("12 bytes");
    assert_eq!(&answer, b"HTTP/1.1 101", "{lines}");
    stream
}

/// Whom the server took each connection for; it must not have warned.
fn clients(server: Program) -> Vec<IpAddr> {
    let (_, log) = server.stop();
    let entries = log.iter().map(|line| serde_json::from_str(line).expect("JSON"));
    let entries: Vec<serde_json::Value> = entries.collect();
    assert!(!entries.iter().any(|entry| entry["level"] == "WARN"), "{log:?}");
    let opened = entries.iter().filter(|entry| entry["message"] == "open");
    opened
        .map(|entry| {
            let peer: SocketAddr = entry["peer"].as_str().expect("a peer").parse().expect("one");
            entry["client"].as_str().map_or(peer.ip(), |client| client.parse().expect("one"))
        })
        .collect()
}

async fn clients_are_told_apart(server: Program, proxy: &Proxy) {
    let addresses = [[127, 0, 0, 2], [127, 0, 0, 1], [127, 1, 2, 3]];
    for address in addresses {
        for claim in CLAIMS {
            open(proxy.addr, address, claim).await;
        }
    }
    let expected = addresses.iter().flat_map(|address| [IpAddr::from(*address); CLAIMS.len()]);
    assert_eq!(clients(server), expected.collect::<Vec<_>>());
}

#[tokio::test]
async fn deploy_nginx_tells_clients_apart() {
    let server = Program::serve(TRUSTED);
    let proxy = Proxy::nginx(&server, &[]);
    clients_are_told_apart(server, &proxy).await;
}

#[tokio::test]
async fn deploy_caddy_tells_clients_apart() {
    let server = Program::serve(TRUSTED);
    let proxy = Proxy::caddy(&server);
    clients_are_told_apart(server, &proxy).await;
}

#[tokio::test]
async fn deploy_nginx_passes_ipv6_addresses_on() {
    let server = Program::serve(TRUSTED);
    let proxy = Proxy::nginx(&server, &[PRETEND]);
    let addresses = ["2001:db8::7", "2001:db8:0:1::7", "203.0.113.7"];
    for address in addresses {
        let lines = format!("X-Test: {address}\r\nX-Forwarded-For: 6.6.6.6\r\n");
        open(proxy.addr, [127, 0, 0, 1], &lines).await;
    }
    assert_eq!(clients(server), addresses.map(|address| address.parse::<IpAddr>().expect("one")));
}

/// A second proxy that adds to what the first one wrote, as those inside do.
#[tokio::test]
async fn deploy_nginx_behind_nginx_passes_the_first_one_over() {
    let server = Program::serve(TRUSTED);
    let add = ("X-Forwarded-For $remote_addr;", "X-Forwarded-For $proxy_add_x_forwarded_for;");
    let inner = Proxy::nginx(&server, &[add]);
    let outer = Proxy::nginx_for(&inner.addr.to_string(), &[]);
    open(outer.addr, [127, 0, 0, 2], "X-Forwarded-For: 6.6.6.6\r\n").await;
    assert_eq!(clients(server), [IpAddr::from([127, 0, 0, 2])]);
}

/// Opens a connection for an IPv6 client of nginx, up to the 101.
async fn guest(proxy: SocketAddr, client: &str) -> TcpStream {
    open(proxy, [127, 0, 0, 1], &format!("X-Test: {client}\r\n")).await
}

/// The name of the close code that the server gave as its reason.
async fn reason(stream: &mut TcpStream) -> String {
    let mut heard = Vec::new();
    let end = timeout(PATIENCE, stream.read_to_end(&mut heard)).await;
    end.expect("an end").expect("bytes");
    // Behind the head of the 101 come the error and, last, the Close: its code and its reason.
    let close = heard.iter().rposition(|byte| *byte == 0x88).expect("a Close");
    String::from_utf8_lossy(&heard[close + 4..]).into_owned()
}

/// The loopback network has one IPv6 address: behind a proxy there are as many as one likes.
#[tokio::test]
async fn deploy_nginx_ipv6_clients_share_by_64_and_by_48() {
    let places = [("VESTIBULE_GATE__PLACES", "16"), ("VESTIBULE_GATE__SHARE", "2")];
    let server = Program::serve(&[TRUSTED, &places[..]].concat());
    let proxy = Proxy::nginx(&server, &[PRETEND]);
    let mut crowd = Vec::new();
    for host in 1..=8 {
        crowd.push(guest(proxy.addr, &format!("2001:db8:1:1::{host}")).await);
    }
    // Half of the places are taken, and this /64 has more than its share.
    let mut ninth = guest(proxy.addr, "2001:db8:1:1:ffff::9").await;
    assert_eq!(reason(&mut ninth).await, "too_many_connections");
    // Another /64 of the same /48 gets in, and its site pays for it.
    let _neighbour = guest(proxy.addr, "2001:db8:1:2::1").await;
    assert_eq!(reason(&mut crowd[0]).await, "overloaded");
    // Another site pays nothing, and costs nobody anything.
    let mut stranger = guest(proxy.addr, "2001:db8:2:1::1").await;
    let auth = b"{\"type\":\"auth\",\"payload\":\"no\"}";
    let header = [0x81, 0x80 | u8::try_from(auth.len()).expect("short"), 0, 0, 0, 0];
    stranger.write_all(&[&header, &auth[..]].concat()).await.expect("a message");
    assert_eq!(reason(&mut stranger).await, "token_invalid");
    drop(server);
}
