//! The table of everything that can be set.

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
}

impl Kind {
    /// What a message calls it.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Text => "a string",
            Self::Integer => "a whole number",
            Self::Boolean => "true or false",
            Self::Scalar => "a string, a whole number, or true or false",
        }
    }
}

/// Every key by its path; `#` stands for the number of a list's entry, `*` for any name.
pub const KEYS: &[(&str, Kind)] = &[
    ("listen", Kind::Text),
    ("workers", Kind::Integer),
    ("connections", Kind::Integer),
    ("drain_ms", Kind::Integer),
    ("auth.deadline_ms", Kind::Integer),
    ("issuer.#.name", Kind::Text),
    ("issuer.#.iss", Kind::Text),
    ("issuer.#.aud.#", Kind::Text),
    ("issuer.#.secret", Kind::Text),
    ("issuer.#.secret_file", Kind::Text),
    ("issuer.#.public_key_file", Kind::Text),
    ("issuer.#.algorithm", Kind::Text),
    ("issuer.#.leeway_ms", Kind::Integer),
    ("issuer.#.subject_claim", Kind::Text),
    ("issuer.#.subject_integers", Kind::Boolean),
    ("issuer.#.required_claims.*", Kind::Scalar),
    ("issuer.#.user_prefix", Kind::Text),
    ("heartbeat.interval_ms", Kind::Integer),
    ("heartbeat.timeout_ms", Kind::Integer),
    ("gate.origins.#", Kind::Text),
    ("limits.message_bytes", Kind::Integer),
    ("limits.messages_per_s", Kind::Integer),
    ("limits.burst", Kind::Integer),
    ("limits.rooms", Kind::Integer),
    ("limits.outbox_bytes", Kind::Integer),
    ("limits.connections_per_user", Kind::Integer),
    ("limits.on_user_limit", Kind::Text),
    ("rooms.default", Kind::Text),
    ("rooms.history.count", Kind::Integer),
    ("rooms.history.age_ms", Kind::Integer),
    ("rooms.history.bytes", Kind::Integer),
    ("log.level", Kind::Text),
    ("log.format", Kind::Text),
];

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
    for (pattern, kind) in KEYS {
        let mut rest = pattern.split('.');
        if !path.iter().all(|segment| rest.next().is_some_and(|p| matches(p, segment))) {
            continue;
        }
        found = match (rest.next(), rest.next()) {
            (None, _) => return Node::Value(*kind),
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
    if let Some(home) = KEYS.iter().map(|(key, _)| *key).find(|key| ends_with(key, last)) {
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
    for (pattern, _) in KEYS {
        let mut rest = pattern.split('.');
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
