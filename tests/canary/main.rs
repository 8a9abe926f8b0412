//! Credentials in every place where they can be put, and the real server at its most talkative: no
//! log line, error, frame or close reason repeats twelve characters of one.
//!
//! What a frame echoes by contract (`id`, the names and payloads that its sender gave it) is set
//! aside, exactly as it was sent, before the search.

#![cfg(feature = "server")]
#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::wildcard_enum_match_arm,
    reason = "a test fails by panicking"
)]

mod house;
#[cfg(target_os = "linux")]
mod memory;
mod paths;
mod scan;
#[path = "../sockets/support/mod.rs"]
#[allow(dead_code, unused_imports, reason = "the tests of sockets use more of it")]
mod support;
#[cfg(target_os = "linux")]
mod ways;

use house::{Dir, House, key_server, run};
use paths::Paths;
use scan::Canaries;
use serde_json::{Value, json};
use std::sync::{Arc, LazyLock, Mutex};
use support::token::{self, SECRET, forge, seconds_from_now};
use tracing_log::log;

/// Panics with everything found.
#[track_caller]
fn silent(canaries: &Canaries, place: &str, said: &[u8]) {
    let found = canaries.found_in(said);
    assert!(found.is_empty(), "{place}: {found:#?}");
}

#[tokio::test]
async fn a_server_at_trace_says_nothing_of_a_credential() {
    let dir = Dir::new("canary");
    let mut canaries = Canaries::default();
    let secret = String::from_utf8(SECRET.to_vec()).expect("text");
    canaries.add("the secret", &secret);
    let old = "canary-previous-secret-0123456789abcdef";
    canaries.add("the previous secret", old);
    let config = dir.file(
        "canary.toml",
        &format!(
            "listen = '127.0.0.1:0'\ndrain_ms = 100\n[tickets]\nenabled = true\n[rooms]\ndefault = 'open'\n\
             [[rooms.rule]]\nmatch = 'shut:**'\naccess = 'granted'\n\
             [[issuer]]\niss = '{ISS}'\naud = ['chat']\nsecret = '{secret}'\n\
             previous_secret = '{old}'\nprevious_until = 2099-01-01T00:00:00Z\n\
             required_claims = {{ tenant = 'acme' }}\nuser_prefix = 'app:'\n{}\
             [log]\nformat = 'json'\n[admin]\nlisten = '127.0.0.1:0'\nkey = '{ADMIN}'\n",
            sources(),
        ),
    );
    canaries.add("what the server of keys says", HIDDEN);
    canaries.add("the query of an address", QUERY);
    canaries.add("the operator's key", ADMIN);
    let house = House::open(&config);
    let mut paths = Paths::new(house.addr, canaries);
    paths.all().await;
    let Paths { canaries, refusals, .. } = paths;
    for path in ["/metrics", "/"] {
        let seen = house.admin(path, ADMIN);
        assert!(seen.starts_with(b"HTTP/1.1 200 "), "{path}");
        silent(&canaries, path, &seen);
    }
    let said = house.close();
    silent(&canaries, "the log", &said);
    let log = String::from_utf8(said).expect("UTF-8");
    let entries: Vec<Value> =
        log.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let refused = entries.iter().filter(|entry| entry["message"] == "credential refused").count();
    assert!(refused >= refusals, "{refused} refusals of {refusals} were logged: was it TRACE?");
    for entry in &entries {
        let own = entry["target"].as_str().is_some_and(|target| target.starts_with("vestibule"));
        let quiet = entry["level"] == "DEBUG" || entry["level"] == "TRACE";
        assert!(own || !quiet, "another crate speaks below INFO: {entry}");
    }
}

/// The issuer of most tokens here.
pub(crate) const ISS: &str = "https://app.example";
/// Issuers whose keys are at an address, by the path that they are at.
pub(crate) const SOURCES: [&str; 6] =
    ["set", "redirect", "status", "no-json", "headers", "no-http"];
/// What the server of keys says and nobody may repeat.
const HIDDEN: &str = "canary-that-the-key-server-sings-0123456789";
/// Credentials that addresses are often given.
const QUERY: &str = "apikey=canary-in-an-address-0123456789";

/// The operator's key.
const ADMIN: &str = "canary-of-the-operator-0123456789";

/// Their configuration.
fn sources() -> String {
    let addr = key_server(|path| {
        let good =
            |body: &str| format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len());
        let (name, _) = path.split_once('?').unwrap_or((path, ""));
        match name.trim_start_matches('/') {
            "set" => good(&format!(
                r#"{{"keys":[{{"kty":"oct","k":"{HIDDEN}"}},{{"kty":"OKP","crv":"Ed25519","d":
                    "{HIDDEN}","x":"{HIDDEN}"}},{{"kty":"OKP","crv":"Ed25519","kid":"one","x":
                    "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}}],"more":"{HIDDEN}"}}"#
            )),
            "redirect" => {
                format!("HTTP/1.1 302 {HIDDEN}\r\nLocation: https://{HIDDEN}.example/\r\n\r\n")
            }
            "status" => format!("HTTP/1.1 500 {HIDDEN}\r\nContent-Length: 43\r\n\r\n{HIDDEN}"),
            "no-json" => good(HIDDEN),
            "headers" => {
                format!("HTTP/1.1 200 OK\r\n{}\r\n", format!("X: {HIDDEN}\r\n").repeat(900))
            }
            _ => format!("{HIDDEN} {HIDDEN}\r\n\r\n{HIDDEN}"),
        }
    });
    let source = |name: &&str| {
        format!(
            "[[issuer]]\nname = '{name}'\niss = 'https://{name}.example'\naud = ['chat']\n\
             user_prefix = '{name}:'\njwks_url = 'http://{addr}/{name}?{QUERY}'\n",
        )
    };
    SOURCES.iter().map(source).collect()
}

/// A secret that could be one, and one that is too short.
const GOOD: &str = "canary-secret-long-enough-0123456789";
const SHORT: &str = "canary-is-short";

/// Both, and a private key.
fn secrets(private: &str) -> Canaries {
    let mut canaries = Canaries::default();
    for text in [GOOD, SHORT, private] {
        let lines = text.lines().filter(|line| !line.starts_with("-----"));
        lines.for_each(|line| canaries.add("a secret", line));
    }
    canaries
}

#[test]
fn commands_say_nothing_of_a_secret() {
    let dir = Dir::new("canary-commands");
    let (good, short) = (GOOD, SHORT);
    let (private, public) = keygen(&dir);
    let canaries = secrets(&private);
    let one = |line: &str| format!("[rooms]\ndefault = 'open'\n[[issuer]]\n{line}\n");
    let configs = [
        one(&format!("secret = '{short}'")),
        one(&format!("secret = \"{good}")),
        one(&format!("secret = '{good}' x")),
        one(&format!("secret = ['{good}']")),
        one(&format!("secret = {{ a = '{good}' }}")),
        one(&format!("secret = '{good}'\nsecret = '{good}'")),
        one(&format!("secret = 'base64:{good}!'")),
        one(&format!("secret = '{good}'\nsecret_file = 'x'")),
        one(&format!("secret = '{good}'\nalgorithm = 'RS256'")),
        one(&format!(
            "secret = '{good}'\nprevious_secret = '{good}'\nprevious_until = 2099-01-01T00:00:00Z"
        )),
        one(&format!("secret = '{good}'\nprevious_secret = '{short}'\nprevious_until = 'soon'")),
        one(&format!("secret = '''{public}{good}'''")),
        one(&format!("secret = '''{private}'''")),
        one(&format!("secret = '{{\"kty\":\"oct\",\"k\":\"{good}\"}}'")),
        one(&format!("jwks_url = 'https://user:{good}@app.example/keys'")),
        one(&format!("jwks_url = 'http://app.example/keys?apikey={good}'")),
        one(&format!("jwks_url = 'https://app.example/keys?apikey={good}#part'")),
        one(&format!("discovery = 'https://app.example/?apikey={good}'")),
        format!("[[issuer]]\nsecret = '{good}'\n[[issuer]]\nsecret = '{good}'\n"),
        format!("issuer = [{{ secret = '{good}' }}, {{ secret = '{short}' }}"),
    ];
    let mut seen = 0;
    for text in &configs {
        let file = dir.file("bad.toml", text);
        for command in [&["config", "check"][..], &["serve"], &["token", "check"]] {
            let (code, said) = run(&[command, &["--config", &file]].concat(), &[], "e30.e30.AA");
            assert_ne!(code, 0, "{command:?}: {text}");
            silent(&canaries, &format!("{command:?}: {text}"), &said);
            seen += said.len();
        }
    }
    let environments = [
        [("VESTIBULE_ISSUER__0__SECRET", short), ("VESTIBULE_ROOMS__DEFAULT", "open")],
        [("VESTIBULE_ISSUER__0__SECRET", good), ("VESTIBULE_ISSUER__0__SECRET__0", good)],
        [("VESTIBULE_ISSUER__0__SECRETS", good), ("VESTIBULE_SECRET", good)],
        [("VESTIBULE_ISSUER__0__SECRET", good), ("VESTIBULE_WORKERS", "many")],
    ];
    for environment in &environments {
        let (code, said) = run(&["serve"], environment, "");
        assert_ne!(code, 0);
        silent(&canaries, &format!("{:?}", environment[0].0), &said);
    }
    assert!(seen > 5_000, "only {seen} bytes were said: what was searched?");
}

#[test]
fn commands_say_nothing_of_a_key_file() {
    let dir = Dir::new("canary-files");
    let (good, short) = (GOOD, SHORT);
    let (private, _) = keygen(&dir);
    let canaries = secrets(&private);
    let mut seen = 0;
    let files =
        [private.clone(), short.to_owned(), format!("{good}\0\n"), jwk(good), "x".repeat(70_000)];
    for (key, text) in ["secret_file", "public_key_file", "jwks_file"]
        .iter()
        .flat_map(|key| files.iter().map(move |text| (key, text)))
    {
        dir.file("key", text);
        let issuer = format!("{key} = 'key'\nalgorithm = 'ES256'");
        let config = format!("[rooms]\ndefault = 'open'\n[[issuer]]\n{issuer}\n");
        let file = dir.file("bad.toml", &config);
        for command in ["config", "token"] {
            let (_, said) = run(&[command, "check", "--config", &file], &[], "e30.e30.AA");
            silent(&canaries, key, &said);
            seen += said.len();
        }
    }
    assert!(seen > 2_000, "only {seen} bytes were said: what was searched?");
}

#[test]
fn token_check_says_nothing_of_a_token() {
    let dir = Dir::new("canary-check");
    let secret = dir.file("secret", GOOD);
    let mut canaries = Canaries::of("the secret", GOOD);
    let tokens = [
        token::sign(
            &json!({"sub": "ann", "exp": seconds_from_now(60_000), "jti": "canary-jti-0123456789"}),
        ),
        token::sign(&json!({"sub": "ann", "exp": "canary-exp-0123456789"})),
        forge(r#"{"alg":"canary-alg-0123456789"}"#, r#"{"sub":"canary-sub-0123456789"}"#),
        forge(r#"{"alg":"HS256","crit":["canary-crit-0123456789"]}"#, "{}"),
        forge("canary-no-json-0123456789", "canary-no-json-either-0123456789"),
    ];
    for token in &tokens {
        canaries.add_token("a token", token);
        canaries.add("a header", "canary-alg-0123456789 canary-crit-0123456789 canary-no-json-");
        let inputs = [
            token.clone(),
            format!("Bearer {token}"),
            format!("{{\"type\":\"auth\",\"payload\":\"{token}\"}}"),
            format!("{token}.{token}"),
            token.repeat(100),
            token.replace('.', " "),
        ];
        for input in inputs {
            let (code, said) = run(&["token", "check", "--secret-file", &secret], &[], &input);
            assert_eq!(code, 1, "{}", String::from_utf8_lossy(&said));
            silent(&canaries, "token check", &said);
        }
    }
}

/// A private and a public key in PEM, from the program itself.
fn keygen(dir: &Dir) -> (String, String) {
    let private = dir.file("private.pem", "");
    std::fs::remove_file(&private).expect("a file");
    let (code, said) = run(&["keygen", "ES256", "--out", &private], &[], "");
    assert_eq!(code, 0, "{}", String::from_utf8_lossy(&said));
    let public = private.replace("private.pem", "public.pem");
    [private, public].map(|path| std::fs::read_to_string(path).expect("a key")).into()
}

fn jwk(secret: &str) -> String {
    json!({"keys": [{"kty": "oct", "k": secret, "alg": "HS256", "d": secret}]}).to_string()
}

/// What other crates would log of a sign-in, if they were asked: the scan finds the token there,
/// which is why they are not asked.
#[tokio::test]
async fn the_scan_finds_a_token_in_the_traces_of_another_crate() {
    static LOG: LazyLock<Arc<Mutex<Vec<u8>>>> = LazyLock::new(Arc::default);
    struct Everything;
    impl log::Log for Everything {
        fn enabled(&self, _: &log::Metadata<'_>) -> bool {
            true
        }
        fn log(&self, record: &log::Record<'_>) {
            let line = format!("{} {}\n", record.target(), record.args());
            LOG.lock().expect("no panic").extend(line.bytes());
        }
        fn flush(&self) {}
    }
    log::set_logger(&Everything).expect("the only one");
    log::set_max_level(log::LevelFilter::Trace);
    let server = support::Host::start(1, |_| {});
    let token = token::token("ann");
    let mut peer = server.peer().await;
    peer.sign_in(&token).await;
    server.stop().await;
    let mut canaries = Canaries::default();
    canaries.add_token("the token", &token);
    let said = LOG.lock().expect("no panic").clone();
    let text = String::from_utf8_lossy(&said).into_owned();
    assert!(!canaries.found_in(&said).is_empty(), "nothing to hide any more? {text}");
}
