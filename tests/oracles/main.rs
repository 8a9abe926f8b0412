//! The same tokens, judged by Vestibule, by PyJWT and by npm's jose: wherever they disagree, a
//! class in `classes.rs` says why.
//!
//! `./check tools` installs both. `ORACLE_SEED` (printed) repeats a run, `ORACLE_TOKENS` is the
//! number of tokens.

#![cfg(feature = "server")]
#![expect(clippy::expect_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod changes;
mod classes;
#[path = "../../fuzz/src/forge.rs"]
#[allow(unreachable_pub, dead_code, reason = "the fuzz targets use more of it")]
mod forge;
mod oracle;
mod tokens;

use classes::{CLASSES, Case};
use forge::Signer;
use oracle::{Oracle, Verdict};
use std::{collections::BTreeMap, env, time::UNIX_EPOCH};
use tokens::{Generator, Token};
use vestibule::{
    protocol::time::Wall,
    token::{IssuerRules, Issuers, KeyRing},
};

/// The time of judgement, in seconds.
const NOW_S: u64 = 1_792_000_000;
const LEEWAY_S: u64 = 5;
const ISS: &str = "https://app.example";
const AUD: &str = "chat";
/// Tokens of a run that are changed in several ways, unless `ORACLE_TOKENS` says otherwise.
const TOKENS: usize = 1_500;

#[test]
fn clients_and_oracles_agree_on_tokens_or_it_is_known_why() {
    let number = |name| env::var(name).ok().map(|text| text.parse::<u64>().expect("a number"));
    let seed = number("ORACLE_SEED").unwrap_or_else(random_seed);
    let count = number("ORACLE_TOKENS").map_or(TOKENS, |count| count as usize);
    println!("ORACLE_SEED={seed} ORACLE_TOKENS={count}");
    let signers = forge::signers();
    let generator = Generator::new(seed, &signers);
    let count = count + generator.ways();
    let tokens: Vec<Token> = generator.take(count).collect();
    let ours: Vec<Verdict> = judge(&signers, &tokens);
    let mut tally = Tally::default();
    for oracle in [Oracle::PyJwt, Oracle::Jose] {
        let theirs = oracle.judge(&signers, &tokens);
        for ((token, ours), theirs) in tokens.iter().zip(&ours).zip(theirs) {
            tally.count(&Case { token, ours, theirs, oracle });
        }
    }
    tally.print(count);
    assert!(tally.unexplained.is_empty(), "ORACLE_SEED={seed}: {:#?}", tally.unexplained);
    let missing: Vec<_> = CLASSES
        .iter()
        .flat_map(|class| class.oracles.iter().map(|oracle| (class.name, *oracle)))
        .filter(|key| !tally.explained.contains_key(key))
        .collect();
    assert!(missing.is_empty(), "classes that explain nothing any more: {missing:?}");
}

/// What Vestibule says.
fn judge(signers: &[Signer], tokens: &[Token]) -> Vec<Verdict> {
    let rules = || IssuerRules {
        iss: Some(ISS.into()),
        aud: vec![AUD.into()],
        leeway_ms: LEEWAY_S * 1_000,
        ..IssuerRules::default()
    };
    let verifiers: Vec<_> =
        signers.iter().map(|signer| Issuers::new(rules(), KeyRing::from(signer.key()))).collect();
    let now = Wall::from_ms(NOW_S * 1_000);
    let judge = |token: &Token| match verifiers[token.key].judge(&token.text, now) {
        Ok(login) => Verdict::Accepted {
            sub: login.identity.subject.to_string(),
            exp: login.expires_at.as_ms() as f64 / 1_000.0,
        },
        Err(why) => Verdict::Refused { ours: Some(why.clone()), why: why.to_string() },
    };
    tokens.iter().map(judge).collect()
}

/// What became of the disagreements.
#[derive(Default)]
struct Tally {
    accepted: usize,
    explained: BTreeMap<(&'static str, Oracle), usize>,
    unexplained: Vec<String>,
}

impl Tally {
    fn count(&mut self, case: &Case<'_>) {
        let agreed = match (case.ours, &case.theirs) {
            (Verdict::Accepted { sub, exp }, Verdict::Accepted { sub: theirs, exp: end }) => {
                self.accepted += 1;
                // PyJWT and jose read `exp` as a double.
                sub == theirs && (exp - end).abs() <= 0.001
            }
            (Verdict::Refused { .. }, Verdict::Refused { .. }) => true,
            (Verdict::Accepted { .. }, Verdict::Refused { .. })
            | (Verdict::Refused { .. }, Verdict::Accepted { .. }) => false,
        };
        if agreed {
            return;
        }
        match CLASSES.iter().find(|class| class.explains(case)) {
            Some(class) => *self.explained.entry((class.name, case.oracle)).or_default() += 1,
            None => self.unexplained.push(case.to_string()),
        }
    }

    fn print(&self, count: usize) {
        println!("{count} tokens, {} times accepted by two; disagreements:", self.accepted);
        for class in &CLASSES {
            let counts = class.oracles.iter().map(|oracle| {
                let count = self.explained.get(&(class.name, *oracle)).unwrap_or(&0);
                format!("{oracle:?} {count}")
            });
            let counts = counts.collect::<Vec<_>>().join(", ");
            println!("  {}: {counts}\n    {}", class.name, class.reason);
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "a fresh seed for each run, printed")]
fn random_seed() -> u64 {
    let since = std::time::SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970");
    since.as_nanos() as u64
}
