//! Addresses whose credentials were refused a short while ago.

use super::Address;
use crate::protocol::time::Time;
use std::collections::{BTreeSet, HashMap};

/// How long a failed attempt counts, in milliseconds.
pub(crate) const FAILURE_MS: u64 = 60_000;
/// Addresses that are remembered; over it the one whose failure is oldest is forgotten.
pub(crate) const FAILURES: usize = 4_096;

/// Addresses with failed attempts, each with the time of its last one.
#[derive(Debug, Default)]
pub(super) struct Failures {
    last: HashMap<Address, Time>,
    /// The same, the oldest first.
    order: BTreeSet<(Time, Address)>,
}

impl Failures {
    /// An attempt from `address` failed.
    pub(super) fn note(&mut self, address: Address, now: Time) {
        self.forget(address);
        self.last.insert(address, now);
        self.order.insert((now, address));
    }

    /// Whether an attempt failed a short while ago.
    pub(super) fn contains(&self, address: Address) -> bool {
        self.last.contains_key(&address)
    }

    /// An address that is to be forgotten: its failure is over, or there are too many.
    pub(super) fn over(&self, now: Time) -> Option<Address> {
        let (at, address) = self.order.first()?;
        let over = now.since(*at) >= FAILURE_MS || self.order.len() > FAILURES;
        over.then_some(*address)
    }

    /// Forgets an address.
    pub(super) fn forget(&mut self, address: Address) {
        if let Some(at) = self.last.remove(&address) {
            self.order.remove(&(at, address));
        }
    }
}
