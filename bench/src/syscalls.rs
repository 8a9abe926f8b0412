//! Counts the system calls of a process tree, from outside: by tracepoints, or else by strace.

use rustix::process::{Pid, Signal, kill_process};
use std::{
    io::{self, Read},
    process::{Child, Command, Stdio},
    thread,
    time::Duration,
};

/// How long a tracer takes until it counts; what it counts must be quiet until then.
const ATTACH: Duration = Duration::from_millis(700);

/// A tracer at work.
#[derive(Debug)]
pub struct Tracer {
    child: Child,
    tool: Tool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Tool {
    Perf,
    Strace,
}

impl Tracer {
    /// Begins to count what a process and its threads do; `None` if nothing here can.
    #[must_use]
    pub fn attach(pid: u32) -> Option<Self> {
        [Tool::Perf, Tool::Strace].into_iter().find_map(|tool| {
            let mut child = tool.command(pid).stdin(Stdio::null()).spawn().ok()?;
            thread::sleep(ATTACH);
            match child.try_wait() {
                Ok(None) => Some(Self { child, tool }),
                Ok(Some(_)) | Err(_) => None,
            }
        })
    }

    /// Ends the count and says it.
    ///
    /// # Errors
    /// The tracer says nothing that can be read.
    pub fn finish(mut self) -> io::Result<u64> {
        if let Some(pid) = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw) {
            kill_process(pid, Signal::INT)?;
        }
        let mut text = String::new();
        if let Some(mut said) = self.child.stderr.take() {
            said.read_to_string(&mut text)?;
        }
        self.child.wait()?;
        let count = match self.tool {
            Tool::Perf => perf_count(&text),
            Tool::Strace => strace_count(&text),
        };
        count.ok_or_else(|| io::Error::other(format!("{:?} said nothing of use", self.tool)))
    }
}

impl Tool {
    fn command(self, pid: u32) -> Command {
        let pid = pid.to_string();
        let mut command = match self {
            Self::Perf => Command::new("perf"),
            Self::Strace => Command::new("strace"),
        };
        match self {
            Self::Perf => {
                command.args(["stat", "-x", ",", "-e", "raw_syscalls:sys_enter", "-p", &pid]);
            }
            Self::Strace => {
                command.args(["-c", "-f", "-q", "-p", &pid]);
            }
        }
        command.stdout(Stdio::null()).stderr(Stdio::piped());
        command
    }
}

/// `109,,raw_syscalls:sys_enter,...`
fn perf_count(text: &str) -> Option<u64> {
    text.lines().find(|line| line.contains("sys_enter"))?.split(',').next()?.parse().ok()
}

/// `100.00    0.000123           1       109         2 total`
fn strace_count(text: &str) -> Option<u64> {
    let line = text.lines().find(|line| line.trim_end().ends_with("total"))?;
    line.split_whitespace().nth(3)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_read() {
        let perf = "109,,raw_syscalls:sys_enter,2235000,100.00,,\n";
        assert_eq!(perf_count(perf), Some(109));
        assert_eq!(perf_count("<not counted>,,raw_syscalls:sys_enter,0,0.00,,"), None);
        let strace = "% time     seconds  usecs/call     calls    errors syscall\n\
            100.00    0.000123           1       109         2 total\n";
        assert_eq!(strace_count(strace), Some(109));
    }
}
