//! What an issuer's tokens must say, and which names its claims may have.

use crate::{protocol::identity::Quotas, token::header::TypePolicy};
use std::{collections::BTreeMap, fmt};

/// What an issuer's tokens must say.
#[derive(Clone, Debug, PartialEq)]
pub struct IssuerRules {
    /// What people call the issuer, in messages about its configuration; may be empty.
    pub name: Box<str>,
    /// `iss`, compared byte for byte; not checked if absent.
    pub iss: Option<Box<str>>,
    /// One of these must be in `aud`; not checked if empty.
    pub aud: Vec<Box<str>>,
    /// The kinds of tokens that pass, by `typ`.
    pub types: TypePolicy,
    /// How far clocks may differ, in milliseconds.
    pub leeway_ms: u64,
    /// The longest life of a token, in milliseconds: from `iat`, and from now, to `exp`. The
    /// leeway is added, because `iat` is often cut to seconds.
    pub max_lifetime_ms: Option<u64>,
    /// The claim that names the user.
    pub subject_claim: Box<str>,
    /// Whether the subject may be a whole number; it becomes its decimal text.
    pub subject_integers: bool,
    /// The claim with the grant.
    pub rooms_claim: Box<str>,
    /// The claim with the quotas.
    pub limits_claim: Box<str>,
    /// The claim with what others see of the user.
    pub info_claim: Box<str>,
    /// In a room token, the claim that names the room.
    pub room_claim: Box<str>,
    /// In a room token, the claim with the permissions.
    pub allow_claim: Box<str>,
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
            name: "".into(),
            iss: None,
            aud: Vec::new(),
            types: TypePolicy::Lax,
            leeway_ms: 5_000,
            max_lifetime_ms: None,
            subject_claim: "sub".into(),
            subject_integers: false,
            rooms_claim: "rooms".into(),
            limits_claim: "limits".into(),
            info_claim: "info".into(),
            room_claim: "room".into(),
            allow_claim: "allow".into(),
            required_claims: BTreeMap::new(),
            user_prefix: "".into(),
            ceiling: Quotas::default(),
        }
    }
}

/// Claims that have their meaning from RFC 7519 4.1 (`sid`: from OpenID).
const REGISTERED: [&str; 8] = ["iss", "sub", "aud", "exp", "nbf", "iat", "jti", "sid"];

/// Registered claims that cannot name a user: they are no strings, or another one in each token.
const NO_SUBJECT: [&str; 5] = ["aud", "exp", "nbf", "iat", "jti"];

/// Whether the name of a claim is taken by a standard, so that no claim of this server's own may
/// have it.
pub fn is_registered(claim: &str) -> bool {
    REGISTERED.contains(&claim)
}

impl IssuerRules {
    /// Judges the names of the claims: whatever each means, it must be the only one.
    ///
    /// # Errors
    /// The first [`NameFault`].
    pub fn check_names(&self) -> Result<(), NameFault> {
        let names = self.names();
        for (at, (setting, claim)) in names.into_iter().enumerate() {
            let reserved = if setting == "subject_claim" {
                NO_SUBJECT.contains(&claim)
            } else {
                is_registered(claim)
            };
            if claim.is_empty() {
                return Err(NameFault::Empty { setting });
            }
            if reserved {
                return Err(NameFault::Registered { setting, claim: claim.into() });
            }
            if let Some((other, _)) = names.iter().take(at).find(|(_, taken)| *taken == claim) {
                return Err(NameFault::Twice { setting, other, claim: claim.into() });
            }
        }
        Ok(())
    }

    /// The settings that name claims, with their values.
    fn names(&self) -> [(&'static str, &str); 6] {
        [
            ("subject_claim", &self.subject_claim),
            ("rooms_claim", &self.rooms_claim),
            ("limits_claim", &self.limits_claim),
            ("info_claim", &self.info_claim),
            ("room_claim", &self.room_claim),
            ("allow_claim", &self.allow_claim),
        ]
    }
}

/// Why a claim cannot have the name that it is given, for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NameFault {
    /// No name at all.
    Empty {
        /// The setting.
        setting: &'static str,
    },
    /// A standard gives it another meaning.
    Registered {
        /// The setting.
        setting: &'static str,
        /// The name.
        claim: Box<str>,
    },
    /// Two claims have one name.
    Twice {
        /// The setting.
        setting: &'static str,
        /// The setting that has the name already.
        other: &'static str,
        /// The name.
        claim: Box<str>,
    },
}

impl fmt::Display for NameFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty { setting } => {
                write!(f, "`{setting}` is empty: name a claim, or leave it out")
            }
            Self::Registered { setting, claim } => write!(
                f,
                "`{setting}` is `{claim}`, a registered claim with another meaning: take another \
                 name",
            ),
            Self::Twice { setting, other, claim } => {
                write!(f, "`{setting}` is `{claim}`, and so is `{other}`: take different names")
            }
        }
    }
}

impl std::error::Error for NameFault {}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(change: impl FnOnce(&mut IssuerRules)) -> NameFault {
        let mut rules = IssuerRules::default();
        change(&mut rules);
        rules.check_names().unwrap_err()
    }

    #[test]
    fn the_default_names_and_namespaced_ones_pass() {
        assert_eq!(IssuerRules::default().check_names(), Ok(()));
        for subject in ["iss", "sid", "email", "https://app.example/user"] {
            let rules = IssuerRules {
                subject_claim: subject.into(),
                rooms_claim: "https://app.example/rooms".into(),
                ..IssuerRules::default()
            };
            assert_eq!(rules.check_names(), Ok(()), "{subject}");
        }
    }

    #[test]
    fn registered_names_are_not_for_mapping() {
        for name in ["iss", "sub", "aud", "exp", "nbf", "iat", "jti", "sid"] {
            assert!(is_registered(name));
            let expected = NameFault::Registered { setting: "info_claim", claim: name.into() };
            assert_eq!(fault(|rules| rules.info_claim = name.into()), expected);
        }
        assert!(!is_registered("rooms") && !is_registered("ISS"));
        for name in ["aud", "exp", "nbf", "iat", "jti"] {
            let expected = NameFault::Registered { setting: "subject_claim", claim: name.into() };
            assert_eq!(fault(|rules| rules.subject_claim = name.into()), expected);
        }
    }

    #[test]
    fn every_claim_has_a_name_of_its_own() {
        let expected =
            NameFault::Twice { setting: "room_claim", other: "rooms_claim", claim: "room".into() };
        assert_eq!(
            fault(|rules| {
                rules.rooms_claim = "room".into();
            }),
            expected
        );
        let words = expected.to_string();
        assert_eq!(words, "`room_claim` is `room`, and so is `rooms_claim`: take different names");
        let twice = fault(|rules| rules.subject_claim = "allow".into());
        assert!(matches!(twice, NameFault::Twice { setting: "allow_claim", .. }), "{twice}");
        let empty = fault(|rules| rules.limits_claim = "".into());
        assert_eq!(empty, NameFault::Empty { setting: "limits_claim" });
    }
}
