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
    /// Every class, in the order of the table.
    pub const ALL: &'static [Self] =
        &[Self::Never, Self::Refresh, Self::SignIn, Self::Backoff, Self::Now];

    /// The word on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Never => "never",
            Self::Refresh => "refresh",
            Self::SignIn => "sign_in",
            Self::Backoff => "backoff",
            Self::Now => "now",
        }
    }

    /// The class that `word` means, if it is known.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|class| class.as_str() == word)
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
    pub const ALL: &'static [Self] = &[
        Self::BadMessage,
        Self::DuplicateId,
        Self::UnknownType,
        Self::Unsupported,
        Self::BadRoom,
        Self::NotJoined,
        Self::Forbidden,
        Self::TooManyRooms,
        Self::TooBig,
        Self::RateLimited,
        Self::Overloaded,
        Self::Internal,
        Self::RefreshInProgress,
        Self::TokenInvalid,
        Self::TokenExpired,
        Self::TokenNotYetValid,
    ];

    /// The code on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::BadMessage => "bad_message",
            Self::DuplicateId => "duplicate_id",
            Self::UnknownType => "unknown_type",
            Self::Unsupported => "unsupported",
            Self::BadRoom => "bad_room",
            Self::NotJoined => "not_joined",
            Self::Forbidden => "forbidden",
            Self::TooManyRooms => "too_many_rooms",
            Self::TooBig => "too_big",
            Self::RateLimited => "rate_limited",
            Self::Overloaded => "overloaded",
            Self::Internal => "internal",
            Self::RefreshInProgress => "refresh_in_progress",
            Self::TokenInvalid => "token_invalid",
            Self::TokenExpired => "token_expired",
            Self::TokenNotYetValid => "token_not_yet_valid",
        }
    }

    /// The text of `error.message`, unless there is more to say.
    pub const fn message(self) -> &'static str {
        match self {
            Self::BadMessage => {
                "The message is not valid: one JSON object with a string `type` and the members of that type."
            }
            Self::DuplicateId => {
                "This `id` still waits for its answer. Give every request an `id` of its own."
            }
            Self::UnknownType => "The server does not take messages of this type.",
            Self::Unsupported => "This server does not offer this; see `features` in `auth_ok`.",
            Self::BadRoom => "A room name is 1 to 128 bytes of A-Z a-z 0-9 . _ : | @ -",
            Self::NotJoined => "You are not in this room. Join it first.",
            Self::Forbidden => "Your token does not allow this in this room.",
            Self::TooManyRooms => "You are in as many rooms as allowed. Leave one first.",
            Self::TooBig => "The message is over `limits.message_bytes`. Send a smaller one.",
            Self::RateLimited => "Too many requests. Send again after `retry_after_ms`.",
            Self::Overloaded => "The server has no room for this now. Send it again later.",
            Self::Internal => "The server failed; it is not your fault. Send it again later.",
            Self::RefreshInProgress => "An earlier `auth` has no verdict yet. Wait for it.",
            Self::TokenInvalid => "The token is not acceptable here. Get a new one.",
            Self::TokenExpired => "The token has expired. Get a new one.",
            Self::TokenNotYetValid => {
                "The token is not valid yet. Check the clocks, or try again later."
            }
        }
    }

    /// What a client does next.
    pub const fn retry(self) -> Retry {
        match self {
            Self::BadMessage
            | Self::DuplicateId
            | Self::UnknownType
            | Self::Unsupported
            | Self::BadRoom
            | Self::NotJoined
            | Self::Forbidden
            | Self::TooManyRooms
            | Self::TooBig => Retry::Never,
            Self::RateLimited
            | Self::Overloaded
            | Self::Internal
            | Self::RefreshInProgress
            | Self::TokenNotYetValid => Retry::Backoff,
            Self::TokenInvalid | Self::TokenExpired => Retry::Refresh,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Breaks the build when a variant is added, so that `ALL` is not forgotten.
    const fn position(code: ErrorCode) -> usize {
        match code {
            ErrorCode::BadMessage => 0,
            ErrorCode::DuplicateId => 1,
            ErrorCode::UnknownType => 2,
            ErrorCode::Unsupported => 3,
            ErrorCode::BadRoom => 4,
            ErrorCode::NotJoined => 5,
            ErrorCode::Forbidden => 6,
            ErrorCode::TooManyRooms => 7,
            ErrorCode::TooBig => 8,
            ErrorCode::RateLimited => 9,
            ErrorCode::Overloaded => 10,
            ErrorCode::Internal => 11,
            ErrorCode::RefreshInProgress => 12,
            ErrorCode::TokenInvalid => 13,
            ErrorCode::TokenExpired => 14,
            ErrorCode::TokenNotYetValid => 15,
        }
    }

    #[test]
    fn all_is_complete() {
        assert_eq!(ErrorCode::ALL.len(), position(ErrorCode::TokenNotYetValid) + 1);
        for (at, &code) in ErrorCode::ALL.iter().enumerate() {
            assert_eq!(position(code), at);
        }
    }

    #[test]
    fn codes_are_unique() {
        let mut codes: Vec<_> = ErrorCode::ALL.iter().map(|code| code.as_str()).collect();
        codes.sort_unstable();
        codes.dedup();
        assert_eq!(codes.len(), ErrorCode::ALL.len());
    }

    #[test]
    fn the_room_rule_in_the_message_is_the_rule() {
        let rule = crate::protocol::room_name::BadRoomName.to_string();
        assert!(rule.ends_with(ErrorCode::BadRoom.message().trim_start_matches("A room name")));
    }

    #[test]
    fn retry_words_are_read_back() {
        for &class in Retry::ALL {
            assert_eq!(Retry::from_word(class.as_str()), Some(class));
        }
        assert_eq!(Retry::from_word("later"), None);
    }
}
