//! Access tokens: five minutes, signed with ES256, in the profile of RFC 9068.

use crate::{
    clock::{MINUTE, Seconds},
    error::Error,
    keys::SigningKey,
    secret::{Secret, random_text},
    sessions::Session,
    users::User,
};
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use serde::Serialize;
use serde_json::Value;

/// How long a token lives.
pub const LIFE: Seconds = 5 * MINUTE;

/// For whom tokens are, and by whom.
#[derive(Clone, Debug)]
pub struct Issuer {
    /// The claim `iss`: the address of this service.
    pub iss: String,
    /// The claim `aud`: what the configuration of Vestibule has.
    pub aud: String,
}

#[derive(Serialize)]
struct Claims<'a> {
    iss: &'a str,
    aud: &'a str,
    sub: &'a str,
    client_id: &'static str,
    iat: Seconds,
    exp: Seconds,
    jti: String,
    sid: &'a str,
    orig_iat: Seconds,
    rooms: &'a Value,
}

/// A new token, and in how many seconds it is over.
#[derive(Clone, Debug)]
pub struct Access {
    /// The token.
    pub token: Secret,
    /// Its life.
    pub expires_in: Seconds,
}

/// Signs a token of `session`, which it does not outlive.
pub fn mint(
    issuer: &Issuer,
    key: &SigningKey,
    session: &Session,
    user: &User,
    now: Seconds,
) -> Result<Access, Error> {
    let exp = session.expires().min(now + LIFE);
    let claims = Claims {
        iss: &issuer.iss,
        aud: &issuer.aud,
        sub: &user.name,
        client_id: "identity",
        iat: now,
        exp,
        jti: random_text::<16>()?,
        sid: &session.sid,
        orig_iat: session.began,
        rooms: &user.rooms,
    };
    let mut header = Header::new(Algorithm::ES256);
    header.typ = Some("at+jwt".to_owned());
    header.kid = Some(key.kid.clone());
    let token = encode(&header, &claims, &EncodingKey::from_ec_der(&key.pkcs8))
        .map_err(|_| Error::internal("the key in the database does not sign"))?;
    Ok(Access { token: Secret::new(token), expires_in: exp - now })
}
