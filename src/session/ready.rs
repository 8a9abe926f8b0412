//! After the verdict: requests, outcomes, token life and heartbeat.

use super::{
    Action, Event, Pulse,
    budget::Budget,
    dice::Dice,
    heartbeat::{Beat, Heartbeat},
    in_flight::InFlight,
    life::{Warning, ends_at, on_clock},
    passes::Pause,
    rates::{Kind, Over, Rate, Rates},
    refresh::Pending,
    rooms::{Rooms, Standing},
    turn::{About, Echo, End, Turn, Verdict, recall, refusal},
};
use crate::protocol::{
    close_code::CloseCode,
    error_code::ErrorCode,
    identity::{Login, Signer},
    limits::SessionLimits,
    room_name::RoomRef,
    server_message::{ErrorMessage, ServerMessage},
    time::{Now, Time},
};

/// A session may end by its age divided by this before its time.
const AGE_SPREAD: u64 = 10;
/// When a session retires that has no age to reach.
const NEVER: Time = Time::from_ms(u64::MAX);
/// The longest delay of a client whose session was old enough, in milliseconds.
const RETURN_MS: u64 = 1_000;

/// A session whose verdict was good.
#[derive(Debug)]
pub(super) struct Ready {
    pub(super) login: Login,
    pub(super) warning: Warning,
    pub(super) refresh: Option<Box<Pending>>,
    /// Why nothing is read just now.
    pub(super) pause: Option<Box<Pause>>,
    pub(super) rooms: Rooms,
    pub(super) in_flight: InFlight,
    pub(super) invalid_refreshes: Budget,
    rates: Rates,
    bugs: Budget,
    pub(super) heartbeat: Heartbeat,
    /// When it has lasted as long as a session may.
    retires: Time,
}

impl Ready {
    /// Lets `login` in with `auth_ok`.
    pub(super) fn begin<'a>(turn: &mut Turn<'_, 'a>, id: Echo<'a>, login: Box<Login>) -> Self {
        let limits = &turn.about.rules.session;
        let mut ready = Self {
            warning: Warning::plan(&login, turn.now),
            login: *login,
            refresh: None,
            pause: None,
            rooms: Rooms::default(),
            in_flight: InFlight::default(),
            invalid_refreshes: Budget::default(),
            rates: Rates::default(),
            bugs: Budget::default(),
            heartbeat: Heartbeat::begin(turn.now.time, turn.about.seed, limits),
            retires: retirement(turn),
        };
        ready.welcome(turn, id, false);
        ready
    }

    pub(super) fn handle<'a>(
        &mut self,
        turn: &mut Turn<'_, 'a>,
        event: Event<'a>,
    ) -> Result<(), End<'a>> {
        if self.is_expired(turn.now) && !event.is_departure() {
            let id = self.refresh.take().and_then(|pending| recall(pending.id));
            return Err(End::answer(id, CloseCode::TokenExpired));
        }
        if !event.is_departure() {
            self.end_expired_passes(turn);
        }
        if event.is_input() {
            self.heartbeat.life();
        }
        match event {
            Event::Text(text) => self.text(turn, text),
            Event::TooBig => refuse(turn, refusal(ErrorCode::TooBig, None)),
            Event::Fault(fault) => Err(End::verdict(fault.close_code())),
            Event::UnsupportedProtocol => Err(End::verdict(CloseCode::UnsupportedProtocol)),
            Event::Ping(payload) => {
                if self.control(turn)? {
                    turn.act(Action::Pong(payload));
                }
                Ok(())
            }
            Event::Pong => self.control(turn).map(drop),
            Event::PeerClose(code) => Err(End::Echo(code)),
            Event::Eof => Err(End::Gone),
            Event::Timer(pulse) => self.timer(turn, pulse),
            Event::Verified(login) => self.refreshed(turn, login),
            Event::Refused(refusal) => self.refresh_refused(turn, refusal),
            Event::VerifierDown => self.refresh_undecided(turn),
            Event::PassVerified(pass) => self.pass_verified(turn, &pass),
            Event::PassRefused(refusal) => self.pass_refused(turn, refusal),
            Event::PassUndecided => self.pass_undecided(turn),
            Event::Joined { key, epoch, seq, recovered } => {
                self.joined(turn, key, (epoch, seq), recovered)
            }
            Event::JoinRefused { key, why } => self.join_refused(turn, key, why),
            Event::Left { key } => self.left(turn, key),
            Event::Published { key, epoch, seq, at_ms, duplicate } => {
                self.published(turn, key, (epoch, seq), (at_ms, duplicate))
            }
            Event::Emitted { key, at_ms } => self.emitted(turn, key, at_ms),
            Event::History { key, epoch, messages, more } => {
                self.history(turn, key, epoch, (messages, more))
            }
            Event::HistoryRefused { key, why } => self.history_refused(turn, key, why),
            Event::PublishFailed { key, why } => self.publish_failed(turn, key, why),
            Event::Revoked => Err(End::verdict(CloseCode::Revoked)),
            Event::KeyRemoved(signer) => self.key_removed(turn, signer),
            Event::RulesChanged(_) => {
                self.lose_rooms(turn);
                Ok(())
            }
            Event::Replaced => Err(End::verdict(CloseCode::Replaced)),
            Event::Draining { after_ms } => self.draining(turn, after_ms),
            Event::Shutdown { after_ms } => Err(End::restart(after_ms)),
            Event::Slow => Err(End::verdict(CloseCode::SlowConsumer)),
            // What has ended was told above.
            Event::Delivery | Event::Evicted(_) => Ok(()),
        }
    }

    /// The drain ends it in time; until then it is served on.
    fn draining<'a>(&mut self, turn: &mut Turn<'_, 'a>, after_ms: u64) -> Result<(), End<'a>> {
        self.retires = NEVER;
        turn.send(ServerMessage::Reconnect { after_ms, reason: "restart" });
        Ok(())
    }

    /// The key of `signer` is gone.
    fn key_removed<'a>(&mut self, turn: &mut Turn<'_, 'a>, signer: Signer) -> Result<(), End<'a>> {
        if self.login.signer == signer {
            return Err(End::verdict(CloseCode::TokenInvalid));
        }
        self.end_passes(turn, ErrorCode::TokenInvalid, |held| held.signer == signer);
        Ok(())
    }

    /// Whether the token has run out; a refresh that came before holds that back for a while.
    pub(super) fn is_expired(&self, now: Now) -> bool {
        let held = self.refresh.as_ref().is_some_and(|pending| now.time < pending.hold_until);
        now.wall >= ends_at(&self.login) && !held
    }

    pub(super) fn next_deadline(&self, now: Now, limits: &SessionLimits) -> Time {
        // A pending refresh holds the end back; when its hold is over the timer decides on both.
        let hold = self.refresh.as_ref().map(|pending| pending.hold_until);
        let end = hold.unwrap_or_else(|| on_clock(now, ends_at(&self.login)));
        let beat = self.heartbeat.deadline(limits);
        let pass = on_clock(now, self.rooms.next_end());
        let pause = self.pause.as_ref().map_or(NEVER, |pause| pause.hold_until());
        let first = [beat, self.retires, pass, pause].into_iter().fold(end, Time::min);
        self.warning.deadline(now).map_or(first, |warning| first.min(warning))
    }

    pub(super) fn wants_input(&self, limits: &SessionLimits) -> bool {
        // Memberships count their requests in 16 bits.
        self.pause.is_none()
            && self.in_flight.len() < limits.in_flight.min(u16::MAX.into()) as usize
    }

    /// What rules and login say about `room`.
    pub(super) fn standing(&self, about: &About, room: RoomRef<'_>) -> Standing {
        Standing::new(&about.rules.rooms, &self.login, room)
    }

    /// The session's limits, for `auth_ok`.
    pub(super) fn limits(&self, about: &About) -> SessionLimits {
        SessionLimits {
            messages_per_s: self.messages_per_s(about),
            rooms: self.room_cap(about),
            ..about.rules.session.clone()
        }
    }

    fn messages_per_s(&self, about: &About) -> u32 {
        self.login.messages_per_s(about.rules.session.messages_per_s)
    }

    pub(super) fn room_cap(&self, about: &About) -> u32 {
        self.login.rooms(about.rules.session.rooms)
    }

    /// Draws a request on its rate: the last refusal of a row is fatal.
    pub(super) fn spend<'a>(
        &mut self,
        turn: &Turn<'_, 'a>,
        kind: Kind,
    ) -> Result<Result<(), u64>, End<'a>> {
        let rate = self.rate(turn.about, kind);
        let taken = self.rates.request(kind, turn.now.time, rate);
        unless_last(turn, taken)
    }

    /// Draws a bug on its budget: the last one is fatal.
    pub(super) fn bug<'a>(
        &mut self,
        turn: &mut Turn<'_, 'a>,
        error: ErrorMessage<'a>,
    ) -> Result<(), End<'a>> {
        let limits = &turn.about.rules.session;
        match self.bugs.spend(turn.now.time, limits.bug_window_ms, limits.bugs) {
            Ok(()) => refuse(turn, error),
            Err(_) => Err(End::answer(error.id, CloseCode::BadMessage)),
        }
    }

    /// Whether a control frame counts; over its rate it is dropped.
    fn control<'a>(&mut self, turn: &Turn<'_, 'a>) -> Result<bool, End<'a>> {
        let rate = self.rate(turn.about, Kind::Other);
        let taken = self.rates.control(turn.now.time, rate);
        unless_last(turn, taken).map(|taken| taken.is_ok())
    }

    fn rate(&self, about: &About, kind: Kind) -> Rate {
        let limits = &about.rules.session;
        match kind {
            Kind::Message => Rate { per_s: self.messages_per_s(about), burst: limits.burst },
            Kind::Join => Rate { per_s: limits.joins_per_s, burst: self.room_cap(about) },
            Kind::Refresh => Rate { per_s: limits.refreshes_per_s, burst: limits.refreshes_burst },
            Kind::Other => Rate { per_s: limits.others_per_s, burst: limits.others_burst },
        }
    }

    /// Ends a session that has lasted as long as it may; its client comes back at once.
    fn retire<'a>(&self, turn: &mut Turn<'_, 'a>) -> Result<(), End<'a>> {
        if turn.now.time < self.retires {
            return Ok(());
        }
        let after_ms = Dice::new(turn.about.seed).up_to(RETURN_MS);
        turn.send(ServerMessage::Reconnect { after_ms, reason: "session_age" });
        Err(End::restart(after_ms))
    }

    fn timer<'a>(&mut self, turn: &mut Turn<'_, 'a>, pulse: Pulse) -> Result<(), End<'a>> {
        self.give_up_refresh(turn)?;
        self.give_up_pass(turn)?;
        self.give_up_page(turn)?;
        self.retire(turn)?;
        self.warn(turn);
        let limits = &turn.about.rules.session;
        // While an answer waits for space the driver reads ahead, so that silence says something.
        let reads = self.wants_input(limits) || self.looks_back();
        match self.heartbeat.look(turn.now.time, pulse, reads, limits) {
            Beat::Nothing => Ok(()),
            Beat::Ping { text } => {
                turn.act(Action::Ping { text });
                Ok(())
            }
            Beat::Lost if pulse.backlog => Err(End::verdict(CloseCode::SlowConsumer)),
            Beat::Lost => Err(End::verdict(CloseCode::HeartbeatTimeout)),
        }
    }
}

/// When a session that begins now has lasted long enough: sooner for some than for others.
fn retirement(turn: &Turn<'_, '_>) -> Time {
    let age_ms = turn.about.rules.session.session_age_ms;
    if age_ms == 0 {
        return NEVER;
    }
    let sooner_ms = Dice::new(!turn.about.seed).up_to(age_ms / AGE_SPREAD);
    turn.now.time + (age_ms - sooner_ms)
}

/// Queues an error that does not close.
pub(super) fn refuse<'a>(turn: &mut Turn<'_, 'a>, error: ErrorMessage<'a>) -> Result<(), End<'a>> {
    turn.send(ServerMessage::Error(error));
    Ok(())
}

/// The delay of a refusal over a rate, or the end if it was the last of a row.
fn unless_last<'a>(
    turn: &Turn<'_, 'a>,
    taken: Result<(), Over>,
) -> Result<Result<(), u64>, End<'a>> {
    let Err(over) = taken else { return Ok(Ok(())) };
    if over.in_a_row < turn.about.rules.session.refusals {
        return Ok(Err(over.retry_after_ms));
    }
    Err(End::Verdict(Verdict {
        id: None,
        code: CloseCode::RateLimited,
        retry_after_ms: Some(over.retry_after_ms),
    }))
}
