//! Keys that check signatures, each pinned to one algorithm by the configuration.

use super::{
    algorithm::{Algorithm, Family},
    pem::{self, Pem},
    verifier::Signatures,
};
use jsonwebtoken::{DecodingKey, crypto::aws_lc::DEFAULT_PROVIDER as PROVIDER};
use std::{fmt, ops::RangeInclusive};

/// Sizes of RSA keys that pass, in bits (RFC 7518 3.3, and what the library takes).
const RSA_BITS: RangeInclusive<usize> = 2_048..=8_192;

/// What stands before the key in a SubjectPublicKeyInfo, and the length of the key: fixed for each
/// curve (RFC 5480 2, RFC 8410 4), so that nothing else can be in there.
type Envelope = (&'static [u8], usize);
const P256: Envelope = (
    b"\x30\x59\x30\x13\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\
      \x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07\x03\x42\x00",
    65,
);
const P384: Envelope = (
    b"\x30\x76\x30\x10\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\
      \x06\x05\x2b\x81\x04\x00\x22\x03\x62\x00",
    97,
);
const ED25519: Envelope = (b"\x30\x2a\x30\x05\x06\x03\x2b\x65\x70\x03\x21\x00", 32);

/// A key and the one algorithm that it is used with.
///
/// Only the signature check of `jsonwebtoken` is used: its validation reads the system clock, and
/// the rules for header and claims are this crate's own.
pub struct Key {
    algorithm: Algorithm,
    material: DecodingKey,
}

impl Key {
    /// A shared secret; HS256 unless told otherwise.
    ///
    /// # Errors
    /// [`KeyFault`] if the secret is shorter than the hash, or is itself a key in text form.
    pub fn from_secret(secret: &[u8], algorithm: Option<Algorithm>) -> Result<Self, KeyFault> {
        let algorithm = check_secret(secret, algorithm)?;
        Ok(Self { algorithm, material: DecodingKey::from_secret(secret) })
    }

    /// A public key in PEM: RSA (`algorithm` must choose), EC on P-256 or P-384, Ed25519.
    ///
    /// # Errors
    /// [`KeyFault`] if it is none, too weak, or does not fit `algorithm`.
    pub fn from_public_pem(text: &str, algorithm: Option<Algorithm>) -> Result<Self, KeyFault> {
        let pem = Pem::parse(text)?;
        let family = match pem.label {
            "RSA PUBLIC KEY" => Family::Rsa,
            "PUBLIC KEY" => pem::family(&pem.der).ok_or(KeyFault::Unsupported)?,
            "CERTIFICATE" => return Err(KeyFault::Certificate),
            label if label.ends_with("PRIVATE KEY") => return Err(KeyFault::Private),
            _ => return Err(KeyFault::Unsupported),
        };
        let algorithm = choose(family, algorithm)?;
        let material = match family {
            Family::Hmac => return Err(KeyFault::Unsupported),
            Family::Rsa => rsa(&pem.der)?,
            Family::P256 => DecodingKey::from_ec_der(point(&pem.der, P256, family)?),
            Family::P384 => DecodingKey::from_ec_der(point(&pem.der, P384, family)?),
            Family::Ed25519 => DecodingKey::from_ed_der(point(&pem.der, ED25519, family)?),
        };
        Ok(Self { algorithm, material })
    }
}

impl Signatures for Key {
    fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    fn verify(&self, signing_input: &[u8], signature: &[u8]) -> bool {
        (PROVIDER.verifier_factory)(&library_name(self.algorithm), &self.material)
            .is_ok_and(|verifier| verifier.verify(signing_input, &signature.to_vec()).is_ok())
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Key").field("algorithm", &self.algorithm).finish_non_exhaustive()
    }
}

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
    /// An RSA key that is too small or too large.
    RsaSize {
        /// Its size, in bits.
        bits: usize,
    },
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
            Self::SecretIsKey => f.write_str(
                "the secret is the text of a key, and whoever knows a public key could sign with \
                 it: configure it as a public key file, or choose a random secret",
            ),
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

/// Checks a secret and returns the algorithm that it is pinned to.
pub(super) fn check_secret(
    secret: &[u8],
    algorithm: Option<Algorithm>,
) -> Result<Algorithm, KeyFault> {
    let algorithm = choose(Family::Hmac, algorithm.or(Some(Algorithm::Hs256)))?;
    if is_key_text(secret) {
        return Err(KeyFault::SecretIsKey);
    }
    let needed = hash_bytes(algorithm);
    if secret.len() < needed {
        return Err(KeyFault::Short { bytes: secret.len(), needed, algorithm });
    }
    Ok(algorithm)
}

/// The algorithm for a key of `family`: the wanted one if it fits, else the only one.
pub(super) fn choose(family: Family, wanted: Option<Algorithm>) -> Result<Algorithm, KeyFault> {
    if let Some(algorithm) = wanted {
        let fits = algorithm.family() == family;
        return if fits { Ok(algorithm) } else { Err(KeyFault::Mismatch { algorithm, family }) };
    }
    let mut fitting = Algorithm::ALL.iter().filter(|algorithm| algorithm.family() == family);
    match (fitting.next(), fitting.next()) {
        (Some(only), None) => Ok(*only),
        (Some(_) | None, _) => Err(KeyFault::Choice(family)),
    }
}

/// The size of an RSA modulus, if it passes.
pub(super) fn check_rsa_bits(modulus: &[u8]) -> Result<(), KeyFault> {
    let zeros = modulus.iter().take_while(|byte| **byte == 0).count();
    let top = modulus.get(zeros).map_or(0, |byte| byte.leading_zeros() as usize);
    let bits = ((modulus.len() - zeros) * 8).saturating_sub(top);
    if RSA_BITS.contains(&bits) { Ok(()) } else { Err(KeyFault::RsaSize { bits }) }
}

/// The library's name of an algorithm.
pub(super) const fn library_name(algorithm: Algorithm) -> jsonwebtoken::Algorithm {
    use jsonwebtoken::Algorithm as Library;
    match algorithm {
        Algorithm::Hs256 => Library::HS256,
        Algorithm::Hs384 => Library::HS384,
        Algorithm::Hs512 => Library::HS512,
        Algorithm::Rs256 => Library::RS256,
        Algorithm::Rs384 => Library::RS384,
        Algorithm::Rs512 => Library::RS512,
        Algorithm::Ps256 => Library::PS256,
        Algorithm::Ps384 => Library::PS384,
        Algorithm::Ps512 => Library::PS512,
        Algorithm::Es256 => Library::ES256,
        Algorithm::Es384 => Library::ES384,
        Algorithm::EdDsa => Library::EdDSA,
    }
}

/// The output of the hash, in bytes: the least length of a secret.
const fn hash_bytes(algorithm: Algorithm) -> usize {
    match algorithm {
        Algorithm::Hs384 | Algorithm::Rs384 | Algorithm::Ps384 | Algorithm::Es384 => 48,
        Algorithm::Hs512 | Algorithm::Rs512 | Algorithm::Ps512 | Algorithm::EdDsa => 64,
        Algorithm::Hs256 | Algorithm::Rs256 | Algorithm::Ps256 | Algorithm::Es256 => 32,
    }
}

/// PEM, a JWK, an OpenSSH key, or the DER inside: the classic confusion of algorithms.
fn is_key_text(secret: &[u8]) -> bool {
    let text = String::from_utf8_lossy(secret);
    let text = text.trim_start();
    text.contains("-----BEGIN ")
        || text.starts_with('{') && text.contains("\"kty\"")
        || text.starts_with("ssh-")
        || secret.first() == Some(&0x30) && pem::family(secret).is_some()
}

fn rsa(der: &[u8]) -> Result<DecodingKey, KeyFault> {
    let (modulus, _) = (PROVIDER.key_utils.rsa_pub_components_from_public_key)(der)
        .map_err(|_| KeyFault::Damaged(Family::Rsa))?;
    check_rsa_bits(&modulus)?;
    Ok(DecodingKey::from_rsa_der(der))
}

fn point(der: &[u8], (prefix, bytes): Envelope, family: Family) -> Result<&[u8], KeyFault> {
    let point = der.strip_prefix(prefix).filter(|point| point.len() == bytes);
    point.ok_or(KeyFault::Damaged(family))
}

#[cfg(test)]
mod tests;
