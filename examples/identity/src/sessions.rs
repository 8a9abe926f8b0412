//! Sessions of up to seven days, and their refresh tokens, each of which works once.
//!
//! A refresh token that comes twice was copied: by whom, cannot be told, so that its whole family
//! ends, the thief's branch with it. There is no time of grace in which it may come twice: that
//! would be a time in which a thief may, too. A client has to refresh once at a time, and a client
//! that never heard the answer signs in again.

use crate::{
    clock::{DAY, Seconds},
    error::Error,
    secret::{Hash, Secret, random_text},
};
use rusqlite::{OptionalExtension, Row, Transaction, params};

/// How long a session lives, whatever it does.
pub const LIFE: Seconds = 7 * DAY;

/// One login, and all that comes of it.
#[derive(Clone, Debug)]
pub struct Session {
    /// Its public id: the claim `sid`.
    pub sid: String,
    /// Whose it is.
    pub user: String,
    /// When the user has signed in: the claim `orig_iat`.
    pub began: Seconds,
    ended: Option<String>,
}

/// What came of a refresh token.
#[derive(Debug)]
pub enum Spent {
    /// It was good; the next one.
    Renewed(Session, Secret),
    /// It had been spent before: the family of this session has ended.
    Reused(String),
    /// Unknown, over, or of a session that has ended.
    Refused,
}

impl Session {
    fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            sid: row.get("sid")?,
            user: row.get("user")?,
            began: row.get("began")?,
            ended: row.get("ended")?,
        })
    }

    /// Begins one. Sessions that are over are forgotten by the way.
    fn begin(
        tx: &Transaction<'_>,
        user: &str,
        cookie: Option<Hash>,
        now: Seconds,
    ) -> Result<Self, Error> {
        tx.execute("DELETE FROM sessions WHERE began <= ?", [now - LIFE])?;
        let sid = random_text::<16>()?;
        tx.execute(
            "INSERT INTO sessions (sid, user, began, cookie) VALUES (?, ?, ?, ?)",
            params![sid, user, now, cookie],
        )?;
        Ok(Self { sid, user: user.to_owned(), began: now, ended: None })
    }

    /// When it is over at the latest.
    pub fn expires(&self) -> Seconds {
        self.began + LIFE
    }

    fn is_open(&self, now: Seconds) -> bool {
        self.ended.is_none() && now < self.expires()
    }
}

/// Begins a session with a refresh token.
pub fn begin(tx: &Transaction<'_>, user: &str, now: Seconds) -> Result<(Session, Secret), Error> {
    let session = Session::begin(tx, user, None, now)?;
    let token = next_token(tx, &session.sid)?;
    Ok((session, token))
}

/// Begins a session with a cookie.
pub fn begin_with_cookie(
    tx: &Transaction<'_>,
    user: &str,
    now: Seconds,
) -> Result<(Session, Secret), Error> {
    let cookie = Secret::random("")?;
    Ok((Session::begin(tx, user, Some(cookie.hash()), now)?, cookie))
}

/// Spends a refresh token.
pub fn spend(tx: &Transaction<'_>, token: &Secret, now: Seconds) -> Result<Spent, Error> {
    let hash = token.hash();
    let Some((session, used)) = of_refresh_token(tx, &hash)? else { return Ok(Spent::Refused) };
    if used.is_some() {
        end(tx, &session.sid, "a refresh token came twice")?;
        return Ok(Spent::Reused(session.sid));
    }
    if !session.is_open(now) {
        return Ok(Spent::Refused);
    }
    tx.execute("UPDATE refresh_tokens SET used = ? WHERE hash = ?", params![now, hash])?;
    let next = next_token(tx, &session.sid)?;
    Ok(Spent::Renewed(session, next))
}

fn next_token(tx: &Transaction<'_>, sid: &str) -> Result<Secret, Error> {
    let token = Secret::random("rt_")?;
    tx.execute("INSERT INTO refresh_tokens (hash, sid) VALUES (?, ?)", params![token.hash(), sid])?;
    Ok(token)
}

fn of_refresh_token(
    tx: &Transaction<'_>,
    hash: &Hash,
) -> Result<Option<(Session, Option<Seconds>)>, Error> {
    let sql = "SELECT * FROM refresh_tokens JOIN sessions USING (sid) WHERE hash = ?";
    let read = |row: &Row<'_>| Ok((Session::read(row)?, row.get("used")?));
    Ok(tx.query_row(sql, [hash], read).optional()?)
}

/// The open session of a cookie.
pub fn of_cookie(
    tx: &Transaction<'_>,
    cookie: &Secret,
    now: Seconds,
) -> Result<Option<Session>, Error> {
    let sql = "SELECT * FROM sessions WHERE cookie = ?";
    let session = tx.query_row(sql, [cookie.hash()], Session::read).optional()?;
    Ok(session.filter(|session| session.is_open(now)))
}

/// Whether any session of `user` is open.
pub fn is_any_open(tx: &Transaction<'_>, user: &str, now: Seconds) -> Result<bool, Error> {
    let sql = "SELECT EXISTS (SELECT 1 FROM sessions
                 WHERE user = ? AND ended IS NULL AND began > ?)";
    Ok(tx.query_row(sql, params![user, now - LIFE], |row| row.get(0))?)
}

/// Ends the session that a refresh token or a cookie belongs to, used or not.
pub fn log_out(tx: &Transaction<'_>, shown: &Secret) -> Result<(), Error> {
    let hash = shown.hash();
    let sql = "SELECT sid FROM refresh_tokens WHERE hash = ?1
               UNION SELECT sid FROM sessions WHERE cookie = ?1";
    let sid: Option<String> = tx.query_row(sql, [hash], |row| row.get(0)).optional()?;
    sid.map_or(Ok(()), |sid| end(tx, &sid, "logout"))
}

fn end(tx: &Transaction<'_>, sid: &str, why: &str) -> Result<(), Error> {
    let sql = "UPDATE sessions SET ended = ? WHERE sid = ? AND ended IS NULL";
    tx.execute(sql, [why, sid])?;
    Ok(())
}

/// Ends all sessions of `user`.
pub fn end_all(tx: &Transaction<'_>, user: &str, why: &str) -> Result<(), Error> {
    let sql = "UPDATE sessions SET ended = ? WHERE user = ? AND ended IS NULL";
    tx.execute(sql, [why, user])?;
    Ok(())
}
