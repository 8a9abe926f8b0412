//! What is counted about a connection, and what is kept of a stranger until the verdict.

use super::{Connection, Desk};
use crate::{
    gate::{
        guest::Guest,
        refusals::{Agent, Class, Sample},
    },
    metrics::{Count, End, Level, Rule, State, Verdict},
    outbox::Outbox,
    protocol::{close_code::CloseCode, server_message::ServerMessage, time::Time},
    token::{self, ClaimFault, FormFault, HeaderFault, Rejection},
};
use std::net::IpAddr;

/// A client without a verdict.
#[derive(Debug)]
pub(crate) struct Visitor {
    /// For whom it is counted.
    pub(crate) address: IpAddr,
    /// What it calls itself.
    pub(crate) agent: Option<Agent>,
    /// When the 101 was sent.
    pub(crate) since: Time,
    /// Why its credential was refused.
    pub(crate) fault: Option<Box<Rejection>>,
    /// Its place in the vestibule, until the connection takes it.
    pub(crate) guest: Option<Box<Guest>>,
}

impl Visitor {
    /// Somebody new, without a place.
    pub(crate) fn new(address: IpAddr, agent: Option<Agent>) -> Self {
        Self { address, agent, since: Time::default(), fault: None, guest: None }
    }
}

impl Connection {
    /// The 101 is out.
    pub(super) fn count_in(&mut self, desk: &Desk) {
        if let Some(visitor) = self.visitor.as_mut() {
            visitor.since = desk.now.time;
        }
        desk.recorder.raise(Level::Connection(State::Unauthenticated));
    }

    /// A message is about to be queued: the verdict, or an error.
    pub(super) fn note_message(&mut self, message: &ServerMessage<'_>, desk: &Desk) {
        if let ServerMessage::Error(error) = message {
            desk.recorder.count(Count::Error(error.code));
        } else if let ServerMessage::AuthOk(_) = message {
            self.settle_verdict(Verdict::Accepted, desk);
        }
    }

    /// The connection ends: the transport is about to leave its open state. Only the first reason
    /// counts.
    pub(super) fn note_end(&mut self, end: End, desk: &Desk) {
        if !self.transport.is_open() {
            return;
        }
        let state = match self.visitor {
            Some(_) => State::Unauthenticated,
            None => State::Authenticated,
        };
        let verdict = match end {
            End::Client | End::Lost => Verdict::Gone,
            End::Server(code) => Verdict::Refused(code),
        };
        self.settle_verdict(verdict, desk);
        change_state(state, State::Closing, desk);
        desk.recorder.count(Count::End(end));
    }

    /// A token was refused: of a sign-in, of a refresh, or of a join.
    pub(super) fn note_rejection(&mut self, rejection: Rejection, desk: &Desk) {
        desk.recorder.count(Count::Rejection(rule(&rejection)));
        if let Some(visitor) = self.visitor.as_mut() {
            visitor.fault = Some(Box::new(rejection));
        }
    }

    fn settle_verdict(&mut self, verdict: Verdict, desk: &Desk) {
        let Some(visitor) = self.visitor.take() else { return };
        desk.recorder.verdict(verdict, desk.now.time.since(visitor.since));
        match verdict {
            Verdict::Accepted => {
                // Its place in the vestibule is free.
                self.guest = None;
                change_state(State::Unauthenticated, State::Authenticated, desk);
            }
            Verdict::Gone => {}
            Verdict::Refused(code) => self.report(code, *visitor, desk),
        }
    }

    fn report(&self, code: CloseCode, visitor: Visitor, desk: &Desk) {
        let Visitor { address, agent, fault, .. } = visitor;
        desk.shared.refusals.note(Class::Verdict(code), desk.now.time, || Sample {
            address,
            agent,
            connection: Some(self.session.connection().into()),
            why: fault.map(|rejection| rejection.to_string()),
        });
    }
}

fn change_state(from: State, to: State, desk: &Desk) {
    desk.recorder.lower(Level::Connection(from));
    desk.recorder.raise(Level::Connection(to));
}

/// Counts what leaves `outbox` between the two looks at it.
pub(super) fn count_sent(before: usize, outbox: &Outbox, desk: &Desk) {
    desk.recorder.add(Count::SentByte, before.saturating_sub(outbox.bytes()));
}

/// The class of the rule that was broken.
pub(crate) fn rule(rejection: &Rejection) -> Rule {
    match rejection {
        Rejection::Form(fault) => match fault {
            FormFault::TooLong { .. }
            | FormFault::JsonSerialization
            | FormFault::Encrypted
            | FormFault::Parts { .. }
            | FormFault::EmptyPart(_)
            | FormFault::Alphabet(_)
            | FormFault::Padding(_)
            | FormFault::Length(_)
            | FormFault::TailBits(_)
            | FormFault::NotUtf8(_)
            | FormFault::NotJson(..) => Rule::Form,
        },
        Rejection::Header(fault) => match fault {
            HeaderFault::AlgorithmMissing
            | HeaderFault::AlgorithmNone
            | HeaderFault::AlgorithmUnknown
            | HeaderFault::AlgorithmMismatch { .. } => Rule::Algorithm,
            HeaderFault::Forbidden(_)
            | HeaderFault::NotAString { .. }
            | HeaderFault::Type
            | HeaderFault::TypeMissing
            | HeaderFault::NotAnAccessToken
            | HeaderFault::Nested => Rule::Header,
        },
        Rejection::Key(why) => match why {
            token::KeyRefusal::Unnamed | token::KeyRefusal::Unknown => Rule::Key,
            token::KeyRefusal::Unsettled | token::KeyRefusal::SourceDown => Rule::Unavailable,
        },
        Rejection::Signature => Rule::Signature,
        Rejection::Claim(fault) => claim_rule(fault),
        Rejection::NotYetValid { .. } => Rule::NotYetValid,
        Rejection::Expired { .. } => Rule::Expired,
        Rejection::Forbidden => Rule::Forbidden,
        Rejection::Revoked => Rule::Revoked,
        Rejection::Unavailable => Rule::Unavailable,
        Rejection::Unreadable(_) => Rule::Form,
        Rejection::Ticket(_) => Rule::Ticket,
        Rejection::Password => Rule::Password,
        Rejection::UnknownUser => Rule::User,
        Rejection::Custom { .. } => Rule::Custom,
    }
}

fn claim_rule(fault: &ClaimFault) -> Rule {
    match fault {
        ClaimFault::Issuer => Rule::Issuer,
        ClaimFault::Audience => Rule::Audience,
        ClaimFault::Lifetime { .. } => Rule::Lifetime,
        ClaimFault::RoomToken | ClaimFault::NotForRoom => Rule::Purpose,
        ClaimFault::Missing(_)
        | ClaimFault::Kind { .. }
        | ClaimFault::Time(_)
        | ClaimFault::SubjectLength { .. }
        | ClaimFault::SubjectControl
        | ClaimFault::Required(_)
        | ClaimFault::Rooms(_)
        | ClaimFault::Limits { .. }
        | ClaimFault::InfoLength { .. }
        | ClaimFault::Room(_)
        | ClaimFault::Allow(_) => Rule::Claims,
    }
}
