//! `vestibule token check`: judges a token as the server would.

use super::{
    args::CheckArgs,
    clock,
    outcome::{self, Failure},
    source,
};
use crate::{
    config::Flag,
    protocol::{close_code::CloseCode, identity::Login, time::Wall},
    token::Class,
};
use std::{
    fs::File,
    io::{self, IsTerminal, Read},
    path::Path,
};

/// The most that is read of an input, in bytes; far more than a token may have.
const INPUT_BYTES: u64 = 1024 * 1024;

pub(super) fn check(args: CheckArgs) -> Result<(), Failure> {
    let key = args.public_key_file.map(|path| Flag {
        name: "--public-key-file",
        key: "issuer.0.public_key_file",
        value: path.display().to_string(),
    });
    let config = source::config(args.source, key)?;
    let verifier = source::verifier(&config)?;
    for warning in config.issuer.warnings() {
        outcome::note(&format!("warning: {warning}"));
    }
    let input = read(args.file.as_deref())?;
    let now = clock::wall();
    match verifier.judge(input.trim(), now) {
        Ok(login) => outcome::print(&describe(&login, now)),
        Err(why) => {
            let code = close_code(why.class());
            let (number, name) = (code.code(), code.name());
            outcome::print(&format!("refused: {why}\nclients see: {number} {name}\n"))?;
            Err(Failure::Refused)
        }
    }
}

fn read(file: Option<&Path>) -> Result<String, Failure> {
    let mut bytes = Vec::new();
    let done = match file {
        Some(path) => {
            File::open(path).and_then(|file| file.take(INPUT_BYTES).read_to_end(&mut bytes))
        }
        None => {
            if io::stdin().is_terminal() {
                outcome::note("paste the token, then press Enter and Ctrl-D");
            }
            io::stdin().lock().take(INPUT_BYTES).read_to_end(&mut bytes)
        }
    };
    match done {
        // What is not UTF-8 is no token: it is judged like any other text.
        Ok(_) => Ok(String::from_utf8_lossy(&bytes).into_owned()),
        Err(why) => {
            let name = file.map_or("standard input".to_owned(), |path| path.display().to_string());
            Err(Failure::Failed(format!("cannot read {name}: {why}")))
        }
    }
}

fn describe(login: &Login, now: Wall) -> String {
    let identity = &login.identity;
    let issuer = identity.issuer.as_deref().unwrap_or("not named");
    let seconds = login.expires_at.since(now) / 1_000;
    format!(
        "valid: the server lets this token in\nuser:    {}\nissuer:  {issuer}\nexpires: in {seconds} s\n",
        identity.user
    )
}

/// How a connection with this token ends.
const fn close_code(class: Class) -> CloseCode {
    match class {
        Class::Invalid => CloseCode::TokenInvalid,
        Class::Expired => CloseCode::TokenExpired,
        Class::NotYetValid => CloseCode::TokenNotYetValid,
        Class::Forbidden => CloseCode::Forbidden,
        Class::Revoked => CloseCode::Revoked,
        Class::Unavailable => CloseCode::Internal,
    }
}
