//! Wycheproof: every vector of its four JOSE files.

use super::*;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use std::collections::BTreeMap;
use vestibule::token::{Algorithm, Family, HeaderFault, Key, KeyFault, Part, Signatures};

/// One vector and the keys of its group.
struct Vector {
    id: u64,
    group: String,
    keys: Value,
    /// The keys with their private halves, where there are two forms.
    private: Option<Value>,
    token: String,
    valid: bool,
}

/// The vectors of a file, whose own count must be right.
fn vectors(file: &str, member: &str) -> Vec<Vector> {
    let file = load(&format!("wycheproof/{file}"));
    let mut vectors = Vec::new();
    for group in file["testGroups"].as_array().unwrap() {
        let (private, public) = (&group["private"], group.get("public"));
        for test in group["tests"].as_array().unwrap() {
            // One file holds both kinds of tokens.
            let token = test.get(member).or_else(|| test.get("jwe")).unwrap();
            vectors.push(Vector {
                id: test["tcId"].as_u64().unwrap(),
                group: group["comment"].as_str().unwrap().to_owned(),
                keys: public.unwrap_or(private).clone(),
                private: public.map(|_| private.clone()),
                token: text(token),
                valid: test["result"] == "valid",
            });
        }
    }
    assert_eq!(file["numberOfTests"].as_u64(), Some(vectors.len() as u64));
    vectors
}

/// How a vector ended, with the sets that are refused whole.
#[derive(Debug, PartialEq)]
enum Verdict {
    Accepted,
    Refused(Rejection),
    NoRing(SetFault),
}

fn verdict(vector: &Vector) -> Verdict {
    match ring(&vector.keys).map(|ring| judge(&vector.token, &ring)) {
        Ok(Ok(())) => Verdict::Accepted,
        Ok(Err(rejection)) => Verdict::Refused(rejection),
        Err(fault) => Verdict::NoRing(fault),
    }
}

fn kind(verdict: &Verdict) -> &'static str {
    match verdict {
        Verdict::Accepted => "accepted",
        Verdict::Refused(Rejection::Form(_)) => "form",
        Verdict::Refused(Rejection::Header(_)) => "header",
        Verdict::Refused(Rejection::Key(_)) => "key",
        Verdict::Refused(Rejection::Signature) => "signature",
        Verdict::Refused(other) => panic!("{other:?}"),
        Verdict::NoRing(_) => "no ring",
    }
}

fn tally<'a>(verdicts: impl IntoIterator<Item = &'a Verdict>) -> Vec<(&'static str, usize)> {
    let mut tally = BTreeMap::new();
    for verdict in verdicts {
        *tally.entry(kind(verdict)).or_default() += 1;
    }
    tally.into_iter().collect()
}

/// Vectors labelled valid that are refused, and by which rule.
fn strictness(id: u64) -> Option<Verdict> {
    let refused = |rejection: Rejection| Some(Verdict::Refused(rejection));
    match id {
        // Empty payload.
        259 | 264 | 268 | 272 | 320 | 325 => refused(FormFault::EmptyPart(Part::Claims).into()),
        // Payload of arbitrary bytes.
        263 | 267 | 271 | 275 | 323 | 328 => refused(FormFault::NotUtf8(Part::Claims).into()),
        // The key says PS256, the token PS384.
        346 | 350 => refused(
            HeaderFault::AlgorithmMismatch { key: Algorithm::Ps256, token: Algorithm::Ps384 }
                .into(),
        ),
        // P-521.
        347 | 351 => {
            let key_id = Some("bilbo.baggins@hobbiton.example".into());
            let note = Note { place: 1, key_id, why: LeftOut::UnknownKind };
            Some(Verdict::NoRing(SetFault::Empty(vec![note])))
        }
        // A "?" in the base64url.
        372 => refused(FormFault::Alphabet(Part::Header).into()),
        373 => refused(FormFault::Alphabet(Part::Claims).into()),
        _ => None,
    }
}

/// Labelled invalid for a padding that they do not have: byte by byte they are 357, which is valid.
const MISLABELLED: [u64; 2] = [367, 370];

#[test]
fn signatures() {
    let vectors = vectors("json_web_signature_test.json", "jws");
    let (mut passed, mut refused, mut strict) = (0, Vec::new(), 0);
    let model = vectors.iter().find(|vector| vector.id == 357).unwrap();
    for vector in &vectors {
        let Vector { id, valid, .. } = vector;
        let verdict = verdict(vector);
        if MISLABELLED.contains(id) {
            assert!(!valid && vector.token == model.token, "{id}");
            assert_eq!(verdict, Verdict::Accepted, "{id}");
        } else if let Some(expected) = strictness(*id) {
            assert!(valid, "{id}");
            assert_eq!(verdict, expected, "{id}");
            strict += 1;
        } else if *valid {
            assert_eq!(verdict, Verdict::Accepted, "{id}");
            passed += 1;
        } else {
            assert_ne!(verdict, Verdict::Accepted, "{id}");
            refused.push(verdict);
        }
    }
    assert_eq!((passed, strict, refused.len()), (28, 18, 353));
    // Most come as far as the signature: they are not refused by accident.
    let expected = [("form", 47), ("header", 6), ("no ring", 4), ("signature", 296)];
    assert_eq!(tally(&refused), expected);
}

/// The payloads that are no claims have good signatures nevertheless.
#[test]
fn signatures_over_any_payload() {
    let vectors = vectors("json_web_signature_test.json", "jws");
    let payloads = |vector: &&Vector| {
        matches!(
            strictness(vector.id),
            Some(Verdict::Refused(Rejection::Form(
                FormFault::EmptyPart(_) | FormFault::NotUtf8(_)
            )))
        )
    };
    let mut seen = 0;
    for vector in vectors.iter().filter(payloads) {
        let key = Key::from_jwk(&vector.keys.to_string(), &FILE).unwrap();
        let (input, signature) = vector.token.rsplit_once('.').unwrap();
        let signature = URL_SAFE_NO_PAD.decode(signature).unwrap();
        assert!(key.verify(input.as_bytes(), &signature), "{}", vector.id);
        seen += 1;
    }
    assert_eq!(seen, 12);
}

#[test]
fn keys() {
    let vectors = vectors("json_web_key_test.json", "jws");
    let left_out = |vector: &Vector| -> Vec<LeftOut> {
        let verdict = verdict(vector);
        let Verdict::NoRing(SetFault::Empty(notes)) = verdict else {
            panic!("{}: {verdict:?}", vector.id);
        };
        notes.iter().map(|note| note.why).collect()
    };
    let short =
        |bytes, needed, algorithm| LeftOut::Key(KeyFault::Short { bytes, needed, algorithm });
    let (hs256, hs384, hs512) = (Algorithm::Hs256, Algorithm::Hs384, Algorithm::Hs512);
    for vector in &vectors {
        let why = match vector.id {
            1 => {
                assert_eq!(verdict(vector), Verdict::NoRing(SetFault::Mixed));
                continue;
            }
            3 => {
                assert_eq!(verdict(vector), Verdict::Refused(Rejection::Signature));
                continue;
            }
            2 | 5 | 13 | 14 | 15 => {
                assert!(vector.valid);
                assert_eq!(verdict(vector), Verdict::Accepted, "{}", vector.id);
                continue;
            }
            4 => {
                assert_eq!(left_out(vector), [LeftOut::Ambiguous, LeftOut::Encoding("k")]);
                continue;
            }
            6 | 21 => LeftOut::Use,
            7 => LeftOut::Key(KeyFault::RsaRoca),
            8 => LeftOut::Key(KeyFault::RsaSize { bits: 1_024 }),
            9 => LeftOut::Key(KeyFault::RsaExponent),
            10 => short(31, 32, hs256),
            11 => short(47, 48, hs384),
            12 => short(63, 64, hs512),
            16 => short(0, 32, hs256),
            17 => short(0, 48, hs384),
            18 => short(0, 64, hs512),
            19 | 20 | 25 | 26 => LeftOut::UnknownAlgorithm,
            22 => LeftOut::Key(KeyFault::OffCurve(Family::P256)),
            23 => LeftOut::Key(KeyFault::Mismatch {
                algorithm: Algorithm::Es256,
                family: Family::P384,
            }),
            24 => LeftOut::Missing("n"),
            unknown => panic!("vector {unknown} has no verdict"),
        };
        assert!(!vector.valid, "{}", vector.id);
        assert_eq!(left_out(vector), [why], "{}", vector.id);
    }
    assert_eq!(vectors.len(), 26);
}

/// Key sets with private halves are for those who sign.
#[test]
fn private_keys() {
    let mut seen = 0;
    for vector in vectors("json_web_key_test.json", "jws") {
        let Some(private) = vector.private else { continue };
        assert!(matches!(ring(&private), Err(SetFault::Private(_))), "{}", vector.id);
        assert_eq!(left_out(&private, &REMOTE), LeftOut::Private, "{}", vector.id);
        seen += 1;
    }
    assert_eq!(seen, 11);
}

/// The groups of `json_web_crypto_test` are about signatures (`jws_`) and encryption (`jwe_`); of
/// the latter even what is labelled valid is refused.
#[test]
fn crypto() {
    let vectors = vectors("json_web_crypto_test.json", "jws");
    let (signed, encrypted): (Vec<_>, Vec<_>) =
        vectors.iter().partition(|vector| vector.group.starts_with("jws_"));
    for vector in &signed {
        let accepted = verdict(vector) == Verdict::Accepted;
        assert_eq!(accepted, vector.valid, "{}", vector.id);
    }
    let roca = signed.iter().find(|vector| vector.id == 46).unwrap();
    assert_eq!(left_out(&roca.keys, &FILE), LeftOut::Key(KeyFault::RsaRoca));
    let mixed = signed.iter().find(|vector| vector.id == 47).unwrap();
    assert_eq!(verdict(mixed), Verdict::NoRing(SetFault::Mixed));
    assert_eq!((signed.len(), encrypted.len()), (49, 34));
    assert!(encrypted.iter().all(|vector| vector.group.starts_with("jwe_")));
    assert_eq!(refuse_encrypted(&encrypted), 23);
}

#[test]
fn encryption() {
    let vectors = vectors("json_web_encryption_test.json", "jwe");
    assert_eq!(vectors.len(), 139);
    assert_eq!(refuse_encrypted(&vectors.iter().collect::<Vec<_>>()), 128);
}

/// A JWE is refused by its form, and its key is no key for signatures. Says how many were refused
/// for what they are; the others are damaged, or not compact.
fn refuse_encrypted(vectors: &[&Vector]) -> usize {
    let file = load("wycheproof/json_web_crypto_test.json");
    let ring = ring(&file["testGroups"][0]["private"]).unwrap();
    let mut encrypted = 0;
    for vector in vectors {
        let fault = form(&judge(&vector.token, &ring).unwrap_err());
        encrypted += usize::from(fault == FormFault::Encrypted);
        let json = fault == FormFault::JsonSerialization;
        assert!(!vector.valid || json || fault == FormFault::Encrypted, "{}", vector.id);
        assert_eq!(left_out(&public(&vector.keys), &FILE), LeftOut::Use, "{}", vector.id);
    }
    encrypted
}
