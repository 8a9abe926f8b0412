//! Why a credential is refused: one variant per broken rule, in words for people.

mod words;

use super::algorithm::Algorithm;
use crate::protocol::{
    close_code::CloseCode,
    credential::Unreadable,
    json::{JsonFault, Kind},
};
use std::borrow::Cow;

/// Why a credential is refused, for the log and `token check`; the peer sees only its [`Class`].
///
/// It carries no text of the token: names, kinds, sizes and times only.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Rejection {
    /// The text is no compact JWS.
    Form(FormFault),
    /// The header breaks a rule.
    Header(HeaderFault),
    /// No key of the issuer can be chosen for it.
    Key(KeyRefusal),
    /// The signature does not match: forged, damaged, or made with another key.
    Signature,
    /// The claims break a rule.
    Claim(ClaimFault),
    /// `nbf` or `iat` lies in the future, beyond the leeway.
    NotYetValid {
        /// Which one.
        claim: &'static str,
        /// How far beyond now, in milliseconds.
        early_ms: u64,
    },
    /// `exp` plus leeway is over, and nothing else is wrong.
    Expired {
        /// How long ago `exp` was, in milliseconds.
        late_ms: u64,
    },
    /// Valid, not allowed here.
    Forbidden,
    /// The user or the token is revoked.
    Revoked,
    /// The key source or directory cannot answer (1011, not the client's fault).
    Unavailable,
    /// A credential of the handshake that cannot be read.
    Unreadable(Unreadable),
    /// A ticket that opens nothing here.
    Ticket(TicketFault),
    /// A user and a password that nobody here knows, or can check.
    Password,
    /// The token is good, and the directory does not know its user.
    UnknownUser,
    /// A rule of an embedder's own verifier.
    Custom {
        /// What the peer is told.
        class: Class,
        /// What the log says; keep the credential out of it.
        why: Cow<'static, str>,
    },
}

/// What the peer is told: one class per thing that it can do about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Class {
    /// Anything but time (4411).
    Invalid,
    /// Time is the token's sole fault (4412).
    Expired,
    /// `nbf` or `iat` in the future (4413).
    NotYetValid,
    /// Valid, not allowed here (4403).
    Forbidden,
    /// The user or the token is revoked (4410).
    Revoked,
    /// The key source or directory cannot answer (1011).
    Unavailable,
}

impl Class {
    /// The code that a first message of this class is closed with.
    pub const fn close_code(self) -> CloseCode {
        match self {
            Self::Invalid => CloseCode::TokenInvalid,
            Self::Expired => CloseCode::TokenExpired,
            Self::NotYetValid => CloseCode::TokenNotYetValid,
            Self::Forbidden => CloseCode::Forbidden,
            Self::Revoked => CloseCode::Revoked,
            Self::Unavailable => CloseCode::Internal,
        }
    }
}

/// One of the three parts of a compact JWS.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Part {
    /// The first.
    Header,
    /// The second.
    Claims,
    /// The third.
    Signature,
}

/// How a text fails to be a compact JWS of two strict JSON objects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FormFault {
    /// Longer than the cap.
    TooLong {
        /// Its length, in bytes.
        bytes: usize,
        /// The cap, in bytes.
        limit: usize,
    },
    /// The JSON serialization of a JWS (RFC 7515 7.2); only the compact one passes.
    JsonSerialization,
    /// A JWE: five parts (RFC 7516 7.1).
    Encrypted,
    /// Not three parts (RFC 7515 7.1).
    Parts {
        /// How many there are.
        found: usize,
    },
    /// A part is empty; an empty signature is an unsigned token.
    EmptyPart(Part),
    /// A part has a byte outside `A-Z a-z 0-9 - _`.
    Alphabet(Part),
    /// A part is padded with `=` (RFC 7515 2).
    Padding(Part),
    /// A part has a length that no bytes encode to.
    Length(Part),
    /// The unused bits of a part's last character are not zero: a second spelling of its bytes.
    TailBits(Part),
    /// A decoded part is not UTF-8.
    NotUtf8(Part),
    /// A decoded part is not one strict JSON object.
    NotJson(Part, JsonFault),
}

/// How a header breaks a rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HeaderFault {
    /// `alg` is missing.
    AlgorithmMissing,
    /// `alg` is `none`, in any case.
    AlgorithmNone,
    /// `alg` is a name that this server does not know.
    AlgorithmUnknown,
    /// `alg` is not the algorithm that the key is pinned to (RFC 8725 3.1).
    AlgorithmMismatch {
        /// The key's.
        key: Algorithm,
        /// The token's.
        token: Algorithm,
    },
    /// A member that changes how a token is read: `crit`, `b64`, `zip`, `enc`, `epk`.
    Forbidden(&'static str),
    /// A member that must be a string is none.
    NotAString {
        /// Which one.
        member: &'static str,
        /// What it is.
        found: Kind,
    },
    /// `typ` names another kind of token (RFC 8725 3.11).
    Type,
    /// There is no `typ`, and the issuer's tokens must have one (RFC 9068 4).
    TypeMissing,
    /// `typ` is not `at+jwt`, and the issuer's tokens must be access tokens (RFC 9068 4).
    NotAnAccessToken,
    /// `cty` says that the payload is a token again.
    Nested,
}

/// Why a ticket is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TicketFault {
    /// It was never given out, was used, or its time is over: nobody can tell these apart.
    Unknown,
    /// It was given out for pages of another origin.
    Origin,
}

/// Why no key can be chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyRefusal {
    /// The issuer has several keys, and the token has no `kid`.
    Unnamed,
    /// No key of the issuer has this `kid`, as far as a recent look at its source tells.
    Unknown,
    /// No known key has this `kid`, and the source was asked too recently to ask it again.
    Unsettled,
    /// The source of keys does not answer, and nothing that it said before still counts.
    SourceDown,
}

/// The name of a claim: a registered one, or one from the configuration.
pub type ClaimName = Cow<'static, str>;

/// How claims break a rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClaimFault {
    /// A claim that must be there is missing.
    Missing(ClaimName),
    /// A claim has a value of a wrong kind.
    Kind {
        /// Which one.
        claim: ClaimName,
        /// What it must be.
        expected: &'static str,
        /// What it is.
        found: Kind,
    },
    /// A time is negative or beyond 2^53 - 1 milliseconds.
    Time(&'static str),
    /// The subject is not 1 to 255 bytes long.
    SubjectLength {
        /// Its length, in bytes.
        bytes: usize,
    },
    /// The subject has control characters.
    SubjectControl,
    /// `iss` is not the configured issuer, or none of them.
    Issuer,
    /// `aud` names none of the configured audiences.
    Audience,
    /// A claim differs from what `required_claims` asks for.
    Required(ClaimName),
    /// The grant (`rooms`) is malformed.
    Rooms(ClaimName),
    /// A member of the quotas (`limits`) is no whole number.
    Limits {
        /// The claim.
        claim: ClaimName,
        /// Its member.
        member: &'static str,
    },
    /// `info` is too long.
    InfoLength {
        /// The claim.
        claim: ClaimName,
        /// Its length, in bytes of its text.
        bytes: usize,
    },
    /// It lives longer than the issuer's tokens may.
    Lifetime {
        /// From `iat` or, if that is not longer than the most, from now to `exp`, in
        /// milliseconds.
        ms: u64,
        /// The most, in milliseconds.
        limit_ms: u64,
    },
    /// A token for one room (`room` and `allow`) is no login.
    RoomToken,
    /// A token without `room` and `allow` is none for a room.
    NotForRoom,
    /// `room` is no room name.
    Room(ClaimName),
    /// `allow` is no list of permissions.
    Allow(ClaimName),
}

impl Rejection {
    /// What the peer is told.
    pub const fn class(&self) -> Class {
        match self {
            Self::Form(_) | Self::Header(_) | Self::Signature | Self::Claim(_) => Class::Invalid,
            Self::Unreadable(_) | Self::Ticket(_) | Self::Password | Self::UnknownUser => {
                Class::Invalid
            }
            Self::Key(KeyRefusal::Unnamed | KeyRefusal::Unknown) => Class::Invalid,
            Self::Key(KeyRefusal::Unsettled | KeyRefusal::SourceDown) => Class::Unavailable,
            Self::NotYetValid { .. } => Class::NotYetValid,
            Self::Expired { .. } => Class::Expired,
            Self::Forbidden => Class::Forbidden,
            Self::Revoked => Class::Revoked,
            Self::Unavailable => Class::Unavailable,
            Self::Custom { class, .. } => *class,
        }
    }
}

impl From<FormFault> for Rejection {
    fn from(fault: FormFault) -> Self {
        Self::Form(fault)
    }
}

impl From<HeaderFault> for Rejection {
    fn from(fault: HeaderFault) -> Self {
        Self::Header(fault)
    }
}

impl From<KeyRefusal> for Rejection {
    fn from(why: KeyRefusal) -> Self {
        Self::Key(why)
    }
}

impl From<TicketFault> for Rejection {
    fn from(fault: TicketFault) -> Self {
        Self::Ticket(fault)
    }
}

impl From<ClaimFault> for Rejection {
    fn from(fault: ClaimFault) -> Self {
        Self::Claim(fault)
    }
}

impl std::error::Error for Rejection {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_time_is_told_apart_from_invalid() {
        let invalid: [Rejection; 7] = [
            FormFault::Encrypted.into(),
            HeaderFault::AlgorithmNone.into(),
            KeyRefusal::Unnamed.into(),
            KeyRefusal::Unknown.into(),
            Rejection::Signature,
            ClaimFault::Issuer.into(),
            ClaimFault::Lifetime { ms: 2, limit_ms: 1 }.into(),
        ];
        for rejection in invalid {
            assert_eq!(rejection.class(), Class::Invalid, "{rejection}");
        }
        assert_eq!(Rejection::Expired { late_ms: 1 }.class(), Class::Expired);
        let early = Rejection::NotYetValid { claim: "nbf", early_ms: 1 };
        assert_eq!(early.class(), Class::NotYetValid);
        for ours in [KeyRefusal::Unsettled, KeyRefusal::SourceDown] {
            assert_eq!(Rejection::Key(ours).class(), Class::Unavailable, "{ours:?}");
        }
    }

    #[test]
    fn says_rule_kind_and_remedy() {
        let fault =
            ClaimFault::Kind { claim: "exp".into(), expected: "a number", found: Kind::Null };
        assert_eq!(fault.to_string(), "the claim `exp` must be a number and is null");
        let fault =
            HeaderFault::AlgorithmMismatch { key: Algorithm::Hs256, token: Algorithm::Hs512 };
        assert!(fault.to_string().starts_with("`alg` is HS512, but the key is for HS256"));
    }

    #[test]
    fn stays_small_enough_to_return() {
        assert!(size_of::<Rejection>() <= 64);
    }
}
