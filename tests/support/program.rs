//! Programs of this package and others, run as a user runs them.

use super::{PATIENCE, SECRET};
use rustix::process::{Pid, Signal, WaitOptions, kill_process, waitpid};
use std::{
    io::{BufRead, BufReader, Read},
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    sync::mpsc::{Receiver, sync_channel},
    thread,
};

/// Lines kept until somebody reads them; a program that prints more waits.
const LINES: usize = 64 * 1024;

/// The `vestibule` binary, serving.
pub(crate) struct Program {
    child: Child,
    log: Receiver<String>,
    /// Where it listens.
    pub(crate) addr: String,
    /// `ws://ADDR/ws`.
    pub(crate) url: String,
    /// Where its admin listener stands, if it has one.
    pub(crate) admin: Option<String>,
}

impl Program {
    /// `vestibule serve` on a port of the system's choice: open rooms, a short drain, tokens
    /// signed with [`SECRET`], and `more` of the environment.
    pub(crate) fn serve(more: &[(&str, &str)]) -> Self {
        Self::serve_by(quiet(env!("CARGO_BIN_EXE_vestibule")), more)
    }

    /// The same by a command that runs the binary.
    pub(crate) fn serve_by(mut command: Command, more: &[(&str, &str)]) -> Self {
        command
            .arg("serve")
            .env("VESTIBULE_LISTEN", "127.0.0.1:0")
            .env("VESTIBULE_DRAIN_MS", "200")
            .env("VESTIBULE_ISSUER__0__NAME", "test")
            .env("VESTIBULE_ISSUER__0__SECRET", SECRET)
            .env("VESTIBULE_ROOMS__DEFAULT", "open")
            .envs(more.iter().copied());
        Self::start(command).0
    }

    /// Runs `command` until it listens; what was logged before that.
    pub(crate) fn start(mut command: Command) -> (Self, Vec<String>) {
        let mut child = command.stderr(Stdio::piped()).spawn().expect("the binary");
        let log = lines(child.stderr.take().expect("a pipe"));
        let mut before = Vec::new();
        let (addr, admin) = loop {
            let line = log.recv_timeout(PATIENCE).unwrap_or_else(|why| panic!("{why}: {before:?}"));
            // What it says before it can log is no JSON.
            let entry: serde_json::Value = serde_json::from_str(&line).unwrap_or_default();
            if entry["message"] == "listening" {
                let addr = entry["addr"].as_str().expect("an address").to_owned();
                break (addr, entry["admin"].as_str().map(str::to_owned));
            }
            before.push(line);
        };
        (Self { child, log, url: format!("ws://{addr}/ws"), addr, admin }, before)
    }

    /// Its process.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// SIGTERM; what was logged after "listening", to the end.
    pub(crate) fn stop(self) -> (ExitStatus, Vec<String>) {
        self.terminate();
        self.wait()
    }

    /// SIGTERM.
    pub(crate) fn terminate(&self) {
        self.signal(Signal::TERM);
    }

    fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).expect("a process");
    }

    /// SIGSTOP; back once the process stands still.
    pub(crate) fn suspend(&self) {
        self.signal(Signal::STOP);
        let stopped = waitpid(Some(Pid::from_child(&self.child)), WaitOptions::UNTRACED);
        assert!(stopped.is_ok_and(|status| status.is_some_and(|(_, status)| status.stopped())));
    }

    /// SIGHUP.
    pub(crate) fn hang_up(&self) {
        self.signal(Signal::HUP);
    }

    /// The next line of the log that has this message, and the lines before it.
    pub(crate) fn logged(&self, message: &str) -> (serde_json::Value, Vec<String>) {
        let mut before = Vec::new();
        loop {
            let line = self.log.recv_timeout(PATIENCE);
            let line = line.unwrap_or_else(|why| panic!("{why}: {before:?}"));
            let entry: serde_json::Value = serde_json::from_str(&line).unwrap_or_default();
            if entry["message"].as_str().is_some_and(|text| text.starts_with(message)) {
                return (entry, before);
            }
            before.push(line);
        }
    }

    /// SIGCONT.
    pub(crate) fn resume(&self) {
        self.signal(Signal::CONT);
    }

    /// Waits for the end; what was logged after "listening".
    pub(crate) fn wait(mut self) -> (ExitStatus, Vec<String>) {
        let rest = self.log.iter().collect();
        (self.child.wait().expect("an end"), rest)
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // A test that failed leaves nothing behind; one that has stopped it has nothing to kill.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A command without our own settings in its environment.
pub(crate) fn quiet(program: impl AsRef<Path>) -> Command {
    let mut command = Command::new(program.as_ref());
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("VESTIBULE_") {
            command.env_remove(name);
        }
    }
    command
}

/// The lines of a pipe, read as they come, so that the writer never waits for the test.
pub(crate) fn lines(pipe: impl Read + Send + 'static) -> Receiver<String> {
    let (sender, receiver) = sync_channel(LINES);
    thread::spawn(move || {
        for line in BufReader::new(pipe).lines().map_while(Result::ok) {
            if sender.send(line).is_err() {
                return;
            }
        }
    });
    receiver
}

/// What ./check installs; fails loudly if it is not there.
pub(crate) fn installed(path: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    assert!(path.exists(), "{} is missing: run ./check tools", path.display());
    path
}

/// A program of examples/, as cargo has built it beside this test.
pub(crate) fn example(name: &str) -> PathBuf {
    let binary = Path::new(env!("CARGO_BIN_EXE_vestibule"));
    let path = binary.parent().expect("a directory").join("examples").join(name);
    assert!(path.exists(), "{} is missing: run cargo build --examples", path.display());
    path
}
