//! What the program says about itself: version, completions, manual pages, the log of a terminal.

use crate::{Dir, command, run};
use std::{
    collections::BTreeSet,
    fs,
    io::{BufRead, BufReader},
};

#[test]
fn the_version_says_what_it_is_made_of() {
    let (_, short, _) = run(&["-V"], &[], "");
    assert_eq!(short, concat!("vestibule ", env!("CARGO_PKG_VERSION"), "\n"));
    let (_, long, _) = run(&["--version"], &[], "");
    assert!(long.starts_with(&short), "{long}");
    let facts: BTreeSet<_> =
        long.lines().skip(1).filter_map(|line| Some(line.split_once(':')?.0)).collect();
    assert_eq!(facts, BTreeSet::from(["commit", "features", "profile", "rustc", "target"]));
    for known in ["target:   not known", "rustc:    not known", "profile:  not known"] {
        assert!(!long.contains(known), "{long}");
    }
}

#[test]
fn shells_get_their_completions() {
    for (shell, text) in
        [("bash", "complete -F"), ("zsh", "#compdef vestibule"), ("fish", "complete -c vestibule")]
    {
        let (code, out, err) = run(&["completions", shell], &[], "");
        assert_eq!((code, err.as_str()), (0, ""));
        assert!(out.contains(text) && out.contains("keygen"), "{shell}");
    }
    assert_eq!(run(&["completions", "cmd.exe"], &[], "").0, 2);
}

#[test]
fn every_command_has_a_manual_page() {
    let dir = Dir::new("man");
    let folder = dir.path().to_str().unwrap();
    let (code, out, err) = run(&["man", "--out", folder], &[], "");
    assert_eq!((code, out.as_str(), err.as_str()), (0, "", ""));
    let pages: BTreeSet<String> = fs::read_dir(dir.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    for name in ["vestibule.1", "vestibule-serve.1", "vestibule-token-mint.1", "vestibule-man.1"] {
        assert!(pages.contains(name), "{pages:?}");
    }
    let page = fs::read_to_string(dir.path().join("vestibule-token-mint.1")).unwrap();
    let (code, out, _) = run(&["man", "token", "mint"], &[], "");
    assert_eq!((code, out), (0, page.clone()));
    assert!(page.contains(".SH NOTES\n.nf\n") && page.contains(".fi\n.SH "), "{page}");
    let (code, _, err) = run(&["man", "token", "burn"], &[], "");
    assert_eq!(code, 2);
    assert!(err.contains("vestibule-token has no command burn"), "{err}");
}

#[test]
fn every_help_names_the_exit_codes_or_leads_to_them() {
    for args in [
        &["--help"][..],
        &["connect", "--help"],
        &["token", "check", "--help"],
        &["config", "check", "--help"],
    ] {
        let (_, out, _) = run(args, &[], "");
        assert!(out.contains("Exit codes: 0 "), "{args:?}: {out}");
    }
}

#[test]
fn the_log_for_eyes_is_short() {
    let args = ["dev", "--listen", "127.0.0.1:0", "--log-format", "text"];
    let mut child = command(&args, &[]).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stderr.take().unwrap()).read_line(&mut line).unwrap();
    child.kill().unwrap();
    child.wait().unwrap();
    let words: Vec<&str> = line.split_whitespace().collect();
    assert_eq!(words[1..3], ["INFO", "listening"], "{line}");
    assert!(words[0].parse::<f64>().is_ok_and(|seconds| seconds < 60.0), "{line}");
    assert!(words[3].starts_with("addr=127.0.0.1:"), "{line}");
}
