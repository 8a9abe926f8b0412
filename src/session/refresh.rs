//! A newer token in a running session.

use super::{
    Action, Refusal,
    life::ends_at,
    passes::dismiss,
    ready::{Ready, refuse},
    requests::Stop,
    rooms::Standing,
    turn::{Echo, End, Turn, Verdict, keep, recall, refusal},
};
use crate::protocol::{
    client_message::Token,
    close_code::CloseCode,
    error_code::ErrorCode,
    identity::{Identity, Login},
    server_message::{AuthOk, ServerMessage},
    time::Time,
};
use std::borrow::Cow;

/// The window of invalid refreshes, in milliseconds.
const WINDOW_MS: u64 = 60_000;

/// A refresh without a verdict.
#[derive(Debug)]
pub(super) struct Pending {
    /// The `id` of the `auth`.
    pub(super) id: Option<Box<str>>,
    /// Until when it holds the expiry back, and waits for its verdict.
    pub(super) hold_until: Time,
}

impl Ready {
    /// Takes an `auth` after the verdict.
    pub(super) fn refresh<'a>(
        &mut self,
        turn: &mut Turn<'_, 'a>,
        id: Echo<'a>,
        token: Token<'a>,
    ) -> Result<(), Stop<'a>> {
        if !turn.about.offers("refresh") {
            return Err(Stop::Refuse(refusal(ErrorCode::Unsupported, id)));
        }
        if self.refresh.is_some() {
            return Err(Stop::Refuse(refusal(ErrorCode::RefreshInProgress, id)));
        }
        let rules = &turn.about.rules;
        if token.reveal().len() > rules.auth.token_bytes {
            return Ok(self.refresh_failed(turn, id, ErrorCode::TokenInvalid)?);
        }
        let hold_until = turn.now.time + rules.session.refresh_grace_ms;
        self.refresh = Some(Box::new(Pending { id: keep(id), hold_until }));
        turn.act(Action::Verify(token.into()));
        Ok(())
    }

    /// The newer token is good. It counts from here on, even if it ends earlier.
    pub(super) fn refreshed<'a>(
        &mut self,
        turn: &mut Turn<'_, 'a>,
        login: Box<Login>,
    ) -> Result<(), End<'a>> {
        let Some(pending) = self.refresh.take() else { return Ok(()) };
        let id = recall(pending.id);
        // It may have expired since, and then it is no valid one, whomever it names.
        if turn.now.wall >= ends_at(&login) {
            return self.refresh_failed(turn, id, ErrorCode::TokenExpired);
        }
        if !same_principal(&self.login.identity, &login.identity) {
            return Err(End::answer(id, CloseCode::PrincipalMismatch));
        }
        let same = self.login.mark == login.mark;
        self.warning.renew(&login, same, turn.now);
        self.login = *login;
        self.welcome(turn, id, true);
        self.lose_rooms(turn);
        Ok(())
    }

    /// The newer token is refused; the old one stays in force.
    pub(super) fn refresh_refused<'a>(
        &mut self,
        turn: &mut Turn<'_, 'a>,
        why: Refusal,
    ) -> Result<(), End<'a>> {
        let Some(pending) = self.refresh.take() else { return Ok(()) };
        let id = recall(pending.id);
        match why {
            Refusal::Invalid => self.refresh_failed(turn, id, ErrorCode::TokenInvalid),
            Refusal::Expired => self.refresh_failed(turn, id, ErrorCode::TokenExpired),
            Refusal::NotYetValid => self.refresh_failed(turn, id, ErrorCode::TokenNotYetValid),
            Refusal::Forbidden => self.refresh_passed_over(turn, id, ErrorCode::Forbidden),
            Refusal::TooManyConnections => {
                self.refresh_passed_over(turn, id, ErrorCode::Overloaded)
            }
            Refusal::Revoked => Err(End::answer(id, CloseCode::Revoked)),
        }
    }

    /// Nobody could judge the newer token: not the client's fault, so nothing is counted.
    pub(super) fn refresh_undecided<'a>(&mut self, turn: &mut Turn<'_, 'a>) -> Result<(), End<'a>> {
        let Some(pending) = self.refresh.take() else { return Ok(()) };
        self.refresh_passed_over(turn, recall(pending.id), ErrorCode::Internal)
    }

    /// Gives up a refresh without a verdict at the end of its hold: a lookup that hangs must not
    /// block every later refresh until the token ends.
    pub(super) fn give_up_refresh<'a>(&mut self, turn: &mut Turn<'_, 'a>) -> Result<(), End<'a>> {
        if self.refresh.as_ref().is_none_or(|pending| turn.now.time < pending.hold_until) {
            return Ok(());
        }
        turn.act(Action::CancelVerify);
        self.refresh_undecided(turn)
    }

    /// Says `auth_ok`, and that it will not last if that is already due.
    pub(super) fn welcome<'a>(&mut self, turn: &mut Turn<'_, 'a>, id: Echo<'a>, refreshed: bool) {
        let login = &self.login;
        turn.send(ServerMessage::AuthOk(Box::new(AuthOk {
            id,
            connection: Cow::Owned(turn.about.connection.to_string()),
            user: Cow::Owned(login.identity.user.to_string()),
            expires_in_ms: login.expires_at.since(turn.now.wall),
            expires_at_ms: login.expires_at.as_ms(),
            limits: self.limits(turn.about),
            leeway_ms: login.leeway_ms,
            features: turn.about.rules.features,
            refreshed,
        })));
        self.warn(turn);
    }

    /// Warns that the token ends, if that is due.
    pub(super) fn warn(&mut self, turn: &mut Turn<'_, '_>) {
        if self.warning.strike(turn.now) {
            let expires_in_ms = self.login.expires_at.since(turn.now.wall);
            turn.send(ServerMessage::AuthExpiring { expires_in_ms });
        }
    }

    /// Answers a refresh whose token is not invalid and yet does not count: the old one goes on,
    /// unless only the refresh held its end back.
    fn refresh_passed_over<'a>(
        &self,
        turn: &mut Turn<'_, 'a>,
        id: Echo<'a>,
        code: ErrorCode,
    ) -> Result<(), End<'a>> {
        if self.is_expired(turn.now) {
            return Err(End::answer(id, CloseCode::TokenExpired));
        }
        refuse(turn, refusal(code, id))
    }

    /// Counts an invalid refresh: over the count it is fatal, and so is the end of the old token
    /// that it held back.
    fn refresh_failed<'a>(
        &mut self,
        turn: &mut Turn<'_, 'a>,
        id: Echo<'a>,
        code: ErrorCode,
    ) -> Result<(), End<'a>> {
        let last = turn.about.rules.session.invalid_refreshes.saturating_add(1);
        match self.invalid_refreshes.spend(turn.now.time, WINDOW_MS, last) {
            Err(after_ms) if !self.is_expired(turn.now) => Err(End::Verdict(Verdict {
                id,
                code: CloseCode::RateLimited,
                retry_after_ms: Some(after_ms),
            })),
            Ok(()) | Err(_) => self.refresh_passed_over(turn, id, code),
        }
    }

    /// The right to join is the right to stay: ends every membership that lost it, by a newer login
    /// or by other rules.
    pub(super) fn lose_rooms(&mut self, turn: &mut Turn<'_, '_>) {
        let (rules, login) = (&turn.about.rules.rooms, &self.login);
        let lost = self.rooms.reassess(|room| Standing::new(rules, login, room));
        dismiss(turn, lost, ErrorCode::Forbidden);
    }
}

/// The principal is (`iss`, `sub`); an absent `iss` equals only another absent one.
pub(super) fn same_principal(one: &Identity, other: &Identity) -> bool {
    one.issuer == other.issuer && one.subject == other.subject
}
