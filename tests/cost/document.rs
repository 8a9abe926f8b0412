//! `docs/performance.md` shows the table of bounds.

use crate::bounds::{BOUNDS, Bound};
use std::{env, fs, path::Path};

const HEAD: &str = "| what | counted | at most | in |\n|---|---:|---:|---|\n";

fn table() -> String {
    let row = |Bound { what, unit, counted, most }: &Bound| {
        format!("| {what} | {} | {} | {unit} |\n", number(*counted), number(*most))
    };
    HEAD.to_owned() + &BOUNDS.iter().map(row).collect::<String>()
}

/// With commas between thousands.
fn number(value: f64) -> String {
    let text = value.to_string();
    let (whole, rest) = text.split_at(text.find('.').unwrap_or(text.len()));
    let mut groups: Vec<_> = whole.as_bytes().rchunks(3).map(String::from_utf8_lossy).collect();
    groups.reverse();
    groups.join(",") + rest
}

#[test]
fn numbers_are_grouped() {
    assert_eq!([0.065, 4.1, 999.0, 1_307.0].map(number), ["0.065", "4.1", "999", "1,307"]);
    assert_eq!(number(1_234_567.0), "1,234,567");
}

#[test]
fn the_document_is_the_table_of_bounds() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/performance.md");
    let text = fs::read_to_string(&path).expect("the document");
    let (before, rest) = text.split_once(HEAD).expect("the table in docs/performance.md");
    let (_, behind) = rest.split_once("\n\n").expect("text behind the table");
    let now = format!("{before}{}\n{behind}", table());
    if env::var_os("UPDATE_DOCS").is_some() {
        fs::write(&path, now).expect("the document");
        return;
    }
    let how = "UPDATE_DOCS=1 cargo test --test cost the_document_is_the_table";
    assert!(text == now, "docs/performance.md is behind the table of bounds; renew it: {how}");
}
