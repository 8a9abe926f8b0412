//! The search for credentials in whatever a server says: no run of twelve characters may be there,
//! as text, in hexadecimal, or as a list of numbers.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use std::collections::HashMap;

/// The shortest run that counts, in bytes.
pub(crate) const RUN: usize = 12;

/// Everything that must not be said.
#[derive(Default)]
pub(crate) struct Canaries {
    /// Every run, and what it is one of.
    runs: HashMap<[u8; RUN], String>,
}

impl Canaries {
    /// One of them.
    pub(crate) fn of(name: &str, text: &str) -> Self {
        let mut canaries = Self::default();
        canaries.add(name, text);
        canaries
    }

    /// A text that is secret.
    pub(crate) fn add(&mut self, name: &str, text: impl AsRef<[u8]>) {
        for run in text.as_ref().windows(RUN) {
            let run = run.try_into().expect("of this length");
            self.runs.entry(run).or_insert_with(|| name.to_owned());
        }
    }

    /// A token: its text, and what its parts decode to, as far as it says that it
    /// is a canary.
    pub(crate) fn add_token(&mut self, name: &str, token: &str) {
        for part in token.split('.') {
            self.add(name, part);
        }
        let claims = token.split('.').nth(1).and_then(|part| URL_SAFE_NO_PAD.decode(part).ok());
        let claims = claims.and_then(|bytes| serde_json::from_slice(&bytes).ok());
        if let Some(serde_json::Value::Object(claims)) = claims {
            for (claim, value) in claims {
                if let Some(text) = value.as_str().filter(|text| text.contains("canary")) {
                    self.add(&format!("{claim} of {name}"), text);
                }
            }
        }
    }

    /// What of it stands in `said`.
    pub(crate) fn found_in(&self, said: &[u8]) -> Vec<String> {
        let mut found: Vec<String> = Vec::new();
        for text in [said.to_vec(), numbers(said), hex(said, 0), hex(said, 1)] {
            for (at, run) in text.windows(RUN).enumerate() {
                if let Some(name) = self.runs.get(run) {
                    let from = at.saturating_sub(80);
                    let around = text[from..].iter().take(180).copied().collect::<Vec<_>>();
                    found.push(format!("{name} in {:?}", String::from_utf8_lossy(&around)));
                }
            }
        }
        found.truncate(5);
        found
    }
}

/// What lists of decimal numbers spell, such as a `Debug` of bytes.
fn numbers(said: &[u8]) -> Vec<u8> {
    let text = String::from_utf8_lossy(said);
    let words = text.split(|c: char| !c.is_ascii_digit()).filter(|word| !word.is_empty());
    words.map(|word| word.parse().unwrap_or(0)).collect()
}

/// What hexadecimal digits spell, from the first or the second digit of each run on.
fn hex(said: &[u8], skip: usize) -> Vec<u8> {
    let digit = |byte: &u8| char::from(*byte).to_digit(16).map(|digit| digit as u8);
    let runs = said.split(|byte| digit(byte).is_none()).filter(|run| run.len() >= 2 * RUN);
    runs.flat_map(|run| {
        let digits: Vec<u8> = run.iter().skip(skip).filter_map(digit).collect();
        let bytes = digits.chunks_exact(2).map(|pair| pair[0] << 4 | pair[1]);
        bytes.chain([0]).collect::<Vec<_>>()
    })
    .collect()
}

#[test]
fn the_scan_finds_what_is_there_in_every_form() {
    let mut canaries = Canaries::default();
    canaries.add("one", "a canary that sings");
    let run = &b"a canary that sings"[3..3 + RUN];
    let hex: String = run.iter().map(|byte| format!("{byte:02X}")).collect();
    let said = [
        format!("log: {}", String::from_utf8_lossy(run)),
        format!("payload: {run:?}"),
        format!("0x{hex}"),
        format!("at 7 {}", hex.to_lowercase()),
        format!("f{hex}"),
    ];
    for said in said {
        assert_eq!(canaries.found_in(said.as_bytes()).len(), 1, "{said}");
    }
    let short = String::from_utf8_lossy(&run[..RUN - 1]).into_owned();
    assert!(canaries.found_in(format!("{short}!{short}").as_bytes()).is_empty());
    assert!(canaries.found_in(format!("{:?}", &run[1..]).as_bytes()).is_empty());
}
