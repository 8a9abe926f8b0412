//! The task of a source: it looks when the schedule says so, and tells who is concerned.

use super::{
    Held, Shared,
    absence::Absence,
    bounds::Bounds,
    fault::SourceFault,
    look::Looker,
    report::{News, Report},
    schedule::{Flight, Jitter, Step},
};
use crate::{
    protocol::time::{Time, Wall},
    token::{House, ring::KeyRing},
};
use aws_lc_rs::digest::{SHA256, digest};
use std::{
    collections::HashSet,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};
use tokio::time::timeout_at;

/// What the upkeep remembers from look to look.
#[derive(Debug)]
pub(super) struct Driver {
    looker: Looker,
    last: Option<Last>,
    absence: Absence,
    report: Report,
}

/// The last good set, and the hash of its text.
struct Last {
    hash: [u8; 32],
    ring: Arc<KeyRing>,
}

/// The servers that share a source.
#[derive(Default)]
pub(super) struct Houses {
    open: Vec<Arc<dyn House>>,
    /// Whether there was a set once.
    ready: bool,
}

#[cfg(test)]
impl Houses {
    pub(super) fn len(&self) -> usize {
        self.open.len()
    }
}

impl Driver {
    pub(super) fn new(bounds: Bounds) -> Self {
        Self {
            looker: Looker::default(),
            last: None,
            absence: Absence::new(bounds.absence_ms),
            report: Report::default(),
        }
    }
}

impl std::fmt::Debug for Last {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Last").field(&self.ring).finish()
    }
}

/// Looks whenever it is time, for as long as it is polled.
pub(super) async fn run(shared: Arc<Shared>, house: Arc<dyn House>) {
    let _resident = Resident::enter(&shared, house);
    let mut driver = shared.driver.lock().await;
    loop {
        let step = shared.schedule.lock().poll(shared.now());
        match step {
            Step::Fetch => {
                // What went wrong is in the log.
                let _ = fly(&shared, &mut driver).await;
            }
            Step::Wait(until) => pause(&shared, &mut driver, until).await,
        }
    }
}

/// Looks once, whatever the schedule says.
pub(super) async fn look(shared: &Arc<Shared>) -> Result<(), SourceFault> {
    let mut driver = shared.driver.lock().await;
    {
        let (mut schedule, now) = (shared.schedule.lock(), shared.now());
        schedule.hurry(now);
        schedule.poll(now);
    }
    fly(shared, &mut driver).await
}

/// Waits for `until`, for a question, or for what else becomes due.
async fn pause(shared: &Shared, driver: &mut Driver, until: Time) {
    let (over, failing) = {
        let schedule = shared.schedule.lock();
        (schedule.over(), schedule.is_failing())
    };
    let over = over.filter(|_| driver.report.awaits_the_end());
    // While the source fails its pauses hold: the look that ends the failure will tell.
    let gone = driver.absence.next_look().filter(|_| !failing);
    let wake = [Some(until), over, gone].into_iter().flatten().min().unwrap_or(until);
    if let Some(wake) = shared.origin.checked_add(Duration::from_millis(wake.as_ms())) {
        let _ = timeout_at(wake, shared.asked.notified()).await;
    } else {
        shared.asked.notified().await;
    }
    let now = shared.now();
    if gone.is_some_and(|gone| gone <= now) {
        shared.schedule.lock().hurry(now);
    }
    if over.is_some_and(|over| over <= now) {
        driver.report.over(&shared.settings);
    }
}

/// One flight, from its begin to the last one told.
async fn fly(shared: &Arc<Shared>, driver: &mut Driver) -> Result<(), SourceFault> {
    let flight = Airborne { shared, number: shared.schedule.lock().flights(), landed: false };
    let brought = driver.looker.look(&shared.settings).await;
    let set = brought.and_then(|brought| {
        let (ring, news) = driver.accept(shared, &brought.text)?;
        Ok((ring, news, brought.fresh_ms))
    });
    let now = shared.now();
    match set {
        Ok((ring, news, fresh_ms)) => {
            flight.succeeded(&ring, fresh_ms);
            driver.report.good(&shared.settings, now, &news);
            driver.part(shared, &ring, now);
            shared.open();
            Ok(())
        }
        Err(fault) => {
            // It did not land: that is its failure.
            drop(flight);
            let over = shared.schedule.lock().over().map(|over| over.since(now));
            driver.report.bad(&shared.settings, now, &fault, over);
            Err(fault)
        }
    }
}

impl Driver {
    /// Reads the text of a set; one that has not changed is the same ring.
    fn accept(
        &mut self,
        shared: &Shared,
        text: &[u8],
    ) -> Result<(Arc<KeyRing>, News), SourceFault> {
        let hash = digest(&SHA256, text);
        if let Some(last) = self.last.as_ref().filter(|last| last.hash == hash.as_ref()) {
            return Ok((Arc::clone(&last.ring), News::None));
        }
        let text = std::str::from_utf8(text).map_err(|_| SourceFault::NotUtf8)?;
        let (ring, notes) = KeyRing::from_set(text, &shared.terms).map_err(SourceFault::Set)?;
        let ring = Arc::new(ring.of_issuer(&shared.settings.issuer));
        let mut bytes = [0; 32];
        bytes.copy_from_slice(hash.as_ref());
        self.last = Some(Last { hash: bytes, ring: Arc::clone(&ring) });
        Ok((Arc::clone(&ring), News::Set { keys: ring.keys().count(), notes }))
    }

    /// Finds the keys that are gone, and has their sessions ended where that is wanted.
    fn part(&mut self, shared: &Shared, ring: &KeyRing, now: Time) {
        if !shared.settings.end_sessions {
            return;
        }
        // The keys of a set have no dates: any time will do.
        let gone = self.absence.look(now, ring.signers(Wall::default()));
        if gone.is_empty() {
            return;
        }
        self.report.gone(&shared.settings, gone.len());
        let houses = shared.houses.lock().open.clone();
        for (house, signer) in houses.iter().flat_map(|it| gone.iter().map(move |gone| (it, gone)))
        {
            house.key_removed(*signer);
        }
    }
}

impl Shared {
    /// There is a set: whoever waits for the first one hears of it, once.
    fn open(&self) {
        let waiting = {
            let mut houses = self.houses.lock();
            if std::mem::replace(&mut houses.ready, true) {
                Vec::new()
            } else {
                houses.open.clone()
            }
        };
        waiting.iter().for_each(|house| house.ready());
    }
}

/// A flight that has begun: however it ends, whoever waits for it goes on.
struct Airborne<'a> {
    shared: &'a Shared,
    number: Flight,
    landed: bool,
}

impl Airborne<'_> {
    fn succeeded(mut self, ring: &Arc<KeyRing>, fresh_ms: Option<u64>) {
        let shared = self.shared;
        let marks: HashSet<u64> = ring.keys().map(|(key_id, _)| shared.mark(key_id)).collect();
        let over = {
            let mut schedule = shared.schedule.lock();
            schedule.succeeded(shared.now(), fresh_ms, jitter(), |mark| marks.contains(&mark));
            schedule.over()
        };
        let ring = Arc::clone(ring);
        let since = shared.now();
        *shared.held.write() = over.map(|over| Held { ring, since, over });
        shared.good.fetch_add(1, Ordering::Relaxed);
        self.landed = true;
    }
}

impl Drop for Airborne<'_> {
    fn drop(&mut self) {
        if !self.landed {
            self.shared.schedule.lock().failed(self.shared.now(), jitter());
            self.shared.failed.fetch_add(1, Ordering::Relaxed);
        }
        self.shared.landed.send_replace(self.number);
    }
}

/// A server among the houses, until its upkeep ends.
struct Resident {
    shared: Arc<Shared>,
    house: Arc<dyn House>,
}

impl Resident {
    fn enter(shared: &Arc<Shared>, house: Arc<dyn House>) -> Self {
        let ready = {
            let mut houses = shared.houses.lock();
            houses.open.push(Arc::clone(&house));
            houses.ready
        };
        if ready {
            house.ready();
        }
        Self { shared: Arc::clone(shared), house }
    }
}

impl Drop for Resident {
    fn drop(&mut self) {
        let mut houses = self.shared.houses.lock();
        let at = houses.open.iter().position(|it| Arc::ptr_eq(it, &self.house));
        if let Some(at) = at {
            houses.open.swap_remove(at);
        }
    }
}

/// Where the system has no randomness, all go in step; nothing else depends on it.
fn jitter() -> Jitter {
    Jitter::from_bits(getrandom::u32().unwrap_or_default())
}
