//! Who there is, and their passwords (argon2id).

use crate::{error::Error, secret::Secret, sessions};
use argon2::{Argon2, PasswordHash, PasswordHasher, PasswordVerifier};
use rusqlite::{OptionalExtension, Row, Transaction, params};
use serde_json::{Value, json};
use std::sync::LazyLock;

/// The longest name or e-mail address, in bytes.
const NAME: usize = 64;
/// The longest password, in bytes: argon2 would read on for ever.
const PASSWORD: usize = 256;

/// Somebody who may sign in, unless disabled.
#[derive(Debug)]
pub struct User {
    /// The subject of tokens.
    pub name: String,
    /// Where codes go.
    pub email: Option<String>,
    /// The claim `rooms`.
    pub rooms: Value,
    /// Whether nobody may sign in by this name any more.
    pub disabled: bool,
    password: String,
}

/// Who was meant: what somebody typed as a name or an e-mail address. Upper and lower case are one.
#[derive(Clone, Debug)]
pub struct Login(String);

impl Login {
    /// Checks its form.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let plain = |c: char| c.is_ascii_alphanumeric() || "._@+-".contains(c);
        match text.trim() {
            text if text.is_empty() || text.len() > NAME || !text.chars().all(plain) => {
                Err(Error::BadRequest("user: 1 to 64 letters, digits or any of . _ @ + -"))
            }
            text => Ok(Self(text.to_ascii_lowercase())),
        }
    }

    /// As it is looked up.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// What is compared with the password of a user who does not exist, so that both take as long.
static NOBODY: LazyLock<String> = LazyLock::new(|| hash("nobody").unwrap_or_default());

impl User {
    fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        let rooms: String = row.get("rooms")?;
        Ok(Self {
            name: row.get("name")?,
            email: row.get("email")?,
            rooms: serde_json::from_str(&rooms).unwrap_or_else(|_| json!({})),
            disabled: row.get("disabled")?,
            password: row.get("password")?,
        })
    }

    /// By name or e-mail address.
    pub fn find(tx: &Transaction<'_>, login: &Login) -> Result<Option<Self>, Error> {
        let sql = "SELECT * FROM users WHERE name = ?1 OR email = ?1";
        Ok(tx.query_row(sql, [login.as_str()], Self::read).optional()?)
    }
}

/// Whether `password` is that of `user`. It takes as long if there is none.
pub fn is_password(user: Option<&User>, password: &Secret) -> bool {
    let kept = user.map_or(NOBODY.as_str(), |user| user.password.as_str());
    let fits = password.reveal().len() <= PASSWORD;
    let given = if fits { password.reveal().as_bytes() } else { b"" };
    let same = PasswordHash::new(kept)
        .is_ok_and(|kept| Argon2::default().verify_password(given, &kept).is_ok());
    same && fits && user.is_some()
}

/// Makes what [`is_password`] compares with when there is nobody, before the first one asks.
pub fn warm_up() {
    LazyLock::force(&NOBODY);
}

fn hash(password: &str) -> Result<String, Error> {
    let hash = Argon2::default().hash_password(password.as_bytes());
    Ok(hash.map_err(|why| Error::internal(format!("argon2: {why}")))?.to_string())
}

/// Adds somebody; the password has 12 to 256 bytes.
pub fn add(
    tx: &Transaction<'_>,
    name: &Login,
    email: Option<&Login>,
    password: &Secret,
    rooms: &[String],
) -> Result<(), Error> {
    if !(12..=PASSWORD).contains(&password.reveal().len()) {
        return Err(Error::BadRequest("a password has 12 to 256 bytes"));
    }
    for taken in [Some(name), email].into_iter().flatten() {
        if User::find(tx, taken)?.is_some() {
            return Err(Error::BadRequest("there is a user of this name or address already"));
        }
    }
    let rooms: Value = rooms.iter().map(|pattern| (pattern.clone(), json!("*"))).collect();
    tx.execute(
        "INSERT INTO users (name, email, password, rooms) VALUES (?, ?, ?, ?)",
        params![
            name.as_str(),
            email.map(Login::as_str),
            hash(password.reveal())?,
            rooms.to_string()
        ],
    )?;
    Ok(())
}

/// Lets somebody in no more, and ends all that is open.
pub fn disable(tx: &Transaction<'_>, name: &Login) -> Result<(), Error> {
    if tx.execute("UPDATE users SET disabled = 1 WHERE name = ?", [name.as_str()])? == 0 {
        return Err(Error::BadRequest("there is no user of this name"));
    }
    sessions::end_all(tx, name.as_str(), "disabled")
}

/// Lets somebody in again.
pub fn enable(tx: &Transaction<'_>, name: &Login) -> Result<(), Error> {
    match tx.execute("UPDATE users SET disabled = 0 WHERE name = ?", [name.as_str()])? {
        0 => Err(Error::BadRequest("there is no user of this name")),
        _ => Ok(()),
    }
}
