//! Judges the credential of a handshake before its 101, where there is no 101 without a good one.

use super::reload::Current;
use crate::{
    connection::{Judged, Shared, rule},
    gate::{
        gone::GoneKeys,
        verifications::{Asker, Verifications},
    },
    metrics::{Count, Metrics},
    protocol::{credential::Presentation, identity::Login},
    token::{FormFault, Rejection, Verification},
    worker::clock::Clock,
};
use std::{net::IpAddr, sync::Arc, time::Duration};
use tokio::time::timeout;

/// How long a verdict may take, in milliseconds: less than the handshake, so that it can be said
/// that there is none.
const VERDICT_MS: u64 = 4_000;

/// What judges, for everybody who is no connection yet.
#[derive(Clone, Debug)]
pub(super) struct Court {
    current: Arc<Current>,
    verifications: Arc<Verifications>,
    metrics: Arc<Metrics>,
    gone: Arc<GoneKeys>,
    clock: Clock,
}

impl Court {
    pub(super) fn new(current: &Arc<Current>, shared: &Shared, clock: Clock) -> Self {
        let Shared { verifications, metrics, gone, .. } = shared;
        Self {
            current: Arc::clone(current),
            verifications: Arc::clone(verifications),
            metrics: Arc::clone(metrics),
            gone: Arc::clone(gone),
            clock,
        }
    }

    /// One that nobody is brought to.
    #[cfg(test)]
    pub(super) fn empty(clock: Clock) -> Self {
        let settings = super::Settings::new(Arc::new(super::tests::Closed));
        let gate = Arc::new(crate::gate::guest::Gate::new(settings.places));
        let desk = super::TicketDesk::new(super::Lent::new(&gate, clock));
        let terms = super::reload::terms(settings, &desk);
        let (verifications, metrics, gone) = Default::default();
        Self { current: Current::new(terms), verifications, metrics, gone, clock }
    }

    /// The verdict on what `client` shows, within its patience; a refusal is counted.
    pub(super) async fn judge(
        &self,
        shown: Presentation<'_>,
        client: IpAddr,
        patience: Duration,
    ) -> Result<Judged, Rejection> {
        let since = self.gone.moment();
        let patience = patience.min(Duration::from_millis(VERDICT_MS));
        let verdict = timeout(patience, self.verdict(shown, client)).await;
        let verdict = verdict.unwrap_or(Err(Rejection::Unavailable));
        if let Err(rejection) = &verdict {
            self.metrics.count(Count::Rejection(rule(rejection)));
        }
        verdict.map(|login| Judged { login, since })
    }

    async fn verdict(
        &self,
        shown: Presentation<'_>,
        client: IpAddr,
    ) -> Result<Box<Login>, Rejection> {
        let terms = self.current.terms();
        let (bytes, limit) = (shown.credential.bytes(), terms.rules.auth.token_bytes);
        if bytes > limit {
            return Err(FormFault::TooLong { bytes, limit }.into());
        }
        let judged = terms.verifier.judge(shown, self.clock.now().wall);
        match self.verifications.in_turn(&self.metrics, Asker::address(client), judged) {
            Verification::Done(verdict) => verdict,
            Verification::Pending(lookup) => lookup.await,
        }
    }
}
