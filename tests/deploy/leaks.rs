//! What the access log of nginx holds after one connection by each source of credentials.

use crate::{
    proxy::Proxy,
    support::{PATIENCE, Program, token},
};
use base64::{
    Engine,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use std::net::SocketAddr;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

const PAGE: &str = "https://app.example";

/// Which logs hold the secret of each source: the one of deploy/nginx.conf, that of nginx' own
/// format `combined`, and one that somebody made to look for a fault in headers.
const LEAKS: [(&str, [bool; 3]); 8] = [
    ("first message", [false, false, false]),
    ("authorization", [false, false, true]),
    ("basic", [false, false, true]),
    ("cookie", [false, false, true]),
    ("subprotocol", [false, false, true]),
    ("query_ticket", [false, true, true]),
    ("query_token", [false, true, true]),
    ("query_scheme", [false, true, true]),
];

/// The three of them, for one connection, in this order.
const LOGS: [(&str, &str); 2] = [
    (
        "log_format vestibule '",
        "log_format headers 'ALL $request $http_cookie $http_authorization \
         $http_sec_websocket_protocol';\nlog_format vestibule '",
    ),
    (
        "log vestibule;",
        "log vestibule;\n    access_log /dev/stderr combined;\n    access_log /dev/stderr headers;",
    ),
];
/// What only a line of that log has.
const MARKS: [&str; 3] = ["\"GET /ws\" 101 ", " HTTP/1.1\" 101 ", "ALL GET /ws"];

/// Says `request` and hears until `end` stands there.
async fn ask(addr: SocketAddr, request: &str, end: &str) -> String {
    let mut stream = TcpStream::connect(addr).await.expect("somebody who listens");
    stream.write_all(request.as_bytes()).await.expect("a request");
    let (mut said, mut buffer) = (String::new(), [0; 2_048]);
    while !said.contains(end) {
        let length = timeout(PATIENCE, stream.read(&mut buffer)).await.expect("an answer");
        let length = length.expect("a connection");
        assert_ne!(length, 0, "{end:?} was due: {said}");
        said += &String::from_utf8_lossy(&buffer[..length]);
    }
    said
}

async fn ticket(addr: SocketAddr) -> String {
    let token = token("ann");
    let request = format!(
        "POST /ticket HTTP/1.1\r\nHost: test\r\nContent-Length: 0\r\n\
         Authorization: Bearer {token}\r\n\r\n"
    );
    let said = ask(addr, &request, "}").await;
    let (_, rest) = said.split_once("\"ticket\":\"").expect("a ticket");
    rest.split_once('"').expect("an end").0.to_owned()
}

/// What stands in the address, and a header line.
fn shown(source: &str, secret: &str) -> (String, String) {
    let basic = STANDARD.encode(format!("ann:{secret}"));
    let encoded = URL_SAFE_NO_PAD.encode(secret);
    let (query, line) = match source {
        "first message" => (String::new(), String::new()),
        "authorization" => (String::new(), format!("Authorization: Bearer {secret}")),
        "basic" => (String::new(), format!("Authorization: Basic {basic}")),
        "cookie" => (String::new(), format!("Cookie: vestibule_token={secret}")),
        "subprotocol" => (
            String::new(),
            format!(
                "Sec-WebSocket-Protocol: vestibule.v1, \
                 base64url.bearer.authorization.vestibule.{encoded}"
            ),
        ),
        "query_ticket" => (format!("?ticket={secret}"), String::new()),
        "query_token" => (format!("?token={secret}"), String::new()),
        "query_scheme" => (format!("?JWT%20{secret}"), String::new()),
        other => panic!("nobody knows how {other} is shown"),
    };
    (query, if line.is_empty() { line } else { format!("{line}\r\n") })
}

/// Whether a line holds the secret in any of the ways to write it.
fn holds(line: &str, secret: &str) -> bool {
    let basic = STANDARD.encode(format!("ann:{secret}"));
    [secret, &URL_SAFE_NO_PAD.encode(secret), &basic].iter().any(|text| line.contains(*text))
}

#[tokio::test]
async fn deploy_nginx_logs_the_secrets_that_stand_in_addresses() {
    const OPTIONAL: &str = "optional";
    let sources = ["AUTHORIZATION", "COOKIE", "SUBPROTOCOL", "QUERY_TICKET", "QUERY_TOKEN"];
    let keys = sources.map(|source| format!("VESTIBULE_AUTH__SOURCES__{source}"));
    let mut settings: Vec<(&str, &str)> = keys.iter().map(|key| (&**key, OPTIONAL)).collect();
    settings.extend([
        ("VESTIBULE_AUTH__SOURCES__QUERY_SCHEME", OPTIONAL),
        ("VESTIBULE_GATE__ORIGINS__0", PAGE),
        ("VESTIBULE_TICKETS__ENABLED", "true"),
    ]);
    let server = Program::serve(&settings);
    let proxy = Proxy::nginx(&server, &LOGS);
    for (source, leaks) in LEAKS {
        let secret = match source {
            "query_ticket" => ticket(server.addr.parse().expect("an address")).await,
            _ => token("ann"),
        };
        let (query, line) = shown(source, &secret);
        let request = format!(
            "GET /ws{query} HTTP/1.1\r\nHost: test\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
             Origin: {PAGE}\r\n{line}\r\n"
        );
        // What a log holds does not hang on who judges the password: nobody does here.
        let spoken = matches!(source, "first message" | "basic");
        ask(proxy.addr, &request, if spoken { "101 " } else { "\"auth_ok\"" }).await;
        let found = MARKS.map(|mark| holds(&proxy.logged(mark), &secret));
        assert_eq!(found, leaks, "{source}: deploy/nginx.conf, combined, headers");
    }
}
