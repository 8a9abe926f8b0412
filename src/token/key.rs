//! Keys that check signatures, each pinned to one algorithm by the configuration.

mod fault;
mod strength;
#[cfg(test)]
mod tests;

pub use fault::KeyFault;
pub(super) use strength::check_rsa_bits;

use super::{
    algorithm::{Algorithm, Family},
    pem::{self, Pem},
    verifier::Signatures,
};
use aws_lc_rs::digest;
use base64::{Engine, engine::general_purpose::STANDARD};
use jsonwebtoken::{DecodingKey, crypto::aws_lc::DEFAULT_PROVIDER as PROVIDER};
use std::fmt;

/// What stands before the key in a SubjectPublicKeyInfo: fixed for each curve (RFC 5480 2,
/// RFC 8410 4), so that nothing else can be in there.
const P256: &[u8] = b"\x30\x59\x30\x13\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\
      \x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07\x03\x42\x00";
const P384: &[u8] = b"\x30\x76\x30\x10\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\
      \x06\x05\x2b\x81\x04\x00\x22\x03\x62\x00";
const ED25519: &[u8] = b"\x30\x2a\x30\x05\x06\x03\x2b\x65\x70\x03\x21\x00";

/// The numbers of a public key, without their envelope and without leading zeros.
pub(super) enum Numbers<'a> {
    /// An RSA key.
    Rsa { modulus: &'a [u8], exponent: &'a [u8] },
    /// An uncompressed point of P-256 or P-384, or the 32 bytes of an Ed25519 key.
    Point(Family, &'a [u8]),
}

/// A key and the one algorithm that it is used with.
///
/// Only the signature check of `jsonwebtoken` is used: its validation reads the system clock, and
/// the rules for header and claims are this crate's own.
pub struct Key {
    algorithm: Algorithm,
    material: DecodingKey,
    print: Print,
}

/// SHA-256 over the numbers of a key: the same in whatever form it came, and never shown.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Print([u8; 32]);

impl Key {
    /// A shared secret; HS256 unless told otherwise.
    ///
    /// # Errors
    /// [`KeyFault`] if the secret is shorter than the hash, or is itself a key in text form.
    pub fn from_secret(secret: &[u8], algorithm: Option<Algorithm>) -> Result<Self, KeyFault> {
        let algorithm = check_secret(secret, algorithm)?;
        let print = Print::new(Family::Hmac, &[secret]);
        Ok(Self { algorithm, material: DecodingKey::from_secret(secret), print })
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
        let der = &pem.der;
        let numbers = match family {
            Family::Hmac => return Err(KeyFault::Unsupported),
            Family::Rsa => {
                choose(family, algorithm)?;
                let parts = (PROVIDER.key_utils.rsa_pub_components_from_public_key)(der);
                let (modulus, exponent) = parts.map_err(|_| KeyFault::Damaged(family))?;
                return Self::from_numbers(
                    &Numbers::Rsa { modulus: &modulus, exponent: &exponent },
                    algorithm,
                );
            }
            Family::P256 => Numbers::Point(family, bare(der, P256, family)?),
            Family::P384 => Numbers::Point(family, bare(der, P384, family)?),
            Family::Ed25519 => Numbers::Point(family, bare(der, ED25519, family)?),
        };
        Self::from_numbers(&numbers, algorithm)
    }

    /// A public key from its numbers, in whatever form they came.
    pub(super) fn from_numbers(
        numbers: &Numbers<'_>,
        algorithm: Option<Algorithm>,
    ) -> Result<Self, KeyFault> {
        match *numbers {
            Numbers::Rsa { modulus, exponent } => {
                let algorithm = choose(Family::Rsa, algorithm)?;
                strength::check_rsa(modulus, exponent)?;
                let material = DecodingKey::from_rsa_raw_components(modulus, exponent);
                let print = Print::new(Family::Rsa, &[modulus, exponent]);
                Ok(Self { algorithm, material, print })
            }
            Numbers::Point(family, point) => {
                let algorithm = choose(family, algorithm)?;
                strength::check_point(family, point)?;
                let material = match family {
                    Family::Ed25519 => DecodingKey::from_ed_der(point),
                    Family::Hmac | Family::Rsa | Family::P256 | Family::P384 => {
                        DecodingKey::from_ec_der(point)
                    }
                };
                Ok(Self { algorithm, material, print: Print::new(family, &[point]) })
            }
        }
    }

    /// Tells its numbers from those of other keys.
    pub(super) const fn print(&self) -> Print {
        self.print
    }
}

impl Print {
    fn new(family: Family, parts: &[&[u8]]) -> Self {
        let mut sum = digest::Context::new(&digest::SHA256);
        sum.update(b"vestibule key 1\0");
        sum.update(family.choices().as_bytes());
        for part in parts {
            sum.update(&(part.len() as u64).to_be_bytes());
            sum.update(part);
        }
        let mut print = [0; 32];
        for (byte, summed) in print.iter_mut().zip(sum.finish().as_ref()) {
            *byte = *summed;
        }
        Self(print)
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

/// PEM, a JWK, an OpenSSH key, or the DER inside, bare or in base64: the classic confusion of
/// algorithms.
fn is_key_text(secret: &[u8]) -> bool {
    let text = String::from_utf8_lossy(secret);
    let text = text.trim_start_matches(|c: char| c.is_whitespace() || c == '\u{FEFF}');
    let body: String = text.split_ascii_whitespace().collect();
    text.contains("-----BEGIN ")
        || text.starts_with('{') && text.contains("\"kty\"")
        || text.starts_with("ssh-")
        || is_der(secret)
        || STANDARD.decode(body).is_ok_and(|der| is_der(&der))
}

/// A SubjectPublicKeyInfo, a PKCS #8 key, or an RSA key by itself (PKCS #1).
fn is_der(bytes: &[u8]) -> bool {
    bytes.first() == Some(&0x30)
        && (pem::family(bytes).is_some()
            || (PROVIDER.key_utils.rsa_pub_components_from_public_key)(bytes).is_ok())
}

fn bare<'a>(der: &'a [u8], envelope: &[u8], family: Family) -> Result<&'a [u8], KeyFault> {
    der.strip_prefix(envelope).ok_or(KeyFault::Damaged(family))
}
