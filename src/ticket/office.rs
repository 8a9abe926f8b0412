//! What gives tickets out and takes them, counted: one for a server, through all its reloads.

use super::{Answer, Kept, Purge, StoreFault, Ticket, TicketKey, TicketStore, TicketText};
use crate::{
    metrics::{Count, Metrics, TicketEvent},
    protocol::{identity::Login, time::Wall},
    token::{Rejection, TicketFault, Verification},
};
use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

/// Gives tickets out and takes them.
pub(crate) struct Office {
    store: Arc<dyn TicketStore>,
    metrics: Arc<Metrics>,
    /// How often tickets were purged.
    purges: AtomicU64,
}

/// A ticket that was given out.
#[derive(Debug)]
pub(crate) struct Issued {
    /// Its text.
    pub(crate) text: TicketText,
    /// How long it lives, in milliseconds.
    pub(crate) expires_in_ms: u64,
}

/// How often tickets had been purged when somebody began to verify a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Moment(u64);

impl Office {
    /// Keeps tickets in `store`.
    pub(crate) fn new(store: Arc<dyn TicketStore>, metrics: Arc<Metrics>) -> Self {
        Self { store, metrics, purges: AtomicU64::new(0) }
    }

    /// To be taken before a token is verified that is to be exchanged.
    pub(crate) fn moment(&self) -> Moment {
        Moment(self.purges.load(Ordering::SeqCst))
    }

    /// Exchanges a login for a ticket that lives `life_ms`, and no longer than its token.
    ///
    /// # Errors
    /// What the store says; or [`StoreFault::Unavailable`] if tickets were purged since `began`,
    /// because the key that signed the token may be one that is gone.
    pub(crate) async fn issue(
        &self,
        began: Moment,
        (login, origin): (Box<Login>, Option<Box<str>>),
        life_ms: u64,
        now: Wall,
    ) -> Result<Issued, StoreFault> {
        let left_ms = (login.expires_at + login.leeway_ms).since(now);
        let expires_in_ms = life_ms.min(left_ms);
        let text = TicketText::draw().map_err(|_| StoreFault::Unavailable)?;
        let key = text.key();
        let ticket = Ticket { login, origin, expires_at: now + expires_in_ms };
        let kept = self.store.issue(key, ticket, now).wait().await;
        if self.moment() != began {
            // The purge may have passed before the ticket was there.
            let _ = self.store.redeem(&key, now).wait().await;
            return Err(StoreFault::Unavailable);
        }
        self.metrics.count(Count::Ticket(match &kept {
            Ok(Kept::Added | Kept::InPlaceOfOldest) => TicketEvent::Issued,
            Err(StoreFault::Full) => TicketEvent::Full,
            Err(StoreFault::Unavailable) => TicketEvent::Unavailable,
        }));
        if kept? == Kept::InPlaceOfOldest {
            self.metrics.count(Count::Ticket(TicketEvent::Displaced));
        }
        Ok(Issued { text, expires_in_ms })
    }

    /// Takes a ticket that was shown by a page of `origin`, if it was a page.
    pub(super) fn redeem(
        &self,
        key: &TicketKey,
        origin: Option<&str>,
        now: Wall,
    ) -> Verification<Box<Login>> {
        match self.store.redeem(key, now) {
            Answer::Now(taken) => Verification::Done(judge(taken, origin, now, &self.metrics)),
            Answer::Later(taken) => {
                let (metrics, origin) = (Arc::clone(&self.metrics), origin.map(str::to_owned));
                Verification::Pending(Box::pin(async move {
                    judge(taken.await, origin.as_deref(), now, &metrics)
                }))
            }
        }
    }

    /// A text that is no ticket was shown where nothing else may be.
    pub(super) fn refuse_shape(&self) -> Rejection {
        self.metrics.count(Count::Ticket(TicketEvent::Unknown));
        TicketFault::Unknown.into()
    }

    /// These tickets open nothing any more. Where it is for a key that is gone, no verdict may be
    /// reached with that key when this is called.
    pub(crate) async fn purge(&self, which: Purge) {
        // Before the tickets go: whoever comes behind the purge sees it.
        self.purges.fetch_add(1, Ordering::SeqCst);
        if let Err(why) = self.store.purge(which).wait().await {
            tracing::error!(%why, "tickets are not purged");
        }
    }

    /// How many tickets are held.
    pub(crate) fn held(&self) -> usize {
        self.store.held()
    }
}

/// What a ticket that was taken out is good for.
fn judge(
    taken: Result<Option<Ticket>, StoreFault>,
    origin: Option<&str>,
    now: Wall,
    metrics: &Metrics,
) -> Result<Box<Login>, Rejection> {
    let (event, verdict) = match taken {
        Err(_) => (TicketEvent::Unavailable, Err(Rejection::Unavailable)),
        Ok(None) => (TicketEvent::Unknown, Err(TicketFault::Unknown.into())),
        Ok(Some(Ticket { origin: Some(bound), .. })) if origin != Some(&*bound) => {
            (TicketEvent::Origin, Err(TicketFault::Origin.into()))
        }
        Ok(Some(Ticket { login, .. })) if now >= login.expires_at + login.leeway_ms => {
            let late_ms = now.since(login.expires_at);
            (TicketEvent::Expired, Err(Rejection::Expired { late_ms }))
        }
        Ok(Some(Ticket { login, .. })) => (TicketEvent::Redeemed, Ok(login)),
    };
    metrics.count(Count::Ticket(event));
    verdict
}

impl fmt::Debug for Office {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Office").field("held", &self.held()).finish_non_exhaustive()
    }
}
