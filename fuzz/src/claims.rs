//! The claim rules against themselves at other times and told in another order.

use super::json;
use std::sync::LazyLock;
use vestibule::{
    protocol::{
        grant::{Grant, Permissions},
        identity::{Identity, Login, Pass, Quotas},
        room_name::RoomName,
        time::Wall,
    },
    token::{
        ClaimFault, IssuerRules, Rejection,
        claims::{judge, judge_pass},
    },
};

/// The time of judgement; the corpus knows it.
pub(crate) const NOW: Wall = Wall::from_ms(1_792_000_000_000);
const FAR: Wall = Wall::from_ms(u64::MAX);

/// Lax rules, strict ones, and ones with a claim of their own for the user.
pub(crate) static RULES: LazyLock<[IssuerRules; 3]> = LazyLock::new(|| {
    let strict = IssuerRules {
        iss: Some("https://app.example".into()),
        aud: vec!["chat".into(), "other".into()],
        leeway_ms: 0,
        max_lifetime_ms: Some(3_600_000),
        user_prefix: "app:".into(),
        required_claims: [("tenant".into(), serde_json::json!("acme"))].into(),
        ..IssuerRules::default()
    };
    let mapped = IssuerRules {
        subject_claim: "uid".into(),
        subject_integers: true,
        rooms_claim: "https://app.example/rooms".into(),
        room_claim: "r".into(),
        allow_claim: "a".into(),
        leeway_ms: 60_000,
        ..IssuerRules::default()
    };
    [IssuerRules::default(), strict, mapped]
});

/// Time changes a verdict only where time is its reason, at exactly the moment that the claims
/// say; the order of members never does; and no token is both a login and a room token.
pub fn claims(data: &[u8]) {
    let Ok(text) = str::from_utf8(data) else { return };
    let members = json::members(text);
    let reversed = members.as_ref().map(|members| json::text(members.iter().rev()));
    for rules in RULES.iter() {
        let verdicts = [Use::Login, Use::Room].map(|used| {
            let verdict = at(text, used, rules, NOW);
            let form = matches!(verdict, Err(Rejection::Form(_)));
            assert_eq!(form, members.is_none(), "{verdict:?}");
            if let Some(reversed) = &reversed {
                assert_eq!(at(reversed, used, rules, NOW), verdict, "told in another order");
            }
            times(text, used, rules, &verdict);
            if let (Ok(said), Some(members)) = (&verdict, &members) {
                accepted(said, members, rules);
            }
            verdict
        });
        if let (Some(members), [login, pass]) = (&members, verdicts) {
            let has = |claim: &str| members.iter().any(|(name, _)| *name == *claim);
            let for_room = has(&rules.room_claim) && has(&rules.allow_claim);
            let no_login = Err(ClaimFault::RoomToken.into());
            let no_pass = Err(ClaimFault::NotForRoom.into());
            assert_eq!((login == no_login, pass == no_pass), (for_room, !for_room));
        }
    }
}

/// What a token is used for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Use {
    /// To sign in.
    Login,
    /// To join a room.
    Room,
}

/// Everything that an accepted token says.
#[derive(Debug, PartialEq)]
pub(crate) struct Said {
    identity: Identity,
    pub(crate) expires_at: Wall,
    pub(crate) leeway_ms: u64,
    rights: Rights,
}

#[derive(Debug, PartialEq)]
enum Rights {
    House { grant: Grant, info: Option<String>, quotas: [Quotas; 2], issued_at: Option<Wall> },
    Room(RoomName, Permissions),
}

impl From<Box<Login>> for Said {
    fn from(login: Box<Login>) -> Self {
        Self {
            identity: Identity::clone(&login.identity),
            expires_at: login.expires_at,
            leeway_ms: login.leeway_ms,
            rights: Rights::House {
                grant: Grant::clone(&login.grant),
                info: login.info.as_ref().map(|info| info.get().to_owned()),
                quotas: [login.quotas, login.ceiling],
                issued_at: login.issued_at,
            },
        }
    }
}

impl From<Box<Pass>> for Said {
    fn from(pass: Box<Pass>) -> Self {
        Self {
            identity: Identity::clone(&pass.identity),
            expires_at: pass.expires_at,
            leeway_ms: pass.leeway_ms,
            rights: Rights::Room(pass.room.clone(), pass.allow),
        }
    }
}

/// The verdict on these claims at some time.
pub(crate) fn at(text: &str, used: Use, rules: &IssuerRules, now: Wall) -> Result<Said, Rejection> {
    match used {
        Use::Login => judge(text, rules, now, 7).map(Said::from),
        Use::Room => judge_pass(text, rules, now).map(Said::from),
    }
}

pub(crate) fn before(time: Wall, ms: u64) -> Wall {
    Wall::from_ms(time.as_ms().saturating_sub(ms))
}

/// Follows the verdict to the moments at which it must change.
fn times(text: &str, used: Use, rules: &IssuerRules, verdict: &Result<Said, Rejection>) {
    let at = |time| at(text, used, rules, time);
    match verdict {
        Ok(said) => {
            let over = said.expires_at + rules.leeway_ms;
            assert!(NOW < over);
            assert_eq!(&at(before(over, 1)), verdict, "a millisecond before the end");
            assert_eq!(at(over), Err(Rejection::Expired { late_ms: rules.leeway_ms }));
            assert!(matches!(at(FAR), Err(Rejection::Expired { .. })));
        }
        Err(Rejection::Expired { late_ms }) => {
            let over = before(NOW, *late_ms) + rules.leeway_ms;
            let last = at(before(over, 1));
            let good = matches!(last, Ok(_) | Err(Rejection::NotYetValid { .. }));
            assert!(good || over == Wall::from_ms(0), "expiry hid {last:?}");
        }
        Err(Rejection::NotYetValid { claim, early_ms }) => {
            let early = |verdict: Result<_, _>| match verdict {
                Err(Rejection::NotYetValid { claim: other, .. }) => other == *claim,
                Ok(_) | Err(_) => false,
            };
            let begins = before(NOW + *early_ms, rules.leeway_ms);
            assert!(!early(at(begins)), "at the first moment");
            assert!(early(at(before(begins, 1))), "a millisecond before it");
        }
        // Counted from now, where it is not from `iat`.
        Err(Rejection::Claim(ClaimFault::Lifetime { ms, limit_ms })) => {
            assert!(rules.max_lifetime_ms == Some(*limit_ms) && ms > limit_ms);
        }
        Err(_) => {
            for time in [Wall::from_ms(0), FAR] {
                assert_eq!(&at(time), verdict, "not a matter of time");
            }
        }
    }
}

/// What an accepted token says is what a naive reading of it says.
fn accepted(said: &Said, members: &[(String, String)], rules: &IssuerRules) {
    let value = |name: &str| {
        let (_, raw) = members.iter().find(|(known, _)| known == name)?;
        serde_json::from_str::<serde_json::Value>(raw).ok()
    };
    let exp = members.iter().find(|(name, _)| name == "exp").expect("exp is due");
    let exp: f64 = exp.1.parse().expect("a number");
    assert!((exp * 1_000.0 - said.expires_at.as_ms() as f64).abs() <= 1.0, "exp {exp}");
    let subject = &said.identity.subject;
    let named = value(&rules.subject_claim).expect("a subject");
    let text = named.as_str().map_or_else(|| named.to_string(), str::to_owned);
    assert_eq!(**subject, text);
    assert!((1..=255).contains(&subject.len()) && !subject.chars().any(char::is_control));
    assert_eq!(*said.identity.user, format!("{}{subject}", rules.user_prefix));
    let iss = value("iss").map(|iss| iss.as_str().expect("a string").to_owned());
    assert_eq!(said.identity.issuer.as_deref(), iss.as_deref());
    assert!(rules.iss.is_none() || rules.iss.as_deref() == iss.as_deref());
    let named = match value("aud") {
        Some(serde_json::Value::Array(names)) => names,
        single => single.into_iter().collect(),
    };
    let ours = rules.aud.iter().any(|aud| named.iter().any(|name| *name == **aud));
    assert!(rules.aud.is_empty() || ours, "aud {named:?}");
    for (name, expected) in &rules.required_claims {
        assert_eq!(value(name).as_ref(), Some(expected));
    }
    if let Rights::Room(room, _) = &said.rights {
        assert_eq!(value(&rules.room_claim), Some(room.as_str().into()));
    }
}
