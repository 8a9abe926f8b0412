//! Keys that come from somewhere: files that are watched, addresses that are asked.
//!
//! A [`KeySource`] holds the keys that its location brought last. Looking one up takes a short
//! lock and no wait; all that takes time is done by its upkeep, one task for each source.

mod absence;
mod any;
mod bounds;
mod fault;
mod location;
mod look;
mod questions;
mod report;
mod schedule;
#[cfg(test)]
mod tests;
mod upkeep;

pub use any::AnyKeys;
pub use bounds::{ASKERS, Bounds, UNKNOWN_KEY_IDS};
pub use fault::SourceFault;
pub use location::{Discovery, DiscoveryFault, Location};

use super::{
    House, SourceFigures, Upkeep,
    algorithm::Algorithm,
    compact::Compact,
    header::Header,
    rejection::{KeyRefusal, Rejection},
    ring::{KeyRing, Origin, SetTerms},
    verifier::{Consultation, Keys},
};
use crate::protocol::{
    identity::Signer,
    time::{Time, Wall},
};
use parking_lot::{Mutex, RwLock};
use schedule::{Asked, Flight, Schedule};
use std::{
    fmt,
    hash::{BuildHasher, RandomState},
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    time::Duration,
};
use tokio::{
    sync::{Notify, watch},
    time::{Instant, timeout},
};
use upkeep::{Driver, Houses};

/// How much longer than a fetch a token waits for its end, in milliseconds.
const GRACE_MS: u64 = 1_000;

/// What a source of keys is made of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceSettings {
    /// The name of the issuer: for the log, and so that its keys are its own.
    pub issuer: Box<str>,
    /// Where the keys come from.
    pub location: Location,
    /// What a key that leaves a choice is pinned to.
    pub algorithm: Option<Algorithm>,
    /// The algorithms that are taken; empty: all.
    pub algorithms: Vec<Algorithm>,
    /// The authorities that may vouch for the address, instead of the system's.
    pub ca_file: Option<PathBuf>,
    /// How often it is asked, and how long its answers count.
    pub bounds: Bounds,
    /// Whether the sessions of a key end that is gone.
    pub end_sessions: bool,
}

impl SourceSettings {
    /// The defaults for this location: all algorithms, the system's authorities, and sessions
    /// that outlive their key.
    pub fn new(issuer: &str, location: Location) -> Self {
        let bounds = match location {
            Location::File(_) => Bounds::FILE,
            Location::Set(_) | Location::Discovery(_) => Bounds::REMOTE,
        };
        Self {
            issuer: issuer.into(),
            location,
            algorithm: None,
            algorithms: Vec::new(),
            ca_file: None,
            bounds,
            end_sessions: false,
        }
    }

    fn terms(&self) -> SetTerms {
        let origin = match self.location {
            Location::File(_) => Origin::File,
            Location::Set(_) | Location::Discovery(_) => Origin::Remote,
        };
        let (algorithm, algorithms) = (self.algorithm, self.algorithms.clone());
        SetTerms { origin, algorithm, algorithms }
    }
}

/// The keys of one issuer, as its location brought them last. A clone is the same source.
///
/// Without its [upkeep](Keys::upkeep), or a [look](Self::look), it never has a key.
#[derive(Clone)]
pub struct KeySource {
    shared: Arc<Shared>,
}

struct Shared {
    settings: SourceSettings,
    terms: SetTerms,
    /// Where monotonic time begins.
    origin: Instant,
    held: RwLock<Option<Held>>,
    schedule: Mutex<Schedule>,
    /// Keyed at random, so that nobody can choose `kid`s that share a mark.
    marks: RandomState,
    /// Wakes the upkeep: somebody asks.
    asked: Notify,
    /// The last flight that ended.
    landed: watch::Sender<Flight>,
    /// Tokens that wait.
    askers: AtomicUsize,
    /// Flights that brought a set.
    good: AtomicU64,
    /// Flights that did not.
    failed: AtomicU64,
    houses: Mutex<Houses>,
    /// What the upkeep remembers; where several servers share a source, one of them drives it.
    driver: tokio::sync::Mutex<Driver>,
}

/// The keys that count, and until when.
struct Held {
    ring: Arc<KeyRing>,
    since: Time,
    over: Time,
}

impl KeySource {
    /// A source that was not asked yet.
    pub fn new(settings: SourceSettings) -> Self {
        let origin = Instant::now();
        let shared = Shared {
            terms: settings.terms(),
            schedule: Mutex::new(Schedule::new(settings.bounds, Time::default())),
            driver: tokio::sync::Mutex::new(Driver::new(settings.bounds)),
            settings,
            origin,
            held: RwLock::new(None),
            marks: RandomState::new(),
            asked: Notify::new(),
            landed: watch::Sender::new(0),
            askers: AtomicUsize::new(0),
            good: AtomicU64::new(0),
            failed: AtomicU64::new(0),
            houses: Mutex::default(),
        };
        Self { shared: Arc::new(shared) }
    }

    /// What it is made of.
    pub fn settings(&self) -> &SourceSettings {
        &self.shared.settings
    }

    /// Looks once, now, for a program that judges one token and ends. Its upkeep must not run.
    ///
    /// # Errors
    /// [`SourceFault`] if that brings no keys.
    pub async fn look(&self) -> Result<(), SourceFault> {
        upkeep::look(&self.shared).await
    }

    /// The keys that count now.
    pub fn ring(&self) -> Option<Arc<KeyRing>> {
        self.shared.ring()
    }
}

impl Keys for KeySource {
    fn check(
        &self,
        header: &Header<'_>,
        token: &Compact<'_>,
        now: Wall,
    ) -> Result<Signer, Rejection> {
        let ring = self.shared.ring().ok_or(KeyRefusal::SourceDown)?;
        match ring.check(header, token, now) {
            Err(Rejection::Key(KeyRefusal::Unknown)) => {
                Err(self.shared.refusal(header.key_id.as_deref()).into())
            }
            checked => checked,
        }
    }

    fn consult(&self, refusal: KeyRefusal, key_id: Option<&str>) -> Consultation {
        match refusal {
            KeyRefusal::Unnamed | KeyRefusal::Unknown => Consultation::Settled(refusal),
            KeyRefusal::Unsettled | KeyRefusal::SourceDown => self.shared.ask(refusal, key_id),
        }
    }

    fn figures(&self) -> Option<SourceFigures> {
        Some(self.shared.figures())
    }

    fn upkeep(&self, house: Arc<dyn House>) -> Upkeep {
        Box::pin(upkeep::run(Arc::clone(&self.shared), house))
    }
}

impl fmt::Debug for KeySource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("KeySource").field(&self.shared.settings).finish()
    }
}

impl Shared {
    fn now(&self) -> Time {
        let elapsed = Instant::now().saturating_duration_since(self.origin);
        Time::from_ms(u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX))
    }

    fn ring(&self) -> Option<Arc<KeyRing>> {
        let held = self.held.read();
        let held = held.as_ref().filter(|held| self.now() < held.over)?;
        Some(Arc::clone(&held.ring))
    }

    fn figures(&self) -> SourceFigures {
        let now = self.now();
        let held = self.held.read();
        let counts = held.as_ref().filter(|held| now < held.over);
        SourceFigures {
            usable: counts.is_some().into(),
            down: counts.is_none().into(),
            keys: counts.map_or(0, |held| held.ring.keys().count() as u64),
            good_looks: self.good.load(Ordering::Relaxed),
            failed_looks: self.failed.load(Ordering::Relaxed),
            age_ms: held.as_ref().map(|held| now.since(held.since)),
        }
    }

    fn mark(&self, key_id: Option<&str>) -> u64 {
        self.marks.hash_one(key_id)
    }

    fn refusal(&self, key_id: Option<&str>) -> KeyRefusal {
        self.schedule.lock().refusal(self.mark(key_id), self.now())
    }

    fn ask(self: &Arc<Self>, refusal: KeyRefusal, key_id: Option<&str>) -> Consultation {
        let (mark, now) = (self.mark(key_id), self.now());
        let (asked, is_news) = {
            let mut schedule = self.schedule.lock();
            let before = schedule.is_wanted();
            (schedule.ask(mark, now), !before && schedule.is_wanted())
        };
        if is_news {
            self.asked.notify_one();
        }
        match asked {
            Asked::Settled(why) => Consultation::Settled(why),
            Asked::Wait(flight) => match Asker::sit(self) {
                Some(asker) => Consultation::Asked(Box::pin(asker.wait(flight))),
                None => Consultation::Settled(refusal),
            },
        }
    }
}

/// A token that waits for a flight.
struct Asker {
    shared: Arc<Shared>,
}

impl Asker {
    /// Takes one of the [`ASKERS`] places.
    fn sit(shared: &Arc<Shared>) -> Option<Self> {
        let taken = shared.askers.fetch_add(1, Ordering::Relaxed);
        let asker = Self { shared: Arc::clone(shared) };
        (taken < ASKERS).then_some(asker)
    }

    async fn wait(self, flight: Flight) {
        let mut landed = self.shared.landed.subscribe();
        let fetch_ms = self.shared.settings.bounds.fetch_ms;
        let patience = Duration::from_millis(fetch_ms.saturating_add(GRACE_MS));
        // A flight has its own deadline; this one is for an upkeep that does not run.
        let _ = timeout(patience, landed.wait_for(|landed| *landed >= flight)).await;
    }
}

impl Drop for Asker {
    fn drop(&mut self) {
        self.shared.askers.fetch_sub(1, Ordering::Relaxed);
    }
}
