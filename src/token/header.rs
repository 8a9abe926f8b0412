//! The JOSE header (RFC 7515 4): what it may say, and what is refused or ignored.

use super::{
    algorithm::Algorithm,
    rejection::{FormFault, HeaderFault, Part, Rejection},
};
use crate::protocol::json::{self, Raw};
use std::borrow::Cow;

/// Members that change how a token is read: no extension of `crit` is known, and the others make
/// a JWE, a compressed or an unencoded payload.
const EXTENSIONS: [&str; 5] = ["crit", "b64", "zip", "enc", "epk"];

/// A header that passed the rules.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header<'a> {
    /// What the token claims to be signed with; the key decides whether it is right.
    pub algorithm: Algorithm,
    /// What `typ` says; the policy of the issuer decides whether it will do.
    pub typ: Typ,
    /// `kid`: an opaque name, never a path or an address.
    pub key_id: Option<Cow<'a, str>>,
    /// Whether it brings or names a key (`jwk`, `jku`, `x5c`, `x5u`). Ignored, worth counting.
    pub brings_key: bool,
}

impl<'a> Header<'a> {
    /// Parses the decoded first part of a token.
    ///
    /// # Errors
    /// [`Rejection::Form`] if it is no strict JSON object, [`Rejection::Header`] if it breaks a rule.
    pub fn parse(text: &'a str) -> Result<Self, Rejection> {
        let [alg, typ, cty, kid, jwk, jku, x5c, x5u, extensions @ ..] = members(text)?;
        if let Some((member, _)) = EXTENSIONS.iter().zip(extensions).find(|(_, raw)| raw.is_some())
        {
            return Err(HeaderFault::Forbidden(member).into());
        }
        let algorithm = algorithm(alg)?;
        let typ = string("typ", typ)?.map_or(Typ::Absent, |typ| Typ::read(&typ));
        if string("cty", cty)?.is_some_and(|cty| is_media_type(&cty, "JWT")) {
            return Err(HeaderFault::Nested.into());
        }
        let brings_key = [jwk, jku, x5c, x5u].iter().any(Option::is_some);
        Ok(Self { algorithm, typ, key_id: string("kid", kid)?, brings_key })
    }
}

/// The kind of token that `typ` names (RFC 8725 3.11).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Typ {
    /// It is not there.
    Absent,
    /// `JWT`: any kind.
    Jwt,
    /// `at+jwt`: an access token (RFC 9068 2.1).
    AccessToken,
    /// Another kind.
    Other,
}

impl Typ {
    fn read(text: &str) -> Self {
        let known = [("JWT", Self::Jwt), ("at+jwt", Self::AccessToken)];
        let found = known.into_iter().find(|(name, _)| is_media_type(text, name));
        found.map_or(Self::Other, |(_, typ)| typ)
    }
}

/// Which kinds of tokens an issuer's are, by their `typ`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TypePolicy {
    /// `JWT`, `at+jwt`, or no `typ` at all.
    #[default]
    Lax,
    /// `at+jwt`, and it must be there (RFC 9068 4).
    Strict,
}

impl TypePolicy {
    /// Judges the `typ` of a header.
    ///
    /// # Errors
    /// [`HeaderFault::Type`]; [`HeaderFault::TypeMissing`] and [`HeaderFault::NotAnAccessToken`]
    /// in the strict policy.
    pub const fn judge(self, typ: Typ) -> Result<(), HeaderFault> {
        match (self, typ) {
            (Self::Lax, Typ::Absent | Typ::Jwt | Typ::AccessToken)
            | (Self::Strict, Typ::AccessToken) => Ok(()),
            (Self::Lax, Typ::Other) => Err(HeaderFault::Type),
            (Self::Strict, Typ::Absent) => Err(HeaderFault::TypeMissing),
            (Self::Strict, Typ::Jwt | Typ::Other) => Err(HeaderFault::NotAnAccessToken),
        }
    }
}

/// The members that the rules know, the [`EXTENSIONS`] last; the rest is ignored.
fn members(text: &str) -> Result<[Option<Raw<'_>>; 13], FormFault> {
    const NAMES: [&str; 13] = [
        "alg", "typ", "cty", "kid", "jwk", "jku", "x5c", "x5u", "crit", "b64", "zip", "enc", "epk",
    ];
    json::object(text, &NAMES).map_err(|fault| FormFault::NotJson(Part::Header, fault))
}

fn algorithm(alg: Option<Raw<'_>>) -> Result<Algorithm, HeaderFault> {
    let name = string("alg", alg)?.ok_or(HeaderFault::AlgorithmMissing)?;
    match Algorithm::from_name(&name) {
        Some(algorithm) => Ok(algorithm),
        None if name.eq_ignore_ascii_case("none") => Err(HeaderFault::AlgorithmNone),
        None => Err(HeaderFault::AlgorithmUnknown),
    }
}

fn string<'a>(
    member: &'static str,
    value: Option<Raw<'a>>,
) -> Result<Option<Cow<'a, str>>, HeaderFault> {
    let Some(raw) = value else { return Ok(None) };
    raw.as_str().map(Some).ok_or(HeaderFault::NotAString { member, found: raw.kind() })
}

/// Media types are compared without case, and `application/` may be left out (RFC 7515 4.1.9).
fn is_media_type(text: &str, known: &str) -> bool {
    let bare = match text.split_once('/') {
        Some((tree, bare)) if tree.eq_ignore_ascii_case("application") => bare,
        Some(_) | None => text,
    };
    bare.eq_ignore_ascii_case(known)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::json::{FaultKind, Kind};

    fn fault(text: &str) -> HeaderFault {
        let Rejection::Header(fault) = Header::parse(text).expect_err(text) else {
            panic!("{text}: refused for another reason");
        };
        fault
    }

    #[test]
    fn plain_headers_pass() {
        let header = Header::parse("{\"typ\":\"JWT\",\r\n \"alg\":\"HS256\"}").expect("plain");
        let expected =
            Header { algorithm: Algorithm::Hs256, typ: Typ::Jwt, key_id: None, brings_key: false };
        assert_eq!(header, expected);
        let header = Header::parse(r#"{"alg":"ES256","kid":"a\u0062","x5t":"x","foo":[1]}"#);
        assert_eq!(header.expect("kid").key_id.as_deref(), Some("ab"));
    }

    #[test]
    fn types_are_read_without_case_and_prefix() {
        let table = [
            ("JWT", Typ::Jwt),
            ("jwt", Typ::Jwt),
            ("application/jwt", Typ::Jwt),
            ("at+jwt", Typ::AccessToken),
            ("AT+JWT", Typ::AccessToken),
            ("Application/at+JWT", Typ::AccessToken),
            (r"a\u0074+jwt", Typ::AccessToken),
            ("", Typ::Other),
            ("dpop+jwt", Typ::Other),
            ("id+jwt", Typ::Other),
            ("logout+jwt", Typ::Other),
            ("JOSE", Typ::Other),
            ("text/jwt", Typ::Other),
            ("application/", Typ::Other),
            ("application/application/jwt", Typ::Other),
            ("a/application/jwt", Typ::Other),
            (" JWT", Typ::Other),
            ("JWT;v=1", Typ::Other),
        ];
        for (typ, expected) in table {
            let text = format!(r#"{{"alg":"HS256","typ":"{typ}"}}"#);
            assert_eq!(Header::parse(&text).expect(typ).typ, expected, "{typ}");
        }
        assert_eq!(Header::parse(r#"{"alg":"HS256"}"#).expect("no typ").typ, Typ::Absent);
    }

    #[test]
    fn the_policy_decides_about_types() {
        use HeaderFault::{NotAnAccessToken, Type, TypeMissing};
        let table = [
            (Typ::Absent, Ok(()), Err(TypeMissing)),
            (Typ::Jwt, Ok(()), Err(NotAnAccessToken)),
            (Typ::AccessToken, Ok(()), Ok(())),
            (Typ::Other, Err(Type), Err(NotAnAccessToken)),
        ];
        for (typ, lax, strict) in table {
            assert_eq!(TypePolicy::Lax.judge(typ), lax, "{typ:?}");
            assert_eq!(TypePolicy::Strict.judge(typ), strict, "{typ:?}");
        }
        assert_eq!(TypePolicy::default(), TypePolicy::Lax);
    }

    #[test]
    fn algorithms_are_exact_names() {
        for name in ["none", "None", "NONE", "nOnE"] {
            assert_eq!(fault(&format!(r#"{{"alg":"{name}"}}"#)), HeaderFault::AlgorithmNone);
        }
        for name in ["", "hs256", "HS256 ", "HS1", "ES512", "ES256K", "RSA-OAEP", "dir"] {
            assert_eq!(fault(&format!(r#"{{"alg":"{name}"}}"#)), HeaderFault::AlgorithmUnknown);
        }
        assert_eq!(fault("{}"), HeaderFault::AlgorithmMissing);
        assert_eq!(fault(r#"{"ALG":"HS256"}"#), HeaderFault::AlgorithmMissing);
    }

    #[test]
    fn extensions_are_refused_in_any_form() {
        for member in ["crit", "b64", "zip", "enc", "epk"] {
            for value in ["[]", r#"["exp"]"#, "null", "true", "false", r#""DEF""#, "{}", "0"] {
                let text = format!(r#"{{"alg":"HS256","{member}":{value}}}"#);
                assert_eq!(fault(&text), HeaderFault::Forbidden(member), "{text}");
            }
        }
        assert_eq!(fault(r#"{"alg":"HS256","cr\u0069t":[]}"#), HeaderFault::Forbidden("crit"));
    }

    #[test]
    fn strings_are_strings() {
        for member in ["alg", "typ", "cty", "kid"] {
            let values = [
                ("1", Kind::Number),
                ("null", Kind::Null),
                ("true", Kind::Bool),
                ("[]", Kind::Array),
                ("{}", Kind::Object),
            ];
            for (value, found) in values {
                let rest = if member == "alg" { "" } else { r#","alg":"HS256""# };
                let text = format!(r#"{{"{member}":{value}{rest}}}"#);
                assert_eq!(fault(&text), HeaderFault::NotAString { member, found }, "{text}");
            }
        }
    }

    #[test]
    fn a_token_in_a_token_is_refused() {
        assert_eq!(fault(r#"{"alg":"HS256","cty":"JWT"}"#), HeaderFault::Nested);
        assert_eq!(fault(r#"{"alg":"HS256","cty":"application/jwt"}"#), HeaderFault::Nested);
        assert!(Header::parse(r#"{"alg":"HS256","cty":"json"}"#).is_ok());
    }

    #[test]
    fn keys_of_the_token_are_only_noted() {
        for member in ["jwk", "jku", "x5c", "x5u"] {
            for value in ["{}", r#""https://evil.example/keys""#, "[]", "null"] {
                let text = format!(r#"{{"alg":"HS256","{member}":{value}}}"#);
                assert!(Header::parse(&text).expect("ignored").brings_key, "{text}");
            }
        }
    }

    #[test]
    fn only_one_strict_object_is_a_header() {
        let table = [
            (r#"{"alg":"HS256","alg":"none"}"#, FaultKind::Duplicate),
            (r#"{"alg":"HS256","a\u006cg":"none"}"#, FaultKind::Duplicate),
            (r#"{"alg":"HS256","x":{"a":1,"a":1}}"#, FaultKind::Duplicate),
            (r#"["alg","HS256"]"#, FaultKind::NotAnObject),
            (r#"{"alg":"HS256"} x"#, FaultKind::Syntax),
            (r#"{"alg":"HS256",}"#, FaultKind::Syntax),
            ("{\"alg\":\"HS256\0\"}", FaultKind::String),
            (r#"{"alg":"HS256","x":"\ud800"}"#, FaultKind::String),
        ];
        for (text, kind) in table {
            match Header::parse(text) {
                Err(Rejection::Form(FormFault::NotJson(Part::Header, fault))) => {
                    assert_eq!(fault.kind, kind, "{text}");
                }
                other => panic!("{text}: {other:?}"),
            }
        }
    }
}
