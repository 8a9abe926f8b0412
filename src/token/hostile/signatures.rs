//! Signatures that are not the key's.

use super::{
    Row,
    making::{HEADER, bare, changed, claims, claims_with, hs256, put_together, under},
};
use crate::token::{
    Algorithm, HeaderFault, Rejection,
    fixtures::{ED25519, P256, Pair, RSA, SECRET, keys, pem},
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};

pub(super) fn rows() -> Vec<Row> {
    [secrets(), macs(), public_keys(), brought_keys(), psychic(), shapes()]
        .into_iter()
        .flatten()
        .collect()
}

fn forged(name: impl Into<String>, token: String) -> Row {
    Row::app(name, token, Rejection::Signature)
}

/// Secrets that somebody might try.
fn secrets() -> Vec<Row> {
    let mut longer = SECRET.to_vec();
    longer.push(b'x');
    let secrets: &[(&str, &[u8])] = &[
        ("another secret", &[7; 64]),
        ("an empty secret", b""),
        ("a NUL", b"\0"),
        ("half of the secret", &SECRET[..32]),
        ("the secret without its last byte", &SECRET[..63]),
        ("the secret and a byte", &longer),
        ("\"secret\"", b"secret"),
        ("\"null\"", b"null"),
        ("the issuer", b"https://app.example"),
        ("the header", HEADER.as_bytes()),
    ];
    let claims = claims_with(&[]);
    let token = |secret: &[u8]| hs256(secret, HEADER.as_bytes(), claims.as_bytes());
    secrets
        .iter()
        .map(|(name, secret)| forged(format!("signed with {name}"), token(secret)))
        .collect()
}

/// A good token, its MAC changed.
fn with_mac(change: impl FnOnce(&[u8]) -> Vec<u8>) -> String {
    changed(|parts| {
        let mac = URL_SAFE_NO_PAD.decode(&parts[2]).expect("a MAC");
        parts[2] = URL_SAFE_NO_PAD.encode(change(&mac));
    })
}

/// A MAC that is not over this text.
fn macs() -> Vec<Row> {
    let late = hs256(&[7; 64], HEADER.as_bytes(), claims("exp", "0").as_bytes());
    let early = hs256(&[7; 64], HEADER.as_bytes(), claims("nbf", "1800000000").as_bytes());
    let claims_of = |name: &str, value: &str| URL_SAFE_NO_PAD.encode(claims(name, value));
    let swap = |parts: &mut [String; 3]| {
        let other = under(HEADER, &claims("sub", r#""bob""#));
        parts[2] = other.rsplit('.').next().expect("a signature").to_owned();
    };
    vec![
        forged("half a MAC", with_mac(|mac| mac[..16].to_vec())),
        forged("a MAC without its last byte", with_mac(|mac| mac[..31].to_vec())),
        forged("a MAC without its first byte", with_mac(|mac| mac[1..].to_vec())),
        forged("a MAC and a byte", with_mac(|mac| [mac, b"\0"].concat())),
        forged(
            "a MAC with its last bit changed",
            with_mac(|mac| [&mac[..31], &[mac[31] ^ 1]].concat()),
        ),
        forged("zeros for a MAC", changed(|parts| parts[2] = "A".repeat(43))),
        forged("one byte for a MAC", changed(|parts| parts[2] = "AA".into())),
        forged("4 KiB for a MAC", changed(|parts| parts[2] = "A".repeat(4_096))),
        forged("the claims for a MAC", changed(|parts| parts[2] = parts[1].clone())),
        forged("the MAC of other claims", changed(swap)),
        forged("another user", changed(|parts| parts[1] = claims_of("sub", r#""bob""#))),
        forged("more rooms", changed(|parts| parts[1] = claims_of("rooms", r#"{"**":"*"}"#))),
        forged("a longer life", changed(|parts| parts[1] = claims_of("exp", "1893456000"))),
        forged(
            "a space in the claims",
            changed(|parts| {
                parts[1] = URL_SAFE_NO_PAD.encode(claims_with(&[]) + " ");
            }),
        ),
        forged(
            "another header",
            changed(|parts| {
                parts[0] = URL_SAFE_NO_PAD.encode(r#"{"typ":"JWT","alg":"HS256"}"#);
            }),
        ),
        forged(
            "a kid put in",
            changed(|parts| {
                parts[0] = URL_SAFE_NO_PAD.encode(r#"{"alg":"HS256","typ":"JWT","kid":"a"}"#);
            }),
        ),
        // What time says about a forged token is nobody's business.
        forged("expired and forged", late),
        forged("early and forged", early),
        forged("no room and forged", changed(|parts| parts[1] = claims_of("rooms", "1"))),
    ]
}

/// Public keys in all their spellings as HMAC secrets (CVE-2016-10555 and its heirs).
fn public_keys() -> Vec<Row> {
    let pairs: [(&Pair, Algorithm, usize, &str); 3] = [
        (&RSA, Algorithm::Rs256, 24, r#"{"e":"AQAB","kty":"RSA","n":"#),
        (&P256, Algorithm::Es256, 26, r#"{"crv":"P-256","kty":"EC","x":"#),
        (&ED25519, Algorithm::EdDsa, 12, r#"{"crv":"Ed25519","kty":"OKP","x":"#),
    ];
    let mut rows = Vec::new();
    for (pair, key, head, jwk) in pairs {
        let inner = &pair.public_der[head..];
        let jwk = format!("{jwk}\"{}\"}}", URL_SAFE_NO_PAD.encode(inner));
        let secrets = [
            ("SPKI in DER", pair.public_der.clone()),
            ("SPKI in PEM", pair.public.clone().into()),
            ("PEM without its last line break", pair.public.trim_end().into()),
            ("PEM with CRLF", pair.public.replace('\n', "\r\n").into()),
            ("PEM behind a space", format!(" {}", pair.public).into()),
            ("PEM in one line", pair.public.replace('\n', "").into()),
            ("the bare key", inner.to_vec()),
            ("the bare key in PEM", pem("RSA PUBLIC KEY", inner).into()),
            ("a JWK", jwk.clone().into()),
            ("a set of JWKs", format!(r#"{{"keys":[{jwk}]}}"#).into()),
        ];
        let verifier = bare(key);
        for (name, secret) in secrets {
            let claims = claims_with(&[]);
            let name = format!("{key}: {name} as a secret");
            let honest = hs256(&secret, br#"{"alg":"HS256"}"#, claims.as_bytes());
            let fault = HeaderFault::AlgorithmMismatch { key, token: Algorithm::Hs256 };
            rows.push(Row::new(&verifier, name.clone(), honest, fault));
            let header = format!(r#"{{"alg":"{key}"}}"#);
            let renamed = hs256(&secret, header.as_bytes(), claims.as_bytes());
            rows.push(Row::new(&verifier, name + ", renamed", renamed, Rejection::Signature));
        }
    }
    rows
}

/// Keys that a token brings along or points to (CVE-2018-0114 and its heirs).
fn brought_keys() -> Vec<Row> {
    let secret = b"attacker-attacker-attacker-attacker";
    let k = URL_SAFE_NO_PAD.encode(secret);
    let headers = [
        format!(r#"{{"alg":"HS256","jwk":{{"kty":"oct","k":"{k}"}}}}"#),
        format!(r#"{{"alg":"HS256","jwk":{{"kty":"oct","k":"{k}","kid":"a"}},"kid":"a"}}"#),
        r#"{"alg":"HS256","jku":"https://app.example/.well-known/jwks.json"}"#.to_owned(),
        r#"{"alg":"HS256","jku":"https://app.example@evil.example/jwks"}"#.to_owned(),
        r#"{"alg":"HS256","jku":"file:///etc/passwd"}"#.to_owned(),
        r#"{"alg":"HS256","jku":"http://169.254.169.254/latest/meta-data/"}"#.to_owned(),
        r#"{"alg":"HS256","x5u":"https://evil.example/cert.pem"}"#.to_owned(),
        r#"{"alg":"HS256","x5c":["MIIBszCCAVmgAwIBAgIU"]}"#.to_owned(),
        r#"{"alg":"HS256","x5t":"dGh1bWI","x5t#S256":"dGh1bWI"}"#.to_owned(),
        r#"{"alg":"HS256","kid":"../../../../dev/null"}"#.to_owned(),
        r#"{"alg":"HS256","kid":"a' UNION SELECT 'attacker"}"#.to_owned(),
        r#"{"alg":"HS256","kid":"a\u0000"}"#.to_owned(),
        r#"{"alg":"HS256","iss":"https://app.example","aud":"chat"}"#.to_owned(),
    ];
    headers
        .into_iter()
        .map(|header| {
            let token = hs256(secret, header.as_bytes(), claims_with(&[]).as_bytes());
            forged(format!("an attacker's key under {header}"), token)
        })
        .collect()
}

/// The order of P-256.
const P256_ORDER: [u8; 32] = [
    0xFF, 0xFF, 0xFF, 0xFF, 0, 0, 0, 0, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xBC, 0xE6,
    0xFA, 0xAD, 0xA7, 0x17, 0x9E, 0x84, 0xF3, 0xB9, 0xCA, 0xC2, 0xFC, 0x63, 0x25, 0x51,
];
/// The order of Ed25519, lowest byte first.
const ED25519_ORDER: [u8; 32] = [
    0xED, 0xD3, 0xF5, 0x5C, 0x1A, 0x63, 0x12, 0x58, 0xD6, 0x9C, 0xF7, 0xA2, 0xDE, 0xF9, 0xDE, 0x14,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10,
];

/// Numbers that satisfy a careless check for any key (CVE-2022-21449).
fn psychic() -> Vec<Row> {
    let number = |byte: u8| {
        let mut number = [0; 32];
        number[31] = byte;
        number
    };
    let (zero, one, all) = (number(0), number(1), [0xFF; 32]);
    let numbers = [("0", zero), ("1", one), ("n", P256_ORDER), ("2^256-1", all)];
    let es256 = bare(Algorithm::Es256);
    let header = r#"{"alg":"ES256"}"#;
    let mut rows = Vec::new();
    for (r_name, r) in numbers {
        for (s_name, s) in numbers {
            let token = put_together(header, &claims_with(&[]), &[r, s].concat());
            let name = format!("ES256: r = {r_name}, s = {s_name}");
            rows.push(Row::new(&es256, name, token, Rejection::Signature));
        }
    }
    let identity = {
        let mut point = [0; 32];
        point[0] = 1;
        point
    };
    let eddsa = bare(Algorithm::EdDsa);
    for (name, r) in [("zeros", [0; 32]), ("the identity", identity), ("all bits", all)] {
        let token = put_together(r#"{"alg":"EdDSA"}"#, &claims_with(&[]), &[r, [0; 32]].concat());
        let name = format!("EdDSA: R is {name}, S = 0");
        rows.push(Row::new(&eddsa, name, token, Rejection::Signature));
    }
    for (name, byte) in [("zeros", 0), ("a one", 1), ("all bits", 0xFF)] {
        let mut signature = [if byte == 1 { 0 } else { byte }; 256];
        signature[255] = byte;
        for algorithm in [Algorithm::Rs256, Algorithm::Ps256] {
            let header = format!(r#"{{"alg":"{algorithm}"}}"#);
            let token = put_together(&header, &claims_with(&[]), &signature);
            let name = format!("{algorithm}: {name} for a signature");
            rows.push(Row::new(&bare(algorithm), name, token, Rejection::Signature));
        }
    }
    rows
}

/// True signatures in a wrong shape.
fn shapes() -> Vec<Row> {
    type Change = fn(Vec<u8>) -> Vec<u8>;
    let table: [(Algorithm, &str, Change); 13] = [
        (Algorithm::Es256, "r and s changed about", |it| [&it[32..], &it[..32]].concat()),
        (Algorithm::Es256, "r alone", |it| it[..32].to_vec()),
        (Algorithm::Es256, "a byte short", |it| it[..63].to_vec()),
        (Algorithm::Es256, "a zero behind", |it| [&it[..], &[0]].concat()),
        (Algorithm::Es256, "in DER", |it| der(&it[..32], &it[32..])),
        (Algorithm::Es256, "twice", |it| [&it[..], &it[..]].concat()),
        (Algorithm::EdDsa, "S and the order", |it| [&it[..32], &plus_order(&it[32..])].concat()),
        (Algorithm::EdDsa, "a zero behind", |it| [&it[..], &[0]].concat()),
        (Algorithm::EdDsa, "R alone", |it| it[..32].to_vec()),
        (Algorithm::Rs256, "a zero in front", |it| [&[0], &it[..]].concat()),
        (Algorithm::Rs256, "a byte short", |it| it[..255].to_vec()),
        (Algorithm::Ps256, "a zero behind", |it| [&it[..], &[0]].concat()),
        (Algorithm::Ps256, "a byte short", |it| it[1..].to_vec()),
    ];
    let mut rows = Vec::new();
    for (algorithm, name, change) in table {
        let token = keys(algorithm).0.sign(&claims_with(&[])).expect("a token");
        let (input, signature) = token.rsplit_once('.').expect("a signature");
        let signature = change(URL_SAFE_NO_PAD.decode(signature).expect("base64url"));
        let token = format!("{input}.{}", URL_SAFE_NO_PAD.encode(signature));
        let name = format!("{algorithm}: {name}");
        rows.push(Row::new(&bare(algorithm), name, token, Rejection::Signature));
    }
    // One RSA key, one hash, two paddings: the key is pinned to one of them.
    for (key, other) in [(Algorithm::Rs256, Algorithm::Ps256), (Algorithm::Ps256, Algorithm::Rs256)]
    {
        let header = format!(r#"{{"alg":"{key}"}}"#);
        let signing = keys(other).0;
        let token = signing.sign_with_header(&header, &claims_with(&[])).expect("a token");
        let name = format!("{key}: signed as {other}");
        rows.push(Row::new(&bare(key), name, token, Rejection::Signature));
    }
    rows
}

/// ECDSA-Sig-Value: what most libraries make before they convert it (RFC 7518 3.4).
fn der(r: &[u8], s: &[u8]) -> Vec<u8> {
    let integer = |number: &[u8]| {
        let zero = usize::from(number[0] >= 0x80);
        let mut integer = vec![2, (number.len() + zero) as u8];
        integer.resize(2 + zero, 0);
        integer.extend(number);
        integer
    };
    let both = [integer(r), integer(s)].concat();
    [&[0x30, both.len() as u8], &both[..]].concat()
}

/// The same number modulo the order of Ed25519, in a second spelling.
fn plus_order(number: &[u8]) -> Vec<u8> {
    let mut carry = 0_u16;
    let add = |(one, other): (&u8, &u8)| {
        carry = u16::from(*one) + u16::from(*other) + (carry >> 8);
        carry as u8
    };
    number.iter().zip(&ED25519_ORDER).map(add).collect()
}
