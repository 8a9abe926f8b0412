//! One JSON Web Key (RFC 7517 4, RFC 7518 6, RFC 8037 2): read strictly, pinned to one algorithm.

use super::{
    algorithm::{Algorithm, Family},
    key::{Key, Numbers},
    ring::{LeftOut, Origin, SetTerms},
};
use crate::protocol::json::{self, Raw};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use std::borrow::Cow;

/// The longest `kid` of a key, in bytes; a token that asks for a longer one asks for an unknown key.
pub const KEY_ID_BYTES: usize = 256;

/// The members that the rules know.
const NAMES: [&str; 18] = [
    "kty", "kid", "use", "key_ops", "alg", "crv", "k", "n", "e", "x", "y", "d", "p", "q", "dp",
    "dq", "qi", "oth",
];

/// The members of one key.
struct Members<'a> {
    kty: Option<Raw<'a>>,
    usage: Option<Raw<'a>>,
    key_ops: Option<Raw<'a>>,
    alg: Option<Raw<'a>>,
    crv: Option<Raw<'a>>,
    k: Option<Raw<'a>>,
    n: Option<Raw<'a>>,
    e: Option<Raw<'a>>,
    x: Option<Raw<'a>>,
    y: Option<Raw<'a>>,
    private: bool,
}

impl Key {
    /// A single JWK.
    ///
    /// # Errors
    /// [`LeftOut`] if it cannot be used on these `terms`.
    pub fn from_jwk(text: &str, terms: &SetTerms) -> Result<Self, LeftOut> {
        read(Raw::parse(text).map_err(|_| LeftOut::NotAnObject)?, terms).1
    }
}

/// Reads one key; its name comes back even if the key cannot be used.
pub(super) fn read(raw: Raw<'_>, terms: &SetTerms) -> (Option<Box<str>>, Result<Key, LeftOut>) {
    let Ok([kty, kid, usage, key_ops, alg, crv, k, n, e, x, y, private @ ..]) =
        json::object(raw.text(), &NAMES)
    else {
        return (None, Err(LeftOut::NotAnObject));
    };
    let private = private.iter().any(Option::is_some);
    let members = Members { kty, usage, key_ops, alg, crv, k, n, e, x, y, private };
    match key_id(kid) {
        Ok(key_id) => (key_id, members.key(terms)),
        Err(why) => (None, Err(why)),
    }
}

fn key_id(kid: Option<Raw<'_>>) -> Result<Option<Box<str>>, LeftOut> {
    let Some(raw) = kid else { return Ok(None) };
    let text = raw.as_str().ok_or(LeftOut::NotAString("kid"))?;
    if text.len() > KEY_ID_BYTES {
        return Err(LeftOut::KeyIdLength { bytes: text.len() });
    }
    Ok(Some(text.into()))
}

impl Members<'_> {
    fn key(&self, terms: &SetTerms) -> Result<Key, LeftOut> {
        let kty = string("kty", needed("kty", self.kty)?)?;
        // Whatever it is for: it does not belong here.
        if kty != "oct" && self.private {
            return Err(LeftOut::Private);
        }
        self.check_purpose()?;
        let family = match &*kty {
            "oct" => Family::Hmac,
            "RSA" => Family::Rsa,
            "EC" => self.curve(&[("P-256", Family::P256), ("P-384", Family::P384)])?,
            "OKP" => self.curve(&[("Ed25519", Family::Ed25519)])?,
            _ => return Err(LeftOut::UnknownKind),
        };
        if family == Family::Hmac && terms.origin == Origin::Remote {
            return Err(LeftOut::PublishedSecret);
        }
        let algorithm = self.algorithm(family, terms)?;
        if !terms.algorithms.is_empty() && !terms.algorithms.contains(&algorithm) {
            return Err(LeftOut::NotAllowed(algorithm));
        }
        self.material(family, algorithm)
    }

    /// `use` and `key_ops` (RFC 7517 4.2, 4.3) must let the key check signatures, and agree.
    fn check_purpose(&self) -> Result<(), LeftOut> {
        let usage = self.usage.map(|raw| string("use", raw)).transpose()?;
        if usage.as_ref().is_some_and(|usage| usage != "sig") {
            return Err(LeftOut::Use);
        }
        let Some(raw) = self.key_ops else { return Ok(()) };
        let elements = raw.elements().ok_or(LeftOut::Operations)?;
        let mut operations = Vec::new();
        for operation in elements.map(|raw| raw.as_str().ok_or(LeftOut::Operations)) {
            let operation = operation?;
            let foreign = usage.is_some() && !matches!(&*operation, "sign" | "verify");
            if foreign || operations.len() == OPERATIONS || operations.contains(&operation) {
                return Err(LeftOut::Operations);
            }
            operations.push(operation);
        }
        if operations.iter().any(|operation| operation == "verify") {
            Ok(())
        } else {
            Err(LeftOut::Use)
        }
    }

    fn curve(&self, known: &[(&str, Family)]) -> Result<Family, LeftOut> {
        let name = string("crv", needed("crv", self.crv)?)?;
        let family = known.iter().find(|(known, _)| *known == name).map(|(_, family)| *family);
        family.ok_or(LeftOut::UnknownKind)
    }

    /// What the key is pinned to: its `alg`, else the one that goes with its kind, else the terms.
    fn algorithm(&self, family: Family, terms: &SetTerms) -> Result<Algorithm, LeftOut> {
        if let Some(raw) = self.alg {
            return Algorithm::from_name(&string("alg", raw)?).ok_or(LeftOut::UnknownAlgorithm);
        }
        Ok(match family {
            Family::P256 => Algorithm::Es256,
            Family::P384 => Algorithm::Es384,
            Family::Ed25519 => Algorithm::EdDsa,
            Family::Rsa => terms.algorithm.unwrap_or(Algorithm::Rs256),
            Family::Hmac => terms.algorithm.unwrap_or(Algorithm::Hs256),
        })
    }

    fn material(&self, family: Family, algorithm: Algorithm) -> Result<Key, LeftOut> {
        let algorithm = Some(algorithm);
        let key = match family {
            Family::Hmac => Key::from_secret(&bytes("k", self.k)?, algorithm),
            Family::Rsa => {
                let (modulus, exponent) = (bytes("n", self.n)?, bytes("e", self.e)?);
                let (modulus, exponent) = (number(&modulus), number(&exponent));
                Key::from_numbers(&Numbers::Rsa { modulus, exponent }, algorithm)
            }
            Family::P256 | Family::P384 => {
                let (x, y) = (bytes("x", self.x)?, bytes("y", self.y)?);
                // Both have the length of the field (RFC 7518 6.2.1.2): no byte can move over.
                if x.len() != y.len() {
                    return Err(LeftOut::Encoding("y"));
                }
                // 4 says that the point is not compressed (SEC 1, 2.3.3).
                let point = [&[4], &*x, &*y].concat();
                Key::from_numbers(&Numbers::Point(family, &point), algorithm)
            }
            Family::Ed25519 => {
                Key::from_numbers(&Numbers::Point(family, &bytes("x", self.x)?), algorithm)
            }
        };
        key.map_err(LeftOut::Key)
    }
}

/// As many operations as RFC 7517 4.3 knows; none may stand twice.
const OPERATIONS: usize = 8;

fn needed<'a>(member: &'static str, value: Option<Raw<'a>>) -> Result<Raw<'a>, LeftOut> {
    value.ok_or(LeftOut::Missing(member))
}

fn string<'a>(member: &'static str, raw: Raw<'a>) -> Result<Cow<'a, str>, LeftOut> {
    raw.as_str().ok_or(LeftOut::NotAString(member))
}

/// Base64url without padding, in its one canonical spelling.
fn bytes(member: &'static str, value: Option<Raw<'_>>) -> Result<Vec<u8>, LeftOut> {
    let text = string(member, needed(member, value)?)?;
    URL_SAFE_NO_PAD.decode(&*text).map_err(|_| LeftOut::Encoding(member))
}

/// A number without its leading zeros: they should not be there (RFC 7518 6.3.1.1), some issuers
/// write them, and they change nothing.
fn number(bytes: &[u8]) -> &[u8] {
    let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
    bytes.get(zeros..).unwrap_or_default()
}
