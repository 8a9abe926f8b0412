//! Why a key is refused, in words for people.

use super::{
    super::algorithm::{Algorithm, Family},
    strength::RSA_BITS,
};
use std::fmt;

const SECRET_IS_KEY: &str = "\
    the secret is the text of a key, and whoever knows a public key could sign with it: \
    configure it as a public key file, or choose a random secret";
const SMALL_ORDER: &str = "\
    this Ed25519 key has a small order, and anybody could make signatures that match: \
    make a new one with `vestibule keygen EdDSA`";
const RSA_EXPONENT: &str = "\
    the exponent of the RSA key is even, below 3 or too long: \
    make a new key, with the usual exponent 65537";
const RSA_ROCA: &str = "\
    the RSA key was made by a broken generator (CVE-2017-15361, ROCA), and anybody can find its \
    private half: make a new key elsewhere";
const REPEATED: &str = "\
    the previous secret is the one in use: keep the one that was used before it, or none";

/// Why a key is refused; for people, without a byte of the key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyFault {
    /// A secret shorter than the hash (RFC 7518 3.2).
    Short {
        /// Its length, in bytes.
        bytes: usize,
        /// The least, in bytes.
        needed: usize,
        /// The algorithm that asks for it.
        algorithm: Algorithm,
    },
    /// A secret that is the text of a key: whoever has the public key could sign (RFC 8725 2.1).
    SecretIsKey,
    /// No PEM block.
    NotPem,
    /// More than one PEM block.
    Several,
    /// A private key where a public one belongs.
    Private,
    /// A public key where a private one belongs.
    Public,
    /// A private key behind a passphrase.
    Encrypted,
    /// A private EC key in the older form of RFC 5915.
    Sec1,
    /// A certificate where a public key belongs.
    Certificate,
    /// A kind of key that is not supported.
    Unsupported,
    /// A key that says what it is, but cannot be read.
    Damaged(Family),
    /// A public key that is no point of its curve: no signature would ever match.
    OffCurve(Family),
    /// An Ed25519 key of small order: anybody could make signatures that match.
    SmallOrder,
    /// An RSA key that is too small or too large.
    RsaSize {
        /// Its size, in bits.
        bits: usize,
    },
    /// An RSA exponent that is even, below 3 or over 33 bits long; with 1 anybody could sign.
    RsaExponent,
    /// An RSA key of the kind that CVE-2017-15361 (ROCA) lets anybody factor.
    RsaRoca,
    /// A previous secret that is the one in use.
    Repeated,
    /// The algorithm takes another kind of key.
    Mismatch {
        /// The algorithm.
        algorithm: Algorithm,
        /// The kind of the key.
        family: Family,
    },
    /// The key goes with several algorithms and none was chosen.
    Choice(Family),
}

impl fmt::Display for KeyFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Short { bytes, needed, algorithm } => write!(
                f,
                "the secret has {bytes} bytes and {algorithm} takes {needed} or more: make one \
                 with `vestibule keygen {algorithm}`",
            ),
            Self::SecretIsKey => f.write_str(SECRET_IS_KEY),
            Self::NotPem => f.write_str("no PEM block (-----BEGIN ..., -----END ...) with a key"),
            Self::Several => f.write_str("more than one PEM block: keep the one key to use"),
            Self::Private => f.write_str(
                "this is a private key and only the public one is needed: extract it with \
                 `openssl pkey -in private.pem -pubout`",
            ),
            Self::Public => f.write_str("this is a public key: only the private one can sign"),
            Self::Encrypted => f.write_str(
                "the private key has a passphrase: decrypt it with \
                 `openssl pkey -in encrypted.pem -out private.pem`",
            ),
            Self::Sec1 => f.write_str(
                "the private key has the older EC form: convert it with \
                 `openssl pkcs8 -topk8 -nocrypt -in old.pem -out private.pem`",
            ),
            Self::Certificate => f.write_str(
                "this is a certificate: extract its key with \
                 `openssl x509 -in cert.pem -noout -pubkey`",
            ),
            Self::Unsupported => {
                f.write_str("this kind of key is not supported: RSA, P-256, P-384, Ed25519 are")
            }
            Self::Damaged(family) => write!(f, "this says it is {family}, but it cannot be read"),
            Self::OffCurve(family) => {
                write!(f, "this says it is {family}, but it is no point of that curve")
            }
            Self::SmallOrder => f.write_str(SMALL_ORDER),
            Self::RsaExponent => f.write_str(RSA_EXPONENT),
            Self::RsaRoca => f.write_str(RSA_ROCA),
            Self::Repeated => f.write_str(REPEATED),
            Self::RsaSize { bits } => {
                let (least, most) = (RSA_BITS.start(), RSA_BITS.end());
                write!(f, "the RSA key has {bits} bits: {least} to {most} are accepted")
            }
            Self::Mismatch { algorithm, family } => write!(
                f,
                "{algorithm} does not go with {family}: set `algorithm` to one of {}",
                family.choices(),
            ),
            Self::Choice(family) => write!(
                f,
                "{family} goes with several algorithms: set `algorithm` to the one that the issuer \
                 signs with, of {}",
                family.choices(),
            ),
        }
    }
}

impl std::error::Error for KeyFault {}
