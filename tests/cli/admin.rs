//! The admin listener as an operator meets it, and what the log says of refusals.

use super::{Dir, Running, SECRET, run};
use std::{
    io::{Read, Write},
    os::unix::net::UnixStream,
};

/// One public key on Ed25519.
const SET: &str = r#"{"keys":[{"kty":"OKP","crv":"Ed25519","alg":"EdDSA","kid":"k",
    "x":"ChzuOm7v9mZuow19e5NQp7iIWIZyaT-dOO9n_QH45mw"}]}"#;
const KEY: &str = "a-key-that-nobody-guesses";

#[test]
fn a_socket_stands_beside_the_configuration_and_refusals_come_as_few_lines() {
    let dir = Dir::new("admin");
    let config = dir.file(
        "v.toml",
        &format!(
            "listen = '127.0.0.1:0'\ndrain_ms = 50\nworkers = 1\n[rooms]\ndefault = 'open'\n\
             [[issuer]]\nsecret = '{SECRET}'\n[admin]\nlisten = 'unix:s'\n"
        ),
    );
    let (server, _) = Running::start(&["serve", "--config", &config], &[]);
    for number in 0..5 {
        // No key of a handshake, and an agent that is not all ASCII.
        let answer = server.ask(&format!(
            "GET /ws?token={SECRET} HTTP/1.1\r\nHost: t\r\nUser-Agent: a{number}\u{e9}\r\n\r\n"
        ));
        assert!(answer.starts_with("HTTP/1.1 426 "), "{answer}");
    }
    let mut stream = UnixStream::connect(dir.path().join("s")).unwrap();
    stream.write_all(b"GET /metrics HTTP/1.1\r\nHost: t\r\nConnection: close\r\n\r\n").unwrap();
    let mut metrics = String::new();
    stream.read_to_string(&mut metrics).unwrap();
    assert!(
        metrics.contains("\nvestibule_handshakes_total{outcome=\"malformed\"} 5\n"),
        "{metrics}"
    );
    let (code, log, _) = server.stop();
    assert_eq!(code, 0, "{log}");
    let lines: Vec<serde_json::Value> =
        log.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let refused: Vec<_> = lines.iter().filter(|line| line["message"] == "refused").collect();
    let of = |name: &str| refused.iter().map(|line| line[name].clone()).collect::<Vec<_>>();
    assert_eq!(of("count"), [1, 4], "{log}");
    assert_eq!(of("class"), ["malformed", "malformed"]);
    assert_eq!(of("address"), ["127.0.0.1", "127.0.0.1"]);
    assert_eq!(of("agent"), [r"a0\xc3\xa9", r"a1\xc3\xa9"], "{log}");
    assert!(refused[0]["why"].as_str().unwrap().contains("Upgrade"), "{log}");
    assert!(!log.contains(SECRET), "{log}");
}

#[test]
fn a_port_asks_for_its_key_and_is_named_in_the_log() {
    let dir = Dir::new("admin-port");
    dir.file("key", &format!("{KEY}\n"));
    dir.file("keys.json", SET);
    let config = dir.file(
        "v.toml",
        "listen = '127.0.0.1:0'\ndrain_ms = 50\nrooms.default = 'open'\n[[issuer]]\n\
         jwks_file = 'keys.json'\n[admin]\nlisten = '127.0.0.1:0'\nkey_file = 'key'\n",
    );
    let (mut server, _) = Running::start(&["serve", "--config", &config], &[]);
    server.addr = server.admin.clone();
    assert!(server.get("/metrics").starts_with("HTTP/1.1 401 "));
    let head = format!("GET /metrics HTTP/1.1\r\nHost: t\r\nAuthorization: Bearer {KEY}\r\n");
    let scrape = || server.ask(&format!("{head}Connection: close\r\n\r\n"));
    // The first look at the file is made while the server begins.
    let ready = |answer: &String| answer.contains("\nvestibule_ready 1\n");
    let answer = (0..10_000).map(|_| scrape()).find(ready).unwrap();
    for line in [
        "vestibule_key_sources{state=\"usable\"} 1",
        "vestibule_key_sources{state=\"down\"} 0",
        "vestibule_keys 1",
        "vestibule_key_looks_total{outcome=\"good\"} 1",
    ] {
        assert!(answer.contains(&format!("\n{line}\n")), "{line} is missing in\n{answer}");
    }
    let (code, log, _) = server.stop();
    assert_eq!(code, 0, "{log}");
    assert!(!log.contains(KEY), "{log}");
}

#[test]
fn a_check_of_the_configuration_looks_at_it_too() {
    let dir = Dir::new("admin-check");
    let text = format!("rooms.default = 'open'\n[[issuer]]\nsecret = '{SECRET}'\n[admin]\n");
    let config = dir.file("v.toml", &format!("{text}listen = '0.0.0.0:7001'\nkey = '{KEY}'\n"));
    let (code, _, err) = run(&["config", "check", "--config", &config], &[], "");
    assert_eq!(code, 2, "{err}");
    assert!(err.contains("v.toml:5: admin.listen: 0.0.0.0:7001 can be reached"), "{err}");
    assert!(!err.contains(KEY), "{err}");
}
