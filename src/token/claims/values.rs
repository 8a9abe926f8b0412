//! Values of claims, each read as the one kind that it may be.

use super::IssuerRules;
use crate::{
    protocol::{
        grant::{Grant, Permissions},
        identity::Quotas,
        json::{self, Kind, Raw},
        limits::INFO_BYTES,
        room_name::{RoomName, RoomRef},
        time::Wall,
    },
    token::{SUBJECT_BYTES, numeric_date, rejection::ClaimFault},
};
use serde_json::value::RawValue;
use std::{borrow::Cow, sync::Arc};

pub(super) fn kind(claim: &str, expected: &'static str, found: Kind) -> ClaimFault {
    ClaimFault::Kind { claim: claim.to_owned().into(), expected, found }
}

pub(super) fn time(
    claim: &'static str,
    value: Option<Raw<'_>>,
) -> Result<Option<Wall>, ClaimFault> {
    let Some(raw) = value else { return Ok(None) };
    if raw.kind() != Kind::Number {
        return Err(kind(claim, "a number", raw.kind()));
    }
    numeric_date::parse(raw.text()).map(Some).map_err(|_| ClaimFault::Time(claim))
}

pub(super) fn string<'a>(
    claim: &str,
    value: Option<Raw<'a>>,
) -> Result<Option<Cow<'a, str>>, ClaimFault> {
    value.map(|raw| text(claim, raw)).transpose()
}

fn text<'a>(claim: &str, raw: Raw<'a>) -> Result<Cow<'a, str>, ClaimFault> {
    raw.as_str().ok_or_else(|| kind(claim, "a string", raw.kind()))
}

fn object<'a>(claim: &str, value: Option<Raw<'a>>) -> Result<Option<Raw<'a>>, ClaimFault> {
    match value {
        Some(raw) if raw.kind() != Kind::Object => Err(kind(claim, "an object", raw.kind())),
        Some(_) | None => Ok(value),
    }
}

pub(super) fn subject(
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

pub(super) fn check_subject(subject: &str) -> Result<(), ClaimFault> {
    if !(1..=SUBJECT_BYTES).contains(&subject.len()) {
        return Err(ClaimFault::SubjectLength { bytes: subject.len() });
    }
    let control = subject.chars().any(char::is_control);
    if control { Err(ClaimFault::SubjectControl) } else { Ok(()) }
}

/// A string or an array of strings (RFC 7519 4.1.3), whether audiences are configured or not.
pub(super) fn audience(value: Option<Raw<'_>>, known: &[Box<str>]) -> Result<(), ClaimFault> {
    let Some(aud) = value else {
        return if known.is_empty() { Ok(()) } else { Err(ClaimFault::Audience) };
    };
    let wrong = |found| kind("aud", "a string or an array of strings", found);
    let mut met = known.is_empty();
    let mut visit = |value: Raw<'_>| {
        let name = value.as_str().ok_or_else(|| wrong(value.kind()))?;
        met |= known.iter().any(|aud| **aud == *name);
        Ok(())
    };
    match aud.elements() {
        Some(mut elements) => elements.try_for_each(&mut visit)?,
        None => visit(aud)?,
    }
    if met { Ok(()) } else { Err(ClaimFault::Audience) }
}

pub(super) fn grant(claim: &str, value: Option<Raw<'_>>) -> Result<Grant, ClaimFault> {
    let Some(rooms) = object(claim, value)? else { return Ok(Grant::default()) };
    Grant::parse(rooms.text()).map_err(|_| ClaimFault::Rooms(claim.to_owned().into()))
}

pub(super) fn info(
    claim: &str,
    value: Option<Raw<'_>>,
) -> Result<Option<Arc<RawValue>>, ClaimFault> {
    let Some(info) = object(claim, value)? else { return Ok(None) };
    let bytes = info.text().len();
    if bytes > INFO_BYTES {
        return Err(ClaimFault::InfoLength { claim: claim.to_owned().into(), bytes });
    }
    let raw = RawValue::from_string(info.text().to_owned());
    raw.map(|raw| Some(raw.into())).map_err(|_| kind(claim, "an object", info.kind()))
}

pub(super) fn quotas(claim: &str, value: Option<Raw<'_>>) -> Result<Quotas, ClaimFault> {
    let Some(limits) = object(claim, value)? else { return Ok(Quotas::default()) };
    let [messages_per_s, rooms, connections] =
        json::object(limits.text(), &["messages_per_s", "rooms", "connections"])
            .map_err(|_| kind(claim, "an object", limits.kind()))?;
    let read = |member, value| {
        quota(value).ok_or_else(|| ClaimFault::Limits { claim: claim.to_owned().into(), member })
    };
    Ok(Quotas {
        messages_per_s: messages_per_s.map(|raw| read("messages_per_s", raw)).transpose()?,
        rooms: rooms.map(|raw| read("rooms", raw)).transpose()?,
        connections: connections.map(|raw| read("connections", raw)).transpose()?,
    })
}

/// A quota below 1 would be a refusal in disguise: what is less counts as 1.
fn quota(raw: Raw<'_>) -> Option<u32> {
    match raw.text().strip_prefix('-') {
        Some(digits) => Raw::parse(digits).ok()?.as_integer().map(|_| 1),
        None => Some(u32::try_from(raw.as_integer()?).unwrap_or(u32::MAX).max(1)),
    }
}

pub(super) fn room(claim: &str, raw: Raw<'_>) -> Result<RoomName, ClaimFault> {
    let name = text(claim, raw)?;
    let room = RoomRef::parse(&name).map_err(|_| ClaimFault::Room(claim.to_owned().into()))?;
    Ok(room.to_name())
}

pub(super) fn allow(claim: &str, raw: Raw<'_>) -> Result<Permissions, ClaimFault> {
    Permissions::parse(raw).map_err(|_| ClaimFault::Allow(claim.to_owned().into()))
}
