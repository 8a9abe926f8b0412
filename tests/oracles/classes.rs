//! Why Vestibule disagrees with others about a token: one class for each rule.

use super::{
    oracle::{Oracle, Verdict},
    tokens::Token,
};
use std::fmt;
use vestibule::{
    protocol::json::{FaultKind, JsonFault, Kind},
    token::{ClaimFault, FormFault, HeaderFault, Rejection},
};

/// One token, and what two say to it.
pub(crate) struct Case<'a> {
    pub(crate) token: &'a Token,
    pub(crate) ours: &'a Verdict,
    pub(crate) theirs: Verdict,
    pub(crate) oracle: Oracle,
}

/// A reason to disagree.
pub(crate) struct Class {
    pub(crate) name: &'static str,
    /// The rule, and why it is ours.
    pub(crate) reason: &'static str,
    /// With whom; each of them must be met.
    pub(crate) oracles: &'static [Oracle],
    /// What the disagreement looks like.
    sense: Sense,
}

/// Who is stricter, and how it shows.
enum Sense {
    /// Vestibule refuses what the other accepts: by this rule, in such a token.
    Stricter(fn(&Rejection, &Token) -> bool),
    /// Vestibule accepts what the other refuses, with these words: in such a token.
    Looser(&'static str, fn(&Token) -> bool),
}

impl Class {
    pub(crate) fn explains(&self, case: &Case<'_>) -> bool {
        self.oracles.contains(&case.oracle)
            && match (&self.sense, case.ours, &case.theirs) {
                (
                    Sense::Stricter(fits),
                    Verdict::Refused { ours: Some(rule), .. },
                    Verdict::Accepted { .. },
                ) => fits(rule, case.token),
                (
                    Sense::Looser(words, fits),
                    Verdict::Accepted { .. },
                    Verdict::Refused { why, .. },
                ) => why.contains(words) && fits(case.token),
                _ => false,
            }
    }
}

impl fmt::Display for Case<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Token { key, text, header, claims, changes } = self.token;
        let (oracle, ours, theirs) = (self.oracle, self.ours, &self.theirs);
        let [text, header, claims] =
            [text, header, claims].map(|text| text.chars().take(400).collect::<String>());
        write!(
            f,
            "Vestibule: {ours:?}; {oracle:?}: {theirs:?}\n  key {key}, {changes:?}\n  {header}\n  \
             {claims}\n  {text:?}",
        )
    }
}

const BOTH: &[Oracle] = &[Oracle::PyJwt, Oracle::Jose];
const PYJWT: &[Oracle] = &[Oracle::PyJwt];
const JOSE: &[Oracle] = &[Oracle::Jose];

/// Every reason, the first one that fits counts.
pub(crate) const CLASSES: [Class; 31] = [
    stricter(BOTH, "typ", "another kind of token is none for us (RFC 8725 3.11)", |rule, _| {
        is_header(rule, |fault| matches!(fault, HeaderFault::Type))
    }),
    stricter(
        BOTH,
        "extensions",
        "members that make it something else are refused, whatever they say (RFC 7515 4.1.11, RFC \
         7797 7)",
        |rule, _| {
            is_header(rule, |fault| {
                matches!(fault, HeaderFault::Forbidden("zip" | "enc" | "epk" | "b64"))
            })
        },
    ),
    stricter(
        BOTH,
        "crit with a true b64",
        "`crit` is refused in any form: no extension is known",
        |rule, token| {
            is_header(rule, |fault| matches!(fault, HeaderFault::Forbidden("crit")))
                && token.header.contains("\"b64\":true")
        },
    ),
    stricter(BOTH, "nested", "a token in a token is not looked into", |rule, _| {
        is_header(rule, |fault| matches!(fault, HeaderFault::Nested))
    }),
    stricter(BOTH, "header strings", "`typ` and `cty` are strings (RFC 7515 4.1)", |rule, _| {
        is_header(rule, |fault| {
            matches!(fault, HeaderFault::NotAString { member: "typ" | "cty", .. })
        })
    }),
    stricter(JOSE, "kid", "`kid` is a string (RFC 7515 4.1.4)", |rule, _| {
        is_header(rule, |fault| matches!(fault, HeaderFault::NotAString { member: "kid", .. }))
    }),
    stricter(
        BOTH,
        "duplicates",
        "a name that stands twice is refused (RFC 7515 4, RFC 7519 4); others take the last one",
        |rule, _| is_json(rule, FaultKind::Duplicate),
    ),
    stricter(BOTH, "depth", "nesting is bounded by 16", |rule, _| is_json(rule, FaultKind::Depth)),
    stricter(BOTH, "surrogates", "a lone surrogate is no text (RFC 8259 8.2)", |rule, token| {
        let both = format!("{}{}", token.header, token.claims);
        is_json(rule, FaultKind::String) && (both.contains("\\ud") || both.contains("\\udc"))
    }),
    stricter(
        PYJWT,
        "no numbers",
        "NaN and Infinity are no JSON; Python takes them",
        |rule, token| {
            let both = format!("{}{}", token.header, token.claims);
            is_json(rule, FaultKind::Syntax) && (both.contains("NaN") || both.contains("Infinity"))
        },
    ),
    stricter(BOTH, "byte-order mark", "JSON has none (RFC 8259 8.1)", |rule, token| {
        let marked = token.header.starts_with('\u{feff}') || token.claims.starts_with('\u{feff}');
        is_json(rule, FaultKind::Syntax) && marked
    }),
    stricter(
        PYJWT,
        "encodings",
        "JSON is UTF-8 (RFC 7515 2); Python guesses UTF-16 and UTF-32, and passes surrogates",
        |rule, token| {
            let wide = token.header.contains('\0') || token.claims.contains('\0');
            is_form(rule, |fault| matches!(fault, FormFault::NotUtf8(_)))
                || is_json(rule, FaultKind::Syntax) && wide
        },
    ),
    stricter(BOTH, "padding", "base64url in a token has no padding (RFC 7515 2)", |rule, _| {
        is_form(rule, |fault| matches!(fault, FormFault::Padding(_)))
    }),
    stricter(
        JOSE,
        "white space in base64url",
        "it is not of the alphabet; the platform's decoder skips it",
        |rule, token| {
            is_form(rule, |fault| matches!(fault, FormFault::Alphabet(_)))
                && token.text.contains([' ', '\n'])
        },
    ),
    stricter(
        JOSE,
        "tail bits",
        "bits that encode nothing are zero: a token has one spelling (RFC 4648 3.5)",
        |rule, _| is_form(rule, |fault| matches!(fault, FormFault::TailBits(_))),
    ),
    stricter(BOTH, "length", "a token has at most 8 KiB", |rule, _| {
        is_form(rule, |fault| matches!(fault, FormFault::TooLong { .. }))
    }),
    stricter(BOTH, "range of times", "no time is negative or beyond 2^53 - 1 ms", |rule, _| {
        is_claim(rule, |fault| matches!(fault, ClaimFault::Time(_)))
    }),
    stricter(
        PYJWT,
        "times are numbers",
        "a NumericDate is a JSON number (RFC 7519 2); Python's int() takes texts and booleans",
        |rule, _| is_kind(rule, &["exp", "nbf", "iat"], &[Kind::String, Kind::Bool]),
    ),
    stricter(
        PYJWT,
        "fractions of what begins",
        "fractions count; PyJWT cuts `nbf` and `iat` down to seconds",
        |rule, token| matches!(rule, Rejection::NotYetValid { .. }) && has_fraction(&token.claims),
    ),
    looser(
        PYJWT,
        "fractions of the end",
        "fractions count; PyJWT cuts `exp` down to seconds",
        "ExpiredSignatureError",
        |token| has_fraction(&token.claims),
    ),
    looser(
        PYJWT,
        "digits",
        "numbers that nobody reads are only checked; Python reads them, up to 4,300 digits",
        "Exceeds the limit (4300 digits)",
        |_| true,
    ),
    stricter(
        JOSE,
        "milliseconds of the end",
        "times are kept to the millisecond, and cut, never rounded up",
        |rule, token| matches!(rule, Rejection::Expired { .. }) && has_fraction(&token.claims),
    ),
    looser(
        JOSE,
        "milliseconds of the beginning",
        "times are kept to the millisecond, and cut",
        "\"nbf\" claim timestamp check failed",
        |token| has_fraction(&token.claims),
    ),
    stricter(
        JOSE,
        "issued in the future",
        "`iat` in the future is refused like `nbf`; jose does so only with an age to check",
        |rule, _| matches!(rule, Rejection::NotYetValid { claim: "iat", .. }),
    ),
    stricter(JOSE, "subject", "the subject is a string (RFC 7519 4.1.2)", |rule, _| {
        is_kind(rule, &["sub"], ALL_KINDS)
    }),
    stricter(
        BOTH,
        "subject's text",
        "a subject has 1 to 255 bytes and no control characters: it is shown to others",
        |rule, _| {
            is_claim(rule, |fault| {
                matches!(fault, ClaimFault::SubjectLength { .. } | ClaimFault::SubjectControl)
            })
        },
    ),
    stricter(JOSE, "audience", "`aud` has strings only (RFC 7519 4.1.3)", |rule, _| {
        is_kind(rule, &["aud"], ALL_KINDS)
    }),
    stricter(JOSE, "jti", "`jti` is a string (RFC 7519 4.1.7)", |rule, _| {
        is_kind(rule, &["jti"], ALL_KINDS)
    }),
    stricter(BOTH, "sid", "`sid` is a string (OpenID)", |rule, _| {
        is_kind(rule, &["sid"], ALL_KINDS)
    }),
    stricter(BOTH, "grants", "`rooms`, `limits` and `info` mean something to us", |rule, _| {
        is_kind(rule, &["rooms", "limits", "info"], ALL_KINDS)
            || is_claim(rule, |fault| {
                matches!(
                    fault,
                    ClaimFault::Rooms(_)
                        | ClaimFault::Limits { .. }
                        | ClaimFault::InfoLength { .. }
                )
            })
    }),
    stricter(BOTH, "room tokens", "a key for one room does not open the house", |rule, _| {
        is_claim(rule, |fault| matches!(fault, ClaimFault::RoomToken))
    }),
];

const ALL_KINDS: &[Kind] =
    &[Kind::Object, Kind::Array, Kind::String, Kind::Number, Kind::Bool, Kind::Null];

const fn stricter(
    oracles: &'static [Oracle],
    name: &'static str,
    reason: &'static str,
    fits: fn(&Rejection, &Token) -> bool,
) -> Class {
    Class { name, reason, oracles, sense: Sense::Stricter(fits) }
}

const fn looser(
    oracles: &'static [Oracle],
    name: &'static str,
    reason: &'static str,
    words: &'static str,
    fits: fn(&Token) -> bool,
) -> Class {
    Class { name, reason, oracles, sense: Sense::Looser(words, fits) }
}

fn is_form(rule: &Rejection, fits: fn(&FormFault) -> bool) -> bool {
    matches!(rule, Rejection::Form(fault) if fits(fault))
}

fn is_json(rule: &Rejection, kind: FaultKind) -> bool {
    matches!(rule, Rejection::Form(FormFault::NotJson(_, JsonFault { kind: met, .. })) if *met == kind)
}

fn is_header(rule: &Rejection, fits: fn(&HeaderFault) -> bool) -> bool {
    matches!(rule, Rejection::Header(fault) if fits(fault))
}

fn is_claim(rule: &Rejection, fits: fn(&ClaimFault) -> bool) -> bool {
    matches!(rule, Rejection::Claim(fault) if fits(fault))
}

fn is_kind(rule: &Rejection, claims: &[&str], kinds: &[Kind]) -> bool {
    matches!(
        rule,
        Rejection::Claim(ClaimFault::Kind { claim, found, .. })
            if claims.contains(&&**claim) && kinds.contains(found)
    )
}

/// Whether a time of the token is no whole number of seconds.
fn has_fraction(claims: &str) -> bool {
    let value = |name: &str| {
        let (_, rest) = claims.split_once(&format!("\"{name}\":"))?;
        rest.split([',', '}']).next()?.trim().parse::<f64>().ok()
    };
    ["exp", "nbf", "iat"].into_iter().filter_map(value).any(|time| time.fract() != 0.0)
}
