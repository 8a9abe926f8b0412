//! What makes a public key too weak to trust, whatever form it came in.

use super::{super::algorithm::Family, KeyFault};
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED, ECDSA_P384_SHA384_FIXED, ParsedPublicKey};
use std::ops::RangeInclusive;

/// Sizes of RSA keys that pass, in bits (RFC 7518 3.3, and what the library takes).
pub(super) const RSA_BITS: RangeInclusive<usize> = 2_048..=8_192;

/// The longest RSA exponent, in bits: longer ones only make checking slow, and the library
/// refuses them.
const EXPONENT_BITS: usize = 33;

/// Small primes modulo which every modulus of the broken generator is a power of 65537, and few
/// others are: one in a hundred million is refused without cause.
const ROCA_PRIMES: [u32; 17] =
    [11, 13, 17, 19, 37, 53, 61, 71, 73, 79, 97, 103, 107, 109, 127, 151, 157];
const ROCA_GENERATOR: u32 = 65_537;

/// The Ed25519 keys whose order divides 8, in each of their encodings, the sign bit cleared: 0, 1,
/// the two of order 8, and -1, 0 and 1 as they are around the field's prime.
pub(super) const SMALL_ORDER: [[u8; 32]; 7] = [
    [0; 32],
    little(1),
    [
        0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0, 0x45, 0xc3, 0xf4, 0x89, 0xf2, 0xef, 0x98,
        0xf0, 0xd5, 0xdf, 0xac, 0x05, 0xd3, 0xc6, 0x33, 0x39, 0xb1, 0x38, 0x02, 0x88, 0x6d, 0x53,
        0xfc, 0x05,
    ],
    [
        0xc7, 0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f, 0xba, 0x3c, 0x0b, 0x76, 0x0d, 0x10, 0x67,
        0x0f, 0x2a, 0x20, 0x53, 0xfa, 0x2c, 0x39, 0xcc, 0xc6, 0x4e, 0xc7, 0xfd, 0x77, 0x92, 0xac,
        0x03, 0x7a,
    ],
    around_prime(0xec),
    around_prime(0xed),
    around_prime(0xee),
];

const fn little(number: u8) -> [u8; 32] {
    let mut bytes = [0; 32];
    bytes[0] = number;
    bytes
}

const fn around_prime(lowest: u8) -> [u8; 32] {
    let mut bytes = [0xff; 32];
    bytes[0] = lowest;
    bytes[31] = 0x7f;
    bytes
}

/// Judges the numbers of an RSA key.
pub(super) fn check_rsa(modulus: &[u8], exponent: &[u8]) -> Result<(), KeyFault> {
    check_rsa_bits(modulus)?;
    if modulus.last().is_none_or(|byte| byte % 2 == 0) {
        return Err(KeyFault::Damaged(Family::Rsa));
    }
    let odd = exponent.last().is_some_and(|byte| byte % 2 == 1);
    if !odd || !(2..=EXPONENT_BITS).contains(&bits(exponent)) {
        return Err(KeyFault::RsaExponent);
    }
    if is_roca(modulus) { Err(KeyFault::RsaRoca) } else { Ok(()) }
}

/// Judges the size of an RSA modulus.
pub(in super::super) fn check_rsa_bits(modulus: &[u8]) -> Result<(), KeyFault> {
    let bits = bits(modulus);
    if RSA_BITS.contains(&bits) { Ok(()) } else { Err(KeyFault::RsaSize { bits }) }
}

/// Judges a point of a curve, or an Ed25519 key.
pub(super) fn check_point(family: Family, point: &[u8]) -> Result<(), KeyFault> {
    // The length first: the library reads other forms of a point as well.
    let (bytes, on_curve) = match family {
        Family::P256 => (65, ParsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point).is_ok()),
        Family::P384 => (97, ParsedPublicKey::new(&ECDSA_P384_SHA384_FIXED, point).is_ok()),
        Family::Ed25519 => (32, true),
        Family::Hmac | Family::Rsa => return Err(KeyFault::Unsupported),
    };
    if point.len() != bytes {
        return Err(KeyFault::Damaged(family));
    }
    if !on_curve {
        return Err(KeyFault::OffCurve(family));
    }
    if family == Family::Ed25519 && is_small_order(point) {
        return Err(KeyFault::SmallOrder);
    }
    Ok(())
}

fn is_small_order(key: &[u8]) -> bool {
    let mut key = key.to_vec();
    if let Some(last) = key.last_mut() {
        *last &= 0x7f;
    }
    SMALL_ORDER.iter().any(|small| key == small)
}

/// The length of a number without its leading zeros.
fn bits(number: &[u8]) -> usize {
    let zeros = number.iter().take_while(|byte| **byte == 0).count();
    let top = number.get(zeros).map_or(0, |byte| byte.leading_zeros() as usize);
    ((number.len() - zeros) * 8).saturating_sub(top)
}

/// Whether the modulus bears the mark of CVE-2017-15361.
pub(super) fn is_roca(modulus: &[u8]) -> bool {
    ROCA_PRIMES.iter().all(|prime| {
        let rest = modulus.iter().fold(0, |rest, byte| (rest * 256 + u32::from(*byte)) % prime);
        let powers = std::iter::successors(Some(1), |power| Some(power * ROCA_GENERATOR % prime));
        powers.take(*prime as usize).any(|power| power == rest)
    })
}
