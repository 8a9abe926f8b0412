//! The program: its first words, its commands, and nothing in its log that opens anything.

use crate::world::{Answer, Folder, PATIENCE, ask, client, code_in};
use axum::http::{Method, StatusCode};
use serde_json::{Value, json};
use std::{
    fs,
    io::{BufRead, BufReader, Read, Write},
    net::SocketAddr,
    process::{Child, ChildStderr, Command, Stdio},
};
use tokio::time::timeout;

fn identity(folder: &Folder) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_identity"));
    command.arg("--data").arg(&folder.0);
    command
}

fn run(command: &mut Command, input: &str) -> String {
    let command = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("the binary");
    child.stdin.take().expect("a pipe").write_all(input.as_bytes()).expect("it reads");
    let output = child.wait_with_output().expect("it ends");
    let why = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{why}");
    String::from_utf8(output.stdout).expect("UTF-8")
}

/// A running service, ended with the test.
struct Running {
    child: Child,
    addr: SocketAddr,
    log: String,
    rest: BufReader<ChildStderr>,
}

impl Running {
    fn start(command: &mut Command) -> Self {
        let mut child = command.stderr(Stdio::piped()).spawn().expect("the binary");
        let rest = BufReader::new(child.stderr.take().expect("a pipe"));
        let nowhere = SocketAddr::from(([0; 4], 0));
        let mut running = Self { child, addr: nowhere, log: String::new(), rest };
        while running.addr == nowhere {
            let mut line = String::new();
            running.rest.read_line(&mut line).expect("a log");
            running.log += &line;
            let line: Value = serde_json::from_str(&line).expect("JSON until it listens");
            if line["message"] == "listening" {
                let addr = line["addr"].as_str().expect("an address");
                running.addr = addr.parse().expect("an address");
            }
        }
        running
    }

    async fn post(&self, path: &str, body: Value) -> Answer {
        let headers = [("content-type", "application/json")];
        ask(&client(), self.addr, (Method::POST, path, &headers, body.to_string())).await
    }

    /// All that it has logged.
    fn stop(mut self) -> String {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").arg(&pid).status().expect("kill").success());
        assert!(self.child.wait().expect("it ends").success(), "SIGTERM is an orderly end");
        let mut log = std::mem::take(&mut self.log);
        self.rest.read_to_string(&mut log).expect("UTF-8");
        log
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn its_first_words_say_what_it_is_not() {
    let folder = Folder::new();
    let help = run(identity(&folder).arg("--help"), "");
    let source = env!("CARGO_MANIFEST_DIR");
    let read = |name| fs::read_to_string(format!("{source}/{name}")).expect("a file");
    for text in [help, read("src/main.rs"), read("README.md").replace("# ", "")] {
        let first = text.lines().next().expect("a line").to_uppercase();
        assert!(first.contains("NOT AN IDENTITY PROVIDER FOR PRODUCTION"), "{first}");
    }
}

#[tokio::test]
async fn a_life_of_which_the_log_tells_nothing_that_opens_anything() {
    let folder = Folder::new();
    let password = run(identity(&folder).args(["user", "add", "alice"]), "");
    let password = password.trim();
    assert_eq!(password.len(), 43, "made up, and shown once");
    let given = "a password of bob's";
    let bob = ["user", "add", "bob", "--email", "bob@mail.example", "--password-stdin"];
    assert_eq!(run(identity(&folder).args(bob), &format!("{given}\n")), "");
    let clock = folder.0.join("clock");
    fs::write(&clock, "-600\n").expect("a file");
    let serve = ["serve", "--listen", "127.0.0.1:0", "--origin", "https://id.example"];
    let running = Running::start(identity(&folder).arg("--clock-file").arg(&clock).args(serve));
    assert!(running.log.lines().next().expect("a line").contains("NOT an identity provider"));

    let login = json!({ "user": "alice", "password": password });
    let alice = running.post("/login", login.clone()).await;
    let bob =
        running.post("/login", json!({ "user": "bob@mail.example", "password": given })).await;
    let mut secrets = vec![password.to_owned(), given.to_owned()];
    for pair in [&alice, &bob] {
        assert_eq!(pair.status, StatusCode::OK);
        secrets.extend([pair.member("access_token"), pair.member("refresh_token")]);
    }
    let asked = running.post("/login/code", json!({ "user": "bob" })).await;
    secrets.push(asked.member("challenge"));
    let letter = async {
        loop {
            let outbox = fs::read_to_string(folder.0.join("outbox")).unwrap_or_default();
            if outbox.ends_with('\n') {
                break outbox;
            }
            tokio::task::yield_now().await;
        }
    };
    let letter = timeout(PATIENCE, letter).await.expect("a letter");
    secrets.push(format!(" {},", code_in(&letter)));
    // The clock is what the file says: five minutes on, the code is over.
    fs::write(&clock, "-300\n").expect("a file");
    let code = json!({ "challenge": asked.member("challenge"), "code": code_in(&letter) });
    assert_eq!(running.post("/login/code/verify", code).await.status, StatusCode::UNAUTHORIZED);

    let refresh = json!({ "refresh_token": alice.member("refresh_token") });
    let next = running.post("/refresh", refresh.clone()).await;
    assert_eq!(next.status, StatusCode::OK);
    secrets.push(next.member("refresh_token"));
    assert_eq!(running.post("/refresh", refresh).await.status, StatusCode::UNAUTHORIZED);
    run(identity(&folder).args(["user", "disable", "alice"]), "");
    assert_eq!(running.post("/login", login).await.status, StatusCode::UNAUTHORIZED);
    let rotated = run(identity(&folder).arg("--clock-file").arg(&clock).arg("rotate-key"), "");
    assert_eq!(rotated, "the next key is published; it signs in 600 s\n");

    let log = running.stop();
    assert!(log.contains("a refresh token came twice"), "{log}");
    assert!(log.contains("a letter lies in the outbox"), "{log}");
    for secret in secrets {
        assert!(!log.contains(&secret), "the log has a secret");
    }
}

#[test]
fn what_is_wrong_is_said_in_words() {
    let folder = Folder::new();
    let add = ["user", "add", "alice"];
    run(identity(&folder).args(add), "");
    let short = ["user", "add", "bob", "--password-stdin"];
    for (words, input, says) in [
        (&add[..], "", "there is a user of this name"),
        (&["user", "disable", "carol"], "", "there is no user of this name"),
        (&short, "short\n", "12 to 256 bytes"),
        (&["serve", "--origin", "http://id.example"], "", "--origin must be https://HOST"),
        (
            &["serve", "--origin", "https://id.example", "--vestibule", "https://chat.example"],
            "",
            "--vestibule must be http://HOST:PORT",
        ),
    ] {
        let mut command = identity(&folder);
        let command = command.args(words).stdin(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("the binary");
        child.stdin.take().expect("a pipe").write_all(input.as_bytes()).expect("it reads");
        let output = child.wait_with_output().expect("it ends");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success() && said.contains(says), "{words:?}: {said}");
    }
}
