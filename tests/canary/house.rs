//! The real server and the other commands, with everything that they say kept.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    path::PathBuf,
    process::{Child, Command, Stdio},
    sync::mpsc::{Receiver, channel},
    thread::{self, JoinHandle},
    time::Duration,
};

/// What the environment can say to loggers and runtimes of all kinds.
pub(crate) const SWITCHES: [(&str, &str); 7] = [
    ("RUST_LOG", "trace"),
    ("RUST_LOG_STYLE", "always"),
    ("RUST_TRACE", "trace"),
    ("RUST_BACKTRACE", "full"),
    ("LOG_LEVEL", "trace"),
    ("DEBUG", "*"),
    ("SSLKEYLOGFILE", "/dev/stderr"),
];

/// A server that logs all that it can log.
pub(crate) struct House {
    child: Child,
    said: [JoinHandle<Vec<u8>>; 2],
    pub(crate) addr: SocketAddr,
    /// Where the operator looks, if the configuration says so.
    pub(crate) admin: Option<SocketAddr>,
}

impl House {
    /// Serves the configuration at `config`.
    pub(crate) fn open(config: &str) -> Self {
        let mut child = command()
            .args(["serve", "--config", config, "--log-level", "trace"])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the binary");
        let (line, lines) = channel();
        let out = keep(child.stdout.take().expect("a pipe"), None);
        let log = keep(child.stderr.take().expect("a pipe"), Some(line));
        let (addr, admin) = listening(&lines);
        Self { child, said: [out, log], addr, admin }
    }

    /// Its process.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// What the operator sees at `path`.
    pub(crate) fn admin(&self, path: &str, key: &str) -> Vec<u8> {
        let mut line = TcpStream::connect(self.admin.expect("an admin listener")).expect("a line");
        let head = format!(
            "GET {path} HTTP/1.1\r\nHost: test\r\nConnection: close\r\nAuthorization: Bearer {key}\r\n\r\n"
        );
        line.write_all(head.as_bytes()).expect("sent");
        let mut said = Vec::new();
        line.read_to_end(&mut said).expect("an answer");
        said
    }

    /// Ends it and returns what it has said on both outputs.
    pub(crate) fn close(mut self) -> Vec<u8> {
        let pid = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).expect("a process");
        assert!(self.child.wait().expect("an end").success());
        let said = self.said.into_iter().map(|said| said.join().expect("a reader"));
        said.collect::<Vec<_>>().concat()
    }
}

fn command() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_vestibule"));
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("VESTIBULE_") {
            command.env_remove(name);
        }
    }
    command.envs(SWITCHES);
    command
}

/// Where the server listens, by its log, in JSON or in text.
fn listening(lines: &Receiver<String>) -> (SocketAddr, Option<SocketAddr>) {
    let mut before = Vec::new();
    loop {
        let line = lines.recv_timeout(Duration::from_secs(20));
        let line = line.unwrap_or_else(|why| panic!("{why}: {before:?}"));
        let entry: serde_json::Value = serde_json::from_str(&line).unwrap_or_default();
        if entry["message"] == "listening" {
            let addr = entry["addr"].as_str().expect("an address").parse().expect("an address");
            return (addr, entry["admin"].as_str().and_then(|admin| admin.parse().ok()));
        }
        if let Some((_, addr)) = line.trim_end().split_once(" listening addr=") {
            return (addr.parse().expect("an address"), None);
        }
        before.push(line);
    }
}

/// Reads a pipe to its end, and shows its lines to whoever still listens.
fn keep(
    pipe: impl Read + Send + 'static,
    lines: Option<std::sync::mpsc::Sender<String>>,
) -> JoinHandle<Vec<u8>> {
    thread::spawn(move || {
        let (mut all, mut pipe) = (Vec::new(), BufReader::new(pipe));
        loop {
            let from = all.len();
            if pipe.read_until(b'\n', &mut all).unwrap_or(0) == 0 {
                return all;
            }
            if let Some(lines) = &lines {
                // Nobody listens once the server does.
                let _ = lines.send(String::from_utf8_lossy(&all[from..]).into_owned());
            }
        }
    })
}

/// Runs a command to its end: its exit code, and everything that it said.
pub(crate) fn run(args: &[&str], environment: &[(&str, &str)], input: &str) -> (i32, Vec<u8>) {
    let mut child = command()
        .args(args)
        .envs(environment.iter().copied())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary");
    let mut stdin = child.stdin.take().expect("a pipe");
    let input = input.to_owned();
    // A command that does not read its input ends all the same.
    let writer = thread::spawn(move || drop(stdin.write_all(input.as_bytes())));
    let output = child.wait_with_output().expect("an end");
    writer.join().expect("a writer");
    (output.status.code().expect("no signal"), [output.stdout, output.stderr].concat())
}

/// A server of keys that says what it should not; each path fails in its own way. It goes with the
/// process.
pub(crate) fn key_server(answer: fn(path: &str) -> String) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let addr = listener.local_addr().expect("an address");
    thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let mut lines = BufReader::new(&stream).lines().map_while(Result::ok);
            let request = lines.next().unwrap_or_default();
            lines.take_while(|line| !line.is_empty()).for_each(drop);
            let path = request.split(' ').nth(1).unwrap_or_default();
            // Whoever asked may be gone already.
            let _ = (&stream).write_all(answer(path).as_bytes());
        }
    });
    addr
}

/// A directory that is gone with the test.
pub(crate) struct Dir(PathBuf);

impl Dir {
    pub(crate) fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("vestibule-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&path).expect("a directory");
        Self(path)
    }

    /// A file with this text; its path.
    pub(crate) fn file(&self, name: &str, text: &str) -> String {
        let path = self.0.join(name);
        std::fs::write(&path, text).expect("a file");
        path.display().to_string()
    }
}

impl Drop for Dir {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
