//! The reference of the metrics as a document, made from their table.

use super::{
    row::{Kind, Row, Unit},
    table::TABLE,
};
use std::fmt::Write;

const HEAD: &str = "\
# Metrics

With [`admin.listen`](configuration.md) set, `/metrics` on the admin listener answers in the text
format of Prometheus (0.0.4). [Deployment](deployment.md#watching) says how to scrape it and what to
watch.

Every value of every label is one of the words below: nothing that a client sends becomes a series,
so that their number stays the same whatever happens. Counters begin at 0 with the process. Times
are in seconds, sizes in bytes. Names that begin with `process_` are the ones that Prometheus'
own client libraries use.

This document is made from the program's own table of metrics.

| metric | kind | unit | labels | meaning |
|---|---|---|---|---|
";

/// The reference in Markdown, as it stands in `docs/metrics.md`.
pub fn reference() -> String {
    let mut text = HEAD.to_owned();
    for row in TABLE {
        let cells = [format!("`{}`", row.name), kind(row), unit(row), labels(row), row.help.into()];
        let cells = cells.map(|cell| cell.replace('|', "\\|"));
        // Writing to a String cannot fail.
        let _ = writeln!(text, "| {} |", cells.join(" | "));
    }
    text
}

fn kind(row: &Row) -> String {
    match row.kind {
        Kind::Counter => "counter",
        Kind::Gauge => "gauge",
        Kind::Histogram(_) => "histogram",
    }
    .to_owned()
}

fn unit(row: &Row) -> String {
    match row.unit {
        Unit::None => "",
        Unit::Bytes => "bytes",
        Unit::Millis | Unit::Micros => "seconds",
    }
    .to_owned()
}

fn labels(row: &Row) -> String {
    let Some(label) = row.label else { return String::new() };
    if label.name == "version" {
        return "`version`".to_owned();
    }
    let words: Vec<_> = label.words.iter().map(|word| format!("`{word}`")).collect();
    format!("`{}`: {}", label.name, words.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{env, fs, path::Path};

    /// `UPDATE_DOCS=1 cargo test the_metrics` writes it anew.
    #[test]
    fn the_metrics_document_is_the_table() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/metrics.md");
        let wanted = reference();
        if env::var_os("UPDATE_DOCS").is_some() {
            fs::write(&path, &wanted).unwrap();
        }
        let found = fs::read_to_string(&path).unwrap_or_default();
        assert!(
            found == wanted,
            "docs/metrics.md is not what the table of metrics says: write it anew with \
             UPDATE_DOCS=1 cargo test --lib the_metrics_document_is_the_table"
        );
    }
}
