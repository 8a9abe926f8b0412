//! One-time codes: six digits, five minutes, five tries, for the browser that asked.

use crate::{
    clock::{MINUTE, Seconds},
    error::Error,
    secret::{Hash, Pepper, Secret, random},
    users::{Login, User},
};
use rusqlite::{OptionalExtension, Transaction, params};

/// How long a code is good.
pub const LIFE: Seconds = 5 * MINUTE;
/// How often a code may be guessed.
const TRIES: u8 = 5;
/// The digits of a code.
const DIGITS: u32 = 6;

/// A code on its way to `user`, and the challenge that its browser has to show with it.
#[derive(Debug)]
pub struct Asked {
    /// For the browser that asked.
    pub challenge: Secret,
    /// For the user.
    pub code: Secret,
}

/// Makes a code. For nobody it makes one as well, which opens nothing.
pub fn ask(
    tx: &Transaction<'_>,
    pepper: &Pepper,
    user: Option<&User>,
    now: Seconds,
) -> Result<Asked, Error> {
    tx.execute("DELETE FROM codes WHERE expires <= ?", [now])?;
    let asked = Asked { challenge: Secret::random("")?, code: digits()? };
    let hash = asked.challenge.hash();
    let name = user.filter(|user| !user.disabled).map(|user| user.name.as_str());
    tx.execute(
        "INSERT INTO codes VALUES (?, ?, ?, ?, ?)",
        params![hash, name, pepper.tag(&bound(&hash, &asked.code)), now + LIFE, TRIES],
    )?;
    Ok(asked)
}

/// Spends a try. The user, if the code was right; then it is gone.
///
/// A wrong one is a value and no error: the transaction has to remember the try.
pub fn verify(
    tx: &Transaction<'_>,
    pepper: &Pepper,
    challenge: &Secret,
    code: &Secret,
    now: Seconds,
) -> Result<Option<User>, Error> {
    let hash = challenge.hash();
    let sql = "UPDATE codes SET tries = tries - 1 WHERE challenge = ? AND expires > ? AND tries > 0
               RETURNING user, tag";
    let read = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get(1)?));
    let kept: Option<(Option<String>, Vec<u8>)> =
        tx.query_row(sql, params![hash, now], read).optional()?;
    let (name, tag) = kept.unwrap_or_default();
    let right = pepper.verify(&bound(&hash, code), &tag);
    let Some(name) = name.filter(|_| right) else { return Ok(None) };
    tx.execute("DELETE FROM codes WHERE challenge = ?", [hash])?;
    // Whoever was disabled meanwhile stays outside.
    Ok(User::find(tx, &Login::parse(&name)?)?.filter(|user| !user.disabled))
}

/// A code belongs to its challenge: the tag of one says nothing about another.
fn bound(challenge: &Hash, code: &Secret) -> Vec<u8> {
    // People copy codes with the space that makes them easier to read.
    let digits = code.reveal().bytes().filter(|byte| !byte.is_ascii_whitespace());
    challenge.iter().copied().chain(digits).collect()
}

/// Six random digits. 2^64 is no multiple of a million: the odds differ by less than 10^-13.
fn digits() -> Result<Secret, Error> {
    let number = u64::from_le_bytes(random()?) % 10_u64.pow(DIGITS);
    Ok(Secret::new(format!("{number:06}")))
}
