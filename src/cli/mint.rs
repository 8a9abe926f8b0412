//! `vestibule token mint`: signs a token and prints it alone.

use super::{
    args::{MintArgs, When},
    clock,
    outcome::{self, Failure},
    source, verifier,
};
use crate::{
    config::{self, ClaimNames, Flag, IssuerConfig, TypePolicy},
    protocol::{grant::Grant, room_name::RoomRef, time::Wall},
    token::{Mint, SigningKey, claims},
};
use serde_json::{Map, Value, json};
use std::path::Path;

pub(super) fn mint(args: MintArgs) -> Result<(), Failure> {
    let minter = Minter::new(args)?;
    let now = clock::whole_seconds();
    if let Some(warning) = minter.warning(now) {
        outcome::note(&format!("warning: {warning}"));
    }
    outcome::print(&format!("{}\n", minter.sign(now)?))
}

/// Signs tokens with the claims of one command line.
pub(super) struct Minter {
    key: SigningKey,
    issuer: IssuerConfig,
    subject: String,
    ttl_ms: u64,
    times: [(&'static str, Option<When>); 3],
    /// Claims whose values stand fast.
    fixed: Map<String, Value>,
    /// The name of the key, `kid`.
    key_id: Option<String>,
    /// A token for one room: never a sign-in.
    for_a_room: bool,
}

impl Minter {
    pub(super) fn new(mut args: MintArgs) -> Result<Self, Failure> {
        let (issuer, private) = issuer(&mut args)?;
        let given = named_claims(&mut args, &issuer.claims)?;
        let key = source::signing_key(&issuer, private.as_deref())?;
        Ok(Self {
            key,
            fixed: fixed(&issuer, &args.sub, given),
            issuer,
            subject: args.sub,
            ttl_ms: args.ttl.saturating_mul(1_000),
            times: [("exp", args.exp), ("nbf", args.nbf), ("iat", args.iat)],
            key_id: args.kid,
            for_a_room: args.room.is_some(),
        })
    }

    /// A token made at `now`.
    pub(super) fn sign(&self, now: Wall) -> Result<String, Failure> {
        let text = Value::Object(self.claims(now)).to_string();
        let typ = match self.issuer.typ {
            TypePolicy::Lax => "JWT",
            TypePolicy::Strict => "at+jwt",
        };
        let signed = self.key.sign_as(typ, self.key_id.as_deref(), &text);
        signed.map_err(|fault| Failure::Failed(fault.to_string()))
    }

    /// Why a server would not take it, for people.
    pub(super) fn warning(&self, now: Wall) -> Option<String> {
        let text = Value::Object(self.claims(now)).to_string();
        let rules = verifier::rules(&self.issuer);
        let verdict = match self.for_a_room {
            true => claims::judge_pass(&text, &rules, now).map(drop),
            false => claims::judge(&text, &rules, now, 0).map(drop),
        };
        verdict.err().map(|why| format!("a server would refuse this token: {why}"))
    }

    fn claims(&self, now: Wall) -> Map<String, Value> {
        let seconds = now.as_ms() / 1_000;
        let times = self.times.iter().filter_map(|(name, when)| {
            Some(((*name).to_owned(), json!(when.as_ref()?.unix(seconds))))
        });
        Mint {
            issuer: self.issuer.iss.as_deref().map(str::to_owned),
            // One of them is what a server asks for.
            audience: self.issuer.aud.iter().map(|aud| aud.to_string()).collect(),
            extra: times.chain(self.fixed.clone()).collect(),
            ..Mint::new(self.subject.clone(), self.ttl_ms)
        }
        .claims(now)
    }
}

/// The issuer, and a private key if one signs.
fn issuer(args: &mut MintArgs) -> Result<(IssuerConfig, Option<Vec<u8>>), Failure> {
    let source = std::mem::take(&mut args.source);
    let Some(path) = args.key_file.take() else {
        return Ok((source::issuer(source, None)?, None));
    };
    let pem = read_key(&path)?;
    // A configuration has its own key, the public one. Without it the file stands in for that:
    // a configuration keeps the bytes and does not look into them.
    let key = source.config.is_none().then(|| Flag {
        name: "--key-file",
        key: "issuer.0.public_key_file",
        value: path.display().to_string(),
    });
    Ok((source::issuer(source, key)?, Some(pem)))
}

fn read_key(path: &Path) -> Result<Vec<u8>, Failure> {
    config::read_bounded(path, config::KEY_FILE_BYTES)
        .map_err(|why| Failure::Usage(format!("--key-file: cannot read {}: {why}", path.display())))
}

/// The claims that have flags of their own, then those of `--claim`, which win.
fn named_claims(args: &mut MintArgs, names: &ClaimNames) -> Result<Vec<(String, Value)>, Failure> {
    let mut claims = Vec::new();
    let mut add = |name: &str, value: Option<Value>| {
        claims.extend(value.map(|value| (name.to_owned(), value)));
    };
    add("jti", args.jti.take().map(|id| identifier(id).map(Value::from)).transpose()?);
    add("sid", args.sid.take().map(Value::from));
    add(&names.rooms, args.rooms.take().map(parse_rooms).transpose()?);
    add(&names.limits, args.limits.take().map(|text| parse_object("--limits", &text)).transpose()?);
    add(&names.info, args.info.take().map(|text| parse_object("--info", &text)).transpose()?);
    if let Some(room) = args.room.as_deref() {
        check_room(room, &args.allow)?;
        add(&names.room, Some(room.into()));
        add(&names.allow, Some(json!(args.allow)));
    }
    for claim in &args.claims {
        let (name, value) = parse_claim(claim)?;
        add(&name, Some(value));
    }
    Ok(claims)
}

/// The `jti` that was given, or 128 random bits.
fn identifier(given: String) -> Result<String, Failure> {
    if !given.is_empty() {
        return Ok(given);
    }
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes)
        .map_err(|why| Failure::Failed(format!("the system gives no random bytes: {why}")))?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// The claims beyond those that every token has; what was given on the command line wins.
fn fixed(issuer: &IssuerConfig, subject: &str, given: Vec<(String, Value)>) -> Map<String, Value> {
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
    Grant::parse(&text).map_err(|_| {
        Failure::Usage(format!(
            "--rooms {text}: write an object of room names or patterns to \"*\" or a list of join, \
             send, history and presence, such as {{\"lobby\": \"*\", \"team:*\": [\"join\"]}}"
        ))
    })?;
    parse_object("--rooms", &text)
}

fn parse_object(flag: &str, text: &str) -> Result<Value, Failure> {
    match serde_json::from_str(text) {
        Ok(value @ Value::Object(_)) => Ok(value),
        _ => Err(Failure::Usage(format!(
            "{flag} {text}: write a JSON object, such as {{\"name\": \"Alice\"}}"
        ))),
    }
}

/// What a server asks of a token for one room.
fn check_room(room: &str, allow: &[String]) -> Result<(), Failure> {
    RoomRef::parse(room).map_err(|why| Failure::Usage(format!("--room {room}: {why}")))?;
    Grant::parse(&json!({ room: allow }).to_string()).map_err(|_| {
        let list = allow.join(",");
        Failure::Usage(format!("--allow {list}: write some of join,send,history,presence"))
    })?;
    if !allow.iter().any(|word| word == "join" || word == "*") {
        outcome::note("warning: a server would refuse this token: it does not allow `join`");
    }
    Ok(())
}
