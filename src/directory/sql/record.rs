//! A row of a database, and what it says of a user.

use super::{Standing, Unavailable};
use crate::directory::{Profile, ProfileFault};
use std::{fmt, sync::Arc};

/// One value, as far as it concerns us.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Cell {
    Null,
    Truth(bool),
    Number(i64),
    Text(String),
    /// Of a type that nothing here has.
    Other,
}

/// A row: its columns by name.
pub(super) type Record = Vec<(String, Cell)>;

/// What a row says.
pub(super) struct Account {
    active: bool,
    profile: Profile,
    pub(super) hash: Option<String>,
    /// Whether the row has a column for it.
    pub(super) has_hash: bool,
}

impl Account {
    pub(super) fn into_standing(self) -> Standing {
        if self.active { Standing::Active(Arc::new(self.profile)) } else { Standing::Disabled }
    }
}

/// Reads a row; columns that are not known are not looked at.
pub(super) fn read(record: &Record) -> Result<Account, Unavailable> {
    let mut profile = Profile::default();
    let good = |result: Result<(), ProfileFault>| result.map_err(|fault| wrong(&fault));
    if let Some(subject) = text(record, "subject")? {
        good(profile.set_subject(&subject))?;
    }
    if let Some(rooms) = text(record, "rooms")? {
        good(profile.set_rooms(&rooms))?;
    }
    if let Some(info) = text(record, "info")? {
        good(profile.set_info(&info))?;
    }
    profile.recheck_ms = match cell(record, "recheck_ms") {
        Cell::Null => None,
        Cell::Number(ms) => Some(u64::try_from(*ms).map_err(|_| wrong(&ProfileFault::Recheck))?),
        Cell::Truth(_) | Cell::Text(_) | Cell::Other => return Err(wrong(&ProfileFault::Recheck)),
    };
    let has_hash = record.iter().any(|(column, _)| column == "password_hash");
    let hash = text(record, "password_hash")?;
    Ok(Account { active: active(record)?, profile, hash, has_hash })
}

fn active(record: &Record) -> Result<bool, Unavailable> {
    match cell(record, "active") {
        Cell::Truth(truth) => Ok(*truth),
        Cell::Number(number @ (0 | 1)) => Ok(*number == 1),
        Cell::Null => Err(wrong(&"the column `active` is missing or null")),
        Cell::Number(_) | Cell::Text(_) | Cell::Other => {
            Err(wrong(&"the column `active` is neither true nor false, 1 nor 0"))
        }
    }
}

/// A text, or a number as a subject may be; nothing if the column is missing.
fn text(record: &Record, name: &str) -> Result<Option<String>, Unavailable> {
    match cell(record, name) {
        Cell::Null => Ok(None),
        Cell::Text(text) => Ok(Some(text.clone())),
        Cell::Number(number) => Ok(Some(number.to_string())),
        Cell::Truth(_) | Cell::Other => {
            Err(Unavailable::new(format!("the column `{name}` is no text")))
        }
    }
}

fn cell<'a>(record: &'a Record, name: &str) -> &'a Cell {
    record.iter().find(|(column, _)| column == name).map_or(&Cell::Null, |(_, cell)| cell)
}

fn wrong(what: &dyn fmt::Display) -> Unavailable {
    Unavailable::new(format!("the query gives a wrong row: {what}"))
}
