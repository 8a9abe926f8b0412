//! `[directory]`: who is asked about users.

use super::{IssuerConfig, Origin, Secret, check::Check, secret::Faulty};
use crate::fetch::Address;
use std::{fmt, path::PathBuf};

/// The longest key that is shown to a directory, in bytes.
const KEY_BYTES: usize = 1_024;
/// The longest query, in bytes.
const QUERY_BYTES: usize = 16_384;

/// Who is asked about users, and how often.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DirectoryConfig {
    /// Who is asked.
    pub from: DirectoryFrom,
    /// Certificates (PEM) that vouch for it, in place of the system's authorities.
    pub ca_file: Option<PathBuf>,
    /// How passwords sign in; `None` if they do not.
    pub passwords: Option<PasswordConfig>,
    /// For one question, in milliseconds.
    pub timeout_ms: u64,
    /// Questions at a time.
    pub concurrency: usize,
    /// How long an answer counts, in milliseconds.
    pub cache_ms: u64,
    /// Users whose answer is kept.
    pub cache_users: usize,
    /// How often each user who is in is looked at, in milliseconds; 0 is never.
    pub recheck_ms: u64,
}

/// Who is asked.
#[derive(Clone, PartialEq, Eq)]
pub enum DirectoryFrom {
    /// A callback.
    Url {
        /// Its address.
        url: Box<str>,
        /// What is shown to it.
        key: Option<Secret>,
    },
    /// A database.
    Sql {
        /// Where it is, with its password.
        dsn: Secret,
        /// The question about a user.
        query: Box<str>,
        /// The question about a password.
        password_query: Option<Box<str>>,
    },
}

/// How passwords sign in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PasswordConfig {
    /// The name of the issuer whose users they are.
    pub issuer: Box<str>,
    /// How long such a session lasts, in milliseconds.
    pub session_ms: u64,
}

impl fmt::Debug for DirectoryFrom {
    /// Without what may be a secret of an address: its query.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Url { url, .. } => {
                let bare = url.split('?').next().unwrap_or_default();
                f.debug_struct("Url").field("url", &bare).finish_non_exhaustive()
            }
            Self::Sql { query, .. } => {
                f.debug_struct("Sql").field("query", query).finish_non_exhaustive()
            }
        }
    }
}

/// Keys that go with a callback, those that go with a database, and those that go with either.
const OF_URL: &[&str] = &["directory.key", "directory.key_file"];
const OF_BOTH: &[&str] = &["directory.ca_file", "directory.password_issuer"];
const OF_SQL: &[&str] = &["directory.query", "directory.password_query"];

impl Check {
    /// The directory; `None` if there is none, or it is wrong.
    pub(super) fn directory(
        &mut self,
        issuers: Option<&[IssuerConfig]>,
        deadline_ms: u64,
    ) -> Option<DirectoryConfig> {
        let from = match self.directory_from() {
            Ok(Some(from)) => Some(from),
            Ok(None) => {
                self.strays(OF_BOTH, "asks nobody: set directory.url or directory.dsn");
                None
            }
            Err(Faulty) => None,
        };
        let ca_file = self.text("directory.ca_file");
        let ca_file = ca_file.map(|(text, origin)| self.raw.resolve(&text, &origin));
        let passwords = self.passwords(issuers.unwrap_or_default(), from.as_ref());
        let timeout_ms = self.integer("directory.timeout_ms");
        let concurrency = self.small("directory.concurrency") as usize;
        let cache_ms = self.integer("directory.cache_ms");
        let cache_users = self.small("directory.cache_users") as usize;
        let recheck_ms = self.integer("directory.recheck_ms");
        let from = from?;
        if timeout_ms >= deadline_ms {
            self.raw.warnings.push(format!(
                "directory.timeout_ms = {timeout_ms} is not less than auth.deadline_ms = \
                 {deadline_ms}: whoever waits for a directory that hangs is closed before it counts \
                 as down"
            ));
        }
        Some(DirectoryConfig {
            from,
            ca_file,
            passwords,
            timeout_ms,
            concurrency,
            cache_ms,
            cache_users,
            recheck_ms,
        })
    }

    fn directory_from(&mut self) -> Result<Option<DirectoryFrom>, Faulty> {
        let dsn = self.line("directory.dsn", "directory.dsn_file")?;
        let Some((url, origin)) = self.text("directory.url") else {
            self.strays(OF_URL, "goes with directory.url");
            let Some((_, dsn, origin)) = dsn else {
                self.strays(OF_SQL, "goes with directory.dsn");
                return Ok(None);
            };
            return self.database(dsn, origin).map(Some);
        };
        if let Some((_, _, at)) = dsn {
            let what = format!("cannot stand beside directory.dsn ({at}): set one of them");
            self.raw.problem(origin, "directory.url", what);
            return Err(Faulty);
        }
        self.strays(OF_SQL, "goes with directory.dsn");
        let key = self.directory_key();
        match Address::parse(&url) {
            Ok(_) => Ok(Some(DirectoryFrom::Url { url: url.into(), key: key? })),
            Err(fault) => {
                // The address may hold a secret: it is not shown.
                self.raw.problem(origin, "directory.url", fault.to_string());
                Err(Faulty)
            }
        }
    }

    fn database(&mut self, dsn: Vec<u8>, origin: Origin) -> Result<DirectoryFrom, Faulty> {
        let queries = ["directory.query", "directory.password_query"].map(|key| self.query(key));
        let [query, password_query] = queries;
        let Some(query) = query? else {
            let what = "needs directory.query: what the database is asked about a user".to_owned();
            self.raw.problem(origin, "directory.dsn", what);
            return Err(Faulty);
        };
        Ok(DirectoryFrom::Sql { dsn: Secret::new(dsn), query, password_query: password_query? })
    }

    fn query(&mut self, key: &str) -> Result<Option<Box<str>>, Faulty> {
        let Some((text, origin)) = self.text(key) else { return Ok(None) };
        let fits = (1..=QUERY_BYTES).contains(&text.len());
        if fits && text.contains("$1") {
            return Ok(Some(text.into()));
        }
        let what = format!("takes 1 to {QUERY_BYTES} bytes of SQL with `$1` in it");
        self.raw.problem(origin, key, what);
        Err(Faulty)
    }

    fn directory_key(&mut self) -> Result<Option<Secret>, Faulty> {
        let Some((key, line, origin)) = self.line("directory.key", "directory.key_file")? else {
            return Ok(None);
        };
        let fits = (1..=KEY_BYTES).contains(&line.len());
        if fits && line.iter().all(u8::is_ascii_graphic) {
            return Ok(Some(Secret::new(line)));
        }
        let what =
            format!("takes 1 to {KEY_BYTES} characters of ASCII that can be seen, no spaces");
        self.raw.problem(origin, key, what);
        Err(Faulty)
    }

    /// How passwords sign in, where it is clear whose users they are.
    fn passwords(
        &mut self,
        issuers: &[IssuerConfig],
        from: Option<&DirectoryFrom>,
    ) -> Option<PasswordConfig> {
        let session_ms = self.integer("directory.password_session_ms");
        let named = self.text("directory.password_issuer");
        let issuer = match (named, issuers) {
            (Some((name, origin)), _) => {
                let known = issuers.iter().any(|issuer| *issuer.name == *name);
                // Without issuers something else is wrong already.
                if !known && !issuers.is_empty() {
                    let what = format!("{name:?} is the name of no issuer");
                    self.raw.problem(origin, "directory.password_issuer", what);
                }
                known.then(|| name.into())
            }
            (None, [only]) => Some(only.name.clone()),
            (None, _) => None,
        };
        let asks = match from? {
            DirectoryFrom::Url { .. } => true,
            DirectoryFrom::Sql { password_query, .. } => password_query.is_some(),
        };
        issuer.filter(|_| asks).map(|issuer| PasswordConfig { issuer, session_ms })
    }

    /// Reports what is set and has nothing to go with.
    fn strays(&mut self, keys: &[&str], what: &str) {
        for key in keys {
            if let Some((_, origin)) = self.text(key) {
                self.raw.problem(origin, key, what.to_owned());
            }
        }
    }
}
