//! The reference of the configuration as a document, made from the table of keys.

use super::{
    keys::{KEYS, Key, Shape, Unset},
    template::{EXPLAINED, entry, header},
};
use std::fmt::Write;

const HEAD: &str = "\
# Configuration

`vestibule serve --config FILE` reads one TOML file. Environment variables go over it, and flags go
over both. Whatever is wrong is reported at once, with file, line, key and the key that was
probably meant: `vestibule config check --config FILE` does only that. `vestibule config default`
prints a file to begin with. Unknown keys are refused; of the environment, names that begin with
`VESTIBULE_` and are no setting get a warning.

In the environment a list is set entry by entry, numbered from 0, as the names below show. In a
file each `[[issuer]]` begins one more issuer, up to 64, and each `[[rooms.rule]]` one more rule, up
to 255. [tokens.md](tokens.md) says what a token must look like and has recipes for issuers;
[keys.md](keys.md) says where keys come from and how long they count.

This document is made from the program's own table of keys: `vestibule config reference` prints it.
";

/// The reference in Markdown, as it stands in `docs/configuration.md`.
pub fn reference() -> String {
    let mut text = HEAD.to_owned();
    let mut table = None;
    for key in KEYS {
        let (place, _) = key.place();
        if table != Some(place) {
            table = Some(place);
            let title = if place.is_empty() {
                "At the top of the file".to_owned()
            } else {
                format!("`{}`", header(place))
            };
            push(&mut text, &format!("\n## {title}\n"));
            push(&mut text, "| key | takes | default | environment | meaning |");
            push(&mut text, "|---|---|---|---|---|");
        }
        push(&mut text, &row(key));
    }
    text
}

fn push(text: &mut String, line: &str) {
    // Writing to a String cannot fail.
    let _ = writeln!(text, "{line}");
}

fn row(key: &Key) -> String {
    let (_, name) = key.place();
    let cells = [
        format!("`{name}`"),
        takes(key),
        default(key),
        format!("`{}`", key.variable()),
        meaning(key),
    ];
    format!("| {} |", cells.map(|cell| cell.replace('|', "\\|")).join(" | "))
}

/// Type, unit and range.
fn takes(key: &Key) -> String {
    let one = match key.shape {
        Shape::Text => "string".to_owned(),
        Shape::Integer { least, most, unit } => format!("{least} to {most} {unit}"),
        Shape::Boolean => "`true` or `false`".to_owned(),
        Shape::Words(words) => {
            let words: Vec<_> = words.iter().map(|(word, _)| format!("`{word:?}`")).collect();
            words.join(", ")
        }
        Shape::Scalar => "string, whole number, `true` or `false`".to_owned(),
        Shape::Time => "moment (RFC 3339)".to_owned(),
    };
    if key.is_list() {
        let words = matches!(key.shape, Shape::Words(_));
        format!("list of {one}{}", if words { "" } else { "s" })
    } else if key.path.ends_with(".*") {
        format!("table; each value a {one}")
    } else {
        one
    }
}

fn default(key: &Key) -> String {
    match (key.default(), key.unset) {
        (Some(value), _) => format!("`{value}`"),
        (None, Unset::Nothing { means, .. }) => format!("none: {means}"),
        (None, _) => "none: must be chosen".to_owned(),
    }
}

fn meaning(key: &Key) -> String {
    let mut text = key.meaning.to_owned();
    if let Shape::Words(words) = key.shape
        && words.len() <= EXPLAINED
    {
        let words: Vec<_> =
            words.iter().map(|(word, meaning)| format!("`{word:?}`: {meaning}")).collect();
        let _ = write!(text, " {}.", words.join("; "));
    }
    match key.unset {
        Unset::Empty { example } => {
            let _ = write!(text, " For example `{}`.", entry(key, example));
        }
        Unset::Nothing { example, .. } if !matches!(key.shape, Shape::Words(_)) => {
            let _ = write!(text, " For example `{}`.", entry(key, example));
        }
        Unset::Number(_)
        | Unset::Text(_)
        | Unset::No
        | Unset::Nothing { .. }
        | Unset::Refused { .. } => {}
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{env, fs, path::Path};

    /// `UPDATE_DOCS=1 cargo test reference` writes it anew.
    #[test]
    fn the_document_is_the_table() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/configuration.md");
        let wanted = reference();
        if env::var_os("UPDATE_DOCS").is_some() {
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, &wanted).unwrap();
        }
        let found = fs::read_to_string(&path).unwrap_or_default();
        assert!(
            found == wanted,
            "docs/configuration.md is not what the table of keys says: write it anew with \
             UPDATE_DOCS=1 cargo test --lib the_document_is_the_table"
        );
    }

    #[test]
    fn every_key_has_a_row_and_every_row_its_five_cells() {
        let text = reference();
        let rows: Vec<_> = text.lines().filter(|line| line.starts_with("| `")).collect();
        assert_eq!(rows.len(), KEYS.len());
        for (row, key) in rows.iter().zip(KEYS) {
            assert_eq!(row.replace("\\|", "").matches('|').count(), 6, "{row}");
            assert!(row.contains(&format!("`{}`", key.variable())), "{row}");
        }
    }
}
