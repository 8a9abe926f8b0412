//! The tokens that the generator's users sign in with.

use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde::Serialize;
use std::{
    io,
    time::{SystemTime, UNIX_EPOCH},
};

/// What HS256 tokens are signed with: it protects nothing but this machine's loopback, for a minute.
pub const SECRET: &str = "the secret of the benchmark, known to everybody";
/// Tokens outlast the longest call.
const LIFE_S: u64 = 24 * 3600;

#[derive(Serialize)]
struct Claims<'a> {
    iss: &'a str,
    aud: &'a str,
    sub: &'a str,
    iat: u64,
    exp: u64,
}

/// A token for a user.
///
/// # Errors
/// The key does not fit the algorithm.
pub fn mint(user: &str, algorithm: Algorithm, key: &EncodingKey) -> io::Result<String> {
    let iat = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    let claims = Claims { iss: "bench", aud: "bench", sub: user, iat, exp: iat + LIFE_S };
    jsonwebtoken::encode(&Header::new(algorithm), &claims, key).map_err(io::Error::other)
}

/// The key of [`SECRET`].
#[must_use]
pub fn shared_key() -> EncodingKey {
    EncodingKey::from_secret(SECRET.as_bytes())
}
