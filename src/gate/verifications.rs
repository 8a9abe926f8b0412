//! Places for lookups of the verifier: bounded over all workers, and shared fairly.

use super::{
    admission::Address,
    turns::{Bounds, Ticket, Turns},
};
use crate::{
    metrics::{Level, Lookup, Metrics},
    protocol::identity::{Identity, Principal},
    token::Verification,
};
use parking_lot::Mutex;
use std::{net::IpAddr, sync::Arc};
use tokio::sync::oneshot;

/// Lookups of a verifier that run at a time, over all workers; more wait for their turn while
/// their deadline runs.
pub(crate) const VERIFICATIONS: usize = 64;
/// Of these places, those that are open to all: half, so that one office that comes back behind
/// one address is served quickly. The others are kept for askers that have no lookup under way:
/// whoever holds the open ones still needs as many more addresses to shut a newcomer out.
pub(crate) const OPEN_VERIFICATIONS: usize = 32;
/// Askers that the addresses of an IPv6 site (/48) count as, at most: it has 65,536 networks.
const SITE_ASKERS: u8 = 4;

/// The places of a process, for all workers.
#[derive(Debug)]
pub(crate) struct Verifications {
    /// A leaf: nothing else is locked under it, and nobody is woken.
    turns: Mutex<Turns<Asker, oneshot::Sender<()>>>,
}

/// For whom lookups are counted.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Asker(Party);

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Party {
    /// Before the verdict: an address.
    Network(Address),
    /// The same in IPv6: one of the askers of its site.
    Site { prefix: [u8; 6], lane: u8 },
    /// Behind it: whoever signed in.
    User(Principal),
}

/// A lookup that waits for its turn, or has it. Its place is free once it is dropped.
#[derive(Debug)]
pub(crate) struct Turn {
    verifications: Arc<Verifications>,
    asker: Asker,
    ticket: Ticket,
    called: oneshot::Receiver<()>,
}

impl Asker {
    /// A client without a verdict.
    pub(crate) fn address(ip: IpAddr) -> Self {
        Self(match Address::of(ip) {
            v4 @ Address::V4(_) => Party::Network(v4),
            Address::V6([a, b, c, d, e, f, g, h]) => {
                Party::Site { prefix: [a, b, c, d, e, f], lane: (g ^ h) % SITE_ASKERS }
            }
        })
    }

    /// Whoever signed in, on all connections.
    pub(crate) fn user(identity: &Arc<Identity>) -> Self {
        Self(Party::User(Principal(Arc::clone(identity))))
    }
}

impl Default for Verifications {
    fn default() -> Self {
        let bounds = Bounds { places: VERIFICATIONS, open: OPEN_VERIFICATIONS };
        Self { turns: Mutex::new(Turns::new(bounds)) }
    }
}

impl Verifications {
    /// A lookup for `asker`.
    pub(crate) fn ask(self: &Arc<Self>, asker: Asker) -> Turn {
        let (call, called) = oneshot::channel();
        let (ticket, began) = self.turns.lock().ask(&asker, call);
        tell(began);
        Turn { verifications: Arc::clone(self), asker, ticket, called }
    }

    /// Lets a lookup wait for its turn.
    pub(crate) fn in_turn<T: Send + 'static>(
        self: &Arc<Self>,
        metrics: &Arc<Metrics>,
        asker: Asker,
        verification: Verification<T>,
    ) -> Verification<T> {
        match verification {
            done @ Verification::Done(_) => done,
            Verification::Pending(lookup) => {
                let mut turn = self.ask(asker);
                let mut stay = Stay::begin(metrics);
                Verification::Pending(Box::pin(async move {
                    turn.comes().await;
                    stay.run();
                    lookup.await
                }))
            }
        }
    }

    /// Lookups that run, and those that wait.
    #[cfg(test)]
    pub(crate) fn held(&self) -> (usize, usize) {
        self.turns.lock().held()
    }
}

impl Turn {
    /// Ready once the lookup may run.
    pub(crate) async fn comes(&mut self) {
        if !self.called.is_terminated() {
            // The sender stays in the table until it is used, so that this does not fail.
            let _ = (&mut self.called).await;
        }
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        // Whoever gives up waiting must not be woken by the sender that the table drops.
        self.called.close();
        let next = self.verifications.turns.lock().leave(&self.asker, self.ticket);
        tell(next);
    }
}

/// A lookup as it is counted, until it is dropped.
struct Stay {
    metrics: Arc<Metrics>,
    state: Lookup,
}

impl Stay {
    fn begin(metrics: &Arc<Metrics>) -> Self {
        let state = Lookup::Waiting;
        metrics.raise(Level::Lookup(state));
        Self { metrics: Arc::clone(metrics), state }
    }

    /// It has a place.
    fn run(&mut self) {
        self.metrics.lower(Level::Lookup(self.state));
        self.state = Lookup::Running;
        self.metrics.raise(Level::Lookup(self.state));
    }
}

impl Drop for Stay {
    fn drop(&mut self) {
        self.metrics.lower(Level::Lookup(self.state));
    }
}

/// Whoever is gone already gives its place back as it goes.
fn tell(next: Option<oneshot::Sender<()>>) {
    if let Some(call) = next {
        let _ = call.send(());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::FutureExt;
    use std::thread;

    fn address(text: &str) -> Asker {
        Asker::address(text.parse().unwrap())
    }

    fn user(subject: &str, user: &str) -> Asker {
        Asker::user(&Arc::new(Identity {
            issuer: None,
            subject: subject.into(),
            user: user.into(),
        }))
    }

    fn runs(turn: &mut Turn) -> bool {
        turn.comes().now_or_never().is_some()
    }

    #[test]
    fn one_address_holds_no_more_than_the_open_places() {
        let places = Arc::new(Verifications::default());
        let mut crowd: Vec<_> = (0..200).map(|_| places.ask(address("192.0.2.1"))).collect();
        assert_eq!(crowd.iter_mut().map(runs).filter(|runs| *runs).count(), 32);
        let mut others: Vec<_> =
            (0..40).map(|n| places.ask(address(&format!("198.51.100.{n}")))).collect();
        assert_eq!(others.iter_mut().map(runs).filter(|runs| *runs).count(), 32);
        assert_eq!(places.held(), (VERIFICATIONS, 240 - VERIFICATIONS));
        // A place that becomes free goes to a newcomer that waits, not to the crowd.
        crowd.truncate(100);
        assert_eq!(places.held(), (VERIFICATIONS, 140 - VERIFICATIONS));
        crowd.remove(0);
        assert!(runs(&mut others[32]));
        drop((crowd, others));
        assert_eq!(places.held(), (0, 0));
    }

    #[test]
    fn a_site_counts_as_a_few_askers() {
        let lanes = |prefix: &str| {
            let networks = (0..=255).map(|n| address(&format!("{prefix}:{n:x}::1")));
            networks.collect::<std::collections::HashSet<_>>()
        };
        assert_eq!(lanes("2001:db8:1").len(), usize::from(SITE_ASKERS));
        assert!(lanes("2001:db8:1").is_disjoint(&lanes("2001:db8:2")));
        assert_eq!(address("2001:db8:1:2::1"), address("2001:db8:1:2:3::1"));
        assert_eq!(address("192.0.2.1"), address("::ffff:192.0.2.1"));
        assert_ne!(address("192.0.2.1"), address("192.0.2.2"));
    }

    #[test]
    fn a_user_is_one_asker_on_all_connections() {
        assert_eq!(user("ann", "ann"), user("ann", "x:ann"));
        assert_ne!(user("ann", "x"), user("bob", "x"));
    }

    #[test]
    fn a_turn_that_is_dropped_between_its_call_and_its_task_passes_on() {
        let places = Arc::new(Verifications::default());
        let first: Vec<_> = (0..64).map(|n| places.ask(user(&n.to_string(), ""))).collect();
        let called = places.ask(user("called", ""));
        let mut last = places.ask(user("last", ""));
        // All of the first are over; the turn that was called is never looked at.
        drop(first);
        drop(called);
        assert!(runs(&mut last));
        assert_eq!(places.held(), (1, 0));
    }

    #[test]
    fn workers_together_never_pass_the_bound() {
        let places = Arc::new(Verifications::default());
        thread::scope(|scope| {
            for worker in 0..4 {
                let places = &places;
                scope.spawn(move || {
                    for n in 0..400_u32 {
                        let turns: Vec<_> = (0..20)
                            .map(|at| places.ask(user(&format!("{worker} {}", n * at % 7), "")))
                            .collect();
                        assert!(places.held().0 <= VERIFICATIONS);
                        drop(turns);
                    }
                });
            }
        });
        assert_eq!(places.held(), (0, 0));
    }
}
