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
    pub const ALL: &'static [Self] = &[];

    /// The code on the wire.
    pub const fn code(self) -> u16 {
        self as u16
    }

    /// The name: prefix of the reason, and `error.code`.
    pub const fn name(self) -> &'static str {
        todo!()
    }

    /// What a client does next.
    pub const fn retry(self) -> Retry {
        todo!()
    }

    /// The text of `error.message`.
    pub const fn message(self) -> &'static str {
        todo!()
    }

    /// Whether an `error` message goes before the Close: all but 1000, 1001 and 1012.
    pub const fn has_error(self) -> bool {
        todo!()
    }

    /// The reason of the Close: the name, with ` after=MS` if there is a delay.
    pub fn reason(self, retry_after_ms: Option<u64>) -> String {
        todo!("{retry_after_ms:?}")
    }
}

/// What a client does about any close code, known to it or not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Advice {
    /// Do not reconnect.
    Never,
    /// Get a new credential first.
    NewCredential,
    /// A person must sign in.
    SignIn,
    /// Reconnect with backoff, at most this many tries if there is a number.
    Backoff(Option<u32>),
    /// Reconnect at once, after a short jitter.
    Now,
}

/// The advice for any code that a client may see.
pub const fn advice(code: u16) -> Advice {
    let _ = code;
    todo!()
}
