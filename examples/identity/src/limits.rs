//! How often something may be tried: by whose account it is about, and by who tries.

use crate::{
    clock::{MINUTE, Seconds},
    error::Error,
};
use rusqlite::{Transaction, params};
use std::net::IpAddr;

/// So many tries in any [`WINDOW`].
pub struct Limit {
    name: &'static str,
    most: i64,
}

/// The time in which tries are counted, in seconds.
const WINDOW: Seconds = 15 * MINUTE;

/// Passwords tried for one name.
pub const PASSWORDS: Limit = Limit { name: "password", most: 10 };
/// Codes asked for by one name: each is five guesses among a million.
pub const CODES: Limit = Limit { name: "code", most: 5 };
/// The same for an account by all its names together; who is over it hears what a stranger hears,
/// because a limit that two names share would tell that they are one account.
pub const ACCOUNT_PASSWORDS: Limit = Limit { name: "account password", most: 10 };
/// The same for codes.
pub const ACCOUNT_CODES: Limit = Limit { name: "account code", most: 5 };
/// Whatever one address tries without being signed in.
pub const ADDRESS: Limit = Limit { name: "address", most: 100 };
/// Refreshes and tickets of one session.
pub const SESSION: Limit = Limit { name: "session", most: 100 };

impl Limit {
    /// Counts a try, or says when there is one again. What is refused does not count.
    pub fn draw(&self, tx: &Transaction<'_>, whose: &str, now: Seconds) -> Result<(), Error> {
        tx.execute("DELETE FROM tries WHERE at <= ?", [now - WINDOW])?;
        let bucket = self.bucket(whose);
        let (count, oldest): (i64, Option<Seconds>) = tx.query_row(
            "SELECT count(*), min(at) FROM tries WHERE bucket = ?",
            [&bucket],
            |row| Ok((row.get(0)?, row.get(1)?)),
        )?;
        if count >= self.most {
            return Err(Error::TooMany(oldest.unwrap_or(now) + WINDOW - now));
        }
        tx.execute("INSERT INTO tries VALUES (?, ?)", params![bucket, now])?;
        Ok(())
    }

    /// Counts a try, and says whether it may be one.
    pub fn allows(&self, tx: &Transaction<'_>, whose: &str, now: Seconds) -> Result<bool, Error> {
        match self.draw(tx, whose, now) {
            Ok(()) => Ok(true),
            Err(Error::TooMany(_)) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Forgets the tries of somebody who has shown who it is.
    pub fn forgive(&self, tx: &Transaction<'_>, whose: &str) -> Result<(), Error> {
        tx.execute("DELETE FROM tries WHERE bucket = ?", [self.bucket(whose)])?;
        Ok(())
    }

    fn bucket(&self, whose: &str) -> String {
        format!("{} {whose}", self.name)
    }
}

/// What counts as one address: all that a household has of IPv6 (a /64) is one.
pub fn neighbour(address: IpAddr) -> String {
    match address.to_canonical() {
        IpAddr::V4(address) => address.to_string(),
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            format!("{a:x}:{b:x}:{c:x}:{d:x}::/64")
        }
    }
}
