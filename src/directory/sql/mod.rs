//! A directory in a database: one query for each question, PostgreSQL or SQLite.

mod hash;
mod postgres;
mod record;
mod sqlite;
mod tls;

use super::{Directory, Lookup, Outcome, Standing, Unavailable};
use crate::{
    fetch::{Trust, TrustFault},
    protocol::{credential::Password, identity::Identity},
};
use hash::Judge;
use postgres::Postgres;
use record::{Account, Record};
use sqlite::Sqlite;
use std::{fmt, sync::Arc, time::Duration};
use tokio::time::Instant;

/// What a directory in a database is made of.
pub struct SqlSettings<'a> {
    /// `postgres://…`, or `sqlite:` and the absolute path of a file.
    pub dsn: &'a str,
    /// The question about a user: `$1` is the subject, `$2` the issuer.
    pub query: &'a str,
    /// The question about a password, if there is one: `$1` is the user's name.
    pub password_query: Option<&'a str>,
    /// Whether certificates are checked against authorities of one's own.
    pub own_authorities: bool,
    /// Connections that are kept, and questions about users at a time; passwords have connections
    /// of their own beside them, one for each [`PASSWORD_SHARE`](super::PASSWORD_SHARE) of these.
    pub connections: usize,
    /// How long one question may take, in milliseconds.
    pub timeout_ms: u64,
}

/// Asks a database.
pub struct SqlDirectory {
    parts: Arc<Parts>,
}

struct Parts {
    database: Database,
    query: Query,
    password_query: Option<Query>,
    judge: Judge,
    /// For a query and a hash together.
    patience: Duration,
}

enum Database {
    Postgres(Box<Postgres>),
    Sqlite(Sqlite),
}

/// A query, and how many of `$1` and `$2` it has.
#[derive(Clone, Debug)]
struct Query {
    text: Arc<str>,
    parameters: usize,
}

/// What a query brought.
enum Found {
    Nobody,
    One(Record),
    /// Nobody knows which of them is meant.
    Several,
}

/// Why a directory cannot be made of its settings. It shows nothing of the DSN: that is a secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SqlFault {
    /// Neither `postgres://` nor `sqlite:`.
    Scheme,
    /// A `postgres://` that cannot be read.
    Postgres,
    /// `sslmode=prefer`: whoever sits on the line could have it stay in the clear.
    Prefer,
    /// No absolute path behind `sqlite:`.
    Path,
    /// No authority can vouch for the server.
    Trust(TrustFault),
}

impl fmt::Display for SqlFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Scheme => f.write_str("`dsn` begins with \"postgres://\" or \"sqlite:\""),
            Self::Postgres => f.write_str(
                "`dsn` cannot be read: write \"postgres://user:password@host:port/database\", with \
                 %XX for what is special in the password; `sslmode` is require (a certificate is \
                 always checked) or disable",
            ),
            Self::Prefer => f.write_str(
                "`dsn` says sslmode=prefer, which stays in the clear if anybody on the line wants it \
                 to: write sslmode=require (a certificate is always checked) or sslmode=disable",
            ),
            Self::Path => f.write_str("`dsn` takes an absolute path behind \"sqlite:\""),
            Self::Trust(fault) => write!(f, "{fault}"),
        }
    }
}

impl std::error::Error for SqlFault {}

impl SqlDirectory {
    /// A directory in the database of `settings`; `trust` is asked for authorities where the
    /// connection is encrypted. Nothing is connected to yet.
    ///
    /// # Errors
    /// [`SqlFault`].
    pub fn new(
        settings: &SqlSettings<'_>,
        trust: impl FnOnce() -> Result<Trust, TrustFault>,
    ) -> Result<Self, SqlFault> {
        let dsn = settings.dsn;
        let database = if dsn.starts_with("postgres://") || dsn.starts_with("postgresql://") {
            Database::Postgres(Box::new(Postgres::new(settings, trust)?))
        } else {
            let path = dsn.strip_prefix("sqlite:").ok_or(SqlFault::Scheme)?;
            let path = path.strip_prefix("//").unwrap_or(path);
            if !path.starts_with('/') {
                return Err(SqlFault::Path);
            }
            Database::Sqlite(Sqlite::new(path, settings))
        };
        let query = Query::new(settings.query);
        let password_query = settings.password_query.map(Query::new);
        let patience = Duration::from_millis(settings.timeout_ms);
        let parts = Parts { database, query, password_query, judge: Judge::default(), patience };
        Ok(Self { parts: Arc::new(parts) })
    }
}

impl Query {
    fn new(text: &str) -> Self {
        let parameters = if text.contains("$2") { 2 } else { 1 };
        Self { text: text.into(), parameters }
    }
}

impl Parts {
    async fn find(&self, query: &Query, values: [&str; 2]) -> Result<Option<Account>, Unavailable> {
        let found = match &self.database {
            Database::Postgres(database) => database.find(query, values).await?,
            Database::Sqlite(database) => database.find(query, values).await?,
        };
        match found {
            Found::Nobody => Ok(None),
            Found::One(record) => record::read(&record).map(Some),
            Found::Several => Err(Unavailable::new("the query gives several rows for one user")),
        }
    }

    async fn check(&self, query: &Query, password: Password) -> Outcome {
        let deadline = Instant::now() + self.patience;
        // Its connection is given back before the hash is computed.
        let account = self.find(query, [password.user(), ""]).await?;
        if account.as_ref().is_some_and(|account| !account.has_hash) {
            self.judge.complain("the password query has no column `password_hash`");
        }
        // Nobody's password takes as long as somebody's, and the word is the same for whoever has
        // none of use: neither must tell who exists.
        let hash = account.as_ref().and_then(|account| account.hash.as_deref());
        let right = self.judge.is_right(hash, &password, deadline).await?;
        Ok(account.filter(|_| right).map_or(Standing::Unknown, Account::into_standing))
    }
}

impl Directory for SqlDirectory {
    fn find(&self, user: Arc<Identity>) -> Lookup {
        let parts = Arc::clone(&self.parts);
        Box::pin(async move {
            let issuer = user.issuer.as_deref().unwrap_or_default();
            let account = parts.find(&parts.query, [&user.subject, issuer]).await?;
            Ok(account.map_or(Standing::Unknown, Account::into_standing))
        })
    }

    fn check(&self, password: Password) -> Lookup {
        let parts = Arc::clone(&self.parts);
        Box::pin(async move {
            match &parts.password_query {
                Some(query) => parts.check(query, password).await,
                None => Ok(Standing::Unknown),
            }
        })
    }
}

impl fmt::Debug for SqlDirectory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqlDirectory").field("query", &self.parts.query).finish_non_exhaustive()
    }
}
