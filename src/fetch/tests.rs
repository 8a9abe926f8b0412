//! The client against answers made byte by byte, over plain TCP on this host.

use super::*;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
    task::JoinHandle,
};

const LIMITS: Limits = Limits { deadline_ms: 10_000, body_bytes: 1_000 };

/// What the other side does once it was asked.
enum Then {
    Close,
    Hold,
}

/// A server that answers one request with these bytes, and hands over the request.
async fn server(answer: Vec<u8>, then: Then) -> (Address, JoinHandle<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = listener.local_addr().expect("an address").port();
    let serving = tokio::spawn(async move {
        let (mut socket, _) = listener.accept().await.expect("a client");
        let mut request = Vec::new();
        while !request.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            if socket.read(&mut byte).await.expect("a request") == 0 {
                break;
            }
            request.extend(byte);
        }
        // The client may have seen enough before the end.
        let _ = socket.write_all(&answer).await;
        if let Then::Hold = then {
            let _ = socket.read_to_end(&mut Vec::new()).await;
        }
        String::from_utf8(request).expect("text")
    });
    let address = Address::parse(&format!("http://127.0.0.1:{port}/keys?x=%20"));
    (address.expect("an address"), serving)
}

fn trust() -> Trust {
    Trust::nobody().expect("no file is read")
}

async fn answer(bytes: impl Into<Vec<u8>>, then: Then) -> Result<Answer, FetchFault> {
    let (address, serving) = server(bytes.into(), then).await;
    let result = get(&address, &trust(), LIMITS).await;
    serving.await.expect("no panic");
    result.map_err(|error| {
        assert!(error.to_string().contains(&address.authority()), "{error}");
        error.fault
    })
}

#[tokio::test]
async fn asks_once_and_returns_the_body() {
    let text =
        "HTTP/1.1 200 OK\r\nCache-Control: max-age=90\r\nAge: 30\r\nContent-Length: 4\r\n\r\nbody";
    let (address, serving) = server(text.into(), Then::Hold).await;
    let answer = get(&address, &trust(), LIMITS).await.expect("an answer");
    assert_eq!((&answer.body[..], answer.caching.fresh_s()), (&b"body"[..], Some(60)));
    let request = serving.await.expect("the connection ends").to_ascii_lowercase();
    assert!(request.starts_with("get /keys?x=%20 http/1.1\r\n"), "{request}");
    for line in [format!("host: {}", address.authority()), "accept-encoding: identity".to_owned()] {
        assert!(request.contains(&format!("\r\n{line}\r\n")), "{request}");
    }
    for absent in ["authorization", "cookie", "referer", "range"] {
        assert!(!request.contains(absent), "{request}");
    }
}

#[tokio::test]
async fn bodies_come_in_every_form() {
    let forms = [
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2;x=y\r\nbo\r\n2\r\ndy\r\n0\r\nA: b\r\n\r\n",
        "HTTP/1.1 200 OK\r\n\r\nbody",
        "HTTP/1.0 200 Fine\r\nContent-Encoding: Identity\r\n\r\nbody",
        "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nbody",
    ];
    for form in forms {
        let answer = answer(form, Then::Close).await.expect(form);
        assert_eq!(&answer.body[..], b"body", "{form}");
    }
}

#[tokio::test]
async fn only_a_plain_200_counts() {
    let table = [
        ("301 Moved\r\nLocation: https://a.example/", FetchFault::Redirect(301)),
        ("302 Found\r\nLocation: /keys", FetchFault::Redirect(302)),
        ("307 Again\r\nLocation: //a.example", FetchFault::Redirect(307)),
        ("308 Gone there", FetchFault::Redirect(308)),
        ("304 Not Modified", FetchFault::Redirect(304)),
        ("204 No Content", FetchFault::Status(204)),
        ("206 Partial", FetchFault::Status(206)),
        ("404 Not Found\r\nContent-Length: 5", FetchFault::Status(404)),
        ("500 Oh", FetchFault::Status(500)),
        ("200 OK\r\nContent-Encoding: gzip", FetchFault::Compressed),
        ("200 OK\r\nContent-Encoding: identity\r\nContent-Encoding: br", FetchFault::Compressed),
        ("200 OK\r\nContent-Length: 1001", FetchFault::BodySize { limit: 1_000 }),
        ("200 OK\r\nContent-Length: 9223372036854775807", FetchFault::BodySize { limit: 1_000 }),
    ];
    for (head, expected) in table {
        let text = format!("HTTP/1.1 {head}\r\n\r\n");
        assert_eq!(answer(text, Then::Hold).await, Err(expected), "{head}");
    }
}

#[tokio::test]
async fn sizes_are_capped_while_they_arrive() {
    let body = "x".repeat(1_000);
    let fits = answer(format!("HTTP/1.1 200 OK\r\n\r\n{body}"), Then::Close).await;
    assert_eq!(fits.expect("1,000 bytes").body.len(), 1_000);
    let limit = FetchFault::BodySize { limit: 1_000 };
    let long = format!("HTTP/1.1 200 OK\r\n\r\n{body}x");
    assert_eq!(answer(long, Then::Hold).await, Err(limit.clone()));
    let chunk = format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3e9\r\n{body}x\r\n");
    assert_eq!(answer(chunk, Then::Hold).await, Err(limit));
    let head = FetchFault::HeadSize { limit: HEAD_BYTES };
    let line = format!("HTTP/1.1 200 OK\r\nA: {}\r\n\r\n", "x".repeat(HEAD_BYTES));
    assert_eq!(answer(line, Then::Hold).await, Err(head.clone()));
    let lines = format!("HTTP/1.1 200 OK\r\n{}\r\n", "A: b\r\n".repeat(HEAD_LINES + 1));
    assert_eq!(answer(lines, Then::Hold).await, Err(head));
}

#[tokio::test]
async fn what_breaks_off_is_no_answer() {
    let table = [
        ("", Phase::Head),
        ("HTTP/1.1 200 OK\r\nA", Phase::Head),
        ("SSH-2.0-OpenSSH\r\n", Phase::Head),
        ("<html>\r\n\r\n", Phase::Head),
        ("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nbody", Phase::Body),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nbody\r\n", Phase::Body),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nno\r\n", Phase::Body),
    ];
    for (text, expected) in table {
        match answer(text, Then::Close).await {
            Err(FetchFault::Http(phase, why)) => {
                assert_eq!(phase, expected, "{text:?}: {why}");
                assert!(!why.contains("body\r"), "{why}");
            }
            other => panic!("{text:?}: {other:?}"),
        }
    }
}

#[tokio::test]
async fn one_deadline_holds_for_the_whole() {
    let limits = Limits { deadline_ms: 100, ..LIMITS };
    let table = [
        ("", Phase::Head),
        ("HTTP/1.1 200 OK\r\n", Phase::Head),
        ("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nbody", Phase::Body),
    ];
    for (text, phase) in table {
        let (address, serving) = server(text.into(), Then::Hold).await;
        let error = get(&address, &trust(), limits).await.expect_err(text);
        assert_eq!(error.fault, FetchFault::Late(phase), "{text:?}");
        serving.await.expect("it was hung up on");
    }
}

#[tokio::test]
async fn who_drips_is_late_too() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = format!("http://{}/", listener.local_addr().expect("an address"));
    let dripping = tokio::spawn(async move {
        let (mut socket, _) = listener.accept().await.expect("a client");
        let _ = socket.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n").await;
        let mut drops = 0;
        let mut pace = tokio::time::interval(Duration::from_millis(5));
        while socket.write_all(b"x").await.is_ok() {
            pace.tick().await;
            drops += 1;
        }
        drops
    });
    let address = Address::parse(&address).expect("an address");
    let limits = Limits { deadline_ms: 150, ..LIMITS };
    let error = get(&address, &trust(), limits).await.expect_err("late");
    assert_eq!(error.fault, FetchFault::Late(Phase::Body));
    assert!(dripping.await.expect("hung up on") < 900);
}

#[tokio::test]
async fn nobody_there_is_said_with_the_host() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let addr = listener.local_addr().expect("an address");
    drop(listener);
    let address = Address::parse(&format!("http://{addr}/keys")).expect("an address");
    let error = get(&address, &trust(), LIMITS).await.expect_err("nobody listens");
    assert!(matches!(error.fault, FetchFault::Connect(_)), "{error}");
    assert!(error.to_string().starts_with(&format!("{addr} cannot be reached: ")), "{error}");
    let address = Address::parse("https://no-such-name.invalid/").expect("an address");
    let error = get(&address, &trust(), LIMITS).await.expect_err("no such name");
    assert!(matches!(error.fault, FetchFault::Resolve(_)), "{error}");
}

#[tokio::test]
async fn localhost_is_this_host_whatever_a_resolver_says() {
    let text = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
    let (address, serving) = server(text.into(), Then::Hold).await;
    let named = Address::parse(&address.as_str().replace("127.0.0.1", "localhost")).expect("here");
    get(&named, &trust(), LIMITS).await.expect("an answer");
    let request = serving.await.expect("a request");
    assert!(request.contains(&format!("host: localhost:{}", address.port())), "{request}");
}

#[test]
fn a_pipe_holds_no_authorities() {
    let file = std::env::temp_dir().join(format!("vestibule-pipe-{}", std::process::id()));
    let made = std::process::Command::new("mkfifo").arg(&file).status().expect("mkfifo");
    assert!(made.success());
    // Nobody writes to it: reading it would take for ever.
    let (sender, loaded) = std::sync::mpsc::channel();
    let pipe = file.clone();
    std::thread::spawn(move || sender.send(Trust::load(Some(&pipe)).map(|_| ())));
    let loaded = loaded.recv_timeout(Duration::from_secs(10));
    std::fs::remove_file(&file).expect("removed");
    let fault = loaded.expect("at once").expect_err("no file");
    assert!(fault.to_string().contains("not a regular file"), "{fault}");
}

#[test]
fn authorities_are_read_or_named() {
    let folder = std::env::temp_dir().join(format!("vestibule-trust-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a folder");
    let file = folder.join("ca.pem");
    let table: [(&[u8], FileFault); 3] = [
        (b"", FileFault::Empty),
        (b"-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----\n", FileFault::Damaged),
        (b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", FileFault::Damaged),
    ];
    for (text, expected) in table {
        std::fs::write(&file, text).expect("written");
        let fault = Trust::load(Some(&file)).expect_err("no authorities");
        assert!(fault.to_string().contains("ca.pem"), "{fault}");
        assert_eq!(fault, TrustFault::File { path: file.clone(), what: expected });
    }
    for path in [folder.join("absent.pem"), folder.clone()] {
        let fault = Trust::load(Some(&path)).expect_err("no file");
        let unreadable = matches!(fault, TrustFault::File { what: FileFault::Unreadable(_), .. });
        assert!(unreadable, "{fault}");
    }
    std::fs::remove_dir_all(&folder).expect("removed");
    assert!(TrustFault::NoAuthorities.to_string().contains("ca-certificates"));
}
