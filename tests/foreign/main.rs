//! Credentials in the handshake as clients send them that nobody here wrote: Python's `websockets`,
//! Node's `ws` and curl, with tokens from PyJWT and djangorestframework-simplejwt.
//!
//! `./check tools` installs what they need.

#![cfg(all(feature = "server", feature = "client"))]
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking, with the case in its message"
)]

mod case;
mod curl;
#[path = "../support/mod.rs"]
mod support;

use case::{Case, House};
use std::{
    collections::BTreeMap,
    fs,
    io::Write,
    path::Path,
    process::{Command, Stdio},
};
use support::{SECRET, installed, quiet};

const PYTHON: &str = "target/venv/bin/python";

/// Runs `command` with this on its standard input; what it printed.
fn run(mut command: Command, input: &[u8]) -> String {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("an interpreter");
    child.stdin.take().expect("a pipe").write_all(input).expect("a program that reads");
    let output = child.wait_with_output().expect("an end");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("text")
}

/// Tokens by their names, and where the database `users` is that was made beside them.
fn tokens(users: &Path) -> BTreeMap<String, String> {
    let mut python = quiet(installed(PYTHON));
    python.arg(installed("tests/foreign/tokens.py")).arg(SECRET).arg(users);
    serde_json::from_str(&run(python, b"")).expect("tokens as JSON")
}

/// Tries every case that is `wanted` and compares each.
fn try_all(
    name: &str,
    wanted: impl Fn(&Case) -> bool,
    attempt: impl FnOnce(&[Case]) -> Vec<String>,
) {
    let users = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("foreign-{name}.sqlite"));
    // One of an earlier run, if there is any.
    let _ = fs::remove_file(&users);
    let tokens = tokens(&users);
    let houses = House::all(&tokens);
    let cases = houses.iter().flat_map(|house| house.cases(&tokens));
    let cases: Vec<Case> = cases.filter(wanted).collect();
    assert!(cases.len() > 80, "{} cases: where are the others?", cases.len());
    let outcomes = attempt(&cases);
    assert_eq!(outcomes.len(), cases.len(), "{name} has tried all of them");
    let wrong: Vec<String> = cases
        .iter()
        .zip(outcomes)
        .filter(|(case, outcome)| case.outcome != *outcome)
        .map(|(case, outcome)| format!("{}: {outcome:?}, not {:?}", case.name, case.outcome))
        .collect();
    assert!(wrong.is_empty(), "{name}: {wrong:#?}");
}

/// A client that reads all handshakes and prints a line for each.
fn script(command: Command, cases: &[Case]) -> Vec<String> {
    let handshakes: Vec<_> = cases.iter().map(|case| &case.handshake).collect();
    let input = serde_json::to_vec(&handshakes).expect("JSON");
    run(command, &input).lines().map(str::to_owned).collect()
}

#[test]
fn clients_python_hears_the_verdict_of_every_source() {
    let mut python = quiet(installed(PYTHON));
    python.arg(installed("tests/foreign/client.py"));
    try_all("websockets", |_| true, |cases| script(python, cases));
}

#[test]
fn clients_node_hears_the_verdict_of_every_source() {
    installed("examples/node_modules/ws");
    let mut node = quiet("node");
    node.arg(installed("tests/foreign/client.mjs"));
    try_all("ws", |_| true, |cases| script(node, cases));
}

#[test]
fn clients_curl_hears_the_verdict_of_every_source() {
    // It cannot say anything once it is open.
    let silent = |case: &Case| case.handshake.first.is_none();
    try_all("curl", silent, |cases| cases.iter().map(curl::outcome).collect());
}
