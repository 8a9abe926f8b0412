//! Instructions of the program as it is released, counted by Valgrind's simulated processor.

use crate::programs::{Program, quiet};
use std::{
    env, fs,
    path::{Path, PathBuf},
    process::{self, Command},
};

/// Builds what is counted, as `./check cost` has done already; where it is.
pub(crate) fn release() -> PathBuf {
    let done = Command::new(env!("CARGO"))
        .args(["build", "--locked", "--release", "--bin", "vestibule", "--example", "steps"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .status();
    assert!(done.expect("cargo").success());
    let debug = Path::new(env!("CARGO_BIN_EXE_vestibule")).parent().expect("a folder");
    debug.parent().expect("the folder of all profiles").join("release")
}

/// The version of the compiler, as in `1.95.0`.
pub(crate) fn compiler() -> String {
    let said = Command::new("rustc").arg("--version").output().expect("rustc").stdout;
    let said = String::from_utf8(said).expect("text");
    said.split_whitespace().nth(1).expect("a version").to_owned()
}

/// Instructions of the function `counted` in `program`, which is told to take one `step`.
pub(crate) fn of_step(program: &Path, step: &str) -> u64 {
    let table = table(step);
    let done = valgrind(&table, &["--toggle-collect=*::counted*"]).arg(program).arg(step).status();
    assert!(done.expect("valgrind is missing: run ./check cost").success());
    total(&table)
}

/// A server whose instructions are counted while that is switched on.
pub(crate) struct Server {
    pub(crate) program: Program,
    table: PathBuf,
}

impl Server {
    pub(crate) fn serve(program: &Path, settings: &[(&str, &str)]) -> Self {
        let table = table("serve");
        let mut command = valgrind(&table, &["--instr-atstart=no"]);
        command.arg(program);
        Self { program: Program::serve_by(command, settings), table }
    }

    /// Counts from now on, or no longer.
    pub(crate) fn count(&self, on: bool) {
        let switch = if on { "--instr=on" } else { "--instr=off" };
        let done =
            quiet("callgrind_control").arg(switch).arg(self.program.id().to_string()).output();
        let done = done.expect("callgrind_control comes with Valgrind");
        assert!(done.status.success(), "{done:?}");
    }

    /// Ends it; what was counted.
    pub(crate) fn stop(self) -> u64 {
        let (status, _) = self.program.stop();
        assert!(status.success(), "{status}");
        total(&self.table)
    }
}

fn table(name: &str) -> PathBuf {
    let name = format!("callgrind-{}-{name}", process::id());
    PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name)
}

/// Valgrind with `options`; the program comes next.
fn valgrind(table: &Path, options: &[&str]) -> Command {
    let mut command = quiet("valgrind");
    let out = format!("--callgrind-out-file={}", table.display());
    command.args(["--quiet", "--tool=callgrind", &out]).args(options);
    command
}

fn total(table: &Path) -> u64 {
    let text = fs::read_to_string(table).expect("the table of Valgrind");
    fs::remove_file(table).expect("the table of Valgrind");
    let total = text.lines().find_map(|line| line.strip_prefix("totals: "));
    total.and_then(|total| total.trim().parse().ok()).expect("a total")
}
