//! The system calls of another process, counted by `strace`.

use crate::programs::{lines, quiet};
use rustix::process::{Pid, Signal, kill_process};
use std::{
    collections::BTreeMap,
    fs,
    path::PathBuf,
    process::{self, Child, Stdio},
    sync::mpsc::Receiver,
};

/// Counts the calls of every thread of a process from [`attach`](Self::attach) to
/// [`detach`](Self::detach).
pub(crate) struct Strace {
    child: Child,
    said: Receiver<String>,
    table: PathBuf,
}

impl Strace {
    pub(crate) fn attach(process: u32) -> Self {
        let table = PathBuf::from(env!("CARGO_TARGET_TMPDIR"))
            .join(format!("strace-{}-{process}", process::id()));
        let mut child = quiet("strace")
            .args(["-f", "-c", "-U", "calls,name", "-o"])
            .arg(&table)
            .args(["-p", &process.to_string()])
            .stderr(Stdio::piped())
            .spawn()
            .expect("strace is missing: run ./check cost");
        let said = lines(child.stderr.take().expect("a pipe"));
        let strace = Self { child, said, table };
        let mut before = Vec::new();
        loop {
            let line = strace.said.recv_timeout(crate::programs::PATIENCE);
            let line = line.unwrap_or_else(|why| panic!("strace: {why}: {before:?}"));
            if line.contains(" attached") {
                return strace;
            }
            before.push(line);
        }
    }

    /// How often each call was made.
    pub(crate) fn detach(mut self) -> BTreeMap<String, u64> {
        kill_process(Pid::from_child(&self.child), Signal::INT).expect("strace runs");
        self.child.wait().expect("strace ends");
        let table = fs::read_to_string(&self.table).expect("the table of strace");
        fs::remove_file(&self.table).expect("the table of strace");
        let mut calls: BTreeMap<_, _> = table.lines().filter_map(row).collect();
        let total = calls.remove("total").unwrap_or_default();
        assert_eq!(total, calls.values().sum::<u64>(), "strace says: {table}");
        assert!(total > 0, "strace says: {table}");
        calls
    }
}

impl Drop for Strace {
    fn drop(&mut self) {
        // A test that failed leaves nothing behind; after `detach` there is nothing to kill.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A row of the table: a number and a name.
fn row(line: &str) -> Option<(String, u64)> {
    let (calls, name) = line.trim().split_once(char::is_whitespace)?;
    Some((name.trim().to_owned(), calls.parse().ok()?))
}
