//! Close codes (RFC 6455 7.4) with their names and what a client does next.

use super::error_code::Retry;

/// Why the server closes a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u16)]
pub enum CloseCode {
    /// Either side is done.
    Normal = 1000,
    /// The server stops.
    GoingAway = 1001,
    /// The peer breaks RFC 6455.
    Protocol = 1002,
    /// A binary frame.
    Binary = 1003,
    /// Text that is not UTF-8.
    Utf8 = 1007,
    /// Over the transport cap of the current state.
    TooBig = 1009,
    /// Our fault, or our key source is unavailable.
    Internal = 1011,
    /// The server restarts.
    Restart = 1012,
    /// The vestibule or the server is full.
    Overloaded = 1013,
    /// Bad JSON or shape before auth; bug budget spent after.
    BadMessage = 4400,
    /// The first message was not `auth`.
    AuthRequired = 4401,
    /// A valid token that is not allowed here.
    Forbidden = 4403,
    /// No common subprotocol.
    UnsupportedProtocol = 4406,
    /// No verdict by the deadline.
    AuthTimeout = 4408,
    /// A refresh for another principal.
    PrincipalMismatch = 4409,
    /// Logout, revoked, disabled.
    Revoked = 4410,
    /// Signature, algorithm, issuer, audience, type or shape of the token.
    TokenInvalid = 4411,
    /// Expired at sign-in, or not refreshed in time.
    TokenExpired = 4412,
    /// `nbf` or `iat` in the future.
    TokenNotYetValid = 4413,
    /// The outbound queue is over its limit and history cannot bridge it.
    SlowConsumer = 4420,
    /// No sign of life in time.
    HeartbeatTimeout = 4421,
    /// Evicted by a newer connection of the same user.
    Replaced = 4423,
    /// Over a rate, again and again.
    RateLimited = 4429,
    /// Per-user or per-address cap.
    TooManyConnections = 4430,
}

impl CloseCode {
    /// Every code the server sends, in ascending order.
    pub const ALL: &'static [Self] = &[
        Self::Normal,
        Self::GoingAway,
        Self::Protocol,
        Self::Binary,
        Self::Utf8,
        Self::TooBig,
        Self::Internal,
        Self::Restart,
        Self::Overloaded,
        Self::BadMessage,
        Self::AuthRequired,
        Self::Forbidden,
        Self::UnsupportedProtocol,
        Self::AuthTimeout,
        Self::PrincipalMismatch,
        Self::Revoked,
        Self::TokenInvalid,
        Self::TokenExpired,
        Self::TokenNotYetValid,
        Self::SlowConsumer,
        Self::HeartbeatTimeout,
        Self::Replaced,
        Self::RateLimited,
        Self::TooManyConnections,
    ];

    /// The code that stands for `code` on the wire, if the server sends it.
    pub fn from_code(code: u16) -> Option<Self> {
        Self::ALL.iter().copied().find(|known| known.code() == code)
    }

    /// The code on the wire.
    pub const fn code(self) -> u16 {
        self as u16
    }

    /// The name: prefix of the reason, and `error.code`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Normal => "normal",
            Self::GoingAway => "going_away",
            Self::Protocol => "protocol",
            Self::Binary => "binary",
            Self::Utf8 => "utf8",
            Self::TooBig => "too_big",
            Self::Internal => "internal",
            Self::Restart => "restart",
            Self::Overloaded => "overloaded",
            Self::BadMessage => "bad_message",
            Self::AuthRequired => "auth_required",
            Self::Forbidden => "forbidden",
            Self::UnsupportedProtocol => "unsupported_protocol",
            Self::AuthTimeout => "auth_timeout",
            Self::PrincipalMismatch => "principal_mismatch",
            Self::Revoked => "revoked",
            Self::TokenInvalid => "token_invalid",
            Self::TokenExpired => "token_expired",
            Self::TokenNotYetValid => "token_not_yet_valid",
            Self::SlowConsumer => "slow_consumer",
            Self::HeartbeatTimeout => "heartbeat_timeout",
            Self::Replaced => "replaced",
            Self::RateLimited => "rate_limited",
            Self::TooManyConnections => "too_many_connections",
        }
    }

    /// What a client does next; `retry` of the `error` before the Close.
    pub const fn retry(self) -> Retry {
        match self {
            Self::Normal
            | Self::Protocol
            | Self::Binary
            | Self::Utf8
            | Self::TooBig
            | Self::BadMessage
            | Self::AuthRequired
            | Self::Forbidden
            | Self::UnsupportedProtocol
            | Self::PrincipalMismatch
            | Self::Replaced => Retry::Never,
            Self::GoingAway | Self::Restart | Self::HeartbeatTimeout => Retry::Now,
            Self::Internal
            | Self::Overloaded
            | Self::AuthTimeout
            | Self::TokenNotYetValid
            | Self::SlowConsumer
            | Self::RateLimited
            | Self::TooManyConnections => Retry::Backoff,
            Self::Revoked => Retry::SignIn,
            Self::TokenInvalid | Self::TokenExpired => Retry::Refresh,
        }
    }

    /// The text of `error.message`.
    pub const fn message(self) -> &'static str {
        match self {
            Self::Normal => "Done. There is nothing to do.",
            Self::GoingAway => "The server stops. Reconnect after the delay.",
            Self::Protocol => "A frame broke RFC 6455. Mend the WebSocket client.",
            Self::Binary => "A binary frame came in. Send JSON in text frames only.",
            Self::Utf8 => "A text frame was not UTF-8. Send JSON encoded as UTF-8.",
            Self::TooBig => {
                "More came in than is allowed in this state. Send smaller messages in fewer frames."
            }
            Self::Internal => {
                "The server failed; it is not your fault. Reconnect with growing delays."
            }
            Self::Restart => "The server restarts. Reconnect after the delay.",
            Self::Overloaded => "The server is full. Reconnect with growing delays.",
            Self::BadMessage => {
                "A message was not valid: send one JSON object with a string `type` in each text frame."
            }
            Self::AuthRequired => {
                "The first message must be {\"type\":\"auth\",\"payload\":\"<JWT>\"}."
            }
            Self::Forbidden => {
                "The token is valid, but not allowed on this server. Ask its operator for access."
            }
            Self::UnsupportedProtocol => {
                "None of the offered subprotocols is known. Offer `vestibule.v1`, or none."
            }
            Self::AuthTimeout => {
                "No sign-in was complete by the deadline. Send `auth` as soon as the socket is open."
            }
            Self::PrincipalMismatch => {
                "The new token speaks for another user. Open a new connection to change users."
            }
            Self::Revoked => "This sign-in was revoked. Let the user sign in again.",
            Self::TokenInvalid => {
                "The token is not acceptable here. Get a new one and try once more."
            }
            Self::TokenExpired => {
                "The token has expired. Get a new one and send `auth` before it runs out."
            }
            Self::TokenNotYetValid => {
                "The token is not valid yet. Check the clocks, or try again later."
            }
            Self::SlowConsumer => "Messages were read too slowly. Reconnect and join with `since`.",
            Self::HeartbeatTimeout => "No sign of life came in time. Reconnect.",
            Self::Replaced => "A newer connection of the same user took this one's place.",
            Self::RateLimited => {
                "Too many requests, again and again. Reconnect after the delay and send more slowly."
            }
            Self::TooManyConnections => {
                "This user or address has too many connections. Close one, or try again later."
            }
        }
    }

    /// Whether an `error` message goes before the Close: all but 1000, 1001 and 1012.
    pub const fn has_error(self) -> bool {
        !matches!(self, Self::Normal | Self::GoingAway | Self::Restart)
    }

    /// The reason of the Close: the name, with ` after=MS` if there is a delay. It is ASCII and
    /// at most [`REASON_BYTES`](super::limits::REASON_BYTES) long.
    pub fn reason(self, retry_after_ms: Option<u64>) -> String {
        match retry_after_ms {
            Some(ms) => format!("{} after={ms}", self.name()),
            None => self.name().to_owned(),
        }
    }
}

/// What a client does about any close code, known to it or not.
///
/// Backoff is full jitter with a base of 1 s and a cap of 30 s; it starts anew after 10 s of
/// stable connection. A delay that the server named (`retry_after_ms`, `after_ms`, ` after=MS` in
/// the reason) goes before a delay of one's own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Advice {
    /// Do not reconnect.
    Never,
    /// Get a new credential first, at most this many times in a row if there is a number.
    NewCredential(Option<u32>),
    /// A person must sign in.
    SignIn,
    /// Reconnect with backoff, at most this many tries if there is a number.
    Backoff(Option<u32>),
    /// Reconnect at once, after 0 to 1 s of jitter.
    Now,
    /// Reconnect after the delay that the server named, else after 5 to 30 s at random.
    Restart,
}

/// Tries that a code without a meaning to the client is worth.
const UNKNOWN_TRIES: u32 = 5;

/// The advice for any code that a client may see.
pub const fn advice(code: u16) -> Advice {
    match code {
        1000 | 1002 | 1003 | 1007 | 1009 | 4423 => Advice::Never,
        1001 | 1012 => Advice::Restart,
        // 1005 and 1006 never stand on the wire: no code, and a line cut without a Close.
        1005 | 1006 | 1011 | 1013 => Advice::Backoff(None),
        4408 | 4413 => Advice::Backoff(None),
        4410 => Advice::SignIn,
        4411 => Advice::NewCredential(Some(1)),
        4421 => Advice::Now,
        4400..=4409 => Advice::Never,
        4412..=4419 => Advice::NewCredential(None),
        4420..=4599 => Advice::Backoff(None),
        // The client's own watchdog found the line dead.
        4900 => Advice::Backoff(None),
        _ => Advice::Backoff(Some(UNKNOWN_TRIES)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::limits::REASON_BYTES;

    /// Breaks the build when a variant is added, so that `ALL` is not forgotten.
    const fn position(code: CloseCode) -> usize {
        match code {
            CloseCode::Normal => 0,
            CloseCode::GoingAway => 1,
            CloseCode::Protocol => 2,
            CloseCode::Binary => 3,
            CloseCode::Utf8 => 4,
            CloseCode::TooBig => 5,
            CloseCode::Internal => 6,
            CloseCode::Restart => 7,
            CloseCode::Overloaded => 8,
            CloseCode::BadMessage => 9,
            CloseCode::AuthRequired => 10,
            CloseCode::Forbidden => 11,
            CloseCode::UnsupportedProtocol => 12,
            CloseCode::AuthTimeout => 13,
            CloseCode::PrincipalMismatch => 14,
            CloseCode::Revoked => 15,
            CloseCode::TokenInvalid => 16,
            CloseCode::TokenExpired => 17,
            CloseCode::TokenNotYetValid => 18,
            CloseCode::SlowConsumer => 19,
            CloseCode::HeartbeatTimeout => 20,
            CloseCode::Replaced => 21,
            CloseCode::RateLimited => 22,
            CloseCode::TooManyConnections => 23,
        }
    }

    #[test]
    fn all_is_complete_and_ascending() {
        assert_eq!(CloseCode::ALL.len(), position(CloseCode::TooManyConnections) + 1);
        for (at, &code) in CloseCode::ALL.iter().enumerate() {
            assert_eq!(position(code), at);
            assert_eq!(CloseCode::from_code(code.code()), Some(code));
        }
        assert!(CloseCode::ALL.windows(2).all(|pair| pair[0].code() < pair[1].code()));
        assert_eq!(CloseCode::from_code(1005), None);
    }

    #[test]
    fn names_are_unique_words() {
        let mut names: Vec<_> = CloseCode::ALL.iter().map(|code| code.name()).collect();
        assert!(names.iter().all(|name| {
            name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_' || byte == b'8')
        }));
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), CloseCode::ALL.len());
    }

    #[test]
    fn reasons_fit_a_close_frame() {
        for &code in CloseCode::ALL {
            assert_eq!(code.reason(None), code.name());
            let longest = code.reason(Some(u64::MAX));
            assert!(longest.is_ascii() && longest.len() <= REASON_BYTES, "{longest}");
        }
        assert_eq!(CloseCode::RateLimited.reason(Some(1500)), "rate_limited after=1500");
    }

    #[test]
    fn an_error_goes_before_every_close_but_three() {
        let silent: Vec<_> = CloseCode::ALL
            .iter()
            .filter(|code| !code.has_error())
            .map(|code| code.code())
            .collect();
        assert_eq!(silent, [1000, 1001, 1012]);
    }

    #[test]
    fn advice_agrees_with_retry() {
        for &code in CloseCode::ALL {
            let expected = match advice(code.code()) {
                Advice::Never => Retry::Never,
                Advice::NewCredential(_) => Retry::Refresh,
                Advice::SignIn => Retry::SignIn,
                Advice::Backoff(_) => Retry::Backoff,
                Advice::Now | Advice::Restart => Retry::Now,
            };
            assert_eq!(code.retry(), expected, "{code:?}");
        }
    }

    #[test]
    fn every_code_is_actionable() {
        let few = Advice::Backoff(Some(5));
        for (code, expected) in [
            (0, few),
            (1004, few),
            (1005, Advice::Backoff(None)),
            (1006, Advice::Backoff(None)),
            (1008, few),
            (1015, few),
            (3000, few),
            (3999, few),
            (4000, few),
            (4402, Advice::Never),
            (4408, Advice::Backoff(None)),
            (4411, Advice::NewCredential(Some(1))),
            (4414, Advice::NewCredential(None)),
            (4419, Advice::NewCredential(None)),
            (4422, Advice::Backoff(None)),
            (4423, Advice::Never),
            (4424, Advice::Backoff(None)),
            (4599, Advice::Backoff(None)),
            (4600, few),
            (4899, few),
            (4900, Advice::Backoff(None)),
            (4901, few),
            (u16::MAX, few),
        ] {
            assert_eq!(advice(code), expected, "{code}");
        }
    }
}
