//! What can be set, looked up by path: the shape of each key, and the key that was meant.

pub use super::table::KEYS;

use std::borrow::Cow;

/// One thing that can be set.
#[derive(Clone, Copy, Debug)]
pub struct Key {
    /// Where it stands; `#` is the number of a list's entry, `*` any name.
    pub path: &'static str,
    /// What it takes.
    pub shape: Shape,
    /// What holds where it is not set.
    pub unset: Unset,
    /// What it does, for people.
    pub meaning: &'static str,
}

/// What a key takes.
#[derive(Clone, Copy, Debug)]
pub enum Shape {
    /// A string.
    Text,
    /// A whole number.
    Integer {
        /// The least.
        least: u64,
        /// The most.
        most: u64,
        /// What is counted.
        unit: &'static str,
    },
    /// `true` or `false`.
    Boolean,
    /// One of these words, each with what it means.
    Words(&'static [(&'static str, &'static str)]),
    /// A string, a whole number or a boolean.
    Scalar,
    /// A moment (RFC 3339).
    Time,
}

/// What holds where a key is not set.
#[derive(Clone, Copy, Debug)]
pub enum Unset {
    /// This number.
    Number(u64),
    /// This text.
    Text(&'static str),
    /// `false`.
    No,
    /// An empty list or table; an entry looks like the example.
    Empty {
        /// TOML of one entry.
        example: &'static str,
    },
    /// Nothing.
    Nothing {
        /// What that means, in a few words.
        means: &'static str,
        /// TOML of a value.
        example: &'static str,
    },
    /// The server does not start: it must be chosen.
    Refused {
        /// TOML of the value that the template proposes.
        proposal: &'static str,
    },
}

/// What a value is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A string.
    Text,
    /// A whole number.
    Integer,
    /// `true` or `false`.
    Boolean,
    /// A string, a whole number or a boolean.
    Scalar,
    /// A moment, as a string or as TOML writes it.
    Time,
}

impl Shape {
    /// What a value of it is.
    pub const fn kind(self) -> Kind {
        match self {
            Self::Text | Self::Words(_) => Kind::Text,
            Self::Integer { .. } => Kind::Integer,
            Self::Boolean => Kind::Boolean,
            Self::Scalar => Kind::Scalar,
            Self::Time => Kind::Time,
        }
    }
}

impl Kind {
    /// What a message calls it.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Text => "a string",
            Self::Integer => "a whole number",
            Self::Boolean => "true or false",
            Self::Scalar => "a string, a whole number, or true or false",
            Self::Time => "a moment such as 2026-12-31T00:00:00Z",
        }
    }
}

impl Key {
    /// The variable of the environment that sets it, for the first entry of a list.
    pub fn variable(&self) -> String {
        let path = self.path.replace('#', "0").replace('*', "NAME");
        format!("{PREFIX}{}", path.replace('.', "__").to_uppercase())
    }

    /// The path of the table that it stands in, and its name there.
    pub fn place(&self) -> (&'static str, &'static str) {
        let whole = self.path.strip_suffix(".#").or(self.path.strip_suffix(".*"));
        let whole = whole.unwrap_or(self.path);
        whole.rsplit_once('.').unwrap_or(("", whole))
    }

    /// Whether it is a list of values.
    pub fn is_list(&self) -> bool {
        self.path.ends_with(".#")
    }

    /// The value that holds where it is not set, as TOML, if one does.
    pub fn default(&self) -> Option<Cow<'static, str>> {
        match self.unset {
            Unset::Number(number) => Some(number.to_string().into()),
            Unset::Text(text) => Some(format!("{text:?}").into()),
            Unset::No => Some("false".into()),
            Unset::Empty { .. } if self.is_list() => Some("[]".into()),
            Unset::Empty { .. } => Some("{}".into()),
            Unset::Nothing { .. } | Unset::Refused { .. } => None,
        }
    }
}

/// What every variable of the environment that is read begins with.
pub(super) const PREFIX: &str = "VESTIBULE_";

/// The key that stands at `path`; numbers stand for list entries.
pub(super) fn find(path: &str) -> Option<&'static Key> {
    KEYS.iter().find(|key| {
        let mut rest = key.path.split('.');
        let same = path.split('.').all(|name| rest.next().is_some_and(|p| matches(p, name)));
        same && rest.next().is_none()
    })
}

/// What stands at a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Node {
    /// A value.
    Value(Kind),
    /// A table of keys.
    Table,
    /// A list of values.
    List,
    /// A list of tables.
    Tables,
    /// Nothing that is known.
    Unknown,
}

/// Looks up a path; numbers stand for list entries.
pub(super) fn node(path: &[&str]) -> Node {
    let mut found = Node::Unknown;
    for key in KEYS {
        let mut rest = key.path.split('.');
        if !path.iter().all(|segment| rest.next().is_some_and(|p| matches(p, segment))) {
            continue;
        }
        found = match (rest.next(), rest.next()) {
            (None, _) => return Node::Value(key.shape.kind()),
            (Some("#"), Some(_)) => Node::Tables,
            (Some("#"), None) => Node::List,
            (Some(_), _) => Node::Table,
        };
    }
    found
}

fn matches(pattern: &str, segment: &str) -> bool {
    match pattern {
        "#" => index(segment).is_some(),
        "*" => true,
        name => name == segment,
    }
}

/// The number of a list entry: decimal, no zeros in front, at most [`LIST_MAX`].
pub(super) fn index(segment: &str) -> Option<usize> {
    let plain = segment == "0" || !segment.starts_with(['0', '+']);
    segment.parse().ok().filter(|at| plain && *at < LIST_MAX)
}

/// The most entries of a list.
pub(super) const LIST_MAX: usize = 1_000;

/// Advice for an unknown path: the key that was probably meant, or the keys that stand there.
pub(super) fn advice(path: &[&str]) -> String {
    let Some((last, parents)) = path.split_last() else { return String::new() };
    let siblings = children(parents);
    if let Some(near) = nearest(last, siblings.iter().copied()) {
        return format!("did you mean `{}`?", join(parents, near));
    }
    if let Some(home) = KEYS.iter().map(|key| key.path).find(|path| ends_with(path, last)) {
        return format!("did you mean `{}`?", home.replace('#', "0"));
    }
    format!("known here: {}", siblings.join(", "))
}

fn join(parents: &[&str], name: &str) -> String {
    let mut path = parents.join(".");
    if !path.is_empty() {
        path.push('.');
    }
    path + name
}

fn ends_with(key: &str, last: &str) -> bool {
    key.rsplit('.').next() == Some(last)
}

/// The names that can follow `parents`, each once, in the order of the table.
fn children(parents: &[&str]) -> Vec<&'static str> {
    let mut names = Vec::new();
    for key in KEYS {
        let mut rest = key.path.split('.');
        if !parents.iter().all(|segment| rest.next().is_some_and(|p| matches(p, segment))) {
            continue;
        }
        if let Some(name) = rest.next()
            && !names.contains(&name)
        {
            names.push(name);
        }
    }
    names
}

/// The candidate with the fewest edits, if it is near enough to be a slip.
pub(super) fn nearest<'a>(
    word: &str,
    candidates: impl Iterator<Item = &'a str>,
) -> Option<&'a str> {
    candidates
        .map(|candidate| (distance(word, candidate), candidate))
        .filter(|(edits, candidate)| *edits <= if candidate.len() < 5 { 1 } else { 2 })
        .min_by_key(|(edits, _)| *edits)
        .map(|(_, candidate)| candidate)
}

/// Levenshtein's distance in bytes; words that are far too long are not compared.
fn distance(left: &str, right: &str) -> usize {
    const WORD_BYTES: usize = 128;
    if left.len() > WORD_BYTES {
        return usize::MAX;
    }
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (at, byte) in left.bytes().enumerate() {
        let mut diagonal = at;
        let mut before = at + 1;
        for (cell, other) in row.iter_mut().skip(1).zip(right.bytes()) {
            let edits = (diagonal + usize::from(byte != other)).min(before + 1).min(*cell + 1);
            diagonal = *cell;
            *cell = edits;
            before = edits;
        }
    }
    row.last().copied().unwrap_or(left.len())
}
