//! Tokens from a seed: a good one, changed in ways that somebody has once got wrong. First each way
//! alone, then several together.

use super::{
    AUD, ISS, NOW_S,
    changes::{Change, Resign, Respell, Rewrite, changes},
    forge::{Signer, encode},
};

/// The members of an object, as JSON texts.
type Members = Vec<(String, String)>;

/// A token, and what it was made of.
pub(crate) struct Token {
    /// Whose key checks it.
    pub(crate) key: usize,
    pub(crate) text: String,
    /// The JSON texts inside, as far as they are text.
    pub(crate) header: String,
    pub(crate) claims: String,
    /// How it differs from a good one.
    pub(crate) changes: Vec<String>,
}

/// A token in the making.
pub(crate) struct Draft<'a> {
    pub(crate) signers: &'a [Signer],
    pub(crate) key: usize,
    parts: [Members; 2],
    texts: Vec<(usize, Rewrite)>,
    spellings: Vec<(usize, Respell)>,
    sign: Option<Resign>,
    finish: Vec<Respell>,
}

/// Makes tokens without end.
pub(crate) struct Generator<'a> {
    state: u64,
    signers: &'a [Signer],
    changes: Vec<(String, Change)>,
    made: usize,
}

impl<'a> Generator<'a> {
    pub(crate) fn new(seed: u64, signers: &'a [Signer]) -> Self {
        Self { state: seed, signers, changes: changes(), made: 0 }
    }

    /// How many ways there are to change a token: the first ones have each alone.
    pub(crate) fn ways(&self) -> usize {
        self.changes.len()
    }

    fn below(&mut self, bound: usize) -> usize {
        // SplitMix64.
        self.state = self.state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.state ^ (self.state >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((mixed ^ (mixed >> 31)) % bound as u64) as usize
    }
}

impl Iterator for Generator<'_> {
    type Item = Token;

    fn next(&mut self) -> Option<Token> {
        let key = self.below(self.signers.len());
        let chosen = match self.changes.get(self.made) {
            Some(each) => vec![each.clone()],
            None => (0..self.below(4))
                .map(|_| {
                    let at = self.below(self.changes.len());
                    self.changes[at].clone()
                })
                .collect(),
        };
        self.made += 1;
        let mut draft = Draft::good(self.signers, key);
        let mut changes = Vec::new();
        for (name, change) in chosen {
            changes.push(name);
            draft.change(change);
        }
        Some(draft.finish(changes))
    }
}

impl<'a> Draft<'a> {
    fn good(signers: &'a [Signer], key: usize) -> Self {
        let own = |members: [(&str, String); 4]| {
            members.map(|(name, value)| (name.to_owned(), value)).to_vec()
        };
        let algorithm = format!("\"{}\"", signers[key].algorithm);
        let header = vec![("alg".to_owned(), algorithm), ("typ".to_owned(), "\"JWT\"".to_owned())];
        let claims = own([
            ("iss", format!("\"{ISS}\"")),
            ("aud", format!("\"{AUD}\"")),
            ("sub", "\"ann\"".to_owned()),
            ("exp", (NOW_S + 600).to_string()),
        ]);
        let parts = [header, claims];
        let (texts, spellings, finish) = Default::default();
        Self { signers, key, parts, texts, spellings, sign: None, finish }
    }

    fn change(&mut self, change: Change) {
        match change {
            Change::Set(part, name, value) => {
                self.parts[part].retain(|(known, _)| known != name);
                self.parts[part].push((name.to_owned(), value));
            }
            Change::Again(part, name, value) => self.parts[part].push((name.to_owned(), value)),
            Change::Drop(part, name) => self.parts[part].retain(|(known, _)| known != name),
            Change::Text(part, change) => self.texts.push((part, change)),
            Change::Spell(part, change) => self.spellings.push((part, change)),
            Change::Sign(sign) => self.sign = Some(sign),
            Change::Token(change) => self.finish.push(change),
            Change::Both(changes) => changes.into_iter().for_each(|change| self.change(change)),
        }
    }

    fn finish(self, changes: Vec<String>) -> Token {
        let texts = [0, 1].map(|part| {
            let mut text = object(&self.parts[part]).into_bytes();
            for (_, change) in self.texts.iter().filter(|(at, _)| *at == part) {
                text = change(String::from_utf8_lossy(&text).into_owned());
            }
            text
        });
        let spell = |part, mut text: String| {
            for (_, change) in self.spellings.iter().filter(|(at, _)| *at == part) {
                text = change(text);
            }
            text
        };
        let input = [0, 1].map(|part| spell(part, encode(&texts[part]))).join(".");
        let good = self.signers[self.key].sign(input.as_bytes());
        let signature = match self.sign {
            Some(sign) => sign(&self, &input, good),
            None => good,
        };
        let token = format!("{input}.{}", spell(2, encode(&signature)));
        let text = self.finish.iter().fold(token, |token, change| change(token));
        let [header, claims] = texts.map(|text| String::from_utf8_lossy(&text).into_owned());
        Token { key: self.key, text, header, claims, changes }
    }
}

fn object(members: &Members) -> String {
    let members: Vec<_> =
        members.iter().map(|(name, value)| format!("\"{name}\":{value}")).collect();
    format!("{{{}}}", members.join(","))
}
