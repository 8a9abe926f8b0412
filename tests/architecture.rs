//! The structure of the crate, held by reading its source: import order, sizes, headers, modules,
//! vendor crates, and what a new message costs.
#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "a test fails by panicking, with the place in its message"
)]

mod source;

use source::File;
use std::{collections::BTreeSet, process::Command};

/// The rows of the house, from the ground up. A row imports only rows below it; modules of one
/// row do not know each other.
const ROWS: [&[&str]; 9] = [
    &["protocol", "fetch"],
    &["credential"],
    &["session", "token", "outbox", "metrics", "config"],
    &["gate", "directory", "room", "broker", "ticket"],
    &["relay"],
    &["connection"],
    &["worker"],
    &["server"],
    &["cli"],
];

/// Modules beside the house: what each may import. The command line may import `client`.
const BESIDE: [(&str, &[&str]); 2] = [("client", &["protocol"]), ("main", &[])];

/// The most lines of a file, its tests not counted.
const FILE_LINES: usize = 400;

/// The most files of `src/` that name one type of message.
const FILES_OF_A_MESSAGE: usize = 5;

fn level(module: &str) -> Option<usize> {
    ROWS.iter().position(|row| row.contains(&module))
}

fn may_import(from: &str, to: &str) -> bool {
    if let Some((_, allowed)) = BESIDE.iter().find(|(name, _)| *name == from) {
        return allowed.contains(&to);
    }
    if from == "cli" && to == "client" {
        return true;
    }
    level(from).zip(level(to)).is_some_and(|(from, to)| to < from)
}

fn sources() -> impl Iterator<Item = File> {
    source::files().into_iter().filter(|file| !file.is_test)
}

#[test]
fn every_module_has_a_row() {
    for file in sources() {
        let Some(row) = file.row() else { continue };
        let known = level(row).is_some() || BESIDE.iter().any(|(name, _)| *name == row);
        assert!(known, "{}: `{row}` has no row in tests/architecture.rs", file.path);
    }
}

#[test]
fn imports_lead_downwards() {
    let mut seen = 0;
    for file in sources() {
        let Some(from) = file.row() else { continue };
        for to in roots(&file) {
            seen += 1;
            assert!(
                to == from || may_import(from, &to),
                "{}: `{from}` must not import `{to}`; rows from the ground up: {ROWS:?}",
                file.path
            );
        }
    }
    assert!(seen > 20, "only {seen} imports were found: the search is broken");
}

/// The modules below the crate's root that a file names, by `crate::` or by a long `super::`.
fn roots(file: &File) -> BTreeSet<String> {
    let up = "super::".repeat(file.module.len().max(1));
    let paths = ["crate::", &up].map(|path| file.code.split(path).skip(1).collect::<Vec<_>>());
    paths.into_iter().flatten().flat_map(first_names).collect()
}

/// `a` of `a::b`, and `a` and `c` of `{a::b, c::{d, e}}`.
fn first_names(path: &str) -> Vec<String> {
    let Some(group) = path.strip_prefix('{') else { return vec![name(path)] };
    let mut names = vec![name(group.trim_start())];
    let mut depth = 1;
    for (at, c) in group.char_indices() {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 1 => names.push(name(group[at + 1..].trim_start())),
            _ => {}
        }
        if depth == 0 {
            break;
        }
    }
    names.retain(|name| !name.is_empty());
    names
}

fn name(path: &str) -> String {
    path.chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect()
}

#[test]
fn first_names_are_found_in_every_form() {
    assert_eq!(first_names("a::b;"), ["a"]);
    assert_eq!(first_names("{a::{b, c}, d, e::f,\n};"), ["a", "d", "e"]);
    assert!(may_import("cli", "protocol") && may_import("client", "protocol"));
    assert!(may_import("cli", "client") && !may_import("server", "client"));
    assert!(!may_import("session", "token") && !may_import("token", "session"));
    assert!(!may_import("protocol", "session") && !may_import("client", "session"));
}

#[test]
fn the_root_hides_no_arrow() {
    for file in source::files() {
        let root = file.module.is_empty();
        for line in file.code.lines().map(str::trim) {
            let reexport = root && (line.starts_with("use ") || line.contains("pub use "));
            assert!(!reexport, "{}: the root names modules, nothing else: {line}", file.path);
            let shouts = line.starts_with("#[macro_export]") || line.starts_with("#[macro_use]");
            assert!(!shouts, "{}: a macro of the root has no arrow: {line}", file.path);
        }
        let main = file.path == "src/main.rs";
        assert!(main || !file.code.contains("vestibule::"), "{}: write `crate::`", file.path);
    }
}

#[test]
fn every_file_opens_with_what_it_is_for() {
    for file in source::files() {
        let first = file.text.lines().next().unwrap_or_default();
        let sentence = first.strip_prefix("//! ").is_some_and(|words| words.len() > 10);
        assert!(sentence, "{} opens with {first:?}, not with a `//!` sentence", file.path);
    }
}

#[test]
fn files_are_short() {
    for file in sources() {
        let File { path, lines, .. } = &file;
        assert!(*lines <= FILE_LINES, "{path} has {lines} lines without tests, over {FILE_LINES}");
    }
}

#[test]
fn every_file_is_a_module() {
    let files = source::files();
    for file in &files {
        let Some((name, parent)) = file.module.split_last() else { continue };
        if file.path == "src/main.rs" {
            continue;
        }
        let parent = files.iter().find(|it| it.module == parent);
        let declared = parent.is_some_and(|parent| source::declares(&parent.all_code, name));
        assert!(declared, "{} is declared by no `mod {name};`: nobody compiles it", file.path);
    }
}

#[test]
fn only_the_edge_names_the_websocket_crate() {
    let edge = ["src/connection/", "src/server/http/", "src/client/"];
    let users = sources().filter(|file| file.code.contains("tungstenite"));
    for file in users {
        let allowed = edge.iter().any(|folder| file.path.starts_with(folder));
        assert!(allowed, "{} names tungstenite; only {edge:?} may", file.path);
    }
}

#[test]
fn only_the_verifier_names_the_jwt_crate() {
    for file in sources().filter(|file| file.code.contains("jsonwebtoken")) {
        assert!(file.path.starts_with("src/token/"), "{} names jsonwebtoken", file.path);
    }
}

#[test]
fn only_the_client_of_documents_names_tls() {
    for file in sources().filter(|file| file.code.contains("rustls")) {
        assert!(file.path.starts_with("src/fetch/"), "{} names rustls", file.path);
    }
}

#[test]
fn the_core_touches_neither_the_world_nor_the_clock() {
    let forbidden = [
        "std::fs",
        "std::io",
        "std::net",
        "std::process",
        "std::thread",
        "std::time",
        "std::env",
        "tokio",
        "getrandom",
        "tracing",
        "parking_lot",
        "dashmap",
    ];
    let core = ["protocol", "session"];
    for file in sources().filter(|file| file.row().is_some_and(|row| core.contains(&row))) {
        for word in forbidden {
            assert!(!file.code.contains(word), "{} names {word}", file.path);
        }
    }
}

#[test]
fn the_core_depends_on_nothing_of_the_shell() {
    let tree = Command::new(env!("CARGO"))
        .args(["tree", "--offline", "--no-default-features", "--edges", "normal"])
        .args(["--prefix", "none", "--format", "{lib}"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("cargo runs");
    let said = String::from_utf8_lossy(&tree.stderr);
    assert!(tree.status.success(), "cargo tree: {said}");
    let tree = String::from_utf8_lossy(&tree.stdout);
    let crates: BTreeSet<_> = tree.lines().map(str::trim).collect();
    assert!(crates.contains("vestibule") && crates.contains("serde_json"), "{crates:?}");
    for name in [
        "tokio",
        "mio",
        "socket2",
        "rustix",
        "rustls",
        "tungstenite",
        "tokio_tungstenite",
        "hyper",
        "jsonwebtoken",
        "aws_lc_rs",
        "getrandom",
        "dashmap",
        "parking_lot",
        "tracing",
        "libc",
    ] {
        assert!(!crates.contains(name), "the core depends on {name}: {crates:?}");
    }
}

/// The files that know every type of message, and so are touched by a new one. One more says it
/// (a part of the session), or does what it asks.
const KNOW_SERVER_MESSAGES: [&str; 4] = [
    "src/client/reconnecting.rs",
    "src/protocol/server_message.rs",
    "src/protocol/server_message/decode.rs",
    "src/protocol/server_message/encode.rs",
];
const KNOW_CLIENT_MESSAGES: [&str; 3] =
    ["src/protocol/client_message.rs", "src/session/entry.rs", "src/session/requests.rs"];

#[test]
fn a_message_type_touches_few_files() {
    let server = [
        ("auth_ok", "AuthOk"),
        ("auth_expiring", "AuthExpiring"),
        ("joined", "Joined"),
        ("left", "Left"),
        ("ack", "Ack"),
        ("message", "Message"),
        ("ping", "Ping"),
        ("pong", "Pong"),
        ("reconnect", "Reconnect"),
    ];
    let client = [
        ("auth", "Auth"),
        ("join", "Join"),
        ("leave", "Leave"),
        ("message", "Message"),
        ("ping", "Ping"),
        ("pong", "Pong"),
        ("history", "History"),
        ("presence", "Presence"),
    ];
    assert_eq!(knowers(&server, &["ServerMessage", "Received", "Self"]), KNOW_SERVER_MESSAGES);
    assert_eq!(knowers(&client, &["Body", "Self"]), KNOW_CLIENT_MESSAGES);
    let price = 1 + KNOW_SERVER_MESSAGES.len().max(KNOW_CLIENT_MESSAGES.len());
    assert!(price <= FILES_OF_A_MESSAGE, "a new message touches {price} files");
}

/// The files that name all types but one or all, by their `type` or by their variant.
fn knowers(types: &[(&str, &str)], enums: &[&str]) -> Vec<String> {
    let knows = |file: &File| {
        let names = |kind: &str, variant: &str| {
            let path = |of: &&str| has_word(&file.code, &format!("{of}::{variant}"));
            file.literals.iter().any(|text| text == kind)
                || enums.iter().any(path)
                || file.code.contains(&format!("\n    {variant}"))
        };
        types.iter().filter(|(kind, variant)| !names(kind, variant)).count() <= 1
    };
    let mut paths: Vec<_> = sources().filter(knows).map(|file| file.path).collect();
    paths.sort();
    paths
}

fn has_word(code: &str, word: &str) -> bool {
    let ends = |at: usize| {
        let next = code[at + word.len()..].chars().next();
        next.is_none_or(|c| !c.is_ascii_alphanumeric() && c != '_')
    };
    code.match_indices(word).any(|(at, _)| ends(at))
}

/// The most lines of `ARCHITECTURE.md`: it is read in one sitting.
const MAP_LINES: usize = 200;

fn document(name: &str) -> String {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(name);
    std::fs::read_to_string(path).unwrap_or_else(|why| panic!("{name}: {why}"))
}

fn map() -> String {
    document("ARCHITECTURE.md")
}

#[test]
fn the_map_is_short_and_leads_somewhere() {
    let map = map();
    assert!(map.lines().count() <= MAP_LINES, "ARCHITECTURE.md is over {MAP_LINES} lines");
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    for path in map.split('`').skip(1).step_by(2) {
        let is_path = ["src/", "tests/", "examples/"].iter().any(|it| path.starts_with(it));
        assert!(!is_path || root.join(path).exists(), "ARCHITECTURE.md: there is no {path}");
    }
}

#[test]
fn the_map_shows_every_module_in_its_row() {
    let mut shown: BTreeSet<(String, String)> = BTreeSet::new();
    for line in map().lines().filter(|line| line.contains("| `src/")) {
        let cells: Vec<_> = line.split('|').map(str::trim).collect();
        let [_, row, module, _, _] = cells.as_slice() else { continue };
        let module = module.trim_matches('`').trim_start_matches("src/");
        let module = module.trim_end_matches('/').trim_end_matches(".rs");
        shown.insert(((*row).to_owned(), module.to_owned()));
    }
    let row = |module: &str| level(module).map_or("beside".to_owned(), |row| row.to_string());
    let modules: BTreeSet<_> = sources().filter_map(|file| file.row().map(str::to_owned)).collect();
    let modules: BTreeSet<_> = modules.into_iter().map(|module| (row(&module), module)).collect();
    assert_eq!(shown, modules);
}

#[test]
fn the_document_states_the_bounds_of_the_code() {
    let files = source::files();
    let mut bounds = 0;
    for line in document("docs/bounds.md").lines().filter(|line| line.contains("` in `src/")) {
        let cells: Vec<_> = line.split('|').map(str::trim).collect();
        let (name, path) = cells[2].split_once("` in `").expect("a name and a path");
        let (name, path) = (name.trim_matches('`'), path.trim_matches('`'));
        let file = files.iter().find(|file| file.path == path);
        let file = file.unwrap_or_else(|| panic!("docs/bounds.md: there is no {path}"));
        let value = source::constant(&file.code, name);
        assert_eq!(value.map(|n| n.to_string()).as_deref(), Some(cells[3]), "{name} in {path}");
        bounds += 1;
    }
    assert!(bounds > 10, "only {bounds} bounds were found: the search is broken");
}
