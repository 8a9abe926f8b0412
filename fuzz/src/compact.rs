//! The compact form against a decoder that works bit by bit.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use vestibule::token::{Compact, TOKEN_BYTES};

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// A token parses exactly if the naive decoder can read it, into the same bytes, and what parses
/// has one spelling.
pub fn compact(data: &[u8]) {
    let Ok(token) = str::from_utf8(data) else { return };
    for limit in [64, TOKEN_BYTES] {
        let reference = naive(token).filter(|_| token.len() <= limit);
        match (Compact::parse(token, limit), reference) {
            (Ok(compact), Some(reference)) => {
                let parts = parts(&compact);
                assert_eq!(parts, reference.each_ref().map(Vec::as_slice));
                assert_eq!(parts.map(|part| URL_SAFE_NO_PAD.encode(part)).join("."), token);
                let (input, _) = token.rsplit_once('.').expect("three parts");
                assert_eq!(compact.signing_input(), input);
            }
            (Err(_), None) => {}
            (ours, reference) => panic!("{:?}, naively {reference:?}", ours.err()),
        }
    }
}

/// The three parts, decoded.
pub(crate) fn parts<'a>(compact: &'a Compact<'_>) -> [&'a [u8]; 3] {
    [compact.header().as_bytes(), compact.claims().as_bytes(), compact.signature()]
}

fn naive(token: &str) -> Option<[Vec<u8>; 3]> {
    let parts: Vec<_> = token.split('.').map(bytes).collect::<Option<_>>()?;
    let [header, claims, signature] = <[Vec<u8>; 3]>::try_from(parts).ok()?;
    let texts = str::from_utf8(&header).is_ok() && str::from_utf8(&claims).is_ok();
    texts.then_some([header, claims, signature])
}

/// Six bits a character; what is left over are fewer than six, and all zero.
fn bytes(part: &str) -> Option<Vec<u8>> {
    let mut bits = Vec::new();
    for character in part.bytes() {
        let value = ALPHABET.iter().position(|known| *known == character)?;
        bits.extend((0..6).rev().map(|at| value >> at & 1 == 1));
    }
    let whole = bits.len() / 8 * 8;
    let rest = bits.split_off(whole);
    let byte = |bits: &[bool]| bits.iter().fold(0, |byte, bit| byte << 1 | u8::from(*bit));
    let clean = rest.len() < 6 && !rest.contains(&true) && !bits.is_empty();
    clean.then(|| bits.chunks(8).map(byte).collect())
}
