//! The command line, run as a user runs it.

#![cfg(feature = "server")]
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "a test fails by panicking"
)]

mod admin;
mod config;
#[cfg(feature = "client")]
mod connect;
mod demo;
mod issuers;
mod keys;
mod manual;
mod proxies;
mod tokens;

use std::{
    fs,
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    path::{Path, PathBuf},
    process::{Child, ChildStderr, Command, Output, Stdio},
};

const SECRET: &str = "sesame-sesame-sesame-sesame-sesame";

/// A directory of one test's files.
struct Dir(PathBuf);

impl Dir {
    fn new(test: &str) -> Self {
        let path =
            std::env::temp_dir().join(format!("vestibule-cli-{}-{test}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn path(&self) -> &Path {
        &self.0
    }

    fn file(&self, name: &str, content: &str) -> String {
        let path = self.0.join(name);
        fs::write(&path, content).unwrap();
        path.to_str().unwrap().to_owned()
    }
}

impl Drop for Dir {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// The program with nothing of ours in the environment but `environment`.
fn command(args: &[&str], environment: &[(&str, &str)]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_vestibule"));
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("VESTIBULE_") {
            command.env_remove(name);
        }
    }
    command.args(args).envs(environment.iter().copied());
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// Runs the program with `input` on standard input.
fn run(args: &[&str], environment: &[(&str, &str)], input: &str) -> (i32, String, String) {
    let mut child = command(args, environment).spawn().unwrap();
    // A program that does not read its input is no failure of the test.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    let Output { status, stdout, stderr } = child.wait_with_output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (status.code().unwrap(), text(stdout), text(stderr))
}

fn mint(args: &[&str]) -> String {
    let (code, out, err) = run(&[&["token", "mint"], args].concat(), &[("SECRET", SECRET)], "");
    assert_eq!(code, 0, "{err}");
    out
}

fn check(args: &[&str], token: &str) -> (i32, String) {
    let (code, out, _) = run(&[&["token", "check"], args].concat(), &[("SECRET", SECRET)], token);
    (code, out)
}

#[test]
fn a_minted_token_stands_alone_and_passes_the_check() {
    let token = mint(&["--secret-env", "SECRET", "--sub", "alice", "--ttl", "90s"]);
    assert_eq!(token.matches('\n').count(), 1);
    assert_eq!(token.trim_end().split('.').count(), 3);
    let dir = Dir::new("alone");
    let secret = dir.file("secret", &format!("{SECRET}\n"));
    let (code, out) = check(&["--secret-file", &secret], &token);
    assert_eq!(code, 0, "{out}");
    assert!(out.starts_with("valid: ") && out.contains("alice"), "{out}");
    let file = dir.file("token", &token);
    assert_eq!(check(&["--secret-env", "SECRET", "--file", &file], "").0, 0);
}

#[test]
fn a_token_made_from_a_configuration_obeys_it() {
    let dir = Dir::new("obeys");
    dir.file("secret", SECRET);
    let config = dir.file(
        "v.toml",
        "[rooms]\ndefault = 'granted'\n[[issuer]]\nsecret_file = 'secret'\niss = 'https://a'\n\
         aud = ['chat']\nsubject_claim = 'user_id'\nsubject_integers = true\nuser_prefix = 'u'\n\
         algorithm = 'HS256'\nrequired_claims = { token_type = 'access' }\n",
    );
    let token = mint(&["--config", &config, "--sub", "7", "--rooms", r#"{"lobby": "*"}"#]);
    let (code, out) = check(&["--config", &config], &token);
    assert_eq!(code, 0, "{out}");
    assert!(out.contains("u7") && out.contains("https://a"), "{out}");
    let other = mint(&["--config", &config, "--sub", "7", "--aud", "mail"]);
    let (code, out) = check(&["--config", &config], &other);
    assert_eq!(code, 1);
    assert!(out.contains("`aud`") && out.contains("4411 token_invalid"), "{out}");
    let refresh = mint(&["--config", &config, "--sub", "7", "--claim", "token_type=\"refresh\""]);
    assert!(check(&["--config", &config], &refresh).1.contains("`token_type`"));
}

#[test]
fn the_check_says_which_rule_is_broken() {
    let source = ["--secret-env", "SECRET"];
    let with = |claim: &str| mint(&["--secret-env", "SECRET", "--sub", "a", "--claim", claim]);
    let cases = [
        (with("exp=0"), "`exp`", "4412 token_expired"),
        (with("nbf=99999999999"), "`nbf`", "4413 token_not_yet_valid"),
        (with("exp=\"soon\""), "`exp`", "4411 token_invalid"),
        (with("rooms=[]"), "`rooms`", "4411 token_invalid"),
        ("Bearer a.b.c".to_owned(), "Bearer", "4411 token_invalid"),
        (String::new(), "part", "4411 token_invalid"),
        ("eyJhbGciOiJub25lIn0.eyJzdWIiOiJhIn0.".to_owned(), "", "4411 token_invalid"),
        ("eyJhbGciOiJub25lIn0.eyJzdWIiOiJhIn0.AA".to_owned(), "none", "4411 token_invalid"),
    ];
    for (token, rule, code) in cases {
        let (exit, out) = check(&source, &token);
        assert_eq!(exit, 1, "{out}");
        assert!(out.starts_with("refused: ") && out.contains(rule) && out.contains(code), "{out}");
    }
    let foreign = "another-secret-another-secret-another";
    let token = mint(&["--secret-env", "SECRET", "--sub", "a"]);
    let (exit, out, _) =
        run(&["token", "check", "--secret-env", "OTHER"], &[("OTHER", foreign)], &token);
    assert_eq!(exit, 1);
    assert!(out.contains("signature"), "{out}");
}

#[test]
fn the_environment_can_name_the_issuer() {
    let environment = [("VESTIBULE_ISSUER__0__SECRET", SECRET)];
    let (code, token, err) = run(&["token", "mint", "--sub", "alice"], &environment, "");
    assert_eq!(code, 0, "{err}");
    let (code, out, _) = run(&["token", "check"], &environment, &token);
    assert_eq!(code, 0, "{out}");
}

#[test]
fn a_key_pair_signs_and_checks() {
    let dir = Dir::new("pair");
    let private = dir.file("private.pem", PRIVATE);
    let public = dir.file("public.pem", PUBLIC);
    let token = mint(&["--key-file", &private, "--sub", "alice"]);
    assert_eq!(check(&["--public-key-file", &public], &token).0, 0);
    let config = dir.file(
        "v.toml",
        "[rooms]\ndefault = 'open'\n[[issuer]]\npublic_key_file = 'public.pem'\niss = 'i'\n",
    );
    let token = mint(&["--config", &config, "--key-file", &private, "--sub", "alice"]);
    assert_eq!(check(&["--config", &config], &token).0, 0);
    let (code, _, err) = run(&["token", "mint", "--config", &config, "--sub", "alice"], &[], "");
    assert_eq!(code, 2);
    assert!(err.contains("--key-file"), "{err}");
}

/// A key pair on Ed25519 that signs nothing but tokens of these tests.
const PRIVATE: &str = "-----BEGIN PRIVATE KEY-----
MC4CAQAwBQYDK2VwBCIEIJE1X+Pg1rvWpt9Jrdigwjd0dVaKqjvPF2CuakSMtEWA
-----END PRIVATE KEY-----
";
const PUBLIC: &str = "-----BEGIN PUBLIC KEY-----
MCowBQYDK2VwAyEAChzuOm7v9mZuow19e5NQp7iIWIZyaT+dOO9n/QH45mw=
-----END PUBLIC KEY-----
";

/// A server that runs until the test is over.
struct Running {
    child: Child,
    log: BufReader<ChildStderr>,
    addr: String,
    /// The admin listener, if there is one.
    admin: String,
}

impl Running {
    /// Starts it and reads the log up to the line that says where it listens.
    fn start(args: &[&str], environment: &[(&str, &str)]) -> (Self, Vec<serde_json::Value>) {
        let mut child = command(args, environment).spawn().unwrap();
        let log = BufReader::new(child.stderr.take().unwrap());
        let mut server = Self { child, log, addr: String::new(), admin: String::new() };
        let mut before = Vec::new();
        while server.addr.is_empty() {
            let mut line = String::new();
            server.log.read_line(&mut line).unwrap();
            let entry: serde_json::Value =
                serde_json::from_str(&line).unwrap_or_else(|_| panic!("no JSON: {line:?}"));
            if entry["message"] == "listening" {
                entry["addr"].as_str().unwrap().clone_into(&mut server.addr);
                entry["admin"].as_str().unwrap_or_default().clone_into(&mut server.admin);
            } else {
                before.push(entry);
            }
        }
        (server, before)
    }

    fn get(&self, path: &str) -> String {
        self.ask(&format!("GET {path} HTTP/1.1\r\nHost: t\r\nConnection: close\r\n\r\n"))
    }

    fn ask(&self, request: &str) -> String {
        let mut stream = TcpStream::connect(&self.addr).unwrap();
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }

    /// Sends SIGTERM; returns the exit code, the rest of the log, and standard output.
    fn stop(mut self) -> (i32, String, String) {
        let pid = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
        let (mut log, mut out) = (String::new(), String::new());
        self.log.read_to_string(&mut log).unwrap();
        self.child.stdout.take().unwrap().read_to_string(&mut out).unwrap();
        (self.child.wait().unwrap().code().unwrap(), log, out)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn serve_listens_warns_and_stops_on_a_signal() {
    let dir = Dir::new("serve");
    let config = dir.file(
        "v.toml",
        &format!(
            "listen = '127.0.0.1:1'\n[rooms]\ndefault = 'open'\n[[issuer]]\nsecret = '{SECRET}'\n"
        ),
    );
    let args = ["serve", "--config", &config, "--listen", "127.0.0.1:0", "--workers", "1"];
    let (server, before) = Running::start(&args, &[("VESTIBULE_PORT", "tcp://10.0.0.1:1")]);
    let warnings: Vec<&str> = before
        .iter()
        .filter(|entry| entry["level"] == "WARN")
        .map(|entry| entry["message"].as_str().unwrap())
        .collect();
    assert_eq!(
        warnings,
        [
            "VESTIBULE_PORT is no setting; it is ignored",
            "issuer \"default\": the `iss` of tokens is not checked: issuer.0.iss is not set",
            "issuer \"default\": the `aud` of tokens is not checked: issuer.0.aud is not set",
        ]
    );
    assert!(server.get("/healthz").starts_with("HTTP/1.1 200 "));
    let (code, log, _) = server.stop();
    assert_eq!(code, 0, "{log}");
    assert!(log.contains("SIGTERM") && !log.contains(SECRET), "{log}");
}

#[test]
fn dev_prints_what_to_paste() {
    let (server, before) = Running::start(&["dev", "--listen", "127.0.0.1:0"], &[]);
    assert!(before.is_empty(), "{before:?}");
    let url = format!("ws://{}/ws", server.addr);
    // The address is printed before the server serves: an answer means that all is printed.
    assert!(server.get("/healthz").starts_with("HTTP/1.1 200 "));
    let (code, log, out) = server.stop();
    assert_eq!(code, 0, "{log}");
    assert!(out.contains(&url), "{out}");
    let tokens: Vec<&str> =
        out.lines().filter(|line| line.starts_with(r#"{"type":"auth","payload":"#)).collect();
    assert_eq!(tokens.len(), 2, "{out}");
    assert!(!log.contains("eyJ"), "{log}");
}

#[test]
fn a_server_that_cannot_start_says_why() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = taken.local_addr().unwrap().to_string();
    let (code, out, err) = run(&["dev", "--listen", &addr], &[], "");
    assert_eq!((code, out.as_str()), (1, ""), "{err}");
    assert!(err.contains(&format!("cannot listen on {addr}")), "{err}");
    let cases = [
        (vec!["serve"], "rooms.default: not set: choose \"open\""),
        (vec!["serve", "--config", "/not/there.toml"], "cannot read /not/there.toml"),
        (vec!["dev", "--listen", "here"], "--listen: listen: \"here\" is no address"),
        (vec!["dev", "--log-level", "loud"], "--log-level: log.level: \"loud\" is none of"),
    ];
    for (args, text) in cases {
        let (code, out, err) = run(&args, &[], "");
        assert_eq!((code, out.as_str()), (2, ""), "{args:?}: {err}");
        assert!(err.contains(text), "{args:?}: {err}");
    }
}

#[test]
fn the_specification_is_printed_as_it_is() {
    let (code, out, _) = run(&["protocol"], &[], "");
    assert_eq!((code, out.as_str()), (0, include_str!("../../protocol.md")));
}

#[test]
fn a_reader_that_stops_early_is_no_failure() {
    let mut child = Command::new(env!("CARGO_BIN_EXE_vestibule"))
        .arg("protocol")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
}

#[test]
fn mistakes_of_use_exit_with_2_and_say_what_to_do() {
    let mint = |more: &[&'static str]| [&["token", "mint", "--sub", "a"], more].concat();
    let cases: &[(Vec<&str>, &str)] = &[
        (vec![], "Usage"),
        (vec!["serv"], "serve"),
        (mint(&[]), "--secret-file"),
        (mint(&["--secret-env", "NOT_THERE"]), "NOT_THERE is not set"),
        (mint(&["--secret-file", "/not/there"]), "cannot read /not/there"),
        (mint(&["--secret-env", "SHORT"]), "32"),
        (mint(&["--secret-env", "SECRET", "--ttl", "1w"]), "15m"),
        (mint(&["--secret-env", "SECRET", "--claim", "a=b"]), "a string needs its quotes"),
        (mint(&["--secret-env", "SECRET", "--rooms", "[]"]), "write an object"),
        (
            mint(&["--secret-env", "SECRET", "--algorithm", "none"]),
            "--algorithm none: is none of HS256",
        ),
        (mint(&["--secret-env", "SECRET", "--config", "x"]), "cannot be used with"),
        (vec!["token", "mint", "--secret-env", "SECRET"], "--sub"),
        (vec!["token", "check"], "--secret-file"),
        (vec!["token", "check", "a.b.c"], "unexpected argument"),
    ];
    for (args, text) in cases {
        let (code, out, err) = run(args, &[("SECRET", SECRET), ("SHORT", "short")], "");
        assert_eq!((code, out.as_str()), (2, ""), "{args:?}: {err}");
        assert!(err.contains(text), "{args:?}: {err}");
        assert!(!err.contains(SECRET), "{err}");
    }
}

#[test]
fn help_is_an_answer() {
    for args in [&["--help"][..], &["serve", "--help"], &["token", "mint", "-h"], &["--version"]] {
        let (code, out, err) = run(args, &[], "");
        assert_eq!((code, err.as_str()), (0, ""));
        assert!(out.contains("vestibule"), "{out}");
    }
}
