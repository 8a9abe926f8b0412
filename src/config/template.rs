//! A documented configuration file, made from the table of keys.

use super::keys::{KEYS, Key, Shape, Unset};
use std::fmt::Write;

/// Where prose breaks, in columns.
const COLUMNS: usize = 92;
/// Up to this many words are explained, one a line.
pub(super) const EXPLAINED: usize = 5;

const HEAD: &str = "\
# The configuration of Vestibule, every key with its meaning.
#
# `#key = value`, without a space behind the `#`, is a key that is not set, with its default, or
# with an example where it has none. Take the `#` away to set it. What has no `#` must be chosen.
#
#   vestibule keygen                          make the secret that is named below
#   vestibule config check --config FILE      see what is wrong with this file
#   vestibule serve --config FILE             run the server
#
# Environment variables go over this file: VESTIBULE_ and the path of a key, in capitals, joined by
# two underscores, with numbers for lists (VESTIBULE_ISSUER__0__SECRET_FILE=secret). Flags go over
# both.
";

/// The template that `vestibule config default` prints: a valid configuration as soon as its
/// secret exists, equal to the defaults.
pub fn template() -> String {
    let mut text = HEAD.to_owned();
    let mut table = "";
    for key in KEYS {
        let (place, _) = key.place();
        text.push('\n');
        if place != table {
            table = place;
            // An entry without what it needs would be wrong: it begins where somebody wants one.
            let optional = place.starts_with("rooms.rule.#");
            line(&mut text, &format!("{}{}", if optional { "#" } else { "" }, header(place)));
        }
        describe(&mut text, key);
    }
    text
}

/// `[auth]`, `[[issuer]]`, and `[issuer.ceiling]` for a table of its last entry.
pub(super) fn header(place: &str) -> String {
    match place.strip_suffix(".#") {
        Some(list) => format!("[[{list}]]"),
        None => format!("[{}]", place.replace(".#", "")),
    }
}

fn describe(text: &mut String, key: &Key) {
    prose(text, "", key.meaning);
    match key.shape {
        Shape::Integer { least, most, unit } => {
            prose(text, "", &format!("{least} to {most} {unit}."))
        }
        Shape::Words(words) if words.len() <= EXPLAINED => {
            for (word, meaning) in words {
                prose(text, "  ", &format!("{word:?}: {meaning}"));
            }
        }
        Shape::Words(words) => prose(text, "", &format!("One of {}.", list(words))),
        Shape::Text | Shape::Boolean | Shape::Scalar | Shape::Time => {}
    }
    match key.unset {
        Unset::Nothing { means, .. } => prose(text, "", &format!("Not set: {means}.")),
        Unset::Empty { example } => {
            prose(text, "", &format!("For example {}", entry(key, example)))
        }
        Unset::Number(_) | Unset::Text(_) | Unset::No | Unset::Refused { .. } => {}
    }
    line(text, &assignment(key));
}

/// The words, as people read them.
pub(super) fn list(words: &[(&str, &str)]) -> String {
    words.iter().map(|(word, _)| *word).collect::<Vec<_>>().join(", ")
}

/// The line that sets a key, behind a `#` unless it must be chosen.
fn assignment(key: &Key) -> String {
    let (_, name) = key.place();
    match key.unset {
        Unset::Refused { proposal } => format!("{name} = {proposal}"),
        Unset::Nothing { example, .. } => format!("#{}", entry(key, example)),
        Unset::Number(_) | Unset::Text(_) | Unset::No | Unset::Empty { .. } => {
            format!("#{name} = {}", key.default().unwrap_or_default())
        }
    }
}

/// `name = value`, where a list or a table has one entry.
pub(super) fn entry(key: &Key, value: &str) -> String {
    let (_, name) = key.place();
    if key.is_list() {
        format!("{name} = [{value}]")
    } else if key.path.ends_with(".*") {
        format!("{name} = {{ {value} }}")
    } else {
        format!("{name} = {value}")
    }
}

fn line(text: &mut String, of: &str) {
    // Writing to a String cannot fail.
    let _ = writeln!(text, "{of}");
}

/// Prose behind `# `, broken at spaces.
fn prose(text: &mut String, indent: &str, words: &str) {
    let mut row = String::new();
    for word in words.split(' ') {
        if !row.is_empty() && indent.len() + row.len() + 1 + word.len() > COLUMNS {
            line(text, &format!("# {indent}{row}"));
            row.clear();
        }
        if !row.is_empty() {
            row.push(' ');
        }
        row.push_str(word);
    }
    line(text, &format!("# {indent}{row}"));
}

#[cfg(test)]
mod tests {
    use super::{
        super::{Config, Origin},
        *,
    };
    use std::collections::BTreeSet;

    /// The template without the `#` of the keys that `wanted` picks, and with a secret instead of
    /// a file that has one.
    fn uncommented(wanted: impl Fn(&Key) -> bool) -> String {
        let mut text = String::new();
        let mut keys = KEYS.iter();
        let mut optional = String::new();
        for row in template().lines() {
            let key =
                row.strip_prefix('#').filter(|rest| !rest.is_empty() && !rest.starts_with(' '));
            let plain = key.unwrap_or(row);
            if plain.starts_with('[') {
                // Behind a `#` it is there only if a key below it is.
                optional.clear();
                if key.is_some() {
                    line(&mut optional, plain);
                    continue;
                }
            }
            if plain.starts_with(|c: char| c.is_ascii_lowercase()) {
                // Each key once, in the order of the table.
                let key = keys.next().unwrap();
                let name = plain.split(" = ").next().unwrap();
                assert_eq!(name, key.place().1, "{plain}");
                if !wanted(key) {
                    continue;
                }
                text.push_str(&std::mem::take(&mut optional));
            }
            line(&mut text, plain);
        }
        assert!(keys.next().is_none(), "a key is missing");
        text.replace("secret_file = \"secret\"", "secret = \"sesame-sesame-sesame-sesame-sesame\"")
    }

    fn load(text: &str) -> Config {
        let mut config = Config::from_toml("t.toml", text, Vec::new())
            .unwrap_or_else(|error| panic!("{error}\n{text}"));
        config.issuers[0].key_origin = Origin::Default;
        config
    }

    const LEAST: &str =
        "rooms.default = 'open'\n[[issuer]]\nsecret = 'sesame-sesame-sesame-sesame-sesame'\n";

    #[test]
    fn as_it_stands_it_is_the_defaults() {
        let text = template();
        let as_it_stands = text
            .replace("secret_file = \"secret\"", "secret = \"sesame-sesame-sesame-sesame-sesame\"");
        assert_eq!(format!("{:?}", load(&as_it_stands)), format!("{:?}", load(LEAST)));
    }

    #[test]
    fn what_it_calls_a_default_is_the_default() {
        let defaults = uncommented(|key| {
            let stands = key.default().is_some() || matches!(key.unset, Unset::Refused { .. });
            stands && key.path != "issuer.#.stale_ms"
        });
        assert!(defaults.contains("\nworkers = 0\n"), "{defaults}");
        assert_eq!(format!("{:?}", load(&defaults)), format!("{:?}", load(LEAST)));
    }

    #[test]
    fn its_examples_load() {
        // What goes with another key than the secret of the template, or needs a file.
        let beside = [
            "directory.key_file",
            "directory.dsn",
            "directory.dsn_file",
            "directory.query",
            "directory.password_query",
            "directory.password_issuer",
            "admin.key_file",
            "issuer.#.secret",
            "issuer.#.public_key_file",
            "issuer.#.jwks_file",
            "issuer.#.jwks_url",
            "issuer.#.discovery",
            "issuer.#.previous_secret_file",
            "issuer.#.algorithms.#",
            "issuer.#.stale_ms",
            "issuer.#.ca_file",
        ];
        let all = load(&uncommented(|key| !beside.contains(&key.path)));
        assert_eq!(all.issuers[0].iss.as_deref(), Some("https://app.example"));
        assert_eq!(all.issuers[0].ceiling.rooms, Some(500));
        assert!(all.admin.is_some() && all.directory.is_some());
        assert!(all.warnings.is_empty(), "{:?}", all.warnings);
        for way in ["jwks_file", "jwks_url", "discovery"] {
            let way = format!("issuer.#.{way}");
            let fetched = way != "issuer.#.jwks_file";
            let text = uncommented(|key| {
                let companion = beside.iter().skip(13).any(|path| *path == key.path);
                let of_fetching = ["issuer.#.stale_ms", "issuer.#.ca_file"].contains(&key.path);
                key.path == way
                    || companion && (fetched || !of_fetching)
                    || matches!(key.unset, Unset::Refused { .. })
            });
            load(&text.replace("secret = \"sesame-sesame-sesame-sesame-sesame\"\n", ""));
        }
        for key in KEYS {
            let Unset::Empty { example } = key.unset else { continue };
            let (place, _) = key.place();
            let entry = entry(key, example);
            let text = match place {
                "issuer.#" if key.path == "issuer.#.algorithms.#" => {
                    let (rooms, _) = LEAST.split_once("secret").unwrap();
                    format!("{rooms}jwks_file = 'keys.json'\n{entry}\n")
                }
                "issuer.#" => format!("{LEAST}{entry}\n"),
                _ => format!("{LEAST}[{place}]\n{entry}\n"),
            };
            load(&text);
        }
    }

    #[test]
    fn the_tables_stand_together() {
        let mut seen = BTreeSet::new();
        let mut last = None;
        for place in KEYS.iter().map(|key| key.place().0) {
            if last != Some(place) {
                assert!(seen.insert(place), "{place} stands in two parts of the table");
                last = Some(place);
            }
        }
        assert_eq!(KEYS[0].place().0, "", "TOML wants the keys without a table first");
    }

    #[test]
    fn no_line_is_too_long() {
        for row in template().lines() {
            assert!(row.len() <= 100, "{row}");
        }
    }
}
