//! Where `connect` gets its token from, again for every connection.

use super::{
    super::{
        args::{MintArgs, TokenArgs},
        clock,
        mint::Minter,
        outcome::{self, Failure},
    },
    input,
};
use crate::{client::BoxError, config::read_bounded};
use serde_json::Value;
use std::{
    env,
    io::{self, IsTerminal},
    path::PathBuf,
};

/// The largest file with a token, in bytes.
const FILE_BYTES: u64 = 1024 * 1024;

/// The source of tokens.
pub(super) enum Tokens {
    /// A file, which somebody may renew.
    File { path: PathBuf, last: String },
    /// A text that stays as it is.
    Fixed(String),
    /// Made here.
    Mint(Box<Minter>),
}

impl Tokens {
    pub(super) fn new(args: TokenArgs) -> Result<Self, Failure> {
        let source = &args.source;
        let of_a_mint = source.config.is_some()
            || source.secret_file.is_some()
            || source.secret_env.is_some()
            || source.issuer.is_some()
            || source.algorithm.is_some()
            || source.iss.is_some()
            || !source.aud.is_empty();
        if of_a_mint && !args.mint {
            let why = "a key and its rules make a token: give --mint and --sub too";
            return Err(Failure::Usage(why.to_owned()));
        }
        match (args.token_file, args.token_env, args.sub) {
            (Some(path), _, _) => {
                let last =
                    read(&path).map_err(|why| Failure::Usage(format!("--token-file: {why}")))?;
                Ok(Self::File { path, last })
            }
            (None, Some(name), _) => {
                env::var(&name).map(|text| Self::Fixed(token_in(&text))).map_err(|_| {
                    Failure::Usage(format!(
                        "--token-env: the variable {name} is not set, or not UTF-8"
                    ))
                })
            }
            (None, None, Some(sub)) => {
                let minter = Minter::new(MintArgs {
                    sub,
                    ttl: args.ttl,
                    rooms: args.grant,
                    key_file: args.key_file,
                    source: args.source,
                    ..MintArgs::default()
                })?;
                if let Some(warning) = minter.warning(clock::whole_seconds()) {
                    outcome::note(&format!("warning: {warning}"));
                }
                Ok(Self::Mint(Box::new(minter)))
            }
            (None, None, None) => ask(),
        }
    }

    /// The token for the next connection.
    pub(super) fn next(&mut self) -> Result<String, BoxError> {
        match self {
            Self::File { path, last } => {
                *last = read(path)?;
                Ok(last.clone())
            }
            Self::Fixed(text) => Ok(text.clone()),
            Self::Mint(minter) => match minter.sign(clock::whole_seconds()) {
                Ok(token) => Ok(token),
                Err(Failure::Failed(why) | Failure::Usage(why)) => Err(why.into()),
                Err(Failure::Refused | Failure::Faulty) => Err("no token".into()),
            },
        }
    }

    /// Whether the next token is another one than the last.
    pub(super) fn renew(&self) -> bool {
        match self {
            Self::File { path, last } => read(path).is_ok_and(|now| now != *last),
            Self::Fixed(_) => false,
            Self::Mint(_) => true,
        }
    }

    /// Whether it is made here: then its claims are ours to mend.
    pub(super) const fn is_mint(&self) -> bool {
        matches!(self, Self::Mint(_))
    }
}

fn read(path: &std::path::Path) -> Result<String, String> {
    let bytes = read_bounded(path, FILE_BYTES)
        .map_err(|why| format!("cannot read {}: {why}", path.display()))?;
    Ok(token_in(&String::from_utf8_lossy(&bytes)))
}

/// Asks for a token where somebody can answer.
fn ask() -> Result<Tokens, Failure> {
    let none =
        "no token: give --token-file, --token-env or --mint (`vestibule token mint` makes one)";
    if !io::stdin().is_terminal() {
        return Err(Failure::Usage(none.to_owned()));
    }
    outcome::note("paste a token, or the whole {\"type\":\"auth\",...} line, then press Enter");
    match input::read(&mut io::stdin().lock()) {
        Some(Ok(line)) if !line.trim().is_empty() => Ok(Tokens::Fixed(token_in(&line))),
        Some(_) | None => Err(Failure::Usage(none.to_owned())),
    }
}

/// The token in `text`: that itself, or the payload of a whole first message.
fn token_in(text: &str) -> String {
    let text = text.trim();
    let message: Option<Value> = serde_json::from_str(text).ok();
    let payload = message.as_ref().and_then(|message| message.get("payload")?.as_str());
    payload.unwrap_or(text).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_first_message_holds_its_token() {
        assert_eq!(token_in(" a.b.c\n"), "a.b.c");
        assert_eq!(token_in(r#"{"type":"auth","payload":"a.b.c"}"#), "a.b.c");
        assert_eq!(token_in("{}"), "{}");
    }
}
