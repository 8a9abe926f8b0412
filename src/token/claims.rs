//! The claim rules (RFC 7519 4): from a verified payload and a time to a login or a pass.

mod rules;
mod values;

pub use rules::{IssuerRules, NameFault, is_registered};

use super::rejection::{ClaimFault, FormFault, Part, Rejection};
use crate::protocol::{
    identity::{Identity, Login, Pass, Signer},
    json::{self, Raw},
    time::Wall,
};
use std::{borrow::Cow, sync::Arc};

/// Judges the decoded payload of a login token whose signature is good. `mark` becomes the
/// login's; who checked the signature sets its `signer`.
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
    let claims = Claims::parse(text, rules)?;
    claims.refuse_room_token()?;
    let (identity, times) = claims.common(rules)?;
    let login = Box::new(Login {
        identity: Arc::new(identity),
        grant: Arc::new(values::grant(&rules.rooms_claim, claims.rooms)?),
        info: values::info(&rules.info_claim, claims.info)?,
        quotas: values::quotas(&rules.limits_claim, claims.limits)?,
        ceiling: rules.ceiling,
        expires_at: times.expires_at,
        leeway_ms: rules.leeway_ms,
        issued_at: times.issued_at,
        mark,
        signer: Signer::default(),
    });
    times.judge(rules, now)?;
    Ok(login)
}

/// Judges the decoded payload of a room token whose signature is good, by the same rules. What it
/// says beside the room, for logins, says nothing here. Who checked the signature sets the
/// `signer`.
///
/// # Errors
/// The first rule that is broken.
pub fn judge_pass(text: &str, rules: &IssuerRules, now: Wall) -> Result<Box<Pass>, Rejection> {
    let claims = Claims::parse(text, rules)?;
    let (Some(room), Some(allow)) = (claims.room, claims.allow) else {
        return Err(ClaimFault::NotForRoom.into());
    };
    let (identity, times) = claims.common(rules)?;
    let pass = Box::new(Pass {
        identity: Arc::new(identity),
        room: values::room(&rules.room_claim, room)?,
        allow: values::allow(&rules.allow_claim, allow)?,
        expires_at: times.expires_at,
        leeway_ms: rules.leeway_ms,
        signer: Signer::default(),
    });
    times.judge(rules, now)?;
    Ok(pass)
}

/// Reads whose token it claims to be; nothing vouches for it yet.
///
/// # Errors
/// If the payload is no strict JSON object, or `iss` no string.
pub(super) fn issuer(text: &str) -> Result<Option<Cow<'_, str>>, Rejection> {
    let [iss] = members(text, &["iss"])?;
    Ok(values::string("iss", iss)?)
}

/// The claims that the rules know, as they stood.
struct Claims<'a> {
    text: &'a str,
    iss: Option<Raw<'a>>,
    sub: Option<Raw<'a>>,
    aud: Option<Raw<'a>>,
    exp: Option<Raw<'a>>,
    nbf: Option<Raw<'a>>,
    iat: Option<Raw<'a>>,
    jti: Option<Raw<'a>>,
    sid: Option<Raw<'a>>,
    /// What names the user: `sub`, or what is mapped to it.
    subject: Option<Raw<'a>>,
    rooms: Option<Raw<'a>>,
    limits: Option<Raw<'a>>,
    info: Option<Raw<'a>>,
    room: Option<Raw<'a>>,
    allow: Option<Raw<'a>>,
}

impl<'a> Claims<'a> {
    fn parse(text: &'a str, rules: &IssuerRules) -> Result<Self, FormFault> {
        let IssuerRules { subject_claim, rooms_claim, limits_claim, info_claim, .. } = rules;
        let IssuerRules { room_claim, allow_claim, .. } = rules;
        let registered = ["iss", "sub", "aud", "exp", "nbf", "iat", "jti", "sid"];
        let [iss, sub, aud, exp, nbf, iat, jti, sid] = registered;
        let names: [&str; 14] = [
            iss,
            sub,
            aud,
            exp,
            nbf,
            iat,
            jti,
            sid,
            subject_claim,
            rooms_claim,
            limits_claim,
            info_claim,
            room_claim,
            allow_claim,
        ];
        let [iss, sub, aud, exp, nbf, iat, jti, sid, subject, rooms, limits, info, room, allow] =
            members(text, &names)?;
        Ok(Self {
            text,
            iss,
            sub,
            aud,
            exp,
            nbf,
            iat,
            jti,
            sid,
            subject,
            rooms,
            limits,
            info,
            room,
            allow,
        })
    }

    /// A key for one room must not open the whole house.
    fn refuse_room_token(&self) -> Result<(), ClaimFault> {
        let both = self.room.is_some() && self.allow.is_some();
        if both { Err(ClaimFault::RoomToken) } else { Ok(()) }
    }

    /// What every token must say. The times are well formed, and not judged yet.
    fn common(&self, rules: &IssuerRules) -> Result<(Identity, Times), Rejection> {
        let times = self.times()?;
        let identity = self.identity(rules)?;
        values::audience(self.aud, &rules.aud)?;
        self.unused_strings()?;
        self.required(rules)?;
        Ok((identity, times))
    }

    fn times(&self) -> Result<Times, ClaimFault> {
        let expires_at = values::time("exp", self.exp)?;
        Ok(Times {
            expires_at: expires_at.ok_or(ClaimFault::Missing("exp".into()))?,
            not_before: values::time("nbf", self.nbf)?,
            issued_at: values::time("iat", self.iat)?,
        })
    }

    fn identity(&self, rules: &IssuerRules) -> Result<Identity, ClaimFault> {
        let issuer = values::string("iss", self.iss)?;
        if rules.iss.is_some() && issuer.as_deref() != rules.iss.as_deref() {
            return Err(ClaimFault::Issuer);
        }
        values::subject("sub", self.sub, rules)?;
        let claim = &rules.subject_claim;
        let subject = values::subject(claim, self.subject, rules)?
            .ok_or_else(|| ClaimFault::Missing(claim.to_string().into()))?;
        values::check_subject(&subject)?;
        Ok(Identity {
            issuer: issuer.map(|issuer| issuer.into()),
            user: format!("{}{subject}", rules.user_prefix).into(),
            subject: subject.into(),
        })
    }

    /// Registered claims that nothing here reads must still be what they are registered as.
    fn unused_strings(&self) -> Result<(), ClaimFault> {
        values::string("jti", self.jti)?;
        values::string("sid", self.sid)?;
        Ok(())
    }

    /// `required_claims`: there, and equal as JSON.
    fn required(&self, rules: &IssuerRules) -> Result<(), Rejection> {
        for (name, expected) in &rules.required_claims {
            let [value] = members(self.text, &[name])?;
            let found = value.and_then(|raw| serde_json::from_str(raw.text()).ok());
            if found.as_ref() != Some(expected) {
                return Err(ClaimFault::Required(name.to_string().into()).into());
            }
        }
        Ok(())
    }
}

/// The times of a token, well formed.
struct Times {
    expires_at: Wall,
    not_before: Option<Wall>,
    issued_at: Option<Wall>,
}

impl Times {
    /// A token that is early is judged by its life from now on only once it begins.
    fn judge(&self, rules: &IssuerRules, now: Wall) -> Result<(), Rejection> {
        if let Some(issued_at) = self.issued_at {
            self.lifetime(rules, issued_at)?;
        }
        for (claim, time) in [("nbf", self.not_before), ("iat", self.issued_at)] {
            if let Some(time) = time.filter(|time| *time > now + rules.leeway_ms) {
                return Err(Rejection::NotYetValid { claim, early_ms: time.since(now) });
            }
        }
        self.lifetime(rules, now)?;
        if now >= self.expires_at + rules.leeway_ms {
            return Err(Rejection::Expired { late_ms: now.since(self.expires_at) });
        }
        Ok(())
    }

    fn lifetime(&self, rules: &IssuerRules, from: Wall) -> Result<(), ClaimFault> {
        let ms = self.expires_at.since(from);
        match rules.max_lifetime_ms {
            Some(limit_ms) if ms > limit_ms.saturating_add(rules.leeway_ms) => {
                Err(ClaimFault::Lifetime { ms, limit_ms })
            }
            Some(_) | None => Ok(()),
        }
    }
}

fn members<'a, const N: usize>(
    text: &'a str,
    names: &[&str; N],
) -> Result<[Option<Raw<'a>>; N], FormFault> {
    json::object(text, names).map_err(|fault| FormFault::NotJson(Part::Claims, fault))
}

#[cfg(test)]
mod tests;
