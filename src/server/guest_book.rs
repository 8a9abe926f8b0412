//! What becomes of new sockets up to their 101: counted, and refusals told to the log.

use super::http::Refusal;
use crate::{
    gate::{
        refusals::{Agent, Class, RefusalLog, Sample},
        seldom::Seldom,
    },
    metrics::{AcceptFault, Count, Handshake, Metrics},
    token::Rejection,
    worker::clock::Clock,
};
use std::{io, net::IpAddr, sync::Arc};

/// Kept by the acceptor and by every handshake.
#[derive(Clone, Debug)]
pub(super) struct GuestBook {
    metrics: Arc<Metrics>,
    refusals: Arc<RefusalLog>,
    clock: Clock,
    exhausted: Arc<Seldom>,
}

impl GuestBook {
    pub(super) fn new(metrics: &Arc<Metrics>, refusals: &Arc<RefusalLog>, clock: Clock) -> Self {
        Self {
            metrics: Arc::clone(metrics),
            refusals: Arc::clone(refusals),
            clock,
            exhausted: Arc::default(),
        }
    }

    /// A socket could not be accepted.
    pub(super) fn missed(&self, cause: AcceptFault, error: &io::Error) {
        self.metrics.count(Count::AcceptFault(cause));
        match cause {
            AcceptFault::Socket => {}
            AcceptFault::Exhausted => {
                if let Some(left_out) = self.exhausted.line(self.clock.now().time) {
                    tracing::warn!(%error, left_out, "nobody can be accepted, newcomers wait");
                }
            }
        }
    }

    /// The first request of a socket is settled.
    pub(super) fn settled(&self, outcome: Handshake) {
        self.metrics.count(Count::Handshake(outcome));
    }

    /// A request is refused.
    pub(super) fn refused(&self, why: Refusal, address: IpAddr, agent: Option<Agent>) {
        let (_, words) = why.words();
        self.tell(why.outcome(), address, agent, words);
    }

    /// The credential of a handshake is refused.
    pub(super) fn rejected(&self, why: &Rejection, address: IpAddr, agent: Option<Agent>) {
        self.tell(Handshake::Unauthorized, address, agent, &why.to_string());
    }

    /// The time of a handshake is over.
    pub(super) fn timed_out(&self, address: IpAddr) {
        self.tell(Handshake::Timeout, address, None, "no complete request in time");
    }

    fn tell(&self, outcome: Handshake, address: IpAddr, agent: Option<Agent>, why: &str) {
        let class = Class::Handshake(outcome);
        self.refusals.note(class, self.clock.now().time, || Sample {
            address,
            agent,
            connection: None,
            why: Some(why.to_owned()),
        });
    }
}
