//! The sources merged into one map of paths to values, each with the place it comes from.

use super::{
    FILE_BYTES, Flag,
    error::{Origin, Problem},
    keys::{self, Kind, Node, PREFIX},
};
use serde_json::Value as Json;
use std::{
    collections::BTreeMap,
    ffi::OsString,
    fs::File,
    io::{self, Read},
    path::{Path, PathBuf},
    sync::Arc,
};
use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

/// A value, of the kind that the table of keys asks for. It may be a secret: it has no `Debug`.
pub(super) enum Value {
    Text(String),
    Integer(i64),
    Boolean(bool),
}

impl Value {
    /// The value as JSON, for claims.
    pub(super) fn into_json(self) -> Json {
        match self {
            Self::Text(text) => text.into(),
            Self::Integer(number) => number.into(),
            Self::Boolean(truth) => truth.into(),
        }
    }
}

/// A value and where it was written.
pub(super) struct Sourced {
    pub(super) value: Value,
    pub(super) origin: Origin,
}

/// All sources, merged; later ones win.
#[derive(Default)]
pub(super) struct RawConfig {
    values: BTreeMap<String, Sourced>,
    /// How many entries each list has.
    lists: BTreeMap<String, usize>,
    /// Relative paths of a file are taken from its own directory.
    base: PathBuf,
    pub(super) problems: Vec<Problem>,
    pub(super) warnings: Vec<String>,
}

impl RawConfig {
    /// Takes a value out.
    pub(super) fn take(&mut self, key: &str) -> Option<Sourced> {
        self.values.remove(key)
    }

    /// The value of `key`, left in its place.
    pub(super) fn get(&self, key: &str) -> Option<&Sourced> {
        self.values.get(key)
    }

    /// The text at `key`, left in its place.
    pub(super) fn text(&self, key: &str) -> Option<&str> {
        match &self.get(key)?.value {
            Value::Text(text) => Some(text),
            Value::Integer(_) | Value::Boolean(_) => None,
        }
    }

    /// Where the value of `key` was written, if it was.
    pub(super) fn origin(&self, key: &str) -> Option<&Origin> {
        self.values.get(key).map(|sourced| &sourced.origin)
    }

    /// Where the first value was written whose path begins with `prefix`.
    pub(super) fn first_origin(&self, prefix: &str) -> Origin {
        let values = self.values.range(prefix.to_owned()..);
        let origins =
            values.take_while(|(key, _)| key.starts_with(prefix)).map(|(_, of)| &of.origin);
        let line = |origin: &Origin| match origin {
            Origin::File { line, .. } => *line,
            Origin::Default | Origin::Variable(_) | Origin::Flag(_) => usize::MAX,
        };
        origins.min_by_key(|origin| line(origin)).cloned().unwrap_or(Origin::Default)
    }

    /// Takes every value out whose path begins with `prefix`; the rest of the path names it.
    pub(super) fn take_all(&mut self, prefix: &str) -> Vec<(String, Sourced)> {
        let names: Vec<String> =
            self.values.keys().filter(|key| key.starts_with(prefix)).cloned().collect();
        let named = |key: String| {
            let name = key.strip_prefix(prefix)?.to_owned();
            Some((name, self.values.remove(&key)?))
        };
        names.into_iter().filter_map(named).collect()
    }

    /// How many entries the list at `key` has.
    pub(super) fn len(&self, key: &str) -> usize {
        self.lists.get(key).copied().unwrap_or(0)
    }

    /// Where a file that a value names is looked for.
    pub(super) fn resolve(&self, path: &str, origin: &Origin) -> PathBuf {
        match origin {
            Origin::File { .. } => self.base.join(path),
            Origin::Default | Origin::Variable(_) | Origin::Flag(_) => PathBuf::from(path),
        }
    }

    /// Reports something wrong.
    pub(super) fn problem(&mut self, origin: Origin, key: &str, what: String) {
        self.problems.push(Problem { origin, key: key.to_owned(), what });
    }

    /// Reads a TOML file.
    pub(super) fn read_file(&mut self, path: &Path) {
        let name = path.display().to_string();
        self.base = path.parent().unwrap_or(Path::new("")).to_owned();
        match read_bounded(path, FILE_BYTES).map(String::from_utf8) {
            Ok(Ok(text)) => self.read_text(&name, &text),
            Ok(Err(_)) => self.problem(Origin::Default, "", format!("{name} is not UTF-8")),
            Err(why) => {
                self.problem(Origin::Default, "", format!("cannot read {name}: {why}"));
            }
        }
    }

    /// Reads a TOML text; messages call it `name`.
    pub(super) fn read_text(&mut self, name: &str, text: &str) {
        let mut walk = Walk { raw: self, text, name: name.into() };
        match DeTable::parse(text) {
            Ok(table) => walk.table(&mut Vec::new(), table.get_ref()),
            // Not the error's own Display: that one prints the line, and with it a secret.
            Err(error) => {
                let origin = walk.origin(error.span().map_or(0, |span| span.start));
                self.problem(origin, "", format!("not TOML: {}", error.message()));
            }
        }
    }

    /// Overlays what the environment sets.
    pub(super) fn overlay_environment(&mut self, variables: Vec<(OsString, OsString)>) {
        let ours = |(name, value): (OsString, OsString)| {
            let name = name.into_string().ok().filter(|name| name.starts_with(PREFIX))?;
            Some((name, value))
        };
        let mut ours: Vec<_> = variables.into_iter().filter_map(ours).collect();
        // Lists grow by one entry at a time, so that their numbers must come in order.
        ours.sort_by_cached_key(|(name, _)| {
            name.split("__").map(|s| (keys::index(s), s.to_owned())).collect::<Vec<_>>()
        });
        for (name, value) in ours {
            self.overlay_variable(name, value);
        }
    }

    fn overlay_variable(&mut self, name: String, value: OsString) {
        let path = variable_path(&name);
        let segments: Vec<&str> = path.iter().map(String::as_str).collect();
        let what = match keys::node(&segments) {
            Node::Value(kind) => {
                let origin = Origin::Variable(name);
                match value.into_string() {
                    Ok(text) => self.set_text(&segments, kind, text, origin),
                    Err(_) => self.problem(origin, &segments.join("."), "is not UTF-8".into()),
                }
                return;
            }
            Node::Table => "names a table, not a value".to_owned(),
            Node::List => format!("names a list: set {name}__0, {name}__1, and so on"),
            Node::Tables => format!("names a list of tables: set {name}__0__KEY"),
            Node::Unknown => match near_variable(&name) {
                Some(near) => format!("is no setting; did you mean {near}?"),
                None => "is no setting".to_owned(),
            },
        };
        self.warnings.push(format!("{name} {what}; it is ignored"));
    }

    /// Overlays what the command line sets.
    pub(super) fn overlay_flags(&mut self, flags: Vec<Flag>) {
        for flag in flags {
            let segments: Vec<&str> = flag.key.split('.').collect();
            match keys::node(&segments) {
                Node::Value(kind) => {
                    self.set_text(&segments, kind, flag.value, Origin::Flag(flag.name));
                }
                Node::Table | Node::List | Node::Tables | Node::Unknown => {
                    self.problem(Origin::Flag(flag.name), flag.key, "is no setting".into());
                }
            }
        }
    }

    /// Sets a value that came as text.
    fn set_text(&mut self, path: &[&str], kind: Kind, text: String, origin: Origin) {
        let value = match kind {
            Kind::Text | Kind::Time => Ok(Value::Text(text)),
            Kind::Integer => text.parse().map(Value::Integer).map_err(|_| text),
            Kind::Boolean => text.parse().map(Value::Boolean).map_err(|_| text),
            Kind::Scalar => Ok(scalar(text)),
        };
        match value {
            Ok(value) => self.set(path, value, origin),
            Err(text) => {
                let what = format!("{text:?} is not {}", kind.name());
                self.problem(origin, &path.join("."), what);
            }
        }
    }

    fn set(&mut self, path: &[&str], value: Value, origin: Origin) {
        let key = path.join(".");
        if let Some(what) = self.grow(path) {
            self.problem(origin, &key, what);
        } else {
            self.values.insert(key, Sourced { value, origin });
        }
    }

    /// Makes room for the entries that `path` names, at most one more in each list.
    fn grow(&mut self, path: &[&str]) -> Option<String> {
        let mut prefix = String::new();
        for segment in path {
            let entry = keys::index(segment).filter(|_| self.is_list(&prefix));
            if let Some(at) = entry {
                let len = self.lists.entry(prefix.clone()).or_default();
                if at > *len {
                    return Some(format!("entry {len} is missing: number them from 0, no gaps"));
                }
                *len = (*len).max(at + 1);
            }
            if !prefix.is_empty() {
                prefix.push('.');
            }
            prefix.push_str(segment);
        }
        None
    }

    fn is_list(&self, prefix: &str) -> bool {
        let segments: Vec<&str> = prefix.split('.').collect();
        matches!(keys::node(&segments), Node::List | Node::Tables)
    }
}

/// One pass over a TOML document.
struct Walk<'a> {
    raw: &'a mut RawConfig,
    text: &'a str,
    name: Arc<str>,
}

impl Walk<'_> {
    /// The line of a byte.
    fn origin(&self, at: usize) -> Origin {
        let before = self.text.bytes().take(at);
        let line = 1 + before.filter(|byte| *byte == b'\n').count();
        Origin::File { name: self.name.clone(), line }
    }

    fn wrong(&mut self, at: usize, path: &[String], what: String) {
        let origin = self.origin(at);
        self.raw.problem(origin, &path.join("."), what);
    }

    fn table(&mut self, path: &mut Vec<String>, table: &DeTable<'_>) {
        for (name, value) in table {
            path.push(name.get_ref().clone().into_owned());
            self.entry(path, name.span().start, value);
            path.pop();
        }
    }

    fn entry(&mut self, path: &mut Vec<String>, at: usize, value: &Spanned<DeValue<'_>>) {
        let segments: Vec<&str> = path.iter().map(String::as_str).collect();
        match (keys::node(&segments), value.get_ref()) {
            (Node::Value(kind), inner) => self.value(path, at, kind, inner),
            (Node::Table, DeValue::Table(table)) => self.table(path, table),
            (Node::List | Node::Tables, DeValue::Array(entries)) => {
                if entries.len() > keys::LIST_MAX {
                    let what = format!(
                        "has {} entries: up to {} are taken",
                        entries.len(),
                        keys::LIST_MAX
                    );
                    self.wrong(at, path, what);
                }
                for (number, entry) in entries.iter().enumerate().take(keys::LIST_MAX) {
                    path.push(number.to_string());
                    self.list_entry(path, entry);
                    path.pop();
                }
            }
            (Node::Table, _) => {
                // A header means the last entry of a list, without its number.
                let names: Vec<&str> =
                    segments.iter().copied().filter(|name| keys::index(name).is_none()).collect();
                let what = format!("is a table: write [{}]", names.join("."));
                self.wrong(at, path, what);
            }
            (Node::List, _) => self.wrong(at, path, "is a list: write [\"...\", \"...\"]".into()),
            (Node::Tables, _) => {
                self.wrong(at, path, format!("is a list of tables: write [[{}]]", path.join(".")));
            }
            (Node::Unknown, _) => {
                let what = format!("unknown key; {}", keys::advice(&segments));
                self.wrong(at, path, what);
            }
        }
    }

    fn list_entry(&mut self, path: &mut Vec<String>, entry: &Spanned<DeValue<'_>>) {
        let segments: Vec<&str> = path.iter().map(String::as_str).collect();
        // An entry counts even if it is empty or wrong.
        self.raw.grow(&segments);
        self.entry(path, entry.span().start, entry);
    }

    fn value(&mut self, path: &[String], at: usize, kind: Kind, value: &DeValue<'_>) {
        let found = match (kind, value) {
            (Kind::Text | Kind::Scalar, DeValue::String(text)) => {
                Some(Value::Text(text.clone().into_owned()))
            }
            (Kind::Integer | Kind::Scalar, DeValue::Integer(number)) => {
                i64::from_str_radix(number.as_str(), number.radix()).ok().map(Value::Integer)
            }
            (Kind::Boolean | Kind::Scalar, DeValue::Boolean(truth)) => Some(Value::Boolean(*truth)),
            (Kind::Time, DeValue::String(text)) => Some(Value::Text(text.clone().into_owned())),
            (Kind::Time, DeValue::Datetime(moment)) => Some(Value::Text(moment.to_string())),
            (Kind::Text | Kind::Integer | Kind::Boolean | Kind::Scalar | Kind::Time, _) => None,
        };
        match found {
            Some(value) => {
                let segments: Vec<&str> = path.iter().map(String::as_str).collect();
                let origin = self.origin(at);
                self.raw.set(&segments, value, origin);
            }
            None => {
                let what = format!("takes {}, not {}", kind.name(), article(value.type_str()));
                self.wrong(at, path, what);
            }
        }
    }
}

fn article(kind: &str) -> String {
    let vowel = kind.starts_with(['a', 'e', 'i', 'o', 'u']);
    format!("{} {kind}", if vowel { "an" } else { "a" })
}

/// The path that a variable names; in capitals only, so that every key has one name.
fn variable_path(name: &str) -> Vec<String> {
    let rest = name.strip_prefix(PREFIX).unwrap_or(name);
    if rest.bytes().any(|byte| byte.is_ascii_lowercase()) {
        return vec![String::new()];
    }
    rest.split("__").map(str::to_ascii_lowercase).collect()
}

fn near_variable(name: &str) -> Option<String> {
    let names: Vec<String> = keys::KEYS.iter().map(keys::Key::variable).collect();
    keys::nearest(&name.to_uppercase(), names.iter().map(String::as_str)).map(str::to_owned)
}

/// A claim's value written as text.
fn scalar(text: String) -> Value {
    if let Ok(number) = text.parse() {
        Value::Integer(number)
    } else if let Ok(truth) = text.parse() {
        Value::Boolean(truth)
    } else {
        Value::Text(text)
    }
}

/// Reads a file of at most `max` bytes.
pub(crate) fn read_bounded(path: &Path, max: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(max + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > max {
        return Err(io::Error::other(format!("larger than {max} bytes")));
    }
    Ok(bytes)
}
