//! The README by its word: the commands, the configuration, both backends and the page of
//! README.md run as they stand there, against the binary.
//!
//! `./check tools` installs what they need.

#![cfg(all(feature = "server", feature = "client"))]
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking, with the place in its message"
)]

#[path = "readme/page.rs"]
mod page;
mod support;

use std::{
    fs,
    path::Path,
    process::{Child, Command, Stdio},
    sync::{
        atomic::{AtomicU32, Ordering},
        mpsc::Receiver,
    },
};
use support::{PATIENCE, Program, installed, lines, quiet};
use vestibule::{
    client::{Client, Options},
    protocol::client_message,
};

const PYTHON: &str = "target/venv/bin/python";

/// The only block of code in README.md that is in `language` and contains `word`.
fn block(language: &str, word: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md");
    let text = fs::read_to_string(path).expect("README.md stands at the root");
    let fences = text.split("```").skip(1).step_by(2);
    let blocks = fences.filter_map(|fence| fence.trim_start().strip_prefix(language));
    let mut found = blocks.filter(|block| block.contains(word));
    let block = found.next().unwrap_or_else(|| panic!("no block of {language} with {word}"));
    assert!(found.next().is_none(), "two blocks of {language} have {word}");
    // A block within a list is indented.
    let indent = block.lines().nth(1).map_or(0, |line| line.len() - line.trim_start().len());
    let lines = block.lines().skip(1).map(|line| line.get(indent..).unwrap_or(""));
    lines.map(|line| format!("{line}\n")).collect()
}

fn once(text: &str, from: &str, to: &str) -> String {
    assert_eq!(text.matches(from).count(), 1, "{from:?} stands once in {text}");
    text.replace(from, to)
}

/// A directory in which somebody follows the README, gone with it.
struct Visitor(String);

impl Visitor {
    /// With the secret and the configuration of README.md.
    fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("vestibule-readme-{}-{number}", std::process::id());
        let path = std::env::temp_dir().join(name);
        fs::create_dir_all(path.join("static")).expect("a directory");
        let visitor = Self(path.to_str().expect("UTF-8").to_owned());
        visitor.run(&block("sh", "vestibule keygen"));
        visitor.write("vestibule.toml", &block("toml", "[[issuer]]"));
        visitor
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(format!("{}/{name}", self.0), text).expect("a file");
    }

    fn command(&self, program: impl AsRef<Path>) -> Command {
        let mut command = quiet(program);
        command.current_dir(&self.0);
        command
    }

    /// Runs a line of the README that begins with `vestibule`; what it prints.
    fn run(&self, line: &str) -> String {
        let mut words = line.split_whitespace();
        assert_eq!(words.next(), Some("vestibule"));
        let mut command = self.command(env!("CARGO_BIN_EXE_vestibule"));
        let output = command.args(words).output().expect("the binary");
        assert!(output.status.success(), "{line}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).expect("UTF-8")
    }

    /// The server as the README starts it, on a port of the system's choice.
    fn serve(&self) -> Program {
        let line = block("sh", "vestibule serve");
        let arguments = line.trim().strip_prefix("vestibule ").expect("the binary");
        let mut command = self.command(env!("CARGO_BIN_EXE_vestibule"));
        command.args(arguments.split(' ')).env("VESTIBULE_LISTEN", "127.0.0.1:0");
        Program::start(command).0
    }
}

impl Drop for Visitor {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// A program of the README, ended with the test.
struct Running {
    child: Child,
    said: Receiver<String>,
}

impl Running {
    fn start(mut command: Command) -> Self {
        let mut child =
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("an interpreter");
        let said = lines(child.stdout.take().expect("a pipe"));
        Self { child, said }
    }

    fn says(&self) -> String {
        self.said.recv_timeout(PATIENCE).expect("a line (errors are above)")
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The server takes `token`, and says that it speaks for alice.
async fn is_taken(server: &Program, token: &str) {
    let mut client = Client::connect(&server.url, &Options::default()).await.expect("a server");
    let welcome = client.authenticate(token.trim_end()).await.expect("a good token");
    assert_eq!(welcome.user, "alice");
}

#[tokio::test]
async fn clients_readme_tokens_of_python_and_of_the_program_are_taken() {
    let visitor = Visitor::new();
    let server = visitor.serve();
    visitor.write("mint.py", &block("python", "print(jwt.encode"));
    let output = visitor.command(installed(PYTHON)).arg("mint.py").output().expect("python");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let token = String::from_utf8(output.stdout).expect("ASCII");
    is_taken(&server, &token).await;
    let mint = "vestibule token mint --config vestibule.toml --sub alice";
    is_taken(&server, &visitor.run(mint)).await;
    visitor.write("token", &token);
    visitor.run("vestibule token check --config vestibule.toml --file token");
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md");
    let readme = fs::read_to_string(path).expect("README.md stands at the root");
    for line in [mint, "vestibule token check --config vestibule.toml < token"] {
        assert!(readme.contains(line), "{line}");
    }
}

/// Flask with app.py, the page beside it; its address.
fn flask(visitor: &Visitor) -> (Running, String) {
    visitor.write("app.py", &block("python", "Flask"));
    let mut flask = visitor.command(installed(PYTHON));
    flask.args(["-u", "-m", "flask", "run", "--port", "0"]);
    // It says on standard error where it listens, with the port that it was given.
    flask.stderr(Stdio::piped());
    let mut running = Running::start(flask);
    let log = lines(running.child.stderr.take().expect("a pipe"));
    loop {
        let line = log.recv_timeout(PATIENCE).expect("Flask's address");
        if let Some((_, address)) = line.split_once("Running on ") {
            // Kept open: Flask logs each request there.
            running.said = log;
            return (running, address.trim().to_owned());
        }
    }
}

/// Express with its block, on a port of the system's choice.
fn express(visitor: &Visitor) -> (Running, String) {
    let modules = installed("examples/node_modules");
    std::os::unix::fs::symlink(modules, format!("{}/node_modules", visitor.0)).expect("a link");
    let listen = "app.listen(8000, \"127.0.0.1\");";
    let anywhere = "const it = app.listen(0, \"127.0.0.1\", () => \
                    console.log(`http://127.0.0.1:${it.address().port}`));";
    visitor.write("app.mjs", &once(&block("js", "express"), listen, anywhere));
    let mut node = visitor.command("node");
    node.arg("app.mjs");
    let running = Running::start(node);
    let address = running.says();
    (running, address)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn clients_readme_page_with_flask_chats_and_comes_back() {
    page::chats_and_comes_back(flask).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn clients_readme_page_with_express_chats_and_comes_back() {
    page::chats_and_comes_back(express).await;
}

#[tokio::test]
async fn clients_readme_page_says_why_it_gives_up() {
    page::says_why_it_gives_up(flask).await;
}

#[test]
fn the_exchange_at_the_top_is_in_the_protocol() {
    let mut seen = 0;
    for line in block("text", "auth_ok").lines() {
        let Some((side, json)) = line.split_once('{') else { continue };
        let json = format!("{{{json}");
        if side.trim() == "client" {
            client_message::decode(&json).unwrap_or_else(|fault| panic!("{fault:?}: {json}"));
        } else if !json.contains('…') {
            let received = vestibule::client::Received::parse(&json);
            received.unwrap_or_else(|fault| panic!("{fault}: {json}"));
        }
        seen += 1;
    }
    assert!(seen > 7, "only {seen} messages were found: the search is broken");
}
