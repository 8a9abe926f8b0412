//! The looks at users that are signed in: each once in a while, spread, and sooner where an answer
//! asked for it.

use super::{
    Register, Standing,
    agenda::{LEAST, SPREAD},
    register::Shared,
};
use crate::{protocol::identity::Principal, token::House};
use std::{
    collections::VecDeque,
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
/// How far the looks at everybody are. They outlive the task that looks: a reload costs no time.
#[derive(Debug)]
pub(super) struct Round {
    marks: RandomState,
    /// The part that is chosen next, and when.
    number: u64,
    begins: Instant,
    /// How long a part takes.
    part: Duration,
    /// Who is left of the last one, when the next of them has its turn, and who after that.
    left: VecDeque<Principal>,
    turn: Instant,
    share: Duration,
}

/// What comes next.
#[derive(Debug, PartialEq, Eq)]
enum Step {
    Wait(Instant),
    /// Those of this part are to be chosen.
    Choose(u64),
    Look(Principal),
}

impl Round {
    fn new(every: Duration, now: Instant) -> Self {
        Self {
            marks: RandomState::new(),
            number: 0,
            begins: now,
            // One part more than there are: who comes in behind the choice of its part is looked
            // at with the next choice, and no later than `recheck_ms` after.
            part: every / (PARTS as u32 + 1),
            left: VecDeque::new(),
            turn: now,
            share: Duration::ZERO,
        }
    }

    fn step(&mut self, now: Instant) -> Step {
        let wait = if self.left.is_empty() { self.begins } else { self.turn };
        if now < wait {
            return Step::Wait(wait);
        }
        match self.left.pop_front() {
            None => Step::Choose(self.number),
            Some(user) => {
                self.turn += self.share;
                Step::Look(user)
            }
        }
    }

    /// The users of a part.
    fn chosen(&mut self, number: u64, users: Vec<Principal>, now: Instant) {
        if number != self.number {
            // Another task has done it: the one before a reload ends a little later than that.
            return;
        }
        // A directory that is slower than that makes the rounds longer, not denser.
        if now > self.begins + self.part {
            self.begins = now;
        }
        self.share = self.part / u32::try_from(users.len()).unwrap_or(u32::MAX).max(1);
        self.turn = self.begins;
        self.left = users.into();
        self.begins += self.part;
        self.number = (number + 1) % PARTS;
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
        let shared = &self.register.shared;
        let Some(every) = shared.usual() else { return future::pending().await };
        let mut looks = JoinSet::new();
        loop {
            let now = Instant::now();
            let (step, marks) = {
                let mut round = shared.round.lock();
                let round = round.get_or_insert_with(|| Round::new(every, now));
                (round.step(now), round.marks.clone())
            };
            match step {
                Step::Wait(until) => sleep_until(until).await,
                Step::Choose(number) => {
                    let ours = |user: &Principal| marks.hash_one(user) % PARTS == number;
                    let users = self.house.users(&ours);
                    if let Some(round) = &mut *shared.round.lock() {
                        round.chosen(number, users, now);
                    }
                }
                Step::Look(user) => {
                    // Whoever has a time of its own within this one has its turn then.
                    if !shared.agenda.lock().is_due_by(&user, now + every) {
                        self.begin(user, &mut looks).await;
                    }
                }
            }
        }
    }

    /// Those of whom an answer said that it holds only for a while, and those who were here before
    /// the register.
    async fn hastened(&self) {
        let shared = &self.register.shared;
        let mut looks = JoinSet::new();
        loop {
            let news = shared.hastened.notified();
            let now = Instant::now();
            self.sow(now);
            let (user, next) = {
                let mut agenda = shared.agenda.lock();
                (agenda.take(now), agenda.next())
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

    /// Gives a time to those who are here and have none, where that may be missing.
    fn sow(&self, now: Instant) {
        let Shared { agenda, .. } = &*self.register.shared;
        if !agenda.lock().wants_seed(now) {
            return;
        }
        let stale = agenda.lock().stale(now);
        for user in stale.iter().filter(|user| !self.house.is_here(user)) {
            agenda.lock().forget(user);
        }
        // Where the usual looks are as soon, they do.
        let is_sooner = self.register.shared.usual().is_none_or(|usual| usual > SPREAD);
        let users = if is_sooner { self.house.users(&|_| true) } else { Vec::new() };
        agenda.lock().sow(users, now, SPREAD);
    }

    /// Looks at one user as soon as there is a place.
    async fn begin(&self, user: Principal, looks: &mut JoinSet<()>) {
        while looks.try_join_next().is_some() {}
        let look = Look { register: self.register.clone(), user, open: true };
        if !self.house.is_here(&look.user) {
            return look.absent();
        }
        // Never closed: it lives as long as this.
        let Ok(place) = Arc::clone(&self.places).acquire_owned().await else { return };
        let house = Arc::clone(&self.house);
        looks.spawn(async move {
            let _place = place;
            look.look(&*house).await;
        });
    }
}

/// A look at a user. One that is dropped before its end, as with a reload, comes again.
struct Look {
    register: Register,
    user: Principal,
    open: bool,
}

impl Look {
    async fn look(mut self, house: &dyn House) {
        let tally = &self.register.shared.tally;
        tally.rechecked.fetch_add(1, Relaxed);
        match self.register.ask(self.user.clone()).await {
            Ok(Standing::Active(_)) => {}
            Ok(Standing::Disabled | Standing::Unknown) => {
                if house.is_here(&self.user) {
                    tally.revoked.fetch_add(1, Relaxed);
                    tracing::debug!(subject = &*self.user.0.subject, "the user may not stay");
                    house.revoke(&self.user);
                }
            }
            // Nobody goes because of an outage. It is in the log, and the next look comes.
            Err(_) => {}
        }
        self.open = false;
    }

    /// There is nobody to look at.
    fn absent(mut self) {
        self.register.shared.agenda.lock().absent(&self.user, Instant::now());
        self.open = false;
    }
}

impl Drop for Look {
    fn drop(&mut self) {
        let shared = &self.register.shared;
        let mut agenda = shared.agenda.lock();
        // A failure leaves the user under way, too.
        if self.open || agenda.is_under_way(&self.user) {
            let usual = if self.open { Some(LEAST) } else { shared.usual() };
            agenda.again(&self.user, Instant::now(), usual);
            shared.hastened.notify_one();
        }
    }
}

impl Shared {
    /// How often everybody is looked at.
    fn usual(&self) -> Option<Duration> {
        let usual_ms = self.bounds.recheck_ms;
        (usual_ms > 0).then(|| Duration::from_millis(usual_ms))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::identity::Identity;

    #[test]
    fn a_round_goes_on_where_it_was_and_is_not_denser_for_a_slow_directory() {
        let ms = Duration::from_millis;
        let name = |name: &str| {
            let identity = Identity { issuer: None, subject: name.into(), user: name.into() };
            Principal(Arc::new(identity))
        };
        let now = Instant::now();
        let mut round = Round::new(ms(17_000), now);
        assert_eq!(round.step(now), Step::Choose(0));
        assert_eq!(round.step(now), Step::Choose(0), "nobody has chosen");
        round.chosen(0, vec![name("a"), name("b")], now);
        round.chosen(0, vec![name("c")], now);
        assert_eq!(round.step(now), Step::Look(name("a")));
        assert_eq!(round.step(now), Step::Wait(now + ms(500)));
        assert_eq!(round.step(now + ms(700)), Step::Look(name("b")));
        assert_eq!(round.step(now + ms(700)), Step::Wait(now + ms(1_000)));
        assert_eq!(round.step(now + ms(9_000)), Step::Choose(1));
        round.chosen(1, Vec::new(), now + ms(9_000));
        assert_eq!(round.step(now + ms(9_000)), Step::Wait(now + ms(10_000)));
    }
}
