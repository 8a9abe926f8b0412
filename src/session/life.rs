//! Token life: when a login ends, and when its client is warned.

use crate::protocol::{
    identity::Login,
    time::{Now, Time, Wall},
};

/// The longest warning before `exp`, in milliseconds.
const WARNING_MS: u64 = 60_000;
/// The warning is at most the token's life divided by this.
const WARNING_SHARE: u64 = 5;

/// When `login` is over: `exp` plus leeway.
pub(super) fn ends_at(login: &Login) -> Wall {
    login.expires_at + login.leeway_ms
}

/// The monotonic instant of `wall`, as far as `now` can tell; wall clocks jump, so ask again.
pub(super) fn on_clock(now: Now, wall: Wall) -> Time {
    now.time + wall.since(now.wall)
}

/// When to send `auth_expiring`: once for each token.
#[derive(Debug)]
pub(super) struct Warning {
    /// `None` once sent.
    due: Option<Wall>,
    sent: Option<Time>,
}

impl Warning {
    pub(super) fn plan(login: &Login, now: Now) -> Self {
        Self { due: Some(due(login, now)), sent: None }
    }

    /// A refresh brought `login`; `same` says that it is the token in force.
    pub(super) fn renew(&mut self, login: &Login, same: bool, now: Now) {
        let recent = self.sent.is_some_and(|sent| now.time.since(sent) < WARNING_MS);
        if !same || (self.due.is_none() && !recent) {
            *self = Self::plan(login, now);
        }
    }

    pub(super) fn deadline(&self, now: Now) -> Option<Time> {
        self.due.map(|due| on_clock(now, due))
    }

    /// Whether to warn now; true once.
    pub(super) fn strike(&mut self, now: Now) -> bool {
        let strikes = self.due.is_some_and(|due| now.wall >= due);
        if strikes {
            self.due = None;
            self.sent = Some(now.time);
        }
        strikes
    }
}

fn due(login: &Login, now: Now) -> Wall {
    let life = login.expires_at.since(login.issued_at.unwrap_or(now.wall));
    let lead = WARNING_MS.min(life / WARNING_SHARE);
    Wall::from_ms(login.expires_at.as_ms().saturating_sub(lead))
}
