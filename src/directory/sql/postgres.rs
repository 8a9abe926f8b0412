//! PostgreSQL: a few connections that are kept, one unnamed statement for each question.

use super::{
    Found, Query, SqlFault, SqlSettings, Unavailable,
    record::{Cell, Record},
    tls::Encrypt,
};
use crate::fetch::{Trust, TrustFault};
use parking_lot::Mutex;
use std::{error::Error, net::IpAddr, time::Duration};
use tokio_postgres::{
    Client, Config, Row,
    config::{Host, SslMode},
    types::{FromSql, ToSql, Type},
};

/// A server, and connections to it that nobody uses now.
pub(super) struct Postgres {
    config: Config,
    encrypt: Encrypt,
    idle: Mutex<Vec<Client>>,
    /// The most of them.
    kept: usize,
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
        // Nothing falls back to a line in the clear because somebody on the way wants it to.
        if !settings.dsn.contains("sslmode=") {
            let here = config.get_hosts().iter().all(is_here) && !settings.own_authorities;
            config.ssl_mode(if here { SslMode::Disable } else { SslMode::Require });
        }
        config.connect_timeout(Duration::from_millis(settings.timeout_ms));
        config.application_name("vestibule");
        let plain = config.get_ssl_mode() == SslMode::Disable;
        let trust = if plain { Trust::nobody() } else { trust() };
        let encrypt = Encrypt::new(trust.map_err(SqlFault::Trust)?);
        Ok(Self { config, encrypt, idle: Mutex::default(), kept: settings.connections })
    }

    pub(super) async fn find(
        &self,
        query: &Query,
        values: [&str; 2],
    ) -> Result<Found, Unavailable> {
        // A connection that was kept may have broken since: then another one is made, once.
        let idle = self.idle.lock().pop();
        if let Some(client) = idle.filter(|client| !client.is_closed()) {
            match ask(&client, query, values).await {
                Err(_) if client.is_closed() => {}
                answer => return self.settle(client, answer),
            }
        }
        let client = self.connect().await?;
        let answer = ask(&client, query, values).await;
        self.settle(client, answer)
    }

    async fn connect(&self) -> Result<Client, Unavailable> {
        let made = self.config.connect(self.encrypt.clone()).await;
        let (client, connection) = made.map_err(|why| unavailable(&why))?;
        // It ends with its client.
        tokio::spawn(async move {
            if let Err(why) = connection.await {
                tracing::debug!(why = words(&why), "a connection to the directory ended");
            }
        });
        Ok(client)
    }

    /// Keeps the connection for the next question.
    fn settle(
        &self,
        client: Client,
        answer: Result<Found, tokio_postgres::Error>,
    ) -> Result<Found, Unavailable> {
        let mut idle = self.idle.lock();
        if idle.len() < self.kept && !client.is_closed() {
            idle.push(client);
        }
        answer.map_err(|why| unavailable(&why))
    }
}

async fn ask(
    client: &Client,
    query: &Query,
    values: [&str; 2],
) -> Result<Found, tokio_postgres::Error> {
    let [subject, issuer] = &values;
    let values: [(&(dyn ToSql + Sync), Type); 2] = [(subject, Type::TEXT), (issuer, Type::TEXT)];
    let used = values.get(..query.parameters).unwrap_or(&values);
    let rows = client.query_typed(&query.text, used).await?;
    match rows.as_slice() {
        [] => Ok(Found::Nobody),
        [one] => record(one).map(Found::One),
        [_, _, ..] => Ok(Found::Several),
    }
}

fn record(row: &Row) -> Result<Record, tokio_postgres::Error> {
    let columns = row.columns().iter().enumerate();
    columns.map(|(at, column)| Ok((column.name().to_owned(), row.try_get(at)?))).collect()
}

/// Whether a host is this machine: what is said to it stays here.
fn is_here(host: &Host) -> bool {
    match host {
        Host::Unix(_) => true,
        Host::Tcp(name) => {
            name == "localhost" || name.parse().is_ok_and(|ip: IpAddr| ip.is_loopback())
        }
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
