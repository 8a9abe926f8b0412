//! The demo page of the binary: when it is there, and who is given tokens.

use super::{Running, SECRET};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::Value;

#[test]
fn dev_shows_the_page_and_gives_it_tokens_that_it_takes() {
    let (server, _) = Running::start(&["dev", "--listen", "127.0.0.1:0"], &[]);
    let page = server.get("/");
    assert!(page.starts_with("HTTP/1.1 200 ") && page.contains("<!doctype html>"), "{page}");
    let ask = |origin: &str, expires_in_ms: i64| {
        let body = format!(r#"{{"user":"ann","expires_in_ms":{expires_in_ms}}}"#);
        server.ask(&format!(
            "POST /demo/token HTTP/1.1\r\nHost: {}\r\nOrigin: http://{origin}\r\n\
             Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            server.addr,
            body.len()
        ))
    };
    let claims = |answer: String| -> Value {
        let (_, body) = answer.split_once("\r\n\r\n").unwrap();
        let body: Value = serde_json::from_str(body).unwrap();
        let claims = body["token"].as_str().unwrap().split('.').nth(1).unwrap();
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(claims).unwrap()).unwrap()
    };
    let [good, past] =
        [60_000, -60_000].map(|expires_in_ms| claims(ask(&server.addr, expires_in_ms)));
    let number = |claims: &Value, name: &str| claims[name].as_i64().unwrap();
    for claims in [&good, &past] {
        assert_eq!((&claims["sub"], &claims["iss"]), (&"ann".into(), &"vestibule-dev".into()));
        assert_eq!(number(claims, "exp") - number(claims, "iat"), 60);
    }
    // Made a moment later: its end lies a minute before the other one's beginning, or a bit less.
    assert!((40..=60).contains(&(number(&good, "iat") - number(&past, "exp"))), "{good} {past}");
    assert!(ask("evil.example", 60_000).starts_with("HTTP/1.1 403 "));
}

#[test]
fn away_from_loopback_the_page_asks_for_a_token() {
    let (server, log) = Running::start(&["dev", "--listen", "0.0.0.0:0"], &[]);
    assert!(server.get("/").contains("<!doctype html>"));
    assert!(server.get("/demo/options.json").contains(r#"{"tokens":false,"#));
    let answer = server.ask("POST /demo/token HTTP/1.1\r\nHost: t\r\nContent-Length: 0\r\n\r\n");
    assert!(answer.starts_with("HTTP/1.1 404 "), "{answer}");
    let (_, rest, _) = server.stop();
    assert!(rest.contains("gives none"), "{log:?} {rest}");
}

#[test]
fn a_configuration_chooses_whether_the_page_is_there() {
    let least = [("VESTIBULE_ISSUER__0__SECRET", SECRET), ("VESTIBULE_ROOMS__DEFAULT", "open")];
    let args = ["serve", "--listen", "127.0.0.1:0"];
    let (server, _) = Running::start(&args, &least);
    assert!(server.get("/").contains("\r\n\r\nThis is Vestibule"));
    let (server, _) = Running::start(&args, &[&least[..], &[("VESTIBULE_DEMO", "true")]].concat());
    assert!(server.get("/").contains("<!doctype html>"));
    assert!(server.get("/demo/options.json").contains(r#"{"tokens":false,"#));
}
