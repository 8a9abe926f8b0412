//! The codes of non-fatal `error` messages, and the retry classes.

/// What a client does about an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Retry {
    /// The same again will fail again.
    Never,
    /// Get a new token, go on.
    Refresh,
    /// A person must sign in.
    SignIn,
    /// Later, with growing delays.
    Backoff,
    /// At once.
    Now,
}

impl Retry {
    /// The word on the wire.
    pub const fn as_str(self) -> &'static str {
        todo!()
    }
}

/// Codes of errors that do not close. Fatal ones carry the names of close codes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ErrorCode {
    /// JSON or shape.
    BadMessage,
    /// An `id` in flight was used again.
    DuplicateId,
    /// A type the server does not know, or only sends.
    UnknownType,
    /// Known, not offered by this server.
    Unsupported,
    /// The room name.
    BadRoom,
    /// Membership is needed.
    NotJoined,
    /// Grant, room token or room rule.
    Forbidden,
    /// The cap on rooms.
    TooManyRooms,
    /// The cap on a message.
    TooBig,
    /// Over a rate.
    RateLimited,
    /// No credit.
    Overloaded,
    /// Our fault.
    Internal,
    /// A second `auth` before the verdict.
    RefreshInProgress,
    /// Refresh or room token.
    TokenInvalid,
    /// Refresh or room token.
    TokenExpired,
    /// Refresh or room token.
    TokenNotYetValid,
}

impl ErrorCode {
    /// Every code, in the order of the table.
    pub const ALL: &'static [Self] = &[];

    /// The code on the wire.
    pub const fn as_str(self) -> &'static str {
        todo!()
    }

    /// What a client does next.
    pub const fn retry(self) -> Retry {
        todo!()
    }
}
