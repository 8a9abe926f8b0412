//! The Dockerfile, as far as it can be judged without Docker: what it copies is there and is
//! enough, and what it runs works.

use crate::files::{Dir, read, said, starts};
use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

/// The instructions by name, comments left out.
fn instructions(name: &str) -> Vec<String> {
    let text = read("Dockerfile");
    let found = text.lines().filter_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    found.map(str::to_owned).collect()
}

/// What is copied from the repository in the first stage, and in all.
fn copied() -> (Vec<String>, Vec<String>) {
    let text = read("Dockerfile");
    let mut stages = text.split("\nFROM ").skip(1).map(|stage| {
        let copies = stage.lines().filter_map(|line| line.strip_prefix("COPY "));
        let from_here = copies.filter(|copy| !copy.starts_with("--from="));
        let sources = from_here.flat_map(|copy| {
            let mut words: Vec<_> = copy.split(' ').map(str::to_owned).collect();
            words.pop();
            words
        });
        sources.collect::<Vec<_>>()
    });
    let first = stages.next().expect("a stage that builds");
    let all = first.iter().cloned().chain(stages.flatten()).collect();
    (first, all)
}

fn copy(from: &Path, to: &Path) {
    if from.is_dir() {
        fs::create_dir_all(to).expect("a directory");
        for entry in fs::read_dir(from).expect("a directory") {
            let entry = entry.expect("an entry");
            if entry.file_name() != "node_modules" {
                copy(&entry.path(), &to.join(entry.file_name()));
            }
        }
    } else {
        fs::copy(from, to).expect("a file");
    }
}

#[test]
fn deploy_image_is_sent_what_it_copies_and_nothing_else() {
    let ignore = read(".dockerignore");
    let mut rules = ignore.lines().filter(|line| !line.starts_with('#'));
    assert_eq!(rules.next(), Some("*"), "everything is ignored first");
    let sent: BTreeSet<_> = rules.filter_map(|rule| rule.strip_prefix('!')).collect();
    let (_, copied) = copied();
    assert_eq!(sent, copied.iter().map(String::as_str).collect());
    for path in sent {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
        assert!(path.exists(), "{} is copied", path.display());
    }
}

#[test]
fn deploy_image_has_all_that_the_build_reads() {
    assert_eq!(instructions("RUN"), ["cargo build --release --locked --bin vestibule"]);
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let dir = Dir::new();
    let there = Path::new(dir.path());
    for path in copied().0 {
        copy(&root.join(&path), &there.join(&path));
    }
    // Only what this platform needs has been downloaded.
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--offline", "--locked", "--format-version=1", "--filter-platform"])
        .arg(host())
        .current_dir(there)
        .output()
        .expect("cargo");
    assert!(output.status.success(), "{}", said(&output));
    let metadata: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert!(metadata.to_string().contains(r#""kind":["bin"],"name":"vestibule""#));
    let mut seen = 0;
    for file in included(&there.join("src")) {
        seen += 1;
        assert!(file.exists(), "{} is included and not copied", file.display());
    }
    assert!(seen > 1, "only {seen} included files were found: the search is broken");
}

/// The platform that the compiler runs on.
fn host() -> String {
    let output = Command::new("rustc").arg("-vV").output().expect("rustc");
    let text = String::from_utf8(output.stdout).expect("text");
    let host = text.lines().find_map(|line| line.strip_prefix("host: "));
    host.expect("a host").to_owned()
}

/// The files that the sources under `directory` include at compile time.
fn included(directory: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory).expect("a directory") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            found.extend(included(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = fs::read_to_string(&path).expect("UTF-8");
            let names = ["include_str!(\"", "include_bytes!(\""]
                .into_iter()
                .flat_map(|call| text.split(call).skip(1))
                .filter_map(|rest| rest.split('"').next());
            found.extend(names.map(|name| directory.join(name)));
        }
    }
    found
}

#[test]
fn deploy_image_starts_the_server() {
    let built = "/src/target/release/vestibule /usr/local/bin/vestibule";
    assert!(instructions("COPY").contains(&format!("--from=build {built}")));
    assert_eq!(instructions("ENTRYPOINT"), [r#"["/usr/local/bin/vestibule"]"#]);
    let command: Vec<String> =
        serde_json::from_str(&instructions("CMD")[0]).expect("a list of words");
    let environment = instructions("ENV").into_iter();
    let environment: Vec<_> = environment
        .filter_map(|it| it.split_once('=').map(|(name, value)| (name.into(), value.into())))
        .collect();
    starts(&command.join(" "), &environment);
    let user = &instructions("USER")[0];
    assert!(!user.starts_with("0") && !user.contains("root"), "{user}");
    let port = environment.iter().find(|(name, _)| name == "VESTIBULE_LISTEN").expect("a port");
    assert_eq!(instructions("EXPOSE"), [port.1.rsplit(':').next().expect("a port")]);
}
