//! Clients against the binary: Python's `websockets` and Node's `ws` with tokens from PyJWT, the
//! Rust client, and the bots.
//!
//! `./check tools` installs what they need.

#![cfg(all(feature = "server", feature = "client"))]
#![allow(clippy::expect_used, reason = "a test fails by panicking")]

mod support;

use std::{
    io::Write,
    process::{Child, Command, Stdio},
    sync::mpsc::Receiver,
};
use support::{PATIENCE, Program, SECRET, example, installed, line, lines, member, quiet};
use tokio::time::timeout;
use vestibule::client::{Event, Options, Received, Reconnecting};

const PYTHON: &str = "target/venv/bin/python";

/// A token of PyJWT for `user`.
fn py_jwt(user: &str) -> String {
    let program = "import jwt, sys, time\n\
        claims = {'sub': sys.argv[1], 'exp': int(time.time()) + 600}\n\
        print(jwt.encode(claims, sys.argv[2], algorithm='HS256'), end='')";
    let output = quiet(installed(PYTHON)).args(["-c", program, user, SECRET]).output();
    let output = output.expect("python");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("a token in ASCII")
}

/// A client of examples/ that talks in `room` as `user`.
struct Guest {
    child: Child,
    said: Receiver<String>,
}

impl Guest {
    fn start(mut command: Command, server: &Program, token: &str, room: &str) -> Self {
        let mut child = command
            .args([&server.url, token, room])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("an interpreter");
        let said = lines(child.stdout.take().expect("a pipe"));
        Self { child, said }
    }

    fn expect(&self, line: &str) {
        let said = self.said.recv_timeout(PATIENCE);
        assert_eq!(said.as_deref(), Ok(line), "the output of the client (errors are above)");
    }

    fn press_enter(&mut self) {
        self.child.stdin.take().expect("a pipe").write_all(b"\n").expect("a client that waits");
    }

    fn end(mut self) {
        let rest: Vec<String> = self.said.iter().collect();
        assert_eq!(rest, [""; 0], "nothing more is said");
        assert!(self.child.wait().expect("an end").success());
    }
}

/// The client enters, its line is cut, three messages pass, it comes back and shows them.
async fn miss_nothing(command: Command, name: [&str; 2]) {
    let [none, yes] = name;
    let server = Program::serve(&[("VESTIBULE_LOG__LEVEL", "trace")]);
    let token = py_jwt("ann");
    let mut guest = Guest::start(command, &server, &token, "lobby");
    guest.expect("signed in as ann");
    guest.expect(&format!("joined, recovered: {none}"));
    guest.expect("1 ann hello");
    guest.expect("the line is cut, press Enter to come back");
    let mut bob = member(&server.url, "bob", "lobby").await;
    for line in ["one", "two", "three"] {
        bob.publish("lobby", line).await.expect("a publish");
    }
    guest.press_enter();
    guest.expect("signed in as ann");
    guest.expect(&format!("joined, recovered: {yes}"));
    for line in ["2 bob one", "3 bob two", "4 bob three", "5 ann I am back"] {
        guest.expect(line);
    }
    guest.end();
    let (status, log) = server.stop();
    assert!(status.success());
    let (_, signature) = token.rsplit_once('.').expect("three parts");
    assert!(log.len() > 1, "at this level there is something to read");
    assert!(!log.iter().any(|line| line.contains(signature)), "a token in the log");
}

/// What Prometheus' own parser for Python makes of the metrics: `NAME KIND` for each, and checks.
const SCRAPE: &str = r#"
import sys, urllib.request
from prometheus_client.parser import text_string_to_metric_families
address, key = sys.argv[1:]
request = urllib.request.Request(f"http://{address}/metrics")
request.add_header("Authorization", f"Bearer {key}")
with urllib.request.urlopen(request, timeout=20) as answer:
    assert answer.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
    text = answer.read().decode()
seen = set()
for family in text_string_to_metric_families(text):
    assert family.type != "unknown" and family.documentation and family.samples, family
    for sample in family.samples:
        series = (sample.name, tuple(sorted(sample.labels.items())))
        assert series not in seen and sample.value >= 0, sample
        seen.add(series)
    print(family.name + ("_total" if family.type == "counter" else ""), family.type)
"#;

#[tokio::test]
async fn clients_prometheus_reads_every_metric_that_is_documented() {
    let key = "a-key-that-nobody-guesses";
    let server = Program::serve(&[
        ("VESTIBULE_ADMIN__LISTEN", "127.0.0.1:0"),
        ("VESTIBULE_ADMIN__KEY", key),
        ("VESTIBULE_TICKETS__ENABLED", "true"),
    ]);
    let _ann = member(&server.url, "ann", "lobby").await;
    let address = server.admin.as_deref().expect("an admin listener");
    let mut python = quiet(installed(PYTHON));
    let output = python.args(["-W", "error", "-c", SCRAPE, address, key]).output();
    let output = output.expect("python");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let read = String::from_utf8(output.stdout).expect("names");
    let documented = include_str!("../docs/metrics.md").lines().filter_map(|line| {
        let mut cells = line.strip_prefix("| `")?.split('|');
        Some(format!("{} {}", cells.next()?.trim().trim_end_matches('`'), cells.next()?.trim()))
    });
    // Its key stands in the configuration and it asks no directory: there is nothing to tell of.
    let elsewhere = ["vestibule_key", "vestibule_directory"];
    let of_others = |line: &String| elsewhere.iter().any(|name| line.starts_with(name));
    let documented: Vec<String> = documented.filter(|line| !of_others(line)).collect();
    assert_eq!(read.lines().collect::<Vec<_>>(), documented);
}

#[tokio::test]
async fn clients_python_comes_back_and_has_missed_nothing() {
    let mut python = quiet(installed(PYTHON));
    python.args(["-W", "error"]).arg(installed("examples/client.py"));
    miss_nothing(python, ["None", "True"]).await;
}

#[tokio::test]
async fn clients_node_comes_back_and_has_missed_nothing() {
    installed("examples/node_modules/ws");
    let mut node = quiet("node");
    node.arg(installed("examples/client.mjs"));
    miss_nothing(node, ["null", "true"]).await;
}

#[tokio::test]
async fn clients_rust_comes_back_has_missed_nothing_and_publishes_once() {
    let server = Program::serve(&[]);
    let (url, cut) = line(server.addr.clone()).await;
    let tokens = async || Ok(support::token("ann"));
    let mut ann = Reconnecting::new(&url, Options::default(), tokens);
    ann.join("lobby");
    let mut bob = member(&server.url, "bob", "lobby").await;
    ann.publish("lobby", "one").expect("room in the queue");
    let mut heard = Vec::new();
    while heard.len() < 4 {
        let event = timeout(PATIENCE, ann.next()).await.expect("an event").expect("a way back");
        if let Event::Message(message) = event {
            heard.push(format!("{:?} {}", message.seq, message.payload.get()));
            if heard.len() == 1 {
                cut.send(()).await.expect("a line");
                bob.publish("lobby", "two").await.expect("a publish");
                bob.publish("lobby", "three").await.expect("a publish");
                ann.publish("lobby", "four").expect("room in the queue");
            }
        }
    }
    assert_eq!(
        heard,
        [r#"Some(1) "one""#, r#"Some(2) "two""#, r#"Some(3) "three""#, r#"Some(4) "four""#]
    );
}

#[tokio::test]
async fn clients_chat_bot_answers() {
    let server = Program::serve(&[]);
    let mut ann = member(&server.url, "ann", "lobby").await;
    let mut bot = quiet(example("chat_bot"))
        .args(["--url", &server.url, "--secret", SECRET])
        .stdout(Stdio::null())
        .spawn()
        .expect("the bot");
    let mut heard = Vec::new();
    while heard.len() < 3 {
        let received = timeout(PATIENCE, ann.next()).await.expect("a message").expect("a line");
        if let Received::Message(message) = received {
            let user = message.from.expect("an author").user;
            heard.push(format!("{user} {}", message.payload.get()));
            if heard.len() == 1 {
                ann.publish("lobby", "!ping").await.expect("a publish");
            }
        }
    }
    assert!(heard[0].starts_with(r#"chat-bot "Hello!"#), "{heard:?}");
    assert_eq!(heard[1..], [r#"ann "!ping""#, r#"chat-bot "pong""#]);
    bot.kill().expect("a process");
    bot.wait().expect("an end");
}

#[test]
fn clients_with_a_foreign_token_are_told_why() {
    let server = Program::serve(&[("VESTIBULE_ISSUER__0__SECRET", &"another secret ".repeat(3))]);
    let mut python = quiet(installed(PYTHON));
    let output = python
        .arg(installed("examples/client.py"))
        .args([&server.url, &py_jwt("ann")])
        .output()
        .expect("python");
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.starts_with("token_invalid: "), "{said}");
}

#[test]
fn clients_load_bots_find_nothing_lost_and_one_order() {
    let server = Program::serve(&[]);
    let args = "--connections 60 --rooms 3 --rate 5 --duration 2 --ramp-up 0.2 --json";
    let output = quiet(example("load_bots"))
        .args(["--url", &server.url, "--secret", SECRET])
        .args(args.split(' '))
        .output()
        .expect("the load bots");
    let report = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{report}{}", String::from_utf8_lossy(&output.stderr));
    let report: serde_json::Value = serde_json::from_str(&report).expect("a report in JSON");
    assert_eq!(report["published"], 600);
    assert_eq!(report["deliveries"], 12_000, "each message once to each of the 20 of its room");
}

#[test]
fn clients_load_bots_fail_on_what_is_refused() {
    let server = Program::serve(&[("VESTIBULE_LIMITS__BURST", "2")]);
    let args = "--connections 2 --rooms 1 --rate 100 --duration 0.2 --ramp-up 0 --json";
    let output = quiet(example("load_bots"))
        .args(["--url", &server.url, "--secret", SECRET])
        .args(args.split(' '))
        .output()
        .expect("the load bots");
    assert_eq!(output.status.code(), Some(1));
    let report: serde_json::Value =
        serde_json::from_slice(&output.stdout).expect("a report in JSON");
    assert_ne!(report["refused"], 0, "{report}");
    assert_eq!(report["clean"], false);
}

/// A few seconds of the cut bots; only what is lost counts, not how long anything took.
fn cut_bots(more: &[&str]) -> (Option<i32>, serde_json::Value) {
    let args = "--clients 60 --rooms 6 --rate 1 --duration 5 --ramp-up 0.2 \
        --shortest 0.1 --longest 1.5 --backoff 0.2 --json";
    let output = quiet(example("cut_bots"))
        .args(args.split_whitespace())
        .args(more)
        .output()
        .expect("the cut bots");
    let report = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|why| panic!("{why}: {}", String::from_utf8_lossy(&output.stderr)));
    (output.status.code(), report)
}

#[test]
fn clients_cut_bots_find_nothing_lost() {
    let (code, report) = cut_bots(&[]);
    assert_eq!((code, &report["clean"]), (Some(0), &true.into()), "{report}");
    for what in ["cuts", "replayed", "duplicates_acknowledged", "recovered_true"] {
        assert_ne!(report[what], 0, "{what}: the run has tried nothing, {report}");
    }
}

#[test]
fn clients_cut_bots_fail_on_what_a_short_history_has_lost() {
    let server = Program::serve(&[("VESTIBULE_ROOMS__HISTORY__COUNT", "1")]);
    let (code, report) = cut_bots(&["--url", &server.url, "--secret", SECRET]);
    assert_eq!((code, &report["clean"]), (Some(1), &false.into()), "{report}");
    assert_ne!(report["faults"]["lost"], 0, "{report}");
}

#[test]
fn clients_flood_shuts_nobody_out() {
    let server = Program::serve(&[
        ("VESTIBULE_GATE__PLACES", "64"),
        ("VESTIBULE_GATE__HARD_PLACES", "128"),
        ("VESTIBULE_GATE__SHARE", "4"),
    ]);
    // Being shut out counts, not how long it takes.
    let args = "--addresses 4 --attempts 600 --rate 300 --guests 10 --seconds 3 --patience 20";
    let output = quiet(example("flood"))
        .args(["--to", &server.addr, "--secret", SECRET])
        .args(args.split(' '))
        .output()
        .expect("the flood");
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(said.matches("30 of 30 in").count(), 2, "{said}");
}

#[test]
fn clients_flood_leaves_other_machines_alone() {
    for to in ["192.0.2.1:7000", "[::1]:7000"] {
        let output = quiet(example("flood")).args(["--to", to]).output().expect("the flood");
        assert_eq!(output.status.code(), Some(2), "{to}");
        assert!(String::from_utf8_lossy(&output.stderr).contains("127.0.0.0/8"), "{to}");
    }
}

#[test]
fn clients_slow_bots_cost_nobody_else_a_message() {
    let args = "--members 20 --messages 10 --payload 8000 --duration 2 --ramp-up 0 --runs 1 --json";
    let output = quiet(example("slow_bots")).args(args.split(' ')).output().expect("the slow bots");
    let report: serde_json::Value = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|why| panic!("{why}: {}", String::from_utf8_lossy(&output.stderr)));
    assert!(output.status.success(), "{report}");
    for run in [&report["without"][0], &report["with"][0]] {
        assert_eq!((&run["lost"], &run["deliveries"]), (&0.into(), &4_000.into()), "{report}");
    }
    let slow = report["with"][0]["slow"].as_array().expect("the two");
    assert_eq!(slow.len(), 2);
    assert!(slow.iter().all(|one| one["gap"] == false && one["heard"] != 0), "{report}");
}
