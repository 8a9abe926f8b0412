//! PEM envelopes (RFC 7468) of keys: just enough to tell what lies in one.

use super::{algorithm::Family, key::KeyFault};
use base64::{Engine, engine::general_purpose::STANDARD};

const RSA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01];
const P256: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07];
const P384: &[u8] = &[0x2b, 0x81, 0x04, 0x00, 0x22];
const ED25519: &[u8] = &[0x06, 0x03, 0x2b, 0x65, 0x70];

/// The object identifiers that name a family.
const FAMILIES: [(&[u8], Family); 4] =
    [(RSA, Family::Rsa), (P256, Family::P256), (P384, Family::P384), (ED25519, Family::Ed25519)];

/// The identifiers stand this close to the start of a key, in bytes; what follows is the key.
const IDENTIFIER_BYTES: usize = 32;

/// One PEM block.
pub(super) struct Pem<'a> {
    pub(super) label: &'a str,
    pub(super) der: Vec<u8>,
}

impl<'a> Pem<'a> {
    /// Reads the only block in `text`.
    pub(super) fn parse(text: &'a str) -> Result<Self, KeyFault> {
        let (_, rest) = text.split_once("-----BEGIN ").ok_or(KeyFault::NotPem)?;
        let (label, rest) = rest.split_once("-----").ok_or(KeyFault::NotPem)?;
        let (body, rest) = rest.split_once("-----END ").ok_or(KeyFault::NotPem)?;
        if rest.contains("-----BEGIN ") {
            return Err(KeyFault::Several);
        }
        let body: String = body.split_ascii_whitespace().collect();
        let der = STANDARD.decode(body).map_err(|_| KeyFault::NotPem)?;
        Ok(Self { label, der })
    }
}

/// A block with `label`, in lines of 64 characters (RFC 7468 2).
pub(super) fn encode(label: &str, der: &[u8]) -> String {
    const LINE: usize = 64;
    let mut text = format!("-----BEGIN {label}-----\n");
    for (at, letter) in STANDARD.encode(der).chars().enumerate() {
        if at > 0 && at % LINE == 0 {
            text.push('\n');
        }
        text.push(letter);
    }
    text + &format!("\n-----END {label}-----\n")
}

/// What kind of key the DER of a SubjectPublicKeyInfo or of a PKCS #8 key holds.
pub(super) fn family(der: &[u8]) -> Option<Family> {
    let start = der.get(..IDENTIFIER_BYTES).unwrap_or(der);
    let names = |identifier: &[u8]| start.windows(identifier.len()).any(|at| at == identifier);
    FAMILIES.iter().find(|(identifier, _)| names(identifier)).map(|(_, family)| *family)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_encoded_is_read_back() {
        for bytes in [1, 47, 48, 49, 96, 1_000] {
            let der: Vec<u8> = (0..bytes).map(|at| at as u8).collect();
            let text = encode("PUBLIC KEY", &der);
            assert!(text.lines().all(|line| line.len() <= 64) && text.ends_with("-----\n"));
            assert!(!text.contains("\n\n"), "{text}");
            let pem = Pem::parse(&text).unwrap();
            assert_eq!((pem.label, pem.der), ("PUBLIC KEY", der));
        }
    }
}
