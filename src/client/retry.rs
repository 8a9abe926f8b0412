//! When a lost connection is tried again, and whether at all.

use super::{Backoff, Error, STABLE, backoff::spread, connection::now};
use crate::protocol::close_code::Advice;
use std::time::Duration;
use tokio::time::Instant;

/// When to try again.
#[derive(Debug, Default)]
pub(super) struct Retry {
    backoff: Backoff,
    /// Not before this.
    pub(super) at: Option<Instant>,
    /// When the present connection signed in.
    up_since: Option<Instant>,
    /// `after_ms` of a `reconnect`.
    pub(super) told: Option<Duration>,
    /// Sign-ins in a row that ended for want of a good token.
    credentials: u32,
}

/// The delay after a restart for which the server named none.
const RESTART_SPREAD: (Duration, Duration) = (Duration::from_secs(5), Duration::from_secs(30));
/// The jitter of a reconnect that need not wait.
const JITTER: Duration = Duration::from_secs(1);

impl Retry {
    pub(super) fn signed_in(&mut self) {
        self.up_since = Some(now());
        self.told = None;
        self.credentials = 0;
    }

    /// How long to wait after `error`; `None` if another try would not mend it.
    pub(super) fn after(&mut self, error: &Error) -> Option<Duration> {
        if self.up_since.take().is_some_and(|since| since.elapsed() >= STABLE) {
            self.backoff.reset();
        }
        let wait = match error {
            Error::Closed(closed) => {
                let named = closed.after_ms().map(Duration::from_millis).or(self.told.take());
                self.advised(closed.advice(), named)?
            }
            // Full or draining; any other status would be the same next time.
            Error::Handshake { status: 429 | 503 }
            | Error::Connect { .. }
            | Error::Timeout { .. }
            | Error::Silent { .. }
            | Error::Transport(_)
            | Error::Token(_) => self.backoff.delay(),
            Error::Address { .. }
            | Error::Handshake { .. }
            | Error::Refused(_)
            | Error::Oversize { .. }
            | Error::Unintelligible { .. }
            | Error::Backlog { .. } => return None,
        };
        self.at = Some(now() + wait);
        Some(wait)
    }

    fn advised(&mut self, advice: Advice, named: Option<Duration>) -> Option<Duration> {
        match advice {
            Advice::Never | Advice::SignIn => None,
            Advice::NewCredential(most) => {
                self.credentials += 1;
                match (self.credentials, most) {
                    (tries, Some(most)) if tries > most => None,
                    // The next connection asks for a new token by itself.
                    (1, _) => Some(Duration::ZERO),
                    _ => Some(self.backoff.delay()),
                }
            }
            Advice::Backoff(Some(most)) if self.backoff.tries() >= most => None,
            Advice::Backoff(_) => Some(self.backoff.delay().max(named.unwrap_or_default())),
            Advice::Now => Some(named.unwrap_or_else(|| spread(Duration::ZERO, JITTER))),
            Advice::Restart => {
                let (low, high) = RESTART_SPREAD;
                Some(named.unwrap_or_else(|| spread(low, high)))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{super::Closed, *};

    fn closed(code: u16, reason: &str) -> Error {
        Error::Closed(Closed { code, reason: reason.to_owned(), message: None })
    }

    #[test]
    fn final_codes_end_it() {
        for code in [1000, 1002, 4400, 4401, 4403, 4409, 4410, 4423] {
            assert_eq!(Retry::default().after(&closed(code, "")), None, "{code}");
        }
        for status in [400, 404, 426] {
            assert_eq!(Retry::default().after(&Error::Handshake { status }), None, "{status}");
        }
    }

    #[test]
    fn a_bad_token_is_renewed_once() {
        let mut retry = Retry::default();
        assert_eq!(retry.after(&closed(4411, "")), Some(Duration::ZERO));
        assert_eq!(retry.after(&closed(4411, "")), None);
    }

    #[test]
    fn an_expired_token_is_renewed_at_once_and_then_with_backoff() {
        let mut retry = Retry::default();
        assert_eq!(retry.after(&closed(4412, "")), Some(Duration::ZERO));
        for _ in 0..50 {
            assert!(retry.after(&closed(4412, "")).is_some());
        }
        retry.signed_in();
        assert_eq!(retry.after(&closed(4412, "")), Some(Duration::ZERO));
    }

    #[test]
    fn a_restart_waits_as_told() {
        let mut retry = Retry::default();
        assert_eq!(
            retry.after(&closed(1012, "restart after=1500")),
            Some(Duration::from_millis(1_500))
        );
        retry.told = Some(Duration::from_millis(700));
        assert_eq!(retry.after(&closed(1001, "going_away")), Some(Duration::from_millis(700)));
        let (low, high) = RESTART_SPREAD;
        assert!(retry.after(&closed(1012, "")).is_some_and(|wait| (low..=high).contains(&wait)));
    }

    #[test]
    fn full_servers_get_backoff_and_never_less_than_they_ask() {
        let mut retry = Retry::default();
        let wait = retry.after(&closed(4429, "rate_limited after=60000"));
        assert_eq!(wait, Some(Duration::from_secs(60)));
        assert!(retry.after(&Error::Handshake { status: 503 }).is_some());
        assert_eq!(retry.backoff.tries(), 2);
    }

    #[test]
    fn unknown_codes_are_tried_five_times() {
        let mut retry = Retry::default();
        assert!((0..5).all(|_| retry.after(&closed(3000, "")).is_some()));
        assert_eq!(retry.after(&closed(3000, "")), None);
    }
}
