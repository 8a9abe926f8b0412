//! The directory of a configuration: who is asked about users.

use super::outcome::Failure;
#[cfg(feature = "sql")]
use crate::directory::{SqlDirectory, SqlSettings};
use crate::{
    config::{Config, DirectoryConfig, DirectoryFrom},
    directory::{Bounds, Checks, Directory, HttpDirectory, Passwords, Register},
    fetch::{Address, Trust},
};
use std::sync::Arc;

/// What the server asks about its users. With the same settings as `known` it is that register,
/// with the answers that it has.
pub(super) fn checks(
    config: &Config,
    known: Option<(&DirectoryConfig, &Register)>,
) -> Result<Option<Checks>, Failure> {
    let Some(settings) = &config.directory else { return Ok(None) };
    let register = match known {
        Some((old, register)) if old == settings => register.clone(),
        Some(_) | None => register(settings)?,
    };
    Ok(Some(Checks { register, passwords: passwords(config, settings) }))
}

fn register(settings: &DirectoryConfig) -> Result<Register, Failure> {
    let wrong = |why: &dyn std::fmt::Display| Failure::Usage(format!("directory: {why}"));
    let trust = || Trust::load(settings.ca_file.as_deref()).map_err(|why| wrong(&why));
    let directory: Arc<dyn Directory> = match &settings.from {
        DirectoryFrom::Url { url, key } => {
            let address = Address::parse(url).map_err(|why| wrong(&why))?;
            let plain = || Trust::nobody().map_err(|why| wrong(&why));
            let trust = if address.is_encrypted() { trust()? } else { plain()? };
            let directory = HttpDirectory::new(address, trust, settings.timeout_ms);
            match key {
                None => Arc::new(directory),
                Some(key) => {
                    let keyed = directory.with_key(key.reveal());
                    Arc::new(keyed.ok_or_else(|| wrong(&"the key does not fit into a header"))?)
                }
            }
        }
        #[cfg(not(feature = "sql"))]
        DirectoryFrom::Sql { .. } => return Err(wrong(&"this program was built without SQL")),
        #[cfg(feature = "sql")]
        DirectoryFrom::Sql { dsn, query, password_query } => {
            let dsn = str::from_utf8(dsn.reveal()).map_err(|_| wrong(&"the DSN is not UTF-8"))?;
            let sql = SqlSettings {
                dsn,
                query,
                password_query: password_query.as_deref(),
                own_authorities: settings.ca_file.is_some(),
                connections: settings.concurrency,
                timeout_ms: settings.timeout_ms,
            };
            let trust = || Trust::load(settings.ca_file.as_deref());
            Arc::new(SqlDirectory::new(&sql, trust).map_err(|why| wrong(&why))?)
        }
    };
    Ok(Register::new(directory, bounds(settings)))
}

fn bounds(settings: &DirectoryConfig) -> Bounds {
    Bounds {
        timeout_ms: settings.timeout_ms,
        concurrency: settings.concurrency,
        cache_ms: settings.cache_ms,
        cache_users: settings.cache_users,
        recheck_ms: settings.recheck_ms,
    }
}

/// Whose users sign in with passwords, by the rules of the issuer that is named.
fn passwords(config: &Config, settings: &DirectoryConfig) -> Option<Passwords> {
    let wanted = settings.passwords.as_ref()?;
    let issuer = config.issuers.iter().find(|issuer| issuer.name == wanted.issuer)?;
    Some(Passwords {
        issuer: issuer.iss.clone(),
        prefix: issuer.user_prefix.clone(),
        ceiling: issuer.ceiling,
        session_ms: wanted.session_ms,
    })
}
