//! The plain routes over a pair of in-memory streams.

use super::*;
use std::net::Ipv4Addr;
use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

/// Sends a request, `at_hand` bytes of which the server has already read, and returns the
/// response.
pub(in super::super) async fn ask(request: &str, at_hand: usize, site: &Arc<Site>) -> String {
    let (client, server) = duplex(64);
    let (mut reading, mut writing) = tokio::io::split(client);
    let (head, rest) = request.as_bytes().split_at(at_hand);
    let serve = serve_plain(server, head.to_vec(), Arc::clone(site), Ipv4Addr::LOCALHOST.into());
    // A server that has heard enough answers and leaves: the rest cannot be written then.
    let talk = async { drop(writing.write_all(rest).await) };
    let listen = async {
        let mut answer = String::new();
        reading.read_to_string(&mut answer).await.expect("read to the end");
        answer
    };
    let (served, (), answer) = tokio::join!(serve, talk, listen);
    served.expect("served");
    answer
}

async fn get(path: &str, site: &Arc<Site>) -> String {
    let request = format!("GET {path} HTTP/1.1\r\nHost: h\r\n\r\n");
    ask(&request, request.len(), site).await
}

fn site() -> Arc<Site> {
    Arc::new(Site::new(vec![]))
}

#[tokio::test]
async fn pages_come_with_their_type_and_end_the_connection() {
    let table = [
        ("/", "text/plain; charset=utf-8", WELCOME),
        ("/healthz", "text/plain; charset=utf-8", "ok"),
        ("/healthz?probe=1", "text/plain; charset=utf-8", "ok"),
        ("/protocol.md", "text/markdown; charset=utf-8", SPECIFICATION),
    ];
    for (path, content_type, body) in table {
        let answer = get(path, &site()).await;
        assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{path}: {answer}");
        assert!(answer.contains(&format!("content-type: {content_type}\r\n")), "{path}");
        assert!(answer.contains("connection: close\r\n"), "{path}");
        assert!(answer.ends_with(&format!("\r\n\r\n{body}")), "{path}");
    }
}

#[tokio::test]
async fn bytes_that_were_read_before_come_first() {
    let request = "GET /healthz HTTP/1.1\r\nHost: h\r\n\r\n";
    for at_hand in 0..=request.len() {
        let answer = ask(request, at_hand, &site()).await;
        assert!(answer.ends_with("\r\n\r\nok"), "{at_hand} bytes at hand: {answer}");
    }
}

#[tokio::test]
async fn readiness_follows_the_server() {
    let site = site();
    let is_ready = async || get("/readyz", &site).await.starts_with("HTTP/1.1 200 ");
    assert!(!is_ready().await, "not before it is said");
    site.set_ready();
    assert!(is_ready().await);
    site.drain();
    let answer = get("/readyz", &site).await;
    assert!(answer.starts_with("HTTP/1.1 503 "));
    assert!(answer.contains("retry-after: 5\r\n") && answer.contains(r#""error":"not_ready""#));
    assert!(get("/healthz", &site).await.starts_with("HTTP/1.1 200 "), "it lives");
}

#[tokio::test]
async fn a_head_request_gets_the_same_headers_and_no_body() {
    let request = "HEAD /healthz HTTP/1.1\r\nHost: h\r\n\r\n";
    let answer = ask(request, 4, &site()).await;
    assert!(answer.starts_with("HTTP/1.1 200 ") && answer.contains("content-length: 2\r\n"));
    assert!(answer.ends_with("\r\n\r\n"));
}

#[tokio::test]
async fn what_is_not_there_is_404_and_what_is_takes_get() {
    let answer = get("/nothing", &site()).await;
    assert!(answer.starts_with("HTTP/1.1 404 "));
    assert!(answer.contains("content-type: application/json\r\n"));
    assert!(answer.contains(r#"{"error":"not_found","#));
    for path in ["/", "/healthz", "/readyz", "/protocol.md"] {
        let request = format!("DELETE {path} HTTP/1.1\r\nHost: h\r\n\r\n");
        let answer = ask(&request, 1, &site()).await;
        assert!(answer.starts_with("HTTP/1.1 405 "), "{path}: {answer}");
        assert!(answer.contains("allow: GET, HEAD\r\n"), "{path}");
    }
    let lost = ask("PUT /nothing HTTP/1.1\r\nHost: h\r\n\r\n", 0, &site()).await;
    assert!(lost.starts_with("HTTP/1.1 404 "));
}

#[tokio::test]
async fn one_request_a_connection() {
    let request = "GET /healthz HTTP/1.1\r\nHost: h\r\n\r\n";
    let answer = ask(&request.repeat(2), request.len() * 2, &site()).await;
    assert_eq!(answer.matches("HTTP/1.1 ").count(), 1);
}

#[tokio::test]
async fn a_client_that_leaves_early_is_an_error_and_no_hang() {
    let (client, server) = duplex(64);
    drop(client);
    let head = b"GET /healthz HT".to_vec();
    assert!(serve_plain(server, head, site(), Ipv4Addr::LOCALHOST.into()).await.is_err());
}
