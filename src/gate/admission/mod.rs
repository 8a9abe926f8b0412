//! Places in the vestibule: who may wait for a verdict, and who goes when it is full.
//!
//! Pure: addresses and times go in, decisions come out. A socket takes a place when it arrives
//! and holds it until its verdict. One that found no place may sign in at once; it, and those that
//! are being closed, count to the hard cap until they are gone, and when there are many of them
//! the oldest are cut short, so that the hard cap is hard to reach.

mod address;
mod failures;
#[cfg(test)]
mod tests;

pub(crate) use address::Address;

use crate::{config::Places, protocol::time::Time};
use address::Site;
use failures::Failures;
use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet, HashMap},
};

/// A socket that was let in keeps its place for this long against newcomers of addresses that
/// hold some, in milliseconds.
pub(crate) const YOUNG_MS: u64 = 1_000;
/// A site (/48) may hold this many times the share of one address.
pub(crate) const SITE_SHARES: usize = 4;
/// Sockets that no proxy has named leave this part of what `hard_places` spares to others: where
/// less is free, the oldest of them are cut short.
const UNNAMED_LEAVE: usize = 4;

/// Stands for one socket; in the order of arrival.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Ticket(u64);

/// Which cap a newcomer met.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cap {
    /// The share of its address (4430).
    Share,
    /// All places (1013).
    Places,
}

/// What becomes of a newcomer.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Decision<S> {
    /// It waits for its verdict.
    Admit(Ticket),
    /// The same, and this older socket is closed for it (1013). The older one's ticket stays its
    /// own until it is gone.
    Replace {
        /// The newcomer's.
        ticket: Ticket,
        /// Where the older one is.
        evicted: S,
    },
    /// There is no place: it may sign in at once, or is told why, and closed.
    Squeeze {
        /// Until it is gone.
        ticket: Ticket,
        /// What it met.
        cap: Cap,
    },
    /// There is no room even for a word of explanation (503).
    Full,
}

/// How many found no place, or lost it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Squeezes {
    /// No place for the share of their address.
    pub(crate) share: u64,
    /// No place because all were taken.
    pub(crate) places: u64,
    /// Refused without a word.
    pub(crate) hard_places: u64,
    /// Closed for a newcomer.
    pub(crate) evicted: u64,
    /// Without a place, and cut short.
    pub(crate) hurried: u64,
}

/// A socket that waits.
#[derive(Debug)]
struct Waiting<S> {
    address: Address,
    since: Time,
    seat: S,
}

/// A socket without a place.
#[derive(Debug)]
struct Leaving<S> {
    /// Nobody knows it yet for whom a proxy speaks.
    address: Option<Address>,
    /// Where it is told to hurry.
    seat: S,
}

/// The key by which addresses are evicted from, the last one first: those with failed attempts,
/// then those that hold most, then the one that has the oldest socket.
type Rank = (bool, usize, Reverse<Ticket>, Address);

/// The table of places. Every operation costs a few logarithms of `hard_places`.
#[derive(Debug)]
pub(crate) struct Admission<S> {
    places: Places,
    next: u64,
    /// Sockets that wait, the oldest first.
    waiting: BTreeMap<Ticket, Waiting<S>>,
    /// Sockets without a place: squeezed, being closed, or without an address yet.
    leaving: BTreeMap<Ticket, Leaving<S>>,
    /// Those of them that can be told to hurry, and were not.
    patient: BTreeSet<Ticket>,
    /// Those of them that have no address yet, and were told nothing.
    unnamed: BTreeSet<Ticket>,
    crowds: HashMap<Address, BTreeSet<Ticket>>,
    sites: HashMap<Site, BTreeSet<Ticket>>,
    ranks: BTreeSet<Rank>,
    failures: Failures,
    squeezes: Squeezes,
}

impl<S: Clone> Admission<S> {
    /// An empty vestibule.
    pub(crate) fn new(places: Places) -> Self {
        Self {
            places,
            next: 0,
            waiting: BTreeMap::new(),
            leaving: BTreeMap::new(),
            patient: BTreeSet::new(),
            unnamed: BTreeSet::new(),
            crowds: HashMap::new(),
            sites: HashMap::new(),
            ranks: BTreeSet::new(),
            failures: Failures::default(),
            squeezes: Squeezes::default(),
        }
    }

    /// A socket came from `address`; `seat` is where it is found again.
    pub(crate) fn arrive(&mut self, address: Address, seat: S, now: Time) -> Decision<S> {
        self.forget_failures(now);
        if self.is_full() {
            return Decision::Full;
        }
        let evicted = match self.room_for(address, now) {
            Ok(None) => None,
            Ok(Some(victim)) => self.evict(victim),
            Err(cap) => {
                match cap {
                    Cap::Share => self.squeezes.share += 1,
                    Cap::Places => self.squeezes.places += 1,
                }
                let ticket = self.ticket();
                self.see_off(ticket, Leaving { address: Some(address), seat });
                return Decision::Squeeze { ticket, cap };
            }
        };
        let ticket = self.ticket();
        self.seat(ticket, Waiting { address, since: now, seat });
        match evicted {
            Some(evicted) => Decision::Replace { ticket, evicted },
            None => Decision::Admit(ticket),
        }
    }

    /// A socket came from a proxy that has not yet said for whom: it counts to the hard cap only,
    /// until it is [`gone`](Self::gone) and arrives under its address. `None` is a full house.
    pub(crate) fn arrive_unnamed(&mut self, seat: S) -> Option<Ticket> {
        if self.is_full() {
            return None;
        }
        let ticket = self.ticket();
        // Whoever is behind the proxy is not known to hold anything: it is the last to be hurried.
        self.leaving.insert(ticket, Leaving { address: None, seat });
        self.unnamed.insert(ticket);
        Some(ticket)
    }

    /// A socket that must go at once, because too many are on their way out; or, shortly before
    /// the hard cap, because too many have not said for whom they come. To be asked after each
    /// change.
    pub(crate) fn relieve(&mut self) -> Option<S> {
        let spare = self.places.hard_places.saturating_sub(self.places.places);
        // Who was told to hurry is as good as gone: one goes for one that is too many.
        let untold = self.patient.len() + self.unnamed.len();
        if untold <= spare / 2 {
            return None;
        }
        let free = self.places.hard_places.saturating_sub(self.waiting.len() + untold);
        let oldest = match self.patient.pop_first() {
            Some(patient) => patient,
            None if free < spare.div_ceil(UNNAMED_LEAVE) => self.unnamed.pop_first()?,
            None => return None,
        };
        self.squeezes.hurried += 1;
        self.leaving.get(&oldest).map(|leaving| leaving.seat.clone())
    }

    /// The verdict was bad: its address is evicted from first for a while, and the socket is
    /// being closed.
    pub(crate) fn failed(&mut self, ticket: Ticket, now: Time) {
        self.closing(ticket);
        if let Some(address) = self.leaving.get(&ticket).and_then(|leaving| leaving.address) {
            self.rerank(address, |this| this.failures.note(address, now));
        }
    }

    /// An attempt from `address` failed whose socket is counted otherwise.
    pub(crate) fn failed_from(&mut self, address: Address, now: Time) {
        self.rerank(address, |this| this.failures.note(address, now));
        self.forget_failures(now);
    }

    /// The socket is being closed without a verdict of its own.
    pub(crate) fn closing(&mut self, ticket: Ticket) {
        if let Some(Waiting { address, seat, .. }) = self.unseat(ticket) {
            self.see_off(ticket, Leaving { address: Some(address), seat });
        } else if self.unnamed.remove(&ticket) {
            self.patient.insert(ticket);
        }
    }

    /// The socket left the vestibule: with a good verdict, or for good.
    pub(crate) fn gone(&mut self, ticket: Ticket) {
        if self.unseat(ticket).is_none() {
            self.leaving.remove(&ticket);
            self.patient.remove(&ticket);
            self.unnamed.remove(&ticket);
        }
    }

    /// What it may hold.
    pub(crate) const fn bounds(&self) -> Places {
        self.places
    }

    /// Sockets that wait for a verdict.
    pub(crate) fn waiting(&self) -> usize {
        self.waiting.len()
    }

    /// Sockets without a place.
    pub(crate) fn leaving(&self) -> usize {
        self.leaving.len()
    }

    /// How long the oldest socket has waited, in milliseconds.
    pub(crate) fn oldest_ms(&self, now: Time) -> u64 {
        self.waiting.first_key_value().map_or(0, |(_, oldest)| now.since(oldest.since))
    }

    /// Who found no place, or lost it, so far.
    pub(crate) const fn squeezes(&self) -> Squeezes {
        self.squeezes
    }

    /// The addresses that hold most, with what they hold, at most `count`.
    pub(crate) fn top(&self, count: usize) -> Vec<(Address, usize)> {
        let mut held: Vec<_> =
            self.crowds.iter().map(|(address, crowd)| (*address, crowd.len())).collect();
        held.sort_unstable_by_key(|(address, held)| (Reverse(*held), *address));
        held.truncate(count);
        held
    }

    /// Who has to go for a newcomer of `address`, if anybody has to, or what it meets.
    fn room_for(&self, address: Address, now: Time) -> Result<Option<Ticket>, Cap> {
        let young = |ticket: &Ticket| {
            self.waiting.get(ticket).is_some_and(|held| now.since(held.since) < YOUNG_MS)
        };
        let holds = self.crowds.get(&address).map_or(0, BTreeSet::len);
        if let Some(oldest) = self.over_share(address, holds) {
            // Who holds nothing here gets in, whatever the rest of its site does.
            return if holds > 0 && young(&oldest) { Err(Cap::Share) } else { Ok(Some(oldest)) };
        }
        if self.waiting.len() < self.places.places {
            return Ok(None);
        }
        let all_young = self.waiting.first_key_value().is_none_or(|(oldest, _)| young(oldest));
        if holds > 0 && all_young {
            return Err(Cap::Places);
        }
        Ok(self.victim())
    }

    /// The oldest socket of an address, or of a site, that holds its share already.
    fn over_share(&self, address: Address, holds: usize) -> Option<Ticket> {
        if self.waiting.len() * 2 < self.places.places {
            return None;
        }
        let site = address.site().and_then(|site| self.sites.get(&site));
        let site = site.filter(|held| held.len() >= self.places.share * SITE_SHARES);
        let own = self.crowds.get(&address).filter(|_| holds >= self.places.share);
        own.or(site)?.first().copied()
    }

    /// The oldest socket of the address that is evicted from first.
    fn victim(&self) -> Option<Ticket> {
        self.ranks.last().map(|(_, _, Reverse(oldest), _)| *oldest)
    }

    /// Takes its place from a socket and says where it is.
    fn evict(&mut self, victim: Ticket) -> Option<S> {
        let Waiting { address, seat, .. } = self.unseat(victim)?;
        self.see_off(victim, Leaving { address: Some(address), seat: seat.clone() });
        self.squeezes.evicted += 1;
        Some(seat)
    }

    fn is_full(&mut self) -> bool {
        let full = self.waiting.len() + self.leaving.len() >= self.places.hard_places;
        self.squeezes.hard_places += u64::from(full);
        full
    }

    fn see_off(&mut self, ticket: Ticket, leaving: Leaving<S>) {
        self.leaving.insert(ticket, leaving);
        self.patient.insert(ticket);
    }

    fn ticket(&mut self) -> Ticket {
        let ticket = Ticket(self.next);
        self.next += 1;
        ticket
    }

    fn seat(&mut self, ticket: Ticket, waiting: Waiting<S>) {
        let address = waiting.address;
        self.waiting.insert(ticket, waiting);
        if let Some(site) = address.site() {
            self.sites.entry(site).or_default().insert(ticket);
        }
        self.rerank(address, |this| {
            this.crowds.entry(address).or_default().insert(ticket);
        });
    }

    fn unseat(&mut self, ticket: Ticket) -> Option<Waiting<S>> {
        let waiting = self.waiting.remove(&ticket)?;
        let address = waiting.address;
        if let Some(site) = address.site()
            && let Some(held) = self.sites.get_mut(&site)
        {
            held.remove(&ticket);
            if held.is_empty() {
                self.sites.remove(&site);
            }
        }
        self.rerank(address, |this| {
            let Some(crowd) = this.crowds.get_mut(&address) else { return };
            crowd.remove(&ticket);
            if crowd.is_empty() {
                this.crowds.remove(&address);
            }
        });
        Some(waiting)
    }

    /// Changes something about `address` and puts it where it now belongs.
    fn rerank(&mut self, address: Address, change: impl FnOnce(&mut Self)) {
        if let Some(rank) = self.rank(address) {
            self.ranks.remove(&rank);
        }
        change(self);
        self.ranks.extend(self.rank(address));
    }

    fn rank(&self, address: Address) -> Option<Rank> {
        let crowd = self.crowds.get(&address)?;
        let oldest = crowd.first()?;
        Some((self.failures.contains(address), crowd.len(), Reverse(*oldest), address))
    }

    fn forget_failures(&mut self, now: Time) {
        while let Some(address) = self.failures.over(now) {
            self.rerank(address, |this| this.failures.forget(address));
        }
    }
}
