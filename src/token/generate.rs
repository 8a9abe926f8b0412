//! Makes keys: secrets and key pairs, in the form that the configuration takes.

use super::{algorithm::Algorithm, pem};
use aws_lc_rs::{
    encoding::AsDer,
    rand, rsa,
    signature::{
        ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair,
        EcdsaSigningAlgorithm, Ed25519KeyPair, KeyPair as _,
    },
};
use base64::{Engine, engine::general_purpose::STANDARD};
use std::fmt;

/// A new key.
pub enum Generated {
    /// A shared secret as text: that text's bytes are the secret.
    Secret(String),
    /// A key pair.
    Pair {
        /// PKCS #8 in PEM.
        private: String,
        /// SubjectPublicKeyInfo in PEM.
        public: String,
    },
}

impl fmt::Debug for Generated {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Secret(_) => "Secret(..)",
            Self::Pair { .. } => "Pair(..)",
        })
    }
}

/// The size of an RSA key, in bits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RsaBits {
    /// 2048: fit for tokens until about 2030.
    #[default]
    B2048,
    /// 3072.
    B3072,
    /// 4096: signing takes several times as long.
    B4096,
}

/// The system gave no randomness, or the library would not make the key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotGenerated;

impl fmt::Display for NotGenerated {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the system gave no randomness to make a key from")
    }
}

impl std::error::Error for NotGenerated {}

impl From<aws_lc_rs::error::Unspecified> for NotGenerated {
    fn from(_: aws_lc_rs::error::Unspecified) -> Self {
        Self
    }
}

/// Makes a key for `algorithm`; `bits` counts for RSA only.
///
/// # Errors
/// [`NotGenerated`].
pub fn generate(algorithm: Algorithm, bits: RsaBits) -> Result<Generated, NotGenerated> {
    match algorithm {
        Algorithm::Hs256 => secret::<32>(),
        Algorithm::Hs384 => secret::<48>(),
        Algorithm::Hs512 => secret::<64>(),
        Algorithm::Rs256
        | Algorithm::Rs384
        | Algorithm::Rs512
        | Algorithm::Ps256
        | Algorithm::Ps384
        | Algorithm::Ps512 => rsa(bits),
        Algorithm::Es256 => ecdsa(&ECDSA_P256_SHA256_FIXED_SIGNING),
        Algorithm::Es384 => ecdsa(&ECDSA_P384_SHA384_FIXED_SIGNING),
        Algorithm::EdDsa => ed25519(),
    }
}

/// As many random bytes as the hash has (RFC 7518 3.2), in base64: the text is longer still.
fn secret<const BYTES: usize>() -> Result<Generated, NotGenerated> {
    let mut bytes = [0; BYTES];
    rand::fill(&mut bytes)?;
    Ok(Generated::Secret(STANDARD.encode(bytes)))
}

fn rsa(bits: RsaBits) -> Result<Generated, NotGenerated> {
    let pair = rsa::KeyPair::generate(match bits {
        RsaBits::B2048 => rsa::KeySize::Rsa2048,
        RsaBits::B3072 => rsa::KeySize::Rsa3072,
        RsaBits::B4096 => rsa::KeySize::Rsa4096,
    })?;
    let private = AsDer::<aws_lc_rs::encoding::Pkcs8V1Der<'_>>::as_der(&pair)?;
    Ok(in_pem(private.as_ref(), pair.public_key().as_der()?.as_ref()))
}

fn ecdsa(algorithm: &'static EcdsaSigningAlgorithm) -> Result<Generated, NotGenerated> {
    let pair = EcdsaKeyPair::generate(algorithm)?;
    Ok(in_pem(pair.to_pkcs8v1()?.as_ref(), pair.public_key().as_der()?.as_ref()))
}

fn ed25519() -> Result<Generated, NotGenerated> {
    let pair = Ed25519KeyPair::generate()?;
    // The first version of the form, which every tool reads.
    Ok(in_pem(pair.to_pkcs8v1()?.as_ref(), pair.public_key().as_der()?.as_ref()))
}

fn in_pem(private: &[u8], public: &[u8]) -> Generated {
    Generated::Pair {
        private: pem::encode("PRIVATE KEY", private),
        public: pem::encode("PUBLIC KEY", public),
    }
}

#[cfg(test)]
mod tests {
    use super::{
        super::{Key, SigningKey, verifier::Signatures},
        *,
    };

    #[test]
    fn every_algorithm_gets_a_key_that_signs_and_checks() {
        for algorithm in Algorithm::ALL.iter().copied() {
            let (signer, key) = match generate(algorithm, RsaBits::default()).unwrap() {
                Generated::Secret(text) => (
                    SigningKey::from_secret(text.as_bytes(), Some(algorithm)),
                    Key::from_secret(text.as_bytes(), Some(algorithm)),
                ),
                Generated::Pair { private, public } => (
                    SigningKey::from_private_pem(&private, Some(algorithm)),
                    Key::from_public_pem(&public, Some(algorithm)),
                ),
            };
            let token = signer.unwrap().sign("{}").unwrap();
            let (input, signature) = token.rsplit_once('.').unwrap();
            let signature = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(signature);
            assert!(key.unwrap().verify(input.as_bytes(), &signature.unwrap()), "{algorithm}");
        }
    }

    #[test]
    fn secrets_differ_and_are_not_printed() {
        let text = || match generate(Algorithm::Hs256, RsaBits::default()).unwrap() {
            Generated::Secret(text) => text,
            Generated::Pair { .. } => panic!("a pair"),
        };
        let one = text();
        assert_ne!(one, text());
        assert_eq!(one.len(), 44);
        assert_eq!(format!("{:?}", Generated::Secret(one)), "Secret(..)");
    }
}
