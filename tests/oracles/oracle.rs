//! The other implementations: a program each, that reads tokens and prints verdicts, line by line.

use super::{
    AUD, ISS, LEEWAY_S, NOW_S,
    forge::{Public, Signer},
    tokens::Token,
};
use serde_json::{Value, json};
use std::{
    io::{BufRead, BufReader, Write},
    path::Path,
    process::{Command, Stdio},
    thread,
};
use vestibule::token::Rejection;

/// Who else judges.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Oracle {
    /// PyJWT, with `cryptography`.
    PyJwt,
    /// npm's `jose`, with Node's WebCrypto.
    Jose,
}

/// What somebody says to a token.
#[derive(Debug)]
pub(crate) enum Verdict {
    /// It is good, for this subject, until then (in seconds).
    Accepted { sub: String, exp: f64 },
    /// It is not; the rule, if Vestibule says so.
    Refused { ours: Option<Rejection>, why: String },
}

impl Oracle {
    /// Its verdicts, in the order of the tokens.
    pub(crate) fn judge(self, signers: &[Signer], tokens: &[Token]) -> Vec<Verdict> {
        let mut child = self
            .command()
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("an interpreter");
        let mut input = setup(signers).to_string() + "\n";
        for token in tokens {
            input += &(json!({"key": token.key, "token": token.text}).to_string() + "\n");
        }
        let mut stdin = child.stdin.take().expect("a pipe");
        let writer = thread::spawn(move || stdin.write_all(input.as_bytes()));
        let lines = BufReader::new(child.stdout.take().expect("a pipe")).lines();
        let verdicts: Vec<_> = lines.map(|line| verdict(&line.expect("UTF-8"))).collect();
        writer.join().expect("a thread").expect("a reader");
        assert!(child.wait().expect("an end").success(), "{self:?} failed");
        assert_eq!(verdicts.len(), tokens.len(), "{self:?} left tokens out");
        verdicts
    }

    fn command(self) -> Command {
        let (program, script, needed) = match self {
            Self::PyJwt => ("target/venv/bin/python", "tests/oracles/pyjwt.py", ""),
            Self::Jose => ("node", "tests/oracles/jose.mjs", "tests/oracles/node_modules/jose"),
        };
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let here = |path: &str| {
            let path = root.join(path);
            assert!(path.exists(), "{} is missing: run ./check tools", path.display());
            path
        };
        here(needed);
        let program = if program.contains('/') { here(program) } else { program.into() };
        let mut command = Command::new(program);
        command.arg(here(script));
        command
    }
}

fn setup(signers: &[Signer]) -> Value {
    let keys = signers.iter().map(|signer| {
        let (secret, pem) = match &signer.public {
            Public::Secret(secret) => (Some(String::from_utf8_lossy(secret)), None),
            Public::Spki(_, pem) => (None, Some(pem)),
        };
        json!({"alg": signer.algorithm.as_str(), "secret": secret, "pem": pem})
    });
    let keys: Vec<_> = keys.collect();
    json!({"now": NOW_S, "leeway": LEEWAY_S, "iss": ISS, "aud": AUD, "keys": keys})
}

fn verdict(line: &str) -> Verdict {
    let value: Value = serde_json::from_str(line).unwrap_or_else(|why| panic!("{why}: {line}"));
    let text = |name: &str| value[name].as_str().map(str::to_owned);
    match text("why") {
        Some(why) => Verdict::Refused { ours: None, why },
        None => Verdict::Accepted {
            sub: text("sub").expect("a subject"),
            exp: text("exp").and_then(|exp| exp.parse().ok()).unwrap_or(f64::NAN),
        },
    }
}
