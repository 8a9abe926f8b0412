//! `vestibule config`, against files as people write them.

use crate::{Dir, SECRET, run};
use std::{fs, process::Command};

#[test]
fn a_good_configuration_is_called_good_and_warned_about() {
    let dir = Dir::new("good");
    let config = dir
        .file("v.toml", &format!("[rooms]\ndefault = 'open'\n[[issuer]]\nsecret = '{SECRET}'\n"));
    let (code, out, err) = run(&["config", "check", "--config", &config], &[], "");
    assert_eq!(
        (code, out),
        (0, format!("good: the server would start with {config}, with 2 warnings\n"))
    );
    assert_eq!(err.lines().count(), 2);
    assert!(err.starts_with("warning: issuer \"default\": the `iss` of tokens is not"), "{err}");
    let environment = [("VESTIBULE_ISSUER__0__ISS", "a"), ("VESTIBULE_ISSUER__0__AUD__0", "b")];
    let (code, out, err) = run(&["config", "check", "--config", &config], &environment, "");
    assert_eq!((code, err.as_str()), (0, ""));
    assert!(out.ends_with("v.toml\n"), "{out}");
}

#[test]
fn whatever_is_wrong_is_said_with_its_place() {
    let dir = Dir::new("wrong");
    dir.file("short", "sesame\n");
    let config = dir.file(
        "v.toml",
        "lisen = '127.0.0.1:0'\nworkers = 1000\n[rooms]\ndefault = 'opne'\n[[issuer]]\n\
         secret = 'base64:***'\n",
    );
    let (code, out, err) =
        run(&["config", "check", "--config", &config], &[("VESTIBULE_LIMITS__BRUST", "1")], "");
    assert_eq!((code, out.as_str()), (2, ""));
    let lines: Vec<_> = err.lines().map(|line| line.replace(&config, "v.toml")).collect();
    assert_eq!(
        lines,
        [
            "warning: VESTIBULE_LIMITS__BRUST is no setting; did you mean VESTIBULE_LIMITS__BURST?; \
             it is ignored",
            "v.toml:1: lisen: unknown key; did you mean `listen`?",
            "v.toml:2: workers: 1000 is out of range: 0 to 256 (threads)",
            "v.toml:4: rooms.default: \"opne\" is none of \"open\", \"granted\"",
            "v.toml:6: issuer.0.secret: what follows `base64:` is no base64 (RFC 4648 section 4)",
            "4 wrong; the server would not start",
        ]
    );
    // The key itself is looked at, as `serve` would.
    let short = dir.file("s.toml", "rooms.default = 'open'\n[[issuer]]\nsecret_file = 'short'\n");
    let (code, _, err) = run(&["config", "check", "--config", &short], &[], "");
    assert_eq!(code, 2);
    assert!(err.contains("s.toml:3: the secret has 6 bytes and HS256 takes 32 or more"), "{err}");
    assert!(!err.contains("sesame"), "{err}");
}

#[test]
fn a_file_that_was_not_named_is_pointed_out() {
    let dir = Dir::new("unnamed");
    dir.file("vestibule.toml", "");
    for args in [&["config", "check"][..], &["serve"]] {
        let mut command = crate::command(args, &[]);
        let output = command.current_dir(dir.path()).output().unwrap();
        assert_eq!(output.status.code(), Some(2));
        let err = String::from_utf8(output.stderr).unwrap();
        assert!(err.contains("did you mean --config vestibule.toml?"), "{err}");
    }
}

#[test]
fn the_template_is_good_as_soon_as_there_is_a_secret() {
    let dir = Dir::new("template");
    let (code, text, err) = run(&["config", "default"], &[], "");
    assert_eq!((code, err.as_str()), (0, ""));
    let config = dir.file("v.toml", &text);
    let (code, _, err) = run(&["config", "check", "--config", &config], &[], "");
    assert_eq!(code, 2);
    assert!(err.contains("issuer.0.secret_file: cannot read"), "{err}");
    let keygen = |dir: &Dir| {
        let mut command: Command = crate::command(&["keygen"], &[]);
        command.current_dir(dir.path()).output().unwrap()
    };
    assert!(keygen(&dir).status.success());
    let (code, out, err) = run(&["config", "check", "--config", &config], &[], "");
    assert_eq!(code, 0, "{err}");
    assert!(out.starts_with("good: "), "{out}");
}

#[test]
fn the_reference_is_the_document() {
    let (code, out, _) = run(&["config", "reference"], &[], "");
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/configuration.md");
    assert!(code == 0 && out == fs::read_to_string(path).unwrap(), "another text than {path}");
}
