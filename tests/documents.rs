//! What the documents point to is there: files, headings, requirements, steps of ./check.
#![expect(clippy::expect_used, reason = "a test fails by panicking, with the place in its message")]

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

/// Every document for people, by its path from the root.
fn documents() -> Vec<PathBuf> {
    let folders =
        ["", "docs", "deploy", "docs/guides", "docs/sources", "examples", "examples/identity"];
    let mut found: Vec<_> = folders
        .iter()
        .flat_map(|folder| fs::read_dir(root().join(folder)).expect("a folder"))
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "md"))
        .collect();
    found.sort();
    assert!(found.len() > 8, "only {found:?} were found: the search is broken");
    found
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|why| panic!("{}: {why}", path.display()))
}

/// The document without its blocks of code.
fn prose(path: &Path) -> String {
    read(path).split("```").step_by(2).collect()
}

/// The anchors that Markdown makes of the headings.
fn anchors(path: &Path) -> BTreeSet<String> {
    let text = prose(path);
    let titles = text.lines().filter_map(|line| line.strip_prefix('#'));
    let anchor = |title: &str| {
        let title = title.trim_start_matches('#').trim().to_lowercase();
        let kept = title.chars().filter(|c| c.is_alphanumeric() || " -_".contains(*c));
        kept.collect::<String>().replace(' ', "-")
    };
    titles.map(anchor).collect()
}

#[test]
fn links_lead_somewhere() {
    let mut seen = 0;
    for document in documents() {
        for link in prose(&document).split("](").skip(1) {
            let link = link.split(')').next().unwrap_or_default();
            if link.contains("://") {
                continue;
            }
            let (path, heading) = link.split_once('#').unwrap_or((link, ""));
            let folder = document.parent().expect("a folder");
            let target = if path.is_empty() { document.clone() } else { folder.join(path) };
            assert!(target.exists(), "{}: there is no {link}", document.display());
            let known = heading.is_empty() || anchors(&target).contains(heading);
            assert!(known, "{}: there is no heading {link}", document.display());
            seen += 1;
        }
    }
    assert!(seen > 40, "only {seen} links were found: the search is broken");
}

#[test]
fn files_that_are_named_are_there() {
    let folders = ["src/", "tests/", "deploy/", "docs/", "examples/"];
    let mut seen = 0;
    for document in documents() {
        for path in prose(&document).split('`').skip(1).step_by(2) {
            let plain = !path.contains([' ', '*', '\n']);
            if plain && folders.iter().any(|folder| path.starts_with(folder)) {
                assert!(root().join(path).exists(), "{}: there is no {path}", document.display());
                seen += 1;
            }
        }
    }
    assert!(seen > 60, "only {seen} files were found: the search is broken");
}

#[test]
fn requirements_that_are_named_are_in_the_protocol() {
    let protocol = read(&root().join("protocol.md"));
    let ids = protocol.lines().filter_map(|line| line.strip_prefix("- **")?.split("**").next());
    let ids: BTreeSet<_> = ids.collect();
    let families: BTreeSet<_> = ids.iter().filter_map(|id| id.split('-').next()).collect();
    let mut seen = 0;
    for document in documents() {
        let text = prose(&document);
        for word in text.split(|c: char| !c.is_ascii_alphanumeric() && c != '-') {
            if word.split_once('-').is_some_and(|(family, _)| families.contains(family)) {
                assert!(ids.contains(word), "{}: {word} is no requirement", document.display());
                seen += 1;
            }
        }
    }
    assert!(seen > 20, "only {seen} requirements were found: the search is broken");
}

#[test]
fn steps_of_the_check_that_are_named_exist() {
    let script = read(&root().join("check"));
    let mut seen = 0;
    for document in documents() {
        let text = read(&document);
        for call in text.split("./check ").skip(1) {
            let words = call.split(['`', '\n', '#', ':', ',', '.']).next().unwrap_or_default();
            let steps = words.split_whitespace().filter(|word| !word.starts_with('-'));
            for step in steps {
                let known = script.contains(&format!("step_{step}()"));
                assert!(known, "{}: no step of ./check is {step}", document.display());
                seen += 1;
            }
        }
    }
    assert!(seen > 3, "only {seen} steps were found: the search is broken");
}

/// Every source of credentials has a page, which shows how it is switched on and is linked.
#[test]
#[cfg(feature = "server")]
fn every_source_of_credentials_has_its_page() {
    let folder = root().join("docs/sources");
    let index = read(&folder.join("README.md"));
    for source in vestibule::credential::SOURCES {
        let page = read(&folder.join(format!("{}.md", source.name)));
        assert!(page.starts_with(&format!("# `{}`: ", source.name)), "{source:?}");
        assert!(page.contains(&format!("{} = \"", source.key)), "{source:?}");
        assert_eq!(
            page.contains("weaker than a first message in"),
            source.weakness.is_some(),
            "{source:?}"
        );
        let details = source.detail.iter().map(|detail| detail.key);
        for key in details {
            assert!(page.contains(&format!("{key} = \"")), "{source:?}: {key}");
        }
        let row = format!("| [`{0}`]({0}.md) |", source.name);
        assert!(index.contains(&row), "{source:?} has no row");
    }
    let pages = fs::read_dir(folder).expect("a folder").count();
    assert_eq!(pages, vestibule::credential::SOURCES.len() + 1);
}

/// The files that `tests/architecture.rs` allows to know every message are the steps of the guide.
#[test]
fn the_guide_names_the_files_of_a_message() {
    let rules = read(&root().join("tests/architecture.rs"));
    let guide = read(&root().join("CONTRIBUTING.md"));
    let (_, guide) = guide.split_once("## A new message type").expect("the guide");
    let mut seen = 0;
    for list in rules.split("const KNOW_").skip(1) {
        let list = list.split(";\n").next().unwrap_or_default();
        for path in list.split('"').skip(1).step_by(2) {
            assert!(guide.contains(&format!("`{path}`")), "CONTRIBUTING.md: {path} is missing");
            seen += 1;
        }
    }
    assert!(seen > 5, "only {seen} files were found: the search is broken");
}
