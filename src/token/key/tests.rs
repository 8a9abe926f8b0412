//! Which keys are taken, and that each checks only its own algorithm.

use super::super::fixtures::{ED25519, P256, P384, RSA, SECRET, keys, pem};
use super::{ED25519 as ED25519_ENVELOPE, *};

fn secret(text: &[u8], algorithm: Option<Algorithm>) -> Result<Algorithm, KeyFault> {
    Key::from_secret(text, algorithm).map(|key| key.algorithm())
}

fn public(text: &str, algorithm: Option<Algorithm>) -> Result<Algorithm, KeyFault> {
    Key::from_public_pem(text, algorithm).map(|key| key.algorithm())
}

#[test]
fn a_secret_is_at_least_as_long_as_the_hash() {
    let table = [(Algorithm::Hs256, 32), (Algorithm::Hs384, 48), (Algorithm::Hs512, 64)];
    for (algorithm, needed) in table {
        assert_eq!(secret(&SECRET[..needed], Some(algorithm)), Ok(algorithm));
        let short = KeyFault::Short { bytes: needed - 1, needed, algorithm };
        assert_eq!(secret(&SECRET[..needed - 1], Some(algorithm)), Err(short));
    }
    assert_eq!(secret(&SECRET[..32], None), Ok(Algorithm::Hs256));
    let fault = secret(b"", None).unwrap_err();
    assert!(fault.to_string().contains("0 bytes and HS256 takes 32 or more"), "{fault}");
}

#[test]
fn the_text_of_a_key_is_no_secret() {
    let der = [RSA.public_der.as_slice(), &P256.public_der, &P384.public_der, &ED25519.public_der];
    for secret_is_key in [
        RSA.public.as_bytes(),
        P256.private.as_bytes(),
        format!("\n\t {}", ED25519.public).as_bytes(),
        br#" {"kty":"RSA","n":"0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx","e":"AQAB"}"#,
        b"ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAABAQDEXAMPLE",
    ]
    .into_iter()
    .chain(der)
    {
        assert_eq!(secret(secret_is_key, None), Err(KeyFault::SecretIsKey));
    }
}

#[test]
fn a_key_in_no_armour_is_no_secret_either() {
    let (modulus, exponent) = rsa_parts();
    let pkcs1 = pkcs1(&modulus, &exponent);
    for der in [&pkcs1, &RSA.public_der, &P256.public_der, &ED25519.public_der] {
        let lines = pem("PUBLIC KEY", der);
        let body: Vec<&str> = lines.lines().filter(|line| !line.starts_with('-')).collect();
        for secret_is_key in [body.concat(), body.join("\n"), body.join("\r\n") + "\r\n"] {
            let found = secret(secret_is_key.as_bytes(), None);
            assert_eq!(found, Err(KeyFault::SecretIsKey), "{secret_is_key}");
        }
        assert_eq!(secret(der, None), Err(KeyFault::SecretIsKey));
    }
    let marked = format!("\u{FEFF}{}", r#"{"keys":[{"kty":"EC","crv":"P-256","x":"AA"}]}"#);
    assert_eq!(secret(marked.as_bytes(), None), Err(KeyFault::SecretIsKey));
    // Base64 of random bytes is the usual secret, and braces are allowed.
    assert!(secret(STANDARD.encode([0x30; 48]).as_bytes(), None).is_ok());
    assert!(secret(b"{a-secret-in-braces-of-enough-bytes}", None).is_ok());
}

fn rsa_parts() -> (Vec<u8>, Vec<u8>) {
    (PROVIDER.key_utils.rsa_pub_components_from_public_key)(&RSA.public_der).unwrap()
}

/// RSAPublicKey of RFC 8017, A.1.1; the numbers as they stand.
fn pkcs1(modulus: &[u8], exponent: &[u8]) -> Vec<u8> {
    let item = |tag: u8, body: &[u8]| {
        let length = u16::try_from(body.len()).unwrap().to_be_bytes();
        match body.len() {
            ..128 => [&[tag, length[1]], body].concat(),
            128..256 => [&[tag, 0x81, length[1]], body].concat(),
            _ => [&[tag, 0x82, length[0], length[1]], body].concat(),
        }
    };
    let number = |bytes: &[u8]| {
        let positive = if bytes[0] < 0x80 { bytes.to_vec() } else { [&[0], bytes].concat() };
        item(2, &positive)
    };
    item(0x30, &[number(modulus), number(exponent)].concat())
}

#[test]
fn senseless_rsa_numbers_are_refused_in_pem_too() {
    let (modulus, exponent) = rsa_parts();
    let read = |modulus: &[u8], exponent: &[u8]| {
        let text = pem("RSA PUBLIC KEY", &pkcs1(modulus, exponent));
        public(&text, Some(Algorithm::Rs256))
    };
    assert_eq!(read(&modulus, &exponent), Ok(Algorithm::Rs256));
    assert_eq!(read(&modulus, &[3]), Ok(Algorithm::Rs256));
    // The library refuses some by itself.
    for exponent in [&[1][..], &[2], &[1, 0, 0], &[2, 0, 0, 0, 1]] {
        let fault = read(&modulus, exponent).unwrap_err();
        let known = [KeyFault::RsaExponent, KeyFault::Damaged(Family::Rsa)];
        assert!(known.contains(&fault), "{exponent:?}: {fault:?}");
    }
    let even = [&modulus[..255], &[0]].concat();
    assert_eq!(read(&even, &exponent), Err(KeyFault::Damaged(Family::Rsa)));
}

#[test]
fn points_beside_their_curve_are_refused() {
    for (family, pair) in [(Family::P256, &P256), (Family::P384, &P384)] {
        let mut der = pair.public_der.clone();
        let last = der.len() - 1;
        der[last] ^= 1;
        assert_eq!(public(&pem("PUBLIC KEY", &der), None), Err(KeyFault::OffCurve(family)));
        // Both coordinates at or over the field's prime.
        let at = der.len() - if family == Family::P256 { 64 } else { 96 };
        der[at..].fill(0xff);
        assert_eq!(public(&pem("PUBLIC KEY", &der), None), Err(KeyFault::OffCurve(family)));
    }
}

#[test]
fn ed25519_keys_of_small_order_are_refused() {
    let read = |key: [u8; 32]| {
        let der = [ED25519_ENVELOPE, &key].concat();
        public(&pem("PUBLIC KEY", &der), None)
    };
    for key in strength::SMALL_ORDER {
        assert_eq!(read(key), Err(KeyFault::SmallOrder), "{key:?}");
        let mut negative = key;
        negative[31] |= 0x80;
        assert_eq!(read(negative), Err(KeyFault::SmallOrder), "{negative:?}");
    }
    // What the rule is for: the sum of nothing is a signature over everything.
    let neutral = DecodingKey::from_ed_der(&strength::SMALL_ORDER[1]);
    let signature = [strength::SMALL_ORDER[1], [0; 32]].concat();
    let checker = (PROVIDER.verifier_factory)(&library_name(Algorithm::EdDsa), &neutral).unwrap();
    assert!(checker.verify(b"anything", &signature).is_ok());
}

#[test]
fn few_good_keys_bear_the_mark_of_roca() {
    let mut marked = 0;
    // Odd numbers of 64 bits, spread by a fixed multiplier.
    let mut number = 1_u64;
    for _ in 0..100_000 {
        number = number.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        marked += usize::from(strength::is_roca(&(number | 1).to_be_bytes()));
    }
    assert_eq!(marked, 0);
    // Powers of the generator bear it.
    let power = (0..3).fold(1_u64, |power, _| power * 65_537);
    assert!(strength::is_roca(&power.to_be_bytes()));
    assert!(!strength::is_roca(&(power + 2).to_be_bytes()));
}

#[test]
fn every_fault_says_what_to_do() {
    let faults = [
        KeyFault::OffCurve(Family::P256),
        KeyFault::SmallOrder,
        KeyFault::RsaExponent,
        KeyFault::RsaRoca,
        KeyFault::Repeated,
        KeyFault::SecretIsKey,
    ];
    let sentences: Vec<String> = faults.iter().map(ToString::to_string).collect();
    for sentence in &sentences {
        assert!(!sentence.contains("  ") && sentence.len() > 40, "{sentence}");
    }
    assert!(sentences[1..].iter().all(|sentence| sentence.contains(": ")), "{sentences:?}");
}

#[test]
fn the_kind_of_key_decides_and_the_configuration_chooses() {
    assert_eq!(public(&P256.public, None), Ok(Algorithm::Es256));
    assert_eq!(public(&P384.public, None), Ok(Algorithm::Es384));
    assert_eq!(public(&ED25519.public, None), Ok(Algorithm::EdDsa));
    assert_eq!(public(&RSA.public, None), Err(KeyFault::Choice(Family::Rsa)));
    for algorithm in Algorithm::ALL {
        let pairs = [
            (Family::Rsa, &RSA),
            (Family::P256, &P256),
            (Family::P384, &P384),
            (Family::Ed25519, &ED25519),
        ];
        for (family, pair) in pairs {
            let expected = if algorithm.family() == family {
                Ok(*algorithm)
            } else {
                Err(KeyFault::Mismatch { algorithm: *algorithm, family })
            };
            assert_eq!(public(&pair.public, Some(*algorithm)), expected);
        }
    }
    let mismatch = KeyFault::Mismatch { algorithm: Algorithm::Rs256, family: Family::Hmac };
    assert_eq!(secret(SECRET, Some(Algorithm::Rs256)), Err(mismatch));
}

const RSA_1024: &str = "\
-----BEGIN PUBLIC KEY-----
MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDCiEZgFyxsjkujPymDEA41m2mH
rhvg8vv4NJmfTRoiVGdEzWAPFn8gkGCJ8s0/LxTVooWhSJWk+H9pguycshaLQv6B
qdLCsKnmLSouy9C4Tj7K8ZfrmqwdRmcyEQvd3OkufEUjv8O/cPAEXJGB3St3j2Jn
a4IwJP4XJzJssLCGYQIDAQAB
-----END PUBLIC KEY-----
";
const P521: &str = "\
-----BEGIN PUBLIC KEY-----
MIGbMBAGByqGSM49AgEGBSuBBAAjA4GGAAQAD0n+stgJgbnb6pnCY+xAUGPKEfJS
ymJF72+QvkDg/C135vvEs7h3tZyFwXEXQILhQI46z97p7LJPyfNe75NKC8YBNf0S
6heLicl/gqBNy8GvGllyB8/Xz56PyPCnIC+AgptDZdF4xjzhIwq7pyNDriK3Teru
M5onmwn68dSJ2xo490A=
-----END PUBLIC KEY-----
";
const SECP256K1: &str = "\
-----BEGIN PUBLIC KEY-----
MFYwEAYHKoZIzj0CAQYFK4EEAAoDQgAEjbS/0KJq+RlEGnAWUwauScCXaktHCpU5
eixXGY1q3Iid6S/GFENqz/8pL7Uiespi60viBaBD6aqzaUVqZGnEqw==
-----END PUBLIC KEY-----
";
const ED448: &str = "\
-----BEGIN PUBLIC KEY-----
MEMwBQYDK2VxAzoAi1jvqZGSQAshB6lDx9euvfgWy7G3qhECb8ttUOrO97m+85Yw
bo2J/UbVlMKJ8LOycxNgYvDS2xYA
-----END PUBLIC KEY-----
";
const P256_COMPRESSED: &str = "\
-----BEGIN PUBLIC KEY-----
MDkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDIgADZw6KhjETka4KSvsJnc+P1UnvDyzf
T1jWC5tL49e+bLE=
-----END PUBLIC KEY-----
";

#[test]
fn weak_foreign_and_damaged_keys_are_refused() {
    let rs256 = Some(Algorithm::Rs256);
    assert_eq!(public(RSA_1024, rs256), Err(KeyFault::RsaSize { bits: 1_024 }));
    for text in [P521, SECP256K1, ED448] {
        assert_eq!(public(text, None), Err(KeyFault::Unsupported), "{text}");
    }
    assert_eq!(public(P256_COMPRESSED, None), Err(KeyFault::Damaged(Family::P256)));
    let cut = &RSA.public_der[..200];
    assert_eq!(public(&pem("PUBLIC KEY", cut), rs256), Err(KeyFault::Damaged(Family::Rsa)));
    let cut = &ED25519.public_der[..40];
    assert_eq!(public(&pem("PUBLIC KEY", cut), None), Err(KeyFault::Damaged(Family::Ed25519)));
    let long = [P384.public_der.as_slice(), b"\0"].concat();
    assert_eq!(public(&pem("PUBLIC KEY", &long), None), Err(KeyFault::Damaged(Family::P384)));
}

#[test]
fn what_is_no_public_key_is_named() {
    for text in ["", "secret", "-----BEGIN PUBLIC KEY-----", "-----BEGIN PUBLIC KEY-----\nAAAA\n"] {
        assert_eq!(public(text, None), Err(KeyFault::NotPem), "{text}");
    }
    let text = "-----BEGIN PUBLIC KEY-----\n*\n-----END PUBLIC KEY-----";
    assert_eq!(public(text, None), Err(KeyFault::NotPem));
    assert_eq!(public(&P256.private, None), Err(KeyFault::Private));
    assert_eq!(public(&pem("RSA PRIVATE KEY", b"x"), None), Err(KeyFault::Private));
    assert_eq!(public(&pem("CERTIFICATE", b"x"), None), Err(KeyFault::Certificate));
    assert_eq!(public(&pem("DH PARAMETERS", b"x"), None), Err(KeyFault::Unsupported));
    assert_eq!(public(&format!("{}{}", P256.public, P384.public), None), Err(KeyFault::Several));
}

#[test]
fn rsa_sizes_are_counted_in_bits() {
    let modulus = |bits: usize| {
        let mut bytes = vec![0xff; bits / 8];
        bytes.insert(0, 0);
        bytes
    };
    assert_eq!(check_rsa_bits(&modulus(2_048)), Ok(()));
    assert_eq!(check_rsa_bits(&modulus(8_192)), Ok(()));
    assert_eq!(check_rsa_bits(&modulus(8_200)), Err(KeyFault::RsaSize { bits: 8_200 }));
    let mut bytes = vec![0xff; 256];
    bytes[0] = 0x7f;
    assert_eq!(check_rsa_bits(&bytes), Err(KeyFault::RsaSize { bits: 2_047 }));
    assert_eq!(check_rsa_bits(&[]), Err(KeyFault::RsaSize { bits: 0 }));
}

#[test]
fn every_algorithm_checks_its_own_signatures_alone() {
    for algorithm in Algorithm::ALL {
        let (signing, key) = keys(*algorithm);
        let token = signing.sign("{}").unwrap();
        let compact = super::super::Compact::parse(&token, 8_192).unwrap();
        let (input, signature) = (compact.signing_input().as_bytes(), compact.signature());
        assert!(key.verify(input, signature), "{algorithm}");
        assert!(!key.verify(b"other", signature), "{algorithm}");
        assert!(!key.verify(input, &[]), "{algorithm}");
        assert!(!key.verify(input, &signature[1..]), "{algorithm}");
        for other in Algorithm::ALL.iter().filter(|other| *other != algorithm) {
            assert!(!keys(*other).1.verify(input, signature), "{algorithm} as {other}");
        }
    }
}

#[test]
fn keys_do_not_print() {
    let key = Key::from_secret(SECRET, None).unwrap();
    assert_eq!(format!("{key:?}"), "Key { algorithm: Hs256, .. }");
}
