//! One SQLite file that only its owner can read, and one transaction at a time.

use crate::error::Error;
use rusqlite::{Connection, Transaction, TransactionBehavior};
use std::{
    fs::{DirBuilder, OpenOptions},
    io::ErrorKind,
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::Path,
    sync::{Mutex, PoisonError},
    time::Duration,
};

/// How long a transaction waits for that of another process.
const BUSY: Duration = Duration::from_secs(5);

/// The database.
pub struct Store(Mutex<Connection>);

impl Store {
    /// Opens `identity.db` in `folder`, and makes both if they are not there.
    pub fn open(folder: &Path) -> Result<Self, Error> {
        let fault = |why| Error::internal(format!("{}: {why}", folder.display()));
        DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(fault)?;
        let path = folder.join("identity.db");
        // Made before SQLite does it, and then with a mode of our own; -wal and -shm take it over.
        match OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path) {
            Err(why) if why.kind() != ErrorKind::AlreadyExists => return Err(fault(why)),
            Ok(_) | Err(_) => {}
        }
        let connection = Connection::open(path)?;
        connection.busy_timeout(BUSY)?;
        connection.pragma_update(None, "journal_mode", "wal")?;
        connection.pragma_update(None, "foreign_keys", true)?;
        connection.execute_batch(include_str!("schema.sql"))?;
        Ok(Self(Mutex::new(connection)))
    }

    /// Does `work` as a whole or not at all. Nobody else writes meanwhile, so that what it has
    /// read is still true when it writes: of two who spend one token, one finds it spent.
    ///
    /// An `Err` of `work` takes back what it wrote: a refusal that has to be remembered is a value.
    pub fn transact<T>(
        &self,
        work: impl FnOnce(&Transaction<'_>) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let mut connection = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let value = work(&transaction)?;
        transaction.commit()?;
        Ok(value)
    }
}
