//! Exchanges tokens for tickets: one desk for a server, through all its reloads.

use crate::{
    config::TicketPolicy,
    connection::rule,
    gate::{
        admission::Address,
        guest::Gate,
        refusals::{Agent, Class, RefusalLog, Sample},
        verifications::{Asker, Verifications},
    },
    metrics::{Count, Metrics},
    protocol::{client_message::Token, close_code::CloseCode, identity::Login, time::Now},
    ticket::{Issued, MemoryStore, Office, Purge, StoreFault, Ticketed},
    token::{self, Rejection, Verification, Verifier},
    worker::clock::Clock,
};
use parking_lot::RwLock;
use std::{fmt, net::IpAddr, sync::Arc, time::Duration};
use tokio::time::timeout;

/// How long the verification of a token may take, its turn included, in milliseconds. It is less
/// than a whole request may take, so that there is an answer.
const VERIFICATION_MS: u64 = 3_000;

/// Exchanges tokens for tickets.
pub(super) struct TicketDesk {
    office: Arc<Office>,
    store: Arc<MemoryStore>,
    /// `None` while tickets are off.
    terms: RwLock<Option<Arc<Terms>>>,
    lent: Lent,
}

/// What the desk uses and others own.
#[derive(Clone)]
pub(super) struct Lent {
    pub(super) metrics: Arc<Metrics>,
    pub(super) refusals: Arc<RefusalLog>,
    pub(super) verifications: Arc<Verifications>,
    pub(super) gate: Arc<Gate>,
    pub(super) clock: Clock,
}

impl Lent {
    /// Nothing counted yet.
    pub(super) fn new(gate: &Arc<Gate>, clock: Clock) -> Self {
        Self {
            metrics: Arc::default(),
            refusals: Arc::default(),
            verifications: Arc::default(),
            gate: Arc::clone(gate),
            clock,
        }
    }
}

/// What holds until the next reload.
struct Terms {
    verifier: Arc<dyn Verifier>,
    life_ms: u64,
}

/// Somebody who wants a ticket.
#[derive(Debug)]
pub(super) struct Applicant {
    pub(super) address: IpAddr,
    pub(super) agent: Option<Agent>,
}

/// Why there is no ticket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Denial {
    /// Tickets are off.
    Closed,
    /// The token is refused, with the code that its `auth` would have met.
    Refused(CloseCode),
    /// Nobody can judge the token now, or keep the ticket.
    Unavailable,
    /// There are too many tickets.
    Full,
}

impl TicketDesk {
    /// A closed desk.
    pub(super) fn new(lent: Lent) -> Self {
        let store = Arc::new(MemoryStore::new(0));
        let office = Office::new(Arc::clone(&store) as Arc<_>, Arc::clone(&lent.metrics));
        Self { office: Arc::new(office), store, terms: RwLock::new(None), lent }
    }

    /// From now on tokens are judged by `verifier`, and tickets given out by `policy`. Returns what
    /// judges credentials then.
    pub(super) fn follow(
        &self,
        policy: Option<TicketPolicy>,
        verifier: Arc<dyn Verifier>,
    ) -> Arc<dyn Verifier> {
        let Some(TicketPolicy { life_ms, held }) = policy else {
            *self.terms.write() = None;
            return verifier;
        };
        self.store.set_bound(held);
        let terms = Terms { verifier: Arc::clone(&verifier), life_ms };
        *self.terms.write() = Some(Arc::new(terms));
        Arc::new(Ticketed::new(verifier, Arc::clone(&self.office)))
    }

    /// These tickets open nothing any more.
    pub(super) async fn purge(&self, which: Purge) {
        self.office.purge(which).await;
    }

    /// Whether tickets are on.
    pub(super) fn is_open(&self) -> bool {
        self.terms.read().is_some()
    }

    /// How many tickets are held, where they are on.
    pub(super) fn held(&self) -> Option<usize> {
        self.is_open().then(|| self.office.held())
    }

    /// Exchanges a token for a ticket, which pages of `origin` alone may use if it is given.
    ///
    /// # Errors
    /// Why there is none. What speaks against the applicant is written down.
    pub(super) async fn exchange(
        &self,
        token: Token<'_>,
        origin: Option<Box<str>>,
        applicant: &Applicant,
    ) -> Result<Issued, Denial> {
        // Before the verifier is chosen: a key that goes meanwhile takes the ticket along.
        let began = self.office.moment();
        let terms = self.terms.read().clone().ok_or(Denial::Closed)?;
        let login = match self.verify(&terms, token, applicant).await {
            Ok(login) => login,
            Err(rejection) => return Err(self.refused(&rejection, applicant)),
        };
        let now = self.lent.clock.now().wall;
        let issued = self.office.issue(began, (login, origin), terms.life_ms, now).await;
        issued.map_err(|fault| match fault {
            StoreFault::Full => Denial::Full,
            StoreFault::Unavailable => Denial::Unavailable,
        })
    }

    /// The applicant shows no token.
    pub(super) fn shown_nothing(&self, applicant: &Applicant) -> Denial {
        self.turn_away(CloseCode::AuthRequired, applicant, None)
    }

    /// Judges the token; the wait for its turn and the lookup count as one.
    async fn verify(
        &self,
        terms: &Terms,
        token: Token<'_>,
        applicant: &Applicant,
    ) -> Result<Box<Login>, Rejection> {
        let Lent { verifications, metrics, clock, .. } = &self.lent;
        // Not `judge`: a ticket is not exchanged for a ticket.
        let verification = terms.verifier.verify(token, clock.now().wall);
        let asker = Asker::address(applicant.address);
        let login = match verifications.in_turn(metrics, asker, verification) {
            Verification::Done(verdict) => verdict?,
            Verification::Pending(lookup) => {
                let patience = Duration::from_millis(VERIFICATION_MS);
                timeout(patience, lookup).await.unwrap_or(Err(Rejection::Unavailable))?
            }
        };
        let now = clock.now().wall;
        if now >= login.expires_at + login.leeway_ms {
            return Err(Rejection::Expired { late_ms: now.since(login.expires_at) });
        }
        Ok(login)
    }

    fn refused(&self, rejection: &Rejection, applicant: &Applicant) -> Denial {
        tracing::debug!(address = %applicant.address, %rejection, "credential refused");
        self.lent.metrics.count(Count::Rejection(rule(rejection)));
        let class = rejection.class();
        if class == token::Class::Unavailable {
            return Denial::Unavailable;
        }
        self.turn_away(class.close_code(), applicant, Some(rejection))
    }

    /// Counts against the address, and tells the log.
    fn turn_away(&self, code: CloseCode, applicant: &Applicant, why: Option<&Rejection>) -> Denial {
        let Now { time, .. } = self.lent.clock.now();
        self.lent.gate.failed_from(Address::of(applicant.address), time);
        self.lent.refusals.note(Class::Verdict(code), time, || Sample {
            address: applicant.address,
            agent: applicant.agent.clone(),
            connection: None,
            why: why.map(ToString::to_string),
        });
        Denial::Refused(code)
    }
}

impl fmt::Debug for TicketDesk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TicketDesk").field("office", &self.office).finish_non_exhaustive()
    }
}
