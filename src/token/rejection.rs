//! Why a credential is refused: one variant per broken rule, in words for people.

use super::{SUBJECT_BYTES, algorithm::Algorithm};
use crate::protocol::{
    json::{JsonFault, Kind},
    limits::INFO_BYTES,
};
use std::{borrow::Cow, fmt};

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
    /// `cty` says that the payload is a token again.
    Nested,
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
    /// `rooms` is no grant.
    Rooms,
    /// A member of `limits` is no whole number.
    Limits(&'static str),
    /// `info` is too long.
    InfoLength {
        /// Its length, in bytes of its text.
        bytes: usize,
    },
    /// A token for one room (`room` and `allow`) is no login.
    RoomToken,
}

impl Rejection {
    /// What the peer is told.
    pub const fn class(&self) -> Class {
        match self {
            Self::Form(_) | Self::Header(_) | Self::Signature | Self::Claim(_) => Class::Invalid,
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

impl From<ClaimFault> for Rejection {
    fn from(fault: ClaimFault) -> Self {
        Self::Claim(fault)
    }
}

impl std::error::Error for Rejection {}

impl fmt::Display for Rejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Form(fault) => fault.fmt(f),
            Self::Header(fault) => fault.fmt(f),
            Self::Signature => f.write_str(
                "the signature does not match the configured key: check that the signer uses the \
                 same key, and that nothing was changed or cut off on the way",
            ),
            Self::Claim(fault) => fault.fmt(f),
            Self::NotYetValid { claim, early_ms } => write!(
                f,
                "`{claim}` lies {early_ms} ms in the future, beyond the leeway: compare the clocks \
                 of signer and server",
            ),
            Self::Expired { late_ms } => {
                write!(f, "`exp` was {late_ms} ms ago, beyond the leeway: get a new token")
            }
            Self::Forbidden => f.write_str("valid, but not allowed on this server"),
            Self::Revoked => f.write_str("revoked: the user must sign in again"),
            Self::Unavailable => {
                f.write_str("the key source or the directory cannot answer: try again later")
            }
            Self::Custom { why, .. } => f.write_str(why),
        }
    }
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Header => "header (part 1)",
            Self::Claims => "payload (part 2)",
            Self::Signature => "signature (part 3)",
        })
    }
}

impl fmt::Display for FormFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLong { bytes, limit } => {
                write!(f, "the token has {bytes} bytes and {limit} are allowed: carry fewer claims")
            }
            Self::JsonSerialization => f.write_str(
                "this is JSON, not a token in compact form: send the three parts \
                 header.payload.signature",
            ),
            Self::Encrypted => f.write_str(
                "the token has five parts, so it is encrypted (JWE): send a signed one (JWS)",
            ),
            Self::Parts { found } => {
                write!(f, "a token has 3 parts with dots between, this one has {found}")
            }
            Self::EmptyPart(part) => {
                write!(f, "the {part} is empty: send the whole token, signed")
            }
            Self::Alphabet(part) => write!(
                f,
                "the {part} has a byte outside A-Z a-z 0-9 - _: send the bare token, without \
                 `Bearer `, quotes, spaces or line breaks, in base64url",
            ),
            Self::Padding(part) => {
                write!(f, "the {part} is padded with `=`: base64url in a token has no padding")
            }
            Self::Length(part) => {
                write!(f, "the {part} has a length that base64url never has: is it cut off?")
            }
            Self::TailBits(part) => write!(
                f,
                "the last character of the {part} has stray bits: no encoder writes it so; is it \
                 cut off or changed?",
            ),
            Self::NotUtf8(part) => write!(f, "the {part} is not UTF-8"),
            Self::NotJson(part, fault) => write!(f, "the {part} is refused as JSON: {fault}"),
        }
    }
}

impl fmt::Display for HeaderFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AlgorithmMissing => f.write_str("the header has no `alg`"),
            Self::AlgorithmNone => {
                f.write_str("`alg` is none: an unsigned token is never accepted")
            }
            Self::AlgorithmUnknown => {
                f.write_str("`alg` is an algorithm that this server does not know")
            }
            Self::AlgorithmMismatch { key, token } => write!(
                f,
                "`alg` is {token}, but the key is for {key}: sign with {key}, or set `algorithm` \
                 of the issuer",
            ),
            Self::Forbidden(member) => {
                write!(f, "the header has `{member}`, which is not supported: leave it out")
            }
            Self::NotAString { member, found } => {
                write!(f, "`{member}` in the header must be a string and is {}", a(*found))
            }
            Self::Type => f.write_str(
                "`typ` names another kind of token: JWT, at+jwt or none at all are accepted",
            ),
            Self::Nested => {
                f.write_str("`cty` says that the payload is a token again: send the inner one")
            }
        }
    }
}

impl fmt::Display for ClaimFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing(claim) => write!(f, "the claim `{claim}` is missing"),
            Self::Kind { claim, expected, found } => {
                write!(f, "the claim `{claim}` must be {expected} and is {}", a(*found))
            }
            Self::Time(claim) => write!(
                f,
                "the claim `{claim}` is no possible time: write seconds since 1970, not negative, \
                 not in nanoseconds",
            ),
            Self::SubjectLength { bytes } => {
                write!(f, "the subject has {bytes} bytes: 1 to {SUBJECT_BYTES} are allowed")
            }
            Self::SubjectControl => f.write_str("the subject has control characters"),
            Self::Issuer => {
                f.write_str("`iss` is missing or is not a configured issuer, byte for byte")
            }
            Self::Audience => {
                f.write_str("`aud` is missing or names none of the configured audiences")
            }
            Self::Required(claim) => write!(
                f,
                "the claim `{claim}` is not what `required_claims` asks for: is this another kind \
                 of token of the same issuer?",
            ),
            Self::Rooms => f.write_str(
                "`rooms` must be an object of room patterns to \"*\" or a list of \"join\", \
                 \"send\", \"history\", \"presence\"",
            ),
            Self::Limits(member) => {
                write!(f, "`{member}` in `limits` must be a whole number, not negative")
            }
            Self::InfoLength { bytes } => {
                write!(f, "`info` has {bytes} bytes of text: {INFO_BYTES} are allowed")
            }
            Self::RoomToken => f.write_str(
                "this token is for one room (`room` and `allow`): send it with `join`, and sign \
                 in with another",
            ),
        }
    }
}

/// The kind of a value with its article.
const fn a(kind: Kind) -> &'static str {
    match kind {
        Kind::Object => "an object",
        Kind::Array => "an array",
        Kind::String => "a string",
        Kind::Number => "a number",
        Kind::Bool => "a boolean",
        Kind::Null => "null",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_time_is_told_apart_from_invalid() {
        let invalid: [Rejection; 4] = [
            FormFault::Encrypted.into(),
            HeaderFault::AlgorithmNone.into(),
            Rejection::Signature,
            ClaimFault::Issuer.into(),
        ];
        for rejection in invalid {
            assert_eq!(rejection.class(), Class::Invalid, "{rejection}");
        }
        assert_eq!(Rejection::Expired { late_ms: 1 }.class(), Class::Expired);
        let early = Rejection::NotYetValid { claim: "nbf", early_ms: 1 };
        assert_eq!(early.class(), Class::NotYetValid);
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
