//! Keys and signatures that owe nothing to the code under test: tokens with any header, any claims
//! and any signature.

use aws_lc_rs::{
    encoding::{AsDer, PublicKeyX509Der},
    hmac,
    rand::SystemRandom,
    rsa::KeySize,
    signature::{
        ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair,
        EcdsaSigningAlgorithm, Ed25519KeyPair, KeyPair, RSA_PKCS1_SHA256, RSA_PSS_SHA256,
        RsaEncoding, RsaKeyPair,
    },
};
use base64::{
    Engine,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use std::sync::Arc;
use vestibule::token::{Algorithm, Key};

/// The shared secret, long enough for every hash.
pub const SECRET: &[u8] = b"one secret of the forge: sixty-four bytes, enough for every hash";

/// A key as a verifier is given it.
pub enum Public {
    /// A shared secret.
    Secret(Vec<u8>),
    /// SubjectPublicKeyInfo, and the same in PEM.
    Spki(Vec<u8>, String),
}

/// One key, and how it signs.
pub struct Signer {
    /// The algorithm that a verifier pins it to.
    pub algorithm: Algorithm,
    /// What a verifier needs.
    pub public: Public,
    material: Material,
}

enum Material {
    Hmac(Box<hmac::Key>),
    Rsa(Arc<RsaKeyPair>, &'static dyn RsaEncoding),
    Ec(EcdsaKeyPair),
    Ed(Ed25519KeyPair),
}

/// A key of every kind. The secrets and the Ed25519 key are always the same, so that a corpus can
/// hold tokens of theirs; the others are new in each process.
pub fn signers() -> Vec<Signer> {
    let rsa = Arc::new(RsaKeyPair::generate(KeySize::Rsa2048).expect("an RSA key"));
    let rsa_spki = der(rsa.public_key());
    let rsa = |algorithm, encoding| {
        Signer::asymmetric(algorithm, &rsa_spki, Material::Rsa(Arc::clone(&rsa), encoding))
    };
    let ed = Ed25519KeyPair::from_seed_unchecked(&[7; 32]).expect("a seed");
    let ed_spki = der(ed.public_key());
    vec![
        Signer::secret(Algorithm::Hs256, hmac::HMAC_SHA256, SECRET),
        Signer::secret(Algorithm::Hs512, hmac::HMAC_SHA512, SECRET),
        Signer::asymmetric(Algorithm::EdDsa, &ed_spki, Material::Ed(ed)),
        Signer::ec(Algorithm::Es256, &ECDSA_P256_SHA256_FIXED_SIGNING),
        Signer::ec(Algorithm::Es384, &ECDSA_P384_SHA384_FIXED_SIGNING),
        rsa(Algorithm::Rs256, &RSA_PKCS1_SHA256),
        rsa(Algorithm::Ps256, &RSA_PSS_SHA256),
    ]
}

/// Those who know public keys alone, and try them as the secret of an HMAC; and a stranger.
pub fn attackers(signers: &[Signer]) -> Vec<Signer> {
    let texts = signers.iter().flat_map(|signer| match &signer.public {
        Public::Secret(_) => Vec::new(),
        Public::Spki(der, pem) => {
            vec![der.clone(), pem.clone().into_bytes(), pem.trim_end().as_bytes().to_vec()]
        }
    });
    let strange = b"another secret: sixty-four bytes, and not a single one here knows".to_vec();
    texts
        .chain([strange, Vec::new()])
        .map(|secret| Signer::secret(Algorithm::Hs256, hmac::HMAC_SHA256, &secret))
        .collect()
}

impl Signer {
    fn secret(algorithm: Algorithm, hash: hmac::Algorithm, secret: &[u8]) -> Self {
        let material = Material::Hmac(Box::new(hmac::Key::new(hash, secret)));
        Self { algorithm, public: Public::Secret(secret.to_vec()), material }
    }

    fn ec(algorithm: Algorithm, curve: &'static EcdsaSigningAlgorithm) -> Self {
        let pair = EcdsaKeyPair::generate(curve).expect("an EC key");
        let spki = der(pair.public_key());
        Self::asymmetric(algorithm, &spki, Material::Ec(pair))
    }

    fn asymmetric(algorithm: Algorithm, spki: &[u8], material: Material) -> Self {
        let lines: Vec<_> = STANDARD
            .encode(spki)
            .as_bytes()
            .chunks(64)
            .map(|line| String::from_utf8_lossy(line).into_owned())
            .collect();
        let pem =
            format!("-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n", lines.join("\n"));
        Self { algorithm, public: Public::Spki(spki.to_vec(), pem), material }
    }

    /// The key as the server has it.
    pub fn key(&self) -> Key {
        let key = match &self.public {
            Public::Secret(secret) => Key::from_secret(secret, Some(self.algorithm)),
            Public::Spki(_, pem) => Key::from_public_pem(pem, Some(self.algorithm)),
        };
        key.expect("a good key")
    }

    /// The public key as a JWK with this `kid`; `None` for a secret, and for RSA with PSS, whose
    /// key is another signer's too.
    pub fn jwk(&self, kid: &str) -> Option<String> {
        let Public::Spki(der, _) = &self.public else { return None };
        // What the key is stands at the end of its SubjectPublicKeyInfo, at a fixed place.
        let tail = |from: usize, len: usize| encode(&der[der.len() - from..][..len]);
        let ec = |curve: &str, len: usize| {
            let (x, y) = (tail(2 * len, len), tail(len, len));
            format!(r#""kty":"EC","crv":"{curve}","x":"{x}","y":"{y}""#)
        };
        let members = match self.algorithm {
            Algorithm::Es256 => ec("P-256", 32),
            Algorithm::Es384 => ec("P-384", 48),
            Algorithm::EdDsa => format!(r#""kty":"OKP","crv":"Ed25519","x":"{}""#, tail(32, 32)),
            Algorithm::Rs256 => format!(r#""kty":"RSA","n":"{}","e":"AQAB""#, tail(261, 256)),
            Algorithm::Hs256 | Algorithm::Hs384 | Algorithm::Hs512 => return None,
            Algorithm::Rs384 | Algorithm::Rs512 => return None,
            Algorithm::Ps256 | Algorithm::Ps384 | Algorithm::Ps512 => return None,
        };
        Some(format!(r#"{{{members},"kid":"{kid}"}}"#))
    }

    /// A signature over anything.
    pub fn sign(&self, input: &[u8]) -> Vec<u8> {
        let random = SystemRandom::new();
        match &self.material {
            Material::Hmac(key) => hmac::sign(key, input).as_ref().to_vec(),
            Material::Rsa(pair, encoding) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(*encoding, &random, input, &mut signature).expect("a signature");
                signature
            }
            Material::Ec(pair) => pair.sign(&random, input).expect("a signature").as_ref().to_vec(),
            Material::Ed(pair) => pair.sign(input).as_ref().to_vec(),
        }
    }

    /// A token of these texts, whatever they say.
    pub fn token(&self, header: impl AsRef<[u8]>, claims: impl AsRef<[u8]>) -> String {
        let input = [header.as_ref(), claims.as_ref()].map(encode).join(".");
        let signature = encode(&self.sign(input.as_bytes()));
        format!("{input}.{signature}")
    }
}

/// base64url without padding.
pub fn encode(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

fn der<T: AsDer<PublicKeyX509Der<'static>>>(key: &T) -> Vec<u8> {
    key.as_der().expect("SPKI").as_ref().to_vec()
}
