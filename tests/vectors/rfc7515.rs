//! The examples of RFC 7515, appendix A.

use super::*;
use vestibule::token::{HeaderFault, Part};

#[test]
fn the_examples_of_rfc_7515_are_judged() {
    let examples = load("rfc7515/appendix-a.json");
    let mut verdicts = Vec::new();
    for example in examples.as_array().unwrap() {
        let name = example["example"].as_str().unwrap();
        let verdict = ring(&example["key"]).map(|ring| judge(&text(&example["jws"]), &ring));
        verdicts.push((name, verdict));
    }
    let p521 = Note { place: 1, key_id: None, why: LeftOut::UnknownKind };
    let expected = [
        ("A.1", Ok(Ok(()))),
        ("A.2", Ok(Ok(()))),
        ("A.3", Ok(Ok(()))),
        ("A.4", Err(SetFault::Empty(vec![p521]))),
        ("A.5", Ok(Err(FormFault::EmptyPart(Part::Signature).into()))),
        ("A.6", Ok(Err(FormFault::JsonSerialization.into()))),
        ("A.7", Ok(Err(FormFault::JsonSerialization.into()))),
    ];
    assert_eq!(verdicts, expected);
}

#[test]
fn an_unsecured_token_stays_refused_with_any_signature() {
    let examples = load("rfc7515/appendix-a.json");
    let (mac, unsecured) = (&examples[0], &examples[4]);
    let ring = ring(&mac["key"]).unwrap();
    let signature = mac["jws"].as_str().unwrap().rsplit('.').next().unwrap();
    let token = format!("{}{signature}", unsecured["jws"].as_str().unwrap());
    assert_eq!(judge(&token, &ring), Err(HeaderFault::AlgorithmNone.into()));
}

#[test]
fn no_example_verifies_with_the_key_of_another() {
    let examples = load("rfc7515/appendix-a.json");
    let examples = &examples.as_array().unwrap()[..3];
    let mut seen = 0;
    for key in examples {
        for token in examples.iter().filter(|token| token["example"] != key["example"]) {
            let verdict = judge(&text(&token["jws"]), &ring(&key["key"]).unwrap());
            assert!(
                matches!(verdict, Err(Rejection::Header(HeaderFault::AlgorithmMismatch { .. }))),
                "{verdict:?}"
            );
            seen += 1;
        }
    }
    assert_eq!(seen, 6);
}
