//! docs/tokens.md by its word: its configurations, commands, tokens, and what it says is refused.

use crate::{Dir, PUBLIC, SECRET, command, run};
use std::{fs, path::Path};
use vestibule::{
    protocol::time::Wall,
    token::{ClaimFault, IssuerRules, Rejection, claims},
};

/// When the tokens of the page were made.
const MADE: Wall = Wall::from_ms(1_767_225_600_000);

fn page() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/tokens.md");
    fs::read_to_string(path).unwrap()
}

/// The blocks of code in a language, without the indent of a list.
fn blocks(language: &str) -> Vec<String> {
    let page = page();
    let fences = page.split("```").skip(1).step_by(2);
    let blocks = fences.filter_map(|fence| fence.strip_prefix(language)?.strip_prefix('\n'));
    let undent = |block: &str| {
        let indent = block.len() - block.trim_start().len();
        block.lines().map(|line| format!("{}\n", line.get(indent..).unwrap_or(""))).collect()
    };
    blocks.map(undent).collect()
}

/// A directory with the files that the page names.
fn visitor(test: &str) -> Dir {
    let dir = Dir::new(test);
    dir.file("secret", SECRET);
    dir.file("secret.old", "another-secret-another-secret-another");
    dir.file("public.pem", PUBLIC);
    dir
}

fn whole(configuration: &str) -> String {
    let rooms = if configuration.contains("rooms.rule") { "" } else { "rooms.default = 'open'\n" };
    format!("{rooms}{configuration}")
}

#[test]
fn every_configuration_of_the_page_is_good() {
    let dir = visitor("page");
    let all = blocks("toml");
    assert!(all.len() > 10, "only {} were found: the search is broken", all.len());
    for block in all {
        let config = dir.file("v.toml", &whole(&block));
        let (code, _, err) = run(&["config", "check", "--config", &config], &[], "");
        assert_eq!(code, 0, "{err}\n{block}");
        // Cognito has no `aud` in its access tokens, and the page says so.
        let expected = if block.contains("cognito") { 1 } else { 0 };
        assert_eq!(err.matches("warning: ").count(), expected, "{err}\n{block}");
    }
}

#[test]
fn the_commands_of_the_page_work() {
    let dir = visitor("commands");
    dir.file("vestibule.toml", &whole(&blocks("toml")[0]));
    let scripts = blocks("sh");
    assert!(scripts.len() > 1, "{scripts:?}");
    let binary = Path::new(env!("CARGO_BIN_EXE_vestibule")).parent().unwrap().display().to_string();
    for script in scripts {
        let mut shell = std::process::Command::new("sh");
        shell.args(["-e", "-c", &script]).current_dir(dir.path());
        for (name, _) in command(&[], &[]).get_envs() {
            shell.env_remove(name);
        }
        let path = std::env::var("PATH").unwrap();
        let output = shell.env("PATH", format!("{binary}:{path}")).output().unwrap();
        let err = String::from_utf8(output.stderr).unwrap();
        let refused = err.contains("a server would refuse");
        assert!(output.status.success() && !refused, "{script}: {err}");
    }
}

#[test]
fn the_tokens_of_the_page_are_what_it_says() {
    let rules = IssuerRules {
        iss: Some("https://app.example".into()),
        aud: vec!["chat".into()],
        ..IssuerRules::default()
    };
    let tokens = blocks("json");
    let [plain, granted, room] = tokens.as_slice() else { panic!("{tokens:?}") };
    assert_eq!(&*claims::judge(plain, &rules, MADE, 0).unwrap().identity.user, "alice");
    let login = claims::judge(granted, &rules, MADE, 0).unwrap();
    assert_eq!(login.quotas.messages_per_s, Some(2));
    assert!(login.info.is_some());
    assert_eq!(
        claims::judge(room, &rules, MADE, 0).unwrap_err(),
        Rejection::Claim(ClaimFault::RoomToken)
    );
    assert_eq!(claims::judge_pass(room, &rules, MADE).unwrap().room.as_str(), "team:red");
    assert!(claims::judge_pass(plain, &rules, MADE).is_err());
}

#[test]
fn what_it_quotes_is_what_is_said() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/token/rejection/words.rs");
    let source = fs::read_to_string(path).unwrap();
    // A text goes on after a `\` at the end of a line.
    let said: Vec<_> = source.split("\\\n").map(str::trim_start).collect();
    let said = said.concat();
    let page = page();
    let (_, table) = page.split_once("| what | in words |").unwrap();
    let rows: Vec<_> = table.lines().skip(2).take_while(|line| line.starts_with('|')).collect();
    assert!(rows.len() > 12, "only {} were found: the search is broken", rows.len());
    for row in rows {
        let quoted = row.split('|').nth(2).unwrap().trim().trim_matches('`');
        assert!(said.contains(quoted), "nothing says {quoted:?}");
    }
}
