//! What is wrong with a configuration, and where it was written.

use std::{
    fmt::{self, Write},
    sync::Arc,
};

/// Where a value was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// Nowhere: the default stands, or something is missing.
    Default,
    /// A line of a file, counted from 1.
    File {
        /// The file as it was named.
        name: Arc<str>,
        /// The line.
        line: usize,
    },
    /// A variable of the environment.
    Variable(String),
    /// A flag of the command line.
    Flag(&'static str),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("configuration"),
            Self::File { name, line } => write!(f, "{name}:{line}"),
            Self::Variable(name) => f.write_str(name),
            Self::Flag(name) => f.write_str(name),
        }
    }
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Where.
    pub origin: Origin,
    /// The key's path; empty when the text is no configuration at all.
    pub key: String,
    /// What is wrong and what to do, for people.
    pub what: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let line = if self.key.is_empty() {
            format!("{}: {}", self.origin, self.what)
        } else {
            format!("{}: {}: {}", self.origin, self.key, self.what)
        };
        // A terminal obeys control characters, and a name in a file can have some.
        line.chars().try_for_each(|c| match c {
            c if c.is_control() && c != '\n' => write!(f, "{}", c.escape_default()),
            c => f.write_char(c),
        })
    }
}

/// A configuration that cannot be used: every problem that was found, at least one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigError {
    /// In the order of the sources, then of the checks.
    pub problems: Vec<Problem>,
    /// What would be allowed, but is worth a word.
    pub warnings: Vec<String>,
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, problem) in self.problems.iter().enumerate() {
            if at > 0 {
                writeln!(f)?;
            }
            write!(f, "{problem}")?;
        }
        Ok(())
    }
}

impl std::error::Error for ConfigError {}
