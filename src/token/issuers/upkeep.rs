//! The upkeep of all issuers' keys as one: ready once each of them is.

use crate::{
    protocol::identity::{Principal, Signer},
    token::{House, Keys, Upkeep},
};
use std::{
    future,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    task::Poll,
};

/// Runs the upkeep of each of `keys`, and tells `house` once that all of them are ready. It
/// ends when one of them does, which none must.
pub(super) fn all<'a, K: Keys>(
    keys: impl Iterator<Item = &'a K>,
    house: &Arc<dyn House>,
) -> Upkeep {
    let keys: Vec<_> = keys.collect();
    let waiting = Arc::new(AtomicUsize::new(keys.len()));
    let mut upkeeps: Vec<_> = keys
        .into_iter()
        .map(|keys| {
            let (house, waiting) = (Arc::clone(house), Arc::clone(&waiting));
            keys.upkeep(Arc::new(Annex { house, waiting, ready: AtomicBool::new(false) }))
        })
        .collect();
    Box::pin(future::poll_fn(move |context| {
        let ended = upkeeps.iter_mut().filter_map(|upkeep| match upkeep.as_mut().poll(context) {
            Poll::Ready(()) => Some(()),
            Poll::Pending => None,
        });
        // All of them are polled. None may end unnoticed: its keys would grow stale.
        if ended.count() > 0 { Poll::Ready(()) } else { Poll::Pending }
    }))
}

/// The house as one issuer's upkeep sees it.
struct Annex {
    house: Arc<dyn House>,
    /// How many issuers are not ready yet.
    waiting: Arc<AtomicUsize>,
    /// Whether this one is.
    ready: AtomicBool,
}

impl House for Annex {
    fn ready(&self) {
        let first = !self.ready.swap(true, Ordering::AcqRel);
        if first && self.waiting.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.house.ready();
        }
    }

    fn key_removed(&self, signer: Signer) {
        self.house.key_removed(signer);
    }

    fn users(&self, wanted: &dyn Fn(&Principal) -> bool) -> Vec<Principal> {
        self.house.users(wanted)
    }

    fn is_here(&self, user: &Principal) -> bool {
        self.house.is_here(user)
    }

    fn revoke(&self, user: &Principal) {
        self.house.revoke(user);
    }
}
