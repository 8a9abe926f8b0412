//! A server for one run: this very program, called again as `vestibule serve`.
//!
//! Being a process of its own, its memory can be told from the bots'.

use std::{
    collections::VecDeque,
    fs,
    io::{BufRead, BufReader, Read},
    process::{Child, Command, ExitCode, Stdio},
    sync::{Arc, Mutex, PoisonError, mpsc},
    thread,
    time::Duration,
};

/// How long the server may take until it listens.
const PATIENCE: Duration = Duration::from_secs(20);
/// Lines of its log that are kept, to be shown if it ends early.
const LINES: usize = 20;

/// What the process has in memory, in bytes.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Memory {
    /// Now.
    pub(crate) resident: u64,
    /// At the worst moment so far.
    pub(crate) highest: u64,
}

/// A running server, ended with this value.
#[derive(Debug)]
pub(crate) struct Server {
    child: Child,
    log: Arc<Mutex<VecDeque<String>>>,
    /// Where clients go.
    pub(crate) url: String,
    /// Where its metrics stand, `HOST:PORT`.
    pub(crate) admin: String,
}

/// Becomes the server if this program was called as `PROGRAM serve`.
pub(crate) fn asked_to_serve() -> Option<ExitCode> {
    let asked = std::env::args().nth(1).is_some_and(|word| word == "serve");
    asked.then(vestibule::cli::run)
}

impl Server {
    /// Starts one with the defaults of `vestibule serve`, open rooms and this secret, on ports of
    /// the system's choice; the secret opens its metrics, too.
    pub(crate) fn start(secret: &str) -> Result<Self, String> {
        let fault = |why: std::io::Error| format!("the server does not start: {why}");
        let mut command = Command::new(std::env::current_exe().map_err(fault)?);
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("VESTIBULE_") {
                command.env_remove(name);
            }
        }
        let mut child = command
            .arg("serve")
            .env("VESTIBULE_LISTEN", "127.0.0.1:0")
            .env("VESTIBULE_ISSUER__0__NAME", "bots")
            .env("VESTIBULE_ISSUER__0__SECRET", secret)
            .env("VESTIBULE_ROOMS__DEFAULT", "open")
            .env("VESTIBULE_ADMIN__LISTEN", "127.0.0.1:0")
            .env("VESTIBULE_ADMIN__KEY", secret)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(fault)?;
        let log = Arc::new(Mutex::new(VecDeque::new()));
        let (tell, told) = mpsc::sync_channel(1);
        if let Some(pipe) = child.stderr.take() {
            let log = Arc::clone(&log);
            thread::spawn(move || follow(pipe, &log, &tell));
        }
        let mut server = Self { child, log, url: String::new(), admin: String::new() };
        let (addr, admin) = told.recv_timeout(PATIENCE).map_err(|_| {
            format!("the server does not listen; it said:\n{}", server.last_words())
        })?;
        (server.url, server.admin) = (format!("ws://{addr}/ws"), admin);
        Ok(server)
    }

    /// What it has in memory, as the system counts it; zeros where the system does not tell.
    pub(crate) fn memory(&self) -> Memory {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id()));
        parse(&status.unwrap_or_default())
    }

    /// Whether it is still there.
    pub(crate) fn is_alive(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// The end of its log.
    pub(crate) fn last_words(&self) -> String {
        let lines = self.log.lock().unwrap_or_else(PoisonError::into_inner);
        lines.iter().map(|line| format!("  {line}\n")).collect()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Reads the log to its end, so that the server never waits for a reader.
fn follow(
    pipe: impl Read,
    log: &Mutex<VecDeque<String>>,
    tell: &mpsc::SyncSender<(String, String)>,
) {
    for line in BufReader::new(pipe).lines().map_while(Result::ok) {
        let entry: serde_json::Value = serde_json::from_str(&line).unwrap_or_default();
        let word = |name: &str| entry.get(name).and_then(|value| value.as_str()).map(str::to_owned);
        if word("message").as_deref() == Some("listening") {
            // Nobody listens any more: the run is over.
            let _ = tell
                .try_send((word("addr").unwrap_or_default(), word("admin").unwrap_or_default()));
        }
        let mut lines = log.lock().unwrap_or_else(PoisonError::into_inner);
        if lines.len() >= LINES {
            lines.pop_front();
        }
        lines.push_back(line);
    }
}

/// `VmRSS` and `VmHWM` of Linux's `/proc/PID/status`.
fn parse(status: &str) -> Memory {
    let bytes = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name))?;
        let kib: u64 = line.split_whitespace().nth(1)?.parse().ok()?;
        Some(kib * 1024)
    };
    Memory {
        resident: bytes("VmRSS").unwrap_or_default(),
        highest: bytes("VmHWM").unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_read_from_the_status() {
        let memory = parse("Name:\tx\nVmHWM:\t    2048 kB\nVmRSS:\t    1024 kB\n");
        assert_eq!((memory.resident, memory.highest), (1024 * 1024, 2 * 1024 * 1024));
        assert_eq!(parse("").resident, 0);
    }
}
