//! The claim rules (RFC 7519 4): from a verified payload and a time to a login.

use super::{
    SUBJECT_BYTES, numeric_date,
    rejection::{ClaimFault, FormFault, Part, Rejection},
};
use crate::protocol::{
    grant::Grant,
    identity::{Identity, Login, Quotas, Signer},
    json::{self, Kind, Raw},
    limits::INFO_BYTES,
    time::Wall,
};
use serde_json::value::RawValue;
use std::{borrow::Cow, collections::BTreeMap, sync::Arc};

/// What an issuer's tokens must say.
#[derive(Clone, Debug, PartialEq)]
pub struct IssuerRules {
    /// `iss`, compared byte for byte; not checked if absent.
    pub iss: Option<Box<str>>,
    /// One of these must be in `aud`; not checked if empty.
    pub aud: Vec<Box<str>>,
    /// How far clocks may differ, in milliseconds.
    pub leeway_ms: u64,
    /// The claim that names the user.
    pub subject_claim: Box<str>,
    /// Whether the subject may be a whole number; it becomes its decimal text.
    pub subject_integers: bool,
    /// Claims that must be there with exactly this value.
    pub required_claims: BTreeMap<Box<str>, serde_json::Value>,
    /// Stands before the subject in the public id.
    pub user_prefix: Box<str>,
    /// How far the `limits` of a token may go.
    pub ceiling: Quotas,
}

impl Default for IssuerRules {
    fn default() -> Self {
        Self {
            iss: None,
            aud: Vec::new(),
            leeway_ms: 5_000,
            subject_claim: "sub".into(),
            subject_integers: false,
            required_claims: BTreeMap::new(),
            user_prefix: "".into(),
            ceiling: Quotas::default(),
        }
    }
}

/// Judges the decoded payload of a token whose signature is good. `mark` becomes the login's; who
/// checked the signature sets its `signer`.
///
/// Time comes last, and `exp` very last, so that it speaks only where nothing else is wrong.
///
/// # Errors
/// The first rule that is broken.
pub fn judge(
    text: &str,
    rules: &IssuerRules,
    now: Wall,
    mark: u64,
) -> Result<Box<Login>, Rejection> {
    let claims = Claims::parse(text)?;
    claims.refuse_room_token()?;
    let times = claims.times()?;
    let identity = claims.identity(text, rules)?;
    claims.audience(rules)?;
    claims.unused_strings()?;
    required(text, rules)?;
    let login = Box::new(Login {
        identity: Arc::new(identity),
        grant: Arc::new(claims.grant()?),
        info: claims.info()?,
        quotas: claims.quotas()?,
        ceiling: rules.ceiling,
        expires_at: times.expires_at,
        leeway_ms: rules.leeway_ms,
        issued_at: times.issued_at,
        mark,
        signer: Signer::default(),
    });
    times.judge(rules.leeway_ms, now)?;
    Ok(login)
}

/// The claims that the rules know, as they stood.
struct Claims<'a> {
    iss: Option<Raw<'a>>,
    sub: Option<Raw<'a>>,
    aud: Option<Raw<'a>>,
    exp: Option<Raw<'a>>,
    nbf: Option<Raw<'a>>,
    iat: Option<Raw<'a>>,
    jti: Option<Raw<'a>>,
    sid: Option<Raw<'a>>,
    rooms: Option<Raw<'a>>,
    limits: Option<Raw<'a>>,
    info: Option<Raw<'a>>,
    room: Option<Raw<'a>>,
    allow: Option<Raw<'a>>,
}

impl<'a> Claims<'a> {
    fn parse(text: &'a str) -> Result<Self, FormFault> {
        const NAMES: [&str; 13] = [
            "iss", "sub", "aud", "exp", "nbf", "iat", "jti", "sid", "rooms", "limits", "info",
            "room", "allow",
        ];
        let [iss, sub, aud, exp, nbf, iat, jti, sid, rooms, limits, info, room, allow] =
            members(text, &NAMES)?;
        Ok(Self { iss, sub, aud, exp, nbf, iat, jti, sid, rooms, limits, info, room, allow })
    }

    /// A key for one room must not open the whole house.
    fn refuse_room_token(&self) -> Result<(), ClaimFault> {
        let both = self.room.is_some() && self.allow.is_some();
        if both { Err(ClaimFault::RoomToken) } else { Ok(()) }
    }

    fn times(&self) -> Result<Times, ClaimFault> {
        Ok(Times {
            expires_at: time("exp", self.exp)?.ok_or(ClaimFault::Missing("exp".into()))?,
            not_before: time("nbf", self.nbf)?,
            issued_at: time("iat", self.iat)?,
        })
    }

    fn identity(&self, text: &str, rules: &IssuerRules) -> Result<Identity, Rejection> {
        let issuer = string("iss", self.iss)?;
        if rules.iss.is_some() && issuer.as_deref() != rules.iss.as_deref() {
            return Err(ClaimFault::Issuer.into());
        }
        let sub = subject("sub", self.sub, rules)?;
        let subject = if &*rules.subject_claim == "sub" {
            sub
        } else {
            let [mapped] = members(text, &[&rules.subject_claim])?;
            subject(&rules.subject_claim, mapped, rules)?
        };
        let subject =
            subject.ok_or_else(|| ClaimFault::Missing(rules.subject_claim.to_string().into()))?;
        check_subject(&subject)?;
        Ok(Identity {
            issuer: issuer.map(|issuer| issuer.into()),
            user: format!("{}{subject}", rules.user_prefix).into(),
            subject: subject.into(),
        })
    }

    /// A string or an array of strings (RFC 7519 4.1.3), whether audiences are configured or not.
    fn audience(&self, rules: &IssuerRules) -> Result<(), ClaimFault> {
        let Some(aud) = self.aud else {
            return if rules.aud.is_empty() { Ok(()) } else { Err(ClaimFault::Audience) };
        };
        let wrong = |found| kind("aud", "a string or an array of strings", found);
        let mut known = rules.aud.is_empty();
        let mut visit = |value: Raw<'_>| {
            let name = value.as_str().ok_or_else(|| wrong(value.kind()))?;
            known |= rules.aud.iter().any(|aud| **aud == *name);
            Ok(())
        };
        match aud.elements() {
            Some(mut elements) => elements.try_for_each(&mut visit)?,
            None => visit(aud)?,
        }
        if known { Ok(()) } else { Err(ClaimFault::Audience) }
    }

    /// Registered claims that nothing here reads must still be what they are registered as.
    fn unused_strings(&self) -> Result<(), ClaimFault> {
        string("jti", self.jti)?;
        string("sid", self.sid)?;
        Ok(())
    }

    fn grant(&self) -> Result<Grant, ClaimFault> {
        let Some(rooms) = object("rooms", self.rooms)? else { return Ok(Grant::default()) };
        Grant::parse(rooms.text()).map_err(|_| ClaimFault::Rooms)
    }

    fn info(&self) -> Result<Option<Arc<RawValue>>, ClaimFault> {
        let Some(info) = object("info", self.info)? else { return Ok(None) };
        let bytes = info.text().len();
        if bytes > INFO_BYTES {
            return Err(ClaimFault::InfoLength { bytes });
        }
        let raw = RawValue::from_string(info.text().to_owned());
        raw.map(|raw| Some(raw.into())).map_err(|_| kind("info", "an object", info.kind()))
    }

    fn quotas(&self) -> Result<Quotas, ClaimFault> {
        let Some(limits) = object("limits", self.limits)? else { return Ok(Quotas::default()) };
        let [messages_per_s, rooms, connections] =
            json::object(limits.text(), &["messages_per_s", "rooms", "connections"])
                .map_err(|_| kind("limits", "an object", limits.kind()))?;
        Ok(Quotas {
            messages_per_s: quota("messages_per_s", messages_per_s)?,
            rooms: quota("rooms", rooms)?,
            connections: quota("connections", connections)?,
        })
    }
}

/// The times of a token, well formed.
struct Times {
    expires_at: Wall,
    not_before: Option<Wall>,
    issued_at: Option<Wall>,
}

impl Times {
    fn judge(&self, leeway_ms: u64, now: Wall) -> Result<(), Rejection> {
        for (claim, time) in [("nbf", self.not_before), ("iat", self.issued_at)] {
            if let Some(time) = time.filter(|time| *time > now + leeway_ms) {
                return Err(Rejection::NotYetValid { claim, early_ms: time.since(now) });
            }
        }
        if now >= self.expires_at + leeway_ms {
            return Err(Rejection::Expired { late_ms: now.since(self.expires_at) });
        }
        Ok(())
    }
}

fn members<'a, const N: usize>(
    text: &'a str,
    names: &[&str; N],
) -> Result<[Option<Raw<'a>>; N], FormFault> {
    json::object(text, names).map_err(|fault| FormFault::NotJson(Part::Claims, fault))
}

fn kind(claim: &str, expected: &'static str, found: Kind) -> ClaimFault {
    ClaimFault::Kind { claim: claim.to_owned().into(), expected, found }
}

fn time(claim: &'static str, value: Option<Raw<'_>>) -> Result<Option<Wall>, ClaimFault> {
    let Some(raw) = value else { return Ok(None) };
    if raw.kind() != Kind::Number {
        return Err(kind(claim, "a number", raw.kind()));
    }
    numeric_date::parse(raw.text()).map(Some).map_err(|_| ClaimFault::Time(claim))
}

fn string<'a>(claim: &str, value: Option<Raw<'a>>) -> Result<Option<Cow<'a, str>>, ClaimFault> {
    let Some(raw) = value else { return Ok(None) };
    raw.as_str().map(Some).ok_or_else(|| kind(claim, "a string", raw.kind()))
}

fn object<'a>(claim: &str, value: Option<Raw<'a>>) -> Result<Option<Raw<'a>>, ClaimFault> {
    match value {
        Some(raw) if raw.kind() != Kind::Object => Err(kind(claim, "an object", raw.kind())),
        Some(_) | None => Ok(value),
    }
}

fn subject(
    claim: &str,
    value: Option<Raw<'_>>,
    rules: &IssuerRules,
) -> Result<Option<String>, ClaimFault> {
    match value {
        Some(raw) if rules.subject_integers && raw.kind() == Kind::Number => {
            let whole = raw.as_integer().map(|integer| Some(integer.to_string()));
            whole.ok_or_else(|| kind(claim, "a string or a whole number below 2^53", Kind::Number))
        }
        Some(_) | None => Ok(string(claim, value)?.map(Cow::into_owned)),
    }
}

fn check_subject(subject: &str) -> Result<(), ClaimFault> {
    if !(1..=SUBJECT_BYTES).contains(&subject.len()) {
        return Err(ClaimFault::SubjectLength { bytes: subject.len() });
    }
    let control = subject.chars().any(char::is_control);
    if control { Err(ClaimFault::SubjectControl) } else { Ok(()) }
}

/// A quota below 1 would be a refusal in disguise: 0 counts as 1.
fn quota(member: &'static str, value: Option<Raw<'_>>) -> Result<Option<u32>, ClaimFault> {
    let Some(raw) = value else { return Ok(None) };
    let asked = raw.as_integer().ok_or(ClaimFault::Limits(member))?;
    Ok(Some(u32::try_from(asked).unwrap_or(u32::MAX).max(1)))
}

/// `required_claims`: there, and equal as JSON.
fn required(text: &str, rules: &IssuerRules) -> Result<(), Rejection> {
    for (name, expected) in &rules.required_claims {
        let [value] = members(text, &[name])?;
        let found = value.and_then(|raw| serde_json::from_str(raw.text()).ok());
        if found.as_ref() != Some(expected) {
            return Err(ClaimFault::Required(name.to_string().into()).into());
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
