//! The few questions that a directory hears: one at a time for each user, some at a time in all.
//!
//! Whoever asks waits for one task, which asks, writes the answer down and tells them all. It runs
//! on the runtime of the server, not on a worker's, and goes on when whoever asked first has left.

use super::{
    Directory, Outcome, Profile, Standing, Unavailable,
    agenda::{Agenda, EARLY},
    cache::Cache,
    rounds::Round,
    seats::{PASSWORDS, password_seats},
};
use crate::{
    protocol::{
        credential::Password,
        identity::{Identity, Principal},
    },
    token::DirectoryFigures,
};
use parking_lot::Mutex;
use std::{
    collections::HashMap,
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};
use tokio::{
    runtime::Handle,
    sync::{Notify, Semaphore, SemaphorePermit, oneshot, watch},
    time::{Instant, timeout},
};

/// How long it counts that there is no such user, or that it may not come in, in milliseconds: less
/// than the usual, because people wait for the change.
pub const NEGATIVE_MS: u64 = 1_000;

/// How much a directory is asked, and how long its answers count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// For one question, in milliseconds.
    pub timeout_ms: u64,
    /// Questions at a time, passwords not counted; at least 1.
    pub concurrency: usize,
    /// How long an answer counts, in milliseconds; 0 asks each time.
    pub cache_ms: u64,
    /// Users whose answer is kept.
    pub cache_users: usize,
    /// How often each user that is signed in is looked at, in milliseconds; 0 is never, unless an
    /// answer asks for it.
    pub recheck_ms: u64,
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            timeout_ms: 5_000,
            concurrency: 16,
            cache_ms: 10_000,
            cache_users: 10_000,
            recheck_ms: 60_000,
        }
    }
}

/// A directory as it is asked. A clone is the same one.
#[derive(Clone)]
pub struct Register {
    pub(super) shared: Arc<Shared>,
}

pub(super) struct Shared {
    directory: Arc<dyn Directory>,
    pub(super) bounds: Bounds,
    /// The places of questions, in the order in which they were asked for.
    seats: Semaphore,
    /// Those of passwords: a flood of guesses keeps no token waiting.
    password_seats: Semaphore,
    passwords: Semaphore,
    /// A leaf: nothing else is locked under it, and nothing waits.
    book: Mutex<Book>,
    /// Where questions run: the server's, from its first upkeep on.
    runtime: Mutex<Option<Handle>>,
    pub(super) tally: Tally,
    /// Users whose next look an answer has hastened. A leaf, too.
    pub(super) agenda: Mutex<Agenda>,
    /// It has changed.
    pub(super) hastened: Notify,
    /// How far the usual looks are: a reload goes on with them. A leaf, too.
    pub(super) round: Mutex<Option<Round>>,
}

/// What is known, and what is asked for now.
struct Book {
    cache: Cache,
    /// One for each user that somebody waits for, or that has a place.
    flights: HashMap<Principal, Arc<watch::Sender<Option<Outcome>>>>,
}

/// What is counted.
#[derive(Default)]
pub(super) struct Tally {
    active: AtomicU64,
    disabled: AtomicU64,
    unknown: AtomicU64,
    failed: AtomicU64,
    cached: AtomicU64,
    joined: AtomicU64,
    pub(super) rechecked: AtomicU64,
    pub(super) revoked: AtomicU64,
    /// Questions without an answer since the last one that had one.
    failing: AtomicU64,
}

impl Register {
    /// A directory that is asked within `bounds`.
    pub fn new(directory: Arc<dyn Directory>, bounds: Bounds) -> Self {
        let seats = Semaphore::new(bounds.concurrency.clamp(1, Semaphore::MAX_PERMITS));
        let book = Book { cache: Cache::new(bounds.cache_users), flights: HashMap::new() };
        Self {
            shared: Arc::new(Shared {
                directory,
                bounds,
                seats,
                password_seats: Semaphore::new(password_seats(bounds.concurrency)),
                passwords: Semaphore::new(PASSWORDS),
                book: Mutex::new(book),
                runtime: Mutex::default(),
                tally: Tally::default(),
                agenda: Mutex::new(Agenda::new(EARLY)),
                hastened: Notify::new(),
                round: Mutex::default(),
            }),
        }
    }

    /// Lets questions run on this runtime from now on. Without one there is no answer.
    pub(super) fn run_on(&self, runtime: Handle) {
        *self.shared.runtime.lock() = Some(runtime);
    }

    /// What an answer of a moment ago says.
    pub fn known(&self, user: &Principal) -> Option<Standing> {
        let now = Instant::now();
        let standing = self.shared.book.lock().cache.get(user, now)?;
        self.shared.tally.cached.fetch_add(1, Relaxed);
        if let Standing::Active(profile) = &standing {
            self.heed(user, profile);
        }
        Some(standing)
    }

    /// Looks at a user who comes in with a profile as soon as that wants it, or sooner.
    pub(super) fn heed(&self, user: &Principal, profile: &Profile) {
        if let Some(every) = self.shared.own_time(profile)
            && self.shared.agenda.lock().set_sooner(user, Instant::now(), every)
        {
            self.shared.hastened.notify_one();
        }
    }

    /// Asks, unless somebody does already or an answer of a moment ago says it.
    ///
    /// # Errors
    /// [`Unavailable`].
    pub async fn ask(&self, user: Principal) -> Outcome {
        let mut answer = match self.join(user)? {
            Joined::Known(standing) => return Ok(standing),
            Joined::Flight(answer) => answer,
        };
        match answer.wait_for(Option::is_some).await {
            Ok(outcome) => outcome.clone().unwrap_or_else(|| Err(gone())),
            Err(_) => Err(gone()),
        }
    }

    /// Judges a user and a password. Nothing of it is kept or shared.
    ///
    /// # Errors
    /// [`Unavailable`], at once where [`PASSWORDS`] are judged or wait.
    pub async fn check(&self, password: Password) -> Outcome {
        let (mut tell, told) = oneshot::channel();
        let shared = Arc::clone(&self.shared);
        self.runtime()?.spawn(async move {
            // Not the directory's failure: the log says nothing of an outage.
            let Ok(_inside) = shared.passwords.try_acquire() else {
                shared.tally.failed.fetch_add(1, Relaxed);
                let _ = tell.send(Err(Unavailable::new("too many passwords wait")));
                return;
            };
            let seat = tokio::select! {
                biased;
                () = tell.closed() => return,
                seat = shared.password_seats.acquire() => seat,
            };
            let outcome = shared.within(seat.ok(), shared.directory.check(password)).await;
            // Whoever asked may have left.
            let _ = tell.send(outcome);
        });
        told.await.unwrap_or_else(|_| Err(gone()))
    }

    /// What is counted.
    pub fn figures(&self) -> DirectoryFigures {
        let Shared { tally, seats, password_seats: apart, bounds, .. } = &*self.shared;
        let all = bounds.concurrency.saturating_add(password_seats(bounds.concurrency));
        let free = seats.available_permits() + apart.available_permits();
        DirectoryFigures {
            active: tally.active.load(Relaxed),
            disabled: tally.disabled.load(Relaxed),
            unknown: tally.unknown.load(Relaxed),
            failed: tally.failed.load(Relaxed),
            cached: tally.cached.load(Relaxed),
            shared: tally.joined.load(Relaxed),
            running: all.saturating_sub(free) as u64,
            rechecked: tally.rechecked.load(Relaxed),
            revoked: tally.revoked.load(Relaxed),
        }
    }

    fn runtime(&self) -> Result<Handle, Unavailable> {
        let runtime = self.shared.runtime.lock().clone();
        runtime.ok_or_else(|| Unavailable::new("the server has not begun"))
    }

    /// Takes part in the question about a user, and begins one if there is none.
    fn join(&self, user: Principal) -> Result<Joined, Unavailable> {
        let runtime = self.runtime()?;
        if let Some(standing) = self.known(&user) {
            return Ok(Joined::Known(standing));
        }
        let shared = &self.shared;
        let (sender, answer) = {
            let mut book = shared.book.lock();
            // Once more, under the lock: the answer may have come in between.
            if let Some(standing) = book.cache.get(&user, Instant::now()) {
                shared.tally.cached.fetch_add(1, Relaxed);
                return Ok(Joined::Known(standing));
            }
            if let Some(flight) = book.flights.get(&user) {
                shared.tally.joined.fetch_add(1, Relaxed);
                return Ok(Joined::Flight(flight.subscribe()));
            }
            let (sender, answer) = watch::channel(None);
            let sender = Arc::new(sender);
            book.flights.insert(user.clone(), Arc::clone(&sender));
            (sender, answer)
        };
        let flight = Flight { shared: Arc::clone(shared), user, sender };
        runtime.spawn(flight.fly());
        Ok(Joined::Flight(answer))
    }
}

/// What becomes of a question.
enum Joined {
    Known(Standing),
    Flight(watch::Receiver<Option<Outcome>>),
}

/// A question on its way. It leaves the book when it is dropped, whatever happens to it.
struct Flight {
    shared: Arc<Shared>,
    user: Principal,
    sender: Arc<watch::Sender<Option<Outcome>>>,
}

impl Flight {
    async fn fly(self) {
        let Some(seat) = self.seat().await else { return };
        let asked = Instant::now();
        let who: Arc<Identity> = Arc::clone(&self.user.0);
        let outcome = self.shared.within(Some(seat), self.shared.directory.find(who)).await;
        self.shared.write_down(&self.user, &outcome, asked);
        self.sender.send_replace(Some(outcome));
    }

    /// A place; none if nobody waits for the answer any more.
    async fn seat(&self) -> Option<SemaphorePermit<'_>> {
        loop {
            tokio::select! {
                biased;
                seat = self.shared.seats.acquire() => return seat.ok(),
                () = self.sender.closed() => {
                    let mut book = self.shared.book.lock();
                    // Under the lock: nobody joins behind this look.
                    if self.sender.receiver_count() == 0 {
                        book.flights.remove(&self.user);
                        return None;
                    }
                }
            }
        }
    }
}

impl Drop for Flight {
    fn drop(&mut self) {
        let mut book = self.shared.book.lock();
        let own = book.flights.get(&self.user).is_some_and(|it| Arc::ptr_eq(it, &self.sender));
        if own {
            book.flights.remove(&self.user);
        }
    }
}

impl Shared {
    /// Waits for an answer as long as may be, and counts it.
    async fn within(
        &self,
        _seat: Option<SemaphorePermit<'_>>,
        lookup: impl Future<Output = Outcome>,
    ) -> Outcome {
        let ms = self.bounds.timeout_ms;
        let outcome = timeout(Duration::from_millis(ms), lookup).await;
        let outcome = outcome
            .unwrap_or_else(|_| Err(Unavailable::new(format!("it took longer than {ms} ms"))));
        self.tally.note(&outcome);
        outcome
    }

    /// Keeps an answer, and when it wants to be asked again.
    fn write_down(&self, user: &Principal, outcome: &Outcome, asked: Instant) {
        let cache = Duration::from_millis(self.bounds.cache_ms);
        let (standing, life) = match outcome {
            // What was due stays so.
            Err(_) => return,
            Ok(standing @ (Standing::Disabled | Standing::Unknown)) => {
                (standing, cache.min(Duration::from_millis(NEGATIVE_MS)))
            }
            Ok(standing @ Standing::Active(profile)) => {
                let own = self.own_time(profile);
                self.date(user, own);
                (standing, own.map_or(cache, |own| cache.min(own)))
            }
        };
        self.book.lock().cache.put(user.clone(), standing.clone(), asked, life);
    }

    /// The time to the next look that a profile wants, if that is sooner than usual.
    fn own_time(&self, profile: &Profile) -> Option<Duration> {
        let usual_ms = self.bounds.recheck_ms;
        let own_ms = profile.next_ms().filter(|own_ms| usual_ms == 0 || *own_ms < usual_ms);
        own_ms.map(Duration::from_millis)
    }

    /// The newest answer alone says when the next look is due.
    fn date(&self, user: &Principal, own: Option<Duration>) {
        let mut agenda = self.agenda.lock();
        match own {
            None => agenda.forget(user),
            Some(own) => {
                if agenda.set(user, Instant::now(), own) {
                    self.hastened.notify_one();
                }
            }
        }
    }
}

impl Tally {
    fn note(&self, outcome: &Outcome) {
        let count = match outcome {
            Ok(Standing::Active(_)) => &self.active,
            Ok(Standing::Disabled) => &self.disabled,
            Ok(Standing::Unknown) => &self.unknown,
            Err(_) => &self.failed,
        };
        count.fetch_add(1, Relaxed);
        match outcome {
            Ok(_) => {
                let failed = self.failing.swap(0, Relaxed);
                if failed > 0 {
                    tracing::info!(failed, "the directory answers again");
                }
            }
            Err(why) if self.failing.fetch_add(1, Relaxed) == 0 => {
                tracing::warn!(
                    %why,
                    "no answer from the directory: sign-ins get 1011 until it has one, who is in \
                     stays"
                );
            }
            Err(why) => tracing::debug!(%why, "still no answer from the directory"),
        }
    }
}

/// The task is gone: the server ends, or the directory has panicked.
fn gone() -> Unavailable {
    Unavailable::new("the question was given up")
}

impl fmt::Debug for Register {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Register").field("bounds", &self.shared.bounds).finish_non_exhaustive()
    }
}
