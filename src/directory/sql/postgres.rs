//! PostgreSQL: a few connections that are kept, one unnamed statement for each question.

use super::{
    Found, Query, SqlFault, SqlSettings, Unavailable,
    record::{Cell, Record},
    tls::Encrypt,
};
use crate::{
    directory::seats::password_seats,
    fetch::{Trust, TrustFault},
};
use futures_util::TryStreamExt;
use parking_lot::Mutex;
use std::{
    error::Error,
    net::IpAddr,
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::Duration,
};
use tokio::{
    runtime::Handle,
    sync::{OwnedSemaphorePermit, Semaphore},
    task::JoinHandle,
    time::timeout,
};
use tokio_postgres::{
    Client, Config, Row,
    config::{Host, SslMode},
    error::SqlState,
    types::{FromSql, ToSql, Type},
};

/// How long a question that was given up may take to end on the server, in milliseconds; then its
/// line is cut.
const CANCEL_MS: u64 = 1_000;

/// A server, and connections to it that nobody uses now.
pub(super) struct Postgres {
    config: Config,
    encrypt: Encrypt,
    idle: Mutex<Vec<Line>>,
    /// The most of them.
    kept: usize,
    /// One for each connection that is in use, until the server is done with it.
    places: Arc<Semaphore>,
    /// Whether the server refuses to be told how long a statement may take: some poolers do.
    untold: AtomicBool,
    timeout_ms: u64,
}

impl Postgres {
    pub(super) fn new(
        settings: &SqlSettings<'_>,
        trust: impl FnOnce() -> Result<Trust, TrustFault>,
    ) -> Result<Self, SqlFault> {
        let mut config: Config = settings.dsn.parse().map_err(|_| SqlFault::Postgres)?;
        if config.get_hosts().is_empty() {
            return Err(SqlFault::Postgres);
        }
        if config.get_ssl_mode() == SslMode::Prefer {
            if says_prefer(settings.dsn) {
                return Err(SqlFault::Prefer);
            }
            // Nothing was said. Nothing stays in the clear because somebody on the way wants it to.
            let here = is_here(&config) && !settings.own_authorities;
            config.ssl_mode(if here { SslMode::Disable } else { SslMode::Require });
        }
        config.connect_timeout(Duration::from_millis(settings.timeout_ms));
        config.tcp_user_timeout(Duration::from_millis(settings.timeout_ms));
        config.application_name("vestibule");
        let plain = config.get_ssl_mode() == SslMode::Disable;
        let trust = if plain { Trust::nobody() } else { trust() };
        let encrypt = Encrypt::new(trust.map_err(SqlFault::Trust)?);
        let passwords = settings.password_query.map_or(0, |_| password_seats(settings.connections));
        let places = settings.connections.saturating_add(passwords);
        Ok(Self {
            config,
            encrypt,
            idle: Mutex::default(),
            kept: settings.connections,
            places: Arc::new(Semaphore::new(places.clamp(1, Semaphore::MAX_PERMITS))),
            untold: AtomicBool::new(false),
            timeout_ms: settings.timeout_ms,
        })
    }

    pub(super) async fn find(
        &self,
        query: &Query,
        values: [&str; 2],
    ) -> Result<Found, Unavailable> {
        let place = Arc::clone(&self.places).acquire_owned().await;
        let place = Arc::new(place.map_err(|why| Unavailable::new(why.to_string()))?);
        // A connection that was kept may have broken since: then another one is made, once.
        let idle = self.idle.lock().pop();
        if let Some(mut line) = idle.filter(|line| !line.client.is_closed()) {
            match line.ask(&place, query, values).await {
                Err(_) if line.client.is_closed() => {}
                answer => return self.settle(line, answer),
            }
        }
        let mut line = self.connect().await?;
        let answer = line.ask(&place, query, values).await;
        self.settle(line, answer)
    }

    async fn connect(&self) -> Result<Line, Unavailable> {
        if !self.untold.load(Relaxed) {
            let mut config = self.config.clone();
            // Ours first: what the DSN says holds.
            let own = config.get_options().unwrap_or_default();
            let options = format!("-c statement_timeout={} {own}", self.timeout_ms);
            config.options(options.trim_end());
            match self.line(&config).await {
                Err(why) if why.code() == Some(&SqlState::PROTOCOL_VIOLATION) => {
                    tracing::debug!(why = words(&why), "the directory takes no options");
                    self.untold.store(true, Relaxed);
                }
                made => return made.map_err(|why| unavailable(&why)),
            }
        }
        self.line(&self.config).await.map_err(|why| unavailable(&why))
    }

    async fn line(&self, config: &Config) -> Result<Line, tokio_postgres::Error> {
        let (client, connection) = config.connect(self.encrypt.clone()).await?;
        // It ends with its client, behind the answer that is under way.
        let task = tokio::spawn(async move {
            if let Err(why) = connection.await {
                tracing::debug!(why = words(&why), "a connection to the directory ended");
            }
        });
        Ok(Line { client, task: Some(task), encrypt: self.encrypt.clone(), place: None })
    }

    /// Keeps the connection for the next question.
    fn settle(
        &self,
        mut line: Line,
        answer: Result<Found, tokio_postgres::Error>,
    ) -> Result<Found, Unavailable> {
        // Behind several rows there may be millions: those are given up with the line.
        if !matches!(answer, Ok(Found::Several)) {
            line.place = None;
            let mut idle = self.idle.lock();
            if idle.len() < self.kept && !line.client.is_closed() {
                idle.push(line);
            }
        }
        answer.map_err(|why| unavailable(&why))
    }
}

/// A connection. Dropped in the middle of a question it has the server stop, and is cut.
struct Line {
    client: Client,
    /// What moves its bytes.
    task: Option<JoinHandle<()>>,
    encrypt: Encrypt,
    /// That of the question that is under way.
    place: Option<Arc<OwnedSemaphorePermit>>,
}

impl Line {
    async fn ask(
        &mut self,
        place: &Arc<OwnedSemaphorePermit>,
        query: &Query,
        values: [&str; 2],
    ) -> Result<Found, tokio_postgres::Error> {
        self.place = Some(Arc::clone(place));
        let [subject, issuer] = &values;
        let values: [&(dyn ToSql + Sync); 2] = [subject, issuer];
        let used = values.into_iter().take(query.parameters).map(|value| (value, Type::TEXT));
        let mut rows = pin!(self.client.query_typed_raw(&query.text, used).await?);
        let Some(one) = rows.try_next().await? else { return Ok(Found::Nobody) };
        let record = record(&one)?;
        Ok(if rows.try_next().await?.is_some() { Found::Several } else { Found::One(record) })
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        let (Some(mut task), Some(place)) = (self.task.take(), self.place.take()) else { return };
        if self.client.is_closed() {
            return;
        }
        let Ok(runtime) = Handle::try_current() else { return task.abort() };
        let (cancel, encrypt) = (self.client.cancel_token(), self.encrypt.clone());
        runtime.spawn(async move {
            // A server that waits for a lock does not notice that nobody listens any more. The
            // next question may use a connection when this one is gone.
            let _place = place;
            let ended = timeout(Duration::from_millis(CANCEL_MS), async {
                if let Err(why) = cancel.cancel_query(encrypt).await {
                    tracing::debug!(why = words(&why), "a question could not be cancelled");
                }
                // No panic of it is ours.
                let _ = (&mut task).await;
            });
            if ended.await.is_err() {
                task.abort();
            }
        });
    }
}

fn record(row: &Row) -> Result<Record, tokio_postgres::Error> {
    let columns = row.columns().iter().enumerate();
    columns.map(|(at, column)| Ok((column.name().to_owned(), row.try_get(at)?))).collect()
}

/// Whether a DSN asks for `sslmode=prefer`; one that says nothing is read as that, too. It is cut as
/// the parser of [`Config`] does it.
fn says_prefer(dsn: &str) -> bool {
    let behind = dsn.split_once('@').map_or(dsn, |(_, behind)| behind);
    let (_, options) = behind.split_once('?').unwrap_or_default();
    options.split('&').any(|option| option.starts_with("sslmode="))
}

/// Whether the server is this machine: what is said to it stays here. An address goes before a
/// name.
fn is_here(config: &Config) -> bool {
    let named = |host: &Host| match host {
        Host::Unix(_) => true,
        Host::Tcp(name) => {
            name == "localhost" || name.parse().is_ok_and(|ip: IpAddr| ip.is_loopback())
        }
    };
    match config.get_hostaddrs() {
        [] => config.get_hosts().iter().all(named),
        addresses => addresses.iter().all(IpAddr::is_loopback),
    }
}

impl<'a> FromSql<'a> for Cell {
    fn from_sql(kind: &Type, raw: &'a [u8]) -> Result<Self, Box<dyn Error + Sync + Send>> {
        let text = |raw: &[u8]| Ok(Self::Text(str::from_utf8(raw)?.to_owned()));
        match *kind {
            Type::BOOL => bool::from_sql(kind, raw).map(Self::Truth),
            Type::INT2 => i16::from_sql(kind, raw).map(|n| Self::Number(n.into())),
            Type::INT4 => i32::from_sql(kind, raw).map(|n| Self::Number(n.into())),
            Type::INT8 => i64::from_sql(kind, raw).map(Self::Number),
            Type::JSON => text(raw),
            // Behind a version, which is 1.
            Type::JSONB => text(raw.strip_prefix(&[1]).ok_or("an unknown form of jsonb")?),
            _ if <&str as FromSql>::accepts(kind) => text(raw),
            _ => Ok(Self::Other),
        }
    }

    fn from_sql_null(_: &Type) -> Result<Self, Box<dyn Error + Sync + Send>> {
        Ok(Self::Null)
    }

    fn accepts(_: &Type) -> bool {
        true
    }
}

fn unavailable(why: &tokio_postgres::Error) -> Unavailable {
    Unavailable::new(format!("the database: {}", words(why)))
}

/// What went wrong, without what the server says of values.
fn words(why: &tokio_postgres::Error) -> String {
    match why.as_db_error() {
        // The message of a cast quotes what it could not read: the code says enough then.
        Some(said) if said.code().code().starts_with("22") => {
            format!("{why} ({})", said.code().code())
        }
        Some(said) => format!("{} ({})", said.message(), said.code().code()),
        None => why.source().map_or_else(|| why.to_string(), |source| format!("{why}: {source}")),
    }
}
