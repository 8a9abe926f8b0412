//! SQLite: a file that is only read, on threads that may block.

use super::{
    Found, Query, SqlSettings, Unavailable,
    record::{Cell, Record},
};
use parking_lot::Mutex;
use rusqlite::{Connection, OpenFlags, Row, Statement, types::ValueRef};
use std::{
    fs,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};
use tokio::{task::spawn_blocking, time::Instant};

/// How many steps of a query lie between two looks at the clock.
const STEPS: i32 = 10_000;

/// A file, and connections to it that nobody uses now.
pub(super) struct Sqlite {
    shared: Arc<Shared>,
}

struct Shared {
    path: PathBuf,
    idle: Mutex<Vec<Opened>>,
    /// The most of them.
    kept: usize,
    patience: Duration,
}

/// A connection, and which file it has open: another one may stand there by now.
struct Opened {
    connection: Connection,
    file: (u64, u64),
}

impl Sqlite {
    pub(super) fn new(path: &str, settings: &SqlSettings<'_>) -> Self {
        let shared = Shared {
            path: path.into(),
            idle: Mutex::default(),
            kept: settings.connections,
            patience: Duration::from_millis(settings.timeout_ms),
        };
        Self { shared: Arc::new(shared) }
    }

    pub(super) async fn find(
        &self,
        query: &Query,
        values: [&str; 2],
    ) -> Result<Found, Unavailable> {
        let (shared, query) = (Arc::clone(&self.shared), query.clone());
        let values = values.map(str::to_owned);
        let deadline = Instant::now() + shared.patience;
        let found = spawn_blocking(move || shared.find(&query, &values, deadline)).await;
        found.unwrap_or_else(|why| Err(Unavailable::new(why.to_string())))
    }
}

impl Shared {
    fn find(
        &self,
        query: &Query,
        values: &[String; 2],
        deadline: Instant,
    ) -> Result<Found, Unavailable> {
        let file = identity(&self.path)?;
        let idle = self.idle.lock().pop().filter(|opened| opened.file == file);
        let mut opened = idle.map_or_else(|| self.open(file), Ok)?;
        let over = move || Instant::now() >= deadline;
        let handled = opened.connection.progress_handler(STEPS, Some(over));
        handled.map_err(|why| unavailable(&why))?;
        let found = ask(&opened.connection, query, values)?;
        let mut idle = self.idle.lock();
        if idle.len() < self.kept {
            idle.push(opened);
        }
        Ok(found)
    }

    fn open(&self, file: (u64, u64)) -> Result<Opened, Unavailable> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(&self.path, flags);
        let connection = connection.map_err(|why| unavailable(&why))?;
        connection.busy_timeout(self.patience).map_err(|why| unavailable(&why))?;
        Ok(Opened { connection, file })
    }
}

/// Which file stands at a path.
fn identity(path: &Path) -> Result<(u64, u64), Unavailable> {
    let file = fs::metadata(path)
        .map_err(|why| Unavailable::new(format!("the database {}: {why}", path.display())))?;
    Ok((file.dev(), file.ino()))
}

fn ask(connection: &Connection, query: &Query, values: &[String; 2]) -> Result<Found, Unavailable> {
    let statement = connection.prepare(&query.text).map_err(|why| unavailable(&why))?;
    run(statement, values).map_err(|why| unavailable(&why))?.ok_or_else(|| {
        // `$1::int` is the whole name of a parameter here, and would stay without a value.
        Unavailable::new(
            "the query has a parameter other than $1 and $2: for SQLite write cast($1 as integer) \
             in place of $1::int",
        )
    })
}

/// Nothing if there is a parameter that has no value.
fn run(mut statement: Statement<'_>, values: &[String; 2]) -> rusqlite::Result<Option<Found>> {
    let mut bound = 0;
    for (name, value) in ["$1", "$2"].iter().zip(values) {
        if let Some(at) = statement.parameter_index(name)? {
            statement.raw_bind_parameter(at, value)?;
            bound += 1;
        }
    }
    if statement.parameter_count() != bound {
        return Ok(None);
    }
    let names: Vec<String> = statement.column_names().map(str::to_owned).collect();
    let mut rows = statement.raw_query();
    let Some(row) = rows.next()? else { return Ok(Some(Found::Nobody)) };
    let record = record(&names, row)?;
    Ok(Some(if rows.next()?.is_some() { Found::Several } else { Found::One(record) }))
}

fn record(names: &[String], row: &Row<'_>) -> rusqlite::Result<Record> {
    let cells = names.iter().enumerate().map(|(at, name)| {
        let cell = match row.get_ref(at)? {
            ValueRef::Null => Cell::Null,
            ValueRef::Integer(number) => Cell::Number(number),
            ValueRef::Text(text) => match str::from_utf8(text) {
                Ok(text) => Cell::Text(text.to_owned()),
                Err(_) => Cell::Other,
            },
            ValueRef::Real(_) | ValueRef::Blob(_) => Cell::Other,
        };
        Ok((name.clone(), cell))
    });
    cells.collect()
}

fn unavailable(why: &rusqlite::Error) -> Unavailable {
    Unavailable::new(format!("the database: {why}"))
}
