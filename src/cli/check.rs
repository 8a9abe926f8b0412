//! `vestibule token check`: judges a token as the server would.

use super::{
    args::CheckArgs,
    clock,
    outcome::{self, Failure},
    source,
    verifier::{self, Look},
};
use crate::{
    config::{Config, Flag, IssuerConfig},
    protocol::{
        close_code::CloseCode,
        grant::Permission,
        identity::{Login, Pass},
        time::Wall,
    },
    token::{ClaimFault, Class, Issuers, Rejection, source::AnyKeys},
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::Value;
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
    let (config, _) = source::config(args.source, key)?;
    let verifier = verifier::verifier(&config)?;
    let input = read(args.file.as_deref())?;
    let token = input.trim();
    let issuer = named_issuer(&config.issuers, token);
    fetch(&config, &verifier, issuer)?;
    let now = clock::wall();
    if let Some(issuer) = issuer {
        let warnings = issuer.warnings().into_iter().chain(issuer.warnings_at(now));
        warnings.for_each(|warning| outcome::note(&format!("warning: {warning}")));
    }
    let verdict = match verifier.judge(token, now) {
        Ok(login) => Verdict::Login(login),
        Err(Rejection::Claim(ClaimFault::RoomToken)) => match verifier.judge_pass(token, now) {
            Ok(pass) => Verdict::Pass(pass),
            Err(why) => Verdict::NoPass(why),
        },
        Err(why) => Verdict::NoLogin(why),
    };
    outcome::print(&format!("{}{}", verdict.describe(now), judged_by(&config.issuers, issuer)))?;
    match verdict {
        Verdict::Login(_) | Verdict::Pass(_) => Ok(()),
        Verdict::NoLogin(_) | Verdict::NoPass(_) => Err(Failure::Refused),
    }
}

/// Fetches the keys of the issuer, if they come from somewhere, and says so.
fn fetch(
    config: &Config,
    verifier: &Issuers<AnyKeys>,
    issuer: Option<&IssuerConfig>,
) -> Result<(), Failure> {
    let number = issuer.map(|issuer| issuer.number);
    let keys = verifier.iter().map(|(_, keys)| keys);
    let looks = verifier::look(config, keys, |issuer| Some(issuer.number) == number)?;
    for Look { issuer, from, outcome } in looks {
        outcome::note(&match outcome {
            Ok(()) => format!("read the keys of issuer {issuer:?} from {from}"),
            Err(why) => format!("warning: no keys of issuer {issuer:?} from {from}: {why}"),
        });
    }
    Ok(())
}

/// What a server would say.
enum Verdict {
    Login(Box<Login>),
    Pass(Box<Pass>),
    NoLogin(Rejection),
    /// A token for one room, and not a good one.
    NoPass(Rejection),
}

impl Verdict {
    fn describe(&self, now: Wall) -> String {
        match self {
            Self::Login(login) => {
                let expires = expires(login.expires_at, now);
                let user = &login.identity.user;
                format!("valid: the server lets this token in\nuser:    {user}\n{expires}")
            }
            Self::Pass(pass) => {
                let allowed = Permission::ALL.iter().filter(|it| pass.allow.contains(**it));
                let allowed: Vec<_> = allowed.map(|it| it.as_str()).collect();
                let expires = expires(pass.expires_at, now);
                format!(
                    "valid: a token for one room, to be sent with a `join`, never with `auth`\n\
                     room:    {}\nallows:  {}\nuser:    {}\n{expires}",
                    pass.room.as_str(),
                    allowed.join(", "),
                    pass.identity.user,
                )
            }
            Self::NoLogin(why) => {
                let code = close_code(why.class());
                let (number, name) = (code.code(), code.name());
                format!("refused: {why}\nclients see: {number} {name}\n")
            }
            Self::NoPass(why) => {
                // A `join` that fails closes nothing: the name of the error is all there is.
                let name = close_code(why.class()).name();
                format!("refused, as a token for one room: {why}\nclients see: {name}\n")
            }
        }
    }
}

fn expires(at: Wall, now: Wall) -> String {
    format!("expires: in {} s\n", at.since(now) / 1_000)
}

/// The issuer whose rules judge `token`: the only one, or the one that its `iss` names. What the
/// token says is compared and never shown.
fn named_issuer<'a>(issuers: &'a [IssuerConfig], token: &str) -> Option<&'a IssuerConfig> {
    if let [only] = issuers {
        return Some(only);
    }
    let claims = URL_SAFE_NO_PAD.decode(token.split('.').nth(1)?).ok()?;
    let claims: Value = serde_json::from_slice(&claims).ok()?;
    let named = claims.get("iss")?.as_str()?;
    issuers.iter().find(|issuer| issuer.iss.as_deref() == Some(named))
}

fn judged_by(issuers: &[IssuerConfig], issuer: Option<&IssuerConfig>) -> String {
    let show = |issuer: &IssuerConfig| match &issuer.iss {
        Some(iss) => format!("{} ({iss})", issuer.name),
        None => format!("{} (any `iss`)", issuer.name),
    };
    match issuer {
        Some(issuer) => format!("issuer:  {}\n", show(issuer)),
        None => {
            let known: Vec<_> = issuers.iter().map(show).collect();
            format!("issuer:  none of {}\n", known.join(", "))
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
