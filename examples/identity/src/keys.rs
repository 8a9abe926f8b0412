//! The keys that sign: each is published before it signs, and until its last token is over.

use crate::{
    clock::{DAY, MINUTE, Seconds},
    error::Error,
    secret::random_text,
    tokens,
};
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use rusqlite::{OptionalExtension, Row, Transaction, params};
use serde::Serialize;

/// How long whoever fetched the keys may keep them.
pub const MAX_AGE: Seconds = 5 * MINUTE;
/// How long a key is published before it signs: twice as long as anybody keeps the keys.
const AHEAD: Seconds = 2 * MAX_AGE;
/// How long a key signs.
const LIFE: Seconds = 30 * DAY;
/// How long a key is published when it signs no more: until its last token is over, clocks of
/// others that run behind included.
const BEHIND: Seconds = tokens::LIFE + MINUTE;

/// A key that signs now.
pub struct SigningKey {
    /// Its name, in the header of tokens.
    pub kid: String,
    /// The key itself.
    pub pkcs8: Vec<u8>,
}

/// A public key (RFC 7517).
#[derive(Debug, Serialize)]
pub struct Jwk {
    kty: &'static str,
    crv: &'static str,
    alg: &'static str,
    #[serde(rename = "use")]
    purpose: &'static str,
    kid: String,
    x: String,
    y: String,
}

/// The document at `/.well-known/jwks.json`.
#[derive(Debug, Serialize)]
pub struct Jwks {
    keys: Vec<Jwk>,
}

/// The key that signs now. If it is old, the next one is published by the way.
pub fn signing(tx: &Transaction<'_>, now: Seconds) -> Result<SigningKey, Error> {
    match newest(tx)? {
        None => make(tx, now)?,
        Some(signs) if now >= signs + LIFE - AHEAD => make(tx, now + AHEAD)?,
        Some(_) => {}
    }
    // The oldest one signs in any case: the clock may have been set back.
    let sql = "SELECT kid, pkcs8 FROM keys WHERE signs <= max(?, (SELECT min(signs) FROM keys))
               ORDER BY signs DESC LIMIT 1";
    let read = |row: &Row<'_>| Ok(SigningKey { kid: row.get(0)?, pkcs8: row.get(1)? });
    Ok(tx.query_row(sql, [now], read)?)
}

/// All keys that somebody may need. Those whose last token is over are forgotten by the way.
pub fn published(tx: &Transaction<'_>, now: Seconds) -> Result<Jwks, Error> {
    signing(tx, now)?;
    // A key is over when another one has signed for as long as its tokens live.
    tx.execute(
        "DELETE FROM keys WHERE EXISTS
           (SELECT 1 FROM keys AS later WHERE later.signs > keys.signs AND later.signs <= ?)",
        [now - BEHIND],
    )?;
    let mut statement = tx.prepare("SELECT kid, point FROM keys ORDER BY signs")?;
    let keys = statement
        .query_map([], |row| Ok(jwk(row.get(0)?, &row.get::<_, Vec<u8>>(1)?)))?
        .collect::<Result<_, _>>()?;
    Ok(Jwks { keys })
}

/// Publishes the next key, which signs when everybody has it. When; it may be on its way already.
pub fn rotate(tx: &Transaction<'_>, now: Seconds) -> Result<Seconds, Error> {
    match newest(tx)? {
        Some(signs) if signs > now => Ok(signs),
        Some(_) | None => make(tx, now + AHEAD).map(|()| now + AHEAD),
    }
}

/// Forgets all keys, for the day when one of them has leaked: a new one signs at once, and what
/// the others have signed counts no more wherever the keys are fetched again.
pub fn replace_all(tx: &Transaction<'_>, now: Seconds) -> Result<(), Error> {
    tx.execute("DELETE FROM keys", [])?;
    make(tx, now)
}

fn newest(tx: &Transaction<'_>) -> Result<Option<Seconds>, Error> {
    let newest = tx.query_row("SELECT max(signs) FROM keys", [], |row| row.get(0)).optional()?;
    Ok(newest.flatten())
}

fn make(tx: &Transaction<'_>, signs: Seconds) -> Result<(), Error> {
    let fault = |_| Error::internal("no key could be made");
    let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).map_err(fault)?;
    let pkcs8 = pair.to_pkcs8v1().map_err(fault)?;
    tx.execute(
        "INSERT INTO keys (kid, pkcs8, point, signs) VALUES (?, ?, ?, ?)",
        params![random_text::<12>()?, pkcs8.as_ref(), pair.public_key().as_ref(), signs],
    )?;
    Ok(())
}

fn jwk(kid: String, point: &[u8]) -> Jwk {
    // An uncompressed point: one byte that says so, then x and y.
    let (x, y) = point.get(1..).unwrap_or_default().split_at_checked(32).unwrap_or_default();
    Jwk {
        kty: "EC",
        crv: "P-256",
        alg: "ES256",
        purpose: "sig",
        kid,
        x: BASE64_URL_SAFE_NO_PAD.encode(x),
        y: BASE64_URL_SAFE_NO_PAD.encode(y),
    }
}
