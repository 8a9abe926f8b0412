//! Verifications of one connection: on the spot, or looked up while the connection goes on.

use super::{Connection, Desk, Judged, act};
use crate::{
    gate::{gone::KeyMoment, verifications::Asker},
    protocol::{
        client_message::Token,
        credential::{Credential, Presentation},
        identity::{Login, Pass},
    },
    session::{Event, Refusal},
    token::{KeyRefusal, Rejection, Verification},
};
use std::{
    future::Future,
    net::{IpAddr, Ipv4Addr},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

type Lookup<T> = Pin<Box<dyn Future<Output = Result<Box<T>, Rejection>> + Send>>;

/// The lookups under way: the credential's, and that of a room token beside it.
#[derive(Default)]
pub(super) struct Lookups {
    /// With the moment before the verifier was asked.
    login: Option<(Lookup<Login>, KeyMoment)>,
    pass: Option<Lookup<Pass>>,
}

impl Connection {
    pub(super) fn poll_lookups(&mut self, cx: &mut Context<'_>, desk: &mut Desk) {
        let Some(lookups) = self.lookups.as_mut() else { return };
        let login = lookups.login.as_mut().and_then(|(lookup, since)| {
            let Poll::Ready(result) = lookup.as_mut().poll(cx) else { return None };
            Some((result, *since))
        });
        if login.is_some() {
            lookups.login = None;
        }
        let pass = poll(&mut lookups.pass, cx);
        self.tidy_lookups();
        if let Some((result, since)) = login {
            self.conclude(result.and_then(|login| still_good(login, since, desk)), desk);
        }
        // The credential's verdict may have ended the session, which takes no notice then.
        if let Some(result) = pass {
            self.conclude_pass(result, desk);
        }
    }

    pub(super) fn verify(&mut self, credential: Credential<'_>, desk: &mut Desk) {
        let shown = Presentation { credential, origin: self.origin.as_ref().map(|it| &*it.0) };
        let since = desk.shared.gone.moment();
        match desk.judge(shown, self.asker()) {
            Verification::Done(result) => self.conclude(result, desk),
            Verification::Pending(lookup) => {
                self.lookups.get_or_insert_default().login = Some((lookup, since));
                self.wake();
            }
        }
    }

    pub(super) fn verify_pass(&mut self, token: Token<'_>, desk: &mut Desk) {
        match desk.verify_pass(token, self.asker()) {
            Verification::Done(result) => self.conclude_pass(result, desk),
            Verification::Pending(lookup) => {
                self.lookups.get_or_insert_default().pass = Some(lookup);
                self.wake();
            }
        }
    }

    pub(super) fn cancel_verify(&mut self) {
        if let Some(lookups) = self.lookups.as_mut() {
            lookups.login = None;
        }
        self.tidy_lookups();
    }

    pub(super) fn cancel_verify_pass(&mut self) {
        if let Some(lookups) = self.lookups.as_mut() {
            lookups.pass = None;
        }
        self.tidy_lookups();
    }

    /// Among whom its lookups wait: its user's, or those of its address while nobody knows a user.
    fn asker(&self) -> Asker {
        if let Some(login) = self.session.login() {
            return Asker::user(&login.identity);
        }
        // A visitor stays until the verdict, and behind a bad one nothing is looked up.
        let address = self.visitor.as_ref().map(|visitor| visitor.address);
        Asker::address(address.unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED)))
    }

    fn tidy_lookups(&mut self) {
        self.lookups.take_if(|lookups| lookups.login.is_none() && lookups.pass.is_none());
    }

    fn conclude(&mut self, result: Result<Box<Login>, Rejection>, desk: &mut Desk) {
        let event = match result {
            Ok(login) => self.take_place(login, desk),
            Err(rejection) => {
                tracing::debug!(connection = self.session.connection(), %rejection, "credential refused");
                let refusal = act::refusal(&rejection);
                self.note_rejection(rejection, desk);
                refusal.map_or(Event::VerifierDown, Event::Refused)
            }
        };
        self.step(event, desk);
    }

    /// Takes over a verdict from before the 101.
    pub(super) fn take_over(&mut self, judged: Judged, desk: &mut Desk) {
        let Judged { login, since } = judged;
        self.conclude(still_good(login, since, desk), desk);
    }

    fn conclude_pass(&mut self, result: Result<Box<Pass>, Rejection>, desk: &mut Desk) {
        let event = match result {
            Ok(pass) => Event::PassVerified(pass),
            Err(rejection) => {
                tracing::debug!(connection = self.session.connection(), %rejection, "room token refused");
                let refusal = act::refusal(&rejection);
                self.note_rejection(rejection, desk);
                refusal.map_or(Event::PassUndecided, Event::PassRefused)
            }
        };
        self.step(event, desk);
    }

    /// Takes a place among the user's connections, but only for a login that is let in: a refresh
    /// has its place, and what is refused must not cost another connection its own.
    fn take_place(&mut self, login: Box<Login>, desk: &mut Desk) -> Event<'static> {
        if self.session.admits(desk.now, &login) {
            if !desk.admit(self.key, &login) {
                return Event::Refused(Refusal::TooManyConnections);
            }
            self.admitted = Some(Arc::clone(&login.identity));
        }
        Event::Verified(login)
    }
}

/// A login whose key may have gone since the verifier was asked: nobody looked at it then.
fn still_good(login: Box<Login>, since: KeyMoment, desk: &Desk) -> Result<Box<Login>, Rejection> {
    if desk.shared.gone.went(login.signer, since) {
        return Err(KeyRefusal::Unknown.into());
    }
    Ok(login)
}

/// The result of a lookup that is done.
fn poll<T>(
    slot: &mut Option<Lookup<T>>,
    cx: &mut Context<'_>,
) -> Option<Result<Box<T>, Rejection>> {
    match slot.as_mut()?.as_mut().poll(cx) {
        Poll::Ready(result) => {
            *slot = None;
            Some(result)
        }
        Poll::Pending => None,
    }
}
