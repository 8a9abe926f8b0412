//! `vestibule token mint`: signs a token and prints it alone.

use super::{
    args::MintArgs,
    clock,
    outcome::{self, Failure},
    source,
};
use crate::{
    config::{self, Flag, IssuerConfig},
    protocol::grant::Grant,
    token::{Mint, claims},
};
use serde_json::{Map, Value};
use std::path::Path;

pub(super) fn mint(mut args: MintArgs) -> Result<(), Failure> {
    let rooms = args.rooms.take().map(parse_rooms).transpose()?;
    let given = args.claims.iter().map(|claim| parse_claim(claim)).collect::<Result<_, _>>()?;
    let (issuer, private) = issuer(&mut args)?;
    let key = source::signing_key(&issuer, private.as_deref())?;
    let token = Mint {
        issuer: issuer.iss.as_deref().map(str::to_owned),
        // One of them is what a server asks for.
        audience: issuer.aud.iter().map(|aud| aud.to_string()).collect(),
        rooms,
        extra: extra(&issuer, &args.sub, given),
        ..Mint::new(args.sub, args.ttl.saturating_mul(1_000))
    };
    let now = clock::whole_seconds();
    let text = Value::Object(token.claims(now)).to_string();
    if let Err(why) = claims::judge(&text, &source::rules(&issuer), now, 0) {
        outcome::note(&format!("warning: a server would refuse this token: {why}"));
    }
    let signed = key.sign(&text).map_err(|fault| Failure::Failed(fault.to_string()))?;
    outcome::print(&format!("{signed}\n"))
}

/// The issuer, and a private key if one signs.
fn issuer(args: &mut MintArgs) -> Result<(IssuerConfig, Option<Vec<u8>>), Failure> {
    let source = std::mem::take(&mut args.source);
    let Some(path) = args.key_file.take() else {
        return Ok((source::config(source, None)?.issuer, None));
    };
    let pem = read_key(&path)?;
    // A configuration has its own key, the public one. Without it the file stands in for that:
    // a configuration keeps the bytes and does not look into them.
    let key = source.config.is_none().then(|| Flag {
        name: "--key-file",
        key: "issuer.0.public_key_file",
        value: path.display().to_string(),
    });
    Ok((source::config(source, key)?.issuer, Some(pem)))
}

fn read_key(path: &Path) -> Result<Vec<u8>, Failure> {
    config::read_bounded(path, config::KEY_FILE_BYTES)
        .map_err(|why| Failure::Usage(format!("--key-file: cannot read {}: {why}", path.display())))
}

/// The claims beyond those that every token has; what was given on the command line wins.
fn extra(issuer: &IssuerConfig, subject: &str, given: Vec<(String, Value)>) -> Map<String, Value> {
    let mut claims = Map::new();
    for (name, value) in &issuer.required_claims {
        claims.insert(name.to_string(), value.clone());
    }
    if &*issuer.subject_claim != "sub" {
        let number: Option<i64> = subject.parse().ok().filter(|_| issuer.subject_integers);
        let value = number.map_or_else(|| Value::from(subject), Value::from);
        claims.insert(issuer.subject_claim.to_string(), value);
    }
    claims.extend(given);
    claims
}

fn parse_claim(text: &str) -> Result<(String, Value), Failure> {
    let usage = |why: &str| Failure::Usage(format!("--claim {text}: {why}"));
    let (name, value) =
        text.split_once('=').ok_or_else(|| usage("write NAME=JSON, such as admin=true"))?;
    let value = serde_json::from_str(value).map_err(|_| {
        usage("the value is not JSON: a string needs its quotes, as in 'team=\"red\"'")
    })?;
    Ok((name.to_owned(), value))
}

fn parse_rooms(text: String) -> Result<Value, Failure> {
    let usage = |why: &str| Failure::Usage(format!("--rooms {text}: {why}"));
    Grant::parse(&text).map_err(|_| {
        usage(
            "write an object of room names or patterns to \"*\" or a list of join, send, history \
             and presence, such as {\"lobby\": \"*\", \"team:*\": [\"join\"]}",
        )
    })?;
    serde_json::from_str(&text).map_err(|_| usage("not JSON"))
}
