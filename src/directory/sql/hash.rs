//! Passwords against their hashes, off the threads that serve, a few at a time.

use super::Unavailable;
use crate::protocol::credential::Password;
use argon2::{Argon2, PasswordHash, PasswordVerifier, password_hash};
use aws_lc_rs::pbkdf2;
use base64::{Engine, engine::general_purpose::STANDARD};
use parking_lot::Mutex;
use std::{
    num::NonZeroU32,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    task::spawn_blocking,
    time::{Instant, timeout_at},
};

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

/// How Django begins a hash of this kind.
const PBKDF2: &str = "pbkdf2_sha256$";

/// Compares passwords.
pub(super) struct Judge {
    places: Arc<Semaphore>,
    /// Passwords that wait for a place.
    waiting: AtomicUsize,
    /// How long the last comparison took, in milliseconds.
    took_ms: Arc<AtomicU32>,
    /// The costliest hash that was seen, and what it costs.
    nobody: Mutex<(u64, Arc<str>)>,
    /// Whether the log has a warning about hashes already.
    complained: AtomicBool,
}

impl Default for Judge {
    fn default() -> Self {
        Self {
            places: Arc::new(Semaphore::new(HASHES)),
            waiting: AtomicUsize::new(0),
            took_ms: Arc::default(),
            nobody: Mutex::new((0, NOBODY.into())),
            complained: AtomicBool::new(false),
        }
    }
}

/// What a hash is.
#[derive(Debug, PartialEq, Eq)]
enum Verdict {
    Right,
    Wrong,
    /// There is none, or Django's mark of that.
    Unusable,
    /// Of a form that is not known, or costs too much.
    Unreadable,
}

impl Judge {
    /// Whether the password is that of `hash`. Without one of use it takes as long, and is wrong.
    ///
    /// # Errors
    /// [`Unavailable`] if the comparison cannot end before `deadline`: then it does not begin.
    pub(super) async fn is_right(
        &self,
        hash: Option<&str>,
        password: &Password,
        deadline: Instant,
    ) -> Result<bool, Unavailable> {
        let place = self.place(deadline).await?;
        let (known, secret) = (hash.map(str::to_owned), password.clone());
        let (decoy, took_ms) = (Arc::clone(&self.nobody.lock().1), Arc::clone(&self.took_ms));
        let verdict = spawn_blocking(move || {
            // The work goes on when nobody waits any more, and so does its place.
            let _place = place;
            let began = Instant::now();
            let verdict = judge(known.as_deref(), &decoy, secret.reveal().as_bytes());
            let ms = u32::try_from(began.elapsed().as_millis()).unwrap_or(u32::MAX);
            took_ms.store(ms, Relaxed);
            verdict
        });
        match verdict.await.map_err(|why| Unavailable::new(why.to_string()))? {
            verdict @ (Verdict::Right | Verdict::Wrong) => {
                self.note(hash.unwrap_or_default());
                Ok(verdict == Verdict::Right)
            }
            Verdict::Unusable => Ok(false),
            Verdict::Unreadable => {
                self.complain(
                    "a `password_hash` is neither argon2 nor pbkdf2_sha256, or costs too much",
                );
                tracing::debug!(user = password.user(), "nobody can compare this user's password");
                Ok(false)
            }
        }
    }

    /// Warns that somebody cannot sign in, once: whoever guesses does not fill the log.
    pub(super) fn complain(&self, why: &str) {
        if !self.complained.swap(true, Relaxed) {
            tracing::warn!(why, "passwords of the directory that are nobody's; more is at debug");
        }
        tracing::debug!(why, "a password of the directory that is nobody's");
    }

    /// A place to compute a hash. Nobody begins what cannot end in time.
    async fn place(&self, deadline: Instant) -> Result<OwnedSemaphorePermit, Unavailable> {
        // Whoever finds one free takes it: so a slow comparison of the past is measured anew.
        if let Ok(place) = Arc::clone(&self.places).try_acquire_owned() {
            return Ok(place);
        }
        let ahead = Waiting::enter(&self.waiting);
        let took = Duration::from_millis(self.took_ms.load(Relaxed).into());
        let turns = u32::try_from(ahead.0 / HASHES).unwrap_or(u32::MAX).saturating_add(1);
        let late = || Unavailable::new("too many passwords wait for their hash");
        if Instant::now() + took.saturating_mul(turns) > deadline {
            return Err(late());
        }
        let place = timeout_at(deadline, Arc::clone(&self.places).acquire_owned()).await;
        let place = place.map_err(|_| late())?.map_err(|why| Unavailable::new(why.to_string()))?;
        let took = Duration::from_millis(self.took_ms.load(Relaxed).into());
        if Instant::now() + took > deadline { Err(late()) } else { Ok(place) }
    }

    /// Keeps the costliest hash.
    fn note(&self, hash: &str) {
        let Some(cost) = cost(hash) else { return };
        let mut nobody = self.nobody.lock();
        if cost > nobody.0 {
            *nobody = (cost, hash.into());
        }
    }
}

/// One of those that wait, with the number of those who did before.
struct Waiting<'a>(usize, &'a AtomicUsize);

impl<'a> Waiting<'a> {
    fn enter(count: &'a AtomicUsize) -> Self {
        Self(count.fetch_add(1, Relaxed), count)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.1.fetch_sub(1, Relaxed);
    }
}

/// Compares with `hash`, or, if that is of no use, for as long with `decoy`.
fn judge(hash: Option<&str>, decoy: &str, password: &[u8]) -> Verdict {
    let verdict = hash.map_or(Verdict::Unusable, |hash| compare(hash, password));
    if matches!(verdict, Verdict::Unusable | Verdict::Unreadable) {
        // What it says is of no interest, how long it takes is.
        let _ = std::hint::black_box(compare(decoy, password));
    }
    verdict
}

/// What a hash costs, about, in tenths of a microsecond.
fn cost(hash: &str) -> Option<u64> {
    if let Some(rest) = hash.strip_prefix(PBKDF2) {
        return rest.split('$').next()?.parse::<u64>().ok().map(|rounds| rounds.saturating_mul(2));
    }
    let hash = PasswordHash::new(phc(hash)).ok()?;
    let (m, t) = (hash.params.get_decimal("m")?, hash.params.get_decimal("t")?);
    Some(u64::from(m) * u64::from(t) * 10)
}

/// Django's mark of a user who has no password.
fn is_unusable(hash: &str) -> bool {
    hash.is_empty() || hash.starts_with('!')
}

fn compare(hash: &str, password: &[u8]) -> Verdict {
    if is_unusable(hash) {
        return Verdict::Unusable;
    }
    if let Some(rest) = hash.strip_prefix(PBKDF2) {
        return pbkdf2_sha256(rest, password).unwrap_or(Verdict::Unreadable);
    }
    argon2(phc(hash), password)
}

/// Without the name of its hasher, which Django writes in front of the PHC string.
fn phc(hash: &str) -> &str {
    hash.strip_prefix("argon2").filter(|rest| rest.starts_with('$')).unwrap_or(hash)
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
    if hash.salt.is_none() || hash.hash.is_none() {
        return Verdict::Unreadable;
    }
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
            assert_eq!(compare(hash, b"sesame"), Verdict::Unusable, "{hash}");
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
            "$argon2id$v=19$m=256,t=1,p=1",
            "$argon2id$v=19$m=256,t=1,p=1$AAAAAAAAAAAAAAAAAAAAAA",
        ] {
            assert_eq!(compare(hash, b"sesame"), Verdict::Unreadable, "{hash}");
        }
    }

    fn soon() -> Instant {
        Instant::now() + Duration::from_secs(60)
    }

    #[tokio::test]
    async fn a_stranger_is_compared_with_the_costliest_hash_that_was_seen() {
        let judge = Judge::default();
        let password = Password::new("ann", "sesame");
        let kept = || judge.nobody.lock().1.to_string();
        assert_eq!(judge.is_right(None, &password, soon()).await, Ok(false));
        assert_eq!(kept(), NOBODY);
        let [cheap, costly, argon] =
            ["pbkdf2_sha256$1$salt$AAAA", "pbkdf2_sha256$1000$salt$AAAA", GOOD[1]];
        for (hash, then) in [
            (cheap, cheap),
            (costly, costly),
            (cheap, costly),
            (argon, argon),
            (costly, argon),
            ("!", argon),
            ("", argon),
            ("sesame", argon),
            ("pbkdf2_sha256$10000001$salt$AAAA", argon),
        ] {
            let right = judge.is_right(Some(hash), &password, soon()).await;
            assert_eq!((right, kept().as_str()), (Ok(hash == argon), then), "{hash}");
        }
    }

    #[test]
    fn who_has_no_hash_of_use_is_compared_with_the_decoy() {
        let decoy = "pbkdf2_sha256$200000$salt$AAAA";
        let timed = |hash: Option<&str>| {
            let began = Instant::now();
            let verdict = judge(hash, decoy, b"sesame");
            (verdict, began.elapsed())
        };
        let (_, cheap) = timed(Some("pbkdf2_sha256$1$salt$AAAA"));
        for (hash, wanted) in [
            (None, Verdict::Unusable),
            (Some("!"), Verdict::Unusable),
            (Some("md5$a$b"), Verdict::Unreadable),
        ] {
            let (verdict, took) = timed(hash);
            assert_eq!(verdict, wanted);
            assert!(took > cheap * 10, "{hash:?}: {took:?}, and {cheap:?} for next to nothing");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn who_cannot_have_its_turn_in_time_gives_up_before_it_begins() {
        let judge = Judge::default();
        let password = Password::new("ann", "sesame");
        let places = Arc::clone(&judge.places);
        let all = places.acquire_many_owned(HASHES as u32).await.expect("free");
        let began = Instant::now();
        let deadline = began + Duration::from_secs(5);
        judge.took_ms.store(5_001, Relaxed);
        assert!(judge.is_right(None, &password, deadline).await.is_err());
        assert_eq!(began.elapsed(), Duration::ZERO, "at once");
        judge.took_ms.store(10, Relaxed);
        assert!(judge.is_right(None, &password, deadline).await.is_err());
        assert_eq!(Instant::now(), deadline, "with the time");
        assert_eq!(judge.waiting.load(Relaxed), 0);
        // A comparison that was slow once keeps nobody out for good.
        judge.took_ms.store(u32::MAX, Relaxed);
        drop(all);
        assert_eq!(judge.is_right(Some(GOOD[0]), &password, soon()).await, Ok(true));
        assert!(judge.took_ms.load(Relaxed) < u32::MAX);
    }
}
