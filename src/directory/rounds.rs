//! The looks at users that are signed in: each once in a while, spread, and sooner where an answer
//! asked for it.

use super::{Register, Standing};
use crate::{protocol::identity::Principal, token::House};
use std::{
    collections::BTreeMap,
    future,
    hash::{BuildHasher, RandomState},
    sync::{Arc, atomic::Ordering::Relaxed},
    time::Duration,
};
use tokio::{
    sync::Semaphore,
    task::JoinSet,
    time::{Instant, sleep_until, timeout_at},
};

/// The users are looked at in so many parts, each of which is chosen when its time has come.
const PARTS: u64 = 16;
/// Users whose next look an answer may have hastened at a time; those beyond are looked at as usual.
pub const EARLY: usize = 65_536;

/// Users whose next look an answer has hastened.
#[derive(Debug, Default)]
pub(super) struct Early {
    due: BTreeMap<(Instant, u64), Principal>,
    number: u64,
}

impl Early {
    /// Notes one more. Returns whether it is the next one.
    pub(super) fn push(&mut self, user: Principal, due: Instant) -> bool {
        if self.due.len() >= EARLY {
            return false;
        }
        self.number += 1;
        self.due.insert((due, self.number), user);
        self.next() == Some(due)
    }

    fn next(&self) -> Option<Instant> {
        self.due.first_key_value().map(|((due, _), _)| *due)
    }

    fn pop(&mut self, now: Instant) -> Option<Principal> {
        self.next().filter(|due| *due <= now)?;
        self.due.pop_first().map(|(_, user)| user)
    }
}

/// Looks at everybody in turn, for as long as it is polled.
pub(super) async fn run(register: Register, house: Arc<dyn House>) {
    let rounds = Rounds {
        // Logins come first: half of the places stay theirs.
        places: Arc::new(Semaphore::new((register.shared.bounds.concurrency / 2).max(1))),
        register,
        house,
    };
    tokio::join!(rounds.usual(), rounds.hastened());
}

struct Rounds {
    places: Arc<Semaphore>,
    register: Register,
    house: Arc<dyn House>,
}

impl Rounds {
    /// Everybody once in `recheck_ms`, evenly over that time.
    async fn usual(&self) {
        let every_ms = self.register.shared.bounds.recheck_ms;
        if every_ms == 0 {
            return future::pending().await;
        }
        // One part more than there are: who comes in behind the choice of its part is looked at
        // with the next choice, and no later than `recheck_ms` after.
        let part = Duration::from_millis(every_ms) / (PARTS as u32 + 1);
        let marks = RandomState::new();
        let mut looks = JoinSet::new();
        let mut begins = Instant::now();
        for number in (0..PARTS).cycle() {
            let ours = |user: &Principal| marks.hash_one(user) % PARTS == number;
            let users = self.house.users(&ours);
            let share = part / u32::try_from(users.len()).unwrap_or(u32::MAX).max(1);
            let mut next = begins;
            for user in users {
                sleep_until(next).await;
                self.begin(user, &mut looks).await;
                next += share;
            }
            begins += part;
            // A directory that is slower than that makes the rounds longer, not denser.
            let now = Instant::now();
            if now > begins + part {
                begins = now;
            }
            sleep_until(begins).await;
        }
    }

    /// Those of whom an answer said that it holds only for a while.
    async fn hastened(&self) {
        let shared = &self.register.shared;
        let mut looks = JoinSet::new();
        loop {
            let news = shared.hastened.notified();
            let (user, next) = {
                let mut early = shared.early.lock();
                (early.pop(Instant::now()), early.next())
            };
            match (user, next) {
                (Some(user), _) => self.begin(user, &mut looks).await,
                (None, Some(next)) => {
                    // Either way there is something to see.
                    let _ = timeout_at(next, news).await;
                }
                (None, None) => news.await,
            }
        }
    }

    /// Looks at one user as soon as there is a place.
    async fn begin(&self, user: Principal, looks: &mut JoinSet<()>) {
        while looks.try_join_next().is_some() {}
        if !self.house.is_here(&user) {
            return;
        }
        // Never closed: it lives as long as this.
        let Ok(place) = Arc::clone(&self.places).acquire_owned().await else { return };
        let (register, house) = (self.register.clone(), Arc::clone(&self.house));
        looks.spawn(async move {
            let _place = place;
            look(&register, &*house, user).await;
        });
    }
}

async fn look(register: &Register, house: &dyn House, user: Principal) {
    let tally = &register.shared.tally;
    tally.rechecked.fetch_add(1, Relaxed);
    match register.ask(user.clone()).await {
        Ok(Standing::Active(_)) => {}
        Ok(Standing::Disabled | Standing::Unknown) => {
            if house.is_here(&user) {
                tally.revoked.fetch_add(1, Relaxed);
                tracing::debug!(subject = &*user.0.subject, "the user may not stay");
                house.revoke(&user);
            }
        }
        // Nobody goes because of an outage. It is in the log, and the next look comes.
        Err(_) => {}
    }
}
