//! Notes what a build is made of, for `vestibule --version`. It never fails: what it does not find
//! out stays unsaid.

use std::{env, fs, path::Path, process::Command};

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-env-changed=VESTIBULE_COMMIT");
    tell("TARGET", env::var("TARGET").ok());
    tell("PROFILE", env::var("PROFILE").ok());
    tell("RUSTC", env::var_os("RUSTC").and_then(|rustc| output(Command::new(rustc).arg("-V"))));
    let given = env::var("VESTIBULE_COMMIT").ok().filter(|commit| !commit.is_empty());
    // In development every commit would build the crate anew, to say what nobody asks.
    let release = env::var("PROFILE").is_ok_and(|profile| profile == "release");
    tell("COMMIT", given.or_else(|| release.then(commit).flatten()));
}

fn tell(name: &str, value: Option<String>) {
    if let Some(value) = value {
        println!("cargo::rustc-env=VESTIBULE_BUILD_{name}={}", value.trim());
    }
}

/// The commit of the checkout, or the one that a package from a registry was made from.
fn commit() -> Option<String> {
    if Path::new(".git").exists() {
        let git = |args: &[&str]| output(Command::new("git").args(args));
        for name in ["HEAD", "index"] {
            if let Some(path) = git(&["rev-parse", "--git-path", name]) {
                println!("cargo::rerun-if-changed={}", path.trim());
            }
        }
        let commit = git(&["rev-parse", "--short=12", "HEAD"])?.trim().to_owned();
        // A status that refreshes the index would have every build run this script again.
        let status = ["--no-optional-locks", "status", "--porcelain", "--untracked-files=no"];
        let clean = git(&status)?.trim().is_empty();
        return Some(if clean { commit } else { format!("{commit}, changed") });
    }
    // {"git":{"sha1":"..."}}, written by `cargo package`.
    let info = fs::read_to_string(".cargo_vcs_info.json").ok()?;
    let (_, rest) = info.split_once("\"sha1\"")?;
    rest.split('"').nth(1).map(|sha1| sha1.chars().take(12).collect())
}

fn output(command: &mut Command) -> Option<String> {
    let output = command.output().ok()?;
    output.status.success().then(|| String::from_utf8(output.stdout).ok()).flatten()
}
