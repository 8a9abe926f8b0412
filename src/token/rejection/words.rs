//! What a [`Rejection`] says to people: what happened, which value, what to do.

use super::{ClaimFault, FormFault, HeaderFault, KeyRefusal, Part, Rejection, TicketFault};
use crate::{
    protocol::{credential::Unreadable, json::Kind, limits::INFO_BYTES},
    token::SUBJECT_BYTES,
};
use std::fmt;

impl fmt::Display for Rejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Form(fault) => fault.fmt(f),
            Self::Header(fault) => fault.fmt(f),
            Self::Key(why) => why.fmt(f),
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
            Self::Unreadable(Unreadable::Base64) => f.write_str(
                "the credential of the handshake is not in the base64 that belongs there",
            ),
            Self::Unreadable(Unreadable::Utf8) => {
                f.write_str("the credential of the handshake is not in UTF-8")
            }
            Self::Unreadable(Unreadable::Colon) => {
                f.write_str("`Authorization: Basic` has no colon between the user and the password")
            }
            Self::Ticket(fault) => fault.fmt(f),
            Self::Password => f.write_str(
                "nobody here knows this user with this password, or no directory is configured",
            ),
            Self::UnknownUser => f.write_str(
                "the token is good, but the directory does not know its user: was it removed?",
            ),
            Self::Custom { why, .. } => f.write_str(why),
        }
    }
}

impl fmt::Display for TicketFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unknown => {
                "this ticket was used, is too old, or was never given out here: get a new one with \
                 POST /ticket for each connection"
            }
            Self::Origin => "this ticket was given out for pages of another origin",
        })
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
            Self::TypeMissing => f.write_str(
                "the header has no `typ`, and this issuer's tokens must be of type at+jwt: issue \
                 access tokens (RFC 9068), or set `typ` of the issuer",
            ),
            Self::NotAnAccessToken => f.write_str(
                "`typ` is not at+jwt, as it must be for this issuer: send an access token (RFC \
                 9068), or set `typ` of the issuer",
            ),
            Self::Nested => {
                f.write_str("`cty` says that the payload is a token again: send the inner one")
            }
        }
    }
}

impl fmt::Display for KeyRefusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unnamed => {
                "the header has no `kid`, and the issuer has several keys: name the one that signed"
            }
            Self::Unknown => {
                "`kid` names no key of the issuer: is it published, and of the same environment?"
            }
            Self::Unsettled => {
                "`kid` names no known key, and the key source was asked a moment ago: try again \
                 later"
            }
            Self::SourceDown => "the key source of the issuer does not answer: try again later",
        })
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
            Self::Rooms(claim) => write!(
                f,
                "the claim `{claim}` must be an object of room patterns to \"*\" or a list of \
                 \"join\", \"send\", \"history\", \"presence\"",
            ),
            Self::Limits { claim, member } => {
                write!(f, "`{member}` in the claim `{claim}` must be a whole number")
            }
            Self::InfoLength { claim, bytes } => {
                write!(f, "the claim `{claim}` has {bytes} bytes of text: {INFO_BYTES} are allowed")
            }
            Self::Lifetime { ms, limit_ms } => write!(
                f,
                "the token lives {ms} ms and `max_lifetime_ms` is {limit_ms}: issue shorter ones",
            ),
            Self::NotForRoom => f.write_str(
                "this token is for no room, it lacks `room` or `allow`: send it with `auth`",
            ),
            Self::Room(claim) => write!(f, "the claim `{claim}` must be one room name"),
            Self::Allow(claim) => write!(
                f,
                "the claim `{claim}` must be \"*\" or a list of \"join\", \"send\", \
                 \"history\", \"presence\"",
            ),
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
