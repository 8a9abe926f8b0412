//! Passwords against their hashes, off the threads that serve, a few at a time.

use super::Unavailable;
use crate::protocol::credential::Password;
use argon2::{Argon2, PasswordHash, PasswordVerifier, password_hash};
use aws_lc_rs::pbkdf2;
use base64::{Engine, engine::general_purpose::STANDARD};
use parking_lot::Mutex;
use std::{num::NonZeroU32, sync::Arc};
use tokio::{sync::Semaphore, task::spawn_blocking};

/// Hashes that are computed at a time.
pub(super) const HASHES: usize = 2;
/// The most rounds of PBKDF2 that a hash may ask for.
const ROUNDS: u32 = 10_000_000;
/// The most memory that argon2 may ask for, in KiB.
const MEMORY_KIB: u32 = 262_144;
/// The most passes over it.
const PASSES: u32 = 32;

/// A hash of nothing that anybody knows: what a stranger's password is compared with, until a hash
/// of somebody was seen. Its cost is that of the OWASP's first choice.
const NOBODY: &str = "$argon2id$v=19$m=19456,t=2,p=1$AAAAAAAAAAAAAAAAAAAAAA$\
                      AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

/// Compares passwords.
pub(super) struct Judge {
    places: Arc<Semaphore>,
    /// As costly as the last hash that was seen.
    nobody: Mutex<Arc<str>>,
}

impl Default for Judge {
    fn default() -> Self {
        Self { places: Arc::new(Semaphore::new(HASHES)), nobody: Mutex::new(NOBODY.into()) }
    }
}

/// What a hash is.
#[derive(Debug, PartialEq, Eq)]
enum Verdict {
    Right,
    Wrong,
    /// Of a form that is not known, or costs too much.
    Unreadable,
}

impl Judge {
    /// Whether the password is that of `hash`. Without one it takes as long, and is wrong.
    pub(super) async fn is_right(
        &self,
        hash: Option<&str>,
        password: &Password,
    ) -> Result<bool, Unavailable> {
        let known = hash.map(Arc::<str>::from);
        let compared = known.clone().unwrap_or_else(|| Arc::clone(&self.nobody.lock()));
        let place = Arc::clone(&self.places).acquire_owned().await;
        let place = place.map_err(|why| Unavailable::new(why.to_string()))?;
        let password = password.clone();
        let text = Arc::clone(&compared);
        let verdict = spawn_blocking(move || {
            // The work goes on when nobody waits any more, and so does its place.
            let _place = place;
            compare(&text, password.reveal().as_bytes())
        });
        match verdict.await {
            Ok(_) if known.is_none() => Ok(false),
            Ok(verdict @ (Verdict::Right | Verdict::Wrong)) => {
                if !is_unusable(&compared) {
                    *self.nobody.lock() = compared;
                }
                Ok(verdict == Verdict::Right)
            }
            Ok(Verdict::Unreadable) => Err(Unavailable::new(
                "a `password_hash` is neither argon2 nor pbkdf2_sha256, or costs too much",
            )),
            Err(why) => Err(Unavailable::new(why.to_string())),
        }
    }
}

/// Django's mark of a user who has no password.
fn is_unusable(hash: &str) -> bool {
    hash.is_empty() || hash.starts_with('!')
}

fn compare(hash: &str, password: &[u8]) -> Verdict {
    if is_unusable(hash) {
        return Verdict::Wrong;
    }
    if let Some(rest) = hash.strip_prefix("pbkdf2_sha256$") {
        return pbkdf2_sha256(rest, password).unwrap_or(Verdict::Unreadable);
    }
    // Django writes the name of its hasher in front of the PHC string.
    let phc = hash.strip_prefix("argon2").filter(|rest| rest.starts_with('$')).unwrap_or(hash);
    argon2(phc, password)
}

/// `rounds$salt$hash`, as Django writes it.
fn pbkdf2_sha256(rest: &str, password: &[u8]) -> Option<Verdict> {
    let mut parts = rest.split('$');
    let (rounds, salt, hash) = (parts.next()?, parts.next()?, parts.next()?);
    let rounds: NonZeroU32 = rounds.parse().ok().filter(|it: &NonZeroU32| it.get() <= ROUNDS)?;
    let hash = STANDARD.decode(hash).ok().filter(|_| parts.next().is_none())?;
    let same = pbkdf2::verify(pbkdf2::PBKDF2_HMAC_SHA256, rounds, salt.as_bytes(), password, &hash);
    Some(if same.is_ok() { Verdict::Right } else { Verdict::Wrong })
}

fn argon2(phc: &str, password: &[u8]) -> Verdict {
    let Ok(hash) = PasswordHash::new(phc) else { return Verdict::Unreadable };
    let affordable = hash.params.get_decimal("m").is_some_and(|m| m <= MEMORY_KIB)
        && hash.params.get_decimal("t").is_some_and(|t| t <= PASSES);
    if !affordable {
        return Verdict::Unreadable;
    }
    match Argon2::default().verify_password(password, &hash) {
        Ok(()) => Verdict::Right,
        Err(password_hash::Error::PasswordInvalid) => Verdict::Wrong,
        Err(_) => Verdict::Unreadable,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of "sesame", made by Django 5.2; the last one as argon2-cffi wrote it for that.
    const GOOD: [&str; 3] = [
        "pbkdf2_sha256$1000$NaCl$28IZOZwgm/hXiXbhJlBPyeJ7ENs6N9ApaIhud2VgAxo=",
        "argon2$argon2id$v=19$m=256,t=1,p=8$c2FsdHNhbHRzYWx0$\
         241h7nPz7smfe6+6GvpON9pA/s1nDuHRzAtEXopY4sI",
        "$argon2id$v=19$m=256,t=1,p=8$c2FsdHNhbHRzYWx0$\
         241h7nPz7smfe6+6GvpON9pA/s1nDuHRzAtEXopY4sI",
    ];

    #[test]
    fn hashes_of_every_form_are_compared() {
        for hash in GOOD {
            assert_eq!(compare(hash, b"sesame"), Verdict::Right, "{hash}");
            assert_eq!(compare(hash, b"Sesame"), Verdict::Wrong, "{hash}");
        }
        assert_eq!(compare(NOBODY, b"sesame"), Verdict::Wrong);
    }

    #[test]
    fn what_is_no_hash_is_said_to_be_none() {
        for hash in ["!", "!abcdef", ""] {
            assert_eq!(compare(hash, b"sesame"), Verdict::Wrong, "{hash}");
        }
        for hash in [
            "sesame",
            "md5$salt$hash",
            "$2b$12$R9h/cIPz0gi.URNNX3kh2OPST9/PgBkqquzi.Ss7KIUgO2t0jWMUW",
            "pbkdf2_sha256$0$salt$AAAA",
            "pbkdf2_sha256$10000001$salt$AAAA",
            "pbkdf2_sha256$1000$salt",
            "pbkdf2_sha256$1000$salt$AAAA$more",
            "pbkdf2_sha256$1000$salt$!",
            "argon2$",
            "$argon2id$v=19$m=262145,t=2,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAA",
            "$argon2id$v=19$m=19456,t=33,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAA",
            "$argon2id$v=19$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAA",
        ] {
            assert_eq!(compare(hash, b"sesame"), Verdict::Unreadable, "{hash}");
        }
    }

    #[tokio::test]
    async fn a_stranger_is_compared_with_the_last_hash_that_was_seen() {
        let judge = Judge::default();
        let password = Password::new("ann", "sesame");
        assert_eq!(judge.is_right(None, &password).await, Ok(false));
        let cheap = "pbkdf2_sha256$1$salt$AAAA";
        assert_eq!(judge.is_right(Some(cheap), &password).await, Ok(false));
        assert_eq!(&**judge.nobody.lock(), cheap);
        assert_eq!(judge.is_right(Some("!"), &password).await, Ok(false));
        assert_eq!(&**judge.nobody.lock(), cheap);
        assert!(judge.is_right(Some("sesame"), &password).await.is_err());
        assert_eq!(judge.is_right(None, &password).await, Ok(false));
    }
}
