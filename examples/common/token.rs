//! Tokens for the bots, signed with the secret that the server knows.

use base64::{Engine, engine::general_purpose::STANDARD};
use std::time::{SystemTime, UNIX_EPOCH};
use vestibule::{
    protocol::time::Wall,
    token::{Mint, SigningKey},
};

/// Signs tokens with a shared secret.
pub(crate) struct Signer(SigningKey);

impl Signer {
    /// Takes the secret as a configuration has it: plain text, or `base64:` and the bytes.
    pub(crate) fn new(secret: &str) -> Result<Self, String> {
        let bytes = match secret.strip_prefix("base64:") {
            Some(encoded) => STANDARD.decode(encoded).map_err(|_| "--secret is no base64")?,
            None => secret.as_bytes().to_vec(),
        };
        let key = SigningKey::from_secret(&bytes, None);
        Ok(Self(key.map_err(|fault| format!("--secret cannot sign tokens: {fault}"))?))
    }

    /// Signs a token that begins now.
    pub(crate) fn sign(&self, mint: &Mint) -> Result<String, String> {
        mint.sign(&self.0, now()).map_err(|fault| fault.to_string())
    }
}

#[expect(clippy::disallowed_methods, reason = "a program of its own: it reads the clock")]
pub(crate) fn now() -> Wall {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Wall::from_ms(since_epoch.as_millis() as u64)
}
